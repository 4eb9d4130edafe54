//! The two legs of a call, and how far each has come.

use std::time::Instant;

use trunkside_call::{AgentId, Codec, Pii};

use super::early::Early;
use super::keys::Keys;
use crate::sdp::{Local, Offer};
use crate::sip_ua::LegId;

#[derive(Debug)]
pub(super) struct Caller {
    pub(super) leg: LegId,
    /// Whether we have called them, so that the Call-ID is ours.
    pub(super) is_ours: bool,
    pub(super) state: CallerState,
    pub(super) number: Pii<String>,
    /// Whether they want to be hidden from agents.
    pub(super) private: bool,
    /// What they offered; none when they wanted an offer from us.
    pub(super) offer: Option<Offer>,
    pub(super) codec: Codec,
    pub(super) local: Local,
    /// What they described before they answered, where we ring them.
    pub(super) early: Early,
    /// Whether they hold the agent.
    pub(super) holds: bool,
    pub(super) keys: Keys,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallerState {
    Expected,
    /// We ring them; they must answer by then.
    Called {
        answer_by: Instant,
    },
    Offered,
    Early,
    Answered,
    Gone,
}

#[derive(Debug)]
pub(super) struct Agent {
    pub(super) leg: LegId,
    /// Whether we have called them, so that the Call-ID is ours.
    pub(super) is_ours: bool,
    pub(super) id: AgentId,
    pub(super) codec: Codec,
    pub(super) local: Local,
    pub(super) state: AgentState,
    /// What they described before they answered.
    pub(super) early: Early,
    /// Whether they hold the caller.
    pub(super) holds: bool,
    pub(super) keys: Keys,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgentState {
    Dialling {
        reach_by: Instant,
        answer_by: Instant,
    },
    Ringing {
        answer_by: Instant,
    },
    Up,
}

impl Agent {
    /// When they must have been reached, or have answered.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            AgentState::Dialling {
                reach_by,
                answer_by,
            } => Some(reach_by.min(answer_by)),
            AgentState::Ringing { answer_by } => Some(answer_by),
            AgentState::Up => None,
        }
    }

    /// Notes that their phone rings; whether that is news.
    pub(super) fn rings(&mut self) -> bool {
        let AgentState::Dialling { answer_by, .. } = self.state else {
            return false;
        };
        self.state = AgentState::Ringing { answer_by };
        true
    }
}
