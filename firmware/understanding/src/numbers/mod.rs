//! Numbers as they are said and written: digit by digit, as cardinals, repeated, interrupted.
//!
//! A text is scanned into [`Atom`]s (one figure or number word each), and atoms that nothing but
//! punctuation, pauses, hesitations and self-corrections separate make one [`Run`]. Positions are
//! characters (Unicode scalar values) of the text as given: folding never changes their number.

mod chinese;
mod english;
mod figures;
mod gap;
mod run;

use crate::features;

pub(crate) use chinese::measures;
pub(crate) use gap::{Gap, gap_between, is_denied, skip_pauses};
pub(crate) use run::{Run, is_misheard, is_place_count, runs_of, skip_misheard};

/// A text folded for scanning, one character for one: full-width forms to ASCII, lower case,
/// traditional characters to simplified ones.
pub(crate) struct Folded {
    chars: Vec<char>,
    /// The same as UTF-8, since words are compared at every position.
    utf8: String,
    /// Where in it each character begins, and where it ends.
    begins: Vec<usize>,
}

impl Folded {
    pub(crate) fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().map(fold).collect();
        let utf8: String = chars.iter().collect();
        let begins = utf8.char_indices().map(|(begin, _)| begin);
        Self {
            begins: begins.chain([utf8.len()]).collect(),
            chars,
            utf8,
        }
    }

    pub(crate) fn chars(&self) -> &[char] {
        &self.chars
    }

    /// The character at a position, or none beyond the end.
    pub(crate) fn at(&self, index: usize) -> Option<char> {
        self.chars.get(index).copied()
    }

    /// Whether a text stands at a position.
    #[inline]
    pub(crate) fn starts_with(&self, index: usize, text: &str) -> bool {
        let begin = self.begins.get(index).copied();
        let rest = begin.map_or(&[][..], |begin| &self.utf8.as_bytes()[begin..]);
        // Most words differ in their first character, of which three bytes tell much.
        match (rest.first_chunk::<3>(), text.as_bytes().first_chunk()) {
            (Some(here), Some(wanted)) if here != wanted => false,
            _ => rest.starts_with(text.as_bytes()),
        }
    }

    /// The end of the ASCII word that begins at a position.
    pub(crate) fn word_end(&self, index: usize) -> usize {
        let mut end = index;
        while self.at(end).is_some_and(|c| c.is_ascii_alphabetic()) {
            end += 1;
        }
        end
    }

    /// Whether an ASCII word may begin here: no letter stands before it.
    pub(crate) fn is_word_start(&self, index: usize) -> bool {
        index == 0 || !self.chars[index - 1].is_ascii_alphabetic()
    }

    /// The characters of a span as a string.
    pub(crate) fn slice(&self, start: usize, end: usize) -> String {
        self.chars[start.min(self.chars.len())..end.min(self.chars.len())]
            .iter()
            .collect()
    }
}

/// How an atom was expressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Figures such as `138`.
    Figures,
    /// One digit word, `幺` or `seven`.
    Digit,
    /// A repeated digit, `三个八` or `double three`.
    Repeat,
    /// A cardinal, `三百五` or `twenty one`.
    Cardinal,
    /// A word that is a digit only in the company of others: `oh`, `洞`.
    Weak,
    /// A character beside a row of digits that sounds like one, and may be part of another word.
    Beside,
    /// A word that repeats what comes after a pause, with how often: `double … three`.
    Repeater(u8),
}

/// One number word or sequence of figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// The digits it stands for; a cardinal's are those of its value.
    pub digits: String,
    /// How it was expressed.
    pub reading: Reading,
}

impl Atom {
    pub(crate) fn new(start: usize, end: usize, digits: String, reading: Reading) -> Self {
        Self {
            start,
            end,
            digits,
            reading,
        }
    }
}

/// All atoms of a text, in order.
pub(crate) fn atoms_of(text: &Folded) -> Vec<Atom> {
    let mut atoms = Vec::new();
    let mut at = 0;
    while let Some(c) = text.at(at) {
        let atom = chinese::atom_at(text, at)
            .or_else(|| figures::atom_at(text, at))
            .or_else(|| english::atom_at(text, at));
        at = match atom {
            Some(atom) => {
                let end = atom.end;
                atoms.push(atom);
                end
            }
            None if c.is_ascii_alphabetic() => text.word_end(at),
            None => at + 1,
        };
    }
    atoms
}

fn fold(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            let ascii = char::from_u32(c as u32 - 0xfee0).unwrap_or(c);
            ascii.to_ascii_lowercase()
        }
        '\u{3000}' => ' ',
        '’' | '‘' | 'ʼ' => '\'',
        c if c.is_ascii() => c.to_ascii_lowercase(),
        // The figure three of amounts, elsewhere another word.
        '參' => '叁',
        '\u{4e00}'..='\u{9fff}' => features::fold(c),
        c => figures::decimal(c)
            .and_then(|digit| char::from_digit(digit, 10))
            .unwrap_or(c),
    }
}

#[cfg(test)]
mod tests;
