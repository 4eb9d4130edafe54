//! The text that may leave the box: everything personal replaced, failing closed.
//!
//! Whatever a number is, four digits in a row never survive, in figures or words, through pauses,
//! hesitations, self-corrections and the end of a turn. What is recognised as a certain kind of
//! number is hidden as that kind, the rest as `[number]`.

use trunkside_call::{EntityKind, Side};

use crate::entities::{Cue, Found, cue_at_end, find, is_birth_cue_before};
use crate::numbers::{Folded, Run, runs_of, skip_pauses};
use crate::personal;

/// From this many digits a run is hidden whatever it is.
const HIDDEN_FROM: usize = 4;

/// What a text is replaced by when hiding parts of it does not suffice.
const WITHHELD: &str = "[withheld]";

/// Replaces everything personal in one text by placeholders such as `[phone]`.
///
/// ```
/// use trunkside_understanding::redact;
///
/// assert_eq!(redact("卡号 4111 1111 1111 1111 谢谢"), "卡号 [card] 谢谢");
/// assert_eq!(redact("it is one two, uh, three four"), "it is [number]");
/// ```
pub fn redact(text: &str) -> String {
    redact_from(text, Opening::default())
}

/// What the turns before say about the beginning of this one.
#[derive(Clone, Copy, Debug, Default)]
struct Opening {
    /// Digits that stood at the end of the turn before.
    digits: usize,
    /// What the turn before announced.
    cue: Option<Cue>,
    /// Whether the text may go on: digits at its end are then hidden from the second on.
    partial: bool,
}

/// Redacts the turns of one call, remembering digits that a turn left unfinished.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    caller: Memory,
    agent: Memory,
}

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    digits: usize,
    cue: Option<Cue>,
}

impl Redactor {
    /// Redacts one turn; a partial one (`is_final` false) leaves no trace in what follows.
    ///
    /// ```
    /// use trunkside_call::Side;
    /// use trunkside_understanding::Redactor;
    ///
    /// let mut redactor = Redactor::default();
    /// assert_eq!(redactor.redact(Side::Caller, "幺三八零", true), "[number]");
    /// assert_eq!(redactor.redact(Side::Caller, "嗯，幺三", true), "嗯，[number]");
    /// ```
    pub fn redact(&mut self, side: Side, text: &str, is_final: bool) -> String {
        // A request by the other side announces what this side says next.
        let asked = self.memory(side.other()).cue;
        let memory = self.memory(side);
        let opening = Opening {
            digits: memory.digits,
            cue: memory.cue.or(asked),
            partial: !is_final,
        };
        if is_final {
            *memory = memory.after(&Folded::new(text));
        }
        redact_from(text, opening)
    }

    const fn memory(&mut self, side: Side) -> &mut Memory {
        match side {
            Side::Caller => &mut self.caller,
            Side::Agent => &mut self.agent,
        }
    }
}

impl Memory {
    fn after(self, text: &Folded) -> Self {
        let runs = runs_of(text);
        let Some(last) = runs.last().filter(|run| run.is_strong()) else {
            // Only a hesitation or an acknowledgement: the number may still go on.
            if skip_acknowledgements(text) == text.chars().len() {
                return self;
            }
            return Self {
                digits: 0,
                cue: cue_at_end(text),
            };
        };
        if skip_pauses(text, last.end()) < text.chars().len() {
            return Self {
                digits: 0,
                cue: cue_at_end(text),
            };
        }
        let continues = runs.len() == 1 && skip_acknowledgements(text) >= last.start();
        let before = if continues { self.digits } else { 0 };
        Self {
            digits: (before + last.length).min(99),
            cue: None,
        }
    }
}

/// Words with which a speaker takes up a number again.
const ACKNOWLEDGEMENTS: [&str; 16] = [
    "好的",
    "好",
    "对的",
    "对",
    "系",
    "嗯",
    "然后是",
    "后面是",
    "yes",
    "yeah",
    "okay",
    "ok",
    "right",
    "yep",
    "correct",
    "sure",
];

