//! Keys that one side presses, as the other side understands them.

use super::*;

const TOLD: KeyWay = KeyWay::Event { relayed: true };
const NOT_TOLD: KeyWay = KeyWay::Event { relayed: false };

/// What a side takes: telephone events, or voice alone.
fn described(port: u16, takes_events: bool) -> Vec<u8> {
    let mut described = sdp(port, "8 101", "sendrecv");
    if takes_events {
        described.extend_from_slice(b"a=rtpmap:101 telephone-event/8000\r\n");
    }
    described
}

/// A bridged call whose sides take events or do not.
fn joined(caller: bool, agent: bool) -> Bench {
    let mut bench = Bench::new(Greeting::Connected);
    bench.incoming(&described(4_000, caller));
    bench.order(Order::Greet);
    bench.offer("a1");
    let sdp = described(5_000, agent);
    bench.agent(1, LegEvent::Answered { sdp });
    bench
}

impl Bench {
    fn presses(&mut self, side: Side, key: char, way: KeyWay) -> Vec<Output> {
        match (way, side) {
            (KeyWay::Info, Side::Caller) => self.caller(LegEvent::Digit { digit: key }),
            (KeyWay::Info, Side::Agent) => self.agent(1, LegEvent::Digit { digit: key }),
            _ => self.input(Input::Key { side, key, way }),
        }
    }
}

fn pressed(side: Side, key: char) -> Output {
    Output::Call(CallEvent::Pressed { side, key })
}

fn press(side: Side, key: char) -> Output {
    Output::Media(MediaCommand::Press { side, key })
}

fn info(leg: LegId, digit: char) -> Output {
    let what = LegCommand::Digit { digit };
    Output::Sip(SipCommand { leg, what })
}

#[test]
fn a_side_is_told_by_events_where_it_takes_them() {
    for way in [KeyWay::Info, KeyWay::Tones, NOT_TOLD] {
        let mut bench = joined(false, true);
        // Once it has told of a key by INFO, too.
        bench.agent(1, LegEvent::Digit { digit: '9' });
        let outputs = bench.presses(Side::Caller, '5', way);
        let expected = [pressed(Side::Caller, '5'), press(Side::Agent, '5')];
        assert_eq!(outputs, expected, "{way:?}");
    }
    let mut bench = joined(true, true);
    let outputs = bench.presses(Side::Caller, '5', TOLD);
    assert_eq!(
        outputs,
        [pressed(Side::Caller, '5')],
        "media has sent it on"
    );
}

#[test]
fn a_side_without_events_that_tells_by_info_is_told_by_info() {
    let mut bench = joined(false, false);
    let (caller, agent) = (bench.caller, bench.caller.branch(1));
    bench.presses(Side::Agent, '1', KeyWay::Info);
    for (key, way) in [('2', NOT_TOLD), ('3', KeyWay::Info)] {
        let outputs = bench.presses(Side::Caller, key, way);
        assert_eq!(outputs, [pressed(Side::Caller, key), info(agent, key)]);
    }
    let mut bench = joined(false, false);
    bench.presses(Side::Caller, '1', KeyWay::Info);
    let outputs = bench.presses(Side::Agent, '4', KeyWay::Tones);
    let hush = Output::Media(MediaCommand::Hush { side: Side::Caller });
    let expected = [pressed(Side::Agent, '4'), info(caller, '4'), hush];
    assert_eq!(outputs, expected, "the tone in the voice is not for it");
}

#[test]
fn a_side_that_knows_neither_hears_tones_once() {
    let mut bench = joined(true, false);
    for (key, way) in [('2', NOT_TOLD), ('3', KeyWay::Info)] {
        let outputs = bench.presses(Side::Caller, key, way);
        assert_eq!(
            outputs,
            [pressed(Side::Caller, key), press(Side::Agent, key)]
        );
    }
    let mut bench = joined(false, false);
    let outputs = bench.presses(Side::Caller, '4', KeyWay::Tones);
    assert_eq!(
        outputs,
        [pressed(Side::Caller, '4')],
        "they are in the voice"
    );
}

#[test]
fn what_is_told_in_two_ways_is_one_press() {
    let ways = [NOT_TOLD, KeyWay::Info, KeyWay::Tones];
    for first in ways {
        for second in ways.into_iter().filter(|way| *way != first) {
            let mut bench = joined(false, true);
            let mut tell = |key, way, after_ms| {
                bench.now += Duration::from_millis(after_ms);
                bench.presses(Side::Caller, key, way).len()
            };
            // Fingers are quicker than what is told second.
            let counts = [
                tell('5', first, 0),
                tell('5', first, 150),
                tell('5', second, 300),
                tell('5', second, 150),
            ];
            assert_eq!(counts, [2, 2, 0, 0], "{first:?} {second:?}");
            let counts = [tell('7', first, 150), tell('7', second, 1_000)];
            let news = counts.iter().filter(|&&count| count > 0).count();
            assert_eq!(news, 1, "{first:?} {second:?}");
        }
    }
}

#[test]
fn the_poorer_way_of_a_side_that_tells_twice_says_nothing_however_late() {
    let mut bench = joined(true, true);
    assert_eq!(bench.presses(Side::Caller, '5', TOLD).len(), 1);
    assert!(bench.presses(Side::Caller, '5', KeyWay::Info).is_empty());
    bench.now += secs(10);
    assert!(bench.presses(Side::Caller, '6', KeyWay::Info).is_empty());
    assert_eq!(bench.presses(Side::Caller, '6', TOLD).len(), 1);
    // The other side tells its own way, and so does who takes this side's place.
    assert_eq!(bench.presses(Side::Agent, '6', KeyWay::Info).len(), 2);
    let by = bench.caller.branch(1_000);
    let at = AgentContact::Uri("sip:wang@192.0.2.9".into());
    let sdp = described(7_000, true);
    bench.caller(LegEvent::Replaced { by, at, sdp });
    bench.agent(1_000, LegEvent::Acknowledged { sdp: vec![] });
    let outputs = bench.agent(1_000, LegEvent::Digit { digit: '6' });
    assert_eq!(
        outputs,
        [pressed(Side::Caller, '6'), press(Side::Agent, '6')]
    );
}

#[test]
fn the_echo_of_a_tone_is_no_key_of_who_is_told() {
    let mut bench = joined(true, false);
    bench.presses(Side::Caller, '5', NOT_TOLD);
    bench.now += Duration::from_millis(300);
    assert!(bench.presses(Side::Agent, '5', KeyWay::Tones).is_empty());
    assert_eq!(bench.presses(Side::Agent, '6', KeyWay::Tones).len(), 2);
    bench.now += secs(2);
    assert_eq!(bench.presses(Side::Agent, '5', KeyWay::Tones).len(), 2);
}

#[test]
fn who_is_alone_with_the_box_presses_for_the_box() {
    let mut bench = Bench::greeted();
    for way in [NOT_TOLD, KeyWay::Tones] {
        let outputs = bench.presses(Side::Caller, '9', way);
        assert_eq!(outputs, [pressed(Side::Caller, '9')]);
        bench.now += secs(10);
    }
}
