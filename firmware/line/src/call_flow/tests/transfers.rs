//! Agents who hand the caller on.

use super::*;

fn wang() -> AgentContact {
    AgentContact::Uri("sip:wang@192.0.2.9;user=phone".into())
}

fn asked() -> LegEvent {
    LegEvent::TransferAsked { to: wang() }
}

fn taken() -> LegEvent {
    LegEvent::Answered {
        sdp: sdp(6_000, "8", "sendrecv"),
    }
}

fn told(outputs: &[Output]) -> Vec<u16> {
    let told = outputs.iter().filter_map(|output| match output {
        Output::Sip(SipCommand {
            what: LegCommand::TellTransfer { status },
            ..
        }) => Some(*status),
        _ => None,
    });
    told.collect()
}

#[test]
fn an_agent_hands_the_caller_on_and_leaves_when_the_other_has_answered() {
    let mut bench = Bench::bridged();
    let caller = bench.caller;
    let outputs = bench.agent(1, asked());
    let (first, second) = (caller.branch(1), caller.branch(2));
    assert_eq!(
        commands(&outputs),
        [(first, "accept transfer"), (second, "dial")]
    );
    assert!(media(&outputs).is_empty(), "the agent talks on meanwhile");
    assert_eq!(
        told(&bench.agent(2, LegEvent::Ringing { sdp: vec![] })),
        [180]
    );
    let outputs = bench.agent(2, taken());
    assert_eq!(told(&outputs), [200]);
    let to = AgentId::new("wang");
    let at = Some(wang());
    assert_eq!(events(&outputs), [CallEvent::Transferred { to, at }]);
    assert!(media(&outputs).contains(&MediaCommand::Bridge));
    // Who does not leave is hung up.
    assert_eq!(commands(&bench.wait(secs(2))), [(first, "hang up")]);
    let over = bench.caller(LegEvent::Ended {
        cause: EndCause::Bye,
    });
    assert_eq!(commands(&over), [(second, "hang up")]);
}

#[test]
fn an_agent_who_leaves_by_himself_is_not_hung_up() {
    let mut bench = Bench::bridged();
    bench.agent(1, asked());
    bench.agent(2, taken());
    let left = bench.agent(
        1,
        LegEvent::Ended {
            cause: EndCause::Bye,
        },
    );
    assert!(left.is_empty(), "{left:?}");
    assert!(bench.wait(secs(2)).is_empty());
    let over = bench.agent(
        2,
        LegEvent::Ended {
            cause: EndCause::Bye,
        },
    );
    assert_eq!(commands(&over), [(bench.caller, "hang up")]);
}

#[test]
fn an_agent_whose_target_refuses_keeps_the_caller() {
    let mut bench = Bench::bridged();
    bench.agent(1, asked());
    let outputs = bench.agent(2, LegEvent::Failed { status: 486 });
    assert_eq!(told(&outputs), [486]);
    assert!(events(&outputs).is_empty() && media(&outputs).is_empty());
    // Another attempt may follow.
    let outputs = bench.agent(1, asked());
    assert_eq!(commands(&outputs)[1], (bench.caller.branch(3), "dial"));
    let late = bench.wait(secs(60));
    assert_eq!(told(&late), [408]);
    assert!(commands(&late).contains(&(bench.caller.branch(3), "cancel")));
}

#[test]
fn a_caller_whose_agent_left_hears_ringback_and_then_the_apology() {
    let mut bench = Bench::bridged();
    bench.agent(1, asked());
    let left = bench.agent(
        1,
        LegEvent::Ended {
            cause: EndCause::Bye,
        },
    );
    assert!(events(&left).is_empty(), "the call goes on");
    let ringback = |command: &MediaCommand| {
        matches!(
            command,
            MediaCommand::Play {
                prompt: PromptKey::Ringback,
                ..
            }
        )
    };
    assert!(media(&left).iter().any(ringback));
    let failed = bench.agent(2, LegEvent::Failed { status: 480 });
    let apology = |command: &MediaCommand| {
        matches!(
            command,
            MediaCommand::Play {
                prompt: PromptKey::Apology,
                ..
            }
        )
    };
    assert!(media(&failed).iter().any(apology), "{failed:?}");
}

