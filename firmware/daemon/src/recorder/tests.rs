use rusqlite::Connection;
use serde_json::Value;
use trunkside_record::Lane;
use trunkside_uplink::OutboxOptions;

use super::*;
use crate::backlog::tests::{began, ended};

/// An outbox in a folder of its own, and the way to it.
fn outbox_in(folder: &Path) -> (Arc<Outbox>, Post) {
    let (outbox, _) = Outbox::open(folder, OutboxOptions::default()).unwrap();
    let outbox = Arc::new(outbox);
    let sender = watch::Sender::new(Some(Arc::clone(&outbox)));
    (outbox, sender.subscribe())
}

/// The bodies that wait in a lane.
fn waiting(outbox: &Outbox, lane: Lane) -> Vec<Value> {
    let Some(pending) = outbox.pending(lane, None, 1 << 20).unwrap() else {
        return Vec::new();
    };
    let entries = pending.records.iter();
    entries
        .map(|record| serde_json::from_str::<Value>(record.get()).unwrap()["body"].clone())
        .collect()
}

/// Calls, those of them that the outbox has, turns and callbacks, as another process sees them.
fn counts(data: &Path) -> [i64; 4] {
    let store = Connection::open(data.join("calls.db")).unwrap();
    [
        "SELECT count(*) FROM call WHERE summary IS NOT NULL",
        "SELECT count(*) FROM call WHERE exported = 1",
        "SELECT count(*) FROM turn",
        "SELECT count(*) FROM callback WHERE number = '13912345678'",
    ]
    .map(|query| store.query_row(query, [], |row| row.get(0)).unwrap())
}

#[test]
fn calls_wait_while_the_disk_refuses_them_and_are_stored_when_it_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, post) = outbox_in(&folder.path().join("outbox"));
    let data = folder.path().join("data");
    // Nothing can be made where a file stands.
    std::fs::write(&data, "").unwrap();
    let mut desk = Desk::new(&data, post);
    desk.take(Note::Call(CallNote::Opened(began(1))));
    desk.take(Note::Decision("{}\n".to_owned()));
    desk.settle();
    for number in 1..=2 {
        desk.take(Note::Call(ended(number, "hello")));
        desk.settle();
    }
    assert_eq!(desk.standing.unstored(), 2);
    // The cloud has them, once each, and one alarm.
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 2);
    assert_eq!(waiting(&outbox, Lane::Alarm).len(), 1);

    std::fs::remove_file(&data).unwrap();
    desk.settle();
    // All of it is there: words, whom to call back, and that the cloud need not be told again.
    assert_eq!(counts(&data), [2, 2, 2, 2]);
    assert_eq!(desk.standing.unstored(), 0);
    assert_eq!(
        std::fs::read(data.join("decisions.jsonl")).unwrap(),
        b"{}\n"
    );
    desk.settle();
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 2);
    let alarms = waiting(&outbox, Lane::Alarm);
    assert_eq!(alarms.len(), 2);
    assert_eq!(
        (&alarms[0]["cleared"], &alarms[1]["cleared"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn what_the_last_run_left_open_is_closed_and_this_run_s_calls_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, post) = outbox_in(&folder.path().join("outbox"));
    let data = folder.path();
    {
        let mut store = Store::open(&data.join("calls.db")).unwrap();
        store.write(|writing| writing.open_call(&began(1))).unwrap();
    }
    let mut desk = Desk::new(data, post);
    desk.take(Note::Call(CallNote::Opened(began(2))));
    desk.settle();
    assert_eq!(counts(data), [1, 1, 0, 0]);
    // The connection is lost in the middle of a call, which is still up.
    desk.store = None;
    desk.settle();
    desk.take(Note::Call(ended(2, "hello")));
    desk.settle();
    assert_eq!(counts(data), [2, 2, 1, 1]);
    let outcomes: Vec<Value> = waiting(&outbox, Lane::Metric);
    assert_eq!(outcomes.len(), 2);
}

#[test]
fn a_damaged_record_keeps_no_other_from_the_cloud() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, post) = outbox_in(&folder.path().join("outbox"));
    let data = folder.path();
    let mut desk = Desk::new(data, watch::Sender::new(None).subscribe());
    desk.take(Note::Call(ended(1, "one")));
    desk.take(Note::Call(ended(2, "two")));
    desk.settle();
    let store = Connection::open(data.join("calls.db")).unwrap();
    let damage = "UPDATE call SET summary = '{' WHERE rowid = 1";
    assert_eq!(store.execute(damage, []).unwrap(), 1);
    desk.outbox = post;
    desk.settle();
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 1);
    assert_eq!(counts(data)[1], 2, "neither is tried for ever");
}

#[test]
fn records_wait_for_an_outbox_that_opens_late() {
    let folder = tempfile::tempdir().unwrap();
    let sender = watch::Sender::new(None);
    let mut desk = Desk::new(folder.path(), sender.subscribe());
    desk.take(Note::Call(ended(1, "hello")));
    desk.settle();
    assert_eq!(counts(folder.path()), [1, 0, 1, 1]);
    let (outbox, _) = outbox_in(&folder.path().join("outbox"));
    sender.send_replace(Some(Arc::clone(&outbox)));
    desk.settle();
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 1);
    assert_eq!(counts(folder.path()), [1, 1, 1, 1]);
}
