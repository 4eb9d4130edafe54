//! What is reported and when, and what is believed of the far end's reports.

use super::*;
use crate::tap::now;
use proptest::prelude::*;

const OURS: u32 = 0x0102_0304;
const THEIRS: u32 = 0x0a0b_0c0d;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn sent(packets: u32) -> Sent {
    Sent {
        timestamp: 1_600,
        packets,
        octets: packets * 160,
    }
}

fn block(ssrc: u32) -> Block {
    Block {
        ssrc,
        fraction_lost: 26,
        lost: 30,
        highest: 70_000,
        jitter: 80,
    }
}

/// An end whose wall clock is off by so much.
fn end(ssrc: u32, start: Instant, unix_s: u64) -> Reports {
    let clock = WallClock::new(start, Duration::from_secs(unix_s));
    let mut reports = Reports::new(ssrc, ssrc.into(), clock);
    reports.begin(start);
    reports
}

fn written(reports: &mut Reports, now: Instant, packets: u32, heard: u32) -> Vec<u8> {
    let mut buffer = [0; MAX_REPORT];
    let bytes = reports
        .poll(now, sent(packets), || Some(block(heard)), &mut buffer)
        .expect("it is due");
    buffer[..bytes].to_vec()
}

#[test]
fn reports_are_spread_around_their_interval() {
    let start = now();
    let mut reports = end(OURS, start, 0);
    let mut at = start;
    let mut times = Vec::new();
    for packets in 1..=200 {
        let due = reports.deadline().expect("it has begun");
        let mut buffer = [0; MAX_REPORT];
        let early = reports.poll(due - ms(1), sent(packets), || None, &mut buffer);
        assert_eq!(early, None);
        written(&mut reports, due, packets, THEIRS);
        times.push(due - std::mem::replace(&mut at, due));
    }
    assert!(
        times[1..]
            .iter()
            .all(|t| (ms(2_500)..=ms(7_500)).contains(t))
    );
    assert!((ms(900_000)..ms(1_100_000)).contains(&times.iter().sum()));
}

#[test]
fn a_sender_says_what_it_sent_and_heard_and_a_listener_only_what_it_heard() {
    let start = now();
    let mut reports = end(OURS, start, 1_000);
    let bytes = written(&mut reports, start + ms(6_000), 300, THEIRS);
    let packets: Vec<_> = Compound::parse(&bytes).expect("well formed").collect();
    let Ok(Packet::Sr(report)) = &packets[0] else {
        panic!("{packets:?}")
    };
    assert_eq!((report.ssrc(), report.packet_count()), (OURS, 300));
    assert_eq!(
        (report.octet_count(), report.rtp_timestamp()),
        (48_000, 1_600)
    );
    assert_eq!(report.ntp_timestamp() >> 32, 2_208_988_800 + 1_006);
    let about = report.report_blocks().next().expect("a block");
    assert_eq!((about.ssrc(), about.fraction_lost()), (THEIRS, 26));
    assert_eq!(
        (about.cumulative_lost(), about.interarrival_jitter()),
        (30, 80)
    );
    assert_eq!(about.extended_sequence_number(), 70_000);
    assert!(matches!(packets[1], Ok(Packet::Sdes(_))), "{packets:?}");
    let bytes = written(&mut reports, start + ms(20_000), 300, THEIRS);
    let first = Compound::parse(&bytes).expect("well formed").next();
    assert!(
        matches!(first, Some(Ok(Packet::Rr(_)))),
        "nothing was sent since"
    );
}

#[test]
fn the_way_there_and_back_is_measured_between_clocks_that_differ() {
    let start = now();
    let (mut one, mut other) = (end(OURS, start, 1_000), end(THEIRS, start, 777));
    let (out, back, held) = (ms(30), ms(50), ms(1_234));
    let asked = written(&mut one, start + ms(6_000), 300, THEIRS);
    let at = start + ms(6_000) + out;
    assert_eq!(
        other
            .handle(at, &asked)
            .expect("well formed")
            .map(|far| far.round_trip),
        Some(None)
    );
    let replied = {
        other.due = Some(at + held);
        written(&mut other, at + held, 300, OURS)
    };
    let far = one
        .handle(at + held + back, &replied)
        .expect("well formed")
        .expect("about us");
    let took = far.round_trip.expect("an answer to ours");
    assert!(took.abs_diff(out + back) < ms(1), "{took:?}");
    assert_eq!((far.lost, far.jitter), (30, ms(10)));
}

#[test]
fn what_cannot_be_true_is_not_believed() {
    let start = now();
    let mut reports = end(OURS, start, 1_000);
    let report = |ssrc: u32, last: u32, lost: u32| {
        let block = ReportBlock::builder(ssrc)
            .cumulative_lost(lost)
            .last_sender_report_timestamp(last);
        let report = ReceiverReport::builder(THEIRS).add_report_block(block);
        let mut bytes = vec![0; 64];
        let length = report.write_into(&mut bytes).expect("fits");
        bytes.truncate(length);
        bytes
    };
    let mut far = |bytes: Vec<u8>| reports.handle(start, &bytes).expect("well formed");
    assert_eq!(far(report(THEIRS, 5, 0)), None, "of another stream");
    let never_sent = far(report(OURS, 0x5555_0000, 0)).expect("of ours");
    assert_eq!(never_sent.round_trip, None);
    let negative = far(report(OURS, 0, 0xff_fffe)).expect("of ours");
    assert_eq!((negative.lost, negative.round_trip), (0, None));
}

#[test]
fn leaving_is_said_once_and_only_after_voice() {
    let mut buffer = [0; MAX_REPORT];
    let start = now();
    let clock = WallClock::new(start, Duration::ZERO);
    let mut silent = Reports::new(OURS, 1, clock);
    assert_eq!(silent.farewell(start, sent(0), None, &mut buffer), None);
    let mut reports = end(OURS, start, 0);
    let bytes = reports
        .farewell(start, sent(1), None, &mut buffer)
        .expect("it has spoken");
    let last = Compound::parse(&buffer[..bytes])
        .expect("well formed")
        .last();
    let Some(Ok(Packet::Bye(bye))) = last else {
        panic!("{last:?}")
    };
    assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [OURS]);
    assert_eq!(reports.farewell(start, sent(1), None, &mut buffer), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 192..=213_u8) {
        let mut reports = end(OURS, now(), 0);
        let _ = reports.handle(now(), &bytes);
        if bytes.len() >= 4 {
            (bytes[0], bytes[1]) = (0x80 | bytes[0] & 0x3f, kind);
            let words = (bytes.len() / 4 - 1) as u16;
            bytes[2..4].copy_from_slice(&words.to_be_bytes());
            let _ = reports.handle(now(), &bytes);
        }
    }
}
