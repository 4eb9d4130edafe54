use rusqlite::Connection;
use serde_json::Value;
use trunkside_uplink::OutboxOptions;

use super::*;
use crate::call::progress::tests::so_far;
use crate::storage::backlog::tests::{began, ended};

/// Longer than any test's calls are old.
pub(super) const KEEP: Duration = Duration::from_secs(100 * 365 * 86_400);

/// An outbox in a folder of its own, and the way to it.
fn outbox_in(folder: &Path) -> (Arc<Outbox>, Post) {
    let (outbox, _) = Outbox::open(folder, OutboxOptions::default()).unwrap();
    let outbox = Arc::new(outbox);
    let sender = watch::Sender::new(Some(Arc::clone(&outbox)));
    (outbox, sender.subscribe())
}

/// Hands the desk a note as its thread would.
pub(super) fn put(desk: &mut Desk, note: Note) {
    let (sender, receiver) = inbox();
    sender.send(note);
    let Taken::Load(load) = receiver.take(Duration::ZERO) else {
        unreachable!("a note has been put in");
    };
    desk.take(*load);
}

/// The bodies that wait in a lane.
pub(super) fn waiting(outbox: &Outbox, lane: Lane) -> Vec<Value> {
    let (mut bodies, mut after) = (Vec::new(), None);
    while let Some(pending) = outbox.pending(lane, after, 1 << 20).unwrap() {
        after = Some((pending.epoch, pending.through));
        let entries = pending.records.iter();
        bodies
            .extend(entries.map(|record| {
                serde_json::from_str::<Value>(record.get()).unwrap()["body"].clone()
            }));
    }
    bodies
}

/// Calls, those of them that the outbox has, turns and callbacks, as another process sees them.
pub(super) fn counts(data: &Path) -> [i64; 4] {
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
    let mut desk = Desk::new(&data, KEEP, post);
    put(&mut desk, Note::Call(CallNote::Opened(began(1))));
    put(&mut desk, Note::Decision("{}\n".to_owned()));
    desk.settle();
    for number in 1..=2 {
        put(&mut desk, Note::Call(ended(number, "hello")));
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
fn a_store_that_still_refuses_is_not_said_to_be_mended() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, post) = outbox_in(&folder.path().join("outbox"));
    let data = folder.path().join("data");
    let mut desk = Desk::new(&data, KEEP, post);
    put(&mut desk, Note::Call(CallNote::Opened(began(1))));
    desk.settle();
    let refusal = "CREATE TRIGGER refuse BEFORE INSERT ON unfinished
                   BEGIN SELECT RAISE(FAIL, 'no room'); END";
    let other = Connection::open(data.join("calls.db")).unwrap();
    other.execute_batch(refusal).unwrap();
    put(
        &mut desk,
        Note::SoFar(Box::new(so_far(1, 3, 0)), Urgency::Now),
    );
    // The first try, then a moment in which nothing is due, then the last before the box stops.
    desk.settle();
    desk.settle();
    desk.finish();
    let alarms = waiting(&outbox, Lane::Alarm);
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(desk.faults.untold(), None, "nothing is mended");

    // The same where nothing could even be opened, and nothing is left to be written.
    let nowhere = folder.path().join("nowhere");
    std::fs::write(&nowhere, "").unwrap();
    let (_, post) = outbox_in(&folder.path().join("another"));
    let mut desk = Desk::new(&nowhere, KEEP, post);
    desk.finish();
    assert_eq!(desk.faults.untold(), None, "nothing is mended");
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
    let mut desk = Desk::new(data, KEEP, post);
    put(&mut desk, Note::Call(CallNote::Opened(began(2))));
    desk.finish();
    assert_eq!(counts(data), [1, 1, 0, 1]);
    // The connection is lost in the middle of a call, which is still up.
    desk.store = None;
    desk.settle();
    put(&mut desk, Note::Call(ended(2, "hello")));
    desk.finish();
    assert_eq!(counts(data), [2, 2, 1, 2]);
    let outcomes: Vec<Value> = waiting(&outbox, Lane::Metric);
    assert_eq!(outcomes.len(), 2);
}

#[test]
fn whom_the_last_run_was_to_ring_is_told_once_the_store_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (kept, asked) = (began(1), 5);
    let place = KeptPlace {
        call: kept.call,
        asked_ms: asked,
        number: kept.caller,
        wish: "{}".to_owned(),
    };
    std::fs::create_dir(&data).unwrap();
    let mut store = Store::open(&data.join(CALLS)).unwrap();
    store.write(|writing| writing.place_kept(&place)).unwrap();
    drop(store);
    let (aside, path) = (folder.path().join("aside"), data.join(CALLS));
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    let mut desk = Desk::new(&data, KEEP, watch::Sender::new(None).subscribe());
    let (told, mut places) = mpsc::channel(1);
    desk.places = Some(told);
    desk.settle();
    assert!(places.try_recv().is_err());
    // This run's own is not among them.
    let own = KeptPlace {
        call: began(2).call,
        ..place.clone()
    };
    put(&mut desk, Note::Call(CallNote::PlaceKept(own)));
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    desk.settle();
    assert_eq!(places.try_recv().unwrap(), [place]);
    desk.store = None;
    desk.settle();
    assert!(places.try_recv().is_err(), "once");
}

