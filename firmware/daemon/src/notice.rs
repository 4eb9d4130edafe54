//! What the pipeline tells whoever watches: the demo's screen today, consoles later.
//!
//! Notices stay inside the process. They carry the caller's words, so a watcher must treat them as
//! personal data: show them to the branch's own people, never log them.

use std::time::Duration;

use trunkside_call::{AgentId, CallId, Decision, Understanding, Utterance};
use trunkside_understanding::intents::Hidden;

use crate::call::escalation::Telling;

/// One thing that happened to a call.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The call.
    pub call: CallId,
    /// When, from the pipeline's start.
    pub at: Duration,
    /// What happened.
    pub event: Event,
}

/// What can happen to a call.
#[derive(Clone, Debug)]
pub enum Event {
    /// The trunk rings.
    Offered,
    /// A caller who kept their place, and was rung at their turn, has answered.
    CalledBack,
    /// The box has answered.
    Answered,
    /// Somebody speaks or has spoken; partial utterances are shown as they grow.
    Heard(Box<Utterance>),
    /// What an utterance meant.
    Understood(Box<Understanding>),
    /// What is known of the customer shows a wish behind what they say.
    Hidden(Box<Hidden>),
    /// The router has spoken.
    Decided(Box<Decision>),
    /// An agent's phone rings.
    Ringing(AgentId),
    /// An agent did not take the call.
    AgentFailed(AgentId, String),
    /// Caller and agent hear each other.
    Bridged(AgentId),
    /// The caller has turned angry, or an agent takes an angry caller.
    Escalated(Box<Telling>),
    /// The call is over.
    Ended {
        /// How: the outcome's name in the record.
        outcome: String,
    },
}
