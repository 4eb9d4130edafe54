//! When records that the cloud has not confirmed go to the disk: a flush writes whole pages, however little is new
//! in them, so that they wait for others, and for the cloud, which may have them before. Nothing is at stake
//! meanwhile: calls lie in the call store.

use std::time::Duration;

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

    /// Whether any wait that are to go now.
    pub fn is_due(&self, now: Duration) -> bool {
        self.since.is_some_and(|since| {
            self.waiting >= self.enough || now.saturating_sub(since) >= self.patience
        })
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