#[test]
fn calls_are_stored_anew_once_the_store_s_file_was_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, post) = outbox_in(&folder.path().join("outbox"));
    let data = folder.path();
    let mut desk = Desk::new(data, KEEP, post);
    put(&mut desk, Note::Call(ended(1, "one")));
    desk.settle();
    std::fs::rename(data.join(CALLS), data.join("aside.db")).unwrap();
    // What the outbox has may not have been marked before that.
    assert_eq!(desk.posted.len(), 1);
    put(&mut desk, Note::Call(ended(2, "two")));
    desk.finish();
    assert_eq!(counts(data), [1, 1, 1, 1]);
    assert!(desk.posted.is_empty());
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 2);
}

#[test]
fn a_store_that_cannot_say_what_the_cloud_lacks_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (_outbox, post) = outbox_in(&folder.path().join("outbox"));
    let data = folder.path();
    let mut desk = Desk::new(data, KEEP, post);
    desk.settle();
    let store = Connection::open(data.join(CALLS)).unwrap();
    store
        .execute_batch("ALTER TABLE call RENAME TO lost")
        .unwrap();
    desk.pending = true;
    desk.settle();
    assert!(desk.store.is_none());
    desk.settle();
    assert!(desk.store.is_some() && !desk.pending);
}

#[test]
fn a_damaged_record_keeps_no_other_from_the_cloud() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, post) = outbox_in(&folder.path().join("outbox"));
    let data = folder.path();
    let mut desk = Desk::new(data, KEEP, watch::Sender::new(None).subscribe());
    put(&mut desk, Note::Call(ended(1, "one")));
    put(&mut desk, Note::Call(ended(2, "two")));
    desk.settle();
    let store = Connection::open(data.join("calls.db")).unwrap();
    let damage = "UPDATE call SET summary = '{' WHERE rowid = 1";
    assert_eq!(store.execute(damage, []).unwrap(), 1);
    desk.outbox = post;
    desk.finish();
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 1);
    assert_eq!(counts(data)[1], 2, "neither is tried for ever");
}

#[test]
fn records_wait_for_an_outbox_that_opens_late() {
    let folder = tempfile::tempdir().unwrap();
    let sender = watch::Sender::new(None);
    let mut desk = Desk::new(folder.path(), KEEP, sender.subscribe());
    put(&mut desk, Note::Call(ended(1, "hello")));
    desk.settle();
    assert_eq!(counts(folder.path()), [1, 0, 1, 1]);
    let (outbox, _) = outbox_in(&folder.path().join("outbox"));
    sender.send_replace(Some(Arc::clone(&outbox)));
    desk.finish();
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 1);
    assert_eq!(counts(folder.path()), [1, 1, 1, 1]);
}

#[test]
fn a_call_that_was_cut_off_leaves_what_was_known_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (outbox, post) = outbox_in(&folder.path().join("outbox"));
    {
        let mut desk = Desk::new(data, KEEP, watch::Sender::new(None).subscribe());
        put(&mut desk, Note::Call(CallNote::Opened(began(1))));
        let mut first = so_far(1, 7, 1);
        first.summary.times.answered_s = Some(0.25);
        put(&mut desk, Note::SoFar(Box::new(first), Urgency::Soon));
        desk.settle();
        assert_eq!(noted(data), [0, 0], "it waits for others");
        let mut second = so_far(1, 12, 0);
        second.summary.times.answered_s = Some(0.25);
        second.summary.outcome = trunkside_record::Outcome::Bridged.into();
        put(&mut desk, Note::SoFar(Box::new(second), Urgency::Now));
        desk.settle();
        assert_eq!(noted(data), [1, 2]);
        // Killed here.
    }
    let mut desk = Desk::new(data, KEEP, post);
    desk.finish();
    assert_eq!(noted(data), [0, 0]);
    assert_eq!(counts(data), [1, 1, 2, 1], "somebody should call them back");
    let records = waiting(&outbox, Lane::Metric);
    assert_eq!(records.len(), 1);
    let times = &records[0]["times"];
    assert_eq!(
        (&times["answered_s"], &times["known_s"], &times["ended_s"]),
        (&0.25.into(), &12.0.into(), &Value::Null)
    );
    assert_eq!(
        (&records[0]["outcome"], &records[0]["ended_by"]),
        (&"bridged".into(), &"box".into())
    );
    let words = waiting(&outbox, Lane::Transcript);
    let texts: Vec<&Value> = words[0]["turns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["text"])
        .collect();
    assert_eq!(
        texts,
        ["[phone] 0", "[phone] 1"],
        "in order of time, and redacted"
    );
    // Another start says nothing twice.
    drop(desk);
    let sender = watch::Sender::new(Some(Arc::clone(&outbox)));
    Desk::new(data, KEEP, sender.subscribe()).settle();
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 1);
}

