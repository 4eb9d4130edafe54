//! What a call leaves behind: the versioned contract between box and cloud.
//!
//! Place in the sentence: *action → **record** → uplink → aggregator*. The daemon fills these types
//! when a call ends, the uplink keeps and carries them, the aggregator stores and answers with them.
//! They are the one source: the JSON Schema in `schema/` is generated from them.
//!
//! Invariant: a record names no person. Free text exists only as [`RedactedText`], which cannot be
//! made, or read from JSON, from text that still holds a run of digits or a mail address (that it holds no
//! names or addresses is the redactor's part, and this type does not see it); agents appear only as
//! [`Pseudonym`]s; entities are counted by kind. Readers default the fields they miss;
//! names, fields and kinds that they do not know they keep as they came ([`Named`], [`Kept`]), so
//! neighbouring versions read each other and nothing is lost between them.
//!
//! ```
//! use trunkside_record::{Origin, RedactedText, Topic, Lane};
//!
//! assert!(RedactedText::try_new("my card is [card], please block it").is_ok());
//! assert!(RedactedText::try_new("call me on one three eight, oh oh double zero").is_err());
//!
//! let origin = Origin::new("acme", "harbour", "box1").unwrap();
//! let topic = Topic::Up(origin, Lane::Metric).to_string();
//! assert_eq!(topic, "trunkside/v1/acme/harbour/box1/metric");
//! assert_eq!(topic.parse::<Topic>().unwrap().to_string(), topic);
//! ```

mod batch;
mod call;
mod claim;
mod device;
mod digits;
mod named;
mod payload;
mod pseudonym;
mod received;
pub mod schema;
mod text;
mod topic;

pub use batch::{Ack, Batch, Body, Entry, Gap, GapReason, Lane, VERSION};
pub use call::{
    ActionRecord, AlternativeRecord, CallSummary, DecisionRecord, EndedBy, EscalationRecord,
    IntentScore, LegQuality, MoodPoint, MoodRecord, Outcome, QualityHit, QualityMark, ReasonRecord,
    Redacted, TalkBy, TalkRecord, Times, Transcript, TriggerRecord, Turn, VoiceQuality, seconds,
};
pub use claim::{ClaimAnswer, ClaimCode, ClaimCodeError, ClaimRequest, ProofKey, host_and_port};
pub use device::{Alarm, DeviceHealth, RecognitionHealth, Severity};
pub use jiff::Timestamp;
pub use named::{Contract, Label, Named};
pub use payload::{
    MAX_BATCH_BYTES, MAX_PAYLOAD_BYTES, PayloadError, decode, decode_ack, encode, encode_ack,
};
pub use pseudonym::{Pseudonym, PseudonymKey, Pseudonyms};
pub use received::{Kept, Received, read_again};
pub use text::{RedactedText, TextRefused};
pub use topic::{Name, NameError, Origin, Topic, TopicError, ack_filter, up_filter};
