//! Interarrival jitter as RFC 3550 defines it (section 6.4.1, appendix A.8).

use std::time::{Duration, Instant};

/// Samples of telephone voice in a second.
const RATE: f64 = 8_000.0;

/// How far apart packets come compared with how far apart they were sent, smoothed.
#[derive(Debug, Default)]
pub(crate) struct Jitter {
    /// The stream, its last packet's arrival and timestamp.
    last: Option<(u32, Instant, u32)>,
    samples: f64,
}

impl Jitter {
    /// Takes a packet of voice; returns the jitter now. A new stream begins afresh.
    pub(crate) fn count(&mut self, now: Instant, ssrc: u32, timestamp: u32) -> Duration {
        let last = self.last.replace((ssrc, now, timestamp));
        match last.filter(|(of, ..)| *of == ssrc) {
            Some((_, arrived, sent)) => {
                let apart = now.saturating_duration_since(arrived).as_secs_f64() * RATE;
                let sent_apart = f64::from(timestamp.wrapping_sub(sent).cast_signed());
                let uneven = (apart - sent_apart).abs();
                // A leap is another clock, not a late packet.
                if uneven < RATE {
                    self.samples += (uneven - self.samples) / 16.0;
                }
            }
            None => self.samples = 0.0,
        }
        Duration::from_secs_f64(self.samples / RATE)
    }

    /// The jitter now, in samples, as a report carries it.
    pub(crate) fn samples(&self) -> u32 {
        self.samples as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the beginning"
    )]
    fn jitter_of(delays_ms: impl Iterator<Item = u64>) -> Duration {
        let (start, mut jitter) = (Instant::now(), Jitter::default());
        let mut last = Duration::ZERO;
        for (number, delay) in (0..).zip(delays_ms) {
            let now = start + Duration::from_millis(u64::from(number) * 20 + delay);
            last = jitter.count(now, 7, number * 160_u32);
        }
        last
    }

    #[test]
    fn even_packets_have_none_however_late_they_are() {
        assert_eq!(jitter_of((0..50).map(|_| 300)), Duration::ZERO);
    }

    #[test]
    fn packets_that_alternate_by_ten_milliseconds_come_to_ten() {
        let jitter = jitter_of((0..400).map(|number| number % 2 * 10));
        assert!((9_900..=10_000).contains(&jitter.as_micros()), "{jitter:?}");
    }

    #[test]
    fn timestamps_may_wrap_and_streams_may_change() {
        let mut jitter = Jitter::default();
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the beginning"
        )]
        let now = Instant::now();
        jitter.count(now, 7, u32::MAX - 79);
        let step = Duration::from_millis(20);
        assert_eq!(jitter.count(now + step, 7, 80), Duration::ZERO);
        assert_eq!(jitter.count(now + 2 * step, 8, 123_456), Duration::ZERO);
        assert_eq!(jitter.count(now + 3 * step, 8, 923_456), Duration::ZERO);
        assert_eq!(jitter.samples(), 0);
    }
}
