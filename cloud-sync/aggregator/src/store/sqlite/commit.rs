//! Committing: the plan's rows and the streams' watermarks in one transaction.

use rusqlite::{Connection, Transaction, params};
use trunkside_record::{Lane, Origin, Timestamp, schema};

use super::super::intake::Intake;
use super::super::plan::{
    self, CallRow, GapRow, Place, Plan, ReportRow, Stream, StreamKey, TranscriptRow, UnreadRow,
};
use super::super::unread::{self, Waiting};
use super::super::{Committed, Message, StoreError};
use super::access::time;
use super::alarms;

pub(super) fn commit(
    connection: &mut Connection,
    messages: &[Message],
    now: Timestamp,
) -> Result<Committed, StoreError> {
    let transaction = connection.transaction()?;
    let mut streams = Vec::new();
    for (key, lane) in plan::keys(messages) {
        streams.push(open(&transaction, key, lane, now)?);
    }
    let plan = plan::plan(messages, &mut streams, now);
    store(&transaction, &plan, now)?;
    for stream in streams.iter().filter(|stream| stream.intake.is_changed()) {
        close(&transaction, stream)?;
    }
    transaction.commit()?;
    Ok(plan.committed)
}

fn store(transaction: &Transaction<'_>, plan: &Plan<'_>, now: Timestamp) -> Result<(), StoreError> {
    for row in &plan.calls {
        store_call(transaction, row)?;
    }
    for row in &plan.transcripts {
        store_transcript(transaction, row)?;
    }
    for row in &plan.reports {
        store_report(transaction, row)?;
    }
    for row in &plan.alarms {
        alarms::store(transaction, row)?;
    }
    for row in &plan.unread {
        store_unread(transaction, row, now)?;
    }
    for row in &plan.gaps {
        store_gap(transaction, row, now)?;
    }
    Ok(())
}

fn open<'a>(
    transaction: &Transaction<'_>,
    key: StreamKey<'a>,
    lane: Lane,
    now: Timestamp,
) -> Result<Stream<'a>, StoreError> {
    let (id, watermark) = transaction
        .prepare_cached(
            "INSERT INTO stream (tenant, branch, device, epoch, lane, first_seen_ms, last_seen_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
             ON CONFLICT (tenant, branch, device, epoch) DO UPDATE SET last_seen_ms = ?6
             RETURNING id, watermark",
        )?
        .query_row(
            params![
                key.origin.tenant.as_str(),
                key.origin.branch.as_str(),
                key.origin.device.as_str(),
                key.epoch.cast_signed(),
                lane.name(),
                now.as_millisecond()
            ],
            |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())),
        )?;
    let mut statement =
        transaction.prepare_cached("SELECT sequence, through FROM ahead WHERE stream = ?1")?;
    let runs = statement.query_map([id], |row| {
        let sequence = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok((sequence(0)?, sequence(1)?))
    })?;
    let runs: Vec<(u64, u64)> = runs.collect::<Result<_, _>>()?;
    Ok(Stream {
        key,
        id,
        intake: Intake::new(watermark, runs),
    })
}

fn close(transaction: &Transaction<'_>, stream: &Stream<'_>) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE stream SET watermark = ?2 WHERE id = ?1")?
        .execute(params![stream.id, stream.intake.watermark().cast_signed()])?;
    if !stream.intake.moves_runs() {
        return Ok(());
    }
    transaction
        .prepare_cached("DELETE FROM ahead WHERE stream = ?1")?
        .execute([stream.id])?;
    for (first, through) in stream.intake.runs() {
        transaction
            .prepare_cached("INSERT INTO ahead (stream, sequence, through) VALUES (?1, ?2, ?3)")?
            .execute(params![
                stream.id,
                first.cast_signed(),
                through.cast_signed()
            ])?;
    }
    Ok(())
}

