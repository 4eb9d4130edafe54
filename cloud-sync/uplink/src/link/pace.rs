//! Waiting: jittered back-off, and a bucket that limits the rate.

use std::time::{Duration, Instant};

/// Doubling waits with jitter, so that a thousand boxes do not return at once.
#[derive(Debug)]
pub(super) struct Backoff {
    least: Duration,
    most: Duration,
    wait: Duration,
    random: u64,
}

impl Backoff {
    pub(super) fn new(least: Duration, most: Duration, seed: u64) -> Self {
        // xorshift stands still at zero.
        Self {
            least,
            most,
            wait: least,
            random: seed | 1,
        }
    }

    /// Between half of the wait and all of it; the next one is twice as long.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(self.most);
        wait / 2 + wait.mul_f64(self.fraction() / 2.0)
    }

    pub(super) fn reset(&mut self) {
        self.wait = self.least;
    }

    /// Marsaglia's xorshift, from 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Lets through so many bytes a second, a second's worth at once.
#[derive(Debug)]
pub(super) struct Bucket {
    bytes_per_s: Option<f64>,
    /// When everything taken so far is paid for.
    paid: Instant,
}

impl Bucket {
    pub(super) fn new(now: Instant, bytes_per_s: Option<u32>) -> Self {
        Self {
            bytes_per_s: bytes_per_s.map(|rate| f64::from(rate.max(1))),
            paid: now,
        }
    }

    pub(super) fn take(&mut self, now: Instant, bytes: usize) {
        if let Some(rate) = self.bytes_per_s {
            let cost = Duration::from_secs_f64(bytes as f64 / rate);
            self.paid = self.paid.max(now) + cost;
        }
    }

    /// When the next bytes may go; none when at any time.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        self.bytes_per_s.map(|_| self.paid)
    }

    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.ready_at().is_none_or(|ready| now >= ready)
    }
}
