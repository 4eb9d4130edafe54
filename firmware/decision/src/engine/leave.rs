//! Calls that no agent of this branch takes, for now or for good: destinations beyond it, and
//! machines that serve callers themselves.

use trunkside_call::{AgentId, CallbackCause};

use super::agent::{Micros, Slot};
use super::call::Stage;
use super::{Act, Choice, Engine};
use crate::input::micros;

impl Engine {
    /// A call leaves the queue: for a destination, or with the promise of a call back.
    pub(super) fn leave(&mut self, slot: Slot, to: Option<usize>, cause: CallbackCause) {
        if self.call(slot).stage == Stage::Waiting {
            self.waited_in_vain(slot, cause);
            self.dequeue(slot);
        }
        match to {
            Some(to) => self.send(slot, to, cause),
            None => self.call_back(slot, cause),
        }
    }

    /// Learns from a wait that the policy ended. Who is turned away at once did not wait, and who keeps
    /// their place did not at the telephone.
    fn waited_in_vain(&mut self, slot: Slot, cause: CallbackCause) {
        let held = self.call(slot).held(self.now);
        if self.call(slot).away || held == 0 {
            return;
        }
        self.history.without_hang_up(held);
        self.turned_out(slot, false);
        if cause == CallbackCause::WaitedTooLong {
            // However early it left, nobody answered it in time.
            self.waited(slot, Micros::MAX);
        }
    }

    fn send(&mut self, slot: Slot, to: usize, cause: CallbackCause) {
        let facts = self.facts(slot, None);
        let until = self
            .now
            .saturating_add(micros(self.policy.queue.offer_limit));
        let (id, at) = (self.call(slot).id, self.now);
        self.call_mut(slot).stage = Stage::Sent { to, cause, until };
        self.reschedule_call(slot);
        let act = Act::Send { to, cause };
        self.choices.push_back(Choice {
            call: id,
            at,
            act,
            facts,
        });
    }

    /// A destination did not answer: the call goes to the one after it. It never comes back to the
    /// queue, so its way has an end.
    pub(super) fn send_on(&mut self, slot: Slot, from: usize, cause: CallbackCause) {
        let next = self.policy.destinations[from].otherwise;
        self.leave(slot, next, cause);
    }

    pub(super) fn sent_failed(&mut self, slot: Slot, name: &AgentId) {
        if let Stage::Sent { to, cause, .. } = self.call(slot).stage
            && self.policy.destinations[to].name == name.as_str()
        {
            self.send_on(slot, to, cause);
        }
    }

    /// Somebody elsewhere, or a machine, has taken the call.
    pub(super) fn sent_bridged(&mut self, slot: Slot, name: &AgentId) {
        if let Stage::Sent { to, .. } = self.call(slot).stage
            && self.policy.destinations[to].name == name.as_str()
        {
            let now = self.now;
            let call = self.call_mut(slot);
            call.stage = Stage::Talking { agent: None };
            call.talking_since = now;
            self.reschedule_call(slot);
        }
    }

    /// Whether a machine is to serve the caller before any agent does.
    pub(super) fn serves_itself(&self, slot: Slot) -> bool {
        let call = self.call(slot);
        call.kind.need.self_service.is_some() && !call.self_served
    }

    /// The caller's time counts from now on, so that trying a machine first costs no place.
    pub(super) fn serve_by_machine(&mut self, slot: Slot) {
        let until = self
            .now
            .saturating_add(micros(self.policy.queue.self_service_limit));
        let facts = self.facts(slot, None);
        let (id, at) = (self.call(slot).id, self.now);
        let call = self.call_mut(slot);
        call.self_served = true;
        call.stage = Stage::SelfService { until };
        self.reschedule_call(slot);
        let act = Act::SelfService;
        self.choices.push_back(Choice {
            call: id,
            at,
            act,
            facts,
        });
    }

    /// The machine has done: from now on the caller waits for an agent.
    pub(super) fn after_machine(&mut self, slot: Slot) {
        let now = self.now;
        let call = self.call_mut(slot);
        call.begins_to_wait(now);
        call.stage = Stage::Waiting;
        call.insist = call.kind.need.insist();
        self.look_for_agent(slot);
    }
}
