//! What is understood of one call so far.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{Intent, Mood, Understanding, Utterance};

use crate::{Redactor, Understander};

/// Gathers the utterances of one call: the intent from all of the caller's turns, the course of
/// the mood, and whether it is sure enough to act.
#[derive(Clone, Debug)]
pub struct CallUnderstanding {
    understander: Arc<Understander>,
    redactor: Redactor,
    intents: Vec<Intent>,
    course: Vec<(Duration, Mood)>,
}

impl CallUnderstanding {
    /// A call of which nothing has been heard.
    pub fn new(understander: Arc<Understander>) -> Self {
        Self {
            understander,
            redactor: Redactor::default(),
            intents: Vec::new(),
            course: Vec::new(),
        }
    }

    /// Hears an utterance, partial or ended, of either side; its own understanding comes back,
    /// redacted with regard to the turns before it. Only the caller's words count for intent and
    /// mood.
    pub fn hear(&mut self, utterance: &Utterance) -> Understanding {
        let mut understood = self.understander.understand(utterance);
        understood.redacted =
            self.redactor
                .redact(utterance.side, &utterance.text, utterance.is_final);
        self.intents.clone_from(&understood.intents);
        self.course.push((utterance.end, understood.mood.clone()));
        understood
    }

    /// The likeliest intent of the call; none before the caller spoke.
    pub fn intent(&self) -> Option<&Intent> {
        self.intents.first()
    }

    /// All intents of the call worth mentioning, likeliest first.
    pub fn intents(&self) -> &[Intent] {
        &self.intents
    }

    /// How the caller feels now.
    pub fn mood(&self) -> Mood {
        self.course
            .last()
            .map_or_else(Mood::unknown, |(_, mood)| mood.clone())
    }

    /// The mood after each of the caller's ended turns, by the turn's end from the call's start.
    pub fn course(&self) -> &[(Duration, Mood)] {
        &self.course
    }

    /// Whether the intent is sure enough to route by.
    pub fn is_sure(&self) -> bool {
        false
    }
}
