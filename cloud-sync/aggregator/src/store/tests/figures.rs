//! What is counted and shown, page by page, and to whom.

use super::*;

pub(super) fn hours_intents_and_moods_add_up(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let angry = serde_json::json!({ "emotion": "angry", "emotion_score": 0.9, "sentiment": -0.75 });
    let records = vec![
        record(
            1,
            &serde_json::json!({ "times": { "decided_s": 2.0, "ended_s": 9.0 }, "mood": angry }),
        ),
        record(
            2,
            &serde_json::json!({
                "times": { "decided_s": 4.0, "ended_s": 9.0 }, "intent": { "name": "loan", "score": 1.0 }
            }),
        ),
        record(
            3,
            &serde_json::json!({ "outcome": "abandoned", "started_at": "2026-11-21T08:50:00Z" }),
        ),
        record(
            4,
            &serde_json::json!({ "outcome": "callback", "started_at": "2026-11-21T06:00:00Z" }),
        ),
    ];
    store
        .commit(&[message(Lane::Metric, records)], NOW)
        .unwrap();
    let cells = |limit| {
        store
            .cells(&Scope::ALL, &CallFilter::default(), Span::Quarters(limit))
            .unwrap()
    };
    let hours = super::hours(&cells(40), None, 10);
    let [eight, six] = &hours[..] else {
        panic!("{hours:?}")
    };
    assert_eq!(eight.hour.to_string(), "2026-11-21T08:00:00Z");
    assert_eq!((eight.calls, eight.bridged, eight.abandoned), (3, 2, 1));
    assert_eq!(eight.mean_decision_s, Some(3.0));
    assert!((eight.angry_share - 1.0 / 3.0).abs() < 1e-9);
    let nothing_heard = IntentCount {
        intent: None,
        calls: 2,
    };
    assert_eq!(eight.intents[0], nothing_heard);
    assert_eq!((six.callbacks, six.mean_decision_s), (1, None));
    assert_eq!(super::hours(&cells(1), None, 1)[0].calls, 1);

    let moods = super::moods(&cells(40), None, 1);
    assert_eq!(moods[0].figures.emotions["angry"], 1);
    assert_eq!(moods[0].figures.mean_sentiment, Some(-0.75));
    let whole = store
        .cells(&Scope::ALL, &CallFilter::default(), Span::Whole)
        .unwrap();
    let intents = super::intents(&whole);
    assert_eq!(
        (intents[0].calls, intents[1].intent.as_deref()),
        (3, Some("loan"))
    );
    let only = CallFilter {
        intent: Some("loan".into()),
        ..CallFilter::default()
    };
    assert_eq!(
        store.cells(&Scope::ALL, &only, Span::Whole).unwrap().len(),
        1
    );
}

