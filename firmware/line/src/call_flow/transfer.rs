//! Transfers (RFC 3515, RFC 5589): an agent hands the caller on, blind or after having asked.
//!
//! The one who takes over is dialled beside the agent; the agent leaves when they have answered,
//! and keeps the caller when they do not.

use std::time::{Duration, Instant};

use trunkside_call::{AgentId, Side};

use super::{
    Agent, AgentFailure, AgentState, CROSSING, CallEvent, CallFlow, MediaCommand, NOT_ACCEPTABLE,
    Order, PromptKey, REQUEST_PENDING, RINGBACK,
};
use crate::sip_ua::{AgentContact, LegCommand, LegEvent, LegId};

/// How long who has handed a call on may take to hang up by themselves.
const LEAVE: Duration = Duration::from_secs(2);

/// How soon a phone hangs up that ends its call when it hears that a transfer has failed, as some do.
const GIVES_UP: Duration = Duration::from_secs(2);

const RINGING: u16 = 180;
const OK: u16 = 200;
const NO_ANSWER: u16 = 408;
const UNAVAILABLE: u16 = 480;

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Transfer {
    /// The leg of the agent who asked for it, or whom it relieves.
    by: LegId,
    /// To whom that agent asked to hand the caller on, who is to hear how it goes.
    asked: Option<AgentContact>,
    target: Agent,
}

impl Transfer {
    /// Whether the agent hands the call on, rather than being relieved.
    pub(super) const fn was_asked(&self) -> bool {
        self.asked.is_some()
    }

    pub(super) const fn target(&self) -> &Agent {
        &self.target
    }

    pub(super) fn is_to(&self, leg: LegId) -> bool {
        self.target.leg == leg
    }

    /// The agent speaks on another leg now.
    pub(super) fn move_from(&mut self, old: LegId, new: LegId) {
        if self.by == old {
            self.by = new;
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.target.deadline()
    }
}

impl CallFlow {
    pub(super) fn on_transfer_asked(&mut self, now: Instant, to: AgentContact) {
        let Some(agent) = &self.agent else { return };
        let leg = agent.leg;
        if self.transfer.is_some() || self.recoding.is_some() || !self.is_bridged() {
            let status = REQUEST_PENDING;
            self.sip(leg, LegCommand::RejectTransfer { status });
            return;
        }
        self.sip(leg, LegCommand::AcceptTransfer);
        let id = AgentId::new(name_of(&to));
        let target = self.invite(now, id, to.clone());
        self.transfer = Some(Transfer {
            by: leg,
            asked: Some(to),
            target,
        });
    }

    /// The pipeline wants another agent to take over.
    pub(super) fn on_transfer_ordered(&mut self, now: Instant, id: AgentId, to: AgentContact) {
        let by = self.agent.as_ref().map(|agent| agent.leg);
        let free = self.transfer.is_none() && self.recoding.is_none() && self.is_bridged();
        let Some(by) = by.filter(|_| free) else {
            let cause = AgentFailure::Unreachable;
            return self.call(CallEvent::AgentFailed { agent: id, cause });
        };
        let target = self.invite(now, id, to);
        self.transfer = Some(Transfer {
            by,
            asked: None,
            target,
        });
    }

    pub(super) fn on_transfer_target(&mut self, now: Instant, event: LegEvent) {
        match event {
            LegEvent::Ringing { sdp } => self.on_target_ringing(sdp),
            LegEvent::Answered { sdp } => self.on_target_answered(now, sdp),
            LegEvent::Failed { status } => self.fail_transfer(now, status),
            LegEvent::Ended { .. } => self.fail_transfer(now, UNAVAILABLE),
            _ => {}
        }
    }

    fn on_target_ringing(&mut self, sdp: Vec<u8>) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        let describes = !sdp.is_empty();
        transfer.target.early.describe(sdp);
        let (by, asked) = (transfer.by, transfer.was_asked());
        if transfer.target.rings() && asked {
            self.sip(by, LegCommand::TellTransfer { status: RINGING });
        }
        if describes {
            self.hear_early();
        }
    }

