//! What the caller wants: training, classifying, explaining and measuring.
//!
//! A model is a folder of two files: `intents.toml` (labels, calibration; readable) and
//! `intents.head` (weights). It is trained from lines of `text<TAB>label`; a label named
//! `out_of_scope` or `oos` holds examples of what is none of the others, and makes the model
//! reject what it is not sure of.

pub mod corpus;
mod denial;
mod examples;
mod explain;
mod grammar;
mod hidden;
mod learning;
mod lessons;
mod model;
mod said;
mod training;
mod whole;

use std::fs;
use std::path::Path;

use crate::UnderstandingError;

pub use examples::{Example, line_of, parse_examples, read_examples};
pub use explain::{Explanation, WordWeight};
pub use grammar::{Grammar, GrammarError};
pub use hidden::{Event, Hidden, HiddenIntents};
pub use learning::{Contradiction, Learnt, kept_set, learn};
pub use lessons::{Lessons, Taught, Version};
pub use model::IntentModel;

/// The name given when no intent of the taxonomy fits.
pub const OUT_OF_SCOPE: &str = "out_of_scope";

/// How a model did on labelled lines.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Evaluation {
    /// Share of lines whose likeliest intent is their label, from 0 to 1.
    pub accuracy: f64,
    /// How many lines.
    pub n: usize,
}

/// What training saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Training {
    /// How many intents, the one for rejection included.
    pub intents: usize,
    /// How many lines.
    pub n: usize,
}

/// Trains on lines of `text<TAB>label` and writes the model into a folder, which is made if it
/// is not there.
pub fn train_file(data: &Path, folder: &Path) -> Result<Training, UnderstandingError> {
    let examples = read_examples(data)?;
    let model = IntentModel::train(&examples)
        .ok_or_else(|| UnderstandingError::unusable(data, "training needs two intents at least"))?;
    model.save(folder)?;
    Ok(Training {
        intents: model.labels().len(),
        n: examples.len(),
    })
}

/// Measures the model in a folder on lines of `text<TAB>label`.
pub fn evaluate(folder: &Path, data: &Path) -> Result<Evaluation, UnderstandingError> {
    let model = IntentModel::load(folder)?;
    let examples = read_examples(data)?;
    if examples.is_empty() {
        return Err(UnderstandingError::unusable(data, "no lines to measure on"));
    }
    Ok(model.evaluate(&examples))
}

fn read_text(path: &Path) -> Result<String, UnderstandingError> {
    let bytes = fs::read(path).map_err(|source| UnderstandingError::read(path, source))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        UnderstandingError::line(path, line, "is not UTF-8; convert the file to UTF-8")
    })
}

#[cfg(test)]
mod tests;
