//! What another policy would have earned, from the log of one that chose by chance.
//!
//! Each logged choice carries the probability with which it was made. *Inverse propensity* weighs
//! what was earned by how much likelier the other policy would have chosen the same (Horvitz and
//! Thompson 1952); *doubly robust* starts from a model of what each choice earns and corrects it by
//! the weighted error (Dudík, Langford and Li 2011), which narrows the interval and stays unbiased
//! when the model is wrong. The model is fitted on the other half of the log (cross-fitting), and
//! drawn towards the context's mean where little was seen.
//!
//! Both speak of the states that the log met: a policy that changes who is free when has to be
//! simulated.

use std::collections::BTreeMap;

use crate::simulate::Interval;

/// One choice among agents.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedChoice {
    /// What kind of call it was about.
    pub context: u32,
    /// Who was chosen.
    pub chosen: u32,
    /// The probability with which the logging policy chose so.
    pub propensity: f64,
    /// What was earned: 1 when the call was resolved, for instance.
    pub reward: f64,
    /// With which probability the other policy would choose each candidate.
    pub target: Vec<(u32, f64)>,
}

impl LoggedChoice {
    fn target_of(&self, agent: u32) -> f64 {
        self.target
            .iter()
            .filter(|(candidate, _)| *candidate == agent)
            .map(|(_, probability)| probability)
            .sum()
    }

    /// How much likelier the other policy is to have chosen so.
    fn weight(&self) -> f64 {
        if self.propensity > 0.0 {
            self.target_of(self.chosen) / self.propensity
        } else {
            0.0
        }
    }
}

/// How many choices of the context's mean an agent's mean starts with.
const SHRINKAGE: f64 = 10.0;

/// Mean reward of each agent in each context, drawn towards the context's.
#[derive(Debug, Default)]
struct Model {
    all: (f64, f64),
    contexts: BTreeMap<u32, (f64, f64)>,
    agents: BTreeMap<(u32, u32), (f64, f64)>,
}

impl Model {
    fn fit<'a>(choices: impl Iterator<Item = &'a LoggedChoice>) -> Self {
        let mut model = Self::default();
        let add = |(count, sum): &mut (f64, f64), reward: f64| {
            *count += 1.0;
            *sum += reward;
        };
        for choice in choices {
            add(&mut model.all, choice.reward);
            add(
                model.contexts.entry(choice.context).or_default(),
                choice.reward,
            );
            let key = (choice.context, choice.chosen);
            add(model.agents.entry(key).or_default(), choice.reward);
        }
        model
    }

    fn predict(&self, context: u32, agent: u32) -> f64 {
        let drawn = |(count, sum): (f64, f64), towards: f64| {
            (sum + SHRINKAGE * towards) / (count + SHRINKAGE)
        };
        let seen = |found: Option<&(f64, f64)>| found.copied().unwrap_or_default();
        let all = drawn(self.all, 0.5);
        let context_mean = drawn(seen(self.contexts.get(&context)), all);
        drawn(seen(self.agents.get(&(context, agent))), context_mean)
    }
}

/// The other policy's mean reward with its 95 % interval, by inverse propensity.
pub fn inverse_propensity(log: &[LoggedChoice]) -> Interval {
    let values: Vec<f64> = log
        .iter()
        .map(|choice| choice.weight() * choice.reward)
        .collect();
    skewed(&values)
}

/// The same, doubly robust.
pub fn doubly_robust(log: &[LoggedChoice]) -> Interval {
    let half = |odd: usize| {
        let others = log.iter().enumerate().filter(move |(i, _)| i % 2 != odd);
        Model::fit(others.map(|(_, choice)| choice))
    };
    let models = [half(0), half(1)];
    let values: Vec<f64> = log
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            let model = &models[index % 2];
            let expected: f64 = choice
                .target
                .iter()
                .map(|(agent, probability)| probability * model.predict(choice.context, *agent))
                .sum();
            let error = choice.reward - model.predict(choice.context, choice.chosen);
            expected + choice.weight() * error
        })
        .collect();
    skewed(&values)
}

