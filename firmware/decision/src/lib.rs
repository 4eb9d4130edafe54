//! Who takes each call, and why: a pure, replayable routing policy and queue.

mod input;
mod policy;
mod problem;
mod reader;
mod router;

pub use input::{CallProfile, Input, OfferFailure, permille};
pub use policy::{
    AgentProfile, Condition, Hours, Parsed, Policy, QueueSettings, Relax, Route, Rule, SkillNeed,
    Span, Weights, WhenClosed, sha256_hex,
};
pub use problem::{Problem, Severity};
pub use router::Router;
