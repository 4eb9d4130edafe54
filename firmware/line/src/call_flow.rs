//! One call as a back-to-back user agent: a caller's leg, and one agent's leg at a time.
//!
//! Pure: told the time and what happened, it puts out what is to be done. The caller's law is
//! settled when the call comes in. Agents are offered that law first and the other after it, so
//! that media translates between the two only where the sides have none in common.

mod agent;
mod back;
mod codes;
mod colleagues;
mod early;
mod input;
mod keys;
mod legs;
mod output;
mod reoffer;
mod replacing;
mod transfer;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use trunkside_call::{Codec, Pii, PromptKey, Repeat, Side};

pub use back::Called;
pub use input::{FlowConfig, Greeting, Input, MediaAddresses, Order};
pub use keys::KeyWay;
pub use output::{AgentFailure, CallEvent, Cause, EndedBy, MediaCommand, Output, RemoteMedia};

use crate::sdp::{self, Direction, Local, Offer, Secret};
use crate::sip_ua::{EndCause, LegCommand, LegEvent, LegId, SipCommand};
use early::Early;
use keys::Keys;
use legs::{Agent, AgentState, Caller, CallerState};
use reoffer::Recoding;
use replacing::Replacing;
use transfer::Transfer;

/// How long a cancelled leg is watched for an answer that crossed the CANCEL: longer than any
/// INVITE lives (64 T1 of RFC 3261).
const CROSSING: Duration = Duration::from_secs(40);

/// Ringback as in China: 1 s of tone, 4 s of silence.
const RINGBACK: Repeat = Repeat::Loop {
    pause: Duration::from_secs(4),
};

/// The final status for a caller who was not answered.
const UNAVAILABLE: u16 = 480;
const NOT_ACCEPTABLE: u16 = 488;
const REQUEST_PENDING: u16 = 491;
/// A leg that has handed its call on has nothing to say about it.
const GONE: u16 = 481;
const FORBIDDEN: u16 = 403;

/// One call.
#[derive(Debug)]
pub struct CallFlow {
    config: FlowConfig,
    caller: Caller,
    agent: Option<Agent>,
    /// Whether the caller hears what the called side plays before it answers.
    hears_early: bool,
    /// A transfer under way.
    transfer: Option<Transfer>,
    /// Legs that have handed the call on, and when to hang up those that do not by themselves.
    leaving: Vec<(LegId, Instant)>,
    /// Until when an agent who hangs up leaves behind the caller whom nobody took over.
    refused_until: Option<Instant>,
    /// A change of the call's law under way.
    recoding: Option<Recoding>,
    /// A leg that is about to take the place of another.
    replacing: Option<Replacing>,
    /// Cancelled legs whose answer may still come, and how long to watch them.
    crossing: Vec<(LegId, Instant)>,
    addresses: MediaAddresses,
    legs_dialled: u32,
    /// Legs that have had keys of their own.
    legs_keyed: u32,
    playing: Option<PromptKey>,
    apology_by: Option<Instant>,
    /// Whether one of the box's own phones calls another, of which the box is no more than the line.
    between_phones: bool,
    /// What a caller is told whom nobody has answered.
    refusal: u16,
    ended: bool,
    outputs: VecDeque<Output>,
}

