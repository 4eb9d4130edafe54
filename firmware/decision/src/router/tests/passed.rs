//! What a call loses at most to calls of higher priority that came later.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const MOST_S: u64 = 60;

/// Head starts and handle times pull the tiers forward far beyond the bound; loans are bob's alone.
const TIERS: &str = r#"
[[agent]]
id = "ann"
skills = { cards = 1 }
[[agent]]
id = "bob"
skills = { cards = 1, loans = 1 }
[[rule]]
name = "gold"
when = { tier = "gold" }
then = { priority = 10, handle_time_s = 30 }
[[rule]]
name = "silver"
when = { tier = "silver" }
then = { priority = 2 }
[[rule]]
name = "loan"
when = { intent = "loan" }
then = { skills_required = { loans = 1 } }
[queue]
max_wait_s = 86400
priority_step_s = 600
overtake_s = 600
passed_over_s = 60
[weights]
short_first_s = 300
"#;

const CALLERS: [(Option<&str>, &str); 5] = [
    (None, "bill"),
    (None, "loan"),
    (Some("silver"), "bill"),
    (Some("gold"), "bill"),
    (Some("gold"), "loan"),
];

fn caller((tier, intent): (Option<&str>, &str)) -> CallProfile {
    CallProfile {
        tier: tier.map(str::to_owned),
        ..wants(intent)
    }
}

fn priority((tier, _): (Option<&str>, &str)) -> u8 {
    match tier {
        Some("gold") => 10,
        Some(_) => 2,
        None => 0,
    }
}

/// A desk that keeps its own account of who waits, and of who was passed since when.
struct Account {
    desk: Desk,
    waiting: BTreeMap<u128, (usize, Option<Duration>)>,
    talking: Vec<u128>,
}

impl Account {
    fn new() -> Self {
        let mut desk = Desk::new(TIERS);
        for name in ["ann", "bob"] {
            desk.tell(Input::AgentAvailable { agent: agent(name) });
        }
        Self {
            desk,
            waiting: BTreeMap::new(),
            talking: Vec::new(),
        }
    }

    fn comes(&mut self, number: u128, who: usize) -> Result<(), TestCaseError> {
        self.waiting.insert(number, (who, None));
        let decisions = self.desk.ready(number, caller(CALLERS[who]));
        self.see(decisions)
    }

    /// One of those who talk hangs up.
    fn ends(&mut self, which: usize) -> Result<(), TestCaseError> {
        if self.talking.is_empty() {
            return Ok(());
        }
        let number = self.talking.remove(which % self.talking.len());
        let decisions = self.desk.ended(number);
        self.see(decisions)
    }

    fn see(&mut self, decisions: Vec<Decision>) -> Result<(), TestCaseError> {
        let now = self.desk.now;
        let mut taken = Vec::new();
        for decision in decisions {
            if let Action::Offer { agent } = decision.action {
                let number = decision.call.uuid().as_u128();
                let (who, _) = self.waiting.remove(&number).expect("each is offered once");
                self.desk.bridged(number, agent.clone());
                self.talking.push(number);
                taken.push((number, who, agent));
            }
        }
        for (number, who, agent) in taken {
            for (waits, passed) in self
                .waiting
                .range_mut(..number)
                .map(|(_, call)| (call.0, &mut call.1))
            {
                let could_serve = CALLERS[waits].1 == "bill" || agent.as_str() == "bob";
                if could_serve && priority(CALLERS[who]) > priority(CALLERS[waits]) {
                    let since = *passed.get_or_insert(now);
                    prop_assert!((now - since).as_secs() < MOST_S, "lost {:?}", now - since);
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn nobody_loses_more_than_the_stated_wait_to_who_came_later_with_a_higher_priority(
        steps in prop::collection::vec((0..CALLERS.len(), 0..25_u64, 0..3_usize, 0..2_usize), 0..120),
    ) {
        let mut account = Account::new();
        for (number, (who, gap, ends, which)) in (0..).zip(steps) {
            account.desk.pass(gap);
            if ends == 0 {
                account.ends(which)?;
            }
            account.comes(number, who)?;
        }
        while !account.talking.is_empty() {
            account.desk.pass(10);
            account.ends(0)?;
        }
        prop_assert!(account.waiting.is_empty());
    }
}

/// Ann alone, with a call that waits since the beginning, and whoever comes.
fn beside_gold_calls() -> Desk {
    let mut desk = Desk::new(TIERS);
    desk.tell(Input::AgentAvailable {
        agent: agent("ann"),
    });
    desk.ready(100, caller(CALLERS[0]));
    desk.bridged(100, agent("ann"));
    desk.ready(0, caller(CALLERS[0]));
    desk
}

#[test]
fn a_flood_of_gold_calls_lets_an_ordinary_one_through_after_the_stated_wait() {
    let mut desk = beside_gold_calls();
    let mut on_line = 100;
    for number in 1..=20 {
        desk.pass(10);
        desk.ready(number, caller(CALLERS[3]));
        // Each talk takes half a minute.
        if number % 3 == 0 {
            let next = desk.ended(on_line).remove(0);
            on_line = next.call.uuid().as_u128();
            desk.bridged(on_line, agent("ann"));
            if on_line == 0 {
                // The first gold call passed at 30 s, the second at 60 s.
                assert_eq!(desk.now.as_secs(), 90);
                let why = next.reasons.iter().find(|why| why.rule == "passed_over");
                let why = why.expect("it is told");
                assert_eq!(
                    why.finding,
                    "calls of higher priority that came later have gone first for 60.0 s, and may no more"
                );
                return;
            }
        }
    }
    panic!("it waits on");
}

#[test]
fn agents_who_could_not_have_taken_the_call_take_nothing_from_it() {
    let mut desk = Desk::new(TIERS);
    for (number, name) in [(100, "ann"), (101, "bob")] {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
        desk.ready(number, caller(CALLERS[0]));
        desk.bridged(number, agent(name));
    }
    desk.ready(0, caller(CALLERS[1]));
    let mut on_line = 100;
    for number in 1..=4 {
        desk.pass(30);
        desk.ready(number, caller(CALLERS[3]));
        assert_eq!(desk.ended(on_line)[0].call, call(number));
        desk.bridged(number, agent("ann"));
        on_line = number;
    }
    desk.ready(5, caller(CALLERS[3]));
    assert_eq!(desk.ended(101)[0].call, call(5), "bob was not asked before");
}
