//! One call's media over sockets: voice, prompts, copies, keys, faults and the end.

use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;
use trunkside_call::Codec;

use super::*;
use crate::g711;
use crate::ports::MediaConfig;
use crate::rtp::{self, Header};
use crate::voice_threads::VoiceThreads;

const LIMIT: Duration = Duration::from_secs(5);

/// A far end on loopback.
struct Peer {
    socket: UdpSocket,
    sequence: u16,
}

impl Peer {
    async fn new() -> Self {
        Self {
            socket: UdpSocket::bind("127.0.0.1:0").await.expect("loopback"),
            sequence: 0,
        }
    }

    fn remote(&self) -> Remote {
        Remote::new(self.socket.local_addr().expect("bound"), Codec::Pcma)
    }

    async fn say(&mut self, to: SocketAddr, code: u8) {
        self.say_all(to, &[code; 160]).await;
    }

    async fn say_all(&mut self, to: SocketAddr, codes: &[u8]) {
        self.sequence += 1;
        let header = Header {
            payload_type: 8,
            marker: false,
            sequence: self.sequence,
            timestamp: 160 * u32::from(self.sequence),
            ssrc: 9,
        };
        let mut datagram = [0; 172];
        let bytes = rtp::build(&mut datagram, header, codes).expect("fits");
        let datagram = &datagram[..bytes];
        self.socket.send_to(datagram, to).await.expect("sent");
    }

    async fn hear(&self) -> (Header, u8) {
        let mut datagram = [0; 400];
        let received = timeout(LIMIT, self.socket.recv_from(&mut datagram)).await;
        let (bytes, _) = received.expect("a packet in time").expect("received");
        let (header, payload) = rtp::parse(&datagram[..bytes]).expect("well formed");
        (header, datagram[payload.start])
    }
}

struct Call {
    /// They carry it as long as they are there.
    _voice: VoiceThreads,
    session: MediaSession,
    tap: Tap,
    events: MediaEvents,
    caller: Peer,
    agent: Peer,
}

async fn call(ports: std::ops::RangeInclusive<u16>) -> Call {
    let ports = MediaPorts::new(&MediaConfig {
        ports,
        ..MediaConfig::default()
    });
    let (voice, _) = VoiceThreads::start().expect("threads");
    let Opened {
        session,
        tap,
        events,
    } = voice.open(&ports).expect("ports are free");
    let (caller, agent) = (Peer::new().await, Peer::new().await);
    session.set_remote(Side::Caller, caller.remote());
    session.set_remote(Side::Agent, agent.remote());
    Call {
        _voice: voice,
        session,
        tap,
        events,
        caller,
        agent,
    }
}

#[tokio::test]
async fn voice_crosses_both_ways_and_is_copied() {
    let mut call = call(9_200..=9_219).await;
    call.session.bridge();
    call.caller
        .say(call.session.local_addr(Side::Caller), 0x11)
        .await;
    assert_eq!(call.agent.hear().await.1, 0x11);
    call.agent
        .say(call.session.local_addr(Side::Agent), 0x22)
        .await;
    assert_eq!(call.caller.hear().await.1, 0x22);
    let copies = [call.tap.recv().await, call.tap.recv().await];
    let copies = copies.map(|copy| copy.map(|copy| (copy.side, copy.voice.codes()[0])));
    assert_eq!(
        copies,
        [Some((Side::Caller, 0x11)), Some((Side::Agent, 0x22))]
    );
    let stats = call.session.stats();
    assert_eq!(
        (stats.received, stats.relayed, stats.tap_dropped),
        (2, 2, 0)
    );
    assert!(stats.delay_max > Duration::ZERO && stats.delay_max < Duration::from_millis(100));
}

#[tokio::test]
async fn a_prompt_is_heard_to_its_end_and_its_end_is_told() {
    let mut call = call(9_220..=9_239).await;
    let prompt = Arc::new(Prompt::from_samples(&[4_000; 480]));
    call.session.play(Side::Caller, prompt, Repeat::Once);
    let first = call.caller.hear().await.0;
    assert!(first.marker);
    for n in 1..3 {
        let header = call.caller.hear().await.0;
        assert_eq!(header.sequence, first.sequence.wrapping_add(n));
        assert_eq!(
            header.timestamp,
            first.timestamp.wrapping_add(160 * u32::from(n))
        );
    }
    let done = timeout(LIMIT, call.events.recv()).await.expect("in time");
    assert_eq!(done, Some(MediaEvent::PromptDone(Side::Caller)));
}

