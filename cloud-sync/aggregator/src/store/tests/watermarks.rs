//! What is acknowledged: everything before a hole, once, and what is lost no longer holds it up.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

pub(super) fn watermark(committed: &Committed) -> u64 {
    let [(_, Ack { epoch, sequence })] = committed.acks[..] else {
        panic!("{committed:?}")
    };
    assert_eq!(epoch, EPOCH + Lane::Alarm as u64);
    sequence
}

pub(super) fn the_watermark_stops_before_a_hole_and_jumps_when_it_is_filled(
    fresh: &dyn Fn() -> Fresh,
) {
    let fresh = fresh();
    let store = &*fresh.store;
    assert_eq!(
        watermark(&commit(store, vec![alarm(1), alarm(2), alarm(5)])),
        2
    );
    assert_eq!(watermark(&commit(store, vec![alarm(4)])), 2);
    let last = commit(
        store,
        vec![alarm(2), alarm(3), alarm(4), alarm(5), alarm(6)],
    );
    assert_eq!(watermark(&last), 6);
    assert_eq!((last.stored, last.duplicates), (2, 3));
}

pub(super) fn a_gap_fills_the_hole_and_counts_only_what_never_came(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    commit(store, vec![alarm(1), alarm(2), alarm(6)]);
    let filled = commit(store, vec![gap(1, 8)]);
    assert_eq!((watermark(&filled), filled.lost), (8, 5));
    let again = commit(store, vec![gap(1, 8)]);
    assert_eq!((watermark(&again), again.lost, again.duplicates), (8, 0, 1));
    assert_eq!(commit(store, vec![alarm(7)]).stored, 0);
    assert_eq!(store.totals(&Scope::ALL).unwrap().lost, 5);
}

pub(super) fn a_record_that_cannot_be_kept_does_not_hold_up_the_others(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let why = "data error".to_owned();
    let refused = Received::Refused { sequence: 2, why };
    let wrong_lane = entry(3, Lane::Metric, Body::Unknown);
    let unknown = entry(4, Lane::Alarm, Body::Unknown);
    let records = vec![alarm(1), refused, wrong_lane, unknown, alarm(5)];
    let done = commit(store, records);
    assert_eq!(
        (watermark(&done), done.refused, done.lost, done.stored),
        (5, 2, 2, 3)
    );
    let nul = serde_json::json!({ "intent": { "name": "a\u{0}b", "score": 1.0 } });
    let records = vec![record(1, &nul), record(2, &serde_json::json!({}))];
    let done = store
        .commit(&[message(Lane::Metric, records)], NOW)
        .unwrap();
    assert_eq!(
        (done.acks[0].1.sequence, done.refused, done.stored),
        (2, 1, 1)
    );
}

pub(super) fn a_gap_without_end_is_bounded(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let done = commit(&*fresh.store, vec![gap(1, u64::MAX)]);
    assert_eq!(watermark(&done), (1 << 53) - 1);
}

pub(super) fn a_call_that_comes_again_replaces_itself(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let first = record(1, &serde_json::json!({ "outcome": "failed" }));
    let second = entry(2, Lane::Metric, call(1, &serde_json::json!({})).into());
    let done = store
        .commit(&[message(Lane::Metric, vec![first, second])], NOW)
        .unwrap();
    assert_eq!((done.stored, done.acks[0].1.sequence), (2, 2));
    let calls = all(store).calls;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].summary.outcome.name(), "bridged");
}

pub(super) fn what_a_box_that_stopped_knew_of_a_call_replaces_nothing_whole(
    fresh: &dyn Fn() -> Fresh,
) {
    let fresh = fresh();
    let store = &*fresh.store;
    let told = |sequence, number, interrupted| {
        let more = serde_json::json!({ "interrupted": interrupted });
        entry(sequence, Lane::Metric, call(number, &more).into())
    };
    let send = |lane, records| store.commit(&[message(lane, records)], NOW).unwrap();
    // In messages of their own and in one; the fourth call was only ever told as far as it was known.
    send(Lane::Metric, vec![told(1, 1, false)]);
    send(
        Lane::Metric,
        vec![told(2, 1, true), told(3, 2, false), told(4, 2, true)],
    );
    send(Lane::Metric, vec![told(5, 3, true), told(6, 4, true)]);
    send(Lane::Metric, vec![told(7, 3, false), told(8, 4, true)]);
    let mut whole: Vec<(String, bool)> = all(store)
        .calls
        .into_iter()
        .map(|item| (item.summary.call.to_string(), !item.summary.interrupted))
        .collect();
    whole.sort();
    let whole: Vec<bool> = whole.into_iter().map(|(_, whole)| whole).collect();
    assert_eq!(whole, [true, true, true, false]);

    let lane = Lane::Transcript;
    send(lane, vec![words_in_turns(1, 1, 3)]);
    send(
        lane,
        vec![
            words_in_turns(2, 1, 1),
            words_in_turns(3, 2, 2),
            words_in_turns(4, 2, 1),
        ],
    );
    send(lane, vec![words_in_turns(5, 2, 4)]);
    let page = store
        .transcripts(&Scope::ALL, &CallFilter::default(), 9, None)
        .unwrap();
    let mut turns: Vec<(String, usize)> = page
        .transcripts
        .into_iter()
        .map(|item| (item.call, item.turns.len()))
        .collect();
    turns.sort();
    let turns: Vec<usize> = turns.into_iter().map(|(_, turns)| turns).collect();
    assert_eq!(turns, [3, 4]);
}

/// Any order, any repetition, any split into messages: each once, and the watermark is right.
pub(super) fn every_record_is_stored_once(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let config = ProptestConfig::with_cases(12);
    let sequences = prop::collection::vec(1_u64..40, 1..80);
    let splits = prop::collection::vec(1_usize..10, 1..60);
    let case = std::cell::Cell::new(0);
    let run = TestRunner::new(config).run(&(sequences, splits), |(sequences, splits)| {
        case.set(case.get() + 1);
        let of = origin("acme", &format!("case {}", case.get()));
        let mut model = std::collections::BTreeSet::new();
        let (mut left, mut last, mut stored) = (&sequences[..], 0, 0);
        for split in splits.iter().cycle() {
            if left.is_empty() {
                break;
            }
            let (now, later) = left.split_at((*split).min(left.len()));
            left = later;
            let mut now: Vec<u64> = now.to_vec();
            now.sort_unstable();
            now.dedup();
            model.extend(now.iter().copied());
            let records = now.into_iter().map(alarm).collect();
            let done = store
                .commit(&[message_from(&of, Lane::Alarm, records)], NOW)
                .unwrap();
            last = watermark(&done);
            stored += done.stored;
        }
        prop_assert_eq!(stored, model.len() as u64);
        let expected = (1..=40)
            .take_while(|sequence| model.contains(sequence))
            .count() as u64;
        prop_assert_eq!(last, expected);
        Ok(())
    });
    run.unwrap();
}
