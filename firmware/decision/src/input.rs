//! What the router is told.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use trunkside_call::{AgentId, CallId, Emotion, Intent, Language, Mood};

use crate::engine::Lesson;

/// Something that happened, as the shell saw it.
///
/// An input about a call or an agent that the router does not know changes nothing, so a late or
/// repeated report is harmless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Input {
    /// The branch's wall clock reads this now; the router counts on from there. Give it at the
    /// start and once a minute ([`Hours::local`](crate::Hours::local) turns UTC into it).
    LocalTime {
        /// Date and time of day at the branch.
        local: DateTime,
    },
    /// Nothing happened, but [`Router::deadline`](crate::Router::deadline) has come.
    Tick,
    /// A call wants an agent. A second report about a waiting call replaces what was known of it.
    CallReady {
        /// The call.
        call: CallId,
        /// What is known of it.
        profile: CallProfile,
    },
    /// More is known of a caller whom a machine may be serving: that does not end it, as [a second
    /// report](Self::CallReady) would.
    CallerKnown {
        /// The call.
        call: CallId,
        /// What is known of it.
        profile: CallProfile,
    },
    /// The caller's mood was heard anew.
    MoodChanged {
        /// The call.
        call: CallId,
        /// The likeliest emotion.
        emotion: Emotion,
        /// Its probability in thousandths.
        emotion_permille: u16,
        /// As [`CallProfile::mood_fell_permille`].
        #[serde(default, skip_serializing_if = "is_nothing")]
        fell_permille: u16,
    },
    /// An agent signed in, or ended by hand what kept them, but for a break: ready at once. After a bridged
    /// call the router itself makes them ready when the policy's wrap-up time is over.
    AgentAvailable {
        /// Who.
        agent: AgentId,
    },
    /// An agent does something else for now and is expected back.
    AgentBusy {
        /// Who.
        agent: AgentId,
    },
    /// An agent signed out or cannot be reached any more; an offer to them has failed.
    AgentAway {
        /// Who.
        agent: AgentId,
    },
    /// An agent takes a break: nobody is offered to them until [it is over](Self::BreakOver), or as long as the
    /// policy lets it last; an offer to them has failed.
    BreakBegun {
        /// Who.
        agent: AgentId,
        /// What for, by the policy's name for it; one that the policy does not have is a break all the same.
        reason: String,
        /// How long ago it began, in milliseconds: of a break that began before the router did.
        #[serde(default, skip_serializing_if = "is_no_time")]
        ago_ms: u64,
    },
    /// An agent is back from a break: ready at once.
    BreakOver {
        /// Who.
        agent: AgentId,
    },
    /// An agent has written the notes about their last call: ready at once, unless on a break.
    WrapUpOver {
        /// Who.
        agent: AgentId,
    },
    /// An offered agent did not take the call.
    OfferFailed {
        /// The call.
        call: CallId,
        /// Who was rung.
        agent: AgentId,
        /// What happened.
        cause: OfferFailure,
    },
    /// The offered agent answered: caller and agent hear each other.
    Bridged {
        /// The call.
        call: CallId,
        /// Who answered.
        agent: AgentId,
    },
    /// The agent has handed the caller on by their own telephone: the two do not hear each other any more.
    TakenOver {
        /// The call.
        call: CallId,
        /// Who talks to the caller now; none where the policy does not know them.
        agent: Option<AgentId>,
    },
    /// How a call that an agent took turned out, as far as is known by now; it may be long over.
    Judged {
        /// The call.
        call: CallId,
        /// Who took it.
        agent: AgentId,
        /// What it was about.
        intent: String,
        /// Whether the caller's wish was resolved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resolved: Option<bool>,
        /// By how much the caller's mood rose, from -2000 to 2000 thousandths.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mood_permille: Option<i16>,
    },
    /// What a router before this one learnt.
    Learnt {
        /// All of it.
        lessons: Vec<Lesson>,
    },
    /// The call is over, whoever hung up and whatever it was doing. A caller who is to be called
    /// back keeps their place all the same.
    CallEnded {
        /// The call.
        call: CallId,
    },
    /// A caller who waits wants to be called back when it is their turn.
    CallbackAsked {
        /// The call.
        call: CallId,
    },
    /// It is their turn: the caller is being rung, as a call of its own.
    CalledBack {
        /// The call that asked for it.
        place: CallId,
        /// The call that rings the caller; the router speaks of this one from now on.
        call: CallId,
    },
    /// The caller was rung and did not answer. Their place waits for another try.
    Unreached {
        /// The call that rang the caller.
        call: CallId,
        /// The call that asked for it.
        place: CallId,
    },
    /// A router before this one promised to call somebody back at their turn, and stopped.
    PlaceKept {
        /// The call that asked for it.
        place: CallId,
        /// What is known of it.
        profile: CallProfile,
        /// How long ago they asked, in milliseconds.
        waited_ms: u64,
    },
    /// Nobody need be called back any more.
    PlaceGivenUp {
        /// The call that asked for it.
        place: CallId,
    },
}

