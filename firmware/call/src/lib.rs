//! The vocabulary that every stage of a call shares.
//!
//! Place in the sentence: all of it. *Line → media → recognition → understanding → decision →
//! action → record* pass these types to each other, and no stage needs another stage's crate.
//!
//! Invariant: this crate holds data only. It uses nothing of ours, reads no clock, and whatever
//! could identify a person travels in [`Pii`], which neither `Debug` nor `Display` ever prints.
//!
//! ```
//! use std::time::Duration;
//! use trunkside_call::{Frame, Pii, Side, FRAME_SAMPLES};
//!
//! let frame = Frame { side: Side::Caller, start: Duration::ZERO, samples: [0; FRAME_SAMPLES] };
//! assert_eq!(frame.end(), Duration::from_millis(20));
//! let number = Pii::new("13800138000".to_owned());
//! assert_eq!(format!("{number:?}"), "Pii(…)");
//! assert_eq!(number.reveal(), "13800138000");
//! ```

mod action;
mod audio;
mod id;
mod intent;
mod language;
mod mood;
mod pii;
mod prompt;
mod speech;

pub use action::{Action, Alternative, CallbackCause, Decision, DestinationKind, Odds, Reason};
pub use audio::{Codec, FRAME_DURATION, FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ, Side};
pub use id::{AgentId, CallId};
pub use intent::{Entity, EntityKind, Intent, Understanding};
pub use language::Language;
pub use mood::{Emotion, Mood, Sentiment, SentimentLabel};
pub use pii::{Pii, without_userinfo};
pub use prompt::{PromptKey, Repeat};
pub use speech::{Prosody, Utterance, Word};
