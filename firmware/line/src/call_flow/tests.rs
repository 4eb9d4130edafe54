use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::rsip::now;

mod back;
mod reoffers;
mod replacing;
mod transfers;

const CALLER_SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fn sdp(port: u16, formats: &str, direction: &str) -> Vec<u8> {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.8\r\ns=-\r\nc=IN IP4 192.0.2.8\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}\r\na={direction}\r\n"
    )
    .into_bytes()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A call flow, the time, and everything that it has put out.
struct Bench {
    flow: CallFlow,
    now: Instant,
    caller: LegId,
}

impl Bench {
    fn new(greeting: Greeting) -> Self {
        let addresses = MediaAddresses {
            caller: "192.0.2.1:20000".parse().expect("valid"),
            agent: "192.0.2.1:20002".parse().expect("valid"),
        };
        let caller = LegId::incoming(1);
        let config = FlowConfig {
            greeting,
            ..FlowConfig::default()
        };
        Self {
            flow: CallFlow::new(config, caller, addresses),
            now: now(),
            caller,
        }
    }

    /// A call that has come in.
    fn offered(greeting: Greeting) -> Self {
        let mut bench = Self::new(greeting);
        let outputs = bench.incoming(CALLER_SDP.as_bytes());
        assert!(
            matches!(outputs[1], Output::Call(CallEvent::Offered { .. })),
            "{outputs:?}"
        );
        bench
    }

    fn greeted() -> Self {
        let mut bench = Self::offered(Greeting::Connected);
        bench.order(Order::Greet);
        bench
    }

    fn dialling() -> Self {
        let mut bench = Self::greeted();
        bench.offer("a1");
        bench
    }

    fn bridged() -> Self {
        let mut bench = Self::dialling();
        bench.agent(
            1,
            LegEvent::Answered {
                sdp: sdp(5_000, "8 101", "sendrecv"),
            },
        );
        bench
    }

    fn incoming(&mut self, sdp: &[u8]) -> Vec<Output> {
        let incoming = LegEvent::Incoming {
            from: Pii::new("1000".into()),
            private: false,
            to: Pii::new("2000".into()),
            sdp: sdp.to_vec(),
        };
        self.caller(incoming)
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        self.flow.handle(self.now, input);
        std::iter::from_fn(|| self.flow.poll()).collect()
    }

    fn caller(&mut self, event: LegEvent) -> Vec<Output> {
        self.input(Input::Leg(self.caller, event))
    }

    fn agent(&mut self, branch: u32, event: LegEvent) -> Vec<Output> {
        self.input(Input::Leg(self.caller.branch(branch), event))
    }

    fn order(&mut self, order: Order) -> Vec<Output> {
        self.input(Input::Order(order))
    }

    fn offer(&mut self, agent: &str) -> Vec<Output> {
        let contact = AgentContact::Uri("sip:agent@192.0.2.8".into());
        self.order(Order::Offer {
            agent: AgentId::new(agent),
            contact,
        })
    }

    fn wait(&mut self, time: Duration) -> Vec<Output> {
        self.now += time;
        self.input(Input::Tick)
    }
}

/// The commands among the outputs, by leg.
fn commands(outputs: &[Output]) -> Vec<(LegId, &'static str)> {
    let name = |command: &LegCommand| match command {
        LegCommand::Progress { .. } => "progress",
        LegCommand::Answer { .. } => "answer",
        LegCommand::Reject { .. } => "reject",
        LegCommand::Dial { .. } => "dial",
        LegCommand::Cancel => "cancel",
        LegCommand::HangUp => "hang up",
        LegCommand::AnswerReoffer { .. } => "answer reoffer",
        LegCommand::RejectReoffer { .. } => "reject reoffer",
        LegCommand::Reoffer { .. } => "reoffer",
        LegCommand::Digit { .. } => "digit",
        LegCommand::AcceptTransfer => "accept transfer",
        LegCommand::RejectTransfer { .. } => "reject transfer",
        LegCommand::TellTransfer { .. } => "tell transfer",
    };
    let sip = outputs.iter().filter_map(|output| match output {
        Output::Sip(command) => Some((command.leg, name(&command.what))),
        _ => None,
    });
    sip.collect()
}

fn events(outputs: &[Output]) -> Vec<CallEvent> {
    let call = outputs.iter().filter_map(|output| match output {
        Output::Call(event) => Some(event.clone()),
        _ => None,
    });
    call.collect()
}

