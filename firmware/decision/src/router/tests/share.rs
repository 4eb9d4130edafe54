//! The share of the day that agents spend on calls, and its cap; the share of agents who are kept free
//! for promised calls.

use jiff::civil::DateTime;

use super::*;

const HOUR: u64 = 3600;

const CAPPED: &str = r#"
[[agent]]
id = "ann"
[[agent]]
id = "bob"
[weights]
occupancy_cap = 0.6
busy_s = 0
idle_cap_s = 0
"#;

const OFFICE: &str = r#"
[hours]
time_zone = "Asia/Shanghai"
when_closed = "route"
[hours.weekly]
mon = "09:00-12:00, 13:00-17:00"
"#;

/// Both agents at a desk whose clock reads `local`.
fn desk(text: &str, local: DateTime) -> Desk {
    let mut desk = Desk::new(text);
    clock(&mut desk, local);
    for name in ["ann", "bob"] {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
    }
    desk
}

fn clock(desk: &mut Desk, local: DateTime) {
    assert_eq!(desk.tell(Input::LocalTime { local }), []);
}

/// Who is rung for a call that ends at once.
fn rung(desk: &mut Desk, number: u128) -> (Action, String) {
    let decision = desk.ready(number, wants("ask")).remove(0);
    desk.ended(number);
    let rule = decision.reasons[1].rule.clone();
    (decision.action, rule)
}

fn talk(desk: &mut Desk, number: u128, name: &str, seconds: u64) {
    desk.ready(number, wants("ask"));
    desk.bridged(number, agent(name));
    desk.pass(seconds);
}

#[test]
fn who_was_on_calls_all_day_is_spared_until_midnight() {
    let mut desk = desk(CAPPED, date(2026, 7, 27).at(20, 0, 0, 0));
    talk(&mut desk, 1, "ann", 3 * HOUR);
    desk.ended(1);
    let spared = (offer(agent("bob")), "occupancy_cap".to_owned());
    assert_eq!(rung(&mut desk, 2), spared);
    clock(&mut desk, date(2026, 7, 27).at(23, 0, 0, 0));
    assert_eq!(rung(&mut desk, 3), spared);
    desk.pass(HOUR);
    clock(&mut desk, date(2026, 7, 28).at(0, 0, 0, 0));
    let anew = (offer(agent("ann")), "policy_order".to_owned());
    assert_eq!(rung(&mut desk, 4), anew);
}

#[test]
fn the_day_begins_when_the_branch_opens_and_not_again_after_lunch() {
    let text = format!("{CAPPED}{OFFICE}");
    let monday = |hour, minute| date(2026, 7, 27).at(hour, minute, 0, 0);
    let mut desk = desk(&text, monday(6, 0));
    // Only what Ann talks after nine counts.
    talk(&mut desk, 1, "ann", 3 * HOUR);
    clock(&mut desk, monday(9, 0));
    desk.pass(HOUR / 6);
    desk.ended(1);
    assert_eq!(rung(&mut desk, 2).0, offer(agent("ann")));
    talk(&mut desk, 3, "ann", 3 * HOUR - HOUR / 6);
    desk.ended(3);
    clock(&mut desk, monday(12, 0));
    desk.pass(HOUR);
    clock(&mut desk, monday(13, 0));
    assert_eq!(rung(&mut desk, 4).0, offer(agent("bob")));
}

#[test]
fn promised_calls_find_an_agent_kept_free() {
    let mut text = String::from(
        "[queue]\nreserve_share = 0.5\nreserve_hold_s = 60\n[[rule]]\nname = \"gold\"\n\
         when = { tier = \"gold\" }\nthen = { answer_within_s = 5 }\n",
    );
    for number in 0..4 {
        text.extend(["[[agent]]\nid = \"a", &number.to_string(), "\"\n"]);
    }
    let mut desk = Desk::new(&text);
    for number in 0..4 {
        desk.tell(Input::AgentAvailable {
            agent: AgentId::new(format!("a{number}")),
        });
    }
    let gold = || wants("ask").with_tier("gold");
    // All are busy while golden calls wait too long: the router learns to keep one agent.
    for number in 0..4 {
        desk.ready(number, wants("ask"));
        desk.bridged(number, AgentId::new(format!("a{number}")));
    }
    for number in 10..20 {
        desk.ready(number, gold());
        desk.pass(10);
        desk.ended(number);
    }
    for number in 0..4 {
        desk.ended(number);
    }
    for number in 30..33 {
        let decision = desk.ready(number, wants("ask")).remove(0);
        assert!(matches!(decision.action, Action::Offer { .. }), "{number}");
    }
    let held = desk.ready(33, wants("ask")).remove(0);
    assert!(matches!(held.action, Action::Wait { .. }));
    assert_eq!(rules(&held)[0], "held_back");
    let skipped = held.reasons.last().expect("some were skipped");
    assert!(
        skipped
            .finding
            .contains("a3: kept from this call for 60.0 s more"),
        "{skipped:?}"
    );
    assert!(matches!(
        desk.ready(34, gold()).remove(0).action,
        Action::Offer { .. }
    ));
}
