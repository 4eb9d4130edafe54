//! One continuous stream towards a leg, whatever feeds it: prompts, then an agent, then a prompt.

use std::time::Instant;

use trunkside_call::{Codec, FRAME_SAMPLES, SAMPLE_RATE_HZ};

use crate::rtp::Header;

/// The stream that the box sends to one leg.
///
/// Its SSRC never changes; sequence numbers and timestamps run on when the source changes, so the
/// far end's jitter buffer sees one speaker. Gaps in a relayed source are kept: the far end must
/// see what was lost to conceal it.
#[derive(Debug)]
pub struct Outgoing {
    ssrc: u32,
    next_sequence: u16,
    /// The timestamp of the packet sent last, and when it was sent.
    last: Option<(u32, Instant)>,
    first_timestamp: u32,
    source: Option<Source>,
    packets: u32,
    octets: u32,
}

/// What has been sent so far, as a report says it: modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// What the stream's clock reads now.
    pub timestamp: u32,
    /// Packets.
    pub packets: u32,
    /// Bytes of payload.
    pub octets: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Own,
    Relayed {
        ssrc: u32,
        sequence_offset: u16,
        timestamp_offset: u32,
    },
}

impl Outgoing {
    /// A stream that begins with these numbers, which RFC 3550 wants to be random.
    pub const fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            next_sequence: sequence,
            last: None,
            first_timestamp: timestamp,
            source: None,
            packets: 0,
            octets: 0,
        }
    }

    /// A stream that begins with numbers made of these. Its sequence numbers do not wrap soon: who gets none of
    /// the packets before the wrap cannot know that one was, and proves no protected packet of it ever
    /// (RFC 4771, section 1).
    pub const fn random([name, clock]: [u64; 2]) -> Self {
        let sequence = (name >> 32) as u16 & (u16::MAX >> 1);
        Self::new(name as u32, sequence, clock as u32)
    }

    /// The stream's name.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// A number that other streams do not share.
    pub const fn seed(&self) -> u64 {
        (self.ssrc as u64) << 32 | self.first_timestamp as u64
    }

    /// What has been sent so far.
    pub fn sent_by(&self, now: Instant) -> Sent {
        let timestamp = self.last.map_or(self.first_timestamp, |(timestamp, sent)| {
            timestamp.wrapping_add(samples_since(sent, now))
        });
        Sent {
            timestamp,
            packets: self.packets,
            octets: self.octets,
        }
    }

    /// The next packet of a prompt, `samples` after the one before it.
    pub fn next_own(&mut self, now: Instant, codec: Codec, first: bool, samples: u32) -> Header {
        let continues = self.source == Some(Source::Own) && !first;
        let timestamp = match self.last {
            Some((timestamp, _)) if continues => timestamp.wrapping_add(samples),
            _ => self.resume_at(now),
        };
        self.source = Some(Source::Own);
        let sequence = self.next_sequence;
        self.sent(now, sequence, timestamp, samples);
        Header {
            payload_type: codec.payload_type(),
            marker: !continues,
            sequence,
            timestamp,
            ssrc: self.ssrc,
        }
    }

    /// The next packet of a telephone event that `began` at that timestamp, or begins with it. The stream's clock goes
    /// on meanwhile: what is sent next follows the event.
    pub fn next_event(
        &mut self,
        now: Instant,
        payload_type: u8,
        began: Option<u32>,
        octets: u32,
    ) -> Header {
        let clock = self.resume_at(now);
        self.source = Some(Source::Own);
        let sequence = self.next_sequence;
        self.sent(now, sequence, clock, octets);
        Header {
            payload_type,
            marker: began.is_none(),
            sequence,
            timestamp: began.unwrap_or(clock),
            ssrc: self.ssrc,
        }
    }

    /// Nothing is sent for a while: what comes then goes on as much later as time has passed, without
    /// a hole in the sequence numbers.
    pub const fn pause(&mut self) {
        self.source = None;
    }

    /// A packet of the other leg, with so many bytes of payload, under this stream's numbers.
    pub fn readdress(
        &mut self,
        now: Instant,
        payload_type: u8,
        header: Header,
        octets: u32,
    ) -> Header {
        let (sequence_offset, timestamp_offset, marker) = match self.source {
            Some(Source::Relayed {
                ssrc,
                sequence_offset,
                timestamp_offset,
            }) if ssrc == header.ssrc && self.is_near(header.timestamp, timestamp_offset) => {
                (sequence_offset, timestamp_offset, header.marker)
            }
            _ => {
                let sequence_offset = self.next_sequence.wrapping_sub(header.sequence);
                let timestamp_offset = self.resume_at(now).wrapping_sub(header.timestamp);
                self.source = Some(Source::Relayed {
                    ssrc: header.ssrc,
                    sequence_offset,
                    timestamp_offset,
                });
                (sequence_offset, timestamp_offset, true)
            }
        };
        let sequence = header.sequence.wrapping_add(sequence_offset);
        let timestamp = header.timestamp.wrapping_add(timestamp_offset);
        self.sent(now, sequence, timestamp, octets);
        Header {
            payload_type,
            marker,
            sequence,
            timestamp,
            ssrc: self.ssrc,
        }
    }

    /// Whether a timestamp goes on from the last one; a source that restarts its clock does not.
    fn is_near(&self, timestamp: u32, offset: u32) -> bool {
        const LIMIT: u32 = 30 * SAMPLE_RATE_HZ;
        self.last.is_none_or(|(last, _)| {
            let ahead = timestamp.wrapping_add(offset).wrapping_sub(last);
            ahead < LIMIT || ahead.wrapping_neg() < LIMIT
        })
    }

    /// The timestamp of a new source's first packet: as much later as time has passed.
    fn resume_at(&self, now: Instant) -> u32 {
        let Some((timestamp, sent)) = self.last else {
            return self.first_timestamp;
        };
        timestamp.wrapping_add(samples_since(sent, now).max(FRAME_SAMPLES as u32))
    }

    fn sent(&mut self, now: Instant, sequence: u16, timestamp: u32, octets: u32) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets);
        let next = sequence.wrapping_add(1);
        // A packet that comes late does not move the stream back.
        if next.wrapping_sub(self.next_sequence) < u16::MAX / 2 || self.last.is_none() {
            self.next_sequence = next;
            self.last = Some((timestamp, now));
        }
    }
}

/// Wraps for a silence of more than six days, as timestamps themselves do.
fn samples_since(then: Instant, now: Instant) -> u32 {
    let elapsed = now.saturating_duration_since(then);
    (elapsed.as_micros() * u128::from(SAMPLE_RATE_HZ) / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::now;

    #[test]
    fn a_stream_does_not_wrap_before_the_far_end_has_heard_of_it() {
        for random in [0, 0x7FFF_1234_5678, 0x8000_1234_5678, u64::MAX] {
            let mut stream = Outgoing::random([random, 7]);
            let first = stream.next_own(now(), Codec::Pcma, true, 160);
            assert!(first.sequence < 1 << 15, "{random:x}");
            assert_eq!((first.ssrc, first.timestamp), (random as u32, 7));
        }
    }
}
