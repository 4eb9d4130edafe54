//! Calls and agents that are matched at one moment.

use super::*;

#[test]
fn every_step_of_priority_counts_when_many_are_matched() {
    let mut desk = Desk::new(
        "[[agent]]\nid = \"last\"\npriority = 9\n[[agent]]\nid = \"first\"\npriority = 3\n\
         [queue]\nrest_s = 20\n",
    );
    let (last, first) = (AgentId::new("last"), AgentId::new("first"));
    for agent in [&last, &first] {
        desk.tell(Input::AgentAvailable {
            agent: agent.clone(),
        });
    }
    for (number, agent) in [(1, &first), (2, &last)] {
        desk.ready(number, wants("ask"));
        desk.fails(number, agent.clone());
        desk.ended(number);
    }
    desk.ready(3, wants("ask"));
    // Both end their rest at one moment.
    let decision = desk.pass(25).remove(0);
    assert_eq!(decision.action, offer(first));
    assert!(rules(&decision).contains(&"agent_priority"));
}

#[test]
fn calls_and_agents_that_come_at_once_are_matched_together() {
    let text = r#"
[[agent]]
id = "both"
skills = { cards = 3, loans = 3 }
[[agent]]
id = "cards"
skills = { cards = 3 }
[[rule]]
name = "cards"
when = { intent = "cards" }
then = { skills_required = { cards = 1 } }
[[rule]]
name = "loans"
when = { intent = "loans" }
then = { skills_required = { loans = 1 } }
[queue]
rest_s = 20
"#;
    let mut desk = Desk::new(text);
    let (both, cards) = (AgentId::new("both"), AgentId::new("cards"));
    for agent in [&both, &cards] {
        desk.tell(Input::AgentAvailable {
            agent: agent.clone(),
        });
    }
    for (number, agent) in [(1, &both), (2, &cards)] {
        desk.ready(number, wants("cards"));
        desk.fails(number, agent.clone());
        desk.ended(number);
    }
    desk.ended(1);
    desk.ended(2);
    desk.ready(3, wants("cards"));
    desk.ready(4, wants("loans"));
    // Both agents end their rest at one moment: greed would give `both` to the older call.
    let decisions = desk.pass(25);
    let pairs: Vec<(CallId, Action)> = decisions
        .iter()
        .map(|decision| (decision.call, decision.action.clone()))
        .collect();
    assert_eq!(pairs, [(call(3), offer(cards)), (call(4), offer(both))]);
    // For the older call alone `both` would have been as good, and stands first in the policy.
    assert!(rules(&decisions[0]).contains(&"matched_together"));
}
