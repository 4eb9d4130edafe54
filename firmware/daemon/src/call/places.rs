//! Callers who have hung up and keep their place in the queue.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use trunkside_call::{Action, CallId, Intent, Pii};
use trunkside_line::AgentContact;

use crate::call::conversation::Wish;
use crate::config::TRUNK;
use crate::storage::store::promises::KeptPlace;

/// The wish that, said while waiting, asks for a call back.
pub const WISH: &str = "callback_request";

/// It must be this likely.
const LIKELY: f32 = 0.5;

/// The fewest figures of a number that can be rung.
const FEWEST_FIGURES: usize = 3;

/// Callers whom the box remembers until it knows the places of the run before: of more, one may be rung who
/// has called since.
const MOST_CALLERS: usize = 10_000;

/// Whoever is to be called back at their turn, by the call in which they asked for it.
#[derive(Debug, Default)]
pub struct Places {
    kept: BTreeMap<CallId, Place>,
    /// The places of the run before are known.
    begun: bool,
    /// Who called before they were.
    callers: BTreeSet<String>,
    /// Counts the calls that ring callers back.
    dialled: u64,
}

/// One of them.
#[derive(Debug)]
pub struct Place {
    /// Whom to ring.
    pub number: Pii<String>,
    /// Whether they want to be hidden from agents.
    pub private: bool,
    /// What they said in the call before.
    pub wish: Wish,
}

/// A call that rings a caller back.
#[derive(Clone, Debug)]
pub struct Returning {
    /// The call in which they asked for it.
    pub place: CallId,
    /// What is done when they answer, as the router last said; they wait where it said nothing.
    pub turn: Option<Action>,
}

/// What is noted of one beside its number.
#[derive(Serialize, Deserialize)]
struct Noted<W> {
    #[serde(flatten)]
    wish: W,
    /// Notes of older versions do not say: nobody is shown who may want to be hidden.
    #[serde(default = "unsaid")]
    private: bool,
}

const fn unsaid() -> bool {
    true
}

impl Place {
    /// How it outlives the box.
    pub fn note(&self, call: CallId, asked_ms: i64) -> KeptPlace {
        KeptPlace {
            call,
            asked_ms,
            number: self.number.clone(),
            wish: serde_json::to_string(&Noted {
                wish: &self.wish,
                private: self.private,
            })
            .expect("a wish is plain data"),
        }
    }

    /// As it was noted; none where another version wrote something that says nothing now.
    pub fn noted(note: KeptPlace) -> Option<Self> {
        let call = note.call;
        match serde_json::from_str(&note.wish) {
            Ok(Noted { wish, private }) => Some(Self {
                number: note.number,
                private,
                wish,
            }),
            Err(error) => {
                tracing::error!(%call, %error, "what a caller wants cannot be read; call them by hand");
                None
            }
        }
    }
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

    /// The places of the run before are known; who called until then.
    pub fn begin(&mut self) -> BTreeSet<String> {
        self.begun = true;
        std::mem::take(&mut self.callers)
    }

    /// Somebody rings; the places that they keep from calls before.
    pub fn called(&mut self, number: &Pii<String>) -> Vec<CallId> {
        if !self.begun && self.callers.len() < MOST_CALLERS {
            self.callers.insert(number.reveal().clone());
        }
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

/// Where a caller is rung, by `line.callback_to`; none where their number cannot be.
pub fn contact(template: &str, number: &Pii<String>) -> Option<AgentContact> {
    let digits = number.reveal().strip_prefix('+').unwrap_or(number.reveal());
    let rings = digits.len() >= FEWEST_FIGURES && digits.bytes().all(|b| b.is_ascii_digit());
    rings.then(|| match template.strip_prefix(TRUNK) {
        Some(trunk) => AgentContact::OverTrunk {
            trunk: trunk.to_owned(),
            number: number.clone(),
        },
        None => AgentContact::Uri(template.replace("{number}", number.reveal())),
    })
}

/// Whether what was said asks for a call back.
pub fn asks(intents: &[Intent]) -> bool {
    intents
        .first()
        .is_some_and(|intent| intent.name == WISH && intent.score >= LIKELY)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use std::time::Duration;

    use trunkside_call::Language;
    use trunkside_record::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::call::conversation::Conversation;
    use crate::customers::Acquaintance;

    #[test]
    fn only_numbers_are_rung() {
        let template = "sip:{number}@carrier.example";
        let at = |number: &str| contact(template, &Pii::new(number.to_owned()));
        let uri = |uri: &str| Some(AgentContact::Uri(uri.to_owned()));
        assert_eq!(at("13812345678"), uri("sip:13812345678@carrier.example"));
        let abroad = at("+8613812345678");
        assert_eq!(abroad, uri("sip:+8613812345678@carrier.example"));
        let number = Pii::new("13812345678".to_owned());
        let over = contact("trunk:telecom", &number);
        let trunk = "telecom".to_owned();
        assert_eq!(over, Some(AgentContact::OverTrunk { trunk, number }));
        for nobody in ["anonymous", "", "12", "1380@elsewhere", "138;tag=1", "+"] {
            assert_eq!(at(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn a_note_says_whether_the_caller_hides_and_one_that_does_not_hides_them() {
        let now = Duration::ZERO;
        let call = CallId::new(Uuid::from_u128(7));
        let number = Pii::new("13812345678".to_owned());
        let begun = Conversation::begin(
            call,
            number.clone(),
            Timestamp::UNIX_EPOCH,
            now,
            Language::Yue,
            now,
            Acquaintance::new(Arc::default()),
        );
        for private in [true, false] {
            let (number, wish) = (number.clone(), begun.wish());
            let place = Place {
                number,
                private,
                wish,
            };
            let note = place.note(call, 5);
            let read = Place::noted(note.clone()).expect("well formed");
            assert_eq!(read.private, private);
            assert_eq!(read.note(call, 5), note);
        }
        let wish = serde_json::to_string(&begun.wish()).expect("plain data");
        let older = KeptPlace {
            call,
            asked_ms: 5,
            number,
            wish,
        };
        assert!(Place::noted(older).expect("well formed").private);
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
