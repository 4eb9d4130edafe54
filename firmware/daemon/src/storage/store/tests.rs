use std::os::unix::fs::PermissionsExt;

use uuid::Uuid;

use super::*;

fn call(number: u128) -> CallId {
    CallId::new(Uuid::from_u128(number))
}

fn began(number: u128) -> Began {
    Began {
        call: call(number),
        started_ms: 5,
        caller: Pii::new("100".into()),
    }
}

fn export(number: u128) -> Export {
    Export {
        call: call(number),
        summary: "{}".into(),
        transcript: None,
    }
}

fn open(store: &mut Store, number: u128) -> Result<(), StoreError> {
    store.write(|writing| writing.open_call(&began(number)))
}

fn close(store: &mut Store, number: u128) -> Result<(), StoreError> {
    store.write(|writing| writing.close_call(&began(number), &export(number), &[], None, None))
}

fn interrupted(store: &mut Store) -> Vec<CallId> {
    let calls = store.interrupted().unwrap();
    calls.into_iter().map(|call| call.began.call).collect()
}

#[test]
fn a_call_is_exported_once_it_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("calls.db")).unwrap();
    open(&mut store, 1).unwrap();
    assert_eq!(interrupted(&mut store), [call(1)]);
    close(&mut store, 1).unwrap();
    assert_eq!(interrupted(&mut store), []);
    assert_eq!(store.unexported(9, false).unwrap(), [export(1)]);
    store
        .write(|writing| writing.mark_exported(&[(call(1), Vec::new())]))
        .unwrap();
    assert_eq!(store.unexported(9, false).unwrap(), []);
    // What is not there need not be marked.
    store
        .write(|writing| writing.mark_exported(&[(call(2), Vec::new())]))
        .unwrap();
}

#[test]
fn calls_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    {
        let mut store = Store::open(&path).unwrap();
        let callback = Callback {
            number: Pii::new("100".into()),
            cause: Owed::Promised(CallbackCause::NobodyAnswered),
        };
        // That it began was never stored: it is there all the same.
        store
            .write(|writing| writing.close_call(&began(1), &export(1), &[], Some(&callback), None))
            .unwrap();
    }
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.unexported(9, false).unwrap(), [export(1)]);
    let row: (String, i64, String) = store
        .connection
        .query_row(
            "SELECT number, started_ms, caller FROM callback JOIN call ON call.id = callback.call",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(row, ("100".into(), 5, "100".into()));
}

#[test]
fn what_is_done_together_is_done_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let mut store = Store::open(&path).unwrap();
    store
        .write(|writing| {
            writing.open_call(&began(1))?;
            writing.close_call(&began(1), &export(1), &[], None, None)?;
            writing.open_call(&began(2))
        })
        .unwrap();
    let failed = store.write(|writing| {
        writing.open_call(&began(3))?;
        writing.close_call(&began(2), &export(2), &[], None, None)?;
        Err(rusqlite::Error::InvalidQuery)
    });
    assert!(failed.is_err());
    assert_eq!(store.unexported(9, false).unwrap(), [export(1)]);
    assert_eq!(interrupted(&mut store), [call(2)]);
    // The store is of use after the failure.
    open(&mut store, 4).unwrap();
    assert_eq!(interrupted(&mut store).len(), 2);
}

#[test]
fn a_transaction_that_was_left_open_swallows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let mut store = Store::open(&path).unwrap();
    store.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    open(&mut store, 1).unwrap();
    // Another connection sees it: it was committed.
    assert_eq!(interrupted(&mut Store::open(&path).unwrap()), [call(1)]);
}

#[test]
fn a_store_that_was_full_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let mut store = Store::open(&path).unwrap();
    let limit = |store: &Store, pages: i64| {
        let set = format!("PRAGMA max_page_count = {pages}");
        store.connection.query_row(&set, [], |_| Ok(())).unwrap();
    };
    limit(&store, 1);
    let turn = Turn {
        side: Side::Caller,
        start: Duration::ZERO,
        end: Duration::ZERO,
        text: Pii::new("说".repeat(20_000)),
    };
    let store_call = |store: &mut Store| {
        let turns = std::slice::from_ref(&turn);
        store.write(|writing| writing.close_call(&began(1), &export(1), turns, None, None))
    };
    let full = store_call(&mut store).unwrap_err();
    assert!(full.is_passing() && !full.is_of_one_record(), "{full}");
    limit(&store, 1_000_000);
    store_call(&mut store).unwrap();
    let mut other = Store::open(&path).unwrap();
    assert_eq!(other.unexported(9, false).unwrap(), [export(1)]);
}

#[test]
fn only_the_owner_reads_any_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("calls.db")).unwrap();
    open(&mut store, 1).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}: {mode:o}", entry.path());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    std::fs::write(&path, vec![b'x'; 4096]).unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("calls.db"), "{error}");
}

#[test]
fn what_became_of_a_recording_stands_beside_its_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("calls.db")).unwrap();
    let began = |number| Report::Began {
        call: call(number),
        at_ms: 5,
    };
    for number in 1..=2 {
        store
            .write(|writing| writing.recorded(&began(number), "notice", 6))
            .unwrap();
    }
    let failed = Report::Ended {
        call: call(3),
        at_ms: None,
        kept: Duration::ZERO,
        dropped_frames: 2,
        fault: Some("no space".to_owned()),
    };
    store
        .write(|writing| writing.recorded(&failed, "notice", 9))
        .unwrap();
    let refused = Report::Deleted {
        call: call(1),
        why: Deletion::Refused,
    };
    store
        .write(|writing| writing.recorded(&refused, "notice", 7))
        .unwrap();
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a method's own lifetime is not general enough"
    )]
    store
        .write(|writing| writing.interrupt_recordings())
        .unwrap();
    let rows: Vec<String> = store
        .connection
        .prepare(
            "SELECT concat_ws(' ', mode, began_ms, ended_ms, dropped_frames, fault, deleted_ms,
             deleted_because) FROM recording ORDER BY call",
        )
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let wanted = [
        "notice 5 7 7 refused",
        "notice 5 interrupted",
        "notice 9 2 no space",
    ];
    assert_eq!(rows, wanted);
}
