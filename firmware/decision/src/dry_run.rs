//! Yesterday under another policy: what a decision log's calls would have met.
//!
//! Callers, moods and agents' comings and goings are the logged ones. A call lasts as long as it
//! lasted, a caller who hung up has just that much patience, and phones ring as long as the day's
//! median; who did not answer at about that time does not answer. The same is played under the policies
//! that were in force; how far *that* is from the log tells how far the whole can be trusted.

mod story;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use serde::Serialize;
use trunkside_call::{AgentId, CallId};

use crate::engine::{Act, Engine};
use crate::log::ReplayError;
use crate::{Input, OfferFailure, Policy};
use story::{Happening, Story};

type Micros = u64;

/// Who took a call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Taker {
    Agent(AgentId),
    /// Somebody, or a machine, beyond the branch.
    Place(AgentId),
}

impl Taker {
    fn name(&self) -> AgentId {
        match self {
            Self::Agent(name) | Self::Place(name) => name.clone(),
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    taker: Option<Taker>,
    wait: Micros,
}

type Ends = BTreeMap<CallId, End>;

/// A call that would have gone elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// The call.
    pub call: CallId,
    /// Who, or which place beyond the branch, took it under the policy that was in force; none when
    /// nobody did.
    pub before: Option<AgentId>,
    /// Who would take it.
    pub after: Option<AgentId>,
    /// Seconds waited until the answer or the end.
    pub wait_before_s: f64,
    /// Seconds it would wait.
    pub wait_after_s: f64,
}

/// A day in figures. Waits are over all calls, those that gave up included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Day {
    /// How many an agent took.
    pub answered: u64,
    /// How many a place beyond the branch took: another branch, or voicemail.
    pub overflowed: u64,
    /// Mean wait in seconds.
    pub wait_mean_s: f64,
    /// The wait that nine in ten stay below, in seconds.
    pub wait_p90_s: f64,
}

/// What a dry run found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DryRun {
    /// Calls that wanted an agent: of the whole log, or of the day that was asked for.
    pub calls: u64,
    /// The first and the last day of all calls in the log, at the branch; none when it never told.
    pub days: Option<(Date, Date)>,
    /// As it was.
    pub logged: Day,
    /// The policies that were in force, played the same way.
    pub before: Day,
    /// The new policy.
    pub after: Day,
    /// Calls to whom the logged policies, played, give another agent than the log: the error of
    /// the method.
    pub unlike_log: u64,
    /// Lines of the log that are torn, or that the disk refused; what they held is not in it.
    pub lost_lines: u64,
    /// Calls that would have gone elsewhere than before.
    pub moved: Vec<Moved>,
}

/// Plays a log under another policy. Where a day is given only the calls are counted that wanted an
/// agent on it; all are played.
pub fn dry_run(log: &str, policy: &Arc<Policy>, on: Option<Date>) -> Result<DryRun, ReplayError> {
    let story = Story::read(log)?;
    let facts = story.calls.iter();
    let logged: Ends = facts
        .filter(|(_, fact)| on.is_none_or(|day| fact.day == Some(day)))
        .map(|(id, fact)| (*id, fact.outcome(story.end)))
        .collect();
    let played = |policy| {
        let mut ends = story.play(policy);
        ends.retain(|id, _| logged.contains_key(id));
        ends
    };
    let (before, after) = (played(None), played(Some(policy)));
    let mut moved = Vec::new();
    for (id, end) in &after {
        if let Some(was) = before.get(id)
            && was.taker != end.taker
        {
            moved.push(Moved {
                call: *id,
                before: was.taker.as_ref().map(Taker::name),
                after: end.taker.as_ref().map(Taker::name),
                wait_before_s: was.wait as f64 / 1e6,
                wait_after_s: end.wait as f64 / 1e6,
            });
        }
    }
    let unlike = before
        .iter()
        .filter(|(id, end)| logged.get(*id).is_some_and(|was| was.taker != end.taker));
    Ok(DryRun {
        calls: logged.len() as u64,
        days: story.days(),
        unlike_log: unlike.count() as u64,
        lost_lines: story.lost_lines,
        logged: day(&logged),
        before: day(&before),
        after: day(&after),
        moved,
    })
}

