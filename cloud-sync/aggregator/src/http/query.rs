//! Query parameters, each refused by name.

use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use jiff::tz::TimeZone;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use trunkside_call::{Emotion, Language};
use trunkside_record::{Outcome, Timestamp};

use super::Problem;
use crate::export::Format;
use crate::moment::Moment;
use crate::store::{AlarmCursor, AlarmFilter, CallFilter, Cursor, DeviceCursor, Scope};

/// Calls on a page when nothing is asked.
const CALLS: u32 = 50;

/// Calls on a page at most.
const MOST_CALLS: u32 = 500;

/// Hours when nothing is asked: a week.
const HOURS: u32 = 168;

/// Hours at most: a year.
const MOST_HOURS: u32 = 8_784;

/// The query of `/api/v1/calls`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CallsQuery {
    pub(super) filter: CallFilter,
    pub(super) limit: u32,
    pub(super) cursor: Option<Cursor>,
}

impl<S: Send + Sync> FromRequestParts<S> for CallsQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut pairs = Pairs::read(parts, state).await?;
        let query = Self {
            filter: pairs.filter()?.0,
            limit: pairs.number("limit", MOST_CALLS)?.unwrap_or(CALLS),
            cursor: pairs.take("cursor", "use the `next` of an earlier answer")?,
        };
        pairs.finish()?;
        Ok(query)
    }
}

/// The query of figures by the hour.
#[derive(Debug, PartialEq)]
pub(super) struct HourlyQuery {
    pub(super) filter: CallFilter,
    pub(super) limit: u32,
    pub(super) zone: Option<TimeZone>,
}

impl<S: Send + Sync> FromRequestParts<S> for HourlyQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut pairs = Pairs::read(parts, state).await?;
        let (filter, zone) = pairs.filter()?;
        let query = Self {
            filter,
            limit: pairs.number("limit", MOST_HOURS)?.unwrap_or(HOURS),
            zone,
        };
        pairs.finish()?;
        Ok(query)
    }
}

/// A query with nothing but a filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FilterQuery(pub(super) CallFilter);

impl<S: Send + Sync> FromRequestParts<S> for FilterQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut pairs = Pairs::read(parts, state).await?;
        let (filter, _) = pairs.filter()?;
        pairs.finish()?;
        Ok(Self(filter))
    }
}

/// The query of `/api/v1/devices`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DevicesQuery {
    pub(super) tenant: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) limit: u32,
    pub(super) cursor: Option<DeviceCursor>,
}

impl<S: Send + Sync> FromRequestParts<S> for DevicesQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut pairs = Pairs::read(parts, state).await?;
        let query = Self {
            tenant: pairs.text("tenant")?,
            branch: pairs.text("branch")?,
            limit: pairs.number("limit", MOST_CALLS)?.unwrap_or(CALLS),
            cursor: pairs.take("cursor", "use the `next` of an earlier answer")?,
        };
        pairs.finish()?;
        Ok(query)
    }
}

/// The query of `/api/v1/alarms`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AlarmsQuery {
    /// Its scope is what was asked for.
    pub(super) filter: AlarmFilter,
    pub(super) limit: u32,
    pub(super) cursor: Option<AlarmCursor>,
}

impl<S: Send + Sync> FromRequestParts<S> for AlarmsQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut pairs = Pairs::read(parts, state).await?;
        let scope = Scope {
            tenant: pairs.text("tenant")?,
            branch: pairs.text("branch")?,
        };
        let query = Self {
            filter: AlarmFilter {
                scope,
                device: pairs.text("device")?,
                standing: pairs
                    .take("standing", "use true or false")?
                    .unwrap_or(false),
            },
            limit: pairs.number("limit", MOST_CALLS)?.unwrap_or(CALLS),
            cursor: pairs.take("cursor", "use the `next` of an earlier answer")?,
        };
        pairs.finish()?;
        Ok(query)
    }
}

/// The query of `/api/v1/audit`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AuditQuery {
    pub(super) limit: u32,
    pub(super) cursor: Option<i64>,
}

impl<S: Send + Sync> FromRequestParts<S> for AuditQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut pairs = Pairs::read(parts, state).await?;
        let query = Self {
            limit: pairs.number("limit", MOST_CALLS)?.unwrap_or(CALLS),
            cursor: pairs.take("cursor", "use the `next` of an earlier answer")?,
        };
        pairs.finish()?;
        Ok(query)
    }
}

/// The query of an export.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ExportQuery {
    pub(super) filter: CallFilter,
    pub(super) format: Format,
}

