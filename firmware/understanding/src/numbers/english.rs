//! English numbers: digit words, `double three`, cardinals.

use super::{Atom, Folded, Reading};

const UNITS: [(&str, u64); 15] = [
    ("zero", 0),
    ("nought", 0),
    ("naught", 0),
    ("nil", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("niner", 9),
    ("fife", 5),
];

const TEENS: [(&str, u64); 10] = [
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
];

const TENS: [(&str, u64); 9] = [
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fourty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
];

const SCALES: [(&str, u64); 4] = [
    ("hundred", 100),
    ("thousand", 1_000),
    ("million", 1_000_000),
    ("billion", 1_000_000_000),
];

const TIMES: [(&str, u8); 5] = [
    ("double", 2),
    ("triple", 3),
    ("treble", 3),
    ("quadruple", 4),
    ("quad", 4),
];

/// The longest number word, for the glued ones.
const LONGEST_WORD: usize = 9;

/// The most letters `o` that are noughts behind a figure: `138ooo`.
const MOST_NOUGHTS: usize = 4;

/// Whether nothing parts a position from the figure before it.
fn is_joined(text: &Folded, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.at(at));
    before.is_some_and(|c| c.is_ascii_digit() || "零〇一二三四五六七八九幺".contains(c))
}

/// The English number that begins here.
pub(super) fn atom_at(text: &Folded, start: usize) -> Option<Atom> {
    let c = text.at(start)?;
    if !c.is_ascii_alphabetic() || !text.is_word_start(start) {
        return None;
    }
    let end = text.word_end(start);
    if end - start > 200 {
        return glued(text, start, end);
    }
    let word = text.slice(start, end);
    let is_of_clock = text.starts_with(end, "'clock") || text.starts_with(end, " clock");
    if matches!(word.as_str(), "oh" | "o") && !is_of_clock {
        return Some(Atom::new(start, end, "0".to_owned(), Reading::Weak));
    }
    if word.len() <= MOST_NOUGHTS && word.bytes().all(|c| c == b'o') && is_joined(text, start) {
        return Some(Atom::new(start, end, "0".repeat(word.len()), Reading::Weak));
    }
    repeat(text, &word, start, end)
        .or_else(|| hundred_of_digits(text, start))
        .or_else(|| cardinal(text, start))
        .or_else(|| glued(text, start, end))
        .or_else(|| repeater(&word, start, end))
}

fn find(table: &[(&str, u64)], word: &str) -> Option<u64> {
    table
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, value)| *value)
}

fn repeat(text: &Folded, word: &str, start: usize, end: usize) -> Option<Atom> {
    let (_, times) = TIMES.iter().find(|(name, _)| *name == word)?;
    let at = skip_gap(text, end);
    let (digit, end) = match text.at(at)? {
        c if c.is_ascii_digit() => (u64::from(c.to_digit(10)?), at + 1),
        _ => {
            let end = text.word_end(at);
            let word = text.slice(at, end.min(at + LONGEST_WORD));
            (
                find(&UNITS, &word).or((word == "oh" || word == "o").then_some(0))?,
                end,
            )
        }
    };
    Some(Atom::new(
        start,
        end,
        digit.to_string().repeat(usize::from(*times)),
        Reading::Repeat,
    ))
}

fn repeater(word: &str, start: usize, end: usize) -> Option<Atom> {
    let (_, times) = TIMES.iter().find(|(name, _)| *name == word)?;
    Some(Atom::new(
        start,
        end,
        String::new(),
        Reading::Repeater(*times),
    ))
}

/// Blanks and hyphens between the words of one number.
fn skip_gap(text: &Folded, mut at: usize) -> usize {
    let limit = at + 4;
    while at < limit && text.at(at).is_some_and(|c| c == ' ' || c == '-') {
        at += 1;
    }
    at
}

