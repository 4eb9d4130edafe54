//! Units and currencies in written form.

use super::number::Number;
use super::{Form, stands, word_end};

/// Units and their symbols, longer words first.
const UNITS: [(&str, &str); 47] = [
    ("平方千米", "km²"),
    ("平方公里", "km²"),
    ("平方厘米", "cm²"),
    ("平方毫米", "mm²"),
    ("立方厘米", "cm³"),
    ("千瓦时", "kwh"),
    ("摄氏度", "°C"),
    ("华氏度", "°F"),
    ("平方米", "m²"),
    ("立方米", "m³"),
    ("毫安时", "mah"),
    ("兆赫兹", "mhz"),
    ("千赫兹", "khz"),
    ("千字节", "kb"),
    ("兆字节", "mb"),
    ("千克", "kg"),
    ("公斤", "kg"),
    ("毫克", "mg"),
    ("微克", "μg"),
    ("千米", "km"),
    ("公里", "km"),
    ("厘米", "cm"),
    ("毫米", "mm"),
    ("微米", "μm"),
    ("纳米", "nm"),
    ("分米", "dm"),
    ("毫升", "ml"),
    ("毫秒", "ms"),
    ("微秒", "μs"),
    ("分钟", "min"),
    ("小时", "h"),
    ("千瓦", "kw"),
    ("兆瓦", "mw"),
    ("伏特", "v"),
    ("安培", "a"),
    ("欧姆", "Ω"),
    ("赫兹", "hz"),
    ("摩尔", "mol"),
    ("分贝", "db"),
    ("牛顿", "n"),
    ("焦耳", "j"),
    ("千帕", "kpa"),
    ("克", "g"),
    ("升", "l"),
    ("秒", "s"),
    ("度", "°"),
    ("两", "两"),
];

/// Currencies and their signs, longer words first.
const CURRENCIES: [(&str, &str); 22] = [
    ("马来西亚令吉", "RM"),
    ("新加坡元", "S$"),
    ("加拿大元", "C$"),
    ("人民币", "CNY"),
    ("新台币", "TWD"),
    ("新西兰元", "NZ$"),
    ("美元", "$"),
    ("美金", "$"),
    ("英镑", "£"),
    ("欧元", "€"),
    ("日元", "JPY¥"),
    ("韩元", "₩"),
    ("港元", "HKD"),
    ("港币", "HKD"),
    ("澳元", "A$"),
    ("加元", "C$"),
    ("卢布", "₽"),
    ("卢比", "₹"),
    ("泰铢", "฿"),
    ("瑞士法郎", "CHF"),
    ("澳门元", "MOP"),
    ("元", "¥"),
];

/// The unit that stands here: its end and symbol.
pub(super) fn unit_at(chars: &[char], at: usize) -> Option<(usize, &'static str)> {
    UNITS
        .iter()
        .find(|(word, _)| stands(chars, at, word))
        .map(|(word, symbol)| (at + word.chars().count(), *symbol))
}

/// Whether a unit, a currency or a counted thing stands here.
pub(super) fn measures(chars: &[char], at: usize) -> bool {
    unit_at(chars, at).is_some()
        || CURRENCIES.iter().any(|(word, _)| stands(chars, at, word))
        || chars
            .get(at)
            .is_some_and(|c| "个块天年月次人件位岁里斤".contains(*c))
}

/// `十三点五美元` is `$13.5`, `三千三百八十元五角八分` is `¥3380.58`.
pub(super) fn money(chars: &[char], number: &Number) -> Form {
    let (word, sign) = CURRENCIES
        .iter()
        .find(|(word, _)| stands(chars, number.end, word))?;
    let mut end = number.end + word.chars().count();
    let mut text = format!("{sign}{}", number.text);
    if *word == "元" {
        let part = |at: usize, marks: [char; 2]| {
            let digit = super::number::digit(*chars.get(at)?)?;
            (chars.get(at + 1).is_some_and(|c| marks.contains(c))).then_some(digit)
        };
        let tenths = part(end, ['角', '毛']);
        if let Some(tenths) = tenths {
            text.push('.');
            text.push_str(&tenths.to_string());
            end += 2;
            if let Some(hundredths) = part(end, ['分', '分']) {
                text.push_str(&hundredths.to_string());
                end += 2;
            }
        }
    }
    Some((end, text))
}

/// `每小时十公里` is `10km/h`.
pub(super) fn speed(chars: &[char], at: usize) -> Form {
    let start = word_end(chars, at, &["每小时"])?;
    let first = Number::at(chars, start)?;
    let (mut end, mut text) = (first.end, first.text);
    if chars.get(end) == Some(&'到')
        && let Some(last) = Number::at(chars, end + 1)
    {
        text = format!("{text}~{}", last.text);
        end = last.end;
    }
    let (end, unit) = unit_at(chars, end)?;
    Some((end, format!("{text}{unit}/h")))
}
