use proptest::prelude::*;
use trunkside_record::{
    Ack, Alarm, Batch, Body, CallSummary, Entry, Gap, GapReason, Lane, Origin, Received,
    RedactedText, Severity, Timestamp, VERSION,
};

use super::*;

const EPOCH: u64 = 44;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn message(lane: Lane, records: Vec<Received>) -> Message {
    let origin = Origin::new("acme", "harbour", "box1").unwrap();
    let Origin {
        tenant,
        branch,
        device,
    } = origin.clone();
    let batch = Batch {
        v: VERSION,
        tenant,
        branch,
        device,
        epoch: EPOCH,
        records,
    };
    Message {
        origin,
        lane,
        batch,
    }
}

fn entry(sequence: u64, lane: Lane, body: Body) -> Received {
    let at = Timestamp::UNIX_EPOCH;
    Received::Entry(Box::new(Entry {
        sequence,
        at,
        clock_trusted: true,
        lane,
        body,
    }))
}

fn alarm(sequence: u64) -> Received {
    let text = RedactedText::try_new("the trunk is down").unwrap();
    let alarm = Alarm {
        code: "trunk".into(),
        severity: Severity::Critical,
        cleared: false,
        text,
    };
    entry(sequence, Lane::Alarm, alarm.into())
}

fn gap(sequence: u64, through: u64) -> Received {
    entry(
        sequence,
        Lane::Alarm,
        Body::Gap(Gap {
            through,
            reason: GapReason::Budget,
        }),
    )
}

fn commit(store: &Store, records: Vec<Received>) -> Committed {
    store
        .commit(&[message(Lane::Alarm, records)], Timestamp::UNIX_EPOCH)
        .unwrap()
}

fn watermark(committed: &Committed) -> u64 {
    let [
        (
            _,
            Ack {
                epoch: EPOCH,
                sequence,
            },
        ),
    ] = committed.acks[..]
    else {
        panic!("{committed:?}")
    };
    sequence
}

fn reports(store: &Store) -> i64 {
    store
        .reader()
        .query_row("SELECT count(*) FROM report", [], |row| row.get(0))
        .unwrap()
}

fn call(json: &serde_json::Value) -> CallSummary {
    let mut call = serde_json::json!({
        "call": "01990000-0000-7000-8000-000000000001", "started_at": "2026-11-21T08:10:00Z",
        "outcome": "bridged", "ended_by": "caller", "times": { "ended_s": 30.0 }, "redacted": true
    });
    call.as_object_mut()
        .unwrap()
        .extend(json.as_object().unwrap().clone());
    serde_json::from_value(call).unwrap()
}

#[test]
fn the_watermark_stops_before_a_hole_and_jumps_when_it_is_filled() {
    let (_folder, store) = store();
    assert_eq!(
        watermark(&commit(&store, vec![alarm(1), alarm(2), alarm(5)])),
        2
    );
    assert_eq!(watermark(&commit(&store, vec![alarm(4)])), 2);
    let last = commit(
        &store,
        vec![alarm(2), alarm(3), alarm(4), alarm(5), alarm(6)],
    );
    assert_eq!(watermark(&last), 6);
    assert_eq!((last.stored, last.duplicates), (2, 3));
    assert_eq!(reports(&store), 6);
}

#[test]
fn a_gap_fills_the_hole_and_counts_only_what_never_came() {
    let (_folder, store) = store();
    commit(&store, vec![alarm(1), alarm(2), alarm(6)]);
    let filled = commit(&store, vec![gap(1, 8)]);
    assert_eq!((watermark(&filled), filled.lost), (8, 5));
    let again = commit(&store, vec![gap(1, 8)]);
    assert_eq!((watermark(&again), again.lost, again.duplicates), (8, 0, 1));
    assert_eq!(commit(&store, vec![alarm(7)]).stored, 0);
    assert_eq!(store.totals().unwrap().lost, 5);
}

#[test]
fn a_record_that_cannot_be_kept_does_not_hold_up_the_others() {
    let (_folder, store) = store();
    let refused = Received::Refused {
        sequence: 2,
        why: "data error".into(),
    };
    let wrong_lane = entry(3, Lane::Metric, Body::Unknown);
    let unknown = entry(4, Lane::Alarm, Body::Unknown);
    let done = commit(
        &store,
        vec![alarm(1), refused, wrong_lane, unknown, alarm(5)],
    );
    assert_eq!(
        (watermark(&done), done.refused, done.lost, done.stored),
        (5, 2, 2, 3)
    );
}

