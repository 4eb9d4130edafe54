//! What the aggregator counts, for `/metrics` and `/healthz`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::ingest::{LASTS, RIVAL};
use crate::store::{Committed, Totals};

/// A transaction that goes on for longer hangs.
const HANGS: Duration = Duration::from_secs(30);

/// Why a message was rejected as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// Its topic is not of the contract.
    Topic,
    /// It cannot be decoded.
    Payload,
    /// Its content names another origin than its topic.
    Origin,
    /// The box was turned away; it keeps what it sent.
    Revoked,
}

impl Rejection {
    pub(crate) const ALL: [Self; 4] = [Self::Topic, Self::Payload, Self::Origin, Self::Revoked];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Payload => "payload",
            Self::Origin => "origin",
            Self::Revoked => "revoked",
        }
    }
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    messages: AtomicU64,
    rejected: [AtomicU64; 4],
    stored: AtomicU64,
    unread: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
    commits: AtomicU64,
    connected: AtomicBool,
    unstored: Mutex<Unstored>,
    /// When the broker last ended a connection soon, where that is no accident.
    cut_short: Mutex<Option<Instant>>,
}

/// Why what comes cannot be stored.
#[derive(Debug, Default)]
struct Unstored {
    /// The last reason; none once something was stored.
    now: Option<String>,
    /// Reasons since then. A full disk has some, in turn.
    known: BTreeSet<String>,
    /// Since when what came waits to be stored.
    since: Option<Instant>,
}

impl Counters {
    pub(crate) fn message(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reject(&self, rejection: Rejection) {
        self.rejected[rejection as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn commit(&self, committed: &Committed) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.stored.fetch_add(committed.stored, Ordering::Relaxed);
        self.unread.fetch_add(committed.unread, Ordering::Relaxed);
        self.duplicates
            .fetch_add(committed.duplicates, Ordering::Relaxed);
        self.refused.fetch_add(committed.refused, Ordering::Relaxed);
        self.lost.fetch_add(committed.lost, Ordering::Relaxed);
    }

    /// Notes that what came is being stored.
    pub(crate) fn begins_storing(&self) {
        let mut unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        unstored.since = Some(now());
    }

    /// Notes why nothing can be stored; true when the reason is new.
    pub(crate) fn cannot_store(&self, why: String) -> bool {
        let mut unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        unstored.now = Some(why.clone());
        unstored.known.insert(why)
    }

    /// Notes that what came is stored; true when it could not be before.
    pub(crate) fn can_store(&self) -> bool {
        let mut unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *unstored).now.is_some()
    }

    /// Why what came last could not be stored, or is not yet.
    pub(crate) fn unstored(&self) -> Option<String> {
        let unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        let hangs = || {
            let waits = now() - unstored.since?;
            let seconds = waits.as_secs();
            (waits >= HANGS).then(|| {
                format!(
                    "what came has been waiting for the database for {seconds} s; see whether it or its \
                     disk hangs"
                )
            })
        };
        unstored.now.clone().or_else(hangs)
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    /// Whether the broker is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Notes that the broker ends every connection soon.
    pub(crate) fn is_cut_short(&self) {
        let mut cut_short = self
            .cut_short
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *cut_short = Some(now());
    }

    /// What ends the broker's connections, until one has lasted.
    pub(crate) fn rival(&self) -> Option<&'static str> {
        let cut_short = self
            .cut_short
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cut_short.filter(|at| now() - *at < LASTS).map(|_| RIVAL)
    }

    /// Prometheus text format 0.0.4.
    pub(crate) fn render(&self, totals: Option<Totals>) -> String {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let one = |value| [(String::new(), value)];
        let (counter, gauge) = ("counter", "gauge");
        family(
            "trunkside_messages_total",
            counter,
            "Messages received.",
            &one(get(&self.messages)),
        );
        let rejected = Rejection::ALL.map(|rejection| {
            let label = format!("{{reason=\"{}\"}}", rejection.name());
            (label, get(&self.rejected[rejection as usize]))
        });
        family(
            "trunkside_messages_rejected_total",
            counter,
            "Messages rejected whole.",
            &rejected,
        );
        let records = [
            ("stored", &self.stored),
            ("unread", &self.unread),
            ("duplicate", &self.duplicates),
            ("refused", &self.refused),
            ("lost", &self.lost),
        ];
        let records = records.map(|(what, count)| (format!("{{result=\"{what}\"}}"), get(count)));
        family(
            "trunkside_records_total",
            counter,
            "Records by what became of them.",
            &records,
        );
        family(
            "trunkside_commits_total",
            counter,
            "Transactions.",
            &one(get(&self.commits)),
        );
        let connected = u64::from(self.is_connected());
        family(
            "trunkside_broker_connected",
            gauge,
            "1 with a broker.",
            &one(connected),
        );
        if let Some(totals) = totals {
            family(
                "trunkside_calls",
                gauge,
                "Calls in the store.",
                &one(totals.calls),
            );
            family(
                "trunkside_devices",
                gauge,
                "Boxes that sent something.",
                &one(totals.devices),
            );
            family(
                "trunkside_records_lost",
                gauge,
                "Records known as lost.",
                &one(totals.lost),
            );
            family(
                "trunkside_records_unread",
                gauge,
                "Records that only a newer version can read.",
                &one(totals.unread),
            );
        }
        text
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell reads the clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_hangs_is_told_of() {
        let counters = Counters::default();
        counters.begins_storing();
        assert_eq!(counters.unstored(), None);
        tokio::time::advance(Duration::from_secs(31)).await;
        let told = counters.unstored().unwrap();
        assert!(told.contains("31 s") && told.contains("hangs"), "{told}");
        // Nothing was told that would be over now.
        assert!(!counters.can_store());
        assert_eq!(counters.unstored(), None);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(counters.unstored(), None, "nothing came");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rival_is_told_of_until_a_connection_lasts() {
        let counters = Counters::default();
        assert_eq!(counters.rival(), None);
        counters.is_cut_short();
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(counters.rival().unwrap().contains("another aggregator"));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(counters.rival(), None);
    }

    #[test]
    fn a_reason_is_new_once_until_it_is_over() {
        let counters = Counters::default();
        let full = || "the disk is full".to_owned();
        assert!(counters.cannot_store(full()) && !counters.cannot_store(full()));
        assert_eq!(counters.unstored(), Some(full()));
        assert!(counters.cannot_store("it does not answer".to_owned()));
        assert!(!counters.cannot_store(full()));
        assert!(counters.can_store() && !counters.can_store());
        assert_eq!(counters.unstored(), None);
        assert!(counters.cannot_store(full()));
    }

    #[test]
    fn the_text_has_every_count() {
        let counters = Counters::default();
        counters.message();
        counters.reject(Rejection::Payload);
        counters.commit(&Committed {
            stored: 3,
            ..Committed::default()
        });
        let text = counters.render(Some(Totals {
            calls: 2,
            devices: 1,
            lost: 0,
            unread: 0,
        }));
        for line in [
            "trunkside_messages_total 1",
            "trunkside_messages_rejected_total{reason=\"payload\"} 1",
            "trunkside_records_total{result=\"stored\"} 3",
            "trunkside_broker_connected 0",
            "trunkside_calls 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
