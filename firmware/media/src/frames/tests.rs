//! What is heard of packets that come late, twice, in disorder or not at all, and when.

use proptest::prelude::*;
use trunkside_call::{Codec, FRAME_DURATION, FRAME_SAMPLES};

use super::*;
use crate::g711;
use crate::relay::Heard;
use crate::rtp::Header;
use crate::tap::{Voice, copies, now};

struct Bench {
    answered: Instant,
    framer: Framer,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A code that says which packet it was; each has a loudness of its own.
fn code(number: u32) -> u8 {
    (number % 100) as u8
}

/// The copies of a packet, as the tap makes them: a long packet has several.
fn copies_of(arrived: Instant, number: u32, length: usize) -> Vec<TapPacket> {
    let heard = Heard {
        codec: Codec::Pcmu,
        header: Header {
            payload_type: 0,
            marker: false,
            sequence: number as u16,
            timestamp: 5_000_u32.wrapping_add(number.wrapping_mul(length as u32)),
            ssrc: 1,
        },
        payload: 0..length,
    };
    let codes = vec![code(number); length];
    copies(Side::Caller, arrived, &heard, &codes).collect()
}

impl Bench {
    fn new() -> Self {
        let answered = now();
        Self {
            answered,
            framer: Framer::new(answered),
        }
    }

    fn packet(&self, number: u32, length: usize) -> TapPacket {
        copies_of(self.answered, number, length)[0]
    }

    /// Packet `number` of 20 ms comes at this time.
    fn at(&mut self, time: Duration, number: u32) -> Vec<Frame> {
        let packet = self.packet(number, FRAME_SAMPLES);
        self.framer.handle(self.answered + time, &packet);
        self.drain()
    }

    fn wait(&mut self, time: Duration) -> Vec<Frame> {
        self.framer.advance(self.answered + time);
        self.drain()
    }

    fn drain(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.framer.poll()).collect()
    }
}

fn heard(frame: &Frame) -> Option<u32> {
    (0..100).find(|&number| g711::decode(Codec::Pcmu, code(number)) == frame.samples[80])
}

#[test]
fn packets_in_order_pass_at_once_and_their_times_count_from_the_answer() {
    let mut bench = Bench::new();
    for number in 0..10 {
        let frames = bench.at(ms(1_000 + 20 * u64::from(number)), number);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].start, ms(980 + 20 * u64::from(number)));
    }
    assert_eq!(
        bench.framer.stats(),
        FrameStats {
            frames: 10,
            ..FrameStats::default()
        }
    );
}

#[test]
fn disorder_is_put_right_without_loss() {
    let mut bench = Bench::new();
    bench.at(ms(20), 0);
    assert!(bench.at(ms(50), 2).is_empty());
    let frames = bench.at(ms(60), 1);
    assert_eq!(
        frames.iter().map(heard).collect::<Vec<_>>(),
        [Some(1), Some(2)]
    );
    assert_eq!(bench.framer.stats().filled_samples, 0);
}

#[test]
fn a_lost_packet_is_concealed_by_the_voice_before_it_after_the_wait() {
    let mut bench = Bench::new();
    bench.at(ms(20), 0);
    assert!(bench.at(ms(60), 2).is_empty());
    let deadline = bench.framer.deadline().expect("a packet is missing");
    assert_eq!(deadline, bench.answered + ms(120));
    assert!(bench.wait(ms(119)).is_empty());
    let frames = bench.wait(ms(120));
    assert_eq!(
        frames.iter().map(heard).collect::<Vec<_>>(),
        [Some(0), Some(2)],
        "what was last heard goes on"
    );
    assert_eq!(frames[1].start, ms(40));
    let late = bench.at(ms(125), 1);
    assert!(late.is_empty());
    assert_eq!(
        bench.framer.stats(),
        FrameStats {
            frames: 3,
            filled_samples: 160,
            late: 1,
            duplicates: 0
        }
    );
}

#[test]
fn what_waits_behind_a_missing_packet_is_heard_however_long_nobody_looked() {
    let mut bench = Bench::new();
    let mut frames = bench.at(ms(20), 0);
    let last = 99;
    for number in 2..=last {
        frames.extend(bench.at(ms(20 + 20 * u64::from(number)), number));
    }
    frames.extend(bench.wait(ms(20 + 20 * u64::from(last))));
    let numbers: Vec<_> = frames.iter().map(heard).collect();
    let wanted: Vec<_> = [0, 0].into_iter().chain(2..=last).map(Some).collect();
    assert_eq!(numbers, wanted, "only what was lost is made up");
    assert_eq!(bench.framer.stats().filled_samples, 160);
    assert_eq!(bench.framer.stats().late, 0);
}

