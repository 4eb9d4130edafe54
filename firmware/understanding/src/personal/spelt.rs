//! Codes of letters and digits that are spelt out: `x k seven q p two`, `kilo november five four
//! foxtrot`, `A一二三四五六括弧七`. Whoever spells one tells a document, a booking, a plate.

use super::plates::is_province;
use crate::entities::{Cue, cue_before, is_cued};
use crate::numbers::{Atom, Folded, Reading, atoms_of};
use crate::redact::Hidden;

/// Words that stand for letters: those of aviation, and the names of two.
const LETTERS: &str = "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike \
    november oscar papa quebec romeo sierra tango uniform victor whiskey whisky xray yankee zulu zee zed";

/// What adjoins figures that count or order.
const UNITS: &str =
    "st nd rd th am pm kg gb mb tb km cm mm ml oz lb lbs hr hrs min sec mah hz ghz w kw";

/// What may stand between two characters of a code.
const GAPS: &str = "uh um er and dash hyphen slash bracket brackets double triple 嗯 呃 那个 然后 括弧 括号 杠 横杠 短杠 空格";

/// So many characters make a code without a word that announces it, so many with one.
const LONG: usize = 6;
const SHORT: usize = 4;

/// One character or more of a code.
struct Piece {
    start: usize,
    end: usize,
    letters: usize,
    digits: usize,
    /// A word of aviation.
    word: bool,
}

/// All spelt codes.
pub(super) fn find(text: &Folded, atoms: &[Atom]) -> Vec<Hidden> {
    if !text.chars().iter().any(char::is_ascii_alphabetic) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut code: Vec<Piece> = Vec::new();
    for piece in pieces(text, atoms) {
        if code
            .last()
            .is_some_and(|last| !is_gap(text, last.end, piece.start))
        {
            found.extend(judged(text, &code));
            code.clear();
        }
        code.push(piece);
    }
    found.extend(judged(text, &code));
    found
}

/// A turn of at most so many letters and digits tells a part of a code.
const MOST: usize = 12;

/// What a turn tells that goes on with a code: letters and digits, and the province of a plate, and
/// nothing else. Digits alone are hidden as such.
pub(super) fn answer(text: &Folded, label: &'static str) -> Option<Hidden> {
    let pieces = pieces(text, &atoms_of(text));
    let (first, last) = (pieces.first()?, pieces.last()?);
    let province = first.start > 0 && text.at(first.start - 1).is_some_and(is_province);
    let start = first.start - usize::from(province);
    let characters: usize = pieces
        .iter()
        .map(|piece| piece.letters + piece.digits)
        .sum();
    let only = is_gap(text, 0, start)
        && is_gap(text, last.end, text.chars().len())
        && pieces
            .windows(2)
            .all(|pair| is_gap(text, pair[0].end, pair[1].start));
    let spelt = province || pieces.iter().any(|piece| piece.letters > 0);
    (only && spelt && characters <= MOST).then_some(Hidden {
        start,
        end: last.end,
        label,
    })
}

/// Letters and digits that may be parts of codes, in order.
fn pieces(text: &Folded, atoms: &[Atom]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut atoms = atoms
        .iter()
        .filter(|atom| !matches!(atom.reading, Reading::Repeater(_) | Reading::Cardinal))
        .peekable();
    let mut at = 0;
    while at < text.chars().len() {
        while atoms.next_if(|atom| atom.start < at).is_some() {}
        if let Some(atom) = atoms.next_if(|atom| atom.start == at) {
            pieces.push(Piece {
                start: at,
                end: atom.end,
                letters: 0,
                digits: atom.digits.len(),
                word: false,
            });
            at = atom.end;
        } else if text.chars()[at].is_ascii_alphabetic() {
            let end = text.word_end(at);
            pieces.extend(letters(text, at, end));
            at = end;
        } else {
            at += 1;
        }
    }
    pieces
}

/// A word that is a letter, or some letters that adjoin digits: `YK19`.
fn letters(text: &Folded, start: usize, end: usize) -> Option<Piece> {
    let length = end - start;
    let shortened = start > 0 && text.chars()[start - 1] == '\'' || text.at(end) == Some('\'');
    let digit = |at: usize| text.at(at).is_some_and(|c| c.is_ascii_digit());
    let adjoins = start > 0 && digit(start - 1) || digit(end);
    let word = length > 2
        && LETTERS
            .split(' ')
            .any(|word| word == text.slice(start, end));
    let single = length == 1 && !shortened;
    let counts = || UNITS.split(' ').any(|unit| unit == text.slice(start, end));
    (single || word || length <= 3 && adjoins && !counts()).then_some(Piece {
        start,
        end,
        letters: if word { 1 } else { length },
        digits: 0,
        word,
    })
}

/// Whether nothing stands here that ends a code.
fn is_gap(text: &Folded, start: usize, end: usize) -> bool {
    let mut at = start;
    while at < end {
        let Some(c) = text.at(at) else { return false };
        if matches!(c, ' ' | '-' | ',' | '，' | '(' | ')' | '.') {
            at += 1;
            continue;
        }
        let word = GAPS.split(' ').find(|word| {
            let behind = at + word.chars().count();
            text.starts_with(at, word)
                && (!word.is_ascii() || text.is_word_start(at) && text.word_end(at) == behind)
        });
        match word {
            Some(word) => at += word.chars().count(),
            None => return false,
        }
    }
    true
}

/// A row of pieces, if it is a code.
fn judged(text: &Folded, mut code: &[Piece]) -> Option<Hidden> {
    // The article, or oneself.
    while let [first, rest @ ..] = code
        && matches!(text.at(first.start), Some('a' | 'i'))
        && first.end == first.start + 1
        && text.at(first.end) == Some(' ')
        && rest.first().is_none_or(|next| next.digits > 0)
        && !cue_before(text, first.start).is_some_and(|cue| is_cued(text, first.start, cue))
    {
        code = rest;
    }
    let (first, last) = (code.first()?, code.last()?);
    let sum = |count: fn(&Piece) -> usize| code.iter().map(count).sum::<usize>();
    let (letters, digits) = (sum(|piece| piece.letters), sum(|piece| piece.digits));
    let words = sum(|piece| usize::from(piece.word));
    let cue = || cue_before(text, first.start).filter(|cue| !matches!(cue, Cue::Phone));
    let long = letters > 1 && digits > 1 && letters + digits >= LONG;
    let aviation = words > 2 || words > 1 && digits > 0;
    let label = if letters > 0 && digits > 0 && letters + digits >= SHORT {
        match cue() {
            Some(cue) => cue.kind().name(),
            None if long || aviation => "reference",
            None => return None,
        }
    } else if aviation {
        "reference"
    } else {
        return None;
    };
    Some(Hidden {
        start: first.start,
        end: last.end,
        label,
    })
}
