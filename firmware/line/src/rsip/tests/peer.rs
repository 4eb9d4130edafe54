//! A user agent that runs by itself, and peers that write their own SIP.

use tokio::sync::mpsc;

use super::*;

/// A user agent whose events come out of a channel.
pub struct Driven {
    pub address: SocketAddr,
    /// Where it takes connections.
    pub tcp: Option<SocketAddr>,
    pub tls: Option<SocketAddr>,
    /// Where the phones are that registered by datagrams.
    pub registrations: watch::Receiver<Vec<Registration>>,
    events: mpsc::UnboundedReceiver<SipEvent>,
    commands: mpsc::UnboundedSender<SipCommand>,
    _tasks: JoinSet<()>,
}

impl Driven {
    pub async fn new(change: impl FnOnce(&mut RsipConfig)) -> Self {
        let loopback: IpAddr = "127.0.0.1".parse().expect("valid");
        let mut config = RsipConfig::new(SocketAddr::new(loopback, 0), loopback);
        change(&mut config);
        let (mut ua, task) = RsipUa::bind(config).await.expect("loopback");
        let address = ua.local_addr();
        let (tcp, tls) = (ua.listens(Transport::Tcp), ua.listens(Transport::Tls));
        let registrations = ua.registrations();
        let (event_sender, events) = mpsc::unbounded_channel();
        let (commands, mut wanted) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(task);
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    event = ua.next_of_leg() => match event {
                        Some(event) => { let _ = event_sender.send(event); }
                        None => return,
                    },
                    command = wanted.recv() => match command {
                        Some(command) => ua.command(command),
                        None => return,
                    },
                }
            }
        });
        Self {
            address,
            tcp,
            tls,
            registrations,
            events,
            commands,
            _tasks: tasks,
        }
    }

    pub async fn event(&mut self) -> SipEvent {
        let event = timeout(LIMIT, self.events.recv()).await;
        event.expect("an event in time").expect("running")
    }

    pub fn command(&self, leg: LegId, what: LegCommand) {
        self.commands
            .send(SipCommand { leg, what })
            .expect("running");
    }

    /// Whether nothing has happened.
    pub fn events_are_empty(&mut self) -> bool {
        self.events.try_recv().is_err()
    }

    /// The next event that is not about ringing.
    pub async fn settled(&mut self) -> LegEvent {
        loop {
            match self.event().await.what {
                LegEvent::Ringing { .. } => {}
                other => return other,
            }
        }
    }

    /// Dials, and says by which leg.
    pub fn dial(&self, to: AgentContact) -> LegId {
        let leg = LegId::dialled(1);
        let dial = LegCommand::Dial {
            to,
            from: Pii::new("13800138000".into()),
            private: false,
            sdp: description(4_000),
        };
        self.command(leg, dial);
        leg
    }

    /// The next call that comes in.
    pub async fn incoming(&mut self) -> LegId {
        let event = self.event().await;
        assert!(matches!(event.what, LegEvent::Incoming { .. }), "{event:?}");
        event.leg
    }
}

/// A peer with a socket of its own.
pub struct Peer {
    pub socket: UdpSocket,
    pub own: SocketAddr,
    pub to: SocketAddr,
    /// The tag that the far end has given itself.
    pub tag: String,
    pub number: u32,
    /// What has come.
    heard: BTreeSet<String>,
    /// The call that it has answered, if it was rung.
    pub invited: Option<String>,
}

impl Peer {
    pub async fn new(to: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await;
        Self::over(socket.expect("loopback"), to)
    }

    pub fn over(socket: UdpSocket, to: SocketAddr) -> Self {
        let own = socket.local_addr().expect("bound");
        Self {
            socket,
            own,
            to,
            tag: String::new(),
            number: 0,
            heard: BTreeSet::new(),
            invited: None,
        }
    }

    /// Sends a request of the peer's one call.
    pub async fn send(&mut self, method: &str, lines: &str, body: &str) {
        let text = self.request(method, lines, body);
        self.raw(&text).await;
    }

