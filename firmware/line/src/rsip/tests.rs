//! The user agent against peers on sockets: calls set up, refused, cancelled and ended, and junk survived.

use std::collections::BTreeSet;

use tokio::net::UdpSocket;
use tokio::time::timeout;
use trunkside_call::Pii;

use super::*;
use crate::sdp::{self, Direction, Local};
use crate::sip_ua::AgentContact;
use crate::sip_ua::{EndCause, PhoneEvent};

mod colleagues;
mod dialogs;
pub mod dns;
mod early;
mod messages;
mod moved;
mod peer;
mod strangers;
mod streams;
mod targets;
mod trunks;

const LIMIT: Duration = Duration::from_secs(10);

/// A user agent on loopback, and the task that moves it.
struct Phone {
    ua: RsipUa,
    _task: JoinSet<()>,
}

impl Phone {
    async fn new(users: &[&str]) -> Self {
        let loopback: IpAddr = "127.0.0.1".parse().expect("valid");
        let mut config = RsipConfig::new(SocketAddr::new(loopback, 0), loopback);
        config.phones.users = users.iter().map(|&user| user.to_owned()).collect();
        let (ua, task) = RsipUa::bind(config).await.expect("loopback");
        let mut tasks = JoinSet::new();
        tasks.spawn(task);
        Self { ua, _task: tasks }
    }

    fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.ua.local_addr())
    }

    /// The next event of a call.
    async fn next(&mut self) -> SipEvent {
        timeout(LIMIT, self.ua.next_of_leg())
            .await
            .expect("an event in time")
            .expect("running")
    }

    /// The next event that is not about ringing.
    async fn settled(&mut self) -> LegEvent {
        loop {
            match self.next().await.what {
                LegEvent::Ringing { .. } => {}
                other => return other,
            }
        }
    }

    fn command(&mut self, leg: LegId, what: LegCommand) {
        self.ua.command(SipCommand { leg, what });
    }

    fn dial(&mut self, uri: String) -> LegId {
        let leg = LegId::dialled(1);
        let what = LegCommand::Dial {
            to: AgentContact::Uri(uri),
            from: Pii::new("13800138000".into()),
            private: false,
            sdp: description(4_000),
        };
        self.command(leg, what);
        leg
    }
}

fn description(port: u16) -> Vec<u8> {
    let address = SocketAddr::new("127.0.0.1".parse().expect("valid"), port);
    let local = Local {
        address,
        session: 1,
        version: 0,
        secret: None,
        comfort_noise: false,
    };
    sdp::offer(local, &[trunkside_call::Codec::Pcma], Direction::SendRecv)
}

/// Two phones, and the called one's leg of the call between them.
async fn ringing() -> (Phone, LegId, Phone, LegId) {
    let (mut one, mut two) = (Phone::new(&[]).await, Phone::new(&[]).await);
    let dialled = one.dial(two.uri("2000"));
    let event = two.next().await;
    let LegEvent::Incoming { from, to, sdp, .. } = event.what else {
        panic!("{event:?}")
    };
    assert_eq!(
        (from.reveal().as_str(), to.reveal().as_str()),
        ("13800138000", "2000")
    );
    assert_eq!(sdp, description(4_000));
    (one, dialled, two, event.leg)
}

async fn answered() -> (Phone, LegId, Phone, LegId) {
    let (mut one, dialled, mut two, incoming) = ringing().await;
    two.command(
        incoming,
        LegCommand::Answer {
            sdp: description(5_000),
        },
    );
    assert_eq!(
        one.settled().await,
        LegEvent::Answered {
            sdp: description(5_000)
        }
    );
    assert_eq!(
        two.next().await.what,
        LegEvent::Acknowledged { sdp: Vec::new() }
    );
    (one, dialled, two, incoming)
}

#[tokio::test]
async fn a_call_is_set_up_and_ended_by_the_one_who_called() {
    let (mut one, dialled, mut two, incoming) = answered().await;
    one.command(dialled, LegCommand::HangUp);
    let ended = LegEvent::Ended {
        cause: EndCause::Bye,
    };
    assert_eq!(
        two.next().await,
        SipEvent {
            leg: incoming,
            what: ended
        }
    );
}