#[test]
fn a_side_that_sends_nothing_while_silent_still_yields_frames_at_the_clocks_pace() {
    let mut bench = Bench::new();
    assert_eq!(bench.framer.deadline(), None, "nothing before it is heard");
    bench.at(ms(20), 0);
    let mut frames = Vec::new();
    while let Some(deadline) = bench.framer.deadline() {
        if deadline > bench.answered + ms(1_000) {
            break;
        }
        bench.framer.advance(deadline);
        frames.extend(bench.drain());
    }
    assert_eq!(frames.len(), 45);
    assert!(
        frames[3..]
            .iter()
            .all(|frame| frame.samples == [0; FRAME_SAMPLES])
    );
    let spurt = bench.at(ms(1_020), 50);
    assert!(spurt.is_empty(), "80 ms of silence are still to be made");
    let frames = bench.wait(ms(1_080));
    assert_eq!(
        frames.last().map(|frame| (frame.start, heard(frame))),
        Some((ms(1_000), Some(50)))
    );
}

#[test]
fn other_packet_lengths_make_the_same_frames() {
    for length in [80, 120, 240, 320, 480] {
        let mut bench = Bench::new();
        let mut frames = Vec::new();
        for number in 0..24 {
            let arrives = bench.answered + duration(u64::from(number + 1) * length as u64);
            for packet in copies_of(arrives, number, length) {
                bench.framer.handle(packet.arrived, &packet);
            }
            frames.extend(bench.drain());
        }
        assert_eq!(frames.len(), 24 * length / FRAME_SAMPLES, "{length}");
        for (n, frame) in frames.iter().enumerate() {
            assert_eq!(frame.start, FRAME_DURATION * n as u32, "{length}");
        }
    }
}

/// How loud a frame is, in samples.
fn loudness(frame: &Frame) -> u16 {
    let loud = frame.samples.iter().map(|sample| sample.unsigned_abs());
    loud.max().unwrap_or_default()
}

#[test]
fn silence_that_its_sender_describes_sounds_so_until_voice_comes_again() {
    let mut bench = Bench::new();
    bench.at(ms(20), 0);
    bench.at(ms(40), 1);
    let noise = Noise {
        ssrc: 1,
        timestamp: 5_000 + 2 * 160,
        level: 50,
    };
    bench
        .framer
        .fall_silent(bench.answered + ms(60), Side::Caller, noise);
    // What was said before comes late, and is heard all the same.
    let silent = bench.wait(ms(1_000));
    assert_eq!(silent.len(), (1_000 - 80 - 40) / 20);
    // -50 dBov: a peak of 104 x the square root of 3.
    assert!(
        silent
            .iter()
            .all(|frame| (120..=181).contains(&loudness(frame)))
    );
    let mut spoken = bench.at(ms(1_020), 50);
    spoken.extend(bench.wait(ms(1_080)));
    let last = spoken.pop().expect("voice");
    assert_eq!((last.start, heard(&last)), (ms(1_000), Some(50)));
    assert!(spoken.iter().all(|frame| loudness(frame) <= 181));
    let gap = bench.wait(ms(1_300));
    assert_eq!(gap.last().map(loudness), Some(0), "who speaks is lost");
}

#[test]
fn voice_from_before_the_silence_that_comes_after_it_is_heard() {
    let mut bench = Bench::new();
    bench.at(ms(20), 0);
    let noise = Noise {
        ssrc: 1,
        timestamp: 5_000 + 3 * 160,
        level: 60,
    };
    bench
        .framer
        .fall_silent(bench.answered + ms(40), Side::Caller, noise);
    bench.at(ms(60), 2);
    let frames = bench.at(ms(65), 1);
    assert_eq!(
        frames.iter().map(heard).collect::<Vec<_>>(),
        [Some(1), Some(2)]
    );
    let silent = bench.wait(ms(400));
    assert!(!silent.is_empty());
    assert!(
        silent
            .iter()
            .all(|frame| (1..60).contains(&loudness(frame)))
    );
}

#[test]
fn noise_of_a_stream_that_nobody_heard_says_nothing() {
    let mut bench = Bench::new();
    let noise = |ssrc| Noise {
        ssrc,
        timestamp: 5_000,
        level: 45,
    };
    let at = bench.answered + ms(20);
    bench.framer.fall_silent(at, Side::Caller, noise(1));
    assert_eq!(bench.framer.deadline(), None);
    bench.at(ms(40), 0);
    bench.framer.fall_silent(at, Side::Caller, noise(77));
    assert_eq!(bench.wait(ms(600)).last().map(loudness), Some(0));
}

