//! Callers and agents: just as much SIP as a call needs, thousands of them on two sockets. And what
//! orders voice from rtpengine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::Wanted;
use crate::voice::{Bridge, Ends};

/// How long nothing is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// How long a call may take to be answered, or ended.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long all calls may take to be bridged, beside their rate.
const BRIDGING: Duration = Duration::from_secs(120);

/// All callers and agents.
pub struct Phones {
    callers: Arc<UdpSocket>,
    agents: Arc<UdpSocket>,
    stop: Arc<AtomicBool>,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has answered.
    Calling,
    /// It stands.
    Up,
    /// It was ended, and that was not answered yet.
    Ending,
    /// It is over, as was wanted.
    Over,
    /// It was refused, not answered in time, or ended by the far end.
    Failed(u16),
}

/// One caller's call.
pub struct Call {
    id: String,
    /// How far it is.
    pub state: State,
    /// When its INVITE was sent.
    pub began: Instant,
    /// How long its answer took.
    pub answered: Option<Duration>,
    /// Where the server takes its voice.
    pub voice: Option<SocketAddr>,
    invite: String,
    bye: Option<String>,
    /// When what was sent last is sent again.
    again: Instant,
    since: Instant,
}

/// The callers, driven by whoever waits for something.
pub struct Callers {
    socket: Arc<UdpSocket>,
    server: SocketAddr,
    /// In the order of their numbers.
    pub calls: Vec<Call>,
}

impl Callers {
    /// One more call, whose voice is at that port.
    pub fn call(&mut self, now: Instant, port: u16) {
        let number = self.calls.len();
        let own = self.socket.local_addr().expect("bound");
        let id = call_id("c", number);
        let body = description(port);
        let invite = format!(
            "INVITE sip:95588@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKi{id};rport\r\n\
             From: <sip:138{number:08}@{own}>;tag=c{number}\r\nTo: <sip:95588@{server}>\r\n\
             Call-ID: {id}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:caller@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
            server = self.server,
        );
        self.send(&invite);
        self.calls.push(Call {
            id,
            state: State::Calling,
            began: now,
            answered: None,
            voice: None,
            invite,
            bye: None,
            again: now + AGAIN,
            since: now,
        });
    }

    /// Ends a call.
    pub fn hang_up(&mut self, now: Instant, number: usize) {
        let Some(bye) = self.calls[number].bye.clone() else {
            return;
        };
        self.send(&bye);
        let call = &mut self.calls[number];
        call.state = State::Ending;
        (call.again, call.since) = (now + AGAIN, now);
    }

    /// Reads all that has come, and sends again what was not answered. Whether anything came.
    pub fn work(&mut self, now: Instant) -> bool {
        let mut bytes = [0; 4_096];
        let mut came = false;
        while let Ok((length, _)) = self.socket.recv_from(&mut bytes) {
            came = true;
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            self.take(now, &text);
        }
        came
    }

    /// Sends again what waits for an answer too long, from this call on.
    pub fn remind(&mut self, now: Instant, from: usize) {
        for number in from..self.calls.len() {
            let call = &mut self.calls[number];
            let text = match call.state {
                State::Calling => Some(call.invite.clone()),
                State::Ending => call.bye.clone(),
                _ => None,
            };
            let (Some(text), true) = (text, now >= call.again) else {
                continue;
            };
            if now >= call.since + PATIENCE {
                call.state = State::Failed(408);
                continue;
            }
            call.again = now + AGAIN;
            self.send(&text);
        }
    }

    fn take(&mut self, now: Instant, text: &str) {
        let id = header(text, "Call-ID").unwrap_or_default();
        let number = id.split('.').nth(1).and_then(|number| number.parse().ok());
        let Some(number): Option<usize> = number.filter(|&number| number < self.calls.len()) else {
            return;
        };
        if !text.starts_with("SIP/2.0 ") {
            if !text.starts_with("ACK ") {
                self.send(&response(text, "200 OK", "", ""));
            }
            if text.starts_with("BYE ") && self.calls[number].state == State::Up {
                self.calls[number].state = State::Failed(0);
            }
            return;
        }
        let status: u16 = text[8..11].parse().unwrap_or(0);
        let to_invite = header(text, "CSeq").is_some_and(|cseq| cseq.ends_with("INVITE"));
        match (to_invite, status) {
            (_, ..200) => self.calls[number].again = now + PATIENCE,
            (true, 200..300) => self.answered(now, number, text),
            (true, _) => {
                let ack = self.within(number, text, "ACK", "i", 1);
                self.send(&ack);
                self.calls[number].state = State::Failed(status);
            }
            (false, _) => self.calls[number].state = State::Over,
        }
    }

