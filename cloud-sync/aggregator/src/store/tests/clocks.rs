//! Calls whose box did not know the time, and times that no calendar has.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::*;

pub(super) fn a_clock_that_nobody_set_moves_no_call_out_of_sight(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
    let send = |sequence: u64, number: u64, started_at: &str, now: Timestamp| {
        let more = serde_json::json!({ "started_at": started_at });
        let Received::Entry(mut entry, kept) = record(number, &more) else {
            unreachable!()
        };
        (entry.sequence, entry.clock_trusted) = (sequence, false);
        let message = message(Lane::Metric, vec![Received::Entry(entry, kept)]);
        assert_eq!(store.commit(&[message], now).unwrap().stored, 1);
    };
    send(1, 1, "1970-01-01T00:01:00Z", now);
    send(2, 2, "2099-11-30T00:00:00Z", now);
    send(3, 3, "2026-11-12T08:00:00Z", now);
    let ago = |hours: i64| now - SignedDuration::from_hours(hours);
    let since = |from: Timestamp| {
        let filter = CallFilter {
            since: Some(from),
            until: Some(ago(-1)),
            ..CallFilter::default()
        };
        store
            .calls(&Scope::ALL, &filter, 9, None)
            .unwrap()
            .calls
            .len()
    };
    assert_eq!(
        (since(ago(1)), since(ago(30 * 24))),
        (2, 3),
        "the third may be right"
    );
    let keep_from = ago(60 * 24);
    store
        .maintain(now.to_zoned(TimeZone::UTC).date(), Some(keep_from))
        .unwrap();
    assert_eq!(all(store).calls.len(), 3, "none of them is old");
    send(4, 1, "1970-01-01T00:01:00Z", ago(-24));
    assert_eq!(
        all(store).calls.len(),
        3,
        "what comes again replaces itself"
    );
}

/// Whoever asks for a time gets calls that are shown at it, and is told what the box said.
pub(super) fn a_call_is_shown_at_the_time_that_it_is_found_by(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let now: Timestamp = "2026-11-22T08:00:00.123Z".parse().unwrap();
    let (behind, exact) = ("2026-11-12T08:00:00Z", "2026-11-22T07:00:00.000000123Z");
    let said = [
        ("1970-01-01T00:01:00Z", false),
        ("2027-12-28T00:00:00Z", false),
        (behind, false),
        (exact, true),
        // The clock was set while the call went on.
        ("1970-01-01T00:02:00Z", true),
    ];
    for (number, (started_at, trusted)) in (1..).zip(said) {
        let call = record(number, &serde_json::json!({ "started_at": started_at }));
        let at = if trusted {
            "2026-11-22T07:30:00Z"
        } else {
            started_at
        };
        let spoken = words(number);
        let messages = [
            message(Lane::Metric, vec![written(call, number, at, trusted)]),
            message(Lane::Transcript, vec![written(spoken, number, at, trusted)]),
        ];
        store.commit(&messages, now).unwrap();
    }
    let times = |item: &CallItem| {
        let said = item.said_started_at.map(|at| at.to_string());
        (item.started_at.to_string(), said, item.clock_trusted)
    };
    let moved =
        |to: &str, from: &str, trusted| (to.to_owned(), Some(from.to_owned()), Some(trusted));
    let stays = |at: &str, trusted| (at.to_owned(), None, Some(trusted));
    let mut expected = vec![
        moved("2026-11-22T08:00:00.123Z", "2027-12-28T00:00:00Z", false),
        moved("2026-11-22T08:00:00.123Z", "1970-01-01T00:01:00Z", false),
        moved("2026-11-22T07:30:00Z", "1970-01-01T00:02:00Z", true),
        stays(exact, true),
        stays(behind, false),
    ];
    let shown = |filter: &CallFilter| store.calls(&Scope::ALL, filter, 9, None).unwrap().calls;
    let calls = shown(&CallFilter::default());
    assert_eq!(calls.iter().map(times).collect::<Vec<_>>(), expected);
    let json = serde_json::to_string(&calls[0]).unwrap();
    assert_eq!(json.matches("\"started_at\":").count(), 1, "{json}");
    let this_day = CallFilter {
        since: Some("2026-11-22T00:00:00Z".parse().unwrap()),
        ..CallFilter::default()
    };
    expected.pop();
    assert_eq!(
        shown(&this_day).iter().map(times).collect::<Vec<_>>(),
        expected
    );
    let name = calls[1].summary.call.to_string();
    let detail = store.call(&Scope::ALL, &name).unwrap().unwrap();
    assert_eq!(times(&detail.call), times(&calls[1]));
    let page = store.transcripts(&Scope::ALL, &this_day, 9, None).unwrap();
    let marks: Vec<_> = page
        .transcripts
        .iter()
        .map(|item| item.clock_trusted)
        .collect();
    assert_eq!(marks, [Some(false), Some(false), Some(true), Some(true)]);
}

/// A record as it was written at a time, by a clock that was set by then or not.
fn written(received: Received, sequence: u64, at: &str, clock_trusted: bool) -> Received {
    let Received::Entry(mut entry, kept) = received else {
        unreachable!()
    };
    entry.sequence = sequence;
    entry.at = at.parse().unwrap();
    entry.clock_trusted = clock_trusted;
    Received::Entry(entry, kept)
}