impl CallFlow {
    /// A call whose [`LegEvent::Incoming`] is about to be handed in.
    pub fn new(config: FlowConfig, leg: LegId, addresses: MediaAddresses) -> Self {
        let codec = config.codecs.first().copied().unwrap_or(Codec::Pcma);
        let secret = config.secret.map(|secret| secret.branch(0));
        Self {
            config,
            caller: Caller {
                leg,
                is_ours: false,
                state: CallerState::Expected,
                number: Pii::default(),
                private: false,
                offer: None,
                codec,
                local: Local {
                    address: addresses.caller,
                    session: 1,
                    version: 0,
                    secret,
                    comfort_noise: false,
                },
                early: Early::default(),
                holds: false,
                keys: Keys::default(),
            },
            agent: None,
            hears_early: false,
            transfer: None,
            leaving: Vec::new(),
            refused_until: None,
            recoding: None,
            replacing: None,
            crossing: Vec::new(),
            addresses,
            legs_dialled: 0,
            legs_keyed: 0,
            playing: None,
            apology_by: None,
            between_phones: false,
            refusal: UNAVAILABLE,
            ended: false,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            // Who moves to another phone may leave the old one first.
            Input::Leg(leg, LegEvent::Ended { .. }) if self.is_replaced(leg) => self.take_over(),
            Input::Leg(leg, event) if leg == self.caller.leg => self.on_caller(now, event),
            Input::Leg(leg, event) if self.agent.as_ref().is_some_and(|a| a.leg == leg) => {
                self.on_agent(now, event);
            }
            Input::Leg(leg, event) if self.transfer.as_ref().is_some_and(|t| t.is_to(leg)) => {
                self.on_transfer_target(now, event);
            }
            Input::Leg(leg, event) if self.replacing.as_ref().is_some_and(|r| r.is_by(leg)) => {
                self.on_replacing(leg, &event);
            }
            Input::Leg(leg, event) => self.on_given_up(leg, &event),
            Input::Order(order) if !self.ended => self.on_order(now, order),
            Input::PromptDone(Side::Caller) => self.on_prompt_done(now),
            Input::Silent(side) => self.probe(side),
            Input::Key { side, key, way } => self.on_key(now, side, key, way),
            Input::MediaFailed => self.end(now, EndedBy::Fault, Cause::Media),
            Input::Tick => self.on_tick(now),
            Input::Order(_) | Input::PromptDone(Side::Agent) => {}
        }
        self.close_between_phones(now);
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Tick`].
    pub fn deadline(&self) -> Option<Instant> {
        let agent = self.agent.as_ref().and_then(Agent::deadline);
        let transfer = self.transfer.as_ref().and_then(Transfer::deadline);
        let crossing = self.crossing.iter().map(|&(_, until)| until).min();
        let leaving = self.leaving.iter().map(|&(_, until)| until).min();
        let called = self.called_until();
        let again = self.asks_again_at();
        [
            called,
            agent,
            transfer,
            self.apology_by,
            crossing,
            leaving,
            again,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether the call has ended; a leg that was given up may still answer.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the call has ended and no leg of it needs watching any more.
    pub fn is_over(&self) -> bool {
        self.ended && self.crossing.is_empty()
    }

    /// Whether the caller wants to be hidden from agents.
    pub const fn hides_caller(&self) -> bool {
        self.caller.private
    }

    fn leg(&self, side: Side) -> Option<LegId> {
        match side {
            Side::Caller => Some(self.caller.leg),
            Side::Agent => self.agent.as_ref().map(|agent| agent.leg),
        }
    }

    fn on_caller(&mut self, now: Instant, event: LegEvent) {
        match event {
            LegEvent::Incoming {
                from,
                private,
                to,
                sdp,
            } => {
                self.caller.private = private;
                self.on_incoming(now, from, to, &sdp);
            }
            LegEvent::PhoneCalls { from, to, sdp } => self.on_phone_calls(now, from, to, &sdp),
            LegEvent::CodeCalled { from, sdp, .. } => self.on_code_called(now, from, &sdp),
            LegEvent::Cancelled => {
                self.caller.state = CallerState::Gone;
                self.end(now, EndedBy::Caller, Cause::Cancelled);
            }
            LegEvent::Ended { cause } => {
                self.caller.state = CallerState::Gone;
                let (by, cause) = ended(EndedBy::Caller, cause);
                self.end(now, by, cause);
            }
            LegEvent::Acknowledged { sdp } => self.on_answer_in_ack(now, Side::Caller, &sdp),
            LegEvent::Reoffered { sdp } => self.on_reoffer(Side::Caller, &sdp),
            LegEvent::Reanswered { sdp } => self.on_reanswered(now, Side::Caller, &sdp),
            LegEvent::ReofferFailed { status } => {
                self.on_reoffer_failed(now, Side::Caller, status);
            }
            LegEvent::Digit { digit } => self.on_key(now, Side::Caller, digit, KeyWay::Info),
            LegEvent::Replaced { by, at, sdp } => self.on_replaced(Side::Caller, (by, at), &sdp),
            // Only who answers for the branch may send its callers elsewhere.
            LegEvent::TransferAsked { .. } => {
                self.sip(
                    self.caller.leg,
                    LegCommand::RejectTransfer { status: FORBIDDEN },
                );
            }
            LegEvent::Ringing { sdp } => self.caller.early.describe(sdp),
            event @ (LegEvent::Answered { .. } | LegEvent::Failed { .. }) => {
                self.on_called(now, event);
            }
        }
    }

    fn on_incoming(&mut self, now: Instant, from: Pii<String>, to: Pii<String>, sdp: &[u8]) {
        if self.take_offer(now, sdp) {
            self.caller.number = from.clone();
            self.call(CallEvent::Offered { from, to });
        }
    }

    /// Takes a new call's offer; whether the call can be had.
    fn take_offer(&mut self, now: Instant, sdp: &[u8]) -> bool {
        if self.caller.state != CallerState::Expected || self.ended {
            return false;
        }
        self.caller.state = CallerState::Offered;
        if !sdp.is_empty() {
            let Some((offer, codec)) = self.usable(Side::Caller, sdp) else {
                self.sip(
                    self.caller.leg,
                    LegCommand::Reject {
                        status: NOT_ACCEPTABLE,
                    },
                );
                self.caller.state = CallerState::Gone;
                self.end(now, EndedBy::Box, Cause::NoCommonCodec);
                return false;
            };
            self.caller.codec = codec;
            self.set_remote(Side::Caller, &offer);
            self.caller.offer = Some(offer);
        }
        true
    }

    /// A side's answer, where its INVITE came without an offer.
    fn on_answer_in_ack(&mut self, now: Instant, side: Side, sdp: &[u8]) {
        if sdp.is_empty() || self.ended {
            return;
        }
        match self.usable(side, sdp) {
            Some((answer, codec)) => {
                self.speak(side, codec);
                self.set_remote(side, &answer);
                self.follow_hold(side, &answer);
            }
            None => self.end(now, EndedBy::Box, Cause::NoCommonCodec),
        }
    }

    fn on_order(&mut self, now: Instant, order: Order) {
        if let Order::Transfer { agent, contact } = order {
            return self.on_transfer_ordered(now, agent, contact);
        }
        let absent = matches!(
            self.caller.state,
            CallerState::Expected | CallerState::Called { .. } | CallerState::Gone
        );
        if self.called_until().is_some() && order == Order::Release {
            return self.end(now, EndedBy::Box, Cause::Released);
        }
        if absent || self.is_bridged() && order != Order::Release {
            return;
        }
        self.withdraw(now);
        self.apology_by = None;
        match order {
            Order::Greet => {
                self.open(now);
                self.play(PromptKey::Greeting, Repeat::Once);
            }
            Order::Offer { agent, contact } => self.dial(now, agent, contact),
            Order::Wait => {
                self.open(now);
                self.play(
                    PromptKey::Queue,
                    Repeat::Loop {
                        pause: self.config.queue_pause,
                    },
                );
            }
            Order::Apologise => {
                self.open(now);
                self.play(PromptKey::Apology, Repeat::Once);
                self.apology_by = Some(now + self.config.apology_limit);
            }
            Order::Acknowledge { sound } => self.acknowledge(now, sound),
            Order::Release => self.end(now, EndedBy::Box, Cause::Released),
            Order::Transfer { .. } => {}
        }
    }

    /// Lets the caller hear the box: by answering, or in early media.
    fn open(&mut self, now: Instant) {
        if self.caller.state != CallerState::Offered {
            return;
        }
        // Early media needs the caller's offer.
        if self.config.greeting == Greeting::Early && self.caller.offer.is_some() {
            let sdp = Some(self.caller_sdp());
            self.sip(self.caller.leg, LegCommand::Progress { sdp });
            self.caller.state = CallerState::Early;
        } else {
            self.answer(now);
        }
    }

    fn answer(&mut self, now: Instant) {
        if matches!(self.caller.state, CallerState::Offered | CallerState::Early) {
            let sdp = self.caller_sdp();
            self.sip(self.caller.leg, LegCommand::Answer { sdp });
            self.caller.state = CallerState::Answered;
            self.call(CallEvent::Answered { at: now });
        }
    }

    /// The same in early media and in the answer, as RFC 3264 wants.
    fn caller_sdp(&self) -> Vec<u8> {
        let Caller {
            offer,
            codec,
            local,
            ..
        } = &self.caller;
        match offer {
            Some(offer) => sdp::answer(*local, offer, *codec, offer.direction.mirrored()),
            None => sdp::offer(*local, &self.laws_from(*codec), Direction::SendRecv),
        }
    }

    fn next_local(&mut self, side: Side) -> Local {
        let local = match (side, &mut self.agent) {
            (Side::Agent, Some(agent)) => &mut agent.local,
            _ => &mut self.caller.local,
        };
        local.version += 1;
        *local
    }

    fn on_prompt_done(&mut self, now: Instant) {
        match self.playing.take() {
            Some(PromptKey::Transfer) if self.agent.is_some() => {
                self.play(PromptKey::Ringback, RINGBACK);
            }
            Some(PromptKey::Apology) => self.end(now, EndedBy::Box, Cause::Apologised),
            Some(PromptKey::Away | PromptKey::Back) => {
                self.end(now, EndedBy::Box, Cause::Released);
            }
            _ => {}
        }
    }

    fn on_tick(&mut self, now: Instant) {
        self.tick_transfer(now);
        self.tick_recoding(now);
        if self.called_until().is_some_and(|until| now >= until) {
            self.on_unreached(now);
        }
        self.crossing.retain(|&(_, until)| now < until);
        if self.apology_by.is_some_and(|by| now >= by) {
            self.end(now, EndedBy::Box, Cause::Apologised);
        }
        let late = self.agent.as_ref().and_then(|agent| match agent.state {
            AgentState::Dialling { reach_by, .. } if now >= reach_by => {
                Some(AgentFailure::Unreachable)
            }
            AgentState::Dialling { answer_by, .. } | AgentState::Ringing { answer_by }
                if now >= answer_by =>
            {
                Some(AgentFailure::NoAnswer)
            }
            _ => None,
        });
        if let Some(cause) = late {
            self.cancel_agent(now);
            self.fail_agent(cause);
        }
    }

    /// Ends every leg that is still there, and the call.
    fn end(&mut self, now: Instant, by: EndedBy, cause: Cause) {
        if self.ended {
            return;
        }
        self.close_recoding();
        self.close_replacing();
        self.close_caller(now);
        self.close_transfer(now);
        if self.is_bridged() {
            if let Some(agent) = self.agent.take() {
                self.sip(agent.leg, LegCommand::HangUp);
            }
        } else {
            self.cancel_agent(now);
            self.agent = None;
        }
        self.ended = true;
        self.apology_by = None;
        self.playing = None;
        self.call(CallEvent::Ended { by, cause });
    }

    fn close_caller(&mut self, now: Instant) {
        match self.caller.state {
            CallerState::Called { .. } => {
                self.crossing.push((self.caller.leg, now + CROSSING));
                self.sip(self.caller.leg, LegCommand::Cancel);
            }
            CallerState::Answered => self.sip(self.caller.leg, LegCommand::HangUp),
            CallerState::Offered | CallerState::Early => {
                self.sip(
                    self.caller.leg,
                    LegCommand::Reject {
                        status: self.refusal,
                    },
                );
            }
            CallerState::Expected | CallerState::Gone => {}
        }
        self.caller.state = CallerState::Gone;
    }

    fn is_bridged(&self) -> bool {
        self.agent
            .as_ref()
            .is_some_and(|agent| agent.state == AgentState::Up)
    }

    /// A side's description, and the law that it is to speak from then on.
    fn usable(&self, side: Side, sdp: &[u8]) -> Option<(Offer, Codec)> {
        let offer = self.read(sdp)?;
        let codec = self.law_for(side, &offer)?;
        Some((offer, codec))
    }

    /// The other side's law where a far end takes it, else the one that its side has, else any of ours.
    fn law_for(&self, side: Side, offer: &Offer) -> Option<Codec> {
        let agent = self.agent.as_ref();
        let others = match side {
            Side::Agent => Some(self.caller.codec),
            Side::Caller => agent
                .filter(|agent| agent.state == AgentState::Up)
                .map(|agent| agent.codec),
        };
        let preferred = others.into_iter().chain([self.codec(side)]);
        let preferred: Vec<Codec> = preferred
            .chain(self.config.codecs.iter().copied())
            .collect();
        offer.choose(&preferred)
    }

    /// The law that a side speaks.
    fn codec(&self, side: Side) -> Codec {
        match (side, &self.agent) {
            (Side::Agent, Some(agent)) => agent.codec,
            _ => self.caller.codec,
        }
    }

    fn speak(&mut self, side: Side, codec: Codec) {
        match (side, &mut self.agent) {
            (Side::Caller, _) => self.caller.codec = codec,
            (Side::Agent, Some(agent)) => agent.codec = codec,
            (Side::Agent, None) => {}
        }
    }

    /// What is offered where this law is wanted most.
    fn laws_from(&self, codec: Codec) -> Vec<Codec> {
        let others = self.config.codecs.iter().copied();
        let others = others.filter(|&other| other != codec);
        std::iter::once(codec).chain(others).collect()
    }

    /// A description whose voice this call can have: what is sent from an address of IPv4 reaches none of IPv6, nor the
    /// other way round.
    fn read(&self, sdp: &[u8]) -> Option<Offer> {
        let takes_keys = self.config.secret.is_some();
        let is_reached = |there: IpAddr| {
            let own = self.addresses.caller.ip();
            there.is_ipv4() == own.is_ipv4() || there.is_unspecified()
        };
        Offer::parse(sdp)
            .ok()
            .filter(|offer| takes_keys || offer.takes_plain())
            .filter(|offer| is_reached(offer.address.ip()))
    }

    /// What a new leg's keys are made from: no two legs share a key.
    fn next_secret(&mut self) -> Option<Secret> {
        self.legs_keyed += 1;
        let secret = self.config.secret?;
        Some(secret.branch(self.legs_keyed))
    }

    fn local(&self, side: Side) -> Local {
        match (side, &self.agent) {
            (Side::Agent, Some(agent)) => agent.local,
            _ => self.caller.local,
        }
    }

    /// Asks a far end of which nothing is heard whether it is still there.
    fn probe(&mut self, side: Side) {
        let leg = match (side, &self.agent) {
            (Side::Caller, _) => {
                (self.caller.state == CallerState::Answered).then_some(self.caller.leg)
            }
            (Side::Agent, Some(agent)) => (agent.state == AgentState::Up).then_some(agent.leg),
            (Side::Agent, None) => None,
        };
        if let Some(leg) = leg {
            self.sip(leg, LegCommand::Probe);
        }
    }

    fn set_remote(&mut self, side: Side, offer: &Offer) {
        if let Some(keys) = self.keys(side) {
            keys.takes_events = offer.telephone_event.is_some();
        }
        let secret = self.local(side).secret;
        let remote = RemoteMedia::new(offer, self.codec(side), secret.as_ref());
        self.media(MediaCommand::SetRemote { side, remote });
    }

    fn play(&mut self, prompt: PromptKey, repeat: Repeat) {
        self.playing = Some(prompt);
        self.media(MediaCommand::Play {
            side: Side::Caller,
            prompt,
            repeat,
        });
    }

    fn sip(&mut self, leg: LegId, what: LegCommand) {
        self.outputs
            .push_back(Output::Sip(SipCommand { leg, what }));
    }

    fn media(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }

    fn call(&mut self, event: CallEvent) {
        self.outputs.push_back(Output::Call(event));
    }
}

const fn ended(by: EndedBy, cause: EndCause) -> (EndedBy, Cause) {
    match cause {
        EndCause::Bye => (by, Cause::HungUp),
        EndCause::Silent => (EndedBy::Fault, Cause::Silent),
    }
}

#[cfg(test)]
mod tests;
