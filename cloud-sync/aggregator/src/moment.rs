//! Times as people ask by them.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A time, or a day, which stands for the time when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Everywhere the same.
    Time(Timestamp),
    /// Begins when it does in a time zone.
    Day(Date),
}

impl Moment {
    /// How one is written.
    pub const REMEDY: &str = "use a time such as `2026-11-21T08:00:00Z`, or a day such as `2026-11-21`, which begins in `tz`";

    /// The time; a day begins in UTC where there is no zone. None beyond the end of the calendar.
    pub fn at(self, zone: Option<&TimeZone>) -> Option<Timestamp> {
        match self {
            Self::Time(at) => Some(at),
            Self::Day(day) => {
                let zone = zone.cloned().unwrap_or(TimeZone::UTC);
                Some(day.to_zoned(zone).ok()?.timestamp())
            }
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Jiff's own reading of a day takes a time behind it, and leaves it out.
        let day = Date::strptime("%Y-%m-%d", text).map(Self::Day);
        let moment = day.or_else(|_| text.parse().map(Self::Time));
        moment.map_err(|_| Self::REMEDY.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_when_it_does_in_its_zone() {
        let at = |text: &str, zone: &str| {
            let zone = TimeZone::get(zone).unwrap();
            let moment: Moment = text.parse().unwrap();
            moment.at(Some(&zone)).unwrap().to_string()
        };
        assert_eq!(at("2026-11-21", "UTC"), "2026-11-21T00:00:00Z");
        assert_eq!(at("2026-11-21", "Asia/Shanghai"), "2026-11-20T16:00:00Z");
        // Clocks there went from midnight to one.
        assert_eq!(
            at("2018-11-04", "America/Sao_Paulo"),
            "2018-11-04T03:00:00Z"
        );
        assert_eq!(
            at("2026-11-21T08:00:00+08:00", "UTC"),
            "2026-11-21T00:00:00Z"
        );
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-11-21T08:00:00",
            "2026-11-21 08:00",
            "today",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
