//! Quantities: a whole number or a decimal, with the words that scale it; shares of a hundred.

use trunkside_call::EntityKind;

use super::Found;
use super::group::Group;
use crate::numbers::Folded;

/// English words that move the point of a decimal before them, and by how many places.
const SCALES: [(&str, usize); 4] = [
    ("hundred", 2),
    ("thousand", 3),
    ("million", 6),
    ("billion", 9),
];

/// The most digits behind a point, and behind one that a single digit stands before: of others a telephone
/// number may be written so.
const MOST_DECIMALS: usize = 4;
const MOST_OF_ONE: usize = 12;

/// From this many digits on a number takes no more groups of three.
const MOST_DIGITS: usize = 30;

/// A number with its decimals and what scales it, and how many groups it takes.
pub(super) struct Quantity {
    pub taken: usize,
    pub value: String,
    pub start: usize,
    pub end: usize,
}

/// `350`, `1,200.50`, `三点五万`, `two point five million`, `two and a half million`,
/// `half a million`.
pub(super) fn quantity(text: &Folded, groups: &[Group]) -> Option<Quantity> {
    let first = groups.first()?;
    if let Some(places) = scale_word(text, first)
        && let Some(start) = ["half a ", "half "]
            .iter()
            .find_map(|half| starts_before(text, first.start, half))
    {
        return Some(Quantity {
            taken: 1,
            value: scaled("0.5", places)?,
            start,
            end: first.end,
        });
    }
    let (mut taken, whole, mut end) = grouped(text, groups)?;
    let (mut decimals, mut places) = (String::new(), 0);
    if let Some(next) = groups.get(taken)
        && is_decimal_point(&text.slice(end, next.start))
        && let Some((digits, scale)) = mantissa(text, next)
        && digits.len() <= most_decimals(&whole)
    {
        (decimals, places) = (digits, scale);
        taken += 1;
        end = next.end;
        // `point two five million`, `三点一二万`: the last decimal is one number with its scale.
        if let Some(last) = groups.get(taken)
            && scale == 0
            && text.slice(end, last.start).trim().is_empty()
            && let Some((digit, scale)) = mantissa(text, last)
            && digit.len() == 1
            && scale > 0
            && scale_word(text, last).is_none()
        {
            decimals.push_str(&digit);
            places = scale;
            taken += 1;
            end = last.end;
        }
    } else if text.starts_with(end, AND_A_HALF) {
        "5".clone_into(&mut decimals);
        end += AND_A_HALF.len();
    } else if text.starts_with(end, "个半") && !is_of_time(text, end + 2) {
        "5".clone_into(&mut decimals);
        end += 2;
    }
    if places == 0
        && let Some(scale) = groups.get(taken)
        && text.slice(end, scale.start).trim().is_empty()
        && let Some(word) = scale_word(text, scale)
    {
        places = word;
        taken += 1;
        end = scale.end;
    } else if places == 0
        && let Some((word, scale)) = SCALES_BEHIND
            .iter()
            .find(|(word, _)| text.starts_with(end, word))
    {
        places = *scale;
        end += word.chars().count();
    } else if places == 0
        && text.at(end) == Some(' ')
        && let Some(word) = text.at(end + 1).and_then(multiplier)
    {
        places = word;
        end += 2;
    }
    Some(Quantity {
        taken,
        value: scaled(&format!("{whole}.{decimals}"), places)?,
        start: first.start,
        end,
    })
}

const fn most_decimals(whole: &str) -> usize {
    if whole.len() == 1 {
        MOST_OF_ONE
    } else {
        MOST_DECIMALS
    }
}

/// Whether time is measured here: that of 两个半月 or 三个半小时 is told by its own words.
fn is_of_time(text: &Folded, at: usize) -> bool {
    text.at(at)
        .is_some_and(|c| "月钟小星礼天年日字".contains(c))
}

