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
