//! Which packets cross between the legs, under which header, from whom, and what is counted.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::tap::now;

mod presses;

const CALLER: &str = "192.0.2.1:4000";
const AGENT: &str = "192.0.2.2:5000";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("valid")
}

fn packet(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Vec<u8> {
    let header = Header {
        payload_type,
        marker: false,
        sequence,
        timestamp,
        ssrc,
    };
    let mut datagram = vec![0; 12 + FRAME_SAMPLES];
    rtp::build(&mut datagram, header, &[0x55; FRAME_SAMPLES]).expect("fits");
    datagram
}

fn relay() -> (Relay, Arc<Counters>) {
    let counters = Arc::new(Counters::default());
    let relay = Relay::new(
        Outgoing::new(1, 65_530, u32::MAX - 100),
        Outgoing::new(2, 100, 1_000),
        WallClock::new(now(), Duration::ZERO),
        Arc::clone(&counters),
    );
    (relay, counters)
}

fn bridged() -> (Relay, Arc<Counters>) {
    let (mut relay, counters) = relay();
    let caller = Remote {
        telephone_event: Some(96),
        ..Remote::new(address(CALLER), Codec::Pcma)
    };
    let agent = Remote {
        telephone_event: Some(101),
        ..Remote::new(address(AGENT), Codec::Pcma)
    };
    relay.set_remote(Side::Caller, caller);
    relay.set_remote(Side::Agent, agent);
    relay.set_bridged(true);
    (relay, counters)
}

fn header_of(datagram: &[u8]) -> Header {
    rtp::parse(datagram).expect("well formed").0
}

#[test]
fn voice_goes_to_the_other_leg_under_that_legs_own_header() {
    let (mut relay, counters) = bridged();
    let now = now();
    let mut datagram = packet(8, 7, 1_600, 99);
    let received = relay.receive(now, Side::Caller, address(CALLER), &mut datagram, false);
    assert_eq!(received.forward, Some(address(AGENT)));
    let heard = received.heard.expect("voice");
    assert_eq!(
        heard.header.sequence, 7,
        "listeners see the packet as it came"
    );
    let header = header_of(&datagram);
    assert_eq!(
        (header.ssrc, header.sequence, header.timestamp),
        (2, 100, 1_000)
    );
    assert_eq!(counters.leg(Side::Caller).relayed.get(), 1);
}

#[test]
fn numbers_run_on_from_prompt_to_agent_and_across_the_wrap() {
    let (mut relay, _) = bridged();
    let mut now = now();
    let mut sent = Vec::new();
    for n in 0..5 {
        let (header, to) = relay
            .prompt_packet(now, Side::Caller, n == 0)
            .expect("known");
        assert_eq!(to, address(CALLER));
        sent.push(header);
        now += Duration::from_millis(20);
    }
    for n in 0..5_u16 {
        let mut datagram = packet(8, 900 + n, 77 + 160 * u32::from(n), 5);
        relay.receive(now, Side::Agent, address(AGENT), &mut datagram, false);
        sent.push(header_of(&datagram));
        now += Duration::from_millis(20);
    }
    assert!(sent.iter().all(|header| header.ssrc == 1));
    for pair in sent.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(160));
    }
    let marked: Vec<_> = sent.iter().map(|header| header.marker).collect();
    assert_eq!(marked.iter().filter(|&&marker| marker).count(), 2);
    assert!(marked[0] && marked[5], "a change of source is a talk spurt");
}

#[test]
fn losses_and_disorder_pass_through_as_they_are() {
    let (mut relay, counters) = bridged();
    let now = now();
    let mut out = Vec::new();
    for sequence in [10, 12, 11, 15] {
        let mut datagram = packet(8, sequence, u32::from(sequence) * 160, 5);
        relay.receive(now, Side::Agent, address(AGENT), &mut datagram, false);
        out.push(header_of(&datagram).sequence.wrapping_sub(65_530));
    }
    assert_eq!(out, [0, 2, 1, 5]);
    let leg = counters.leg(Side::Agent);
    assert_eq!(
        (leg.lost.get(), leg.late.get()),
        (2, 0),
        "one came after all"
    );
}

