//! Changes in mid-call: hold and resume, a new address, another law.

use std::time::{Duration, Instant};

use trunkside_call::{Codec, PromptKey, Repeat, Side};

use super::{
    AgentState, CallFlow, CallerState, Cause, EndedBy, MediaCommand, NOT_ACCEPTABLE,
    REQUEST_PENDING,
};
use crate::sdp::{self, Direction, Offer};
use crate::session_timer::after_glare;
use crate::sip_ua::{LegCommand, LegId};

/// One side wants another law: the other side is asked for it too, so that nothing need be translated.
#[derive(Debug)]
pub(super) struct Recoding {
    /// Who wants it.
    side: Side,
    offer: Offer,
    codec: Codec,
    /// How often the other side has been asked.
    asked: u8,
    /// When it is asked again, because what it asked for itself was in the way (491).
    again_at: Option<Instant>,
}

/// How often a side is asked for a law before what it does not take is translated.
const MOST_ASKED: u8 = 3;

impl Recoding {
    /// Whether this side is to be asked again, and has not been yet.
    fn awaits(&self, side: Side) -> bool {
        self.again_at.is_some() && self.side == opposite(side)
    }
}

impl CallFlow {
    /// Hold, resume, or a new address: answered here, the other leg does not notice.
    pub(super) fn on_reoffer(&mut self, side: Side, sdp: &[u8]) {
        let (leg, up) = match (side, &self.agent) {
            (Side::Caller, _) => {
                let state = self.caller.state;
                let is_heard = matches!(state, CallerState::Early | CallerState::Answered);
                (self.caller.leg, is_heard)
            }
            (Side::Agent, Some(agent)) => (agent.leg, agent.state == AgentState::Up),
            (Side::Agent, None) => return,
        };
        if self.recoding.as_ref().is_some_and(|r| r.awaits(side)) {
            // The other side has waited for this; what is asked for now is settled with what it wants.
            self.give_up_recoding();
        }
        if self.ended || !up || self.recoding.is_some() {
            let status = REQUEST_PENDING;
            self.sip(leg, LegCommand::RejectReoffer { status });
            return;
        }
        if sdp.is_empty() {
            let local = self.next_local(side);
            let laws = self.laws_from(self.codec(side));
            let sdp = sdp::offer(local, &laws, Direction::SendRecv);
            self.sip(leg, LegCommand::AnswerReoffer { sdp });
            return;
        }
        if let Some((offer, codec)) = self.usable(side, sdp) {
            self.change(side, leg, offer, codec);
        } else {
            let status = NOT_ACCEPTABLE;
            self.sip(leg, LegCommand::RejectReoffer { status });
        }
    }

    /// A side wants what it offers, and that law of it.
    fn change(&mut self, side: Side, leg: LegId, offer: Offer, codec: Codec) {
        let free = self.transfer.is_none() && self.replacing.is_none();
        let opposite = opposite(side);
        let other = self.leg(opposite);
        let parts = codec != self.codec(side) && codec != self.codec(opposite);
        match other.filter(|_| parts && free && self.is_bridged()) {
            Some(other) => {
                self.recoding = Some(Recoding {
                    side,
                    offer,
                    codec,
                    asked: 1,
                    again_at: None,
                });
                self.ask_for_law(other, opposite, codec);
            }
            None => self.accept_reoffer(side, leg, &offer, codec),
        }
    }

    fn ask_for_law(&mut self, leg: LegId, side: Side, codec: Codec) {
        let local = self.next_local(side);
        let sdp = sdp::offer(local, &self.laws_from(codec), Direction::SendRecv);
        self.sip(leg, LegCommand::Reoffer { sdp });
    }

    fn accept_reoffer(&mut self, side: Side, leg: LegId, offer: &Offer, codec: Codec) {
        self.speak(side, codec);
        self.set_remote(side, offer);
        self.follow_hold(side, offer);
        if side == Side::Caller && self.caller.state == CallerState::Early {
            // What is answered later is the same.
            self.caller.offer = Some(offer.clone());
        }
        let local = self.next_local(side);
        let direction = offer.direction.mirrored();
        let sdp = sdp::answer(local, offer, codec, direction);
        self.sip(leg, LegCommand::AnswerReoffer { sdp });
    }