/// What scales a number and is none by itself.
const SCALES_BEHIND: [(&str, usize); 2] = [("个亿", 8), (" grand", 3)];

const AND_A_HALF: &str = " and a half";

fn starts_before(text: &Folded, end: usize, words: &str) -> Option<usize> {
    let start = end.checked_sub(words.len())?;
    (text.is_word_start(start) && text.starts_with(start, words)).then_some(start)
}

/// A whole number with the groups of three that commas part: groups taken, digits, end.
fn grouped(text: &Folded, groups: &[Group]) -> Option<(usize, String, usize)> {
    let first = groups.first()?;
    let (mut taken, mut end) = (1, first.end);
    let mut digits = first.value()?.to_string();
    if first.digits.len() > 3 || !is_figures(text, first.start, first.end) {
        return Some((taken, digits, end));
    }
    for next in &groups[1..] {
        let parted = text.at(end) == Some(',') && next.start == end + 1;
        let Some((three, places)) = mantissa(text, next).filter(|_| parted) else {
            break;
        };
        let fits = three.len() == 3 && digits.len() < MOST_DIGITS;
        if !fits || !is_figures(text, next.start, next.start + 3) {
            break;
        }
        digits.push_str(&three);
        digits.push_str(&"0".repeat(places));
        taken += 1;
        end = next.end;
        if places > 0 {
            break;
        }
    }
    // A zero in front means nothing.
    let digits = digits.parse::<u128>().ok()?.to_string();
    Some((taken, digits, end))
}

pub(super) fn is_figures(text: &Folded, start: usize, end: usize) -> bool {
    (start..end).all(|at| text.at(at).is_some_and(|c| c.is_ascii_digit()))
}

fn is_decimal_point(between: &str) -> bool {
    matches!(between.trim(), "." | "点" | "point")
}

/// The digits of a group, and how many places a 千, 万, 亿, `thousand` or `million` at its end moves
/// the point.
fn mantissa(text: &Folded, group: &Group) -> Option<(String, usize)> {
    if !group.cardinal {
        return Some((group.digits.clone(), 0));
    }
    let english = SCALES.iter().find(|(word, _)| ends_with(text, group, word));
    let places = english
        .map(|(_, places)| *places)
        .or_else(|| text.at(group.end - 1).and_then(multiplier))
        .unwrap_or(0);
    let digits = group.digits.strip_suffix(&"0".repeat(places))?;
    // 三点十二 is said for 3.12, but nothing is said with hundreds.
    (places > 0 || digits.len() <= 2).then(|| (digits.to_owned(), places))
}

/// What 百分之, 千分之 and 万分之 are written as.
const PARTS: [(&str, char); 3] = [("百分之", '%'), ("千分之", '‰'), ("万分之", '‱')];

/// The same behind a number, longer ones before those they begin with.
const PARTS_BEHIND: [&str; 4] = ["%", "percent", "per cent", "巴仙"];

/// `百分之四点三五`, `4.35%`, `four point five percent`, as a number such as `4.35%`.
pub(super) fn shares(text: &Folded, groups: &[Group]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut index = 0;
    while index < groups.len() {
        match share_at(text, &groups[index..], found.last()) {
            Some((taken, share)) => {
                found.push(share);
                index += taken;
            }
            None => index += 1,
        }
    }
    found
}

fn share_at(text: &Folded, groups: &[Group], last: Option<&Found>) -> Option<(usize, Found)> {
    let quantity = quantity(text, groups)?;
    let before = PARTS.iter().find_map(|(word, sign)| {
        let at = quantity.start.checked_sub(word.chars().count())?;
        text.starts_with(at, word).then_some((at, *sign))
    });
    let span = || {
        let last = last.filter(|last| last.end + 1 == quantity.start)?;
        matches!(text.at(last.end), Some('到' | '至'))
            .then(|| last.value.chars().next_back())
            .flatten()
            .map(|sign| (quantity.start, sign))
    };
    let (start, end, sign) = if let Some((start, sign)) = before.or_else(span) {
        (start, quantity.end, sign)
    } else {
        let blank = usize::from(text.at(quantity.end) == Some(' '));
        let at = quantity.end + blank;
        let word = PARTS_BEHIND
            .iter()
            .find(|word| text.starts_with(at, word))?;
        (quantity.start, at + word.chars().count(), '%')
    };
    let value = format!("{}{sign}", quantity.value);
    Some((
        quantity.taken,
        Found::new(EntityKind::Number, value, start, end),
    ))
}