/// The words of the `number`th call that began in the first hour of 1970, as its name says.
fn early_words(number: u64) -> Received {
    let Received::Entry(mut entry, kept) = words(number) else {
        unreachable!()
    };
    if let Body::Transcript(transcript) = &mut entry.body {
        transcript.call = early_name(number).parse().unwrap();
    }
    Received::Entry(entry, kept)
}

fn early_name(number: u64) -> String {
    format!("00000000-ea60-7000-8000-{number:012}")
}

fn early_call(number: u64) -> Received {
    let more = serde_json::json!({
        "call": early_name(number), "started_at": "1970-01-01T00:01:00Z"
    });
    record(number, &more)
}

pub(super) fn a_call_that_began_before_the_clock_was_set_stands_where_it_was_recorded(
    fresh: &dyn Fn() -> Fresh,
) {
    let fresh = fresh();
    let store = &*fresh.store;
    let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
    let at = "2026-11-20T08:00:00Z";
    let calls = vec![written(early_call(1), 1, at, true)];
    let spoken = vec![written(early_words(1), 1, at, true)];
    let messages = [
        message(Lane::Metric, calls),
        message(Lane::Transcript, spoken),
    ];
    store.commit(&messages, now).unwrap();
    let recorded_at: Timestamp = at.parse().unwrap();
    let keep_from = recorded_at - SignedDuration::from_hours(1);
    let today = now.to_zoned(TimeZone::UTC).date();
    store.maintain(today, Some(keep_from)).unwrap();
    let filter = CallFilter {
        since: Some(recorded_at),
        until: Some(recorded_at + SignedDuration::from_secs(1)),
        ..CallFilter::default()
    };
    let page = store.transcripts(&Scope::ALL, &filter, 9, None).unwrap();
    assert_eq!(page.transcripts.len(), 1, "it is not as old as it says");
    assert_eq!(page.transcripts[0].turns.len(), 1);
}

pub(super) fn what_comes_again_from_a_clock_that_nobody_set_is_there_once(
    fresh: &dyn Fn() -> Fresh,
) {
    let fresh = fresh();
    let store = &*fresh.store;
    let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
    let ahead = "2026-11-22T10:00:00Z";
    // In 1970, then two hours ahead of the cloud, which time catches up with.
    let begin = |number: u64, hours: i64, sequence: u64, at: &str, trusted: bool| {
        let (mut call, mut spoken) = (early_call(number), early_words(number));
        if number == 2 {
            call = record(2, &serde_json::json!({ "started_at": ahead }));
            spoken = words(2);
        }
        let messages = [
            message(Lane::Metric, vec![written(call, sequence, at, trusted)]),
            message(
                Lane::Transcript,
                vec![written(spoken, sequence, at, trusted)],
            ),
        ];
        let came = now + SignedDuration::from_hours(hours);
        assert_eq!(store.commit(&messages, came).unwrap().stored, 2);
    };
    begin(1, 0, 1, "1970-01-01T00:02:00Z", false);
    begin(1, 24, 2, "1970-01-01T00:02:00Z", false);
    begin(1, 48, 3, "2026-11-23T08:00:00Z", true);
    begin(2, 0, 4, ahead, false);
    begin(2, 2, 5, ahead, false);
    assert_eq!(all(store).calls.len(), 2);
    let page = store
        .transcripts(&Scope::ALL, &CallFilter::default(), 9, None)
        .unwrap();
    assert_eq!(page.transcripts.len(), 2);
}

pub(super) fn times_beyond_every_calendar_are_kept(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    for (number, started_at) in [
        (1, Timestamp::MIN.to_string()),
        (2, Timestamp::MAX.to_string()),
        (3, "1969-12-31T23:59:59.9Z".to_owned()),
    ] {
        let records = vec![record(
            number,
            &serde_json::json!({ "started_at": started_at }),
        )];
        store
            .commit(&[message(Lane::Metric, records)], NOW)
            .unwrap();
    }
    let odd = serde_json::json!({ "times": { "decided_s": 1e308, "ended_s": 1.0 } });
    let records = vec![record(4, &odd), record(5, &odd)];
    store
        .commit(&[message(Lane::Metric, records)], NOW)
        .unwrap();
    let calls = all(store).calls;
    assert_eq!(calls.len(), 5);
    let parts = store
        .cells(&Scope::ALL, &CallFilter::default(), Span::Quarters(100))
        .unwrap();
    let hours = super::hours(&parts, None, 100);
    assert!(
        hours
            .iter()
            .any(|hour| hour.hour.to_string() == "1969-12-31T23:00:00Z")
    );
    assert_eq!(hours.iter().map(|hour| hour.calls).sum::<u64>(), 5);
    let far = CallFilter {
        since: Some(Timestamp::MIN),
        until: Some(Timestamp::MAX),
        ..CallFilter::default()
    };
    assert_eq!(
        store.calls(&Scope::ALL, &far, 9, None).unwrap().calls.len(),
        4
    );
}
