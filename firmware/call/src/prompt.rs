//! What the box says by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A spoken prompt or tone, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptKey {
    /// Asks the caller what they need.
    Greeting,
    /// Says that an agent is being rung.
    Transfer,
    /// Says that all agents are busy.
    Queue,
    /// Apologises and promises a call back.
    Apology,
    /// The ringback tone, while an agent rings.
    Ringback,
    /// Music, while a side is held by the other.
    Hold,
}

impl PromptKey {
    /// The prompts that are spoken, and so recorded in every language.
    pub const SPOKEN: [Self; 4] = [Self::Greeting, Self::Transfer, Self::Queue, Self::Apology];

    /// The name of the recording, without its extension.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Transfer => "transfer",
            Self::Queue => "queue",
            Self::Apology => "apology",
            Self::Ringback => "ringback",
            Self::Hold => "hold",
        }
    }
}

/// How often a prompt is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// To its end, once.
    Once,
    /// Again and again until stopped, with silence between.
    Loop {
        /// How long the silence lasts.
        pause: Duration,
    },
}
