//! Which waiting call goes to which free agent.

use std::sync::Arc;

use trunkside_call::CallbackCause;

use super::Engine;
use super::agent::{Absence, Activity, Micros, Slot};
use super::call::{Call, Stage};
use super::choice::{Act, Choice, Cost, Facts, Skipped};
use super::kind::{Kind, RANK_STEP};
use super::lessons::Chance;
use crate::input::micros;
use crate::matching::{Costs, MOST_ROWS, assign};
use crate::need::{Insist, Misfit};

impl Engine {
    /// Ends a round: assigns free agents, sends away whom nobody has served in time, tells who waits.
    ///
    /// Between rounds no free agent fits a waiting call, so only pairs with a call or an agent
    /// that changed are new.
    pub(super) fn place(&mut self) {
        let over = self.refresh_calls();
        let mut freed = std::mem::take(&mut self.freed);
        let mut unplaced = self.waiting_once(|engine| &mut engine.unplaced);
        if self.may_hold() {
            // Whom a call was held from may have opened to it: everybody is looked at.
            freed = (0..self.agents.len()).collect();
        }
        freed.sort_unstable();
        freed.dedup();
        freed.retain(|index| self.agents[*index].is_free());
        if self.may_hold() && !freed.is_empty() {
            unplaced = self.queue.values().copied().collect();
        }
        match (freed.as_slice(), unplaced.as_slice()) {
            ([], []) => {}
            _ if self.one_by_one => self.place_one_by_one(),
            ([], [slot]) => self.place_call(*slot),
            ([index], []) => self.place_agent(*index),
            ([], _) | (_, []) if self.may_hold() => {}
            ([index], _) if self.may_hold() => self.place_agent(*index),
            (_, [slot]) if self.may_hold() => self.place_call(*slot),
            _ => self.place_all(),
        }
        for slot in over {
            if self.is_waiting(slot) {
                self.leave_in_time(slot);
            }
        }
        if self.may_hold() {
            self.note_openings();
        }
        self.tell_waiting();
    }

