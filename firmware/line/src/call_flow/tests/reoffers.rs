//! Changes in mid-call: hold and resume, another law, a side that is replaced.

use super::*;

fn wants(law: &str) -> LegEvent {
    LegEvent::Reoffered {
        sdp: sdp(4_000, law, "sendrecv"),
    }
}

#[test]
fn another_law_is_asked_of_the_other_side_first() {
    let mut bench = Bench::bridged();
    let agent = bench.caller.branch(1);
    let outputs = bench.caller(wants("0"));
    assert_eq!(commands(&outputs), [(agent, "reoffer")]);
    assert!(body(&outputs).contains("RTP/AVP 0 8 101\r\n"));
    assert_eq!(
        commands(&bench.caller(wants("0"))),
        [(bench.caller, "reject reoffer")],
        "glare"
    );
    let answer = LegEvent::Reanswered {
        sdp: sdp(5_000, "0", "sendrecv"),
    };
    let outputs = bench.agent(1, answer);
    assert_eq!(commands(&outputs), [(bench.caller, "answer reoffer")]);
    let both = [(Side::Agent, Codec::Pcmu), (Side::Caller, Codec::Pcmu)];
    assert_eq!(laws(&outputs), both);
}

#[test]
fn what_is_changed_before_the_answer_is_answered_the_same_later() {
    let mut bench = Bench::offered(Greeting::Early);
    bench.order(Order::Greet);
    let changed = bench.caller(wants("0"));
    assert_eq!(commands(&changed), [(bench.caller, "answer reoffer")]);
    assert_eq!(laws(&changed), [(Side::Caller, Codec::Pcmu)]);
    bench.offer("a1");
    let up = bench.agent(
        1,
        LegEvent::Answered {
            sdp: sdp(5_000, "0", "sendrecv"),
        },
    );
    assert_eq!(commands(&up), [(bench.caller, "answer")]);
    assert_eq!(body(&up), body(&changed));
}

/// A law that one side wants, and a refusal of the other because it asks for something itself.
fn crossed(wanting: Side) -> (Bench, LegId, LegId) {
    let mut bench = Bench::bridged();
    let (caller, agent) = (bench.caller, bench.caller.branch(1));
    let (asking, asked) = match wanting {
        Side::Caller => (caller, agent),
        Side::Agent => (agent, caller),
    };
    bench.input(Input::Leg(asking, wants("0")));
    (bench, asking, asked)
}

const CROSSED: LegEvent = LegEvent::ReofferFailed { status: 491 };

#[test]
fn a_law_whose_question_crossed_another_is_asked_for_again_a_few_times() {
    // The call that we began waits longer than the one that came in (RFC 3261, section 14.1).
    for (wanting, at_least, at_most) in [(Side::Caller, 2_100, 4_000), (Side::Agent, 0, 2_000)] {
        let (mut bench, asking, asked) = crossed(wanting);
        for _ in 0..2 {
            assert_eq!(bench.input(Input::Leg(asked, CROSSED)), []);
            let at = bench.flow.deadline().expect("it is asked again");
            let wait = at - bench.now;
            let [least, most] = [at_least, at_most].map(Duration::from_millis);
            assert!(least <= wait && wait <= most, "{wait:?}");
            let early = bench.wait(wait - Duration::from_millis(1));
            assert_eq!(early, []);
            let again = bench.wait(Duration::from_millis(1));
            assert_eq!(commands(&again), [(asked, "reoffer")]);
            assert!(body(&again).contains("RTP/AVP 0 8 101\r\n"));
        }
        // Then each side keeps its own.
        let outputs = bench.input(Input::Leg(asked, CROSSED));
        assert_eq!(commands(&outputs), [(asking, "answer reoffer")]);
        assert_eq!(laws(&outputs), [(wanting, Codec::Pcmu)]);
        assert_eq!(bench.flow.deadline(), None);
    }
}