/// `nine hundred` in a number that is told digit by digit: two zeroes, whatever single digits stand
/// beside it. Where it ends.
fn hundred_of_digits(text: &Folded, start: usize) -> Option<Atom> {
    let end = text.word_end(start);
    let digit = find(&UNITS, &text.slice(start, end.min(start + LONGEST_WORD)))?;
    let hundred = skip_gap(text, end);
    let end = text.word_end(hundred);
    if text.slice(hundred, end.min(hundred + LONGEST_WORD)) != "hundred" {
        return None;
    }
    let is_digit = |at: usize| {
        let end = text.word_end(at);
        let word = text.slice(at, end.min(at + LONGEST_WORD));
        let told = find(&UNITS, &word).is_some() || matches!(word.as_str(), "oh" | "o");
        (told || TIMES.iter().any(|(name, _)| *name == word)).then(|| skip_gap(text, end))
    };
    let next = is_digit(skip_gap(text, end));
    let before = || {
        let mut at = start;
        while at > 0 && matches!(text.at(at - 1), Some(' ' | '-')) {
            at -= 1;
        }
        while at > 0 && text.at(at - 1).is_some_and(|c| c.is_ascii_alphabetic()) {
            at -= 1;
        }
        at < start && is_digit(at).is_some()
    };
    // `nine hundred one` may be 901, `nine hundred one two` is no cardinal.
    let goes_on = next.is_some_and(|at| is_digit(at).is_some());
    (goes_on || before()).then(|| Atom::new(start, end, format!("{digit}00"), Reading::Repeat))
}

/// The words of one cardinal: `twenty one`, `three hundred and five`, `two thousand`. A word that
/// cannot continue it begins the next number, so `twenty twenty six` is 20 and 26.
fn cardinal(text: &Folded, start: usize) -> Option<Atom> {
    let mut reader = CardinalReader::new();
    let (mut at, mut end) = (start, start);
    while reader.words < 16 {
        let word_end = text.word_end(at);
        if word_end == at || word_end - at > LONGEST_WORD {
            break;
        }
        let word = text.slice(at, word_end);
        if word == "and" && reader.may_add() {
            at = skip_gap(text, word_end);
            continue;
        }
        if !reader.take(&word) {
            break;
        }
        end = word_end;
        at = skip_gap(text, word_end);
    }
    if reader.words == 0 {
        return None;
    }
    let value = reader.total.saturating_add(reader.section);
    let reading = if reader.words == 1 && value < 10 {
        Reading::Digit
    } else {
        Reading::Cardinal
    };
    Some(Atom::new(start, end, value.to_string(), reading))
}

struct CardinalReader {
    total: u64,
    section: u64,
    /// What is said next must be less than this to belong to the same cardinal.
    room: u64,
    scale: u64,
    words: usize,
}

impl CardinalReader {
    const fn new() -> Self {
        Self {
            total: 0,
            section: 0,
            room: u64::MAX,
            scale: u64::MAX,
            words: 0,
        }
    }

    /// Whether `and` may join what follows: after hundred and the larger scales.
    const fn may_add(&self) -> bool {
        self.words > 0 && (self.room == 100 || self.room == 1_000)
    }

    fn take(&mut self, word: &str) -> bool {
        let taken = if let Some(value) = find(&UNITS, word).or_else(|| find(&TEENS, word)) {
            self.add(value, 0)
        } else if let Some(value) = find(&TENS, word) {
            self.room >= 100 && self.add(value, 10)
        } else {
            find(&SCALES, word).is_some_and(|scale| self.multiply(scale))
        };
        self.words += usize::from(taken);
        taken
    }

    fn add(&mut self, value: u64, room: u64) -> bool {
        if value >= self.room || (value == 0 && self.words > 0) {
            return false;
        }
        self.section += value;
        self.room = room;
        true
    }

    fn multiply(&mut self, scale: u64) -> bool {
        let section = if self.words == 0 { 1 } else { self.section };
        if section == 0 || scale >= self.scale || (scale == 100 && section >= 100) {
            return false;
        }
        if scale == 100 {
            self.section = section * 100;
            self.room = 100;
        } else {
            self.total = self.total.saturating_add(section.saturating_mul(scale));
            self.section = 0;
            self.room = 1_000;
            self.scale = scale;
        }
        true
    }
}

/// Number words written as one: `onetwothree`.
fn glued(text: &Folded, start: usize, end: usize) -> Option<Atom> {
    let mut digits = String::new();
    let mut at = start;
    while at < end {
        let (length, value) = [&UNITS[..], &TEENS[..], &TENS[..]]
            .into_iter()
            .flatten()
            .filter(|(name, _)| at + name.len() <= end && text.starts_with(at, name))
            .map(|(name, value)| (name.len(), *value))
            .max()?;
        digits.push_str(&value.to_string());
        at += length;
    }
    Some(Atom::new(start, end, digits, Reading::Repeat))
}
