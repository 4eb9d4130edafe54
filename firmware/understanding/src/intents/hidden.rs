//! Wishes behind what was said, from the intent and what is known of the customer.
//!
//! A rule set is TOML: `[[rule]]` with `name`, `when` (one or several intents, what must be in the
//! customer's history and how long ago at most) and `then` (the hidden intent and why). A set
//! ships with the program: "close my account" of somebody who looked at wealth products last week
//! is a customer to keep.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use trunkside_call::Intent;

/// The rules that ship.
const SHIPPED: &str = include_str!("../../data/intents/hidden.toml");

/// Something that a customer did, from the branch's own records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What it was, as the records name it, for instance `wealth_product_view`.
    pub kind: String,
    /// How many days ago.
    pub days_ago: u32,
}

impl Event {
    /// Reads `KIND:DAYS`, such as `complaint:3`, or `KIND` for something of today; none where the days are no
    /// number or there is no kind.
    pub fn read(text: &str) -> Option<Self> {
        let (kind, days_ago) = match text.trim().rsplit_once(':') {
            Some((kind, days)) => (kind.trim_end(), days.trim_start().parse().ok()?),
            None => (text.trim(), 0),
        };
        (!kind.is_empty()).then(|| Self {
            kind: kind.to_owned(),
            days_ago,
        })
    }
}

/// As [`Event::read`] reads it.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.days_ago)
    }
}

/// A wish behind what was said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hidden {
    /// The intent to act on, with the score of the one that was said.
    pub intent: Intent,
    /// The intent that was said.
    pub said: String,
    /// Which rule found it.
    pub rule: String,
    /// Why, for the agent's screen.
    pub because: String,
}

/// A set of rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HiddenIntents {
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    when: When,
    then: Then,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    /// One of these was said.
    intents: Vec<String>,
    /// As surely as this.
    #[serde(default = "half")]
    min_score: f32,
    /// One of these is in the history.
    history: Vec<String>,
    /// So many days ago at most.
    within_days: u32,
    /// So many times at least.
    #[serde(default = "once")]
    times: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Then {
    intent: String,
    because: String,
}

const fn half() -> f32 {
    0.5
}

const fn once() -> usize {
    1
}

impl HiddenIntents {
    /// The rules that ship.
    ///
    /// # Panics
    /// Never with the file in the source tree: a test reads it.
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("the shipped rules are whole")
    }

    /// Reads rules; an error says where and what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rules: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for rule in &rules.rules {
            let problem = if rule.when.intents.is_empty() || rule.when.history.is_empty() {
                "`when.intents` and `when.history` need one entry at least"
            } else if !(0.0..=1.0).contains(&rule.when.min_score) {
                "`when.min_score` must be from 0 to 1"
            } else {
                continue;
            };
            return Err(format!("rule `{}`: {problem}", rule.name));
        }
        Ok(rules)
    }

    /// What the rules ask of a customer's history, each kind once, in order.
    pub fn kinds(&self) -> BTreeSet<&str> {
        let kinds = self.rules.iter().flat_map(|rule| &rule.when.history);
        kinds.map(String::as_str).collect()
    }

    /// The wishes that the rules find.
    pub fn intents(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.then.intent.as_str())
    }

    /// The hidden wish of the first rule that matches.
    pub fn find(&self, intents: &[Intent], history: &[Event]) -> Option<Hidden> {
        self.rules
            .iter()
            .find_map(|rule| rule.matched(intents, history))
    }
}

impl Rule {
    fn matched(&self, intents: &[Intent], history: &[Event]) -> Option<Hidden> {
        let when = &self.when;
        let said = intents
            .iter()
            .find(|intent| intent.score >= when.min_score && when.intents.contains(&intent.name))?;
        let times = history
            .iter()
            .filter(|event| {
                event.days_ago <= when.within_days && when.history.contains(&event.kind)
            })
            .count();
        (times >= when.times).then(|| Hidden {
            intent: Intent {
                name: self.then.intent.clone(),
                score: said.score,
            },
            said: said.name.clone(),
            rule: self.name.clone(),
            because: self.then.because.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, score: f32) -> Vec<Intent> {
        vec![Intent {
            name: name.to_owned(),
            score,
        }]
    }

    fn did(kind: &str, days_ago: u32) -> Event {
        Event {
            kind: kind.to_owned(),
            days_ago,
        }
    }

    #[test]
    fn closing_after_looking_at_wealth_products_is_a_customer_to_keep() {
        let rules = HiddenIntents::shipped();
        let history = [did("wealth_product_view", 6), did("login", 1)];
        let hidden = rules.find(&said("close_account", 0.9), &history).unwrap();
        assert_eq!(hidden.intent.name, "retention");
        assert_eq!(hidden.said, "close_account");
        assert!(!hidden.because.is_empty());
        // Long ago, unsure, or another wish: nothing is hidden.
        let old = [did("wealth_product_view", 90)];
        assert!(rules.find(&said("close_account", 0.9), &old).is_none());
        assert!(rules.find(&said("close_account", 0.3), &history).is_none());
        assert!(rules.find(&said("opening_hours", 0.9), &history).is_none());
        assert!(rules.find(&said("close_account", 0.9), &[]).is_none());
    }

    #[test]
    fn what_somebody_did_is_read_with_its_days_or_as_of_today() {
        for (text, kind, days_ago) in [
            ("complaint:3", "complaint", 3),
            (" owes ", "owes", 0),
            ("asked:bill:2", "asked:bill", 2),
        ] {
            assert_eq!(Event::read(text), Some(did(kind, days_ago)));
        }
        for text in [
            "",
            " ",
            ":3",
            "complaint:",
            "complaint:long",
            "complaint:-1",
        ] {
            assert_eq!(Event::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_shipped_rules_name_known_intents() {
        for rule in HiddenIntents::shipped().rules {
            for intent in &rule.when.intents {
                assert!(
                    crate::intents::corpus::TAXONOMY.contains(&intent.as_str()),
                    "{intent}"
                );
            }
        }
    }

    #[test]
    fn broken_rules_say_what_is_wrong() {
        let error = |text: &str| HiddenIntents::parse(text).unwrap_err();
        let rule = |when: &str| {
            format!(
                "[[rule]]\nname = \"r\"\nwhen = {{ {when} }}\nthen = {{ intent = \"x\", because = \"y\" }}"
            )
        };
        assert!(error(&rule("intents = [], history = [\"a\"], within_days = 3")).contains("`r`"));
        let sure = "intents = [\"a\"], history = [\"a\"], within_days = 3, min_score = 7.0";
        assert!(error(&rule(sure)).contains("min_score"));
        assert!(error("[[rule]]\nnom = 1").contains("line"));
    }
}
