//! The stage: one utterance in, one understanding out.

use std::path::Path;

use trunkside_call::{Language, Pii, Prosody, Understanding, Utterance};

use crate::intents::IntentModel;
use crate::{UnderstandingError, entities_of, language_of, redact, sentiment};

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
        self.read(
            &utterance.text,
            utterance.language,
            Some(&utterance.prosody),
        )
    }

    /// Understands typed text; its language is found where none is given.
    pub fn understand_text(&self, text: &str, language: Option<Language>) -> Understanding {
        self.read(text, language.unwrap_or_else(|| language_of(text)), None)
    }

    fn read(&self, text: &str, language: Language, prosody: Option<&Prosody>) -> Understanding {
        let intents = self.intents.classify(text);
        Understanding {
            text: Pii::new(text.to_owned()),
            language,
            intent: intents[0].clone(),
            intents,
            mood: sentiment::mood_of(text, language, prosody),
            entities: entities_of(text),
            redacted: redact(text),
        }
    }
}
