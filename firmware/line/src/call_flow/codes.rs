//! A phone of the box's that calls a code, by which its agent says something: the box answers with a sound and hangs up.

use std::time::Instant;

use trunkside_call::{Pii, PromptKey, Repeat};

use super::CallFlow;

impl CallFlow {
    /// What it is answered with is the pipeline's to say.
    pub(super) fn on_code_called(&mut self, now: Instant, from: String, sdp: &[u8]) {
        if self.take_offer(now, sdp) {
            self.caller.number = Pii::new(from);
        }
    }

    /// The end of the sound ends the call.
    pub(super) fn acknowledge(&mut self, now: Instant, sound: PromptKey) {
        // A phone that plays no early media would hear nothing of it.
        self.answer(now);
        self.play(sound, Repeat::Once);
        self.apology_by = Some(now + self.config.apology_limit);
    }
}
