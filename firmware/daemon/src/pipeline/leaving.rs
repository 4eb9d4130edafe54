//! Calls that are over, until what was said last is understood: then their record is made.

use std::time::Duration;

use trunkside_call::CallId;
use trunkside_decision::Input;
use trunkside_line::{EndedBy, SipUa};

use super::{Call, Pipeline};
use crate::call::progress::Urgency;
use crate::call::story::Ended;
use crate::call::translate;
use crate::clock;
use crate::notice::Event;

/// How long the record waits for that.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// When.
    pub at: Duration,
    /// The same by the wall clock, in Unix milliseconds.
    at_ms: i64,
    pub by: EndedBy,
}

impl Call {
    /// When its record is made at the latest.
    pub(super) fn concluded_by(&self) -> Option<Duration> {
        self.ending.as_ref().map(|ending| ending.at + LAST_WORDS)
    }
}

impl<U: SipUa> Pipeline<U> {
    /// A call has ended. What was said last is on its way through recognition.
    pub(super) fn record(&mut self, now: Duration, id: CallId, by: EndedBy) {
        if self.not_reached(now, id) {
            return;
        }
        self.tell_router(now, Input::CallEnded { call: id });
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.ending = Some(Ending {
            at: now,
            at_ms: clock::timestamp().as_millisecond(),
            by,
        });
        call.conversation.leave();
        let language = call.conversation.language();
        call.recording.leave(now, &call.media, language);
        // With the media ends what is recognised of them.
        call.media.end();
        if call.tap.is_some() {
            // Nobody listened.
            self.conclude(now, id);
        } else {
            self.note(now, id, Urgency::Now);
        }
    }

    /// All that was said in a call that is over has been understood, or nobody waits for it longer.
    pub(super) fn conclude(&mut self, now: Duration, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(Ending { at, at_ms, by }) = call.ending.take() else {
            return;
        };
        call.recording.end(at_ms);
        let voice = translate::voice(&call.media.stats(), &call.unheard);
        let faulty = by == EndedBy::Fault;
        let by = translate::ended_by(by);
        let names = &self.stages.names;
        let Some(ended) = call.conversation.end(at, by, faulty, voice, names) else {
            return;
        };
        let outcome = ended.summary.outcome.name().to_owned();
        let times = ended.summary.times;
        tracing::info!(
            call = %id,
            outcome,
            decided_s = times.decided_s,
            bridged_s = times.bridged_s,
            ended_s = times.ended_s,
            "call ends"
        );
        self.learn(now, &ended);
        self.stages.recorder.ended(ended);
        self.notify(now, id, Event::Ended { outcome });
    }

    /// What the router may learn from a call that is over.
    fn learn(&mut self, now: Duration, ended: &Ended) {
        if let Some(taken) = ended.taken.clone()
            && self.stages.policy.learning.enabled
            && let Some(input) = self.outcomes.ended(now, &ended.caller, taken)
        {
            self.tell_router(now, input);
        }
    }
}
