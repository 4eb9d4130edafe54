//! What can go wrong with recognition, by what to do about it.

use std::path::PathBuf;

use trunkside_call::Language;

/// The most characters of a file that a message repeats.
const MAX_QUOTED: usize = 80;

/// The beginning of a text from a file, short enough for a message.
pub(crate) fn brief(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_QUOTED);
    end.map_or(text, |(end, _)| &text[..end])
}

/// What is wrong with a line of a model's text file or of a user's n-gram, and what mends it.
pub(crate) fn mendable(problem: &str) -> String {
    format!("{problem}; mend the line, or bring the file again from where it came")
}

/// A failure to load, configure or run a recogniser.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model's files are missing, damaged or of the wrong kind: install the model again.
    #[error(transparent)]
    Model(#[from] trunkside_models::Error),
    /// A text file of the model, or an n-gram, is wrong at a line: mend the line, or bring the file again.
    #[error("`{}`, line {line}: {problem}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would mend it.
        problem: String,
    },
    /// The model's files contradict each other or what the telephone needs: install it again.
    #[error("model `{model}`: {problem}")]
    Inconsistent {
        /// The model.
        model: String,
        /// What does not fit, and the remedy.
        problem: String,
    },
    /// A grammar or phrases file is wrong at a line: mend that line.
    #[error("`{file}`, line {line}: {problem}")]
    Phrase {
        /// The file as the user named it.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would mend it.
        problem: String,
    },
    /// A grammar or phrases file has nothing in it: write a phrase.
    #[error("`{file}` holds no phrase; write one a line")]
    NoPhrases {
        /// The file as the user named it.
        file: String,
    },
    /// The model does not know the language: choose another language or model.
    #[error(
        "model `{model}` does not know the language `{language}`; choose one that it knows, {known}, \
         or another model"
    )]
    Language {
        /// The model.
        model: String,
        /// What was asked for.
        language: Language,
        /// The tags it knows.
        known: String,
    },
}