fn store_call(transaction: &Transaction<'_>, row: &CallRow<'_>) -> Result<(), StoreError> {
    let Place {
        origin,
        stream,
        sequence,
    } = row.place;
    transaction
        .prepare_cached(
            "INSERT INTO call (tenant, branch, device, call, started_ms, intent, emotion, outcome,
                               decided_s, summary, stream, sequence, language, sentiment,
                               clock_trusted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT (tenant, branch, device, call) DO UPDATE SET
                 started_ms = excluded.started_ms, intent = excluded.intent,
                 emotion = excluded.emotion, outcome = excluded.outcome,
                 decided_s = excluded.decided_s, summary = excluded.summary,
                 stream = excluded.stream, sequence = excluded.sequence,
                 language = excluded.language, sentiment = excluded.sentiment,
                 clock_trusted = excluded.clock_trusted
             WHERE excluded.summary ->> 'interrupted' IS NOT 1
                OR call.summary ->> 'interrupted' IS 1",
        )?
        .execute(params![
            origin.tenant.as_str(),
            origin.branch.as_str(),
            origin.device.as_str(),
            row.call.to_string(),
            row.started_at.as_millisecond(),
            row.intent,
            row.emotion,
            row.outcome,
            row.decided_s,
            row.summary,
            stream,
            sequence.cast_signed(),
            row.language,
            row.sentiment,
            row.clock_trusted
        ])?;
    Ok(())
}

fn store_transcript(
    transaction: &Transaction<'_>,
    row: &TranscriptRow<'_>,
) -> Result<(), StoreError> {
    let Place {
        origin,
        stream,
        sequence,
    } = row.place;
    transaction
        .prepare_cached(
            "INSERT INTO transcript (tenant, branch, device, call, turns, stream, sequence, more,
                                     named_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (tenant, branch, device, call) DO UPDATE SET
                 turns = excluded.turns, stream = excluded.stream, sequence = excluded.sequence,
                 more = excluded.more, named_ms = excluded.named_ms
             WHERE json_array_length(excluded.turns) >= json_array_length(transcript.turns)",
        )?
        .execute(params![
            origin.tenant.as_str(),
            origin.branch.as_str(),
            origin.device.as_str(),
            row.call.to_string(),
            row.turns,
            stream,
            sequence.cast_signed(),
            row.more,
            row.named_at.as_millisecond()
        ])?;
    Ok(())
}

fn store_report(transaction: &Transaction<'_>, row: &ReportRow<'_>) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO report (stream, sequence, kind, at_ms, clock_trusted, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            row.place.stream,
            row.place.sequence.cast_signed(),
            row.kind,
            row.at.as_millisecond(),
            row.clock_trusted,
            row.body
        ])?;
    Ok(())
}

fn store_unread(
    transaction: &Transaction<'_>,
    row: &UnreadRow<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO unread (stream, sequence, at_ms, clock_trusted, came_ms, body, reader)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            row.place.stream,
            row.place.sequence.cast_signed(),
            row.at.as_millisecond(),
            row.clock_trusted,
            now.as_millisecond(),
            row.body,
            schema::reader()
        ])?;
    Ok(())
}

/// Reads what another version could not; how many records that gave.
pub(super) fn read_again(connection: &mut Connection) -> Result<u64, StoreError> {
    let mut read = 0;
    loop {
        let transaction = connection.transaction()?;
        let page = waiting(&transaction)?;
        if page.is_empty() {
            return Ok(read);
        }
        let (readable, still) = unread::sort(page);
        store(
            &transaction,
            &unread::plan(&readable),
            Timestamp::UNIX_EPOCH,
        )?;
        for id in unread::rows(&readable) {
            transaction
                .prepare_cached("DELETE FROM unread WHERE id = ?1")?
                .execute([id])?;
        }
        for id in still {
            transaction
                .prepare_cached("UPDATE unread SET reader = ?2 WHERE id = ?1")?
                .execute(params![id, schema::reader()])?;
        }
        transaction.commit()?;
        read += readable.len() as u64;
    }
}

fn waiting(transaction: &Transaction<'_>) -> Result<Vec<Waiting>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT unread.id, tenant, branch, device, lane, stream, sequence, at_ms, clock_trusted,
                came_ms, body
         FROM unread JOIN stream ON stream.id = unread.stream
         WHERE reader <> ?1 ORDER BY unread.id LIMIT ?2",
    )?;
    let mut rows = statement.query(params![schema::reader(), unread::PAGE])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |column| row.get::<_, String>(column);
        let names = (Origin::new(text(1)?, text(2)?, text(3)?), text(4)?.parse());
        let (Ok(origin), Ok(lane)) = names else {
            continue;
        };
        page.push(Waiting {
            id: row.get(0)?,
            origin,
            lane,
            stream: row.get(5)?,
            sequence: row.get::<_, i64>(6)?.cast_unsigned(),
            at: time(row.get(7)?),
            clock_trusted: row.get(8)?,
            came: time(row.get(9)?),
            body: row.get(10)?,
        });
    }
    Ok(page)
}

