//! A decision log, taken apart: what callers, agents and phones did, whatever was decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use trunkside_call::{Action, AgentId, CallId};

use super::{End, Micros, Taker};
use crate::log::{Entry, LONGEST, ReplayError, at_us, parse_policy, read};
use crate::{Input, OfferFailure, Policy};

/// A phone's ring before the agent answers, when the log has none.
const RING: Micros = 5_000_000;

/// A log, taken apart.
#[derive(Default)]
pub(super) struct Story {
    /// What does not depend on decisions, in order.
    pub inputs: Vec<(Micros, Happening)>,
    pub calls: BTreeMap<CallId, Fact>,
    /// Of every policy that was in force: the log tells when they came and went.
    pub agents: BTreeSet<AgentId>,
    pub ring: Micros,
    pub talk: Micros,
    /// The log's last moment.
    pub end: Micros,
    /// Lines that are torn or missing.
    pub lost_lines: u64,
    /// How each agent's phone, and each place's beyond the branch, took its offers.
    phones: BTreeMap<AgentId, Vec<Offered>>,
    /// Where the clock of the router began that is read now.
    shift: Micros,
    /// The branch's wall clock as last told, and when.
    clock: Option<(Micros, DateTime)>,
    /// The policy in force where is read now.
    policy: Option<Arc<Policy>>,
}

/// One offer of the log.
#[derive(Clone, Copy)]
struct Offered {
    at: Micros,
    /// After how long it failed, and how.
    failed: Option<(Micros, OfferFailure)>,
}

#[derive(Clone)]
pub(super) enum Happening {
    Input(Input),
    /// A router began, with no calls and every agent away.
    Start(Arc<Policy>),
    /// It went on under another policy, with these of its new agents there.
    Replace(Arc<Policy>, Vec<AgentId>),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Fact {
    pub ready: Micros,
    /// The branch's date by then, when the log tells.
    pub day: Option<Date>,
    offered: Option<Micros>,
    pub bridged: Option<(Micros, Taker)>,
    pub ended: Option<Micros>,
    /// The router let go of it.
    pub called_back: bool,
}

impl Fact {
    /// What became of it, in a log that ends at `end`.
    pub fn outcome(&self, end: Micros) -> End {
        let until = self.bridged.as_ref().map(|(at, _)| *at).or(self.ended);
        End {
            taker: self.bridged.as_ref().map(|(_, taker)| taker.clone()),
            wait: until.unwrap_or(end).saturating_sub(self.ready),
        }
    }
}

impl Story {
    pub fn read(log: &str) -> Result<Self, ReplayError> {
        let mut story = Self {
            ring: RING,
            talk: 180_000_000,
            ..Self::default()
        };
        story.lost_lines = read(log, |line, entry| match entry {
            Some(entry) => story.take(line, entry),
            None => Ok(()),
        })?;
        story.times();
        for offers in story.phones.values_mut() {
            offers.sort_by_key(|offered| offered.at);
        }
        Ok(story)
    }

    /// The first and the last day of its calls.
    pub fn days(&self) -> Option<(Date, Date)> {
        let days = || self.calls.values().filter_map(|fact| fact.day);
        days().min().zip(days().max())
    }

    /// After how long an offer at a moment fails, and how: as the phone took the log's offer that is
    /// nearest to it.
    pub fn fails(&self, who: &AgentId, at: Micros) -> Option<(Micros, OfferFailure)> {
        let offers = self.phones.get(who)?;
        let next = offers.partition_point(|offered| offered.at <= at);
        let around = offers[next.saturating_sub(1)..].iter().take(2);
        around
            .min_by_key(|offered| offered.at.abs_diff(at))
            .and_then(|offered| offered.failed)
    }

    fn take(&mut self, line: usize, entry: Entry) -> Result<(), ReplayError> {
        match entry {
            Entry::Start { policy, text, .. } => {
                // A router that starts anew starts its clock anew: its day follows the one before.
                self.shift = self.end;
                self.clock = None;
                // The calls of the router before ended with it.
                for fact in self.calls.values_mut() {
                    fact.ended.get_or_insert(self.shift);
                }
                let policy = self.policy(line, &policy, &text)?;
                self.inputs.push((self.shift, Happening::Start(policy)));
            }
            Entry::Replace {
                at_us,
                policy,
                text,
                signed_in,
            } => {
                let policy = self.policy(line, &policy, &text)?;
                let at = self.at(line, at_us)?;
                self.inputs
                    .push((at, Happening::Replace(policy, signed_in)));
            }
            Entry::Input { at_us, input } => {
                let at = self.at(line, at_us)?;
                self.end = self.end.max(at);
                self.input(at, input);
            }
            Entry::Decision { decision } => {
                let at = self.at(line, at_us(decision.at))?;
                if let Some(fact) = self.calls.get_mut(&decision.call) {
                    match decision.action {
                        Action::Offer { .. } | Action::Overflow { .. } => fact.offered = Some(at),
                        Action::Callback { .. } => {
                            fact.called_back = true;
                            fact.ended = Some(at);
                        }
                        Action::Wait { .. }
                        | Action::SelfService { .. }
                        | Action::Transfer { .. } => {}
                    }
                }
            }
            Entry::Gap { .. } | Entry::Models { .. } => {}
        }
        Ok(())
    }