#[test]
fn a_call_that_ended_in_order_leaves_its_own_record_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (outbox, post) = outbox_in(&folder.path().join("outbox"));
    let mut desk = Desk::new(data, KEEP, post);
    put(&mut desk, Note::Call(CallNote::Opened(began(1))));
    put(
        &mut desk,
        Note::SoFar(Box::new(so_far(1, 7, 0)), Urgency::Now),
    );
    desk.settle();
    put(
        &mut desk,
        Note::SoFar(Box::new(so_far(1, 8, 1)), Urgency::Now),
    );
    put(&mut desk, Note::Call(ended(1, "hello")));
    desk.finish();
    assert_eq!((noted(data), counts(data)), ([0, 0], [1, 1, 1, 1]));
    assert_eq!(waiting(&outbox, Lane::Metric).len(), 1);
}

#[test]
fn a_call_that_talks_for_an_hour_costs_the_disk_little() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut desk = Desk::new(data, KEEP, watch::Sender::new(None).subscribe());
    put(&mut desk, Note::Call(CallNote::Opened(began(1))));
    desk.settle();
    let log = data.join("calls.db-wal");
    let before = std::fs::metadata(&log).unwrap().len();
    // Five turns between two flushes, as two people talk; none of it is written alone.
    for turn in 0..5 {
        let note = so_far(1, turn, turn);
        put(&mut desk, Note::SoFar(Box::new(note), Urgency::Soon));
        desk.settle();
        assert_eq!(std::fs::metadata(&log).unwrap().len(), before);
    }
    desk.store_progress().unwrap();
    let written = std::fs::metadata(&log).unwrap().len() - before;
    assert!((1..=5 * 4_200).contains(&written), "{written} bytes");
}

/// Calls in progress that are noted, and their turns.
fn noted(data: &Path) -> [i64; 2] {
    let store = Connection::open(data.join("calls.db")).unwrap();
    [
        "SELECT count(*) FROM unfinished",
        "SELECT count(*) FROM unfinished_turn",
    ]
    .map(|query| store.query_row(query, [], |row| row.get(0)).unwrap())
}

#[test]
fn what_is_too_old_is_forgotten_by_the_running_box() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (_outbox, post) = outbox_in(&folder.path().join("outbox"));
    let day_ms = 86_400_000;
    let now_ms = clock::timestamp().as_millisecond();
    {
        let mut desk = Desk::new(data, KEEP, post.clone());
        for number in [1, 2] {
            put(&mut desk, Note::Call(ended(number, "hello")));
        }
        desk.finish();
    }
    let store = Connection::open(data.join("calls.db")).unwrap();
    let backdate = |number: i64, days: i64| {
        let set = "UPDATE call SET started_ms = ?1 WHERE rowid = ?2";
        store
            .execute(set, [now_ms - days * day_ms, number])
            .unwrap();
    };
    backdate(1, 11);
    backdate(2, 9);
    drop(store);
    let mut desk = Desk::new(data, Duration::from_secs(10 * 86_400), post);
    desk.settle();
    assert_eq!(counts(data), [1, 1, 1, 1]);
}

#[test]
fn a_promise_of_a_call_that_an_agent_took_is_still_to_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (_, post) = outbox_in(&folder.path().join("outbox"));
    let data = folder.path().join("data");
    let mut desk = Desk::new(&data, KEEP, post);
    for number in 1..=2 {
        put(&mut desk, Note::Call(CallNote::Opened(began(number))));
        let CallNote::Ended(mut ended) = ended(number, "hello") else {
            unreachable!("it has ended");
        };
        ended.summary.outcome = trunkside_record::Outcome::Bridged.into();
        ended.summary.times.ended_s = Some(3.0);
        put(&mut desk, Note::Call(CallNote::Ended(ended)));
        desk.settle();
    }
    let promises = Store::open(&data.join(CALLS)).unwrap().promises(false);
    let owed: Vec<CallId> = promises.unwrap().into_iter().map(|p| p.call).collect();
    assert_eq!(
        owed,
        [began(2).call],
        "the second talk keeps the first promise"
    );
}

#[test]
fn where_the_phones_are_is_kept_for_the_next_start_and_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_, post) = outbox_in(&folder.path().join("outbox"));
    let data = folder.path();
    let mut desk = Desk::new(data, KEEP, post);
    let until = crate::clock::Clock::start().instant(Duration::from_mins(1));
    let phone = Registration {
        user: "li_na".to_owned(),
        contact: Pii::new("sip:li_na@192.0.2.20".to_owned()),
        domain: "box.example".to_owned(),
        source: "192.0.2.20:5060".parse().unwrap(),
        until,
    };
    put(&mut desk, Note::Phones(phones::text(&[phone])));
    desk.settle();
    let known = phones::read(data);
    assert!(
        matches!(&known[..], [known] if known.user == "li_na"),
        "{known:?}"
    );
    let mode = std::fs::metadata(data.join(phones::FILE)).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o077, 0);
}
