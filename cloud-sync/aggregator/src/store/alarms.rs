//! Alarms: all that came, and those that stand.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use trunkside_record::{Alarm, Timestamp};
use utoipa::ToSchema;

use super::query::stored_ms;
use super::{Scope, Whole, contract};

/// Which alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlarmFilter {
    /// Whose.
    pub scope: Scope,
    /// Of this device.
    pub device: Option<String>,
    /// Only those that stand: the last of each code of a box, where it is not cleared.
    pub standing: bool,
}

/// One alarm, raised or cleared.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AlarmItem {
    /// Who owns the branch.
    pub tenant: String,
    /// The branch.
    pub branch: String,
    /// The box in the branch.
    pub device: String,
    /// When, as far as can be known.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether the box's clock had been set by then.
    pub clock_trusted: bool,
    /// The alarm: `code`, `severity`, `cleared` and `text` stand beside these.
    #[serde(flatten)]
    #[schema(value_type = contract::Alarm)]
    pub alarm: Whole<Alarm>,
}

/// Some alarms, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct AlarmPage {
    /// The alarms, newest first.
    pub alarms: Vec<AlarmItem>,
    /// The `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

/// Where a page of alarms ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmCursor {
    pub(super) at_ms: i64,
    pub(super) stream: i64,
    pub(super) sequence: i64,
}

impl fmt::Display for AlarmCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at_ms, self.stream, self.sequence)
    }
}

impl FromStr for AlarmCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '.');
        let mut next = || parts.next().ok_or(());
        Ok(Self {
            at_ms: stored_ms(next()?)?,
            stream: next()?.parse().map_err(drop)?,
            sequence: next()?.parse().map_err(drop)?,
        })
    }
}

/// A page of what was asked for with one alarm more than its limit; none is one that cannot be read.
pub(super) fn page(mut rows: Vec<(AlarmCursor, Option<AlarmItem>)>, limit: u32) -> AlarmPage {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more);
    AlarmPage {
        next: next.map(|(cursor, _)| cursor.to_string()),
        alarms: rows.into_iter().filter_map(|(_, item)| item).collect(),
    }
}
