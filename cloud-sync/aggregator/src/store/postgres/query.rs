//! Reading.

use std::fmt::Write as _;

use ::postgres::fallible_iterator::FallibleIterator as _;
use ::postgres::types::ToSql;
use ::postgres::{Row, Transaction};
use jiff::Timestamp;

use super::super::plan::storable;
use super::super::query::{PageEnd, count_cells, or_left_out};
use super::super::{
    CallDetail, CallFilter, CallItem, Cell, Cursor, DeviceCursor, DeviceItem, DevicePage, Page,
    Scope, Span, StoreError, Totals, TranscriptItem, TranscriptPage, Whole,
};

/// The quarter of an hour in which a call began.
const QUARTER: &str = "floor(extract(epoch FROM started_at) / 900)::bigint";

/// `started_at` to the millisecond, as cursors carry it.
const STARTED_MS: &str = "floor(extract(epoch FROM started_at) * 1000)::bigint";

/// Sums of what boxes say they lost may be beyond every whole number: they end there.
const LOST: &str = "least(coalesce(sum(lost), 0), 9223372036854775807)::bigint";

/// Conditions with their values; only what is asked for, so that the planner can use it.
struct Conditions {
    sql: String,
    values: Vec<Box<dyn ToSql + Sync>>,
}

impl Conditions {
    fn none() -> Self {
        Self {
            sql: "true".to_owned(),
            values: Vec::new(),
        }
    }

    /// None when nothing of the filter lies within the scope.
    fn new(scope: &Scope, filter: &CallFilter) -> Option<Self> {
        let filter = filter.within(scope)?;
        let mut conditions = Self::none();
        for (column, value) in [
            ("tenant", filter.tenant),
            ("branch", filter.branch),
            ("device", filter.device),
            ("language", filter.language),
            ("intent", filter.intent),
            ("emotion", filter.emotion),
            ("outcome", filter.outcome),
        ] {
            if let Some(value) = value {
                conditions.add(&format!("call.{column} = "), value);
            }
        }
        if let Some(since) = filter.since {
            conditions.add("started_at >= ", storable(since));
        }
        if let Some(until) = filter.until {
            conditions.add("started_at < ", storable(until));
        }
        Some(conditions)
    }

    fn add(&mut self, condition: &str, value: impl ToSql + Sync + 'static) {
        let place = self.value(value);
        let _ = write!(self.sql, " AND {condition}{place}");
    }

