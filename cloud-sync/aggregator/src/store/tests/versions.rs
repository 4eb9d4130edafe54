//! What newer and older boxes, programs and databases leave behind.

use super::*;

pub(super) fn what_a_newer_box_writes_is_kept_and_shown(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let name = "01990000-0000-7000-8000-000000000001";
    let said = serde_json::json!({
        "kind": "transcript", "call": name, "summary": "a greeting",
        "turns": [{ "side": "robot", "start_s": 0.5, "end_s": 1.0, "text": "hello", "loud": true }]
    });
    let hologram = serde_json::json!({ "kind": "hologram", "depth": [1, 2.5] });
    let health = serde_json::json!({ "kind": "health", "software": "9.0", "warp": { "core": 3 } });
    let done = store
        .commit(
            &[
                message(
                    Lane::Metric,
                    vec![
                        raw(1, Lane::Metric, &newer_call(1)),
                        raw(2, Lane::Metric, &hologram),
                    ],
                ),
                message(Lane::Transcript, vec![raw(1, Lane::Transcript, &said)]),
                message(Lane::Fleet, vec![raw(1, Lane::Fleet, &health)]),
            ],
            NOW,
        )
        .unwrap();
    assert_eq!((done.stored, done.unread, done.lost), (4, 1, 0));
    let totals = store.totals(&Scope::ALL).unwrap();
    assert_eq!((totals.calls, totals.unread, totals.lost), (1, 1, 0));

    let detail = store.call(&Scope::ALL, name).unwrap().unwrap();
    let shown = serde_json::to_value(&detail).unwrap();
    let mut expected = newer_call(1);
    let fields = expected.as_object_mut().unwrap();
    fields.remove("kind");
    for (name, value) in fields {
        // Beside what is known here with its default.
        let part = |name: &str| shown[name].clone();
        match name.as_str() {
            "decision" | "mood" => {
                for (inner, value) in value.as_object().unwrap() {
                    assert_eq!(&part(name)[inner], value, "{name}.{inner}");
                }
            }
            _ => assert_eq!(&part(name), value, "{name}"),
        }
    }
    assert_eq!(shown["transcript"], said["turns"]);
    assert_eq!(
        shown["transcript_more"],
        serde_json::json!({ "summary": "a greeting" })
    );
    let page = store
        .transcripts(&Scope::ALL, &CallFilter::default(), 10, None)
        .unwrap();
    assert_eq!(
        page.transcripts[0].more,
        Some(serde_json::json!({ "summary": "a greeting" }))
    );

    let devices = store.devices(&Scope::ALL, 10, None).unwrap().devices;
    assert_eq!(devices[0].unread, 1);
    assert_eq!(devices[0].health.as_ref().unwrap()["warp"]["core"], 3);
    let cells = store
        .cells(&Scope::ALL, &CallFilter::default(), Span::Quarters(4))
        .unwrap();
    assert_eq!(
        (cells[0].outcome.as_str(), cells[0].emotion.as_deref()),
        ("hologram", Some("bored"))
    );
    let hour = &super::hours(&cells, None, 1)[0];
    assert_eq!((hour.calls, hour.other, hour.failed), (1, 1, 0));
}

/// Whatever a record says, the cloud says once where it came from. Readers of JSON hide a name that
/// stands twice, so that the text itself is looked at.
pub(super) fn a_record_cannot_say_where_it_came_from(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let name = |number: u64| format!("01990000-0000-7000-8000-{number:012}");
    let shown = |number: u64| {
        let detail = store.call(&Scope::ALL, &name(number)).unwrap().unwrap();
        serde_json::to_string(&detail).unwrap()
    };
    let commit = |number: u64, call: &serde_json::Value| {
        let said = serde_json::json!({
            "kind": "transcript", "call": name(number), "turns": [], "summary": "a greeting"
        });
        let calls = message(Lane::Metric, vec![raw(number, Lane::Metric, call)]);
        let spoken = message(Lane::Transcript, vec![raw(number, Lane::Transcript, &said)]);
        assert_eq!(store.commit(&[calls, spoken], NOW).unwrap().stored, 2);
    };
    commit(1, &newer_call(1));
    let honest: serde_json::Value = serde_json::from_str(&shown(1)).unwrap();
    let known = serde_json::to_value(call(1, &serde_json::json!({}))).unwrap();
    let own = newer_call(1);
    // All that the cloud adds, whatever it is.
    let names = honest.as_object().unwrap().keys();
    let beside: Vec<&String> = names
        .filter(|name| known.get(name).is_none() && own.get(name).is_none())
        .collect();
    assert!(beside.len() >= 5, "{beside:?}");
    let mut forged = newer_call(2);
    for name in &beside {
        forged[name.as_str()] = "forged".into();
    }
    commit(2, &forged);
    let shown = shown(2);
    assert!(!shown.contains("forged"), "{shown}");
    for name in beside {
        assert_eq!(shown.matches(&format!("\"{name}\":")).count(), 1, "{shown}");
    }
    let page = serde_json::to_string(&all(store)).unwrap();
    assert_eq!(page.matches("\"tenant\":\"acme\"").count(), 2, "{page}");
    assert_eq!(page.matches("\"tenant\":").count(), 2, "{page}");
}

