//! PostgreSQL does all that SQLite does, and what only a server has to do. One test starts one server
//! for all of it.

use super::*;

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
    nobody_waits_while_old_rows_are_deleted(&cluster);
    two_writers_take_turns(&cluster);
    access_checks_do_not_wait_for_readers(&cluster);
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

/// Waits until a session of this database waits for another.
#[expect(clippy::disallowed_methods, reason = "a test waits with a deadline")]
fn until_somebody_waits(cluster: &Cluster, name: &str) {
    let until = std::time::Instant::now() + std::time::Duration::from_mins(3);
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = '{name}' AND wait_event_type = 'Lock'"
    );
    while cluster.sql("postgres", &waits) == "0" {
        assert!(std::time::Instant::now() < until, "nobody waits");
        std::thread::park_timeout(cluster::PAUSE);
    }
}

/// The certificate is being made while the box is revoked: it is seen.
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
    std::thread::scope(|scope| {
        let revoking = scope.spawn(|| store.revoke_box(&of, at(1)));
        until_somebody_waits(cluster, name);
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
            "quality": [
                { "rule": "greeting", "kept": true, "hits": [
                    { "at_s": 1.5, "text": "您好" }, { "at_s": 9.5, "text": "你好" }
                ] },
                { "rule": "recording_notice", "kept": false }
            ],
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
             trunkside.moods_hourly, trunkside.devices, trunkside.alarms, trunkside.quality
             TO grafana_acme;
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
    let clock = "SELECT count(*) FROM trunkside.calls
                 WHERE clock_trusted AND said_started_at = '2026-11-21T08:10:00Z'";
    assert_eq!(ask(clock).unwrap(), 1);
    for (rules, rows) in [
        ("true", 3),
        ("rule = 'greeting' AND kept AND at_s > 1 AND text ~ '好'", 2),
        ("NOT kept AND at_s IS NULL AND text IS NULL", 1),
    ] {
        let quality = format!("SELECT count(*) FROM trunkside.quality WHERE {rules}");
        assert_eq!(ask(&quality).unwrap(), rows, "{rules}");
    }
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

/// Old rows are found one by one, which may take long: the months have gone before, and their tables are
/// open again.
fn nobody_waits_while_old_rows_are_deleted(cluster: &Cluster) {
    let address = cluster.database();
    let (_, name) = address.rsplit_once('=').unwrap();
    let store = Postgres::open(&options(&address)).unwrap();
    let started = |number: u64, at: &str| record(number, &serde_json::json!({ "started_at": at }));
    store
        .maintain(jiff::civil::date(2026, 11, 21), None)
        .unwrap();
    let records = vec![
        started(1, "2026-11-05T00:00:00Z"),
        started(2, "2026-12-05T00:00:00Z"),
        started(3, "2026-12-20T00:00:00Z"),
    ];
    store
        .commit(&[message(Lane::Metric, records)], NOW)
        .unwrap();
    let mut other = ::postgres::Client::connect(&address, ::postgres::NoTls).unwrap();
    let mut holds = other.transaction().unwrap();
    holds
        .batch_execute(
            "SELECT FROM trunkside.call_2026_12 WHERE started_at < '2026-12-15' FOR UPDATE",
        )
        .unwrap();
    let (today, keep_from) = (jiff::civil::date(2026, 12, 21), "2026-12-15T00:00:00Z");
    std::thread::scope(|scope| {
        let maintaining = scope.spawn(|| store.maintain(today, Some(keep_from.parse().unwrap())));
        until_somebody_waits(cluster, name);
        assert_eq!(all(&store).calls.len(), 2, "the month has gone");
        let late = message(Lane::Metric, vec![started(4, "2026-12-21T00:00:00Z")]);
        assert_eq!(store.commit(&[late], NOW).unwrap().stored, 1);
        holds.rollback().unwrap();
        // The months from August to November, and a call.
        assert_eq!(maintaining.join().unwrap().unwrap(), 5);
    });
    assert_eq!(all(&store).calls.len(), 2);
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

/// Whoever reads much keeps no key, no box and no watch waiting, and not for ever.
fn access_checks_do_not_wait_for_readers(cluster: &Cluster) {
    let store = Postgres::open(&options(&cluster.database())).unwrap();
    let (reading, read) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let release: Vec<_> = (0..5)
            .map(|_| {
                let (release, released) = std::sync::mpsc::channel::<()>();
                let (store, reading) = (&store, reading.clone());
                scope.spawn(move || {
                    store
                        .within(&Scope::ALL, |at| {
                            let limit = at.query_one("SHOW statement_timeout", &[])?;
                            reading.send(limit.get::<_, String>(0)).unwrap();
                            let _ = released.recv();
                            Ok(())
                        })
                        .unwrap();
                });
                release
            })
            .collect();
        let within = std::time::Duration::from_secs(20);
        for _ in &release {
            assert_eq!(read.recv_timeout(within).unwrap(), "30s");
        }
        assert!(store.is_well());
        assert_eq!(store.key("none").unwrap(), None);
        drop(release);
    });
    let slow = "SET LOCAL statement_timeout = '1ms'; SELECT pg_sleep(20)";
    let cut = store.within(&Scope::ALL, |at| Ok(at.batch_execute(slow)?));
    assert!(cut.unwrap_err().is_cut_short());
}