/// Why an offer came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferFailure {
    /// The phone was engaged (SIP 486, 600).
    Busy,
    /// It rang and nobody answered (SIP 408, 480, the line's own limit).
    NoAnswer,
    /// The agent refused (SIP 603).
    Declined,
    /// The phone cannot be reached (no response, no registration, SIP 404, 503).
    Unreachable,
    /// The line never reported how the offer ended.
    Vanished,
}

impl OfferFailure {
    /// Whether it looks as if the agent were not at their phone.
    pub(crate) const fn nobody_was_there(self) -> bool {
        matches!(self, Self::NoAnswer | Self::Unreachable | Self::Vanished)
    }

    /// In plain words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Busy => "was engaged",
            Self::NoAnswer => "did not answer",
            Self::Declined => "declined",
            Self::Unreachable => "could not be reached",
            Self::Vanished => "was never heard of again",
        }
    }
}

/// What is known of a caller when an agent is chosen: whole numbers only, nothing personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallProfile {
    /// The likeliest intent; none when nothing was understood.
    pub intent: Option<String>,
    /// Its probability in thousandths.
    pub intent_permille: u16,
    /// The wish behind it, by what is known of the customer: it counts in the place of the one that was said
    /// where the policy has rules for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_intent: Option<String>,
    /// The likeliest emotion.
    pub emotion: Emotion,
    /// Its probability in thousandths.
    pub emotion_permille: u16,
    /// The caller's language, when heard.
    pub language: Option<Language>,
    /// The customer's tier, when the look-up answered.
    pub tier: Option<String>,
    /// What else the look-up tells of the customer, in names that the policy's rules use.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub facts: BTreeSet<String>,
    /// The agent whom the caller spoke to last time, when the look-up answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_agent: Option<AgentId>,
    /// By how much the caller's mood is worse than when they were first heard, in thousandths: 1000 from
    /// neutral to the worst, or from the best to neutral. Nothing where it is as good or better.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub mood_fell_permille: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks for it")]
const fn is_nothing(permille: &u16) -> bool {
    *permille == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks for it")]
const fn is_no_time(ms: &u64) -> bool {
    *ms == 0
}

impl CallProfile {
    /// Of a caller who has said nothing yet: the default route.
    pub const fn unknown() -> Self {
        Self {
            intent: None,
            intent_permille: 0,
            hidden_intent: None,
            emotion: Emotion::Neutral,
            emotion_permille: 0,
            language: None,
            tier: None,
            facts: BTreeSet::new(),
            last_agent: None,
            mood_fell_permille: 0,
        }
    }

    /// From what was understood of the caller so far; scores become thousandths here, once.
    pub fn new(intent: &Intent, mood: &Mood, language: Option<Language>) -> Self {
        Self {
            intent: Some(intent.name.clone()),
            intent_permille: permille(intent.score),
            hidden_intent: None,
            emotion: mood.emotion,
            emotion_permille: permille(mood.emotion_score),
            language,
            tier: None,
            facts: BTreeSet::new(),
            last_agent: None,
            mood_fell_permille: 0,
        }
    }

    /// The same caller with a customer tier.
    #[must_use]
    pub fn with_tier(mut self, tier: impl Into<String>) -> Self {
        self.tier = Some(tier.into());
        self
    }
}

impl Input {
    /// [`Input::MoodChanged`] from a mood, and by how much it [fell](mood_fall).
    pub fn mood_changed(call: CallId, mood: &Mood, fell_permille: u16) -> Self {
        Self::MoodChanged {
            call,
            emotion: mood.emotion,
            emotion_permille: permille(mood.emotion_score),
            fell_permille,
        }
    }
}

/// By how much a mood is worse than it was at first, both from -1 to 1, in thousandths.
pub fn mood_fall(first: f32, now: f32) -> u16 {
    let fall = first.clamp(-1.0, 1.0) - now.clamp(-1.0, 1.0);
    // `as` sends NaN to 0.
    (fall.max(0.0) * 1000.0).round() as u16
}

/// A probability in thousandths; what is no probability counts as the nearer end.
pub fn permille(score: f32) -> u16 {
    // `as` sends NaN to 0, so bytes from a broken model cannot panic here.
    (score.clamp(0.0, 1.0) * 1000.0).round() as u16
}

/// Microseconds of the router's clock: exact in every computation.
pub(crate) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