/// A prompt of so many packets, each with a code of its own, and those codes.
fn counting(packets: i16) -> (Arc<Prompt>, Vec<u8>) {
    let loudness = (1..=packets).map(|n| n * 1_000);
    let samples: Vec<i16> = loudness.clone().flat_map(|loud| [loud; 160]).collect();
    let codes = loudness.map(|loud| g711::encode(Codec::Pcma, loud));
    (Arc::new(Prompt::from_samples(&samples)), codes.collect())
}

/// Lets so much time pass that the agent hears a prompt; nothing else is told meanwhile.
async fn while_the_agent_listens(call: &mut Call) {
    let (prompt, codes) = counting(4);
    call.session.play(Side::Agent, prompt, Repeat::Once);
    for code in codes {
        assert_eq!(call.agent.hear().await.1, code);
    }
    let done = timeout(LIMIT, call.events.recv()).await.expect("in time");
    assert_eq!(done, Some(MediaEvent::PromptDone(Side::Agent)));
}

#[tokio::test]
async fn a_prompt_waits_for_a_far_end_that_holds_and_is_heard_whole() {
    let mut call = call(9_380..=9_399).await;
    let listens = call.caller.remote();
    let holds = Remote {
        send: false,
        ..listens
    };
    call.session.set_remote(Side::Caller, holds);
    let (prompt, codes) = counting(12);
    call.session.play(Side::Caller, prompt, Repeat::Once);
    for part in codes.chunks(4) {
        call.session.set_remote(Side::Caller, holds);
        while_the_agent_listens(&mut call).await;
        call.session.set_remote(Side::Caller, listens);
        for &code in part {
            assert_eq!(call.caller.hear().await.1, code);
        }
    }
    let done = timeout(LIMIT, call.events.recv()).await.expect("in time");
    assert_eq!(done, Some(MediaEvent::PromptDone(Side::Caller)));
}

#[tokio::test]
async fn a_prompt_waits_until_the_far_end_is_known() {
    let ports = MediaPorts::new(&MediaConfig {
        ports: 9_180..=9_199,
        ..MediaConfig::default()
    });
    let (voice, _) = VoiceThreads::start().expect("threads");
    let mut opened = voice.open(&ports).expect("ports are free");
    let (caller, agent) = (Peer::new().await, Peer::new().await);
    let (prompt, codes) = counting(3);
    let session = &opened.session;
    session.play(Side::Caller, Arc::clone(&prompt), Repeat::Once);
    session.set_remote(Side::Agent, agent.remote());
    session.play(Side::Agent, prompt, Repeat::Once);
    let done = timeout(LIMIT, opened.events.recv()).await.expect("in time");
    assert_eq!(done, Some(MediaEvent::PromptDone(Side::Agent)));
    opened.session.set_remote(Side::Caller, caller.remote());
    for code in codes {
        assert_eq!(caller.hear().await.1, code);
    }
    let done = timeout(LIMIT, opened.events.recv()).await.expect("in time");
    assert_eq!(done, Some(MediaEvent::PromptDone(Side::Caller)));
}

/// What a packet of voice says that meets a fault.
const FAULT: u8 = 0xEE;

/// A fault in carrying voice.
pub(crate) fn stumble(datagram: &[u8]) {
    assert_ne!(datagram.get(20), Some(&FAULT), "a fault of this test");
}

#[tokio::test]
async fn a_fault_costs_the_packet_that_met_it_and_no_more() {
    let mut call = call(9_360..=9_379).await;
    call.session.bridge();
    let to = call.session.local_addr(Side::Caller);
    for code in [0x11, FAULT, FAULT, 0x12] {
        call.caller.say(to, code).await;
    }
    assert_eq!(call.agent.hear().await.1, 0x11);
    assert_eq!(call.agent.hear().await.1, 0x12);
    call.agent
        .say(call.session.local_addr(Side::Agent), 0x22)
        .await;
    assert_eq!(call.caller.hear().await.1, 0x22);
}

