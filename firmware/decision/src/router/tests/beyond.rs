//! Calls that leave their group or the branch, that a machine serves first, or that a novice hands on.

use super::*;

fn desk(text: &str, agents: &[&str]) -> Desk {
    let mut desk = Desk::new(text);
    for name in agents {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
    }
    desk
}

fn to_east() -> Action {
    Action::Overflow {
        to: "east".to_owned(),
        kind: DestinationKind::Branch,
    }
}

fn to_messages() -> Action {
    Action::Overflow {
        to: "messages".to_owned(),
        kind: DestinationKind::Voicemail,
    }
}

const PLACES: &str = r#"
[[agent]]
id = "ann"
[[group]]
name = "front"
agents = ["ann"]
overflow_to = "east"
overflow_after_s = 20
[[destination]]
name = "east"
kind = "branch"
contact = "sip:desk@192.0.2.7"
otherwise = "messages"
[[destination]]
name = "messages"
kind = "voicemail"
contact = "sip:messages@192.0.2.8"
[[rule]]
name = "front"
when = { intent = "ask" }
then = { group = "front" }
[queue]
last_resort = "messages"
max_wait_s = 60
"#;

#[test]
fn a_group_overflows_to_another_branch_then_to_voicemail_then_to_a_call_back() {
    let mut desk = desk(PLACES, &["ann"]);
    desk.ready(1, wants("ask"));
    desk.bridged(1, agent("ann"));
    desk.ready(2, wants("ask"));
    let sent = desk.pass(20);
    assert_eq!(actions(&sent), [to_east()]);
    assert_eq!(rules(&sent[0])[..2], ["group_overflow", "overflow"]);
    let next = desk.fails(2, agent("east"));
    assert_eq!(actions(&next), [to_messages()]);
    let last = desk.fails(2, agent("messages"));
    let cause = CallbackCause::WaitedTooLong;
    assert_eq!(actions(&last), [Action::Callback { cause }]);
    assert_eq!(desk.router.waiting(), 0);
}

#[test]
fn a_destination_takes_calls_until_they_end_and_any_number_at_once() {
    let mut desk = desk(PLACES, &["ann"]);
    for number in 1..5 {
        desk.ready(number, wants("ask"));
    }
    desk.bridged(1, agent("ann"));
    let sent = desk.pass(20);
    assert_eq!(sent.iter().filter(|d| d.action == to_east()).count(), 3);
    for number in 2..5 {
        assert_eq!(desk.bridged(number, agent("east")), []);
    }
    // Ann is not theirs: her next call is a new one.
    desk.ended(1);
    desk.ended(2);
    assert_eq!(actions(&desk.ready(6, wants("ask"))), [offer(agent("ann"))]);
    assert!(desk.pass(600).iter().all(|d| d.call == call(6)));
}

#[test]
fn the_last_resort_comes_before_a_call_back_whatever_the_cause() {
    let mut desk = desk(PLACES, &[]);
    let nobody = desk.ready(1, wants("else"));
    assert_eq!(actions(&nobody), [to_messages()]);
    assert_eq!(rules(&nobody[0])[..2], ["nobody_left", "overflow"]);
    // Of an offer there nothing is ever heard.
    let silence = desk.pass(200);
    let cause = CallbackCause::NobodyAnswered;
    assert_eq!(actions(&silence), [Action::Callback { cause }]);
}

#[test]
fn a_policy_without_the_destination_takes_the_call_back_into_the_queue() {
    let mut desk = desk(PLACES, &["ann"]);
    desk.ready(1, wants("ask"));
    desk.bridged(1, agent("ann"));
    desk.ready(2, wants("ask"));
    desk.pass(20);
    desk.replace("[[agent]]\nid = \"ann\"\n");
    assert_eq!(desk.router.waiting(), 1);
    assert_eq!(actions(&desk.ended(1)), [offer(agent("ann"))]);
}

#[test]
fn the_next_best_of_a_decision_that_leaves_the_branch_flips_to_an_agent() {
    let desk = desk(PLACES, &[]);
    let profile = wants("else");
    let flip = desk.router.flip(
        desk.now,
        &Input::CallReady {
            call: call(1),
            profile,
        },
        call(1),
    );
    assert_eq!(flip.expect("ann could come").action, offer(agent("ann")));
}

const MACHINE: &str = r#"
[[agent]]
id = "ann"
[[rule]]
name = "hours"
when = { intent = "opening_hours" }
then = { self_service = "opening_hours" }
[queue]
self_service_limit_s = 30
"#;

#[test]
fn a_machine_serves_first_and_costs_no_place() {
    let mut desk = desk(MACHINE, &["ann"]);
    desk.ready(1, wants("else"));
    desk.bridged(1, agent("ann"));
    let served = desk.ready(2, wants("opening_hours"));
    let service = "opening_hours".to_owned();
    assert_eq!(actions(&served), [Action::SelfService { service }]);
    desk.pass(5);
    desk.ready(3, wants("else"));
    // Who says more wants an agent, and stands where they came in.
    let waits = desk.ready(2, wants("opening_hours"));
    assert_eq!(actions(&waits), [Action::Wait { ahead: 0 }]);
    assert_eq!(desk.ended(1)[0].call, call(2));
}

#[test]
fn who_stays_after_the_machine_gets_an_agent_by_the_limit() {
    let mut desk = desk(MACHINE, &["ann"]);
    desk.ready(1, wants("opening_hours"));
    assert_eq!(desk.pass(29), []);
    assert_eq!(actions(&desk.pass(1)), [offer(agent("ann"))]);
}

