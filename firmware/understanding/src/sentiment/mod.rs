//! How the caller feels, from words and voice.

use trunkside_call::{Language, Mood, Prosody};

/// The mood of one utterance; without prosody (typed text) the words decide alone.
pub fn mood_of(_text: &str, _language: Language, _prosody: Option<&Prosody>) -> Mood {
    Mood::unknown()
}