#[tokio::test]
async fn a_call_is_ended_by_the_one_who_was_called() {
    let (mut one, dialled, mut two, incoming) = answered().await;
    two.command(incoming, LegCommand::HangUp);
    let ended = LegEvent::Ended {
        cause: EndCause::Bye,
    };
    assert_eq!(
        one.next().await,
        SipEvent {
            leg: dialled,
            what: ended
        }
    );
}

#[tokio::test]
async fn an_answer_may_be_hung_up_before_it_is_acknowledged() {
    let (mut one, _, mut two, incoming) = ringing().await;
    two.command(
        incoming,
        LegCommand::Answer {
            sdp: description(5_000),
        },
    );
    two.command(incoming, LegCommand::HangUp);
    assert!(matches!(one.settled().await, LegEvent::Answered { .. }));
    assert_eq!(
        one.settled().await,
        LegEvent::Ended {
            cause: EndCause::Bye
        }
    );
}

#[tokio::test]
async fn ringing_early_media_and_refusals_reach_the_caller() {
    let (mut one, dialled, mut two, incoming) = ringing().await;
    two.command(incoming, LegCommand::Progress { sdp: None });
    let ringing = LegEvent::Ringing { sdp: Vec::new() };
    assert_eq!(
        one.next().await,
        SipEvent {
            leg: dialled,
            what: ringing
        }
    );
    two.command(
        incoming,
        LegCommand::Progress {
            sdp: Some(description(5_000)),
        },
    );
    assert_eq!(
        one.next().await.what,
        LegEvent::Ringing {
            sdp: description(5_000)
        }
    );
    two.command(incoming, LegCommand::Reject { status: 486 });
    assert_eq!(one.next().await.what, LegEvent::Failed { status: 486 });
}

#[tokio::test]
async fn a_cancelled_call_ends_on_both_sides() {
    let (mut one, dialled, mut two, incoming) = ringing().await;
    two.command(incoming, LegCommand::Progress { sdp: None });
    one.next().await;
    one.command(dialled, LegCommand::Cancel);
    assert_eq!(
        two.next().await,
        SipEvent {
            leg: incoming,
            what: LegEvent::Cancelled
        }
    );
    assert_eq!(one.settled().await, LegEvent::Failed { status: 487 });
    two.command(
        incoming,
        LegCommand::Answer {
            sdp: description(5_000),
        },
    );
}

#[tokio::test]
async fn a_contact_that_is_no_uri_or_not_registered_fails_at_once() {
    let mut phone = Phone::new(&["agent1"]).await;
    let leg = phone.dial("not a uri".into());
    let unreachable = LegEvent::Failed { status: 404 };
    assert_eq!(
        phone.next().await,
        SipEvent {
            leg,
            what: unreachable.clone()
        }
    );
    let to = AgentContact::Registered("agent1".into());
    phone.command(
        leg,
        LegCommand::Dial {
            to,
            from: Pii::default(),
            private: false,
            sdp: vec![],
        },
    );
    assert_eq!(phone.next().await.what, unreachable);
}

/// A peer that writes its own SIP.
struct Raw {
    socket: UdpSocket,
    peer: SocketAddr,
}

impl Raw {
    async fn new(phone: &Phone) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
        Self {
            socket,
            peer: phone.ua.local_addr(),
        }
    }

    async fn send(&self, method: &str, lines: &str, body: &str) {
        let own = self.socket.local_addr().expect("bound");
        let text = format!(
            "{method} sip:agent1@{peer} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {own};branch=z9hG4bK{method}{length}at{port};rport\r\n\
             From: <sip:agent1@{own}>;tag=1\r\nTo: <sip:agent1@{peer}>\r\n\
             Call-ID: {method}@raw\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
             {lines}Content-Length: {length}\r\n\r\n{body}",
            peer = self.peer,
            port = own.port(),
            length = body.len(),
        );
        self.socket
            .send_to(text.as_bytes(), self.peer)
            .await
            .expect("sent");
    }

    async fn response(&self) -> String {
        let mut bytes = [0; 4_096];
        let received = timeout(LIMIT, self.socket.recv(&mut bytes)).await;
        let length = received.expect("a response in time").expect("received");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}