    /// A value's placeholder.
    fn value(&mut self, value: impl ToSql + Sync + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    /// What comes behind a cursor, the newest first.
    fn page(&mut self, limit: u32, after: Option<Cursor>) {
        if let Some(Cursor { started_ms, id }) = after {
            let started_ms = self.value(started_ms);
            let id = self.value(id);
            // The first comparison is what an index and the partitions can use.
            let _ = write!(
                self.sql,
                " AND started_at < timestamptz 'epoch' + ({started_ms}::bigint + 1) * interval '1 ms'
                  AND ({STARTED_MS}, call.id) < ({started_ms}::bigint, {id}::bigint)"
            );
        }
        let asked = self.value(i64::from(limit) + 1);
        let _ = write!(
            self.sql,
            " ORDER BY started_at DESC, call.id DESC LIMIT {asked}"
        );
    }

    fn query(&self, transaction: &mut Transaction<'_>, sql: &str) -> Result<Vec<Row>, StoreError> {
        let values: Vec<&(dyn ToSql + Sync)> = self.values.iter().map(AsRef::as_ref).collect();
        Ok(transaction.query(sql, &values)?)
    }
}

/// Rows whose first two columns are the cursor's, with the record itself in column `record`. They are
/// taken one by one, so that a page of large ones ends before all of them are here.
fn rows<T>(
    transaction: &mut Transaction<'_>,
    conditions: &Conditions,
    limit: u32,
    (select, record): (&str, usize),
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<(Vec<T>, Option<String>), StoreError> {
    let sql = format!("{select} WHERE {}", conditions.sql);
    let mut rows = transaction.query_raw(&sql, conditions.values.iter().map(AsRef::as_ref))?;
    let (mut items, mut end) = (Vec::new(), PageEnd::new(limit));
    while let Some(row) = rows.next()? {
        let cursor = Cursor {
            started_ms: row.get(0),
            id: row.get(1),
        };
        if !end.has_room(cursor, row.get::<_, &str>(record).len()) {
            break;
        }
        items.extend(or_left_out(read(&row), cursor)?);
    }
    Ok((items, end.next()))
}

pub(super) fn calls(
    transaction: &mut Transaction<'_>,
    scope: &Scope,
    filter: &CallFilter,
    limit: u32,
    after: Option<Cursor>,
) -> Result<Page, StoreError> {
    let Some(mut conditions) = Conditions::new(scope, filter) else {
        return Ok(Page::default());
    };
    conditions.page(limit, after);
    let select = format!("SELECT {STARTED_MS}, id, {CALL_ITEM} FROM call");
    let (calls, next) = rows(transaction, &conditions, limit, (&select, 5), |row| {
        call_item(row, 2)
    })?;
    Ok(Page { calls, next })
}

/// What a call is made of.
const CALL_ITEM: &str =
    "call.tenant, call.branch, call.device, summary::text, started_at, clock_trusted";

fn call_item(row: &Row, first: usize) -> Result<CallItem, StoreError> {
    let names = [0, 1, 2].map(|column| row.get(first + column));
    let summary = Whole::read(row.get(first + 3))?;
    let (stands_at, clock_trusted) = (row.get(first + 4), row.get(first + 5));
    Ok(CallItem::new(names, stands_at, clock_trusted, summary))
}

pub(super) fn call(
    transaction: &mut Transaction<'_>,
    scope: &Scope,
    call: &str,
) -> Result<Option<CallDetail>, StoreError> {
    // What is no UUID names no call.
    let Ok(call) = call.parse::<trunkside_call::CallId>() else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT {CALL_ITEM}, turns::text, more::text
         FROM call LEFT JOIN LATERAL (
             SELECT turns, more FROM transcript
             WHERE (transcript.tenant, transcript.branch, transcript.device, transcript.call)
                 = (call.tenant, call.branch, call.device, call.call) LIMIT 1) AS said ON true
         WHERE call = $1::text::uuid AND call.tenant = coalesce($2, call.tenant)
             AND call.branch = coalesce($3, call.branch)
         ORDER BY id LIMIT 1"
    );
    let found = transaction.query_opt(&sql, &[&call.to_string(), &scope.tenant, &scope.branch])?;
    let Some(row) = found else {
        return Ok(None);
    };
    let transcript = row.get::<_, Option<&str>>(6).map(Whole::read).transpose()?;
    Ok(Some(CallDetail {
        call: call_item(&row, 0)?,
        transcript,
        transcript_more: json(row.get(7))?,
    }))
}

fn json(text: Option<&str>) -> Result<Option<serde_json::Value>, StoreError> {
    Ok(text.map(serde_json::from_str).transpose()?)
}

pub(super) fn transcripts(
    transaction: &mut Transaction<'_>,
    scope: &Scope,
    filter: &CallFilter,
    limit: u32,
    after: Option<Cursor>,
) -> Result<TranscriptPage, StoreError> {
    let Some(mut conditions) = Conditions::new(scope, filter) else {
        return Ok(TranscriptPage::default());
    };
    conditions.page(limit, after);
    let select = format!(
        "SELECT {STARTED_MS}, call.id, call.tenant, call.branch, call.device, call.call::text,
                started_at, turns::text, more::text, clock_trusted
         FROM call JOIN transcript
             ON (transcript.tenant, transcript.branch, transcript.device, transcript.call)
              = (call.tenant, call.branch, call.device, call.call)"
    );
    let (transcripts, next) = rows(transaction, &conditions, limit, (&select, 7), |row| {
        Ok(TranscriptItem {
            tenant: row.get(2),
            branch: row.get(3),
            device: row.get(4),
            call: row.get(5),
            started_at: row.get(6),
            turns: Whole::read(row.get(7))?,
            more: json(row.get(8))?,
            clock_trusted: row.get(9),
        })
    })?;
    Ok(TranscriptPage { transcripts, next })
}

pub(super) fn cells(
    transaction: &mut Transaction<'_>,
    scope: &Scope,
    filter: &CallFilter,
    span: Span,
) -> Result<Vec<Cell>, StoreError> {
    let Some(mut conditions) = Conditions::new(scope, filter) else {
        return Ok(Vec::new());
    };
    let quarter = match span {
        Span::Whole => "0::bigint",
        Span::Quarters(limit) => match newest(transaction, scope, filter, limit)? {
            Some(from) => {
                conditions.add("started_at >= ", from);
                QUARTER
            }
            None => return Ok(Vec::new()),
        },
    };
    let sql = count_cells(&format!(
        "SELECT {quarter} AS quarter, intent, emotion, outcome, decided_s, sentiment
         FROM call WHERE {}",
        conditions.sql
    ));
    let cell = |row: &Row| {
        let count = |column: usize| row.get::<_, i64>(column).cast_unsigned();
        Cell {
            quarter: row.get(0),
            intent: row.get(1),
            emotion: row.get(2),
            outcome: row.get(3),
            calls: count(4),
            decided: count(5),
            decided_s: row.get(6),
            felt: count(7),
            sentiment: row.get(8),
        }
    };
    Ok(conditions
        .query(transaction, &sql)?
        .iter()
        .map(cell)
        .collect())
}

/// When the oldest of the newest `limit` quarters with calls began. Each is looked up in an index, at
/// first within a week, which is in few of the months' parts: what came before is not read.
fn newest(
    transaction: &mut Transaction<'_>,
    scope: &Scope,
    filter: &CallFilter,
    limit: u32,
) -> Result<Option<Timestamp>, StoreError> {
    let Some(mut conditions) = Conditions::new(scope, filter) else {
        return Ok(None);
    };
    let limit = conditions.value(i64::from(limit));
    let before = format!(
        "SELECT to_timestamp(({QUARTER} * 900)::double precision) FROM call
         WHERE {} AND started_at < began",
        conditions.sql
    );
    let last = "ORDER BY started_at DESC LIMIT 1";
    let sql = format!(
        "WITH RECURSIVE quarter (number, began) AS (
             SELECT 0::bigint, timestamptz 'infinity'
             UNION ALL
             SELECT number + 1,
                    coalesce(({before} AND started_at >= began - interval '7 days' {last}),
                             ({before} {last}))
             FROM quarter WHERE number < {limit}::bigint AND began IS NOT NULL)
         SELECT min(began) FROM quarter WHERE number > 0"
    );
    let rows = conditions.query(transaction, &sql)?;
    Ok(rows.first().and_then(|row| row.get(0)))
}

