//! The summary and the transcript of one call.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trunkside_call::{
    Action, CallId, CallbackCause, Decision, DestinationKind, Emotion, EntityKind, Intent,
    Language, Mood, Side,
};

use crate::{Label, Named, Pseudonym, Pseudonyms, RedactedText};

/// Seconds to the millisecond, as records carry times.
pub fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1_000.0
}

/// One call, without a word of what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallSummary {
    /// The call; nothing in its name comes from the caller.
    #[schemars(with = "String")]
    pub call: CallId,
    /// When the trunk's INVITE came.
    #[schemars(schema_with = "crate::schema::timestamp")]
    pub started_at: Timestamp,
    /// The call in which the caller was promised this one; none where they called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub calls_back: Option<CallId>,
    /// The language that was heard; none when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::language")]
    pub language: Option<Named<Language>>,
    /// The intent that the last decision was made for; none when nothing was understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentScore>,
    /// Every intent worth mentioning, likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<IntentScore>,
    /// How the caller felt at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mood: Option<MoodRecord>,
    /// How it went there, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mood_course: Vec<MoodPoint>,
    /// Words that a supervisor wants to hear of, as the caller said them, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<TriggerRecord>,
    /// When the caller turned angry and the people of the branch were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalations: Vec<EscalationRecord>,
    /// The decision that settled the call; none when it ended before one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionRecord>,
    /// The agent who talked with the caller last; none where a place beyond the branch took the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Pseudonym>,
    /// Who talked with the caller, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub talks: Vec<TalkRecord>,
    /// What became of it.
    pub outcome: Named<Outcome>,
    /// Who ended it.
    pub ended_by: Named<EndedBy>,
    /// Whether the box stopped in its middle, by a crash or a power cut: what is told is what was known
    /// until then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// When what happened.
    pub times: Times,
    /// How many entities of each kind the caller named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::counts")]
    pub entities: BTreeMap<Named<EntityKind>, u32>,
    /// How well the voice came through.
    #[serde(default)]
    pub voice: VoiceQuality,
    /// Quality rules and whether the call kept them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<QualityHit>,
    /// The sender's word that the record holds nothing personal.
    pub redacted: Redacted,
}

impl CallSummary {
    /// Where the call went that left its branch, and what answers there.
    pub fn overflow(&self) -> Option<(&RedactedText, Named<DestinationKind>)> {
        match &self.decision.as_ref()?.action {
            ActionRecord::Overflow { to, kind } if self.outcome == Outcome::Overflowed => {
                Some((to, *kind))
            }
            _ => None,
        }
    }
}

/// An intent with its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntentScore {
    /// Its name in the taxonomy.
    pub name: String,
    /// From 0 to 1.
    pub score: f32,
}

impl From<&Intent> for IntentScore {
    fn from(intent: &Intent) -> Self {
        Self {
            name: intent.name.clone(),
            score: intent.score,
        }
    }
}

/// A feeling, with what showed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MoodRecord {
    /// The likeliest emotion.
    #[schemars(schema_with = "crate::schema::emotion")]
    pub emotion: Named<Emotion>,
    /// Its probability, from 0 to 1.
    pub emotion_score: f32,
    /// From -1 (wholly negative) to 1 (wholly positive).
    pub sentiment: f32,
    /// Trigger words and prosody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<RedactedText>,
}

impl From<&Mood> for MoodRecord {
    fn from(mood: &Mood) -> Self {
        Self {
            emotion: mood.emotion.into(),
            emotion_score: mood.emotion_score,
            sentiment: mood.sentiment.score,
            reasons: reasons_of(mood),
        }
    }
}

fn reasons_of(mood: &Mood) -> Vec<RedactedText> {
    let reasons = mood.reasons.iter();
    reasons
        .map(|reason| RedactedText::or_withheld(reason))
        .collect()
}

/// The feeling at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MoodPoint {
    /// Seconds since the call was answered, or since an early greeting began before that.
    pub at_s: f64,
    /// The likeliest emotion.
    #[schemars(schema_with = "crate::schema::emotion")]
    pub emotion: Named<Emotion>,
    /// Its probability, from 0 to 1.
    pub emotion_score: f32,
    /// From -1 (wholly negative) to 1 (wholly positive).
    pub sentiment: f32,
    /// Trigger words and prosody, where it is not neutral.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<RedactedText>,
}

impl MoodPoint {
    /// The mood at `at`, counted from when the caller is heard.
    pub fn new(at: Duration, mood: &Mood) -> Self {
        Self {
            at_s: seconds(at),
            emotion: mood.emotion.into(),
            emotion_score: mood.emotion_score,
            sentiment: mood.sentiment.score,
            reasons: if mood.emotion == Emotion::Neutral {
                Vec::new()
            } else {
                reasons_of(mood)
            },
        }
    }
}

/// A word of a public list, such as `投诉` or `lawyer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerRecord {
    /// When the turn began that holds it, in seconds since the call was answered, or since an early
    /// greeting began before that.
    pub at_s: f64,
    /// The word as the list has it.
    pub word: RedactedText,
}

