//! Keys that the box presses on a leg: as events or tones, one after the other, once.

use super::*;
use crate::relay::Press;
use crate::tones::{self, Tones};

const FRAME: Duration = Duration::from_millis(20);

/// A bridged call whose agent takes no events.
fn with_plain_agent() -> Relay {
    let (mut relay, _) = bridged();
    relay.set_remote(Side::Agent, Remote::new(address(AGENT), Codec::Pcmu));
    relay
}

/// What a leg is sent of keys from `start` on, with the packet of the clock that it goes with.
fn pressed(relay: &mut Relay, start: Instant, side: Side) -> Vec<(u32, Header, Press)> {
    let mut sent = Vec::new();
    for tick in 0..300 {
        let at = start + FRAME * tick;
        while let Some((header, to, press)) = relay.press_packet(at, side) {
            let known = if side == Side::Caller { CALLER } else { AGENT };
            assert_eq!(to, address(known));
            sent.push((tick, header, press));
        }
    }
    assert!(!relay.is_pressing(side), "all are pressed");
    sent
}

#[test]
fn an_event_runs_its_length_and_its_end_is_told_three_times() {
    let (mut relay, _) = bridged();
    let start = now();
    relay.press(start, Side::Caller, '#');
    assert!(relay.is_pressing(Side::Caller) && !relay.is_pressing(Side::Agent));
    let sent = pressed(&mut relay, start, Side::Caller);
    let told = sent.iter().map(|(tick, header, press)| {
        assert_eq!((header.payload_type, header.ssrc), (96, 1));
        assert_eq!(header.timestamp, sent[0].1.timestamp, "one press");
        assert_eq!(header.marker, *tick == 0);
        let Press::Event([event, ends, high, low]) = press else {
            panic!("{press:?}")
        };
        assert_eq!(*event, 11);
        (*tick, *ends, u16::from_be_bytes([*high, *low]))
    });
    let expected = (0..10).map(|tick: u16| {
        let ends = if tick < 7 { 10 } else { 0x8A };
        (u32::from(tick), ends, 160 * (tick + 1).min(8))
    });
    assert!(told.eq(expected), "{sent:?}");
    let numbers = sent.windows(2).map(|pair| (pair[0].1, pair[1].1));
    for (before, after) in numbers {
        assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    }
}

#[test]
fn keys_are_pressed_one_after_the_other_and_read_back_by_a_far_end() {
    let keys = "12*#0ABCD3456789955";
    let mut relay = with_plain_agent();
    let start = now();
    for key in keys.chars() {
        relay.press(start, Side::Agent, key);
        relay.press(start, Side::Caller, key);
    }
    relay.press(start, Side::Agent, 'x');
    let mut tones = Tones::default();
    let heard = pressed(&mut relay, start, Side::Agent)
        .into_iter()
        .filter_map(|(_, header, press)| {
            assert_eq!(header.payload_type, 0, "in the law of that leg");
            let samples = press.payload().iter();
            tones.take(
                samples.map(|&code| g711::decode(Codec::Pcmu, code)),
                tones::SHORT,
            )
        });
    assert_eq!(heard.collect::<String>(), keys);
    let mut events = Keys::default();
    let told = pressed(&mut relay, start, Side::Caller)
        .into_iter()
        .filter_map(|(tick, header, press)| {
            events.take(start + FRAME * tick, &header, press.payload())
        });
    assert_eq!(told.collect::<String>(), keys);
}

/// Has the caller's far end send one packet; whether it goes on to the agent.
fn goes_on(relay: &mut Relay, at: Instant, datagram: &mut [u8]) -> bool {
    let caller = address(CALLER);
    let received = relay.receive(at, Side::Caller, caller, datagram, false);
    received.forward.is_some()
}

#[test]
fn voice_waits_for_the_end_of_a_key_and_goes_on_without_a_hole() {
    let (mut relay, counters) = bridged();
    let start = now();
    assert!(goes_on(&mut relay, start, &mut packet(8, 1, 160, 9)));
    relay.press(start + FRAME, Side::Agent, '1');
    let mut last = None;
    let mut voice = Vec::new();
    for n in 2..40_u16 {
        let at = start + FRAME * u32::from(n - 1);
        if let Some((header, ..)) = relay.press_packet(at, Side::Agent) {
            last = Some(header);
        }
        let mut datagram = packet(8, n, 160 * u32::from(n), 9);
        if goes_on(&mut relay, at, &mut datagram) {
            voice.push((n, header_of(&datagram)));
        }
    }
    let (first, header) = voice[0];
    assert_eq!(first, 14, "after 240 ms");
    let last = last.expect("a key");
    assert_eq!(header.sequence, last.sequence.wrapping_add(1));
    let ahead = header.timestamp.wrapping_sub(last.timestamp);
    assert_eq!(ahead, 12 * 160, "its clock has gone on");
    assert!(header.marker);
    assert_eq!(voice.len(), 26);
    let leg = counters.leg(Side::Caller);
    assert_eq!(leg.unexpected.get(), 0, "it was held back on purpose");
}

