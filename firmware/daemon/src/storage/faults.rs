//! What the box cannot keep at the moment: logged when it begins, changes and ends, and told to the
//! cloud as one alarm.

use std::collections::BTreeMap;
use std::fmt::Display;

use trunkside_record::{Alarm, RedactedText, Severity};

/// The alarm's code.
const CODE: &str = "storage";

/// Parts that do not work, with why.
#[derive(Debug, Default)]
pub struct Faults {
    known: BTreeMap<&'static str, String>,
    /// Whether the cloud has been told that something does not work.
    told: bool,
}

impl Faults {
    /// Notes how a part did; true when it works.
    pub fn note<E: Display>(&mut self, part: &'static str, done: Result<(), E>) -> bool {
        match done {
            Ok(()) => {
                if self.known.remove(part).is_some() {
                    tracing::info!(part, "can be written again");
                }
                true
            }
            Err(error) => {
                let error = format!("{error:#}");
                if self.known.get(part) != Some(&error) {
                    tracing::error!(
                        part, %error,
                        "cannot be written; it waits in memory and is tried again"
                    );
                    self.known.insert(part, error);
                }
                false
            }
        }
    }

    /// Whether every part works.
    pub fn is_clear(&self) -> bool {
        self.known.is_empty()
    }

    /// The alarm that the cloud has not been told of yet.
    pub fn untold(&self) -> Option<Alarm> {
        let broken = !self.known.is_empty();
        if broken == self.told {
            return None;
        }
        let text = if broken {
            let parts: Vec<&str> = self.known.keys().copied().collect();
            format!(
                "cannot write {}; calls go on and their records wait in memory; free disk space or \
                 replace the disk",
                parts.join(", ")
            )
        } else {
            "everything can be written again".to_owned()
        };
        Some(Alarm {
            code: CODE.to_owned(),
            severity: Severity::Minor.into(),
            cleared: !broken,
            text: RedactedText::or_withheld(&text),
        })
    }

    /// The cloud has been told.
    pub fn told(&mut self) {
        self.told = !self.known.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_raised_once_and_cleared_once() {
        let mut faults = Faults::default();
        assert_eq!(faults.untold(), None);
        assert!(!faults.note("the call store", Err("database or disk is full")));
        assert!(!faults.note("the decision log", Err("no space")));
        let alarm = faults.untold().unwrap();
        assert!(!alarm.cleared && !alarm.text.is_withheld());
        assert!(
            alarm
                .text
                .as_str()
                .contains("the call store, the decision log")
        );
        faults.told();
        assert_eq!(faults.untold(), None);
        let works: Result<(), &str> = Ok(());
        assert!(faults.note("the call store", works));
        assert_eq!(faults.untold(), None);
        assert!(faults.note("the decision log", works));
        assert!(faults.untold().unwrap().cleared);
        faults.told();
        assert_eq!(faults.untold(), None);
    }
}
