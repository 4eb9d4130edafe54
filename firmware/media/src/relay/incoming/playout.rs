//! Which packets a phone would have to throw away because their moment has passed.

use std::time::{Duration, Instant};

use trunkside_call::SAMPLE_RATE_HZ;

/// What the buffer of an ordinary phone puts up with.
pub const BUFFER: Duration = Duration::from_millis(60);

/// So many late packets in a row, and a phone's buffer follows: the way has become longer.
const FOLLOWS_AFTER: u8 = 5;

/// A packet that seems so much early or late has another clock.
const OTHER_CLOCK_S: f64 = 1.0;

/// How fast the reference rises: more than any two clocks drift apart, less than can be heard.
const RISE: f64 = 1e-3;

/// The schedule of an imagined phone: packets that took the shortest way are heard after
/// [`BUFFER`].
#[derive(Debug, Default)]
pub struct Playout {
    reference: Option<Reference>,
    late_in_a_row: u8,
}

#[derive(Clone, Copy, Debug)]
struct Reference {
    arrived: Instant,
    timestamp: u32,
}

impl Playout {
    /// Whether a packet of voice comes too late.
    pub fn is_late(&mut self, now: Instant, timestamp: u32) -> bool {
        let newest = Reference {
            arrived: now,
            timestamp,
        };
        let Some(reference) = self.reference else {
            self.reference = Some(newest);
            return false;
        };
        let apart = now
            .saturating_duration_since(reference.arrived)
            .as_secs_f64();
        let sent_apart = timestamp.wrapping_sub(reference.timestamp).cast_signed();
        let behind = apart * (1.0 - RISE) - f64::from(sent_apart) / f64::from(SAMPLE_RATE_HZ);
        if behind.abs() > OTHER_CLOCK_S {
            self.follow(newest);
            return false;
        }
        let is_late = behind > BUFFER.as_secs_f64();
        if behind <= 0.0 || (is_late && self.late_in_a_row + 1 >= FOLLOWS_AFTER) {
            self.follow(newest);
        } else {
            self.late_in_a_row = if is_late { self.late_in_a_row + 1 } else { 0 };
        }
        is_late
    }

    fn follow(&mut self, newest: Reference) {
        *self = Self {
            reference: Some(newest),
            late_in_a_row: 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::now;

    /// How many of these packets, 20 ms apart, are late with such delays.
    fn late(delays_ms: impl IntoIterator<Item = u64>) -> usize {
        let (start, mut playout) = (now(), Playout::default());
        (0..)
            .zip(delays_ms)
            .filter(|&(number, delay)| {
                let now = start + Duration::from_millis(u64::from(number) * 20 + delay);
                playout.is_late(now, (u32::MAX - 799).wrapping_add(160 * number))
            })
            .count()
    }

    #[test]
    fn what_a_phone_can_still_play_is_not_late() {
        assert_eq!(late((0..500).map(|n| 40 + n % 3 * 20)), 0);
        assert_eq!(late([40, 40, 40, 101, 40, 140, 40]), 2);
        assert_eq!(late([100, 20, 20, 90, 20]), 1, "the shortest way counts");
    }

    #[test]
    fn a_longer_way_is_followed_after_a_few_packets() {
        let route = std::iter::repeat_n(20, 50).chain(std::iter::repeat_n(320, 500));
        assert_eq!(late(route), 5);
    }

    #[test]
    fn clocks_may_drift_and_leap() {
        // 300 parts in a million slow, for an hour.
        let (start, mut playout) = (now(), Playout::default());
        let step = Duration::from_nanos(20_006_000);
        let late = (0..180_000_u32)
            .filter(|&n| playout.is_late(start + step * n, 160 * n))
            .count();
        assert_eq!(late, 0);
        let end = start + step * 180_000;
        assert!(!playout.is_late(end, 4_000_000_000));
        assert!(!playout.is_late(end + Duration::from_millis(20), 4_000_000_160));
    }
}