/// Student's interval for values with rare great weights, of which a log of some hundred choices shows
/// few: wider by Johnson's correction for skewness (1978), on both sides, and by a fifth.
fn skewed(values: &[f64]) -> Interval {
    const NORMAL_975: f64 = 1.96;
    let interval = Interval::of(values);
    let n = values.len() as f64;
    let moment = |power: i32| {
        let powers = values.iter().map(|v| (v - interval.mean).powi(power));
        powers.sum::<f64>() / n
    };
    let (second, third) = (moment(2), moment(3));
    let shift = if second > 0.0 {
        third.abs() / (6.0 * second * n) * (1.0 + 2.0 * NORMAL_975 * NORMAL_975)
    } else {
        0.0
    };
    Interval {
        half: 1.2 * interval.half + shift,
        ..interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Stream;

    const AGENTS: u32 = 4;

    /// The chance that an agent resolves a call.
    fn chance(context: u32, agent: u32) -> f64 {
        0.5 + 0.09 * f64::from((context + agent) % 6)
    }

    /// A desk where any two of four agents are free; the log chose among them 3 to 1, the other
    /// policy takes the better one nine times in ten.
    fn desk(stream: &mut Stream, calls: usize) -> (Vec<LoggedChoice>, f64) {
        let mut truth = 0.0;
        let mut log = Vec::new();
        for _ in 0..calls {
            let pick = |stream: &mut Stream, n: u32| (stream.unit() * f64::from(n)) as u32;
            let context = pick(stream, 3);
            let first = pick(stream, AGENTS);
            let second = (first + 1 + pick(stream, AGENTS - 1)) % AGENTS;
            let better = if chance(context, first) >= chance(context, second) {
                first
            } else {
                second
            };
            let target: Vec<(u32, f64)> = [first, second]
                .into_iter()
                .map(|agent| (agent, if agent == better { 0.9 } else { 0.1 }))
                .collect();
            truth += target
                .iter()
                .map(|(agent, p)| p * chance(context, *agent))
                .sum::<f64>();
            let takes_first = stream.unit() < 0.75;
            let chosen = if takes_first { first } else { second };
            log.push(LoggedChoice {
                context,
                chosen,
                propensity: if takes_first { 0.75 } else { 0.25 },
                reward: f64::from(u8::from(stream.unit() < chance(context, chosen))),
                target,
            });
        }
        (log, truth / calls as f64)
    }

    #[test]
    fn intervals_cover_the_truth() {
        let mut stream = Stream::new(5, 0);
        // The truth over endless calls, which no log of this length is drawn from.
        let (_, truth) = desk(&mut stream, 400_000);
        let (mut by_weight, mut robust, mut narrower) = (0, 0, 0);
        for _ in 0..200 {
            let (log, _) = desk(&mut stream, 1000);
            let (weighted, doubly) = (inverse_propensity(&log), doubly_robust(&log));
            by_weight += u32::from((weighted.mean - truth).abs() <= weighted.half);
            robust += u32::from((doubly.mean - truth).abs() <= doubly.half);
            narrower += u32::from(doubly.half < weighted.half);
        }
        // 95 % of 200.
        assert!(by_weight >= 190, "{by_weight} of 200");
        assert!(robust >= 190, "{robust} of 200");
        assert!(narrower >= 195, "{narrower} of 200");
    }

    #[test]
    fn a_policy_that_is_the_log_s_own_earns_what_the_log_earned() {
        let log: Vec<LoggedChoice> = (0..100)
            .map(|index| LoggedChoice {
                context: 0,
                chosen: 1,
                propensity: 1.0,
                reward: f64::from(u8::from(index % 4 == 0)),
                target: vec![(1, 1.0)],
            })
            .collect();
        assert!((inverse_propensity(&log).mean - 0.25).abs() < 1e-9);
        assert!((doubly_robust(&log).mean - 0.25).abs() < 1e-9);
    }
}
