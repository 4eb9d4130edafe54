//! Who takes each call, and why: a pure, replayable routing policy and queue.
//!
//! Place in the sentence: *understanding → **decision** → action*. The pipeline reports calls,
//! moods and agents as [`Input`]s and carries out the [`Decision`](trunkside_call::Decision)s.
//!
//! Invariant: a decision is a function of the inputs and the policy's text alone. Costs are whole
//! numbers, nothing depends on a clock, a hash map's order or the machine, so a log replays to the
//! same bits anywhere. Every call ends in exactly one way, whatever agents and lines do.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use trunkside_call::{Action, AgentId, CallId};
//! use trunkside_decision::{CallProfile, Input, Policy, Router};
//!
//! let policy = Policy::parse("policy.toml", "[[agent]]\nid = \"li_na\"").policy.unwrap();
//! let mut router = Router::new(Arc::new(policy));
//! let (agent, call) = (AgentId::new("li_na"), CallId::new(uuid::Uuid::nil()));
//! router.handle(Duration::ZERO, Input::AgentAvailable { agent: agent.clone() });
//! router.handle(Duration::ZERO, Input::CallReady { call, profile: CallProfile::unknown() });
//! assert_eq!(router.poll().unwrap().action, Action::Offer { agent });
//! ```

mod dry_run;
mod engine;
mod evaluate;
mod explain;
mod flip;
mod input;
pub mod log;
mod matching;
mod need;
mod off_policy;
mod policy;
mod problem;
mod reader;
mod router;
mod simulate;

pub use dry_run::{Day, DryRun, Moved, dry_run};
pub use engine::{Lesson, Tally, WaitEstimate};
pub use evaluate::{Estimate, Evaluation, evaluate};
pub use flip::Flip;
pub use input::{CallProfile, Input, OfferFailure, mood_fall, permille};
pub use log::{Difference, ReplayReport, Turn, replay_file};
pub use off_policy::{LoggedChoice, doubly_robust, inverse_propensity};
pub use policy::{
    AgentProfile, Break, Codes, Condition, Destination, Group, Hours, Learning, Overflow, Parsed,
    Policy, QueueSettings, Relax, Route, Rule, Said, SkillNeed, Span, Weights, WhenClosed,
    registered_user, sha256_hex,
};
pub use problem::{Problem, Severity};
pub use router::Router;
pub use simulate::{
    AgentGroup, Class, Figures, Interval, Measure, Outcome, Resolution, Scenario, Summary,
    TraceFault, TraceFormat, UnknownPolicy, WaitAccuracy, policy_names, report, simulate,
    simulate_one, wait_accuracy,
};
