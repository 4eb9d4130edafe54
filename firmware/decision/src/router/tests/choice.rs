//! Which of the agents who are free is asked.

use super::*;

#[test]
fn the_same_words_go_to_the_senior_agent_only_when_angry() {
    let mut desk = Desk::branch();
    desk.now = Duration::from_mins(10);
    let calm = desk.ready(1, wants("complaint"));
    assert_eq!(actions(&calm), [offer(li_na())]);
    assert_eq!(
        rules(&calm[0]),
        ["complaint", "hours_unknown", "agent_priority"]
    );
    assert_eq!(
        calm[0].alternative.as_ref().map(|next| next.agent.clone()),
        Some(zhang_wei())
    );
    desk.ended(1);
    let heated = desk.ready(2, angry("complaint"));
    assert_eq!(actions(&heated), [offer(zhang_wei())]);
    assert_eq!(
        rules(&heated[0]),
        [
            "complaint",
            "angry",
            "hours_unknown",
            "only_candidate",
            "skipped"
        ]
    );
    assert_eq!(heated[0].reasons[4].finding, "li_na: not senior");
    assert_eq!(heated[0].policy, desk.router.policy().sha256);
}

#[test]
fn the_longest_idle_agent_is_asked() {
    let mut desk = Desk::new(
        "[[agent]]\nid = \"a\"\n[[agent]]\nid = \"b\"\n[weights]\nbusy_s = 0\nidle_cap_s = 3600\n",
    );
    desk.tell(Input::AgentAvailable {
        agent: AgentId::new("b"),
    });
    desk.pass(40);
    desk.tell(Input::AgentAvailable {
        agent: AgentId::new("a"),
    });
    desk.pass(2);
    let decisions = desk.ready(1, CallProfile::unknown());
    assert_eq!(actions(&decisions), [offer(AgentId::new("b"))]);
    let reason = decisions[0].reasons.last().expect("there are reasons");
    assert_eq!(reason.rule, "longest_idle");
    assert_eq!(
        reason.finding,
        "b of 2 free agents who fit: idle for 42.0 s, not 2.0 s; ahead by 40.0 s in all"
    );
    assert_eq!(rules(&decisions[0])[0], "default_route");
    let next = decisions[0].alternative.as_ref().expect("there is one");
    let costs = (decisions[0].cost_us, next.cost_us);
    assert_eq!(costs, (Some(-42_000_000), Some(-2_000_000)));
}

#[test]
fn the_smallest_change_that_flips_a_decision_is_found() {
    let desk = Desk::branch();
    let ready = |profile| Input::CallReady {
        call: call(1),
        profile,
    };
    let flip = desk
        .router
        .flip(desk.now, &ready(angry("refund")), call(1))
        .expect("there is one");
    assert_eq!(flip.change, "angry at 49.9 %, not 80 %");
    assert_eq!((flip.size_permille, flip.action), (301, offer(li_na())));
    let flip = desk
        .router
        .flip(desk.now, &ready(wants("refund")), call(1))
        .expect("there is one");
    assert_eq!(
        (flip.size_permille, flip.change.as_str()),
        (1000, "angry, not neutral")
    );
    let doubtful = CallProfile {
        emotion_permille: 490,
        ..angry("refund")
    };
    let flip = desk
        .router
        .flip(desk.now, &ready(doubtful), call(1))
        .expect("there is one");
    assert_eq!((flip.size_permille, flip.action), (10, offer(zhang_wei())));
    assert_eq!(desk.router.flip(desk.now, &Input::Tick, call(1)), None);
}

/// Decisions are made as agents become free and waits end, not only when a caller is heard.
#[test]
fn what_another_event_brings_is_flipped_too() {
    let mut desk = Desk::new(
        "[[agent]]\nid = \"ann\"\n[[rule]]\nname = \"gold\"\nwhen = { tier = \"gold\" }\n\
         then = { priority = 9 }\n[queue]\nmax_wait_s = 100\n",
    );
    desk.tell(Input::AgentAvailable {
        agent: agent("ann"),
    });
    desk.ready(1, wants("ask"));
    desk.bridged(1, agent("ann"));
    for number in [2, 3] {
        desk.ready(number, wants("ask"));
        desk.pass(10);
    }
    let ends = Input::CallEnded { call: call(1) };
    let flip = |desk: &Desk, input: &Input, number| {
        let flip = desk.router.flip(desk.now, input, call(number));
        flip.map(|flip| (flip.change, flip.action))
    };
    // The one who came first is served, and the other is told nothing.
    let found = flip(&desk, &ends, 2).expect("there is one");
    assert_eq!(
        found,
        ("ann not free".to_owned(), Action::Wait { ahead: 0 })
    );
    assert_eq!(flip(&desk, &ends, 3), None);
    let gold = wants("ask").with_tier("gold");
    desk.ready(3, gold);
    let found = flip(&desk, &ends, 3).expect("there is one");
    assert_eq!(
        found,
        ("tier unknown".to_owned(), Action::Wait { ahead: 1 })
    );
    let busy = Input::AgentBusy {
        agent: agent("ann"),
    };
    desk.tell(busy.clone());
    desk.ended(1);
    assert_eq!(flip(&desk, &busy, 3), None, "it changes nothing");
    let back = Input::AgentAvailable {
        agent: agent("ann"),
    };
    let found = flip(&desk, &back, 3).expect("there is one");
    assert_eq!(found.0, "tier unknown");
    desk.tell(Input::CallEnded { call: call(2) });
    let found = flip(&desk, &back, 3).expect("there is one");
    assert_eq!(
        found,
        ("ann not free".to_owned(), Action::Wait { ahead: 0 })
    );
}

