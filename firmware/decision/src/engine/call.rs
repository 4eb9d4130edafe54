//! One call between its first need for an agent and its end.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{CallId, CallbackCause};

use super::agent::Micros;
use super::estimate::Forecast;
use super::kind::Kind;
use crate::input::micros;
use crate::need::{Insist, Need, Requirement};
use crate::policy::Policy;
use crate::{CallProfile, OfferFailure};

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Waiting,
    /// An agent's phone rings; counts as failed at `until`.
    Offered {
        agent: usize,
        until: Micros,
    },
    /// A destination beyond this branch rings; counts as failed at `until`.
    Sent {
        to: usize,
        cause: CallbackCause,
        until: Micros,
    },
    /// The caller is served by a machine; from `until` on an agent is looked for.
    SelfService {
        until: Micros,
    },
    /// With none when a newer policy no longer has the agent, or who took it is elsewhere.
    Talking {
        agent: Option<usize>,
    },
}

/// An offer that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub agent: usize,
    pub cause: OfferFailure,
    /// When the agent may be offered this call again.
    pub again_at: Micros,
}

/// Why a requirement was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// The policy's time for it came.
    Waited,
    /// Nobody signed in who was not tried meets it.
    Nobody,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something else that has happened to a call, in any order"
)]
pub(crate) struct Call {
    pub id: CallId,
    pub profile: CallProfile,
    /// Whether the branch was open when it came, if known.
    pub open: Option<bool>,
    pub kind: Arc<Kind>,
    /// Whom the caller spoke to last time, by index into the policy's agents.
    pub last_agent: Option<usize>,
    /// When it came: what its place in the queue follows from, and nothing else.
    pub entered: Micros,
    /// Since when an agent is looked for: later, where a machine served the caller first.
    pub sought_since: Micros,
    /// Since when the caller waits at the telephone for an agent: later again, where they kept their place and
    /// were rung.
    pub held_since: Micros,
    /// Settles ties between calls that came at the same moment.
    pub sequence: u64,
    pub stage: Stage,
    pub attempts: Vec<Attempt>,
    /// What it insists on now, and what was given up.
    pub insist: Insist,
    pub given_up: [Option<GivenUp>; 3],
    /// How many stood before it when the caller was last told.
    pub told_ahead: Option<u32>,
    pub tell_at: Micros,
    /// When it may go to an agent who is free but not yet for it.
    pub opens_at: Option<Micros>,
    /// When an agent who could have had it went to a call of higher priority that came later, the first time.
    pub passed_since: Option<Micros>,
    /// What was foretold when it began to wait.
    pub forecast: Option<Forecast>,
    /// Whether a machine has served the caller already.
    pub self_served: bool,
    /// The agent who is to take the call over from a novice, and when that counts as failed.
    pub successor: Option<(usize, Micros)>,
    /// When it is next seen whether a novice must hand it on.
    pub hand_on_at: Option<Micros>,
    pub talking_since: Micros,
    /// The caller has hung up and is to be called back at their turn.
    pub away: bool,
    /// They were rung at their turn: their wait for that was none at the telephone.
    pub called_back: bool,
    /// An agent was rung for it although its wait was over, the one time that this is tried.
    pub offered_late: bool,
    /// How often they were called back without an answer.
    pub unreached: u8,
    /// When they may be called back again.
    pub rests_until: Option<Micros>,
    /// The moment under which it stands in the engine's timetable.
    pub due: Option<Micros>,
}

impl Call {
    pub fn need(&self) -> &Need {
        &self.kind.need
    }

    /// Its place in the queue: as if it had come earlier, by its priority.
    pub fn rank(&self, policy: &Policy) -> (Micros, u64) {
        let head_start = self.head_start(policy);
        (self.entered.saturating_sub(head_start), self.sequence)
    }

    /// By how much its priority puts it forward.
    pub fn head_start(&self, policy: &Policy) -> Micros {
        micros(policy.queue.priority_step) * Micros::from(self.need().priority)
    }

    /// Whether the other has the higher priority and came later.
    pub fn is_passed_by(&self, other: &Self) -> bool {
        other.need().priority > self.need().priority
            && (other.entered, other.sequence) > (self.entered, self.sequence)
    }

    /// Whether such calls have gone before it for as long as they may.
    pub fn was_passed_enough(&self, policy: &Policy, now: Micros) -> bool {
        let most = micros(policy.queue.passed_over);
        self.passed_since.is_some_and(|since| now - since >= most)
    }

    pub fn tried(&self, agent: usize, now: Micros) -> Option<OfferFailure> {
        self.attempts
            .iter()
            .rev()
            .find(|attempt| attempt.agent == agent && attempt.again_at > now)
            .map(|attempt| attempt.cause)
    }

    /// The next moment at which something changes without an event.
    pub fn next_due(&self, policy: &Policy, now: Micros) -> Option<Micros> {
        match self.stage {
            Stage::Talking { .. } => self.hand_on_at,
            Stage::Offered { until, .. }
            | Stage::Sent { until, .. }
            | Stage::SelfService { until } => Some(until),
            Stage::Waiting => {
                let steps = Requirement::ALL
                    .into_iter()
                    .filter(|requirement| self.insist.holds(*requirement))
                    .filter_map(|requirement| self.need().relaxes(requirement))
                    .map(|after| self.after(after));
                let retries = self.attempts.iter().map(|attempt| attempt.again_at);
                let next = steps
                    .chain(retries)
                    .chain(self.rests_until)
                    .chain(self.opens_at)
                    .filter(|at| *at > now)
                    .min();
                let limit = self.waits_until(policy);
                let next = next.map_or(limit, |next| next.min(limit));
                Some(if self.away {
                    next
                } else {
                    next.min(self.tell_at)
                })
            }
        }
    }

    /// No agent was looked for before now: a machine has served the caller.
    pub const fn begins_to_wait(&mut self, now: Micros) {
        self.sought_since = now;
        self.held_since = now;
    }

    /// When its wait ends, unless an agent is free by then.
    pub fn waits_until(&self, policy: &Policy) -> Micros {
        if self.away {
            return self.after(super::back::KEPT);
        }
        let held = self.held_until(policy);
        self.overflows_at().map_or(held, |at| at.min(held))
    }

    /// How long the caller has waited at the telephone.
    pub const fn held(&self, now: Micros) -> Micros {
        now - self.held_since
    }

    /// When its group's overflow sends it away.
    pub fn overflows_at(&self) -> Option<Micros> {
        let (after, _) = self.kind.leaves?;
        Some(self.held_since.saturating_add(after))
    }

    /// When the caller has waited at the telephone for as long as anybody does.
    pub fn held_until(&self, policy: &Policy) -> Micros {
        self.held_since
            .saturating_add(micros(policy.queue.max_wait))
    }

    /// A moment counted from when an agent was first looked for.
    pub fn after(&self, wait: Duration) -> Micros {
        self.sought_since.saturating_add(micros(wait))
    }
}
