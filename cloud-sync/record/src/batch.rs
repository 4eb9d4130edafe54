//! The envelope: many entries of one stream, and the watermark that answers them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Alarm, CallSummary, DeviceHealth, Name, Named, Transcript};

/// The version of the contract that this crate writes. A breaking change takes a new topic.
pub const VERSION: u32 = 1;

/// A priority class of records, and the last level of their topic.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Something somebody must know now.
    Alarm,
    /// What calls and their handling amount to, without words.
    Metric,
    /// How the device itself does.
    Fleet,
    /// Redacted words.
    Transcript,
}

impl Lane {
    /// All lanes, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Alarm, Self::Metric, Self::Fleet, Self::Transcript];

    /// The name in topics and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Metric => "metric",
            Self::Fleet => "fleet",
            Self::Transcript => "transcript",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Lane {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|lane| lane.name() == name)
            .ok_or(())
    }
}

/// Many entries of one stream (one lane of one device since one start of its outbox).
///
/// `E` is [`Entry`] for whoever makes or reads records, and raw JSON for the uplink, which carries
/// them unread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Batch<E = Entry> {
    /// The version that wrote it.
    pub v: u32,
    /// Who owns the branch.
    pub tenant: Name,
    /// The branch.
    pub branch: Name,
    /// The box in the branch.
    pub device: Name,
    /// Names the stream: unlike every other epoch of this device, below 2⁵³.
    pub epoch: u64,
    /// The entries, in ascending sequence.
    pub records: Vec<E>,
}

/// One record with its place in the stream. Receivers read it as [`Received`](crate::Received).
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Entry {
    /// Counts the stream's entries from 1, without holes.
    pub sequence: u64,
    /// When it was recorded, by the box's clock.
    #[schemars(schema_with = "crate::schema::timestamp")]
    pub at: Timestamp,
    /// Whether the box's clock was synchronised then; when not, only the order is sure.
    #[serde(default)]
    pub clock_trusted: bool,
    /// Its lane.
    pub lane: Lane,
    /// What happened.
    pub body: Body,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Body {
    /// A call has ended.
    Call(Box<CallSummary>),
    /// What was said in it.
    Transcript(Transcript),
    /// Something somebody must know.
    Alarm(Alarm),
    /// How the device does.
    Health(DeviceHealth),
    /// Entries that no longer exist.
    Gap(Gap),
    /// A kind that a newer version writes, or a form of one: stores keep it as it came, and read it once
    /// they can.
    Unknown,
}

impl Body {
    /// The lane it travels in; a gap stays in the lane that lost something.
    pub const fn lane(&self) -> Option<Lane> {
        match self {
            Self::Call(_) => Some(Lane::Metric),
            Self::Transcript(_) => Some(Lane::Transcript),
            Self::Alarm(_) => Some(Lane::Alarm),
            Self::Health(_) => Some(Lane::Fleet),
            Self::Gap(_) | Self::Unknown => None,
        }
    }
}

impl From<CallSummary> for Body {
    fn from(summary: CallSummary) -> Self {
        Self::Call(Box::new(summary))
    }
}

impl From<Transcript> for Body {
    fn from(transcript: Transcript) -> Self {
        Self::Transcript(transcript)
    }
}

impl From<Alarm> for Body {
    fn from(alarm: Alarm) -> Self {
        Self::Alarm(alarm)
    }
}

impl From<DeviceHealth> for Body {
    fn from(health: DeviceHealth) -> Self {
        Self::Health(health)
    }
}

/// Stands where entries no longer exist: from the entry's own sequence to `through`.
///
/// It fills the hole so that the watermark can pass. The box sends one also for what it has
/// forgotten because it was acknowledged; the receiver counts as lost only what it never had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// The last sequence that no longer exists.
    pub through: u64,
    /// Why.
    pub reason: Named<GapReason>,
}

/// Why entries no longer exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The lane's bytes were used up, and the oldest had to go.
    Budget,
    /// They were older than the lane keeps.
    Age,
    /// The storage gave back something else than was written.
    Corrupt,
    /// Their segment is no longer there.
    Missing,
    /// The key that sealed them is not the key at hand.
    Sealed,
    /// The receiver could not accept what was sent.
    Refused,
    /// Another reason.
    Other,
}

impl GapReason {
    /// Its name in contracts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Age => "age",
            Self::Corrupt => "corrupt",
            Self::Missing => "missing",
            Self::Sealed => "sealed",
            Self::Refused => "refused",
            Self::Other => "other",
        }
    }
}

/// Everything of the stream `epoch` up to `sequence` is stored for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Ack {
    /// The stream.
    pub epoch: u64,
    /// The last sequence of the contiguous run from 1; 0 when there is none yet.
    pub sequence: u64,
}
