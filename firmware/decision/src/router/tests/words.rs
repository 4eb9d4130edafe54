//! What reasons say of a choice between agents.

use super::*;

#[test]
fn idle_time_beyond_its_cap_is_no_reason() {
    let people = "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n[weights]\nbusy_s = 0\n";
    let mut desk = Desk::new(people);
    for name in ["ann", "bob"] {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
        desk.pass(600);
    }
    let decision = desk.ready(1, wants("ask")).remove(0);
    assert_eq!(decision.action, offer(agent("ann")));
    assert!(rules(&decision).contains(&"policy_order"), "{decision:?}");
}

#[test]
fn what_is_matched_together_is_said_in_chinese_too() {
    let text = r#"
reasons_in = "zh"
[[agent]]
id = "both"
skills = { cards = 3, loans = 3 }
[[agent]]
id = "cards"
skills = { cards = 3 }
[[rule]]
name = "loans"
when = { intent = "loans" }
then = { skills_required = { loans = 1 } }
[queue]
wrap_up_s = 10
"#;
    let mut desk = Desk::new(text);
    for (number, name) in [(1, "both"), (2, "cards")] {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
        desk.ready(number, wants("cards"));
        desk.bridged(number, agent(name));
    }
    desk.ready(3, wants("cards"));
    desk.ready(4, wants("loans"));
    desk.ended(1);
    desk.ended(2);
    let decisions = desk.pass(10);
    let expected = [offer(agent("cards")), offer(agent("both"))];
    assert_eq!(actions(&decisions), expected);
    let reason = decisions[0]
        .reasons
        .iter()
        .find(|reason| reason.rule == "matched_together");
    let reason = reason.expect("`both` would have been as good and stands first");
    assert!(reason.finding.contains("统一匹配"), "{reason:?}");
}

#[test]
fn reasons_are_given_in_chinese_where_the_policy_says_so() {
    let mut desk = Desk::new("reasons_in = \"zh\"\n[[agent]]\nid = \"li_na\"\n");
    desk.tell(Input::AgentAvailable { agent: li_na() });
    let decision = desk.ready(1, wants("ask")).remove(0);
    let findings: Vec<&str> = decision
        .reasons
        .iter()
        .map(|r| r.finding.as_str())
        .collect();
    assert!(
        findings.iter().any(|f| f.contains("唯一空闲且合适的坐席")),
        "{findings:?}"
    );
    let words = |text: &str| {
        text.split(' ')
            .any(|w| w.len() > 3 && w.chars().all(|c| c.is_ascii_lowercase()))
    };
    assert!(findings.iter().all(|f| !words(f)), "{findings:?}");
}
