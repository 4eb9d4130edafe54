//! What the caller wants, how they feel, what they named, and what must be hidden.
//!
//! Place in the sentence: between recognition and decision. An [`Utterance`] goes in, partial or
//! ended; an [`Understanding`] comes out. [`CallUnderstanding`] keeps the course of one call.
//!
//! Invariant: understanding never fails, and its `redacted` text never holds a run of four or more
//! digits, however they were spoken or written. Nothing here reads a clock; only training and
//! loading touch files.
//!
//! ```
//! use trunkside_understanding::{Report, Understander};
//!
//! let understander = Understander::shipped();
//! let understood = understander.understand_text("我的电话是幺三八零零幺三八零零零", None);
//! assert_eq!(understood.redacted, "我的电话是[phone]");
//! assert_eq!(understood.entities[0].value.reveal(), "13800138000");
//! let json = serde_json::to_string(&Report::from(&understood)).unwrap();
//! assert!(json.starts_with(r#"{"text":"#));
//! ```
//!
//! [`Utterance`]: trunkside_call::Utterance
//! [`Understanding`]: trunkside_call::Understanding

mod call;
mod entities;
mod error;
mod features;
pub mod intents;
mod language;
mod linear;
mod named;
mod numbers;
mod personal;
pub mod quality;
mod redact;
mod report;
mod secrets;
pub mod sentiment;
mod understander;
mod written;

pub use call::CallUnderstanding;
pub use entities::entities_of;
pub use error::UnderstandingError;
pub use language::language_of;
pub use named::{CallEntities, CallEntity, Place};
pub use redact::{Redaction, RedactionKey, RedactionPolicy, Redactor, redact, redactions};
pub use report::{Report, ReportedEmotion, ReportedEntity, ReportedOutcome};
pub use secrets::Spoken;
pub use understander::Understander;
pub use written::written;