#[test]
fn an_event_that_a_press_has_cut_is_not_begun_in_its_middle() {
    let (mut relay, _) = bridged();
    let start = now();
    relay.press(start, Side::Agent, '5');
    let mut event = |at: Instant, sequence: u16, timestamp: u32| {
        while relay.press_packet(at, Side::Agent).is_some() {}
        let mut datagram = packet(96, sequence, timestamp, 9);
        goes_on(&mut relay, at, &mut datagram)
    };
    let held = (0..30).any(|n: u16| event(start + FRAME * n.into(), n, 800));
    assert!(!held, "the same key, told in two ways");
    assert!(event(start + FRAME * 40, 40, 8_000), "the next one");
}

#[test]
fn a_tone_is_held_back_until_its_key_is_let_go() {
    let mut relay = with_plain_agent();
    let caller = Remote::new(address(CALLER), Codec::Pcma);
    relay.set_remote(Side::Caller, caller);
    relay.set_remote(Side::Agent, Remote::new(address(AGENT), Codec::Pcma));
    let (start, mut found) = (now(), 0);
    let mut speak = |n: u16, is_tone: bool| {
        let mut datagram = packet(8, n, 160 * u32::from(n), 9);
        let from = usize::from(n) * FRAME_SAMPLES;
        let tone = crate::tones::pressed('7', from);
        for (code, sample) in datagram[12..].iter_mut().zip(tone) {
            *code = g711::encode(Codec::Pcma, if is_tone { sample } else { 0 });
        }
        let at = start + FRAME * n.into();
        let received = relay.receive(at, Side::Caller, address(CALLER), &mut datagram, false);
        let heard = received.heard.expect("voice");
        if relay
            .key_in_voice(Side::Caller, &heard, &datagram)
            .is_some()
        {
            found += 1;
            relay.hush(Side::Agent);
        }
        received.forward.is_some()
    };
    let passed: Vec<u16> = (0..40)
        .filter(|&n| speak(n, (5..25).contains(&n)))
        .collect();
    assert_eq!(found, 1);
    assert!(passed.contains(&4), "what is said before");
    assert!(
        !passed.iter().any(|n| (8..25).contains(n)),
        "the tone from its finding on: {passed:?}"
    );
    assert!(passed.contains(&28), "what is said after: {passed:?}");
}

/// A gateway that has agreed to events and sends tones all the same is understood, until it sends an event.
#[test]
fn tones_are_keys_until_the_first_event_has_come() {
    let (mut relay, _) = bridged();
    let (start, mut passed) = (now(), Vec::new());
    // The key is pressed for 100 ms every 400 ms; the last thrice with events beside it, from its 60th ms on.
    let mut speak = |n: u16| {
        let (press, place) = (n / 20, n % 20);
        let at = start + FRAME * n.into();
        let mut datagram = packet(8, n, 160 * u32::from(n), 9);
        let from = usize::from(place) * FRAME_SAMPLES;
        let tone = crate::tones::pressed('9', from);
        for (code, sample) in datagram[12..].iter_mut().zip(tone) {
            *code = g711::encode(Codec::Pcma, if place < 5 { sample } else { 0 });
        }
        if press >= 2 && place == 3 {
            let mut event = packet(96, n, 160 * u32::from(n), 9);
            event[12..16].copy_from_slice(&[9, 10, 0, 160]);
            let told = relay.receive(at, Side::Caller, address(CALLER), &mut event, false);
            assert_eq!(told.key, Some('9'));
        }
        let received = relay.receive(at, Side::Caller, address(CALLER), &mut datagram, false);
        let heard = received.heard.expect("voice");
        let key = relay.key_in_voice(Side::Caller, &heard, &datagram);
        if key.is_some() {
            relay.hush(Side::Agent);
        }
        if received.forward.is_some() {
            passed.push(n);
        }
        key.map(|key| (press, key))
    };
    let heard: Vec<_> = (0..100).filter_map(&mut speak).collect();
    assert_eq!(heard, [(0, '9'), (1, '9'), (2, '9')]);
    assert!(
        passed.contains(&59),
        "nothing is held back for long: {passed:?}"
    );
    assert!(
        !passed.contains(&44),
        "not even the rest of a tone: {passed:?}"
    );
}

#[test]
fn who_does_not_listen_is_pressed_no_key_later() {
    let (mut relay, _) = bridged();
    let start = now();
    relay.set_remote(Side::Agent, agent(false, true));
    relay.press(start, Side::Agent, '1');
    assert_eq!(relay.press_packet(start, Side::Agent), None);
    relay.set_remote(Side::Agent, agent(true, true));
    assert_eq!(pressed(&mut relay, start, Side::Agent), []);
    relay.press(start, Side::Agent, '1');
    relay.set_bridged(false);
    assert_eq!(pressed(&mut relay, start, Side::Agent), []);
}
