//! How long calls of higher priority may go before one that came earlier.
//!
//! From the moment when an agent who could have had a call first goes to such another, each further
//! second of its wait may be lost to them. After `queue.passed_over_s` of those no agent who could take it
//! goes to any of them; only talks that have begun by then go on.

use super::agent::{Micros, Slot};
use super::call::{Call, Stage};
use super::{Cost, Engine};

impl Engine {
    /// The waiting calls before which none of higher priority that came later goes any more.
    pub(super) fn passed_enough(&self, now: Micros) -> impl Iterator<Item = Slot> {
        let passed = self.passed.iter().copied();
        passed.filter(move |slot| {
            let call = self.call(*slot);
            call.stage == Stage::Waiting && call.was_passed_enough(&self.policy, now)
        })
    }

    /// Those of them that an agent could take, by what each call would cost that agent.
    pub(super) fn kept_from(
        &self,
        cost: &impl Fn(Slot) -> Option<Cost>,
        now: Micros,
    ) -> Vec<&Call> {
        self.passed_enough(now)
            .filter(|slot| cost(*slot).is_some())
            .map(|slot| self.call(slot))
            .collect()
    }

    /// Notes before whom a call goes that is about to be offered to an agent.
    pub(super) fn note_passed(&mut self, slot: Slot, index: usize) {
        let call = self.call(slot);
        if call.need().priority == 0 {
            return;
        }
        let passed: Vec<Slot> = self
            .queue
            .values()
            .copied()
            .filter(|other| {
                let earlier = self.call(*other);
                earlier.passed_since.is_none()
                    && earlier.is_passed_by(call)
                    && self.cost(*other, index).is_some()
            })
            .collect();
        for slot in passed {
            let now = self.now;
            self.call_mut(slot).passed_since = Some(now);
            self.passed.insert(slot);
        }
    }
}