#[test]
fn telephone_events_take_the_other_legs_payload_type_and_are_not_heard() {
    let (mut relay, _) = bridged();
    let mut datagram = packet(96, 1, 0, 9);
    let received = relay.receive(now(), Side::Caller, address(CALLER), &mut datagram, false);
    assert_eq!(received.forward, Some(address(AGENT)));
    assert_eq!(received.heard, None);
    assert_eq!(header_of(&datagram).payload_type, 101);
}

#[test]
fn who_named_another_payload_type_for_events_may_send_under_the_one_that_was_offered() {
    let (mut relay, counters) = bridged();
    let mut agent = Remote::new(address(AGENT), Codec::Pcma);
    agent.telephone_event = Some(127);
    relay.set_remote(Side::Agent, agent);
    for (sequence, payload_type) in [(1, 101), (2, 127)] {
        let mut datagram = packet(payload_type, sequence, 0, 9);
        let received = relay.receive(now(), Side::Agent, address(AGENT), &mut datagram, false);
        assert_eq!(received.forward, Some(address(CALLER)), "{payload_type}");
        assert_eq!(header_of(&datagram).payload_type, 96);
    }
    // Who takes no events sends none.
    relay.set_remote(Side::Agent, Remote::new(address(AGENT), Codec::Pcma));
    let mut datagram = packet(101, 3, 0, 9);
    let received = relay.receive(now(), Side::Agent, address(AGENT), &mut datagram, false);
    assert_eq!(received.forward, None);
    assert_eq!(counters.leg(Side::Agent).unexpected.get(), 1);
}

#[test]
fn comfort_noise_passes_untouched_between_legs_that_take_it_and_is_no_voice() {
    let (mut relay, counters) = bridged();
    let now = now();
    let takes = |relay: &mut Relay, side: Side, comfort_noise: bool| {
        let at = if side == Side::Caller { CALLER } else { AGENT };
        let remote = Remote {
            comfort_noise,
            ..Remote::new(address(at), Codec::Pcma)
        };
        relay.set_remote(side, remote);
    };
    let caller = Side::Caller;
    let send = |relay: &mut Relay, sequence: u16| {
        let timestamp = 160 * u32::from(sequence);
        let mut datagram = packet(13, sequence, timestamp, 99);
        let received = relay.receive(now, caller, address(CALLER), &mut datagram, false);
        (received, header_of(&datagram))
    };
    assert_eq!(send(&mut relay, 1).0, Received::default(), "not agreed on");
    assert_eq!(counters.leg(caller).unexpected.get(), 1);

    takes(&mut relay, caller, true);
    let (received, _) = send(&mut relay, 2);
    assert_eq!((received.forward, received.heard), (None, None));
    assert!(
        received.noise.is_some(),
        "listeners know of it all the same"
    );
    assert_eq!(counters.leg(caller).unexpected.get(), 2);

    takes(&mut relay, Side::Agent, true);
    let (received, header) = send(&mut relay, 3);
    assert_eq!(received.forward, Some(address(AGENT)));
    assert_eq!((header.payload_type, header.ssrc), (13, 2));
    assert_eq!(received.heard, None);
    assert_eq!(counters.leg(caller).lost.get(), 0);
}

#[test]
fn an_event_that_the_other_leg_cannot_take_is_counted() {
    let (mut relay, counters) = bridged();
    relay.set_remote(Side::Agent, Remote::new(address(AGENT), Codec::Pcma));
    let mut datagram = packet(96, 1, 0, 9);
    let received = relay.receive(now(), Side::Caller, address(CALLER), &mut datagram, false);
    assert_eq!(received.forward, None);
    assert_eq!(counters.leg(Side::Caller).unexpected.get(), 1);
}

