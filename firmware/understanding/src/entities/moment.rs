//! Moments: dates as `2026-03-05`, `03-05`, `08-15 lunar` or the words of a relative one, and times
//! of day.

use trunkside_call::EntityKind;

use super::cue::is_birthday;
use super::group::Group;
use super::{Found, clock, days, money, relative};
use crate::numbers::{Folded, measures};

/// The months in English.
pub(crate) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// All dates and times of a text.
pub(super) fn find(text: &Folded, groups: &[Group]) -> Vec<Found> {
    let mut found = english_dates(text, groups);
    found.extend(days::english(text, groups));
    let mut times = clock::Times::default();
    let mut index = 0;
    while index < groups.len() {
        let rest = &groups[index..];
        let hit = written_date(text, rest)
            .or_else(|| days::lunar(text, rest))
            .or_else(|| chinese_date(text, rest))
            .or_else(|| days::of_this_month(text, rest))
            .or_else(|| times.chinese(text, rest))
            .or_else(|| clock::english(text, rest));
        match hit {
            Some((taken, entity)) => {
                found.push(entity);
                index += taken;
            }
            None => index += 1,
        }
    }
    found.extend(relative::find(text));
    found.extend(named_hours(text));
    found
}

/// `at noon`, `until midnight`: hours that have a name.
fn named_hours(text: &Folded) -> Vec<Found> {
    const HOURS: [(&str, &str); 3] = [
        ("noon", "12:00"),
        ("midday", "12:00"),
        ("midnight", "00:00"),
    ];
    const BEFORE: [&str; 9] = [
        "at ", "by ", "until ", "till ", "before ", "after ", "around ", "about ", "from ",
    ];
    let mut found = Vec::new();
    for at in (0..text.chars().len()).filter(|at| text.is_word_start(*at)) {
        let Some(start) = BEFORE
            .iter()
            .find(|word| text.starts_with(at, word))
            .map(|word| at + word.len())
        else {
            continue;
        };
        let hour = HOURS.iter().find(|(word, _)| {
            text.starts_with(start, word) && text.word_end(start) == start + word.len()
        });
        found.extend(hour.map(|(word, value)| {
            Found::new(
                EntityKind::Time,
                (*value).to_owned(),
                start,
                start + word.len(),
            )
        }));
    }
    found
}

/// The first year of two digits that is meant in the last century: those born then still call.
const LAST_CENTURY: u64 = 40;

/// From this year on nobody was born yet who is told of by the year's last two digits.
const BORN_UNTIL: u64 = 2030;

/// How many groups were taken, and what they name.
pub(super) type Hit = Option<(usize, Found)>;

/// A group's value where it is between two others.
pub(super) fn in_range(group: &Group, low: u64, high: u64) -> Option<u64> {
    group.value().filter(|value| (low..=high).contains(value))
}

