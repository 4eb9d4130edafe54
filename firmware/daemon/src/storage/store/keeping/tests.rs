use rusqlite::Connection;
use uuid::Uuid;

use super::*;
use crate::storage::store::{Began, Callback, Export, Owed, Turn};
use trunkside_call::{CallbackCause, Side};

const NUMBER: &str = "13912345678";
const WORDS: &str = "my name is john smith";

/// A moment at which boxes are in use, in Unix milliseconds.
const NOW_MS: i64 = 1_780_000_000_000;

const DAY: Duration = Duration::from_secs(86_400);

fn call(number: u128) -> CallId {
    CallId::new(Uuid::from_u128(number))
}

fn horizon(days: u32) -> Horizon {
    Horizon::new(NOW_MS, true, DAY * days).unwrap()
}

fn days_ago(days: i64) -> i64 {
    NOW_MS - days * DAY_MS
}

fn began(number: u128, started_ms: i64) -> Began {
    Began {
        call: call(number),
        started_ms,
        caller: Pii::new(NUMBER.to_owned()),
    }
}

/// Stores a call that has ended, with words and a promise to call back.
fn keep(store: &mut Store, number: u128, started_ms: i64, exported: bool) {
    let export = Export {
        call: call(number),
        summary: "{}".to_owned(),
        transcript: Some("[]".to_owned()),
    };
    let turn = Turn {
        side: Side::Caller,
        start: Duration::ZERO,
        end: Duration::ZERO,
        text: Pii::new(WORDS.to_owned()),
    };
    let callback = Callback {
        number: Pii::new(NUMBER.to_owned()),
        cause: Owed::Promised(CallbackCause::Closed),
    };
    let began = began(number, started_ms);
    let sent = exported.then_some(&[][..]);
    store
        .write(|writing| writing.close_call(&began, &export, &[turn], Some(&callback), sent))
        .unwrap();
}

fn left(store: &mut Store) -> Vec<CallId> {
    store
        .calls()
        .unwrap()
        .iter()
        .map(|kept| kept.call)
        .collect()
}

fn count(store: &Store, table: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {table}");
    store
        .connection
        .query_row(&query, [], |row| row.get(0))
        .unwrap()
}

fn store_in(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("calls.db")).unwrap()
}

/// Whether bytes stand in any file of a folder.
fn found_in(folder: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

#[test]
fn calls_are_forgotten_when_their_time_has_come_and_not_a_day_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store_in(&folder);
    for (number, days) in [(1, 200), (2, 91), (3, 89), (4, 0)] {
        keep(&mut store, number, days_ago(days), true);
    }
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), 2);
    assert_eq!(left(&mut store), [call(3), call(4)]);
    assert_eq!((count(&store, "turn"), count(&store, "callback")), (2, 2));
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), 0);
    // It is the same after a restart.
    drop(store);
    let mut store = store_in(&folder);
    assert_eq!(store.forget_old(&horizon(89)).unwrap(), 0);
    assert_eq!(store.forget_old(&horizon(88)).unwrap(), 1);
}

#[test]
fn what_is_forgotten_stands_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store_in(&folder);
    keep(&mut store, 1, days_ago(91), true);
    assert!(found_in(folder.path(), NUMBER) && found_in(folder.path(), WORDS));
    store.forget_old(&horizon(90)).unwrap();
    assert!(!found_in(folder.path(), NUMBER) && !found_in(folder.path(), WORDS));
}

#[test]
fn what_the_outbox_has_not_yet_keeps_its_record_and_nothing_personal() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store_in(&folder);
    keep(&mut store, 1, days_ago(91), false);
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), 1);
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), 0, "once is enough");
    assert!(!found_in(folder.path(), NUMBER) && !found_in(folder.path(), WORDS));
    let exports = store.unexported(9, false).unwrap();
    assert_eq!(exports[0].summary, "{}");
    assert_eq!(exports[0].transcript.as_deref(), Some("[]"));
    store
        .write(|writing| writing.mark_exported(&[(call(1), Vec::new())]))
        .unwrap();
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), 1);
    assert_eq!(left(&mut store), []);
}

