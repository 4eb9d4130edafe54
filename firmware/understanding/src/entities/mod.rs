//! What was named: telephone, identity, card, order, account, policy and reference numbers, money,
//! dates, times, names, addresses, products, faults, numbers.

mod clock;
mod cue;
mod days;
mod group;
mod identify;
mod moment;
mod money;
mod plain;
mod quantity;
mod relative;
mod retract;
mod terms;

use trunkside_call::{Entity, EntityKind, Pii};

use crate::numbers::{Atom, Folded, Reading, Run, atoms_of, runs_of};
use crate::personal::{self, Opening};
use crate::written::is_in_word;

pub(crate) use cue::{Cue, cue_at_end, cue_before, is_birth_at_end, is_birthday, is_cued};
pub(crate) use identify::fits_cue;
pub(crate) use moment::{MONTHS, ORDINALS};

/// One thing found, before it is wrapped for the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub kind: EntityKind,
    pub value: String,
    pub start: usize,
    pub end: usize,
}

impl Found {
    pub(crate) const fn new(kind: EntityKind, value: String, start: usize, end: usize) -> Self {
        Self {
            kind,
            value,
            start,
            end,
        }
    }
}

/// Everything named in a text, in order of appearance, without overlap. Positions are characters.
///
/// ```
/// let found = trunkside_understanding::entities_of("明天下午三点半转三百五十块");
/// let kinds: Vec<&str> = found.iter().map(|entity| entity.kind.name()).collect();
/// assert_eq!(kinds, ["date", "time", "money"]);
/// assert_eq!(found[1].value.reveal(), "15:30");
/// assert_eq!(found[2].value.reveal(), "350 CNY");
/// ```
pub fn entities_of(text: &str) -> Vec<Entity> {
    let folded = Folded::new(text);
    let runs = runs_of(&folded);
    let mut claims = Claims::new(folded.chars().len());
    let mut exact = exactly(&folded, &runs);
    exact.retain(|found| {
        let counts = matches!(found.kind, EntityKind::Number | EntityKind::Money);
        let is_idiom = counts && is_in_word(folded.chars(), found.start, found.end);
        !quantity::is_vague(&folded, found) && !is_idiom
    });
    let people = people_and_places(text, &folded);
    // Letters spelled before a number are no name, but may be part of a longer account.
    let (spelled, exact): (Vec<_>, Vec<_>) = exact.into_iter().partition(|found| {
        let overlaps = |other: &Found| other.start < found.end && found.start < other.end;
        let is_name = |other: &Found| other.kind == EntityKind::Name;
        identify::has_letters(found)
            && people
                .iter()
                .all(|other| is_name(other) || !overlaps(other))
    });
    claims.add_all(spelled);
    claims.add_all(people);
    claims.add_all(exact);
    claims.add_all(terms::find(&folded));
    claims.found.sort_by_key(|found| found.start);
    retract::what_is_left(&folded, claims.found)
        .into_iter()
        .map(|found| Entity {
            kind: found.kind,
            value: Pii::new(found.value),
            start: found.start,
            end: found.end,
        })
        .collect()
}

/// Names, addresses, mail addresses, plates and codes, as they were said.
fn people_and_places(text: &str, folded: &Folded) -> Vec<Found> {
    let original: Vec<char> = text.chars().collect();
    let mut hidden = personal::find(folded, &original, Opening::default(), false);
    hidden.sort_by_key(|piece| (piece.start, std::cmp::Reverse(piece.end)));
    let found = hidden.into_iter().filter_map(|piece| {
        let kind = match piece.label {
            "name" => EntityKind::Name,
            "address" => EntityKind::Address,
            "email" => EntityKind::Email,
            "plate" => EntityKind::Plate,
            "account" => EntityKind::Account,
            _ => return None,
        };
        let value = if kind == EntityKind::Plate {
            plate(folded, piece.start, piece.end)
        } else {
            original[piece.start..piece.end].iter().collect()
        };
        Some(Found::new(kind, value, piece.start, piece.end))
    });
    found.collect()
}

/// A plate as it is written, however it was spelt: `AB12CDE`.
fn plate(text: &Folded, start: usize, end: usize) -> String {
    let said = Folded::new(&text.slice(start, end));
    let atoms = atoms_of(&said);
    let mut plate = String::new();
    let mut at = 0;
    while let Some(c) = said.at(at) {
        let atom = atoms.iter().find(|atom| atom.start == at);
        if let Some(atom) = atom {
            plate.push_str(&atom.digits);
        } else if c.is_alphanumeric() {
            plate.extend(c.to_uppercase());
        }
        at = atom.map_or(at + 1, |atom| atom.end);
    }
    plate
}

/// Everything named in a folded text whose runs are known, each with the characters beside it that
/// sound like digits: whoever hides it hides them.
pub(crate) fn find(text: &Folded, runs: &[Run]) -> Vec<Found> {
    let atoms = runs.iter().flat_map(|run| &run.atoms);
    let beside: Vec<&Atom> = atoms
        .filter(|atom| atom.reading == Reading::Beside)
        .collect();
    let mut found = exactly(text, runs);
    for found in &mut found {
        let mut first = beside.partition_point(|atom| atom.end <= found.start);
        while first > 0 && beside[first - 1].end == found.start {
            first -= 1;
            found.start = beside[first].start;
        }
        let next = beside.partition_point(|atom| atom.start < found.end);
        for atom in &beside[next..] {
            if atom.start != found.end {
                break;
            }
            found.end = atom.end;
        }
    }
    found
}

/// The certain ones first, then moments and amounts, then what is left of the runs.
fn exactly(text: &Folded, runs: &[Run]) -> Vec<Found> {
    let mut claims = Claims::new(text.chars().len());
    for run in runs {
        claims.add_all(identify::certain(text, run));
    }
    let mut groups = group::groups_of(text, runs.iter().flat_map(|run| &run.atoms));
    claims.add_all(quantity::shares(text, &groups));
    groups.retain(|group| claims.is_free(group.start, group.end));
    claims.add_all(moment::find(text, &groups));
    claims.add_all(money::find(text, &groups));
    for run in runs {
        let free: Vec<_> = run
            .atoms
            .iter()
            .filter(|atom| claims.is_free(atom.start, atom.end))
            .collect();
        let rest = identify::remaining(text, run, &free);
        claims.add_all(rest);
    }
    claims.found.sort_by_key(|found| found.start);
    let mut end = 0;
    let found = claims.found.into_iter().map(|found| {
        let longer = identify::with_letters(text, found.clone());
        let found = if longer.start < end { found } else { longer };
        end = found.end;
        found
    });
    found.collect()
}

/// What is found so far, and which characters it covers.
struct Claims {
    found: Vec<Found>,
    taken: Vec<bool>,
}

impl Claims {
    fn new(length: usize) -> Self {
        Self {
            found: Vec::new(),
            taken: vec![false; length],
        }
    }

    fn is_free(&self, start: usize, end: usize) -> bool {
        !self.taken[start..end].contains(&true)
    }

    fn add_all(&mut self, found: Vec<Found>) {
        for entity in found {
            if self.is_free(entity.start, entity.end) {
                self.taken[entity.start..entity.end].fill(true);
                self.found.push(entity);
            }
        }
    }
}

#[cfg(test)]
mod tests;