#[test]
fn the_agent_of_last_time_is_preferred() {
    let text = "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n[weights]\nsticky_s = 60\n";
    let mut desk = Desk::new(text);
    desk.tell(Input::AgentAvailable {
        agent: AgentId::new("ann"),
    });
    desk.pass(30);
    desk.tell(Input::AgentAvailable {
        agent: AgentId::new("bob"),
    });
    let profile = CallProfile {
        last_agent: Some(AgentId::new("bob")),
        ..wants("ask")
    };
    let decision = desk.ready(1, profile).remove(0);
    assert_eq!(
        decision.action,
        Action::Offer {
            agent: AgentId::new("bob")
        }
    );
    assert!(decision.reasons.iter().any(|r| r.rule == "same_agent"));
}

#[test]
fn a_look_up_that_comes_late_counts_for_who_waits() {
    let mut desk = Desk::new(
        "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n[weights]\nsticky_s = 60\n\
         [queue]\nwrap_up_s = 10\n",
    );
    for (number, name) in [(1, "ann"), (2, "bob")] {
        desk.tell(Input::AgentAvailable {
            agent: AgentId::new(name),
        });
        desk.ready(number, wants("ask"));
        desk.bridged(number, AgentId::new(name));
    }
    desk.ready(3, wants("ask"));
    let known = CallProfile {
        last_agent: Some(AgentId::new("bob")),
        ..wants("ask")
    };
    assert_eq!(desk.ready(3, known), []);
    // Both are ready at one moment.
    desk.ended(1);
    desk.ended(2);
    assert_eq!(actions(&desk.pass(10)), [offer(AgentId::new("bob"))]);
}

#[test]
fn what_is_known_of_a_customer_meets_a_rule_and_is_among_what_would_flip_it() {
    let mut desk = Desk::new(
        "[[agent]]\nid = \"ann\"\nskills = { general = 1 }\n\
         [[agent]]\nid = \"kim\"\nskills = { general = 1, retention = 3 }\n[[rule]]\nname = \"keep\"\n\
         when = { intent = \"close_account\", facts = [\"wealth_viewed\", \"rich\"] }\n\
         then = { skills_required = { retention = 2 } }\n",
    );
    let ready = |facts: &[&str]| Input::CallReady {
        call: call(1),
        profile: CallProfile {
            facts: facts.iter().map(|&fact| fact.to_owned()).collect(),
            ..wants("close_account")
        },
    };
    for name in ["ann", "kim"] {
        let agent = AgentId::new(name);
        desk.tell(Input::AgentAvailable { agent });
        desk.pass(5);
    }
    let to = |name: &str| offer(AgentId::new(name));
    let flip = desk.router.flip(desk.now, &ready(&["owes"]), call(1));
    let flip = flip.expect("there is one");
    assert_eq!(
        (flip.change.as_str(), flip.action),
        ("known as rich", to("kim"))
    );
    let decisions = desk.tell(ready(&["owes", "wealth_viewed"]));
    assert_eq!(actions(&decisions), [to("kim")]);
    assert_eq!(rules(&decisions[0])[0], "keep");
}

#[test]
fn a_hidden_intent_counts_where_the_policy_has_rules_for_it() {
    let text = |intent: &str| {
        format!(
            "[[agent]]\nid = \"ann\"\n[[rule]]\nname = \"close\"\nwhen = {{ intent = \"close_account\" }}\n\
             then = {{ priority = 1 }}\n[[rule]]\nname = \"keep\"\nwhen = {{ intent = \"{intent}\" }}\n\
             then = {{ priority = 2 }}\n"
        )
    };
    for (known, rule) in [("retention", "keep"), ("other", "close")] {
        let mut desk = Desk::new(&text(known));
        let agent = AgentId::new("ann");
        desk.tell(Input::AgentAvailable { agent });
        let profile = CallProfile {
            hidden_intent: Some("retention".to_owned()),
            ..wants("close_account")
        };
        let decisions = desk.ready(1, profile);
        assert_eq!(rules(&decisions[0])[0], rule, "{known}");
        assert!(!rules(&decisions[0]).contains(&if rule == "keep" { "close" } else { "keep" }));
    }
}
