//! Which waiting call goes to which free agent.

use trunkside_call::CallbackCause;

use super::Engine;
use super::agent::{Absence, Activity, Micros, Slot};
use super::call::Stage;
use super::choice::{Act, Choice, Cost, Facts, Skipped};
use crate::input::micros;
use crate::matching::{Costs, assign};

/// What a step of agent priority is worth: more than any wait or idle time.
const RANK_STEP: i64 = 7 * 86_400 * 1_000_000;

/// How many waiting calls one matching looks at; a longer queue is served in rounds.
const MATCHED_AT_ONCE: usize = 128;

impl Engine {
    /// Ends a round: assigns free agents, calls back whom nobody can serve, tells who waits.
    ///
    /// Between rounds no free agent fits a waiting call, so only pairs with a call or an agent
    /// that changed are new.
    pub(super) fn place(&mut self) {
        self.refresh_calls();
        let mut freed = std::mem::take(&mut self.freed);
        freed.sort_unstable();
        freed.dedup();
        freed.retain(|index| self.agents[*index].is_free());
        let unplaced = self.waiting_once(|engine| &mut engine.unplaced);
        match (freed.as_slice(), unplaced.as_slice()) {
            ([], []) => {}
            ([], [slot]) => self.place_call(*slot),
            ([index], []) => self.place_agent(*index),
            _ => self.place_all(),
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

    /// Brings every call up to date whose requirements or chances may have changed.
    fn refresh_calls(&mut self) {
        for slot in self.waiting_once(|engine| &mut engine.stale) {
            let before = self.call(slot).insist;
            let reachable = self.refresh(slot);
            let limit = self.call(slot).after(self.policy.queue.max_wait);
            if limit <= self.now {
                self.call_back(slot, CallbackCause::WaitedTooLong);
            } else if !reachable {
                self.call_back(slot, CallbackCause::NobodyAnswered);
            } else {
                if self.call(slot).insist != before {
                    self.unplaced.push(slot);
                }
                self.reschedule_call(slot);
            }
        }
    }

    /// What it would cost to give the call to the agent; none when they may not take it now.
    fn cost(&self, slot: Slot, index: usize) -> Option<Cost> {
        let agent = &self.agents[index];
        let call = self.call(slot);
        let profile = &self.policy.agents[index];
        if !agent.is_free()
            || call.need.misfit(profile, call.insist).is_some()
            || call.tried(index, self.now).is_some()
        {
            return None;
        }
        let weights = &self.policy.weights;
        let shortfall = call.need.shortfall(profile, call.insist);
        let scarcity = self.scarcity(slot, index);
        let idle = self.now - agent.idle_since;
        let rank = profile.priority.saturating_sub(1);
        let total = i64::from(rank) * RANK_STEP
            + i64::from(shortfall) * micros(weights.preferred)
            + scarcity * micros(weights.scarcity) / 1000
            - idle.min(micros(weights.idle_cap));
        Some(Cost {
            rank,
            shortfall,
            scarcity,
            idle,
            total,
        })
    }

    /// How much of a rare agent the call would spend without needing it: the mean rarity of the
    /// agent's skills, seniority among them, those that the call uses counting nothing.
    fn scarcity(&self, slot: Slot, index: usize) -> i64 {
        let call = self.call(slot);
        let profile = &self.policy.agents[index];
        let (mut rare, mut count) = (0, 0);
        for (skill, _) in profile
            .skills
            .iter()
            .enumerate()
            .filter(|(_, level)| **level > 0)
        {
            count += 1;
            if !call.need.uses(skill) {
                rare += self.rarity[skill];
            }
        }
        if profile.senior {
            count += 1;
            if !call.need.senior {
                rare += self.senior_rarity;
            }
        }
        if count == 0 { 0 } else { rare / count }
    }

    /// How long the call has waited in the queue's eyes, its head start and worth included.
    fn urgency(&self, slot: Slot) -> Micros {
        let call = self.call(slot);
        let waited = self.now - call.rank(&self.policy).0;
        let waited = waited.saturating_add(micros(self.policy.weights.short_first));
        waited.saturating_mul(call.need.worth()) / 1000
    }

    /// One call, many agents: the cheapest, ties to the first in the policy.
    fn place_call(&mut self, slot: Slot) {
        let best = (0..self.agents.len())
            .filter_map(|index| Some((index, self.cost(slot, index)?)))
            .min_by_key(|(index, cost)| (cost.total, *index));
        if let Some((index, cost)) = best {
            self.offer(slot, index, cost);
        }
    }

    /// One agent, many calls: the most urgent, less what the pair costs.
    fn place_agent(&mut self, index: usize) {
        let best = self
            .queue
            .values()
            .filter_map(|slot| Some((*slot, self.cost(*slot, index)?)))
            .min_by_key(|(slot, cost)| cost.total - self.urgency(*slot));
        if let Some((slot, cost)) = best {
            self.offer(slot, index, cost);
        }
    }

    /// Many calls, many agents: together, at the least total cost.
    fn place_all(&mut self) {
        loop {
            let free: Vec<usize> = (0..self.agents.len())
                .filter(|index| self.agents[*index].is_free())
                .collect();
            let mut slots = Vec::new();
            let mut costs = Costs::new(free.len());
            for slot in self.queue.values().copied() {
                let row: Vec<Option<i64>> = free
                    .iter()
                    .map(|index| Some(self.cost(slot, *index)?.total - self.urgency(slot)))
                    .collect();
                if row.iter().any(Option::is_some) {
                    costs.push_row(row.into_iter());
                    slots.push(slot);
                }
                if slots.len() == MATCHED_AT_ONCE {
                    break;
                }
            }
            if slots.is_empty() {
                return;
            }
            for (slot, column) in slots.into_iter().zip(assign(&costs)) {
                if let Some(column) = column {
                    let cost = self
                        .cost(slot, free[column])
                        .expect("the pair was just allowed");
                    self.offer(slot, free[column], cost);
                }
            }
        }
    }

    fn offer(&mut self, slot: Slot, index: usize, cost: Cost) {
        let facts = self.facts(slot, Some(index));
        let id = self.call(slot).id;
        self.dequeue(slot);
        let until = self
            .now
            .saturating_add(micros(self.policy.queue.offer_limit));
        let call = self.call_mut(slot);
        call.stage = Stage::Offered {
            agent: index,
            until,
        };
        call.told_ahead = None;
        self.agents[index].activity = Activity::Offered(slot);
        self.reschedule_agent(index);
        self.reschedule_call(slot);
        let act = Act::Offer { agent: index, cost };
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
            let ahead = self.ahead(slot);
            self.tell(slot, ahead);
        }
        for slot in self.waiting_once(|engine| &mut engine.overdue) {
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
            need: call.need.clone(),
            given_up: call.given_up,
            waited: self.now - call.entered,
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
        if let Some(misfit) = call.need.misfit(&self.policy.agents[index], call.insist) {
            return Some(Skipped::Unfit(misfit));
        }
        self.agents[index].absence().map(Skipped::Absent)
    }
}
