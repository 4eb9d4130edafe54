//! How far a call may go before one that came earlier.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Skills, handle times and paces pull calls forward and back as far as they can.
const MIXED: &str = r#"
[[agent]]
id = "ann"
skills = { cards = 5 }
[[agent]]
id = "bob"
skills = { cards = 1, loans = 5 }
pace = 0.5
[[rule]]
name = "short"
when = { intent = "short" }
then = { handle_time_s = 45, patience_s = 30 }
[[rule]]
name = "long"
when = { intent = "long" }
then = { handle_time_s = 720 }
[[rule]]
name = "cards"
when = { intent = "cards" }
then = { skills_preferred = { cards = 5 } }
[[rule]]
name = "gold"
when = { intent = "gold" }
then = { skills_preferred = { loans = 5 }, priority = 3 }
[queue]
max_wait_s = 86400
overtake_s = 20
passed_over_s = 86400
priority_step_s = 30
wrap_up_s = 10
[weights]
preferred_s = 300
scarcity_s = 300
slower = 1.0
impatience = 1.0
short_first_s = 300
"#;

const INTENTS: [&str; 5] = ["short", "long", "cards", "gold", "else"];

/// A desk whose agents answer at once, and who waits there.
struct Line {
    desk: Desk,
    /// Seconds at which they came, less their priority's head start.
    places: BTreeMap<CallId, i64>,
    talking: Vec<u128>,
    /// By how many seconds a call may come later and go first, head starts counted.
    bound: i64,
}

impl Line {
    fn new(policy: &str, bound: i64) -> Self {
        let mut desk = Desk::new(policy);
        for name in ["ann", "bob"] {
            let agent = AgentId::new(name);
            desk.tell(Input::AgentAvailable { agent });
        }
        Self {
            desk,
            places: BTreeMap::new(),
            talking: Vec::new(),
            bound,
        }
    }

    fn comes(&mut self, number: u128, intent: &str) -> Result<(), TestCaseError> {
        let head_start = if intent == "gold" { 90 } else { 0 };
        let place = self.desk.now.as_secs().cast_signed() - head_start;
        self.places.insert(call(number), place);
        let decisions = self.desk.ready(number, wants(intent));
        self.see(decisions)
    }

    fn pass(&mut self, seconds: u64) -> Result<(), TestCaseError> {
        let until = self.desk.now + Duration::from_secs(seconds);
        while let Some(due) = self.desk.router.deadline().filter(|due| *due <= until) {
            self.desk.now = due;
            let decisions = self.desk.tell(Input::Tick);
            self.see(decisions)?;
        }
        self.desk.now = until;
        Ok(())
    }

    /// All calls end at one moment, and their agents' notes too.
    fn all_end(&mut self) -> Result<(), TestCaseError> {
        for number in std::mem::take(&mut self.talking) {
            let decisions = self.desk.ended(number);
            self.see(decisions)?;
        }
        Ok(())
    }

    fn see(&mut self, decisions: Vec<Decision>) -> Result<(), TestCaseError> {
        let mut offered = Vec::new();
        for decision in decisions {
            if let Action::Offer { agent } = decision.action {
                let place = self.places.remove(&decision.call);
                offered.push(place.expect("each call is offered once"));
                let number = decision.call.uuid().as_u128();
                self.desk.bridged(number, agent);
                self.talking.push(number);
            }
        }
        let first = self.places.values().min().copied();
        for place in offered {
            prop_assert!(first.is_none_or(|first| place <= first + self.bound));
        }
        Ok(())
    }
}

type Steps = Vec<(usize, u64, u8)>;

fn steps() -> impl Strategy<Value = Steps> {
    prop::collection::vec((0..INTENTS.len(), 0..40_u64, 0..4_u8), 0..80)
}

fn play(mut line: Line, steps: Steps) -> Result<(), TestCaseError> {
    for (number, (intent, gap, ends)) in (0..).zip(steps) {
        line.pass(gap)?;
        if ends == 0 {
            line.all_end()?;
        }
        line.comes(number, INTENTS[intent])?;
    }
    while !line.talking.is_empty() || !line.places.is_empty() {
        line.all_end()?;
        line.pass(10)?;
    }
    prop_assert!(line.places.is_empty());
    Ok(())
}

proptest! {
    /// Every agent may take every call here.
    #[test]
    fn whoever_came_earlier_by_more_than_the_bound_goes_first(steps in steps()) {
        play(Line::new(MIXED, 20), steps)?;
    }

    /// Agents kept free for the promised calls, and waits for better agents, are no longer than they are
    /// said to be: half a minute for a call without a head start of its own, 20 s for one with 90 s.
    #[test]
    fn nobody_is_kept_waiting_for_promised_calls_or_better_agents_beyond_the_bound(steps in steps()) {
        let policy = MIXED
            .replace("priority = 3", "priority = 3, answer_within_s = 5")
            .replace("[weights]", "reserve_share = 0.5\nreserve_hold_s = 30\n[weights]\nhold_s = 4");
        play(Line::new(&policy, 90 + 20), steps)?;
    }
}

#[test]
fn a_skill_that_is_only_liked_pushes_nobody_back_beyond_the_bound() {
    let mut desk = Desk::branch();
    for (number, agent) in [(1, li_na()), (2, zhang_wei())] {
        desk.ready(number, wants("refund"));
        desk.bridged(number, agent);
    }
    desk.pass(10);
    desk.ready(3, angry("refund"));
    desk.pass(130);
    desk.ready(4, wants("refund"));
    desk.pass(10);
    // Li Na knows nothing of complaints, which the angry caller's rule likes.
    let turn = desk.ended(1);
    assert_eq!((turn[0].call, &turn[0].action), (call(3), &offer(li_na())));
}

#[test]
fn a_short_call_of_high_priority_overtakes_by_its_points_and_the_bound() {
    let text = "[queue]\nmax_wait_s = 3600\npriority_step_s = 30\novertake_s = 30\n\
        [[agent]]\nid = \"ann\"\n\
        [[rule]]\nname = \"gold\"\nwhen = { intent = \"gold\" }\n\
        then = { priority = 10, handle_time_s = 45 }\n\
        [[rule]]\nname = \"loan\"\nwhen = { intent = \"loan\" }\nthen = { handle_time_s = 720 }\n";
    let ann = || AgentId::new("ann");
    for (gap, first) in [(1_090, 2), (331, 2), (330, 3)] {
        let mut desk = Desk::new(text);
        desk.tell(Input::AgentAvailable { agent: ann() });
        desk.ready(1, wants("else"));
        desk.bridged(1, ann());
        desk.ready(2, wants("loan"));
        desk.pass(gap);
        desk.ready(3, wants("gold"));
        desk.pass(10);
        assert_eq!(desk.ended(1)[0].call, call(first), "{gap} s");
    }
}