#[test]
fn a_call_that_goes_on_is_never_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store_in(&folder);
    store
        .write(|writing| writing.open_call(&began(1, days_ago(200))))
        .unwrap();
    assert_eq!(store.forget_old(&horizon(1)).unwrap(), 0);
    assert!(!store.forget(call(1)).unwrap());
    assert_eq!(left(&mut store), [call(1)]);
}

#[test]
fn whom_the_box_is_to_ring_is_not_forgotten_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store_in(&folder);
    keep(&mut store, 1, NOW_MS, true);
    let place = crate::storage::store::promises::KeptPlace {
        call: call(1),
        asked_ms: NOW_MS,
        number: Pii::new(NUMBER.to_owned()),
        wish: "{}".to_owned(),
    };
    store.write(|writing| writing.place_kept(&place)).unwrap();
    assert!(store.calls().unwrap()[0].box_rings);
    assert!(!store.forget(call(1)).unwrap());
    assert_eq!(left(&mut store), [call(1)]);
    store.write(|writing| writing.place_gone(call(1))).unwrap();
    assert!(!store.calls().unwrap()[0].box_rings);
    assert!(store.forget(call(1)).unwrap());
}

#[test]
fn a_clock_that_was_wrong_makes_no_call_old_and_none_immortal() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store_in(&folder);
    assert!(Horizon::new(5_000, true, DAY).is_none(), "it was not set");
    keep(&mut store, 1, 5_000, true);
    keep(&mut store, 2, NOW_MS + 4_000 * DAY_MS, true);
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), 0);
    // The clock goes back by a month, and on again.
    let earlier = Horizon::new(days_ago(30), true, 90 * DAY).unwrap();
    assert_eq!(store.forget_old(&earlier).unwrap(), 0);
    let later = |days: i64| Horizon::new(days_ago(-days), true, 90 * DAY).unwrap();
    assert_eq!(store.forget_old(&later(59)).unwrap(), 0);
    assert_eq!(left(&mut store).len(), 2);
    assert_eq!(store.forget_old(&later(91)).unwrap(), 2);
    assert_eq!(count(&store, "undated"), 0);
}

#[test]
fn a_clock_that_nobody_set_may_be_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store_in(&folder);
    keep(&mut store, 1, days_ago(0), true);
    keep(&mut store, 2, days_ago(450), true);
    let behind = Horizon::new(days_ago(300), false, 90 * DAY).unwrap();
    // By that clock the first call lies ahead; it is not dated anew.
    assert_eq!(store.forget_old(&behind).unwrap(), 1);
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), 0);
    assert_eq!(left(&mut store), [call(1)]);
}

#[test]
fn many_calls_are_forgotten_a_few_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store_in(&folder);
    for number in 0..=AT_ONCE as u128 {
        keep(&mut store, number, days_ago(91), true);
    }
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), AT_ONCE);
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), 1);
}

#[test]
fn whoever_asks_is_forgotten_while_the_box_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = store_in(&folder);
    keep(&mut running, 1, NOW_MS, true);
    keep(&mut running, 2, NOW_MS, true);
    let mut asked = store_in(&folder);
    assert!(asked.forget(call(1)).unwrap());
    assert!(!asked.forget(call(1)).unwrap(), "there is none any more");
    assert_eq!(left(&mut running), [call(2)]);
    keep(&mut running, 3, NOW_MS, true);
}

#[test]
fn a_store_of_an_older_version_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let old = Connection::open(folder.path().join("calls.db")).unwrap();
    old.execute_batch(
        "CREATE TABLE call (id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, caller TEXT NOT NULL,
             summary TEXT, transcript TEXT, exported INTEGER NOT NULL DEFAULT 0) STRICT;",
    )
    .unwrap();
    let insert = "INSERT INTO call VALUES (?1, ?2, 'x', '{}', NULL, 1)";
    old.execute(insert, params![call(1).to_string(), days_ago(91)])
        .unwrap();
    drop(old);
    let mut store = store_in(&folder);
    assert_eq!(store.forget_old(&horizon(90)).unwrap(), 1);
}
