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

/// Whatever lies between them, and whoever asks.
pub(super) fn the_newest_quarters_are_those_with_calls(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let times = [
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "2024-02-29T08:59:59Z",
        "2026-11-01T08:00:00Z",
        "2026-11-20T08:14:59Z",
        "2026-11-20T08:15:00Z",
        "2026-11-21T08:10:00Z",
        "2026-11-21T08:12:00Z",
    ];
    store
        .maintain(jiff::civil::date(2026, 11, 21), None)
        .unwrap();
    for (tenant, branch) in [("acme", "a"), ("acme", "b"), ("other", "a")] {
        let started = |(at, number): (&&str, u64)| {
            let name = if number % 2 == 0 { "loan" } else { "lost_card" };
            let intent = serde_json::json!({ "name": name, "score": 0.5 });
            record(
                number,
                &serde_json::json!({ "started_at": at, "intent": intent }),
            )
        };
        let records = times.iter().zip(1..).map(started).collect();
        let message = message_from(&origin(tenant, branch), Lane::Metric, records);
        store.commit(&[message], NOW).unwrap();
    }
    let some = |name: &str| Some(name.to_owned());
    let filters = [
        CallFilter::default(),
        CallFilter {
            tenant: some("acme"),
            ..CallFilter::default()
        },
        CallFilter {
            tenant: some("acme"),
            branch: some("b"),
            device: some("box1"),
            ..CallFilter::default()
        },
        CallFilter {
            intent: some("loan"),
            since: Some("1970-01-01T00:00:00Z".parse().unwrap()),
            until: Some("2026-11-21T08:11:00Z".parse().unwrap()),
            ..CallFilter::default()
        },
        CallFilter {
            tenant: some("nobody"),
            ..CallFilter::default()
        },
    ];
    for filter in &filters {
        let quarters = |limit: u32| {
            let span = Span::Quarters(limit);
            let mut quarters = std::collections::BTreeMap::new();
            for cell in store.cells(&Scope::ALL, filter, span).unwrap() {
                *quarters.entry(cell.quarter).or_insert(0) += cell.calls;
            }
            quarters.into_iter().rev().collect::<Vec<_>>()
        };
        let every = quarters(35_136);
        let whole = store.cells(&Scope::ALL, filter, Span::Whole).unwrap();
        let calls = |found: &[(i64, u64)]| found.iter().map(|(_, calls)| calls).sum::<u64>();
        assert_eq!(
            calls(&every),
            whole.iter().map(|cell| cell.calls).sum::<u64>()
        );
        for limit in 1..=8 {
            let newest: Vec<_> = every.iter().take(limit as usize).copied().collect();
            assert_eq!(quarters(limit), newest, "{limit} of {filter:?}");
        }
    }
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