    fn on_target_answered(&mut self, now: Instant, sdp: Vec<u8>) {
        let Some(mut transfer) = self.transfer.take() else {
            return;
        };
        let sdp = transfer.target.early.answer(sdp);
        let Some((answer, codec)) = self.usable(Side::Agent, &sdp) else {
            self.sip(transfer.target.leg, LegCommand::HangUp);
            self.transfer = Some(transfer);
            self.fail_transfer(now, NOT_ACCEPTABLE);
            return;
        };
        if self.agent.is_some() && transfer.was_asked() {
            self.sip(transfer.by, LegCommand::TellTransfer { status: OK });
            self.leaving.push((transfer.by, now + LEAVE));
        } else if self.agent.is_some() {
            self.sip(transfer.by, LegCommand::HangUp);
        }
        transfer.target.state = AgentState::Up;
        transfer.target.codec = codec;
        let id = transfer.target.id.clone();
        self.agent = Some(transfer.target);
        self.join(&answer);
        let at = transfer.asked;
        self.call(CallEvent::Transferred { to: id, at });
    }

    /// The target did not take the call: the agent who wanted to hand it on still has it, or, if
    /// they have left, the caller is told.
    fn fail_transfer(&mut self, now: Instant, status: u16) {
        let Some(transfer) = self.transfer.take() else {
            return;
        };
        if !transfer.was_asked() {
            let rang = matches!(transfer.target.state, AgentState::Ringing { .. });
            let (agent, cause) = (transfer.target.id, AgentFailure::of_status(status, rang));
            self.call(CallEvent::AgentFailed { agent, cause });
        } else if self.agent.is_some() {
            self.sip(transfer.by, LegCommand::TellTransfer { status });
            self.refused_until = Some(now + GIVES_UP);
        }
        if self.agent.is_some() {
            return;
        }
        self.stop_early();
        self.on_order(now, Order::Apologise);
    }

    pub(super) fn tick_transfer(&mut self, now: Instant) {
        let deadline = self.transfer.as_ref().and_then(Transfer::deadline);
        if deadline.is_some_and(|deadline| now >= deadline) {
            self.cancel_target(now);
            self.fail_transfer(now, NO_ANSWER);
        }
        let late = self.leaving.extract_if(.., |&mut (_, until)| now >= until);
        let late: Vec<LegId> = late.map(|(leg, _)| leg).collect();
        for leg in late {
            self.sip(leg, LegCommand::HangUp);
        }
    }

    /// The caller is gone: nobody is left to be handed on.
    pub(super) fn close_transfer(&mut self, now: Instant) {
        self.cancel_target(now);
        self.transfer = None;
        for (leg, _) in std::mem::take(&mut self.leaving) {
            self.sip(leg, LegCommand::HangUp);
        }
    }

    fn cancel_target(&mut self, now: Instant) {
        if let Some(transfer) = &self.transfer {
            let leg = transfer.target.leg;
            self.crossing.push((leg, now + CROSSING));
            self.sip(leg, LegCommand::Cancel);
        }
    }

    /// The agent's phone has hung up on hearing that nobody takes the caller; true where it did.
    pub(super) fn is_left_behind(&mut self, now: Instant) -> bool {
        let refused = self.refused_until.take();
        let left = refused.is_some_and(|until| now < until);
        if left {
            self.media(MediaCommand::Unbridge);
            self.on_order(now, Order::Apologise);
        }
        left
    }

    /// The caller hears that somebody is being rung.
    pub(super) fn ring_back(&mut self) {
        self.media(MediaCommand::Unbridge);
        self.play(PromptKey::Ringback, RINGBACK);
        self.hear_early();
    }
}

/// What a target is called: the user part of its address, which the agent chose.
pub(super) fn name_of(contact: &AgentContact) -> String {
    match contact {
        AgentContact::Registered(user) => user.clone(),
        AgentContact::OverTrunk { number, .. } => number.reveal().clone(),
        AgentContact::InPlaceOf { contact, .. } => name_of(contact),
        AgentContact::Uri(uri) => {
            let user = uri.split_once(':').map_or(uri.as_str(), |(_, rest)| rest);
            user.split(['@', ';']).next().unwrap_or_default().to_owned()
        }
    }
}
