//! What a device says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Named, RedactedText, Timestamp};

/// Something somebody must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alarm {
    /// What kind, in `snake_case`; alarms of one code replace each other on a screen.
    pub code: String,
    /// How bad.
    pub severity: Named<Severity>,
    /// Whether the condition has passed.
    #[serde(default)]
    pub cleared: bool,
    /// What happened and what to do, in plain words.
    pub text: RedactedText,
}

/// How bad it is (RFC 8632, section 3.4, without `indeterminate`).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; calls are unharmed.
    Warning,
    /// Something is missing; calls are still handled.
    Minor,
    /// Calls are handled worse.
    Major,
    /// Calls are lost.
    Critical,
}

impl Severity {
    /// Its name in contracts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }
}

/// How the device does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DeviceHealth {
    /// The software's version.
    pub software: String,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Calls in progress.
    pub active_calls: u32,
    /// Calls since it started.
    pub calls: u64,
    /// Bytes resident in memory.
    pub resident_bytes: u64,
    /// Bytes free where records are stored.
    pub disk_free_bytes: u64,
    /// Hottest sensor in degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f32>,
    /// Records that wait for the cloud.
    pub queued_records: u64,
    /// Age of the oldest of them in seconds.
    pub queue_age_s: u64,
    /// Bytes written to storage for every byte kept, since it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wear: Option<f32>,
    /// The speech model that new calls are heard with.
    pub model: String,
    /// Times that another model took its place, since it started.
    pub model_changes: u64,
    /// Models that could not be used, since it started.
    pub models_refused: u64,
    /// Calls that wait in memory because the disk refuses them; the cloud has their records.
    pub unstored_calls: u64,
    /// Calls, transcripts and lines of the decision log that were given up because too much waited
    /// for the disk, since it started.
    pub records_given_up: u64,
    /// Frames of recordings that the disk was too slow for, since it started; 50 are a second of one
    /// side.
    pub recording_frames_dropped: u64,
    /// How recognition does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recognition: Option<RecognitionHealth>,
    /// When the certificate ends that the box shows the cloud; none where it shows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::timestamp_or_none")]
    pub certificate_ends_at: Option<Timestamp>,
}

/// How recognition does, which takes less on where the processor is short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RecognitionHealth {
    /// The share of the last second that its threads were busy, from 0 to 1.
    pub busy: f32,
    /// The longest that a chunk of speech waited for a thread in that second, in seconds.
    pub waited_s: f32,
    /// Chunks that are heard together: 1 unless the processor is short.
    pub hop: u32,
    /// The most that they were since the box started.
    pub longest_hop: u32,
    /// Calls in progress that are not heard for want of processor time.
    pub unheard_calls: u32,
    /// Frames that were not heard, since the box started; 50 are a second of one side.
    pub unheard_frames: u64,
}
