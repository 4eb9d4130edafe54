//! What the caller wants: training, classifying, explaining and measuring.

use std::path::Path;

use trunkside_call::Intent;

use crate::UnderstandingError;

/// The name given when no intent of the taxonomy fits.
pub const OUT_OF_SCOPE: &str = "out_of_scope";

/// How a model did on a labelled file.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Evaluation {
    /// Share of lines whose likeliest intent is their label, from 0 to 1.
    pub accuracy: f64,
    /// How many lines.
    pub n: usize,
}

/// What training saw.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Training {
    /// How many intents.
    pub intents: usize,
    /// How many lines.
    pub n: usize,
}

/// A trained intent classifier.
#[derive(Clone, Debug)]
pub struct IntentModel;

impl IntentModel {
    /// The model that ships with the box.
    pub fn shipped() -> Self {
        Self
    }

    /// Reads a model that [`train_file`] wrote.
    pub fn load(_folder: &Path) -> Result<Self, UnderstandingError> {
        Ok(Self)
    }

    /// The intents worth mentioning, likeliest first; never empty.
    pub fn classify(&self, _text: &str) -> Vec<Intent> {
        vec![Intent {
            name: OUT_OF_SCOPE.to_owned(),
            score: 1.0,
        }]
    }
}

/// Trains on lines of `text<TAB>label` and writes the model into a folder.
pub fn train_file(_data: &Path, _folder: &Path) -> Result<Training, UnderstandingError> {
    Ok(Training { intents: 0, n: 0 })
}

/// Measures the model in a folder on lines of `text<TAB>label`.
pub fn evaluate(_folder: &Path, _data: &Path) -> Result<Evaluation, UnderstandingError> {
    Ok(Evaluation {
        accuracy: 0.0,
        n: 0,
    })
}
