//! Whether a far end may be gone: how long nothing of it has come.

use std::time::{Duration, Instant};

use trunkside_call::Side;

use super::Relay;

/// After so long without voice or reports somebody should ask. Most far ends send one or the other every few
/// seconds, while they hold a call too; those that do not are asked again and again, which costs little.
pub const LIMIT: Duration = Duration::from_mins(1);

/// How long one far end has been silent.
#[derive(Debug, Default)]
pub struct Silence {
    told_at: Option<Instant>,
}

impl Silence {
    /// Something has come, or is awaited from now on.
    pub fn is_broken(&mut self, now: Instant) {
        self.told_at = Some(now + LIMIT);
    }
}

impl Relay {
    /// A leg's far end is to be heard from now on.
    pub(crate) fn await_sign(&mut self, now: Instant, side: Side) {
        self.leg_mut(side).silence.is_broken(now);
    }

    /// When [`is_silent`](Self::is_silent) may have something.
    pub(crate) fn silence_deadline(&self) -> Option<Instant> {
        let deadlines = [&self.caller, &self.agent].map(|leg| leg.silence.told_at);
        deadlines.into_iter().flatten().min()
    }

    /// Whether nothing of a far end has come for too long; told again after as long.
    pub(crate) fn is_silent(&mut self, now: Instant, side: Side) -> bool {
        let silence = &mut self.leg_mut(side).silence;
        let is_silent = silence.told_at.is_some_and(|at| now >= at);
        if is_silent {
            silence.is_broken(now);
        }
        is_silent
    }
}