pub(super) fn what_could_not_be_read_is_read_by_a_version_that_can(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    // As a version that knows no calls would have kept one.
    let unread = |number: u64| {
        let Received::Entry(mut entry, mut kept) = raw(number, Lane::Metric, &newer_call(number))
        else {
            panic!("it is read")
        };
        entry.body = Body::Unknown;
        kept.json = newer_call(number).to_string();
        Received::Entry(entry, kept)
    };
    let hologram = raw(3, Lane::Metric, &serde_json::json!({ "kind": "hologram" }));
    let records = vec![unread(1), unread(2), hologram];
    store
        .commit(&[message(Lane::Metric, records.clone())], NOW)
        .unwrap();
    assert_eq!(store.totals(&Scope::ALL).unwrap().unread, 3);
    // This version has looked at them.
    assert_eq!(store.read_again().unwrap(), 0);
    (fresh.pretend_older)();
    let store = (fresh.reopen)().unwrap();
    assert_eq!(store.read_again().unwrap(), 2);
    assert_eq!(store.read_again().unwrap(), 0);
    let totals = store.totals(&Scope::ALL).unwrap();
    assert_eq!((totals.calls, totals.unread, totals.lost), (2, 1, 0));
    assert_eq!(all(&*store).calls[0].summary.outcome.name(), "hologram");
    // What the box sends again is known.
    let again = store
        .commit(&[message(Lane::Metric, records)], NOW)
        .unwrap();
    assert_eq!((again.stored, again.duplicates), (0, 3));
}

pub(super) fn a_newer_database_is_left_alone(fresh: &dyn Fn() -> Fresh) {
    let Fresh {
        reopen,
        pretend_newer,
        store,
        ..
    } = fresh();
    drop(store);
    assert!(reopen().is_ok());
    pretend_newer();
    let error = reopen().map(drop).unwrap_err().to_string();
    assert!(error.contains("`99`") && error.contains("newer"), "{error}");
}

#[test]
fn a_database_of_the_first_version_is_brought_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trunkside-cloud.sqlite");
    let database = rusqlite::Connection::open(file).unwrap();
    database
        .execute_batch(include_str!("../sqlite/0001.sql"))
        .unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
    let summary =
        serde_json::to_string(&call(1, &serde_json::json!({ "language": "zh" }))).unwrap();
    database
        .execute_batch(&format!(
            "INSERT INTO stream VALUES (1, 'acme', 'harbour', 'box1', 44, 'metric', 1, 0, 0);
             INSERT INTO call VALUES (1, 'acme', 'harbour', 'box1',
                 '01990000-0000-7000-8000-000000000001', 1795248600000, NULL, NULL, 'bridged',
                 NULL, '{summary}', 1, 1);
             INSERT INTO transcript VALUES
                 ('acme', 'harbour', 'box1', '01990000-0000-7000-8000-000000000001', '[]', 1, 1),
                 ('acme', 'harbour', 'box1', '01990000-0000-7000-8000-000000000002', '[]', 1, 2),
                 ('acme', 'harbour', 'box1', '019ab5c0-0000-7000-8000-000000000003', '[]', 1, 3),
                 ('acme', 'harbour', 'box1', '00000000-0000-4000-8000-000000000004', '[]', 1, 4);
             UPDATE stream SET first_seen_ms = 1750000000000, last_seen_ms = 1795248600000;"
        ))
        .unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    let chinese = CallFilter {
        language: Some("zh".into()),
        ..CallFilter::default()
    };
    assert_eq!(
        store
            .calls(&Scope::ALL, &chinese, 9, None)
            .unwrap()
            .calls
            .len(),
        1
    );
    // Words of old calls that never came go; those of a young one, or of one whose name does not tell
    // its age, do not.
    let keep_from = "2025-10-01T00:00:00Z".parse().unwrap();
    let today = jiff::civil::date(2026, 11, 21);
    store.maintain(today, Some(keep_from)).unwrap();
    let mut names = database
        .prepare("SELECT substr(call, -1) FROM transcript ORDER BY 1")
        .unwrap();
    let left: Vec<String> = names
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(left, ["1", "3", "4"]);
}
