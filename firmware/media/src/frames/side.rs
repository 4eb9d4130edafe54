//! One side's packets, put in order and on time.

use std::collections::BTreeMap;

use trunkside_call::{FRAME_SAMPLES, SAMPLE_RATE_HZ};

use super::FrameStats;
use super::conceal::Concealer;
use super::noise::{Hiss, Noise};
use super::playout_delay::PlayoutDelay;
use crate::g711;
use crate::tap::TapPacket;

/// A packet whose timestamp claims to be further than this from its arrival restarts the mapping.
const PLAUSIBLE: u64 = SAMPLE_RATE_HZ as u64;

/// So many packets in a row that all come too late for any delay, and they are another way's.
const LATE_IN_A_ROW: u32 = 5;

/// Packets held for a missing one; more are not needed within any delay, only where nobody has
/// looked for so long that what is missing will not come.
const MAX_HELD: usize = 64;

/// Positions count samples from the moment when the call was answered.
#[derive(Debug, Default)]
pub struct SideFramer {
    /// How RTP timestamps of one stream map to positions.
    mapping: Option<Mapping>,
    /// The position of the next sample to be made, once the side has been heard.
    position: Option<u64>,
    held: BTreeMap<u64, TapPacket>,
    late_in_a_row: u32,
    delay: PlayoutDelay,
    concealer: Concealer,
    /// Where the side fell silent, and how its silence sounds; none while it speaks.
    silent: Option<(u64, Hiss)>,
    partial: Vec<i16>,
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    ssrc: u32,
    timestamp: u32,
    position: u64,
}

impl SideFramer {
    /// Takes a packet that came at `now`.
    pub fn take(&mut self, now: u64, packet: &TapPacket, stats: &mut FrameStats) {
        let length = packet.voice.codes().len() as u64;
        if length == 0 {
            return;
        }
        let Some(begins) = self.map(now, packet, length, stats) else {
            stats.late += 1;
            return;
        };
        let ends = begins + length;
        let lateness = now.cast_signed().wrapping_sub(ends.cast_signed());
        let position = *self.position.get_or_insert(begins);
        let is_past = ends <= position;
        if is_past && lateness <= self.delay.wait().cast_signed() {
            stats.duplicates += 1;
            return;
        }
        if let Some(drift) = self.delay.learn(lateness) {
            self.shift(drift);
        }
        if is_past {
            stats.late += 1;
            self.late_in_a_row += 1;
            if self.late_in_a_row >= LATE_IN_A_ROW {
                self.mapping = None;
            }
            return;
        }
        self.late_in_a_row = 0;
        self.held.insert(begins, *packet);
        self.drain();
        if self.held.len() > MAX_HELD {
            self.flush(stats);
        }
    }

    /// What is missing from this moment of the stream on is silence that sounds so.
    pub fn fall_silent(&mut self, now: u64, noise: Noise) {
        if let Some(from) = self.place(now, noise.ssrc, noise.timestamp) {
            self.silent = Some((from, Hiss::new(noise.level)));
        }
    }

    /// Fills what has been waited for long enough.
    pub fn advance(&mut self, now: u64, stats: &mut FrameStats) {
        let due = now.saturating_sub(self.delay.wait());
        while let Some(position) = self.position {
            if position + FRAME_SAMPLES as u64 > due {
                return;
            }
            let gap = self.gap(position).unwrap_or(u64::MAX);
            self.fill(gap.min(FRAME_SAMPLES as u64), stats);
        }
    }

    /// When [`advance`](Self::advance) has something to do.
    pub fn deadline(&self) -> Option<u64> {
        Some(self.position? + FRAME_SAMPLES as u64 + self.delay.wait())
    }

    /// The next frame and where it begins.
    pub fn take_frame(&mut self) -> Option<(u64, [i16; FRAME_SAMPLES])> {
        let start = self.position? - self.partial.len() as u64;
        let samples = *self.partial.first_chunk::<FRAME_SAMPLES>()?;
        self.partial.drain(..FRAME_SAMPLES);
        Some((start, samples))
    }

    /// The position at which a packet begins; none when the side is too far ahead of the clock.
    fn map(
        &mut self,
        now: u64,
        packet: &TapPacket,
        length: u64,
        stats: &mut FrameStats,
    ) -> Option<u64> {
        let mapped = self.place(now, packet.ssrc, packet.timestamp);
        if mapped.is_some() {
            return mapped;
        }
        self.flush(stats);
        let spoken = now.saturating_sub(length);
        let begins = self
            .position
            .map_or(spoken, |position| position.max(spoken));
        if begins > now + PLAUSIBLE {
            return None;
        }
        self.delay.restart();
        self.mapping = Some(Mapping {
            ssrc: packet.ssrc,
            timestamp: packet.timestamp,
            position: begins,
        });
        Some(begins)
    }

    /// Where a timestamp of the stream at hand lies.
    fn place(&self, now: u64, ssrc: u32, timestamp: u32) -> Option<u64> {
        let mapping = self.mapping.filter(|mapping| mapping.ssrc == ssrc)?;
        // Signed, because packets may come out of order.
        let offset = i64::from(timestamp.wrapping_sub(mapping.timestamp) as i32);
        let begins = mapping.position.checked_add_signed(offset)?;
        (begins.abs_diff(now) < PLAUSIBLE).then_some(begins)
    }

    /// Moves what is still to come by the drift of its clock.
    fn shift(&mut self, drift: i64) {
        if let Some(mapping) = &mut self.mapping {
            mapping.position = mapping.position.saturating_add_signed(drift);
        }
    }

    /// How many samples are missing before the first packet held.
    fn gap(&self, position: u64) -> Option<u64> {
        let first = self.held.first_key_value()?;
        Some(first.0.saturating_sub(position))
    }

    /// Decodes what is held up to the first gap.
    fn drain(&mut self) {
        let Some(position) = &mut self.position else {
            return;
        };
        while let Some(held) = self
            .held
            .first_entry()
            .filter(|held| held.key() <= position)
        {
            let begins = *held.key();
            let packet = held.remove();
            self.silent = self.silent.take().filter(|(from, _)| *from > begins);
            let known = (*position - begins) as usize;
            let codes = packet.voice.codes().get(known..).unwrap_or_default();
            let heard = self.partial.len();
            self.partial
                .extend(codes.iter().map(|&code| g711::decode(packet.codec, code)));
            self.concealer.heard(&mut self.partial[heard..]);
            *position += codes.len() as u64;
        }
    }

    /// Makes up so many samples, then takes what follows them.
    fn fill(&mut self, samples: u64, stats: &mut FrameStats) {
        if let Some(position) = &mut self.position {
            match &mut self.silent {
                Some((from, hiss)) if *from <= *position => {
                    self.concealer
                        .silence(samples as usize, hiss, &mut self.partial);
                }
                _ => self.concealer.conceal(samples as usize, &mut self.partial),
            }
            *position += samples;
            stats.filled_samples += samples;
        }
        self.drain();
    }

    /// Takes all that is held, gaps and all: what comes next belongs to another time.
    fn flush(&mut self, stats: &mut FrameStats) {
        while let Some(gap) = self.position.and_then(|position| self.gap(position)) {
            self.fill(gap, stats);
        }
    }
}
