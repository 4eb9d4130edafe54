//! How much a source may fail before it is not answered any more.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What a request without proof costs: every phone sends one of these now and then.
pub const CHALLENGE: f64 = 1.0;

/// What a wrong proof costs.
pub const FAILURE: f64 = 10.0;

/// Sources that are remembered; the least suspicious go first.
const REMEMBERED: usize = 4_096;

/// A bucket for each source: it holds so much, and so much flows back every second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// What a source may spend at once: 1 for a request without proof, 10 for a wrong one.
    pub capacity: f64,
    /// What it gets back every second.
    pub per_second: f64,
    /// How long a source that has spent all is not answered.
    pub silence: Duration,
}

impl Default for Limit {
    /// Ten wrong passwords at once, or a branch of a hundred phones behind one address.
    fn default() -> Self {
        Self {
            capacity: 100.0,
            per_second: 2.0,
            silence: Duration::from_mins(1),
        }
    }
}

/// Who has spent how much.
#[derive(Debug)]
pub struct SourceLimit {
    limit: Limit,
    sources: BTreeMap<IpAddr, Source>,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    left: f64,
    at: Instant,
    silent_until: Option<Instant>,
    told: bool,
}

impl SourceLimit {
    /// Nobody has spent anything.
    pub const fn new(limit: Limit) -> Self {
        Self {
            limit,
            sources: BTreeMap::new(),
        }
    }

    /// Whether a source is not to be answered; if so, whether that is news.
    pub fn is_exhausted(&mut self, now: Instant, source: IpAddr) -> Option<bool> {
        let entry = self.sources.get_mut(&source)?;
        let until = entry.silent_until?;
        if now >= until {
            self.sources.remove(&source);
            return None;
        }
        Some(!std::mem::replace(&mut entry.told, true))
    }

    /// Takes from a source's bucket; an empty one begins its silence.
    pub fn charge(&mut self, now: Instant, source: IpAddr, cost: f64) {
        let limit = self.limit;
        self.make_room(source);
        let entry = self.sources.entry(source).or_insert(Source {
            left: limit.capacity,
            at: now,
            silent_until: None,
            told: false,
        });
        entry.refill(now, limit);
        entry.left -= cost;
        if entry.left < 0.0 {
            entry.silent_until = Some(now + limit.silence);
        }
    }

    /// Gives back what a request cost that was proven right by the next.
    pub fn forgive(&mut self, now: Instant, source: IpAddr, cost: f64) {
        let limit = self.limit;
        if let Some(entry) = self.sources.get_mut(&source) {
            entry.refill(now, limit);
            entry.left += cost;
            if entry.left >= limit.capacity {
                self.sources.remove(&source);
            }
        }
    }

    fn make_room(&mut self, source: IpAddr) {
        if self.sources.len() < REMEMBERED || self.sources.contains_key(&source) {
            return;
        }
        let fullest = self
            .sources
            .iter()
            .max_by(|(_, one), (_, two)| one.left.total_cmp(&two.left))
            .map(|(&source, _)| source);
        if let Some(fullest) = fullest {
            self.sources.remove(&fullest);
        }
    }
}

impl Source {
    fn refill(&mut self, now: Instant, limit: Limit) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + elapsed * limit.per_second).min(limit.capacity);
        self.at = now;
    }
}
