//! Names of people: behind the words that introduce them, before titles, and standing alone where
//! their form is sure enough.

mod addressed;
mod again;
mod chinese;
mod english;
mod introduced;
mod known;
mod related;
mod spoken_of;
mod written;

#[cfg(test)]
mod tests;

pub(crate) use again::Told;
pub(in crate::personal) use known::is_in_dictionary;

use super::{OfName, Opening};
use crate::numbers::Folded;
use crate::redact::Hidden;

/// The label of a hidden name.
const LABEL: &str = "name";

const fn hidden(start: usize, end: usize) -> Hidden {
    Hidden {
        start,
        end,
        label: LABEL,
    }
}

/// All names of a text; `strict` takes what is only perhaps one as well.
pub(super) fn find(
    text: &Folded,
    original: &[char],
    opening: Opening,
    strict: bool,
) -> Vec<Hidden> {
    let mut found = Vec::new();
    match opening.name {
        OfName::All => {
            found.extend(chinese::answer(text));
            found.extend(english::answer(text));
        }
        OfName::Rest => found.extend(english::rest(text)),
        OfName::Nothing => {}
    }
    let is_written = written::is_written(original);
    if is_written {
        found.extend(written::find(text, original, strict));
    }
    for at in 0..text.chars().len() {
        if text.chars()[at].is_ascii_alphabetic() {
            if text.is_word_start(at) {
                found.extend(english::name_at(text, at, is_written));
            }
        } else {
            found.extend(chinese::name_at(text, at));
            found.extend(chinese::given_apart(text, at));
        }
    }
    let corrected: Vec<Hidden> = found
        .iter()
        .filter_map(|name| {
            chinese::corrected(text, name.end).or_else(|| english::corrected(text, name.end))
        })
        .collect();
    found.extend(corrected);
    let before: Vec<Hidden> = found
        .iter()
        .filter_map(|name| english::before_its_spelling(text, name.start))
        .collect();
    found.extend(before);
    found.extend(chinese::explained(text, &found));
    found
}

/// Whether a text ends with an introduction whose name is still to come.
pub(super) fn is_announced_at_end(text: &Folded) -> bool {
    chinese::is_announced_at_end(text) || english::is_announced_at_end(text)
}

/// Whether it tells but one word of a Latin name.
pub(super) fn is_begun(text: &Folded) -> bool {
    english::is_begun(text)
}

/// Whether a turn that answers a request for a name surely tells one.
pub(super) fn is_told(text: &Folded) -> bool {
    chinese::is_told(text) || english::is_told(text)
}
