//! What a simulation found.

use std::collections::BTreeMap;

use serde::Serialize;

/// One policy's day, all calls that came after the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The policy's name.
    pub policy: String,
    /// The seed; equal seeds see the same callers whatever the policy.
    pub seed: u64,
    /// All classes together.
    #[serde(flatten)]
    pub all: Figures,
    /// Mean share of their time that agents spent on calls.
    pub occupancy_mean: f64,
    /// The busiest agent's share less the idlest's.
    pub occupancy_spread: f64,
    /// Calls that went from one agent to another.
    pub transfers: u64,
    /// How far the run is from Little's law: the calls that wait, as a mean over time, against arrivals
    /// times their mean wait, as a share. Anything beyond rounding is a fault of the simulation.
    pub little_error: f64,
    /// Each class by its name.
    pub by_class: BTreeMap<String, Figures>,
    /// The waits, in seconds, that 1 to 99 in a hundred of all calls do not exceed.
    #[serde(skip)]
    pub wait_percentiles_s: Vec<f64>,
}

/// What rounding may add up to in a run of any length, as [`Outcome::little_error`].
const ROUNDING: f64 = 1e-6;

impl Outcome {
    /// Whether Little's law holds in the run: figures of one where it does not are worth nothing.
    pub fn keeps_littles_law(&self) -> bool {
        self.little_error <= ROUNDING
    }
}

/// Figures of a set of calls. Waits are over all of them, abandoned ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// How many came.
    pub calls: u64,
    /// How many an agent took.
    pub answered: u64,
    /// How many hung up waiting, or were called back instead.
    pub abandoned: u64,
    /// Mean wait in seconds.
    pub wait_mean_s: f64,
    /// Median wait in seconds.
    pub wait_p50_s: f64,
    /// The wait that nine in ten stay below, in seconds.
    pub wait_p90_s: f64,
    /// Share of all calls that were answered within 20 s.
    pub service_level_20s: f64,
    /// Share of the answered calls that were resolved.
    pub first_call_resolution: f64,
}

/// Gathers figures call by call.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    waits: Vec<f64>,
    answered: u64,
    quick: u64,
    resolved: u64,
}

impl Tally {
    pub fn answered(&mut self, wait_s: f64, resolved: bool) {
        self.waits.push(wait_s);
        self.answered += 1;
        self.quick += u64::from(wait_s <= 20.0);
        self.resolved += u64::from(resolved);
    }

    pub fn abandoned(&mut self, wait_s: f64) {
        self.waits.push(wait_s);
    }

    pub fn merge(&mut self, other: &Self) {
        self.waits.extend_from_slice(&other.waits);
        self.answered += other.answered;
        self.quick += other.quick;
        self.resolved += other.resolved;
    }

    pub fn figures(&mut self) -> Figures {
        let calls = self.waits.len() as u64;
        let share = |part: u64, whole: u64| {
            if whole == 0 {
                0.0
            } else {
                part as f64 / whole as f64
            }
        };
        let sum: f64 = self.waits.iter().sum();
        Figures {
            calls,
            answered: self.answered,
            abandoned: calls - self.answered,
            wait_mean_s: if calls == 0 { 0.0 } else { sum / calls as f64 },
            wait_p50_s: self.quantile(50),
            wait_p90_s: self.quantile(90),
            service_level_20s: share(self.quick, calls),
            first_call_resolution: share(self.resolved, self.answered),
        }
    }

    /// The first to the ninety-ninth percentile.
    pub fn percentiles(&mut self) -> Vec<f64> {
        self.waits.sort_unstable_by(f64::total_cmp);
        let count = self.waits.len();
        if count == 0 {
            return vec![0.0; 99];
        }
        (1..100)
            .map(|percent| self.waits[(count * percent).div_ceil(100).max(1) - 1])
            .collect()
    }

    /// The smallest wait that `percent` of all do not exceed.
    fn quantile(&mut self, percent: usize) -> f64 {
        if self.waits.is_empty() {
            return 0.0;
        }
        let rank = (self.waits.len() * percent).div_ceil(100).max(1) - 1;
        *self.waits.select_nth_unstable_by(rank, f64::total_cmp).1
    }
}
