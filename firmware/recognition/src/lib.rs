//! Streaming speech recognition: features, acoustic network, decoder and endpointing.
//!
//! Place in the sentence: *media → **recognition** → understanding*. It takes each side's frames
//! and yields [`Utterance`](trunkside_call::Utterance)s: partial ones while somebody speaks, one
//! final one when they have ended.
//!
//! Invariant: a [`Stream`] is pure. The same frames give the same utterances, however fast they
//! come; it reads no clock and no file, and one stream never sees another one's state. Whatever the
//! frames hold (noise, silence, gaps), it neither panics nor grows beyond one utterance.
//!
//! ```no_run
//! use std::sync::Arc;
//! use trunkside_call::{Frame, Side};
//! use trunkside_models::Catalogue;
//! use trunkside_recognition::{Recogniser, StreamOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let frames: Vec<Frame> = Vec::new();
//! let recogniser = Arc::new(Recogniser::load(Catalogue::find(None)?.default_model()?)?);
//! let mut stream = recogniser.stream(Side::Caller, StreamOptions::default())?;
//! for frame in &frames {
//!     stream.handle(frame)?;
//!     while let Some(utterance) = stream.poll() {
//!         println!("{} {}", utterance.number, utterance.text.len());
//!     }
//! }
//! stream.finish()?;
//! # Ok(()) }
//! ```

mod decoder;
mod endpoint;
mod error;
mod fbank;
mod front;
mod fusion;
mod grammar;
mod hints;
mod lexicon;
mod lm;
mod prosody;
mod quiet;
mod recogniser;
mod resample;
mod soundness;
mod spelling;
mod stream;
mod text_lm;
mod token_decoder;
mod tokens;
mod transcript;

pub use decoder::{Calibration, Tuning};
pub use error::Error;
pub use grammar::{Grammar, Phrases};
pub use recogniser::Recogniser;
pub use resample::Resampler;
pub use stream::{Stream, StreamOptions};
pub use tokens::TokenTable;
pub use transcript::{Segment, Transcript, transcribe};
