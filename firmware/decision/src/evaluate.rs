//! What another policy would have earned, from a decision log whose router explored.
//!
//! Every logged choice that chance took part in carries its odds ([`Odds`](trunkside_call::Odds)); what
//! became of the call follows as [`Input::Judged`]. At each such choice the other policy is asked
//! whom it would have rung in the very same moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use trunkside_call::{Action, AgentId, CallId};

use crate::engine::{Act, Engine};
use crate::log::{Entry, ReplayError, parse_policy, read};
use crate::off_policy::{LoggedChoice, doubly_robust, inverse_propensity};
use crate::policy::Learning;
use crate::{Input, Policy};

/// An estimate with half of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The share of calls resolved.
    pub mean: f64,
    /// Half of the interval's width.
    pub half: f64,
}

/// What a log says about another policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Choices that chance took part in and of which the outcome is known.
    pub choices: u64,
    /// Those in which the other policy would have rung somebody whom the log's could not.
    pub beyond: u64,
    /// Lines of the log that are torn, or that the disk refused.
    pub lost_lines: u64,
    /// What was earned.
    pub logged: Estimate,
    /// What the other policy would have earned, by inverse propensity.
    pub inverse_propensity: Estimate,
    /// The same, doubly robust.
    pub doubly_robust: Estimate,
}

/// A choice whose outcome may still come.
struct Open {
    chosen: AgentId,
    among: Vec<AgentId>,
    propensity: f64,
    target: Option<AgentId>,
}

/// Reads a log, and asks `policy` at each of its explored choices.
pub fn evaluate(log: &str, policy: &Policy) -> Result<Evaluation, ReplayError> {
    let mut reading = Reading::new(policy);
    let lost_lines = read(log, |line, entry| match entry {
        Some(entry) => reading.take(line, entry),
        None => Ok(()),
    })?;
    Ok(Evaluation {
        lost_lines,
        ..reading.finish()
    })
}

/// The policy without chance of its own.
fn still(policy: &Policy) -> Policy {
    Policy {
        learning: Learning {
            explore_permille: 0,
            ..policy.learning
        },
        ..policy.clone()
    }
}

struct Reading {
    policy: Arc<Policy>,
    engine: Option<Engine>,
    /// Whom the other policy would ring for each call that became ready and whose decision has not
    /// been read yet: it may stand behind later inputs.
    other: BTreeMap<CallId, Option<AgentId>>,
    open: BTreeMap<CallId, Open>,
    contexts: BTreeMap<String, u32>,
    agents: BTreeMap<AgentId, u32>,
    choices: Vec<LoggedChoice>,
    beyond: u64,
}

impl Reading {
    fn new(policy: &Policy) -> Self {
        Self {
            policy: Arc::new(still(policy)),
            engine: None,
            other: BTreeMap::new(),
            open: BTreeMap::new(),
            contexts: BTreeMap::new(),
            agents: BTreeMap::new(),
            choices: Vec::new(),
            beyond: 0,
        }
    }

    fn take(&mut self, line: usize, entry: Entry) -> Result<(), ReplayError> {
        match entry {
            Entry::Start { policy, text, .. } => {
                let policy = parse_policy(line, &policy, &text)?;
                self.engine = Some(Engine::new(policy, false));
                self.other.clear();
            }
            Entry::Replace {
                at_us,
                policy,
                text,
                signed_in,
            } => {
                let policy = parse_policy(line, &policy, &text)?;
                if let Some(engine) = &mut self.engine {
                    engine.replace(Duration::from_micros(at_us), policy, &signed_in);
                    while engine.poll().is_some() {}
                }
            }
            Entry::Input { at_us, input } => self.input(Duration::from_micros(at_us), &input),
            Entry::Gap { .. } | Entry::Models { .. } => {}
            Entry::Decision { decision } => {
                let target = self.other.remove(&decision.call);
                if let (Action::Offer { agent }, Some(odds)) = (decision.action, decision.odds)
                    && let Some(target) = target
                {
                    let open = Open {
                        chosen: agent,
                        among: odds.among,
                        propensity: f64::from(odds.millionths) / 1e6,
                        target,
                    };
                    self.open.insert(decision.call, open);
                }
            }
        }
        Ok(())
    }

    fn input(&mut self, now: Duration, input: &Input) {
        let Some(engine) = &mut self.engine else {
            return;
        };
        let asked = match input {
            Input::CallReady { call, .. } if engine.policy().learning.enabled => {
                Some((*call, asked(engine, &self.policy, now, input)))
            }
            _ => None,
        };
        engine.handle(now, input);
        let mut decided = false;
        while let Some(choice) = engine.poll() {
            decided |= asked.as_ref().is_some_and(|(call, _)| choice.call == *call);
        }
        self.other.extend(asked.filter(|_| decided));
        if let Input::Judged {
            call,
            intent,
            resolved: Some(resolved),
            ..
        } = input
            && let Some(open) = self.open.remove(call)
        {
            self.judged(&open, intent, *resolved);
        }
    }

    fn judged(&mut self, open: &Open, intent: &str, resolved: bool) {
        let known = self.contexts.len() as u32;
        let context = *self.contexts.entry(intent.to_owned()).or_insert(known);
        let within = open.target.as_ref().is_some_and(|t| open.among.contains(t));
        self.beyond += u64::from(!within);
        let chosen = self.number(&open.chosen);
        let target = open
            .target
            .as_ref()
            .filter(|_| within)
            .map(|agent| (self.number(agent), 1.0));
        self.choices.push(LoggedChoice {
            context,
            chosen,
            propensity: open.propensity,
            reward: f64::from(u8::from(resolved)),
            target: target.into_iter().collect(),
        });
    }

    fn number(&mut self, agent: &AgentId) -> u32 {
        let known = self.agents.len() as u32;
        *self.agents.entry(agent.clone()).or_insert(known)
    }

    fn finish(self) -> Evaluation {
        let logged: Vec<f64> = self.choices.iter().map(|choice| choice.reward).collect();
        let estimate = |found: crate::Interval| Estimate {
            mean: found.mean,
            half: found.half,
        };
        // Where the other policy would have rung somebody else altogether, nothing was tried.
        let within: Vec<LoggedChoice> = self
            .choices
            .into_iter()
            .filter(|choice| !choice.target.is_empty())
            .collect();
        Evaluation {
            choices: logged.len() as u64,
            beyond: self.beyond,
            lost_lines: 0,
            logged: estimate(crate::Interval::of(&logged)),
            inverse_propensity: estimate(inverse_propensity(&within)),
            doubly_robust: estimate(doubly_robust(&within)),
        }
    }
}

/// Whom a policy would ring if it took over in this moment.
fn asked(engine: &Engine, policy: &Arc<Policy>, now: Duration, input: &Input) -> Option<AgentId> {
    let Input::CallReady { call, .. } = input else {
        return None;
    };
    let mut other = engine.silent();
    other.replace(now, Arc::clone(policy), &[]);
    while other.poll().is_some() {}
    other.handle(now, input);
    std::iter::from_fn(|| other.poll()).find_map(|choice| match choice.act {
        Act::Offer { agent, .. } if choice.call == *call => Some(policy.agents[agent].id.clone()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
