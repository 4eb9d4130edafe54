//! What every store does: each behaviour runs on SQLite in a test of its own, and all of them on
//! PostgreSQL in one test, which starts a server.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use trunkside_record::{
    Ack, Alarm, Batch, Body, CallSummary, Entry, Gap, GapReason, Lane, Origin, Received,
    RedactedText, Severity, Timestamp, Transcript, Turn, VERSION,
};

use super::*;

mod answers;
use answers::*;

#[path = "../../tests/support/cluster.rs"]
mod cluster;
use cluster::Cluster;

const EPOCH: u64 = 44;
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A store, and ways around it.
struct Fresh {
    store: Arc<dyn Store>,
    /// Opens the same database again.
    reopen: Box<dyn Fn() -> Result<Arc<dyn Store>, StoreError>>,
    /// Pretends that a newer program was here.
    pretend_newer: Box<dyn Fn()>,
    /// Pretends that an older program could not read what waits.
    pretend_older: Box<dyn Fn()>,
    /// Writes what no program here can read into the second record of every stream.
    spoil: Box<dyn Fn()>,
}

type Behaviour = fn(&dyn Fn() -> Fresh);

macro_rules! behaviours {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                #[test]
                fn on_sqlite() {
                    super::$name(&super::on_sqlite);
                }
            }
        )+
        const BEHAVIOURS: &[(&str, Behaviour)] = &[$((stringify!($name), $name)),+];
    };
}

behaviours!(
    the_watermark_stops_before_a_hole_and_jumps_when_it_is_filled,
    a_gap_fills_the_hole_and_counts_only_what_never_came,
    a_record_that_cannot_be_kept_does_not_hold_up_the_others,
    a_gap_without_end_is_bounded,
    hours_intents_and_moods_add_up,
    pages_follow_each_other_without_overlap,
    a_scope_hides_other_tenants_and_branches,
    a_call_that_comes_again_replaces_itself,
    times_beyond_every_calendar_are_kept,
    a_clock_that_nobody_set_moves_no_call_out_of_sight,
    devices_tell_how_they_do,
    a_call_that_began_before_the_clock_was_set_stands_where_it_was_recorded,
    what_comes_again_from_a_clock_that_nobody_set_is_there_once,
    keys_work_until_they_are_revoked,
    the_audit_log_keeps_its_order_and_scope,
    a_claim_is_used_once_and_in_time,
    a_claim_leaves_that_of_another_box_with_its_id_alone,
    a_revoked_boxs_certificates_end_and_a_later_one_serves,
    what_is_too_old_goes,
    words_whose_call_never_came_go_in_time,
    a_newer_database_is_left_alone,
    what_a_newer_box_writes_is_kept_and_shown,
    what_could_not_be_read_is_read_by_a_version_that_can,
    a_row_that_cannot_be_read_takes_no_other_from_an_answer,
    a_page_is_bounded_by_bytes_too,
    the_newest_quarters_are_those_with_calls,
    every_record_is_stored_once,
);

#[test]
#[expect(clippy::print_stderr, reason = "a failure names the behaviour")]
fn postgres_behaves_the_same() {
    let Some(cluster) = Cluster::start().map(Arc::new) else {
        return;
    };
    let fresh = || on_postgres(&cluster);
    let fails = |(name, behaviour): &&(&'static str, Behaviour)| {
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| behaviour(&fresh)));
        if failed.is_err() {
            eprintln!("{name} fails on PostgreSQL");
        }
        failed.is_err()
    };
    let failed: Vec<_> = BEHAVIOURS
        .iter()
        .filter(fails)
        .map(|(name, _)| name)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    a_machine_that_vanishes_holds_nobody_up(&cluster);
    a_box_that_is_revoked_while_it_joins_stays_out(&cluster);
    rows_are_kept_apart_for_readers_of_sql(&cluster);
    months_have_parts_of_their_own(&cluster);
    two_writers_take_turns(&cluster);
    the_door_does_not_wait_for_readers(&cluster);
}

