//! One call from end to end, told event by event: what the legs, the media and the rest of the box are
//! told to do.

use trunkside_call::AgentId;

use super::*;
use crate::sip_ua::AgentContact;

mod back;
mod bench;
mod codes;
mod colleagues;
mod early;
mod every_call_ends;
mod keys;
mod reoffers;
mod replacing;
mod transfers;

use bench::*;

#[test]
fn an_agent_is_offered_comfort_noise_where_the_caller_takes_it() {
    for (formats, expected) in [("8 13", "RTP/AVP 8 0 13 101"), ("8", "RTP/AVP 8 0 101")] {
        let mut bench = Bench::new(Greeting::Connected);
        bench.incoming(&sdp(4_000, formats, "sendrecv"));
        bench.order(Order::Greet);
        let offered = bench.offer("a1");
        assert!(body(&offered).contains(expected), "{}", body(&offered));
        let answered = bench.agent(
            1,
            LegEvent::Answered {
                sdp: sdp(5_000, formats, "sendrecv"),
            },
        );
        let takes = answered.iter().find_map(|output| match output {
            Output::Media(MediaCommand::SetRemote { remote, .. }) => Some(remote.comfort_noise),
            _ => None,
        });
        assert_eq!(takes, Some(formats == "8 13"));
    }
}

#[test]
fn a_call_is_answered_greeted_passed_on_and_ended_by_the_caller() {
    let mut bench = Bench::offered(Greeting::Connected);
    let (caller, agent) = (bench.caller, bench.caller.branch(1));
    let greeted = bench.order(Order::Greet);
    assert_eq!(commands(&greeted), [(caller, "answer")]);
    assert!(
        body(&greeted).contains("m=audio 20000 RTP/AVP 8 101"),
        "A-law is preferred"
    );
    assert_eq!(events(&greeted), [CallEvent::Answered { at: bench.now }]);
    assert!(is_playing(&greeted, PromptKey::Greeting));

    let offered = bench.offer("a1");
    assert_eq!(commands(&offered), [(agent, "dial")]);
    assert!(
        body(&offered).contains("m=audio 20002 RTP/AVP 8 0 101"),
        "the caller's law first"
    );
    assert!(is_playing(&offered, PromptKey::Transfer));
    let ringing = bench.agent(1, LegEvent::Ringing { sdp: vec![] });
    assert_eq!(
        events(&ringing),
        [CallEvent::AgentRinging {
            agent: AgentId::new("a1")
        }]
    );
    assert!(is_playing(
        &bench.input(Input::PromptDone(Side::Caller)),
        PromptKey::Ringback
    ));

    let answered = bench.agent(
        1,
        LegEvent::Answered {
            sdp: sdp(5_000, "8 101", "sendrecv"),
        },
    );
    assert_eq!(
        events(&answered),
        [CallEvent::Bridged {
            agent: AgentId::new("a1")
        }]
    );
    let commanded = media(&answered);
    assert!(matches!(
        commanded[..],
        [
            MediaCommand::SetRemote {
                side: Side::Agent,
                ..
            },
            MediaCommand::Stop { side: Side::Caller },
            MediaCommand::Bridge,
        ]
    ));
    assert_eq!(bench.flow.deadline(), None);

    let over = bench.caller(LegEvent::Ended {
        cause: EndCause::Bye,
    });
    assert_eq!(commands(&over), [(agent, "hang up")]);
    assert_eq!(events(&over), ended_with(EndedBy::Caller, Cause::HungUp));
    assert!(bench.flow.is_over());
}

#[test]
fn voice_that_would_not_arrive_is_not_agreed_on() {
    let offered = |at: &str| {
        let text = CALLER_SDP.replace("c=IN IP4 192.0.2.9", at);
        let mut bench = Bench::new(Greeting::Connected);
        let outputs = bench.incoming(text.as_bytes());
        let refused = [(bench.caller, "reject")];
        (commands(&outputs) == refused, events(&outputs))
    };
    let nothing = ended_with(EndedBy::Box, Cause::NoCommonCodec);
    assert_eq!(offered("c=IN IP6 2001:db8::9"), (true, nothing));
    // Who holds by the address of nobody wants nothing sent.
    assert!(!offered("c=IN IP6 ::").0);
    let mut bench = Bench::dialling();
    let agent = bench.caller.branch(1);
    let answer = sdp(5_000, "8", "sendrecv");
    let answer = String::from_utf8(answer).expect("text");
    let sdp = answer.replace("c=IN IP4 192.0.2.8", "c=IN IP6 2001:db8::8");
    let outputs = bench.agent(1, LegEvent::Answered { sdp: sdp.into() });
    assert_eq!(commands(&outputs), [(agent, "hang up")]);
    assert_eq!(events(&outputs), failed("a1", AgentFailure::Incompatible));
}

