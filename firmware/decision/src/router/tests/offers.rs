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
