//! Labelled lines.

use std::path::Path;

use super::read_text;
use crate::UnderstandingError;

/// One labelled utterance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// What was said.
    pub text: String,
    /// Its intent.
    pub label: String,
}

/// Reads lines of `text<TAB>label` without a header; blank lines are passed over.
pub fn read_examples(path: &Path) -> Result<Vec<Example>, UnderstandingError> {
    parse_examples(&read_text(path)?)
        .map_err(|(line, problem)| UnderstandingError::line(path, line, problem))
}

/// Parses lines of `text<TAB>label`; an error has the line, from 1, and what is wrong with it.
pub fn parse_examples(text: &str) -> Result<Vec<Example>, (usize, String)> {
    let mut examples = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let (text, label) = line
            .rsplit_once('\t')
            .ok_or_else(|| (index + 1, "has no tab; write `text<TAB>label`".to_owned()))?;
        let label = label.trim();
        if label.is_empty() {
            return Err((index + 1, "has no label behind the tab".to_owned()));
        }
        examples.push(Example {
            text: text.trim().to_owned(),
            label: label.to_owned(),
        });
    }
    Ok(examples)
}
