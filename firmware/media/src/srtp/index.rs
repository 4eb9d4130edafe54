//! Which packet of how many a sequence number names, and whether it came before (RFC 3711, sections
//! 3.3.1 and 3.3.2).

/// Packets behind the newest of which it is known whether they came.
const WIDTH: u64 = 64;

/// The newest packet of a stream, counted through all wraps of its sequence numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Index {
    newest: Option<u64>,
    /// The newest that came under the key before, until one comes under this one.
    former: Option<u64>,
}

impl Index {
    /// The same stream under another key. Its count goes on (RFC 3711, section 3.3.1), unless its sender
    /// began anew (RFC 4568, section 7.1.4, and some who should not): the first packet shows which.
    #[must_use]
    pub fn rekeyed(self) -> Self {
        Self {
            newest: None,
            former: self.newest.or(self.former),
        }
    }

    /// The packet nearest to the newest that has this sequence number.
    pub fn guess(&self, sequence: u16) -> u64 {
        self.newest
            .map_or(sequence.into(), |newest| nearest(newest, sequence))
    }

    /// Which packets it may be besides: where none has come, the stream goes on as it was under the key
    /// before, or has begun anew, and may have wrapped since.
    pub fn or_else(&self, sequence: u16) -> impl Iterator<Item = u64> {
        let is_first = self.newest.is_none();
        let former = self.former.filter(|_| is_first);
        let wrapped = (is_first && sequence < 1 << 15).then_some((1 << 16) + u64::from(sequence));
        let former = former.map(|newest| nearest(newest, sequence));
        former.into_iter().chain(wrapped)
    }

    /// This packet has come.
    pub fn reach(&mut self, index: u64) {
        self.newest = Some(self.newest.map_or(index, |newest| newest.max(index)));
    }
}

fn nearest(newest: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(newest as u16);
    if ahead < 1 << 15 {
        return newest + u64::from(ahead);
    }
    let behind = u64::from(ahead.wrapping_neg());
    // Before the first wrap nothing lies further back than the beginning.
    newest.checked_sub(behind).unwrap_or(sequence.into())
}

/// Which packets have come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    newest: Option<u64>,
    /// Bit n says whether `newest - n` came.
    seen: u64,
}

impl Window {
    /// Whether a packet is known not to have come.
    pub fn is_new(&self, index: u64) -> bool {
        let Some(newest) = self.newest else {
            return true;
        };
        match newest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WIDTH && self.seen & (1 << behind) == 0,
        }
    }

    /// A packet has come.
    pub fn take(&mut self, index: u64) {
        let newest = self.newest.unwrap_or(index);
        if index >= newest {
            let shift = u32::try_from(index - newest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.newest = Some(index);
        } else if newest - index < WIDTH {
            self.seen |= 1 << (newest - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_forwards_and_packets_may_come_late() {
        let mut index = Index::default();
        index.reach(index.guess(65_534));
        assert_eq!(index.guess(65_535), 65_535);
        assert_eq!(index.guess(2), 65_538, "past the wrap");
        index.reach(65_538);
        assert_eq!(index.guess(65_535), 65_535, "late, from before the wrap");
        index.reach(65_535);
        assert_eq!(index.guess(3), 65_539, "a late packet takes nothing back");
        let mut first = Index::default();
        first.reach(5);
        assert_eq!(
            first.guess(65_530),
            65_530,
            "nothing is before the beginning"
        );
    }

    fn others(index: Index, sequence: u16) -> Vec<u64> {
        index.or_else(sequence).collect()
    }

    #[test]
    fn only_the_first_packet_that_comes_may_have_wrapped_before() {
        let mut index = Index::default();
        assert_eq!(others(index, 7), [65_543]);
        assert_eq!(others(index, 40_000), []);
        index.reach(65_543);
        assert_eq!(others(index, 8), []);
        assert_eq!(index.guess(65_530), 65_530, "late, from before the wrap");
    }

    #[test]
    fn under_another_key_a_stream_goes_on_or_begins_anew_with_its_first_packet() {
        const TWICE: u64 = 2 << 16;
        let mut index = Index::default();
        index.reach(TWICE + 40_000);
        let rekeyed = index.rekeyed().rekeyed();
        for (sequence, goes_on) in [(40_001, TWICE + 40_001), (7, TWICE + (1 << 16) + 7)] {
            let (mut kept, mut anew) = (rekeyed, rekeyed);
            assert!(others(kept, sequence).contains(&goes_on));
            kept.reach(goes_on);
            assert_eq!(others(kept, sequence), []);
            assert_eq!(kept.guess(sequence + 1), goes_on + 1);
            anew.reach(anew.guess(sequence));
            assert_eq!(anew.guess(sequence + 1), u64::from(sequence) + 1);
            assert_eq!(others(anew, sequence), []);
        }
        assert!(others(rekeyed, 7).contains(&65_543), "begun and wrapped");
    }

    #[test]
    fn what_came_is_known_and_what_is_too_old_counts_as_come() {
        let mut window = Window::default();
        for index in [100, 102, 101] {
            assert!(window.is_new(index), "{index}");
            window.take(index);
            assert!(!window.is_new(index), "{index}");
        }
        assert!(window.is_new(102 - WIDTH + 1) && !window.is_new(102 - WIDTH));
        window.take(1_000);
        assert!(!window.is_new(102) && window.is_new(999) && window.is_new(1_001));
    }
}
