//! What goes when it is too old.

use super::*;

pub(super) fn what_is_too_old_goes(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let today = jiff::civil::date(2026, 11, 21);
    store.maintain(today, None).unwrap();
    let started = |number: u64, at: &str| record(number, &serde_json::json!({ "started_at": at }));
    let records = vec![
        started(1, "2024-01-05T00:00:00Z"),
        started(2, "2026-09-05T00:00:00Z"),
        started(3, "2026-11-05T00:00:00Z"),
        started(4, "2031-01-01T00:00:00Z"),
    ];
    store
        .commit(&[message(Lane::Metric, records)], NOW)
        .unwrap();
    store.maintain(today, None).unwrap();
    assert_eq!(all(store).calls.len(), 4);
    let keep_from = Some("2026-10-01T00:00:00Z".parse().unwrap());
    let gone = store.maintain(today, keep_from).unwrap();
    assert!(gone >= 2, "{gone}");
    // No month is made only to be dropped.
    assert_eq!(store.maintain(today, keep_from).unwrap(), 0);
    let left = all(store).calls;
    assert_eq!(left.len(), 2);
    let again = store.commit(
        &[message(
            Lane::Metric,
            vec![started(5, "2026-09-06T00:00:00Z")],
        )],
        NOW,
    );
    assert_eq!(again.unwrap().stored, 1);
}

pub(super) fn words_whose_call_never_came_go_in_time(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let spoken = message(Lane::Transcript, vec![words(1), words(2)]);
    store.commit(&[spoken], NOW).unwrap();
    let today = jiff::civil::date(2026, 11, 21);
    let maintain = |keep_from: &str| {
        let keep_from = keep_from.parse().unwrap();
        store.maintain(today, Some(keep_from)).unwrap();
    };
    // The call comes late, and finds its words or not.
    let turns = |sequence: u64, number: u64| {
        let summary = call(number, &serde_json::json!({}));
        let name = summary.call.to_string();
        let late = entry(sequence, Lane::Metric, summary.into());
        store
            .commit(&[message(Lane::Metric, vec![late])], NOW)
            .unwrap();
        let detail = store.call(&Scope::ALL, &name).unwrap().unwrap();
        let detail = serde_json::to_value(&detail).unwrap();
        detail["transcript"].as_array().map_or(0, Vec::len)
    };
    maintain("2025-08-01T00:00:00Z");
    assert_eq!(turns(1, 1), 1);
    maintain("2026-10-01T00:00:00Z");
    assert_eq!(turns(2, 2), 0, "they were older than anything that is kept");
}

pub(super) fn the_hole_of_a_stream_that_ended_long_ago_is_forgotten(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let today = jiff::civil::date(2026, 11, 21);
    let maintain = |keep_from: &str| {
        let keep_from = keep_from.parse().unwrap();
        store.maintain(today, Some(keep_from)).unwrap();
    };
    // The box was cut off with 3 and 4, which it tells again in another stream.
    assert_eq!(
        watermark(&commit(store, vec![alarm(1), alarm(2), alarm(5), alarm(8)])),
        2
    );
    maintain("1969-12-31T00:00:00Z");
    assert_eq!(watermark(&commit(store, vec![alarm(1)])), 2);
    maintain("2026-10-01T00:00:00Z");
    let late = commit(store, vec![alarm(3), alarm(8), alarm(9)]);
    assert_eq!((watermark(&late), late.stored, late.lost), (9, 1, 0));
}

pub(super) fn a_gap_told_long_ago_counts_no_more_and_its_stream_goes_on(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let today = jiff::civil::date(2026, 11, 21);
    let lost = || store.totals(&Scope::ALL).unwrap().lost;
    commit(store, vec![alarm(1), gap(2, 6), alarm(7)]);
    for (keep_from, left) in [("1969-12-31T00:00:00Z", 5), ("2026-10-01T00:00:00Z", 0)] {
        let keep_from = keep_from.parse().unwrap();
        store.maintain(today, Some(keep_from)).unwrap();
        assert_eq!(lost(), left);
    }
    let again = commit(store, vec![alarm(1), gap(2, 6), alarm(8)]);
    assert_eq!(
        (watermark(&again), again.stored, again.lost, lost()),
        (8, 1, 0, 0)
    );
}
