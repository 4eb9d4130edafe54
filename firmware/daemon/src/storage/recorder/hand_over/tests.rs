use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use trunkside_record::{Alarm, Lane, RedactedText, Severity};
use trunkside_uplink::{Outbox, OutboxOptions};

use super::super::tests::{KEEP, counts, put, waiting};
use super::super::{Desk, ENOUGH, Note};
use crate::storage::backlog::CallNote;
use crate::storage::backlog::tests::ended;
use crate::storage::tight_disk::TightDisk;

/// A call with so many bytes of redacted words.
fn call(number: u128, bytes: usize) -> Note {
    let mut note = ended(number, "hello");
    if let CallNote::Ended(ended) = &mut note {
        let turn = serde_json::json!({
            "side": "caller", "start_s": 0.0, "end_s": 1.0, "text": "hello ".repeat(bytes / 6),
        });
        let words = serde_json::json!({ "call": ended.summary.call, "turns": [turn] });
        ended.transcript = Some(serde_json::from_value(words).unwrap());
    }
    Note::Call(note)
}

/// Once the disk has been worked hard, a call that ends alone waits for others; what was refused does not,
/// and a box that stops leaves nothing behind.
#[test]
fn calls_that_end_one_by_one_go_together() {
    let (outbox, _) = TightDisk::outbox(OutboxOptions::default());
    let post = watch::Sender::new(Some(Arc::clone(&outbox)));
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::new(folder.path(), KEEP, post.subscribe());
    let there = || waiting(&outbox, Lane::Metric).len();
    let mut number = 0;
    let mut end_one = |desk: &mut Desk| {
        number += 1;
        put(desk, call(number, 60));
        desk.settle();
        usize::try_from(number).unwrap()
    };
    let mut ended = end_one(&mut desk);
    while there() == ended {
        ended = end_one(&mut desk);
        assert!(ended < 200, "it is worked hard");
    }
    assert!(ended > 10, "whoever tries the box out need not wait");
    let before = there();
    while there() == before {
        ended = end_one(&mut desk);
    }
    assert_eq!((there(), ended - before), (ended, ENOUGH));
    ended = end_one(&mut desk);
    assert_eq!(there(), ended - 1);
    desk.finish();
    assert_eq!(there(), ended);
}

/// A box that ended well and whose disk has since spoilt the last record of each lane: what the call
/// store still has, the outbox gets again, once.
#[test]
fn what_the_outbox_has_lost_it_gets_again_from_the_call_store() {
    let folder = tempfile::tempdir().unwrap();
    let (data, queue) = (folder.path().join("data"), folder.path().join("outbox"));
    let open = || {
        let (outbox, _) = Outbox::open(&queue, OutboxOptions::default()).unwrap();
        Arc::new(outbox)
    };
    let desk = |outbox: &Arc<Outbox>| {
        let post = watch::Sender::new(Some(Arc::clone(outbox)));
        Desk::new(&data, KEEP, post.subscribe())
    };
    let outbox = open();
    let mut first = desk(&outbox);
    for number in 1..=4 {
        put(&mut first, call(number, 60));
        first.finish();
    }
    drop((first, outbox));
    let files = std::fs::read_dir(&queue).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "segment")) {
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    for _ in 0..2 {
        let outbox = open();
        desk(&outbox).finish();
        for lane in [Lane::Metric, Lane::Transcript] {
            let there = waiting(&outbox, lane);
            let (gaps, calls): (Vec<_>, Vec<_>) =
                there.iter().partition(|body| body["kind"] == "gap");
            assert_eq!((gaps.len(), calls.len()), (1, 4), "{there:?}");
            let mut calls: Vec<&str> = calls
                .iter()
                .filter_map(|body| body["call"].as_str())
                .collect();
            calls.sort_unstable();
            calls.dedup();
            assert_eq!(calls.len(), 4);
        }
    }
}

/// Settles as if the time to ask the outbox again had come.
fn settle_later(desk: &mut Desk) {
    (desk.outbox_due, desk.room_due) = (Duration::ZERO, Duration::ZERO);
    desk.settle();
}

#[test]
fn where_room_is_short_each_record_goes_once_and_no_large_call_stops_a_small_one() {
    for store_works in [true, false] {
        let (outbox, small) = TightDisk::outbox(OutboxOptions::default());
        let post = watch::Sender::new(Some(Arc::clone(&outbox)));
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        if !store_works {
            std::fs::write(&data, "").unwrap();
        }
        let mut desk = Desk::new(&data, KEEP, post.subscribe());
        small.leave(9_000);
        put(&mut desk, call(1, 12_000));
        for number in 2..=5 {
            put(&mut desk, call(number, 60));
        }
        let sent = || [Lane::Metric, Lane::Transcript].map(|lane| waiting(&outbox, lane).len());
        desk.settle();
        assert_eq!(sent(), [1, 0], "the first call's words are too many");
        // Other notes do not make it ask again.
        desk.settle();
        assert_eq!(sent(), [1, 0]);
        for _ in 0..5 {
            settle_later(&mut desk);
            assert_eq!(sent(), [5, 4]);
        }
        small.leave(0);
        let dark = Alarm {
            code: "lamp".to_owned(),
            severity: Severity::Minor.into(),
            cleared: false,
            text: RedactedText::or_withheld("the lamp is dark"),
        };
        put(&mut desk, Note::Alarm(dark));
        settle_later(&mut desk);
        assert!(!small.has("ballast-7"), "an alarm has room of its own");
        small.leave(1_000_000);
        settle_later(&mut desk);
        assert_eq!(sent(), [5, 5]);
        assert!(desk.parts.is_empty());
        if !store_works {
            std::fs::remove_file(&data).unwrap();
        }
        settle_later(&mut desk);
        assert_eq!(counts(&data)[..2], [5, 5]);
        assert_eq!(sent(), [5, 5]);
        assert!(small.has("ballast-7"), "there is room for alarms again");
        let cleared = waiting(&outbox, Lane::Alarm).pop().unwrap();
        assert_eq!(cleared["cleared"], true);
    }
}
