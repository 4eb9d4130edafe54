//! Parts of a birth date that are no date by themselves: `third of`, `february`, 腊月, 初八.

use trunkside_call::EntityKind;

use super::Hidden;
use crate::entities::{MONTHS, ORDINALS};
use crate::numbers::Folded;

/// Months by the moon that have a name.
const MOONS: [&str; 4] = ["正月", "冬月", "腊月", "闰月"];

/// Months that are other words more often.
const OTHER_WORDS: [&str; 2] = ["may", "march"];

/// All of them in a turn that answers a question for the day of birth, or goes on with one.
pub(super) fn parts(text: &Folded) -> Vec<Hidden> {
    let chinese = (0..text.chars().len()).filter_map(|at| {
        let moon = MOONS.iter().any(|moon| text.starts_with(at, moon));
        moon.then_some((at, at + 2)).or_else(|| early_day(text, at))
    });
    let mut found: Vec<Hidden> = chinese.map(|(start, end)| hidden(start, end)).collect();
    found.extend(english(text));
    found
}

/// The day by the moon right behind a date that is hidden: `八八年三月初五`.
pub(super) fn lunar_days(text: &Folded, hidden_yet: &[Hidden]) -> Vec<Hidden> {
    let dates = hidden_yet
        .iter()
        .filter(|piece| piece.label == EntityKind::Date.name());
    dates
        .filter_map(|date| {
            let (_, end) = early_day(text, date.end)?;
            Some(hidden(date.start, end))
        })
        .collect()
}

/// `初八`, and no `初次`.
fn early_day(text: &Folded, at: usize) -> Option<(usize, usize)> {
    let day = text
        .at(at + 1)
        .is_some_and(|c| "一二三四五六七八九十".contains(c));
    (text.at(at) == Some('初') && day).then_some((at, at + 2))
}

/// Ordinals and months that stand beside each other, before `of` or at the turn's end.
fn english(text: &Folded) -> Vec<Hidden> {
    let words = words(text);
    let word = |index: usize| words.get(index).map_or("", |(_, _, word)| word.as_str());
    let month = |word: &str| MONTHS.contains(&word);
    let ordinal = |word: &str| ORDINALS.iter().any(|(other, _)| *other == word);
    let mut found = Vec::new();
    for (index, (start, end, said)) in words.iter().enumerate() {
        let (before, behind) = (index.checked_sub(1).map_or("", word), word(index + 1));
        let beside = ordinal(before) || before == "of" || ordinal(behind);
        let last = behind.is_empty();
        let tells = if month(said) {
            !OTHER_WORDS.contains(&said.as_str()) || beside || last
        } else {
            ordinal(said) && (behind == "of" || last || month(before) || month(behind))
        };
        if tells {
            let tens = matches!(before, "twenty" | "thirty") && ordinal(said);
            let start = if tens { words[index - 1].0 } else { *start };
            found.push(hidden(start, *end));
        }
    }
    found
}

fn words(text: &Folded) -> Vec<(usize, usize, String)> {
    let starts = (0..text.chars().len())
        .filter(|at| text.chars()[*at].is_ascii_alphabetic() && text.is_word_start(*at));
    starts
        .map(|at| (at, text.word_end(at), text.slice(at, text.word_end(at))))
        .collect()
}

const fn hidden(start: usize, end: usize) -> Hidden {
    Hidden {
        start,
        end,
        label: EntityKind::Date.name(),
    }
}
