//! What is no part of the sentence: deadlines, the branch's clock, and a policy or models that come into force.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::CallId;
use trunkside_decision::{
    Input,
    log::{Entry, Models},
};
use trunkside_line::SipUa;

use super::Pipeline;
use crate::call::progress::Urgency;
use crate::call::translate;
use crate::clock;
use crate::policy::Ready;

/// How often the router hears what the branch's wall clock reads.
const LOCAL_TIME_EVERY: Duration = Duration::from_secs(60);

impl<U: SipUa> Pipeline<U> {
    /// Tells the router what the branch's wall clock reads, and what became of earlier calls.
    pub(super) fn tell_local_time(&mut self, now: Duration) {
        let local = self.stages.policy.hours.local(clock::timestamp());
        self.tell_router(now, Input::LocalTime { local });
        self.local_time_due = now + LOCAL_TIME_EVERY;
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            // However long nobody says a word: that the call went on.
            self.note(now, id, Urgency::Soon);
        }
        if self.stages.policy.learning.enabled && now > Duration::ZERO {
            let within = self.stages.policy.learning.repeat_within;
            for input in self.outcomes.due(now, within) {
                self.tell_router(now, input);
            }
            self.keep_lessons();
        }
    }

    pub(super) fn keep_lessons(&self) {
        if self.stages.policy.learning.enabled {
            self.stages.recorder.lessons(&self.router.lessons());
        }
    }

    /// Goes on under another policy.
    pub(super) fn take_policy(&mut self, now: Duration, ready: Ready) {
        let Ready {
            policy,
            self_service,
            phones,
        } = ready;
        tracing::info!(name = %policy.name, sha256 = %policy.sha256, "another policy is in force");
        self.stages.self_service = self_service;
        self.stages.ua.phones(phones);
        self.stages.names.know(translate::named(&policy));
        self.stages.recorder.policy(Arc::clone(&policy));
        let before = std::mem::replace(&mut self.stages.policy, Arc::clone(&policy));
        let (come, gone) = self.attendance.change(&before, &policy);
        let entry = Entry::replace(now, &policy, come.clone());
        self.stages.recorder.decision(&entry);
        self.router.replace(now, policy, &come);
        for agent in gone {
            self.tell_router(now, Input::AgentAway { agent });
        }
    }

    /// Notes what a call is heard and understood with, where the router was told of others last.
    pub(super) fn note_models(&mut self, now: Duration, id: CallId, models: &Arc<Models>) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.heard_with.is_some() {
            return;
        }
        call.heard_with = Some(Arc::clone(models));
        if self.models == *models {
            return;
        }
        self.models = Arc::clone(models);
        let heard = self.calls.iter().filter_map(|(id, call)| {
            let before = call.heard_with.as_ref()?;
            (before != models).then_some(*id)
        });
        let (others, models): (Vec<CallId>, _) = (heard.collect(), Models::clone(models));
        let entry = Entry::models(now, models.clone(), others.clone());
        self.stages.recorder.decision(&entry);
        self.router.hear_with(now, models, others);
    }

    /// When something falls due next.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let flows = self
            .calls
            .values()
            .filter_map(|call| call.flow.deadline())
            .map(|deadline| self.clock.time_of(deadline));
        let listening = self
            .calls
            .values()
            .flat_map(|call| [call.conversation.deadline(), call.recording.deadline()])
            .flatten();
        flows
            .chain(listening)
            .chain(self.router.deadline())
            .chain(self.calls.values().filter_map(|call| call.concluded_by()))
            .chain(self.phone_calls_due())
            .chain([self.local_time_due])
            .min()
    }

    /// Does what is due.
    pub(super) fn deadlines(&mut self, now: Duration) {
        if now >= self.local_time_due {
            self.tell_local_time(now);
        }
        if self
            .router
            .deadline()
            .is_some_and(|deadline| now >= deadline)
        {
            self.tell_router(now, Input::Tick);
        }
        self.tick_phone_calls(now);
        let instant = self.clock.instant(now);
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            let Some(call) = self.calls.get_mut(&id) else {
                continue;
            };
            let language = call.conversation.language();
            call.recording.tick(now, &call.media, language);
            if let Some(input) = call.conversation.tick(now) {
                self.learnt(now, id, input);
            }
            let call = self.calls.get(&id);
            let waited = call.and_then(|call| call.concluded_by());
            if waited.is_some_and(|until| now >= until) {
                self.conclude(now, id);
            }
            let due = self.calls.get(&id).and_then(|call| call.flow.deadline());
            if due.is_some_and(|deadline| instant >= deadline) {
                self.tell_flow(now, id, trunkside_line::Input::Tick);
            }
        }
    }
}
