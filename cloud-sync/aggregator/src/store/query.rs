//! Reading: calls, one call, hours, totals.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rusqlite::{OptionalExtension, Row, named_params};
use serde::Serialize;
use trunkside_record::{CallSummary, Timestamp, Turn};
use utoipa::ToSchema;

use super::{Store, StoreError};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// Which calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this branch.
    pub branch: Option<String>,
    /// Of this device.
    pub device: Option<String>,
    /// With this intent.
    pub intent: Option<String>,
    /// Begun at this time or later.
    pub since: Option<Timestamp>,
    /// Begun before this time.
    pub until: Option<Timestamp>,
}

/// Where a page of calls ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    started_ms: i64,
    id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.started_ms, self.id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (started_ms, id) = text.split_once('.').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_| ());
        Ok(Self {
            started_ms: number(started_ms)?,
            id: number(id)?,
        })
    }
}

/// One call and where it was.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CallItem {
    /// Who owns the branch.
    pub tenant: String,
    /// The branch.
    pub branch: String,
    /// The box in the branch.
    pub device: String,
    /// The call's summary; its fields stand beside these.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub summary: CallSummary,
}

/// One call with what was said.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CallDetail {
    /// The call.
    #[serde(flatten)]
    pub call: CallItem,
    /// What was said, redacted; null when it has not come (yet).
    #[schema(value_type = Option<Vec<Object>>)]
    pub transcript: Option<Vec<Turn>>,
}

/// Some calls, and where to go on.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Page {
    /// The calls, newest first.
    pub calls: Vec<CallItem>,
    /// The `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

/// Which hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourFilter {
    /// Which calls count.
    pub calls: CallFilter,
    /// How many hours at most, newest first.
    pub limit: u32,
}

/// What one hour came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Hour {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub hour: Timestamp,
    /// Calls that began in it.
    pub calls: u64,
    /// Of these: caller and agent spoke.
    pub bridged: u64,
    /// A call back was promised.
    pub callbacks: u64,
    /// The caller hung up before either.
    pub abandoned: u64,
    /// Something broke.
    pub failed: u64,
    /// Mean seconds from the INVITE to the decision; null when none was made.
    pub mean_decision_s: Option<f64>,
    /// Share of the calls with an angry caller, from 0 to 1.
    pub angry_share: f64,
    /// Calls by intent, the commonest first.
    pub intents: Vec<IntentCount>,
    #[serde(skip)]
    decided: u64,
    #[serde(skip)]
    angry: u64,
}

/// How often one intent was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct IntentCount {
    /// Its name in the taxonomy; null when nothing was heard.
    pub intent: Option<String>,
    /// How many calls.
    pub calls: u64,
}

/// What is stored in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// Boxes that ever sent something.
    pub devices: u64,
    /// Records that are known to be lost.
    pub lost: u64,
}

/// The conditions of a [`CallFilter`], with every value as a parameter.
const WHERE: &str = "(:tenant IS NULL OR tenant = :tenant)
    AND (:branch IS NULL OR branch = :branch)
    AND (:device IS NULL OR device = :device)
    AND (:intent IS NULL OR intent = :intent)
    AND (:since IS NULL OR started_ms >= :since)
    AND (:until IS NULL OR started_ms < :until)";

