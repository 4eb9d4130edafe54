//! Names of enumerations that grow: what a newer version writes outlives an older reader.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trunkside_call::{DestinationKind, Emotion, EntityKind, Language, Side};

use crate::{EndedBy, GapReason, Outcome, Severity, TalkBy};

/// The longest name, in bytes.
const LONGEST: usize = 32;

/// Digits in a row that a name may have; more could be somebody's number.
const DIGITS: u32 = 3;

/// One of the names that this version knows, or one that a newer version writes, kept as it came.
///
/// Other names are at most 32 small letters, digits and underscores, a letter first, without four
/// digits in a row: enough for every name that a version may bring, and no room for a caller's words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Named<T> {
    /// A name that is known here.
    Known(T),
    /// Another.
    Other(Label),
}

/// A name that is not known here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Zeros fill what the name leaves.
    bytes: [u8; LONGEST],
}

impl Label {
    /// None when the text is no name.
    pub fn new(text: &str) -> Option<Self> {
        let begins = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        if !begins || text.len() > LONGEST {
            return None;
        }
        let (mut bytes, mut digits) = ([0; LONGEST], 0);
        for (place, byte) in text.bytes().enumerate() {
            digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
            let is_fit = byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if !is_fit || digits > DIGITS {
                return None;
            }
            bytes[place] = byte;
        }
        Some(Self { bytes })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let length = self.bytes.iter().take_while(|byte| **byte != 0).count();
        std::str::from_utf8(&self.bytes[..length]).unwrap_or_default()
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// An enumeration whose values have names in contracts.
pub trait Contract: Copy {
    /// The value's name.
    fn contract_name(self) -> &'static str;
}

macro_rules! contract {
    ($($kind:ty: $name:expr),+ $(,)?) => {
        $(impl Contract for $kind {
            fn contract_name(self) -> &'static str {
                $name(self)
            }
        })+
    };
}

contract!(
    Outcome: Outcome::name,
    EndedBy: EndedBy::name,
    TalkBy: TalkBy::name,
    Severity: Severity::name,
    GapReason: GapReason::name,
    Emotion: Emotion::name,
    EntityKind: EntityKind::name,
    DestinationKind: DestinationKind::name,
    Language: Language::tag,
    Side: Side::name,
);

impl<T: Contract> Named<T> {
    /// The name in contracts.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(value) => value.contract_name(),
            Self::Other(label) => label.as_str(),
        }
    }
}

impl<T: Copy> Named<T> {
    /// The value, where its name is known.
    pub const fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Other(_) => None,
        }
    }
}

impl<T> From<T> for Named<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: PartialEq> PartialEq<T> for Named<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(value) if value == other)
    }
}

impl<T: fmt::Debug> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Other(label) => label.fmt(f),
        }
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Other(label) => serializer.serialize_str(label.as_str()),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name<T>(std::marker::PhantomData<T>);

        impl<T: DeserializeOwned> Visitor<'_> for Name<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Named<T>, E> {
                let named: Result<T, ValueError> = T::deserialize(StrDeserializer::new(text));
                match named {
                    Ok(value) => Ok(Named::Known(value)),
                    // The text is not repeated: it could be a caller's.
                    Err(_) => Label::new(text)
                        .map(Named::Other)
                        .ok_or_else(|| E::custom("no name of the contract's form")),
                }
            }
        }

        deserializer.deserialize_str(Name(std::marker::PhantomData))
    }
}

/// The schema tells what this version writes.
impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_known_comes_back_as_it_was() {
        for name in ["bridged", "hologram", "level_2", "a"] {
            let json = format!("\"{name}\"");
            let read: Named<Outcome> = serde_json::from_str(&json).unwrap();
            assert_eq!(read.name(), name);
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
            assert_eq!(read.known().is_some(), name == "bridged");
        }
        assert!(Named::from(Outcome::Bridged) == Outcome::Bridged);
    }

    #[test]
    fn what_is_no_name_is_refused_without_being_repeated() {
        let long = "x".repeat(LONGEST + 1);
        for text in [
            "",
            "2nd",
            "Bridged",
            "li wei",
            "call_1380",
            "a-b",
            "é",
            &long,
        ] {
            let json = serde_json::to_string(text).unwrap();
            let error = serde_json::from_str::<Named<Outcome>>(&json).unwrap_err();
            assert!(
                text.is_empty() || !error.to_string().contains(text),
                "{error}"
            );
        }
        assert!(Label::new(&"x".repeat(LONGEST)).is_some());
    }
}