impl<S: Send + Sync> FromRequestParts<S> for ExportQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut pairs = Pairs::read(parts, state).await?;
        let query = Self {
            filter: pairs.filter()?.0,
            format: pairs
                .take("format", "use csv or parquet")?
                .unwrap_or(Format::Csv),
        };
        pairs.finish()?;
        Ok(query)
    }
}

/// The parameters not yet taken.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    async fn read<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let pairs = Query::from_request_parts(parts, state).await;
        let Query(pairs) = pairs.map_err(|_: QueryRejection| Problem::query())?;
        Ok(Self(pairs))
    }

    /// Which calls, and the zone whose days and hours count.
    fn filter(&mut self) -> Result<(CallFilter, Option<TimeZone>), Problem> {
        let zone = self.zone()?;
        let filter = CallFilter {
            tenant: self.text("tenant")?,
            branch: self.text("branch")?,
            device: self.text("device")?,
            language: self.known::<Language>("language", "use zh, yue or en")?,
            intent: self.text("intent")?,
            emotion: self.known::<Emotion>(
                "emotion",
                "use angry, anxious, dissatisfied, neutral or satisfied",
            )?,
            outcome: self.known::<Outcome>(
                "outcome",
                "use bridged, callback, abandoned, self_served, overflowed or failed",
            )?,
            since: self.moment("since", zone.as_ref())?,
            until: self.moment("until", zone.as_ref())?,
        };
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since >= until
        {
            let detail = format!("`until` ({until}) is not after `since` ({since}); swap them");
            return Err(Problem::parameter("until", detail));
        }
        Ok((filter, zone))
    }

    fn moment(
        &mut self,
        name: &str,
        zone: Option<&TimeZone>,
    ) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let moment = text.parse::<Moment>().ok();
        let at = moment.and_then(|moment| moment.at(zone));
        at.map(Some).ok_or_else(|| {
            let detail = format!(
                "`{name}` cannot be `{}`; {}",
                shortened(&text),
                Moment::REMEDY
            );
            Problem::parameter(name, detail)
        })
    }

    /// A parameter that must be one of an enumeration's names.
    fn known<T: DeserializeOwned>(
        &mut self,
        name: &str,
        remedy: &str,
    ) -> Result<Option<String>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let named: StrDeserializer<'_, ValueError> = text.as_str().into_deserializer();
        if T::deserialize(named).is_err() {
            let detail = format!("`{name}` cannot be `{}`; {remedy}", shortened(&text));
            return Err(Problem::parameter(name, detail));
        }
        Ok(Some(text))
    }

    fn zone(&mut self) -> Result<Option<TimeZone>, Problem> {
        let Some(name) = self.text("tz")? else {
            return Ok(None);
        };
        let unknown = |_| {
            let detail = format!(
                "`tz` cannot be `{}`; use a name such as `Asia/Shanghai`",
                shortened(&name)
            );
            Problem::parameter("tz", detail)
        };
        TimeZone::get(&name).map(Some).map_err(unknown)
    }

    /// A parameter's text; given twice it has no meaning.
    fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(index) = self.0.iter().position(|(found, _)| found == name) else {
            return Ok(None);
        };
        let (_, value) = self.0.swap_remove(index);
        if self.0.iter().any(|(found, _)| found == name) {
            return Err(Problem::parameter(
                name,
                format!("`{name}` is given twice; give it once"),
            ));
        }
        if value.is_empty() {
            return Err(Problem::parameter(
                name,
                format!("`{name}` is empty; give it a value, or leave it out"),
            ));
        }
        Ok(Some(value))
    }

    fn take<T: FromStr>(&mut self, name: &str, remedy: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            Problem::parameter(
                name,
                format!("`{name}` cannot be `{}`; {remedy}", shortened(&text)),
            )
        })
    }

    fn number(&mut self, name: &str, most: u32) -> Result<Option<u32>, Problem> {
        let remedy = format!("use a number from 1 to {most}");
        let number = self.take::<u32>(name, &remedy)?;
        match number {
            Some(number) if !(1..=most).contains(&number) => {
                let detail = format!("`{name}` cannot be `{number}`; {remedy}");
                Err(Problem::parameter(name, detail))
            }
            number => Ok(number),
        }
    }

    fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name = shortened(name);
                let detail = format!("there is no parameter `{name}`; see /api/openapi.json");
                Err(Problem::parameter(&name, detail))
            }
        }
    }
}

/// Enough of a value to recognise it.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