#[test]
fn a_new_stream_goes_on_where_the_clock_is() {
    let mut bench = Bench::new();
    bench.at(ms(20), 0);
    let mut packet = bench.packet(7, FRAME_SAMPLES);
    (packet.ssrc, packet.timestamp) = (99, 123);
    bench.framer.handle(bench.answered + ms(40), &packet);
    let frames = bench.drain();
    assert_eq!(
        frames.iter().map(|frame| frame.start).collect::<Vec<_>>(),
        [ms(20)]
    );
}

#[test]
fn a_timestamp_that_leaps_is_not_believed() {
    let mut bench = Bench::new();
    bench.at(ms(20), 0);
    let frames = bench.at(ms(40), 1_000_000);
    assert_eq!(
        frames.iter().map(|frame| frame.start).collect::<Vec<_>>(),
        [ms(20)]
    );
    assert_eq!(bench.at(ms(60), 1_000_001).len(), 1);
}

/// What is heard of packets that each come at their own time: one number a frame that holds voice.
fn heard_of(bench: &mut Bench, packets: impl IntoIterator<Item = (Duration, u32)>) -> Vec<Frame> {
    let mut arrivals: Vec<_> = packets.into_iter().collect();
    arrivals.sort_unstable();
    let mut frames = Vec::new();
    for (time, number) in arrivals {
        frames.extend(bench.wait(time));
        frames.extend(bench.at(time, number));
    }
    frames
}

#[test]
fn a_sender_whose_clock_is_slow_is_not_lost_for_good() {
    let mut bench = Bench::new();
    let packets = (0..3_000_u32).map(|n| (ms(20) + Duration::from_micros(20_200) * n, n));
    heard_of(&mut bench, packets);
    let stats = bench.framer.stats();
    assert_eq!((stats.late, stats.duplicates), (0, 0), "{stats:?}");
    assert!((3_020..3_035).contains(&stats.frames), "{stats:?}");
}

#[test]
fn a_sender_whose_clock_is_fast_stays_near_the_clock() {
    let mut bench = Bench::new();
    let packets = (0..30_000_u32).map(|n| (ms(20) + Duration::from_micros(19_980) * n, n));
    let frames = heard_of(&mut bench, packets);
    let end = ms(20) + Duration::from_micros(19_980) * 30_000;
    let ahead = frames.last().expect("frames").end().saturating_sub(end);
    assert!(ahead < ms(600), "{ahead:?}");
    let stats = bench.framer.stats();
    assert!(stats.late == 0 && stats.duplicates < 20, "{stats:?}");
}

#[test]
fn packets_that_come_twice_are_heard_once() {
    let mut bench = Bench::new();
    let twice = (0..100_u32).flat_map(|n| [(ms(20) * (n + 1), n), (ms(20) * (n + 1) + ms(5), n)]);
    let frames = heard_of(&mut bench, twice);
    assert_eq!(frames.len(), 100);
    let stats = bench.framer.stats();
    assert_eq!(
        (stats.duplicates, stats.late, stats.filled_samples),
        (100, 0, 0)
    );
}

