//! Callers who hang up, keep their place and are called back at their turn.

use super::*;

const DESK: &str = "[[agent]]\nid = \"ann\"\n[queue]\nmax_wait_s = 60\nwrap_up_s = 0\n";

fn ann() -> AgentId {
    AgentId::new("ann")
}

/// Ann talks to caller 1; 2 and 3 wait, in this order.
fn desk() -> Desk {
    let mut desk = Desk::new(DESK);
    desk.tell(Input::AgentAvailable { agent: ann() });
    desk.ready(1, wants("ask"));
    desk.bridged(1, ann());
    for number in [2, 3] {
        desk.pass(1);
        desk.ready(number, wants("ask"));
    }
    desk
}

fn asks(desk: &mut Desk, number: u128) -> Vec<Decision> {
    desk.tell(Input::CallbackAsked { call: call(number) })
}

fn asked() -> Action {
    let cause = CallbackCause::Asked;
    Action::Callback { cause }
}

#[test]
fn who_is_called_back_comes_before_who_came_later() {
    let mut desk = desk();
    let kept = asks(&mut desk, 2);
    assert_eq!(actions(&kept), [asked()]);
    assert!(rules(&kept[0]).contains(&"keeps_place"), "{kept:?}");
    assert!(asks(&mut desk, 2).is_empty(), "it was promised already");
    desk.ended(2);
    assert_eq!(desk.router.waiting(), 2);
    let turn = desk.ended(1);
    assert_eq!(actions(&turn), [offer(ann())]);
    assert_eq!(turn[0].call, call(2));
    desk.tell(Input::CalledBack {
        place: call(2),
        call: call(20),
    });
    desk.bridged(20, ann());
    let next = desk.ended(20);
    assert_eq!(
        (next[0].call, actions(&next)),
        (call(3), vec![offer(ann())])
    );
}

#[test]
fn who_is_called_back_may_wait_at_the_telephone_like_anybody() {
    let mut desk = Desk::new(&format!("[[agent]]\nid = \"bob\"\n{DESK}"));
    for (number, agent) in [(1, ann()), (4, AgentId::new("bob"))] {
        let signed_in = agent.clone();
        desk.tell(Input::AgentAvailable { agent: signed_in });
        desk.ready(number, wants("ask"));
        desk.bridged(number, agent);
    }
    desk.ready(2, wants("ask"));
    asks(&mut desk, 2);
    desk.ended(2);
    desk.pass(600);
    assert_eq!(actions(&desk.ended(1)), [offer(ann())]);
    desk.tell(Input::CalledBack {
        place: call(2),
        call: call(20),
    });
    // They answer, the agent does not, and the other one talks still.
    let mut said = desk.fails(20, ann());
    said.extend(desk.pass(59));
    let turned_away = |decision: &Decision| matches!(decision.action, Action::Callback { .. });
    assert!(!said.iter().any(turned_away), "{said:?}");
}

#[test]
fn a_place_outlives_the_longest_wait_at_the_telephone() {
    let mut desk = desk();
    asks(&mut desk, 2);
    desk.ended(2);
    let said = desk.pass(600);
    assert!(
        said.iter().all(|decision| decision.call == call(3)),
        "{said:?}"
    );
    assert_eq!(desk.router.waiting(), 1);
    let given_up = desk.pass(4 * 3_600);
    let cause = CallbackCause::WaitedTooLong;
    assert_eq!(actions(&given_up), [Action::Callback { cause }]);
    assert_eq!(desk.router.waiting(), 0);
}

#[test]
fn a_place_outlives_the_router() {
    let mut desk = Desk::new(DESK);
    let kept = |number, minutes: u64| Input::PlaceKept {
        place: call(number),
        profile: wants("ask"),
        waited_ms: minutes * 60_000,
    };
    // Told in another order than they had asked in, and one of them twice.
    for input in [kept(3, 1), kept(2, 9), kept(3, 1)] {
        assert_eq!(desk.tell(input), []);
    }
    let too_long = desk.tell(kept(4, 5 * 60));
    let cause = CallbackCause::WaitedTooLong;
    assert_eq!(actions(&too_long), [Action::Callback { cause }]);
    // The phones come back first.
    assert_eq!(desk.tell(Input::AgentAvailable { agent: ann() }), []);
    let turn = desk.pass(30);
    assert_eq!(
        (turn[0].call, actions(&turn)),
        (call(2), vec![offer(ann())])
    );
    desk.tell(Input::CalledBack {
        place: call(2),
        call: call(20),
    });
    desk.bridged(20, ann());
    assert_eq!(desk.ended(20)[0].call, call(3));
}

