//! Calls over TCP and TLS, and peers that misuse a connection.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::peer::{Driven, SDP, header, offer};
use super::*;
use crate::stream::{ConnectionLimits, Framed, Framing};
use crate::trunk::TrunkTimes;

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().expect("valid")
}

/// A certificate for the loopback address, and whom trusts it.
fn identity() -> (Arc<TlsIdentity>, TlsTrust) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("made");
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = TlsIdentity::from_pem(chain.as_bytes(), key.as_bytes()).expect("fits");
    let trust = TlsTrust::from_pem(chain.as_bytes()).expect("a certificate");
    (Arc::new(identity), trust)
}

/// A user agent that listens in all ways.
async fn listening(change: impl FnOnce(&mut RsipConfig)) -> (Driven, TlsTrust) {
    let (identity, trust) = identity();
    let ua = Driven::new(|config| {
        config.listen_tcp = Some(any_port());
        config.listen_tls = Some(any_port());
        config.identity = Some(identity);
        change(config);
    })
    .await;
    (ua, trust)
}

fn to(address: SocketAddr, parameters: &str) -> AgentContact {
    AgentContact::Uri(format!("sip:2000@{address}{parameters}"))
}

/// A whole call: set up, changed, ended.
async fn converse(one: &mut Driven, two: &mut Driven, dialled: LegId) {
    let incoming = two.incoming().await;
    let sdp = description(5_000);
    two.command(incoming, LegCommand::Answer { sdp });
    assert!(matches!(one.settled().await, LegEvent::Answered { .. }));
    assert_eq!(
        two.settled().await,
        LegEvent::Acknowledged { sdp: Vec::new() }
    );
    let sdp = description(4_002);
    one.command(dialled, LegCommand::Reoffer { sdp });
    assert!(matches!(two.settled().await, LegEvent::Reoffered { .. }));
    let sdp = description(5_000);
    two.command(incoming, LegCommand::AnswerReoffer { sdp });
    assert!(matches!(one.settled().await, LegEvent::Reanswered { .. }));
    two.command(incoming, LegCommand::HangUp);
    let cause = EndCause::Bye;
    assert_eq!(one.settled().await, LegEvent::Ended { cause });
}

#[tokio::test]
async fn a_call_goes_over_tcp() {
    let (mut two, _) = listening(|_| {}).await;
    let mut one = Driven::new(|_| {}).await;
    let there = two.tcp.expect("it listens");
    let dialled = one.dial(to(there, ";transport=tcp"));
    converse(&mut one, &mut two, dialled).await;
}

#[tokio::test]
async fn a_call_goes_over_tls_to_who_is_trusted_only() {
    let (mut two, trust) = listening(|_| {}).await;
    let there = two.tls.expect("it listens");
    let mut one = Driven::new(|config| config.trust = Some(trust)).await;
    let dialled = one.dial(to(there, ";transport=tls"));
    converse(&mut one, &mut two, dialled).await;
    let dialled = one.dial(AgentContact::Uri(format!("sips:2000@{there}")));
    converse(&mut one, &mut two, dialled).await;

    let (_, another) = identity();
    for trust in [Some(another), None] {
        let mut other = Driven::new(|config| config.trust = trust).await;
        other.dial(to(there, ";transport=tls"));
        assert_eq!(other.settled().await, LegEvent::Failed { status: 503 });
    }
    assert!(two.events_are_empty());
}

