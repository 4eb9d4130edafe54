//! What independent replications say together.

use super::outcome::Outcome;

/// A figure of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Share of calls that hung up or were called back.
    Abandonment,
    /// Mean wait in seconds.
    WaitMean,
    /// The wait that nine in ten stay below, in seconds.
    WaitP90,
    /// Share answered within 20 s.
    ServiceLevel,
    /// Share of answered calls that were resolved.
    Resolution,
    /// Mean share of agents' time spent on calls.
    Occupancy,
    /// The busiest agent's share less the idlest's.
    Spread,
}

impl Measure {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Abandonment,
        Self::WaitMean,
        Self::WaitP90,
        Self::ServiceLevel,
        Self::Resolution,
        Self::Occupancy,
        Self::Spread,
    ];

    /// Its heading and unit.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Abandonment => "abandoned %",
            Self::WaitMean => "wait s",
            Self::WaitP90 => "p90 s",
            Self::ServiceLevel => "in 20 s %",
            Self::Resolution => "resolved %",
            Self::Occupancy => "occupied %",
            Self::Spread => "spread %",
        }
    }

    /// In the title's unit.
    pub fn of(self, outcome: &Outcome) -> f64 {
        let all = &outcome.all;
        match self {
            Self::Abandonment => 100.0 * all.abandoned as f64 / (all.calls as f64).max(1.0),
            Self::WaitMean => all.wait_mean_s,
            Self::WaitP90 => all.wait_p90_s,
            Self::ServiceLevel => 100.0 * all.service_level_20s,
            Self::Resolution => 100.0 * all.first_call_resolution,
            Self::Occupancy => 100.0 * outcome.occupancy_mean,
            Self::Spread => 100.0 * outcome.occupancy_spread,
        }
    }
}

/// A mean with half of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Half the interval's width; infinite for a single value.
    pub half: f64,
}

impl Interval {
    /// By Student's distribution, which few replications need.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        // A sum of nothing would be -0.
        let mean = values.iter().fold(0.0, |sum, value| sum + value) / n.max(1.0);
        if values.len() < 2 {
            return Self {
                mean,
                half: f64::INFINITY,
            };
        }
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self {
            mean,
            half: student_975(values.len() - 1) * (variance / n).sqrt(),
        }
    }
}

/// The 97.5 % quantile of Student's distribution: exact to a hundredth by Cornish and Fisher's
/// expansion from four degrees of freedom, from tables below.
fn student_975(freedom: usize) -> f64 {
    const TABLE: [f64; 5] = [f64::INFINITY, 12.706, 4.303, 3.182, 2.776];
    if let Some(value) = TABLE.get(freedom) {
        return *value;
    }
    let (z, n) = (1.959_964_f64, freedom as f64);
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / n + second / (n * n) + third / (n * n * n)
}

/// One policy's replications.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The policy's name.
    pub policy: String,
    /// One outcome a seed.
    pub runs: Vec<Outcome>,
}

impl Summary {
    /// Over its replications.
    pub fn interval(&self, measure: Measure) -> Interval {
        let values: Vec<f64> = self.runs.iter().map(|run| measure.of(run)).collect();
        Interval::of(&values)
    }

    /// The difference to another policy, seed by seed: common random numbers take out what both
    /// owe to the same callers.
    pub fn against(&self, other: &Self, measure: Measure) -> Interval {
        let differences: Vec<f64> = self
            .runs
            .iter()
            .zip(&other.runs)
            .map(|(own, other)| measure.of(own) - measure.of(other))
            .collect();
        Interval::of(&differences)
    }

    /// A class's 90 % wait, the mean over replications.
    pub fn class_p90_s(&self, class: &str) -> f64 {
        let values: Vec<f64> = self
            .runs
            .iter()
            .filter_map(|run| run.by_class.get(class))
            .map(|figures| figures.wait_p90_s)
            .collect();
        Interval::of(&values).mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_students() {
        let interval = Interval::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(interval.mean, 3.0);
        // 2.776 · sqrt(2.5 / 5)
        assert!((interval.half - 1.963).abs() < 0.001);
        assert!((student_975(5) - 2.571).abs() < 0.01);
        assert!((student_975(9) - 2.262).abs() < 0.002);
        assert!((student_975(29) - 2.045).abs() < 0.001);
        assert!(Interval::of(&[1.0]).half.is_infinite());
    }
}
