//! What would have been decided had one thing been different, without playing it through.
//!
//! Between events no free agent may take a waiting call, so a changed caller is placed by looking
//! at their own row of costs alone, and a changed agent by their column. Agents who are kept free for
//! promised calls are counted as they stand.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{CallId, CallbackCause};

use super::agent::{Activity, Micros, Slot};
use super::call::Stage;
use super::kind::Kind;
use super::{Act, Engine};
use crate::CallProfile;
use crate::input::{Input, micros};
use crate::need::Need;
use crate::policy::WhenClosed;

/// What becomes of a call, without its place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Offer(usize),
    Wait { ahead: u32 },
    Callback(CallbackCause),
    Send(usize),
    SelfService,
}

/// Something that is otherwise than it was.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Nothing,
    Caller(CallProfile),
    /// The agent is taken.
    Busy(usize),
    /// The agent is ready: whoever is on a call has ended it.
    Ready(usize),
}

/// What came of a call by playing on.
pub(crate) struct Played {
    /// What was decided about it last.
    pub decided: Option<Fate>,
    /// Where it stands when it waits still.
    pub waits_on: Option<Fate>,
}

impl Engine {
    /// Agents, by index, with whether they are free.
    pub fn agents_free(&self) -> impl Iterator<Item = (usize, bool)> {
        let agents = self.agents.iter().enumerate();
        agents.map(|(index, agent)| (index, agent.is_free()))
    }

    /// What the router is told where an agent becomes ready, whatever kept them but for the call that is asked
    /// about.
    pub fn becomes_ready(&self, agent: usize, asked: CallId) -> Vec<Input> {
        let name = || self.policy.agents[agent].id.clone();
        let on_break = self.agents[agent].on_break;
        let back = on_break.map(|_| Input::BreakOver { agent: name() });
        let call = self.talk_of(agent).map(|slot| self.call(slot).id);
        let ended = call.filter(|call| *call != asked);
        let ended = ended.map(|call| Input::CallEnded { call });
        let ready = Input::AgentAvailable { agent: name() };
        back.into_iter().chain(ended).chain([ready]).collect()
    }

    /// The call that keeps an agent, where its end would free them and nobody else.
    fn talk_of(&self, agent: usize) -> Option<Slot> {
        let Activity::Talking(slot) = self.agents[agent].activity else {
            return None;
        };
        let call = self.call(slot);
        let is_theirs = call.stage == Stage::Talking { agent: Some(agent) };
        (is_theirs && call.successor.is_none()).then_some(slot)
    }

    /// Whether an agent who becomes ready is free then: one whose phone rings is not.
    fn would_be_free(&self, agent: usize) -> bool {
        match self.agents[agent].activity {
            Activity::Offered(_) => false,
            Activity::Talking(_) => self.talk_of(agent).is_some(),
            _ => true,
        }
    }

    /// [`Agent::rested`] of an agent who becomes ready at `now`. What the end of their call teaches is left out.
    fn rested_when_ready(&self, agent: usize, now: Micros) -> (Micros, i64) {
        let mut ready = self.agents[agent].clone();
        if let Some(slot) = self.talk_of(agent) {
            ready.end_talk(self.call(slot).talking_since, now);
        }
        ready.rested(now)
    }

    /// What is known of a call.
    pub fn profile_of(&self, call: CallId) -> Option<&CallProfile> {
        let slot = self.slots.get(&call)?;
        Some(&self.call(*slot).profile)
    }

    /// Plays inputs of one moment through on a copy.
    pub fn played(&self, now: Duration, inputs: &[&Input], call: CallId) -> Played {
        let mut copy = self.silent();
        for input in inputs {
            copy.handle(now, input);
        }
        let mut decided = None;
        while let Some(choice) = copy.poll() {
            if choice.call == call {
                decided = Fate::of(&choice.act).or(decided);
            }
        }
        let slot = copy.slots.get(&call).copied();
        let waiting = slot.filter(|slot| copy.call(*slot).stage == Stage::Waiting);
        let waits_on = waiting.map(|slot| Fate::Wait {
            ahead: copy.ahead(slot),
        });
        Played { decided, waits_on }
    }
}

impl Fate {
    /// None for a novice's call that goes on: it stays with somebody.
    fn of(act: &Act) -> Option<Self> {
        match *act {
            Act::Offer { agent, .. } => Some(Self::Offer(agent)),
            Act::Wait { ahead } => Some(Self::Wait { ahead }),
            Act::Callback { cause } => Some(Self::Callback(cause)),
            Act::Send { to, .. } => Some(Self::Send(to)),
            Act::SelfService => Some(Self::SelfService),
            Act::HandOn { .. } => None,
        }
    }
}

