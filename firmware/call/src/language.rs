//! The languages the box speaks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language, by the tag that contracts use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Mandarin.
    Zh,
    /// Cantonese.
    Yue,
    /// English.
    En,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 3] = [Self::Zh, Self::Yue, Self::En];

    /// The tag: `zh`, `yue` or `en`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::Yue => "yue",
            Self::En => "en",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        match tag {
            "zh" => Ok(Self::Zh),
            "yue" => Ok(Self::Yue),
            "en" => Ok(Self::En),
            other => Err(format!(
                "unknown language `{other}`; use `zh`, `yue` or `en`"
            )),
        }
    }
}