#[test]
fn nobody_is_called_back_while_they_are_still_on_the_line() {
    let mut desk = desk();
    asks(&mut desk, 2);
    // Caller 3 would have come after 2, who still hears the promise.
    assert_eq!(desk.ended(1)[0].call, call(3));
    desk.bridged(3, ann());
    assert!(desk.ended(2).is_empty());
    assert_eq!(desk.ended(3)[0].call, call(2));
}

#[test]
fn who_does_not_answer_is_tried_three_times() {
    let mut desk = desk();
    asks(&mut desk, 2);
    desk.ended(2);
    desk.ended(3);
    let mut turn = desk.ended(1);
    for again in 0..3 {
        assert_eq!(actions(&turn), [offer(ann())], "try {again}");
        desk.tell(Input::CalledBack {
            place: call(2),
            call: call(20 + again),
        });
        let failed = desk.tell(Input::Unreached {
            call: call(20 + again),
            place: call(2),
        });
        if again == 2 {
            let cause = CallbackCause::NobodyAnswered;
            assert_eq!(actions(&failed), [Action::Callback { cause }]);
            break;
        }
        assert!(failed.is_empty(), "{failed:?}");
        turn = desk.pass(5 * 60);
    }
    assert_eq!(desk.router.waiting(), 0);
    // The agent is free for others.
    assert_eq!(actions(&desk.ready(4, wants("ask"))), [offer(ann())]);
}

#[test]
fn who_rings_again_gives_the_place_up() {
    let mut desk = desk();
    asks(&mut desk, 2);
    desk.ended(2);
    desk.tell(Input::PlaceGivenUp { place: call(2) });
    assert_eq!(desk.router.waiting(), 1);
    assert_eq!(desk.ended(1)[0].call, call(3));
    // While an agent is kept for them, too.
    asks(&mut desk, 3);
    assert!(
        desk.tell(Input::PlaceGivenUp { place: call(3) }).is_empty(),
        "3 is being offered"
    );
}

#[test]
fn late_and_strange_reports_change_nothing() {
    let mut desk = desk();
    for input in [
        Input::CallbackAsked { call: call(1) },
        Input::CallbackAsked { call: call(9) },
        Input::CalledBack {
            place: call(2),
            call: call(20),
        },
        Input::Unreached {
            call: call(9),
            place: call(2),
        },
        Input::PlaceGivenUp { place: call(3) },
    ] {
        assert!(desk.tell(input).is_empty());
    }
    assert_eq!(desk.router.waiting(), 2);
    assert_eq!(desk.ended(1)[0].call, call(2));
}

#[test]
fn a_place_outlives_another_policy() {
    let mut desk = desk();
    asks(&mut desk, 2);
    desk.ended(2);
    desk.replace(&DESK.replace("max_wait_s = 60", "max_wait_s = 90"));
    assert_eq!(desk.ended(1)[0].call, call(2));
}

#[test]
fn who_is_sent_elsewhere_while_they_are_rung_keeps_their_place_when_they_do_not_answer() {
    let text = DESK.replace("[queue]\n", "[queue]\nlast_resort = \"messages\"\n")
        + "[[destination]]\nname = \"messages\"\nkind = \"voicemail\"\ncontact = \"sip:m@192.0.2.8\"\n";
    let mut desk = Desk::new(&text);
    desk.tell(Input::AgentAvailable { agent: ann() });
    desk.ready(1, wants("ask"));
    desk.bridged(1, ann());
    desk.ready(2, wants("ask"));
    asks(&mut desk, 2);
    desk.ended(2);
    assert_eq!(actions(&desk.ended(1)), [offer(ann())]);
    let rings = call(20);
    desk.tell(Input::CalledBack {
        place: call(2),
        call: rings,
    });
    let sent = desk.tell(Input::AgentAway { agent: ann() });
    assert!(
        matches!(&sent[0].action, Action::Overflow { to, .. } if to == "messages"),
        "{sent:?}"
    );
    let place = call(2);
    let unreached = desk.tell(Input::Unreached { call: rings, place });
    assert_eq!((unreached, desk.router.waiting()), (Vec::new(), 1));
    desk.tell(Input::AgentAvailable { agent: ann() });
    let turn = desk.pass(5 * 60);
    assert_eq!((turn[0].call, actions(&turn)), (place, vec![offer(ann())]));
}