/// An INVITE without an offer, then a re-INVITE without one.
#[tokio::test]
async fn where_keys_are_demanded_an_offer_of_ours_demands_them_too() {
    let (mut box_ua, trust) = listening(|config| config.srtp = SrtpPolicy::Required).await;
    let there = box_ua.tls.expect("it listens");
    let mut caller = Driven::new(|config| config.trust = Some(trust)).await;
    let leg = LegId::dialled(1);
    let dial = LegCommand::Dial {
        to: to(there, ";transport=tls"),
        from: Pii::default(),
        private: false,
        sdp: Vec::new(),
    };
    caller.command(leg, dial);
    let incoming = box_ua.incoming().await;
    let sdp = description(5_000);
    box_ua.command(incoming, LegCommand::Answer { sdp });
    let offered = caller.settled().await;
    let demanded = String::from_utf8(description(5_000)).expect("text");
    let sdp = demanded.replace("RTP/AVP", "RTP/SAVP").into_bytes();
    assert_eq!(offered, LegEvent::Answered { sdp: sdp.clone() });
    assert!(matches!(
        box_ua.settled().await,
        LegEvent::Acknowledged { .. }
    ));
    let nothing = LegCommand::Reoffer { sdp: Vec::new() };
    caller.command(leg, nothing);
    assert!(matches!(box_ua.settled().await, LegEvent::Reoffered { .. }));
    let again = description(5_000);
    box_ua.command(incoming, LegCommand::AnswerReoffer { sdp: again });
    assert_eq!(caller.settled().await, LegEvent::Reanswered { sdp });
}

#[tokio::test]
async fn a_transport_that_is_not_there_fails_at_once() {
    let mut one = Driven::new(|_| {}).await;
    one.dial(to(any_port(), ";transport=ws"));
    assert_eq!(one.settled().await, LegEvent::Failed { status: 404 });
    let closed = TcpListener::bind(any_port()).await.expect("loopback");
    let address = closed.local_addr().expect("bound");
    drop(closed);
    one.dial(to(address, ";transport=tcp"));
    assert_eq!(one.settled().await, LegEvent::Failed { status: 503 });
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One end of a connection that writes its own SIP.
struct Line {
    stream: Box<dyn Stream>,
    own: SocketAddr,
    framing: Framing,
}

impl Line {
    async fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("it listens"))
    }

    /// From another of this machine's addresses.
    async fn from(own: [u8; 4], to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((own, 0).into()).expect("loopback");
        Self::over(socket.connect(to).await.expect("it listens"))
    }

    fn over(stream: TcpStream) -> Self {
        let own = stream.local_addr().expect("bound");
        Self {
            stream: Box::new(stream),
            own,
            framing: Framing::default(),
        }
    }

    /// The next connection that the box opens.
    async fn of(listener: &TcpListener, tls: Option<&TlsAcceptor>) -> Self {
        let accepted = timeout(LIMIT, listener.accept()).await.expect("it comes");
        let (stream, _) = accepted.expect("accepted");
        let own = stream.local_addr().expect("bound");
        let Some(tls) = tls else {
            return Self::over(stream);
        };
        let agreed = timeout(LIMIT, tls.accept(stream)).await.expect("in time");
        Self {
            stream: Box::new(agreed.expect("it trusts us")),
            own,
            framing: Framing::default(),
        }
    }

    /// Closes the connection, and waits until the box has.
    async fn close(mut self) {
        self.stream.shutdown().await.expect("open until now");
        while !self.bytes().await.is_empty() {}
    }

    async fn write(&mut self, text: &str) {
        let written = self.stream.write_all(text.as_bytes()).await;
        written.expect("the far end is there");
    }

    /// The next message.
    async fn read(&mut self) -> String {
        loop {
            match self.framing.take().expect("well formed") {
                Some(Framed::Message(bytes)) => return String::from_utf8(bytes).expect("text"),
                Some(Framed::Ping) => {}
                None => {
                    let bytes = self.bytes().await;
                    assert!(!bytes.is_empty(), "the connection was closed");
                    self.framing.push(&bytes);
                }
            }
        }
    }

    /// Whatever comes next; nothing once the far end has closed.
    async fn bytes(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 4_096];
        let read = timeout(LIMIT, self.stream.read(&mut bytes)).await;
        // A far end that closes while more is on its way resets the connection.
        let length = read.expect("in time").unwrap_or_default();
        bytes.truncate(length);
        bytes
    }

    fn request(&self, method: &str, lines: &str, body: &str) -> String {
        let own = self.own;
        format!(
            "{method} sip:li_na@box SIP/2.0\r\nVia: SIP/2.0/TCP {own};branch=z9hG4bK{method}\r\n\
             From: <sip:li_na@box>;tag=1\r\nTo: <sip:li_na@box>\r\nCall-ID: {method}@{own}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContact: <sip:li_na@10.9.9.9:5060;transport=tcp>\r\n\
             {lines}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Answers a request that came.
    async fn respond(&mut self, request: &str, status: &str, lines: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            let value = header(request, name).expect("it has the header");
            let tag = if name == "To" { ";tag=t" } else { "" };
            text.extend([name, ": ", value, tag, "\r\n"]);
        }
        self.write(&format!("{text}{lines}Content-Length: 0\r\n\r\n"))
            .await;
    }
}