#[test]
fn what_crossed_the_question_for_a_law_is_answered_and_settles_it() {
    for wanting in [Side::Caller, Side::Agent] {
        let (mut bench, asking, asked) = crossed(wanting);
        bench.input(Input::Leg(asked, CROSSED));
        let outputs = bench.input(Input::Leg(asked, wants("8 0")));
        let both = [(asking, "answer reoffer"), (asked, "answer reoffer")];
        assert_eq!(commands(&outputs), both);
        let spoken: Vec<Codec> = laws(&outputs).into_iter().map(|(_, law)| law).collect();
        assert_eq!(spoken, [Codec::Pcmu, Codec::Pcmu], "one law for both");
        assert_eq!(bench.flow.deadline(), None);
        assert_eq!(bench.wait(secs(10)), []);
    }
}

#[test]
fn a_call_that_ends_between_two_questions_answers_who_asked() {
    let (mut bench, caller, agent) = crossed(Side::Caller);
    bench.agent(1, CROSSED);
    let cause = EndCause::Bye;
    let over = bench.caller(LegEvent::Ended { cause });
    let expected = [(caller, "reject reoffer"), (agent, "hang up")];
    assert_eq!(commands(&over), expected);
    assert_eq!(bench.flow.deadline(), None);
}

/// The sides that speak otherwise from then on, and how.
fn laws(outputs: &[Output]) -> Vec<(Side, Codec)> {
    let law = |command: &MediaCommand| match command {
        MediaCommand::SetRemote { side, remote } => Some((*side, remote.codec)),
        _ => None,
    };
    media(outputs).iter().filter_map(law).collect()
}

#[test]
fn a_law_that_the_other_side_does_not_take_is_translated() {
    let refused = LegEvent::ReofferFailed { status: 488 };
    let kept = LegEvent::Reanswered {
        sdp: sdp(4_000, "8", "sendrecv"),
    };
    for (answer, expected) in [
        (refused, vec![(Side::Agent, Codec::Pcmu)]),
        (
            kept,
            vec![(Side::Caller, Codec::Pcma), (Side::Agent, Codec::Pcmu)],
        ),
    ] {
        let mut bench = Bench::bridged();
        let (caller, agent) = (bench.caller, bench.caller.branch(1));
        bench.agent(1, wants("0"));
        let outputs = bench.caller(answer);
        assert_eq!(laws(&outputs), expected);
        assert_eq!(commands(&outputs), [(agent, "answer reoffer")]);
        assert!(body(&outputs).contains("RTP/AVP 0\r\n"));
        // The caller speaks as before.
        let outputs = bench.caller(wants("8"));
        assert_eq!(commands(&outputs), [(caller, "answer reoffer")]);
        // Who takes both is asked for the one that the other side has.
        let outputs = bench.agent(1, wants("0 8"));
        assert_eq!(laws(&outputs), [(Side::Agent, Codec::Pcma)]);
    }
}

#[test]
fn a_caller_alone_with_the_box_changes_the_law_at_once() {
    let mut bench = Bench::greeted();
    let outputs = bench.caller(wants("0"));
    assert_eq!(commands(&outputs), [(bench.caller, "answer reoffer")]);
    let outputs = bench.offer("a1");
    assert!(
        body(&outputs).contains("RTP/AVP 0 8 101\r\n"),
        "agents are offered it first"
    );
}

fn directed(direction: &str) -> LegEvent {
    LegEvent::Reoffered {
        sdp: sdp(4_000, "8", direction),
    }
}

/// To whom music begins, and for whom it stops.
fn music(outputs: &[Output]) -> Vec<(Side, bool)> {
    let heard = |command: &MediaCommand| match command {
        MediaCommand::Play { side, prompt, .. } => {
            assert_eq!(*prompt, PromptKey::Hold);
            Some((*side, true))
        }
        MediaCommand::Stop { side } => Some((*side, false)),
        _ => None,
    };
    media(outputs).iter().filter_map(heard).collect()
}

