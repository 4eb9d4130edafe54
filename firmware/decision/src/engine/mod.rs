//! The router's state machine: calls, agents, queue and timetable.
//!
//! It speaks in indices and microseconds and yields [`Choice`]s; the router and the simulator put
//! words or statistics on them. Nothing here depends on the order of a hash map or on a float.

pub(crate) mod agent;
mod assign;
mod back;
mod breaks;
pub(crate) mod call;
mod choice;
mod estimate;
mod hold;
mod kind;
mod leave;
mod lessons;
mod novice;
mod passed;
mod replace;
mod what_if;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use trunkside_call::{AgentId, CallId, CallbackCause};

use crate::input::{Input, micros};
use crate::need::{Insist, Need, Requirement};
use crate::policy::{Policy, WhenClosed};
use crate::{CallProfile, OfferFailure};
use agent::{Activity, Agent, Micros, Slot};
use call::{Attempt, Call, GivenUp, Stage};
pub(crate) use choice::{Act, Choice, Cost, Facts, Skipped};
use estimate::History;
pub use estimate::WaitEstimate;
use kind::{Kind, Kinds};
pub(crate) use lessons::Chance;
pub use lessons::{Lesson, Tally};
pub(crate) use what_if::{Change, Fate, WhatIf};

/// An agent whose phone fails again and again rests for no longer than this, but as long as the policy's
/// usual rest: whoever comes back to it without a word is not forgotten.
const LONGEST_REST: Micros = 300_000_000;

/// The usual rest of a second is longer than that after so many.
const MOST_DOUBLINGS: u32 = 9;

/// Whose turn it is in the timetable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Entity {
    Agent(usize),
    Call(Slot),
}

#[derive(Clone, Debug)]
pub(crate) struct Engine {
    policy: Arc<Policy>,
    kinds: Kinds,
    promises: Vec<hold::Promise>,
    explain: bool,
    /// Whether each wait is foretold, and learnt from.
    pub foretells: bool,
    /// Whether calls take their cheapest agent one by one, in the queue's order: what the laboratory
    /// measures the product against.
    pub one_by_one: bool,
    now: Micros,
    /// The wall clock as last told, and when.
    clock: Option<(Micros, DateTime)>,
    /// The last day on which the branch was seen open.
    opened: Option<Date>,
    agent_index: BTreeMap<AgentId, usize>,
    agents: Vec<Agent>,
    calls: Vec<Option<Call>>,
    vacant: Vec<Slot>,
    slots: BTreeMap<CallId, Slot>,
    queue: BTreeMap<(Micros, u64), Slot>,
    timetable: BTreeSet<(Micros, Entity)>,
    arrivals: u64,
    /// Agents that became free, and calls that became free to be assigned, since the last round.
    freed: Vec<usize>,
    unplaced: Vec<Slot>,
    /// Calls before which one of higher priority has gone that came later.
    passed: BTreeSet<Slot>,
    /// Calls whose requirements or chances may have changed.
    stale: Vec<Slot>,
    /// Calls whose caller must be told that they wait, and those to be told if their place changed.
    untold: Vec<Slot>,
    overdue: Vec<Slot>,
    choices: VecDeque<Choice>,
    history: History,
    lessons: lessons::Lessons,
}

impl Engine {
    /// `explain` keeps what is needed to put a choice into words.
    pub fn new(policy: Arc<Policy>, explain: bool) -> Self {
        Self {
            kinds: Kinds::new(&policy),
            promises: hold::promises(&policy),
            explain,
            foretells: explain,
            one_by_one: false,
            now: 0,
            clock: None,
            opened: None,
            agent_index: policy
                .agents
                .iter()
                .enumerate()
                .map(|(i, a)| (a.id.clone(), i))
                .collect(),
            agents: vec![Agent::away(); policy.agents.len()],
            policy,
            calls: Vec::new(),
            vacant: Vec::new(),
            slots: BTreeMap::new(),
            queue: BTreeMap::new(),
            timetable: BTreeSet::new(),
            arrivals: 0,
            freed: Vec::new(),
            unplaced: Vec::new(),
            passed: BTreeSet::new(),
            stale: Vec::new(),
            overdue: Vec::new(),
            untold: Vec::new(),
            choices: VecDeque::new(),
            history: History::default(),
            lessons: lessons::Lessons::default(),
        }
    }

    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// A clock that jumps back is held; one that jumps ahead is believed.
    pub fn handle(&mut self, now: Duration, input: &Input) {
        self.now = self.now.max(micros(now));
        self.run_timetable();
        self.take(input);
        self.place();
    }

