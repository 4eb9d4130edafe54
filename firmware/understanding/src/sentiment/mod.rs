//! How the caller feels: words and voice, each read by itself, then fused.
//!
//! Words come from readable lists for each language, voice from the prosody of the utterance.
//! Angry words in an ordinary voice are dissatisfaction; the same words in a raised voice are
//! anger; a raised voice with nothing negative in it is neither.

mod fuse;
mod lexicon;
mod voice;
mod words;

use trunkside_call::{Language, Mood, Prosody};

pub use words::triggers;

/// The mood of one utterance; without prosody (typed text) the words decide alone.
///
/// ```
/// use trunkside_call::{Emotion, Language, Prosody};
/// use trunkside_understanding::sentiment::mood_of;
///
/// let calm = Prosody { level_dbfs: -27.0, pitch_hz: Some(200.0), ..Prosody::default() };
/// let raised = Prosody { level_dbfs: -11.0, pitch_hz: Some(340.0), ..calm };
/// let mood = |voice| mood_of("我要投诉你们太差劲了", Language::Zh, Some(voice)).emotion;
/// assert_eq!(mood(&calm), Emotion::Dissatisfied);
/// assert_eq!(mood(&raised), Emotion::Angry);
/// ```
pub fn mood_of(text: &str, language: Language, prosody: Option<&Prosody>) -> Mood {
    let words = words::read(text, language);
    let voice = prosody.and_then(voice::read);
    fuse::fuse(&words, voice.as_ref())
}

#[cfg(test)]
mod tests;