fn skip_acknowledgements(text: &Folded) -> usize {
    let mut at = 0;
    loop {
        let next = skip_pauses(text, at);
        let word = ACKNOWLEDGEMENTS.iter().find(|word| {
            let end = next + word.chars().count();
            text.starts_with(next, word)
                && (!word.is_ascii() || !text.at(end).is_some_and(|c| c.is_ascii_alphabetic()))
        });
        match word {
            Some(word) => at = next + word.chars().count(),
            None => return next,
        }
    }
}

/// A stretch of text and what stands in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    pub start: usize,
    pub end: usize,
    pub label: &'static str,
}

fn redact_from(text: &str, opening: Opening) -> String {
    let folded = Folded::new(text);
    let runs = runs_of(&folded);
    let found = find(&folded, &runs);
    let mut hidden = personal::find(&folded);
    hidden.extend(hidden_entities(&folded, &found));
    hidden.extend(hidden_runs(&folded, &runs, &found, opening));
    let redacted = replace(text, hidden);
    if is_clean(&redacted) {
        redacted
    } else {
        WITHHELD.to_owned()
    }
}

/// Whether no run of four digits is left.
fn is_clean(text: &str) -> bool {
    runs_of(&Folded::new(text))
        .iter()
        .all(|run| run.length < HIDDEN_FROM)
}

/// What is personal by its kind.
fn hidden_entities(text: &Folded, found: &[Found]) -> Vec<Hidden> {
    found
        .iter()
        .filter(|entity| match entity.kind {
            EntityKind::Phone | EntityKind::Identity | EntityKind::Card | EntityKind::Reference => {
                true
            }
            EntityKind::Date => is_birth_cue_before(text, entity.start),
            EntityKind::Money | EntityKind::Time | EntityKind::Number => false,
        })
        .map(|entity| Hidden {
            start: entity.start,
            end: entity.end,
            label: entity.kind.name(),
        })
        .collect()
}

/// The runs that are too long, each atom hidden within the entity that it belongs to.
fn hidden_runs(text: &Folded, runs: &[Run], found: &[Found], opening: Opening) -> Vec<Hidden> {
    let mut hidden = Vec::new();
    let lead = skip_acknowledgements(text);
    let length = text.chars().len();
    for (index, run) in runs.iter().enumerate() {
        let leads = index == 0 && run.start() <= lead;
        let ends = opening.partial && skip_pauses(text, run.end()) >= length;
        let before = if leads { opening.digits } else { 0 };
        let announced = leads && opening.cue.is_some();
        let limit = match (announced, ends) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => HIDDEN_FROM,
        };
        let known = before > 0 && before + run.length >= HIDDEN_FROM;
        if known || run.length >= limit {
            hide_run(
                run,
                found,
                announced.then_some(opening.cue).flatten(),
                &mut hidden,
            );
        }
    }
    hidden
}

fn hide_run(run: &Run, found: &[Found], cue: Option<Cue>, hidden: &mut Vec<Hidden>) {
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
}

/// Puts placeholders in place of what is hidden; where two overlap, the one that begins first
/// names both.
fn replace(text: &str, mut hidden: Vec<Hidden>) -> String {
    hidden.sort_by_key(|hidden| (hidden.start, std::cmp::Reverse(hidden.end)));
    let mut merged: Vec<Hidden> = Vec::new();
    for next in hidden {
        match merged.last_mut() {
            Some(last) if next.start < last.end => last.end = last.end.max(next.end),
            _ => merged.push(next),
        }
    }
    let mut redacted = String::with_capacity(text.len());
    let mut pieces = merged.iter().peekable();
    for (index, c) in text.chars().enumerate() {
        while pieces.peek().is_some_and(|piece| piece.end <= index) {
            pieces.next();
        }
        match pieces.peek() {
            Some(piece) if piece.start == index => {
                redacted.push('[');
                redacted.push_str(piece.label);
                redacted.push(']');
            }
            Some(piece) if piece.start < index => {}
            _ => redacted.push(c),
        }
    }
    redacted
}

#[cfg(test)]
mod tests;
