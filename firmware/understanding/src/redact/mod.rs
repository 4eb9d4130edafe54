//! The text that may leave the box: everything personal replaced, failing closed.
//!
//! Whatever a number is, four digits in a row never survive, in figures or words, through pauses,
//! hesitations, self-corrections and the end of a turn. What is recognised as a certain kind of
//! number is hidden as that kind, the rest as `[number]`.

mod acknowledged;
mod birth;
mod digits;
mod memory;
mod opened;
mod policy;

use crate::entities::{Cue, find, is_birthday};
use crate::numbers::{Folded, Run, runs_of};
use crate::personal::{self, Told};

pub(crate) use acknowledged::{says_nothing, skip_acknowledgements};
pub use memory::Redactor;
pub use policy::{RedactionKey, RedactionPolicy};

use trunkside_call::EntityKind;

/// From this many digits a run is hidden whatever it is.
const HIDDEN_FROM: usize = 4;

/// What a text is replaced by when hiding parts of it does not suffice.
const WITHHELD: &str = "[withheld]";

/// One stretch of a text that is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// What it is: an entity's kind such as `phone`, or `link`.
    pub label: &'static str,
    /// Where it begins, in characters (Unicode scalar values) of the text as given.
    pub start: usize,
    /// Where it ends, exclusive.
    pub end: usize,
}

/// Replaces everything personal in one text by placeholders such as `[phone]`.
///
/// ```
/// use trunkside_understanding::redact;
///
/// assert_eq!(redact("卡号 4111 1111 1111 1111 谢谢"), "卡号 [card] 谢谢");
/// assert_eq!(redact("it is one two, uh, three four"), "it is [number]");
/// ```
pub fn redact(text: &str) -> String {
    let mut names = Told::default();
    redact_from(text, Opening::default(), &mut names, &RedactionPolicy::Mask)
}

/// What [`redact`] hides in one text, in order, without overlap.
pub fn redactions(text: &str) -> Vec<Redaction> {
    redactions_from(text, Opening::default(), &mut Told::default(), false)
}

/// What the turns before say about the beginning of this one.
#[derive(Clone, Copy, Debug, Default)]
struct Opening {
    /// Digits that stood at the end of the turn before.
    digits: usize,
    /// What kind of number was announced or asked for.
    cue: Option<Cue>,
    /// Whether a number was asked for, announced or begun lately by either side, whatever was said since.
    open: bool,
    /// Whether a name or an address was.
    personal: personal::Opening,
    /// Whether a date of birth was.
    birth: bool,
    /// Whether the text may go on: digits at its end are then hidden from the second on.
    partial: bool,
}

/// A stretch of text and what stands in its place.
pub(crate) type Hidden = Redaction;

fn redact_from(text: &str, opening: Opening, names: &mut Told, policy: &RedactionPolicy) -> String {
    let mut hidden = redactions_from(text, opening, names, policy.is_strict());
    let redacted = replace(text, &hidden, policy);
    if is_clean(&redacted) {
        return redacted;
    }
    // What was left has joined to a run: then every number goes.
    hidden.extend(runs_of(&Folded::new(text)).iter().map(|run| Hidden {
        label: EntityKind::Number.name(),
        start: run.start(),
        end: run.end(),
    }));
    let redacted = replace(text, &merged(hidden), policy);
    if is_clean(&redacted) {
        redacted
    } else {
        WITHHELD.to_owned()
    }
}

