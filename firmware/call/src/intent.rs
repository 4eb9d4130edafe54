//! What the caller wants, and what they named.

use serde::{Deserialize, Serialize};

use crate::{Emotion, Language, Mood, Pii, Sentiment};

/// One intent of the taxonomy with its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Its name in the taxonomy, for instance `lost_card`; `out_of_scope` when none fits.
    pub name: String,
    /// Probability from 0 to 1.
    pub score: f32,
}

/// What kind of thing an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A telephone number.
    Phone,
    /// An identity document's number.
    Identity,
    /// A payment card's number.
    Card,
    /// The number of an order or a parcel.
    Order,
    /// The number of an account.
    Account,
    /// The number of an insurance policy or contract.
    Policy,
    /// Another reference number: a ticket, a case, a customer number.
    Reference,
    /// A person's name.
    Name,
    /// A postal address.
    Address,
    /// A mail address, written or spelt out.
    Email,
    /// A vehicle's licence plate.
    Plate,
    /// A product or service that the branch offers.
    Product,
    /// What is wrong with something.
    Fault,
    /// An amount of money.
    Money,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A number with no more specific meaning.
    Number,
}

impl EntityKind {
    /// Whether it tells who somebody is, so that it never leaves the box as it was said.
    pub const fn is_personal(self) -> bool {
        matches!(
            self,
            Self::Phone
                | Self::Identity
                | Self::Card
                | Self::Order
                | Self::Account
                | Self::Policy
                | Self::Reference
                | Self::Name
                | Self::Address
                | Self::Email
                | Self::Plate
        )
    }

    /// The name used in contracts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Identity => "identity",
            Self::Card => "card",
            Self::Order => "order",
            Self::Account => "account",
            Self::Policy => "policy",
            Self::Reference => "reference",
            Self::Name => "name",
            Self::Address => "address",
            Self::Email => "email",
            Self::Plate => "plate",
            Self::Product => "product",
            Self::Fault => "fault",
            Self::Money => "money",
            Self::Date => "date",
            Self::Time => "time",
            Self::Number => "number",
        }
    }
}

/// Something the caller named, in written form, and where it was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its written form, for instance `13800138000`.
    pub value: Pii<String>,
    /// Where it begins in the utterance's text, counted in characters (Unicode scalar values).
    pub start: usize,
    /// Where it ends, exclusive.
    pub end: usize,
}

/// Everything understood of one utterance.
#[derive(Clone, Debug, PartialEq)]
pub struct Understanding {
    /// The utterance's text.
    pub text: Pii<String>,
    /// Its language.
    pub language: Language,
    /// The likeliest intent.
    pub intent: Intent,
    /// All intents worth mentioning, likeliest first; the first equals `intent`.
    pub intents: Vec<Intent>,
    /// Sentiment, emotion and what showed them.
    pub mood: Mood,
    /// Words of a public list that a supervisor wants to hear of, such as `投诉` or `lawyer`.
    pub triggers: Vec<String>,
    /// What was named, in order of appearance.
    pub entities: Vec<Entity>,
    /// The text with everything personal replaced; the only form that may leave the box.
    pub redacted: String,
}

impl Understanding {
    /// Direction and strength of the feeling.
    pub const fn sentiment(&self) -> Sentiment {
        self.mood.sentiment
    }

    /// The likeliest emotion.
    pub const fn emotion(&self) -> Emotion {
        self.mood.emotion
    }
}
