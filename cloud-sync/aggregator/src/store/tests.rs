//! What every store does: each behaviour runs on SQLite in a test of its own, and all of them on
//! PostgreSQL in one test, which starts a server.

use std::sync::Arc;

use trunkside_record::{Ack, Body, CallSummary, Lane, Origin, Received, Timestamp};

use super::*;

mod access;
mod alarms;
mod answers;
mod clocks;
mod figures;
mod messages;
mod postgres;
mod retention;
mod versions;
mod watermarks;

#[path = "../../tests/support/cluster.rs"]
mod cluster;

use access::*;
use alarms::*;
use answers::*;
use clocks::*;
use cluster::Cluster;
use figures::*;
use messages::*;
use retention::*;
use versions::*;
use watermarks::*;

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
    /// Gives the first call the intent that an older program would have kept.
    spoil_intent: Box<dyn Fn()>,
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
    what_a_box_that_stopped_knew_of_a_call_replaces_nothing_whole,
    times_beyond_every_calendar_are_kept,
    a_clock_that_nobody_set_moves_no_call_out_of_sight,
    a_call_is_shown_at_the_time_that_it_is_found_by,
    devices_tell_how_they_do,
    alarms_stand_until_they_are_cleared,
    figures_are_bounded_whatever_boxes_name,
    losses_beyond_every_number_are_told,
    a_call_that_began_before_the_clock_was_set_stands_where_it_was_recorded,
    what_comes_again_from_a_clock_that_nobody_set_is_there_once,
    keys_work_until_they_are_revoked,
    the_audit_log_keeps_its_order_and_scope,
    notes_and_claims_go_once_they_are_over,
    a_claim_is_used_once_and_in_time,
    a_claim_leaves_that_of_another_box_with_its_id_alone,
    a_revoked_boxs_certificates_end_and_a_later_one_serves,
    what_is_too_old_goes,
    words_whose_call_never_came_go_in_time,
    the_hole_of_a_stream_that_ended_long_ago_is_forgotten,
    a_gap_told_long_ago_counts_no_more_and_its_stream_goes_on,
    a_newer_database_is_left_alone,
    what_a_newer_box_writes_is_kept_and_shown,
    a_record_cannot_say_where_it_came_from,
    what_could_not_be_read_is_read_by_a_version_that_can,
    a_row_that_cannot_be_read_takes_no_other_from_an_answer,
    a_page_is_bounded_by_bytes_too,
    the_newest_quarters_are_those_with_calls,
    every_record_is_stored_once,
);

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
        spoil_intent: Box::new(sql(
            "UPDATE call SET intent = printf('%.*c', 100000, 'x') WHERE sequence = 1",
        )),
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
        spoil_intent: Box::new(sql(
            "UPDATE trunkside.call SET intent = repeat('x', 100000) WHERE sequence = 1",
        )),
    }
}

fn options(address: &str) -> PostgresOptions {
    PostgresOptions {
        address: address.to_owned(),
        ..PostgresOptions::default()
    }
}
