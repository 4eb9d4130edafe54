//! Which digits are hidden, whatever they are digits of.

use trunkside_call::EntityKind;

use super::memory::skip_acknowledgements;
use super::{HIDDEN_FROM, Hidden, Opening};
use crate::entities::{Cue, Found, cue_before};
use crate::numbers::{Folded, Reading, Run, skip_misheard};

/// Numbers this near to each other may be parts of one that other words interrupt, in characters.
const NEAR: usize = 12;

/// The runs that are too long, or parts of what is too long, each atom hidden within the entity
/// that it belongs to.
pub(super) fn hidden(
    text: &Folded,
    runs: &[Run],
    found: &[Found],
    opening: Opening,
    strict: bool,
) -> Vec<Hidden> {
    let mut hidden = Vec::new();
    let lead = skip_misheard(text, skip_acknowledgements(text));
    let length = text.chars().len();
    for (index, run) in runs.iter().enumerate() {
        let leads = index == 0 && run.start() <= lead;
        // A hypothesis may end within a pause.
        let cut = if opening.partial { 2 } else { 0 };
        let ends = skip_misheard(text, run.end()) + cut >= length;
        let before = if leads { opening.digits } else { 0 };
        let announced = leads && opening.cue.is_some();
        let dictated = is_dictated(run);
        let cued = dictated && ends && announces(text, run);
        let limit = if announced || opening.partial && cued {
            1
        } else if strict || ends && (opening.partial || cued) {
            2
        } else if ends && dictated && run.is_strong() {
            // The first digits of a number whose rest comes with the next turn.
            HIDDEN_FROM - 1
        } else {
            HIDDEN_FROM
        };
        let known = before > 0 && before + run.length >= HIDDEN_FROM;
        let part = dictated && run.length > 1 && is_part(runs, index);
        if known || part || run.length >= limit {
            let cue = announced.then_some(opening.cue).flatten();
            hide_run(text, run, found, cue, &mut hidden);
        }
    }
    hidden
}

/// Whether a number is said digit by digit, as numbers that identify are.
fn is_dictated(run: &Run) -> bool {
    run.atoms
        .iter()
        .all(|atom| atom.reading != Reading::Cardinal)
}

/// Whether the words before a run announce a number that identifies somebody.
fn announces(text: &Folded, run: &Run) -> bool {
    cue_before(text, run.start()).is_some_and(|cue| cue != Cue::Reference && cue != Cue::Order)
}

/// Whether a run stands near another that is long: then both may be parts of one number.
fn is_part(runs: &[Run], index: usize) -> bool {
    let run = &runs[index];
    let is_near =
        |other: &Run, gap: usize| other.length >= HIDDEN_FROM && is_dictated(other) && gap <= NEAR;
    let before = index.checked_sub(1).map(|index| &runs[index]);
    before.is_some_and(|other| is_near(other, run.start() - other.end()))
        || runs
            .get(index + 1)
            .is_some_and(|other| is_near(other, other.start() - run.end()))
}

fn hide_run(text: &Folded, run: &Run, found: &[Found], cue: Option<Cue>, hidden: &mut Vec<Hidden>) {
    let mut open: Option<Hidden> = None;
    for atom in &run.atoms {
        let covering = found
            .get(found.partition_point(|entity| entity.end <= atom.start))
            .filter(|entity| entity.start < atom.end);
        let piece = match covering {
            Some(entity) => {
                let label = match (entity.kind, cue) {
                    (EntityKind::Number, Some(cue)) => cue.kind().name(),
                    (kind, _) => kind.name(),
                };
                Hidden {
                    start: entity.start,
                    end: entity.end,
                    label,
                }
            }
            None => Hidden {
                start: atom.start,
                end: atom.end,
                label: cue.map_or(EntityKind::Number, Cue::kind).name(),
            },
        };
        match &mut open {
            Some(open) if open.label == piece.label => open.end = open.end.max(piece.end),
            _ => hidden.extend(open.replace(piece)),
        }
    }
    hidden.extend(open);
    hide_letters_beside(text, run, hidden);
}

/// Single letters that stand beside a long number belong to it: `G12345678`, `a 123456`.
fn hide_letters_beside(text: &Folded, run: &Run, hidden: &mut Vec<Hidden>) {
    let letter = |at: usize| {
        text.at(at)
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '叉')
    };
    let label = hidden.last().map_or("number", |piece| piece.label);
    let blank = |at: usize| usize::from(text.at(at) == Some(' '));
    let end = run.end();
    let pause = skip_misheard(text, end);
    let check = matches!(text.at(pause), Some('x' | '叉'));
    let next = if check { pause } else { end + blank(end) };
    if letter(next) && !letter(next + 1) {
        hidden.push(Hidden {
            label,
            start: end,
            end: next + 1,
        });
    }
    let start = run.start();
    let gap = usize::from(start > 0 && text.at(start - 1) == Some(' '));
    let alone = |at: usize| letter(at) && (at == 0 || !letter(at - 1));
    if let Some(before) = start.checked_sub(1 + gap)
        && alone(before)
        && text.at(before) != Some('a')
    {
        hidden.push(Hidden {
            label,
            start: before,
            end: start,
        });
    }
}
