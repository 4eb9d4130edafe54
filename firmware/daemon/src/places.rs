//! Callers who have hung up and keep their place in the queue.

use std::collections::BTreeMap;

use trunkside_call::{AgentId, CallId, Intent, Pii};

use crate::conversation::Conversation;

/// The wish that, said while waiting, asks for a call back.
const WISH: &str = "callback_request";

/// It must be this likely.
const LIKELY: f32 = 0.5;

/// The fewest figures of a number that can be rung.
const FEWEST_FIGURES: usize = 3;

/// Whoever is to be called back at their turn, by the call in which they asked for it.
#[derive(Debug, Default)]
pub struct Places {
    kept: BTreeMap<CallId, Place>,
    /// Counts the calls that ring callers back.
    dialled: u64,
}

/// One of them.
#[derive(Debug)]
pub struct Place {
    /// Whom to ring.
    pub number: Pii<String>,
    /// What they said in the call before.
    pub conversation: Conversation,
}

/// A call that rings a caller back.
#[derive(Clone, Debug)]
pub struct Returning {
    /// The call in which they asked for it.
    pub place: CallId,
    /// Who is to take it, as the router last said.
    pub agent: Option<AgentId>,
}

impl Places {
    /// The caller hangs up soon, and is rung at their turn.
    pub fn keep(&mut self, call: CallId, place: Place) {
        self.kept.insert(call, place);
    }

    /// The place of a call.
    pub fn get(&self, call: CallId) -> Option<&Place> {
        self.kept.get(&call)
    }

    /// Their turn has come, for good, or nobody need ring them any more.
    pub fn remove(&mut self, call: CallId) -> Option<Place> {
        self.kept.remove(&call)
    }

    /// Who rings now, and keeps places from calls before.
    pub fn of(&self, number: &Pii<String>) -> Vec<CallId> {
        let same = |(call, place): (&CallId, &Place)| {
            (place.number.reveal() == number.reveal()).then_some(*call)
        };
        self.kept.iter().filter_map(same).collect()
    }

    /// The next number of a call that begins here.
    pub const fn dial(&mut self) -> u64 {
        self.dialled += 1;
        self.dialled
    }
}

/// The address at which a caller is rung; none where their number cannot be.
pub fn address(template: &str, number: &Pii<String>) -> Option<String> {
    let digits = number.reveal().strip_prefix('+').unwrap_or(number.reveal());
    let rings = digits.len() >= FEWEST_FIGURES && digits.bytes().all(|b| b.is_ascii_digit());
    rings.then(|| template.replace("{number}", number.reveal()))
}

/// Whether what was said asks for a call back.
pub fn asks(intents: &[Intent]) -> bool {
    intents
        .first()
        .is_some_and(|intent| intent.name == WISH && intent.score >= LIKELY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_rung() {
        let template = "sip:{number}@carrier.example";
        let at = |number: &str| address(template, &Pii::new(number.to_owned()));
        assert_eq!(
            at("13812345678").as_deref(),
            Some("sip:13812345678@carrier.example")
        );
        assert_eq!(
            at("+8613812345678").as_deref(),
            Some("sip:+8613812345678@carrier.example")
        );
        for nobody in ["anonymous", "", "12", "1380@elsewhere", "138;tag=1", "+"] {
            assert_eq!(at(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn a_likely_wish_asks_for_a_call_back() {
        let wish = |name: &str, score| {
            asks(&[Intent {
                name: name.to_owned(),
                score,
            }])
        };
        assert!(wish("callback_request", 0.8));
        assert!(!wish("callback_request", 0.3));
        assert!(!wish("balance_inquiry", 0.9));
        assert!(!asks(&[]));
    }
}