#[test]
fn voice_goes_on_in_the_law_of_the_other_leg_and_is_heard_in_the_one_that_it_is_in() {
    let (mut relay, counters) = bridged();
    relay.set_remote(Side::Agent, Remote::new(address(AGENT), Codec::Pcmu));
    let loud = |codec| g711::encode(codec, 8_000);
    let send = |relay: &mut Relay, side, payload_type, codec| {
        let from = if side == Side::Caller { CALLER } else { AGENT };
        let mut datagram = packet(payload_type, 1, 0, 9);
        datagram[12..].fill(loud(codec));
        let received = relay.receive(now(), side, address(from), &mut datagram, false);
        let heard = received.heard.expect("voice");
        let code = datagram[heard.payload.start];
        assert!(code.abs_diff(loud(heard.codec)) <= 1, "{code}");
        let sent = received.forward.map(|_| header_of(&datagram).payload_type);
        (sent, heard.codec)
    };
    let (a_law, mu_law) = (Codec::Pcma, Codec::Pcmu);
    assert_eq!(send(&mut relay, Side::Caller, 8, a_law), (Some(0), mu_law));
    assert_eq!(send(&mut relay, Side::Agent, 0, mu_law), (Some(8), a_law));
    // Who takes both may send both.
    assert_eq!(send(&mut relay, Side::Agent, 8, a_law), (Some(8), a_law));
    assert_eq!(counters.leg(Side::Agent).unexpected.get(), 0);
    relay.set_bridged(false);
    assert_eq!(send(&mut relay, Side::Agent, 0, mu_law), (None, mu_law));
}

#[test]
fn a_steady_source_is_learnt_and_no_other_can_take_the_leg() {
    let (mut relay, counters) = bridged();
    let now = now();
    let (translated, stranger) = (address("198.51.100.9:61000"), address("203.0.113.5:9"));
    let forwarded = [1, 2, 3].map(|n| {
        let mut one = packet(8, n, 160 * u32::from(n), 9);
        let received = relay.receive(now, Side::Caller, translated, &mut one, false);
        received.forward.is_some()
    });
    assert_eq!(forwarded, [false, false, true]);
    let mut two = packet(8, 4, 640, 9);
    assert_eq!(
        relay.receive(now, Side::Caller, stranger, &mut two, false),
        Received::default()
    );
    assert_eq!(counters.leg(Side::Caller).foreign.get(), 3);
    let mut back = packet(8, 1, 0, 4);
    assert_eq!(
        relay
            .receive(now, Side::Agent, address(AGENT), &mut back, false)
            .forward,
        Some(translated),
        "answers go where the packets come from"
    );
    let mut claimed = packet(8, 5, 800, 9);
    relay.receive(now, Side::Caller, address(CALLER), &mut claimed, false);
    let mut back = packet(8, 2, 160, 4);
    assert_eq!(
        relay
            .receive(now, Side::Agent, address(AGENT), &mut back, false)
            .forward,
        Some(address(CALLER)),
        "the signalled address may claim the leg"
    );
}

#[test]
fn strangers_with_another_payload_type_are_not_learnt() {
    let (mut relay, _) = bridged();
    let now = now();
    for n in 1..=5 {
        let mut garbage = packet(18, n, 160 * u32::from(n), 9);
        relay.receive(
            now,
            Side::Agent,
            address("203.0.113.5:9"),
            &mut garbage,
            false,
        );
    }
    let mut voice = packet(8, 1, 0, 4);
    let received = relay.receive(now, Side::Caller, address(CALLER), &mut voice, false);
    assert_eq!(received.forward, Some(address(AGENT)));
}

#[test]
fn a_new_address_in_a_reoffer_is_learnt_afresh() {
    let (mut relay, _) = bridged();
    let now = now();
    relay.receive(
        now,
        Side::Caller,
        address(CALLER),
        &mut packet(8, 1, 0, 9),
        false,
    );
    let moved = address("192.0.2.77:4100");
    relay.set_remote(Side::Caller, Remote::new(moved, Codec::Pcma));
    let received = relay.receive(
        now,
        Side::Agent,
        address(AGENT),
        &mut packet(8, 1, 0, 4),
        false,
    );
    assert_eq!(received.forward, Some(moved));
}

