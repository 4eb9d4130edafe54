//! Calls that go from one agent to another. Novices: a call that takes one of them too long goes on to
//! somebody experienced, while the two still talk. And whoever hands one on by their own telephone.

use super::agent::{Activity, Micros, Slot};
use super::call::{Attempt, Stage};
use super::{Act, Choice, Cost, Engine};
use crate::OfferFailure;
use crate::input::micros;

/// How soon a call that nobody can take over yet is looked at again.
const LOOK_AGAIN: Micros = 5_000_000;

impl Engine {
    /// Notes when a novice must have ended the call.
    pub(super) fn watch_novice(&mut self, slot: Slot, agent: usize) {
        let limit = self.policy.queue.novice_limit;
        let watched = self.policy.agents[agent].novice && !limit.is_zero();
        let due = self.now.saturating_add(micros(limit));
        let call = self.call_mut(slot);
        call.successor = None;
        call.hand_on_at = watched.then_some(due);
    }

    /// The time for it has come: the best experienced agent who is free is rung.
    pub(super) fn hand_on(&mut self, slot: Slot) {
        if let Some((to, until)) = self.call(slot).successor {
            if until <= self.now {
                self.succession_failed(slot, to, OfferFailure::Vanished);
            }
            return self.reschedule_call(slot);
        }
        let Stage::Talking { agent: Some(from) } = self.call(slot).stage else {
            return;
        };
        let insist = self.call(slot).kind.need.insist();
        let mut able: Vec<(usize, Cost)> = (0..self.agents.len())
            .filter(|index| !self.policy.agents[*index].novice && self.agents[*index].is_free())
            .filter(|index| self.call(slot).tried(*index, self.now).is_none())
            .filter_map(|index| {
                let call = self.call(slot);
                let last = call.last_agent == Some(index);
                let learned = self.learned(self.intent_number(call.profile.intent.as_ref()), index);
                let rested = self.agents[index].rested(self.now);
                let cost = self.cost_of(&call.kind, insist, index, (last, learned), rested)?;
                Some((index, cost))
            })
            .collect();
        able.sort_unstable_by_key(|(index, cost)| (cost.total, *index));
        let Some((to, cost)) = able.first().copied() else {
            self.call_mut(slot).hand_on_at = Some(self.now.saturating_add(LOOK_AGAIN));
            return self.reschedule_call(slot);
        };
        let mut facts = self.facts(slot, Some(to));
        if let Some(facts) = &mut facts {
            facts.candidates = able.len();
            facts.next = able.get(1).copied();
        }
        let until = self
            .now
            .saturating_add(micros(self.policy.queue.offer_limit));
        self.agents[to].activity = Activity::Offered(slot);
        self.reschedule_agent(to);
        let id = self.call(slot).id;
        let call = self.call_mut(slot);
        call.successor = Some((to, until));
        call.hand_on_at = Some(until);
        self.reschedule_call(slot);
        let act = Act::HandOn { from, to, cost };
        self.choices.push_back(Choice {
            call: id,
            at: self.now,
            act,
            facts,
        });
    }

    /// The successor has answered: the novice is free again.
    pub(super) fn succeeded(&mut self, slot: Slot, index: usize) {
        let Stage::Talking { agent } = self.call(slot).stage else {
            return;
        };
        if self.call(slot).successor.is_none_or(|(to, _)| to != index) {
            return;
        }
        self.relieve(slot, agent);
        self.agents[index].activity = Activity::Talking(slot);
        self.agents[index].missed = 0;
        let call = self.call_mut(slot);
        call.stage = Stage::Talking { agent: Some(index) };
        call.successor = None;
        call.hand_on_at = None;
        self.reschedule_call(slot);
    }

    /// The agent who has a call has handed it on: they are free again, and who talks now is not.
    pub(super) fn taken_over(&mut self, slot: Slot, to: Option<usize>) {
        let Stage::Talking { agent: before } = self.call(slot).stage else {
            return;
        };
        if to.is_some() && before == to {
            return;
        }
        self.withdraw_successor(slot);
        self.relieve(slot, before);
        // Whose phone rings for another call, or who is in one, is freed by that one.
        let elsewhere = |to: &usize| {
            let activity = self.agents[*to].activity;
            matches!(activity, Activity::Offered(_) | Activity::Talking(_))
        };
        let agent = to.filter(|to| !elsewhere(to));
        let call = self.call_mut(slot);
        call.stage = Stage::Talking { agent };
        call.hand_on_at = None;
        if let Some(agent) = agent {
            self.agents[agent].activity = Activity::Talking(slot);
            self.agents[agent].missed = 0;
            self.reschedule_agent(agent);
            self.watch_novice(slot, agent);
        }
        self.reschedule_call(slot);
    }

    /// The agent's part of a call is over, and another's begins.
    fn relieve(&mut self, slot: Slot, agent: Option<usize>) {
        let (now, since) = (self.now, self.call(slot).talking_since);
        if let Some(before) = agent
            && self.agents[before].activity == Activity::Talking(slot)
        {
            self.agents[before].end_talk(since, now);
            self.after_call(before);
        }
        self.call_mut(slot).talking_since = now;
    }

    /// Whether the agent was to take the call over, and now will not.
    pub(super) fn succession_failed(
        &mut self,
        slot: Slot,
        index: usize,
        cause: OfferFailure,
    ) -> bool {
        if self.call(slot).successor.is_none_or(|(to, _)| to != index) {
            return false;
        }
        let again_at = self.now.saturating_add(micros(self.policy.queue.retry));
        let next = self.now.saturating_add(LOOK_AGAIN);
        let call = self.call_mut(slot);
        call.attempts.push(Attempt {
            agent: index,
            cause,
            again_at,
        });
        call.successor = None;
        call.hand_on_at = Some(next);
        self.leave_alone(slot, index, cause);
        self.reschedule_call(slot);
        true
    }

    /// The call is over while somebody was rung to take it over.
    pub(super) fn withdraw_successor(&mut self, slot: Slot) {
        if let Some((to, _)) = self.call_mut(slot).successor.take() {
            self.release(to, Activity::Idle);
        }
    }
}