    pub fn poll(&mut self) -> Option<Choice> {
        self.choices.pop_front()
    }

    pub fn deadline(&self) -> Option<Duration> {
        let (at, _) = self.timetable.first()?;
        Some(Duration::from_micros(at.unsigned_abs()))
    }

    /// How many calls wait for an agent.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// A copy that keeps no facts and has nothing to say yet.
    pub fn silent(&self) -> Self {
        Self {
            explain: false,
            choices: VecDeque::new(),
            ..self.clone()
        }
    }

    fn take(&mut self, input: &Input) {
        match input {
            Input::LocalTime { local } => self.told_time(*local),
            Input::Tick => {}
            Input::CallReady { call, profile } => self.call_ready(*call, profile),
            Input::CallerKnown { call, profile } => {
                if let Some(slot) = self.slots.get(call).copied() {
                    self.know(slot, profile);
                }
            }
            Input::MoodChanged {
                call,
                emotion,
                emotion_permille,
                fell_permille,
            } => {
                if let Some(slot) = self.slots.get(call).copied() {
                    let mut profile = self.call(slot).profile.clone();
                    profile.emotion = *emotion;
                    profile.emotion_permille = *emotion_permille;
                    profile.mood_fell_permille = *fell_permille;
                    self.know(slot, &profile);
                }
            }
            Input::AgentAvailable { agent } => self.with_agent(agent, Self::agent_available),
            Input::AgentBusy { agent } => self.with_agent(agent, |engine, index| {
                engine.sign_in(index, true);
                engine.agents[index].occupied = true;
            }),
            Input::AgentAway { agent } => self.with_agent(agent, Self::agent_away),
            Input::BreakBegun {
                agent,
                reason,
                ago_ms,
            } => {
                let ago = Duration::from_millis(*ago_ms);
                self.with_agent(agent, |engine, index| {
                    engine.break_begun(index, reason, ago);
                });
            }
            Input::BreakOver { agent } => self.with_agent(agent, Self::break_over),
            Input::WrapUpOver { agent } => self.with_agent(agent, Self::wrap_up_over),
            Input::OfferFailed { call, agent, cause } => {
                if let Some(slot) = self.slots.get(call).copied() {
                    self.sent_failed(slot, agent);
                    self.with_agent(agent, |engine, index| {
                        engine.offer_failed(slot, index, *cause);
                    });
                }
            }
            Input::Bridged { call, agent } => {
                if let Some(slot) = self.slots.get(call).copied() {
                    self.sent_bridged(slot, agent);
                    self.with_agent(agent, |engine, index| engine.bridged(slot, index));
                }
            }
            Input::TakenOver { call, agent } => {
                let agent = agent.as_ref();
                let agent = agent.and_then(|agent| self.agent_index.get(agent).copied());
                if let Some(slot) = self.slots.get(call).copied() {
                    self.taken_over(slot, agent);
                }
            }
            Input::CallEnded { call } => self.call_ended(*call),
            Input::CallbackAsked { call } => self.callback_asked(*call),
            Input::CalledBack { place, call } => self.called_back(*place, *call),
            Input::Unreached { call, place } => self.unreached(*call, *place),
            Input::PlaceKept {
                place,
                profile,
                waited_ms,
            } => self.place_kept(*place, profile, Duration::from_millis(*waited_ms)),
            Input::PlaceGivenUp { place } => self.place_given_up(*place),
            Input::Judged {
                agent,
                intent,
                resolved,
                mood_permille,
                ..
            } => self.judged(agent, intent, *resolved, *mood_permille),
            Input::Learnt { lessons } => {
                for lesson in lessons {
                    if let Some(agent) = self.agent_index.get(&lesson.agent).copied() {
                        self.learn(&lesson.intent, agent, &lesson.tally);
                    }
                }
            }
        }
    }

