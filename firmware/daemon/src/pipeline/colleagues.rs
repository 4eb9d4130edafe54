//! Calls between the box's own phones: agents who ask each other, before they hand a caller on or without one.
//!
//! The box is their line and nothing more: no stage hears them, nothing of them is recorded or told, and the router
//! takes neither agent for busy.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkside_call::CallId;
use trunkside_line::{
    CallFlow, FlowConfig, Input, LegCommand, LegEvent, LegId, MediaCommand, Order, Output,
    SipCommand, SipUa,
};
use trunkside_media::MediaSession;

use super::calls::addresses;
use super::{Pipeline, UNAVAILABLE};
use crate::call::translate;

/// How long a colleague's phone rings where the one who calls does not give up before.
const RING: Duration = Duration::from_secs(90);

/// The calls between phones, by the legs that they began with.
pub(super) type PhoneCalls = BTreeMap<LegId, PhoneCall>;

/// One of them.
pub(super) struct PhoneCall {
    /// What its media are known by.
    id: CallId,
    flow: CallFlow,
    media: MediaSession,
}

impl<U: SipUa> Pipeline<U> {
    /// Hands an event to the call between phones that it is of; gives back what is of none.
    pub(super) fn between_phones(
        &mut self,
        now: Duration,
        leg: LegId,
        event: LegEvent,
    ) -> Option<LegEvent> {
        match event {
            LegEvent::CodeCalled { .. } => self.code_called(now, leg, event),
            LegEvent::PhoneCalls { .. } => {
                tracing::debug!(%leg, "one of the box's phones calls another");
                self.take_phone_call(now, leg, event);
            }
            _ if self.phone_calls.contains_key(&leg.first()) => {
                self.tell_phone_call(now, leg.first(), Input::Leg(leg, event));
            }
            _ => return Some(event),
        }
        None
    }

    /// Takes a new call of a phone's; whether it can be had.
    pub(super) fn take_phone_call(&mut self, now: Duration, leg: LegId, event: LegEvent) -> bool {
        // Nobody listens: the copies of the voice go nowhere.
        let opened = (!self.stopping).then(|| self.open(leg)).flatten();
        let Some((id, media, _)) = opened else {
            let what = LegCommand::Reject {
                status: UNAVAILABLE,
            };
            self.stages.ua.command(SipCommand { leg, what });
            return false;
        };
        let config = FlowConfig {
            ring_timeout: RING,
            ..self.flow_config()
        };
        let flow = CallFlow::new(config, leg, addresses(&media));
        self.phone_calls.insert(leg, PhoneCall { id, flow, media });
        self.tell_phone_call(now, leg, Input::Leg(leg, event));
        let call = self.phone_calls.get(&leg);
        call.is_some_and(|call| !call.flow.has_ended())
    }

    /// The leg that a call between phones began with, if that is one.
    pub(super) fn phone_call_with(&self, id: CallId) -> Option<LegId> {
        let mut calls = self.phone_calls.iter();
        calls.find(|(_, call)| call.id == id).map(|(leg, _)| *leg)
    }

    pub(super) fn tell_phone_call(&mut self, now: Duration, leg: LegId, input: Input) {
        let Some(PhoneCall { flow, media, .. }) = self.phone_calls.get_mut(&leg) else {
            return;
        };
        flow.handle(self.clock.instant(now), input);
        while let Some(output) = flow.poll() {
            match output {
                Output::Sip(command) => self.stages.ua.command(command),
                Output::Media(MediaCommand::SetRemote { side, remote }) => {
                    media.set_remote(side, translate::remote(remote));
                }
                // Who is held hears music.
                Output::Media(MediaCommand::Play {
                    side,
                    prompt,
                    repeat,
                }) => {
                    let spoken = self.stages.spoken.borrow();
                    let prompt = spoken.prompts.get(self.line.language, prompt);
                    media.play(side, prompt, repeat);
                }
                Output::Media(MediaCommand::Stop { side }) => media.stop(side),
                Output::Media(MediaCommand::Press { side, key }) => media.press(side, key),
                Output::Media(MediaCommand::Hush { side }) => media.hush(side),
                Output::Media(MediaCommand::Bridge) => media.bridge(),
                Output::Media(MediaCommand::Unbridge) => media.unbridge(),
                Output::Call(_) => {}
            }
        }
        if flow.has_ended() {
            media.end();
        }
    }

    /// When something falls due in one of them.
    pub(super) fn phone_calls_due(&self) -> Option<Duration> {
        let flows = self.phone_calls.values();
        let due = flows.filter_map(|call| call.flow.deadline()).min()?;
        Some(self.clock.time_of(due))
    }

    pub(super) fn tick_phone_calls(&mut self, now: Duration) {
        let instant = self.clock.instant(now);
        let due = |call: &PhoneCall| call.flow.deadline().is_some_and(|due| due <= instant);
        for leg in self.phone_calls_where(due) {
            self.tell_phone_call(now, leg, Input::Tick);
        }
    }

    pub(super) fn release_phone_calls(&mut self, now: Duration) {
        for leg in self.phone_calls_where(|_| true) {
            self.tell_phone_call(now, leg, Input::Order(Order::Release));
        }
    }

    /// Forgets those whose every leg is gone.
    pub(super) fn forget_phone_calls(&mut self) {
        self.phone_calls.retain(|_, call| !call.flow.is_over());
    }

    fn phone_calls_where(&self, fits: impl Fn(&PhoneCall) -> bool) -> Vec<LegId> {
        let calls = self.phone_calls.iter();
        let fitting = calls.filter(|(_, call)| fits(call));
        fitting.map(|(leg, _)| *leg).collect()
    }
}