fn store_gap(
    transaction: &Transaction<'_>,
    row: &GapRow<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO gap (stream, first, through, lost, reason, noticed_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            row.place.stream,
            row.place.sequence.cast_signed(),
            row.through.cast_signed(),
            row.lost.cast_signed(),
            row.reason.name(),
            now.as_millisecond()
        ])?;
    Ok(())
}

/// What deletes the oldest of the calls that began before a time, with their words, words as old whose call
/// never came, older reports, and gaps that were told before: so many of each. Each finds what is old by an index, and
/// looks at nothing where nothing is.
const DELETIONS: [&str; 7] = [
    "DELETE FROM transcript WHERE (tenant, branch, device, call) IN (
         SELECT tenant, branch, device, call FROM call WHERE started_ms < ?1
         ORDER BY started_ms, id LIMIT ?2)",
    DELETE_CALLS,
    "DELETE FROM transcript WHERE (tenant, branch, device, call) IN (
         SELECT tenant, branch, device, call FROM transcript AS words
         WHERE named_ms < ?1 AND NOT EXISTS (
             SELECT 1 FROM call WHERE (call.tenant, call.branch, call.device, call.call)
                 = (words.tenant, words.branch, words.device, words.call))
         LIMIT ?2)",
    "DELETE FROM report WHERE (stream, sequence) IN (
         SELECT stream, sequence FROM report WHERE at_ms < ?1 LIMIT ?2)",
    "DELETE FROM alarm WHERE (tenant, branch, device, code) IN (
         SELECT tenant, branch, device, code FROM alarm WHERE at_ms < ?1 LIMIT ?2)",
    "DELETE FROM unread WHERE id IN (SELECT id FROM unread WHERE came_ms < ?1 LIMIT ?2)",
    "DELETE FROM gap WHERE id IN (SELECT id FROM gap WHERE noticed_ms < ?1 LIMIT ?2)",
];

const DELETE_CALLS: &str = "DELETE FROM call WHERE id IN (
     SELECT id FROM call WHERE started_ms < ?1 ORDER BY started_ms, id LIMIT ?2)";

/// Rows of a kind that are deleted at once: what comes waits no longer, and the log of the database does
/// not grow to the size of years.
pub(super) const AT_ONCE: usize = 1_000;

/// Deletes some of what is older than `from`: how many calls those were, and whether there may be more.
pub(super) fn delete_some_before(
    connection: &mut Connection,
    from: Timestamp,
) -> Result<(u64, bool), StoreError> {
    let transaction = connection.transaction()?;
    let (mut calls, mut more) = (0, false);
    for deletion in DELETIONS {
        let gone = transaction
            .prepare_cached(deletion)?
            .execute(params![from.as_millisecond(), AT_ONCE as i64])?;
        more |= gone >= AT_ONCE;
        if deletion == DELETE_CALLS {
            calls = gone as u64;
        }
    }
    transaction.commit()?;
    Ok((calls, more))
}

/// Forgets the holes of streams of which nothing came since `from`: what would fill one was older still, and
/// comes no more, or is as old as what is deleted.
pub(super) fn close_holes_before(
    connection: &mut Connection,
    from: Timestamp,
) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    let from = [from.as_millisecond()];
    transaction
        .prepare_cached(
            "UPDATE stream SET watermark = runs.through
             FROM (SELECT stream, max(through) AS through FROM ahead GROUP BY stream) AS runs
             WHERE stream.id = runs.stream AND last_seen_ms < ?1",
        )?
        .execute(from)?;
    transaction
        .prepare_cached(
            "DELETE FROM ahead WHERE EXISTS (
                 SELECT 1 FROM stream WHERE id = ahead.stream AND last_seen_ms < ?1)",
        )?
        .execute(from)?;
    Ok(transaction.commit()?)
}

/// Of so many pages of the file one may be free: what comes finds room, and the file does not grow and
/// shrink by turns.
const FREE_OF: i64 = 32;

/// Pages that are given back at once: some milliseconds, in which nobody else writes.
const PAGES_AT_ONCE: i64 = 1_000;

/// Gives some of the pages that deleted rows have left back to the disk; whether there may be more. A
/// database that was made without that keeps them for what comes.
pub(super) fn shrink_some(connection: &Connection) -> Result<bool, StoreError> {
    let count = |what| connection.pragma_query_value(None, what, |row| row.get::<_, i64>(0));
    let free = count("freelist_count")?;
    if free <= count("page_count")? / FREE_OF {
        return Ok(false);
    }
    // Each step gives one page back, and shows a row without columns for it.
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})"))?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    drop(pages);
    drop(vacuum);
    // Takes the log into the file, which only then is shorter; it waits for nobody.
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(count("freelist_count")? < free)
}