#[test]
fn nothing_passes_before_the_bridge_nor_over_a_prompt_nor_on_hold() {
    let (mut relay, counters) = bridged();
    let now = now();
    relay.set_bridged(false);
    let received = relay.receive(
        now,
        Side::Caller,
        address(CALLER),
        &mut packet(8, 1, 0, 9),
        false,
    );
    assert!(
        received.forward.is_none() && received.heard.is_some(),
        "the caller is heard"
    );
    relay.set_bridged(true);
    let received = relay.receive(
        now,
        Side::Caller,
        address(CALLER),
        &mut packet(8, 2, 160, 9),
        true,
    );
    assert!(received.forward.is_none() && received.heard.is_some());
    assert_eq!(counters.leg(Side::Caller).unexpected.get(), 0);
    let held = Remote {
        send: false,
        receive: false,
        ..Remote::new(address(AGENT), Codec::Pcma)
    };
    relay.set_remote(Side::Agent, held);
    let to_held = relay.receive(
        now,
        Side::Caller,
        address(CALLER),
        &mut packet(8, 3, 320, 9),
        false,
    );
    assert_eq!(to_held.forward, None);
    let from_held = relay.receive(
        now,
        Side::Agent,
        address(AGENT),
        &mut packet(8, 1, 0, 4),
        false,
    );
    assert_eq!(from_held, Received::default());
    assert_eq!(relay.prompt_packet(now, Side::Agent, true), None);
}

/// The agent's leg, held so or not.
fn agent(send: bool, receive: bool) -> Remote {
    Remote {
        send,
        receive,
        ..Remote::new(address(AGENT), Codec::Pcma)
    }
}

/// What the stream to a leg must look like across [`PAUSE`].
fn assert_resumes(before: Header, after: Header) {
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(
        after.timestamp.wrapping_sub(before.timestamp),
        20 * 8_000,
        "as much later as time has passed"
    );
    assert!(after.marker, "a talk spurt begins");
}

/// So short that a source's timestamps still go on from those before.
const PAUSE: Duration = Duration::from_secs(20);

#[test]
fn music_that_a_hold_has_cut_goes_on_as_much_later_as_time_has_passed() {
    let (mut relay, _) = bridged();
    let start = now();
    let (before, _) = relay.prompt_packet(start, Side::Agent, true).unwrap();
    relay.set_remote(Side::Agent, agent(false, true));
    for n in 1..1_000 {
        let at = start + Duration::from_millis(20) * n;
        assert_eq!(relay.prompt_packet(at, Side::Agent, false), None);
    }
    relay.set_remote(Side::Agent, agent(true, true));
    let after = relay.prompt_packet(start + PAUSE, Side::Agent, false);
    assert_resumes(before, after.unwrap().0);
}

/// Lets one side speak every 20 ms for [`PAUSE`] and then once more, while what it says goes nowhere
/// between `pause` and `resume`: what the other leg is sent before and after.
fn across(
    side: Side,
    pause: impl FnOnce(&mut Relay),
    resume: impl FnOnce(&mut Relay),
) -> (Header, Header) {
    let (mut relay, _) = bridged();
    let start = now();
    let from = if side == Side::Caller { CALLER } else { AGENT };
    let speak = |relay: &mut Relay, n: u16| {
        let at = start + Duration::from_millis(20) * n.into();
        let mut datagram = packet(8, n, 160 * u32::from(n), 9);
        let received = relay.receive(at, side, address(from), &mut datagram, false);
        received.forward.map(|_| header_of(&datagram))
    };
    let before = speak(&mut relay, 0).unwrap();
    pause(&mut relay);
    assert!((1..1_000).all(|n| speak(&mut relay, n).is_none()));
    resume(&mut relay);
    (before, speak(&mut relay, 1_000).unwrap())
}

#[test]
fn what_was_held_back_is_no_loss_to_who_held() {
    let hold = |remote| move |relay: &mut Relay| relay.set_remote(Side::Agent, remote);
    let (before, after) = across(
        Side::Caller,
        hold(agent(false, true)),
        hold(agent(true, true)),
    );
    assert_resumes(before, after);
}