    /// The next request of its call, from where the lines say that it is, or its socket.
    pub fn request(&mut self, method: &str, lines: &str, body: &str) -> String {
        let contact = if lines.contains("Contact: ") {
            String::new()
        } else {
            format!("Contact: <sip:peer@{}>\r\n", self.own)
        };
        self.number += u32::from(method != "ACK");
        let Self {
            own,
            to,
            tag,
            number,
            ..
        } = self;
        let tag = if tag.is_empty() {
            String::new()
        } else {
            format!(";tag={tag}")
        };
        format!(
            "{method} sip:box@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{number};rport\r\n\
             From: <sip:13800138000@{own}>;tag=mine\r\nTo: <sip:box@{to}>{tag}\r\nCall-ID: call@{own}\r\n\
             CSeq: {number} {method}\r\nMax-Forwards: 70\r\n{contact}{lines}\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
        )
    }

    /// Sends a request within the call that it has answered.
    pub async fn send_within(&mut self, method: &str, lines: &str) {
        self.number += 1;
        let invite = self.invited.as_deref().expect("it was rung");
        let of = |name| header(invite, name).expect("a whole invite");
        let contact = of("Contact").trim_matches(['<', '>']);
        let Self { own, number, .. } = &*self;
        let text = format!(
            "{method} {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{number};rport\r\n\
             From: {};tag=theirs\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:peer@{own}>\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n",
            of("To"),
            of("From"),
            of("Call-ID"),
        );
        self.raw(&text).await;
    }

    /// Acknowledges a refusal, which belongs to the transaction of the INVITE.
    pub async fn acknowledge_refusal(&self) {
        let Self {
            own,
            to,
            tag,
            number,
            ..
        } = self;
        let text = format!(
            "ACK sip:box@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKINVITE{number};rport\r\n\
             From: <sip:13800138000@{own}>;tag=mine\r\nTo: <sip:box@{to}>;tag={tag}\r\n\
             Call-ID: call@{own}\r\nCSeq: {number} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        self.raw(&text).await;
    }

    pub async fn raw(&self, text: &str) {
        self.socket
            .send_to(text.as_bytes(), self.to)
            .await
            .expect("sent");
    }

    /// The next message, which may have come before.
    pub async fn hear(&mut self, what: &str) -> String {
        let mut bytes = [0; 8_192];
        let received = timeout(LIMIT, self.socket.recv_from(&mut bytes)).await;
        let (length, from) = received
            .unwrap_or_else(|_| panic!("no {what}"))
            .expect("received");
        self.to = from;
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    /// The next message that begins so and has not come before: after half a second without an answer all is
    /// said again, however late the peer is.
    pub async fn expect(&mut self, start: &str) -> String {
        loop {
            let text = self.hear(start).await;
            if self.heard.insert(text.clone()) && text.starts_with(start) {
                let tag = header(&text, "To").and_then(|to| to.split("tag=").nth(1));
                if let Some(tag) = tag.filter(|_| text.starts_with("SIP/")) {
                    tag.clone_into(&mut self.tag);
                }
                return text;
            }
        }
    }

    /// Answers a request.
    pub async fn respond(&self, request: &str, status: &str, lines: &str, body: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for line in request.split("\r\n") {
            let name = line.split(':').next().unwrap_or_default();
            if ["Via", "From", "Call-ID", "CSeq"].contains(&name) {
                text.extend([line, "\r\n"]);
            } else if name == "To" {
                let tag = if line.contains("tag=") {
                    ""
                } else {
                    ";tag=theirs"
                };
                text.extend([line, tag, "\r\n"]);
            }
        }
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        text.extend([lines, &length, body]);
        self.raw(&text).await;
    }
}

/// A header's value.
pub fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split("\r\n").find_map(|line| {
        let (have, value) = line.split_once(':')?;
        have.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A session description as text.
pub fn offer() -> String {
    String::from_utf8(description(4_000)).expect("text")
}

pub const SDP: &str = "Content-Type: application/sdp\r\n";