fn media(outputs: &[Output]) -> Vec<MediaCommand> {
    let media = outputs.iter().filter_map(|output| match output {
        Output::Media(command) => Some(*command),
        _ => None,
    });
    media.collect()
}

fn body(outputs: &[Output]) -> String {
    let body = outputs.iter().find_map(|output| match output {
        Output::Sip(command) => description(&command.what),
        _ => None,
    });
    String::from_utf8(body.expect("a session description").to_vec()).expect("text")
}

fn description(command: &LegCommand) -> Option<&[u8]> {
    match command {
        LegCommand::Answer { sdp }
        | LegCommand::AnswerReoffer { sdp }
        | LegCommand::Reoffer { sdp }
        | LegCommand::Dial { sdp, .. }
        | LegCommand::Progress { sdp: Some(sdp) } => Some(sdp),
        _ => None,
    }
}

fn ended_with(by: EndedBy, cause: Cause) -> Vec<CallEvent> {
    vec![CallEvent::Ended { by, cause }]
}

fn failed(agent: &str, cause: AgentFailure) -> Vec<CallEvent> {
    vec![CallEvent::AgentFailed {
        agent: AgentId::new(agent),
        cause,
    }]
}

fn is_playing(outputs: &[Output], wanted: PromptKey) -> bool {
    media(outputs)
        .iter()
        .any(|command| matches!(command, MediaCommand::Play { prompt, .. } if *prompt == wanted))
}