#[test]
fn what_the_holder_sends_meanwhile_is_no_loss_to_who_is_held() {
    let hold = |remote| move |relay: &mut Relay| relay.set_remote(Side::Agent, remote);
    let (before, after) = across(
        Side::Agent,
        hold(agent(false, false)),
        hold(agent(true, true)),
    );
    assert_resumes(before, after);
}

#[test]
fn what_was_said_while_the_legs_were_parted_is_no_loss() {
    for side in [Side::Caller, Side::Agent] {
        let (before, after) = across(
            side,
            |relay| relay.set_bridged(false),
            |relay| relay.set_bridged(true),
        );
        assert_resumes(before, after);
    }
}

#[test]
fn keys_of_another_far_end_of_a_leg_are_new() {
    let (mut relay, _) = bridged();
    let press = |relay: &mut Relay, at, from, timestamp| {
        let header = Header {
            payload_type: 101,
            marker: true,
            sequence: 1,
            timestamp,
            ssrc: 9,
        };
        let mut datagram = [0; 16];
        rtp::build(&mut datagram, header, &[5, 10, 0, 160]).unwrap();
        relay
            .receive(at, Side::Agent, from, &mut datagram, false)
            .key
    };
    let start = now();
    let first = press(&mut relay, start, address(AGENT), 8_000);
    let moved = address("192.0.2.77:4100");
    let remote = relay.leg(Side::Agent).remote.unwrap();
    relay.set_remote(
        Side::Agent,
        Remote {
            address: moved,
            ..remote
        },
    );
    let second = press(&mut relay, start + Duration::from_millis(20), moved, 8_000);
    assert_eq!((first, second), (Some('5'), Some('5')));
}

#[test]
fn malformed_and_control_packets_are_counted_and_dropped() {
    let (mut relay, counters) = bridged();
    let now = now();
    for mut bytes in [vec![], vec![0x80; 5], b"hello, this is no rtp".to_vec()] {
        let received = relay.receive(now, Side::Caller, address(CALLER), &mut bytes, false);
        assert_eq!(received, Received::default());
    }
    assert_eq!(counters.leg(Side::Caller).malformed.get(), 3);
    let mut report = vec![0_u8; 28];
    (report[0], report[1], report[3]) = (0x80, 200, 6);
    assert_eq!(
        relay.receive(now, Side::Caller, address(CALLER), &mut report, false),
        Received::default()
    );
    assert_eq!(counters.leg(Side::Caller).malformed.get(), 3);
}

/// The report that is due on a leg after this time, and where it goes.
fn report(relay: &mut Relay, now: Instant, side: Side) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; crate::reports::MAX_REPORT];
    let (bytes, address) = relay.report(now, side, &mut buffer)?;
    Some((buffer[..bytes].to_vec(), address))
}

#[test]
fn reports_go_beside_the_voice_and_come_from_its_machine_only() {
    let (mut relay, counters) = bridged();
    let start = now();
    assert_eq!(relay.reports_deadline(), None, "no voice, no reports");
    let mut voice = packet(8, 1, 0, 9);
    relay.receive(start, Side::Caller, address(CALLER), &mut voice, false);
    let due = start + Duration::from_secs(8);
    assert!(relay.reports_deadline().is_some_and(|at| at <= due));
    let (theirs, to) = report(&mut relay, due, Side::Caller).expect("due");
    assert_eq!(to, address("192.0.2.1:4001"));
    assert_eq!(report(&mut relay, due, Side::Caller), None);
    relay.control(due, Side::Caller, address("203.0.113.5:9"), &theirs);
    relay.control(due, Side::Caller, address("192.0.2.1:7001"), b"no report");
    let leg = counters.leg(Side::Caller);
    assert_eq!((leg.foreign.get(), leg.malformed.get()), (1, 1));
    relay.control(due, Side::Caller, address("192.0.2.1:7001"), &theirs);
    let later = due + Duration::from_secs(8);
    let (_, to) = report(&mut relay, later, Side::Caller).expect("due");
    assert_eq!(to, address("192.0.2.1:7001"), "where theirs come from");
    let remote = relay.leg(Side::Agent).remote.expect("set");
    let control = Some(address("192.0.2.2:9999"));
    relay.set_remote(Side::Agent, Remote { control, ..remote });
    let (_, to) = report(&mut relay, later, Side::Agent).expect("due");
    assert_eq!(to, address("192.0.2.2:9999"), "where the agent wants them");
}

