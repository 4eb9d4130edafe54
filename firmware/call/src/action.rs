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
    /// The caller asked for it, and keeps their place in the queue.
    Asked,
}

/// What a place beyond the branch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    /// Another branch, whose people answer.
    Branch,
    /// A machine that takes messages.
    Voicemail,
}

impl DestinationKind {
    /// Its name in contracts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Voicemail => "voicemail",
        }
    }
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
    /// Ring this place beyond the branch and bridge when it answers.
    Overflow {
        /// The destination's name in the policy.
        to: String,
        /// What answers there.
        kind: DestinationKind,
    },
    /// Keep the caller waiting with a prompt; the router decides again when something changes.
    Wait {
        /// How many callers stand before this one.
        ahead: u32,
    },
    /// Play a recording that may be all the caller needs; who stays gets an agent.
    SelfService {
        /// The recording's name.
        service: String,
    },
    /// Ring this agent beside the novice who talks, and let them take the call over.
    Transfer {
        /// Who takes over.
        agent: AgentId,
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
    /// What they would have cost, as [`Decision::cost_us`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_us: Option<i64>,
}

/// With which probability an agent was chosen, and among whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Odds {
    /// The probability in millionths.
    pub millionths: u32,
    /// Who might have been chosen, the chosen one included.
    pub among: Vec<AgentId>,
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
    /// What the chosen agent costs the call, all weights together, in microseconds of idle time: less
    /// is better. None where no agent was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_us: Option<i64>,
    /// The odds of the choice, where the policy lets chance take part to learn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odds: Option<Odds>,
    /// SHA-256 (hex) of the policy that decided.
    pub policy: String,
    /// SHA-256 (hex) over all that the router was told until then: the decision log's lines from its
    /// start that are no decisions. Empty where an older version decided.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub inputs: String,
}
