use super::*;

const NEW: u32 = 1_000;

fn wang() -> AgentContact {
    AgentContact::Registered("wang".into())
}

/// What the pipeline is told when he has taken over.
fn taken_over() -> Vec<CallEvent> {
    let to = AgentId::new("wang");
    vec![CallEvent::Transferred {
        to,
        at: Some(wang()),
    }]
}

fn acknowledged() -> LegEvent {
    LegEvent::Acknowledged { sdp: vec![] }
}

fn bye() -> LegEvent {
    let cause = EndCause::Bye;
    LegEvent::Ended { cause }
}

fn replaced_in(bench: &Bench, law: &str) -> LegEvent {
    LegEvent::Replaced {
        by: bench.caller.branch(NEW),
        at: wang(),
        sdp: sdp(7_000, law, "sendrecv"),
    }
}

/// A call whose agent's phone is about to be replaced by another.
fn answered() -> Bench {
    let mut bench = Bench::bridged();
    let outputs = bench.agent(1, replaced_in(&bench, "8"));
    assert_eq!(commands(&outputs), [(bench.caller.branch(NEW), "answer")]);
    assert!(media(&outputs).is_empty(), "the two talk on meanwhile");
    bench
}

/// Where voice for an agent goes from now on.
fn agent_moves_to(outputs: &[Output]) -> Option<u16> {
    media(outputs).iter().find_map(|command| match command {
        MediaCommand::SetRemote {
            side: Side::Agent,
            remote,
        } => Some(remote.address.port()),
        _ => None,
    })
}

#[test]
fn a_leg_that_takes_the_place_of_another_is_heard_instead() {
    let mut bench = Bench::bridged();
    let by = bench.caller.branch(NEW);
    let outputs = bench.agent(1, replaced_in(&bench, "18"));
    assert_eq!(commands(&outputs), [(by, "reject")], "another law");
    let mut bench = answered();
    let outputs = bench.agent(NEW, acknowledged());
    assert_eq!(commands(&outputs), [(bench.caller.branch(1), "hang up")]);
    assert_eq!(events(&outputs), taken_over());
    assert_eq!(agent_moves_to(&outputs), Some(7_000));
    let over = bench.agent(NEW, bye());
    assert_eq!(commands(&over), [(bench.caller, "hang up")]);
    assert_eq!(events(&over), ended_with(EndedBy::Agent, Cause::HungUp));
}

#[test]
fn a_replacement_that_is_given_up_leaves_the_two_talking() {
    for event in [
        LegEvent::Cancelled,
        bye(),
        LegEvent::Ended {
            cause: EndCause::Silent,
        },
    ] {
        let mut bench = answered();
        assert!(bench.agent(NEW, event).is_empty());
        // The old phone is still the agent's, and may be replaced once more.
        let again = LegEvent::Replaced {
            by: bench.caller.branch(NEW + 1),
            at: wang(),
            sdp: sdp(7_002, "8", "sendrecv"),
        };
        bench.agent(1, again);
        let outputs = bench.agent(NEW + 1, acknowledged());
        assert_eq!(agent_moves_to(&outputs), Some(7_002));
    }
}

#[test]
fn a_phone_that_leaves_before_the_new_one_has_said_so_is_replaced() {
    let mut bench = answered();
    let outputs = bench.agent(1, bye());
    assert_eq!(events(&outputs), taken_over());
    assert_eq!(agent_moves_to(&outputs), Some(7_000));
    assert!(bench.agent(NEW, acknowledged()).is_empty());
    // Its answer may have crossed a cancel, which won.
    let over = bench.agent(NEW, LegEvent::Cancelled);
    assert_eq!(events(&over), ended_with(EndedBy::Agent, Cause::HungUp));
    assert_eq!(commands(&over), [(bench.caller, "hang up")]);
}

#[test]
fn a_caller_is_replaced_as_an_agent_is() {
    let mut bench = Bench::greeted();
    let by = bench.caller.branch(NEW);
    let outputs = bench.caller(replaced_in(&bench, "8"));
    assert_eq!(commands(&outputs), [(by, "answer")]);
    let other = LegEvent::Replaced {
        by: bench.caller.branch(NEW + 1),
        at: wang(),
        sdp: sdp(7_002, "8", "sendrecv"),
    };
    let outputs = bench.caller(other);
    assert_eq!(
        commands(&outputs),
        [(bench.caller.branch(NEW + 1), "reject")],
        "one at a time"
    );
    let outputs = bench.agent(NEW, acknowledged());
    assert_eq!(commands(&outputs), [(bench.caller, "hang up")]);
    assert!(events(&outputs).is_empty(), "the agent stays");
    let over = bench.agent(NEW, bye());
    assert_eq!(events(&over), ended_with(EndedBy::Caller, Cause::HungUp));
}

#[test]
fn a_phone_that_has_no_place_yet_is_replaced_by_nobody() {
    let mut bench = answered();
    let other = bench.caller.branch(NEW + 1);
    let again = LegEvent::Replaced {
        by: other,
        at: wang(),
        sdp: sdp(7_002, "8", "sendrecv"),
    };
    assert_eq!(commands(&bench.agent(NEW, again)), [(other, "reject")]);
    assert!(agent_moves_to(&bench.agent(NEW, acknowledged())).is_some());
}

#[test]
fn a_call_that_ends_leaves_no_replacement_behind() {
    let mut bench = answered();
    let over = commands(&bench.caller(bye()));
    let (old, new) = (bench.caller.branch(1), bench.caller.branch(NEW));
    assert_eq!(over, [(new, "hang up"), (old, "hang up")]);
}

#[test]
fn who_hands_on_and_moves_to_another_phone_leaves_by_that() {
    let asked = LegEvent::TransferAsked {
        to: AgentContact::Uri("sip:wang@192.0.2.9".into()),
    };
    let taken = LegEvent::Answered {
        sdp: sdp(6_000, "8", "sendrecv"),
    };
    let mut bench = answered();
    bench.agent(1, asked.clone());
    bench.agent(NEW, acknowledged());
    bench.agent(2, taken.clone());
    let (old, new) = (bench.caller.branch(1), bench.caller.branch(NEW));
    assert_eq!(commands(&bench.wait(secs(2))), [(new, "hang up")]);
    // Who has handed on before is replaced by nobody any more.
    let mut bench = answered();
    bench.agent(1, asked);
    bench.agent(2, taken);
    let late = bench.agent(NEW, acknowledged());
    assert_eq!(commands(&late), [(new, "hang up")]);
    assert_eq!(commands(&bench.wait(secs(2))), [(old, "hang up")]);
}
