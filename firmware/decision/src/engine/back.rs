//! Callers who hang up and keep their place in the queue: they are called back at their turn.

use std::time::Duration;

use trunkside_call::{CallId, CallbackCause};

use super::agent::{Activity, Micros, Slot};
use super::call::{Call, Stage};
use super::{Act, Choice, Engine};
use crate::CallProfile;
use crate::input::micros;

/// A place is kept this long; then somebody must call back by hand.
pub(super) const KEPT: Duration = Duration::from_hours(4);

/// How long a caller may be rung before the agent is.
const RINGING: Duration = Duration::from_secs(60);

/// A caller who did not answer is rung again after this time.
const AGAIN: Duration = Duration::from_mins(5);

/// The caller may hear the promise out before their turn comes.
const HANGS_UP_WITHIN: Duration = Duration::from_secs(60);

/// After a restart the agents' phones find the box again before anybody is rung.
const PHONES_COME_BACK: Duration = Duration::from_secs(30);

/// So often a caller is rung.
const TRIES: u8 = 3;

impl Call {
    /// Whether the caller is not to be called back yet.
    pub fn rests(&self, now: Micros) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }

    /// What an offer may take longer because the caller must be rung first.
    pub fn ringing(&self) -> Micros {
        if self.away { micros(RINGING) } else { 0 }
    }
}

impl Engine {
    fn slot_of(&self, id: CallId) -> Option<Slot> {
        self.slots.get(&id).copied()
    }

    /// Only who waits can be called back instead.
    pub(super) fn callback_asked(&mut self, id: CallId) {
        let Some(slot) = self.slot_of(id) else { return };
        if self.call(slot).stage != Stage::Waiting || self.call(slot).away {
            return;
        }
        let facts = self.facts(slot, None);
        let hung_up = self.now.saturating_add(micros(HANGS_UP_WITHIN));
        // The wait for the telephone ends here: what was foretold of it was for who holds the line.
        let call = self.call_mut(slot);
        call.away = true;
        call.rests_until = Some(hung_up);
        call.forecast = None;
        self.reschedule_call(slot);
        let cause = CallbackCause::Asked;
        self.choices.push_back(Choice {
            call: id,
            at: self.now,
            act: Act::Callback { cause },
            facts,
        });
    }

    /// The caller has hung up, as agreed: from now on their turn may come.
    pub(super) fn went_away(&mut self, slot: Slot) {
        if self.call(slot).unreached == 0 {
            self.call_mut(slot).rests_until = None;
            self.unplaced.push(slot);
            self.reschedule_call(slot);
        }
    }

    /// A caller who asked a router before this one, and has hung up: they stand where they stood.
    pub(super) fn place_kept(&mut self, id: CallId, profile: &CallProfile, waited: Duration) {
        if self.slots.contains_key(&id) {
            return;
        }
        let slot = self.admit(id, profile);
        let rests_until = self.now.saturating_add(micros(PHONES_COME_BACK));
        let entered = self.now.saturating_sub(micros(waited.min(KEPT)));
        let call = self.call_mut(slot);
        call.away = true;
        call.rests_until = Some(rests_until);
        call.entered = entered;
        call.sought_since = entered;
        if self.turns_away(slot) {
            self.call_back(slot, CallbackCause::Closed);
        } else {
            self.enqueue(slot);
        }
    }

    /// The caller is rung as a call of its own.
    pub(super) fn called_back(&mut self, place: CallId, id: CallId) {
        let Some(slot) = self.slot_of(place).filter(|slot| self.call(*slot).away) else {
            return;
        };
        if place != id && self.slots.contains_key(&id) {
            return;
        }
        self.name(slot, id);
        let now = self.now;
        let call = self.call_mut(slot);
        call.away = false;
        call.called_back = true;
        call.offered_late = false;
        call.held_since = now;
    }

    /// Gives a call another name.
    fn name(&mut self, slot: Slot, id: CallId) {
        let before = std::mem::replace(&mut self.call_mut(slot).id, id);
        self.slots.remove(&before);
        self.slots.insert(id, slot);
    }

    /// The place waits for another try, or somebody must call back by hand.
    pub(super) fn unreached(&mut self, id: CallId, place: CallId) {
        let Some(slot) = self.slot_of(id) else { return };
        match self.call(slot).stage {
            Stage::Offered { agent, .. } => self.release(agent, Activity::Idle),
            Stage::Waiting => self.dequeue(slot),
            // Neither stands in the queue: the caller does again, as the place beyond the branch is rung
            // only once they have answered.
            Stage::Sent { .. } | Stage::SelfService { .. } => {}
            Stage::Talking { .. } => return,
        }
        if place != id && !self.slots.contains_key(&place) {
            self.name(slot, place);
        }
        let again = self.now.saturating_add(micros(AGAIN));
        let call = self.call_mut(slot);
        call.stage = Stage::Waiting;
        call.away = true;
        call.unreached += 1;
        call.rests_until = Some(again);
        if call.unreached < TRIES {
            self.enqueue(slot);
        } else {
            self.call_back(slot, CallbackCause::NobodyAnswered);
        }
    }

    /// The caller has rung again, or needs nothing any more.
    pub(super) fn place_given_up(&mut self, place: CallId) {
        let Some(slot) = self.slot_of(place).filter(|slot| self.call(*slot).away) else {
            return;
        };
        match self.call(slot).stage {
            Stage::Waiting => self.dequeue(slot),
            Stage::Offered { agent, .. } => self.release(agent, Activity::Idle),
            _ => {}
        }
        self.forget(slot);
    }
}
