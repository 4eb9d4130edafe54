//! English numbers in figures: what is found in a text as a number, an amount, a date or a time, and degrees.

use trunkside_call::EntityKind;

use super::{Piece, words};
use crate::entities::entities_of;
use crate::numbers::{Atom, Folded, atoms_of};

/// A text with its numbers in written form; words such as `one another` stay.
pub(super) fn written(text: &str) -> String {
    let said: Vec<char> = text.chars().collect();
    let folded = Folded::new(text);
    let kept = kept(&folded);
    let mut pieces = degrees(&folded);
    let found = entities_of(text).into_iter().filter_map(|found| {
        let said: String = said[found.start..found.end].iter().collect();
        let written = in_figures(found.kind, found.value.reveal(), &said)?;
        Some(Piece {
            start: found.start,
            end: found.end,
            written,
        })
    });
    pieces.extend(found);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    pieces.retain(|piece| {
        let overlaps = |other: &(usize, usize)| piece.start < other.1 && other.0 < piece.end;
        !kept.iter().any(overlaps)
    });
    // Degrees were found first: of two that begin together they are the longer.
    pieces.sort_by_key(|piece| (piece.start, usize::MAX - piece.end));
    for piece in pieces {
        if piece.start < at {
            continue;
        }
        out.extend(&said[at..piece.start]);
        out.push_str(&piece.written);
        at = piece.end;
    }
    out.extend(&said[at..]);
    out
}

/// Where words stand that hold a number and count nothing.
fn kept(text: &Folded) -> Vec<(usize, usize)> {
    let chars = text.chars();
    let starts = (0..chars.len()).filter(|at| text.is_word_start(*at));
    let words = starts.filter_map(|at| {
        let end = words::end_at(chars, at)?;
        let whole = !text.at(end).is_some_and(char::is_alphanumeric);
        whole.then_some((at, end))
    });
    words.collect()
}

/// How a thing is written, where figures stand in it that were not said.
fn in_figures(kind: EntityKind, value: &str, said: &str) -> Option<String> {
    let figures = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    if figures(value) <= figures(said) {
        return None;
    }
    match kind {
        EntityKind::Time => Some(value.strip_prefix('0').unwrap_or(value).to_owned()),
        EntityKind::Name | EntityKind::Address | EntityKind::Email => None,
        _ => Some(value.to_owned()),
    }
}

/// `minus three degrees`, `three degrees below zero`, `twelve point five degrees celsius`.
fn degrees(text: &Folded) -> Vec<Piece> {
    let atoms = atoms_of(text);
    let mut pieces = Vec::new();
    for (index, first) in atoms.iter().enumerate() {
        let Some((value, end)) = decimal(text, &atoms[index..]) else {
            continue;
        };
        let Some(mut end) = word(text, end, &["degrees", "degree"]) else {
            continue;
        };
        let mut unit = "";
        for (name, sign) in [("celsius", "C"), ("centigrade", "C"), ("fahrenheit", "F")] {
            if let Some(behind) = word(text, end, &[name]) {
                (end, unit) = (behind, sign);
            }
        }
        let mut start = first.start;
        let mut sign = "";
        if let Some(at) = before(text, start, &["minus ", "negative "]) {
            (start, sign) = (at, "-");
        } else if let Some(behind) = word(text, end, &["below zero", "below freezing", "below"]) {
            (end, sign) = (behind, "-");
        }
        pieces.push(Piece {
            start,
            end,
            written: format!("{sign}{value}°{unit}"),
        });
    }
    pieces
}

/// The number that some atoms begin with, and where it ends.
fn decimal(text: &Folded, atoms: &[Atom]) -> Option<(String, usize)> {
    let first = atoms.first()?;
    let point = text.starts_with(first.end, " point ");
    let places = atoms[1..].iter().scan(first.end + 7, |at, atom| {
        let adjoins = atom.start <= *at + 1 && atom.digits.len() == 1;
        *at = atom.end;
        adjoins.then_some(atom)
    });
    let places: Vec<&Atom> = if point { places.collect() } else { Vec::new() };
    let Some(last) = places.last() else {
        return Some((first.digits.clone(), first.end));
    };
    let digits: String = places.iter().map(|atom| atom.digits.as_str()).collect();
    Some((format!("{}.{digits}", first.digits), last.end))
}

/// Where one of some words ends behind a blank.
fn word(text: &Folded, at: usize, words: &[&str]) -> Option<usize> {
    let start = at + usize::from(text.at(at) == Some(' '));
    words.iter().find_map(|word| {
        let end = start + word.len();
        let whole = !text.at(end).is_some_and(|c| c.is_ascii_alphanumeric());
        (text.starts_with(start, word) && whole).then_some(end)
    })
}

/// Where one of some words begins that ends here.
fn before(text: &Folded, end: usize, words: &[&str]) -> Option<usize> {
    words.iter().find_map(|word| {
        let at = end.checked_sub(word.len())?;
        (text.starts_with(at, word) && text.is_word_start(at)).then_some(at)
    })
}