    /// Empties a list of calls: each that still waits, once, in order.
    fn waiting_once(&mut self, list: impl Fn(&mut Self) -> &mut Vec<Slot>) -> Vec<Slot> {
        let mut slots = std::mem::take(list(self));
        slots.retain(|slot| self.is_waiting(*slot));
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn is_waiting(&self, slot: Slot) -> bool {
        self.calls[slot]
            .as_ref()
            .is_some_and(|call| call.stage == Stage::Waiting)
    }

    /// Brings every call up to date whose requirements or chances may have changed. Returns those whose wait
    /// is over, who may still have an agent who is free by now.
    fn refresh_calls(&mut self) -> Vec<Slot> {
        let mut over = Vec::new();
        for slot in self.waiting_once(|engine| &mut engine.stale) {
            let before = self.call(slot).insist;
            let reachable = self.refresh(slot);
            let call = self.call(slot);
            let is_over = call.waits_until(&self.policy) <= self.now;
            if is_over && call.offered_late {
                self.leave_in_time(slot);
            } else if is_over {
                self.unplaced.push(slot);
                over.push(slot);
            } else if !call.away && !reachable {
                self.leave(
                    slot,
                    self.policy.queue.last_resort,
                    CallbackCause::NobodyAnswered,
                );
            } else {
                if call.insist != before {
                    self.unplaced.push(slot);
                }
                self.reschedule_call(slot);
            }
        }
        over
    }

    /// The call's wait is over: for the group that overflows, or for anybody.
    fn leave_in_time(&mut self, slot: Slot) {
        let call = self.call(slot);
        let overflows = call.overflows_at().is_some_and(|at| at <= self.now);
        let to = match call.kind.leaves {
            _ if call.away => None,
            Some((_, to)) if overflows => to,
            _ => self.policy.queue.last_resort,
        };
        self.leave(slot, to, CallbackCause::WaitedTooLong);
    }

    /// What it would cost to give the call to the agent; none when they may not take it now.
    pub(super) fn cost(&self, slot: Slot, index: usize) -> Option<Cost> {
        let call = self.call(slot);
        let agent = &self.agents[index];
        if !agent.is_free() || call.tried(index, self.now).is_some() || call.rests(self.now) {
            return None;
        }
        if self.may_hold()
            && self.opens(&call.kind, call.insist, call.sought_since, index) > self.now
        {
            return None;
        }
        let last = call.last_agent == Some(index);
        let learned = self.learned(self.intent_number(call.profile.intent.as_ref()), index);
        let rested = agent.rested(self.now);
        self.cost_of(&call.kind, call.insist, index, (last, learned), rested)
    }

    /// The same for any kind of call and an agent who is free, or would be. `last` is whether the
    /// caller spoke to them last time, `learned` what was learnt of them with such calls; `idle` and `busy` are
    /// as [`Agent::rested`](super::agent::Agent::rested) has them.
    pub(super) fn cost_of(
        &self,
        kind: &Kind,
        insist: Insist,
        index: usize,
        (last, learned): (bool, i64),
        (idle, busy): (Micros, i64),
    ) -> Option<Cost> {
        let fit = &kind.fits[index];
        if !fit.meets(insist) {
            return None;
        }
        let weights = &self.policy.weights;
        let over_cap = busy > weights.occupancy_cap_permille;
        Some(Cost {
            rank: fit.rank,
            shortfall: fit.shortfall(insist),
            scarcity: fit.scarcity,
            slower: fit.slower,
            busy,
            over_cap,
            last,
            idle,
            learned,
            total: fit.base(insist) + i64::from(over_cap) * RANK_STEP
                - if last { micros(weights.sticky) } else { 0 }
                + busy * micros(weights.busy) / 1000
                + learned
                - idle.min(micros(weights.idle_cap)),
        })
    }

    /// How long the call has waited in the queue's eyes: each moment counts what the call is worth,
    /// and its head start, which bounds what others can lose to it, comes on top.
    pub(super) fn urgency(&self, slot: Slot, now: Micros) -> Micros {
        let call = self.call(slot);
        let head_start = call.head_start(&self.policy);
        let waited = (now - call.entered).saturating_add(micros(self.policy.weights.short_first));
        (waited.saturating_mul(call.kind.worth) / 1000).saturating_add(head_start)
    }

    /// One call, many agents: the cheapest, ties to the first in the policy.
    fn place_call(&mut self, slot: Slot) {
        let costs =
            (0..self.agents.len()).filter_map(|index| Some((index, self.cost(slot, index)?)));
        if !self.policy.learning.enabled {
            let best = costs.min_by_key(|(index, cost)| (cost.total, *index));
            if let Some((index, cost)) = best {
                self.offer(slot, index, cost, None);
            }
            return;
        }
        let costs: Vec<(usize, Cost)> = costs.collect();
        let totals: Vec<(i64, usize)> = costs.iter().map(|(i, cost)| (cost.total, *i)).collect();
        let (call, sequence) = (self.call(slot).id, self.call(slot).sequence);
        let explored = self.explore(call, sequence, &totals);
        let cheapest = totals.into_iter().min().map(|(_, index)| index);
        let chosen = explored.as_ref().map(|(index, _)| *index).or(cheapest);
        if let Some((index, cost)) = costs.into_iter().find(|(i, _)| Some(*i) == chosen) {
            self.offer(slot, index, cost, explored.map(|(_, chance)| chance));
        }
    }

    /// One agent, many calls: of those that may go first, the most urgent, less what the pair costs.
    fn place_agent(&mut self, index: usize) {
        let cost = |slot| self.cost(slot, index);
        if let Some((slot, cost)) = self.goes_first(&cost, self.now) {
            self.offer(slot, index, cost, None);
        }
    }

    /// Which of the calls goes to an agent, by what each would cost that agent.
    pub(super) fn goes_first(
        &self,
        cost: &impl Fn(Slot) -> Option<Cost>,
        now: Micros,
    ) -> Option<(Slot, Cost)> {
        let mut last = Micros::MAX;
        let kept = self.kept_from(cost, now);
        self.may_go(&kept)
            .filter_map(|slot| Some((slot, cost(slot)?)))
            .take_while(|(slot, _)| {
                last = last.min(self.overtaken_until(*slot));
                self.call(*slot).rank(&self.policy).0 <= last
            })
            .min_by_key(|(slot, cost)| cost.total - self.urgency(*slot, now))
    }

    /// Whether some call goes to an agent, by what each would cost that agent.
    pub(super) fn somebody_goes(&self, cost: &impl Fn(Slot) -> Option<Cost>, now: Micros) -> bool {
        let kept = self.kept_from(cost, now);
        self.may_go(&kept).any(|slot| cost(slot).is_some())
    }

    /// The calls in the queue's order, but for those that may not go before one of these.
    fn may_go<'a>(&'a self, kept: &'a [&Call]) -> impl Iterator<Item = Slot> + 'a {
        let slots = self.queue.values().copied();
        slots.filter(|slot| !kept.iter().any(|call| call.is_passed_by(self.call(*slot))))
    }

    /// The last place in the queue from which another call may go before this one.
    fn overtaken_until(&self, slot: Slot) -> Micros {
        let (place, _) = self.call(slot).rank(&self.policy);
        place.saturating_add(micros(self.policy.queue.overtake))
    }

    /// Many calls, many agents, without a look at the others: each call takes its cheapest agent, the
    /// first in the queue first.
    fn place_one_by_one(&mut self) {
        let slots: Vec<Slot> = self.queue.values().copied().collect();
        for slot in slots {
            if !self.agents.iter().any(super::Agent::is_free) {
                break;
            }
            self.place_call(slot);
        }
    }

    /// Many calls, many agents: together, at the least total cost. Where somebody waits who was passed
    /// enough, agent by agent, as who is free then is not free for everybody.
    fn place_all(&mut self) {
        if self.passed_enough(self.now).next().is_some() {
            for index in 0..self.agents.len() {
                if self.agents[index].is_free() {
                    self.place_agent(index);
                }
            }
            return;
        }
        loop {
            let free: Vec<usize> = (0..self.agents.len())
                .filter(|index| self.agents[*index].is_free())
                .collect();
            let mut slots: Vec<Slot> = Vec::new();
            let mut costs = Costs::new(free.len());
            for ((place, _), slot) in &self.queue {
                // There are calls enough that whoever is too far behind had better not push in.
                let enough = free.len().checked_sub(1).and_then(|last| slots.get(last));
                if enough.is_some_and(|slot| *place > self.overtaken_until(*slot)) {
                    break;
                }
                let row: Vec<Option<i64>> = free
                    .iter()
                    .map(|index| {
                        Some(self.cost(*slot, *index)?.total - self.urgency(*slot, self.now))
                    })
                    .collect();
                if row.iter().any(Option::is_some) {
                    costs.push_row(row.into_iter());
                    slots.push(*slot);
                }
                // A longer queue is served in rounds.
                if slots.len() == MOST_ROWS {
                    break;
                }
            }
            if slots.is_empty() {
                break;
            }
            let columns = self.assign_in_turn(&slots, costs);
            for (slot, column) in slots.into_iter().zip(columns) {
                if let Some(column) = column {
                    // An offer before it in this round may have made the agent one to keep.
                    if let Some(cost) = self.cost(slot, free[column]) {
                        self.offer(slot, free[column], cost, None);
                    }
                }
            }
        }
    }

    /// Assigns calls in the queue's order, so that none goes without an agent whom a call too far
    /// behind it has: that one then waits for the next round.
    fn assign_in_turn(&self, slots: &[Slot], mut costs: Costs) -> Vec<Option<usize>> {
        loop {
            let columns = assign(&costs);
            let pushes_in = |row: usize| {
                let column = columns[row]?;
                let (place, _) = self.call(slots[row]).rank(&self.policy);
                (0..row)
                    .take_while(|before| place > self.overtaken_until(slots[*before]))
                    .find(|before| columns[*before].is_none() && costs.allows(*before, column))
            };
            match (0..slots.len()).rev().find(|row| pushes_in(*row).is_some()) {
                Some(row) => costs.close(row),
                None => return columns,
            }
        }
    }

    /// Sets when each call that is held may go to somebody who is free.
    fn note_openings(&mut self) {
        let free: Vec<usize> = (0..self.agents.len())
            .filter(|index| self.agents[*index].is_free())
            .collect();
        if free.is_empty() {
            // A moment noted before does no harm: it is looked at again.
            return;
        }
        let slots: Vec<Slot> = self.queue.values().copied().collect();
        for slot in slots {
            let call = self.call(slot);
            let opens = free
                .iter()
                .filter(|index| {
                    call.kind.fits[**index].meets(call.insist)
                        && call.tried(**index, self.now).is_none()
                })
                .map(|index| self.opens(&call.kind, call.insist, call.sought_since, *index))
                .filter(|at| *at > self.now)
                .min();
            if call.opens_at != opens {
                self.call_mut(slot).opens_at = opens;
                self.reschedule_call(slot);
            }
        }
    }

    fn offer(&mut self, slot: Slot, index: usize, cost: Cost, chance: Option<Chance>) {
        let facts = self.facts(slot, Some(index));
        let id = self.call(slot).id;
        self.dequeue(slot);
        self.note_passed(slot, index);
        let until = self
            .now
            .saturating_add(micros(self.policy.queue.offer_limit))
            .saturating_add(self.call(slot).ringing());
        let is_over = self.call(slot).waits_until(&self.policy) <= self.now;
        let call = self.call_mut(slot);
        call.offered_late |= is_over;
        call.stage = Stage::Offered {
            agent: index,
            until,
        };
        call.told_ahead = None;
        self.agents[index].activity = Activity::Offered(slot);
        self.reschedule_agent(index);
        self.reschedule_call(slot);
        let act = Act::Offer {
            agent: index,
            cost,
            chance,
        };
        self.choices.push_back(Choice {
            call: id,
            at: self.now,
            act,
            facts,
        });
    }

    /// Tells callers that they wait: at first, when their needs changed, and when their place
    /// changed and the time for it has come.
    fn tell_waiting(&mut self) {
        for slot in self.waiting_once(|engine| &mut engine.untold) {
            if self.call(slot).away {
                continue;
            }
            let ahead = self.ahead(slot);
            if self.foretells && self.call(slot).sought_since == self.now {
                self.call_mut(slot).forecast = self.forecast(slot);
            }
            self.tell(slot, ahead);
        }
        for slot in self.waiting_once(|engine| &mut engine.overdue) {
            if self.call(slot).away {
                continue;
            }
            let ahead = self.ahead(slot);
            if self.call(slot).told_ahead == Some(ahead) {
                self.told(slot, ahead);
            } else {
                self.tell(slot, ahead);
            }
        }
    }

    /// How many calls stand before one in the queue.
    pub(super) fn ahead(&self, slot: Slot) -> u32 {
        let rank = self.call(slot).rank(&self.policy);
        let last = self
            .queue
            .last_key_value()
            .is_some_and(|(key, _)| *key == rank);
        let ahead = if last {
            self.queue.len() - 1
        } else {
            self.queue.range(..rank).count()
        };
        u32::try_from(ahead).unwrap_or(u32::MAX)
    }

    fn tell(&mut self, slot: Slot, ahead: u32) {
        let facts = self.facts(slot, None);
        let id = self.call(slot).id;
        self.choices.push_back(Choice {
            call: id,
            at: self.now,
            act: Act::Wait { ahead },
            facts,
        });
        self.told(slot, ahead);
    }

    fn told(&mut self, slot: Slot, ahead: u32) {
        let tell_at = self.now.saturating_add(micros(self.policy.queue.announce));
        let call = self.call_mut(slot);
        call.told_ahead = Some(ahead);
        call.tell_at = tell_at;
        self.reschedule_call(slot);
    }

    /// What an explanation of a choice about the call needs.
    pub(super) fn facts(&self, slot: Slot, chosen: Option<usize>) -> Option<Box<Facts>> {
        if !self.explain {
            return None;
        }
        let call = self.call(slot);
        let mut skipped = Vec::new();
        let mut candidates = 0;
        let mut next: Option<(usize, Cost)> = None;
        for index in 0..self.agents.len() {
            if let Some(why) = self.skipped(slot, index) {
                skipped.push((index, why));
                continue;
            }
            candidates += 1;
            if Some(index) != chosen
                && let Some(cost) = self.cost(slot, index)
                && next.is_none_or(|(_, best)| cost.total < best.total)
            {
                next = Some((index, cost));
            }
        }
        Some(Box::new(Facts {
            profile: call.profile.clone(),
            open: call.open,
            kind: Arc::clone(&call.kind),
            given_up: call.given_up,
            passed_enough: call.was_passed_enough(&self.policy, self.now),
            waited: self.now - call.sought_since,
            held: call.held(self.now),
            attempts: call.attempts.clone(),
            skipped,
            expected: if chosen.is_none() {
                self.estimate(slot)
            } else {
                None
            },
            candidates,
            next,
        }))
    }

    fn skipped(&self, slot: Slot, index: usize) -> Option<Skipped> {
        let call = self.call(slot);
        if let Some(cause) = call.tried(index, self.now) {
            return Some(Skipped::Absent(Absence::Tried(cause)));
        }
        if !call.kind.fits[index].meets(call.insist) {
            let misfit = call.need().misfit(&self.policy.agents[index], call.insist);
            return Some(Skipped::Unfit(misfit.unwrap_or(Misfit::Group)));
        }
        if let Some(absence) = self.agents[index].absence() {
            return Some(Skipped::Absent(absence));
        }
        let opens = self.opens(&call.kind, call.insist, call.sought_since, index);
        (self.may_hold() && opens > self.now).then_some(Skipped::Held(opens))
    }
}