#[test]
fn an_agent_is_offered_comfort_noise_where_the_caller_takes_it() {
    for (formats, expected) in [("8 13", "RTP/AVP 8 13 101"), ("8", "RTP/AVP 8 101")] {
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
        body(&offered).contains("m=audio 20002 RTP/AVP 8 101"),
        "the caller's law only"
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
    assert!(body(&greeted).contains("m=audio 20000 RTP/AVP 8 101"));
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
fn an_agent_who_answers_in_another_law_is_hung_up() {
    let mut bench = Bench::dialling();
    let outputs = bench.agent(
        1,
        LegEvent::Answered {
            sdp: sdp(5_000, "0", "sendrecv"),
        },
    );
    assert_eq!(commands(&outputs), [(bench.caller.branch(1), "hang up")]);
    assert_eq!(events(&outputs), failed("a1", AgentFailure::Incompatible));
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

/// What a far end does with our commands, so that a test can tell which legs are still up.
#[derive(Default)]
struct FarEnds {
    up: BTreeMap<LegId, bool>,
    /// Legs that have come to take the place of others, and whether their answer has been acknowledged.
    replacing: BTreeMap<LegId, bool>,
}

impl FarEnds {
    fn obey(&mut self, outputs: &[Output]) {
        for (leg, command) in commands(outputs) {
            match command {
                "dial" => self.up.insert(leg, false),
                "answer" => self.up.insert(leg, true),
                "hang up" | "reject" => self.up.remove(&leg),
                _ => continue,
            };
        }
    }

    fn happen(&mut self, leg: LegId, event: &LegEvent) -> bool {
        let known = self.up.get(&leg).copied();
        match event {
            LegEvent::Incoming { .. } => self.up.insert(leg, false).is_none(),
            LegEvent::Answered { .. } if known == Some(false) => {
                self.up.insert(leg, true);
                true
            }
            LegEvent::Acknowledged { .. } if known == Some(true) => {
                let acknowledged = self.replacing.get_mut(&leg);
                acknowledged.is_some_and(|acknowledged| !std::mem::replace(acknowledged, true))
            }
            // Even after the answer, which it may have crossed.
            LegEvent::Cancelled if self.replacing.get(&leg) == Some(&false) => {
                self.up.remove(&leg).is_some()
            }
            LegEvent::Cancelled | LegEvent::Failed { .. } if known == Some(false) => {
                self.up.remove(&leg).is_some()
            }
            LegEvent::Ended { .. } if known == Some(true) => self.up.remove(&leg).is_some(),
            LegEvent::Ringing { .. } => known == Some(false),
            LegEvent::Reoffered { .. }
            | LegEvent::TransferAsked { .. }
            | LegEvent::Reanswered { .. }
            | LegEvent::Digit { .. } => known == Some(true),
            LegEvent::Replaced { by, .. } => {
                let comes = known == Some(true) && !self.replacing.contains_key(by);
                if comes {
                    self.replacing.insert(*by, false);
                    self.up.insert(*by, false);
                }
                comes
            }
            _ => false,
        }
    }
}

fn any_event() -> impl Strategy<Value = LegEvent> {
    prop_oneof![
        Just(LegEvent::Cancelled),
        Just(LegEvent::Acknowledged { sdp: vec![] }),
        Just(LegEvent::Ringing { sdp: vec![] }),
        Just(LegEvent::Ended {
            cause: EndCause::Bye
        }),
        (400..700_u16).prop_map(|status| LegEvent::Failed { status }),
        prop_oneof![Just("8"), Just("0")].prop_map(|law| LegEvent::Answered {
            sdp: sdp(5_000, law, "sendrecv")
        }),
        prop_oneof![Just("8"), Just("0"), Just("18")].prop_map(|law| LegEvent::Reoffered {
            sdp: sdp(5_000, law, "inactive")
        }),
        prop_oneof![Just("8"), Just("0")].prop_map(|law| LegEvent::Reanswered {
            sdp: sdp(5_000, law, "inactive")
        }),
        Just(LegEvent::Digit { digit: '5' }),
        Just(LegEvent::TransferAsked {
            to: AgentContact::Uri("sip:other@192.0.2.9".into())
        }),
        REPLACING.prop_map(|branch| LegEvent::Replaced {
            by: LegId::incoming(1).branch(branch),
            sdp: sdp(5_500, "8", "sendrecv"),
        }),
    ]
}

/// The branches of legs that take the place of others.
const REPLACING: std::ops::Range<u32> = 100..106;

#[derive(Clone, Debug)]
enum Step {
    Leg(u32, LegEvent),
    Order(u8),
    PromptDone,
    Tick(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (prop_oneof![0..4_u32, REPLACING], any_event()).prop_map(|(branch, event)| Step::Leg(branch, event)),
        3 => (0..4_u8).prop_map(Step::Order),
        1 => Just(Step::PromptDone),
        2 => (0..20_u64).prop_map(Step::Tick),
    ]
}

proptest! {
    /// Whatever happens in whatever order: one end, and no leg is left up after it.
    #[test]
    fn every_call_ends_once_and_leaves_no_leg_up(
        early in any::<bool>(),
        steps in proptest::collection::vec(any_step(), 0..60),
    ) {
        let greeting = if early { Greeting::Early } else { Greeting::Connected };
        let mut bench = Bench::new(greeting);
        let mut far_ends = FarEnds::default();
        let mut all = Vec::new();
        far_ends.up.insert(bench.caller, false);
        all.extend(bench.incoming(CALLER_SDP.as_bytes()));
        for step in steps {
            let outputs = match step {
                Step::Leg(branch, event) => {
                    let leg = bench.caller.branch(branch);
                    // The two ends of a call see different events.
                    let fits = match event {
                        LegEvent::Cancelled => branch == 0 || REPLACING.contains(&branch),
                        LegEvent::Answered { .. } | LegEvent::Failed { .. }
                        | LegEvent::Ringing { .. } => (1..REPLACING.start).contains(&branch),
                        _ => true,
                    };
                    if !fits || !far_ends.happen(leg, &event) {
                        continue;
                    }
                    bench.input(Input::Leg(leg, event))
                }
                Step::Order(0) => bench.order(Order::Greet),
                Step::Order(1) => bench.offer("a1"),
                Step::Order(2) => bench.order(Order::Wait),
                Step::Order(_) => bench.order(Order::Apologise),
                Step::PromptDone => bench.input(Input::PromptDone(Side::Caller)),
                Step::Tick(seconds) => bench.wait(secs(seconds)),
            };
            far_ends.obey(&outputs);
            all.extend(outputs);
        }
        let outputs = bench.order(Order::Release);
        far_ends.obey(&outputs);
        all.extend(outputs);
        // Those who were cancelled answer all the same.
        for branch in 1..=60 {
            let event = LegEvent::Answered { sdp: sdp(5_000, "8", "sendrecv") };
            let leg = bench.caller.branch(branch);
            if far_ends.happen(leg, &event) {
                let outputs = bench.input(Input::Leg(leg, event));
                far_ends.obey(&outputs);
                all.extend(outputs);
            }
        }
        prop_assert!(far_ends.up.is_empty(), "left: {:?}", far_ends.up);
        let ends = events(&all).iter().filter(|e| matches!(e, CallEvent::Ended { .. })).count();
        prop_assert_eq!(ends, 1);
        bench.wait(CROSSING);
        prop_assert!(bench.flow.is_over());
    }
}
