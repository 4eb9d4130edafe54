//! What can be asked of a store, and what it answers.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use trunkside_record::{CallSummary, Origin, Timestamp, Turn};
use utoipa::ToSchema;

use super::plan::storable;
use super::{Scope, StoreError, Whole, contract};

/// Which calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this branch.
    pub branch: Option<String>,
    /// Of this device.
    pub device: Option<String>,
    /// In this language.
    pub language: Option<String>,
    /// With this intent.
    pub intent: Option<String>,
    /// With a caller who felt so at the end.
    pub emotion: Option<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// Begun at this time or later.
    pub since: Option<Timestamp>,
    /// Begun before this time.
    pub until: Option<Timestamp>,
}

impl CallFilter {
    /// The part of the filter that lies within a scope; none when nothing does.
    #[must_use]
    pub fn within(&self, scope: &Scope) -> Option<Self> {
        let narrow = |asked: &Option<String>, limit: &Option<String>| match (asked, limit) {
            (Some(asked), Some(limit)) if asked != limit => None,
            (asked, limit) => Some(limit.clone().or_else(|| asked.clone())),
        };
        Some(Self {
            tenant: narrow(&self.tenant, &scope.tenant)?,
            branch: narrow(&self.branch, &scope.branch)?,
            ..self.clone()
        })
    }
}

/// Bytes of records on a page of calls: beyond them it ends before its limit, whatever boxes sent.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of an intent's name that is counted, and of an alarm's code that is looked up: a taxonomy's are much shorter, and whoever counts has each
/// of them once for every quarter of an hour.
pub(super) const LONGEST_INTENT: usize = 128;

/// Intents, and emotions and outcomes, that are told apart where calls are counted: the commonest.
const INTENTS: u32 = 200;
const NAMES: u32 = 16;

/// Where a page of calls ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) started_ms: i64,
    pub(super) id: i64,
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
        Ok(Self {
            started_ms: stored_ms(started_ms)?,
            id: id.parse().map_err(drop)?,
        })
    }
}

/// Milliseconds of a time as it is stored: nothing stands at another, and a database may refuse one.
pub(super) fn stored_ms(text: &str) -> Result<i64, ()> {
    let ms: i64 = text.parse().map_err(drop)?;
    let at = Timestamp::from_millisecond(ms).map_err(drop)?;
    if storable(at) == at { Ok(ms) } else { Err(()) }
}

/// Finds where a page of calls ends.
pub(super) struct PageEnd {
    room: u32,
    bytes: usize,
    last: Option<Cursor>,
    has_more: bool,
}

impl PageEnd {
    pub(super) const fn new(limit: u32) -> Self {
        Self {
            room: limit,
            bytes: 0,
            last: None,
            has_more: false,
        }
    }

    /// Whether a call with so many bytes is on this page: the first is in any case.
    pub(super) fn has_room(&mut self, call: Cursor, bytes: usize) -> bool {
        self.bytes += bytes;
        self.has_more = self.room == 0 || (self.last.is_some() && self.bytes > PAGE_BYTES);
        if !self.has_more {
            self.room -= 1;
            self.last = Some(call);
        }
        !self.has_more
    }

    /// The cursor of the page behind it, if there is one.
    pub(super) fn next(&self) -> Option<String> {
        let last = self.last.filter(|_| self.has_more);
        last.map(|last| last.to_string())
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
    /// When it began, as far as can be known: what is asked, sorted and counted by.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When the box says that it began; absent where that is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub said_started_at: Option<Timestamp>,
    /// Whether the box's clock had been set when the call was recorded; null where that was not kept.
    pub clock_trusted: Option<bool>,
    /// The call's summary; its other fields stand beside these.
    #[serde(flatten)]
    #[schema(value_type = contract::CallSummary)]
    pub summary: Whole<CallSummary>,
}

impl CallItem {
    /// A call of `origin` (tenant, branch and device) that stands at a time.
    pub(super) fn new(
        [tenant, branch, device]: [String; 3],
        stands_at: Timestamp,
        clock_trusted: Option<bool>,
        summary: Whole<CallSummary>,
    ) -> Self {
        let said = summary.started_at;
        // What stands there is rounded.
        let is_said = storable(said) == stands_at;
        Self {
            tenant,
            branch,
            device,
            started_at: if is_said { said } else { stands_at },
            said_started_at: Some(said).filter(|_| !is_said),
            clock_trusted,
            summary,
        }
    }
}

/// One call with what was said.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CallDetail {
    /// The call.
    #[serde(flatten)]
    pub call: CallItem,
    /// What was said, redacted; null when it has not come (yet).
    #[schema(value_type = Option<Vec<contract::Turn>>)]
    pub transcript: Option<Whole<Vec<Turn>>>,
    /// What a newer version put beside the words; absent when it is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub transcript_more: Option<serde_json::Value>,
}

/// Some calls, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Page {
    /// The calls, newest first.
    pub calls: Vec<CallItem>,
    /// The `cursor` of the next page, which also follows a page with fewer calls than asked for; null at
    /// the end.
    pub next: Option<String>,
}