pub(super) fn date(year: Option<u64>, month: u64, day: Option<u64>) -> String {
    match (year, day) {
        (Some(year), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
        (Some(year), None) => format!("{year:04}-{month:02}"),
        (None, Some(day)) => format!("{month:02}-{day:02}"),
        (None, None) => format!("{month:02}"),
    }
}

/// `2026-03-05`, `2026/3/5`, `2026.3.5`, `13/3/2026`: the same mark twice.
fn written_date(text: &Folded, groups: &[Group]) -> Hit {
    let [first, second, third, ..] = groups else {
        return None;
    };
    let mark = text
        .at(first.end)
        .filter(|c| matches!(c, '-' | '/' | '.'))?;
    let single = second.start == first.end + 1 && third.start == second.end + 1;
    if !single || text.at(second.end) != Some(mark) {
        return None;
    }
    let value = if third.digits.len() == 4 && first.digits.len() <= 2 {
        let year = in_range(third, 1880, 2199)?;
        let (first_value, second_value) = (in_range(first, 1, 31)?, in_range(second, 1, 31)?);
        match (first_value, second_value) {
            (day, month @ 1..=12) if day > 12 || day == month => date(Some(year), month, Some(day)),
            (month @ 1..=12, day) if day > 12 => date(Some(year), month, Some(day)),
            (13.., 13..) => return None,
            // Nobody knows which of them is the month: as it was said.
            _ => text.slice(first.start, third.end),
        }
    } else {
        date(
            Some(in_range(first, 1880, 2199).filter(|_| first.digits.len() == 4)?),
            in_range(second, 1, 12)?,
            Some(in_range(third, 1, 31)?),
        )
    };
    Some((
        3,
        Found::new(EntityKind::Date, value, first.start, third.end),
    ))
}

/// `二零二六年三月五日`, `三月五号`, `三月`, `二零二六年`, `五号`.
fn chinese_date(text: &Folded, groups: &[Group]) -> Hit {
    let start = groups[0].start;
    let mut taken = 0;
    let mut end = start;
    let year = next_part(groups, taken, end, taken == 0)
        .filter(|group| text.at(group.end) == Some('年') && matches!(group.digits.len(), 2 | 4))
        .filter(|group| !group.cardinal)
        .and_then(|group| full_year(group).map(|value| (group, value)));
    if let Some((group, _)) = year {
        taken += 1;
        end = group.end + 1;
    }
    let month = next_part(groups, taken, end, taken == 0)
        .filter(|group| text.at(group.end) == Some('月'))
        .and_then(|group| in_range(group, 1, 12).map(|value| (group, value)));
    if let Some((group, _)) = month {
        taken += 1;
        end = group.end + 1;
    }
    let day = next_part(groups, taken, end, taken == 0)
        .and_then(|group| day_end(text, group, month.is_some()).map(|end| (group, end)))
        .and_then(|(group, end)| in_range(group, 1, 31).map(|value| (value, end)));
    if let Some((_, day_end)) = day {
        taken += 1;
        end = day_end;
    }
    let year = year.map(|(group, year)| match group.digits.len() {
        // 三五年生的 is somebody of 1935.
        2 if (BORN_UNTIL..LAST_CENTURY + 2000).contains(&year) && is_birthday(text, start, end) => {
            (group, year - 100)
        }
        _ => (group, year),
    });
    let value = match (year, month, day) {
        (year, Some((_, month)), day) => date(year.map(|y| y.1), month, day.map(|d| d.0)),
        (Some((_, year)), None, _) => year.to_string(),
        (None, None, Some((day, _))) => format!("{day:02}"),
        (None, None, None) => return None,
    };
    Some((taken, Found::new(EntityKind::Date, value, start, end)))
}

/// Where the day ends whose number a group is: behind its 日 or 号, or, right behind a month, where
/// it counts nothing else.
fn day_end(text: &Folded, group: &Group, has_month: bool) -> Option<usize> {
    if matches!(text.at(group.end), Some('日' | '号')) {
        let behind = text.at(group.end + 1);
        let of_day = !matches!(behind, Some('码' | '线' | '楼' | '常' | '元'));
        return of_day.then_some(group.end + 1);
    }
    (has_month && is_bare_day(text, group)).then_some(group.end)
}

/// Whether a number of two digits counts nothing, so that it may be a day: 八月十五.
pub(super) fn is_bare_day(text: &Folded, group: &Group) -> bool {
    let counts = measures(text, group.end) && !matches!(text.at(group.end), Some('晚'))
        || money::unit_at(text, group.end).is_some()
        || text
            .at(group.end)
            .is_some_and(|c| "点多几来余名倍成折分度万亿%.:-/".contains(c));
    group.digits.len() == 2 && !counts
}

/// A year of four digits, or of the two that people say: 八五年 is 1985, 二六年 is 2026.
fn full_year(group: &Group) -> Option<u64> {
    let value = group.value()?;
    Some(match group.digits.len() {
        2 if value < LAST_CENTURY => value + 2000,
        2 => value + 1900,
        _ => value,
    })
}

/// The group that stands exactly where the last part ended.
fn next_part(groups: &[Group], index: usize, end: usize, first: bool) -> Option<&Group> {
    groups
        .get(index)
        .filter(|group| first || group.start == end)
}

/// `march 5`, `march 5th 2026`, `5th of march`, `the twenty first of march nineteen eighty`: a month
/// with a day or a year beside it.
fn english_dates(text: &Folded, groups: &[Group]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.chars().len() {
        let end = text.word_end(at);
        if let Some((month_end, month)) = month_at(text, at).filter(|_| text.is_word_start(at)) {
            found.extend(date_around(text, groups, (at, month_end), month));
        }
        found.extend(year_of_birth(text, groups, at));
        at = end.max(at + 1);
    }
    found
}

/// `born in sixty one`, `born in nineteen sixty one`: a year alone.
fn year_of_birth(text: &Folded, groups: &[Group], at: usize) -> Option<Found> {
    const BORN: &str = "born in ";
    if !text.starts_with(at, "born ") || !text.is_word_start(at) {
        return None;
    }
    let told = text.starts_with(at, BORN);
    let from = at + if told { BORN.len() } else { "born ".len() } - 1;
    let (year, end) = year_after(text, groups, from).or_else(|| short_year(text, groups, from))?;
    // `born twenty weeks early`
    if !told
        && text
            .at(skip_blanks(text, end))
            .is_some_and(char::is_alphanumeric)
    {
        return None;
    }
    Some(Found::new(
        EntityKind::Date,
        year.to_string(),
        from + 1,
        end,
    ))
}

/// The year of two digits that follows where somebody's birth is told, `sixty one`, `'61`: value and end.
fn short_year(text: &Folded, groups: &[Group], end: usize) -> Option<(u64, usize)> {
    let at = skip_blanks(text, end + usize::from(text.at(end) == Some(',')));
    let at = at + usize::from(text.at(at) == Some('\''));
    let group = groups
        .iter()
        .find(|group| group.start == at && group.digits.len() == 2)?;
    let year = group.value()?;
    Some((
        year + if year + 2000 < BORN_UNTIL { 2000 } else { 1900 },
        group.end,
    ))
}

fn date_around(
    text: &Folded,
    groups: &[Group],
    (month_start, month_end): (usize, usize),
    month: u64,
) -> Option<Found> {
    let (mut start, mut end) = (month_start, month_end);
    let mut day = day_before(text, groups, month_start);
    if let Some((_, day_start)) = day {
        start = day_start;
        if start >= 4 && text.starts_with(start - 4, "the ") {
            start -= 4;
        }
    } else {
        day = day_after(text, groups, month_end);
        if let Some((_, day_end)) = day {
            end = day_end;
        }
    }
    // Of a month alone `may sixty one` can be no day.
    let birth = || is_birthday(text, start, end);
    let year = year_after(text, groups, end)
        .or_else(|| birth().then(|| short_year(text, groups, end)).flatten());
    if let Some((_, year_end)) = year {
        end = year_end;
    }
    if day.is_none() && year.is_none() {
        return None;
    }
    let value = date(year.map(|year| year.0), month, day.map(|day| day.0));
    Some(Found::new(EntityKind::Date, value, start, end))
}

/// Ordinal words, the tens with what follows them.
pub(crate) const ORDINALS: [(&str, u64); 21] = [
    ("first", 1),
    ("second", 2),
    ("third", 3),
    ("fourth", 4),
    ("fifth", 5),
    ("sixth", 6),
    ("seventh", 7),
    ("eighth", 8),
    ("ninth", 9),
    ("tenth", 10),
    ("eleventh", 11),
    ("twelfth", 12),
    ("thirteenth", 13),
    ("fourteenth", 14),
    ("fifteenth", 15),
    ("sixteenth", 16),
    ("seventeenth", 17),
    ("eighteenth", 18),
    ("nineteenth", 19),
    ("twentieth", 20),
    ("thirtieth", 30),
];

/// The day of the month as an ordinal in words: value, begin and end. The tens before it are a
/// group of their own.
pub(super) fn ordinal_at(
    text: &Folded,
    groups: &[Group],
    start: usize,
) -> Option<(u64, usize, usize)> {
    let end = text.word_end(start);
    let word = text.slice(start, end.min(start + 12));
    let value = ORDINALS.iter().find(|(name, _)| *name == word)?.1;
    let tens = groups
        .iter()
        .find(|group| group.end + 1 == start && matches!(group.value(), Some(20 | 30)))
        .filter(|_| value < 10);
    match tens {
        Some(tens) => Some((value + tens.value()?, tens.start, end)),
        None => Some((value, start, end)),
    }
}

/// The day that ends right before a month, `of` and a blank between: value and begin.
fn day_before(text: &Folded, groups: &[Group], month_start: usize) -> Option<(u64, usize)> {
    let mut end = back_over_blanks(text, month_start);
    if end >= 2 && text.starts_with(end - 2, "of") {
        end = back_over_blanks(text, end - 2);
    }
    if let Some(group) = groups
        .iter()
        .find(|group| ordinal_end(text, group.end) == end)
    {
        return Some((in_range(group, 1, 31)?, group.start));
    }
    let mut start = end;
    while start > 0 && text.chars()[start - 1].is_ascii_alphabetic() && end - start < 12 {
        start -= 1;
    }
    ordinal_at(text, groups, start).map(|(day, start, _)| (day, start))
}

/// The day that follows a month, `the` between: value and end.
fn day_after(text: &Folded, groups: &[Group], month_end: usize) -> Option<(u64, usize)> {
    let mut at = skip_blanks(text, month_end);
    if text.starts_with(at, "the ") {
        at = skip_blanks(text, at + 4);
    }
    let tens_end = groups
        .iter()
        .find(|group| group.start == at && matches!(group.value(), Some(20 | 30)))
        .map(|group| skip_blanks(text, group.end));
    let ordinal = tens_end
        .and_then(|at| ordinal_at(text, groups, at))
        .or_else(|| ordinal_at(text, groups, at));
    if let Some((day, _, end)) = ordinal {
        return Some((day, end));
    }
    let group = groups.iter().find(|group| group.start == at)?;
    Some((in_range(group, 1, 31)?, ordinal_end(text, group.end)))
}

/// The year that follows, `nineteen eighty four` in two groups: value and end.
fn year_after(text: &Folded, groups: &[Group], end: usize) -> Option<(u64, usize)> {
    let next = |end: usize| {
        let at = skip_blanks(text, end + usize::from(text.at(end) == Some(',')));
        let at = if text.starts_with(at, "in ") {
            at + 3
        } else {
            at
        };
        groups.iter().find(|group| group.start == at)
    };
    let first = next(end)?;
    if let Some(year) = in_range(first, 1880, 2199) {
        return Some((year, first.end));
    }
    let century = in_range(first, 18, 21)?;
    let second = next(first.end).filter(|second| second.start > first.end)?;
    let rest = in_range(second, 0, 99)?;
    Some((century * 100 + rest, second.end))
}

fn back_over_blanks(text: &Folded, mut at: usize) -> usize {
    while at > 0 && text.at(at - 1) == Some(' ') {
        at -= 1;
    }
    at
}

pub(super) fn ordinal_end(text: &Folded, end: usize) -> usize {
    let suffixed = ["st", "nd", "rd", "th"].iter().any(|suffix| {
        text.starts_with(end, suffix)
            && !text.at(end + 2).is_some_and(|c| c.is_ascii_alphanumeric())
    });
    if suffixed { end + 2 } else { end }
}

/// The first position from here on that is no blank.
pub(super) fn skip_blanks(text: &Folded, mut at: usize) -> usize {
    while text.at(at) == Some(' ') {
        at += 1;
    }
    at
}

fn month_at(text: &Folded, at: usize) -> Option<(usize, u64)> {
    let end = text.word_end(at);
    if end - at > 9 {
        return None;
    }
    let word = text.slice(at, end);
    let index = MONTHS.iter().position(|month| *month == word)?;
    Some((end, index as u64 + 1))
}
