//! What a speaker takes back: of `下午三点，哦不是，四点` only the second is left, of
//! `下午三点不是四点` the first.

use trunkside_call::EntityKind;

use super::Found;
use crate::numbers::{Folded, Gap, gap_between, is_denied};

/// What is left of things in order of appearance.
pub(super) fn what_is_left(text: &Folded, found: Vec<Found>) -> Vec<Found> {
    let mut left: Vec<Found> = Vec::with_capacity(found.len());
    for next in found {
        let gap = left
            .last()
            .filter(|last| may_replace(last, &next))
            .and_then(|last| gap_between(text, last.end, next.start).map(|gap| (last, gap)));
        match gap {
            Some((_, Gap::Denial | Gap::Contrast)) => continue,
            Some((_, Gap::Correction | Gap::Doubt)) => {
                left.pop();
            }
            Some((last, Gap::Affirmation)) if is_denied(text, last.start) => {
                left.pop();
            }
            _ => {}
        }
        left.push(next);
    }
    left
}

/// Whether a thing can stand for the one before: a number may miss what follows only the second.
fn may_replace(before: &Found, next: &Found) -> bool {
    let is_told = matches!(
        next.kind,
        EntityKind::Money | EntityKind::Date | EntityKind::Time | EntityKind::Number
    );
    is_told && (before.kind == next.kind || before.kind == EntityKind::Number)
}
