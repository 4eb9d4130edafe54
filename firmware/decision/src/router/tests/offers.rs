//! What becomes of an offer, and of the agent it was made to.

use super::*;

#[test]
fn an_agent_who_fails_is_not_asked_again_and_the_next_is() {
    let mut desk = Desk::branch();
    assert_eq!(actions(&desk.ready(1, wants("refund"))), [offer(li_na())]);
    let second = desk.fails(1, li_na());
    assert_eq!(actions(&second), [offer(zhang_wei())]);
    assert!(
        second[0]
            .reasons
            .iter()
            .any(|reason| reason.finding == "li_na: did not answer for this call")
    );
    let last = desk.fails(1, zhang_wei());
    assert_eq!(
        actions(&last),
        [Action::Callback {
            cause: CallbackCause::NobodyAnswered
        }]
    );
    assert_eq!(
        last[0].reasons[0].finding,
        "nobody is left to try after 2 offers"
    );
    assert!(desk.ended(1).is_empty());
    // The agents rest, then take calls again.
    assert_eq!(
        actions(&desk.ready(2, wants("refund"))),
        [Action::Wait { ahead: 0 }]
    );
    assert_eq!(actions(&desk.pass(30)), [offer(li_na())]);
}

#[test]
fn nobody_signed_in_means_a_call_back_at_once() {
    let mut desk = Desk::new(BRANCH);
    let decisions = desk.ready(1, wants("refund"));
    assert_eq!(
        actions(&decisions),
        [Action::Callback {
            cause: CallbackCause::NobodyAnswered
        }]
    );
    assert_eq!(
        decisions[0].reasons[0].finding,
        "nobody is signed in who could take it"
    );
}

#[test]
fn an_offer_of_which_nothing_is_heard_fails() {
    let mut desk = Desk::branch();
    desk.ready(1, wants("refund"));
    let decisions = desk.pass(200);
    assert_eq!(actions(&decisions), [offer(zhang_wei())]);
}

#[test]
fn an_agent_who_vanishes_in_mid_offer_fails_it() {
    let mut desk = Desk::branch();
    desk.ready(1, wants("refund"));
    assert_eq!(
        actions(&desk.tell(Input::AgentAway { agent: li_na() })),
        [offer(zhang_wei())]
    );
}

#[test]
fn wrap_up_keeps_an_agent_from_the_next_call() {
    let mut desk = Desk::new("[queue]\nwrap_up_s = 15\n[[agent]]\nid = \"a\"\n");
    let agent = AgentId::new("a");
    desk.tell(Input::AgentAvailable {
        agent: agent.clone(),
    });
    desk.ready(1, CallProfile::unknown());
    desk.bridged(1, agent.clone());
    desk.ready(2, CallProfile::unknown());
    assert!(desk.ended(1).is_empty());
    assert!(desk.pass(14).is_empty());
    assert_eq!(actions(&desk.pass(1)), [offer(agent)]);
}

#[test]
fn reports_about_strangers_change_nothing() {
    let mut desk = Desk::branch();
    assert!(desk.ended(9).is_empty());
    assert!(desk.bridged(9, li_na()).is_empty());
    assert!(desk.fails(9, li_na()).is_empty());
    assert!(
        desk.tell(Input::AgentAvailable {
            agent: AgentId::new("nobody")
        })
        .is_empty()
    );
    desk.ready(1, wants("refund"));
    assert!(desk.fails(1, zhang_wei()).is_empty());
    assert_eq!(desk.router.waiting(), 0);
}

const THREE: &str = "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n[[agent]]\nid = \"cai\"\n";

fn three() -> Desk {
    let mut desk = Desk::new(THREE);
    for name in ["ann", "bob", "cai"] {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
    }
    desk
}

/// Two calls a minute, for half a minute each, while nobody answers Ann's phone in 20 s. How often it rang.
fn anns_lunch(desk: &mut Desk, minutes: u128) -> u32 {
    let mut rang = 0;
    for number in 1..=2 * minutes {
        let begins = desk.now;
        let mut decisions = desk.ready(number, wants("ask"));
        while decisions[0].action == offer(agent("ann")) {
            rang += 1;
            desk.pass(20);
            decisions = desk.fails(number, agent("ann"));
        }
        let Action::Offer { agent } = decisions[0].action.clone() else {
            panic!("{decisions:?}")
        };
        desk.bridged(number, agent);
        desk.now = begins + Duration::from_secs(25);
        desk.ended(number);
        desk.pass(5);
    }
    rang
}

#[test]
fn who_does_not_answer_is_asked_ever_less() {
    let mut desk = three();
    let rang = anns_lunch(&mut desk, 60);
    assert!((4..=16).contains(&rang), "{rang} times");
    // Back, and waiting for calls: the next is hers, and from then on she is asked like the others.
    desk.pass(300);
    let next = desk.ready(200, wants("ask"));
    assert_eq!(actions(&next), [offer(agent("ann"))]);
    desk.bridged(200, agent("ann"));
    desk.ended(200);
    for name in ["bob", "cai"] {
        desk.tell(Input::AgentBusy { agent: agent(name) });
    }
    desk.ready(201, wants("ask"));
    desk.fails(201, agent("ann"));
    desk.ready(202, wants("ask"));
    assert_eq!(actions(&desk.pass(30)), [offer(agent("ann"))]);
}

#[test]
fn where_nobody_answers_everybody_is_asked_as_often_as_ever() {
    let mut desk = three();
    for round in 0..8 {
        let mut decisions = desk.ready(round, wants("ask"));
        for _ in 0..3 {
            let Action::Offer { agent } = decisions[0].action.clone() else {
                panic!("{decisions:?}")
            };
            decisions = desk.fails(round, agent);
        }
        desk.pass(30);
    }
}

#[test]
fn who_signs_in_is_asked_at_once_however_often_they_failed() {
    let mut desk = three();
    anns_lunch(&mut desk, 20);
    let ann = || agent("ann");
    desk.tell(Input::AgentAvailable { agent: ann() });
    for name in ["bob", "cai"] {
        desk.tell(Input::AgentBusy { agent: agent(name) });
    }
    assert_eq!(actions(&desk.ready(100, wants("ask"))), [offer(ann())]);
}

#[test]
fn waits_are_foretold_by_those_who_answer() {
    let wait = |absent: bool| {
        let mut desk = three();
        for (number, name) in [(1, "ann"), (2, "bob"), (3, "cai")] {
            desk.ready(number, wants("ask"));
            if absent && name == "ann" {
                desk.fails(number, agent(name));
                desk.ended(number);
            }
        }
        desk.ready(4, wants("ask"));
        desk.ready(5, wants("ask"));
        desk.router
            .expected_wait(call(5))
            .expect("they wait")
            .median
    };
    assert!(wait(true) > wait(false));
}
