//! One fault of a configuration, said so that its reader can mend it.

use std::fmt;

pub use trunkside_decision::Severity;

/// One fault: where it is, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// The file and line (`config.toml:12`) or the environment variable it stands in.
    pub place: String,
    /// Key, rule, value and remedy.
    pub message: String,
    /// No call needs what is at fault: they are taken all the same, and it may be mended meanwhile.
    pub spares_calls: bool,
    /// It is the way to the cloud.
    pub is_of_cloud: bool,
    /// What is at fault cannot be read and may have set any key.
    pub hides_keys: bool,
}

impl Problem {
    /// A fault that keeps the daemon from starting.
    pub fn error(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: place.into(),
            message: message.into(),
            spares_calls: false,
            is_of_cloud: false,
            hides_keys: false,
        }
    }

    /// A fault that only `check --strict` refuses.
    pub fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            place: place.into(),
            message: message.into(),
            spares_calls: false,
            is_of_cloud: false,
            hides_keys: false,
        }
    }
}

/// Files that may come later: what seals outbox and recordings, what hints at words, what calls are inspected
/// by, and the policy, of which the last one is kept.
const LATER: [&str; 5] = [
    "box.outbox_key_file",
    "recording.key_file",
    "recognition.phrases",
    "quality.rules",
    "decision.policy",
];

/// What ships is said in place of prompts and told in place of intents that cannot be, and callers whom nobody
/// can look up are routed by what they say.
const DISPENSABLE: [&str; 3] = ["prompts.", "intents.", "customers."];

impl Problem {
    /// The same, as a fault of what may have set any key.
    #[must_use]
    pub const fn hiding_keys(mut self) -> Self {
        self.hides_keys = true;
        self
    }

    /// The same, as a fault of this key.
    #[must_use]
    pub fn of_key(mut self, key: &str) -> Self {
        self.is_of_cloud = key.starts_with("cloud.");
        let is_dispensable = DISPENSABLE.iter().any(|section| key.starts_with(section));
        self.spares_calls = self.is_of_cloud || is_dispensable || LATER.contains(&key);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{}: {kind}: {}", self.place, self.message)
    }
}
