//! Amounts of money, written as `350.5 CNY`.

use trunkside_call::EntityKind;

use super::Found;
use super::group::Group;
use super::quantity::{Quantity, quantity, trimmed};
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