#[test]
fn who_is_not_heard_is_asked_whether_they_are_there() {
    let mut bench = Bench::offered(Greeting::Early);
    bench.order(Order::Greet);
    let silent = Input::Silent(Side::Caller);
    assert!(bench.input(silent.clone()).is_empty(), "not answered yet");
    let mut bench = Bench::dialling();
    let (caller, agent) = (bench.caller, bench.caller.branch(1));
    assert_eq!(commands(&bench.input(silent.clone())), [(caller, "probe")]);
    assert!(bench.input(Input::Silent(Side::Agent)).is_empty());
    let mut bench = Bench::bridged();
    assert_eq!(commands(&bench.input(silent)), [(caller, "probe")]);
    let asked = bench.input(Input::Silent(Side::Agent));
    assert_eq!(commands(&asked), [(agent, "probe")]);
    let cause = EndCause::Silent;
    let over = bench.agent(1, LegEvent::Ended { cause });
    assert_eq!(commands(&over), [(caller, "hang up")]);
    assert_eq!(events(&over), ended_with(EndedBy::Fault, Cause::Silent));
}

#[test]
fn the_agents_bye_ends_the_callers_leg_too() {
    let mut bench = Bench::bridged();
    let over = bench.agent(
        1,
        LegEvent::Ended {
            cause: EndCause::Bye,
        },
    );
    assert_eq!(commands(&over), [(bench.caller, "hang up")]);
    assert_eq!(events(&over), ended_with(EndedBy::Agent, Cause::HungUp));
}

#[test]
fn an_early_greeting_is_heard_before_the_answer() {
    let mut bench = Bench::offered(Greeting::Early);
    let greeted = bench.order(Order::Greet);
    assert_eq!(commands(&greeted), [(bench.caller, "progress")]);
    assert!(events(&greeted).is_empty() && is_playing(&greeted, PromptKey::Greeting));
    let early = body(&greeted);
    bench.offer("a1");
    let answered = bench.agent(
        1,
        LegEvent::Answered {
            sdp: sdp(5_000, "8", "sendrecv"),
        },
    );
    assert_eq!(commands(&answered), [(bench.caller, "answer")]);
    assert_eq!(body(&answered), early, "the description does not change");
    assert!(matches!(
        events(&answered)[..],
        [CallEvent::Answered { .. }, CallEvent::Bridged { .. }]
    ));
}

#[test]
fn a_caller_who_speaks_nothing_of_ours_is_refused() {
    for offer in [sdp(4_000, "18 101", "sendrecv"), b"nonsense".to_vec()] {
        let mut bench = Bench::new(Greeting::Connected);
        let outputs = bench.incoming(&offer);
        let refused = LegCommand::Reject { status: 488 };
        assert_eq!(
            outputs[0],
            Output::Sip(SipCommand {
                leg: bench.caller,
                what: refused
            })
        );
        assert_eq!(
            events(&outputs),
            ended_with(EndedBy::Box, Cause::NoCommonCodec)
        );
    }
}

#[test]
fn a_caller_without_an_offer_gets_ours_and_answers_in_the_ack() {
    let mut bench = Bench::new(Greeting::Early);
    bench.incoming(b"");
    let greeted = bench.order(Order::Greet);
    assert_eq!(
        commands(&greeted),
        [(bench.caller, "answer")],
        "early media needs an offer"
    );
    assert!(body(&greeted).contains("m=audio 20000 RTP/AVP 8 0 101"));
    let acknowledged = bench.caller(LegEvent::Acknowledged {
        sdp: sdp(4_000, "8", "sendrecv"),
    });
    assert!(matches!(
        media(&acknowledged)[..],
        [MediaCommand::SetRemote {
            side: Side::Caller,
            ..
        }]
    ));
}

