//! Days that are told without their month, and those of the lunar calendar.

use trunkside_call::EntityKind;

use super::Found;
use super::group::Group;
use super::moment::{Hit, date, in_range, is_bare_day, ordinal_at, ordinal_end};
use crate::numbers::Folded;

/// The words for a calendar by the moon before a date.
const BY_THE_MOON: [&str; 4] = ["农历", "阴历", "旧历", "夏历"];

/// Months by the moon that have a name, and 大年, whose days but the last are in the first.
const MOONS: [(&str, u64); 4] = [("正月", 1), ("冬月", 11), ("腊月", 12), ("大年", 1)];

/// `农历八月十五`, `正月十五`, `大年初三`, `五月初五`, written as `08-15 lunar`.
pub(super) fn lunar(text: &Folded, groups: &[Group]) -> Hit {
    let first = &groups[0];
    let (taken, month, day, start) = if text.at(first.end) == Some('月') {
        let month = in_range(first, 1, 12)?;
        let day = groups.get(1)?;
        let early = text.at(first.end + 1) == Some('初');
        let by_moon = early || moon_word(text, first.start).is_some();
        if !by_moon || day.start != first.end + 1 + usize::from(early) {
            return None;
        }
        (2, month, day, first.start)
    } else {
        let early = first.start > 0 && text.at(first.start - 1) == Some('初');
        let end = first.start - usize::from(early);
        let (word, month) = MOONS.iter().find(|(word, _)| {
            end.checked_sub(word.chars().count())
                .is_some_and(|at| text.starts_with(at, word))
        })?;
        let is_last = *word == "大年" && !early;
        if is_last && first.value() != Some(30) {
            return None;
        }
        let month = if is_last { 12 } else { *month };
        (1, month, first, end - word.chars().count())
    };
    let early = text.at(day.start - 1) == Some('初');
    let named = matches!(text.at(day.end), Some('日' | '号'));
    let value = in_range(day, 1, if early { 10 } else { 30 })?;
    if !early && !named && !is_bare_day(text, day) {
        return None;
    }
    let value = format!("{} lunar", date(None, month, Some(value)));
    let end = day.end + usize::from(named);
    let start = moon_word(text, start).unwrap_or(start);
    Some((taken, Found::new(EntityKind::Date, value, start, end)))
}

/// Where the word for the calendar begins that ends here.
fn moon_word(text: &Folded, end: usize) -> Option<usize> {
    let start = end.checked_sub(2)?;
    BY_THE_MOON
        .iter()
        .any(|word| text.starts_with(start, word))
        .then_some(start)
}

/// Words for a month behind which a day may stand without 号.
const THIS_MONTH: [&str; 9] = [
    "这个月",
    "下个月",
    "上个月",
    "呢个月",
    "本月",
    "下月",
    "上月",
    "每个月",
    "每月",
];

/// The day of `这个月二十五`.
pub(super) fn of_this_month(text: &Folded, groups: &[Group]) -> Hit {
    let group = &groups[0];
    let named = THIS_MONTH.iter().any(|word| {
        group
            .start
            .checked_sub(word.chars().count())
            .is_some_and(|at| text.starts_with(at, word))
    });
    let day = in_range(group, 10, 31).filter(|_| named && is_bare_day(text, group))?;
    let value = format!("{day:02}");
    Some((
        1,
        Found::new(EntityKind::Date, value, group.start, group.end),
    ))
}

/// Words before `the first` that make it a day.
const BEFORE_A_DAY: [&str; 7] = [
    "on ", "by ", "until ", "till ", "before ", "after ", "from ",
];

/// Words that may follow a day; others are what the ordinal counts.
const BEHIND_A_DAY: [&str; 20] = [
    "at", "in", "and", "or", "to", "for", "by", "until", "till", "is", "was", "will", "would",
    "please", "if", "i", "we", "it", "this", "not",
];

/// `the twenty first`, `on the 3rd`: days without a month.
pub(super) fn english(text: &Folded, groups: &[Group]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.chars().len() {
        if text.is_word_start(at) && text.starts_with(at, "the ") {
            found.extend(day_at(text, groups, at));
        }
        at += 1;
    }
    found
}

fn day_at(text: &Folded, groups: &[Group], the: usize) -> Option<Found> {
    let start = the + 4;
    let group = groups
        .get(groups.partition_point(|group| group.start < start))
        .filter(|group| group.start == start);
    let (day, end) = match group {
        Some(tens) if text.at(tens.end) == Some(' ') => {
            let ordinal = ordinal_at(text, groups, tens.end + 1)?;
            let (day, _, end) = Some(ordinal).filter(|(_, from, _)| *from == start)?;
            (day, end)
        }
        Some(group) => {
            let end = ordinal_end(text, group.end);
            (in_range(group, 1, 31).filter(|_| end > group.end)?, end)
        }
        None => ordinal_at(text, groups, start).map(|(day, _, end)| (day, end))?,
    };
    let announced = BEFORE_A_DAY.iter().any(|word| {
        the.checked_sub(word.len())
            .is_some_and(|at| text.is_word_start(at) && text.starts_with(at, word))
    });
    let next = end + usize::from(text.at(end) == Some(' '));
    let word = text.slice(next, text.word_end(next).min(next + 12));
    let ends = !text.at(next).is_some_and(char::is_alphanumeric);
    let is_day = ends || BEHIND_A_DAY.contains(&word.as_str());
    // The third is one of three as often as a day.
    (is_day && (announced || day > 12))
        .then(|| Found::new(EntityKind::Date, format!("{day:02}"), start, end))
}
