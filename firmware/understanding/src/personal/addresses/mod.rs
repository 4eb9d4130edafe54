//! Postal addresses: behind the words that introduce them, and by their own form.

mod chinese;
mod english;
mod written;

use super::Opening;
use crate::numbers::Folded;
use crate::redact::Hidden;

const fn hidden(start: usize, end: usize) -> Hidden {
    Hidden {
        start,
        end,
        label: "address",
    }
}

/// All addresses of a text.
pub(super) fn find(text: &Folded, original: &[char], opening: Opening) -> Vec<Hidden> {
    let mut found = Vec::new();
    if opening.address {
        found.extend(chinese::answer(text));
        found.extend(english::answer(text));
    }
    let mut at = 0;
    while at < text.chars().len() {
        let hit = if text.chars()[at].is_ascii() {
            text.is_word_start(at)
                .then(|| english::address_at(text, original, at))
                .flatten()
        } else {
            chinese::address_at(text, at)
        };
        // What is inside an address needs no second look.
        at = hit.as_ref().map_or(at + 1, |hit| hit.end.max(at + 1));
        found.extend(hit);
    }
    found.extend(written::find(text, original));
    found
}

/// Whether a turn that answers a request for an address tells a part of one: more may follow.
pub(super) fn is_told(text: &Folded) -> bool {
    chinese::is_told(text) || english::answer(text).is_some()
}

/// Whether a text ends by asking for, or announcing, an address.
pub(super) fn is_announced_at_end(text: &Folded) -> bool {
    chinese::is_announced_at_end(text) || english::is_announced_at_end(text)
}