#[test]
fn a_caller_whose_agents_phone_hangs_up_at_a_failed_transfer_hears_the_apology() {
    let bye = || LegEvent::Ended {
        cause: EndCause::Bye,
    };
    let mut bench = Bench::bridged();
    bench.agent(1, asked());
    bench.agent(2, LegEvent::Failed { status: 404 });
    let left = bench.agent(1, bye());
    assert_eq!(media(&left)[0], MediaCommand::Unbridge);
    let apology = |command: &MediaCommand| {
        matches!(
            command,
            MediaCommand::Play {
                prompt: PromptKey::Apology,
                ..
            }
        )
    };
    assert!(media(&left).iter().any(apology), "{left:?}");
    assert!(events(&left).is_empty(), "the call goes on");

    // Who goes on talking ends the call when they hang up.
    let mut bench = Bench::bridged();
    bench.agent(1, asked());
    bench.agent(2, LegEvent::Failed { status: 404 });
    bench.wait(secs(3));
    let over = bench.agent(1, bye());
    assert_eq!(commands(&over), [(bench.caller, "hang up")]);
}

#[test]
fn a_caller_who_hangs_up_in_a_transfer_releases_everybody() {
    let mut bench = Bench::bridged();
    bench.agent(1, asked());
    let over = bench.caller(LegEvent::Ended {
        cause: EndCause::Bye,
    });
    let (first, second) = (bench.caller.branch(1), bench.caller.branch(2));
    assert_eq!(commands(&over), [(second, "cancel"), (first, "hang up")]);
}

#[test]
fn only_an_agent_in_a_call_may_transfer_and_one_at_a_time() {
    let mut bench = Bench::bridged();
    let outputs = bench.caller(asked());
    assert_eq!(commands(&outputs), [(bench.caller, "reject transfer")]);
    bench.agent(1, asked());
    let outputs = bench.agent(1, asked());
    assert_eq!(
        commands(&outputs),
        [(bench.caller.branch(1), "reject transfer")]
    );
}

fn relieve(bench: &mut Bench) -> Vec<Output> {
    bench.order(Order::Transfer {
        agent: AgentId::new("ann"),
        contact: AgentContact::Uri("sip:ann@192.0.2.9".into()),
    })
}

#[test]
fn an_agent_is_relieved_by_another_without_being_asked() {
    let mut bench = Bench::bridged();
    let (first, second) = (bench.caller.branch(1), bench.caller.branch(2));
    let outputs = relieve(&mut bench);
    assert_eq!(commands(&outputs), [(second, "dial")]);
    assert!(media(&outputs).is_empty(), "the two talk on meanwhile");
    assert!(bench.agent(2, LegEvent::Ringing { sdp: vec![] }).is_empty());
    let outputs = bench.agent(2, taken());
    assert_eq!(commands(&outputs), [(first, "hang up")]);
    let to = AgentId::new("ann");
    assert_eq!(events(&outputs), [CallEvent::Transferred { to, at: None }]);
    assert!(media(&outputs).contains(&MediaCommand::Bridge));
}

#[test]
fn a_relief_that_fails_leaves_the_two_talking_and_is_reported() {
    let mut bench = Bench::bridged();
    relieve(&mut bench);
    let outputs = bench.agent(2, LegEvent::Failed { status: 486 });
    assert_eq!(events(&outputs), failed("ann", AgentFailure::Busy));
    assert!(commands(&outputs).is_empty() && media(&outputs).is_empty());
    // One who rings without an answer is given up.
    relieve(&mut bench);
    let late = bench.wait(secs(60));
    assert_eq!(commands(&late), [(bench.caller.branch(3), "cancel")]);
    assert_eq!(events(&late).len(), 1);
    // Nobody is relieved who does not talk.
    let mut bench = Bench::dialling();
    let outputs = relieve(&mut bench);
    assert_eq!(events(&outputs), failed("ann", AgentFailure::Unreachable));
}

#[test]
fn an_agent_who_ends_the_call_while_relief_is_rung_ends_it() {
    let mut bench = Bench::bridged();
    let (caller, second) = (bench.caller, bench.caller.branch(2));
    relieve(&mut bench);
    let cause = EndCause::Bye;
    let over = commands(&bench.agent(1, LegEvent::Ended { cause }));
    assert!(
        over.contains(&(caller, "hang up")) && over.contains(&(second, "cancel")),
        "{over:?}"
    );
}

#[test]
fn a_number_outside_may_take_its_time_to_ring() {
    let mut bench = Bench::bridged();
    let (trunk, number) = ("telecom".to_owned(), Pii::new("13912345678".to_owned()));
    let to = AgentContact::OverTrunk { trunk, number };
    bench.agent(1, LegEvent::TransferAsked { to });
    assert!(bench.wait(secs(44)).is_empty());
    let given_up = commands(&bench.wait(secs(1)));
    assert_eq!(given_up[0], (bench.caller.branch(2), "cancel"));
}