fn day(calls: &Ends) -> Day {
    let mut waits: Vec<Micros> = calls.values().map(|end| end.wait).collect();
    waits.sort_unstable();
    let count = waits.len();
    if count == 0 {
        return Day::default();
    }
    let took = |wanted: fn(&Taker) -> bool| {
        let takers = calls.values().filter_map(|end| end.taker.as_ref());
        takers.filter(|taker| wanted(taker)).count() as u64
    };
    Day {
        answered: took(|taker| matches!(taker, Taker::Agent(_))),
        overflowed: took(|taker| matches!(taker, Taker::Place(_))),
        wait_mean_s: waits.iter().copied().map(u128::from).sum::<u128>() as f64
            / count as f64
            / 1e6,
        wait_p90_s: waits[(count * 90).div_ceil(100).max(1) - 1] as f64 / 1e6,
    }
}

impl Story {
    /// Who takes each call, and after which wait: under one policy, or under the log's own.
    fn play(&self, policy: Option<&Arc<Policy>>) -> Ends {
        let mut play = Play {
            story: self,
            engine: None,
            events: BinaryHeap::new(),
            serial: 0,
            open: BTreeMap::new(),
            results: Ends::new(),
        };
        for (at, happening) in &self.inputs {
            play.run_until(*at);
            match happening {
                Happening::Start(logged) => play.start(*at, policy.unwrap_or(logged)),
                Happening::Replace(logged, signed_in) => {
                    play.replace(*at, Arc::clone(policy.unwrap_or(logged)), signed_in);
                }
                Happening::Input(input) => play.input(*at, input),
            }
        }
        play.run_until(Micros::MAX);
        play.results
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Answers(CallId, AgentId),
    Fails(CallId, AgentId, OfferFailure),
    TakesOver(CallId, AgentId),
    Ends(CallId),
    HangsUp(CallId),
}

struct Play<'a> {
    story: &'a Story,
    engine: Option<Engine>,
    events: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    serial: u64,
    /// Whom each call that is not bridged yet was offered to last.
    open: BTreeMap<CallId, Option<Taker>>,
    results: Ends,
}