#[test]
fn a_gap_without_end_is_bounded() {
    let (_folder, store) = store();
    let done = commit(&store, vec![gap(1, u64::MAX)]);
    assert_eq!(watermark(&done), (1 << 53) - 1);
}

#[test]
fn hours_add_up() {
    let (_folder, store) = store();
    let record = |number: u64, more: serde_json::Value| {
        let mut more = more;
        more["call"] = format!("01990000-0000-7000-8000-{number:012}").into();
        entry(number, Lane::Metric, call(&more).into())
    };
    let angry = serde_json::json!({ "emotion": "angry", "emotion_score": 0.9, "sentiment": -0.8 });
    let records = vec![
        record(
            1,
            serde_json::json!({ "times": { "decided_s": 2.0, "ended_s": 9.0 }, "mood": angry }),
        ),
        record(
            2,
            serde_json::json!({
                "times": { "decided_s": 4.0, "ended_s": 9.0 }, "intent": { "name": "loan", "score": 1.0 }
            }),
        ),
        record(3, serde_json::json!({ "outcome": "abandoned" })),
        record(
            4,
            serde_json::json!({ "outcome": "callback", "started_at": "2026-11-21T06:00:00Z" }),
        ),
    ];
    store
        .commit(&[message(Lane::Metric, records)], Timestamp::UNIX_EPOCH)
        .unwrap();

    let hours = store
        .hourly(&HourFilter {
            limit: 10,
            ..HourFilter::default()
        })
        .unwrap();
    let [eight, six] = &hours[..] else {
        panic!("{hours:?}")
    };
    assert_eq!(eight.hour.to_string(), "2026-11-21T08:00:00Z");
    assert_eq!((eight.calls, eight.bridged, eight.abandoned), (3, 2, 1));
    assert_eq!(eight.mean_decision_s, Some(3.0));
    assert!((eight.angry_share - 1.0 / 3.0).abs() < 1e-9);
    assert_eq!(
        eight.intents[0],
        IntentCount {
            intent: None,
            calls: 2
        }
    );
    assert_eq!((six.callbacks, six.mean_decision_s), (1, None));

    let latest = store
        .hourly(&HourFilter {
            limit: 1,
            ..HourFilter::default()
        })
        .unwrap();
    assert_eq!(latest.len(), 1);
    assert_eq!(latest[0].calls, 3);
}

#[test]
fn pages_follow_each_other_without_overlap() {
    let (_folder, store) = store();
    let records = (1..=25).map(|number| {
        let more = serde_json::json!({ "call": format!("01990000-0000-7000-8000-{number:012}") });
        entry(number, Lane::Metric, call(&more).into())
    });
    let message = message(Lane::Metric, records.collect());
    store.commit(&[message], Timestamp::UNIX_EPOCH).unwrap();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.calls(&CallFilter::default(), 10, cursor).unwrap();
        seen.extend(page.calls.iter().map(|call| call.summary.call));
        match page.next {
            Some(next) => cursor = Some(next.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

#[test]
fn a_newer_database_is_left_alone() {
    let (folder, store) = store();
    store
        .writer()
        .pragma_update(None, "user_version", VERSION_OF_TOMORROW)
        .unwrap();
    drop(store);
    let error = Store::open(folder.path())
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`99`") && error.contains("newer"), "{error}");
}

const VERSION_OF_TOMORROW: i64 = 99;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any order, any repetition, any split into messages: each once, and the watermark is right.
    #[test]
    fn every_record_is_stored_once(
        sequences in prop::collection::vec(1_u64..40, 1..120),
        splits in prop::collection::vec(1_usize..10, 1..60),
    ) {
        let (_folder, store) = store();
        let mut model = std::collections::BTreeSet::new();
        let mut left = &sequences[..];
        let mut last = 0;
        for split in splits.iter().cycle() {
            if left.is_empty() {
                break;
            }
            let (now, later) = left.split_at((*split).min(left.len()));
            left = later;
            let mut now: Vec<u64> = now.to_vec();
            now.sort_unstable();
            now.dedup();
            model.extend(now.iter().copied());
            last = watermark(&commit(&store, now.into_iter().map(alarm).collect()));
        }
        prop_assert_eq!(reports(&store), model.len() as i64);
        let expected = (1..=40).take_while(|sequence| model.contains(sequence)).count() as u64;
        prop_assert_eq!(last, expected);
    }
}