pub(super) fn devices(
    transaction: &mut Transaction<'_>,
    scope: &Scope,
    limit: u32,
    after: Option<&DeviceCursor>,
) -> Result<DevicePage, StoreError> {
    let name = |of: fn(&trunkside_record::Origin) -> &trunkside_record::Name| {
        after.map(|cursor| of(&cursor.0).as_str())
    };
    let rows = transaction.query(
        &format!(
            "SELECT s.tenant, s.branch, s.device, s.first_seen, s.last_seen,
                (SELECT {LOST} FROM gap
                 WHERE (gap.tenant, gap.branch, gap.device) = (s.tenant, s.branch, s.device)),
                (SELECT body::text FROM report
                 WHERE (report.tenant, report.branch, report.device)
                     = (s.tenant, s.branch, s.device) AND kind = 'health'
                 ORDER BY at DESC, sequence DESC LIMIT 1),
                (SELECT count(*) FROM unread
                 WHERE (unread.tenant, unread.branch, unread.device)
                     = (s.tenant, s.branch, s.device))
         FROM (SELECT tenant, branch, device, min(first_seen) AS first_seen,
                      max(last_seen) AS last_seen
               FROM stream
               WHERE tenant = coalesce($1, tenant) AND branch = coalesce($2, branch)
                   AND ($3::text IS NULL OR (tenant, branch, device) > ($3, $4, $5))
               GROUP BY tenant, branch, device ORDER BY tenant, branch, device LIMIT $6) AS s
         ORDER BY s.tenant, s.branch, s.device"
        ),
        &[
            &scope.tenant,
            &scope.branch,
            &name(|origin| &origin.tenant),
            &name(|origin| &origin.branch),
            &name(|origin| &origin.device),
            &(i64::from(limit) + 1),
        ],
    )?;
    let device = |row: &Row| {
        Ok(DeviceItem {
            tenant: row.get(0),
            branch: row.get(1),
            device: row.get(2),
            first_seen_at: row.get(3),
            last_seen_at: row.get(4),
            lost: row.get::<_, i64>(5).cast_unsigned(),
            unread: row.get::<_, i64>(7).cast_unsigned(),
            health: or_left_out(json(row.get(6)), row.get::<_, &str>(2))?.flatten(),
        })
    };
    let devices = rows.iter().map(device).collect::<Result<_, StoreError>>()?;
    Ok(DevicePage::cut(devices, limit))
}

pub(super) fn totals(
    transaction: &mut Transaction<'_>,
    scope: &Scope,
) -> Result<Totals, StoreError> {
    // The scope is named here too, where there is one: row-level security does not bind superusers.
    let mut conditions = Conditions::none();
    for (column, value) in [("tenant", &scope.tenant), ("branch", &scope.branch)] {
        if let Some(value) = value {
            conditions.add(&format!("{column} = "), value.clone());
        }
    }
    let within = &conditions.sql;
    let sql = format!(
        "SELECT (SELECT count(*) FROM call WHERE {within}),
                (SELECT count(*) FROM (
                     SELECT DISTINCT tenant, branch, device FROM stream WHERE {within}) AS s),
                (SELECT {LOST} FROM gap WHERE {within}),
                (SELECT count(*) FROM unread WHERE {within})"
    );
    let rows = conditions.query(transaction, &sql)?;
    let row = rows.first().expect("counts are a row");
    let count = |column: usize| row.get::<_, i64>(column).cast_unsigned();
    Ok(Totals {
        calls: count(0),
        devices: count(1),
        lost: count(2),
        unread: count(3),
    })
}
