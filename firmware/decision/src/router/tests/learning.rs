//! Learning from how calls turn out, and trying others now and then.

use super::*;
use crate::{Lesson, Tally};

const TWO: &str = "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n[[agent]]\nid = \"last\"\n\
    priority = 9\n[weights]\nidle_cap_s = 0\n[learning]\nexplore = 0.0\nprior_calls = 5\n";

fn desk(more: &str) -> Desk {
    let mut desk = Desk::new(&format!("{TWO}{more}"));
    for name in ["ann", "bob", "last"] {
        desk.tell(Input::AgentAvailable {
            agent: AgentId::new(name),
        });
    }
    desk
}

fn judged(desk: &mut Desk, agent: &str, resolved: bool, times: usize) {
    for _ in 0..times {
        desk.tell(Input::Judged {
            call: call(1),
            agent: AgentId::new(agent),
            intent: "loan".to_owned(),
            resolved: Some(resolved),
            mood_permille: None,
        });
    }
}

fn rung(desk: &mut Desk, number: u128, intent: &str) -> Decision {
    let decision = desk.ready(number, wants(intent)).remove(0);
    desk.ended(number);
    decision
}

#[test]
fn who_resolves_such_calls_is_rung_for_them_only_when_learning_is_on() {
    for (switch, expected) in [("", "ann"), ("enabled = true\n", "bob")] {
        let mut desk = desk(switch);
        judged(&mut desk, "ann", false, 10);
        judged(&mut desk, "bob", true, 10);
        let decision = rung(&mut desk, 2, "loan");
        assert_eq!(decision.action, offer(AgentId::new(expected)));
        // Other wishes are another matter.
        assert_eq!(rung(&mut desk, 3, "ask").action, offer(AgentId::new("ann")));
        if expected == "bob" {
            let reason = decision.reasons.iter().find(|r| r.rule == "learned");
            let finding = &reason.expect("it is said").finding;
            assert!(finding.contains("turned out better"), "{finding}");
        }
    }
}

#[test]
fn one_lucky_call_weighs_little_and_hard_rules_weigh_more_than_any() {
    let mut desk = desk("enabled = true\n");
    // As many calls each; the one that went well with Bob is drawn towards the group.
    judged(&mut desk, "last", true, 1000);
    judged(&mut desk, "ann", false, 1000);
    let decision = rung(&mut desk, 2, "loan");
    assert_ne!(
        decision.action,
        offer(AgentId::new("last")),
        "they are asked last"
    );
}

#[test]
fn longer_calls_and_worse_moods_count_against_an_agent() {
    let mut desk = desk("enabled = true\nresolved_s = 0\n");
    let lesson = |agent: &str, talked_s: i64, mood: i64| Lesson {
        agent: AgentId::new(agent),
        intent: "loan".to_owned(),
        tally: Tally {
            calls: 50,
            talked_us: 50 * talked_s * 1_000_000,
            moods: 50,
            mood_permille: 50 * mood,
            ..Tally::default()
        },
    };
    let lessons = vec![lesson("ann", 300, 0), lesson("bob", 200, 0)];
    desk.tell(Input::Learnt { lessons });
    assert_eq!(
        rung(&mut desk, 2, "loan").action,
        offer(AgentId::new("bob"))
    );
    let lessons = vec![lesson("ann", 200, 1800), lesson("bob", 300, -1800)];
    desk.tell(Input::Learnt { lessons });
    assert_eq!(
        rung(&mut desk, 3, "loan").action,
        offer(AgentId::new("ann"))
    );
    // What was learnt can be handed on.
    let known = desk.router.lessons();
    assert_eq!(known.len(), 2);
    assert_eq!(known[0].tally.calls, 100);
    let nonsense = Lesson {
        tally: Tally {
            judged: -5,
            ..Tally::default()
        },
        ..known[0].clone()
    };
    desk.tell(Input::Learnt {
        lessons: vec![nonsense],
    });
    assert_eq!(desk.router.lessons(), known);
}

#[test]
fn chance_takes_part_as_often_as_it_says_and_only_within_the_bounds() {
    let mut desk = desk("enabled = true\n");
    desk.replace(&format!("{TWO}enabled = true\n").replace("explore = 0.0", "explore = 0.2"));
    let mut tried = 0;
    for number in 10..1010 {
        let decision = rung(&mut desk, number, "ask");
        let odds = decision.odds.expect("chance took part");
        assert_eq!(
            odds.among,
            ["ann", "bob"].map(AgentId::new),
            "not the last resort"
        );
        let cheapest = decision.action == offer(AgentId::new("ann"));
        assert_eq!(odds.millionths, if cheapest { 900_000 } else { 100_000 });
        if !cheapest {
            tried += 1;
            assert!(decision.reasons.iter().any(|r| r.rule == "explored"));
        }
    }
    assert!((70..130).contains(&tried), "{tried} of 1000 at one in ten");
}
