//! What `trunkside understand --json` prints for one utterance.

use serde::{Deserialize, Serialize};
use trunkside_call::{Emotion, Entity, EntityKind, Intent, Language, Sentiment, Understanding};

use crate::intents::OUT_OF_SCOPE;
use crate::sentiment::feeling_of;

/// The likeliest emotion, and what it was found by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportedEmotion {
    /// Which emotion.
    pub label: Emotion,
    /// Its probability, from 0 to 1.
    pub score: f32,
    /// Too little was shown to name one: `label` is a guess.
    pub abstains: bool,
    /// The words of the lists that counted.
    pub reasons: Vec<String>,
    /// Words that a supervisor wants to hear of.
    pub triggers: Vec<String>,
    /// Each of the five, likeliest first.
    pub outcomes: Vec<ReportedOutcome>,
}

/// One of five outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportedOutcome {
    /// Which.
    pub label: Emotion,
    /// Its probability, from 0 to 1.
    pub score: f32,
}

impl ReportedEmotion {
    /// Of typed text: the other outcomes are read from it anew.
    fn new(understanding: &Understanding) -> Self {
        let feeling = feeling_of(understanding.text.reveal(), understanding.language, None);
        let outcomes = feeling.outcomes.iter();
        Self {
            label: understanding.mood.emotion,
            score: understanding.mood.emotion_score,
            abstains: feeling.abstains,
            reasons: understanding.mood.reasons.clone(),
            triggers: understanding.triggers.clone(),
            outcomes: outcomes
                .map(|&(label, score)| ReportedOutcome { label, score })
                .collect(),
        }
    }
}

/// A named thing, in the open: for the terminal, never for the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedEntity {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: EntityKind,
    /// Its written form.
    pub value: String,
    /// Where it begins in `text`, in characters.
    pub start: usize,
    /// Where it ends, exclusive.
    pub end: usize,
}

/// One understood utterance as the command line prints it, fields in the contract's order.
///
/// It holds the text in the open, for the technician's own terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was said, as given.
    pub text: String,
    /// Its language.
    pub language: Language,
    /// The likeliest intent.
    pub intent: Intent,
    /// All intents worth mentioning, likeliest first.
    pub intents: Vec<Intent>,
    /// Direction of feeling, `score` from -1 to 1.
    pub sentiment: Sentiment,
    /// The likeliest emotion.
    pub emotion: ReportedEmotion,
    /// What was named.
    pub entities: Vec<ReportedEntity>,
    /// The text with everything personal replaced.
    pub redacted: String,
}

impl From<&Understanding> for Report {
    fn from(understanding: &Understanding) -> Self {
        let intents = with_rest(&understanding.intents);
        Self {
            text: understanding.text.reveal().clone(),
            language: understanding.language,
            intent: intents.first().unwrap_or(&understanding.intent).clone(),
            intents,
            sentiment: understanding.mood.sentiment,
            emotion: ReportedEmotion::new(understanding),
            entities: understanding
                .entities
                .iter()
                .map(ReportedEntity::from)
                .collect(),
            redacted: understanding.redacted.clone(),
        }
    }
}

/// The intents as a call has them: what none of them is comes first where it is likelier than all.
fn with_rest(intents: &[Intent]) -> Vec<Intent> {
    let mut intents = intents.to_vec();
    let is_known = intents.iter().any(|intent| intent.name == OUT_OF_SCOPE);
    let rest = 1.0 - intents.first().map_or(0.0, |intent| intent.score);
    if rest > 0.5 && !is_known {
        let name = OUT_OF_SCOPE.to_owned();
        intents.insert(0, Intent { name, score: rest });
    }
    intents
}

impl From<&Entity> for ReportedEntity {
    fn from(entity: &Entity) -> Self {
        Self {
            kind: entity.kind,
            value: entity.value.reveal().clone(),
            start: entity.start,
            end: entity.end,
        }
    }
}
