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

/// Signs before an amount.
const SIGNS: [(char, &str); 5] = [
    ('¥', "CNY"),
    ('￥', "CNY"),
    ('$', "USD"),
    ('£', "GBP"),
    ('€', "EUR"),
];

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
    let (mut taken, mut value, mut end) = quantity(text, groups)?;
    let start = groups[0].start;
    let sign = start
        .checked_sub(1)
        .and_then(|before| text.at(before))
        .and_then(|c| SIGNS.iter().find(|(sign, _)| *sign == c));
    if let Some((_, currency)) = sign {
        let amount = Found::new(
            EntityKind::Money,
            format!("{value} {currency}"),
            start - 1,
            end,
        );
        return Some((taken, amount));
    }
    let (unit_end, currency) = unit_at(text, end)?;
    end = unit_end;
    if !value.contains('.')
        && let Some((more, small_end, hundredths)) = small_change(text, &groups[taken..], end)
    {
        taken += more;
        end = small_end;
        if hundredths > 0 {
            value = trimmed(&format!("{value}.{hundredths:02}"));
        }
    }
    Some((
        taken,
        Found::new(EntityKind::Money, format!("{value} {currency}"), start, end),
    ))
}

/// A whole number or a decimal: groups taken, value, end.
fn quantity(text: &Folded, groups: &[Group]) -> Option<(usize, String, usize)> {
    let first = groups.first()?;
    let whole = first.value()?;
    if let Some(second) = groups.get(1)
        && is_decimal_point(&text.slice(first.end, second.start))
        && let Some((fraction, scale)) = fraction(text, second)
    {
        return Some((
            2,
            scaled(&format!("{whole}.{fraction}"), scale)?,
            second.end,
        ));
    }
    Some((1, whole.to_string(), first.end))
}

fn is_decimal_point(between: &str) -> bool {
    matches!(between.trim(), "." | "点" | "點" | "point")
}

/// The digits behind a decimal point, and how many places a 千, 万 or 亿 behind them moves it.
fn fraction(text: &Folded, group: &Group) -> Option<(String, usize)> {
    if !group.cardinal {
        return (group.digits.len() <= 4).then(|| (group.digits.clone(), 0));
    }
    let places = match text.at(group.end - 1)? {
        '千' => 3,
        '万' | '萬' => 4,
        '亿' | '億' => 8,
        _ => return None,
    };
    let digits = group.digits.strip_suffix(&"0".repeat(places))?;
    (digits.len() <= 4).then(|| (digits.to_owned(), places))
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

fn unit_at(text: &Folded, end: usize) -> Option<(usize, &'static str)> {
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
