//! How the caller feels.

use serde::{Deserialize, Serialize};

/// The direction of a feeling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SentimentLabel {
    /// Against.
    Negative,
    /// Neither.
    Neutral,
    /// In favour.
    Positive,
}

impl SentimentLabel {
    /// The name used in interfaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
        }
    }
}

/// A direction with its strength.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sentiment {
    /// Which direction.
    pub label: SentimentLabel,
    /// From -1 (wholly negative) to 1 (wholly positive).
    pub score: f32,
}

/// The feeling that routing and agents act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Emotion {
    /// Anger, from words and voice together.
    Angry,
    /// Worry or hurry.
    Anxious,
    /// Unhappy, not heated.
    Dissatisfied,
    /// None of the others.
    Neutral,
    /// Content.
    Satisfied,
}

impl Emotion {
    /// The name used in policies, records and interfaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Angry => "angry",
            Self::Anxious => "anxious",
            Self::Dissatisfied => "dissatisfied",
            Self::Neutral => "neutral",
            Self::Satisfied => "satisfied",
        }
    }
}

/// Sentiment and emotion of one utterance, or of the call so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mood {
    /// Direction and strength.
    pub sentiment: Sentiment,
    /// The likeliest emotion.
    pub emotion: Emotion,
    /// Its probability, from 0 to 1.
    pub emotion_score: f32,
    /// What showed it: trigger words and prosody, never a quotation of the caller.
    pub reasons: Vec<String>,
}

impl Mood {
    /// The mood of a caller of whom nothing is known yet.
    pub const fn unknown() -> Self {
        Self {
            sentiment: Sentiment {
                label: SentimentLabel::Neutral,
                score: 0.0,
            },
            emotion: Emotion::Neutral,
            emotion_score: 0.0,
            reasons: Vec::new(),
        }
    }
}
