//! Callers who keep their place in the queue, and the calls that ring them at their turn.

use std::time::Duration;

use trunkside_call::{Action, CallId, Decision, Pii};
use trunkside_decision::Input;
use trunkside_line::{CallFlow, Called, LegId, Order, SipUa};

use super::calls::addresses;
use super::{Call, Pipeline};
use crate::call::places::{self, Place, Returning};
use crate::clock;
use crate::notice::Event;
use crate::storage::store::promises::KeptPlace;

impl<U: SipUa> Pipeline<U> {
    /// A caller who waits would rather be called back.
    pub(super) fn keep_place(&mut self, now: Duration, id: CallId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let number = call.conversation.caller();
        let template = self.line.callback_to.as_deref();
        let rings = template
            .and_then(|to| places::contact(to, &number))
            .is_some();
        if rings && call.conversation.is_routing() && call.returning.is_none() {
            self.tell_router(now, Input::CallbackAsked { call: id });
        }
    }

    /// The router has kept their place.
    pub(super) fn place_kept(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let place = Place {
            number: call.conversation.caller(),
            private: call.flow.hides_caller(),
            wish: call.conversation.wish(),
        };
        let asked_ms = clock::timestamp().as_millisecond();
        self.stages.recorder.place_kept(place.note(id, asked_ms));
        self.places.keep(id, place);
    }

    /// Those whose place the run before this one kept. Whoever has called since need not be rung.
    pub(super) fn take_over_places(&mut self, now: Duration, kept: Vec<KeptPlace>) {
        let callers = self.places.begin();
        if self.stopping {
            // The next run takes them over.
            return;
        }
        let now_ms = clock::timestamp().as_millisecond();
        for kept in kept {
            let (call, asked_ms) = (kept.call, kept.asked_ms);
            let called = callers.contains(kept.number.reveal());
            let Some(place) = Place::noted(kept).filter(|_| !called) else {
                self.stages.recorder.place_gone(call);
                continue;
            };
            tracing::info!(%call, "a caller who was promised a call back keeps their place");
            let kept = Input::PlaceKept {
                place: call,
                profile: place.wish.profile.clone(),
                // By a clock that was set back nobody has waited yet.
                waited_ms: u64::try_from(now_ms - asked_ms).unwrap_or(0),
            };
            self.places.keep(call, place);
            self.tell_router(now, kept);
        }
    }

    /// The box rings them no more.
    pub(super) fn give_up_place(&mut self, call: CallId) -> Option<Place> {
        let place = self.places.remove(call)?;
        self.stages.recorder.place_gone(call);
        Some(place)
    }

    /// Their turn has come: the caller is rung, and the agent once they have answered.
    pub(super) fn ring_back(&mut self, now: Duration, decision: &Decision) {
        let place = decision.call;
        let leg = LegId::dialled(self.places.dial());
        let Some(kept) = self.places.get(place) else {
            return;
        };
        let (number, wish) = (kept.number.clone(), kept.wish.clone());
        let private = kept.private;
        let template = self.line.callback_to.as_deref();
        let contact = template.and_then(|to| places::contact(to, &number));
        let (Some(contact), Some((id, session, tap))) = (contact, self.open(leg)) else {
            let call = place;
            return self.tell_router(now, Input::Unreached { call, place });
        };
        tracing::info!(call = %id, asked = %place, "a caller is called back");
        let started_at = clock::timestamp();
        let mut conversation = self.conversation(now, id, number.clone(), started_at);
        conversation.resume(place, wish);
        let flow = CallFlow::calling_back(
            self.clock.instant(now),
            self.flow_config(),
            leg,
            addresses(&session),
            Called {
                number,
                private,
                contact,
            },
            Pii::new(self.line.callback_number.clone().unwrap_or_default()),
        );
        self.insert(id, leg, (flow, session, tap), conversation);
        if let Some(call) = self.calls.get_mut(&id) {
            let turn = Some(decision.action.clone());
            call.returning = Some(Returning { place, turn });
            call.conversation.decided(now, decision);
        }
        self.tell_router(now, Input::CalledBack { place, call: id });
        self.tell_flow(now, id, trunkside_line::Input::Tick);
    }

    /// What was decided for a caller who is not on the line; whether that is all there is to do.
    pub(super) fn is_about_a_place(&mut self, now: Duration, decision: &Decision) -> bool {
        let id = decision.call;
        let is_kept = self.places.get(id).is_some();
        let call = self.calls.get_mut(&id);
        let is_call = call.is_some();
        if let Some(returning) = call.and_then(|call| call.returning.as_mut()) {
            // The caller is still rung: what was decided is done when they answer.
            returning.turn = None;
            match &decision.action {
                Action::Callback { .. } if !self.stopping => {
                    // Nobody is left who could talk to them: somebody must call by hand.
                    let place = returning.place;
                    self.give_up_place(place);
                    self.stop_ringing(now, place);
                }
                Action::Callback { .. } => {}
                action => returning.turn = Some(action.clone()),
            }
            return true;
        }
        match &decision.action {
            // The place outlives the box.
            _ if is_kept && self.stopping => {}
            Action::Offer { .. } if is_kept => self.ring_back(now, decision),
            // Rung in vain, or kept too long: somebody must call by hand.
            Action::Callback { .. } if is_kept => {
                self.give_up_place(id);
                return false;
            }
            Action::Offer { .. } if !is_call => {
                tracing::warn!(call = %id, "an agent is kept for a caller of whom nothing is known; they are freed");
                self.tell_router(now, Input::PlaceGivenUp { place: id });
                self.tell_router(now, Input::CallEnded { call: id });
            }
            _ => return false,
        }
        true
    }

    /// Nobody need be rung for a place that was given up.
    pub(super) fn stop_ringing(&mut self, now: Duration, place: CallId) {
        let rings = |call: &Call| call.returning.as_ref().is_some_and(|r| r.place == place);
        let ringing = self.calls.iter().find(|(_, call)| rings(call));
        if let Some(id) = ringing.map(|(id, _)| *id) {
            self.order(now, id, Order::Release);
        }
    }

    /// The caller has answered, if one was rung: the call goes on like any other.
    pub(super) fn reached(&mut self, now: Duration, id: CallId) {
        let call = self.calls.get_mut(&id);
        let Some(returning) = call.and_then(|call| call.returning.clone()) else {
            return;
        };
        let Some(place) = self.give_up_place(returning.place) else {
            return self.order(now, id, Order::Release);
        };
        if let Some(call) = self.calls.get_mut(&id) {
            call.returning = None;
        }
        let started_at = clock::timestamp();
        self.stages.recorder.opened(id, started_at, place.number);
        self.notify(now, id, Event::CalledBack);
        self.recognition(now, id);
        match returning.turn {
            Some(turn) => self.carry_out(now, id, &turn),
            None => self.order(now, id, Order::Wait),
        }
    }

    /// A call is over; whether it only rang somebody: then there was none.
    pub(super) fn not_reached(&mut self, now: Duration, id: CallId) -> bool {
        let call = self.calls.get_mut(&id);
        let returning = call.and_then(|call| {
            let returning = call.returning.take()?;
            call.recording.end(clock::timestamp().as_millisecond());
            Some(returning)
        });
        let Some(Returning { place, .. }) = returning else {
            return false;
        };
        if self.places.get(place).is_some() {
            // The place waits for another try.
            tracing::info!(call = %id, "the caller did not answer");
            self.tell_router(now, Input::Unreached { call: id, place });
        } else {
            tracing::info!(call = %id, "the caller need not be rung any more");
            self.tell_router(now, Input::CallEnded { call: id });
        }
        true
    }
}