#[test]
fn who_answers_a_refresh_otherwise_than_before_holds_or_takes_back() {
    let answered = |direction: &str| LegEvent::Reanswered {
        sdp: sdp(4_000, "8", direction),
    };
    let mut bench = Bench::bridged();
    assert_eq!(music(&bench.caller(answered("sendrecv"))), []);
    let held = music(&bench.caller(answered("sendonly")));
    assert_eq!(held, [(Side::Agent, true)]);
    assert_eq!(music(&bench.caller(answered("sendonly"))), []);
    let back = music(&bench.caller(answered("sendrecv")));
    assert_eq!(back, [(Side::Agent, false)]);
    let held = music(&bench.agent(1, answered("inactive")));
    assert_eq!(held, [(Side::Caller, true)]);
    let back = music(&bench.agent(1, directed("sendrecv")));
    assert_eq!(back, [(Side::Caller, false)]);
}

#[test]
fn who_is_held_hears_music_until_they_are_taken_back() {
    let mut bench = Bench::bridged();
    assert_eq!(
        music(&bench.agent(1, directed("sendonly"))),
        [(Side::Caller, true)]
    );
    assert_eq!(
        music(&bench.agent(1, directed("inactive"))),
        [],
        "held already"
    );
    assert_eq!(
        music(&bench.caller(directed("sendonly"))),
        [(Side::Agent, true)]
    );
    assert_eq!(
        music(&bench.agent(1, directed("sendrecv"))),
        [(Side::Caller, false)]
    );
    assert_eq!(
        music(&bench.agent(1, directed("recvonly"))),
        [],
        "muted is not held"
    );
    assert_eq!(
        music(&bench.caller(directed("sendrecv"))),
        [(Side::Agent, false)]
    );
}

#[test]
fn an_agent_who_takes_a_call_on_hold_hears_music() {
    let mut bench = Bench::dialling();
    assert_eq!(music(&bench.caller(directed("sendonly"))), []);
    let answered = LegEvent::Answered {
        sdp: sdp(5_000, "8 101", "sendrecv"),
    };
    let outputs = bench.agent(1, answered);
    assert_eq!(
        music(&outputs),
        [(Side::Caller, false), (Side::Agent, true)]
    );
}

#[test]
fn an_answer_in_the_acknowledgement_moves_and_resumes_either_side() {
    for side in [Side::Caller, Side::Agent] {
        let mut bench = Bench::bridged();
        let tell = |bench: &mut Bench, event: LegEvent| match side {
            Side::Caller => bench.caller(event),
            Side::Agent => bench.agent(1, event),
        };
        let held = sdp(5_000, "8 101", "sendonly");
        tell(&mut bench, LegEvent::Reoffered { sdp: held });
        let outputs = tell(&mut bench, LegEvent::Reoffered { sdp: Vec::new() });
        assert!(body(&outputs).contains("a=sendrecv"), "{outputs:?}");
        let answer = sdp(6_000, "8 101", "sendrecv");
        let outputs = tell(&mut bench, LegEvent::Acknowledged { sdp: answer });
        let commands = media(&outputs);
        let moved = commands.iter().any(|command| match command {
            MediaCommand::SetRemote { side: of, remote } => {
                *of == side && remote.address.port() == 6_000
            }
            _ => false,
        });
        assert!(moved, "{outputs:?}");
        let stops = |command: &MediaCommand| matches!(command, MediaCommand::Stop { .. });
        assert!(commands.iter().any(stops), "{outputs:?}");
    }
}

fn replaced(by: LegId) -> LegEvent {
    let sdp = sdp(7_000, "8", "sendrecv");
    let at = AgentContact::Uri("sip:wang@192.0.2.9".into());
    LegEvent::Replaced { by, at, sdp }
}

#[test]
fn a_side_that_is_replaced_while_it_is_asked_for_another_law_ends_the_question() {
    let mut bench = Bench::bridged();
    let (caller, agent) = (bench.caller, bench.caller.branch(1));
    bench.caller(wants("0"));
    let by = caller.branch(1_000);
    let outputs = commands(&bench.agent(1, replaced(by)));
    assert_eq!(outputs, [(caller, "answer reoffer"), (by, "answer")]);
    // Nobody is asked for another law until the new leg has taken the place.
    assert_eq!(
        commands(&bench.caller(wants("8"))),
        [(caller, "answer reoffer")]
    );
    let taken = bench.agent(1_000, LegEvent::Acknowledged { sdp: vec![] });
    assert_eq!(commands(&taken), [(agent, "hang up")]);
    // The caller may hold, and ask again.
    let held = bench.caller(directed("sendonly"));
    assert_eq!(commands(&held), [(caller, "answer reoffer")]);
    assert_eq!(commands(&bench.caller(wants("0"))), [(by, "reoffer")]);
    // Who asks stays until they have been answered.
    let other = caller.branch(1_001);
    assert_eq!(
        commands(&bench.caller(replaced(other))),
        [(other, "reject")]
    );
}

