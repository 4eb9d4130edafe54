//! A stored record: what this version knows of it, and the JSON that holds all of it.

use std::ops::Deref;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Names of what the cloud itself puts beside a record's fields: where it came from, when it began, and its
/// words. A record that has one of them, as all have the time, would say it a second time, and of two most
/// readers of JSON take the last.
const BESIDE: [&str; 9] = [
    "tenant",
    "branch",
    "device",
    "started_at",
    "said_started_at",
    "clock_trusted",
    "at",
    "transcript",
    "transcript_more",
];

/// What a newer version put into a record is shown with the rest of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole<T> {
    known: T,
    /// Read only where it is shown: exports do not.
    json: Box<str>,
}

impl<T: DeserializeOwned> Whole<T> {
    /// Reads what a store kept.
    pub fn read(json: &str) -> serde_json::Result<Self> {
        Ok(Self {
            known: serde_json::from_str(json)?,
            json: json.into(),
        })
    }
}

impl<T> Deref for Whole<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.known
    }
}

/// As it came, but for what the cloud knows better; what an older version left out has its default. What
/// is known is shown at least.
impl<T: Serialize> Serialize for Whole<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serde_json::to_value(&self.known).map_err(serde::ser::Error::custom)?;
        if let Ok(json) = serde_json::from_str(&self.json) {
            lay(&mut all, &json);
        }
        if let Value::Object(fields) = &mut all {
            fields.retain(|name, _| !BESIDE.contains(&name.as_str()));
        }
        all.serialize(serializer)
    }
}

/// Lays `over` upon what lies there.
fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, over) in over {
                match under.get_mut(name) {
                    Some(under) => lay(under, over),
                    None => {
                        under.insert(name.clone(), over.clone());
                    }
                }
            }
        }
        (Value::Array(under), Value::Array(over)) if under.len() == over.len() => {
            for (under, over) in under.iter_mut().zip(over) {
                lay(under, over);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use trunkside_record::DecisionRecord;

    use super::*;

    #[test]
    fn what_is_not_known_is_shown_and_what_is_missing_has_its_default() {
        let json = r#"{"number":7,"action":{"do":"beam","to":"mars"},"weight":[1,{"a":2}]}"#;
        let whole: Whole<DecisionRecord> = Whole::read(json).unwrap();
        assert_eq!(whole.number, 7);
        let shown = serde_json::to_value(&whole).unwrap();
        let expected = serde_json::json!({
            "number": 7, "action": { "do": "beam", "to": "mars" }, "weight": [1, { "a": 2 }],
            "reasons": [], "policy": ""
        });
        assert_eq!(shown, expected);
        // What an older program kept.
        let json = r#"{"number":7,"action":{"do":"wait","ahead":1},"kind":1e999}"#;
        let whole: Whole<DecisionRecord> = Whole::read(json).unwrap();
        assert_eq!(serde_json::to_value(&whole).unwrap()["number"], 7);
    }
}