fn on_sqlite() -> Fresh {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let open = {
        let folder = Arc::clone(&folder);
        move || Ok(Arc::new(Sqlite::open(folder.path())?) as Arc<dyn Store>)
    };
    let sql = move |sql: &'static str| {
        let file = folder.path().join("trunkside-cloud.sqlite");
        move || {
            let database = rusqlite::Connection::open(&file).unwrap();
            database.execute_batch(sql).unwrap();
        }
    };
    Fresh {
        store: open().unwrap(),
        reopen: Box::new(open),
        pretend_newer: Box::new(sql("PRAGMA user_version = 99")),
        pretend_older: Box::new(sql("UPDATE unread SET reader = 'an older one'")),
        spoil: Box::new(sql("UPDATE call SET summary = '{}' WHERE sequence = 2;
             UPDATE transcript SET turns = '[{}]' WHERE sequence = 2;
             UPDATE report SET body = '{\"wear\":1e999}' WHERE sequence = 2")),
    }
}

fn on_postgres(cluster: &Arc<Cluster>) -> Fresh {
    let address = cluster.database();
    let (_, name) = address.rsplit_once('=').unwrap();
    let (name, cluster) = (name.to_owned(), Arc::clone(cluster));
    let open = move || Ok(Arc::new(Postgres::open(&options(&address))?) as Arc<dyn Store>);
    let sql = move |sql: &'static str| {
        let (name, cluster) = (name.clone(), Arc::clone(&cluster));
        move || {
            cluster.sql(&name, sql);
        }
    };
    Fresh {
        store: open().unwrap(),
        reopen: Box::new(open),
        pretend_newer: Box::new(sql("UPDATE trunkside.version SET version = 99")),
        pretend_older: Box::new(sql("UPDATE trunkside.unread SET reader = 'an older one'")),
        spoil: Box::new(sql(
            "UPDATE trunkside.call SET summary = '{}' WHERE sequence = 2;
             UPDATE trunkside.transcript SET turns = '[{}]' WHERE sequence = 2;
             UPDATE trunkside.report SET body = '{\"wear\":1e999}' WHERE sequence = 2",
        )),
    }
}

fn options(address: &str) -> PostgresOptions {
    PostgresOptions {
        address: address.to_owned(),
        ..PostgresOptions::default()
    }
}

fn origin(tenant: &str, branch: &str) -> Origin {
    Origin::new(tenant, branch, "box1").unwrap()
}

fn message(lane: Lane, records: Vec<Received>) -> Message {
    message_from(&origin("acme", "harbour"), lane, records)
}

fn message_from(origin: &Origin, lane: Lane, records: Vec<Received>) -> Message {
    let Origin {
        tenant,
        branch,
        device,
    } = origin.clone();
    let epoch = EPOCH + lane as u64;
    let batch = Batch {
        v: VERSION,
        tenant,
        branch,
        device,
        epoch,
        records,
    };
    Message {
        origin: origin.clone(),
        lane,
        batch,
    }
}

fn entry(sequence: u64, lane: Lane, body: Body) -> Received {
    // Written when the call began, as its name says it for the words.
    let at = match &body {
        Body::Call(call) => call.started_at,
        Body::Transcript(_) => "2025-09-01T00:00:00Z".parse().unwrap(),
        _ => Timestamp::UNIX_EPOCH,
    };
    Received::from(Entry {
        sequence,
        at,
        clock_trusted: true,
        lane,
        body,
    })
}

fn alarm(sequence: u64) -> Received {
    let text = RedactedText::try_new("the trunk is down").unwrap();
    let alarm = Alarm {
        code: "trunk".into(),
        severity: Severity::Critical.into(),
        cleared: false,
        text,
    };
    entry(sequence, Lane::Alarm, alarm.into())
}

