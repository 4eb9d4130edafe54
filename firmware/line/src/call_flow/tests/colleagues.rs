//! A phone of the box's calls another.

use super::*;

fn calling() -> (Bench, Vec<Output>) {
    let mut bench = Bench::new(Greeting::Connected);
    let outputs = bench.phone_calls();
    (bench, outputs)
}

#[test]
fn the_other_phone_is_rung_at_once_and_nobody_is_greeted() {
    let (mut bench, outputs) = calling();
    let (caller, other) = (bench.caller, bench.caller.branch(1));
    assert_eq!(commands(&outputs), [(other, "dial")]);
    let contact = outputs.iter().find_map(|output| match output {
        Output::Sip(command) => match &command.what {
            LegCommand::Dial { to, from, .. } => Some((to.clone(), from.reveal().clone())),
            _ => None,
        },
        _ => None,
    });
    let wang = AgentContact::Registered("wang".into());
    assert_eq!(contact, Some((wang, "li_na".to_owned())));
    let ringing = bench.agent(1, LegEvent::Ringing { sdp: vec![] });
    assert_eq!(commands(&ringing), [(caller, "progress")]);
    let sdp = sdp(5_000, "8", "sendrecv");
    let answered = bench.agent(1, LegEvent::Answered { sdp });
    assert_eq!(commands(&answered), [(caller, "answer")]);
    assert!(media(&answered).contains(&MediaCommand::Bridge));
    for outputs in [outputs, ringing, answered] {
        let plays = |command: &MediaCommand| matches!(command, MediaCommand::Play { .. });
        assert!(!media(&outputs).iter().any(plays), "{outputs:?}");
    }
    let cause = EndCause::Bye;
    let over = bench.agent(1, LegEvent::Ended { cause });
    assert_eq!(commands(&over), [(caller, "hang up")]);
}

#[test]
fn who_calls_a_colleague_hears_why_nobody_answers() {
    for (status, told) in [(486, 486), (603, 603), (488, 488), (404, 480), (503, 480)] {
        let (mut bench, _) = calling();
        let outputs = bench.agent(1, LegEvent::Failed { status });
        let refused = Output::Sip(SipCommand {
            leg: bench.caller,
            what: LegCommand::Reject { status: told },
        });
        assert!(outputs.contains(&refused), "{outputs:?}");
        assert!(bench.flow.is_over());
    }
    let (mut bench, _) = calling();
    bench.agent(1, LegEvent::Ringing { sdp: vec![] });
    let late = bench.wait(secs(60));
    let other = bench.caller.branch(1);
    assert_eq!(
        commands(&late),
        [(other, "cancel"), (bench.caller, "reject")]
    );
    let (mut bench, _) = calling();
    let given_up = bench.caller(LegEvent::Cancelled);
    assert_eq!(commands(&given_up), [(bench.caller.branch(1), "cancel")]);
}

#[test]
fn a_colleague_who_is_handed_on_to_nobody_is_not_promised_a_call_back() {
    let (mut bench, _) = calling();
    let sdp = sdp(5_000, "8", "sendrecv");
    bench.agent(1, LegEvent::Answered { sdp });
    let to = AgentContact::Registered("zhang".into());
    bench.agent(1, LegEvent::TransferAsked { to });
    let cause = EndCause::Bye;
    bench.agent(1, LegEvent::Ended { cause });
    let outputs = bench.agent(2, LegEvent::Failed { status: 486 });
    assert_eq!(commands(&outputs), [(bench.caller, "hang up")]);
    assert!(bench.flow.has_ended());
}
