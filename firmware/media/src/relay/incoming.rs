//! What a leg's incoming stream tells of the way here: lost, late and duplicate packets and jitter
//! (RFC 3550, appendices A.1, A.3 and A.8).

use std::time::{Duration, Instant};

use crate::jitter::Jitter;
use crate::quality::Losses;
use crate::rtp::Header;

pub use playout::BUFFER;
use playout::Playout;

mod playout;

/// A jump further than this is a new stream, not a loss.
const MAX_JUMP: u16 = 3_000;

/// Packets behind the newest of which it is known whether they came.
const WINDOW: u32 = 64;

/// Sequence numbers are counted on from here, so that a packet before the first has a number too.
const ORIGIN: u32 = 1 << 16;

/// What a report says of a stream (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The stream.
    pub ssrc: u32,
    /// The share that was lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets that never came.
    pub lost: u32,
    /// The newest sequence number, and how often it wrapped.
    pub highest: u32,
    /// Interarrival jitter in samples.
    pub jitter: u32,
}

/// One leg's incoming streams; one at a time.
#[derive(Debug, Default)]
pub struct Reception {
    stream: Option<Stream>,
    before: Losses,
    jitter: Jitter,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    first: u32,
    highest: u32,
    /// Bit n says whether `highest - n` came.
    seen: u64,
    received: u32,
    bursts: u64,
    late: u64,
    playout: Playout,
    /// Expected and received when the last report was written.
    reported: (u32, u32),
}

impl Reception {
    /// Takes the next packet as it comes. The timestamps of telephone events stand still, so only
    /// those of voice are timed. Returns the jitter now, after voice.
    pub fn count(&mut self, now: Instant, header: &Header, is_voice: bool) -> Option<Duration> {
        let known = self.stream.as_mut().filter(|s| s.ssrc == header.ssrc);
        let goes_on = known.is_some_and(|stream| stream.take(header.sequence));
        if !goes_on {
            self.before = self.losses();
            self.stream = Some(Stream::new(header));
        }
        let stream = self.stream.as_mut().filter(|_| is_voice)?;
        stream.late += u64::from(stream.playout.is_late(now, header.timestamp));
        Some(self.jitter.count(now, header.ssrc, header.timestamp))
    }

    /// What has been counted so far.
    pub fn losses(&self) -> Losses {
        let before = self.before;
        self.stream.as_ref().map_or(before, |stream| Losses {
            expected: before.expected + u64::from(stream.expected()),
            lost: before.lost + u64::from(stream.lost()),
            bursts: before.bursts + stream.bursts,
            late: before.late + stream.late,
        })
    }

    /// What a report says now; the next one counts its share of losses from here.
    pub fn block(&mut self) -> Option<Block> {
        let jitter = self.jitter.samples();
        let stream = self.stream.as_mut()?;
        let now = (stream.expected(), stream.received);
        let expected = now.0.wrapping_sub(stream.reported.0);
        let received = now.1.wrapping_sub(stream.reported.1);
        stream.reported = now;
        let lost = u64::from(expected.saturating_sub(received));
        Some(Block {
            ssrc: stream.ssrc,
            fraction_lost: (lost * 256)
                .checked_div(expected.into())
                .unwrap_or(0)
                .min(255) as u8,
            lost: stream.lost(),
            highest: stream.highest.wrapping_sub(ORIGIN),
            jitter,
        })
    }
}

impl Stream {
    fn new(header: &Header) -> Self {
        let first = ORIGIN + u32::from(header.sequence);
        Self {
            ssrc: header.ssrc,
            first,
            highest: first,
            seen: 1,
            received: 1,
            bursts: 0,
            late: 0,
            playout: Playout::default(),
            reported: (0, 0),
        }
    }