#[tokio::test]
async fn a_phone_is_rung_over_the_connection_that_it_registered_over() {
    let (mut ua, _) = listening(|config| config.phones.users = vec!["li_na".into()]).await;
    let mut phone = Line::to(ua.tcp.expect("it listens")).await;
    phone.write(&phone.request("REGISTER", "", "")).await;
    assert!(phone.read().await.starts_with("SIP/2.0 200"));

    ua.dial(AgentContact::Registered("li_na".into()));
    let invite = phone.read().await;
    assert!(invite.starts_with("INVITE sip:li_na@10.9.9.9"), "{invite}");
    let own = ua.tcp.expect("it listens").to_string();
    let via = header(&invite, "Via").expect("a via");
    assert!(via.starts_with(&format!("SIP/2.0/TCP {own}")), "{via}");
    let contact = header(&invite, "Contact").expect("a contact");
    assert!(
        contact.contains(&format!("{own};transport=TCP")),
        "{contact}"
    );
    phone.respond(&invite, "486 Busy Here", "").await;
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 486 });
    assert!(phone.read().await.starts_with("ACK "));

    phone.close().await;
    ua.dial(AgentContact::Registered("li_na".into()));
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 480 });
}

#[tokio::test]
async fn a_phone_that_only_keeps_its_connection_alive_is_rung_much_later() {
    let (ua, _) = listening(|config| config.phones.users = vec!["li_na".into()]).await;
    let mut phone = Line::to(ua.tcp.expect("it listens")).await;
    phone.write(&phone.request("REGISTER", "", "")).await;
    assert!(phone.read().await.starts_with("SIP/2.0 200"));
    for _ in 0..5 {
        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(10)).await;
        tokio::time::resume();
        phone.write("\r\n\r\n").await;
        assert_eq!(phone.bytes().await, b"\r\n", "a ping is answered");
    }
    ua.dial(AgentContact::Registered("li_na".into()));
    assert!(phone.read().await.starts_with("INVITE "));
}

#[tokio::test]
async fn a_leg_fails_when_its_connection_dies_before_the_answer() {
    let (mut ua, _) = listening(|config| config.phones.users = vec!["li_na".into()]).await;
    // The box's own connection, to a far end by its address.
    let agent = TcpListener::bind(any_port()).await.expect("loopback");
    let there = agent.local_addr().expect("bound");
    for rings in [false, true] {
        ua.dial(to(there, ";transport=tcp"));
        let mut line = Line::of(&agent, None).await;
        let invite = line.read().await;
        if rings {
            line.respond(&invite, "180 Ringing", "").await;
            let event = ua.event().await.what;
            assert!(matches!(event, LegEvent::Ringing { .. }), "{event:?}");
        }
        drop(line);
        assert_eq!(ua.settled().await, LegEvent::Failed { status: 503 });
    }
    // What was said last counts, also when nothing follows it.
    ua.dial(to(there, ";transport=tcp"));
    let mut line = Line::of(&agent, None).await;
    let invite = line.read().await;
    line.respond(&invite, "486 Busy Here", "").await;
    line.stream.shutdown().await.expect("open until now");
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 486 });
    // A connection that the phone opened.
    let mut phone = Line::to(ua.tcp.expect("it listens")).await;
    phone.write(&phone.request("REGISTER", "", "")).await;
    assert!(phone.read().await.starts_with("SIP/2.0 200"));
    ua.dial(AgentContact::Registered("li_na".into()));
    assert!(phone.read().await.starts_with("INVITE "));
    drop(phone);
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 503 });
}

