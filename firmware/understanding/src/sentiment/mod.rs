//! How the caller feels: words and voice, each read by itself, then fused.
//!
//! Words come from readable lists for each language and, in Chinese, from weights of n-grams that were
//! learnt from this crate's own text; voice from the prosody of the utterance.
//! Angry words in an ordinary voice are dissatisfaction; the same words in a raised voice are
//! anger; a raised voice with nothing negative in it is neither. How raised it is counts beside the same
//! speaker's utterances before: how loud a line is tells nothing of them.

mod demand;
mod fuse;
mod grievance;
mod learnt;
mod lexicon;
mod voice;
mod words;

use trunkside_call::{Language, Mood, Prosody};

pub use fuse::Outcomes;
pub use voice::OwnVoice;
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
    feeling_of(text, language, prosody).mood
}

/// A mood with all that it may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Feeling {
    /// The likeliest.
    pub mood: Mood,
    /// Each of the five outcomes with its probability, likeliest first.
    pub outcomes: Outcomes,
    /// Too little was shown to name one: the likeliest is no more than a guess.
    pub abstains: bool,
    /// Words that a supervisor wants to hear of.
    pub triggers: Vec<&'static str>,
}

/// The same as [`mood_of`], with what else it may be.
///
/// ```
/// use trunkside_call::{Emotion, Language};
/// use trunkside_understanding::sentiment::feeling_of;
///
/// let feeling = feeling_of("我要投诉你们太差劲了", Language::Zh, None);
/// assert_eq!(feeling.outcomes[0].0, Emotion::Dissatisfied);
/// assert_eq!(feeling.triggers, ["投诉"]);
/// assert!(!feeling.abstains);
/// assert!(feeling_of("……", Language::Zh, None).abstains);
/// ```
pub fn feeling_of(text: &str, language: Language, prosody: Option<&Prosody>) -> Feeling {
    feeling_beside(text, language, prosody, &OwnVoice::default())
}

/// The same of a speaker of whom something was heard before.
pub fn feeling_beside(
    text: &str,
    language: Language,
    prosody: Option<&Prosody>,
    own: &OwnVoice,
) -> Feeling {
    let words = words::read(text, language);
    let voice = prosody.and_then(|prosody| voice::read(prosody, own));
    let (mood, outcomes) = fuse::fuse(&words, voice.as_ref());
    Feeling {
        mood,
        outcomes,
        abstains: fuse::abstains(&words, &outcomes),
        triggers: triggers(text, language),
    }
}

#[cfg(test)]
mod tests;