    fn answered(&mut self, now: Instant, number: usize, text: &str) {
        let ack = self.within(number, text, "ACK", "a", 1);
        self.send(&ack);
        let bye = self.within(number, text, "BYE", "b", 2);
        let call = &mut self.calls[number];
        if call.state == State::Calling {
            call.state = State::Up;
            call.answered = Some(now - call.began);
            call.voice = voice_of(text);
            call.bye = Some(bye);
        }
    }

    /// A request of ours within a call.
    fn within(&self, number: usize, answer: &str, method: &str, branch: &str, cseq: u32) -> String {
        let own = self.socket.local_addr().expect("bound");
        let contact = header(answer, "Contact").and_then(|contact| {
            let (_, rest) = contact.split_once('<')?;
            Some(rest.split_once('>')?.0.to_owned())
        });
        let uri = contact.unwrap_or_else(|| format!("sip:95588@{}", self.server));
        let to = header(answer, "To").unwrap_or_default();
        let id = &self.calls[number].id;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch}{id};rport\r\n\
             From: <sip:138{number:08}@{own}>;tag=c{number}\r\nTo: {to}\r\nCall-ID: {id}\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    }

    fn send(&self, text: &str) {
        // A full queue is as good as a lost datagram.
        let _ = self.socket.send_to(text.as_bytes(), self.server);
    }
}

impl Phones {
    /// Two sockets.
    pub fn open() -> Self {
        let open = || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            let short = Some(Duration::from_millis(1));
            socket.set_read_timeout(short).expect("above zero");
            Arc::new(socket)
        };
        Self {
            callers: open(),
            agents: open(),
            stop: Arc::default(),
        }
    }

    /// Where the agents are rung.
    pub fn agents_at(&self) -> SocketAddr {
        self.agents.local_addr().expect("bound")
    }

    /// Those who call a server.
    pub fn callers(&self, server: SocketAddr) -> Callers {
        Callers {
            socket: Arc::clone(&self.callers),
            server,
            calls: Vec::new(),
        }
    }

    /// Agents who answer at once, each with the next of these ports; what they are told of voice.
    pub fn answer(&self, ports: Vec<u16>) -> Arc<Mutex<Vec<SocketAddr>>> {
        let voices = Arc::new(Mutex::new(Vec::new()));
        let (told, stop) = (Arc::clone(&voices), Arc::clone(&self.stop));
        let socket = Arc::clone(&self.agents);
        std::thread::spawn(move || {
            let mut known: BTreeMap<String, u16> = BTreeMap::new();
            let mut bytes = [0; 4_096];
            while !stop.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut bytes) else {
                    continue;
                };
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                if text.starts_with("SIP/2.0") || text.starts_with("ACK ") {
                    continue;
                }
                let mut body = String::new();
                let mut lines = String::new();
                if text.starts_with("INVITE ") {
                    let id = header(&text, "Call-ID").unwrap_or_default().to_owned();
                    let next = ports[known.len() % ports.len()];
                    let port = *known.entry(id).or_insert_with(|| {
                        let voice = voice_of(&text).expect("an offer");
                        told.lock().expect("no panic").push(voice);
                        next
                    });
                    let own = socket.local_addr().expect("bound");
                    lines =
                        format!("Contact: <sip:agent@{own}>\r\nContent-Type: application/sdp\r\n");
                    body = description(port);
                }
                let answer = response(&text, "200 OK", &lines, &body);
                let _ = socket.send_to(answer.as_bytes(), from);
            }
        });
        voices
    }

    /// Sets up calls until all are bridged, and keeps answering for both sides from then on.
    pub fn bridge(&self, server: SocketAddr, ends: &Ends, wanted: &Wanted) -> Bridge {
        let agents = self.answer(ends.agent_ports());
        let mut callers = self.callers(server);
        let ports = ends.caller_ports();
        let began = Instant::now();
        let deadline = began + BRIDGING + Duration::from_secs((wanted.calls / wanted.rate) as u64);
        loop {
            let now = Instant::now();
            let due = now.duration_since(began).as_secs_f64() * wanted.rate as f64;
            while callers.calls.len() < wanted.calls && callers.calls.len() as f64 <= due {
                callers.call(now, ports[callers.calls.len()]);
            }
            callers.work(now);
            callers.remind(now, 0);
            let up = |call: &&Call| call.state == State::Up;
            let up = callers.calls.iter().filter(up).count();
            let rung = agents.lock().expect("no panic").len();
            if up == wanted.calls && rung >= wanted.calls {
                break;
            }
            let failed = callers.calls.iter().find_map(|call| match call.state {
                State::Failed(status) => Some(status),
                _ => None,
            });
            assert!(failed.is_none(), "a call failed: {failed:?}, {up} are up");
            assert!(now < deadline, "{up} calls are up, {rung} agents were rung");
        }
        let all = Bridge {
            callers: callers.calls.iter().filter_map(|call| call.voice).collect(),
            agents: agents.lock().expect("no panic").clone(),
        };
        let stop = Arc::clone(&self.stop);
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                callers.work(Instant::now());
            }
        });
        all
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A Call-ID that tells its number.
pub fn call_id(kind: &str, number: usize) -> String {
    format!("{kind}.{number}.{}", std::process::id())
}

