//! One call's way to the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use trunkside_call::{CallId, Codec, Frame, Side};

use super::archive::Deletion;

/// Frames of all calls that may wait for the disk: more are dropped and counted.
pub const QUEUE: usize = 16_384;

/// What waits for the disk.
#[derive(Debug, Default)]
pub struct Queue {
    /// Frames of all calls.
    pub waiting: AtomicUsize,
    /// Frames of all calls that found no room, since the start.
    pub dropped: AtomicU64,
}

/// What the writer is to do.
#[derive(Debug)]
pub enum Job {
    /// A recording begins.
    Begin {
        call: CallId,
        codec: Codec,
        started_ms: i64,
        state: Arc<TapeState>,
    },
    /// Some voice of it.
    Voice { call: CallId, frame: Box<Frame> },
    /// What this side said then must not be kept.
    Mask {
        call: CallId,
        side: Side,
        from: Duration,
        to: Duration,
    },
    /// What this side said then may be kept.
    Clear {
        call: CallId,
        side: Side,
        from: Duration,
        to: Duration,
    },
    /// It ends.
    Finish { call: CallId, ended_ms: i64 },
    /// It must not be kept.
    Discard { call: CallId, why: Deletion },
    /// Ends every recording that still runs, and the thread.
    Stop { ended_ms: i64 },
}

/// What tape and writer share.
#[derive(Debug, Default)]
pub struct TapeState {
    /// Whether the call is recorded now; the writer ends it when the disk fails.
    pub runs: AtomicBool,
    /// Whether there may be a recording to destroy, however it has ended.
    pub begun: AtomicBool,
    /// Frames that the disk was too slow for.
    pub dropped: AtomicU64,
}

/// Takes copies of one call's frames while the call is recorded. Clones are the same tape.
#[derive(Clone, Debug)]
pub struct Tape {
    pub(super) call: CallId,
    pub(super) jobs: Sender<Job>,
    pub(super) queue: Arc<Queue>,
    pub(super) state: Arc<TapeState>,
}

impl Tape {
    /// The call that it is for.
    pub const fn call(&self) -> CallId {
        self.call
    }

    /// Begins to record; both sides speak that law.
    pub fn begin(&self, codec: Codec, started_ms: i64) {
        if self.state.runs.swap(true, Ordering::AcqRel) {
            return;
        }
        self.state.begun.store(true, Ordering::Release);
        self.order(Job::Begin {
            call: self.call,
            codec,
            started_ms,
            state: Arc::clone(&self.state),
        });
    }

    /// Takes a copy of a frame, if the call is recorded now. Never waits.
    pub fn hear(&self, frame: &Frame) {
        if !self.state.runs.load(Ordering::Acquire) {
            return;
        }
        if self.queue.waiting.fetch_add(1, Ordering::AcqRel) >= QUEUE {
            self.queue.waiting.fetch_sub(1, Ordering::AcqRel);
            self.queue.dropped.fetch_add(1, Ordering::Relaxed);
            if self.state.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!(call = %self.call, "the disk is too slow for a recording; voice of it is dropped");
            }
            return;
        }
        self.order(Job::Voice {
            call: self.call,
            frame: Box::new(*frame),
        });
    }

    /// What a side said between these moments must not be kept. Times as in the frames.
    pub fn mask(&self, side: Side, from: Duration, to: Duration) {
        if self.state.runs.load(Ordering::Acquire) {
            self.order(Job::Mask {
                call: self.call,
                side,
                from,
                to,
            });
        }
    }

    /// What a side said between these moments may be kept, but for what is masked of it; what was passed over
    /// since the moments before may not. Times as in the frames.
    pub fn clear(&self, side: Side, from: Duration, to: Duration) {
        if self.state.runs.load(Ordering::Acquire) {
            self.order(Job::Clear {
                call: self.call,
                side,
                from,
                to,
            });
        }
    }

    /// Ends the recording, if there is one.
    pub fn finish(&self, ended_ms: i64) {
        if self.state.runs.swap(false, Ordering::AcqRel) {
            self.order(Job::Finish {
                call: self.call,
                ended_ms,
            });
        }
    }

    /// Ends the recording and destroys it; one that the disk has ended already, too.
    pub fn discard(&self, why: Deletion) {
        self.state.runs.store(false, Ordering::Release);
        if self.state.begun.swap(false, Ordering::AcqRel) {
            self.order(Job::Discard {
                call: self.call,
                why,
            });
        }
    }

    fn order(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            tracing::debug!(call = %self.call, "the writer of recordings is gone");
        }
    }
}
