//! Recordings of calls: each side apart, sealed on the disk.
//!
//! A call's [`Tape`] takes copies of its frames and never waits; the [`RecordingWriter`]'s thread seals and
//! writes them; the [`Archive`] reads, counts and destroys what is there. Whether a call may be
//! recorded is for others to say.
//!
//! Invariant: what was written before a crash can be read after it. A disk that is full or slow
//! costs the recording, never the call.

mod archive;
mod file;
mod format;
mod tape;
mod writer;

pub use archive::{Archive, ArchiveError, Deletion, Entry, Recording, Retention, State};
pub use format::Ending;
pub use tape::Tape;
pub use writer::{RecordingOptions, RecordingWriter, Report};

/// What the key of recordings is for: it names the key in the files.
pub const SEALED_AS: &str = "recording";

/// The longest that one call is recorded.
pub const LONGEST: std::time::Duration = std::time::Duration::from_secs(4 * 3_600);

#[cfg(test)]
mod tests;