    const fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.first).wrapping_add(1)
    }

    const fn lost(&self) -> u32 {
        self.expected().saturating_sub(self.received)
    }

    /// Takes a packet of this stream; false when it leaps, which begins another.
    fn take(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        let behind = ahead.wrapping_neg();
        if ahead == 0 {
            return true;
        }
        if ahead < MAX_JUMP {
            self.bursts += u64::from(ahead > 1);
            self.highest = self.highest.wrapping_add(ahead.into());
            self.seen = self.seen.checked_shl(ahead.into()).unwrap_or(0) | 1;
            self.received += 1;
            return true;
        }
        if behind >= MAX_JUMP {
            return false;
        }
        self.take_late(behind.into());
        true
    }

    /// A packet that comes after a later one: fills a gap, unless it came before.
    fn take_late(&mut self, behind: u32) {
        let number = self.highest.wrapping_sub(behind);
        if behind >= WINDOW || self.seen & (1 << behind) != 0 {
            return;
        }
        if number < self.first {
            // What lies between it and the first is now a gap.
            self.bursts += u64::from(self.first - number > 1);
            self.first = number;
        } else {
            let came = |n: u32| n >= WINDOW || self.seen & (1 << n) != 0;
            match (came(behind - 1), came(behind + 1) || number == self.first) {
                (true, true) => self.bursts -= 1,
                (false, false) => self.bursts += 1,
                _ => {}
            }
        }
        self.seen |= 1 << behind;
        self.received += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tap::now;

    fn header(ssrc: u32, sequence: u16) -> Header {
        Header {
            payload_type: 8,
            marker: false,
            sequence,
            timestamp: u32::from(sequence).wrapping_mul(160),
            ssrc,
        }
    }

    fn after(packets: &[(u32, u16)]) -> Reception {
        let (mut reception, now) = (Reception::default(), now());
        for &(ssrc, sequence) in packets {
            reception.count(now, &header(ssrc, sequence), false);
        }
        reception
    }

    fn lost_in(packets: &[u16]) -> (u64, u64) {
        let packets: Vec<_> = packets.iter().map(|&number| (1, number)).collect();
        let losses = after(&packets).losses();
        (losses.lost, losses.bursts)
    }

    #[test]
    fn gaps_are_lost_until_they_are_filled() {
        assert_eq!(lost_in(&[10, 11, 14]), (2, 1));
        assert_eq!(lost_in(&[10, 11, 14, 12]), (1, 1));
        assert_eq!(lost_in(&[10, 11, 14, 13, 12]), (0, 0));
        assert_eq!(lost_in(&[10, 14, 12]), (2, 2), "one gap became two");
        assert_eq!(lost_in(&[10, 14, 12, 12, 12, 14]), (2, 2), "duplicates");
        assert_eq!(lost_in(&[10, 9, 7, 11]), (1, 1), "before the first");
        assert_eq!(lost_in(&[10, 200, 20, 20]), (189, 1), "too old to know");
    }

    #[test]
    fn wrapping_new_streams_and_restarts_are_not_losses() {
        let packets = [(1, 65_535), (1, 0), (2, 500), (2, 40_000), (2, 40_001)];
        let losses = after(&packets).losses();
        assert_eq!((losses.expected, losses.lost), (5, 0));
    }

    #[test]
    fn a_report_counts_the_share_since_the_last_one() {
        let mut reception = after(&[(7, 65_534), (7, 65_535), (7, 2), (7, 3)]);
        let block = reception.block().expect("a stream");
        assert_eq!((block.ssrc, block.lost), (7, 2));
        assert_eq!(block.fraction_lost, 85, "two of six");
        assert_eq!(block.highest, (1 << 16) + 3, "it wrapped once");
        reception.count(now(), &header(7, 4), false);
        let block = reception.block().expect("a stream");
        assert_eq!((block.fraction_lost, block.lost), (0, 2));
        assert_eq!(Reception::default().block(), None);
    }

    proptest! {
        #[test]
        fn what_came_once_is_never_lost(
            order in proptest::sample::subsequence((0..60_u16).collect::<Vec<_>>(), 1..60)
                .prop_shuffle()
        ) {
            let packets: Vec<_> = order.iter().map(|&n| (1, n.wrapping_sub(30))).collect();
            let losses = after(&packets).losses();
            let (first, last) = (order.iter().min().unwrap(), order.iter().max().unwrap());
            prop_assert_eq!(losses.expected, u64::from(last - first) + 1);
            prop_assert_eq!(losses.lost, losses.expected - order.len() as u64);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            let gaps = sorted.windows(2).filter(|pair| pair[1] - pair[0] > 1).count();
            prop_assert_eq!(losses.bursts, gaps as u64);
        }
    }
}
