//! Callers whom an announcement serves first, and those whose wait is over as somebody is free: nobody is sent
//! away from an agent who could take them.

use super::*;

const DESK: &str = r#"
[[agent]]
id = "ann"
skills = { loans = 3 }
[[agent]]
id = "bob"
[[group]]
name = "front"
agents = ["ann"]
overflow_to = "callback"
overflow_after_s = 30
[[rule]]
name = "hours"
when = { intent = "opening_hours" }
then = { self_service = "opening_hours" }
[[rule]]
name = "front"
when = { intent = "ask" }
then = { group = "front" }
[[rule]]
name = "loan"
when = { intent = "loan" }
then = { skills_required = { loans = 3 }, relax = { skills_after_s = 20 } }
[queue]
max_wait_s = 60
self_service_limit_s = 65
"#;

fn desk(text: &str, agents: &[&str]) -> Desk {
    let mut desk = Desk::new(text);
    for name in agents {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
    }
    desk
}

fn waited_too_long() -> Action {
    Action::Callback {
        cause: CallbackCause::WaitedTooLong,
    }
}

#[test]
fn the_time_of_an_announcement_is_no_wait_for_an_overflow() {
    let mut desk = desk(DESK, &["ann"]);
    desk.ready(1, wants("opening_hours"));
    desk.pass(35);
    assert_eq!(actions(&desk.ready(1, wants("ask"))), [offer(agent("ann"))]);
    // Nor where nobody is free: the group has its thirty seconds.
    desk.bridged(1, agent("ann"));
    desk.ready(2, wants("opening_hours"));
    desk.pass(35);
    assert_eq!(
        actions(&desk.ready(2, wants("ask"))),
        [Action::Wait { ahead: 0 }]
    );
    assert_eq!(desk.pass(29), []);
    let over = desk.pass(1);
    assert_eq!(actions(&over), [waited_too_long()]);
    assert_eq!(rules(&over[0])[0], "group_overflow");
}

#[test]
fn nor_for_the_longest_wait() {
    let mut desk = desk(DESK, &["ann"]);
    desk.ready(1, wants("opening_hours"));
    assert_eq!(actions(&desk.pass(65)), [offer(agent("ann"))]);
    desk.bridged(1, agent("ann"));
    desk.ready(2, wants("opening_hours"));
    let waits = desk.pass(65);
    assert_eq!(actions(&waits), [Action::Wait { ahead: 0 }]);
    let why = &waits[0].reasons[0].finding;
    assert!(why.contains("has waited 0.0 s of at most 60.0 s"), "{why}");
    assert_eq!(desk.pass(59), []);
    let over = desk.pass(1);
    assert_eq!(actions(&over), [waited_too_long()]);
    assert_eq!(rules(&over[0])[0], "max_wait");
}

#[test]
fn nor_for_what_a_call_gives_up_as_it_waits() {
    let mut desk = desk(DESK, &["ann", "bob"]);
    desk.ready(1, wants("loan"));
    desk.bridged(1, agent("ann"));
    desk.ready(2, wants("opening_hours"));
    desk.pass(35);
    assert_eq!(
        actions(&desk.ready(2, wants("loan"))),
        [Action::Wait { ahead: 0 }]
    );
    assert_eq!(desk.pass(19), []);
    let relaxed = desk.pass(1);
    assert_eq!(actions(&relaxed), [offer(agent("bob"))]);
    let given_up = relaxed[0].reasons.iter().find(|why| why.rule == "relaxed");
    let finding = &given_up.expect("it is told").finding;
    assert!(finding.ends_with("after 20.0 s"), "{finding}");
}

#[test]
fn an_overflow_without_delay_sends_nobody_past_a_free_agent() {
    let text = DESK.replace("overflow_after_s = 30", "overflow_after_s = 0");
    let mut desk = desk(&text, &["ann"]);
    assert_eq!(actions(&desk.ready(1, wants("ask"))), [offer(agent("ann"))]);
    desk.bridged(1, agent("ann"));
    let busy = Input::CallReady {
        call: call(2),
        profile: wants("ask"),
    };
    let flip = desk.router.flip(desk.now, &busy, call(2));
    assert_eq!(actions(&desk.tell(busy)), [waited_too_long()]);
    let flip = flip.expect("other wishes are not the group's");
    assert_eq!(flip.change, "intent `loan`");
    assert_eq!(flip.action, Action::Wait { ahead: 0 });
}

/// Rung once more, a caller is not kept from the call back by one phone after the other.
#[test]
fn one_agent_who_is_free_is_tried_after_the_longest_wait_and_no_second_one() {
    let mut desk = desk(DESK, &["ann"]);
    assert_eq!(actions(&desk.ready(1, wants("x"))), [offer(agent("ann"))]);
    desk.pass(70);
    desk.tell(Input::AgentAvailable {
        agent: agent("bob"),
    });
    assert_eq!(actions(&desk.fails(1, agent("ann"))), [offer(agent("bob"))]);
    desk.pass(40);
    let over = desk.fails(1, agent("bob"));
    assert_eq!(actions(&over), [waited_too_long()]);
}

/// Sunday morning.
fn closed(text: &str) -> Desk {
    let hours = "[hours]\ntime_zone = \"Asia/Shanghai\"\nweekly = { mon = \"09:00-17:00\" }\n";
    let mut desk = desk(&format!("{hours}{text}"), &["ann"]);
    let local = date(2026, 11, 22).at(10, 0, 0, 0);
    desk.tell(Input::LocalTime { local });
    desk
}

#[test]
fn a_closed_branch_still_tells_its_opening_hours_and_then_promises_a_call_back() {
    let mut desk = closed(DESK);
    let service = "opening_hours".to_owned();
    let served = Action::SelfService { service };
    let cause = CallbackCause::Closed;
    for (number, stays) in [(1, false), (2, true)] {
        let said = desk.ready(number, wants("opening_hours"));
        assert_eq!(actions(&said), std::slice::from_ref(&served));
        let then = if stays {
            desk.pass(65)
        } else {
            desk.ready(number, wants("loan"))
        };
        assert_eq!(actions(&then), [Action::Callback { cause }]);
    }
    desk.ready(3, wants("opening_hours"));
    assert_eq!(desk.ended(3), []);
    let ask = desk.ready(4, wants("ask"));
    assert_eq!(actions(&ask), [Action::Callback { cause }]);
}

#[test]
fn what_is_learnt_of_a_caller_while_they_are_served_decides_once_they_have_been() {
    let gold = "[[rule]]\nname = \"gold\"\nwhen = { tier = \"gold\" }\nthen = { skills_required = { loans = 3 } }\n";
    let text = format!(
        "{}{gold}",
        DESK.replace("id = \"ann\"", "id = \"ann\"\npriority = 2")
    );
    let mut desk = desk(&text, &["ann", "bob"]);
    desk.ready(1, wants("opening_hours"));
    let known = Input::CallerKnown {
        call: call(1),
        profile: wants("opening_hours").with_tier("gold"),
    };
    assert_eq!(desk.tell(known), [], "the announcement goes on");
    assert_eq!(actions(&desk.pass(65)), [offer(agent("ann"))]);
}
