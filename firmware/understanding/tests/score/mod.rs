//! Counts what redaction hides of generated speech.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trunkside_call::Side;
use trunkside_understanding::{Redaction, Redactor};

use crate::speech::{Kind, Random, Tongue, Turn, case, negative};

/// Labels that say that something is personal; `number`, `order`, `policy` and `reference` do not.
const PERSONAL: [&str; 8] = [
    "phone", "identity", "card", "account", "name", "address", "email", "plate",
];

/// How many there were, and how many of them were hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub of: u32,
    pub hidden: u32,
}

impl Share {
    fn count(&mut self, hidden: bool) {
        self.of += 1;
        self.hidden += u32::from(hidden);
    }

    pub fn share(self) -> f64 {
        f64::from(self.hidden) / f64::from(self.of.max(1))
    }
}

/// What was counted.
#[derive(Debug, Default)]
pub struct Report {
    /// Cases of each kind and language, hidden entirely: every digit, every character.
    pub recall: BTreeMap<(Kind, Tongue), Share>,
    /// Cases that are not personal, and those marked as personal all the same.
    pub false_alarms: BTreeMap<Tongue, Share>,
    /// Of these, texts without any long number, and those in which anything was hidden.
    pub innocent: Share,
    pub misses: Vec<String>,
}

impl Report {
    pub fn of(&self, kinds: impl Fn(Kind) -> bool) -> Share {
        let mut sum = Share::default();
        for ((kind, _), share) in &self.recall {
            if kinds(*kind) {
                sum.of += share.of;
                sum.hidden += share.hidden;
            }
        }
        sum
    }

    pub fn false_alarm_share(&self) -> f64 {
        let (of, hidden) = self.false_alarms.values().fold((0, 0), |sum, share| {
            (sum.0 + share.of, sum.1 + share.hidden)
        });
        f64::from(hidden) / f64::from(of.max(1))
    }

    pub fn to_json(&self) -> Value {
        let kinds: BTreeMap<String, Value> = Kind::DRAWN
            .iter()
            .chain([&Kind::Mention])
            .map(|kind| {
                let by_tongue: Vec<f64> = [Tongue::Mandarin, Tongue::Cantonese, Tongue::English]
                    .iter()
                    .filter_map(|tongue| self.recall.get(&(*kind, *tongue)))
                    .map(|share| share.share())
                    .collect();
                (
                    format!("{kind:?}").to_lowercase(),
                    json!({
                        "recall": self.of(|other| other == *kind).share(),
                        "zh_yue_en": by_tongue,
                        "n": self.of(|other| other == *kind).of,
                    }),
                )
            })
            .collect();
        json!({
            "numbers": self.of(Kind::is_number).share(),
            "names": self.of(|kind| kind == Kind::Name).share(),
            "names_not_introduced": self.of(|kind| kind == Kind::Mention).share(),
            "addresses": self.of(|kind| kind == Kind::Address).share(),
            "false_alarms": self.false_alarm_share(),
            "innocent_changed": self.innocent.share(),
            "kinds": kinds,
            "n": self.of(|_| true).of + self.false_alarms.values().map(|share| share.of).sum::<u32>(),
        })
    }
}

/// Of so many cases one more is made of a name that nothing introduces.
const MENTION_EVERY: usize = 10;

/// Makes and redacts so many cases: three quarters personal, a quarter not; and names that nothing introduces
/// beside them, so that the others stay the same.
pub fn measure(count: usize, seed: u64) -> Report {
    let mut random = Random::new(seed);
    let mut report = Report::default();
    for index in 0..count {
        let tongue = [Tongue::Mandarin, Tongue::Cantonese, Tongue::English][random.below(3)];
        if index % 4 == 3 {
            let (turn, numbered) = negative(tongue, &mut random);
            report.judge_negative(&turn, numbered, tongue);
        } else {
            let kind = Kind::DRAWN[random.below(Kind::DRAWN.len())];
            let turns = case(kind, tongue, &mut random);
            report.judge(kind, tongue, &turns);
        }
    }
    let mut random = Random::new(seed.wrapping_add(1));
    for _ in 0..count / MENTION_EVERY {
        let tongue = [Tongue::Mandarin, Tongue::Cantonese, Tongue::English][random.below(3)];
        let turns = case(Kind::Mention, tongue, &mut random);
        report.judge(Kind::Mention, tongue, &turns);
    }
    report
}

impl Report {
    fn judge(&mut self, kind: Kind, tongue: Tongue, turns: &[Turn]) {
        let mut redactor = Redactor::default();
        let mut hidden = true;
        for turn in turns {
            let side = if turn.by_caller {
                Side::Caller
            } else {
                Side::Agent
            };
            let pieces = redactor.redactions(side, &turn.text, turn.is_final);
            let whole = turn
                .secrets
                .iter()
                .all(|secret| covers(&turn.text, &pieces, *secret));
            if hidden && !whole {
                self.misses
                    .push(format!("{kind:?} {} {pieces:?}", turn.text));
            }
            hidden &= whole;
        }
        self.recall.entry((kind, tongue)).or_default().count(hidden);
    }

    fn judge_negative(&mut self, turn: &Turn, numbered: bool, tongue: Tongue) {
        let pieces = Redactor::default().redactions(Side::Caller, &turn.text, true);
        let personal = pieces.iter().any(|piece| PERSONAL.contains(&piece.label));
        let changed = !numbered && !pieces.is_empty();
        if personal || changed {
            self.misses.push(format!("FALSE {} {pieces:?}", turn.text));
        }
        self.false_alarms
            .entry(tongue)
            .or_default()
            .count(personal || changed);
        if !numbered {
            self.innocent.count(changed);
        }
    }
}

/// Whether every letter and figure of a span is hidden.
fn covers(text: &str, pieces: &[Redaction], (start, end): (usize, usize)) -> bool {
    text.chars()
        .enumerate()
        .skip(start)
        .take(end - start)
        .filter(|(_, c)| c.is_alphanumeric())
        .all(|(at, _)| {
            pieces
                .iter()
                .any(|piece| piece.start <= at && at < piece.end)
        })
}