/// A caller turned angry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EscalationRecord {
    /// Seconds since the call came in.
    pub at_s: f64,
    /// Trigger words and prosody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<RedactedText>,
}

/// Somebody talked with the caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TalkRecord {
    /// Who; none for a place beyond the branch, and for whomever the policy does not name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Pseudonym>,
    /// From when on, in seconds since the call came in.
    pub from_s: f64,
    /// Until when: somebody else took over, or the call ended, or no more is known of it.
    pub to_s: f64,
    /// What brought the caller to them.
    pub by: Named<TalkBy>,
}

/// What brings a caller to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TalkBy {
    /// The box chose them.
    Decision,
    /// The one before handed the caller on.
    Transfer,
}

impl TalkBy {
    /// Its name in contracts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Transfer => "transfer",
        }
    }
}

/// A decision, with agents as pseudonyms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionRecord {
    /// Counts the router's decisions since it started.
    pub number: u64,
    /// What was done.
    pub action: ActionRecord,
    /// What led to it, most decisive first.
    #[serde(default)]
    pub reasons: Vec<ReasonRecord>,
    /// The nearest choice that was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative: Option<AlternativeRecord>,
    /// What the chosen agent cost the call, in microseconds of idle time: less is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_us: Option<i64>,
    /// SHA-256 (hex) of the policy that decided.
    #[serde(default)]
    pub policy: String,
    /// SHA-256 (hex) over all that the router was told until then: it ties the decision to the lines of
    /// the box's decision log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub inputs: String,
}

impl DecisionRecord {
    /// The decision as it may leave the box: nobody is named, not in the reasons either.
    pub fn new(decision: &Decision, names: &Pseudonyms) -> Self {
        Self {
            number: decision.number,
            action: ActionRecord::new(&decision.action, names),
            reasons: decision
                .reasons
                .iter()
                .map(|reason| ReasonRecord {
                    rule: names.name(&reason.rule),
                    finding: names.text(&reason.finding),
                })
                .collect(),
            alternative: decision
                .alternative
                .as_ref()
                .map(|other| AlternativeRecord {
                    agent: names.agent(&other.agent),
                    because: names.text(&other.because),
                    cost_us: other.cost_us,
                }),
            cost_us: decision.cost_us,
            policy: decision.policy.clone(),
            inputs: decision.inputs.clone(),
        }
    }
}

/// What was done with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum ActionRecord {
    /// This agent was rung.
    Offer {
        /// Who.
        agent: Pseudonym,
    },
    /// This place beyond the branch was rung.
    Overflow {
        /// Its name in the policy.
        to: RedactedText,
        /// What answers there.
        #[schemars(schema_with = "crate::schema::destination")]
        kind: Named<DestinationKind>,
    },
    /// The caller waited.
    Wait {
        /// How many stood before them.
        ahead: u32,
    },
    /// A recording served the caller.
    SelfService {
        /// Its name.
        service: String,
    },
    /// A novice's call was to go on to this agent.
    Transfer {
        /// Who.
        agent: Pseudonym,
    },
    /// A call back was promised.
    Callback {
        /// Why.
        #[schemars(schema_with = "crate::schema::cause")]
        cause: Named<CallbackCause>,
    },
    /// Something that a newer version does; what is kept of the record says what.
    Other,
}

/// Field by field rather than as serde reads tagged enumerations: that way a receiver is told of
/// fields that it does not know, and nothing is read twice.
impl<'de> Deserialize<'de> for ActionRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            r#do: String,
            agent: Option<Pseudonym>,
            to: Option<RedactedText>,
            kind: Option<Named<DestinationKind>>,
            ahead: Option<u32>,
            service: Option<String>,
            cause: Option<Named<CallbackCause>>,
        }

        fn needed<T, E: serde::de::Error>(name: &'static str, field: Option<T>) -> Result<T, E> {
            field.ok_or_else(|| E::missing_field(name))
        }

        let fields = Fields::deserialize(deserializer)?;
        Ok(match fields.r#do.as_str() {
            "offer" => Self::Offer {
                agent: needed("agent", fields.agent)?,
            },
            "overflow" => Self::Overflow {
                to: needed("to", fields.to)?,
                kind: needed("kind", fields.kind)?,
            },
            "wait" => Self::Wait {
                ahead: needed("ahead", fields.ahead)?,
            },
            "self_service" => Self::SelfService {
                service: needed("service", fields.service)?,
            },
            "transfer" => Self::Transfer {
                agent: needed("agent", fields.agent)?,
            },
            "callback" => Self::Callback {
                cause: needed("cause", fields.cause)?,
            },
            name => match Label::new(name) {
                Some(_) => Self::Other,
                None => return Err(serde::de::Error::custom("no name of the contract's form")),
            },
        })
    }
}

