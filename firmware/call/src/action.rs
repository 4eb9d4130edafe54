//! What is decided about a call, and why.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AgentId, CallId};

/// Why a caller is offered a call back instead of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackCause {
    /// Every agent who could take it was tried and none answered.
    NobodyAnswered,
    /// The wait reached the policy's limit.
    WaitedTooLong,
    /// The branch is closed.
    Closed,
}

/// What the box does with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Action {
    /// Ring this agent and bridge when they answer.
    Offer {
        /// Who.
        agent: AgentId,
    },
    /// Keep the caller waiting with a prompt; the router decides again when something changes.
    Wait {
        /// How many callers stand before this one.
        ahead: u32,
    },
    /// Apologise, promise a call back, and end the call.
    Callback {
        /// Why.
        cause: CallbackCause,
    },
}

/// One rule or score that took part in a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The policy rule's name, or a built-in one such as `longest_idle`.
    pub rule: String,
    /// What it found, in plain words, without personal data.
    pub finding: String,
}

/// The nearest choice that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// The agent who came next.
    pub agent: AgentId,
    /// Why the chosen one was preferred.
    pub because: String,
}

/// One decision, a pure function of logged inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The call it is about.
    pub call: CallId,
    /// Counts the router's decisions since it started.
    pub number: u64,
    /// When, on the router's clock (from its start).
    pub at: Duration,
    /// What to do.
    pub action: Action,
    /// What led to it, most decisive first.
    pub reasons: Vec<Reason>,
    /// The nearest alternative, when there was one.
    pub alternative: Option<Alternative>,
    /// SHA-256 (hex) of the policy that decided.
    pub policy: String,
}
