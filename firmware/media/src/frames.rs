//! From packets as they come to frames whose times are true.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use trunkside_call::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ, Side};

use crate::g711;
use crate::tap::TapPacket;

/// How long a missing packet is waited for, after the time it should have come.
const PATIENCE: Duration = Duration::from_millis(80);

/// A packet whose timestamp claims to be further than this from its arrival restarts the mapping.
const PLAUSIBLE: u64 = SAMPLE_RATE_HZ as u64;

/// So many packets in a row that all come too late mean that the clocks have drifted apart.
const LATE_IN_A_ROW: u32 = 5;

/// Packets held for a missing one; more are not needed within [`PATIENCE`].
const MAX_HELD: usize = 32;

/// What the frames had to make up for, both sides together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStats {
    /// Frames made.
    pub frames: u64,
    /// Samples of silence put in where packets were missing.
    pub filled_samples: u64,
    /// Packets dropped because their time had passed.
    pub late: u64,
}

/// Puts both sides' packets in order, decodes them and fills gaps with silence.
///
/// Samples are counted from the moment of answering. Packets in order pass at once; a gap is waited
/// for, then filled at the pace of the clock, so a side that sends nothing while it is silent still
/// yields frames.
#[derive(Debug)]
pub struct Framer {
    answered: Instant,
    caller: SideFramer,
    agent: SideFramer,
    ready: VecDeque<Frame>,
    stats: FrameStats,
}

#[derive(Debug, Default)]
struct SideFramer {
    /// How RTP timestamps of one stream map to positions.
    mapping: Option<Mapping>,
    /// The position of the next sample to be made, once the side has been heard.
    position: Option<u64>,
    held: BTreeMap<u64, TapPacket>,
    late_in_a_row: u32,
    partial: Vec<i16>,
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    ssrc: u32,
    timestamp: u32,
    position: u64,
}

impl Framer {
    /// Frames count from the moment when the call was answered.
    pub fn new(answered: Instant) -> Self {
        Self {
            answered,
            caller: SideFramer::default(),
            agent: SideFramer::default(),
            ready: VecDeque::new(),
            stats: FrameStats::default(),
        }
    }

    /// Takes a packet that came at `now`; what came before the call was answered is left out.
    pub fn handle(&mut self, now: Instant, packet: &TapPacket) {
        if now < self.answered {
            return;
        }
        let now = self.position_of(now);
        let side = match packet.side {
            Side::Caller => &mut self.caller,
            Side::Agent => &mut self.agent,
        };
        side.take(now, packet, &mut self.stats);
        side.drain();
        self.collect();
    }

    /// Fills what has been waited for long enough.
    pub fn advance(&mut self, now: Instant) {
        let due = self.position_of(now).saturating_sub(samples(PATIENCE));
        for side in [&mut self.caller, &mut self.agent] {
            side.fill_until(due, &mut self.stats);
        }
        self.collect();
    }

    /// The next frame of either side.
    pub fn poll(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// When [`advance`](Self::advance) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let next = [self.caller.position, self.agent.position]
            .into_iter()
            .flatten()
            .min()?;
        Some(self.answered + duration(next + FRAME_SAMPLES as u64) + PATIENCE)
    }

    /// What had to be made up for so far.
    pub const fn stats(&self) -> FrameStats {
        self.stats
    }

    fn position_of(&self, now: Instant) -> u64 {
        samples(now.saturating_duration_since(self.answered))
    }

    fn collect(&mut self) {
        for (side, framer) in [
            (Side::Caller, &mut self.caller),
            (Side::Agent, &mut self.agent),
        ] {
            while let Some((start, samples)) = framer.take_frame() {
                self.stats.frames += 1;
                self.ready.push_back(Frame {
                    side,
                    start: duration(start),
                    samples,
                });
            }
        }
    }
}

impl SideFramer {
    fn take(&mut self, now: u64, packet: &TapPacket, stats: &mut FrameStats) {
        let length = packet.voice.codes().len() as u64;
        if length == 0 {
            return;
        }
        let begins = self.map(now, packet, length);
        let position = *self.position.get_or_insert(begins);
        if begins + length <= position {
            stats.late += 1;
            self.late_in_a_row += 1;
            if self.late_in_a_row >= LATE_IN_A_ROW {
                self.mapping = None;
            }
            return;
        }
        self.late_in_a_row = 0;
        if self.held.len() < MAX_HELD {
            self.held.insert(begins, *packet);
        }
    }

    /// The position at which a packet begins.
    fn map(&mut self, now: u64, packet: &TapPacket, length: u64) -> u64 {
        let mapped = self
            .mapping
            .filter(|mapping| mapping.ssrc == packet.ssrc)
            .and_then(|mapping| {
                // Signed, because packets may come out of order.
                let offset = i64::from(packet.timestamp.wrapping_sub(mapping.timestamp) as i32);
                let begins = mapping.position.checked_add_signed(offset)?;
                (begins.abs_diff(now) < PLAUSIBLE).then_some(begins)
            });
        let begins = mapped.unwrap_or_else(|| {
            let spoken = now.saturating_sub(length);
            self.position
                .map_or(spoken, |position| position.max(spoken))
        });
        if mapped.is_none() {
            self.held.clear();
            self.mapping = Some(Mapping {
                ssrc: packet.ssrc,
                timestamp: packet.timestamp,
                position: begins,
            });
        }
        begins
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
            let known = (*position - begins) as usize;
            let codes = packet.voice.codes().get(known..).unwrap_or_default();
            self.partial
                .extend(codes.iter().map(|&code| g711::decode(packet.codec, code)));
            *position += codes.len() as u64;
        }
    }

    /// Fills the gap with silence, whole frames only, up to the first packet held or until due.
    fn fill_until(&mut self, due: u64, stats: &mut FrameStats) {
        loop {
            let Some(position) = self.position else {
                return;
            };
            if position + FRAME_SAMPLES as u64 > due {
                return;
            }
            let gap = self
                .held
                .keys()
                .next()
                .map_or(u64::MAX, |&held| held - position);
            let silence = gap.min(FRAME_SAMPLES as u64);
            self.partial
                .extend(std::iter::repeat_n(0, silence as usize));
            self.position = Some(position + silence);
            stats.filled_samples += silence;
            self.drain();
        }
    }

    fn take_frame(&mut self) -> Option<(u64, [i16; FRAME_SAMPLES])> {
        let start = self.position? - self.partial.len() as u64;
        let samples = *self.partial.first_chunk::<FRAME_SAMPLES>()?;
        self.partial.drain(..FRAME_SAMPLES);
        Some((start, samples))
    }
}

fn samples(duration: Duration) -> u64 {
    // A call of 70 years fits.
    (duration.as_micros() * u128::from(SAMPLE_RATE_HZ) / 1_000_000) as u64
}

fn duration(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(SAMPLE_RATE_HZ))
}

#[cfg(test)]
mod tests;
