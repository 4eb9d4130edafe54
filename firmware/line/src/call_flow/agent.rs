//! The agent's half of a call: rung, answered, given up.

use std::time::{Duration, Instant};

use trunkside_call::{AgentId, PromptKey, Repeat, Side};

use super::early::Early;
use super::keys::{KeyWay, Keys};
use super::legs::{Agent, AgentState};
use super::output::{AgentFailure, CallEvent, EndedBy, MediaCommand};
use super::transfer::Transfer;
use super::{CROSSING, CallFlow, GONE, ended};
use crate::sdp::{self, Direction, Local, Offer};
use crate::sip_ua::{AgentContact, EndCause, LegCommand, LegEvent, LegId};

/// How long a number outside may take to answer: carriers may look for a mobile phone for ten seconds before they
/// say that it rings.
const OUTSIDE: Duration = Duration::from_secs(45);

impl CallFlow {
    pub(super) fn dial(&mut self, now: Instant, id: AgentId, contact: AgentContact) {
        self.open(now);
        self.agent = Some(self.invite(now, id, contact));
        // Who is passed on to a second agent already hears it ring.
        if !matches!(
            self.playing,
            Some(PromptKey::Transfer | PromptKey::Ringback)
        ) {
            self.play(PromptKey::Transfer, Repeat::Once);
        }
    }

    /// Begins a leg to an agent.
    pub(super) fn invite(&mut self, now: Instant, id: AgentId, to: AgentContact) -> Agent {
        self.legs_dialled += 1;
        let leg = self.caller.leg.branch(self.legs_dialled);
        let local = Local {
            address: self.addresses.agent,
            session: u64::from(self.legs_dialled),
            version: 0,
            secret: self.next_secret(),
            comfort_noise: self.caller.offer.as_ref().is_some_and(|o| o.comfort_noise),
        };
        let codec = self.caller.codec;
        let sdp = sdp::offer(local, &self.laws_from(codec), Direction::SendRecv);
        let (reach, ring) = match to {
            AgentContact::OverTrunk { .. } => (OUTSIDE, OUTSIDE),
            _ => (self.config.reach_timeout, self.config.ring_timeout),
        };
        let dial = LegCommand::Dial {
            to,
            from: self.caller.number.clone(),
            private: self.caller.private,
            sdp,
        };
        self.sip(leg, dial);
        let state = AgentState::Dialling {
            reach_by: now + reach,
            answer_by: now + ring,
        };
        Agent {
            leg,
            is_ours: true,
            id,
            codec,
            local,
            state,
            early: Early::default(),
            holds: false,
            keys: Keys::default(),
        }
    }

    pub(super) fn on_agent(&mut self, now: Instant, event: LegEvent) {
        match event {
            LegEvent::Ringing { sdp } => self.on_ringing(sdp),
            LegEvent::Answered { sdp } => self.on_agent_answered(now, sdp),
            LegEvent::Failed { status } => self.on_agent_failed(status),
            // Of a leg that took the place of another before its answer was acknowledged.
            LegEvent::Cancelled => self.on_agent_ended(now, EndCause::Bye),
            LegEvent::Ended { cause } => self.on_agent_ended(now, cause),
            LegEvent::Reoffered { sdp } => self.on_reoffer(Side::Agent, &sdp),
            LegEvent::Reanswered { sdp } => self.on_reanswered(now, Side::Agent, &sdp),
            LegEvent::ReofferFailed { status } => {
                self.on_reoffer_failed(now, Side::Agent, status);
            }
            LegEvent::Digit { digit } => self.on_key(now, Side::Agent, digit, KeyWay::Info),
            LegEvent::Replaced { by, at, sdp } => self.on_replaced(Side::Agent, (by, at), &sdp),
            LegEvent::TransferAsked { to } => self.on_transfer_asked(now, to),
            LegEvent::Acknowledged { sdp } => self.on_answer_in_ack(now, Side::Agent, &sdp),
            LegEvent::Incoming { .. }
            | LegEvent::PhoneCalls { .. }
            | LegEvent::CodeCalled { .. } => {}
        }
    }