#[test]
fn who_turns_to_another_wish_or_hangs_up_leaves_the_machine() {
    let mut desk = desk(MACHINE, &["ann"]);
    desk.ready(1, wants("opening_hours"));
    assert_eq!(
        actions(&desk.ready(1, wants("agent"))),
        [offer(agent("ann"))]
    );
    desk.ready(2, wants("opening_hours"));
    assert_eq!(desk.ended(2), []);
    assert_eq!(desk.router.waiting(), 0);
}

const NOVICE: &str = r#"
[[agent]]
id = "new"
novice = true
[[agent]]
id = "ann"
priority = 2
[[agent]]
id = "bob"
priority = 3
[queue]
novice_limit_s = 60
rest_s = 30
"#;

#[test]
fn a_novice_s_long_call_goes_on_to_somebody_experienced() {
    let mut desk = desk(NOVICE, &["new", "ann", "bob"]);
    desk.ready(1, wants("ask"));
    desk.bridged(1, agent("new"));
    assert_eq!(desk.pass(59), []);
    let handed = desk.pass(1);
    let to = |name| Action::Transfer { agent: agent(name) };
    assert_eq!(actions(&handed), [to("ann")]);
    assert_eq!(rules(&handed[0])[0], "novice");
    // Ann does not answer: Bob is next, and the novice talks on until he does.
    assert_eq!(desk.fails(1, agent("ann")), []);
    assert_eq!(actions(&desk.pass(5)), [to("bob")]);
    assert_eq!(desk.bridged(1, agent("bob")), []);
    assert_eq!(actions(&desk.ready(2, wants("ask"))), [offer(agent("new"))]);
    desk.ended(1);
    assert!(desk.pass(600).iter().all(|d| d.call == call(2)));
}

#[test]
fn nobody_free_means_the_novice_talks_on_and_is_looked_at_again() {
    let mut desk = desk(NOVICE, &["new"]);
    desk.ready(1, wants("ask"));
    desk.bridged(1, agent("new"));
    assert_eq!(desk.pass(300), []);
    desk.tell(Input::AgentAvailable {
        agent: agent("bob"),
    });
    assert_eq!(desk.pass(5).len(), 1);
    // The caller hangs up while Bob's phone rings: he is free at once.
    desk.ended(1);
    desk.tell(Input::AgentAway {
        agent: agent("new"),
    });
    assert_eq!(actions(&desk.ready(2, wants("ask"))), [offer(agent("bob"))]);
}

#[test]
fn faults_of_destinations_and_novices_are_named() {
    let said = |text: &str| {
        let problems = Policy::parse("p.toml", text).problems;
        let lines = problems.iter().map(ToString::to_string);
        lines.collect::<Vec<_>>().join("\n")
    };
    let circle = PLACES.replace(
        "kind = \"voicemail\"",
        "kind = \"voicemail\"\notherwise = \"east\"",
    );
    assert!(said(&circle).contains("leads in a circle: east -> messages -> east"));
    let unknown = PLACES.replace("last_resort = \"messages\"", "last_resort = \"west\"");
    assert!(
        said(&unknown).contains("must be `callback` or a destination (east, messages), got `west`")
    );
    let kindless = PLACES.replace("kind = \"branch\"\n", "");
    assert!(said(&kindless).contains("`destination.east.kind` is missing"));
    let deaf = PLACES.replace("contact = \"sip:desk@192.0.2.7\"\n", "");
    assert!(said(&deaf).contains("`destination.east.contact` is missing"));
    let double = PLACES.replace("name = \"east\"", "name = \"ann\"");
    assert!(said(&double).contains("`ann` is an agent's name too"));
    let service = MACHINE.replace("= \"opening_hours\" }\n[queue]", "= \"../etc\" }\n[queue]");
    assert!(
        said(&service).contains("`rule.hours.then.self_service` must be an announcement's name")
    );
    let alone = "[[agent]]\nid = \"new\"\nnovice = true\n[queue]\nnovice_limit_s = 9\n";
    assert!(
        said(&format!(
            "{alone}[[rule]]\nname = \"r\"\nwhen = {{ intent = \"i\" }}\nthen = {{}}\n"
        ))
        .contains("every agent is a `novice`")
    );
}

const GROUPS: &str = r#"
[[agent]]
id = "ann"
[[agent]]
id = "bob"
[[agent]]
id = "carl"
[[group]]
name = "front"
agents = ["ann"]
overflow_to = "back"
overflow_after_s = 20
[[group]]
name = "back"
agents = ["bob"]
overflow_to = "callback"
overflow_after_s = 30
[[rule]]
name = "front"
when = { intent = "ask" }
then = { group = "front" }
"#;

#[test]
fn calls_overflow_to_the_next_group_and_then_to_a_call_back() {
    let mut desk = Desk::new(GROUPS);
    for agent in ["ann", "bob", "carl"] {
        desk.tell(Input::AgentAvailable {
            agent: AgentId::new(agent),
        });
    }
    let offered = |decisions: &[Decision], to: &str| {
        decisions.iter().any(|d| {
            d.action
                == Action::Offer {
                    agent: AgentId::new(to),
                }
        })
    };
    assert!(offered(&desk.ready(1, wants("ask")), "ann"));
    // Bob and Carl are free, but the second call is not theirs yet.
    let waits = desk.ready(2, wants("ask"));
    assert!(matches!(waits[0].action, Action::Wait { .. }));
    desk.pass(19);
    assert_eq!(desk.router.waiting(), 1);
    assert!(offered(&desk.pass(1), "bob"));
    desk.ready(3, wants("ask"));
    let ended = desk.pass(50);
    assert!(ended.iter().any(|d| d.call == call(3)
        && d.action
            == Action::Callback {
                cause: CallbackCause::WaitedTooLong
            }));
    // Other calls are everybody's.
    assert!(offered(&desk.ready(4, wants("else")), "carl"));
}
