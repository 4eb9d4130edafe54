//! From counts to figures: hours in any time zone, intents, moods. Pure.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{RoundMode, Unit, ZonedRound};
use serde::Serialize;
use trunkside_record::Timestamp;
use utoipa::ToSchema;

use super::Cell;

/// Seconds of a quarter of an hour.
const QUARTER_S: i64 = 900;

/// What one hour came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Hour {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub hour: Timestamp,
    /// The same in the time zone that was asked for; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub local: Option<String>,
    /// Calls that began in it.
    pub calls: u64,
    /// Of these: caller and agent spoke.
    pub bridged: u64,
    /// A call back was promised.
    pub callbacks: u64,
    /// The caller hung up before either.
    pub abandoned: u64,
    /// A recording served the caller.
    pub self_served: u64,
    /// Another branch or a voicemail box took the call.
    pub overflowed: u64,
    /// Something broke.
    pub failed: u64,
    /// What only a newer version of this program knows.
    pub other: u64,
    /// Mean seconds from the INVITE to the decision; null when none was made.
    pub mean_decision_s: Option<f64>,
    /// Share of the calls with an angry caller, from 0 to 1.
    pub angry_share: f64,
    /// Calls by intent, the commonest first.
    pub intents: Vec<IntentCount>,
}

/// How often one intent was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct IntentCount {
    /// Its name in the taxonomy; null when nothing was heard.
    pub intent: Option<String>,
    /// How many calls.
    pub calls: u64,
}

/// What the calls with one intent came to.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct IntentFigures {
    /// Its name in the taxonomy; null when nothing was heard.
    pub intent: Option<String>,
    /// How many calls.
    pub calls: u64,
    /// Share of all calls, from 0 to 1.
    pub share: f64,
    /// Of these: caller and agent spoke.
    pub bridged: u64,
    /// A call back was promised.
    pub callbacks: u64,
    /// The caller hung up before either.
    pub abandoned: u64,
    /// A recording served the caller.
    pub self_served: u64,
    /// Another branch or a voicemail box took the call.
    pub overflowed: u64,
    /// Something broke.
    pub failed: u64,
    /// What only a newer version of this program knows.
    pub other: u64,
    /// Mean seconds from the INVITE to the decision; null when none was made.
    pub mean_decision_s: Option<f64>,
    /// Mean sentiment, from -1 to 1; null when nothing was heard.
    pub mean_sentiment: Option<f64>,
    /// Share of the calls with an angry caller, from 0 to 1.
    pub angry_share: f64,
}

/// How callers felt in one hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct MoodHour {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub hour: Timestamp,
    /// The same in the time zone that was asked for; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub local: Option<String>,
    /// How callers felt.
    #[serde(flatten)]
    pub figures: MoodFigures,
}

/// How callers felt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct MoodFigures {
    /// How many calls.
    pub calls: u64,
    /// Calls by the caller's emotion at the end; `unknown` where nothing was heard.
    pub emotions: BTreeMap<String, u64>,
    /// Mean sentiment, from -1 to 1; null when nothing was heard.
    pub mean_sentiment: Option<f64>,
}

/// What cells have in common, summed up.
#[derive(Default)]
struct Sum {
    calls: u64,
    outcomes: [u64; 7],
    decided: u64,
    decided_s: f64,
    felt: u64,
    sentiment: f64,
    intents: BTreeMap<Option<String>, u64>,
    emotions: BTreeMap<String, u64>,
}

impl Sum {
    fn add(&mut self, cell: &Cell) {
        self.calls += cell.calls;
        let outcome = match cell.outcome.as_str() {
            "bridged" => 0,
            "callback" => 1,
            "abandoned" => 2,
            "self_served" => 3,
            "overflowed" => 4,
            "failed" => 5,
            _ => 6,
        };
        self.outcomes[outcome] += cell.calls;
        self.decided += cell.decided;
        self.decided_s += cell.decided_s;
        self.felt += cell.felt;
        self.sentiment += cell.sentiment;
        *self.intents.entry(cell.intent.clone()).or_default() += cell.calls;
        let emotion = cell.emotion.as_deref().unwrap_or("unknown").to_owned();
        *self.emotions.entry(emotion).or_default() += cell.calls;
    }

