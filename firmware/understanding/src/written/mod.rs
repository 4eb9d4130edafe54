//! Spoken Mandarin numbers in written form: amounts, dates, times, measures, fractions.
//!
//! The written forms are those of inverse text normalisation as `WeTextProcessing` has them:
//! `二零零八年八月八日` becomes `2008/08/08`, `一点二五元` becomes `¥1.25`.
//!
//! ```
//! use trunkside_understanding::written;
//!
//! assert_eq!(written("同比增长百分之六点三"), "同比增长6.3%");
//! assert_eq!(written("可以打我手机幺三五零幺二三四五六七"), "可以打我手机13501234567");
//! ```

mod moments;
mod number;
mod units;

use number::Number;

/// Hesitations, which are left out.
const HESITATIONS: &str = "呃啊";

/// Idioms and names whose numbers count nothing.
const IDIOMS: [&str; 13] = [
    "一个",
    "三七二十一",
    "一共",
    "十三五",
    "十二五",
    "十四五",
    "一样",
    "一直",
    "一定",
    "一般",
    "一起",
    "一下",
    "一些",
];

/// A text with its numbers in written form.
pub fn written(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        if HESITATIONS.contains(chars[at]) {
            at += 1;
        } else if let Some(idiom) = IDIOMS.iter().find(|idiom| stands(&chars, at, idiom)) {
            out.push_str(idiom);
            at += idiom.chars().count();
        } else if let Some(end) = indefinite(&chars, at) {
            out.extend(&chars[at..end]);
            at = end;
        } else if let Some((end, text)) = form_at(&chars, at) {
            out.push_str(&text);
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// `十几万`, `几十万`: no number can be written for it.
fn indefinite(chars: &[char], at: usize) -> Option<usize> {
    let of_number = |c: &&char| number::digit(**c).is_some() || "十百千万亿几".contains(**c);
    let length = chars[at..].iter().take_while(of_number).count();
    let said = &chars[at..at + length];
    (length > 1 && said.contains(&'几')).then_some(at + length)
}

/// Where a form ends, and how it is written.
type Form = Option<(usize, String)>;

fn form_at(chars: &[char], at: usize) -> Form {
    percent(chars, at)
        .or_else(|| fraction(chars, at))
        .or_else(|| moments::date(chars, at))
        .or_else(|| moments::time(chars, at))
        .or_else(|| units::speed(chars, at))
        .or_else(|| plate(chars, at))
        .or_else(|| train(chars, at))
        .or_else(|| amount(chars, at))
}

fn stands(chars: &[char], at: usize, text: &str) -> bool {
    let mut rest = chars.get(at..).unwrap_or_default().iter();
    text.chars().all(|c| rest.next() == Some(&c))
}

/// Where one of some words ends that stands here.
fn word_end(chars: &[char], at: usize, words: &[&str]) -> Option<usize> {
    words
        .iter()
        .find(|word| stands(chars, at, word))
        .map(|word| at + word.chars().count())
}

/// `百分之三十`, `负百分之二`, `百分之三十到四十一`.
fn percent(chars: &[char], at: usize) -> Form {
    let (sign, at) = sign(chars, at);
    let start = word_end(chars, at, &["百分之", "百分"])?;
    let one = |at: usize| -> Option<(usize, String)> {
        if matches!(chars.get(at), Some('百')) {
            return Some((at + 1, "100".to_owned()));
        }
        let number = Number::at(chars, at)?;
        Some((number.end, number.text))
    };
    let (mut end, mut text) = one(start)?;
    if chars.get(end) == Some(&'到') {
        let next = word_end(chars, end + 1, &["百分之"]).unwrap_or(end + 1);
        if let Some((next_end, last)) = one(next) {
            text = format!("{text}~{last}");
            end = next_end;
        }
    }
    Some((end, format!("{sign}{text}%")))
}

/// `十六分之三`, `负十二分之七`.
fn fraction(chars: &[char], at: usize) -> Form {
    let (sign, at) = sign(chars, at);
    let below = Number::at(chars, at)?;
    let start = word_end(chars, below.end, &["分之"])?;
    let above = Number::at(chars, start)?;
    Some((above.end, format!("{sign}{}/{}", above.text, below.text)))
}

fn sign(chars: &[char], at: usize) -> (&'static str, usize) {
    if let Some(end) = word_end(chars, at, &["正负"]) {
        ("±", end)
    } else if let Some(end) = word_end(chars, at, &["负的", "负"]) {
        ("-", end)
    } else {
        ("", at)
    }
}

/// `鄂a七l六二u`: a province, a letter, five or six letters and digits.
fn plate(chars: &[char], at: usize) -> Form {
    const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
    let province = chars.get(at).filter(|c| PROVINCES.contains(**c))?;
    let letter = chars.get(at + 1).filter(|c| c.is_ascii_alphabetic())?;
    let mut text = format!("{province}{letter}");
    let mut end = at + 2;
    while let Some(c) = chars.get(end) {
        match number::digit(*c) {
            Some(digit) => text.push_str(&digit.to_string()),
            None if c.is_ascii_alphanumeric() => text.push(*c),
            None => break,
        }
        end += 1;
    }
    (5..=6).contains(&(end - at - 2)).then_some((end, text))
}

/// `高一二三`: a train's class and its digits, and nothing else in the phrase.
fn train(chars: &[char], at: usize) -> Form {
    const CLASSES: [(char, char); 7] = [
        ('高', 'G'),
        ('动', 'D'),
        ('城', 'C'),
        ('快', 'K'),
        ('特', 'T'),
        ('直', 'Z'),
        ('临', 'L'),
    ];
    let begins = at == 0 || !chars[at - 1].is_alphanumeric();
    let (_, class) = CLASSES
        .iter()
        .find(|(name, _)| begins && chars.get(at) == Some(name))?;
    let digits: String = chars[at + 1..]
        .iter()
        .map_while(|c| number::digit(*c))
        .map(|digit| digit.to_string())
        .collect();
    let end = at + 1 + digits.len();
    let ends = chars.get(end).is_none_or(|c| !c.is_alphanumeric());
    ((2..=4).contains(&digits.len()) && ends).then(|| (end, format!("{class}{digits}")))
}

/// A number with what belongs to it: a sign, a unit, a currency, a sum, a score.
fn amount(chars: &[char], at: usize) -> Form {
    let (sign, start) = sign(chars, at);
    let number = Number::at(chars, start)?;
    if let Some(found) = units::money(chars, &number).filter(|_| sign.is_empty()) {
        return Some(found);
    }
    if let Some((end, text)) = sum(chars, &number) {
        return Some((end, format!("{sign}{text}")));
    }
    let text = format!("{sign}{}", number.text);
    if let Some((end, unit)) = units::unit_at(chars, number.end) {
        let per_hour = word_end(chars, end, &["每小时"]);
        return Some(match per_hour {
            Some(end) => (end, format!("{text}{unit}/h")),
            None => (end, format!("{text}{unit}")),
        });
    }
    Some((number.end, text))
}

/// `一加二等于三`, `七十八比九十六`, `二十一到一千零一`.
fn sum(chars: &[char], first: &Number) -> Form {
    const OPERATORS: [(&str, &str); 7] = [
        ("加", "+"),
        ("减", "-"),
        ("乘以", "×"),
        ("除以", "÷"),
        ("等于", "="),
        ("比", ":"),
        ("到", "~"),
    ];
    let mut text = first.text.clone();
    let mut end = first.end;
    while let Some((word, mark)) = OPERATORS.iter().find(|(word, _)| stands(chars, end, word)) {
        let Some(next) = Number::at(chars, end + word.chars().count()) else {
            break;
        };
        text.push_str(mark);
        text.push_str(&next.text);
        end = next.end;
    }
    if end == first.end {
        return None;
    }
    if let Some((unit_end, unit)) = units::unit_at(chars, end) {
        let per_hour = word_end(chars, unit_end, &["每小时"]);
        let rate = if per_hour.is_some() { "/h" } else { "" };
        return Some((per_hour.unwrap_or(unit_end), format!("{text}{unit}{rate}")));
    }
    Some((end, text))
}

#[cfg(test)]
mod tests;