#[test]
fn an_agent_who_is_busy_declines_or_is_away_leaves_the_caller_waiting() {
    for (status, cause) in [
        (486, AgentFailure::Busy),
        (603, AgentFailure::Declined),
        (480, AgentFailure::NoAnswer),
        (404, AgentFailure::Unreachable),
        (408, AgentFailure::Unreachable),
        (503, AgentFailure::Unreachable),
        (488, AgentFailure::Incompatible),
    ] {
        let mut bench = Bench::dialling();
        let outputs = bench.agent(1, LegEvent::Failed { status });
        assert_eq!(events(&outputs), failed("a1", cause), "{status}");
        assert!(commands(&outputs).is_empty());
        let next = bench.offer("a2");
        assert_eq!(commands(&next), [(bench.caller.branch(2), "dial")]);
    }
}

#[test]
fn an_agent_whose_phone_never_rings_is_unreachable_and_who_never_answers_is_given_up() {
    let mut bench = Bench::dialling();
    assert_eq!(bench.flow.deadline(), Some(bench.now + secs(4)));
    let outputs = bench.wait(secs(4));
    assert_eq!(events(&outputs), failed("a1", AgentFailure::Unreachable));
    assert_eq!(commands(&outputs), [(bench.caller.branch(1), "cancel")]);

    bench.offer("a2");
    bench.agent(2, LegEvent::Ringing { sdp: vec![] });
    assert!(bench.wait(secs(14)).is_empty());
    let outputs = bench.wait(secs(1));
    assert_eq!(events(&outputs), failed("a2", AgentFailure::NoAnswer));
    assert_eq!(commands(&outputs), [(bench.caller.branch(2), "cancel")]);
}

#[test]
fn an_answer_that_crosses_the_cancel_is_hung_up() {
    let mut bench = Bench::dialling();
    bench.agent(1, LegEvent::Ringing { sdp: vec![] });
    let over = bench.caller(LegEvent::Ended {
        cause: EndCause::Bye,
    });
    assert_eq!(commands(&over), [(bench.caller.branch(1), "cancel")]);
    assert_eq!(events(&over), ended_with(EndedBy::Caller, Cause::HungUp));
    assert!(
        !bench.flow.is_over(),
        "the agent may have answered meanwhile"
    );
    let crossed = bench.agent(
        1,
        LegEvent::Answered {
            sdp: sdp(5_000, "8", "sendrecv"),
        },
    );
    assert_eq!(commands(&crossed), [(bench.caller.branch(1), "hang up")]);
    assert!(events(&crossed).is_empty() && bench.flow.is_over());
}

#[test]
fn a_cancelled_leg_is_watched_until_it_fails_or_its_time_is_up() {
    let mut bench = Bench::dialling();
    bench.caller(LegEvent::Ended {
        cause: EndCause::Bye,
    });
    bench.agent(1, LegEvent::Failed { status: 487 });
    assert!(bench.flow.is_over());
    let mut bench = Bench::dialling();
    bench.caller(LegEvent::Ended {
        cause: EndCause::Bye,
    });
    assert_eq!(bench.flow.deadline(), Some(bench.now + CROSSING));
    assert!(bench.wait(CROSSING).is_empty() && bench.flow.is_over());
}

#[test]
fn a_caller_who_cancels_ends_the_call_in_every_state_before_the_answer() {
    for greet in [false, true] {
        let mut bench = Bench::offered(Greeting::Early);
        if greet {
            bench.order(Order::Greet);
            bench.offer("a1");
        }
        let over = bench.caller(LegEvent::Cancelled);
        assert_eq!(events(&over), ended_with(EndedBy::Caller, Cause::Cancelled));
        assert_eq!(commands(&over).len(), usize::from(greet), "{over:?}");
    }
}

#[test]
fn sides_of_different_laws_hear_each_other() {
    for (caller, agent, laws) in [
        ("8", "0", [Codec::Pcma, Codec::Pcmu]),
        ("0", "8", [Codec::Pcmu, Codec::Pcma]),
        ("0", "8 0", [Codec::Pcmu, Codec::Pcmu]),
        ("0 8", "0 8", [Codec::Pcma, Codec::Pcma]),
    ] {
        let mut bench = Bench::new(Greeting::Connected);
        let mut outputs = bench.incoming(&sdp(4_000, caller, "sendrecv"));
        bench.order(Order::Greet);
        bench.offer("a1");
        let answer = sdp(5_000, agent, "sendrecv");
        outputs.extend(bench.agent(1, LegEvent::Answered { sdp: answer }));
        let spoken = media(&outputs)
            .into_iter()
            .filter_map(|command| match command {
                MediaCommand::SetRemote { remote, .. } => Some(remote.codec),
                _ => None,
            });
        assert_eq!(spoken.collect::<Vec<_>>(), laws, "{caller} {agent}");
        let agent = AgentId::new("a1");
        assert!(events(&outputs).contains(&CallEvent::Bridged { agent }));
    }
}

