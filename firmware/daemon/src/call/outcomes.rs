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

/// Calls that are over and not judged yet.
#[derive(Debug, Default)]
pub struct Outcomes {
    by_number: BTreeMap<String, (Duration, Taken)>,
    in_order: VecDeque<(Duration, String)>,
}

impl Outcomes {
    /// Somebody calls: the wish of their last call was not resolved.
    pub fn called(&mut self, number: &Pii<String>) -> Option<Input> {
        let (_, taken) = self.by_number.remove(number.reveal())?;
        Some(judged(taken, Some(false), None))
    }

    /// A call that an agent took is over: what is known of it at once.
    pub fn ended(&mut self, now: Duration, number: &Pii<String>, taken: Taken) -> Option<Input> {
        let mood = taken.mood_permille;
        let input = mood.map(|_| judged(taken.clone(), None, mood));
        // Withheld numbers say nothing about who calls again.
        if number.reveal().chars().filter(char::is_ascii_digit).count() >= 5 {
            let key = number.reveal().clone();
            self.in_order.push_back((now, key.clone()));
            self.by_number.insert(key, (now, taken));
        }
        if self.in_order.len() > MOST {
            self.take_oldest();
        }
        input
    }

    /// The calls of which enough time has passed: their wishes were resolved.
    pub fn due(&mut self, now: Duration, repeat_within: Duration) -> Vec<Input> {
        let mut inputs = Vec::new();
        while let Some((at, _)) = self.in_order.front()
            && *at + repeat_within <= now
        {
            let taken = self.take_oldest();
            inputs.extend(taken.map(|taken| judged(taken, Some(true), None)));
        }
        inputs
    }

    /// None where the caller has called again since.
    fn take_oldest(&mut self) -> Option<Taken> {
        let (at, number) = self.in_order.pop_front()?;
        let is_that = self.by_number.get(&number).is_some_and(|(t, _)| *t == at);
        if !is_that {
            return None;
        }
        self.by_number.remove(&number).map(|(_, taken)| taken)
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
        assert_eq!(
            outcomes.called(&one),
            Some(judged(taken(1, None), Some(false), None))
        );
        assert_eq!(outcomes.called(&one), None);
        outcomes.ended(Duration::from_secs(60), &one, taken(3, None));
        assert_eq!(outcomes.due(DAY, DAY), []);
        let later = DAY + Duration::from_secs(1);
        assert_eq!(
            outcomes.due(later, DAY),
            [judged(taken(2, None), Some(true), None)]
        );
        assert_eq!(outcomes.due(2 * DAY, DAY).len(), 1);
    }

    #[test]
    fn a_mood_is_told_at_once_and_withheld_numbers_are_not_followed() {
        let mut outcomes = Outcomes::default();
        let input = outcomes.ended(Duration::ZERO, &number("anonymous"), taken(1, Some(-300)));
        assert_eq!(input, Some(judged(taken(1, None), None, Some(-300))));
        assert_eq!(outcomes.due(2 * DAY, DAY), []);
    }
}
