//! What stores answer, whatever lies in them.

use super::*;

pub(super) fn a_row_that_cannot_be_read_takes_no_other_from_an_answer(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let plain = serde_json::json!({});
    let health = || trunkside_record::DeviceHealth::default().into();
    let messages = [
        message(Lane::Metric, (1..=3).map(|at| record(at, &plain)).collect()),
        message(Lane::Transcript, (1..=3).map(words).collect()),
        message(
            Lane::Fleet,
            (1..=2).map(|at| entry(at, Lane::Fleet, health())).collect(),
        ),
    ];
    store.commit(&messages, NOW).unwrap();
    (fresh.spoil)();
    assert_eq!(all(store).calls.len(), 2);
    let filter = CallFilter::default();
    // The page goes on behind it.
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.transcripts(&Scope::ALL, &filter, 1, cursor).unwrap();
        found.extend(page.transcripts);
        match page.next {
            Some(next) => cursor = Some(next.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(found.len(), 2);
    let page = store.devices(&Scope::ALL, 9, None).unwrap();
    assert_eq!((page.devices.len(), &page.devices[0].health), (1, &None));
}

/// Large records make short pages, none of them empty.
pub(super) fn a_page_is_bounded_by_bytes_too(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    for number in 1..=20 {
        let name = "x".repeat(if number == 9 { 17 } else { 1 } << 20);
        let large = serde_json::json!({ "intents": [{ "name": name, "score": 0.5 }] });
        let message = message(Lane::Metric, vec![record(number, &large)]);
        store.commit(&[message], NOW).unwrap();
    }
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = store
            .calls(&Scope::ALL, &CallFilter::default(), 500, cursor)
            .unwrap();
        pages.push(page.calls.len());
        match page.next {
            Some(next) => cursor = Some(next.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(pages, [11, 1, 8]);
}

#[test]
fn a_cursor_names_a_time_that_every_database_has() {
    for (cursor, is_fit) in [
        ("1795248000000.7", true),
        ("-62135596800000.1", true),
        ("-62135596800001.1", false),
        ("-210866803200001.1", false),
        ("253402207200000.1", true),
        ("9223372036854775807.1", false),
        ("1795248000000", false),
    ] {
        assert_eq!(cursor.parse::<Cursor>().is_ok(), is_fit, "{cursor}");
    }
}
