//! The MQTT topics, made and read in one place.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Lane;

const ROOT: &str = "trunkside";
const TOPIC_VERSION: &str = "v1";

/// The longest name of a tenant, branch or device, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// A name that can be one level of a topic: 1 to 64 bytes, none of `/`, `+`, `#`, a blank at either
/// end or a control character, and not beginning with `$`.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Name(#[schemars(length(min = 1, max = 64), regex(pattern = "^[^$/+#][^/+#]*$"))] String);

impl Name {
    /// What a name must be, in words for whoever writes one.
    pub const RULE: &str = "a name of 1 to 64 bytes (a Chinese character has three) without `/`, `+`, `#` and \
                            control characters, without a blank at an end, and not beginning with `$`";

    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        let fault = if name.is_empty() {
            "it is empty"
        } else if name.len() > MAX_NAME_BYTES {
            "it is longer than 64 bytes"
        } else if name.contains(['/', '+', '#']) {
            "`/`, `+` and `#` have a meaning in topics"
        } else if name.chars().any(char::is_control) {
            "it has a control character"
        } else if name.trim() != name {
            "it has a blank at an end"
        } else if name.starts_with('$') {
            "topics that begin with `$` belong to the broker"
        } else {
            return Ok(Self(name));
        };
        Err(NameError { name, fault })
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// A name that cannot be a level of a topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` cannot name a tenant, branch or device: {fault}; use letters, digits and hyphens"
)]
pub struct NameError {
    name: String,
    fault: &'static str,
}

/// Where records come from.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Origin {
    /// Who owns the branch.
    pub tenant: Name,
    /// The branch.
    pub branch: Name,
    /// The box in the branch.
    pub device: Name,
}

impl Origin {
    /// Checks the three names.
    pub fn new(
        tenant: impl Into<String>,
        branch: impl Into<String>,
        device: impl Into<String>,
    ) -> Result<Self, NameError> {
        Ok(Self {
            tenant: Name::new(tenant)?,
            branch: Name::new(branch)?,
            device: Name::new(device)?,
        })
    }

    /// The MQTT client name under which the box connects; no other box has it. Names may hold hyphens,
    /// so that the lengths in bytes of the first two say where each ends.
    pub fn client_name(&self) -> String {
        let Self {
            tenant,
            branch,
            device,
        } = self;
        let (first, second) = (tenant.as_str().len(), branch.as_str().len());
        format!("trunkside-{first}-{second}-{tenant}-{branch}-{device}")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.branch, self.device)
    }
}

/// A topic of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Batches of one lane, from the box.
    Up(Origin, Lane),
    /// Watermarks, to the box.
    Ack(Origin),
    /// Commands, to the box.
    Command(Origin),
}

impl Topic {
    /// The box that it belongs to.
    pub const fn origin(&self) -> &Origin {
        match self {
            Self::Up(origin, _) | Self::Ack(origin) | Self::Command(origin) => origin,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = match self {
            Self::Up(_, lane) => lane.name(),
            Self::Ack(_) => "ack",
            Self::Command(_) => "command",
        };
        write!(f, "{ROOT}/{TOPIC_VERSION}/{}/{last}", self.origin())
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(topic: &str) -> Result<Self, TopicError> {
        let levels: Vec<&str> = topic.split('/').collect();
        let [ROOT, TOPIC_VERSION, tenant, branch, device, last] = levels[..] else {
            return Err(TopicError::NotOurs);
        };
        let origin = Origin::new(tenant, branch, device)?;
        match last {
            "ack" => Ok(Self::Ack(origin)),
            "command" => Ok(Self::Command(origin)),
            lane => match lane.parse() {
                Ok(lane) => Ok(Self::Up(origin, lane)),
                Err(()) => Err(TopicError::NotOurs),
            },
        }
    }
}

/// A topic outside the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Not of the contract's form, or of another version.
    #[error("the topic is not `trunkside/v1/{{tenant}}/{{branch}}/{{device}}/{{lane}}`")]
    NotOurs,
    /// A level that is no name.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The subscription that receives one lane of every box.
pub fn up_filter(lane: Lane) -> String {
    format!("{ROOT}/{TOPIC_VERSION}/+/+/+/{lane}")
}

/// The subscription that receives the watermarks of every box; a box subscribes its own topic.
pub fn ack_filter() -> String {
    format!("{ROOT}/{TOPIC_VERSION}/+/+/+/ack")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_reads_back_as_it_was_written() {
        let origin = Origin::new("acme", "harbour 上海", "box-1").unwrap();
        let ups = Lane::ALL.map(|lane| Topic::Up(origin.clone(), lane));
        for topic in ups
            .into_iter()
            .chain([Topic::Ack(origin.clone()), Topic::Command(origin)])
        {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
    }

    #[test]
    fn a_name_with_a_meaning_in_topics_is_refused() {
        for name in ["", "a/b", "a+b", "#", " a", "a\n", "$SYS", &"x".repeat(65)] {
            assert!(Name::new(name).is_err(), "{name:?}");
        }
        let error = Name::new("a/b").unwrap_err().to_string();
        assert!(
            error.contains("`a/b`") && error.contains("letters, digits"),
            "{error}"
        );
    }

    #[test]
    fn no_two_boxes_have_one_client_name() {
        let name = |tenant, branch, device| {
            let origin = Origin::new(tenant, branch, device).unwrap();
            origin.client_name()
        };
        assert_eq!(
            name("acme", "harbour", "box1"),
            "trunkside-4-7-acme-harbour-box1"
        );
        let mut names = [
            name("acme", "harbour-east", "1"),
            name("acme", "harbour", "east-1"),
            name("acme-harbour", "east", "1"),
            name("4-acme", "harbour", "1"),
        ];
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn foreign_topics_are_refused() {
        for topic in [
            "",
            "trunkside/v1/a/b/c",
            "trunkside/v2/a/b/c/metric",
            "trunkside/v1/a/b/c/metric/d",
            "trunkside/v1/a/b/c/METRIC",
            "trunkside/v1/a//c/metric",
            "other/v1/a/b/c/metric",
        ] {
            assert!(topic.parse::<Topic>().is_err(), "{topic}");
        }
    }
}