#[cfg(test)]
mod tests {
    use super::super::super::{Sqlite, Store};
    use super::*;

    #[test]
    fn what_is_old_is_found_without_a_look_at_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        let connection = store.writer();
        for deletion in DELETIONS {
            let mut plan = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {deletion}"))
                .unwrap();
            let steps = plan.query_map([0, 9], |row| row.get(3)).unwrap();
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            let all = steps.iter().all(|step| !step.starts_with("SCAN"));
            assert!(all && !steps.is_empty(), "{deletion}: {steps:?}");
        }
    }

    /// Calls of two kibibytes each, as old as their number is small.
    fn fill(connection: &Connection, calls: u32) {
        connection
            .execute_batch(&format!(
                "INSERT INTO stream (id, tenant, branch, device, epoch, lane, first_seen_ms, last_seen_ms)
                 VALUES (1, 't', 'b', 'd', 4, 'metric', 0, 0);
                 WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {calls})
                 INSERT INTO call (tenant, branch, device, call, started_ms, outcome, summary, stream, sequence)
                 SELECT 't', 'b', 'd', n, n, 'bridged', hex(zeroblob(1024)), 1, n FROM number;"
            ))
            .unwrap();
    }

    #[test]
    fn the_file_shrinks_once_what_is_old_is_deleted_while_others_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        let file = folder.path().join(super::super::FILE);
        fill(&store.writer(), 10_000);
        store
            .writer()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        let size = || std::fs::metadata(&file).unwrap().len();
        let full = size();
        // Who reads has no part in it but that the file is shorter only behind them.
        let reading = Connection::open(&file).unwrap();
        reading
            .execute_batch("BEGIN; SELECT count(*) FROM call")
            .unwrap();
        let from = Timestamp::from_millisecond(9_001).unwrap();
        let today = jiff::civil::date(2026, 11, 21);
        assert_eq!(store.maintain(today, Some(from)).unwrap(), 9_000);
        let kept = reading.query_row("SELECT count(*) FROM call", [], |row| row.get(0));
        assert_eq!(kept, Ok(10_000), "as it was when they began");
        reading.execute_batch("COMMIT").unwrap();
        assert_eq!(store.maintain(today, Some(from)).unwrap(), 0);
        store
            .writer()
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .unwrap();
        assert!(size() < full / 5, "{} of {full} bytes", size());
    }

    #[test]
    fn a_file_that_was_made_without_shrinking_is_kept_up_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let older = Connection::open(folder.path().join(super::super::FILE)).unwrap();
        older
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE other (n)")
            .unwrap();
        drop(older);
        let store = Sqlite::open(folder.path()).unwrap();
        fill(&store.writer(), 2_000);
        let from = Timestamp::from_millisecond(1_001).unwrap();
        let today = jiff::civil::date(2026, 11, 21);
        assert_eq!(store.maintain(today, Some(from)).unwrap(), 1_000);
    }

    #[test]
    fn what_is_old_goes_in_pieces_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        let mut connection = store.writer();
        connection
            .execute_batch(
                "INSERT INTO stream (id, tenant, branch, device, epoch, lane, first_seen_ms, last_seen_ms)
                 VALUES (1, 't', 'b', 'd', 4, 'metric', 0, 0);
                 WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 2600)
                 INSERT INTO call (tenant, branch, device, call, started_ms, outcome, summary, stream, sequence)
                 SELECT 't', 'b', 'd', n, 2600 - n, 'bridged', '{}', 1, n FROM number;
                 INSERT INTO transcript (tenant, branch, device, call, turns, stream, sequence, named_ms)
                 SELECT 't', 'b', 'd', call, '[]', 1, sequence, started_ms FROM call",
            )
            .unwrap();
        let from = Timestamp::from_millisecond(2_500).unwrap();
        let piece = |connection: &mut Connection| delete_some_before(connection, from).unwrap();
        assert_eq!(piece(&mut connection), (1_000, true));
        assert_eq!(piece(&mut connection), (1_000, true));
        assert_eq!(piece(&mut connection), (500, false));
        let left =
            "SELECT (SELECT count(*) FROM call) = 100 AND (SELECT count(*) FROM transcript) = 100";
        let left: bool = connection.query_row(left, [], |row| row.get(0)).unwrap();
        assert!(left);
    }
}
