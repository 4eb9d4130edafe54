//! What a turn says of a moment or a sum told before: that it is another (`不，四点`, `不是三点是四点`,
//! `four pm not three`), or only that it is not this one (`不是四点`).

use trunkside_call::{EntityKind, Pii};

use super::{Found, Place, found_in};
use crate::numbers::{Folded, Gap, gap_between, is_denied, skip_pauses};

/// A word that takes back what stands before it, and leaves what else was said of it: the afternoon.
const INSTEAD: &str = ", no, ";

/// What a turn says of something that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retold {
    /// It is right, and what was told before is not.
    Right,
    /// It is wrong.
    Wrong,
}

/// What a turn says of a moment or a sum in it; none where it does not speak of one told before.
pub(super) fn said_of(text: &Folded, found: &Found) -> Option<Retold> {
    let is_told_anew = matches!(
        found.kind,
        EntityKind::Money | EntityKind::Date | EntityKind::Time
    );
    if !is_told_anew {
        return None;
    }
    if is_denied(text, found.start) {
        return Some(Retold::Wrong);
    }
    let begins = skip_pauses(text, 0).min(found.start);
    let takes_back = |start, end| {
        let gap = gap_between(text, start, end);
        gap.is_some_and(|gap| !matches!(gap, Gap::Pause | Gap::Affirmation))
    };
    let behind = skip_pauses(text, found.end);
    let names_wrong = behind < text.chars().len() && takes_back(found.end, behind);
    (takes_back(0, begins) || names_wrong).then_some(Retold::Right)
}

/// The value of what is told last, with what was said of it in the other places: `下午三点`, `不，四点`.
pub(super) fn in_context<'a>(
    places: impl Iterator<Item = (&'a Pii<String>, Place)>,
    found: &Found,
) -> String {
    let said: Vec<String> = places
        .map(|(text, place)| {
            let characters = text.reveal().chars();
            let characters = characters.skip(place.start);
            characters.take(place.end - place.start).collect()
        })
        .collect();
    let all = found_in(&said.join(INSTEAD));
    let last = all.into_iter().rfind(|other| other.kind == found.kind);
    last.map_or_else(|| found.value.clone(), |last| last.value)
}