    fn with_agent(&mut self, agent: &AgentId, change: impl FnOnce(&mut Self, usize)) {
        if let Some(index) = self.agent_index.get(agent).copied() {
            change(self, index);
            self.reschedule_agent(index);
        }
    }

    // Calls

    fn call(&self, slot: Slot) -> &Call {
        self.calls[slot]
            .as_ref()
            .expect("slots in use are never vacant")
    }

    fn call_mut(&mut self, slot: Slot) -> &mut Call {
        self.calls[slot]
            .as_mut()
            .expect("slots in use are never vacant")
    }

    /// Whether the branch is open at a moment, when the shell has told the time.
    fn open_at(&self, now: Micros) -> Option<bool> {
        let (told, local) = self.clock?;
        let local =
            local.saturating_add(jiff::SignedDuration::from_micros(now.saturating_sub(told)));
        Some(self.policy.hours.is_open(local))
    }

    /// What a caller asks for, by the rules that apply.
    fn kind(&mut self, profile: &CallProfile, open: Option<bool>) -> Arc<Kind> {
        let rules = Need::matching(&self.policy, profile, open);
        self.kinds.of(&self.policy, (rules, profile.language))
    }

    /// Whom the caller spoke to last time, if the policy still has them.
    fn agent_of(&self, profile: &CallProfile) -> Option<usize> {
        let agent = profile.last_agent.as_ref()?;
        self.agent_index.get(agent).copied()
    }

    fn call_ready(&mut self, id: CallId, profile: &CallProfile) {
        if let Some(slot) = self.slots.get(&id).copied() {
            self.know(slot, profile);
            if let Stage::SelfService { .. } = self.call(slot).stage {
                self.after_machine(slot);
            }
            return;
        }
        let slot = self.admit(id, profile);
        if self.serves_itself(slot) {
            // What a machine can tell it tells at night, too.
            self.serve_by_machine(slot);
        } else {
            self.look_for_agent(slot);
        }
    }

    /// Puts a call into the queue, unless the branch is closed to it.
    fn look_for_agent(&mut self, slot: Slot) {
        if self.turns_away(slot) {
            self.leave(slot, self.policy.queue.last_resort, CallbackCause::Closed);
        } else {
            self.enqueue(slot);
        }
    }

    /// Whether the branch is closed to such a call.
    fn turns_away(&self, slot: Slot) -> bool {
        let call = self.call(slot);
        let closed = call.open == Some(false) && self.policy.when_closed == WhenClosed::Callback;
        closed && !call.need().even_when_closed
    }

    /// A call that is new; it does not stand in the queue yet.
    fn admit(&mut self, id: CallId, profile: &CallProfile) -> Slot {
        let open = self.open_at(self.now);
        let kind = self.kind(profile, open);
        self.arrivals += 1;
        let call = Call {
            id,
            profile: profile.clone(),
            open,
            insist: kind.need.insist(),
            kind,
            last_agent: self.agent_of(profile),
            entered: self.now,
            sought_since: self.now,
            held_since: self.now,
            sequence: self.arrivals,
            stage: Stage::Waiting,
            attempts: Vec::new(),
            given_up: [None; 3],
            told_ahead: None,
            tell_at: self.now.saturating_add(micros(self.policy.queue.announce)),
            opens_at: None,
            passed_since: None,
            forecast: None,
            self_served: false,
            successor: None,
            hand_on_at: None,
            talking_since: self.now,
            away: false,
            called_back: false,
            offered_late: false,
            unreached: 0,
            rests_until: None,
            due: None,
        };
        let slot = self.vacant.pop().unwrap_or(self.calls.len());
        if slot == self.calls.len() {
            self.calls.push(None);
        }
        self.calls[slot] = Some(call);
        self.slots.insert(id, slot);
        slot
    }