#[test]
fn each_sides_voice_is_graded_by_itself() {
    let (mut relay, counters) = bridged();
    let start = now();
    for n in 0..500_u16 {
        let at = start + Duration::from_millis(20) * n.into();
        let mut voice = packet(8, n, 160 * u32::from(n), 9);
        relay.receive(at, Side::Caller, address(CALLER), &mut voice, false);
        if n % 10 != 0 {
            let mut voice = packet(8, n, 160 * u32::from(n), 7);
            relay.receive(at, Side::Agent, address(AGENT), &mut voice, false);
        }
    }
    let stats = counters.snapshot();
    assert_eq!((stats.caller.lost, stats.agent.lost), (0, 49));
    assert!(stats.caller.mos.is_some_and(|mos| mos > 4.3), "{stats:?}");
    let agent = stats.agent.mos.expect("graded");
    assert!((2.5..3.7).contains(&agent), "{agent} with a tenth lost");
    assert_eq!((stats.caller.round_trip, stats.caller.far), (None, None));
}

proptest! {
    #[test]
    fn no_datagram_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        caller in any::<bool>(),
    ) {
        let (mut relay, _) = bridged();
        let side = if caller { Side::Caller } else { Side::Agent };
        let mut bytes = bytes;
        relay.receive(now(), side, address(CALLER), &mut bytes, false);
        relay.control(now(), side, address(CALLER), &bytes);
    }

    #[test]
    fn the_stream_to_a_leg_never_changes_its_ssrc(
        packets in proptest::collection::vec((any::<u16>(), any::<u32>(), 0..3_u32), 1..40)
    ) {
        let (mut relay, _) = bridged();
        for (sequence, timestamp, ssrc) in packets {
            let mut datagram = packet(8, sequence, timestamp, ssrc);
            relay.receive(now(), Side::Agent, address(AGENT), &mut datagram, false);
            prop_assert_eq!(header_of(&datagram).ssrc, 1);
        }
    }
}

#[test]
fn a_side_that_is_silent_for_a_minute_is_told_of_each_minute_until_it_is_heard() {
    let (mut relay, _) = bridged();
    let start = now();
    assert_eq!(relay.silence_deadline(), None);
    for side in [Side::Caller, Side::Agent] {
        relay.await_sign(start, side);
    }
    let spoken = start + silence::LIMIT / 2;
    relay.receive(
        spoken,
        Side::Caller,
        address(CALLER),
        &mut packet(8, 7, 1_600, 99),
        false,
    );
    let due = start + silence::LIMIT;
    assert_eq!(relay.silence_deadline(), Some(due));
    assert!(!relay.is_silent(due, Side::Caller));
    assert!(relay.is_silent(due, Side::Agent));
    assert!(!relay.is_silent(due, Side::Agent), "told once");
    let again = due + silence::LIMIT;
    assert!(relay.is_silent(again, Side::Agent));
    assert!(relay.is_silent(again, Side::Caller));
    // A receiver's report, as one who is muted sends it.
    let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
    let reported = again + silence::LIMIT / 2;
    relay.control(reported, Side::Agent, address("192.0.2.2:5001"), &report);
    assert!(!relay.is_silent(again + silence::LIMIT, Side::Agent));
    let stranger = again + silence::LIMIT;
    relay.control(stranger, Side::Agent, address("192.0.2.7:5001"), &report);
    assert!(relay.is_silent(reported + silence::LIMIT, Side::Agent));
}
