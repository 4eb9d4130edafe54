//! Changes in mid-call: hold and resume, a new address, another law.

use std::time::{Duration, Instant};

use trunkside_call::{Codec, PromptKey, Repeat, Side};

use super::{
    AgentState, CallFlow, CallerState, Cause, EndedBy, MediaCommand, NOT_ACCEPTABLE,
    REQUEST_PENDING,
};
use crate::sdp::{self, Direction, Offer};
use crate::sip_ua::{LegCommand, LegId};

/// One side wants another law: the other side is asked first, for voice is never transcoded.
#[derive(Debug)]
pub(super) struct Recoding {
    /// Who wants it.
    side: Side,
    offer: Offer,
    codec: Codec,
}

impl CallFlow {
    /// Hold, resume, or a new address: answered here, the other leg does not notice.
    pub(super) fn on_reoffer(&mut self, side: Side, sdp: &[u8]) {
        let (leg, up) = match (side, &self.agent) {
            (Side::Caller, _) => (self.caller.leg, self.caller.state == CallerState::Answered),
            (Side::Agent, Some(agent)) => (agent.leg, agent.state == AgentState::Up),
            (Side::Agent, None) => return,
        };
        if self.ended || !up || self.recoding.is_some() {
            let status = REQUEST_PENDING;
            self.sip(leg, LegCommand::RejectReoffer { status });
            return;
        }
        if sdp.is_empty() {
            let local = self.next_local(side);
            let sdp = sdp::offer(local, &[self.caller.codec], Direction::SendRecv);
            self.sip(leg, LegCommand::AnswerReoffer { sdp });
            return;
        }
        let offer = self.read(sdp);
        let codec = offer.as_ref().and_then(|offer| self.law_for(offer));
        match (offer, codec) {
            (Some(offer), Some(codec)) if codec == self.caller.codec => {
                self.accept_reoffer(side, leg, &offer);
            }
            (Some(offer), Some(codec)) => self.recode(side, leg, offer, codec),
            _ => {
                let status = NOT_ACCEPTABLE;
                self.sip(leg, LegCommand::RejectReoffer { status });
            }
        }
    }

    /// The call's law where the far end still takes it, else another that it takes.
    fn law_for(&self, offer: &Offer) -> Option<Codec> {
        if offer.codecs.contains(&self.caller.codec) {
            return Some(self.caller.codec);
        }
        offer.choose(&self.config.codecs)
    }

    fn accept_reoffer(&mut self, side: Side, leg: LegId, offer: &Offer) {
        self.set_remote(side, offer);
        self.follow_hold(side, offer);
        let local = self.next_local(side);
        let direction = offer.direction.mirrored();
        let sdp = sdp::answer(local, offer, self.caller.codec, direction);
        self.sip(leg, LegCommand::AnswerReoffer { sdp });
    }

    fn recode(&mut self, side: Side, leg: LegId, offer: Offer, codec: Codec) {
        let free = self.transfer.is_none() && self.replacing.is_none();
        match self.other_leg(side) {
            None if free => {
                // Nobody but the box hears this side yet.
                self.caller.codec = codec;
                self.accept_reoffer(side, leg, &offer);
            }
            Some(other) if free && self.is_bridged() => {
                let opposite = opposite(side);
                let local = self.next_local(opposite);
                let sdp = sdp::offer(local, &[codec], Direction::SendRecv);
                self.recoding = Some(Recoding { side, offer, codec });
                self.sip(other, LegCommand::Reoffer { sdp });
            }
            _ => {
                // Somebody is being rung, or about to take a place, with the law that was.
                let status = REQUEST_PENDING;
                self.sip(leg, LegCommand::RejectReoffer { status });
            }
        }
    }

    /// The other side took the new law, or a refresh of ours was answered with a new address.
    pub(super) fn on_reanswered(&mut self, now: Instant, side: Side, sdp: &[u8]) {
        let answer = self.read(sdp);
        let Some(Recoding {
            side: wanting,
            offer,
            codec,
        }) = self.recoding.take()
        else {
            if let Some(answer) = answer.filter(|a| a.codecs.contains(&self.caller.codec)) {
                self.set_remote(side, &answer);
            }
            return;
        };
        let leg = match wanting {
            Side::Caller => Some(self.caller.leg),
            Side::Agent => self.agent.as_ref().map(|agent| agent.leg),
        };
        let Some(leg) = leg.filter(|_| !self.ended) else {
            return;
        };
        match answer.filter(|answer| answer.codecs.contains(&codec)) {
            Some(answer) => {
                self.caller.codec = codec;
                self.set_remote(side, &answer);
                self.accept_reoffer(wanting, leg, &offer);
            }
            None => self.end(now, EndedBy::Fault, Cause::NoCommonCodec),
        }
    }

    /// The other side does not take the new law: all stays as it was.
    pub(super) fn on_reoffer_failed(&mut self) {
        let Some(Recoding { side, .. }) = self.recoding.take() else {
            return;
        };
        let leg = match side {
            Side::Caller => Some(self.caller.leg),
            Side::Agent => self.agent.as_ref().map(|agent| agent.leg),
        };
        if let Some(leg) = leg {
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