fn gap(sequence: u64, through: u64) -> Received {
    let reason = GapReason::Budget;
    entry(
        sequence,
        Lane::Alarm,
        Body::Gap(Gap {
            through,
            reason: reason.into(),
        }),
    )
}

fn commit(store: &dyn Store, records: Vec<Received>) -> Committed {
    store.commit(&[message(Lane::Alarm, records)], NOW).unwrap()
}

fn watermark(committed: &Committed) -> u64 {
    let [(_, Ack { epoch, sequence })] = committed.acks[..] else {
        panic!("{committed:?}")
    };
    assert_eq!(epoch, EPOCH + Lane::Alarm as u64);
    sequence
}

fn call(number: u64, more: &serde_json::Value) -> CallSummary {
    let mut call = serde_json::json!({
        "call": format!("01990000-0000-7000-8000-{number:012}"),
        "started_at": "2026-11-21T08:10:00Z",
        "outcome": "bridged", "ended_by": "caller", "times": { "ended_s": 30.0 }, "redacted": true
    });
    call.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(call).unwrap()
}

fn record(number: u64, more: &serde_json::Value) -> Received {
    entry(number, Lane::Metric, call(number, more).into())
}

fn words(number: u64) -> Received {
    let text = RedactedText::try_new("my card is [card]").unwrap();
    let turn = Turn {
        side: trunkside_call::Side::Caller.into(),
        start_s: 1.0,
        end_s: 2.0,
        text,
    };
    let call = format!("01990000-0000-7000-8000-{number:012}")
        .parse()
        .unwrap();
    let turns = vec![turn];
    entry(number, Lane::Transcript, Transcript { call, turns }.into())
}

fn all(store: &dyn Store) -> Page {
    store
        .calls(&Scope::ALL, &CallFilter::default(), 500, None)
        .unwrap()
}

