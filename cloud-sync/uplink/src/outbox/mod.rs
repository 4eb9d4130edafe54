//! The durable outbox: what it promises, and how it is used.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::watch;
use trunkside_record::{Ack, Body, Lane, Timestamp};
use trunkside_vault::{KeyProvider, Sealer};

mod lane;
mod ledger;
mod open;
mod pending;
mod room;
mod segment;
mod state;
mod storage;
mod write;

pub use open::{Problem, Recovery, holds_sealed_records};
pub use storage::{Appender, Storage};

use lane::LaneLog;
use storage::Disk;

/// The largest record, in bytes of JSON: a long call's transcript has a tenth of it.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;

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

/// Places of a stream whose records cannot be had here any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// The stream.
    pub epoch: u64,
    /// The first.
    pub from: u64,
    /// The last; [`u64::MAX`] where nobody knows it.
    pub through: u64,
}

/// What came of storing several records.
#[derive(Debug)]
pub struct Appended {
    /// Where each that was tried is stored, in their order; none where the disk may not have it.
    pub places: Vec<Option<Receipt>>,
    /// What one of them was refused for, or the one behind them.
    pub fault: Option<OutboxError>,
}

/// How much one lane may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes on the disk; when they are used up, the oldest segment goes.
    pub bytes: u64,
    /// Segments whose records are all older than this go, when the clock can be trusted.
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
    /// Bytes after which a new segment begins; at most a quarter of the lane's budget is used.
    pub segment_bytes: u64,
    /// How long a flush waits for more records to share it.
    pub linger: Duration,
    /// Bytes kept aside on the disk, given up in pieces so that alarms can be stored when it is full.
    pub ballast_bytes: u64,
    /// Seals records at rest; without one they lie in plain form.
    pub key: Option<Arc<dyn KeyProvider>>,
}

impl Default for OutboxOptions {
    /// 72 hours of a busy branch with room to spare, 104 MiB in all, not sealed.
    fn default() -> Self {
        let budget = |mebibytes: u64, days: u64| Budget {
            bytes: mebibytes << 20,
            age: Duration::from_secs(days * 86_400),
        };
        Self {
            alarm: budget(4, 365),
            metric: budget(32, 90),
            fleet: budget(4, 14),
            transcript: budget(64, 30),
            segment_bytes: 256 * 1024,
            linger: Duration::ZERO,
            ballast_bytes: 64 * 1024,
            key: None,
        }
    }
}

impl OutboxOptions {
    /// The defaults, with budgets that come to so many mebibytes together.
    pub fn within(mebibytes: u64) -> Self {
        let usual = Self::default();
        let all: u64 = Lane::ALL.iter().map(|lane| usual.budget(*lane).bytes).sum();
        let share = |budget: Budget| Budget {
            bytes: (budget.bytes >> 20).saturating_mul(mebibytes << 20) / (all >> 20),
            ..budget
        };
        Self {
            alarm: share(usual.alarm),
            metric: share(usual.metric),
            fleet: share(usual.fleet),
            transcript: share(usual.transcript),
            ..usual
        }
    }

    const fn budget(&self, lane: Lane) -> Budget {
        match lane {
            Lane::Alarm => self.alarm,
            Lane::Metric => self.metric,
            Lane::Fleet => self.fleet,
            Lane::Transcript => self.transcript,
        }
    }

    fn segment_bytes(&self, lane: Lane) -> u64 {
        self.segment_bytes.min(self.budget(lane).bytes / 4)
    }
}

/// One lane's queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneStatus {
    /// Records that wait.
    pub records: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// When the oldest was recorded, also of those that are set aside; none when its clock was not
    /// trusted.
    pub oldest: Option<Timestamp>,
    /// Records that a budget or a fault has cost since the start.
    pub lost: u64,
    /// Segments that wait for the key that they are sealed with, or for a disk that gives them back.
    pub aside: u64,
}