#[tokio::test]
async fn a_registered_phone_can_be_rung_and_a_stranger_is_refused() {
    let mut phone = Phone::new(&["agent1"]).await;
    let raw = Raw::new(&phone).await;
    let own = raw.socket.local_addr().expect("bound");
    let contact = format!("Contact: <sip:agent1@{own}>;expires=60\r\n");
    raw.send("REGISTER", &contact, "").await;
    let user = "agent1".to_owned();
    let there = PhoneEvent {
        user,
        is_there: true,
    };
    let event = timeout(LIMIT, phone.ua.next_event()).await;
    assert_eq!(event.expect("in time"), Some(UaEvent::Phone(there)));
    // Only a user agent that is being asked for events moves.
    let response = tokio::select! {
        response = raw.response() => response,
        _ = phone.ua.next_of_leg() => panic!("a registration is no call"),
    };
    assert!(response.starts_with("SIP/2.0 200"), "{response}");
    assert!(response.contains("expires=60"), "{response}");

    let to = AgentContact::Registered("agent1".into());
    let dial = LegCommand::Dial {
        to,
        from: Pii::default(),
        private: false,
        sdp: description(4_000),
    };
    phone.command(LegId::dialled(1), dial);
    let invite = raw.response().await;
    assert!(invite.starts_with("INVITE sip:agent1@"), "{invite}");
    assert!(
        invite.contains("sip:anonymous@"),
        "a caller without a number: {invite}"
    );

    let mut other = Phone::new(&[]).await;
    let users = vec!["agent1".to_owned()];
    let known = Phones {
        users,
        ..Phones::default()
    };
    let strangers = [Raw::new(&other).await, Raw::new(&other).await];
    // Another policy knows them.
    let answers = [(Phones::default(), "SIP/2.0 401"), (known, "SIP/2.0 200")];
    for (stranger, (phones, answer)) in strangers.iter().zip(answers) {
        other.ua.phones(phones);
        stranger.send("REGISTER", &contact, "").await;
        let response = tokio::select! {
            response = stranger.response() => response,
            _ = other.ua.next_of_leg() => panic!("a registration is no call"),
        };
        assert!(response.starts_with(answer), "{response}");
    }
}

#[tokio::test]
async fn what_belongs_to_no_call_is_answered_and_junk_is_counted() {
    let mut phone = Phone::new(&[]).await;
    let raw = Raw::new(&phone).await;
    for junk in [&b"\x00\x01"[..], b"junk\r\n\r\n", &[0xff; 3_000]] {
        raw.socket.send_to(junk, raw.peer).await.expect("sent");
    }
    let mut seen = BTreeSet::new();
    for (method, status) in [
        ("OPTIONS", "200"),
        ("REFER", "405"),
        ("SUBSCRIBE", "405"),
        ("BYE", "481"),
        ("STRANGE", "501"),
    ] {
        raw.send(method, "", "").await;
        let response = tokio::select! {
            response = raw.response() => response,
            _ = phone.ua.next_of_leg() => panic!("no event"),
        };
        assert!(
            response.starts_with(&format!("SIP/2.0 {status}")),
            "{method}: {response}"
        );
        seen.insert(method);
    }
    assert_eq!(seen.len(), 5);
    let stats = phone.ua.stats();
    assert_eq!((stats.dropped, stats.refused, stats.passed), (3, 1, 4));
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let phone = Phone::new(&[]).await;
    let listen = phone.ua.local_addr();
    let error = RsipUa::bind(RsipConfig::new(listen, listen.ip()))
        .await
        .err()
        .expect("in use");
    assert!(error.to_string().contains(&listen.to_string()), "{error}");
}
