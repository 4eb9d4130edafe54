//! The recogniser that all calls share: network, lexicon and language model.

use std::sync::Arc;

use trunkside_call::{Language, Side};
use trunkside_models::ModelEntry;

use crate::{Error, Stream, StreamOptions};

/// A loaded model, shared by every stream; immutable.
pub struct Recogniser {
    name: String,
    languages: Vec<Language>,
}

/// The only phrases that a stream may hear, compiled for one [`Recogniser`].
#[derive(Clone)]
pub struct Grammar {}

/// Phrases that a stream hears more readily, compiled for one [`Recogniser`].
#[derive(Clone)]
pub struct Phrases {}

impl Recogniser {
    /// Loads the files of a model; takes about a second, once a process.
    pub fn load(model: &ModelEntry) -> Result<Self, Error> {
        let languages = model
            .languages
            .iter()
            .filter_map(|tag| tag.parse().ok())
            .collect();
        Ok(Self {
            name: model.name.clone(),
            languages,
        })
    }

    /// The model's name.
    pub fn model_name(&self) -> &str {
        &self.name
    }

    /// The languages it hears.
    pub fn languages(&self) -> &[Language] {
        &self.languages
    }

    /// Compiles a grammar: one phrase a line; blank lines and lines that begin with `#` say
    /// nothing. `file` is what messages call it.
    pub fn grammar(&self, file: &str, _text: &str) -> Result<Grammar, Error> {
        Err(Error::NoPhrases {
            file: file.to_owned(),
        })
    }

    /// Compiles phrase hints: `text<TAB>weight` a line, the weight in natural log units a word
    /// (1 is a nudge, 5 is strong). `file` is what messages call it.
    pub fn phrases(&self, file: &str, _text: &str) -> Result<Phrases, Error> {
        Err(Error::NoPhrases {
            file: file.to_owned(),
        })
    }

    /// Begins to listen to one side of a call.
    pub fn stream(self: &Arc<Self>, side: Side, options: StreamOptions) -> Result<Stream, Error> {
        Ok(Stream::new(Arc::clone(self), side, options))
    }
}