/// What was said in one call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TranscriptItem {
    /// Who owns the branch.
    pub tenant: String,
    /// The branch.
    pub branch: String,
    /// The box in the branch.
    pub device: String,
    /// The call.
    pub call: String,
    /// When it began, as far as can be known.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Whether the box's clock had been set when the call was recorded; null where that was not kept.
    pub clock_trusted: Option<bool>,
    /// What was said, redacted, in order of time.
    #[schema(value_type = Vec<contract::Turn>)]
    pub turns: Whole<Vec<Turn>>,
    /// What a newer version put beside them; absent when it is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub more: Option<serde_json::Value>,
}

/// What was said in some calls, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct TranscriptPage {
    /// The transcripts, those of the newest calls first.
    pub transcripts: Vec<TranscriptItem>,
    /// The `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

/// How calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// All of them.
    Whole,
    /// Apart by the quarter of an hour in which they began (no time zone cuts finer), of the
    /// newest so many quarters that have calls.
    Quarters(u32),
}

/// Calls that have everything here in common, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// Quarters of an hour since 1970; 0 for [`Span::Whole`].
    pub quarter: i64,
    /// The intent, or `other` for one that is not among the commonest; none when nothing was heard.
    pub intent: Option<String>,
    /// The caller's emotion at the end; none when nothing was heard.
    pub emotion: Option<String>,
    /// The outcome.
    pub outcome: String,
    /// How many calls.
    pub calls: u64,
    /// In how many of them a decision was made.
    pub decided: u64,
    /// Seconds to it, in sum.
    pub decided_s: f64,
    /// In how many of them there is a sentiment.
    pub felt: u64,
    /// The sentiments' sum.
    pub sentiment: f64,
}

/// SQL that counts what `calls` selects, its columns named as [`Cell`]'s fields, by all that they have in
/// common. Boxes name intents, and newer ones emotions and outcomes: what is not among the commonest is
/// counted as `other`, so that an answer is bounded whatever a box thinks of.
pub(super) fn count_cells(calls: &str) -> String {
    let common = |name: &str, most: u32| {
        format!(
            "CASE WHEN {name} IS NULL OR {name} IN (
                 SELECT {name} FROM cell WHERE {name} IS NOT NULL
                 GROUP BY {name} ORDER BY sum(calls) DESC, {name} LIMIT {most})
             THEN {name} ELSE 'other' END"
        )
    };
    format!(
        "WITH cell AS MATERIALIZED (
             SELECT quarter, CASE WHEN length(intent) <= {LONGEST_INTENT} THEN intent END AS intent,
                    emotion, outcome, count(*) AS calls, count(decided_s) AS decided,
                    sum(decided_s) AS decided_s, count(sentiment) AS felt, sum(sentiment) AS sentiment
             FROM ({calls}) AS call GROUP BY 1, 2, 3, 4)
         SELECT quarter, {}, {}, {}, CAST(sum(calls) AS bigint), CAST(sum(decided) AS bigint),
                coalesce(sum(decided_s), 0.0), CAST(sum(felt) AS bigint), coalesce(sum(sentiment), 0.0)
         FROM cell GROUP BY 1, 2, 3, 4",
        common("intent", INTENTS),
        common("emotion", NAMES),
        common("outcome", NAMES),
    )
}

/// A box, and how it does.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeviceItem {
    /// Who owns the branch.
    pub tenant: String,
    /// The branch.
    pub branch: String,
    /// The box in the branch.
    pub device: String,
    /// When it first sent something.
    #[schema(value_type = String, format = DateTime)]
    pub first_seen_at: Timestamp,
    /// When it last sent something.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Timestamp,
    /// How many of its records are known to be lost.
    pub lost: u64,
    /// How many of its records are stored that only a newer version of this program can read.
    pub unread: u64,
    /// What it last said of itself; null when it has not.
    #[schema(value_type = Option<contract::DeviceHealth>)]
    pub health: Option<serde_json::Value>,
}

/// Some boxes, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct DevicePage {
    /// The boxes by name.
    pub devices: Vec<DeviceItem>,
    /// The `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

impl DevicePage {
    /// A page of what was asked for with one box more than its limit.
    pub(super) fn cut(mut devices: Vec<DeviceItem>, limit: u32) -> Self {
        let more = cut(&mut devices, limit);
        let next = devices
            .last()
            .filter(|_| more)
            .map(|last| format!("{}/{}/{}", last.tenant, last.branch, last.device));
        Self { devices, next }
    }
}

/// Where a page of boxes ends: `tenant/branch/device`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCursor(pub(super) Origin);

impl FromStr for DeviceCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut names = text.splitn(3, '/');
        let mut next = || names.next().ok_or(());
        let (tenant, branch, device) = (next()?, next()?, next()?);
        Origin::new(tenant, branch, device).map(Self).map_err(drop)
    }
}

/// What a row holds; one that cannot be read is told and left out, so that it takes no other row from
/// whoever asks.
pub(super) fn or_left_out<T>(
    read: Result<T, StoreError>,
    row: impl fmt::Display,
) -> Result<Option<T>, StoreError> {
    match read {
        Err(error @ StoreError::Record(_)) => {
            tracing::error!(%row, %error, "a row is left out of an answer");
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// Cuts a page that was asked for with one item more than its limit.
fn cut<T>(items: &mut Vec<T>, limit: u32) -> bool {
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    more
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
    /// Records that only a newer version can read.
    pub unread: u64,
}
