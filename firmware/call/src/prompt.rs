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
    /// Says that the call will be recorded, and how to decline.
    RecordingNotice,
    /// Asks whether the call may be recorded.
    RecordingConsent,
    /// Says that the call is not recorded.
    NotRecorded,
    /// Says that the caller's turn is next.
    Next,
    /// Says that one caller stands before them.
    OneAhead,
    /// Says how many callers stand before them.
    Ahead,
    /// Says that they will probably wait less than a minute.
    WaitShort,
    /// Says that they will probably wait about a minute.
    WaitOne,
    /// Says about how many minutes they will probably wait.
    WaitAbout,
    /// Says from how many to how many minutes they will probably wait.
    WaitBetween,
    /// The ringback tone, while an agent rings.
    Ringback,
    /// Music, while a side is held by the other.
    Hold,
    /// Two falling tones, by which an agent hears that they are away now.
    Away,
    /// Two rising tones, by which an agent hears that they are there again.
    Back,
}

impl PromptKey {
    /// The prompts that are spoken, and so recorded in every language.
    pub const SPOKEN: [Self; 14] = [
        Self::Greeting,
        Self::Transfer,
        Self::Queue,
        Self::Apology,
        Self::RecordingNotice,
        Self::RecordingConsent,
        Self::NotRecorded,
        Self::Next,
        Self::OneAhead,
        Self::Ahead,
        Self::WaitShort,
        Self::WaitOne,
        Self::WaitAbout,
        Self::WaitBetween,
    ];

    /// The name of the recording, without its extension.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Transfer => "transfer",
            Self::Queue => "queue",
            Self::Apology => "apology",
            Self::RecordingNotice => "recording_notice",
            Self::RecordingConsent => "recording_consent",
            Self::NotRecorded => "not_recorded",
            Self::Next => "next",
            Self::OneAhead => "one_ahead",
            Self::Ahead => "ahead",
            Self::WaitShort => "wait_short",
            Self::WaitOne => "wait_one",
            Self::WaitAbout => "wait_about",
            Self::WaitBetween => "wait_between",
            Self::Ringback => "ringback",
            Self::Hold => "hold",
            Self::Away => "away",
            Self::Back => "back",
        }
    }
}

/// How often a prompt is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// To its end, once.
    Once,
    /// Again and again until stopped, with a pause between: silent, or filled with what the prompt has for it.
    Loop {
        /// How long the pause lasts.
        pause: Duration,
    },
}