    /// Replaces what is known of a call; one that waits is decided anew when its needs change.
    fn know(&mut self, slot: Slot, profile: &CallProfile) {
        let open = self.call(slot).open;
        let kind = self.kind(profile, open);
        let policy = Arc::clone(&self.policy);
        let last_agent = self.agent_of(profile);
        let call = self.call_mut(slot);
        call.profile.clone_from(profile);
        let knew_agent = std::mem::replace(&mut call.last_agent, last_agent);
        if let Stage::SelfService { .. } = call.stage {
            call.kind = kind;
            return;
        }
        if call.kind.need == kind.need {
            if call.stage == Stage::Waiting && knew_agent != last_agent {
                self.stale.push(slot);
                self.unplaced.push(slot);
            }
            return;
        }
        let old_rank = call.rank(&policy);
        call.kind = kind;
        if call.stage == Stage::Waiting {
            self.queue.remove(&old_rank);
            self.enqueue(slot);
        }
    }

    /// Puts a call into the queue; it is placed, or told that it waits, at the end of the round.
    fn enqueue(&mut self, slot: Slot) {
        let rank = self.call(slot).rank(&self.policy);
        self.queue.insert(rank, slot);
        self.stale.push(slot);
        self.unplaced.push(slot);
        self.untold.push(slot);
    }

    fn dequeue(&mut self, slot: Slot) {
        let rank = self.call(slot).rank(&self.policy);
        self.queue.remove(&rank);
    }

    fn call_ended(&mut self, id: CallId) {
        let Some(slot) = self.slots.get(&id).copied() else {
            return;
        };
        if self.call(slot).away {
            return self.went_away(slot);
        }
        let talking_since = self.call(slot).talking_since;
        self.withdraw_successor(slot);
        match self.call(slot).stage {
            Stage::Waiting => {
                let held = self.call(slot).held(self.now);
                self.history.hung_up(held);
                self.waited(slot, held);
                self.turned_out(slot, false);
                self.dequeue(slot);
            }
            Stage::Offered { agent, .. } => self.release(agent, Activity::Idle),
            Stage::Sent { .. } | Stage::SelfService { .. } | Stage::Talking { agent: None } => {}
            Stage::Talking { agent: Some(agent) } => {
                self.history.talked(self.now - talking_since);
                self.learn_talk(slot, agent, self.now - talking_since);
                if self.agents[agent].activity == Activity::Talking(slot) {
                    self.agents[agent].end_talk(talking_since, self.now);
                    self.after_call(agent);
                }
            }
        }
        self.forget(slot);
    }

    /// Compares a wait that is over with what was foretold.
    fn turned_out(&mut self, slot: Slot, answered: bool) {
        let Some(forecast) = self.call_mut(slot).forecast.take() else {
            return;
        };
        let call = self.call(slot);
        let (kind, held) = (Arc::clone(&call.kind), call.held(self.now));
        self.history
            .turned_out(&kind.need, &forecast, held, answered);
    }

    fn forget(&mut self, slot: Slot) {
        self.schedule_call(slot, None);
        let call = self.calls[slot]
            .take()
            .expect("slots in use are never vacant");
        self.slots.remove(&call.id);
        self.passed.remove(&slot);
        self.vacant.push(slot);
    }

    fn call_back(&mut self, slot: Slot, cause: CallbackCause) {
        let facts = self.facts(slot, None);
        let id = self.call(slot).id;
        self.choices.push_back(Choice {
            call: id,
            at: self.now,
            act: Act::Callback { cause },
            facts,
        });
        self.forget(slot);
    }

    // Agents

    fn sign_in(&mut self, index: usize, signed_in: bool) {
        if self.agents[index].signed_in == signed_in {
            return;
        }
        self.agents[index].signed_in = signed_in;
        if signed_in {
            self.agents[index].idle_since = self.now;
            self.agents[index].begin_day(self.now);
        }
        // Who could take a call at all has changed.
        self.stale.extend(self.queue.values());
    }

    fn agent_available(&mut self, index: usize) {
        self.sign_in(index, true);
        self.agents[index].missed = 0;
        if self.agents[index].occupied {
            self.agents[index].occupied = false;
            self.agents[index].idle_since = self.now;
        }
        self.ready(index);
    }

    /// Nothing that a call left behind keeps the agent any more.
    fn ready(&mut self, index: usize) {
        match self.agents[index].activity {
            Activity::Idle | Activity::WrapUp(_) | Activity::Resting(_) => {
                self.release(index, Activity::Idle);
            }
            Activity::Offered(_) | Activity::Talking(_) => {}
        }
    }

