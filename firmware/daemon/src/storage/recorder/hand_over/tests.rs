use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use trunkside_record::{Ack, Alarm, Lane, RedactedText, Severity};
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

/// The cloud stores all that there is of a lane; says how many records those were.
fn confirm(outbox: &Outbox) -> usize {
    let mut records = 0;
    for lane in [Lane::Metric, Lane::Transcript] {
        while let Some(pending) = outbox.pending(lane, None, 1 << 20).unwrap() {
            records += pending.records.len();
            outbox.acked(Ack {
                epoch: pending.epoch,
                sequence: pending.through,
            });
        }
    }
    records
}

/// Each call is sent as it ends. One that the cloud confirms costs the disk nothing, the others go there
/// together; what is on neither comes again after a crash, and what is on either does not.
#[test]
fn calls_are_sent_at_once_and_come_again_after_a_crash_until_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let start = |outbox: &Arc<Outbox>| {
        let post = watch::Sender::new(Some(Arc::clone(outbox)));
        Desk::new(folder.path(), KEEP, post.subscribe())
    };
    let marked = || counts(folder.path())[1];
    let enough = u128::try_from(ENOUGH).unwrap();
    let (outbox, drive) = TightDisk::outbox(OutboxOptions::default());
    let mut desk = start(&outbox);
    for number in 1..=enough {
        put(&mut desk, call(number, 60));
        desk.settle();
        assert_eq!(confirm(&outbox), 2, "it is there as it ends");
    }
    desk.settle();
    assert_eq!(marked(), 8);
    assert!(!drive.has_segments());
    for number in enough + 1..2 * enough {
        put(&mut desk, call(number, 60));
        desk.settle();
        desk.settle();
    }
    assert_eq!((marked(), drive.has_segments()), (8, false));
    put(&mut desk, call(2 * enough, 60));
    desk.settle();
    desk.settle();
    assert_eq!((marked(), drive.has_segments()), (16, true));
    put(&mut desk, call(2 * enough + 1, 60));
    desk.settle();
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 9);

    // The box is killed: the last is nowhere but in the call store.
    drop(desk);
    std::mem::forget(outbox);
    let outbox = drive.open_again(OutboxOptions::default());
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 8);
    let mut desk = start(&outbox);
    desk.settle();
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 9);
    // One that stops in good order leaves nothing to bring again.
    desk.finish();
    assert_eq!(marked(), 17);
    drop((desk, outbox));
    let outbox = drive.open_again(OutboxOptions::default());
    start(&outbox).settle();
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 9);
}

/// What was confirmed from memory and that a cloud restored from a backup lacks comes again, whether the call
/// store knows it as kept yet or not.
#[test]
fn what_a_restored_cloud_has_forgotten_comes_again() {
    for marks in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (outbox, _) = TightDisk::outbox(OutboxOptions::default());
        let post = watch::Sender::new(Some(Arc::clone(&outbox)));
        let mut desk = Desk::new(folder.path(), KEEP, post.subscribe());
        put(&mut desk, call(1, 60));
        desk.settle();
        let first = outbox
            .pending(Lane::Metric, None, 1 << 20)
            .unwrap()
            .unwrap();
        assert_eq!(confirm(&outbox), 2);
        if marks {
            desk.finish();
        }
        put(&mut desk, call(2, 60));
        desk.settle();
        let epoch = first.epoch;
        outbox.forgotten(Ack { epoch, sequence: 0 });
        assert_eq!(waiting(&outbox, Lane::Metric)[0]["kind"], "gap");
        desk.settle();
        let calls = waiting(&outbox, Lane::Metric);
        let calls: std::collections::BTreeSet<_> =
            calls.iter().filter_map(|it| it["call"].as_str()).collect();
        assert_eq!(calls.len(), 2, "{calls:?}");
    }
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

/// What waits for room is sent from memory, and a crash brings it again until there is some.
#[test]
fn calls_that_the_disk_has_no_room_for_are_sent_all_the_same() {
    let (outbox, small) = TightDisk::outbox(OutboxOptions::default());
    let post = watch::Sender::new(Some(Arc::clone(&outbox)));
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::new(folder.path(), KEEP, post.subscribe());
    small.leave(9_000);
    put(&mut desk, call(1, 12_000));
    for number in 2..=8 {
        put(&mut desk, call(number, 60));
    }
    desk.settle();
    settle_later(&mut desk);
    let sent = || [Lane::Metric, Lane::Transcript].map(|lane| waiting(&outbox, lane).len());
    assert_eq!((sent(), counts(folder.path())[1]), ([8, 8], 0));
    let alarm = || waiting(&outbox, Lane::Alarm).pop().unwrap();
    assert_eq!(alarm()["cleared"], false);
    small.leave(1_000_000);
    settle_later(&mut desk);
    assert_eq!((sent(), counts(folder.path())[1]), ([8, 8], 8));
    assert_eq!(alarm()["cleared"], true);
}

#[test]
fn where_room_is_short_each_record_goes_once_and_no_large_call_stops_a_small_one() {
    let (outbox, small) = TightDisk::outbox(OutboxOptions::default());
    let post = watch::Sender::new(Some(Arc::clone(&outbox)));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // Nothing can be made where a file stands.
    std::fs::write(&data, "").unwrap();
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
    std::fs::remove_file(&data).unwrap();
    settle_later(&mut desk);
    assert_eq!(counts(&data)[..2], [5, 5]);
    assert_eq!(sent(), [5, 5]);
    assert!(small.has("ballast-7"), "there is room for alarms again");
    let cleared = waiting(&outbox, Lane::Alarm).pop().unwrap();
    assert_eq!(cleared["cleared"], true);
}