/// An engine about to be told something about a call.
pub(crate) struct WhatIf<'a> {
    engine: Cow<'a, Engine>,
    now: Micros,
    call: CallId,
    slot: Option<Slot>,
    pub profile: CallProfile,
    /// What is decided where nothing is otherwise, once it is known.
    unchanged: OnceCell<Option<Fate>>,
}

impl<'a> WhatIf<'a> {
    /// None when the input is not about a caller.
    pub fn new(engine: &'a Engine, now: Duration, input: &Input) -> Option<Self> {
        let now = engine.now.max(micros(now));
        let due = engine.timetable.first().is_some_and(|(at, _)| *at <= now);
        let engine = if due {
            // What is due happens first, as it will.
            let mut settled = engine.silent();
            settled.handle(Duration::from_micros(now.unsigned_abs()), &Input::Tick);
            Cow::Owned(settled)
        } else {
            Cow::Borrowed(engine)
        };
        let (call, profile) = match input {
            Input::CallReady { call, profile } => (*call, profile.clone()),
            Input::MoodChanged {
                call,
                emotion,
                emotion_permille,
                fell_permille,
            } => {
                let slot = engine.slots.get(call)?;
                let profile = CallProfile {
                    emotion: *emotion,
                    emotion_permille: *emotion_permille,
                    mood_fell_permille: *fell_permille,
                    ..engine.call(*slot).profile.clone()
                };
                (*call, profile)
            }
            _ => return None,
        };
        let slot = engine.slots.get(&call).copied();
        Some(Self {
            engine,
            now,
            call,
            slot,
            profile,
            unchanged: OnceCell::new(),
        })
    }

    /// Agents, by index, with whether they are free.
    pub fn agents(&self) -> impl Iterator<Item = (usize, bool)> {
        self.engine.agents_free()
    }

    /// What would be decided about the call; none when nothing would.
    pub fn fate(&self, change: &Change) -> Option<Fate> {
        let engine = &*self.engine;
        let mut free = None;
        let mut there = None;
        let mut taken = None;
        match change {
            Change::Nothing => {
                let place = || self.place(&self.profile, None, None, None);
                return *self.unchanged.get_or_init(place);
            }
            Change::Caller(_) => {}
            Change::Busy(agent) => taken = Some(*agent),
            Change::Ready(agent) => {
                there = Some(*agent);
                let taken = if engine.would_be_free(*agent) {
                    self.takes(*agent)
                } else {
                    Some(false)
                };
                match taken {
                    Some(true) => return Some(Fate::Offer(*agent)),
                    // Who was there before changes nothing else.
                    Some(false) if engine.agents[*agent].signed_in => {
                        return self.fate(&Change::Nothing);
                    }
                    Some(false) => {}
                    None => free = Some(*agent),
                }
            }
        }
        self.place(self.profile_of(change), free, there, taken)
    }

    fn profile_of<'c>(&'c self, change: &'c Change) -> &'c CallProfile {
        match change {
            Change::Caller(profile) => profile,
            _ => &self.profile,
        }
    }

    /// The recording that would serve the caller first.
    pub fn service(&self, change: &Change) -> String {
        let open = self.engine.open_at(self.now);
        let need = Need::of(&self.engine.policy, self.profile_of(change), open);
        need.self_service.unwrap_or_default()
    }

    /// Whether a waiting call would go to the agent if they were ready now, and whether it is this one.
    fn takes(&self, agent: usize) -> Option<bool> {
        let engine = &*self.engine;
        let was_away = !engine.agents[agent].signed_in;
        let rested = engine.rested_when_ready(agent, self.now);
        let cost = |slot| {
            let call = engine.call(slot);
            if call.tried(agent, self.now).is_some() {
                return None;
            }
            let insist = if was_away {
                let there = |index: usize| {
                    (index == agent || engine.agents[index].signed_in)
                        && call.tried(index, self.now).is_none()
                };
                Engine::insisted(&call.kind, call.sought_since, self.now, &there).insist
            } else {
                call.insist
            };
            self.opens(&call.kind, insist, call.sought_since, agent)?;
            let intent = engine.intent_number(call.profile.intent.as_ref());
            let last = call.last_agent == Some(agent);
            let known = (last, engine.learned(intent, agent));
            engine.cost_of(&call.kind, insist, agent, known, rested)
        };
        if self.slot.is_none_or(|slot| cost(slot).is_none()) {
            // It cannot be this one, and which it is does not matter.
            return engine.somebody_goes(&cost, self.now).then_some(false);
        }
        let (slot, _) = engine.goes_first(&cost, self.now)?;
        Some(Some(slot) == self.slot)
    }