#[tokio::test]
async fn messages_are_read_however_they_are_cut() {
    let (mut ua, _) = listening(|_| {}).await;
    let mut line = Line::to(ua.tcp.expect("it listens")).await;
    line.write("\r\n\r\n").await;
    assert_eq!(line.bytes().await, b"\r\n", "a ping is answered");
    let (options, invite) = (
        line.request("OPTIONS", "", ""),
        line.request("INVITE", SDP, &offer()),
    );
    let both = format!("\r\n{options}{invite}");
    let (begin, end) = both.split_at(options.len() + invite.len() / 2);
    line.write(begin).await;
    assert!(line.read().await.starts_with("SIP/2.0 200"));
    line.write(end).await;
    ua.incoming().await;
}

#[tokio::test]
async fn what_the_gate_refuses_is_answered_over_the_connection() {
    let (ua, _) = listening(|_| {}).await;
    let mut line = Line::to(ua.tcp.expect("it listens")).await;
    line.write(&line.request("STRANGE", "", "")).await;
    assert!(line.read().await.starts_with("SIP/2.0 501"));
    let required = "Require: telepathy\r\n";
    line.write(&line.request("OPTIONS", required, "")).await;
    assert!(line.read().await.starts_with("SIP/2.0 420"));
}

#[tokio::test]
async fn who_talks_nonsense_is_cut_off_and_others_are_not() {
    let (ua, _) = listening(|_| {}).await;
    let address = ua.tcp.expect("it listens");
    let mut good = Line::to(address).await;
    let endless = "x".repeat(20_000);
    let head = "OPTIONS sip:a SIP/2.0\r\nContent-Length: ";
    for nonsense in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3),
        format!("{head}5000000\r\n\r\n"),
        format!("{head}-1\r\n\r\n"),
        endless,
    ] {
        let mut bad = Line::to(address).await;
        bad.write(&nonsense).await;
        while !bad.bytes().await.is_empty() {}
    }
    good.write(&good.request("OPTIONS", "", "")).await;
    assert!(good.read().await.starts_with("SIP/2.0 200"));
}

#[tokio::test]
async fn who_speaks_plainly_to_a_tls_port_is_cut_off() {
    let (ua, _) = listening(|_| {}).await;
    let mut line = Line::to(ua.tls.expect("it listens")).await;
    line.write(&line.request("OPTIONS", "", "")).await;
    while !line.bytes().await.is_empty() {}
}

fn dial(there: SocketAddr) -> LegCommand {
    LegCommand::Dial {
        to: to(there, ";transport=tcp"),
        from: Pii::default(),
        private: false,
        sdp: description(4_000),
    }
}

#[tokio::test]
async fn a_call_fails_with_its_connection_and_one_over_the_next_does_not() {
    let agent = TcpListener::bind(any_port()).await.expect("loopback");
    let there = agent.local_addr().expect("bound");
    let mut ua = Driven::new(|_| {}).await;
    let [first, second] = [1, 2].map(LegId::dialled);
    ua.command(first, dial(there));
    let mut line = Line::of(&agent, None).await;
    assert!(line.read().await.starts_with("INVITE "));
    line.close().await;
    ua.command(second, dial(there));
    let mut line = Line::of(&agent, None).await;
    let invite = line.read().await;
    let what = LegEvent::Failed { status: 503 };
    assert_eq!(ua.event().await, SipEvent { leg: first, what });
    line.respond(&invite, "486 Busy Here", "").await;
    let what = LegEvent::Failed { status: 486 };
    assert_eq!(ua.event().await, SipEvent { leg: second, what });
}