pub(super) fn pages_follow_each_other_without_overlap(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let sub_millisecond = |number: u64| serde_json::json!({ "started_at": format!("2026-11-21T08:10:00.0001{:03}Z", 999 - number) });
    let records = (1..=25).map(|number| record(number, &sub_millisecond(number)));
    let calls = message(Lane::Metric, records.collect());
    let spoken = message(Lane::Transcript, (1..=25).map(words).collect());
    store.commit(&[calls, spoken], NOW).unwrap();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = store
            .calls(&Scope::ALL, &CallFilter::default(), 10, cursor)
            .unwrap();
        let spoken = store
            .transcripts(&Scope::ALL, &CallFilter::default(), 10, cursor)
            .unwrap();
        assert_eq!(page.next, spoken.next);
        for (call, transcript) in page.calls.iter().zip(&spoken.transcripts) {
            assert_eq!(call.summary.call.to_string(), transcript.call);
            assert_eq!(transcript.turns.len(), 1);
        }
        seen.extend(page.calls.iter().map(|call| call.summary.call));
        match page.next {
            Some(next) => cursor = Some(next.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

pub(super) fn a_scope_hides_other_tenants_and_branches(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    for (number, (tenant, branch)) in [("acme", "harbour"), ("acme", "hill"), ("other", "harbour")]
        .into_iter()
        .enumerate()
    {
        let number = number as u64 + 1;
        let origin = origin(tenant, branch);
        let mut calls = message_from(
            &origin,
            Lane::Metric,
            vec![record(number, &serde_json::json!({}))],
        );
        let mut spoken = message_from(&origin, Lane::Transcript, vec![words(number)]);
        (calls.batch.epoch, spoken.batch.epoch) = (number, number + 100);
        store.commit(&[calls, spoken], NOW).unwrap();
    }
    let scope = |tenant: &str, branch: Option<&str>| Scope {
        tenant: Some(tenant.to_owned()),
        branch: branch.map(str::to_owned),
    };
    let any = CallFilter::default();
    for (scope, calls) in [
        (Scope::ALL, 3),
        (scope("acme", None), 2),
        (scope("acme", Some("hill")), 1),
        (scope("nobody", None), 0),
        // What could be taken for everything.
        (scope("*", None), 0),
        (scope("", None), 0),
    ] {
        assert_eq!(
            store.calls(&scope, &any, 9, None).unwrap().calls.len(),
            calls,
            "{scope}"
        );
        let spoken = store.transcripts(&scope, &any, 9, None).unwrap();
        assert_eq!(spoken.transcripts.len(), calls);
        let cells = store.cells(&scope, &any, Span::Whole).unwrap();
        assert_eq!(
            cells.iter().map(|cell| cell.calls).sum::<u64>(),
            calls as u64
        );
        assert_eq!(store.devices(&scope, 9, None).unwrap().devices.len(), calls);
        assert_eq!(store.totals(&scope).unwrap().calls, calls as u64);
        assert_eq!(store.totals(&scope).unwrap().devices, calls as u64);
    }
    let others = "01990000-0000-7000-8000-000000000003";
    assert!(store.call(&scope("acme", None), others).unwrap().is_none());
    assert!(store.call(&scope("other", None), others).unwrap().is_some());
    let asked = CallFilter {
        tenant: Some("other".into()),
        ..any
    };
    assert!(
        store
            .calls(&scope("acme", None), &asked, 9, None)
            .unwrap()
            .calls
            .is_empty()
    );
}

pub(super) fn devices_tell_how_they_do(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    for branch in ["a", "b", "c"] {
        let health = |software: &str| {
            let health = serde_json::json!({ "software": software });
            serde_json::from_value::<trunkside_record::DeviceHealth>(health).unwrap()
        };
        let records = vec![
            entry(1, Lane::Fleet, health("1").into()),
            entry(2, Lane::Fleet, health("2").into()),
        ];
        let message = message_from(&origin("acme", branch), Lane::Fleet, records);
        store
            .commit(&[message], "2026-11-21T08:00:00Z".parse().unwrap())
            .unwrap();
    }
    let page = store.devices(&Scope::ALL, 2, None).unwrap();
    assert_eq!(page.devices[0].health.as_ref().unwrap()["software"], "2");
    assert_eq!(
        page.devices[1].last_seen_at.to_string(),
        "2026-11-21T08:00:00Z"
    );
    let cursor = page.next.unwrap().parse().unwrap();
    let rest = store.devices(&Scope::ALL, 2, Some(&cursor)).unwrap();
    assert_eq!((rest.devices.len(), rest.next), (1, None));
    assert_eq!(rest.devices[0].branch, "c");
}

/// Names that nobody expects, as many and as long as a box likes: they cost an answer little, and every
/// call counts.
pub(super) fn figures_are_bounded_whatever_boxes_name(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let spelt = |number: u64| -> String {
        let letter = |place: u64| char::from(b'a' + (number / 26_u64.pow(place as u32) % 26) as u8);
        (0..3).map(|place| letter(place as u64)).collect()
    };
    let named = |number: u64, intent: &str| {
        let name = spelt(number);
        let call = serde_json::json!({
            "kind": "call", "call": format!("01990000-0000-7000-8000-{number:012}"),
            "started_at": "2026-11-21T08:10:00Z", "ended_by": "caller", "times": { "ended_s": 30.0 },
            "intent": { "name": intent, "score": 1.0 }, "outcome": format!("o_{name}"),
            "mood": { "emotion": format!("e_{name}"), "emotion_score": 0.5, "sentiment": 0.5 },
            "redacted": true
        });
        raw(number, Lane::Metric, &call)
    };
    let mut records: Vec<_> = (1..=400)
        .map(|number| named(number, &format!("i_{}", spelt(number))))
        .collect();
    records.extend((401..=403).map(|number| named(number, "lost_card")));
    let long = "x".repeat(1 << 20);
    records.extend((404..=406).map(|number| named(number, &format!("{long}{number}"))));
    store
        .commit(&[message(Lane::Metric, records)], NOW)
        .unwrap();
    (fresh.spoil_intent)();
    for span in [Span::Whole, Span::Quarters(9)] {
        let cells = store
            .cells(&Scope::ALL, &CallFilter::default(), span)
            .unwrap();
        let bytes: usize = cells
            .iter()
            .map(|cell| cell.intent.as_deref().map_or(0, str::len))
            .sum();
        assert!(bytes < 10_000, "{bytes}");
        let distinct = |of: fn(&Cell) -> Option<&str>| {
            let told: std::collections::BTreeSet<_> = cells.iter().map(of).collect();
            told.len()
        };
        assert_eq!(distinct(|cell| Some(&cell.outcome)), 17);
        assert_eq!(distinct(|cell| cell.emotion.as_deref()), 17);
        assert_eq!(distinct(|cell| cell.intent.as_deref()), 202);
        let intents = super::intents(&cells);
        let count = |intent: Option<&str>| {
            let mut found = intents.iter().filter(|of| of.intent.as_deref() == intent);
            found.next().map_or(0, |of| of.calls)
        };
        // The commonest is told apart; of the others, 199 are, and those whose name is absurd are none.
        assert_eq!(count(Some("lost_card")), 3);
        assert_eq!((count(Some("other")), count(None)), (200, 4));
        assert_eq!(intents.iter().map(|of| of.calls).sum::<u64>(), 406);
        let felt: f64 = cells.iter().map(|cell| cell.sentiment).sum();
        assert!((felt - 203.0).abs() < 1e-6, "{felt}");
    }
    let whole = all(store).calls;
    assert!(whole.iter().any(|call| {
        let intent = call.summary.intent.as_ref();
        intent.is_some_and(|intent| intent.name.len() > 1 << 20)
    }));
}

pub(super) fn losses_beyond_every_number_are_told(fresh: &dyn Fn() -> Fresh) {
    /// The last sequence that there can be.
    const MOST: u64 = (1 << 53) - 1;
    let fresh = fresh();
    let store = &*fresh.store;
    let gaps = |epochs: std::ops::Range<u64>| {
        let messages: Vec<_> = epochs
            .map(|epoch| {
                let mut message = message(Lane::Alarm, vec![gap(1, MOST)]);
                message.batch.epoch = epoch;
                message
            })
            .collect();
        store.commit(&messages, NOW).unwrap();
    };
    let lost = || {
        let device = store.devices(&Scope::ALL, 9, None).unwrap().devices[0].lost;
        assert_eq!(store.totals(&Scope::ALL).unwrap().lost, device);
        device
    };
    gaps(1..2);
    assert_eq!(lost(), MOST);
    gaps(2..1_100);
    assert!(lost() > i64::MAX as u64 / 2, "{}", lost());
}
