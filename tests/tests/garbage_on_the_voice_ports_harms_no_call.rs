//! Bytes that are no voice, thrown at every voice port during a call: both sides go on hearing
//! each other.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of};

#[test]
fn both_sides_hear_each_other_while_garbage_rains() {
    if !has_peer("sipp") {
        return;
    }
    let agent_says = recording("lostcard_en.wav");
    let phone = Phone::new(Voice::saying(&agent_says, Duration::from_millis(300)));
    let mut branch = Branch::start(vec![phone.agent("li_na", false)]);
    let caller_says = recording("balance_zh.wav");
    let caller = Voice::saying(&caller_says, BEFORE_SPEAKING);

    let stop = Arc::new(AtomicBool::new(false));
    let ports = branch.home.rtp_ports();
    let rain = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || rain(*ports.start(), &stop)
    });
    let answering = phone.run("agent_answers");
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(16_000)
            .start(),
    );
    succeed(answering);
    stop.store(true, Ordering::Relaxed);
    let thrown = rain.join().expect("it only throws");

    assert!(thrown > 1_000, "only {thrown} datagrams were thrown");
    let heard = best_correlation(&samples_of(&agent_says), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    let record = branch.record();
    assert_eq!(record["outcome"], "bridged", "{record}");
    // What the caller said was understood: the box heard through the rain.
    assert_eq!(record["intent"]["name"], "balance_inquiry", "{record}");
}

/// Throws at the ports of the first calls until told to stop; how often.
fn rain(first: u16, stop: &AtomicBool) -> u32 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    // Paced by a timeout of a socket that nobody writes to.
    socket
        .set_read_timeout(Some(Duration::from_millis(20)))
        .expect("a socket");
    let kinds = kinds();
    let mut thrown = 0;
    while !stop.load(Ordering::Relaxed) {
        for port in first..first + 4 {
            let to = SocketAddr::from(([127, 0, 0, 1], port));
            for kind in &kinds {
                // A closed port answers with an error that says nothing here.
                let _ = socket.send_to(kind, to);
                thrown += 1;
            }
        }
        let _ = socket.recv(&mut [0; 2_048]);
    }
    thrown
}

/// Nothing, one byte, half a header, another version, lists of sources that end nowhere, padding
/// longer than the packet, an unknown payload type, RTCP, and a datagram as large as they come.
fn kinds() -> Vec<Vec<u8>> {
    let header = |first: u8, second: u8| {
        let mut packet = vec![first, second, 0, 1, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef];
        packet.extend([0x55; 160]);
        packet
    };
    vec![
        Vec::new(),
        vec![0x80],
        vec![0x80, 8, 0, 1, 0],
        header(0x00, 8),
        header(0x40, 8),
        header(0xc0, 8),
        [0x8f, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4].to_vec(),
        [
            0x90, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 0xbe, 0xde, 0xff, 0xff,
        ]
        .to_vec(),
        {
            let mut padded = header(0xa0, 8);
            *padded.last_mut().expect("not empty") = 255;
            padded
        },
        header(0x80, 96),
        header(0x80, 200),
        vec![0xff; 60_000],
        (0..=255).collect(),
    ]
}
