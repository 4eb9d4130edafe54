//! A phone of the box's that calls another: two legs, and nothing between them but their voice.
//!
//! The other phone is rung at once, and the one that calls hears from its own what comes of that. From the answer on it is
//! a call like any other: held, resumed, handed on, and taken over by `Replaces`.

use std::time::Instant;

use trunkside_call::{AgentId, Pii};

use super::{AgentFailure, CallFlow, CallerState, Cause, EndedBy};
use crate::sip_ua::{AgentContact, LegCommand};

impl CallFlow {
    pub(super) fn on_phone_calls(&mut self, now: Instant, from: String, to: String, sdp: &[u8]) {
        if self.take_offer(now, sdp) {
            self.between_phones = true;
            self.caller.number = Pii::new(from);
            let contact = AgentContact::Registered(to.clone());
            self.agent = Some(self.invite(now, AgentId::new(to), contact));
        }
    }

    /// The other phone rings; only a phone that waits for that makes it heard by itself.
    pub(super) fn tell_ringing(&mut self) {
        if self.between_phones && self.caller.state == CallerState::Offered {
            self.sip(self.caller.leg, LegCommand::Progress { sdp: None });
        }
    }

    /// Nobody else is looked for when the other phone does not take the call, or is gone.
    pub(super) fn close_between_phones(&mut self, now: Instant) {
        if self.between_phones && self.agent.is_none() && self.transfer.is_none() {
            self.end(now, EndedBy::Agent, Cause::Released);
        }
    }

    /// The phone that calls is to be told why nobody answers.
    pub(super) fn tell_failure(&mut self, why: AgentFailure) {
        if self.between_phones {
            self.refusal = why.status();
        }
    }
}
