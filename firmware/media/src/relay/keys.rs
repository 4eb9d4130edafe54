//! Keys that a far end presses, from its telephone events (RFC 4733).

use std::time::{Duration, Instant};

use trunkside_call::SAMPLE_RATE_HZ;

use crate::rtp::Header;

/// The keys in the order of their events (RFC 4733, table 1).
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// No finger presses keys faster (ITU-T Q.24: 40 ms of tone and as much of pause).
const FASTEST: Duration = Duration::from_millis(40);

/// A packet that is further behind than 5 s is not late: its sender has set its clock anew.
const LATEST: u32 = 5 * SAMPLE_RATE_HZ;

/// Finds the keys of one leg. A key's packets share a timestamp and are sent again and again.
#[derive(Debug, Default)]
pub struct Keys {
    last: Option<(u32, u32, Instant)>,
}

impl Keys {
    /// Takes an event packet that came at `now`; says the key that begins with it.
    pub fn take(&mut self, now: Instant, header: &Header, payload: &[u8]) -> Option<char> {
        let key = *KEYS.get(usize::from(*payload.first()?))?;
        if payload.len() < 4 {
            return None;
        }
        if let Some((ssrc, timestamp, at)) = self.last {
            let is_known =
                ssrc == header.ssrc && timestamp.wrapping_sub(header.timestamp) <= LATEST;
            if is_known || now.saturating_duration_since(at) < FASTEST {
                return None;
            }
        }
        self.last = Some((header.ssrc, header.timestamp, now));
        Some(char::from(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::now;

    fn header(timestamp: u32) -> Header {
        Header {
            payload_type: 101,
            marker: false,
            sequence: 0,
            timestamp,
            ssrc: 1,
        }
    }

    #[test]
    fn a_key_counts_once_however_often_its_packets_come() {
        let (mut keys, start) = (Keys::default(), now());
        let nine = [9, 10, 0, 160];
        assert_eq!(keys.take(start, &header(800), &nine), Some('9'));
        for n in 1..6 {
            let later = start + Duration::from_millis(20) * n;
            assert_eq!(keys.take(later, &header(800), &nine), None);
        }
        let later = start + Duration::from_millis(200);
        assert_eq!(keys.take(later, &header(640), &nine), None, "late");
        assert_eq!(
            keys.take(later, &header(2_400), &[11, 0x8A, 0, 160]),
            Some('#')
        );
        assert_eq!(keys.take(later, &header(4_000), &nine), None, "too fast");
        let much_later = later + Duration::from_secs(1);
        assert_eq!(
            keys.take(much_later, &header(9_000), &[16, 0, 0, 0]),
            None,
            "no key"
        );
        assert_eq!(keys.take(much_later, &header(9_000), &[1]), None, "cut");
        assert_eq!(
            keys.take(much_later, &header(9_000), &[1, 0, 0, 0]),
            Some('1')
        );
    }

    #[test]
    fn a_clock_that_steps_back_costs_no_keys() {
        let (mut keys, start) = (Keys::default(), now());
        let nine = [9, 10, 0, 160];
        assert_eq!(keys.take(start, &header(1_000_000), &nine), Some('9'));
        let later = start + Duration::from_secs(1);
        let late = header(1_000_000 - 40_000);
        assert_eq!(keys.take(later, &late, &nine), None, "5 s late");
        assert_eq!(keys.take(later, &header(500), &nine), Some('9'));
        let again = later + Duration::from_millis(20);
        assert_eq!(keys.take(again, &header(500), &nine), None);
        let next = later + Duration::from_secs(1);
        assert_eq!(keys.take(next, &header(8_500), &nine), Some('9'));
    }
}