impl Store {
    /// At most `limit` calls, newest first, behind `after`.
    pub fn calls(
        &self,
        filter: &CallFilter,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page, StoreError> {
        let connection = self.reader();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT tenant, branch, device, summary, started_ms, id FROM call
             WHERE {WHERE} AND (:id IS NULL OR (started_ms, id) < (:started_ms, :id))
             ORDER BY started_ms DESC, id DESC LIMIT :limit"
        ))?;
        let (since, until) = bounds(filter);
        let rows = statement.query_map(
            named_params! {
                ":tenant": filter.tenant, ":branch": filter.branch, ":device": filter.device,
                ":intent": filter.intent, ":since": since, ":until": until,
                ":started_ms": after.map(|cursor| cursor.started_ms),
                ":id": after.map(|cursor| cursor.id), ":limit": i64::from(limit) + 1,
            },
            |row| {
                Ok((
                    call_parts(row)?,
                    Cursor {
                        started_ms: row.get(4)?,
                        id: row.get(5)?,
                    },
                ))
            },
        )?;
        let mut calls = Vec::new();
        let mut last = None;
        let mut next = None;
        for row in rows {
            let (parts, cursor) = row?;
            if calls.len() == limit as usize {
                next = last;
                break;
            }
            calls.push(parts.read()?);
            last = Some(cursor);
        }
        Ok(Page {
            calls,
            next: next.map(|cursor: Cursor| cursor.to_string()),
        })
    }

    /// One call by its name.
    pub fn call(&self, call: &str) -> Result<Option<CallDetail>, StoreError> {
        let connection = self.reader();
        let mut statement = connection.prepare_cached(
            "SELECT tenant, branch, device, summary,
                    (SELECT turns FROM transcript
                     WHERE (transcript.tenant, transcript.branch, transcript.device,
                            transcript.call)
                         = (call.tenant, call.branch, call.device, call.call))
             FROM call WHERE call = ?1 ORDER BY id LIMIT 1",
        )?;
        let found = statement
            .query_row([call], |row| {
                Ok((call_parts(row)?, row.get::<_, Option<String>>(4)?))
            })
            .optional()?;
        let Some((parts, turns)) = found else {
            return Ok(None);
        };
        let transcript = turns
            .map(|turns| serde_json::from_str(&turns))
            .transpose()?;
        Ok(Some(CallDetail {
            call: parts.read()?,
            transcript,
        }))
    }

    /// What hours came to, newest first.
    pub fn hourly(&self, filter: &HourFilter) -> Result<Vec<Hour>, StoreError> {
        let connection = self.reader();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT started_ms / {HOUR_MS} AS hour, intent, outcome, count(*),
                    count(decided_s), total(decided_s), total(emotion IS 'angry')
             FROM call
             WHERE {WHERE} AND started_ms / {HOUR_MS} >= coalesce((
                 SELECT DISTINCT started_ms / {HOUR_MS} FROM call WHERE {WHERE}
                 ORDER BY 1 DESC LIMIT 1 OFFSET :limit - 1), -9223372036854775808)
             GROUP BY 1, 2, 3 ORDER BY 1 DESC"
        ))?;
        let (since, until) = bounds(&filter.calls);
        let mut rows = statement.query(named_params! {
            ":tenant": filter.calls.tenant, ":branch": filter.calls.branch,
            ":device": filter.calls.device, ":intent": filter.calls.intent,
            ":since": since, ":until": until, ":limit": filter.limit,
        })?;
        let mut hours = BTreeMap::new();
        while let Some(row) = rows.next()? {
            add_to_hour(&mut hours, row)?;
        }
        Ok(hours.into_values().rev().map(finish_hour).collect())
    }

    /// What is stored in all.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let connection = self.reader();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(Totals {
            calls: count("SELECT count(*) FROM call")?.cast_unsigned(),
            devices: count(
                "SELECT count(*) FROM (SELECT DISTINCT tenant, branch, device FROM stream)",
            )?
            .cast_unsigned(),
            lost: count("SELECT coalesce(sum(lost), 0) FROM gap")?.cast_unsigned(),
        })
    }

    /// Whether the database answers.
    pub fn is_well(&self) -> bool {
        self.reader().query_row("SELECT 1", [], |_| Ok(())).is_ok()
    }
}

fn bounds(filter: &CallFilter) -> (Option<i64>, Option<i64>) {
    let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
    (ms(filter.since), ms(filter.until))
}

/// A call's columns, before its summary is read.
struct CallParts {
    tenant: String,
    branch: String,
    device: String,
    summary: String,
}

impl CallParts {
    fn read(self) -> Result<CallItem, StoreError> {
        Ok(CallItem {
            tenant: self.tenant,
            branch: self.branch,
            device: self.device,
            summary: serde_json::from_str(&self.summary)?,
        })
    }
}

fn call_parts(row: &Row<'_>) -> rusqlite::Result<CallParts> {
    Ok(CallParts {
        tenant: row.get(0)?,
        branch: row.get(1)?,
        device: row.get(2)?,
        summary: row.get(3)?,
    })
}

fn add_to_hour(hours: &mut BTreeMap<i64, Hour>, row: &Row<'_>) -> rusqlite::Result<()> {
    let number: i64 = row.get(0)?;
    let intent: Option<String> = row.get(1)?;
    let outcome: String = row.get(2)?;
    let calls = row.get::<_, i64>(3)?.cast_unsigned();
    let hour = hours.entry(number).or_insert_with(|| Hour {
        hour: Timestamp::from_millisecond(number * HOUR_MS).unwrap_or(Timestamp::UNIX_EPOCH),
        ..Hour::default()
    });
    hour.calls += calls;
    match outcome.as_str() {
        "bridged" => hour.bridged += calls,
        "callback" => hour.callbacks += calls,
        "abandoned" => hour.abandoned += calls,
        _ => hour.failed += calls,
    }
    hour.decided += row.get::<_, i64>(4)?.cast_unsigned();
    *hour.mean_decision_s.get_or_insert(0.0) += row.get::<_, f64>(5)?;
    hour.angry += row.get::<_, f64>(6)? as u64;
    match hour.intents.iter_mut().find(|count| count.intent == intent) {
        Some(count) => count.calls += calls,
        None => hour.intents.push(IntentCount { intent, calls }),
    }
    Ok(())
}

/// Turns sums into means and shares.
fn finish_hour(mut hour: Hour) -> Hour {
    let sum = hour.mean_decision_s.take().filter(|_| hour.decided > 0);
    hour.mean_decision_s = sum.map(|sum| sum / hour.decided as f64);
    hour.angry_share = hour.angry as f64 / hour.calls as f64;
    hour.intents
        .sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.intent.cmp(&b.intent)));
    hour
}
