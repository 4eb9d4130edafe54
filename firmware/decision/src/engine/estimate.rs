//! How much longer a caller may wait.
//!
//! Only sums, products, quotients and square roots are used, which IEEE 754 rounds the same on
//! every machine, so that estimates replay to the same bits.

use std::time::Duration;

use trunkside_call::CallId;

use super::Engine;
use super::agent::{Micros, Slot};
use super::call::Stage;

/// Before anything was measured: a call takes three minutes, as if five had been seen.
const PRIOR_TALK: f64 = 180e6;
const PRIOR_CALLS: f64 = 5.0;

/// What the day has shown so far.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    calls: u32,
    talked: Micros,
    waited: Micros,
    hung_up: u32,
}

/// The rest of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitEstimate {
    /// Half of such callers wait no longer.
    pub median: Duration,
    /// Nine in ten wait no longer.
    pub ninety_percent: Duration,
}

impl History {
    pub const fn talked(&mut self, lasted: Micros) {
        self.calls = self.calls.saturating_add(1);
        self.talked = self.talked.saturating_add(lasted);
    }

    pub const fn answered(&mut self, waited: Micros) {
        self.waited = self.waited.saturating_add(waited);
    }

    pub const fn hung_up(&mut self, waited: Micros) {
        self.waited = self.waited.saturating_add(waited);
        self.hung_up = self.hung_up.saturating_add(1);
    }

    /// Mean time of a call, drawn towards the prior while few were seen.
    fn mean_talk(&self) -> f64 {
        let calls = f64::from(self.calls) + PRIOR_CALLS;
        (self.talked as f64 + PRIOR_TALK * PRIOR_CALLS) / calls
    }

    /// Hang-ups for each microsecond of waiting; the estimate of an exponential patience that
    /// censored waits allow.
    fn hang_up_rate(&self) -> f64 {
        if self.waited == 0 {
            0.0
        } else {
            f64::from(self.hung_up) / self.waited as f64
        }
    }
}

impl Engine {
    pub fn expected_wait(&self, call: CallId) -> Option<WaitEstimate> {
        let slot = self.slots.get(&call).copied()?;
        if self.call(slot).stage != Stage::Waiting {
            return None;
        }
        self.estimate(slot)
    }

    /// The call is served once it and those before it have each found an agent. One leaves the
    /// queue at the rate at which fitting agents end calls plus that at which those before it hang
    /// up (Whitt 1999); the sum of these steps is close to a gamma distribution, whose quantiles
    /// follow from its mean and variance (Wilson and Hilferty 1931).
    pub(super) fn estimate(&self, slot: Slot) -> Option<WaitEstimate> {
        let call = self.call(slot);
        let fitting = self
            .agents
            .iter()
            .zip(&call.kind.fits)
            .filter(|(agent, fit)| agent.signed_in && fit.meets(call.insist))
            .count();
        if fitting == 0 {
            return None;
        }
        let service = fitting as f64 / self.history.mean_talk();
        let hang_up = self.history.hang_up_rate();
        let (mut mean, mut variance) = (0.0, 0.0);
        for before in 0..=self.ahead(slot) {
            let step = 1.0 / (service + f64::from(before) * hang_up);
            mean += step;
            variance += step * step;
        }
        let shape = mean * mean / variance;
        let quantile = |normal: f64| {
            let root = 1.0 - 1.0 / (9.0 * shape) + normal / (3.0 * shape.sqrt());
            Duration::from_micros((mean * root * root * root) as u64)
        };
        Some(WaitEstimate {
            median: quantile(0.0),
            ninety_percent: quantile(1.281_551_6),
        })
    }
}
