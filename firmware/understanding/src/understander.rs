//! The stage: one utterance in, one understanding out.

use std::path::Path;

use trunkside_call::{Language, Pii, Understanding, Utterance};

use crate::intents::IntentModel;
use crate::sentiment::{Feeling, OwnVoice, feeling_beside, feeling_of};
use crate::{UnderstandingError, entities_of, language_of, redact};

/// Understands utterances one by one; share it between calls, and give each call its own
/// [`CallUnderstanding`](crate::CallUnderstanding).
#[derive(Clone, Debug)]
pub struct Understander {
    intents: IntentModel,
}

impl Understander {
    /// With the intents and rules that ship inside the program.
    pub fn shipped() -> Self {
        Self {
            intents: IntentModel::shipped(),
        }
    }

    /// With intents trained by [`train_file`](crate::intents::train_file) into a folder.
    pub fn load(intents: &Path) -> Result<Self, UnderstandingError> {
        Ok(Self {
            intents: IntentModel::load(intents)?,
        })
    }

    /// With intents at hand, for instance learnt ones.
    pub const fn with_intents(intents: IntentModel) -> Self {
        Self { intents }
    }

    /// The intent classifier in use.
    pub const fn intents(&self) -> &IntentModel {
        &self.intents
    }

    /// Understands recognised speech, its words and its voice.
    pub fn understand(&self, utterance: &Utterance) -> Understanding {
        self.understand_beside(utterance, &OwnVoice::default())
    }

    /// The same of a speaker of whom something was heard before.
    pub fn understand_beside(&self, utterance: &Utterance, own: &OwnVoice) -> Understanding {
        let Utterance { text, language, .. } = utterance;
        let feeling = feeling_beside(text, *language, Some(&utterance.prosody), own);
        self.read(text, *language, feeling)
    }

    /// Understands typed text; its language is found where none is given.
    pub fn understand_text(&self, text: &str, language: Option<Language>) -> Understanding {
        let language = language.unwrap_or_else(|| language_of(text));
        self.read(text, language, feeling_of(text, language, None))
    }

    fn read(&self, text: &str, language: Language, feeling: Feeling) -> Understanding {
        let intents = self.intents.classify(text);
        Understanding {
            text: Pii::new(text.to_owned()),
            language,
            intent: intents[0].clone(),
            intents,
            mood: feeling.mood,
            triggers: feeling.triggers.iter().map(ToString::to_string).collect(),
            entities: entities_of(text),
            redacted: redact(text),
        }
    }
}
