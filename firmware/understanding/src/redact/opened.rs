//! Groups of a number that is open: one that was asked for, announced or begun in the turns before.

use trunkside_call::EntityKind;

use super::digits::{Dictation, is_end, is_public};
use super::{HIDDEN_FROM, Opening};
use crate::entities::{Cue, Found, cue_at_end};
use crate::numbers::{Folded, measures};

/// A group stands this near to the turn's beginning, or to the group before it; a Chinese character counts
/// for two.
const NEAR: usize = 32;

/// For each group of a turn, whether an open number goes on with it: whatever words stand before it. Who
/// dictates puts it into more words than any list holds.
pub(super) fn continued(
    text: &Folded,
    dictations: &[Dictation],
    found: &[Found],
    opening: Opening,
) -> Vec<bool> {
    let mut open_at = opening.open.then_some(0);
    let goes_on = |said: &Dictation| {
        let near = |from| width(text, from, said.start()) <= NEAR;
        let group = open_at.is_some_and(|from| near(from) || is_end(text, said.end(), 0))
            && (is_group(text, said, found) || is_last(text, said, opening));
        if group || said.is_spoken() && said.length >= HIDDEN_FROM {
            open_at = Some(said.end());
        }
        group
    };
    dictations.iter().map(goes_on).collect()
}

/// What a turn leaves open: a cue, or a number of no certain kind.
pub(super) fn asks(text: &Folded, cue: Option<Cue>) -> bool {
    const NUMBERS: [&str; 6] = ["号码", "数字", "几多号", "多少号", "number", "digits"];
    let end = text.chars().len();
    let asked = |word: &str| (end.saturating_sub(20)..end).any(|at| text.starts_with(at, word));
    cue.is_some() || cue_at_end(text).is_some() || NUMBERS.iter().any(|word| asked(word))
}

/// Whether digits are told one by one, and count or date nothing.
fn is_group(text: &Folded, said: &Dictation, found: &[Found]) -> bool {
    let told = &found[found.partition_point(|entity| entity.end < said.end())..];
    let told_else = told.first().is_some_and(|entity| {
        let counts = matches!(
            entity.kind,
            EntityKind::Money | EntityKind::Date | EntityKind::Time
        );
        counts && entity.start <= said.start()
    });
    said.length > 1
        && said.is_spoken()
        && said.is_strong()
        && !told_else
        && !is_public(text, said)
        && !is_counted(text, said)
}

/// Whether one digit that ends a turn is the last of a long number, and surely counts nothing: `followed by six`.
fn is_last(text: &Folded, said: &Dictation, opening: Opening) -> bool {
    let counts = ["一", "两", "one"].contains(&text.slice(said.start(), said.end()).as_str());
    opening.digits >= HIDDEN_FROM
        && said.length == 1
        && said.is_spoken()
        && !counts
        && is_end(text, said.end(), 0)
        && width(text, 0, said.start()) <= NEAR
}

/// `两三次`, `八九点`, `五一放假`, `三个还有一个`, `two three days`.
fn is_counted(text: &Folded, said: &Dictation) -> bool {
    const DAYS: [&str; 5] = ["五一", "六一", "七一", "八一", "一一"];
    const COUNTED: &str = "day days time times hour hours minute minutes week weeks month months year years item \
        items people things dollars pounds percent orders cards accounts calls";
    const LINKS: [&str; 11] = [
        "个", "有", "和", "到", "同", "点", "and", "to", "or", "point", "dot",
    ];
    let (start, end) = (said.start(), said.end());
    let next = end + usize::from(text.at(end) == Some(' '));
    let word = text.slice(next, text.word_end(next));
    let pair = text.slice(start, end);
    let vague = DAYS.contains(&pair.as_str()) || pair.ends_with('两') || is_about(said);
    let about = said.length == 2 && vague;
    let atoms = said.runs.iter().flat_map(|run| &run.atoms);
    let mut gaps = atoms
        .clone()
        .zip(atoms.skip(1))
        .map(|(a, b)| text.slice(a.end, b.start));
    about && (text.at(end) == Some('点') || !is_end(text, end, 0))
        || said.length == 2 && measures(text, end)
        || gaps.any(|gap| LINKS.iter().any(|link| gap.contains(link)))
        || COUNTED.split_whitespace().any(|counted| counted == word)
}

/// Whether two digits follow each other as they do where nobody counted: `七八`.
fn is_about(said: &Dictation) -> bool {
    let digits = said.runs.iter().flat_map(|run| run.meant.bytes());
    let digits: Vec<u8> = digits.collect();
    matches!(digits[..], [first, second] if second == first + 1)
}

/// How much room words take.
fn width(text: &Folded, from: usize, to: usize) -> usize {
    let chars = text.chars()[from.min(to)..to].iter();
    chars.map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}
