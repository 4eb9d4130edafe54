//! When the branch is open.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Minutes in a day.
const DAY_MIN: u16 = 24 * 60;

/// A stretch of a day, in minutes from midnight; the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First minute.
    pub from_min: u16,
    /// First minute after.
    pub until_min: u16,
}

impl Span {
    /// Reads `09:00-17:30`; `24:00` is the day's end.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.trim().split_once('-')?;
        let span = Self {
            from_min: minute(from)?,
            until_min: minute(until)?,
        };
        (span.from_min < span.until_min).then_some(span)
    }

    const fn contains(self, minute: u16) -> bool {
        self.from_min <= minute && minute < self.until_min
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    if hour.is_empty() || hour.len() > 2 || minute.len() != 2 {
        return None;
    }
    let hour: u16 = hour.parse().ok()?;
    let minute: u16 = minute.parse().ok()?;
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY_MIN).then_some(total)
}

/// Weekly opening hours, holidays and days with hours of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The branch's time zone (IANA name).
    pub time_zone: String,
    /// Spans by weekday, Monday first, in order; no weekly table means always open.
    pub weekly: Option<[Vec<Span>; 7]>,
    /// Days on which the branch is closed.
    pub holidays: Vec<Date>,
    /// Days whose hours differ from their weekday's; they also overrule `holidays`.
    pub special: Vec<(Date, Vec<Span>)>,
}

impl Hours {
    /// Always open, in UTC.
    pub fn always() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            weekly: None,
            holidays: Vec::new(),
            special: Vec::new(),
        }
    }

    /// What the branch's clock reads at `utc`: what the shell gives as
    /// [`Input::LocalTime`](crate::Input::LocalTime).
    pub fn local(&self, utc: Timestamp) -> DateTime {
        // The name was checked when the policy was read.
        zone(&self.time_zone)
            .unwrap_or(TimeZone::UTC)
            .to_datetime(utc)
    }

    /// Whether the branch is ever closed.
    pub(super) fn ever_closes(&self) -> bool {
        // Spans do not overlap: a day that adds up is open from midnight to midnight.
        let closes = |spans: &Vec<Span>| {
            let open: u16 = spans.iter().map(|s| s.until_min - s.from_min).sum();
            open < DAY_MIN
        };
        let overruled = |day: &Date| self.special.iter().any(|(special, _)| special == day);
        self.weekly.iter().flatten().any(closes)
            || self.holidays.iter().any(|day| !overruled(day))
            || self.special.iter().any(|(_, spans)| closes(spans))
    }

    /// Whether the branch is ever open.
    pub(super) fn ever_opens(&self) -> bool {
        let opens = |spans: &Vec<Span>| !spans.is_empty();
        self.weekly
            .as_ref()
            .is_none_or(|weekly| weekly.iter().any(opens))
            || self.special.iter().any(|(_, spans)| opens(spans))
    }

    /// Whether the branch is open at a local time.
    pub fn is_open(&self, local: DateTime) -> bool {
        let date = local.date();
        let minute =
            u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let open = |spans: &[Span]| spans.iter().any(|span| span.contains(minute));
        if let Some((_, spans)) = self.special.iter().find(|(day, _)| *day == date) {
            return open(spans);
        }
        if self.holidays.contains(&date) {
            return false;
        }
        let weekday = index(date.weekday());
        self.weekly
            .as_ref()
            .is_none_or(|weekly| open(&weekly[weekday]))
    }
}

/// The position of a weekday in the weekly table.
pub(super) fn index(weekday: Weekday) -> usize {
    weekday.to_monday_zero_offset().unsigned_abs() as usize
}

/// Finds a time zone in the data that are built in, so that all machines agree.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}
