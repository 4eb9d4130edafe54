//! How long a packet is waited for: an adaptive jitter buffer's depth, and the drift of clocks.

/// Nobody who is not spoken to waits shorter: 80 ms.
const LEAST: u64 = 640;

/// Nor longer: 500 ms. A way that has become longer than that is another way.
const MOST: u64 = 4_000;

/// What is added to the latest packet seen: 20 ms.
const MARGIN: u64 = 160;

/// The wait shrinks by this share of what is too much with every packet; about 5 s to a third.
const SHRINKS: u64 = 256;

/// Packets whose earliest tells how far the clocks have drifted apart: 5 s.
const WINDOW: u32 = 250;

/// A clock that is slow by more than this is followed: 20 ms.
const SLOW: i64 = 160;

/// One that is fast costs nothing before it is ahead by this: 500 ms. It is followed by a packet
/// at a time, for what is skipped was said.
const FAST: i64 = -4_000;

/// Follows how late one side's packets are, in samples.
#[derive(Debug)]
pub struct PlayoutDelay {
    wait: u64,
    earliest: i64,
    seen: u32,
}

impl Default for PlayoutDelay {
    fn default() -> Self {
        Self {
            wait: LEAST,
            earliest: i64::MAX,
            seen: 0,
        }
    }
}

impl PlayoutDelay {
    /// How long to wait now.
    pub const fn wait(&self) -> u64 {
        self.wait
    }

    /// A packet came so many samples after its time; before it when negative. Yields how far their
    /// times are to be moved once every packet of a while has been off: their clock has drifted.
    pub fn learn(&mut self, lateness: i64) -> Option<i64> {
        let late = u64::try_from(lateness).unwrap_or(0);
        let wanted = (late + MARGIN).clamp(LEAST, MOST);
        if wanted > self.wait {
            self.wait = wanted;
        } else {
            self.wait -= (self.wait - wanted).div_ceil(SHRINKS);
        }
        self.earliest = self.earliest.min(lateness);
        self.seen += 1;
        if self.seen < WINDOW {
            return None;
        }
        let drift = std::mem::replace(&mut self.earliest, i64::MAX);
        self.seen = 0;
        match drift {
            slow if slow > SLOW => Some(slow),
            fast if fast < FAST => Some(-SLOW),
            _ => None,
        }
    }

    /// The stream is timed anew.
    pub const fn restart(&mut self) {
        self.earliest = i64::MAX;
        self.seen = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_at_once_and_shrinks_slowly() {
        let mut delay = PlayoutDelay::default();
        assert_eq!(delay.wait(), 640);
        delay.learn(2_000);
        assert_eq!(delay.wait(), 2_160);
        for _ in 0..50 {
            delay.learn(0);
        }
        assert!(delay.wait() > 1_800, "{} after a second", delay.wait());
        for _ in 0..5_000 {
            delay.learn(0);
        }
        assert_eq!(delay.wait(), 640);
        delay.learn(80_000);
        assert_eq!(delay.wait(), MOST);
    }

    #[test]
    fn drift_is_what_the_earliest_packet_of_a_while_is_off_by() {
        let mut delay = PlayoutDelay::default();
        let mut drift_of = |lateness: fn(u32) -> i64| {
            (0..WINDOW)
                .filter_map(|n| delay.learn(lateness(n)))
                .collect::<Vec<_>>()
        };
        assert!(
            drift_of(|n| i64::from(n % 50) * 16).is_empty(),
            "jitter is no drift"
        );
        assert_eq!(drift_of(|n| 200 + i64::from(n % 50) * 16), [200]);
        assert!(
            drift_of(|n| i64::from(n % 50) * 16 - 900).is_empty(),
            "being early is no harm"
        );
        assert_eq!(
            drift_of(|n| i64::from(n % 50) - 4_200),
            [-160],
            "a fast clock"
        );
    }
}