#[tokio::test]
async fn a_stalled_listener_delays_no_packet() {
    let mut call = call(9_240..=9_259).await;
    call.session.bridge();
    for _ in 0..600 {
        call.caller
            .say(call.session.local_addr(Side::Caller), 0x33)
            .await;
        call.agent.hear().await;
    }
    // A packet is copied once it is on its way.
    let copied = async {
        while call.session.stats().tap_dropped < 600 - 256 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, copied).await.expect("nobody listened");
    let stats = call.session.stats();
    assert_eq!((stats.relayed, stats.lost), (600, 0));
    assert_eq!(stats.tap_dropped, 600 - 256);
}

#[tokio::test]
async fn closing_ends_the_copies_and_frees_the_ports() {
    let mut call = call(9_160..=9_163).await;
    let address = call.session.local_addr(Side::Caller);
    call.session.close();
    let last = timeout(LIMIT, call.tap.recv()).await;
    assert_eq!(last.expect("in time"), None);
    assert!(std::net::UdpSocket::bind(address).is_ok());
}

#[tokio::test]
async fn junk_is_counted_and_the_call_goes_on() {
    let mut call = call(9_280..=9_299).await;
    call.session.bridge();
    let to = call.session.local_addr(Side::Caller);
    for junk in [
        &b""[..],
        b"x",
        b"INVITE sip:nobody SIP/2.0\r\n\r\n",
        &[0xff; 1_500],
    ] {
        call.caller.socket.send_to(junk, to).await.expect("sent");
    }
    call.caller.say(to, 0x44).await;
    assert_eq!(call.agent.hear().await.1, 0x44);
    assert_eq!(call.session.stats().malformed, 4);
}

#[tokio::test]
async fn reports_are_read_and_the_last_one_says_good_bye() {
    use rtcp_types::{Compound, Packet, ReceiverReport, ReportBlock, RtcpPacketWriterExt};
    let mut call = call(9_300..=9_319).await;
    let reports = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let control = Some(reports.local_addr().expect("bound"));
    let remote = Remote {
        control,
        ..call.agent.remote()
    };
    call.session.set_remote(Side::Agent, remote);
    call.session.bridge();
    let to = call.session.local_addr(Side::Caller);
    call.caller.say(to, 0x11).await;
    let ssrc = call.agent.hear().await.0.ssrc;

    let block = ReportBlock::builder(ssrc)
        .cumulative_lost(7)
        .interarrival_jitter(24);
    let mut report = [0; 64];
    let bytes = ReceiverReport::builder(1)
        .add_report_block(block)
        .write_into(&mut report)
        .expect("fits");
    let mut to = call.session.local_addr(Side::Agent);
    to.set_port(to.port() + 1);
    reports.send_to(&report[..bytes], to).await.expect("sent");
    let reported = async {
        while call.session.stats().agent.far.is_none() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, reported).await.expect("the report is read");
    let far = call.session.stats().agent.far.expect("read");
    assert_eq!((far.lost, far.jitter), (7, Duration::from_millis(3)));

    call.session.close();
    let mut last = [0; 400];
    let received = timeout(LIMIT, reports.recv_from(&mut last)).await;
    let (bytes, from) = received.expect("a report in time").expect("received");
    assert_eq!(from, to);
    let mut packets = Compound::parse(&last[..bytes]).expect("well formed");
    assert!(packets.any(|packet| matches!(packet, Ok(Packet::Bye(_)))));
}

#[tokio::test]
async fn a_key_in_the_voice_is_told_where_no_event_has_come() {
    let mut call = call(9_340..=9_359).await;
    let agent = Remote {
        telephone_event: Some(101),
        ..call.agent.remote()
    };
    call.session.set_remote(Side::Agent, agent);
    let wave = |hertz: f32, n: f32| (std::f32::consts::TAU * hertz / 8_000.0 * n).sin();
    let tone: Vec<i16> = (0..800_u16)
        .map(|n| (4_000.0 * (wave(770.0, n.into()) + wave(1_336.0, n.into()))) as i16)
        .collect();
    let tone = g711::encode_all(Codec::Pcma, &tone);
    for (side, phone) in [
        (Side::Agent, &mut call.agent),
        (Side::Caller, &mut call.caller),
    ] {
        let to = call.session.local_addr(side);
        for codes in tone.chunks(160) {
            phone.say_all(to, codes).await;
        }
        let key = timeout(LIMIT, call.events.recv()).await.expect("in time");
        let expected = MediaEvent::Key {
            side,
            key: '5',
            way: KeyWay::Tones,
        };
        assert_eq!(key, Some(expected));
    }
}