    /// The other side has answered what it was asked for, or a refresh of ours was answered with a new address.
    pub(super) fn on_reanswered(&mut self, now: Instant, side: Side, sdp: &[u8]) {
        let Some(Recoding {
            side: wanting,
            offer,
            codec,
            ..
        }) = self.recoding.take()
        else {
            if let Some((answer, codec)) = self.usable(side, sdp) {
                self.speak(side, codec);
                self.set_remote(side, &answer);
                self.follow_hold(side, &answer);
            }
            return;
        };
        let Some(leg) = self.leg(wanting).filter(|_| !self.ended) else {
            return;
        };
        // Who wants the law counts as speaking it already.
        let before = self.codec(wanting);
        self.speak(wanting, codec);
        if let Some((answer, other)) = self.usable(side, sdp) {
            self.speak(side, other);
            self.set_remote(side, &answer);
            self.follow_hold(side, &answer);
            self.accept_reoffer(wanting, leg, &offer, codec);
        } else {
            self.speak(wanting, before);
            self.end(now, EndedBy::Fault, Cause::NoCommonCodec);
        }
    }

    /// The other side has refused what it was asked for. What it asked for itself may have crossed it: then it is
    /// asked again a little later.
    pub(super) fn on_reoffer_failed(&mut self, now: Instant, side: Side, status: u16) {
        let is_ours = match (side, &self.agent) {
            (Side::Agent, Some(agent)) => agent.is_ours,
            _ => self.caller.is_ours,
        };
        match &mut self.recoding {
            Some(recoding) if status == REQUEST_PENDING && recoding.asked < MOST_ASKED => {
                recoding.again_at = Some(now + after_glare(is_ours));
            }
            _ => self.give_up_recoding(),
        }
    }

    /// When a side is asked again.
    pub(super) fn asks_again_at(&self) -> Option<Instant> {
        self.recoding.as_ref()?.again_at
    }

    pub(super) fn tick_recoding(&mut self, now: Instant) {
        let is_due = |recoding: &&mut Recoding| recoding.again_at.is_some_and(|at| now >= at);
        let Some(recoding) = self.recoding.as_mut().filter(is_due) else {
            return;
        };
        recoding.again_at = None;
        recoding.asked += 1;
        let (side, codec) = (opposite(recoding.side), recoding.codec);
        match self.leg(side) {
            Some(leg) => self.ask_for_law(leg, side, codec),
            None => self.give_up_recoding(),
        }
    }

    /// The other side does not take what it was asked for, or cannot be asked any more: what goes to it and comes
    /// from it is translated.
    pub(super) fn give_up_recoding(&mut self) {
        let Some(recoding) = self.recoding.take() else {
            return;
        };
        let Recoding {
            side, offer, codec, ..
        } = recoding;
        if let Some(leg) = self.leg(side) {
            self.accept_reoffer(side, leg, &offer, codec);
        }
    }

    /// The call ends: who wanted another law gets an answer before.
    pub(super) fn close_recoding(&mut self) {
        let recoding = self.recoding.take();
        if let Some(leg) = recoding.and_then(|recoding| self.leg(recoding.side)) {
            let status = NOT_ACCEPTABLE;
            self.sip(leg, LegCommand::RejectReoffer { status });
        }
    }

    /// Whether a side waits for the other to take a law that it wants.
    pub(super) fn wants_another_law(&self, side: Side) -> bool {
        let wanting = self.recoding.as_ref().map(|recoding| recoding.side);
        wanting == Some(side)
    }

    /// Who does not want to be sent to holds the other, who hears music meanwhile.
    pub(super) fn follow_hold(&mut self, side: Side, offer: &Offer) {
        let holds = !offer.direction.receives();
        let held_before = match (side, &mut self.agent) {
            (Side::Caller, _) => std::mem::replace(&mut self.caller.holds, holds),
            (Side::Agent, Some(agent)) => std::mem::replace(&mut agent.holds, holds),
            (Side::Agent, None) => return,
        };
        if holds == held_before || !self.is_bridged() {
            return;
        }
        let side = opposite(side);
        if holds {
            self.media(music_to(side));
        } else {
            self.media(MediaCommand::Stop { side });
        }
    }

    /// An agent who takes a call whose caller holds it hears music too.
    pub(super) fn entertain_agent(&mut self) {
        if self.caller.holds {
            self.media(music_to(Side::Agent));
        }
    }
}

const fn music_to(side: Side) -> MediaCommand {
    MediaCommand::Play {
        side,
        prompt: PromptKey::Hold,
        repeat: Repeat::Loop {
            pause: Duration::ZERO,
        },
    }
}

pub(super) const fn opposite(side: Side) -> Side {
    match side {
        Side::Caller => Side::Agent,
        Side::Agent => Side::Caller,
    }
}
