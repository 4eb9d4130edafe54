//! Agents who say that they are away, and back.

use super::*;

fn with_breaks() -> String {
    format!(
        "{BRANCH}\n[[break]]\nreason = \"lunch\"\ncode = \"*11\"\nmax_s = 1800\n\
         [[break]]\nreason = \"training\"\ncode = \"*14\"\n[codes]\nback = \"*12\"\n"
    )
}

/// A desk with both agents there.
fn desk() -> Desk {
    let mut desk = Desk::new(&with_breaks());
    for agent in [li_na(), zhang_wei()] {
        desk.tell(Input::AgentAvailable { agent });
    }
    desk
}

fn begins(agent: AgentId, reason: &str) -> Input {
    Input::BreakBegun {
        agent,
        reason: reason.to_owned(),
        ago_ms: 0,
    }
}

#[test]
fn who_is_on_a_break_gets_no_call_and_the_reasons_say_so() {
    let mut desk = desk();
    desk.tell(begins(li_na(), "lunch"));
    let decided = desk.ready(1, wants("opening_hours"));
    assert_eq!(actions(&decided), [offer(zhang_wei())]);
    let skipped = decided[0].reasons.iter().find(|r| r.rule == "skipped");
    let said = &skipped.expect("one was skipped").finding;
    assert!(said.contains("li_na: on a break (lunch)"), "{said}");
    desk.bridged(1, zhang_wei());
    let waits = desk.ready(2, wants("opening_hours"));
    assert_eq!(actions(&waits), [Action::Wait { ahead: 0 }]);
    // Another phone of theirs, or the same after a fault of the network, is no way back.
    assert_eq!(desk.tell(Input::AgentAvailable { agent: li_na() }), []);
    let back = desk.tell(Input::BreakOver { agent: li_na() });
    assert_eq!(actions(&back), [offer(li_na())]);
}

#[test]
fn a_break_is_over_by_itself_after_the_longest_that_the_policy_lets_it_be() {
    for (reason, most_s) in [("lunch", 1800), ("training", 3600), ("unheard of", 3600)] {
        let mut desk = desk();
        desk.tell(Input::AgentAway { agent: zhang_wei() });
        desk.tell(begins(li_na(), reason));
        assert_eq!(desk.pass(most_s - 1), []);
        let waits = desk.ready(1, wants("opening_hours"));
        assert_eq!(actions(&waits), [Action::Wait { ahead: 0 }], "{reason}");
        assert_eq!(actions(&desk.pass(1)), [offer(li_na())], "{reason}");
    }
}

#[test]
fn a_break_that_began_before_the_router_did_is_no_longer_for_it() {
    let mut desk = desk();
    let began = |minutes: u64| Input::BreakBegun {
        agent: li_na(),
        reason: "lunch".to_owned(),
        ago_ms: minutes * 60_000,
    };
    desk.tell(Input::AgentAway { agent: zhang_wei() });
    desk.tell(began(20));
    let waits = desk.ready(1, wants("opening_hours"));
    assert_eq!(actions(&waits), [Action::Wait { ahead: 0 }]);
    let offered = desk.tell(Input::BreakOver { agent: li_na() });
    assert_eq!(actions(&offered), [offer(li_na())]);
    desk.ended(1);
    // This one was over already.
    desk.tell(began(31));
    assert_eq!(
        actions(&desk.ready(2, wants("opening_hours"))),
        [offer(li_na())]
    );
}

#[test]
fn a_call_that_rings_as_the_break_begins_goes_to_somebody_else() {
    let mut desk = desk();
    desk.ready(1, wants("opening_hours"));
    let decided = desk.tell(begins(li_na(), "lunch"));
    assert_eq!(actions(&decided), [offer(zhang_wei())]);
}

#[test]
fn a_break_during_a_call_begins_at_once_and_lasts_beyond_it() {
    let mut desk = desk();
    desk.tell(Input::AgentAway { agent: zhang_wei() });
    desk.ready(1, wants("opening_hours"));
    desk.bridged(1, li_na());
    desk.tell(begins(li_na(), "lunch"));
    desk.ready(2, wants("opening_hours"));
    assert_eq!(desk.ended(1), []);
    let back = desk.tell(Input::BreakOver { agent: li_na() });
    assert_eq!(actions(&back), [offer(li_na())]);
}

#[test]
fn notes_that_are_written_free_the_agent_before_the_time_for_them_is_over() {
    let text = BRANCH.replace("wrap_up_s = 0", "wrap_up_s = 60");
    let mut desk = Desk::new(&text);
    desk.tell(Input::AgentAvailable { agent: li_na() });
    desk.ready(1, wants("opening_hours"));
    desk.bridged(1, li_na());
    desk.ended(1);
    let waits = desk.ready(2, wants("opening_hours"));
    assert_eq!(actions(&waits), [Action::Wait { ahead: 0 }]);
    let free = desk.tell(Input::WrapUpOver { agent: li_na() });
    assert_eq!(actions(&free), [offer(li_na())]);
    // Whoever talks is not made free by it.
    desk.bridged(2, li_na());
    desk.ready(3, wants("opening_hours"));
    assert_eq!(desk.tell(Input::WrapUpOver { agent: li_na() }), []);
}

#[test]
fn a_break_outlives_another_policy_under_its_reason() {
    let mut desk = desk();
    desk.tell(begins(li_na(), "training"));
    let other = with_breaks().replace("reason = \"lunch\"", "reason = \"pause\"");
    desk.replace(&other);
    let decided = desk.ready(1, wants("opening_hours"));
    let said = format!("{:?}", decided[0].reasons);
    assert!(said.contains("li_na: on a break (training)"), "{said}");
    desk.replace(BRANCH);
    let decided = desk.tell(Input::CallEnded { call: call(1) });
    assert_eq!(decided, []);
    let decided = desk.ready(2, wants("opening_hours"));
    let said = format!("{:?}", decided[0].reasons);
    assert!(said.contains("li_na: on a break\""), "{said}");
}

#[test]
fn reasons_in_chinese_say_who_is_on_which_break() {
    let text = with_breaks().replacen("name = \"branch\"", "name = \"b\"\nreasons_in = \"zh\"", 1);
    let mut desk = Desk::new(&text);
    for agent in [li_na(), zhang_wei()] {
        desk.tell(Input::AgentAvailable { agent });
    }
    desk.tell(begins(li_na(), "lunch"));
    let said = format!("{:?}", desk.ready(1, wants("opening_hours"))[0].reasons);
    assert!(said.contains("li_na：小休中（lunch）"), "{said}");
}