#[tokio::test]
async fn music_on_hold_gives_way_to_whoever_speaks() {
    let mut call = call(9_320..=9_339).await;
    call.session.bridge();
    let prompt = Arc::new(Prompt::from_samples(&[4_000; 1_600]));
    let music = g711::encode(Codec::Pcma, 4_000);
    let pause = Duration::ZERO;
    call.session
        .play(Side::Caller, prompt, Repeat::Loop { pause });
    assert_eq!(call.caller.hear().await.1, music);
    let (to, silence) = (
        call.session.local_addr(Side::Agent),
        g711::silence(Codec::Pcma),
    );
    call.agent.say(to, silence).await;
    assert_eq!(call.caller.hear().await.1, music, "silence is no voice");
    // The first packet of voice stops the music, the next are heard.
    let voice = g711::encode(Codec::Pcma, -8_000);
    for _ in 0..3 {
        call.agent.say(to, voice).await;
    }
    // Music that was on its way before is heard first.
    let mut heard = music;
    for _ in 0..100 {
        heard = call.caller.hear().await.1;
        if heard == voice {
            break;
        }
    }
    assert_eq!(heard, voice);
}

fn key(first: u8, suite: crate::srtp::Suite) -> crate::srtp::Key {
    let bytes = std::array::from_fn(|n| first.wrapping_add(n as u8));
    let mki = crate::srtp::Mki::default();
    crate::srtp::Key { suite, bytes, mki }
}

#[tokio::test]
async fn a_protected_leg_talks_to_a_plain_one_and_what_is_not_proven_is_counted() {
    use crate::relay::Protection;
    use crate::srtp::{Opener, Sealer, Suite};
    for (suite, ports) in [
        (Suite::Sha1Of80, 9_260..=9_269),
        (Suite::Sha1Of32, 9_270..=9_279),
    ] {
        let mut call = call(ports).await;
        let (ours, theirs) = (key(1, suite), key(77, suite));
        let mut remote = call.caller.remote();
        remote.protection = Some(Protection {
            send: ours,
            receive: theirs,
        });
        call.session.set_remote(Side::Caller, remote);
        call.session.bridge();
        let to = call.session.local_addr(Side::Caller);
        let (mut sealer, mut opener) = (Sealer::new(&theirs), Opener::new(&ours));
        let header = Header {
            payload_type: 8,
            marker: false,
            sequence: 65_535,
            timestamp: 160,
            ssrc: 9,
        };
        let (mut plain, mut protected) = ([0; 172], [0; 200]);
        rtp::build(&mut plain, header, &[0x33; 160]).expect("fits");
        let bytes = sealer.seal(&plain, &mut protected).expect("fits");
        let mut forged = protected;
        forged[20] ^= 1;
        let send = async |packet: &[u8]| {
            call.caller.socket.send_to(packet, to).await.expect("sent");
        };
        send(&plain).await;
        send(&forged[..bytes]).await;
        send(&protected[..bytes]).await;
        assert_eq!(call.agent.hear().await.1, 0x33, "what is proven, in plain");
        send(&protected[..bytes]).await;
        rtp::build(
            &mut plain,
            Header {
                sequence: 0,
                ..header
            },
            &[0x34; 160],
        )
        .expect("fits");
        let bytes = sealer.seal(&plain, &mut protected).expect("fits");
        send(&protected[..bytes]).await;
        assert_eq!(call.agent.hear().await.1, 0x34, "over the wrap");

        call.agent
            .say(call.session.local_addr(Side::Agent), 0x44)
            .await;
        let mut heard = [0; 400];
        let received = timeout(LIMIT, call.caller.socket.recv_from(&mut heard)).await;
        let (bytes, _) = received.expect("a packet in time").expect("received");
        // A few of what cannot be told from random bytes are like any other byte.
        let same = heard[12..bytes].iter().filter(|byte| **byte == 0x44);
        assert!(same.count() < 20, "hidden");
        let bytes = opener.open(&mut heard[..bytes]).expect("it is the box's");
        let (_, payload) = rtp::parse(&heard[..bytes]).expect("well formed");
        assert_eq!(heard[payload.start], 0x44);
        let copy = call.tap.recv().await.expect("the tap hears it");
        assert_eq!(copy.voice.codes()[0], 0x33, "recognition hears plain voice");
        assert_eq!(call.session.stats().unproven, 3);
    }
}