impl Play<'_> {
    /// A router begins. Of agents whom no logged policy has, the log tells nothing: the box signs them
    /// in as it does all others.
    fn start(&mut self, at: Micros, policy: &Arc<Policy>) {
        self.tell(at, &Input::Tick);
        let open: Vec<CallId> = self.open.keys().copied().collect();
        for call in open {
            self.close(at, call, None);
        }
        self.events.clear();
        self.engine = Some(Engine::new(Arc::clone(policy), false));
        let known = &self.story.agents;
        for agent in policy.agents.iter().filter(|a| !known.contains(&a.id)) {
            let agent = agent.id.clone();
            self.tell(at, &Input::AgentAvailable { agent });
        }
    }

    fn replace(&mut self, at: Micros, policy: Arc<Policy>, signed_in: &[AgentId]) {
        self.tell(at, &Input::Tick);
        if let Some(engine) = &mut self.engine {
            engine.replace(Duration::from_micros(at), policy, signed_in);
        }
        self.obey(at);
    }

    fn input(&mut self, at: Micros, input: &Input) {
        if let Input::CallReady { call, .. } = input
            && !self.results.contains_key(call)
            && !self.open.contains_key(call)
        {
            let fact = &self.story.calls[call];
            self.open.insert(*call, None);
            // Whoever was answered, or called back, would have waited on.
            if fact.bridged.is_none()
                && !fact.called_back
                && let Some(ended) = fact.ended
            {
                self.push(ended, Event::HangsUp(*call));
            }
        }
        self.tell(at, input);
    }

    fn push(&mut self, at: Micros, event: Event) {
        self.serial += 1;
        self.events.push(Reverse((at, self.serial, event)));
    }

    fn tell(&mut self, at: Micros, input: &Input) {
        if let Some(engine) = &mut self.engine {
            engine.handle(Duration::from_micros(at), input);
        }
        self.obey(at);
    }

    fn obey(&mut self, at: Micros) {
        while let Some(choice) = self.engine.as_mut().and_then(Engine::poll) {
            let call = choice.call;
            match choice.act {
                // Whether a recording would have been enough a log cannot say: everybody stays.
                Act::Wait { .. } | Act::SelfService => {}
                Act::HandOn { to, .. } => {
                    let engine = self.engine.as_ref().expect("it has just decided");
                    let agent = engine.policy().agents[to].id.clone();
                    self.push(at + self.story.ring, Event::TakesOver(call, agent));
                }
                Act::Send { to, .. } => {
                    let engine = self.engine.as_ref().expect("it has just decided");
                    let name = AgentId::new(engine.policy().destinations[to].name.clone());
                    self.ring(at, call, Taker::Place(name));
                }
                Act::Callback { .. } => self.close(at, call, None),
                Act::Offer { agent, .. } => {
                    let engine = self.engine.as_ref().expect("it has just decided");
                    let agent = engine.policy().agents[agent].id.clone();
                    self.ring(at, call, Taker::Agent(agent));
                }
            }
        }
    }

    /// A phone rings, and is answered where it was at about that time.
    fn ring(&mut self, at: Micros, call: CallId, whom: Taker) {
        let name = whom.name();
        self.open.insert(call, Some(whom));
        match self.story.fails(&name, at) {
            Some((after, how)) => self.push(at + after, Event::Fails(call, name, how)),
            None => self.push(at + self.story.ring, Event::Answers(call, name)),
        }
    }

    /// Whether it is still this one's phone that rings for the call.
    fn rings(&self, call: CallId, name: &AgentId) -> bool {
        let whom = self.open.get(&call).and_then(Option::as_ref);
        whom.is_some_and(|whom| whom.name() == *name)
    }

    fn close(&mut self, at: Micros, call: CallId, taker: Option<Taker>) {
        if self.open.remove(&call).is_some() {
            let wait = at.saturating_sub(self.story.calls[&call].ready);
            self.results.insert(call, End { taker, wait });
        }
    }

    /// Lets what follows from decisions happen, and the engine's deadlines pass, before `until`.
    fn run_until(&mut self, until: Micros) {
        loop {
            let event = self.events.peek().map(|Reverse((at, _, _))| *at);
            let due = self.engine.as_ref().and_then(Engine::deadline);
            let due = due.map(|due| u64::try_from(due.as_micros()).unwrap_or(Micros::MAX));
            match (event, due) {
                (Some(at), due) if at <= until && due.is_none_or(|due| at <= due) => {
                    let Reverse((at, _, event)) = self.events.pop().expect("it was just seen");
                    self.happen(at, event);
                }
                (_, Some(due)) if due <= until => {
                    // Once nobody is open, deadlines repeat to no end.
                    if self.open.is_empty() && event.is_none() {
                        return;
                    }
                    self.tell(due, &Input::Tick);
                }
                _ => return,
            }
        }
    }

    fn happen(&mut self, at: Micros, event: Event) {
        match event {
            Event::Answers(call, agent) => {
                if !self.rings(call, &agent) {
                    return;
                }
                let taker = self.open.get(&call).cloned().flatten();
                self.close(at, call, taker);
                let fact = &self.story.calls[&call];
                let talked = match (&fact.bridged, fact.ended) {
                    (Some((from, _)), Some(until)) => until.saturating_sub(*from),
                    _ => self.story.talk,
                };
                self.push(at + talked, Event::Ends(call));
                self.tell(at, &Input::Bridged { call, agent });
            }
            Event::Fails(call, agent, cause) => {
                if self.rings(call, &agent) {
                    self.tell(at, &Input::OfferFailed { call, agent, cause });
                }
            }
            Event::TakesOver(call, agent) => self.tell(at, &Input::Bridged { call, agent }),
            Event::Ends(call) => self.tell(at, &Input::CallEnded { call }),
            Event::HangsUp(call) => {
                if self.open.contains_key(&call) {
                    self.close(at, call, None);
                    self.tell(at, &Input::CallEnded { call });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
