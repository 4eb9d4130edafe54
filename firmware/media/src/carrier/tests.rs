//! What a carrier does as time passes, which no test waits for.

use std::time::Duration;

use allocation_counter::measure;

use trunkside_call::{Language, PromptKey, Repeat};

use super::*;
use crate::ports::MediaConfig;
use crate::prompt::Prompts;
use crate::relay::Remote;
use crate::rtp::Header;
use crate::tap;

/// A code of A-law that is well heard.
const LOUD: u8 = 0x33;

/// A far end of the tests' own.
fn far_end() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let limit = Some(Duration::from_secs(10));
    socket.set_read_timeout(limit).expect("a limit");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

#[test]
fn a_packet_is_sent_on_listened_to_and_copied_without_an_allocation() {
    const RING: usize = 16;
    let ports = MediaPorts::new(&MediaConfig {
        ports: 9_560..=9_579,
        ..MediaConfig::default()
    });
    let counters = Arc::new(Counters::default());
    let (tap, _copies) = tap::ring(RING, Arc::clone(&ports.spare), Arc::clone(&counters));
    let (events, _told) = mpsc::unbounded_channel();
    let carrier = Carrier::open(&ports, tap, counters, events);
    let mut carrier = carrier.expect("ports are free");
    // One law is translated into the other, and each side's voice is searched for tones.
    let far_ends = [
        (Side::Caller, far_end(), Codec::Pcma),
        (Side::Agent, far_end(), Codec::Pcmu),
    ];
    for (side, (_, address), codec) in &far_ends {
        let remote = Box::new(Remote::new(*address, *codec));
        carrier.obey(now(), Order::Remote(*side, remote));
    }
    carrier.obey(now(), Order::Bridge(true));
    let mut allocations = Vec::new();
    for n in 0..100_u16 {
        for (side, (from, _), codec) in &far_ends {
            let header = Header {
                payload_type: codec.payload_type(),
                marker: false,
                sequence: n,
                timestamp: u32::from(n) * 160,
                ssrc: 7,
            };
            let mut datagram = [0; 12 + FRAME_SAMPLES];
            rtp::build(&mut datagram, header, &[LOUD; FRAME_SAMPLES]).expect("fits");
            let to = carrier.socket(*side, Content::Voice).local_addr();
            from.send_to(&datagram, to.expect("bound")).expect("sent");
            let measured = measure(|| carrier.take(*side, Content::Voice, 1));
            allocations.push(measured.count_total);
        }
        for (_, (to, _), _) in &far_ends {
            let sent_on = to.recv(&mut [0; 200]).expect("in time");
            assert_eq!(sent_on, 12 + FRAME_SAMPLES);
        }
    }
    // The room for copies is made once, until the ring is full.
    let made = allocations.iter().position(|&count| count == 0);
    assert_eq!(made, Some(RING + 1), "{allocations:?}");
    let later: u64 = allocations[RING + 1..].iter().sum();
    assert_eq!(later, 0, "{allocations:?}");
}

#[test]
fn what_is_played_before_the_answer_is_heard_over_ringback_and_by_nobody_else() {
    let ports = MediaPorts::new(&MediaConfig {
        ports: 9_580..=9_599,
        ..MediaConfig::default()
    });
    let counters = Arc::new(Counters::default());
    let (tap, copies) = tap::ring(16, Arc::clone(&ports.spare), Arc::clone(&counters));
    let (events, _told) = mpsc::unbounded_channel();
    let carrier = Carrier::open(&ports, tap, counters, events);
    let mut carrier = carrier.expect("ports are free");
    let ((caller, caller_at), (agent, agent_at)) = (far_end(), far_end());
    let remote = Box::new(Remote::new(caller_at, Codec::Pcma));
    carrier.obey(now(), Order::Remote(Side::Caller, remote));
    let ringback = Prompts::embedded().get(Language::Zh, PromptKey::Ringback);
    let pause = Duration::from_secs(4);
    carrier.obey(
        now(),
        Order::Play(Side::Caller, ringback, Repeat::Loop { pause }),
    );
    let early = Remote {
        early: true,
        ..Remote::new(agent_at, Codec::Pcma)
    };
    carrier.obey(now(), Order::Remote(Side::Agent, Box::new(early)));
    carrier.obey(now(), Order::Bridge(true));
    let say = |carrier: &mut Carrier, (side, from): (Side, &UdpSocket), sequence| {
        let header = Header {
            payload_type: Codec::Pcma.payload_type(),
            marker: false,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: 7,
        };
        let mut datagram = [0; 12 + FRAME_SAMPLES];
        rtp::build(&mut datagram, header, &[LOUD; FRAME_SAMPLES]).expect("fits");
        let to = carrier.socket(side, Content::Voice).local_addr();
        from.send_to(&datagram, to.expect("bound")).expect("sent");
        carrier.take(side, Content::Voice, 1);
    };
    // The first packet of it stops the ringback, the second is heard.
    for sequence in 0..2 {
        say(&mut carrier, (Side::Agent, &agent), sequence);
    }
    let mut heard = [0; 200];
    let length = caller.recv(&mut heard).expect("in time");
    assert_eq!(heard[12..length], [LOUD; FRAME_SAMPLES]);
    assert!(copies.is_empty(), "nobody has answered");

    // Nor does who is called hear the caller, who is listened to.
    say(&mut carrier, (Side::Caller, &caller), 0);
    let length = agent.recv(&mut heard).expect("in time");
    assert_eq!(
        heard[12..length],
        [g711::silence(Codec::Pcma); FRAME_SAMPLES]
    );
    assert!(!copies.is_empty());
}

#[test]
fn a_side_that_has_fallen_silent_is_told_of_each_minute() {
    let ports = MediaPorts::new(&MediaConfig {
        ports: 9_380..=9_399,
        ..MediaConfig::default()
    });
    let counters = Arc::new(Counters::default());
    let (tap, _copies) = tap::ring(16, Arc::clone(&ports.spare), Arc::clone(&counters));
    let (events, mut told) = mpsc::unbounded_channel();
    let carrier = Carrier::open(&ports, tap, counters, events);
    let mut carrier = carrier.expect("ports are free");
    let begin = now();
    let later = |seconds| begin + Duration::from_secs(seconds);
    let remote = Remote::new("127.0.0.1:9".parse().expect("valid"), Codec::Pcma);
    let meet = |side| Order::Remote(side, Box::new(remote));
    carrier.obey(begin, meet(Side::Caller));
    carrier.obey(later(5), meet(Side::Agent));
    for round in 0..2 {
        for (at, side) in [(60, Side::Caller), (65, Side::Agent)] {
            let at = later(at + 60 * round);
            assert_eq!(carrier.deadline(), Some(at));
            carrier.on_time(at);
            assert_eq!(told.try_recv().ok(), Some(MediaEvent::Silent(side)));
            assert!(told.try_recv().is_err(), "the other one only");
        }
    }
}
