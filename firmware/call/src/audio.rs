//! Telephone audio as the stages see it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Samples a second of every frame: the telephone's rate, never resampled inside the box.
pub const SAMPLE_RATE_HZ: u32 = 8_000;

/// Samples of one frame: 20 ms, the packet time of RFC 3551.
pub const FRAME_SAMPLES: usize = 160;

/// How long one frame lasts.
pub const FRAME_DURATION: Duration = Duration::from_millis(20);

/// Whose voice it is. The two sides of a call are never mixed for analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The side that came in over the trunk.
    Caller,
    /// The branch's own side.
    Agent,
}

impl Side {
    /// The other end of the call.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Agent,
            Self::Agent => Self::Caller,
        }
    }

    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Agent => "agent",
        }
    }
}

/// 20 ms of one side, linear 16 bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Who is heard.
    pub side: Side,
    /// When the frame begins, from the moment the call was answered.
    pub start: Duration,
    /// The samples, at [`SAMPLE_RATE_HZ`].
    pub samples: [i16; FRAME_SAMPLES],
}

impl Frame {
    /// When the frame ends, from the moment the call was answered.
    pub const fn end(&self) -> Duration {
        self.start.saturating_add(FRAME_DURATION)
    }
}

/// The G.711 law of a leg; the box relays it untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 µ-law, payload type 0 (RFC 3551).
    Pcmu,
    /// G.711 A-law, payload type 8 (RFC 3551).
    Pcma,
}

impl Codec {
    /// The static RTP payload type of RFC 3551, table 4.
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The codec of a static payload type, if it is one of ours.
    pub const fn from_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }

    /// The encoding name that SDP uses.
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }
}
