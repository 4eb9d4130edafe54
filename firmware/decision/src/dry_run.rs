//! Yesterday under another policy: what a decision log's calls would have met.
//!
//! Callers, moods and agents' comings and goings are the logged ones. A call lasts as long as it
//! lasted, a caller who hung up has just that much patience, and phones ring as long as the day's
//! median. The same is played under the policies that were in force; how far *that* is from the
//! log tells how far the whole can be trusted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use trunkside_call::{Action, AgentId, CallId};

use crate::engine::{Act, Engine};
use crate::log::{Entry, ReplayError, parse_policy, read};
use crate::{Input, Policy};

type Micros = u64;

/// A phone's ring before the agent answers, when the log has none.
const RING: Micros = 5_000_000;

/// A call that would have gone elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// The call.
    pub call: CallId,
    /// Who took it under the policy that was in force; none when nobody did.
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
    /// Mean wait in seconds.
    pub wait_mean_s: f64,
    /// The wait that nine in ten stay below, in seconds.
    pub wait_p90_s: f64,
}

/// What a dry run found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DryRun {
    /// Calls in the log that wanted an agent.
    pub calls: u64,
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

/// One day's log, taken apart.
struct Story {
    /// What does not depend on decisions, in order.
    inputs: Vec<(Micros, Happening)>,
    calls: BTreeMap<CallId, Fact>,
    /// Of every policy that was in force: the log tells when they came and went.
    agents: BTreeSet<AgentId>,
    ring: Micros,
    talk: Micros,
    /// The log's last moment.
    end: Micros,
    /// Lines that are torn or missing.
    lost_lines: u64,
}

#[derive(Clone)]
enum Happening {
    Input(Input),
    /// A router began, with no calls and every agent away.
    Start(Arc<Policy>),
    /// It went on under another policy, with these of its new agents there.
    Replace(Arc<Policy>, Vec<AgentId>),
}

#[derive(Clone, Debug, Default)]
struct Fact {
    ready: Micros,
    offered: Option<Micros>,
    bridged: Option<(Micros, AgentId)>,
    ended: Option<Micros>,
    /// The router let go of it.
    called_back: bool,
}

impl Fact {
    fn wait(&self, end: Micros) -> Micros {
        let until = self.bridged.as_ref().map(|(at, _)| *at).or(self.ended);
        until.unwrap_or(end).saturating_sub(self.ready)
    }
}

/// Plays a log's day under another policy.
pub fn dry_run(log: &str, policy: &Arc<Policy>) -> Result<DryRun, ReplayError> {
    let story = Story::read(log)?;
    let logged: BTreeMap<CallId, (Option<AgentId>, Micros)> = story
        .calls
        .iter()
        .map(|(id, fact)| {
            let agent = fact.bridged.as_ref().map(|(_, agent)| agent.clone());
            (*id, (agent, fact.wait(story.end)))
        })
        .collect();
    let before = story.play(None);
    let after = story.play(Some(policy));
    let mut moved = Vec::new();
    for (id, (agent, wait)) in &after {
        if let Some((was, waited)) = before.get(id)
            && was != agent
        {
            moved.push(Moved {
                call: *id,
                before: was.clone(),
                after: agent.clone(),
                wait_before_s: *waited as f64 / 1e6,
                wait_after_s: *wait as f64 / 1e6,
            });
        }
    }
    let unlike = before
        .iter()
        .filter(|(id, (agent, _))| logged.get(*id).is_some_and(|(was, _)| was != agent));
    Ok(DryRun {
        calls: logged.len() as u64,
        unlike_log: unlike.count() as u64,
        lost_lines: story.lost_lines,
        logged: day(&logged),
        before: day(&before),
        after: day(&after),
        moved,
    })
}

fn day(calls: &BTreeMap<CallId, (Option<AgentId>, Micros)>) -> Day {
    let mut waits: Vec<Micros> = calls.values().map(|(_, wait)| *wait).collect();
    waits.sort_unstable();
    let count = waits.len();
    if count == 0 {
        return Day::default();
    }
    Day {
        answered: calls.values().filter(|(agent, _)| agent.is_some()).count() as u64,
        wait_mean_s: waits.iter().sum::<Micros>() as f64 / count as f64 / 1e6,
        wait_p90_s: waits[(count * 90).div_ceil(100).max(1) - 1] as f64 / 1e6,
    }
}

