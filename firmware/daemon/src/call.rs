//! One call, from its first ring to what its record tells.

pub mod conversation;
pub mod escalation;
pub mod outcomes;
pub mod places;
pub mod progress;
pub mod story;
pub mod translate;
