//! Partitions by month: made before they are needed, dropped when they are too old.

use ::postgres::Transaction;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::super::StoreError;

/// The tables in monthly parts, and the column that decides.
const TABLES: [(&str, &str); 3] = [
    ("call", "started_at"),
    ("transcript", "named_at"),
    ("report", "at"),
];

/// Months that are ready before they begin, and backwards for records that waited on a box.
const AHEAD: i64 = 2;
const BACK: i64 = 3;

/// One aggregator at a time.
const LOCK: i64 = 0x6d6f_6e74_6873;

/// A month as the tables' names carry it.
fn name(table: &str, month: Date) -> String {
    format!("{table}_{:04}_{:02}", month.year(), month.month())
}

/// Begins a transaction of maintenance: nobody else's goes on beside it, and it takes as long as it takes.
pub(super) fn begin(transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    transaction.batch_execute("SET LOCAL statement_timeout = 0")?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    Ok(())
}

/// Makes the parts for the months around today, but for those that would go at once: `keep_from` is
/// where what is kept begins.
pub(super) fn make_room(
    transaction: &mut Transaction<'_>,
    today: Date,
    keep_from: Option<Timestamp>,
) -> Result<(), StoreError> {
    let first_kept = keep_from.map(first_kept);
    for offset in -BACK..=AHEAD {
        let month = month(today, offset).filter(|month| first_kept.is_none_or(|at| *month >= at));
        let Some(month) = month else {
            continue;
        };
        for (table, column) in TABLES {
            make(transaction, table, column, month)?;
        }
    }
    Ok(())
}

/// The first day of the month that is kept whole where what is kept begins at `from`.
fn first_kept(from: Timestamp) -> Date {
    from.to_zoned(TimeZone::UTC).date().first_of_month()
}

/// The first day of the month so many months away.
fn month(today: Date, offset: i64) -> Option<Date> {
    today
        .first_of_month()
        .checked_add(Span::new().months(offset))
        .ok()
}

/// Makes one month's part. What a wrong clock put into the rest beforehand moves over.
fn make(
    transaction: &mut Transaction<'_>,
    table: &str,
    column: &str,
    first: Date,
) -> Result<(), StoreError> {
    let part = name(table, first);
    let exists = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&part])?;
    let Some(next) = month(first, 1).filter(|_| !exists.get::<_, bool>(0)) else {
        return Ok(());
    };
    let range = format!("{column} >= '{first} 00:00+00' AND {column} < '{next} 00:00+00'");
    transaction.batch_execute(&format!(
        "CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS);
         WITH moved AS (DELETE FROM {table}_other WHERE {range} RETURNING *)
         INSERT INTO {part} SELECT * FROM moved;
         ALTER TABLE {table} ATTACH PARTITION {part}
             FOR VALUES FROM ('{first} 00:00+00') TO ('{next} 00:00+00')"
    ))?;
    tracing::info!(part, "a month has its place");
    Ok(())
}

/// Drops the months that ended before `from`; how many of calls those were. Nobody reads or writes the
/// tables until the transaction ends.
pub(super) fn drop_before(
    transaction: &mut Transaction<'_>,
    from: Timestamp,
) -> Result<u64, StoreError> {
    let keep = first_kept(from);
    let mut gone = 0;
    for (table, _) in TABLES {
        for part in parts(transaction, table)? {
            if part < name(table, keep) {
                transaction.batch_execute(&format!("DROP TABLE {part}"))?;
                tracing::info!(part, "a month is beyond its retention");
                gone += u64::from(table == "call");
            }
        }
    }
    Ok(gone)
}

/// Deletes what is older than `from` in the months that stay; how many calls that were. It keeps nobody
/// waiting.
pub(super) fn delete_before(
    transaction: &mut Transaction<'_>,
    from: Timestamp,
) -> Result<u64, StoreError> {
    let mut gone = 0;
    for (table, column) in TABLES {
        let old = format!("DELETE FROM {table} WHERE {column} < '{from}'");
        let deleted = transaction.execute(&old, &[])?;
        if table == "call" {
            gone = deleted;
        }
    }
    transaction.execute("DELETE FROM alarm WHERE at < $1", &[&from])?;
    transaction.execute("DELETE FROM unread WHERE came < $1", &[&from])?;
    transaction.execute("DELETE FROM gap WHERE noticed < $1", &[&from])?;
    close_holes_before(transaction, from)?;
    Ok(gone)
}

/// Forgets the holes of streams of which nothing came since `from`: what would fill one was older still, and
/// comes no more, or is as old as what is deleted.
fn close_holes_before(
    transaction: &mut Transaction<'_>,
    from: Timestamp,
) -> Result<(), StoreError> {
    transaction.execute(
        "WITH closed AS (
             UPDATE stream SET watermark = runs.through
             FROM (SELECT stream, max(through) AS through FROM ahead GROUP BY stream) AS runs
             WHERE stream.id = runs.stream AND last_seen < $1
             RETURNING id)
         DELETE FROM ahead USING closed WHERE ahead.stream = closed.id",
        &[&from],
    )?;
    Ok(())
}

/// The names of a table's months, as they were made here.
fn parts(transaction: &mut Transaction<'_>, table: &str) -> Result<Vec<String>, StoreError> {
    let rows = transaction.query(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::text::regclass",
        &[&table],
    )?;
    let is_month = |part: &String| {
        let month = part
            .strip_prefix(table)
            .and_then(|rest| rest.strip_prefix('_'));
        month.is_some_and(|month| {
            month.len() == 7
                && month
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_digit())
        })
    };
    Ok(rows
        .iter()
        .map(|row| row.get::<_, String>(0))
        .filter(is_month)
        .collect())
}