impl Story {
    fn read(log: &str) -> Result<Self, ReplayError> {
        let mut story = Self {
            inputs: Vec::new(),
            calls: BTreeMap::new(),
            agents: BTreeSet::new(),
            ring: RING,
            talk: 180_000_000,
            end: 0,
            lost_lines: 0,
        };
        // A router that starts anew starts its clock anew: its day follows the one before.
        let mut shift = 0;
        story.lost_lines = read(log, |line, entry| match entry {
            Some(entry) => story.take(line, entry, &mut shift),
            None => Ok(()),
        })?;
        story.times();
        Ok(story)
    }

    fn take(&mut self, line: usize, entry: Entry, shift: &mut Micros) -> Result<(), ReplayError> {
        match entry {
            Entry::Start { policy, text } => {
                *shift = self.end;
                // The calls of the router before ended with it.
                for fact in self.calls.values_mut() {
                    fact.ended.get_or_insert(*shift);
                }
                let policy = self.policy(line, &policy, &text)?;
                self.inputs.push((*shift, Happening::Start(policy)));
            }
            Entry::Replace {
                at_us,
                policy,
                text,
                signed_in,
            } => {
                let policy = self.policy(line, &policy, &text)?;
                self.inputs
                    .push((*shift + at_us, Happening::Replace(policy, signed_in)));
            }
            Entry::Input { at_us, input } => {
                let at = *shift + at_us;
                self.end = self.end.max(at);
                self.input(at, input);
            }
            Entry::Decision { decision } => {
                let at = *shift + u64::try_from(decision.at.as_micros()).unwrap_or(u64::MAX);
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
            Entry::Gap { .. } => {}
        }
        Ok(())
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
        Ok(policy)
    }

    fn input(&mut self, at: Micros, input: Input) {
        match &input {
            Input::CallReady { call, .. } => {
                self.calls.entry(*call).or_insert_with(|| Fact {
                    ready: at,
                    ..Fact::default()
                });
            }
            Input::Bridged { call, agent } => {
                if let Some(fact) = self.calls.get_mut(call) {
                    fact.bridged.get_or_insert((at, agent.clone()));
                }
                return;
            }
            Input::CallEnded { call } => {
                if let Some(fact) = self.calls.get_mut(call) {
                    fact.ended.get_or_insert(at);
                }
                return;
            }
            // What the caller and the line did under the old policy.
            Input::Tick
            | Input::OfferFailed { .. }
            | Input::TakenOver { .. }
            | Input::CallbackAsked { .. }
            | Input::CalledBack { .. }
            | Input::Unreached { .. }
            | Input::PlaceKept { .. }
            | Input::PlaceGivenUp { .. } => return,
            Input::LocalTime { .. }
            | Input::MoodChanged { .. }
            | Input::AgentAvailable { .. }
            | Input::AgentBusy { .. }
            | Input::AgentAway { .. }
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
            self.talk = talks.iter().sum::<Micros>() / talks.len() as Micros;
        }
    }

    /// Who takes each call, and after which wait: under one policy, or under the log's own.
    fn play(&self, policy: Option<&Arc<Policy>>) -> BTreeMap<CallId, (Option<AgentId>, Micros)> {
        let mut play = Play {
            story: self,
            engine: None,
            events: BinaryHeap::new(),
            serial: 0,
            open: BTreeMap::new(),
            results: BTreeMap::new(),
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
    open: BTreeMap<CallId, Option<AgentId>>,
    results: BTreeMap<CallId, (Option<AgentId>, Micros)>,
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
                    self.open.insert(call, Some(name.clone()));
                    self.push(at + self.story.ring, Event::Answers(call, name));
                }
                Act::Callback { .. } => self.close(at, call, None),
                Act::Offer { agent, .. } => {
                    let engine = self.engine.as_ref().expect("it has just decided");
                    let agent = engine.policy().agents[agent].id.clone();
                    self.open.insert(call, Some(agent.clone()));
                    self.push(at + self.story.ring, Event::Answers(call, agent));
                }
            }
        }
    }

    fn close(&mut self, at: Micros, call: CallId, agent: Option<AgentId>) {
        if self.open.remove(&call).is_some() {
            let wait = at.saturating_sub(self.story.calls[&call].ready);
            self.results.insert(call, (agent, wait));
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
                if self.open.get(&call) != Some(&Some(agent.clone())) {
                    return;
                }
                self.close(at, call, Some(agent.clone()));
                let fact = &self.story.calls[&call];
                let talked = match (&fact.bridged, fact.ended) {
                    (Some((from, _)), Some(until)) => until.saturating_sub(*from),
                    _ => self.story.talk,
                };
                self.push(at + talked, Event::Ends(call));
                self.tell(at, &Input::Bridged { call, agent });
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
