//! How much longer a caller may wait.
//!
//! Only sums, products, quotients and square roots are used, which IEEE 754 rounds the same on
//! every machine, so that estimates replay to the same bits.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkside_call::CallId;

use super::Engine;
use super::agent::{Micros, Slot};
use super::call::Stage;
use crate::need::Need;

/// Before anything was measured: a call takes three minutes, as if five had been seen.
const PRIOR_TALK: f64 = 180e6;
const PRIOR_CALLS: f64 = 5.0;

/// Sets of rules whose waits are remembered.
const MOST_RULES: usize = 1024;

/// What the day has shown so far.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    calls: u32,
    talked: Micros,
    waited: Micros,
    hung_up: u32,
    by_rules: BTreeMap<Vec<usize>, Experience>,
}

/// The rest of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitEstimate {
    /// One in ten waits no longer.
    pub ten_percent: Duration,
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

    /// A wait at the telephone was over before the caller's patience was.
    pub const fn without_hang_up(&mut self, waited: Micros) {
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

/// How steps and waits of callers who asked for the same were foreseen, and how that turned out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Experience {
    /// What the queue's length foretells is multiplied by this, and what the last wait foretells.
    queue_scale: f64,
    last_scale: f64,
    /// Running mean errors of both, in microseconds.
    queue_error: f64,
    last_error: f64,
    /// The wait of the last such caller who waited and was answered.
    last_wait: Option<f64>,
    /// Corrections of the 10, 50 and 90 % quantiles.
    corrections: [f64; 3],
}

/// What was foretold when a caller began to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Forecast {
    queue: f64,
    last: Option<f64>,
    quantiles: [f64; 3],
}

const QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];

/// How far one call moves a correction.
const PACE: f64 = 0.05;

impl Experience {
    const fn none() -> Self {
        Self {
            queue_scale: 1.0,
            last_scale: 1.0,
            queue_error: 60e6,
            last_error: 60e6,
            last_wait: None,
            corrections: [1.0; 3],
        }
    }

    /// Both predictions together, the better one counting more.
    fn combined(&self, queue: f64, last: Option<f64>) -> f64 {
        let queue = queue * self.queue_scale;
        let Some(last) = last else { return queue };
        let weight = |error: f64| 1.0 / (error * error);
        let (by_queue, by_last) = (weight(self.queue_error), weight(self.last_error));
        (queue * by_queue + last * self.last_scale * by_last) / (by_queue + by_last)
    }

    fn learn(&mut self, forecast: &Forecast, waited: f64, answered: bool) {
        for (index, quantile) in QUANTILES.into_iter().enumerate() {
            // Whoever hung up would have waited longer: only that is known.
            let above = waited > forecast.quantiles[index];
            if above {
                adjust(&mut self.corrections[index], quantile);
            } else if answered {
                adjust(&mut self.corrections[index], quantile - 1.0);
            }
        }
        if !answered {
            return;
        }
        let predicted = forecast.queue * self.queue_scale;
        self.queue_error += PACE * ((predicted - waited).abs() - self.queue_error);
        adjust(
            &mut self.queue_scale,
            if waited > predicted { 0.5 } else { -0.5 },
        );
        if let Some(last) = forecast.last {
            let predicted = last * self.last_scale;
            self.last_error += PACE * ((predicted - waited).abs() - self.last_error);
            adjust(
                &mut self.last_scale,
                if waited > predicted { 0.5 } else { -0.5 },
            );
        }
        self.last_wait = Some(waited);
    }
}

/// A step that is in balance when the quantile is met (Gibbs and Candès 2021, on a ratio).
fn adjust(scale: &mut f64, towards: f64) {
    *scale = (*scale * (1.0 + PACE * towards)).clamp(0.02, 50.0);
}

impl History {
    fn experience(&self, need: &Need) -> Experience {
        self.by_rules
            .get(&need.rules)
            .copied()
            .unwrap_or(Experience::none())
    }