#[tokio::test]
async fn calls_at_once_go_over_one_connection_and_fail_with_it() {
    let agent = TcpListener::bind(any_port()).await.expect("loopback");
    let there = agent.local_addr().expect("bound");
    let mut ua = Driven::new(|_| {}).await;
    let legs = [1, 2].map(LegId::dialled);
    for leg in legs {
        ua.command(leg, dial(there));
    }
    let mut line = Line::of(&agent, None).await;
    for _ in legs {
        assert!(line.read().await.starts_with("INVITE "));
    }
    drop(line);
    for _ in legs {
        assert_eq!(ua.settled().await, LegEvent::Failed { status: 503 });
    }
}

/// A trunk to that carrier, which registers and is asked so often whether it is there.
fn trunk(carrier: &TcpListener, transport: Transport, keep_alive: Duration) -> TrunkConfig {
    let target = carrier.local_addr().expect("bound").to_string();
    TrunkConfig {
        name: "telecom".into(),
        targets: vec![target.parse().expect("a target")],
        transport,
        domain: "carrier.example".into(),
        login: None,
        number: None,
        sources: Vec::new(),
        times: TrunkTimes {
            keep_alive,
            back_off: Duration::from_millis(100),
            ..TrunkTimes::default()
        },
    }
}

const HOUR: Duration = Duration::from_hours(1);

fn at_carrier() -> AgentContact {
    AgentContact::OverTrunk {
        trunk: "telecom".into(),
        number: Pii::new("13800138000".into()),
    }
}

/// The INVITE of a call over the trunk, as soon as the box has read what the carrier has said.
async fn dialled_over(ua: &mut Driven, line: &mut Line) -> String {
    loop {
        ua.dial(at_carrier());
        tokio::select! {
            invite = line.read() => return invite,
            event = ua.settled() => assert_eq!(event, LegEvent::Failed { status: 404 }),
        }
    }
}

#[tokio::test]
async fn a_trunk_is_dialled_over_when_its_connection_is_gone() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let (own, trust) = identity();
        let tls = TlsAcceptor::from(own.server().expect("fits"));
        let tls = Some(&tls).filter(|_| transport == Transport::Tls);
        let carrier = TcpListener::bind(any_port()).await.expect("loopback");
        let mut trunk = trunk(&carrier, transport, HOUR);
        trunk.times.register = false;
        let mut ua = Driven::new(|config| {
            config.trunks = vec![trunk];
            config.trust = Some(trust);
        })
        .await;
        let mut line = Line::of(&carrier, tls).await;
        let options = line.read().await;
        line.respond(&options, "200 OK", "").await;
        dialled_over(&mut ua, &mut line).await;
        line.close().await;
        assert_eq!(ua.settled().await, LegEvent::Failed { status: 503 });

        ua.dial(at_carrier());
        let mut line = Line::of(&carrier, tls).await;
        let invite = loop {
            // It is asked after as well.
            let request = line.read().await;
            if request.starts_with("INVITE ") {
                break request;
            }
            line.respond(&request, "200 OK", "").await;
        };
        let via = format!("SIP/2.0/{}", transport.name().to_uppercase());
        assert!(header(&invite, "Via").is_some_and(|value| value.starts_with(&via)));
        line.respond(&invite, "486 Busy Here", "").await;
        assert_eq!(ua.settled().await, LegEvent::Failed { status: 486 });
        // It is one of those that the box watches.
        ua.dial(at_carrier());
        while !line.read().await.starts_with("INVITE ") {}
        drop(line);
        assert_eq!(ua.settled().await, LegEvent::Failed { status: 503 });
    }
}