/// The whole queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Lanes in the order of [`Lane::ALL`].
    pub lanes: [LaneStatus; 4],
    /// What was written to the disk since the start.
    pub wear: Wear,
}

impl OutboxStatus {
    /// Records that wait in all lanes.
    pub fn records(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.records).sum()
    }

    /// When the oldest record of all lanes was recorded.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.lanes.iter().filter_map(|lane| lane.oldest).min()
    }

    /// Segments that cannot be read now.
    pub fn aside(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.aside).sum()
    }

    /// Records that budgets and faults have cost since the start.
    pub fn lost(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.lost).sum()
    }
}

/// How hard the disk is worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wear {
    /// Bytes of records that were taken, also of those that the cloud had before they were written.
    pub kept: u64,
    /// Bytes of the 4 KiB pages that were written for them.
    pub written: u64,
}

impl Wear {
    /// Bytes written for every byte kept; none before the first record.
    pub fn ratio(&self) -> Option<f32> {
        (self.kept > 0).then(|| self.written as f32 / self.kept as f32)
    }
}

/// Records of one stream, ready to be sent: some that wait, and gaps where records are no more.
#[derive(Debug)]
pub struct Pending {
    /// Their lane.
    pub lane: Lane,
    /// The stream.
    pub epoch: u64,
    /// The entries, as JSON.
    pub records: Vec<Box<RawValue>>,
    /// The last sequence that they cover.
    pub through: u64,
    /// Bytes of JSON.
    pub bytes: usize,
}

/// What can go wrong with an outbox.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Another process has it.
    #[error("the outbox `{}` is used by another process; stop that one first", .0.display())]
    Locked(PathBuf),
    /// The key that seals records.
    #[error("cannot read the outbox's key: {0}")]
    Key(#[source] io::Error),
    /// The disk. The records may or may not be stored.
    #[error("the outbox cannot {doing}: {source}")]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The disk does not take the stream's number, without which nothing may be sent before it is stored.
    #[error(
        "the outbox cannot keep the number of its stream; free disk space, or see whether the disk works"
    )]
    NotReserved,
    /// Too much waits in memory: neither the disk nor the cloud takes it.
    #[error(
        "the outbox holds as much in memory as it may, as neither the disk nor the cloud takes it"
    )]
    Held,
    /// A record without a lane, or larger than a message may be.
    #[error("the record cannot be queued: {0}")]
    Unfit(&'static str),
}

impl OutboxError {
    fn storage(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Storage { doing, source }
    }
}

/// The durable queue of records that wait for the cloud. Share it in an [`Arc`].
pub struct Outbox {
    storage: Box<dyn Storage>,
    sealer: Option<Sealer>,
    options: OutboxOptions,
    inner: Mutex<Inner>,
    /// Tells waiters that a flush has ended.
    flushed: Condvar,
    changes: watch::Sender<u64>,
}

/// Everything that changes.
struct Inner {
    /// In the order of [`Lane::ALL`].
    lanes: [LaneLog; 4],
    /// Pieces of the ballast that are set aside.
    ballast_pieces: u64,
    wear: Wear,
    /// What cannot be had and nobody has asked for yet.
    lost: BTreeSet<Stretch>,
}

impl Inner {
    fn lane(&mut self, lane: Lane) -> &mut LaneLog {
        &mut self.lanes[index(lane)]
    }
}

fn index(lane: Lane) -> usize {
    Lane::ALL
        .iter()
        .position(|other| *other == lane)
        .expect("every lane is one of all")
}

