//! What identifies a person without being a plain number: names, postal addresses, mail and web
//! addresses, licence plates, codes of letters and digits.

mod addresses;
mod codes;
mod mail;
mod names;
mod plates;
mod spelt;

pub(crate) use names::Told;

use crate::numbers::{Folded, atoms_of};
use crate::redact::Hidden;

/// What of a name the turns before make likely, the likelier the later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OfName {
    #[default]
    Nothing,
    /// A first name was told, whose rest may follow.
    Rest,
    /// One was asked for or announced.
    All,
}

/// What the turns before, of either side, make likely in this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    /// What of a name.
    pub name: OfName,
    /// An address was.
    pub address: bool,
    /// A mail address was.
    pub mail: bool,
}

impl Opening {
    /// What either of two makes likely.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            name: self.name.max(other.name),
            address: self.address || other.address,
            mail: self.mail || other.mail,
        }
    }
}

/// Everything of these kinds in a text. `original` is the text as given, whose capitals count;
/// `strict` takes names as well that are only perhaps some.
pub(crate) fn find(
    text: &Folded,
    original: &[char],
    opening: Opening,
    strict: bool,
) -> Vec<Hidden> {
    let mut hidden = names::find(text, original, opening, strict);
    hidden.extend(addresses::find(text, original, opening));
    let atoms = atoms_of(text);
    hidden.extend(mail::find(text, &atoms));
    hidden.extend(opening.mail.then(|| mail::answer(text)).flatten());
    hidden.extend(plates::find(text, &atoms));
    hidden.extend(codes::find(text));
    hidden.extend(spelt::find(text, &atoms));
    hidden
}

/// What a turn announces for the next one.
pub(crate) fn announced_at_end(text: &Folded) -> Opening {
    Opening {
        name: if names::is_announced_at_end(text) {
            OfName::All
        } else {
            OfName::Nothing
        },
        address: addresses::is_announced_at_end(text),
        mail: mail::is_announced_at_end(text),
    }
}

/// Whether a turn that answers a request for a name surely tells one.
pub(crate) fn tells_name(text: &Folded) -> bool {
    names::is_told(text)
}

/// Whether all that such a turn tells is one word of a Latin name: more of it may follow.
pub(crate) fn tells_first_name(text: &Folded) -> bool {
    names::is_begun(text)
}

/// Whether a turn that answers a request for an address tells a part of one.
pub(crate) fn tells_address(text: &Folded) -> bool {
    addresses::is_told(text)
}

/// The letters and digits of a code, where a turn that goes on with one holds nothing else.
pub(crate) fn spelt_answer(text: &Folded, label: &'static str) -> Option<Hidden> {
    spelt::answer(text, label)
}

/// Where punctuation and hesitations that begin at a position end. Unlike within numbers, nothing
/// that a name could begin with counts.
fn skip_hesitations(text: &Folded, start: usize) -> usize {
    skip_some_hesitations(text, start, usize::MAX)
}

/// The same for some characters at least: who looks from every position must not look to the end.
fn skip_some_hesitations(text: &Folded, start: usize, most: usize) -> usize {
    const HESITATIONS: [&str; 14] = [
        "那个", "就是", "即系", "嗯", "呃", "啊", "额", "哦", "诶", "uhh", "uh", "umm", "um", "er",
    ];
    let mut at = start;
    while let Some(c) = text.at(at).filter(|_| at - start <= most) {
        let word = HESITATIONS.iter().find(|word| {
            let end = at + word.chars().count();
            text.starts_with(at, word)
                && (!word.is_ascii()
                    || text.is_word_start(at)
                        && !text.at(end).is_some_and(|c| c.is_ascii_alphabetic()))
        });
        match word {
            Some(word) => at += word.chars().count(),
            None if !c.is_alphanumeric() => at += 1,
            None => break,
        }
    }
    at
}

/// Whether nothing that could belong to the same word stands here.
fn ends_phrase(text: &Folded, at: usize) -> bool {
    text.at(at).is_none_or(|c| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests;
