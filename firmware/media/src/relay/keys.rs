//! Keys that a far end presses, from its telephone events (RFC 4733).

use std::time::{Duration, Instant};

use trunkside_call::SAMPLE_RATE_HZ;

use crate::rtp::Header;

/// The keys in the order of their events (RFC 4733, table 1).
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// The event of a key, if it is one.
pub fn event_of(key: char) -> Option<u8> {
    let is_key = |event: &u8| char::from(*event) == key;
    KEYS.iter().position(is_key).map(|event| event as u8)
}

/// No finger presses keys faster (ITU-T Q.24: 40 ms of tone and as much of pause).
const FASTEST: Duration = Duration::from_millis(40);

/// A packet that is further behind than 5 s is not late: its sender has set its clock anew.
const LATEST: u32 = 5 * SAMPLE_RATE_HZ;

/// A press that has been told to last so long may go on under another timestamp: 65,535 samples are the most
/// that one can say (RFC 4733, section 2.5.1.3).
const LONG: u16 = 7 * SAMPLE_RATE_HZ as u16;

/// What goes on may begin so much after what was told last: packets in between are lost.
const GAP: u32 = SAMPLE_RATE_HZ / 2;

/// Finds the keys of one leg. A key's packets share a timestamp and are sent again and again.
#[derive(Debug, Default)]
pub struct Keys {
    last: Option<Press>,
}

/// The key that was told last.
#[derive(Debug)]
struct Press {
    ssrc: u32,
    event: u8,
    at: Instant,
    /// The timestamp that it began with, and that which it has now.
    began: u32,
    timestamp: u32,
    /// How long it has lasted since then, in samples.
    duration: u16,
}

impl Press {
    /// Takes an event packet of the same stream, if it tells nothing but this press, or one before.
    fn covers(&mut self, header: &Header, event: u8, duration: u16) -> bool {
        let ahead = header.timestamp.wrapping_sub(self.timestamp);
        let gap = ahead.checked_sub(self.duration.into());
        let is_same = event == self.event;
        let goes_on = !header.marker && self.duration >= LONG && gap.is_some_and(|gap| gap <= GAP);
        if is_same && goes_on {
            (self.timestamp, self.duration) = (header.timestamp, duration);
            return true;
        }
        if is_same && ahead == 0 {
            self.duration = self.duration.max(duration);
        }
        let held = self.timestamp.wrapping_sub(self.began);
        ahead.wrapping_neg() <= LATEST.saturating_add(held)
    }
}

impl Keys {
    /// Whether any has come.
    pub const fn have_come(&self) -> bool {
        self.last.is_some()
    }

    /// Takes an event packet that came at `now`; says the key that begins with it.
    pub fn take(&mut self, now: Instant, header: &Header, payload: &[u8]) -> Option<char> {
        let &[event, _, high, low, ..] = payload else {
            return None;
        };
        let key = *KEYS.get(usize::from(event))?;
        let duration = u16::from_be_bytes([high, low]);
        if let Some(last) = &mut self.last {
            let is_known = last.ssrc == header.ssrc && last.covers(header, event, duration);
            if is_known || now.saturating_duration_since(last.at) < FASTEST {
                return None;
            }
        }
        self.last = Some(Press {
            ssrc: header.ssrc,
            event,
            at: now,
            began: header.timestamp,
            timestamp: header.timestamp,
            duration,
        });
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
    /// What is told of a key that is held from `began` on for so many samples, a packet every 50 ms of which some
    /// are lost.
    fn held(
        keys: &mut Keys,
        start: Instant,
        began: u32,
        samples: u32,
        lost: Option<u32>,
    ) -> String {
        let told = (1..=samples / 400).filter_map(|n| {
            let lasted = n * 400;
            // A packet that would say more than fits begins another segment.
            let segment = (lasted - 1) / 65_535;
            let [high, low] = ((lasted - segment * 65_535) as u16).to_be_bytes();
            let marked = Header {
                marker: n == 1,
                ..header(began.wrapping_add(segment * 65_535))
            };
            if lost == Some(n) {
                return None;
            }
            let at = start + Duration::from_millis(50) * n;
            let key = keys.take(at, &marked, &[1, 10, high, low]);
            // It may come twice, and much later.
            let again = Duration::from_secs(1);
            assert_eq!(keys.take(at + again, &marked, &[1, 10, high, low]), None);
            let first = header(began);
            assert_eq!(keys.take(at + again, &first, &[1, 10, 1, 144]), None);
            key
        });
        told.collect()
    }

    #[test]
    fn a_key_that_is_held_for_long_is_one_key_and_the_next_press_another() {
        let start = now();
        for began in [1_000, u32::MAX - 70_000] {
            for lost in [None, Some(163), Some(164), Some(165), Some(328)] {
                let mut keys = Keys::default();
                assert_eq!(held(&mut keys, start, began, 180_000, lost), "1");
                let pressed = began.wrapping_add(181_000);
                let later = start + Duration::from_mins(1);
                assert_eq!(held(&mut keys, later, pressed, 800, None), "1");
                let pressed = pressed.wrapping_add(1_200);
                assert_eq!(
                    held(
                        &mut keys,
                        later + Duration::from_secs(10),
                        pressed,
                        800,
                        None
                    ),
                    "1"
                );
            }
        }
    }
}