    fn on_agent_ended(&mut self, now: Instant, cause: EndCause) {
        self.agent = None;
        if self.transfer.as_ref().is_some_and(Transfer::was_asked) {
            // Who hands a call on may leave before it is taken.
            self.ring_back();
            return;
        }
        if self.is_left_behind(now) {
            self.give_up_recoding();
            return;
        }
        let (by, cause) = ended(EndedBy::Agent, cause);
        self.end(now, by, cause);
    }

    fn on_ringing(&mut self, sdp: Vec<u8>) {
        let Some(agent) = &mut self.agent else { return };
        let describes = !sdp.is_empty();
        agent.early.describe(sdp);
        if agent.rings() {
            let agent = agent.id.clone();
            self.tell_ringing();
            self.call(CallEvent::AgentRinging { agent });
        }
        if describes {
            self.hear_early();
        }
    }

    fn on_agent_answered(&mut self, now: Instant, sdp: Vec<u8>) {
        let agent = self.agent.as_mut();
        let sdp = agent.map_or(Vec::new(), |agent| agent.early.answer(sdp));
        let usable = self.usable(Side::Agent, &sdp);
        let Some(agent) = self
            .agent
            .as_mut()
            .filter(|agent| agent.state != AgentState::Up)
        else {
            return;
        };
        let Some((answer, codec)) = usable else {
            let leg = agent.leg;
            self.sip(leg, LegCommand::HangUp);
            self.fail_agent(AgentFailure::Incompatible);
            return;
        };
        agent.state = AgentState::Up;
        agent.codec = codec;
        let id = agent.id.clone();
        self.answer(now);
        self.join(&answer);
        self.call(CallEvent::Bridged { agent: id });
    }

    /// Caller and agent hear each other from now on.
    pub(super) fn join(&mut self, answer: &Offer) {
        self.set_remote(Side::Agent, answer);
        self.hears_early = false;
        self.playing = None;
        self.media(MediaCommand::Stop { side: Side::Caller });
        self.media(MediaCommand::Bridge);
        self.entertain_agent();
    }

    fn on_agent_failed(&mut self, status: u16) {
        let Some(agent) = &self.agent else { return };
        let rang = match agent.state {
            AgentState::Dialling { .. } => false,
            AgentState::Ringing { .. } => true,
            AgentState::Up => return,
        };
        self.fail_agent(AgentFailure::of_status(status, rang));
    }

    pub(super) fn fail_agent(&mut self, cause: AgentFailure) {
        if let Some(Agent { id, .. }) = self.agent.take() {
            self.stop_early();
            self.tell_failure(cause);
            self.call(CallEvent::AgentFailed { agent: id, cause });
        }
    }

    /// Gives up an agent who is being rung.
    pub(super) fn cancel_agent(&mut self, now: Instant) {
        if let Some(agent) = &self.agent {
            let leg = agent.leg;
            self.crossing.push((leg, now + CROSSING));
            self.sip(leg, LegCommand::Cancel);
        }
    }

    pub(super) fn withdraw(&mut self, now: Instant) {
        if self.agent.is_some() && !self.is_bridged() {
            self.cancel_agent(now);
            self.fail_agent(AgentFailure::Withdrawn);
        }
    }

    /// A leg that was given up: what matters is that it does not come up after all.
    pub(super) fn on_given_up(&mut self, leg: LegId, event: &LegEvent) {
        match event {
            LegEvent::Ended { .. } if self.leaving.iter().any(|&(left, _)| left == leg) => {
                self.leaving.retain(|&(left, _)| left != leg);
            }
            LegEvent::Reoffered { .. } => {
                self.sip(leg, LegCommand::RejectReoffer { status: GONE });
            }
            LegEvent::TransferAsked { .. } => {
                self.sip(leg, LegCommand::RejectTransfer { status: GONE });
            }
            LegEvent::Replaced { by, .. } => {
                self.sip(*by, LegCommand::Reject { status: GONE });
            }
            LegEvent::Answered { .. } => {
                self.sip(leg, LegCommand::HangUp);
                self.crossing.retain(|&(given_up, _)| given_up != leg);
            }
            LegEvent::Failed { .. } | LegEvent::Ended { .. } => {
                self.crossing.retain(|&(given_up, _)| given_up != leg);
            }
            _ => {}
        }
    }
}
