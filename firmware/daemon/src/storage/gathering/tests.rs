use std::sync::Arc;

use serde_json::json;
use trunkside_record::{
    Ack, Body, CallSummary, DeviceHealth, Lane, RecognitionHealth, Timestamp, Transcript,
};
use trunkside_uplink::{Outbox, OutboxOptions, Stamp, Wear};
use trunkside_vault::KeyProvider;

use super::*;
use crate::cloud::health;
use crate::config::USUAL_GATHER;
use crate::storage::recorder::ENOUGH;
use crate::storage::tight_disk::TightDisk;

const HOUR_S: u64 = 3_600;

#[derive(Debug)]
struct Key;

impl KeyProvider for Key {
    fn key(&self, _: bool) -> std::io::Result<[u8; 32]> {
        Ok([7; 32])
    }
}

fn stamp(now_s: u64) -> Stamp {
    let second = 1_795_219_200 + now_s.cast_signed();
    Stamp {
        at: Timestamp::from_second(second).unwrap(),
        clock_trusted: true,
    }
}

/// What a bridged call of two minutes leaves behind: a summary of some 1,200 bytes, as
/// `cargo run -p trunkside-aggregator --example load` sends, and a transcript of as many.
fn call(number: u64) -> Vec<Body> {
    let call = format!("01990000-0000-7000-8000-{number:012}");
    let summary = json!({
        "call": call, "started_at": "2026-11-21T08:00:00Z", "language": "zh",
        "intent": { "name": "loan", "score": 0.93 },
        "intents": [{ "name": "loan", "score": 0.93 }],
        "mood": { "emotion": "angry", "emotion_score": 0.9, "sentiment": -0.75, "reasons": ["loud"] },
        "mood_course": [{ "at_s": 2.5, "emotion": "angry", "emotion_score": 0.9, "sentiment": -0.75 }],
        "decision": {
            "number": 1, "action": { "do": "offer", "agent": "vi5ipkh4qwtmsthi" },
            "reasons": [{ "rule": "angry_to_senior", "finding": "anger is high" }], "policy": "5e88"
        },
        "agent": "vi5ipkh4qwtmsthi", "outcome": "bridged", "ended_by": "caller",
        "times": { "answered_s": 0.05, "first_words_s": 1.2, "decided_s": 4.0, "bridged_s": 6.5, "ended_s": 121.2 },
        "entities": { "phone": 2, "card": 1 },
        "voice": { "caller": { "packets": 900, "lost": 2, "late": 1, "jitter_ms": 4.5 }, "unheard_frames": 0 },
        "redacted": true
    });
    let turn = |turn: u32| {
        let start_s = f64::from(turn) * 10.0;
        json!({ "side": "caller", "start_s": start_s, "end_s": start_s + 4.5, "text": "my card is lost and I want another" })
    };
    let turns: Vec<_> = (0..10).map(turn).collect();
    let words = json!({ "call": call, "turns": turns });
    let summary: CallSummary = serde_json::from_value(summary).unwrap();
    let words: Transcript = serde_json::from_value(words).unwrap();
    vec![summary.into(), words.into()]
}

fn report(now_s: u64) -> Body {
    DeviceHealth {
        software: "0.1.0".to_owned(),
        uptime_s: now_s,
        calls: now_s / 300,
        resident_bytes: 134_217_728,
        disk_free_bytes: 20_000_000_000,
        temperature_c: Some(47.5),
        wear: Some(2.25),
        model: "zh-en-1".to_owned(),
        recognition: Some(RecognitionHealth::default()),
        ..DeviceHealth::default()
    }
    .into()
}

/// The cloud stores all that there is.
fn confirm(outbox: &Outbox) {
    for lane in Lane::ALL {
        while let Some(pending) = outbox.pending(lane, None, 1 << 20).unwrap() {
            outbox.acked(Ack {
                epoch: pending.epoch,
                sequence: pending.through,
            });
        }
    }
}

/// A week of a branch that is open for eight hours a day, as its outbox has it; the cloud answers at once, or is
/// away until the end.
fn week(calls_a_day: u64, cloud_answers: bool) -> Wear {
    let (outbox, _) = TightDisk::outbox(OutboxOptions {
        key: Some(Arc::new(Key)),
        ..OutboxOptions::default()
    });
    let every_s = 8 * HOUR_S / calls_a_day;
    let mut calls = Gathering::new(ENOUGH, USUAL_GATHER);
    let mut reports = health::gathering(USUAL_GATHER);
    let mut number = 0;
    let post = |now_s: u64, bodies: &[Body]| {
        let posted = outbox.post_each(bodies.iter().map(|body| (stamp(now_s), body)));
        assert!(posted.fault.is_none());
        if cloud_answers {
            confirm(&outbox);
        }
    };
    for now_s in 0..7 * 24 * HOUR_S {
        let now = Duration::from_secs(now_s);
        let of_calls = [Lane::Metric, Lane::Transcript];
        for (gathering, lanes) in [(&mut calls, &of_calls[..]), (&mut reports, &[Lane::Fleet])] {
            if gathering.is_due(now) {
                outbox.flush(lanes).unwrap();
                gathering.end();
            }
        }
        let of_day = now_s % (24 * HOUR_S);
        if (9 * HOUR_S..17 * HOUR_S).contains(&of_day) && of_day.is_multiple_of(every_s) {
            number += 1;
            post(now_s, &call(number));
            calls.add(now, 1);
        }
        if now_s.is_multiple_of(300) {
            post(now_s, &[report(now_s)]);
            reports.add(now, 1);
        }
    }
    let told = outbox.status();
    assert_eq!(told.lost(), 0);
    assert_eq!(told.records() > 0, !cloud_answers);
    told.wear
}

/// The figures in `docs/benchmarks.md`.
#[test]
#[expect(clippy::print_stderr, reason = "a measurement is to be read")]
fn at_normal_load_the_disk_writes_at_most_two_and_a_half_bytes_for_each_kept() {
    for (calls_a_day, cloud_answers, most) in [
        (100, true, 0.1),
        (100, false, 2.5),
        (400, true, 0.1),
        (400, false, 2.5),
    ] {
        let wear = week(calls_a_day, cloud_answers);
        let ratio = wear.ratio().unwrap();
        eprintln!("{calls_a_day} calls a day, cloud answers: {cloud_answers}: {ratio:.2} {wear:?}");
        assert!(ratio <= most, "{calls_a_day} calls a day: {ratio:.2}");
    }
}

#[test]
fn records_wait_for_others_and_not_for_ever() {
    let minute = Duration::from_mins(1);
    let mut gathering = Gathering::new(3, 5 * minute);
    assert!(!gathering.is_due(minute), "nothing waits");
    gathering.add(minute, 1);
    gathering.add(2 * minute, 1);
    assert!(!gathering.is_due(5 * minute));
    assert!(gathering.is_due(6 * minute), "out of patience");
    gathering.add(3 * minute, 1);
    assert!(gathering.is_due(3 * minute), "enough");
    gathering.end();
    assert!(!gathering.is_due(8 * minute));
    let mut impatient = Gathering::new(3, Duration::ZERO);
    impatient.add(minute, 1);
    assert!(impatient.is_due(minute));
    gathering.add(7 * minute, 1);
    assert!(!gathering.is_due(8 * minute));
    gathering.hurry();
    assert!(gathering.is_due(8 * minute));
}
