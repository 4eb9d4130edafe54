//! Agents who say that they are away, and back.

use std::time::Duration;

use super::Engine;
use super::agent::{Activity, OnBreak};
use crate::OfferFailure;
use crate::input::micros;
use crate::policy::{Policy, USUAL_BREAK};

impl Engine {
    /// Whoever says so is at their phone, and not waiting for a call: one that rings goes to somebody else.
    pub(super) fn break_begun(&mut self, index: usize, reason: &str, ago: Duration) {
        let mut kinds = self.policy.breaks.iter();
        let kind = kinds.position(|kind| kind.reason == reason);
        let most = kind.map_or(USUAL_BREAK, |kind| self.policy.breaks[kind].most);
        let Some(left) = most.checked_sub(ago).filter(|left| !left.is_zero()) else {
            return;
        };
        let until = self.now.saturating_add(micros(left));
        self.agents[index].on_break = Some(OnBreak { kind, until });
        if let Activity::Offered(slot) = self.agents[index].activity {
            self.offer_failed(slot, index, OfferFailure::Declined);
        }
        self.agents[index].missed = 0;
    }

    pub(super) fn break_over(&mut self, index: usize) {
        self.end_break(index);
        self.agents[index].missed = 0;
        self.ready(index);
    }

    pub(super) fn wrap_up_over(&mut self, index: usize) {
        self.agents[index].missed = 0;
        self.ready(index);
    }

    fn end_break(&mut self, index: usize) {
        if self.agents[index].on_break.take().is_some() {
            self.agents[index].idle_since = self.now;
        }
    }

    /// What kept the agent is over by itself: the break, what a call left behind, or both.
    pub(super) fn agent_due(&mut self, index: usize) {
        let now = self.now;
        let agent = &self.agents[index];
        let is_over = agent.on_break.is_some_and(|on_break| on_break.until <= now);
        let activity = match agent.free_at() {
            Some(at) if at <= now => Activity::Idle,
            _ => agent.activity,
        };
        if is_over {
            self.end_break(index);
        }
        self.release(index, activity);
    }

    /// Knows a break again, under another policy, by its reason.
    pub(super) fn same_break(&self, on_break: OnBreak, policy: &Policy) -> OnBreak {
        let reason = on_break.kind.map(|kind| &self.policy.breaks[kind].reason);
        let mut kinds = policy.breaks.iter();
        OnBreak {
            kind: reason.and_then(|reason| kinds.position(|kind| kind.reason == *reason)),
            ..on_break
        }
    }
}
