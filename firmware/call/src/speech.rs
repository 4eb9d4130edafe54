//! What was said, and how it sounded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Language, Side};

/// One recognised word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word as written: simplified characters, or lower-case English.
    pub text: String,
    /// When it begins, from the start of the call's audio.
    pub start: Duration,
    /// When it ends.
    pub end: Duration,
    /// How sure the recogniser is, from 0 to 1.
    pub confidence: f32,
}

/// How an utterance sounded, measured over its voiced part.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Prosody {
    /// Active speech level in dB relative to full scale (0 is the loudest a telephone can carry).
    pub level_dbfs: f32,
    /// Median pitch in Hz; none when nothing voiced was found.
    pub pitch_hz: Option<f32>,
    /// Spread of the pitch (90th minus 10th percentile) in semitones.
    pub pitch_range_semitones: f32,
    /// Syllables a second of speech, estimated from the energy envelope.
    pub syllables_per_s: f32,
    /// Share of the utterance that is pause, from 0 to 1.
    pub pause_share: f32,
}

/// What one side said between two pauses; a partial one is still growing.
#[derive(Clone, Debug, PartialEq)]
pub struct Utterance {
    /// Who spoke.
    pub side: Side,
    /// Counts the utterances of that side in this call; partials keep their number.
    pub number: u32,
    /// When speech began, from the start of the call's audio.
    pub start: Duration,
    /// When speech ended, or the audio heard so far.
    pub end: Duration,
    /// The words as one text: Chinese without blanks, English with.
    pub text: String,
    /// The language that was heard.
    pub language: Language,
    /// Mean confidence of the words, from 0 to 1.
    pub confidence: f32,
    /// The words with their times.
    pub words: Vec<Word>,
    /// How it sounded so far.
    pub prosody: Prosody,
    /// Whether the speaker has ended (true) or goes on (false).
    pub is_final: bool,
}
