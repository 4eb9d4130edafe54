//! What is learnt from waits at the telephone, and foretold of them.

use super::*;

const PROMISED: &str = "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n\
    [[rule]]\nname = \"gold\"\nwhen = { intent = \"gold\" }\nthen = { answer_within_s = 20 }\n\
    [queue]\nreserve_share = 0.5\nreserve_hold_s = 60\n";

fn ann() -> AgentId {
    AgentId::new("ann")
}

fn bob() -> AgentId {
    AgentId::new("bob")
}

/// Both agents talk.
fn desk(text: &str) -> Desk {
    let mut desk = Desk::new(text);
    for (number, agent) in [(1, ann()), (2, bob())] {
        let signed_in = agent.clone();
        desk.tell(Input::AgentAvailable { agent: signed_in });
        desk.ready(number, wants("else"));
        desk.bridged(number, agent);
    }
    desk
}

/// Whether one of two free agents is kept from ordinary calls.
fn keeps_one(desk: &mut Desk) -> bool {
    desk.ready(100, wants("else"));
    desk.bridged(100, ann());
    let second = desk.ready(101, wants("else")).remove(0);
    matches!(second.action, Action::Wait { .. })
}

#[test]
fn promised_calls_that_the_policy_sends_away_are_waits_too() {
    let group = "overflow_to = \"callback\"\noverflow_after_s = 10\n";
    let group = format!("[[group]]\nname = \"all\"\nagents = [\"ann\", \"bob\"]\n{group}");
    let in_group = PROMISED.replace(
        "answer_within_s = 20",
        "answer_within_s = 20, group = \"all\"",
    );
    for text in [
        format!("{PROMISED}max_wait_s = 30\n"),
        // It leaves before the promise's time, and was not answered either.
        format!("{in_group}{group}"),
    ] {
        let mut desk = desk(&text);
        for number in 10..30 {
            desk.ready(number, wants("gold"));
            desk.pass(31);
        }
        assert_eq!(desk.router.waiting(), 0);
        desk.ended(1);
        desk.ended(2);
        assert!(keeps_one(&mut desk), "{text}");
    }
}

#[test]
fn a_call_back_is_no_wait_at_the_telephone() {
    let mut desk = desk(PROMISED);
    for number in 10..30 {
        desk.ready(number, wants("gold"));
        desk.tell(Input::CallbackAsked { call: call(number) });
        desk.ended(number);
        desk.pass(600);
        let turn = desk.ended(1);
        assert_eq!(actions(&turn), [offer(ann())]);
        let again = call(number + 100);
        let place = call(number);
        desk.tell(Input::CalledBack { place, call: again });
        desk.bridged(number + 100, ann());
        desk.ended(number + 100);
        desk.ready(1, wants("else"));
        desk.bridged(1, ann());
    }
    desk.ended(1);
    desk.ended(2);
    assert!(!keeps_one(&mut desk));
}

#[test]
fn nobody_is_told_of_a_longer_wait_than_the_policy_allows() {
    let mut desk =
        desk("[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n[queue]\nmax_wait_s = 60\n");
    for number in 10..40 {
        desk.ready(number, wants("else"));
    }
    let foretold = |desk: &Desk| desk.router.expected_wait(call(39)).expect("it waits");
    assert_eq!(foretold(&desk).ninety_percent, Duration::from_secs(60));
    assert_eq!(foretold(&desk).median, Duration::from_secs(60));
    desk.pass(45);
    desk.tell(Input::Tick);
    assert_eq!(foretold(&desk).median, Duration::from_secs(15));
}
