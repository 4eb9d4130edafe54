//! What strangers do over SIP stands in the box's log in lines that the shipped fail2ban filter
//! reads, with their address.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};

use e2e::daemon::{Agent, BoxSettings, Home, RunningBox};

/// Whom the shipped filter would ban for a line.
fn banned(line: &str) -> Option<String> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../packaging/fail2ban/trunkside.conf"
    );
    let filter = std::fs::read_to_string(path).expect("the filter is shipped");
    let (_, patterns) = filter.split_once("failregex =").expect("patterns");
    let (patterns, _) = patterns.split_once("ignoreregex").expect("their end");
    patterns.lines().find_map(|pattern| {
        let pattern = pattern.trim().strip_suffix("<HOST>\\s*$");
        let before = pattern.expect("every pattern ends with the source");
        let (_, source) = line.split_once(before)?;
        let address: std::net::IpAddr = source.trim_end().parse().ok()?;
        Some(address.to_string())
    })
}

fn the_line(running: &mut RunningBox, words: &str) -> String {
    running
        .process
        .find(words, |line| line.contains(words).then(|| line.to_owned()))
}

#[test]
fn strangers_are_told_of_with_their_address() {
    let agent = Agent::registered("li_na");
    let mut settings = BoxSettings::new("127.0.0.1:9".parse().expect("an address"), vec![agent]);
    settings.more = "[line]\nlisten_tcp = \"127.0.0.1:0\"\n[trunk.telecom]\n\
                     allow = [\"192.0.2.0/24\"]\n"
        .to_owned();
    let home = Home::new(&settings);
    let mut running = home.start();
    let sip = running.sip_tcp.expect("the box takes connections");
    let connections: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = TcpStream::connect(sip).expect("it listens");
            // It may be turned away already.
            let _ = stream.write_all(b"OPTIONS sip:x SIP/2.0\r\n");
            stream
        })
        .collect();
    let line = the_line(&mut running, "beyond a stranger's share");
    assert_eq!(banned(&line).as_deref(), Some("127.0.0.1"), "{line}");
    drop(connections);

    let caller = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let own = caller.local_addr().expect("bound");
    let invite = format!(
        "INVITE sip:9@box SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK1\r\n\
         From: <sip:1@x>;tag=1\r\nTo: <sip:9@box>\r\nCall-ID: 1@{own}\r\nCSeq: 1 INVITE\r\n\
         Max-Forwards: 70\r\nContact: <sip:1@{own}>\r\nContent-Length: 0\r\n\r\n"
    );
    caller
        .send_to(invite.as_bytes(), running.sip)
        .expect("loopback takes it");
    let line = the_line(&mut running, "sip call from no trunk refused");
    assert_eq!(banned(&line).as_deref(), Some("127.0.0.1"), "{line}");
    assert_eq!(banned("trunkside is ready sip=127.0.0.1:5060"), None);
}
