//! Which models one call of a log was heard and understood with.

use std::io::{self, BufRead};

use trunkside_call::CallId;

use super::{Entry, Models};

/// What the log tells of the models for a call: those in use where it names the call last. None
/// where it does not know the call, or is of a version that did not tell.
///
/// Nothing is decided again, so that a long log is read through in a moment.
pub fn models_of(log: &mut impl BufRead, call: CallId) -> io::Result<Option<Models>> {
    let name = call.to_string();
    let mut in_force = Models::default();
    let mut goes_on_with = None;
    let mut found = None;
    let mut line = Vec::new();
    while log.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        match told(&text) {
            Some(Entry::Start { models, .. }) => {
                in_force = models;
                goes_on_with = None;
            }
            Some(Entry::Models { models, others, .. }) => {
                if others.contains(&call) {
                    goes_on_with.get_or_insert(in_force);
                }
                in_force = models;
            }
            _ if text.contains(&name) => {
                found = Some(goes_on_with.as_ref().unwrap_or(&in_force).clone());
            }
            _ => {}
        }
        line.clear();
    }
    Ok(found.filter(|models| !models.is_untold()))
}

/// A line's entry, where it may tell of models.
fn told(text: &str) -> Option<Entry> {
    let tells = ["{\"entry\":\"start\"", "{\"entry\":\"models\""];
    let tells = tells.iter().any(|start| text.starts_with(start));
    tells.then(|| serde_json::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::super::Model;
    use super::*;
    use crate::{Input, Policy};

    #[test]
    fn a_call_goes_on_with_what_it_was_heard_with_first() {
        let call = |number| CallId::new(Uuid::from_u128(number));
        let models = |name: &str| Models {
            speech: None,
            intents: Some(Model {
                name: name.to_owned(),
                sha256: "ab".repeat(32),
            }),
        };
        let ended = |number| {
            let call = call(number);
            Entry::input(Duration::from_secs(9), Input::CallEnded { call }).to_line()
        };
        let policy = Policy::parse("p.toml", "[[agent]]\nid = \"ann\"\n").policy;
        let policy = policy.expect("it is usable");
        let swapped = |name, others| Entry::models(Duration::from_secs(5), models(name), others);
        let log = [
            Entry::start(&policy, models("first")).to_line(),
            ended(1),
            ended(2),
            swapped("second", vec![call(1)]).to_line(),
            swapped("third", vec![call(1), call(2)]).to_line(),
            "{\"entry\":\"torn\n".to_owned(),
            ended(1),
            ended(2),
            ended(3),
        ]
        .concat();
        let of = |number| models_of(&mut log.as_bytes(), call(number)).expect("it is read");
        assert_eq!(of(1), Some(models("first")));
        assert_eq!(of(2), Some(models("second")));
        assert_eq!(of(3), Some(models("third")));
        assert_eq!(of(4), None);
        let older = Entry::start(&policy, Models::default()).to_line() + &ended(1);
        let told = models_of(&mut older.as_bytes(), call(1)).expect("it is read");
        assert_eq!(told, None);
    }
}