    /// A moment of the log's clock, whose runs follow one upon the other.
    fn at(&self, line: usize, at_us: Micros) -> Result<Micros, ReplayError> {
        let at = self.shift.checked_add(at_us).filter(|at| *at <= LONGEST);
        at.ok_or_else(|| ReplayError::Damaged {
            line,
            fault: "with the runs before it the log is longer than twenty years".to_owned(),
        })
    }

    fn policy(
        &mut self,
        line: usize,
        sha256: &str,
        text: &str,
    ) -> Result<Arc<Policy>, ReplayError> {
        let policy = parse_policy(line, sha256, text)?;
        let agents = policy.agents.iter().map(|agent| agent.id.clone());
        self.agents.extend(agents);
        self.policy = Some(Arc::clone(&policy));
        Ok(policy)
    }

    /// An offer has ended.
    fn offered(&mut self, at: Micros, call: CallId, who: &AgentId, failure: Option<OfferFailure>) {
        let fact = self.calls.get(&call);
        // Who takes over from a novice is rung while another talks.
        let from = fact.filter(|fact| fact.bridged.is_none());
        let from = from.and_then(|fact| fact.offered).unwrap_or(at).min(at);
        let offered = Offered {
            at: from,
            failed: failure.map(|how| (at - from, how)),
        };
        self.phones.entry(who.clone()).or_default().push(offered);
    }

    /// An agent, or a place beyond the branch of the policy in force.
    fn taker(&self, who: &AgentId) -> Taker {
        let policy = self.policy.as_ref();
        let place = policy.and_then(|policy| policy.destination(who.as_str()));
        place.map_or_else(|| Taker::Agent(who.clone()), |_| Taker::Place(who.clone()))
    }

    fn day_of(&self, at: Micros) -> Option<Date> {
        let (told, local) = self.clock?;
        let since = i64::try_from(at.saturating_sub(told)).ok()?;
        let local = local.saturating_add(SignedDuration::from_micros(since));
        Some(local.date())
    }

    fn input(&mut self, at: Micros, input: Input) {
        match &input {
            Input::CallReady { call, .. } => {
                let day = self.day_of(at);
                self.calls.entry(*call).or_insert_with(|| Fact {
                    ready: at,
                    day,
                    ..Fact::default()
                });
            }
            Input::Bridged { call, agent } => {
                self.offered(at, *call, agent, None);
                let taker = self.taker(agent);
                if let Some(fact) = self.calls.get_mut(call) {
                    fact.bridged.get_or_insert((at, taker));
                }
                return;
            }
            Input::OfferFailed { call, agent, cause } => {
                return self.offered(at, *call, agent, Some(*cause));
            }
            Input::CallEnded { call } => {
                if let Some(fact) = self.calls.get_mut(call) {
                    fact.ended.get_or_insert(at);
                }
                return;
            }
            Input::LocalTime { local } => self.clock = Some((at, *local)),
            // What the caller and the line did under the old policy.
            Input::Tick
            | Input::TakenOver { .. }
            | Input::CallbackAsked { .. }
            | Input::CalledBack { .. }
            | Input::Unreached { .. }
            | Input::PlaceKept { .. }
            | Input::PlaceGivenUp { .. } => return,
            Input::CallerKnown { .. }
            | Input::MoodChanged { .. }
            | Input::AgentAvailable { .. }
            | Input::AgentBusy { .. }
            | Input::AgentAway { .. }
            | Input::BreakBegun { .. }
            | Input::BreakOver { .. }
            | Input::WrapUpOver { .. }
            | Input::Judged { .. }
            | Input::Learnt { .. } => {}
        }
        self.inputs.push((at, Happening::Input(input)));
    }

    /// The day's median ring and mean talk.
    fn times(&mut self) {
        let mut rings: Vec<Micros> = Vec::new();
        let mut talks: Vec<Micros> = Vec::new();
        for fact in self.calls.values() {
            let Some((bridged, _)) = fact.bridged else {
                continue;
            };
            rings.extend(fact.offered.map(|at| bridged.saturating_sub(at)));
            talks.extend(fact.ended.map(|at| at.saturating_sub(bridged)));
        }
        rings.sort_unstable();
        self.ring = rings.get(rings.len() / 2).copied().unwrap_or(self.ring);
        if !talks.is_empty() {
            let sum: u128 = talks.iter().copied().map(u128::from).sum();
            self.talk = u64::try_from(sum / talks.len() as u128).unwrap_or(self.talk);
        }
    }
}
