//! What a caller hears of the called side before it answers.

use super::*;

fn describes() -> LegEvent {
    LegEvent::Ringing {
        sdp: sdp(5_000, "8", "sendrecv"),
    }
}

/// Whether the caller begins to hear somebody who has not answered.
fn is_early(outputs: &[Output]) -> bool {
    let commands = media(outputs);
    let [
        MediaCommand::SetRemote { side, remote },
        MediaCommand::Bridge,
    ] = commands[..]
    else {
        assert!(commands.is_empty(), "{commands:?}");
        return false;
    };
    assert_eq!(side, Side::Agent);
    assert!(remote.early && remote.receive && remote.send, "{remote:?}");
    true
}

#[test]
fn a_caller_hears_an_announcement_until_it_ends_in_a_refusal_or_an_answer() {
    for greeting in [Greeting::Connected, Greeting::Early] {
        let mut bench = Bench::offered(greeting);
        bench.order(Order::Greet);
        bench.offer("a1");
        assert!(!is_early(
            &bench.agent(1, LegEvent::Ringing { sdp: vec![] })
        ));
        assert!(is_early(&bench.agent(1, describes())));
        let refused = bench.agent(1, LegEvent::Failed { status: 404 });
        assert_eq!(media(&refused), [MediaCommand::Unbridge]);

        bench.offer("a2");
        assert!(is_early(&bench.agent(2, describes())));
        let answered = bench.agent(2, LegEvent::Answered { sdp: vec![] });
        let commands = media(&answered);
        let [
            MediaCommand::SetRemote { remote, .. },
            MediaCommand::Stop { .. },
            MediaCommand::Bridge,
        ] = commands[..]
        else {
            panic!("{commands:?}")
        };
        assert!(!remote.early && remote.send, "{remote:?}");
        let over = bench.agent(
            2,
            LegEvent::Ended {
                cause: EndCause::Bye,
            },
        );
        assert_eq!(media(&over), []);
    }
}

#[test]
fn who_is_withdrawn_or_late_is_heard_no_more() {
    let mut bench = Bench::dialling();
    bench.agent(1, describes());
    let late = bench.wait(secs(15));
    assert_eq!(media(&late), [MediaCommand::Unbridge]);
    bench.offer("a2");
    bench.agent(2, describes());
    let waits = bench.order(Order::Wait);
    assert_eq!(media(&waits)[0], MediaCommand::Unbridge);
}

#[test]
fn a_caller_who_is_handed_on_hears_the_target_once_the_agent_has_left() {
    let to = || LegEvent::TransferAsked {
        to: AgentContact::Uri("sip:wang@192.0.2.9".into()),
    };
    let bye = || LegEvent::Ended {
        cause: EndCause::Bye,
    };
    // Before the agent leaves, and after.
    for leaves_first in [false, true] {
        let mut bench = Bench::bridged();
        bench.agent(1, to());
        if leaves_first {
            bench.agent(1, bye());
            assert!(is_early(&bench.agent(2, describes())));
        } else {
            assert!(!is_early(&bench.agent(2, describes())));
            let left = media(&bench.agent(1, bye()));
            assert_eq!(left[0], MediaCommand::Unbridge);
            assert_eq!(left.last(), Some(&MediaCommand::Bridge));
        }
        let refused = media(&bench.agent(2, LegEvent::Failed { status: 404 }));
        assert_eq!(refused[0], MediaCommand::Unbridge);
    }
}

#[test]
fn a_phone_that_calls_another_hears_its_own_ringback() {
    let mut bench = Bench::new(Greeting::Connected);
    bench.phone_calls();
    assert!(!is_early(&bench.agent(1, describes())));
}
