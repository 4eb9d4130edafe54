//! Calls that an agent hands on by their own telephone.

use super::*;

/// Ann talks to the first caller; Bob is there, too.
fn ann_talks(policy: &str) -> Desk {
    let agents = "[[agent]]\nid = \"ann\"\npriority = 9\n[[agent]]\nid = \"bob\"\n";
    let mut desk = Desk::new(&format!("{agents}{policy}"));
    for name in ["ann", "bob"] {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
    }
    desk.ready(1, wants("ask"));
    desk.bridged(1, agent("ann"));
    desk
}

fn hands_on(desk: &mut Desk, number: u128, to: Option<&str>) -> Vec<Decision> {
    desk.tell(Input::TakenOver {
        call: call(number),
        agent: to.map(agent),
    })
}

#[test]
fn who_has_handed_a_call_on_is_free_and_who_took_it_is_not() {
    let mut desk = ann_talks("[queue]\nwrap_up_s = 10\n");
    hands_on(&mut desk, 1, Some("bob"));
    let waits = desk.ready(2, wants("ask"));
    assert!(matches!(waits[0].action, Action::Wait { .. }), "{waits:?}");
    // She writes it up.
    assert_eq!(actions(&desk.pass(10)), [offer(agent("ann"))]);
    desk.bridged(2, agent("ann"));
    desk.ready(3, wants("ask"));
    desk.ended(1);
    assert_eq!(actions(&desk.pass(10)), [offer(agent("bob"))]);
}

#[test]
fn somebody_whom_the_policy_does_not_know_keeps_no_agent_busy() {
    let mut desk = ann_talks("[queue]\nwrap_up_s = 0\n");
    let bobs = desk.ready(2, wants("ask"));
    assert_eq!(actions(&bobs), [offer(agent("bob"))]);
    hands_on(&mut desk, 1, None);
    assert_eq!(actions(&desk.ready(3, wants("ask"))), [offer(agent("ann"))]);
    // It is handed on to Bob while his phone rings for another caller: that call frees him.
    hands_on(&mut desk, 1, Some("bob"));
    desk.ended(1);
    desk.ready(4, wants("ask"));
    desk.bridged(2, agent("bob"));
    assert_eq!(actions(&desk.ended(2)), [offer(agent("bob"))]);
}

#[test]
fn a_novice_whom_a_call_was_handed_to_is_relieved_in_time() {
    let novice = "novice = true\n[queue]\nnovice_limit_s = 60\nwrap_up_s = 0\n";
    let mut desk = ann_talks(novice);
    desk.now += Duration::from_secs(50);
    hands_on(&mut desk, 1, Some("bob"));
    assert_eq!(desk.pass(59), []);
    let to_ann = Action::Transfer {
        agent: agent("ann"),
    };
    assert_eq!(actions(&desk.pass(1)), [to_ann]);
    // He hands it on to somebody else while she is rung: she is let go.
    hands_on(&mut desk, 1, None);
    assert_eq!(actions(&desk.ready(2, wants("ask"))), [offer(agent("bob"))]);
    assert_eq!(actions(&desk.ready(3, wants("ask"))), [offer(agent("ann"))]);
}
