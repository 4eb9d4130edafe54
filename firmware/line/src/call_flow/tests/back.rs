//! Callers who are called back.

use super::*;

fn ringing() -> (Bench, Vec<Output>) {
    let mut bench = Bench::new(Greeting::Connected);
    bench.caller = LegId::dialled(1);
    let addresses = bench.flow.addresses;
    bench.flow = CallFlow::calling_back(
        bench.now,
        FlowConfig::default(),
        bench.caller,
        addresses,
        Called {
            number: Pii::new("13812345678".into()),
            private: true,
            contact: AgentContact::Uri("sip:13812345678@192.0.2.9".into()),
        },
        Pii::default(),
    );
    let outputs = bench.input(Input::Tick);
    (bench, outputs)
}

#[test]
fn the_caller_is_rung_first_and_then_the_agent() {
    let (mut bench, outputs) = ringing();
    assert_eq!(commands(&outputs), [(bench.caller, "dial")]);
    // Whatever is decided meanwhile waits for the answer.
    assert!(bench.offer("a1").is_empty());
    let sdp_answer = sdp(4_000, "8 101", "sendrecv");
    let answered = bench.caller(LegEvent::Answered { sdp: sdp_answer });
    assert!(matches!(
        events(&answered)[..],
        [CallEvent::Answered { .. }]
    ));
    let offered = bench.offer("a1");
    assert_eq!(commands(&offered), [(bench.caller.branch(1), "dial")]);
    let sdp_agent = sdp(5_000, "8 101", "sendrecv");
    let joined = bench.agent(1, LegEvent::Answered { sdp: sdp_agent });
    let agent = AgentId::new("a1");
    assert_eq!(events(&joined), [CallEvent::Bridged { agent }]);
    let bye = LegEvent::Ended {
        cause: EndCause::Bye,
    };
    let over = bench.caller(bye);
    assert_eq!(commands(&over), [(bench.caller.branch(1), "hang up")]);
    assert!(bench.flow.is_over());
}

#[test]
fn who_does_not_answer_or_is_engaged_ends_the_call() {
    let unreached = CallEvent::Ended {
        by: EndedBy::Caller,
        cause: Cause::Unreached,
    };
    let (mut bench, _) = ringing();
    let busy = bench.caller(LegEvent::Failed { status: 486 });
    assert_eq!(events(&busy), std::slice::from_ref(&unreached));
    assert!(bench.flow.is_over());

    let (mut bench, _) = ringing();
    let late = bench.wait(FlowConfig::default().ring_timeout);
    assert_eq!(commands(&late), [(bench.caller, "cancel")]);
    assert_eq!(events(&late), [unreached]);
    // An answer that crosses it is hung up.
    let sdp_answer = sdp(4_000, "8 101", "sendrecv");
    let crossed = bench.caller(LegEvent::Answered { sdp: sdp_answer });
    assert_eq!(commands(&crossed), [(bench.caller, "hang up")]);
    assert!(bench.flow.is_over());
}

#[test]
fn a_box_that_stops_rings_nobody_on() {
    let (mut bench, _) = ringing();
    let released = bench.order(Order::Release);
    assert_eq!(commands(&released), [(bench.caller, "cancel")]);
}

#[test]
fn a_voice_described_before_the_answer_counts_where_the_answer_has_none() {
    let (mut bench, _) = ringing();
    let early = sdp(4_000, "8 101", "sendrecv");
    assert!(bench.caller(LegEvent::Ringing { sdp: early }).is_empty());
    let ringing = LegEvent::Ringing { sdp: Vec::new() };
    assert!(bench.caller(ringing).is_empty());
    let answered = bench.caller(LegEvent::Answered { sdp: Vec::new() });
    assert!(matches!(
        events(&answered)[..],
        [CallEvent::Answered { .. }]
    ));
    assert!(matches!(
        media(&answered)[..],
        [MediaCommand::SetRemote {
            side: Side::Caller,
            ..
        }]
    ));
    assert_eq!(
        commands(&bench.offer("a1")),
        [(bench.caller.branch(1), "dial")]
    );
}

#[test]
fn a_caller_who_hid_is_hidden_from_the_agent_who_is_rung_then() {
    let hides = |outputs: &[Output]| {
        outputs.iter().find_map(|output| match output {
            Output::Sip(SipCommand {
                what: LegCommand::Dial { private, .. },
                ..
            }) => Some(*private),
            _ => None,
        })
    };
    let (mut bench, dialled) = ringing();
    assert_eq!(hides(&dialled), Some(false), "the box does not hide");
    let sdp_answer = sdp(4_000, "8 101", "sendrecv");
    bench.caller(LegEvent::Answered { sdp: sdp_answer });
    assert_eq!(hides(&bench.offer("a1")), Some(true));

    for private in [true, false] {
        let mut bench = Bench::new(Greeting::Connected);
        bench.caller(LegEvent::Incoming {
            from: Pii::new("1000".into()),
            private,
            to: Pii::new("2000".into()),
            sdp: CALLER_SDP.as_bytes().to_vec(),
        });
        assert_eq!(bench.flow.hides_caller(), private);
        assert_eq!(hides(&bench.offer("a1")), Some(private));
    }
}