#[tokio::test]
async fn a_trunk_that_lost_its_connection_is_registered_with_long_before_it_is_asked() {
    let carrier = TcpListener::bind(any_port()).await.expect("loopback");
    let trunk = trunk(&carrier, Transport::Tcp, HOUR);
    let mut ua = Driven::new(|config| config.trunks = vec![trunk]).await;
    for _ in 0..2 {
        let mut line = Line::of(&carrier, None).await;
        let register = line.read().await;
        assert!(register.starts_with("REGISTER "), "{register}");
        let contact = header(&register, "Contact").expect("a contact");
        let granted = format!("Contact: {contact};expires=600\r\n");
        line.respond(&register, "200 OK", &granted).await;
        let invite = dialled_over(&mut ua, &mut line).await;
        line.respond(&invite, "486 Busy Here", "").await;
        assert_eq!(ua.settled().await, LegEvent::Failed { status: 486 });
        // A carrier that closed every connection would not be asked as often.
        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(1)).await;
        tokio::time::resume();
        line.close().await;
    }
}

#[tokio::test]
async fn a_trunk_that_lost_its_connection_is_registered_with_again() {
    let carrier = TcpListener::bind(any_port()).await.expect("loopback");
    let trunk = trunk(&carrier, Transport::Tcp, Duration::from_secs(1));
    let _ua = Driven::new(|config| config.trunks = vec![trunk]).await;
    for _ in 0..2 {
        let mut line = Line::of(&carrier, None).await;
        let register = line.read().await;
        assert!(register.starts_with("REGISTER sip:carrier.example;transport=TCP"));
        assert!(header(&register, "Via").is_some_and(|via| via.starts_with("SIP/2.0/TCP")));
        let contact = header(&register, "Contact").expect("a contact").to_owned();
        assert!(contact.contains(";transport=TCP"), "{contact}");
        let granted = format!("Contact: {contact};expires=600\r\n");
        line.respond(&register, "200 OK", &granted).await;
        let options = line.read().await;
        assert!(options.starts_with("OPTIONS "), "{options}");
        line.respond(&options, "200 OK", "").await;
    }
}

/// Strangers of 20 addresses open 60 connections, and say half a word or nothing.
async fn besiege(ua: &Driven) -> Vec<Line> {
    let (tcp, tls) = (ua.tcp.expect("it listens"), ua.tls.expect("it listens"));
    let mut lines = Vec::new();
    for number in 0..60 {
        let own = [127, 0, 1, number % 20 + 1];
        let mut line = Line::from(own, if number % 3 == 0 { tls } else { tcp }).await;
        if number % 2 == 0 {
            // It may be turned away already.
            let _ = line
                .stream
                .write_all(b"INVITE sip:x SIP/2.0\r\nVia: ")
                .await;
        }
        lines.push(line);
    }
    lines
}

#[tokio::test]
async fn trunk_and_phones_get_through_while_strangers_hold_all_that_they_get() {
    let trunk = TrunkConfig {
        name: "telecom".into(),
        targets: Vec::new(),
        transport: Transport::Tcp,
        domain: "carrier.example".into(),
        login: None,
        number: None,
        sources: vec!["127.0.0.3".parse().expect("an address")],
        times: TrunkTimes::default(),
    };
    let (mut ua, _) = listening(|config| {
        config.phones.users = vec!["li_na".into()];
        config.trunks = vec![trunk];
        config.limits = ConnectionLimits {
            in_all: 24,
            for_trunks: 4,
            for_strangers: 12,
            from_one: 12,
            from_stranger: 3,
        };
    })
    .await;
    let address = ua.tcp.expect("it listens");
    let mut strangers = besiege(&ua).await;
    let mut trunk = Line::from([127, 0, 0, 3], address).await;
    trunk.write(&trunk.request("INVITE", SDP, &offer())).await;
    ua.incoming().await;
    let mut phone = Line::from([127, 0, 0, 4], address).await;
    phone.write(&phone.request("REGISTER", "", "")).await;
    assert!(phone.read().await.starts_with("SIP/2.0 200"));
    // However many come, it is they who lose their places.
    let _more = besiege(&ua).await;
    while !strangers[0].bytes().await.is_empty() {}
    trunk.write(&trunk.request("OPTIONS", "", "")).await;
    while !trunk.read().await.contains("CSeq: 1 OPTIONS") {}
    ua.dial(AgentContact::Registered("li_na".into()));
    assert!(phone.read().await.starts_with("INVITE "));
}