#[test]
fn an_agent_who_answers_in_no_law_is_hung_up() {
    let mut bench = Bench::dialling();
    let outputs = bench.agent(
        1,
        LegEvent::Answered {
            sdp: sdp(5_000, "18", "sendrecv"),
        },
    );
    assert_eq!(commands(&outputs), [(bench.caller.branch(1), "hang up")]);
    assert_eq!(events(&outputs), failed("a1", AgentFailure::Incompatible));
}

#[test]
fn an_answer_that_came_before_the_call_was_taken_need_not_be_repeated() {
    let early = LegEvent::Ringing {
        sdp: sdp(5_000, "8 101", "sendrecv"),
    };
    let taken = LegEvent::Answered { sdp: Vec::new() };
    let mut bench = Bench::dialling();
    bench.agent(1, early);
    bench.agent(1, LegEvent::Ringing { sdp: Vec::new() });
    let outputs = bench.agent(1, taken.clone());
    let told = |outputs: &[Output]| {
        outputs
            .iter()
            .any(|output| matches!(output, Output::Call(CallEvent::Bridged { .. })))
    };
    assert!(told(&outputs), "{outputs:?}");
    let port = outputs.iter().find_map(|output| match output {
        Output::Media(MediaCommand::SetRemote {
            side: Side::Agent,
            remote,
        }) => Some(remote.address.port()),
        _ => None,
    });
    assert_eq!(port, Some(5_000));
    // Without any description there is no voice.
    let outputs = Bench::dialling().agent(1, taken);
    assert!(!told(&outputs), "{outputs:?}");
}

#[test]
fn waiting_plays_the_queue_prompt_until_an_agent_is_free() {
    let mut bench = Bench::greeted();
    let waiting = bench.order(Order::Wait);
    assert!(is_playing(&waiting, PromptKey::Queue));
    let offered = bench.offer("a1");
    assert!(is_playing(&offered, PromptKey::Transfer));
    let withdrawn = bench.order(Order::Wait);
    assert_eq!(events(&withdrawn), failed("a1", AgentFailure::Withdrawn));
    assert_eq!(commands(&withdrawn), [(bench.caller.branch(1), "cancel")]);
}

#[test]
fn an_apology_is_heard_to_its_end_and_ends_the_call_even_when_its_end_is_not_told() {
    for told in [true, false] {
        let mut bench = Bench::greeted();
        assert!(is_playing(
            &bench.order(Order::Apologise),
            PromptKey::Apology
        ));
        let over = if told {
            bench.input(Input::PromptDone(Side::Caller))
        } else {
            bench.wait(secs(30))
        };
        assert_eq!(commands(&over), [(bench.caller, "hang up")]);
        assert_eq!(events(&over), ended_with(EndedBy::Box, Cause::Apologised));
    }
}

#[test]
fn an_agent_found_during_the_apology_takes_its_place() {
    let mut bench = Bench::greeted();
    bench.order(Order::Apologise);
    bench.offer("a1");
    bench.agent(1, LegEvent::Ringing { sdp: vec![] });
    bench.agent(
        1,
        LegEvent::Answered {
            sdp: sdp(5_000, "8", "sendrecv"),
        },
    );
    assert!(
        bench.wait(secs(60)).is_empty(),
        "the apology's limit has gone with it"
    );
}

#[test]
fn release_and_broken_media_end_everything() {
    for (input, by, cause) in [
        (Input::Order(Order::Release), EndedBy::Box, Cause::Released),
        (Input::MediaFailed, EndedBy::Fault, Cause::Media),
    ] {
        let mut bench = Bench::bridged();
        let over = bench.input(input);
        assert_eq!(commands(&over).len(), 2, "both legs");
        assert_eq!(events(&over), ended_with(by, cause));
        assert!(bench.order(Order::Greet).is_empty(), "orders come too late");
    }
    let mut bench = Bench::offered(Greeting::Connected);
    assert_eq!(
        commands(&bench.order(Order::Release)),
        [(bench.caller, "reject")]
    );
}

#[test]
fn a_leg_that_falls_silent_is_a_fault() {
    let mut bench = Bench::bridged();
    let over = bench.caller(LegEvent::Ended {
        cause: EndCause::Silent,
    });
    assert_eq!(events(&over), ended_with(EndedBy::Fault, Cause::Silent));
    assert_eq!(commands(&over), [(bench.caller.branch(1), "hang up")]);
}
