//! How a call's stages come together, and what is left when it is over.

use std::time::Duration;

use trunkside_call::{CallId, Pii, Side};
use trunkside_decision::Input;
use trunkside_line::{
    CallFlow, FlowConfig, LegCommand, LegId, MediaAddresses, Order, Output, Secret, ShownNumber,
    SipCommand, SipUa,
};
use trunkside_media::{MediaSession, Opened};
use trunkside_record::Timestamp;
use uuid::Uuid;

use super::{Call, Pipeline, UNAVAILABLE};
use crate::call::conversation::Conversation;
use crate::call::translate;
use crate::clock;
use crate::customers::Customer;
use crate::hearing::Unheard;
use crate::recording::call_recording::CallRecording;

impl<U: SipUa> Pipeline<U> {
    /// A call comes in: its media are opened before anything is answered.
    pub(super) fn begin(&mut self, now: Duration, leg: LegId, from: Pii<String>) {
        let opened = (!self.stopping).then(|| self.open(leg)).flatten();
        let Some((id, session, tap)) = opened else {
            let what = LegCommand::Reject {
                status: UNAVAILABLE,
            };
            return self.stages.ua.command(SipCommand { leg, what });
        };
        for place in self.places.called(&from) {
            // Who rings again need not be rung.
            self.give_up_place(place);
            self.tell_router(now, Input::PlaceGivenUp { place });
            self.stop_ringing(now, place);
        }
        tracing::info!(call = %id, %leg, "call begins");
        let started_at = clock::timestamp();
        self.stages.recorder.opened(id, started_at, from.clone());
        self.outcomes.called(&from);
        self.stages.customers.ask(id, &from);
        let conversation = self.conversation(now, id, from, started_at);
        let flow = CallFlow::new(self.flow_config(), leg, addresses(&session));
        self.insert(id, leg, (flow, session, tap), conversation);
    }

    /// Something is known of a caller beside what they say.
    pub(super) fn known(&mut self, now: Duration, id: CallId, customer: Customer) {
        let names = &self.stages.names;
        let met = customer.talked_to.as_ref().and_then(|pseudonym| {
            let mut agents = self.stages.policy.agents.iter().map(|agent| &agent.id);
            agents
                .find(|agent| names.agent(agent) == *pseudonym)
                .cloned()
        });
        let call = self.calls.get_mut(&id);
        let input = call.and_then(|call| call.conversation.known(customer, met));
        if let Some(input) = input {
            self.learnt(now, id, input);
        }
    }

    /// What tells a call from others, for people of the branch: when it began by their clock, and the number
    /// as far as agents are shown it.
    pub(super) fn told_apart(&self, id: CallId) -> String {
        let Some(call) = self.calls.get(&id) else {
            return String::new();
        };
        let began = call.conversation.started_at();
        let began = began.map(|at| self.stages.policy.hours.local(at));
        let began = began.map(|at| at.strftime("%H:%M").to_string());
        let number = match translate::shown(&self.line.shown) {
            // It is the same for all callers.
            ShownNumber::Virtual(_) => None,
            shown => shown.of(
                call.conversation.caller().reveal(),
                call.flow.hides_caller(),
            ),
        };
        let parts: Vec<String> = began.into_iter().chain(number).collect();
        parts.join(" ")
    }

    pub(super) fn conversation(
        &self,
        now: Duration,
        id: CallId,
        from: Pii<String>,
        started_at: Timestamp,
    ) -> Conversation {
        Conversation::begin(
            id,
            from,
            started_at,
            now,
            self.line.language,
            self.line.listen_timeout,
            self.stages.customers.acquaintance(),
        )
    }

    pub(super) fn insert(
        &mut self,
        id: CallId,
        leg: LegId,
        (flow, media, tap): (CallFlow, MediaSession, trunkside_media::Tap),
        conversation: Conversation,
    ) {
        let config = &self.stages.recording;
        let tape = self.stages.tapes.tape(id);
        let prompts = self.stages.spoken.borrow().prompts.clone();
        let recording = CallRecording::new(config.mode, tape, prompts);
        self.legs.insert(leg.first(), id);
        let call = Call {
            flow,
            media,
            tap: Some(tap),
            unheard: Unheard::default(),
            conversation,
            heard_with: None,
            recording,
            standing: None,
            returning: None,
            ending: None,
        };
        self.calls.insert(id, Box::new(call));
    }

    /// Opens a new call's media.
    pub(super) fn open(&self, leg: LegId) -> Option<(CallId, MediaSession, trunkside_media::Tap)> {
        let Opened {
            session,
            tap,
            mut events,
        } = match self.stages.voice.open(&self.stages.ports) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(%leg, %error, "a call is refused");
                return None;
            }
        };
        let id = CallId::new(Uuid::now_v7());
        let sender = self.media_sender.clone();
        self.stages.tasks.spawn(async move {
            while let Some(event) = events.recv().await {
                // The pipeline outlives its calls.
                let _ = sender.send((id, event));
            }
        });
        Some((id, session, tap))
    }

    pub(super) fn flow_config(&self) -> FlowConfig {
        let mut random = [0; 32];
        // Without random numbers no voice is protected, and legs that must be are refused.
        let secret = getrandom::fill(&mut random).ok();
        FlowConfig {
            secret: secret.map(|()| Secret::new(random)),
            greeting: translate::greeting(self.line.greeting),
            ring_timeout: self.line.ring_timeout,
            ..FlowConfig::default()
        }
    }

    /// Tells a call's flow something, and carries out what it puts out.
    pub(super) fn tell_flow(&mut self, now: Duration, id: CallId, input: trunkside_line::Input) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.flow.handle(self.clock.instant(now), input);
        while let Some(output) = self.calls.get_mut(&id).and_then(|call| call.flow.poll()) {
            match output {
                Output::Sip(command) => self.stages.ua.command(command),
                Output::Media(command) => self.media_command(now, id, command),
                Output::Call(event) => self.call_event(now, id, event),
            }
        }
    }

    pub(super) fn order(&mut self, now: Duration, id: CallId, order: Order) {
        self.tell_flow(now, id, trunkside_line::Input::Order(order));
    }

    /// Forgets calls whose every leg is gone and whose record is made; their media close with them.
    pub(super) fn forget_ended(&mut self) {
        let over: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, call)| call.flow.is_over() && call.ending.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.calls.remove(&id);
            self.legs.retain(|_, call| *call != id);
        }
        self.forget_phone_calls();
    }

    /// The box stops: calls end, and who kept a place keeps it for the next start.
    pub(super) fn release_all(&mut self, now: Duration) {
        self.stopping = true;
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.order(now, id, Order::Release);
        }
        self.release_phone_calls(now);
    }
}

pub(super) fn addresses(session: &MediaSession) -> MediaAddresses {
    MediaAddresses {
        caller: session.local_addr(Side::Caller),
        agent: session.local_addr(Side::Agent),
    }
}