    fn opens(
        &self,
        kind: &Kind,
        insist: crate::need::Insist,
        sought_since: Micros,
        agent: usize,
    ) -> Option<()> {
        let engine = &*self.engine;
        let opens = || engine.opens(kind, insist, sought_since, agent);
        (!engine.may_hold() || opens() <= self.now).then_some(())
    }

    fn place(
        &self,
        profile: &CallProfile,
        free: Option<usize>,
        there: Option<usize>,
        taken: Option<usize>,
    ) -> Option<Fate> {
        let engine = &*self.engine;
        let known = self.slot.map(|slot| engine.call(slot));
        if known.is_some_and(|call| call.stage != Stage::Waiting) {
            return None;
        }
        let open = known.map_or_else(|| engine.open_at(self.now), |call| call.open);
        let rules = Need::matching(&engine.policy, profile, open);
        let kind: Arc<Kind> = engine
            .kinds
            .peek(&engine.policy, &(rules, profile.language));
        let last_agent = engine.agent_of(profile);
        let same_need = known.is_some_and(|call| call.kind.need == kind.need);
        if same_need && known.is_some_and(|call| call.last_agent == last_agent) {
            return None;
        }
        let closed = open == Some(false) && engine.policy.when_closed == WhenClosed::Callback;
        if known.is_none() && kind.need.self_service.is_some() {
            return Some(Fate::SelfService);
        }
        if known.is_none() && closed && !kind.need.even_when_closed {
            return Some(self.instead_of(CallbackCause::Closed));
        }
        let entered = known.map_or(self.now, |call| call.entered);
        let sought_since = known.map_or(self.now, |call| call.sought_since);
        let tried = |index| known.is_some_and(|call| call.tried(index, self.now).is_some());
        let signed_in = |index: usize| {
            (engine.agents[index].signed_in || there == Some(index) || taken == Some(index))
                && !tried(index)
        };
        let insisted = Engine::insisted(&kind, sought_since, self.now, &signed_in);
        let held_since = known.map_or(self.now, |call| call.held_since);
        let overflow = kind.leaves.filter(|_| !known.is_some_and(|call| call.away));
        let overflow = overflow.filter(|(after, _)| held_since.saturating_add(*after) <= self.now);
        let overflow = overflow.map(|(_, to)| {
            let cause = CallbackCause::WaitedTooLong;
            to.map_or(Fate::Callback(cause), Fate::Send)
        });
        if !insisted.reachable {
            let nobody = || self.instead_of(CallbackCause::NobodyAnswered);
            return Some(overflow.unwrap_or_else(nobody));
        }
        let intent = engine.intent_number(profile.intent.as_ref());
        let costs: Vec<(i64, usize)> = (0..engine.agents.len())
            .filter(|index| {
                (engine.agents[*index].is_free() || free == Some(*index))
                    && taken != Some(*index)
                    && !tried(*index)
            })
            .filter_map(|index| {
                self.opens(&kind, insisted.insist, sought_since, index)?;
                let cost = engine.cost_of(
                    &kind,
                    insisted.insist,
                    index,
                    (last_agent == Some(index), engine.learned(intent, index)),
                    engine.rested_when_ready(index, self.now),
                )?;
                Some((cost.total, index))
            })
            .collect();
        let explored = engine.explore(self.call, self.sequence(), &costs);
        let best = explored.map_or_else(|| costs.into_iter().min(), |(index, _)| Some((0, index)));
        match (best, overflow) {
            (Some((_, index)), _) => Some(Fate::Offer(index)),
            (None, Some(fate)) => Some(fate),
            // Who waits on for the same is told nothing new.
            _ if same_need => None,
            _ => Some(Fate::Wait {
                ahead: self.ahead(&kind, entered),
            }),
        }
    }

    fn instead_of(&self, cause: CallbackCause) -> Fate {
        let resort = self.engine.policy.queue.last_resort;
        resort.map_or(Fate::Callback(cause), Fate::Send)
    }

    /// What settles ties between it and calls of the same moment.
    fn sequence(&self) -> u64 {
        let engine = &*self.engine;
        self.slot
            .map_or(engine.arrivals + 1, |slot| engine.call(slot).sequence)
    }

    /// How many would stand before it in the queue.
    fn ahead(&self, kind: &Kind, entered: Micros) -> u32 {
        let engine = &*self.engine;
        let head_start =
            micros(engine.policy.queue.priority_step) * Micros::from(kind.need.priority);
        let rank = (entered.saturating_sub(head_start), self.sequence());
        let before = engine
            .queue
            .range(..rank)
            .filter(|(_, slot)| engine.call(**slot).id != self.call);
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }
}