    fn agent_away(&mut self, index: usize) {
        self.sign_in(index, false);
        if let Activity::Offered(slot) = self.agents[index].activity {
            self.offer_failed(slot, index, OfferFailure::Unreachable);
        }
    }

    fn offer_failed(&mut self, slot: Slot, index: usize, cause: OfferFailure) {
        if self.succession_failed(slot, index, cause) {
            return;
        }
        let Stage::Offered { agent, .. } = self.call(slot).stage else {
            return;
        };
        if agent != index {
            return;
        }
        let again_at = self.now.saturating_add(micros(self.policy.queue.retry));
        let call = self.call_mut(slot);
        call.attempts.push(Attempt {
            agent,
            cause,
            again_at,
        });
        call.stage = Stage::Waiting;
        self.leave_alone(slot, agent, cause);
        self.enqueue(slot);
    }

    /// An offer of the call to the agent came to nothing: their phone rests. Each time in a row that
    /// nobody was there it rests for twice as long, while somebody else could take such calls.
    fn leave_alone(&mut self, slot: Slot, index: usize, cause: OfferFailure) {
        let call = self.call(slot);
        let fits = |agent: usize| call.kind.fits[agent].meets(call.insist);
        let others = (0..self.agents.len()).filter(|other| *other != index);
        let mut there = others.filter(|other| self.agents[*other].is_there());
        let is_needed = !there.any(fits);
        let rest = micros(self.policy.queue.rest);
        let agent = &mut self.agents[index];
        let mut longer = rest;
        if cause.nobody_was_there() {
            if !is_needed {
                longer = (rest << agent.missed.min(MOST_DOUBLINGS)).min(LONGEST_REST);
            }
            agent.missed = agent.missed.saturating_add(1);
        }
        if cause != OfferFailure::Declined {
            // They were not waiting for calls.
            agent.idle_since = self.now;
        }
        let until = self.now.saturating_add(rest.max(longer));
        self.release(index, Activity::Resting(until));
    }

    fn bridged(&mut self, slot: Slot, index: usize) {
        match self.call(slot).stage {
            Stage::Talking { .. } => return self.succeeded(slot, index),
            Stage::Offered { agent, .. } if agent == index => {}
            Stage::Offered { agent, .. } => self.release(agent, Activity::Idle),
            // The line bridged by itself: what is so counts.
            Stage::Waiting => self.dequeue(slot),
            Stage::SelfService { .. } => {
                let now = self.now;
                self.call_mut(slot).begins_to_wait(now);
            }
            Stage::Sent { .. } => {}
        }
        let now = self.now;
        let call = self.call_mut(slot);
        call.stage = Stage::Talking { agent: Some(index) };
        call.talking_since = now;
        let held = call.held(now);
        self.history.without_hang_up(held);
        self.waited(slot, held);
        self.turned_out(slot, true);
        if !matches!(self.agents[index].activity, Activity::Offered(other) if other != slot) {
            self.agents[index].activity = Activity::Talking(slot);
        }
        self.agents[index].missed = 0;
        self.watch_novice(slot, index);
        self.reschedule_call(slot);
    }

    fn after_call(&mut self, index: usize) {
        let wrap_up = micros(self.policy.queue.wrap_up);
        let next = match wrap_up {
            0 => Activity::Idle,
            _ => Activity::WrapUp(self.now.saturating_add(wrap_up)),
        };
        self.release(index, next);
    }

    fn release(&mut self, index: usize, activity: Activity) {
        self.agents[index].activity = activity;
        if self.agents[index].is_free() {
            self.freed.push(index);
        }
        self.reschedule_agent(index);
    }

    // Time

    /// Shares of the day begin anew at midnight, and when the branch opens for the first time that day.
    fn told_time(&mut self, local: DateTime) {
        let date = local.date();
        let opens = self.policy.hours.is_open(local) && self.opened.replace(date) != Some(date);
        let before = self.clock.replace((self.now, local));
        if before.is_some_and(|(_, before)| opens || before.date() != date) {
            for agent in &mut self.agents {
                agent.begin_day(self.now);
            }
        }
    }

