//! Reading.

use std::fmt::Write as _;

use rusqlite::{Connection, Row, ToSql, named_params, params};
use trunkside_record::Timestamp;

use super::super::plan::storable;
use super::super::query::{PageEnd, count_cells, or_left_out};
use super::super::{
    CallDetail, CallFilter, CallItem, Cell, Cursor, DeviceCursor, DeviceItem, DevicePage, Page,
    Scope, Span, StoreError, Totals, TranscriptItem, TranscriptPage, Whole,
};
use super::access::time;

/// Milliseconds of a quarter of an hour.
const QUARTER_MS: i64 = 900_000;

/// When the quarter of an hour began in which a call did; rounded down also before 1970.
const QUARTER_BEGAN: &str = "(started_ms - (started_ms % 900000 + 900000) % 900000)";

/// Where the next page begins.
const BEHIND: &str = "(:id IS NULL OR (started_ms, call.id) < (:started_ms, :id))
    ORDER BY started_ms DESC, call.id DESC LIMIT :limit";

/// Sums of what boxes say they lost may be beyond every whole number: they end there.
const LOST: &str = "CAST(min(total(lost), 9223372036854774784.0) AS INTEGER)";

const TRANSCRIPT_OF_CALL: &str = "(transcript.tenant, transcript.branch, transcript.device,
    transcript.call) = (call.tenant, call.branch, call.device, call.call)";

/// A filter's parameters.
struct Parameters {
    filter: CallFilter,
    since: Option<i64>,
    until: Option<i64>,
}

impl Parameters {
    /// None when nothing of the filter lies within the scope.
    fn new(scope: &Scope, filter: &CallFilter) -> Option<Self> {
        let ms = |time: Option<Timestamp>| time.map(|at| storable(at).as_millisecond());
        Some(Self {
            filter: filter.within(scope)?,
            since: ms(filter.since),
            until: ms(filter.until),
        })
    }

    /// The index that has these calls by time. It is named where much depends on it: SQLite does not know
    /// how many rows lie behind each, and would take one that has them by name.
    const fn by_time(&self) -> &'static str {
        match (&self.filter.tenant, &self.filter.branch) {
            (Some(_), Some(_)) => "call_by_branch",
            (Some(_), None) => "call_by_tenant",
            _ => "call_by_time",
        }
    }

    /// Conditions, their parameters' names and values; only what is asked for, so that the planner
    /// can choose an index.
    fn list(&self) -> (String, Vec<(&'static str, &dyn ToSql)>) {
        let filter = &self.filter;
        let mut sql = "true".to_owned();
        let mut values: Vec<(&'static str, &dyn ToSql)> = Vec::new();
        for (condition, name, value) in [
            ("call.tenant =", ":tenant", &filter.tenant),
            ("call.branch =", ":branch", &filter.branch),
            ("call.device =", ":device", &filter.device),
            ("language =", ":language", &filter.language),
            ("intent =", ":intent", &filter.intent),
            ("emotion =", ":emotion", &filter.emotion),
            ("outcome =", ":outcome", &filter.outcome),
        ] {
            if let Some(value) = value {
                let _ = write!(sql, " AND {condition} {name}");
                values.push((name, value));
            }
        }
        for (condition, name, value) in [
            ("started_ms >=", ":since", &self.since),
            ("started_ms <", ":until", &self.until),
        ] {
            if let Some(value) = value {
                let _ = write!(sql, " AND {condition} {name}");
                values.push((name, value));
            }
        }
        (sql, values)
    }
}

/// Rows of calls with their cursors; `columns` come after the cursor's two, and the record itself is in
/// column `record`.
fn rows<T>(
    connection: &Connection,
    scope: &Scope,
    filter: &CallFilter,
    limit: u32,
    after: Option<Cursor>,
    (select, record): (&str, usize),
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<(Vec<T>, Option<String>), StoreError> {
    let Some(parameters) = Parameters::new(scope, filter) else {
        return Ok((Vec::new(), None));
    };
    let (conditions, mut list) = parameters.list();
    let mut statement =
        connection.prepare_cached(&format!("{select} WHERE {conditions} AND {BEHIND}"))?;
    let (started_ms, id) = (after.map(|at| at.started_ms), after.map(|at| at.id));
    let asked = i64::from(limit) + 1;
    list.push((":started_ms", &started_ms));
    list.push((":id", &id));
    list.push((":limit", &asked));
    let mut rows = statement.query(list.as_slice())?;
    let (mut items, mut end) = (Vec::new(), PageEnd::new(limit));
    while let Some(row) = rows.next()? {
        let cursor = Cursor {
            started_ms: row.get(0)?,
            id: row.get(1)?,
        };
        let bytes = row.get_ref(record)?.as_str().map_or(0, str::len);
        if !end.has_room(cursor, bytes) {
            break;
        }
        items.extend(or_left_out(read(row), cursor)?);
    }
    Ok((items, end.next()))
}

pub(super) fn calls(
    connection: &Connection,
    scope: &Scope,
    filter: &CallFilter,
    limit: u32,
    after: Option<Cursor>,
) -> Result<Page, StoreError> {
    let select = format!("SELECT {CALL_ITEM} FROM call");
    let (calls, next) = rows(
        connection,
        scope,
        filter,
        limit,
        after,
        (&select, 5),
        call_item,
    )?;
    Ok(Page { calls, next })
}

/// A call with its cursor before it.
const CALL_ITEM: &str = "started_ms, call.id, tenant, branch, device, summary, clock_trusted";

fn call_item(row: &Row<'_>) -> Result<CallItem, StoreError> {
    let names = [row.get(2)?, row.get(3)?, row.get(4)?];
    let summary: String = row.get(5)?;
    let summary = Whole::read(&summary)?;
    Ok(CallItem::new(
        names,
        time(row.get(0)?),
        row.get(6)?,
        summary,
    ))
}

pub(super) fn call(
    connection: &Connection,
    scope: &Scope,
    call: &str,
) -> Result<Option<CallDetail>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CALL_ITEM},
                (SELECT turns FROM transcript WHERE {TRANSCRIPT_OF_CALL}),
                (SELECT more FROM transcript WHERE {TRANSCRIPT_OF_CALL})
         FROM call WHERE call = ?1 AND (?2 IS NULL OR tenant = ?2) AND (?3 IS NULL OR branch = ?3)
         ORDER BY id LIMIT 1"
    ))?;
    let mut rows = statement.query(params![call, scope.tenant, scope.branch])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let turns: Option<String> = row.get(7)?;
    Ok(Some(CallDetail {
        call: call_item(row)?,
        transcript: turns.map(|turns| Whole::read(&turns)).transpose()?,
        transcript_more: json(row.get(8)?)?,
    }))
}

