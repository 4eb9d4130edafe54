//! What one round takes, and whom an order meets.

use std::net::UdpSocket;

use tokio::sync::mpsc::unbounded_channel;
use trunkside_call::Codec;

use super::*;
use crate::counters::Counters;
use crate::ports::{MediaConfig, MediaPorts};
use crate::relay::Remote;
use crate::rtp::{self, Header};
use crate::tap;

/// A loop that no thread runs, with one call; its line, what it counts and where the caller's voice goes.
struct Carried {
    mailbox: Arc<Mailbox>,
    voice: VoiceLoop,
    line: OrderLine,
    counters: Arc<Counters>,
    address: std::net::SocketAddr,
}

fn carrier(ports: &MediaPorts) -> (Carrier, Arc<Counters>) {
    let counters = Arc::new(Counters::default());
    let (tap, _) = tap::ring(16, Arc::clone(&ports.spare), Arc::clone(&counters));
    let carrier = Carrier::open(ports, tap, Arc::clone(&counters), unbounded_channel().0);
    (carrier.expect("ports are free"), counters)
}

fn ports(ports: std::ops::RangeInclusive<u16>) -> MediaPorts {
    MediaPorts::new(&MediaConfig {
        ports,
        ..MediaConfig::default()
    })
}

/// Waits for what was done before, and does it.
fn round(voice: &mut VoiceLoop) {
    let mut events = Vec::with_capacity(EVENTS);
    voice.round(&mut events).expect("it can wait");
}

fn carried(ports: &MediaPorts) -> Carried {
    let (mailbox, mut voice) = VoiceLoop::new(Arc::new(AtomicUsize::new(1))).expect("a loop");
    let (carrier, counters) = carrier(ports);
    let socket = carrier.socket(Side::Caller, Content::Voice);
    let address = socket.local_addr().expect("bound");
    let line = mailbox.begin(carrier).expect("the loop is there");
    round(&mut voice);
    Carried {
        mailbox,
        voice,
        line,
        counters,
        address,
    }
}

#[test]
fn a_socket_gives_one_packet_a_round_and_a_batch_where_they_come_thick() {
    let mut call = carried(&ports(9_530..=9_539));
    let caller = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let remote = Remote::new(caller.local_addr().expect("bound"), Codec::Pcma);
    let met = Order::Remote(Side::Caller, Box::new(remote));
    call.line.give(met).expect("the loop is there");
    for sequence in 0..1 + BATCH as u16 + 3 {
        let header = Header {
            payload_type: 8,
            marker: false,
            sequence,
            timestamp: 160 * u32::from(sequence),
            ssrc: 9,
        };
        let mut datagram = [0; 172];
        rtp::build(&mut datagram, header, &[0x11; 160]).expect("fits");
        caller.send_to(&datagram, call.address).expect("sent");
    }
    for taken in [1, 1 + BATCH as u64, 1 + BATCH as u64 + 3] {
        round(&mut call.voice);
        assert_eq!(call.counters.snapshot().received, taken);
    }
}

#[test]
fn orders_for_a_call_that_is_over_meet_no_other() {
    let ports = ports(9_540..=9_547);
    let mut call = carried(&ports);
    call.line.end();
    round(&mut call.voice);
    assert!(call.voice.calls.is_empty() && call.voice.deadlines.is_empty());
    assert_eq!(call.voice.count.load(Ordering::Relaxed), 0);
    let (carrier, _) = carrier(&ports);
    let line = call.mailbox.begin(carrier).expect("the loop is there");
    let remote = Remote::new("127.0.0.1:9".parse().expect("valid"), Codec::Pcma);
    let late = Order::Remote(Side::Caller, Box::new(remote));
    call.line.give(late).expect("the loop is there");
    drop(call.line);
    round(&mut call.voice);
    assert_eq!(call.voice.calls.len(), 1);
    assert!(call.voice.deadlines.is_empty(), "it has met nobody");
    drop(line);
    round(&mut call.voice);
    assert!(call.voice.calls.is_empty());
}
