//! Amounts of money, written as `350.5 CNY`.

use trunkside_call::EntityKind;

use super::Found;
use super::group::Group;
use crate::numbers::Folded;

/// Unit words behind an amount, longer ones before those they begin with.
const UNITS: [(&str, &str); 40] = [
    ("块钱人民币", "CNY"),
    ("元人民币", "CNY"),
    ("人民币", "CNY"),
    ("块钱", "CNY"),
    ("元钱", "CNY"),
    ("美元", "USD"),
    ("美金", "USD"),
    ("块美金", "USD"),
    ("港币", "HKD"),
    ("港元", "HKD"),
    ("港纸", "HKD"),
    ("蚊", "HKD"),
    ("欧元", "EUR"),
    ("英镑", "GBP"),
    ("日元", "JPY"),
    ("块", "CNY"),
    ("块", "CNY"),
    ("元", "CNY"),
    ("圆", "CNY"),
    ("塊", "CNY"),
    ("yuan", "CNY"),
    ("rmb", "CNY"),
    ("renminbi", "CNY"),
    ("cny", "CNY"),
    ("us dollars", "USD"),
    ("hong kong dollars", "HKD"),
    ("hk dollars", "HKD"),
    ("dollars", "USD"),
    ("dollar", "USD"),
    ("bucks", "USD"),
    ("usd", "USD"),
    ("hkd", "HKD"),
    ("pounds", "GBP"),
    ("pound", "GBP"),
    ("quid", "GBP"),
    ("gbp", "GBP"),
    ("euros", "EUR"),
    ("euro", "EUR"),
    ("eur", "EUR"),
    ("$", "USD"),
];

/// Words for the hundredths, behind the main unit.
const CENTS: [&str; 4] = ["cents", "cent", "pence", "p"];

/// Signs before an amount, longer ones before those they end with.
const SIGNS: [(&str, &str); 7] = [
    ("hk$", "HKD"),
    ("us$", "USD"),
    ("¥", "CNY"),
    ("￥", "CNY"),
    ("$", "USD"),
    ("£", "GBP"),
    ("€", "EUR"),
];

/// English words that move the point of a decimal before them, and by how many places.
const SCALES: [(&str, usize); 4] = [
    ("hundred", 2),
    ("thousand", 3),
    ("million", 6),
    ("billion", 9),
];

/// The most digits behind a point.
const MOST_DECIMALS: usize = 4;

/// All amounts among some groups.
pub(super) fn find(text: &Folded, groups: &[Group]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut index = 0;
    while index < groups.len() {
        match amount_at(text, &groups[index..]) {
            Some((taken, amount)) => {
                found.push(amount);
                index += taken;
            }
            None => index += 1,
        }
    }
    found
}

/// The amount that begins with the first group, and how many groups it takes.
fn amount_at(text: &Folded, groups: &[Group]) -> Option<(usize, Found)> {
    let Quantity {
        mut taken,
        mut value,
        start,
        mut end,
    } = quantity(text, groups)?;
    let sign = SIGNS.iter().find_map(|(sign, currency)| {
        let at = start.checked_sub(sign.chars().count())?;
        text.starts_with(at, sign).then_some((at, currency))
    });
    if let Some((at, currency)) = sign {
        let amount = Found::new(EntityKind::Money, format!("{value} {currency}"), at, end);
        return Some((taken, amount));
    }
    let (unit_end, currency) = unit_at(text, end)?;
    end = unit_end;
    if !value.contains('.') {
        if let Some((more, small_end, hundredths)) = small_change(text, &groups[taken..], end) {
            taken += more;
            end = small_end;
            if hundredths > 0 {
                value = trimmed(&format!("{value}.{hundredths:02}"));
            }
        } else if is_half(text, end) {
            value.push_str(".5");
            end += 1;
        }
    }
    Some((
        taken,
        Found::new(EntityKind::Money, format!("{value} {currency}"), start, end),
    ))
}

/// The half of `五块半`; that of 半年 or 半价 is of something else.
fn is_half(text: &Folded, end: usize) -> bool {
    text.at(end) == Some('半')
        && !text
            .at(end + 1)
            .is_some_and(|c| "年月天日个小夜价折路".contains(c))
}

/// A number with its decimals and what scales it, and how many groups it takes.
struct Quantity {
    taken: usize,
    value: String,
    start: usize,
    end: usize,
}

/// `350`, `1,200.50`, `三点五万`, `two point five million`, `two and a half million`,
/// `half a million`.
fn quantity(text: &Folded, groups: &[Group]) -> Option<Quantity> {
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
        && digits.len() <= MOST_DECIMALS
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
        if three.len() != 3 || !is_figures(text, next.start, next.start + 3) {
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

fn is_figures(text: &Folded, start: usize, end: usize) -> bool {
    (start..end).all(|at| text.at(at).is_some_and(|c| c.is_ascii_digit()))
}

fn is_decimal_point(between: &str) -> bool {
    matches!(between.trim(), "." | "点" | "點" | "point")
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
        '万' | '萬' => Some(4),
        '亿' | '億' => Some(8),
        _ => None,
    }
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
fn trimmed(decimal: &str) -> String {
    decimal
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// Where a currency's name ends that stands behind a number, and its code.
pub(super) fn unit_at(text: &Folded, end: usize) -> Option<(usize, &'static str)> {
    let at = if text.at(end) == Some(' ') {
        end + 1
    } else {
        end
    };
    UNITS.iter().find_map(|(word, currency)| {
        let unit_end = at + word.chars().count();
        let whole_word =
            !word.is_ascii() || !text.at(unit_end).is_some_and(|c| c.is_ascii_alphabetic());
        (text.starts_with(at, word) && whole_word).then_some((unit_end, *currency))
    })
}

/// What follows the unit: `五毛`, `三毛五`, `and fifty cents`, or the bare digit of `三块五`.
fn small_change(text: &Folded, groups: &[Group], end: usize) -> Option<(usize, usize, u64)> {
    let group = groups.first()?;
    let between = text.slice(end, group.start);
    let value = group.value()?;
    if between.is_empty() {
        return match text.at(group.end) {
            Some('角' | '毛') if value < 10 => {
                let dime_end = group.end + 1;
                let fen = groups.get(1).filter(|fen| fen.start == dime_end);
                match fen.and_then(Group::value).filter(|fen| *fen < 10) {
                    Some(fen) => {
                        let fen_end = groups[1].end;
                        let fen_end = fen_end + usize::from(text.at(fen_end) == Some('分'));
                        Some((2, fen_end, value * 10 + fen))
                    }
                    None => Some((1, dime_end, value * 10)),
                }
            }
            Some('分') if value < 100 => Some((1, group.end + 1, value)),
            _ if value < 10 && text.at(end - 1) == Some('块') && group.digits.len() == 1 => {
                Some((1, group.end, value * 10))
            }
            _ => None,
        };
    }
    if matches!(between.trim(), "" | "and") && value < 100 {
        let at = group.end + usize::from(text.at(group.end) == Some(' '));
        let cents = CENTS.iter().find(|word| text.starts_with(at, word))?;
        return Some((1, at + cents.len(), value));
    }
    None
}
