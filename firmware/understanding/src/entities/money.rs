//! Amounts of money, written as `350.5 CNY`.

use trunkside_call::EntityKind;

use super::Found;
use super::group::Group;
use super::quantity::{Quantity, is_figures, quantity, shifted, trimmed};
use crate::numbers::{Folded, measures};

/// Unit words behind an amount, longer ones before those they begin with.
const UNITS: [(&str, &str); 41] = [
    ("块钱人民币", "CNY"),
    ("元人民币", "CNY"),
    ("块人民币", "CNY"),
    ("人民币", "CNY"),
    ("块钱", "CNY"),
    ("元钱", "CNY"),
    ("美元", "USD"),
    ("美金", "USD"),
    ("块美金", "USD"),
    ("块美元", "USD"),
    ("块港币", "HKD"),
    ("港币", "HKD"),
    ("港元", "HKD"),
    ("港纸", "HKD"),
    ("蚊", "HKD"),
    ("欧元", "EUR"),
    ("英镑", "GBP"),
    ("日元", "JPY"),
    ("块", "CNY"),
    ("元", "CNY"),
    ("圆", "CNY"),
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

/// Codes and names before an amount without a unit.
const CODES: [(&str, &str); 14] = [
    ("usd", "USD"),
    ("cny", "CNY"),
    ("rmb", "CNY"),
    ("hkd", "HKD"),
    ("gbp", "GBP"),
    ("eur", "EUR"),
    ("人民币", "CNY"),
    ("美元", "USD"),
    ("美金", "USD"),
    ("港币", "HKD"),
    ("港元", "HKD"),
    ("欧元", "EUR"),
    ("英镑", "GBP"),
    ("日元", "JPY"),
];

/// Units of less than one behind an amount, their hundredths and their currency.
const SMALL_UNITS: [(&str, u64, &str); 11] = [
    ("毛钱", 10, "CNY"),
    ("角钱", 10, "CNY"),
    ("分钱", 1, "CNY"),
    ("毫子", 10, "HKD"),
    ("毫", 10, "HKD"),
    ("毛", 10, "CNY"),
    ("角", 10, "CNY"),
    ("pence", 1, "GBP"),
    ("p", 1, "GBP"),
    ("cents", 1, "USD"),
    ("cent", 1, "USD"),
];

/// Letters between figures and their unit, or behind a sign and figures.
const SCALE_LETTERS: [(&str, usize); 4] = [("k", 3), ("mn", 6), ("m", 6), ("bn", 9)];

/// All amounts among some groups.
pub(super) fn find(text: &Folded, groups: &[Group]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut index = 0;
    while index < groups.len() {
        let from = found.last().map_or(0, |last| last.end);
        match amount_at(text, &groups[index..], from) {
            Some((taken, amount)) => {
                found.push(amount);
                index += taken;
            }
            None => index += 1,
        }
    }
    found
}

/// The amount that begins with the first group, behind the one before, and how many groups it takes.
fn amount_at(text: &Folded, groups: &[Group], from: usize) -> Option<(usize, Found)> {
    let quantity = quantity(text, groups)?;
    let mut start = quantity.start;
    let (sign, code) = (sign_before(text, start), code_before(text, start, from));
    let Quantity {
        mut taken,
        mut value,
        mut end,
        ..
    } = with_letters(text, quantity, code.is_some());
    if let Some((at, currency)) = sign {
        let amount = Found::new(EntityKind::Money, format!("{value} {currency}"), at, end);
        return Some((taken, amount));
    }
    let Some((unit_end, mut currency)) = unit_at(text, end) else {
        let of_one = taken == 1 && end == groups[0].end;
        if let Some(dimes) = dimes(text, groups).filter(|_| of_one) {
            return Some((2, dimes));
        }
        let amount = small_amount(text, &groups[0]).filter(|_| of_one);
        let coded = || coded_amount(text, &groups[0], code?, (&value, end));
        return amount.or_else(coded).map(|amount| (taken, amount));
    };
    // 港币三千块 are those of Hong Kong.
    if let Some((at, named)) = code.filter(|_| matches!(text.at(end), Some('块' | '元'))) {
        (start, currency) = (at, named);
    }
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

fn sign_before(text: &Folded, start: usize) -> Option<(usize, &'static str)> {
    SIGNS.iter().find_map(|(sign, currency)| {
        let at = start.checked_sub(sign.chars().count())?;
        text.starts_with(at, sign).then_some((at, *currency))
    })
}

/// With the letters that scale figures, where a sign or a unit makes it money: `$1.5k`, `20m pounds`.
fn with_letters(text: &Folded, quantity: Quantity, coded: bool) -> Quantity {
    let of_figures = quantity.end > 0
        && text
            .at(quantity.end - 1)
            .is_some_and(|c| c.is_ascii_digit());
    let letters = SCALE_LETTERS.iter().find_map(|(letters, places)| {
        let end = quantity.end + letters.len();
        let ends = !text.at(end).is_some_and(|c| c.is_ascii_alphanumeric());
        (text.starts_with(quantity.end, letters) && ends).then_some((end, *places))
    });
    let signed = coded || sign_before(text, quantity.start).is_some();
    let is_money = |end: usize| signed || unit_at(text, end).is_some();
    match letters.filter(|(end, _)| of_figures && is_money(*end)) {
        Some((end, places)) => Quantity {
            value: shifted(&quantity.value, places).unwrap_or_default(),
            end,
            ..quantity
        },
        None => quantity,
    }
}

/// `三毛二`, `三毛二分`: tenths and hundredths, and nothing else behind them.
fn dimes(text: &Folded, groups: &[Group]) -> Option<Found> {
    let [tenths, hundredths, ..] = groups else {
        return None;
    };
    let digit = |group: &Group| group.value().filter(|value| (1..10).contains(value));
    let (dimes, cents) = (digit(tenths)?, digit(hundredths)?);
    let adjoins = hundredths.start == tenths.end + 1;
    if !adjoins || !matches!(text.at(tenths.end), Some('毛' | '角')) {
        return None;
    }
    let end = ["分钱", "分", "钱"]
        .iter()
        .find(|unit| text.starts_with(hundredths.end, unit))
        .map_or(hundredths.end, |unit| hundredths.end + unit.chars().count());
    let ends = !text.at(end).is_some_and(char::is_alphanumeric);
    let amount = format!("0.{dimes}{cents} CNY");
    ends.then(|| Found::new(EntityKind::Money, amount, tenths.start, end))
}

/// `五毛钱`, `fifty p`, `20 cents`.
fn small_amount(text: &Folded, group: &Group) -> Option<Found> {
    let value = group.value().filter(|value| (1..100).contains(value))?;
    let at = group.end + usize::from(text.at(group.end) == Some(' '));
    // The P of a product's name is none of pence.
    let of_name = group.start > 0 && text.at(group.start - 1).is_some_and(char::is_alphanumeric);
    let (end, hundredths, currency) =
        SMALL_UNITS
            .iter()
            .find_map(|(word, hundredths, currency)| {
                let end = at + word.chars().count();
                // 三毛 begins other words, and `p` too; 一分钱一分货 names no price.
                let ends = !text
                    .at(end)
                    .is_some_and(|c| c == '.' || c.is_alphanumeric())
                    || word.ends_with(['钱', '子']);
                let told =
                    ends && !(of_name && word.is_ascii()) && !text.starts_with(end, "一分货");
                (text.starts_with(at, word) && told).then_some((end, value * hundredths, *currency))
            })?;
    let value = trimmed(&format!("{}.{:02}", hundredths / 100, hundredths % 100));
    let amount = format!("{value} {currency}");
    Some(Found::new(EntityKind::Money, amount, group.start, end))
}

/// `USD 500`, `人民币三百`: a code before an amount without a unit, unless what follows counts
/// something else or the code is the unit of an amount before it.
fn coded_amount(
    text: &Folded,
    group: &Group,
    (at, currency): (usize, &str),
    (value, end): (&str, usize),
) -> Option<Found> {
    let is_told = group.digits.len() > 1 || is_figures(text, group.start, group.end);
    if !is_told || measures(text, end) {
        return None;
    }
    let amount = format!("{value} {currency}");
    Some(Found::new(EntityKind::Money, amount, at, end))
}

/// The code before an amount: where it begins, behind the amount before, and the currency.
fn code_before(text: &Folded, start: usize, from: usize) -> Option<(usize, &'static str)> {
    let end = start - usize::from(start > 0 && text.at(start - 1) == Some(' '));
    CODES.iter().find_map(|(code, currency)| {
        let at = end.checked_sub(code.chars().count())?;
        let whole = !code.is_ascii() || text.is_word_start(at);
        (at >= from && text.starts_with(at, code) && whole).then_some((at, *currency))
    })
}

/// The half of `五块半`; that of 半年 or 半价 is of something else.
fn is_half(text: &Folded, end: usize) -> bool {
    text.at(end) == Some('半')
        && !text
            .at(end + 1)
            .is_some_and(|c| "年月天日个小夜价折路".contains(c))
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

/// What follows the unit: `五毛`, `三毛五`, `and fifty cents`, or the bare digit of `三块五` and `三蚊八`.
fn small_change(text: &Folded, groups: &[Group], end: usize) -> Option<(usize, usize, u64)> {
    let group = groups.first()?;
    let between = text.slice(end, group.start);
    let value = group.value()?;
    if between.is_empty() {
        return match text.at(group.end) {
            Some('角' | '毛' | '毫') if value < 10 => {
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
            Some('分') if value < 100 && text.at(group.end + 1) != Some('钟') => {
                Some((1, group.end + 1, value))
            }
            _ if value < 10
                && matches!(text.at(end - 1), Some('块' | '蚊'))
                && group.digits.len() == 1
                && !measures(text, group.end) =>
            {
                Some((1, group.end, value * 10))
            }
            _ => None,
        };
    }
    if matches!(between.as_str(), " " | " and ") && value < 100 {
        let at = group.end + usize::from(text.at(group.end) == Some(' '));
        return match CENTS.iter().find(|word| stands(text, at, word)) {
            Some(cents) => Some((1, at + cents.len(), value)),
            None => is_bare_change(text, group, at).then_some((1, group.end, value)),
        };
    }
    None
}

/// Words that may follow `two pounds fifty`; twenty minutes are no pence.
const BEHIND_CHANGE: [&str; 14] = [
    "please", "for", "and", "a", "per", "each", "on", "in", "to", "is", "was", "from", "off", "at",
];

/// Whether the cents behind the main unit go without a word: `two pounds fifty`.
fn is_bare_change(text: &Folded, group: &Group, at: usize) -> bool {
    let is_last = |word: &&str| stands(text, at, word);
    let ends = !text.at(at).is_some_and(char::is_alphanumeric);
    group.digits.len() == 2 && (ends || BEHIND_CHANGE.iter().any(is_last))
}

/// Whether a whole English word stands here.
fn stands(text: &Folded, at: usize, word: &str) -> bool {
    let behind = text.at(at + word.len());
    text.starts_with(at, word) && !behind.is_some_and(|c| c.is_ascii_alphanumeric())
}