fn json(text: Option<String>) -> Result<Option<serde_json::Value>, StoreError> {
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

pub(super) fn transcripts(
    connection: &Connection,
    scope: &Scope,
    filter: &CallFilter,
    limit: u32,
    after: Option<Cursor>,
) -> Result<TranscriptPage, StoreError> {
    let select = format!(
        "SELECT started_ms, call.id, call.tenant, call.branch, call.device, call.call, turns,
                more, clock_trusted
         FROM call JOIN transcript ON {TRANSCRIPT_OF_CALL}"
    );
    let (transcripts, next) = rows(
        connection,
        scope,
        filter,
        limit,
        after,
        (&select, 6),
        |row| {
            let turns: String = row.get(6)?;
            Ok(TranscriptItem {
                started_at: time(row.get(0)?),
                tenant: row.get(2)?,
                branch: row.get(3)?,
                device: row.get(4)?,
                call: row.get(5)?,
                turns: Whole::read(&turns)?,
                more: json(row.get(7)?)?,
                clock_trusted: row.get(8)?,
            })
        },
    )?;
    Ok(TranscriptPage { transcripts, next })
}

pub(super) fn cells(
    connection: &Connection,
    scope: &Scope,
    filter: &CallFilter,
    span: Span,
) -> Result<Vec<Cell>, StoreError> {
    let Some(parameters) = Parameters::new(scope, filter) else {
        return Ok(Vec::new());
    };
    let (quarter, from, index) = match span {
        Span::Whole => ("0".to_owned(), i64::MIN, String::new()),
        Span::Quarters(limit) => {
            let index = parameters.by_time();
            let Some(from) = newest(connection, &parameters, index, limit)? else {
                return Ok(Vec::new());
            };
            let quarter = format!("{QUARTER_BEGAN} / {QUARTER_MS}");
            (quarter, from, format!("INDEXED BY {index}"))
        }
    };
    let (conditions, mut list) = parameters.list();
    let mut statement = connection.prepare_cached(&count_cells(&format!(
        "SELECT {quarter} AS quarter, intent, emotion, outcome, decided_s, sentiment
         FROM call {index} WHERE {conditions} AND started_ms >= :from"
    )))?;
    list.push((":from", &from));
    let rows = statement.query_map(list.as_slice(), |row| {
        let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Cell {
            quarter: row.get(0)?,
            intent: row.get(1)?,
            emotion: row.get(2)?,
            outcome: row.get(3)?,
            calls: count(4)?,
            decided: count(5)?,
            decided_s: row.get(6)?,
            felt: count(7)?,
            sentiment: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// When the oldest of the newest `limit` quarters with calls began. Each is looked up in `index`: what
/// came before is not read.
fn newest(
    connection: &Connection,
    parameters: &Parameters,
    index: &str,
    limit: u32,
) -> Result<Option<i64>, StoreError> {
    let (conditions, mut list) = parameters.list();
    let mut statement = connection.prepare_cached(&format!(
        "WITH RECURSIVE quarter (number, began) AS (
             SELECT 0, 9223372036854775807
             UNION ALL
             SELECT number + 1, (SELECT {QUARTER_BEGAN} FROM call INDEXED BY {index}
                                 WHERE {conditions} AND started_ms < began
                                 ORDER BY started_ms DESC LIMIT 1)
             FROM quarter WHERE number < :limit AND began IS NOT NULL)
         SELECT min(began) FROM quarter WHERE number > 0"
    ))?;
    list.push((":limit", &limit));
    Ok(statement.query_row(list.as_slice(), |row| row.get(0))?)
}

pub(super) fn devices(
    connection: &Connection,
    scope: &Scope,
    limit: u32,
    after: Option<&DeviceCursor>,
) -> Result<DevicePage, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT tenant, branch, device, min(first_seen_ms), max(last_seen_ms),
                (SELECT {LOST} FROM gap JOIN stream AS s ON s.id = gap.stream
                 WHERE (s.tenant, s.branch, s.device)
                     = (stream.tenant, stream.branch, stream.device)),
                (SELECT body FROM report JOIN stream AS s ON s.id = report.stream
                 WHERE (s.tenant, s.branch, s.device)
                     = (stream.tenant, stream.branch, stream.device) AND kind = 'health'
                 ORDER BY report.stream DESC, report.sequence DESC LIMIT 1),
                (SELECT count(*) FROM unread JOIN stream AS s ON s.id = unread.stream
                 WHERE (s.tenant, s.branch, s.device)
                     = (stream.tenant, stream.branch, stream.device))
         FROM stream
         WHERE (:tenant IS NULL OR tenant = :tenant) AND (:branch IS NULL OR branch = :branch)
             AND (:after_tenant IS NULL
                  OR (tenant, branch, device) > (:after_tenant, :after_branch, :after_device))
         GROUP BY tenant, branch, device ORDER BY tenant, branch, device LIMIT :limit"
    ))?;
    let after = after.map(|cursor| &cursor.0);
    let mut rows = statement.query(named_params! {
        ":tenant": scope.tenant, ":branch": scope.branch,
        ":after_tenant": after.map(|origin| origin.tenant.as_str()),
        ":after_branch": after.map(|origin| origin.branch.as_str()),
        ":after_device": after.map(|origin| origin.device.as_str()),
        ":limit": i64::from(limit) + 1,
    })?;
    let mut devices = Vec::new();
    while let Some(row) = rows.next()? {
        let health: Option<String> = row.get(6)?;
        let device: String = row.get(2)?;
        devices.push(DeviceItem {
            tenant: row.get(0)?,
            branch: row.get(1)?,
            health: or_left_out(json(health), &device)?.flatten(),
            device,
            first_seen_at: time(row.get(3)?),
            last_seen_at: time(row.get(4)?),
            lost: row.get::<_, i64>(5)?.cast_unsigned(),
            unread: row.get::<_, i64>(7)?.cast_unsigned(),
        });
    }
    Ok(DevicePage::cut(devices, limit))
}

pub(super) fn totals(connection: &Connection, scope: &Scope) -> Result<Totals, StoreError> {
    // Only what is asked for: without a condition, rows are counted without a look at them.
    let mut conditions = "true".to_owned();
    let mut values: Vec<(&str, &dyn ToSql)> = Vec::new();
    for (column, name, value) in [
        ("tenant", ":tenant", &scope.tenant),
        ("branch", ":branch", &scope.branch),
    ] {
        if let Some(value) = value {
            let _ = write!(conditions, " AND {column} = {name}");
            values.push((name, value));
        }
    }
    let count = |sql: &str| {
        let count = connection
            .prepare_cached(&format!("{sql} WHERE {conditions}"))?
            .query_row(values.as_slice(), |row| row.get::<_, i64>(0))?;
        Ok::<_, StoreError>(count.cast_unsigned())
    };
    Ok(Totals {
        calls: count("SELECT count(*) FROM call")?,
        devices: count(
            "SELECT count(DISTINCT tenant || '/' || branch || '/' || device) FROM stream",
        )?,
        lost: count(&format!(
            "SELECT {LOST} FROM gap JOIN stream ON stream.id = gap.stream"
        ))?,
        unread: count("SELECT count(*) FROM unread JOIN stream ON stream.id = unread.stream")?,
    })
}
