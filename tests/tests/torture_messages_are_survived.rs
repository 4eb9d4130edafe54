//! The messages of RFC 4475, over UDP to a running box: each gets an answer that the RFC allows,
//! the one that `docs/sip-torture.md` says, and the box takes calls after each of them.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use e2e::daemon::{Agent, BoxSettings, Home};

/// How long the box may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One row of the table: what the RFC allows, and what the box does.
struct Row {
    name: String,
    demanded: String,
    ours: String,
}

#[test]
fn every_message_gets_an_answer_that_the_rfc_allows() {
    let Some(folder) = messages() else {
        return;
    };
    let rows = table();
    assert_eq!(rows.len(), 49, "one row a message");
    let agents = vec![Agent {
        name: "li_na",
        contact: "sip:li_na@127.0.0.1:9".to_owned(),
        senior: false,
    }];
    let home = Home::new(&BoxSettings::new("127.0.0.1:9".parse().unwrap(), agents));
    let running = home.start();
    let mut faults = Vec::new();
    for Row {
        name,
        demanded,
        ours,
    } in rows
    {
        let bytes = std::fs::read(folder.join(&name).with_extension("dat"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let peer = Peer::new(running.sip);
        let got = peer.ask(&for_loopback(&bytes), &name);
        if got != ours {
            faults.push(format!("{name}: answered {got}, documented {ours}"));
        }
        if !allowed(&demanded, &got) {
            faults.push(format!(
                "{name}: answered {got}, the RFC demands {demanded}"
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn messages() -> Option<PathBuf> {
    let data = std::env::var_os("TRUNKSIDE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let folder = data.join("sip/rfc4475");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: the RFC 4475 messages are not there; set TRUNKSIDE_DATA");
    None
}

/// The rows of the documented table: `| name | what it tries | demanded | ours |`.
fn table() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sip-torture.md");
    let text = std::fs::read_to_string(&path).expect("docs/sip-torture.md");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, _, demanded, ours, _] = cells[..] else {
            return None;
        };
        let name = name.strip_prefix('`')?.strip_suffix('`')?;
        Some(Row {
            name: name.to_owned(),
            demanded: demanded.to_owned(),
            ours: ours.to_owned(),
        })
    });
    rows.collect()
}

/// `400`, `400 or 200`, `any but 400`, `none`.
fn allowed(demanded: &str, got: &str) -> bool {
    match demanded.strip_prefix("any but ") {
        Some(forbidden) => got != forbidden && got != "none",
        None => demanded.split(" or ").any(|status| status == got),
    }
}

/// The message as it would come from this machine: answers are asked back to the port that it
/// came from (RFC 3581), and voice to loopback.
fn for_loopback(bytes: &[u8]) -> Vec<u8> {
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let text = text.replace("IN IP4 192.0.2.", "IN IP4 127.0.0.");
    let folded = text.to_ascii_lowercase();
    let via = ["\r\nvia:", "\r\nv:", "\r\nvia :", "\r\nvia  :"]
        .iter()
        .filter_map(|name| folded.find(name))
        .min();
    let Some(via) = via else {
        return latin1(&text);
    };
    // The end of the first hop: a comma or the end of the unfolded line.
    let mut end = via + 2;
    loop {
        let line = folded[end..]
            .find("\r\n")
            .map_or(folded.len(), |at| end + at);
        if let Some(comma) = folded[end..line].find(',') {
            end += comma;
            break;
        }
        end = line;
        if !folded[line..].starts_with("\r\n ") && !folded[line..].starts_with("\r\n\t") {
            break;
        }
        end += 2;
    }
    latin1(&format!("{};rport{}", &text[..end], &text[end..]))
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u32::from(character) as u8)
        .collect()
}

/// A peer that writes its own SIP.
struct Peer {
    socket: UdpSocket,
}

impl Peer {
    fn new(sip: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.connect(sip).expect("loopback");
        Self { socket }
    }

    /// Sends a message and then an OPTIONS: what the first is answered with before the second is,
    /// if anything.
    fn ask(&self, message: &[u8], name: &str) -> String {
        self.socket.send(message).expect("sent");
        let is_response = message.starts_with(b"SIP/");
        let mut got = None;
        if !is_response {
            got = self.status_of(|text| !text.contains("probe@e2e"));
        }
        let own = self.socket.local_addr().expect("bound");
        let probe = format!(
            "OPTIONS sip:box@{own} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKprobe{name};rport\r\n\
             From: <sip:probe@{own}>;tag=1\r\nTo: <sip:box@{own}>\r\nCall-ID: {name}probe@e2e\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        self.socket.send(probe.as_bytes()).expect("sent");
        let alive = self.status_of(|text| text.contains("probe@e2e") || is_response);
        assert_eq!(
            alive.as_deref(),
            Some("200"),
            "the box is dead after {name}"
        );
        got.unwrap_or_else(|| "none".to_owned())
    }

    /// The status of the first response above 100 that fits.
    fn status_of(&self, fits: impl Fn(&str) -> bool) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut bytes = [0; 65_536];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.socket.set_read_timeout(Some(left)).expect("a socket");
            let Ok(length) = self.socket.recv(&mut bytes) else {
                return None;
            };
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
            if let Some(status) = status.filter(|&status| status != "100")
                && fits(&text)
            {
                return Some(status.to_owned());
            }
        }
    }
}
