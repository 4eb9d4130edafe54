//! Postal addresses: behind the words that introduce them, and by their own form.

use super::ends_phrase;
use crate::numbers::Folded;
use crate::redact::Hidden;

const INTRODUCTIONS: [&str; 14] = [
    "地址是",
    "地址在",
    "地址",
    "住在",
    "住址是",
    "住址",
    "送到",
    "寄到",
    "寄去",
    "家在",
    "住喺",
    "i live at",
    "i live on",
    "my address is",
];

/// Marks of a Chinese address.
const MARKS: &str = "省市区县镇乡村路街道巷弄栋幢室楼号座苑园區縣鎮鄉號樓園";

const STREETS: [&str; 14] = [
    "street",
    "road",
    "avenue",
    "lane",
    "drive",
    "boulevard",
    "court",
    "close",
    "square",
    "way",
    "terrace",
    "crescent",
    "st",
    "rd",
];

/// The longest address, in characters.
const LONGEST: usize = 48;

/// Words that end an address behind an introduction.
const ENDS: [&str; 8] = [
    "谢谢", "麻烦", "请", "可以", "吧", "thank", "please", "and my",
];

/// The address that begins at a position.
pub(super) fn address_at(text: &Folded, at: usize) -> Option<Hidden> {
    let introduced = INTRODUCTIONS
        .iter()
        .find(|words| text.starts_with(at, words))
        .and_then(|words| stretch(text, at + words.chars().count()));
    introduced
        .or_else(|| street_number(text, at))
        .or_else(|| english_street(text, at))
}

const fn hidden(start: usize, end: usize) -> Hidden {
    Hidden {
        start,
        end,
        label: "address",
    }
}

/// From an introduction to the end of the phrase, if it has a mark of an address.
fn stretch(text: &Folded, from: usize) -> Option<Hidden> {
    let mut start = from;
    while text
        .at(start)
        .is_some_and(|c| c == ' ' || c == '：' || c == ':')
    {
        start += 1;
    }
    let mut end = start;
    let mut marks = 0;
    while end < start + LONGEST
        && text
            .at(end)
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '#'))
        && !ENDS.iter().any(|word| text.starts_with(end, word))
    {
        marks += usize::from(text.at(end).is_some_and(|c| MARKS.contains(c)));
        end += 1;
    }
    while end > start && text.at(end - 1) == Some(' ') {
        end -= 1;
    }
    let english = text.at(start).is_some_and(|c| c.is_ascii_alphanumeric());
    (end > start && (marks > 0 || english)).then(|| hidden(start, end))
}

/// `人民路88号`, `中山大道一百二十号三栋`: a street name, a number, 号.
fn street_number(text: &Folded, at: usize) -> Option<Hidden> {
    if !matches!(text.at(at), Some('路' | '街' | '道' | '巷' | '弄')) {
        return None;
    }
    let mut end = at + 1;
    while end < at + 12 && text.at(end).is_some_and(is_number_char) {
        end += 1;
    }
    if end == at + 1 || !matches!(text.at(end), Some('号' | '號' | '弄')) {
        return None;
    }
    let mut start = at;
    let of_name = |c: char| c.is_alphabetic() && !"到在住去寄是于我".contains(c);
    while start > 0 && at - start < 3 && text.at(start - 1).is_some_and(of_name) {
        start -= 1;
    }
    end += 1;
    while end < at + LONGEST
        && text
            .at(end)
            .is_some_and(|c| is_number_char(c) || MARKS.contains(c) || "单元".contains(c))
    {
        end += 1;
    }
    Some(hidden(start, end))
}

fn is_number_char(c: char) -> bool {
    c.is_ascii_digit() || "零〇一二三四五六七八九十百幺两".contains(c)
}

/// `221 baker street`: figures, up to three words, a kind of street.
fn english_street(text: &Folded, at: usize) -> Option<Hidden> {
    let begins = text.at(at)?.is_ascii_digit()
        && (at == 0 || !text.at(at - 1).is_some_and(char::is_alphanumeric));
    if !begins {
        return None;
    }
    let mut end = at;
    while text.at(end).is_some_and(|c| c.is_ascii_alphanumeric()) && end < at + 7 {
        end += 1;
    }
    for _ in 0..4 {
        if text.at(end) != Some(' ') {
            return None;
        }
        let word_end = text.word_end(end + 1);
        let word = text.slice(end + 1, word_end.min(end + 16));
        end = word_end;
        if word.is_empty() {
            return None;
        }
        if STREETS.contains(&word.as_str()) {
            return (ends_phrase(text, end) || text.at(end) == Some(' ')).then(|| hidden(at, end));
        }
    }
    None
}