    fn schedule_call(&mut self, slot: Slot, due: Option<Micros>) {
        let call = self.call_mut(slot);
        let before = std::mem::replace(&mut call.due, due);
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.timetable.remove(&(before, Entity::Call(slot)));
        }
        if let Some(due) = due {
            self.timetable.insert((due, Entity::Call(slot)));
        }
    }

    fn reschedule_call(&mut self, slot: Slot) {
        let due = self.call(slot).next_due(&self.policy, self.now);
        self.schedule_call(slot, due);
    }

    fn reschedule_agent(&mut self, index: usize) {
        let due = self.agents[index].due();
        let before = std::mem::replace(&mut self.agents[index].scheduled, due);
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.timetable.remove(&(before, Entity::Agent(index)));
        }
        if let Some(due) = due {
            self.timetable.insert((due, Entity::Agent(index)));
        }
    }

    /// Lets everything happen whose time has come.
    fn run_timetable(&mut self) {
        while let Some((at, entity)) = self.timetable.first().copied()
            && at <= self.now
        {
            self.timetable.pop_first();
            match entity {
                Entity::Agent(index) => {
                    self.agents[index].scheduled = None;
                    self.agent_due(index);
                }
                Entity::Call(slot) => {
                    self.call_mut(slot).due = None;
                    self.call_due(slot);
                }
            }
        }
    }

    fn call_due(&mut self, slot: Slot) {
        match self.call(slot).stage {
            Stage::Talking { .. } => self.hand_on(slot),
            Stage::Offered { agent, .. } => self.offer_failed(slot, agent, OfferFailure::Vanished),
            Stage::Sent { to, cause, .. } => self.send_on(slot, to, cause),
            Stage::SelfService { .. } => self.after_machine(slot),
            Stage::Waiting => {
                // A requirement is given up, an agent may be tried again, or the wait is over: all
                // of it is looked at when the call is placed.
                self.stale.push(slot);
                self.unplaced.push(slot);
                if self.call(slot).tell_at <= self.now {
                    self.overdue.push(slot);
                }
            }
        }
    }

    /// Works out what a waiting call insists on now. False when nobody is left who could take it.
    fn refresh(&mut self, slot: Slot) -> bool {
        let call = self.call(slot);
        let insisted = Self::insisted(&call.kind, call.sought_since, self.now, &|index| {
            self.agents[index].signed_in && call.tried(index, self.now).is_none()
        });
        let call = self.call_mut(slot);
        call.insist = insisted.insist;
        call.given_up = insisted.given_up;
        insisted.reachable
    }

    /// What a call insists on at `now`, when only the agents `there` can be had at all.
    fn insisted(
        kind: &Kind,
        sought_since: Micros,
        now: Micros,
        there: &dyn Fn(usize) -> bool,
    ) -> Insisted {
        let somebody = |insist: Insist| {
            kind.fits
                .iter()
                .enumerate()
                .any(|(index, fit)| fit.meets(insist) && there(index))
        };
        let mut insist = kind.need.insist();
        let mut given_up = [None; 3];
        for requirement in Requirement::ALL {
            let waited_out = kind
                .need
                .relaxes(requirement)
                .is_some_and(|after| sought_since.saturating_add(micros(after)) <= now);
            if insist.holds(requirement) && waited_out {
                insist.drop(requirement);
                given_up[requirement as usize] = Some(GivenUp::Waited);
            }
        }
        let mut reachable = somebody(insist);
        for requirement in Requirement::ALL {
            if !reachable && insist.holds(requirement) {
                insist.drop(requirement);
                given_up[requirement as usize] = Some(GivenUp::Nobody);
                reachable = somebody(insist);
            }
        }
        Insisted {
            insist,
            given_up,
            reachable,
        }
    }
}

/// What a call insists on, and whether anybody meets that.
struct Insisted {
    insist: Insist,
    given_up: [Option<GivenUp>; 3],
    reachable: bool,
}

fn agent_index(policy: &Policy) -> BTreeMap<AgentId, usize> {
    policy
        .agents
        .iter()
        .enumerate()
        .map(|(index, agent)| (agent.id.clone(), index))
        .collect()
}
