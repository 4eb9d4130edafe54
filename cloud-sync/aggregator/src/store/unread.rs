//! Records that no version here could read when they came: kept as they came, and read again by a
//! version that can. Pure.

use trunkside_record::{Body, Entry, Kept, Lane, Origin, Timestamp, read_again};

use super::plan::{Place, Plan};

/// How many are read again at once.
pub(super) const PAGE: i64 = 500;

/// A record that waits.
pub(super) struct Waiting {
    /// Its row.
    pub(super) id: i64,
    pub(super) origin: Origin,
    pub(super) lane: Lane,
    pub(super) stream: i64,
    pub(super) sequence: u64,
    pub(super) at: Timestamp,
    pub(super) clock_trusted: bool,
    pub(super) came: Timestamp,
    pub(super) body: String,
}

/// One that can be read now.
pub(super) struct Readable {
    waiting: Waiting,
    entry: Entry,
    kept: Kept,
}

/// Those that can be read now, and the rows of those that still cannot.
pub(super) fn sort(page: Vec<Waiting>) -> (Vec<Readable>, Vec<i64>) {
    let (mut readable, mut still) = (Vec::new(), Vec::new());
    for waiting in page {
        match read_again(&waiting.body) {
            // A gap would have had to be known when it came.
            Some((body, kept)) if !matches!(body, Body::Gap(_)) => {
                let entry = Entry {
                    sequence: waiting.sequence,
                    at: waiting.at,
                    clock_trusted: waiting.clock_trusted,
                    lane: waiting.lane,
                    body,
                };
                readable.push(Readable {
                    waiting,
                    entry,
                    kept,
                });
            }
            _ => still.push(waiting.id),
        }
    }
    (readable, still)
}

/// What has to be written for those that can be read: they have their places in their streams.
pub(super) fn plan(readable: &[Readable]) -> Plan<'_> {
    let mut plan = Plan::default();
    for Readable {
        waiting,
        entry,
        kept,
    } in readable
    {
        let place = Place {
            origin: &waiting.origin,
            stream: waiting.stream,
            sequence: waiting.sequence,
        };
        plan.keep(place, entry, kept, waiting.came);
    }
    plan.settle();
    plan
}

/// The rows of those that can be read.
pub(super) fn rows(readable: &[Readable]) -> Vec<i64> {
    readable.iter().map(|read| read.waiting.id).collect()
}
