//! A leg that takes the place of another (RFC 3891): a PBX has moved a side to another phone.
//!
//! The new leg is answered at once, and the old one stays until that answer is acknowledged: who gives up
//! meanwhile leaves the call as it was.

use trunkside_call::{AgentId, Codec, Side};

use super::transfer::name_of;
use super::{AgentState, CallEvent, CallFlow, CallerState, NOT_ACCEPTABLE, REQUEST_PENDING};
use crate::sdp::{self, Local, Offer};
use crate::sip_ua::{AgentContact, LegCommand, LegEvent, LegId};

/// A leg that has been answered in place of another.
#[derive(Debug)]
pub(super) struct Replacing {
    side: Side,
    old: LegId,
    by: LegId,
    at: AgentContact,
    offer: Offer,
    codec: Codec,
    local: Local,
}

impl Replacing {
    pub(super) fn is_by(&self, leg: LegId) -> bool {
        self.by == leg
    }
}

impl CallFlow {
    pub(super) fn on_replaced(&mut self, side: Side, (by, at): (LegId, AgentContact), sdp: &[u8]) {
        let usable = self.usable(side, sdp);
        let old = match (side, &self.agent) {
            (Side::Caller, _) => {
                (self.caller.state == CallerState::Answered).then_some(self.caller.leg)
            }
            (Side::Agent, Some(agent)) => (agent.state == AgentState::Up).then_some(agent.leg),
            (Side::Agent, None) => None,
        };
        let (Some((offer, codec)), Some(old)) = (usable, old.filter(|_| !self.ended)) else {
            let status = NOT_ACCEPTABLE;
            self.sip(by, LegCommand::Reject { status });
            return;
        };
        // Whoever takes its place would have to answer what this side has asked for.
        if self.wants_another_law(side) || self.replacing.is_some() {
            let status = REQUEST_PENDING;
            self.sip(by, LegCommand::Reject { status });
            return;
        }
        // Who was asked for another law goes without having said so.
        self.give_up_recoding();
        let secret = self.next_secret();
        let mut local = Local {
            secret,
            ..self.local(side)
        };
        local.version += 1;
        let direction = offer.direction.mirrored();
        let sdp = sdp::answer(local, &offer, codec, direction);
        self.sip(by, LegCommand::Answer { sdp });
        self.replacing = Some(Replacing {
            side,
            old,
            by,
            at,
            offer,
            codec,
            local,
        });
    }

    /// What becomes of a leg that has been answered in place of another.
    pub(super) fn on_replacing(&mut self, leg: LegId, event: &LegEvent) {
        match event {
            LegEvent::Acknowledged { .. } => self.take_over(),
            LegEvent::Cancelled | LegEvent::Ended { .. } => self.replacing = None,
            // It has no place yet that it could change or hand on.
            _ => self.on_given_up(leg, event),
        }
    }

    /// Whether somebody is there already for a side that is left by this leg.
    pub(super) fn is_replaced(&self, leg: LegId) -> bool {
        self.replacing
            .as_ref()
            .is_some_and(|replacing| replacing.old == leg && self.leg(replacing.side) == Some(leg))
    }

    /// The new leg is the side's from now on.
    pub(super) fn take_over(&mut self) {
        let Some(replacing) = self.replacing.take() else {
            return;
        };
        let Replacing {
            side,
            old,
            by,
            at,
            offer,
            codec,
            local,
        } = replacing;
        let place = match (side, &mut self.agent) {
            (Side::Caller, _) => {
                let caller = &mut self.caller;
                Some((&mut caller.leg, &mut caller.local, &mut caller.is_ours))
            }
            (Side::Agent, Some(agent)) => {
                Some((&mut agent.leg, &mut agent.local, &mut agent.is_ours))
            }
            (Side::Agent, None) => None,
        };
        // The agent may have handed the caller on meanwhile.
        let Some((leg, own, is_ours)) = place.filter(|(leg, ..)| **leg == old) else {
            self.sip(by, LegCommand::HangUp);
            return;
        };
        (*leg, *own, *is_ours) = (by, local, false);
        self.speak(side, codec);
        if let Some(keys) = self.keys(side) {
            keys.forget();
        }
        if let Some(transfer) = &mut self.transfer {
            transfer.move_from(old, by);
        }
        self.sip(old, LegCommand::HangUp);
        self.set_remote(side, &offer);
        self.follow_hold(side, &offer);
        if side == Side::Agent {
            let to = AgentId::new(name_of(&at));
            self.call(CallEvent::Transferred { to, at: Some(at) });
        }
    }

    /// Ends a leg that has not taken its place yet.
    pub(super) fn close_replacing(&mut self) {
        if let Some(Replacing { by, .. }) = self.replacing.take() {
            self.sip(by, LegCommand::HangUp);
        }
    }
}
