//! Licence plates, written and spoken.

use crate::entities::{Cue, cue_before};
use crate::numbers::{Atom, Folded, Reading};
use crate::redact::Hidden;

/// The first characters of mainland licence plates.
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Whether a mainland plate may begin so.
pub(super) fn is_province(c: char) -> bool {
    PROVINCES.contains(c)
}

/// Fewest and most characters behind the two that name province and city.
const SHORTEST: usize = 4;
const LONGEST: usize = 7;

/// All plates: by their form, and whatever a cue announces.
pub(super) fn find(text: &Folded, atoms: &[Atom]) -> Vec<Hidden> {
    // How many digits begin at each position, and where their atom ends.
    let mut digits = vec![(0, 0); text.chars().len()];
    for atom in atoms
        .iter()
        .filter(|atom| !matches!(atom.reading, Reading::Repeater(_)))
    {
        digits[atom.start] = (atom.digits.len(), atom.end);
    }
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.chars().len() {
        match plate_at(text, &digits, at) {
            Some(end) => {
                found.push(Hidden {
                    start: at,
                    end,
                    label: "plate",
                });
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

fn plate_at(text: &Folded, digits: &[(usize, usize)], start: usize) -> Option<usize> {
    let first = text.at(start)?;
    let mainland = PROVINCES.contains(first);
    if let Some(end) = british(text, digits, start) {
        return Some(end);
    }
    let body = if mainland {
        let city = skip_marks(text, start + 1);
        let letter = text.at(city)?.is_ascii_alphabetic() && text.word_end(city) <= city + 2;
        letter.then_some(city + 1)?
    } else {
        let at_word = first.is_ascii_alphanumeric() || digits[start].0 > 0;
        let begins = start == 0 || !text.chars()[start - 1].is_ascii_alphanumeric();
        let cued = || cue_before(text, start) == Some(Cue::Plate);
        (at_word && begins && cued()).then_some(start)?
    };
    let (count, numbers, mut end) = characters(text, digits, body);
    // `粤Z1234港`: those that cross the border.
    if mainland && matches!(text.at(end), Some('港' | '澳' | '学' | '警' | '挂')) {
        end += 1;
    }
    let enough = if mainland { SHORTEST } else { 3 };
    (count >= enough && numbers > 0).then_some(end)
}

/// `k n fifty two m p x`: two letters, two digits and three letters, spelt, as British plates have them.
fn british(text: &Folded, digits: &[(usize, usize)], start: usize) -> Option<usize> {
    let letters = |from: usize, count: usize| {
        let mut at = from;
        for _ in 0..count {
            at = skip_marks(text, at);
            let single = text.at(at)?.is_ascii_alphabetic()
                && text.is_word_start(at)
                && text.word_end(at) == at + 1;
            at = single.then_some(at + 1)?;
        }
        Some(at)
    };
    if !text.at(start)?.is_ascii_alphabetic() {
        return None;
    }
    let (mut at, mut told) = (letters(start, 2)?, 0);
    while told < 2 {
        at = skip_marks(text, at);
        let (count, end) = digits.get(at).copied().filter(|(count, _)| *count > 0)?;
        told += count;
        at = end;
    }
    let end = letters(at, 3).filter(|_| told == 2)?;
    letters(end, 1).is_none().then_some(end)
}

/// Letters and digits in a row, blanks and marks between them: how many, how many of them digits,
/// and where they end.
fn characters(text: &Folded, digits: &[(usize, usize)], from: usize) -> (usize, usize, usize) {
    let (mut count, mut numbers, mut end) = (0, 0, from);
    let mut at = from;
    while count < LONGEST {
        at = skip_marks(text, at);
        let Some(c) = text.at(at) else { break };
        let (value, atom_end) = digits[at];
        if value > 0 {
            count += value;
            numbers += value;
            at = atom_end;
        } else if c.is_ascii_alphabetic() && text.word_end(at) <= at + 3 && !is_word(text, at) {
            let letters = text.word_end(at) - at;
            count += letters;
            at += letters;
        } else {
            break;
        }
        end = at;
    }
    (count, numbers, end)
}

/// Short words that are no letters of a plate.
fn is_word(text: &Folded, at: usize) -> bool {
    let word = text.slice(at, text.word_end(at));
    [
        "is", "it", "my", "the", "and", "to", "for", "car", "um", "uh", "no", "er", "not", "i'm",
    ]
    .contains(&word.as_str())
}

fn skip_marks(text: &Folded, mut at: usize) -> usize {
    while text.at(at).is_some_and(|c| {
        matches!(
            c,
            ' ' | '·' | '.' | '-' | '，' | ',' | '点' | '杠' | '横' | '嗯' | '呃'
        )
    }) {
        at += 1;
    }
    at
}