/// `names` are those of the turns before, and then this one's too; `strict` hides amounts, dates, times and
/// numbers of two digits as well.
fn redactions_from(text: &str, opening: Opening, names: &mut Told, strict: bool) -> Vec<Hidden> {
    let folded = Folded::new(text);
    let original: Vec<char> = text.chars().collect();
    let runs = runs_of(&folded);
    let found = find(&folded, &runs);
    let mut hidden = personal::find(&folded, &original, opening.personal, strict);
    for entity in &found {
        let personal = match entity.kind {
            EntityKind::Date => {
                let told = entity.value.starts_with(|c: char| c.is_ascii_digit());
                let birthday = opening.birth || is_birthday(&folded, entity.start, entity.end);
                strict || told && birthday
            }
            EntityKind::Money | EntityKind::Time => strict,
            EntityKind::Number => false,
            _ => entity.kind.is_personal(),
        };
        if personal {
            hidden.push(Hidden {
                start: entity.start,
                end: entity.end,
                label: entity.kind.name(),
            });
        }
    }
    if opening.birth {
        hidden.extend(birth::parts(&folded));
    } else {
        hidden.extend(birth::lunar_days(&folded, &hidden));
    }
    // `A B`, `粤B`, `X`: what a turn of letters adds to what was asked for or has begun.
    let code = match opening.cue {
        Some(cue) => personal::spelt_answer(&folded, cue.kind().name()),
        None if opening.digits > 0 => personal::spelt_answer(&folded, EntityKind::Number.name()),
        None => None,
    };
    hidden.extend(code);
    names.learn(&folded, &merged(hidden.clone()));
    hidden.extend(names.find(&folded));
    let mut digits = digits::hidden(&folded, &runs, &found, opening, strict);
    leave_to_names(&runs, &hidden, &mut digits);
    hidden.extend(digits);
    let mut hidden = merged(hidden);
    close_brackets(&folded, &mut hidden);
    hidden
}

/// The bracket that ends what is hidden belongs to it: `A123456(3)`.
fn close_brackets(text: &Folded, hidden: &mut [Hidden]) {
    for piece in hidden {
        let opened = text.slice(piece.start, piece.end).contains('(');
        let closed = text.slice(piece.start, piece.end).contains(')');
        if opened && !closed && text.at(piece.end) == Some(')') {
            piece.end += 1;
        }
    }
}

/// The figures of names are no number: `张三转五万` is a name and an amount.
fn leave_to_names(runs: &[Run], hidden: &[Hidden], digits: &mut [Hidden]) {
    for name in hidden.iter().filter(|piece| piece.label == "name") {
        let atoms = || runs.iter().flat_map(|run| &run.atoms);
        for piece in digits.iter_mut().filter(|piece| {
            (name.start + 1..name.end).contains(&piece.start) && piece.end > name.end
        }) {
            let next = atoms().find(|atom| atom.start >= name.end && atom.start < piece.end);
            piece.start = next.map_or(name.end, |atom| atom.start);
        }
    }
}

/// Whether no run of four digits is left.
fn is_clean(text: &str) -> bool {
    runs_of(&Folded::new(text))
        .iter()
        .all(|run| run.length < HIDDEN_FROM)
}

/// In order and without overlap; where two overlap, the longer one names both.
fn merged(mut hidden: Vec<Hidden>) -> Vec<Hidden> {
    hidden.retain(|piece| piece.start < piece.end);
    hidden.sort_by_key(|piece| (piece.start, std::cmp::Reverse(piece.end)));
    let mut merged: Vec<Hidden> = Vec::new();
    for next in hidden {
        match merged.last_mut() {
            Some(last) if next.start < last.end => {
                let (length, next_length) = (last.end - last.start, next.end - next.start);
                // A word of letters and digits is a reference where nothing says more of it.
                if next_length > length || next_length == length && last.label == "reference" {
                    last.label = next.label;
                }
                last.end = last.end.max(next.end);
            }
            _ => merged.push(next),
        }
    }
    merged
}

/// Puts placeholders in place of what is hidden.
fn replace(text: &str, hidden: &[Hidden], policy: &RedactionPolicy) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut redacted = String::with_capacity(text.len());
    let mut at = 0;
    for piece in hidden {
        redacted.extend(&chars[at..piece.start]);
        let said: String = chars[piece.start..piece.end].iter().collect();
        redacted.push_str(&policy.placeholder(piece.label, &said));
        at = piece.end;
    }
    redacted.extend(&chars[at..]);
    redacted
}

#[cfg(test)]
mod tests;