/// Words before a quantity that make it one of about that size.
const VAGUE_BEFORE: [&str; 8] = [
    "几",
    "数",
    "好多",
    "couple of ",
    "couple ",
    "few ",
    "several ",
    "many ",
];

/// Whether a number or an amount is only about what was said: 十几万, 两千多块, 三四百,
/// `a few hundred`. Of these no value can be written that is not another.
pub(super) fn is_vague(text: &Folded, found: &Found) -> bool {
    if !matches!(found.kind, EntityKind::Money | EntityKind::Number) {
        return false;
    }
    let (start, end) = (found.start, found.end);
    let before = VAGUE_BEFORE.iter().any(|word| {
        start
            .checked_sub(word.chars().count())
            .is_some_and(|at| text.starts_with(at, word))
    });
    let next = text.at(end + 1);
    let counted =
        |also: &str| next.is_some_and(|c| "十百千万亿块元蚊".contains(c) || also.contains(c));
    let behind = match text.at(end) {
        Some('几') => end > 0 && text.at(end - 1) == Some('十') || counted(""),
        Some('多') => next != Some('少'),
        Some('余') => next != Some('额'),
        Some('来') => counted("个人天年"),
        _ => false,
    };
    before || behind || neighbours(text, start) || neighbours(text, end)
}

/// Whether two digits that follow each other stand at either side of a position: 三|四百, 十七|八块.
fn neighbours(text: &Folded, at: usize) -> bool {
    const DIGITS: [&str; 9] = ["一", "二两", "三", "四", "五", "六", "七", "八", "九"];
    let digit = |at: Option<usize>| {
        let c = at.and_then(|at| text.at(at))?;
        DIGITS.iter().position(|digits| digits.contains(c))
    };
    match (digit(at.checked_sub(1)), digit(Some(at))) {
        (Some(low), Some(high)) => high == low + 1,
        _ => false,
    }
}

/// How far a group moves the point that is nothing but a word such as `million`.
fn scale_word(text: &Folded, group: &Group) -> Option<usize> {
    let is_word =
        |word: &str| group.end - group.start == word.len() && ends_with(text, group, word);
    let scale = SCALES.iter().find(|(word, _)| is_word(word));
    scale.map(|(_, places)| *places)
}

fn ends_with(text: &Folded, group: &Group, word: &str) -> bool {
    group
        .end
        .checked_sub(word.len())
        .is_some_and(|at| at >= group.start && text.starts_with(at, word))
}

const fn multiplier(c: char) -> Option<usize> {
    match c {
        '千' => Some(3),
        '万' => Some(4),
        '亿' => Some(8),
        _ => None,
    }
}

/// Moves a number's point to the right, exactly.
pub(super) fn shifted(number: &str, places: usize) -> Option<String> {
    let point = if number.contains('.') { "" } else { "." };
    scaled(&format!("{number}{point}"), places)
}

/// Moves a decimal's point to the right, exactly.
fn scaled(decimal: &str, places: usize) -> Option<String> {
    let (whole, fraction) = decimal.split_once('.')?;
    let padded = format!("{fraction:0<places$}");
    let (carried, rest) = padded.split_at(places);
    let whole: u128 = format!("{whole}{carried}").parse().ok()?;
    Some(trimmed(&format!("{whole}.{rest}")))
}

/// Without zeroes that mean nothing.
pub(super) fn trimmed(decimal: &str) -> String {
    decimal
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}