impl Outbox {
    /// Opens or creates the outbox in `folder`, and holds an exclusive lock on it.
    pub fn open(folder: &Path, options: OutboxOptions) -> Result<(Self, Recovery), OutboxError> {
        let disk = Disk::open(folder).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => OutboxError::Locked(folder.to_owned()),
            _ => OutboxError::Storage {
                doing: "open its folder",
                source,
            },
        })?;
        Self::with_storage(Box::new(disk), options)
    }

    /// Stores records; they are on the disk when it returns. Blocks for a disk flush, which
    /// callers at the same time share. After an error each of them may or may not be stored; who has
    /// to know which uses [`append_some`](Self::append_some).
    pub fn append(&self, stamp: Stamp, bodies: &[Body]) -> Result<Vec<Receipt>, OutboxError> {
        let Appended { places, fault } = self.append_some(stamp, bodies);
        match fault {
            None => Ok(places.into_iter().flatten().collect()),
            Some(error) => Err(error),
        }
    }

    /// Stores records up to the first that is refused, and tells which are on the disk, so that those
    /// need not be brought again.
    pub fn append_some(&self, stamp: Stamp, bodies: &[Body]) -> Appended {
        self.append_each(bodies.iter().map(|body| (stamp, body)))
    }

    /// The same of records that were made at several times.
    pub fn append_each<'a>(&self, records: impl Iterator<Item = (Stamp, &'a Body)>) -> Appended {
        let mut inner = self.lock();
        let mut tickets = Vec::new();
        let mut fault = None;
        for (stamp, body) in records {
            match self.enqueue(&mut inner, stamp, body) {
                Ok(ticket) => tickets.push(ticket),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        let mut places = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            match self.wait_durable(inner, ticket) {
                Ok(guard) => {
                    inner = guard;
                    places.push(Some(ticket.receipt));
                }
                Err(error) => {
                    inner = self.lock();
                    places.push(None);
                    fault.get_or_insert(error);
                }
            }
        }
        drop(inner);
        if places.iter().any(Option::is_some) {
            self.changes.send_modify(|count| *count += 1);
        }
        Appended { places, fault }
    }

    /// Takes places for records up to the first that is refused and lets them be sent, but brings none to
    /// the disk. Who brings them must be able to bring them again, with a new place, until
    /// [`is_kept`](Self::is_kept) says otherwise: after a crash they are gone from here, and the cloud may
    /// have them or not. Blocks for a disk flush once in a start for each lane.
    pub fn post_each<'a>(&self, records: impl Iterator<Item = (Stamp, &'a Body)>) -> Appended {
        let (mut places, mut fault) = (Vec::new(), None);
        for (stamp, body) in records {
            let held = match (self.post(stamp, body), body.lane()) {
                // It may go where the disk takes what waits.
                (Err(OutboxError::Held), Some(lane)) => {
                    self.flush(&[lane]).and_then(|()| self.post(stamp, body))
                }
                (held, _) => held,
            };
            match held {
                Ok(place) => places.push(Some(place)),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        if !places.is_empty() {
            self.changes.send_modify(|count| *count += 1);
        }
        Appended { places, fault }
    }

    fn post(&self, stamp: Stamp, body: &Body) -> Result<Receipt, OutboxError> {
        let mut inner = self.lock();
        if let Some(lane) = body.lane() {
            inner = self.until_firm(inner, lane);
        }
        self.hold(&mut inner, stamp, body)
    }

    /// Whether a record is on the disk, or with the cloud.
    pub fn is_kept(&self, place: &Receipt) -> bool {
        let mut inner = self.lock();
        let log = inner.lane(place.lane);
        log.epoch != Some(place.epoch) || place.sequence <= log.durable
    }

    /// Brings what was posted in these lanes to the disk, as far as the cloud has not got it meanwhile; blocks.
    /// What the disk refuses stays posted.
    pub fn flush(&self, lanes: &[Lane]) -> Result<(), OutboxError> {
        let mut inner = self.lock();
        for lane in lanes {
            self.write_posted(&mut inner, *lane)?;
            if let Some(last) = Self::last_written(&mut inner, *lane) {
                inner = self.wait_durable(inner, last)?;
            }
        }
        Ok(())
    }

    /// [`append`](Self::append) for tasks: the flush happens on a blocking thread.
    ///
    /// # Panics
    /// When [`append`](Self::append) does.
    pub async fn store(
        self: &Arc<Self>,
        stamp: Stamp,
        bodies: Vec<Body>,
    ) -> Result<Vec<Receipt>, OutboxError> {
        let outbox = Arc::clone(self);
        let stored = tokio::task::spawn_blocking(move || outbox.append(stamp, &bodies)).await;
        stored.expect("append does not panic")
    }

    /// Records of `lane` behind `after` (a stream and a sequence in it), oldest first: at least
    /// one, then as many as fit in `most` bytes of JSON. None when nothing waits. After an error ask
    /// again, but not at once: what cannot be read ten times in a row is given up.
    pub fn pending(
        &self,
        lane: Lane,
        after: Option<(u64, u64)>,
        most: usize,
    ) -> Result<Option<Pending>, OutboxError> {
        self.read_pending(&mut self.lock(), lane, after, most)
    }

    /// Deletes what the watermark covers. One that covers records that were never here, or of a
    /// stream that is not here, is ignored.
    pub fn acked(&self, ack: Ack) {
        let mut inner = self.lock();
        let mut done = Vec::new();
        for log in &mut inner.lanes {
            done.extend(log.acked(ack));
        }
        self.delete(&mut inner, &done);
    }

    /// Sets aside again what alarms have used of the room that is kept for them. For whoever brings
    /// calls, once none of them waits for room: those go first.
    pub fn keep_room(&self) {
        self.restore_ballast(&mut self.lock());
    }

    /// The cloud's store has no more of a stream than `ack` says, although it had confirmed more, as
    /// one that was restored from a backup. What is still here is sent again; for what is not, a gap
    /// is, without which the watermark could never pass. A watermark that is no lower than what was
    /// confirmed changes nothing.
    pub fn forgotten(&self, ack: Ack) {
        let mut inner = self.lock();
        let mut lanes = inner.lanes.iter_mut();
        let forget = |log: &mut LaneLog| {
            let held = (log.epoch == Some(ack.epoch)).then(|| log.in_memory().next());
            let held = held.flatten().map(|first| first.sequence);
            log.ledger.forget(ack, held).then(|| log.lane())
        };
        let Some(lane) = lanes.find_map(forget) else {
            return;
        };
        tracing::warn!(
            %lane,
            epoch = ack.epoch,
            behind = ack.sequence,
            "the cloud has lost what it had confirmed; what is still here is sent again"
        );
        self.save_state(&mut inner);
    }

    /// Gives up what is older than its lane's budget allows; `now` must come from a clock that
    /// can be trusted.
    pub fn expire(&self, now: Timestamp) {
        self.give_up_expired(&mut self.lock(), now);
    }

    /// What damage, missing files and another key have cost, as far as it was found since this was asked
    /// the last time. Whoever still has those records brings them again, and the cloud gets them in
    /// other places; a place may be named more than once. What budgets have cost is not among it.
    pub fn take_lost(&self) -> Vec<Stretch> {
        std::mem::take(&mut self.lock().lost).into_iter().collect()
    }

    /// How much waits.
    pub fn status(&self) -> OutboxStatus {
        let inner = self.lock();
        let lanes = inner.lanes.each_ref().map(|log| LaneStatus {
            records: log.ledger.records() + log.in_memory().count() as u64,
            bytes: log.ledger.bytes(),
            oldest: log
                .oldest_ms()
                .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            lost: log.ledger.lost,
            aside: log.ledger.aside(),
        });
        OutboxStatus {
            lanes,
            wear: inner.wear,
        }
    }

    /// Counts up whenever something was stored.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, name: &str) {
        if let Err(error) = self.storage.remove(name) {
            tracing::warn!(name, %error, "cannot delete a segment; it goes at the next start");
        }
    }
}

impl Drop for Outbox {
    /// Leaves nothing behind that the cloud has, and keeps the watermarks, so that the next start sends less
    /// again.
    fn drop(&mut self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_delivered(&mut inner);
        let state = Self::state(&mut inner);
        if let Err(error) = self.storage.replace(state::NAME, &state.write()) {
            tracing::debug!(%error, "cannot keep the outbox's state");
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
