//! Calls that are recorded: who consents, what they hear of it, and the tapes themselves.

pub mod call_recording;
pub mod consent;
pub mod tapes;
