//! A call flow whose far ends and clock are moved by hand, and what can be read of what it puts out.

use super::*;
use crate::rsip::now;

pub(super) const CALLER_SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

pub(super) fn sdp(port: u16, formats: &str, direction: &str) -> Vec<u8> {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.8\r\ns=-\r\nc=IN IP4 192.0.2.8\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}\r\na={direction}\r\n"
    )
    .into_bytes()
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A call flow, the time, and everything that it has put out.
pub(super) struct Bench {
    pub(super) flow: CallFlow,
    pub(super) now: Instant,
    pub(super) caller: LegId,
}

impl Bench {
    pub(super) fn new(greeting: Greeting) -> Self {
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
    pub(super) fn offered(greeting: Greeting) -> Self {
        let mut bench = Self::new(greeting);
        let outputs = bench.incoming(CALLER_SDP.as_bytes());
        assert!(
            matches!(outputs[1], Output::Call(CallEvent::Offered { .. })),
            "{outputs:?}"
        );
        bench
    }

    pub(super) fn greeted() -> Self {
        let mut bench = Self::offered(Greeting::Connected);
        bench.order(Order::Greet);
        bench
    }

    pub(super) fn dialling() -> Self {
        let mut bench = Self::greeted();
        bench.offer("a1");
        bench
    }

    pub(super) fn bridged() -> Self {
        let mut bench = Self::dialling();
        bench.agent(
            1,
            LegEvent::Answered {
                sdp: sdp(5_000, "8 101", "sendrecv"),
            },
        );
        bench
    }

    pub(super) fn incoming(&mut self, sdp: &[u8]) -> Vec<Output> {
        let incoming = LegEvent::Incoming {
            from: Pii::new("1000".into()),
            private: false,
            to: Pii::new("2000".into()),
            sdp: sdp.to_vec(),
        };
        self.caller(incoming)
    }

    /// The phone of one colleague calls that of another.
    pub(super) fn phone_calls(&mut self) -> Vec<Output> {
        self.caller(LegEvent::PhoneCalls {
            from: "li_na".into(),
            to: "wang".into(),
            sdp: CALLER_SDP.as_bytes().to_vec(),
        })
    }

    pub(super) fn input(&mut self, input: Input) -> Vec<Output> {
        self.flow.handle(self.now, input);
        std::iter::from_fn(|| self.flow.poll()).collect()
    }

    pub(super) fn caller(&mut self, event: LegEvent) -> Vec<Output> {
        self.input(Input::Leg(self.caller, event))
    }

    pub(super) fn agent(&mut self, branch: u32, event: LegEvent) -> Vec<Output> {
        self.input(Input::Leg(self.caller.branch(branch), event))
    }

    pub(super) fn order(&mut self, order: Order) -> Vec<Output> {
        self.input(Input::Order(order))
    }

    pub(super) fn offer(&mut self, agent: &str) -> Vec<Output> {
        let contact = AgentContact::Uri("sip:agent@192.0.2.8".into());
        self.order(Order::Offer {
            agent: AgentId::new(agent),
            contact,
        })
    }

    pub(super) fn wait(&mut self, time: Duration) -> Vec<Output> {
        self.now += time;
        self.input(Input::Tick)
    }
}

/// The commands among the outputs, by leg.
pub(super) fn commands(outputs: &[Output]) -> Vec<(LegId, &'static str)> {
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
        LegCommand::Probe => "probe",
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

pub(super) fn events(outputs: &[Output]) -> Vec<CallEvent> {
    let call = outputs.iter().filter_map(|output| match output {
        Output::Call(event) => Some(event.clone()),
        _ => None,
    });
    call.collect()
}

pub(super) fn media(outputs: &[Output]) -> Vec<MediaCommand> {
    let media = outputs.iter().filter_map(|output| match output {
        Output::Media(command) => Some(*command),
        _ => None,
    });
    media.collect()
}

pub(super) fn body(outputs: &[Output]) -> String {
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

pub(super) fn ended_with(by: EndedBy, cause: Cause) -> Vec<CallEvent> {
    vec![CallEvent::Ended { by, cause }]
}

pub(super) fn failed(agent: &str, cause: AgentFailure) -> Vec<CallEvent> {
    vec![CallEvent::AgentFailed {
        agent: AgentId::new(agent),
        cause,
    }]
}

pub(super) fn is_playing(outputs: &[Output], wanted: PromptKey) -> bool {
    media(outputs)
        .iter()
        .any(|command| matches!(command, MediaCommand::Play { prompt, .. } if *prompt == wanted))
}
