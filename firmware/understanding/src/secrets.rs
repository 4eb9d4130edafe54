//! Which utterances tell a number that no recording may keep: a card's, a code, a password.

use std::time::Duration;

use trunkside_call::{Entity, EntityKind, Side, Utterance};

use crate::entities::{Cue, cue_before};
use crate::numbers::{Folded, Reading, Run, runs_of};

/// A payment card's number has so many digits (ISO/IEC 7812), whatever it was taken for.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// What one side said between two moments of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Who spoke.
    pub side: Side,
    /// When it began, from when the call was heard first.
    pub start: Duration,
    /// When it ended.
    pub end: Duration,
}

/// What the turns before say of the number that a side may be telling.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenNumber {
    /// So many digits stood at the end of its last turn.
    pub digits: usize,
    /// What was announced or asked for.
    pub cue: Option<Cue>,
}

/// Follows the numbers of one call over its turns. Either side may tell a part of one: who is told a
/// number often says it again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets {
    /// Parts of the open number that may still turn out to be secret.
    parts: Vec<Spoken>,
    /// Whether the open number is secret.
    secret: bool,
}

impl Secrets {
    /// What must not be kept now that an utterance was heard, its own words or earlier ones. `own` and
    /// `other` are as they were before it.
    pub(crate) fn hear(
        &mut self,
        utterance: &Utterance,
        entities: &[Entity],
        own: OpenNumber,
        other: OpenNumber,
    ) -> Vec<Spoken> {
        let text = Folded::new(&utterance.text);
        let mut runs = runs_of(&text);
        runs.retain(Run::is_strong);
        let is_open = own.digits > 0 || other.digits > 0;
        if !is_open {
            self.parts.clear();
            self.secret = false;
        }
        let cue_of = |run: &Run| cue_before(&text, run.start());
        let announced = !runs.is_empty() && own.cue.is_some_and(is_secret)
            || runs.iter().any(|run| cue_of(run).is_some_and(is_secret));
        let tells = |run: &Run| is_dictated(run) && cue_of(run).is_none_or(is_secret);
        let first = runs.first().filter(|run| own.digits > 0 && tells(run));
        let continued = first.is_some_and(|run| own.digits + run.length >= *CARD_DIGITS.start());
        let begins_secret = announced || continued || entities.iter().any(is_card);
        let is_part =
            begins_secret || first.is_some() || runs.iter().any(|run| run.length > 1 && tells(run));
        let secret = begins_secret || self.secret && is_part;
        let part = Spoken {
            side: utterance.side,
            start: utterance.start,
            end: utterance.end,
        };
        if !utterance.is_final {
            // What a partial utterance shows may be lost on the way: earlier parts wait for the end.
            return if secret { vec![part] } else { Vec::new() };
        }
        self.secret |= secret;
        if is_part {
            self.parts.push(part);
        }
        if secret {
            std::mem::take(&mut self.parts)
        } else {
            Vec::new()
        }
    }
}

const fn is_secret(cue: Cue) -> bool {
    matches!(cue, Cue::Card | Cue::Secret)
}

fn is_card(entity: &Entity) -> bool {
    let digits = entity.value.reveal().chars().filter(char::is_ascii_digit);
    entity.kind == EntityKind::Card || CARD_DIGITS.contains(&digits.count())
}

/// Whether a number is told digit by digit.
fn is_dictated(run: &Run) -> bool {
    run.atoms
        .iter()
        .all(|atom| atom.reading != Reading::Cardinal)
}