    fn mean_decision_s(&self) -> Option<f64> {
        (self.decided > 0).then(|| self.decided_s / self.decided as f64)
    }

    fn mean_sentiment(&self) -> Option<f64> {
        (self.felt > 0).then(|| self.sentiment / self.felt as f64)
    }

    fn angry_share(&self) -> f64 {
        let angry = self.emotions.get("angry").copied().unwrap_or(0);
        angry as f64 / self.calls.max(1) as f64
    }

    fn hour(self, hour: Timestamp, local: Option<String>) -> Hour {
        let [
            bridged,
            callbacks,
            abandoned,
            self_served,
            overflowed,
            failed,
            other,
        ] = self.outcomes;
        let counts = self.intents.iter().map(|(intent, calls)| IntentCount {
            intent: intent.clone(),
            calls: *calls,
        });
        let mut intents: Vec<IntentCount> = counts.collect();
        // Stable: equal counts stay in the order of names.
        intents.sort_by_key(|count| std::cmp::Reverse(count.calls));
        Hour {
            hour,
            local,
            calls: self.calls,
            bridged,
            callbacks,
            abandoned,
            self_served,
            overflowed,
            failed,
            other,
            mean_decision_s: self.mean_decision_s(),
            angry_share: self.angry_share(),
            intents,
        }
    }

    fn moods(self) -> MoodFigures {
        MoodFigures {
            calls: self.calls,
            mean_sentiment: self.mean_sentiment(),
            emotions: self.emotions,
        }
    }
}

/// What hours came to, newest first, at most `limit`; hours begin as clocks in `zone` strike.
pub fn hours(cells: &[Cell], zone: Option<&TimeZone>, limit: u32) -> Vec<Hour> {
    by_hour(cells, zone, limit)
        .map(|(hour, sum)| sum.hour(hour, local(hour, zone)))
        .collect()
}

/// How callers felt in each hour, newest first, at most `limit`.
pub fn moods(cells: &[Cell], zone: Option<&TimeZone>, limit: u32) -> Vec<MoodHour> {
    by_hour(cells, zone, limit)
        .map(|(hour, sum)| MoodHour {
            hour,
            local: local(hour, zone),
            figures: sum.moods(),
        })
        .collect()
}

/// What the calls with each intent came to, the commonest first.
pub fn intents(cells: &[Cell]) -> Vec<IntentFigures> {
    let mut sums: BTreeMap<Option<&str>, Sum> = BTreeMap::new();
    for cell in cells {
        sums.entry(cell.intent.as_deref()).or_default().add(cell);
    }
    let all: u64 = sums.values().map(|sum| sum.calls).sum();
    let figures = sums.into_iter().map(|(intent, sum)| {
        let [
            bridged,
            callbacks,
            abandoned,
            self_served,
            overflowed,
            failed,
            other,
        ] = sum.outcomes;
        IntentFigures {
            intent: intent.map(str::to_owned),
            calls: sum.calls,
            share: sum.calls as f64 / all as f64,
            bridged,
            callbacks,
            abandoned,
            self_served,
            overflowed,
            failed,
            other,
            mean_decision_s: sum.mean_decision_s(),
            mean_sentiment: sum.mean_sentiment(),
            angry_share: sum.angry_share(),
        }
    });
    let mut figures: Vec<IntentFigures> = figures.collect();
    figures.sort_by_key(|figures| std::cmp::Reverse(figures.calls));
    figures
}

