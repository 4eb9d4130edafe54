//! How calls are spread over the threads, and when a thread ends.

use std::net::UdpSocket;
use std::time::Duration;

use rtcp_types::{Compound, Packet};
use tokio::runtime::Builder;
use trunkside_call::{Codec, Side};

use super::*;
use crate::ports::MediaConfig;
use crate::relay::Remote;
use crate::rtp::{self, Header};
use crate::session::MediaSession;

const LIMIT: Option<Duration> = Some(Duration::from_secs(5));

/// A far end: its voice and its reports.
struct Peer {
    voice: UdpSocket,
    reports: UdpSocket,
}

impl Peer {
    fn of(session: &MediaSession, side: Side) -> Self {
        let open = || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
            socket.set_read_timeout(LIMIT).expect("above zero");
            socket
        };
        let peer = Self {
            voice: open(),
            reports: open(),
        };
        let at = |socket: &UdpSocket| socket.local_addr().expect("bound");
        let remote = Remote {
            control: Some(at(&peer.reports)),
            ..Remote::new(at(&peer.voice), Codec::Pcma)
        };
        session.set_remote(side, remote);
        peer
    }

    fn say(&self, session: &MediaSession, side: Side, code: u8) {
        let header = Header {
            payload_type: 8,
            marker: false,
            sequence: 1,
            timestamp: 160,
            ssrc: 9,
        };
        let mut datagram = [0; 172];
        rtp::build(&mut datagram, header, &[code; 160]).expect("fits");
        let sent = self.voice.send_to(&datagram, session.local_addr(side));
        sent.expect("sent");
    }

    fn hear(&self) -> u8 {
        let mut datagram = [0; 400];
        let bytes = self.voice.recv(&mut datagram).expect("a packet in time");
        let (_, payload) = rtp::parse(&datagram[..bytes]).expect("well formed");
        datagram[payload.start]
    }

    fn hears_goodbye(&self) -> bool {
        let mut datagram = [0; 400];
        let bytes = self.reports.recv(&mut datagram).expect("a report in time");
        let mut packets = Compound::parse(&datagram[..bytes]).expect("well formed");
        packets.any(|packet| matches!(packet, Ok(Packet::Bye(_))))
    }
}

fn ports(ports: std::ops::RangeInclusive<u16>) -> MediaPorts {
    MediaPorts::new(&MediaConfig {
        ports,
        ..MediaConfig::default()
    })
}

fn ended(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("no fault");
    }
}

/// How many calls each thread has.
fn spread(voice: &VoiceThreads) -> Vec<usize> {
    let calls = |thread: &Thread| thread.calls.load(Ordering::Relaxed);
    voice.threads.iter().map(calls).collect()
}

#[test]
fn a_thread_is_filled_before_the_next_and_all_share_what_is_more() {
    let (voice, threads) = VoiceThreads::start().expect("threads");
    let ports = ports(9_480..=9_519);
    let first = voice.open(&ports).expect("free ports");
    let second = voice.open(&ports).expect("free ports");
    assert_eq!(spread(&voice), [2, 0, 0, 0]);
    voice.threads[0].calls.store(FULL, Ordering::Relaxed);
    let third = voice.open(&ports).expect("free ports");
    assert_eq!(spread(&voice), [FULL, 1, 0, 0]);
    for (thread, calls) in voice.threads.iter().zip([9, 7, 8, 9]) {
        thread.calls.store(FULL + calls, Ordering::Relaxed);
    }
    let fourth = voice.open(&ports).expect("free ports");
    assert_eq!(spread(&voice)[1], FULL + 8, "the fewest");
    drop((first, second, third, fourth, voice));
    ended(threads);
}

#[test]
fn a_call_that_is_over_makes_room() {
    let (voice, threads) = VoiceThreads::start().expect("threads");
    let opened = voice.open(&ports(9_520..=9_529)).expect("free ports");
    assert_eq!(spread(&voice)[0], 1);
    let mut tap = opened.tap;
    drop(opened.session);
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(tap.recv()), None, "it is over");
    let calls = Arc::clone(&voice.threads[0].calls);
    drop(voice);
    ended(threads);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[test]
fn they_carry_calls_from_no_runtime_of_their_own_and_end_with_the_last() {
    let (voice, threads) = VoiceThreads::start().expect("threads");
    let ports = ports(9_400..=9_439);
    let calls: Vec<_> = (0..3)
        .map(|_| voice.open(&ports).expect("free ports").session)
        .collect();
    let peers: Vec<_> = calls
        .iter()
        .map(|session| [Side::Caller, Side::Agent].map(|side| Peer::of(session, side)))
        .collect();
    for (code, (session, [caller, agent])) in (0x11..).zip(calls.iter().zip(&peers)) {
        session.bridge();
        caller.say(session, Side::Caller, code);
        assert_eq!(agent.hear(), code);
        agent.say(session, Side::Agent, code + 1);
        assert_eq!(caller.hear(), code + 1);
    }
    drop(voice);
    drop(calls);
    ended(threads);
    for [caller, agent] in &peers {
        assert!(caller.hears_goodbye() && agent.hears_goodbye());
    }
}

#[test]
fn a_session_that_is_kept_does_not_keep_the_threads() {
    let (voice, threads) = VoiceThreads::start().expect("threads");
    let opened = voice.open(&ports(9_440..=9_459)).expect("free ports");
    drop(voice);
    ended(threads);
    opened.session.bridge();
}

#[test]
fn no_ports_is_an_error_of_the_call_and_not_of_the_threads() {
    let (voice, _threads) = VoiceThreads::start().expect("threads");
    let ports = ports(9_460..=9_463);
    let first = voice.open(&ports);
    assert!(matches!(
        voice.open(&ports),
        Err(MediaError::PortsExhausted { .. })
    ));
    assert!(first.is_ok());
}