#[test]
fn the_wait_learns_from_jitter() {
    let mut bench = Bench::new();
    // Every tenth packet is 200 ms late: too much for the first wait, not for the one learnt.
    let late = |n: u32| if n % 10 == 9 { ms(200) } else { ms(0) };
    let frames = heard_of(
        &mut bench,
        (0..500_u32).map(|n| (ms(20) * (n + 1) + late(n), n)),
    );
    assert_eq!(bench.framer.stats().late, 1, "{:?}", bench.framer.stats());
    let numbers: Vec<_> = frames[20..].iter().filter_map(heard).collect();
    let expected: Vec<_> = (20..).take(numbers.len()).map(|n| n % 100).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn a_way_that_becomes_longer_is_followed() {
    for longer in [ms(300), ms(900)] {
        let mut bench = Bench::new();
        let way = |n: u32| if n < 100 { ms(0) } else { longer };
        let frames = heard_of(
            &mut bench,
            (0..1_000_u32).map(|n| (ms(20) * (n + 1) + way(n), n)),
        );
        let stats = bench.framer.stats();
        assert!(stats.late <= 6, "{longer:?} {stats:?}");
        let last = frames.last().expect("frames");
        assert_eq!(heard(last), Some(99), "{longer:?}");
        assert!(
            last.start >= ms(20) * 999 + longer - ms(20),
            "true to the clock"
        );
    }
}

#[test]
fn what_was_held_is_not_lost_when_another_stream_begins() {
    let mut bench = Bench::new();
    bench.at(ms(20), 0);
    assert!(bench.at(ms(60), 2).is_empty());
    let mut packet = bench.packet(3, FRAME_SAMPLES);
    (packet.ssrc, packet.timestamp) = (99, 77);
    bench.framer.handle(bench.answered + ms(80), &packet);
    let numbers: Vec<_> = bench.drain().iter().map(heard).collect();
    assert_eq!(numbers, [Some(0), Some(2), Some(3)], "the first is made up");
}

#[test]
fn many_streams_at_once_do_not_run_away_from_the_clock() {
    let mut bench = Bench::new();
    let mut last = Duration::ZERO;
    for n in 0..2_000_u32 {
        let now = ms(20 + u64::from(n));
        let mut packet = bench.packet(n, FRAME_SAMPLES);
        packet.ssrc = n;
        bench.framer.handle(bench.answered + now, &packet);
        if let Some(frame) = bench.drain().last() {
            last = frame.end();
        }
        assert!(last < now + ms(1_100), "{last:?} {now:?}");
    }
}

/// 3 % lost at random, up to 60 ms of jitter and some duplicates: the recogniser hears nearly what
/// was said.
#[test]
fn speech_over_a_bad_network_is_put_together_again() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/zh/greeting.wav");
    let said = crate::wav::read(path.as_ref()).expect("a shipped prompt");
    let codes = g711::encode_all(Codec::Pcma, &said);
    let mut random = 7_u64;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    let mut bench = Bench::new();
    let (mut arrivals, mut lost) = (Vec::new(), 0);
    let end = (codes.len() / FRAME_SAMPLES) as u32 - 1;
    for (n, codes) in (0_u32..).zip(codes.chunks_exact(FRAME_SAMPLES)) {
        let mut packet = bench.packet(n, FRAME_SAMPLES);
        (packet.codec, packet.voice) = (Codec::Pcma, Voice::new(codes));
        if draw(100) < 3 && (1..end - 10).contains(&n) {
            lost += 1;
            continue;
        }
        for _ in 0..=u32::from(draw(50) == 0) {
            let jitter = if n == 0 { 0 } else { draw(60) };
            arrivals.push((ms(20) * (n + 1) + ms(jitter), packet));
        }
    }
    arrivals.sort_by_key(|(time, _)| *time);
    let mut heard = Vec::new();
    for (time, packet) in arrivals {
        bench
            .wait(time)
            .iter()
            .for_each(|frame| heard.extend(frame.samples));
        bench.framer.handle(bench.answered + time, &packet);
        bench
            .drain()
            .iter()
            .for_each(|frame| heard.extend(frame.samples));
    }
    let stats = bench.framer.stats();
    assert_eq!(
        (stats.late, stats.filled_samples),
        (0, lost * 160),
        "{stats:?}"
    );
    let same = said
        .iter()
        .zip(&heard)
        .filter(|(a, b)| a.abs_diff(**b) < 600)
        .count();
    let share = same as f64 / heard.len() as f64;
    assert!(lost > 3 && share > 0.95, "{share} with {lost} lost");
}

#[test]
fn what_came_before_the_answer_is_left_out() {
    let early = now();
    let answered = early + ms(500);
    let mut bench = Bench {
        answered,
        framer: Framer::new(answered),
    };
    let packet = bench.packet(0, FRAME_SAMPLES);
    bench.framer.handle(early, &packet);
    assert!(bench.drain().is_empty());
    assert_eq!(bench.framer.deadline(), None);
}

#[test]
fn the_two_sides_do_not_wait_for_each_other() {
    let mut bench = Bench::new();
    bench.at(ms(20), 0);
    let mut packet = bench.packet(3, FRAME_SAMPLES);
    packet.side = Side::Agent;
    bench.framer.handle(bench.answered + ms(30), &packet);
    let frames = bench.drain();
    assert_eq!(frames.len(), 1);
    assert_eq!((frames[0].side, frames[0].start), (Side::Agent, ms(10)));
}

proptest! {
    /// Whatever the network does, each side's frames follow each other without gap or overlap,
    /// and never hold more than the clock allows.
    #[test]
    fn frames_are_contiguous_under_any_network(
        steps in proptest::collection::vec((0..60_u64, any::<bool>(), 0..8_u32, 0..3_u32), 1..150)
    ) {
        let mut bench = Bench::new();
        let (mut time, mut next) = (ms(20), 0);
        let mut frames = Vec::new();
        for (passed, lost, behind, ssrc) in steps {
            time += ms(passed);
            frames.extend(bench.wait(time));
            next += 1;
            if !lost {
                let mut packet = bench.packet(next_number(next, behind), FRAME_SAMPLES);
                packet.ssrc = ssrc;
                bench.framer.handle(bench.answered + time, &packet);
                frames.extend(bench.drain());
            }
        }
        for pair in frames.windows(2) {
            prop_assert_eq!(pair[0].end(), pair[1].start);
        }
        if let Some(last) = frames.last() {
            prop_assert!(last.end() <= time + ms(1_100), "{:?} {:?}", last.end(), time);
        }
    }
}

fn next_number(next: u32, behind: u32) -> u32 {
    next.saturating_sub(behind)
}