    /// Learns from the end of a wait that was foretold.
    pub fn turned_out(&mut self, need: &Need, forecast: &Forecast, waited: Micros, answered: bool) {
        if !self.by_rules.contains_key(&need.rules) && self.by_rules.len() >= MOST_RULES {
            return;
        }
        let experience = self
            .by_rules
            .entry(need.rules.clone())
            .or_insert(Experience::none());
        experience.learn(forecast, waited as f64, answered);
    }

    /// Keeps what was learnt of rules that go on under other numbers; forgets the others.
    pub fn move_rules(&mut self, to: &[Option<usize>]) {
        self.by_rules = std::mem::take(&mut self.by_rules)
            .into_iter()
            .filter_map(|(rules, experience)| Some((renumbered(&rules, to)?, experience)))
            .collect();
    }
}

/// Rules under their new numbers, in order; none when one of them is gone.
pub(super) fn renumbered(rules: &[usize], to: &[Option<usize>]) -> Option<Vec<usize>> {
    let mut rules: Vec<usize> = rules.iter().map(|rule| to[*rule]).collect::<Option<_>>()?;
    rules.sort_unstable();
    Some(rules)
}

impl Engine {
    pub fn expected_wait(&self, call: CallId) -> Option<WaitEstimate> {
        let slot = self.slots.get(&call).copied()?;
        if self.call(slot).stage != Stage::Waiting {
            return None;
        }
        self.estimate(slot)
    }

    /// The rest of a waiting call's wait: nobody waits longer than the policy lets them.
    pub(super) fn estimate(&self, slot: Slot) -> Option<WaitEstimate> {
        let [ten, fifty, ninety] = self.forecast(slot)?.quantiles;
        let left = self.call(slot).waits_until(&self.policy) - self.now;
        let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
        let time = |micros: f64| Duration::from_micros(micros as u64).min(left);
        Some(WaitEstimate {
            ten_percent: time(ten),
            median: time(fifty),
            ninety_percent: time(ninety),
        })
    }

    /// Two predictors, joined. By the queue: the call is served once it and those before it have
    /// each found an agent; one leaves the queue at the rate at which fitting agents end calls plus
    /// that at which those before it hang up (Whitt 1999); the sum of these steps is close to a
    /// gamma distribution, whose quantiles follow from its mean and variance (Wilson and Hilferty
    /// 1931). By the last such caller who was answered: the wait that they had (Ibrahim and Whitt
    /// 2009). How each turned out before decides how much it counts, and corrects the quantiles.
    pub(super) fn forecast(&self, slot: Slot) -> Option<Forecast> {
        let call = self.call(slot);
        let agents = self.agents.iter().zip(&call.kind.fits);
        let fitting = agents.filter(|(agent, fit)| agent.signed_in && fit.meets(call.insist));
        let (fitting, there) = fitting.fold((0, 0), |(all, there), (agent, _)| {
            (all + 1, there + u32::from(agent.is_there()))
        });
        // Who does not answer ends no calls, unless they come back.
        let fitting = if there == 0 { fitting } else { there };
        if fitting == 0 {
            return None;
        }
        let service = f64::from(fitting) / self.history.mean_talk();
        let hang_up = self.history.hang_up_rate();
        let (mut mean, mut variance) = (0.0, 0.0);
        for before in 0..=self.ahead(slot) {
            let step = 1.0 / (service + f64::from(before) * hang_up);
            mean += step;
            variance += step * step;
        }
        let shape = mean * mean / variance;
        let experience = self.history.experience(call.need());
        let waited = (self.now - call.sought_since) as f64;
        let last = experience
            .last_wait
            .map(|last| if last > waited { last - waited } else { 0.0 });
        let combined = experience.combined(mean, last);
        let quantile = |normal: f64, correction: f64| {
            let root = 1.0 - 1.0 / (9.0 * shape) + normal / (3.0 * shape.sqrt());
            combined * root * root * root * correction
        };
        let [ten, fifty, ninety] = experience.corrections;
        let median = quantile(0.0, fifty);
        let low = quantile(-1.281_551_6, ten);
        let high = quantile(1.281_551_6, ninety);
        Some(Forecast {
            queue: mean,
            last,
            quantiles: [low.clamp(0.0, median), median, high.max(median)],
        })
    }
}
