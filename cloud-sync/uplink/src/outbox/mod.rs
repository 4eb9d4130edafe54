//! The durable outbox (skeleton).
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use trunkside_record::{Ack, Body, Lane, Timestamp};

/// When a record was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// By the box's clock.
    pub at: Timestamp,
    /// Whether that clock was synchronised.
    pub clock_trusted: bool,
}

/// The place that a stored record keeps for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Its lane.
    pub lane: Lane,
    /// The stream.
    pub epoch: u64,
    /// The place in the stream, from 1.
    pub sequence: u64,
}

/// How much one lane may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Records with a trusted time older than this go.
    pub age: Duration,
}

/// How the outbox keeps records.
#[derive(Clone, Debug)]
pub struct OutboxOptions {
    /// What `alarm` may keep.
    pub alarm: Budget,
    /// What `metric` may keep.
    pub metric: Budget,
    /// What `fleet` may keep.
    pub fleet: Budget,
    /// What `transcript` may keep.
    pub transcript: Budget,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        let budget = Budget { bytes: 64 << 20, age: Duration::from_secs(30 * 86_400) };
        Self { alarm: budget, metric: budget, fleet: budget, transcript: budget }
    }
}

/// What was found when an outbox was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records that wait for the cloud.
    pub records: u64,
    /// What was wrong, one line each.
    pub problems: Vec<String>,
}

/// One lane's queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneStatus {
    /// Records that wait.
    pub records: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// When the oldest was recorded.
    pub oldest: Option<Timestamp>,
    /// Records that a budget or a fault has cost since the start.
    pub lost: u64,
}

/// The whole queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Lanes in the order of [`Lane::ALL`].
    pub lanes: [LaneStatus; 4],
}

impl OutboxStatus {
    /// Records that wait in all lanes.
    pub fn records(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.records).sum()
    }
}

/// What can go wrong with an outbox.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Another process has it.
    #[error("the outbox `{0}` is used by another process; stop that one first")]
    Locked(std::path::PathBuf),
    /// The disk.
    #[error("the outbox cannot {doing} `{path}`: {source}")]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A record without a lane, or larger than a message may be.
    #[error("the record cannot be queued: {0}")]
    Unfit(&'static str),
}

/// The durable queue of records that wait for the cloud.
pub struct Outbox {}

impl Outbox {
    /// Opens or creates the outbox in `dir`, and holds an exclusive lock on it.
    pub fn open(_dir: &Path, _options: OutboxOptions) -> Result<(Self, Recovery), OutboxError> {
        Ok((Self {}, Recovery::default()))
    }

    /// Stores records; they are on the disk when it returns. Blocks for one disk flush.
    pub fn append(&self, _stamp: Stamp, _bodies: &[Body]) -> Result<Vec<Receipt>, OutboxError> {
        Ok(Vec::new())
    }

    /// [`append`](Self::append) for tasks: the flush happens on a blocking thread.
    pub async fn store(
        self: &Arc<Self>,
        stamp: Stamp,
        bodies: Vec<Body>,
    ) -> Result<Vec<Receipt>, OutboxError> {
        let outbox = Arc::clone(self);
        tokio::task::spawn_blocking(move || outbox.append(stamp, &bodies))
            .await
            .expect("append does not panic")
    }

    /// Deletes what the watermark covers.
    pub fn acked(&self, _ack: Ack) -> Result<(), OutboxError> {
        Ok(())
    }

    /// How much waits.
    pub fn status(&self) -> OutboxStatus {
        OutboxStatus::default()
    }

    /// Counts up whenever something was stored.
    pub fn changes(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}
