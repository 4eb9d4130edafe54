//! RTP, G.711, prompts, the relay that carries voice between two legs, and sealed recordings of it.
//!
//! Place in the sentence: *line → **media** → recognition*. The line says where each leg's voice
//! comes from and goes to; media carries it, plays prompts, and hands copies to recognition.
//!
//! Invariant: voice is forwarded before anything is analysed. The relay decodes nothing (it goes
//! from one law to the other by a table), allocates nothing for a packet and waits for nobody;
//! copies go through a bounded ring that drops its oldest packet and counts. Bytes from the network
//! never panic.
//!
//! ```no_run
//! # use trunkside_call::{Codec, Language, PromptKey, Repeat, Side};
//! # use trunkside_media::{MediaConfig, MediaPorts, Opened, Prompts, Remote, VoiceThreads};
//! # async fn example() -> Result<(), trunkside_media::MediaError> {
//! let (voice, threads) = VoiceThreads::start()?;
//! let ports = MediaPorts::new(&MediaConfig::default());
//! let prompts = Prompts::embedded();
//! let Opened { session, tap, mut events } = voice.open(&ports)?;
//! session.set_remote(Side::Caller, Remote::new("127.0.0.1:4000".parse().expect("valid"), Codec::Pcma));
//! session.play(Side::Caller, prompts.get(Language::Zh, PromptKey::Greeting), Repeat::Once);
//! # let answered = std::time::Instant::now();
//! let mut frames = tap.frames(answered);
//! while let Some(frame) = frames.recv().await { /* hear the caller */ }
//! let done = events.recv().await;
//! # Ok(()) }
//! ```

mod carrier;
mod counters;
mod echo;
mod error;
mod frames;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod g711;
mod jitter;
mod player;
mod ports;
mod prompt;
mod quality;
pub mod recording;
mod relay;
mod reports;
pub mod rtp;
mod session;
pub mod srtp;
mod tap;
mod tones;
mod voice_loop;
mod voice_threads;
pub mod wav;

pub use counters::{FarStats, LegStats, MediaStats};
pub use error::MediaError;
pub use frames::{FrameStats, Framer};
pub use ports::{MediaConfig, MediaPorts};
pub use prompt::{
    Clip, LARGEST_NUMBER, MUSIC, Numbers, Prompt, Prompts, Text, TextError, Texts, music_in,
    recorded_in,
};
pub use relay::{Heard, Protection, Received, Relay, Remote};
pub use session::{KeyWay, MediaEvent, MediaEvents, MediaSession, Opened};
pub use tap::{FrameStream, MAX_VOICE, Tap, TapPacket, Voice, now};
pub use voice_threads::VoiceThreads;
