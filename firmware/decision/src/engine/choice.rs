//! What the engine chose, before it is put into words.

use std::sync::Arc;

use trunkside_call::{CallId, CallbackCause};

use super::agent::{Absence, Micros};
use super::call::{Attempt, GivenUp};
use super::estimate::WaitEstimate;
use super::kind::Kind;
use super::lessons::Chance;
use crate::CallProfile;
use crate::need::Misfit;

/// One choice about one call.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub call: CallId,
    pub at: Micros,
    pub act: Act,
    /// What led to it, when the engine explains.
    pub facts: Option<Box<Facts>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Offer {
        agent: usize,
        cost: Cost,
        chance: Option<Chance>,
    },
    Wait {
        ahead: u32,
    },
    /// A destination beyond this branch is rung, instead of a call back for this cause.
    Send {
        to: usize,
        cause: CallbackCause,
    },
    SelfService,
    /// A novice's call goes on to another agent.
    HandOn {
        from: usize,
        to: usize,
        cost: Cost,
    },
    Callback {
        cause: CallbackCause,
    },
}

/// What an agent would cost a call; the least total is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// The agent's priority in the policy, less one.
    pub rank: u8,
    /// Levels by which preferred skills fall short.
    pub shortfall: u32,
    /// How much of a rare agent would be spent on what others could do, in thousandths.
    pub scarcity: i64,
    /// How much longer the call is expected to take this agent than the quickest.
    pub slower: Micros,
    /// The share of the day that they spent on calls, in thousandths.
    pub busy: i64,
    /// Whether that is more than the policy's cap, which counts as a step of priority.
    pub over_cap: bool,
    /// Whether the caller spoke to them last time.
    pub last: bool,
    pub idle: Micros,
    /// What was learnt of them with such calls, in microseconds of idle time; less is better.
    pub learned: i64,
    /// All of it weighed, in microseconds of idle time.
    pub total: i64,
}

/// What the words of a decision are made from.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub profile: CallProfile,
    pub open: Option<bool>,
    pub kind: Arc<Kind>,
    pub given_up: [Option<GivenUp>; 3],
    /// Whether calls of higher priority that came later may go before it no more.
    pub passed_enough: bool,
    /// How long an agent was looked for.
    pub waited: Micros,
    /// How long the caller has waited at the telephone.
    pub held: Micros,
    pub attempts: Vec<Attempt>,
    /// The agents who were not to be had, in the policy's order.
    pub skipped: Vec<(usize, Skipped)>,
    /// How long it may take, for a call that waits.
    pub expected: Option<WaitEstimate>,
    /// How many free agents fitted.
    pub candidates: usize,
    /// The next best of them.
    pub next: Option<(usize, Cost)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Skipped {
    Absent(Absence),
    Unfit(Misfit),
    /// Free, but not for this call before that moment.
    Held(Micros),
}
