//! Spoken numbers in written form: amounts, dates, times, measures, fractions; Mandarin in the ways of
//! inverse text normalisation, Cantonese in the same and with its own times, English by what is found in it.
//!
//! The written forms are those of inverse text normalisation as `WeTextProcessing` has them:
//! `二零零八年八月八日` becomes `2008/08/08`, `一点二五元` becomes `¥1.25`.
//!
//! ```
//! use trunkside_understanding::written;
//!
//! assert_eq!(written("同比增长百分之六点三"), "同比增长6.3%");
//! assert_eq!(written("可以打我手机幺三五零幺二三四五六七"), "可以打我手机13501234567");
//! assert_eq!(written("听日九點三個字"), "听日9:15");
//! assert_eq!(written("at quarter past nine"), "at 9:15");
//! ```

mod clock;
mod english;
mod moments;
mod number;
mod units;
mod words;

pub(crate) use words::is_in_word;

use number::Number;

use crate::features;

/// Hesitations, which are left out.
const HESITATIONS: &str = "呃啊";

/// A stretch of a text, in characters, and what is written for it.
struct Piece {
    start: usize,
    end: usize,
    written: String,
}

/// A text with its numbers in written form.
pub fn written(text: &str) -> String {
    if !text.chars().any(is_han) {
        return english::written(text);
    }
    let said: Vec<char> = text.chars().collect();
    let chars: Vec<char> = said.iter().map(|c| simplified(*c)).collect();
    let dial = clock::on_the_dial(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        if HESITATIONS.contains(chars[at]) {
            at += 1;
            continue;
        }
        let form = clock::at(&dial, at).or_else(|| form_at(&chars, at));
        let form_end = form.as_ref().map_or(at, |(end, _)| *end);
        let stays = [
            words::end_at(&chars, at),
            indefinite(&chars, at),
            weekday(&chars, at),
        ];
        // Of a word and a number that begin together the longer is meant: 一点 and 一点二五元.
        let stays = stays.into_iter().flatten().max();
        if let Some(end) = stays.filter(|end| *end >= form_end) {
            out.extend(&said[at..end]);
            at = end;
        } else if let Some((end, text)) = form {
            out.push_str(&text);
            at = end;
        } else {
            out.push(said[at]);
            at += 1;
        }
    }
    out
}

const fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

/// A traditional character as the simplified one; others as they are.
fn simplified(c: char) -> char {
    if is_han(c) { features::fold(c) } else { c }
}

/// `星期三`, `周五`: the day's number is a part of its name, unless it counts something.
fn weekday(chars: &[char], at: usize) -> Option<usize> {
    let day = word_end(chars, at, &["星期", "礼拜", "周"])?;
    let is_day = chars.get(day).is_some_and(|c| "一二三四五六".contains(*c));
    let goes_on = |c: &char| number::digit(*c).is_some() || "十百千万次天个趟回".contains(*c);
    let counts = chars.get(day + 1).is_some_and(goes_on);
    (is_day && !counts).then_some(day + 1)
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
        .or_else(|| below_zero(chars, at))
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

/// `零下三度`, `零下十二点五摄氏度`, `摄氏零下三度`.
fn below_zero(chars: &[char], at: usize) -> Form {
    let (scale, start) = match word_end(chars, at, &["摄氏", "华氏"]) {
        Some(end) => (Some(chars[at]), end),
        None => (None, at),
    };
    let start = word_end(chars, start, &["零下"])?;
    let first = Number::at(chars, start)?;
    let (mut end, mut text) = (first.end, format!("-{}", first.text));
    // 零下五到零下三度; in 零下五到三度 it is not said on which side of zero.
    if let Some(next) = word_end(chars, end, &["到零下", "至零下"])
        && let Some(last) = Number::at(chars, next)
    {
        text = format!("{text}~-{}", last.text);
        end = last.end;
    }
    let degrees = [("摄氏度", 'C'), ("华氏度", 'F'), ("度", 'C')];
    let (word, unit) = degrees.iter().find(|(word, _)| stands(chars, end, word))?;
    let unit = if scale == Some('华') { 'F' } else { *unit };
    Some((end + word.chars().count(), format!("{text}°{unit}")))
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
