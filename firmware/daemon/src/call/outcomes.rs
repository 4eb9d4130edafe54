//! How calls turned out for the callers, as far as the box can tell: whoever does not call again in
//! time had their wish resolved, and a mood rises or falls between the bridge and the end.
//!
//! Pure. What it yields teaches the router, where its policy learns. Numbers are held in memory only,
//! for as long as the policy says; what the box forgets at a restart teaches nothing.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use trunkside_call::{AgentId, CallId, Pii};
use trunkside_decision::Input;

/// Callers beyond this many are forgotten, the oldest first, without a judgement.
const MOST: usize = 10_000;

/// A call that an agent took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The call.
    pub call: CallId,
    /// Who took it.
    pub agent: AgentId,
    /// What it was about.
    pub intent: String,
    /// By how much the caller's mood rose while they talked; none where it was not heard twice.
    pub mood_permille: Option<i16>,
}

/// Calls that are over and not judged yet. Whether a wish was resolved or not is told at the same age of
/// its call: what a restart forgets are both alike, and what is told of a day is no worse at its evening
/// than a day later.
#[derive(Debug, Default)]
pub struct Outcomes {
    in_order: VecDeque<Followed>,
    /// The last call of each number, by its place in all that were followed.
    by_number: BTreeMap<String, u64>,
    /// How many went before those in order.
    gone: u64,
}

#[derive(Debug)]
struct Followed {
    ended: Duration,
    number: String,
    taken: Taken,
    called_again: bool,
}

impl Outcomes {
    /// Somebody calls: the wish of their last call was not resolved, which is told when it is
    /// [due](Self::due).
    pub fn called(&mut self, number: &Pii<String>) {
        if let Some(place) = self.by_number.remove(number.reveal())
            && let Some(last) = self.in_order.get_mut((place - self.gone) as usize)
        {
            last.called_again = true;
        }
    }

    /// A call that an agent took is over: what is known of it at once.
    pub fn ended(&mut self, now: Duration, number: &Pii<String>, taken: Taken) -> Option<Input> {
        let mood = taken.mood_permille;
        let input = mood.map(|_| judged(taken.clone(), None, mood));
        // Withheld numbers say nothing about who calls again.
        if number.reveal().chars().filter(char::is_ascii_digit).count() >= 5 {
            let number = number.reveal().clone();
            let place = self.gone + self.in_order.len() as u64;
            self.by_number.insert(number.clone(), place);
            self.in_order.push_back(Followed {
                ended: now,
                number,
                taken,
                called_again: false,
            });
        }
        if self.in_order.len() > MOST {
            self.take_oldest();
        }
        input
    }

    /// The calls of which enough time has passed, and whether their callers were helped.
    pub fn due(&mut self, now: Duration, repeat_within: Duration) -> Vec<Input> {
        let mut inputs = Vec::new();
        while let Some(oldest) = self.in_order.front()
            && oldest.ended + repeat_within <= now
        {
            let oldest = self.take_oldest().expect("it was just seen");
            inputs.push(judged(oldest.taken, Some(!oldest.called_again), None));
        }
        inputs
    }

    fn take_oldest(&mut self) -> Option<Followed> {
        let oldest = self.in_order.pop_front()?;
        if self.by_number.get(&oldest.number) == Some(&self.gone) {
            self.by_number.remove(&oldest.number);
        }
        self.gone += 1;
        Some(oldest)
    }
}

fn judged(taken: Taken, resolved: Option<bool>, mood_permille: Option<i16>) -> Input {
    Input::Judged {
        call: taken.call,
        agent: taken.agent,
        intent: taken.intent,
        resolved,
        mood_permille,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn taken(call: u128, mood_permille: Option<i16>) -> Taken {
        Taken {
            call: CallId::new(Uuid::from_u128(call)),
            agent: AgentId::new("ann"),
            intent: "loan".to_owned(),
            mood_permille,
        }
    }

    fn number(text: &str) -> Pii<String> {
        Pii::new(text.to_owned())
    }

    #[test]
    fn who_calls_again_in_time_was_not_helped_and_who_does_not_was() {
        let mut outcomes = Outcomes::default();
        let (one, other) = (number("13800138000"), number("13900139000"));
        assert_eq!(outcomes.ended(Duration::ZERO, &one, taken(1, None)), None);
        outcomes.ended(Duration::from_secs(1), &other, taken(2, None));
        outcomes.called(&one);
        outcomes.called(&one);
        outcomes.ended(Duration::from_secs(60), &one, taken(3, None));
        let helped = |call, resolved| judged(taken(call, None), Some(resolved), None);
        assert_eq!(outcomes.due(DAY, DAY), [helped(1, false)]);
        let later = DAY + Duration::from_secs(1);
        assert_eq!(outcomes.due(later, DAY), [helped(2, true)]);
        assert_eq!(outcomes.due(2 * DAY, DAY), [helped(3, true)]);
        outcomes.called(&one);
        assert!(outcomes.by_number.is_empty() && outcomes.in_order.is_empty());
    }

    /// A box that restarts each night, or an agent on their first day, would else have failures alone.
    #[test]
    fn before_its_time_nothing_is_told_of_a_call_whatever_its_caller_did() {
        let mut outcomes = Outcomes::default();
        for call in 0..10 {
            let caller = number(&format!("1380013800{call}"));
            outcomes.ended(Duration::ZERO, &caller, taken(call, None));
            if call % 2 == 0 {
                outcomes.called(&caller);
            }
        }
        assert_eq!(outcomes.due(DAY - Duration::from_secs(1), DAY), []);
        let due = outcomes.due(DAY, DAY);
        let resolved = due.iter().filter(|input| {
            matches!(
                input,
                Input::Judged {
                    resolved: Some(true),
                    ..
                }
            )
        });
        assert_eq!((due.len(), resolved.count()), (10, 5));
    }

    #[test]
    fn callers_beyond_the_bound_are_forgotten() {
        let mut outcomes = Outcomes::default();
        for call in 0..=MOST as u128 {
            let caller = number(&format!("{}", 13_800_000_000 + call));
            outcomes.ended(Duration::ZERO, &caller, taken(call, None));
        }
        outcomes.called(&number("13800000000"));
        outcomes.called(&number("13800000001"));
        let due = outcomes.due(DAY, DAY);
        assert_eq!(due.len(), MOST);
        assert_eq!(due[0], judged(taken(1, None), Some(false), None));
        assert_eq!(due[1], judged(taken(2, None), Some(true), None));
    }

    #[test]
    fn a_mood_is_told_at_once_and_withheld_numbers_are_not_followed() {
        let mut outcomes = Outcomes::default();
        let input = outcomes.ended(Duration::ZERO, &number("anonymous"), taken(1, Some(-300)));
        assert_eq!(input, Some(judged(taken(1, None), None, Some(-300))));
        assert_eq!(outcomes.due(2 * DAY, DAY), []);
    }
}