impl ActionRecord {
    /// The action with the agent as a pseudonym.
    pub fn new(action: &Action, names: &Pseudonyms) -> Self {
        match action {
            Action::Offer { agent } => Self::Offer {
                agent: names.agent(agent),
            },
            Action::Overflow { to, kind } => Self::Overflow {
                to: names.text(to),
                kind: (*kind).into(),
            },
            Action::Wait { ahead } => Self::Wait { ahead: *ahead },
            Action::SelfService { service } => Self::SelfService {
                service: service.clone(),
            },
            Action::Transfer { agent } => Self::Transfer {
                agent: names.agent(agent),
            },
            Action::Callback { cause } => Self::Callback {
                cause: (*cause).into(),
            },
        }
    }

    /// Its name in contracts.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Offer { .. } => "offer",
            Self::Overflow { .. } => "overflow",
            Self::Wait { .. } => "wait",
            Self::SelfService { .. } => "self_service",
            Self::Transfer { .. } => "transfer",
            Self::Callback { .. } => "callback",
            Self::Other => "other",
        }
    }
}

/// One rule or score that took part in a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReasonRecord {
    /// The policy rule's name.
    pub rule: String,
    /// What it found.
    pub finding: RedactedText,
}

/// The nearest choice that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlternativeRecord {
    /// The agent who came next.
    pub agent: Pseudonym,
    /// Why the chosen one was preferred: `asked at priority 1, not 2` tells of the chosen one, not of this.
    pub because: RedactedText,
    /// What they would have cost, as [`DecisionRecord::cost_us`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_us: Option<i64>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Caller and agent spoke.
    Bridged,
    /// A call back was promised.
    Callback,
    /// The caller hung up before either.
    Abandoned,
    /// The caller hung up while a recording served them, or as soon as it had.
    SelfServed,
    /// Another branch or a voicemail box took the call.
    Overflowed,
    /// Something of ours or of the trunk broke.
    Failed,
}

impl Outcome {
    /// Its name in contracts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bridged => "bridged",
            Self::Callback => "callback",
            Self::Abandoned => "abandoned",
            Self::SelfServed => "self_served",
            Self::Overflowed => "overflowed",
            Self::Failed => "failed",
        }
    }
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The side that came in over the trunk.
    Caller,
    /// The agent, or whoever else took the call.
    Agent,
    /// The box, after a promise to call back or at a fault.
    Box,
}

impl EndedBy {
    /// Its name in contracts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Agent => "agent",
            Self::Box => "box",
        }
    }
}

/// When what happened, in seconds since the INVITE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Times {
    /// The box answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_s: Option<f64>,
    /// The caller's first words were recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_words_s: Option<f64>,
    /// The decision that settled the call was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_s: Option<f64>,
    /// The caller and whoever took the call could hear each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridged_s: Option<f64>,
    /// The last leg ended; none where the box stopped before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::ended")]
    pub ended_s: Option<f64>,
    /// The last that is known of a call in whose middle the box stopped: it lasted longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_s: Option<f64>,
}

/// How well the voice came through, each side apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VoiceQuality {
    /// What came from the caller.
    pub caller: LegQuality,
    /// What came from the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<LegQuality>,
    /// Frames that recognition missed because it fell behind; the call itself never does.
    pub unheard_frames: u64,
}

/// One leg's RTP counters (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LegQuality {
    /// Packets that came.
    pub packets: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came too late to be heard.
    pub late: u64,
    /// Interarrival jitter in milliseconds, at its worst.
    pub jitter_ms: f32,
    /// How many milliseconds a packet takes there and back; none when the far end never said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f32>,
    /// How a listener would grade this voice, 1 to 4.4: the E-model (ITU-T G.107) for G.711,
    /// simplified to loss, bursts and delay between the far end and the box.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mos: Option<f32>,
    /// Packets of the box's voice that the far end reports as lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub far_lost: Option<u64>,
    /// Interarrival jitter in milliseconds that the far end reports of it, at its worst.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub far_jitter_ms: Option<f32>,
}

/// One quality rule, kept or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityHit {
    /// The rule's name.
    pub rule: String,
    /// Whether the call kept it.
    pub kept: bool,
    /// Where its phrases were said, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hits: Vec<QualityMark>,
}

/// A phrase of a quality rule, said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityMark {
    /// Seconds since the call was answered, or since an early greeting began before that.
    pub at_s: f64,
    /// The phrase as the rule has it.
    pub text: RedactedText,
}

/// Says that a record was redacted. It can hold no other value: `false` is refused when read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redacted;

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl<'de> Deserialize<'de> for Redacted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(Self)
        } else {
            Err(serde::de::Error::custom(
                "the record says that it is not redacted",
            ))
        }
    }
}

impl JsonSchema for Redacted {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Redacted".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": true })
    }
}

/// What was said in a call, redacted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transcript {
    /// The call.
    #[schemars(with = "String")]
    pub call: CallId,
    /// What each side said, in order of time.
    pub turns: Vec<Turn>,
}

/// What one side said between two pauses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Turn {
    /// Who spoke.
    #[schemars(schema_with = "crate::schema::side")]
    pub side: Named<Side>,
    /// Seconds since the call was answered, or since an early greeting began before that.
    pub start_s: f64,
    /// Seconds since the call was answered, or since an early greeting began before that.
    pub end_s: f64,
    /// The words, redacted.
    pub text: RedactedText,
}