/// A header's value.
pub fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split("\r\n").find_map(|line| {
        let (have, value) = line.split_once(':')?;
        have.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn response(request: &str, status: &str, lines: &str, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.split("\r\n") {
        let name = line.split(':').next().unwrap_or_default();
        let copied = ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"];
        if copied.iter().any(|have| name.eq_ignore_ascii_case(have)) {
            text.push_str(line);
            if name.eq_ignore_ascii_case("To") && !line.contains("tag=") {
                text.push_str(";tag=agent");
            }
            text.push_str("\r\n");
        }
    }
    let length = body.len();
    text + lines + &format!("Content-Length: {length}\r\n\r\n{body}")
}

/// What this side says of its voice.
fn description(port: u16) -> String {
    format!(
        "v=0\r\no=m 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
    )
}

/// Where the far end takes voice.
fn voice_of(text: &str) -> Option<SocketAddr> {
    let (_, address) = text.split_once("c=IN IP4 ")?;
    let (_, port) = text.split_once("m=audio ")?;
    let address = address.split("\r\n").next()?.parse().ok()?;
    Some(SocketAddr::new(
        address,
        port.split(' ').next()?.parse().ok()?,
    ))
}

/// Orders voice from rtpengine by its own protocol: bencoded dictionaries over UDP.
pub struct Control {
    server: SocketAddr,
    socket: UdpSocket,
}

impl Control {
    /// Of the server at this address.
    pub fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(AGAIN)).expect("above zero");
        Self { server, socket }
    }

    /// Waits until it is there.
    pub fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.ask("p", &[("command", "ping")]).is_none() {
            assert!(Instant::now() < deadline, "rtpengine does not answer");
            std::thread::sleep(AGAIN);
        }
    }

    /// Orders a bridge for every call.
    pub fn bridge(&self, ends: &Ends) -> Bridge {
        let ports = ends.caller_ports().into_iter().zip(ends.agent_ports());
        let pairs = ports.enumerate().map(|(number, (caller, agent))| {
            let id = call_id("r", number);
            let order = |command: &str, port: u16, words: &[(&str, &str)]| {
                let sdp = description(port);
                let mut all = vec![("call-id", id.as_str()), ("command", command)];
                all.extend_from_slice(words);
                all.push(("sdp", &sdp));
                let answer = self.ask(&id, &all).expect("rtpengine answers");
                voice_of(&answer).expect("an address for voice")
            };
            // The offer as the agent gets it names where the agent's voice goes.
            let to_agent = order("offer", caller, &[("from-tag", "c")]);
            let to_caller = order("answer", agent, &[("from-tag", "c"), ("to-tag", "a")]);
            (to_caller, to_agent)
        });
        let (callers, agents) = pairs.unzip();
        Bridge { callers, agents }
    }

    fn ask(&self, cookie: &str, words: &[(&str, &str)]) -> Option<String> {
        let mut words = words.to_vec();
        words.sort_unstable();
        let mut text = format!("{cookie}{} d", words.len());
        for (name, value) in words {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}:{name}{}:{value}", name.len(), value.len());
        }
        text.push('e');
        self.socket.send_to(text.as_bytes(), self.server).ok()?;
        let mut bytes = [0; 4_096];
        let (length, _) = self.socket.recv_from(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }
}
