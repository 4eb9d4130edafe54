//! When records go to the outbox: a flush writes whole pages, however little is new in them, so that where
//! records come one by one they wait for others, as long as that wears the disk less. Nothing is at stake
//! meanwhile: calls lie in the call store.

use std::time::Duration;

use trunkside_uplink::Wear;

/// Bytes written for each kept that a flush may always cost: less than the 2.5 that the disk is to bear.
const BEARABLE: u64 = 2;

/// Bytes that may be written beyond that: some fifty flushes at once after each start, so that whoever tries
/// the box out sees each call at the cloud.
const CREDIT_BYTES: u64 = 256 * 1024;

/// Records that wait for others of their kind.
#[derive(Clone, Copy, Debug)]
pub struct Gathering {
    enough: usize,
    patience: Duration,
    waiting: usize,
    since: Option<Duration>,
}

impl Gathering {
    /// Of records of which so many are worth a flush, and none waits longer than `patience`.
    pub const fn new(enough: usize, patience: Duration) -> Self {
        Self {
            enough,
            patience,
            waiting: 0,
            since: None,
        }
    }

    /// So many more wait.
    pub fn add(&mut self, now: Duration, records: usize) {
        if records > 0 {
            self.waiting += records;
            self.since.get_or_insert(now);
        }
    }

    /// Whether those that wait may go, or anything of which nobody knows since when it waits.
    pub fn is_due(&self, now: Duration, wear: Wear) -> bool {
        let bearable = wear.kept.saturating_mul(BEARABLE) + CREDIT_BYTES;
        let out_of_patience = |since: Duration| now.saturating_sub(since) >= self.patience;
        wear.written <= bearable
            || self.waiting >= self.enough
            || self.since.is_none_or(out_of_patience)
    }

    /// From now on nothing waits for anything.
    pub fn hurry(&mut self) {
        self.enough = 0;
    }

    /// All are gone.
    pub fn end(&mut self) {
        (self.waiting, self.since) = (0, None);
    }
}

#[cfg(test)]
mod tests;
