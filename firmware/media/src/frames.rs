//! From packets as they come to frames whose times are true.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use trunkside_call::{Frame, SAMPLE_RATE_HZ, Side};

use crate::tap::TapPacket;

mod conceal;
mod noise;
mod playout_delay;
mod side;

pub use noise::Noise;
use side::SideFramer;

/// What the frames had to make up for, both sides together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStats {
    /// Frames made.
    pub frames: u64,
    /// Samples made up where packets were missing.
    pub filled_samples: u64,
    /// Packets dropped because their time had passed.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
}

/// Puts both sides' packets in order, decodes them and conceals gaps.
///
/// Samples are counted from the moment of answering. Packets in order pass at once; a gap is waited
/// for as long as the network has shown to be worth it, then filled at the pace of the clock, so a
/// side that sends nothing while it is silent still yields frames.
#[derive(Debug)]
pub struct Framer {
    answered: Instant,
    caller: SideFramer,
    agent: SideFramer,
    ready: VecDeque<Frame>,
    stats: FrameStats,
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
        self.collect();
    }

    /// A side says how its silence sounds: what is missing from then on is filled with that, until voice
    /// comes again.
    pub fn fall_silent(&mut self, now: Instant, side: Side, noise: Noise) {
        if now < self.answered {
            return;
        }
        let now = self.position_of(now);
        match side {
            Side::Caller => self.caller.fall_silent(now, noise),
            Side::Agent => self.agent.fall_silent(now, noise),
        }
    }

    /// Fills what has been waited for long enough.
    pub fn advance(&mut self, now: Instant) {
        let now = self.position_of(now);
        for side in [&mut self.caller, &mut self.agent] {
            side.advance(now, &mut self.stats);
        }
        self.collect();
    }

    /// The next frame of either side.
    pub fn poll(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// When [`advance`](Self::advance) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.caller.deadline(), self.agent.deadline()];
        let next = deadlines.into_iter().flatten().min()?;
        Some(self.answered + duration(next))
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

pub(crate) fn samples(duration: Duration) -> u64 {
    // A call of 70 years fits.
    (duration.as_micros() * u128::from(SAMPLE_RATE_HZ) / 1_000_000) as u64
}

pub(crate) fn duration(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(SAMPLE_RATE_HZ))
}

#[cfg(test)]
mod tests;