fn by_hour(
    cells: &[Cell],
    zone: Option<&TimeZone>,
    limit: u32,
) -> impl Iterator<Item = (Timestamp, Sum)> {
    let mut sums: BTreeMap<Timestamp, Sum> = BTreeMap::new();
    for cell in cells {
        sums.entry(hour(cell.quarter, zone)).or_default().add(cell);
    }
    sums.into_iter().rev().take(limit as usize)
}

/// The hour that the quarter lies in.
fn hour(quarter: i64, zone: Option<&TimeZone>) -> Timestamp {
    let at = quarter
        .checked_mul(QUARTER_S)
        .and_then(|second| Timestamp::from_second(second).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    let round = ZonedRound::new()
        .smallest(Unit::Hour)
        .mode(RoundMode::Floor);
    at.to_zoned(zone)
        .round(round)
        .map_or(at, |zoned| zoned.timestamp())
}

fn local(hour: Timestamp, zone: Option<&TimeZone>) -> Option<String> {
    let zoned = hour.to_zoned(zone?.clone());
    Some(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(at: &str, outcome: &str) -> Cell {
        let at: Timestamp = at.parse().unwrap();
        Cell {
            quarter: at.as_second().div_euclid(QUARTER_S),
            outcome: outcome.to_owned(),
            calls: 1,
            ..Cell::default()
        }
    }

    #[test]
    fn an_hour_begins_as_the_clocks_there_strike() {
        let cells = [
            cell("2026-11-21T08:20:00Z", "bridged"),
            cell("2026-11-21T08:40:00Z", "failed"),
        ];
        let utc = hours(&cells, None, 9);
        assert_eq!(
            (utc.len(), utc[0].calls, utc[0].local.as_deref()),
            (1, 2, None)
        );
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        let there = hours(&cells, Some(&zone), 9);
        assert_eq!(there.len(), 2);
        assert_eq!(there[0].hour.to_string(), "2026-11-21T08:30:00Z");
        assert_eq!(there[0].local.as_deref(), Some("2026-11-21T14:00:00+05:30"));
        assert_eq!(hours(&cells, Some(&zone), 1).len(), 1);
    }

    #[test]
    fn every_outcome_is_counted_apart() {
        let names = [
            "bridged",
            "callback",
            "abandoned",
            "self_served",
            "overflowed",
            "failed",
        ];
        let cells = names.map(|name| cell("2026-11-21T08:20:00Z", name));
        let hour = &hours(&cells, None, 9)[0];
        let counts = [
            hour.bridged,
            hour.callbacks,
            hour.abandoned,
            hour.self_served,
            hour.overflowed,
            hour.failed,
        ];
        assert_eq!((hour.calls, counts), (6, [1; 6]));
        assert_eq!(intents(&cells)[0].overflowed, 1);
    }

    #[test]
    fn the_hour_that_comes_twice_in_autumn_stays_two() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let cells = [
            cell("2026-10-25T00:30:00Z", "bridged"),
            cell("2026-10-25T01:30:00Z", "bridged"),
        ];
        let there = hours(&cells, Some(&zone), 9);
        let local: Vec<_> = there
            .iter()
            .filter_map(|hour| hour.local.as_deref())
            .collect();
        assert_eq!(
            local,
            ["2026-10-25T02:00:00+01:00", "2026-10-25T02:00:00+02:00"]
        );
    }

    #[test]
    fn moods_count_what_was_not_heard_apart() {
        let mut angry = cell("2026-11-21T08:20:00Z", "bridged");
        angry.emotion = Some("angry".to_owned());
        (angry.felt, angry.sentiment) = (1, -0.5);
        let cells = [angry, cell("2026-11-21T08:20:00Z", "bridged")];
        let [hour] = &moods(&cells, None, 9)[..] else {
            panic!()
        };
        assert_eq!(hour.figures.emotions["angry"], 1);
        assert_eq!(hour.figures.emotions["unknown"], 1);
        assert_eq!(hour.figures.mean_sentiment, Some(-0.5));
        assert_eq!(intents(&cells)[0].angry_share, 0.5);
    }
}