#[test]
fn another_law_is_translated_while_somebody_is_rung() {
    let mut bench = Bench::bridged();
    let (caller, agent) = (bench.caller, bench.caller.branch(1));
    let to = AgentContact::Uri("sip:wang@192.0.2.9".into());
    bench.agent(1, LegEvent::TransferAsked { to });
    let outputs = bench.caller(wants("0"));
    assert_eq!(commands(&outputs), [(caller, "answer reoffer")]);
    assert_eq!(laws(&outputs), [(Side::Caller, Codec::Pcmu)]);
    let outputs = bench.agent(1, wants("8"));
    assert_eq!(commands(&outputs), [(agent, "answer reoffer")]);
    let taken = sdp(6_000, "8", "sendrecv");
    let outputs = bench.agent(2, LegEvent::Answered { sdp: taken });
    assert_eq!(laws(&outputs), [(Side::Agent, Codec::Pcma)]);
}

#[test]
fn a_call_that_ends_leaves_no_question_for_another_law_unanswered() {
    let mut bench = Bench::bridged();
    bench.caller(wants("0"));
    let cause = EndCause::Bye;
    let over = bench.agent(1, LegEvent::Ended { cause });
    let expected = [(bench.caller, "reject reoffer"), (bench.caller, "hang up")];
    assert_eq!(commands(&over), expected);
}

#[test]
fn hold_and_resume_are_answered_with_the_right_directions_on_either_leg() {
    for side in [Side::Caller, Side::Agent] {
        let mut bench = Bench::bridged();
        for (offered, answered, send, receive) in [
            ("sendonly", "recvonly", false, true),
            ("inactive", "inactive", false, false),
            ("sendrecv", "sendrecv", true, true),
        ] {
            let event = LegEvent::Reoffered {
                sdp: sdp(4_000, "8", offered),
            };
            let outputs = match side {
                Side::Caller => bench.caller(event),
                Side::Agent => bench.agent(1, event),
            };
            assert!(
                body(&outputs).contains(&format!("a={answered}\r\n")),
                "{offered}"
            );
            let Some(&MediaCommand::SetRemote { side: set, remote }) = media(&outputs).first()
            else {
                panic!("{outputs:?}")
            };
            assert_eq!((set, remote.send, remote.receive), (side, send, receive));
            assert!(events(&outputs).is_empty(), "the call goes on");
        }
        let version = |n: u32| format!("o=- 1 {n} IN IP4");
        let event = LegEvent::Reoffered { sdp: Vec::new() };
        let outputs = match side {
            Side::Caller => bench.caller(event),
            Side::Agent => bench.agent(1, event),
        };
        assert!(
            body(&outputs).contains(&version(4)),
            "every description has a new version"
        );
    }
}

#[test]
fn a_reoffer_that_cannot_be_met_leaves_the_session_as_it_was() {
    let mut bench = Bench::bridged();
    let other_law = LegEvent::Reoffered {
        sdp: sdp(4_000, "18", "sendrecv"),
    };
    let outputs = bench.caller(other_law.clone());
    assert_eq!(commands(&outputs), [(bench.caller, "reject reoffer")]);
    assert!(media(&outputs).is_empty());
    let mut bench = Bench::offered(Greeting::Early);
    let status = LegCommand::RejectReoffer { status: 491 };
    let outputs = bench.caller(other_law);
    assert_eq!(
        outputs,
        [Output::Sip(SipCommand {
            leg: bench.caller,
            what: status
        })]
    );
}