fn the_watermark_stops_before_a_hole_and_jumps_when_it_is_filled(fresh: &dyn Fn() -> Fresh) {
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

fn a_gap_fills_the_hole_and_counts_only_what_never_came(fresh: &dyn Fn() -> Fresh) {
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

fn a_record_that_cannot_be_kept_does_not_hold_up_the_others(fresh: &dyn Fn() -> Fresh) {
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

/// A record as it comes over the wire.
fn raw(sequence: u64, lane: Lane, body: &serde_json::Value) -> Received {
    let entry = serde_json::json!({
        "sequence": sequence, "at": "2026-11-21T08:12:00Z", "clock_trusted": true, "lane": lane,
        "body": body
    });
    serde_json::from_str(&entry.to_string()).unwrap()
}

/// A call as a newer box tells it.
fn newer_call(number: u64) -> serde_json::Value {
    serde_json::json!({
        "kind": "call", "call": format!("01990000-0000-7000-8000-{number:012}"),
        "started_at": "2026-11-21T08:10:00Z", "language": "de", "outcome": "hologram",
        "ended_by": "supervisor", "times": { "ended_s": 30.0, "beamed_s": 2.5 },
        "mood": { "emotion": "bored", "emotion_score": 0.5, "sentiment": 0.25 },
        "decision": { "number": 1, "action": { "do": "beam", "deck": 7 }, "policy": "5e88" },
        "redacted": true
    })
}

fn what_a_newer_box_writes_is_kept_and_shown(fresh: &dyn Fn() -> Fresh) {
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

fn what_could_not_be_read_is_read_by_a_version_that_can(fresh: &dyn Fn() -> Fresh) {
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

fn a_gap_without_end_is_bounded(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let done = commit(&*fresh.store, vec![gap(1, u64::MAX)]);
    assert_eq!(watermark(&done), (1 << 53) - 1);
}

fn hours_intents_and_moods_add_up(fresh: &dyn Fn() -> Fresh) {
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

fn pages_follow_each_other_without_overlap(fresh: &dyn Fn() -> Fresh) {
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

fn a_scope_hides_other_tenants_and_branches(fresh: &dyn Fn() -> Fresh) {
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

fn a_call_that_comes_again_replaces_itself(fresh: &dyn Fn() -> Fresh) {
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

fn a_clock_that_nobody_set_moves_no_call_out_of_sight(fresh: &dyn Fn() -> Fresh) {
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

fn a_call_that_began_before_the_clock_was_set_stands_where_it_was_recorded(
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

fn what_comes_again_from_a_clock_that_nobody_set_is_there_once(fresh: &dyn Fn() -> Fresh) {
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

fn times_beyond_every_calendar_are_kept(fresh: &dyn Fn() -> Fresh) {
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

fn devices_tell_how_they_do(fresh: &dyn Fn() -> Fresh) {
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

fn keys_work_until_they_are_revoked(fresh: &dyn Fn() -> Fresh) {
    let Fresh { store, reopen, .. } = fresh();
    assert!(!store.has_keys().unwrap());
    assert!(!store.ever_had_keys().unwrap());
    let key = KeyRecord {
        id: "k1".into(),
        name: "grafana".into(),
        hash: "00".into(),
        role: Role::Operator,
        scope: Scope {
            tenant: Some("acme".into()),
            branch: None,
        },
        created_at: NOW,
        revoked_at: None,
    };
    store.add_key(&key).unwrap();
    assert!(store.add_key(&key).is_err(), "a name is taken once");
    let again = reopen().unwrap();
    assert_eq!(again.key("k1").unwrap(), Some(key.clone()));
    assert_eq!(again.key("k2").unwrap(), None);
    assert!(store.revoke_key("k1", NOW).unwrap());
    assert!(!store.revoke_key("k1", NOW).unwrap());
    assert_eq!(again.key("k1").unwrap(), None);
    assert!(!again.has_keys().unwrap());
    assert!(again.ever_had_keys().unwrap());
    assert_eq!(again.keys().unwrap()[0].revoked_at, Some(NOW));
}

fn the_audit_log_keeps_its_order_and_scope(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let note = |tenant: &str, call: &str| Audit {
        at: NOW,
        subject: "key k1".into(),
        action: "transcript".into(),
        tenant: tenant.into(),
        branch: "harbour".into(),
        call: call.into(),
    };
    store.audit(&[]).unwrap();
    store
        .audit(&[note("acme", "1"), note("other", "2"), note("acme", "3")])
        .unwrap();
    let read = |scope: &Scope, before| -> Vec<(i64, String)> {
        let notes = store.audits(scope, 2, before).unwrap();
        notes
            .into_iter()
            .map(|(id, note)| (id, note.call))
            .collect()
    };
    let first = read(&Scope::ALL, None);
    assert_eq!((first[0].1.as_str(), first[1].1.as_str()), ("3", "2"));
    assert_eq!(read(&Scope::ALL, Some(first[1].0))[0].1, "1");
    let acme = Scope {
        tenant: Some("acme".into()),
        branch: None,
    };
    assert_eq!(
        read(&acme, None)
            .iter()
            .map(|(_, call)| call.as_str())
            .collect::<Vec<_>>(),
        ["3", "1"]
    );
}

fn a_claim_is_used_once_and_in_time(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let at = |second| Timestamp::from_second(second).unwrap();
    let claim = claim("c1", "box1");
    assert!(store.add_claim(&claim).unwrap());
    let second = Claim {
        id: "c2".into(),
        ..claim.clone()
    };
    assert!(store.add_claim(&second).unwrap());
    assert_eq!(
        store.claim("c1", at(1)).unwrap(),
        None,
        "the later one replaces it"
    );
    assert_eq!(store.claim("c2", at(1)).unwrap(), Some(second));
    assert_eq!(store.claim("c2", at(100)).unwrap(), None);
    assert!(!store.use_claim("c2", "1a", at(100)).unwrap());
    assert!(store.use_claim("c2", "1a", at(1)).unwrap());
    assert!(!store.use_claim("c2", "1b", at(1)).unwrap());
    assert_eq!(store.claim("c2", at(1)).unwrap(), None);
}

/// A claim that ends a hundred seconds after the epoch.
fn claim(id: &str, device: &str) -> Claim {
    Claim {
        id: id.into(),
        proof_key: "ff".into(),
        tenant: "acme".into(),
        branch: "harbour".into(),
        device: device.into(),
        expires_at: Timestamp::from_second(100).unwrap(),
    }
}

fn a_claim_leaves_that_of_another_box_with_its_id_alone(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let kept = |id: &str| store.claim(id, NOW).unwrap().map(|claim| claim.device);
    for (id, device) in [("c1", "box1"), ("c2", "box2")] {
        assert!(store.add_claim(&claim(id, device)).unwrap());
    }
    assert!(!store.add_claim(&claim("c1", "box2")).unwrap());
    assert_eq!(kept("c1").as_deref(), Some("box1"));
    assert_eq!(kept("c2").as_deref(), Some("box2"), "it waits still");
    // The same box may draw its own again.
    assert!(store.add_claim(&claim("c2", "box2")).unwrap());
}

fn a_revoked_boxs_certificates_end_and_a_later_one_serves(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let at = |second| Timestamp::from_second(second).unwrap();
    let join = |device: &str, serial: &str| {
        assert!(store.add_claim(&claim(serial, device)).unwrap());
        store.use_claim(serial, serial, at(1)).unwrap()
    };
    let [one, two] = ["box1", "box2"].map(|device| Origin::new("acme", "harbour", device).unwrap());
    assert!(join("box1", "1a") && join("box2", "2a"));
    let before = store.revocations().unwrap();
    assert!(!store.is_revoked(&one, "1a").unwrap());
    assert!(!store.is_revoked(&one, "older").unwrap());

    assert!(store.revoke_box(&one, at(1)).unwrap() > 0);
    let stranger = Origin::new("acme", "harbour", "box9").unwrap();
    assert_eq!(store.revoke_box(&stranger, at(1)).unwrap(), 0);
    assert!(store.revocations().unwrap() > before);
    assert!(store.is_revoked(&one, "1a").unwrap());
    assert!(store.is_revoked(&one, "older").unwrap());
    assert!(!store.is_revoked(&two, "2a").unwrap());

    assert!(join("box1", "1b"));
    assert!(!store.is_revoked(&one, "1b").unwrap());
    assert!(store.is_revoked(&one, "1a").unwrap());
}

fn what_is_too_old_goes(fresh: &dyn Fn() -> Fresh) {
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

fn words_whose_call_never_came_go_in_time(fresh: &dyn Fn() -> Fresh) {
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

fn a_newer_database_is_left_alone(fresh: &dyn Fn() -> Fresh) {
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

/// Any order, any repetition, any split into messages: each once, and the watermark is right.
fn every_record_is_stored_once(fresh: &dyn Fn() -> Fresh) {
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

#[test]
fn a_database_of_the_first_version_is_brought_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trunkside-cloud.sqlite");
    let database = rusqlite::Connection::open(file).unwrap();
    database
        .execute_batch(include_str!("sqlite/0001.sql"))
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

/// What a machine leaves behind that vanishes in the middle of a transaction must not last.
fn a_machine_that_vanishes_holds_nobody_up(cluster: &Cluster) {
    let address = cluster.database();
    let store = Postgres::open(&options(&address)).unwrap();
    let setting = |name: &str| {
        let shown = store.within(&Scope::ALL, |at| {
            Ok(at
                .query_one(&format!("SHOW {name}"), &[])?
                .get::<_, String>(0))
        });
        shown.unwrap()
    };
    assert_eq!(setting("idle_in_transaction_session_timeout"), "30s");
    assert_eq!(setting("lock_timeout"), "20s");
    let mut other = ::postgres::Client::connect(&address, ::postgres::NoTls).unwrap();
    let mut holds = other.transaction().unwrap();
    holds.batch_execute("LOCK TABLE trunkside.stream").unwrap();
    let locked = store.within(&Scope::ALL, |at| {
        Ok(at.batch_execute("LOCK TABLE stream NOWAIT")?)
    });
    let error = locked.unwrap_err();
    assert!(error.is_busy() && !error.is_content(), "{error}");
    holds.rollback().unwrap();
    assert_eq!(commit(&store, vec![alarm(1)]).stored, 1);
}

/// The certificate is being made while the box is revoked: it is seen.
#[expect(clippy::disallowed_methods, reason = "a test waits with a deadline")]
fn a_box_that_is_revoked_while_it_joins_stays_out(cluster: &Cluster) {
    let address = cluster.database();
    let (_, name) = address.rsplit_once('=').unwrap();
    let store = Postgres::open(&options(&address)).unwrap();
    let at = |second| Timestamp::from_second(second).unwrap();
    let claim = claim("c1", "box1");
    assert!(store.add_claim(&claim).unwrap());
    let mut joins = ::postgres::Client::connect(&address, ::postgres::NoTls).unwrap();
    let mut joining = joins.transaction().unwrap();
    joining
        .batch_execute(
            "UPDATE trunkside.claim SET used = now();
             INSERT INTO trunkside.certificate (serial, tenant, branch, device, made)
             SELECT '1a', tenant, branch, device, now() FROM trunkside.claim",
        )
        .unwrap();
    let of = origin("acme", "harbour");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    std::thread::scope(|scope| {
        let revoking = scope.spawn(|| store.revoke_box(&of, at(1)));
        let waits = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = '{name}' AND wait_event_type = 'Lock'"
        );
        while cluster.sql("postgres", &waits) == "0" {
            assert!(std::time::Instant::now() < until, "nobody waits");
            std::thread::yield_now();
        }
        joining.commit().unwrap();
        assert!(revoking.join().unwrap().unwrap() > 0);
    });
    assert!(store.is_revoked(&of, "1a").unwrap());
}

/// A role of its own for each tenant reads the views, and sees nothing of the other's.
fn rows_are_kept_apart_for_readers_of_sql(cluster: &Cluster) {
    let address = cluster.database();
    let (_, name) = address.rsplit_once('=').unwrap();
    let store = Postgres::open(&options(&address)).unwrap();
    for (number, tenant) in [(1, "acme"), (2, "other")] {
        let of = origin(tenant, "harbour");
        let overflowed = serde_json::json!({
            "outcome": "overflowed",
            "decision": {
                "number": 1,
                "action": { "do": "overflow", "to": "messages", "kind": "voicemail" }
            }
        });
        let calls = message_from(&of, Lane::Metric, vec![record(number, &overflowed)]);
        let mut spoken = message_from(&of, Lane::Transcript, vec![words(number)]);
        spoken.batch.records = vec![words(number)];
        store.commit(&[calls, spoken], NOW).unwrap();
    }
    cluster.sql(
        name,
        "CREATE ROLE grafana_acme LOGIN; GRANT USAGE ON SCHEMA trunkside TO grafana_acme;
         GRANT SELECT ON trunkside.call, trunkside.stream, trunkside.gap, trunkside.report,
             trunkside.calls, trunkside.calls_hourly, trunkside.intents_hourly,
             trunkside.moods_hourly, trunkside.devices, trunkside.alarms TO grafana_acme;
         INSERT INTO trunkside.reader (role_name, tenant) VALUES ('grafana_acme', 'acme')",
    );
    let mut reader =
        ::postgres::Client::connect(&cluster.address("grafana_acme", name), ::postgres::NoTls)
            .unwrap();
    let mut ask = |sql: &str| reader.query_one(sql, &[]).map(|row| row.get::<_, i64>(0));
    assert_eq!(ask("SELECT count(*) FROM trunkside.calls").unwrap(), 1);
    assert_eq!(
        ask("SELECT count(*) FROM trunkside.calls WHERE tenant = 'other'").unwrap(),
        0
    );
    assert_eq!(
        ask("SELECT sum(calls)::bigint FROM trunkside.calls_hourly").unwrap(),
        1
    );
    let sent_on =
        "SELECT sum(overflowed)::bigint - sum(bridged)::bigint FROM trunkside.calls_hourly";
    assert_eq!(ask(sent_on).unwrap(), 1);
    let to = "SELECT count(*) FROM trunkside.calls
              WHERE overflowed_to = 'messages' AND overflow_kind = 'voicemail'";
    assert_eq!(ask(to).unwrap(), 1);
    assert_eq!(ask("SELECT count(*) FROM trunkside.devices").unwrap(), 1);
    // The aggregator's own setting opens nothing to others.
    assert_eq!(
        ask("SELECT count(*) FROM trunkside.call, set_config('trunkside.tenant', '*', false)")
            .unwrap(),
        1
    );
    assert!(ask("SELECT count(*) FROM trunkside.transcript").is_err());
    assert!(ask("SELECT count(*) FROM trunkside.api_key").is_err());
    // Whoever forgets to say whose rows it wants gets none.
    let mut owner = ::postgres::Client::connect(&address, ::postgres::NoTls).unwrap();
    let row = owner
        .query_one("SELECT count(*) FROM trunkside.call", &[])
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

fn months_have_parts_of_their_own(cluster: &Cluster) {
    let address = cluster.database();
    let (_, name) = address.rsplit_once('=').unwrap();
    let store = Postgres::open(&options(&address)).unwrap();
    let started = |number: u64, at: &str| record(number, &serde_json::json!({ "started_at": at }));
    let records = vec![
        started(1, "2026-11-05T00:00:00Z"),
        started(2, "2026-12-31T23:59:59Z"),
        started(3, "2036-01-01T00:00:00Z"),
    ];
    store
        .commit(&[message(Lane::Metric, records)], NOW)
        .unwrap();
    assert_eq!(
        cluster.sql(name, "SELECT count(*) FROM trunkside.call_other"),
        "3"
    );
    let today = jiff::civil::date(2026, 11, 21);
    store.maintain(today, None).unwrap();
    store.maintain(today, None).unwrap();
    let count = |part: &str| cluster.sql(name, &format!("SELECT count(*) FROM trunkside.{part}"));
    assert_eq!(
        (count("call_2026_11"), count("call_2026_12")),
        ("1".into(), "1".into())
    );
    assert_eq!(count("call_other"), "1");
    assert_eq!(all(&store).calls.len(), 3);
    let later = jiff::civil::date(2027, 6, 1);
    let keep_from = "2026-12-15T00:00:00Z".parse().unwrap();
    store.maintain(later, Some(keep_from)).unwrap();
    assert_eq!(
        cluster.sql(name, "SELECT to_regclass('trunkside.call_2026_11') IS NULL"),
        "t"
    );
    assert_eq!(
        (all(&store).calls.len(), count("call_2026_12")),
        (2, "1".into())
    );
}

/// Two aggregators get the same and each other's records at once, in opposite orders.
fn two_writers_take_turns(cluster: &Cluster) {
    let address = cluster.database();
    let stores = [(); 2].map(|()| Postgres::open(&options(&address)).unwrap());
    let kept: u64 = std::thread::scope(|scope| {
        let writers: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(number, store)| scope.spawn(move || write_in_turns(store, number == 1)))
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .sum()
    });
    assert_eq!(kept, 10 * 20);
}

fn write_in_turns(store: &Postgres, backwards: bool) -> u64 {
    let mut stored = 0;
    for round in 1..=20 {
        let mut messages: Vec<Message> = (0..10)
            .map(|branch| {
                let of = origin("acme", &format!("b{branch}"));
                message_from(&of, Lane::Alarm, (1..=round).map(alarm).collect())
            })
            .collect();
        if backwards {
            messages.reverse();
        }
        stored += store.commit(&messages, NOW).unwrap().stored;
    }
    stored
}
