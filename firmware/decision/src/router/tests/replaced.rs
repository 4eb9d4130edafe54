//! What goes on under another policy.

use super::*;

#[test]
fn what_is_due_is_said_by_the_policy_that_made_it_due() {
    let mut desk = Desk::new(
        "[[agent]]\nid = \"new\"\nnovice = true\n[[agent]]\nid = \"ann\"\n\
         [queue]\nnovice_limit_s = 60\n",
    );
    for name in ["new", "ann"] {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
    }
    desk.ready(1, wants("ask"));
    desk.bridged(1, agent("new"));
    let before = desk.router.policy().sha256.clone();
    desk.now += Duration::from_secs(60);
    let decisions = desk.replace("[[agent]]\nid = \"zoe\"\n");
    let to_ann = Action::Transfer {
        agent: agent("ann"),
    };
    assert_eq!(actions(&decisions), [to_ann]);
    assert_eq!(decisions[0].policy, before);
}

#[test]
fn waits_are_foretold_from_calls_of_the_same_rules_whatever_their_order() {
    let rule = |name: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\nwhen = {{ intent = \"{name}\" }}\nthen = {{ priority = 1 }}\n"
        )
    };
    let people = "[[agent]]\nid = \"ann\"\n";
    let mut desk = Desk::new(&[people, &rule("ask"), &rule("loan")].concat());
    desk.tell(Input::AgentAvailable {
        agent: agent("ann"),
    });
    // One such caller waited long.
    desk.ready(1, wants("ask"));
    desk.bridged(1, agent("ann"));
    desk.ready(2, wants("ask"));
    desk.pass(250);
    desk.ended(1);
    desk.bridged(2, agent("ann"));
    desk.ready(3, wants("ask"));
    desk.ready(4, wants("loan"));
    let waits = |desk: &Desk| [3, 4].map(|number| desk.router.expected_wait(call(number)));
    let before = waits(&desk);
    desk.replace(&[people, &rule("loan"), &rule("ask")].concat());
    assert_eq!(waits(&desk), before);
    // What is said of a rule that is gone is forgotten.
    desk.replace(&[people, &rule("loan")].concat());
    desk.replace(&[people, &rule("loan"), &rule("ask")].concat());
    let after = waits(&desk);
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1], before[1]);
}

#[test]
fn who_waits_goes_to_the_agents_of_another_policy() {
    let ann = "[[agent]]\nid = \"ann\"\nskills = { x = 3 }\n";
    let rule = "[[rule]]\nname = \"x\"\nwhen = { intent = \"x\" }\nthen = { skills_required = { x = 3 } }\n";
    let mut desk = Desk::new(&[ann, rule].concat());
    desk.tell(Input::AgentAvailable {
        agent: agent("ann"),
    });
    desk.ready(1, wants("x"));
    desk.bridged(1, agent("ann"));
    for number in [2, 3] {
        desk.pass(1);
        desk.ready(number, wants("x"));
    }
    let bob = ann.replace("ann", "bob");
    let decisions = desk.replace_with(&[&bob, rule].concat(), &[agent("bob")]);
    let offered = decisions.iter().find(|decision| decision.call == call(2));
    let offered = offered.expect("they have waited longest");
    assert_eq!(offered.action, offer(agent("bob")));
    assert!(!rules(offered).contains(&"skills_given_up"), "{offered:?}");
    assert_eq!(desk.router.waiting(), 1, "{decisions:?}");
    desk.bridged(2, agent("bob"));
    let next = desk.ended(2);
    assert_eq!(
        (next[0].call, actions(&next)),
        (call(3), vec![offer(agent("bob"))])
    );
}
