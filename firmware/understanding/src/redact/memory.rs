//! Redaction of a conversation: what one turn announces or leaves unfinished counts for the next.

use trunkside_call::{EntityKind, Side};

use super::acknowledged::{says_nothing, skip_acknowledgements};
use super::birth;
use super::digits::{dictations, is_end};
use super::opened::{asks, continued};
use super::{Opening, Redaction, RedactionPolicy, redact_from, redactions_from};
use crate::entities::{Cue, cue_at_end, cue_before, find, is_birth_at_end};
use crate::numbers::{Folded, runs_of};
use crate::personal::{self, OfName, Told};
use crate::secrets::OpenNumber;

/// Redacts the turns of one call, remembering digits that a turn left unfinished, what was asked for
/// and who was named.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    policy: RedactionPolicy,
    caller: Memory,
    agent: Memory,
    /// Whoever says it again, a name stays hidden to the call's end.
    names: Told,
}

/// For so many turns of a side that tell something else a number stays open: who dictates looks for
/// glasses, and who listens for a pen.
const OPEN_FOR: u8 = 3;

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    digits: usize,
    cue: Option<Cue>,
    /// For how many more turns a number stays open.
    open: u8,
    personal: personal::Opening,
    birth: bool,
}

impl Redactor {
    /// A call of which nothing was said, under a policy.
    pub fn new(policy: RedactionPolicy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

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
        let opening = self.opening(side, text, is_final);
        let mut partial = (!is_final).then(|| self.names.clone());
        let names = partial.as_mut().unwrap_or(&mut self.names);
        redact_from(text, opening, names, &self.policy)
    }

    /// What [`redact`](Self::redact) would hide; it remembers the turn in the same way.
    pub fn redactions(&mut self, side: Side, text: &str, is_final: bool) -> Vec<Redaction> {
        let opening = self.opening(side, text, is_final);
        let mut partial = (!is_final).then(|| self.names.clone());
        let names = partial.as_mut().unwrap_or(&mut self.names);
        redactions_from(text, opening, names, self.policy.is_strict())
    }

    /// What the next turn of a side may go on with.
    pub(crate) const fn open_number(&mut self, side: Side) -> OpenNumber {
        let memory = self.memory(side);
        OpenNumber {
            digits: memory.digits,
            cue: memory.cue,
        }
    }

    fn opening(&mut self, side: Side, text: &str, is_final: bool) -> Opening {
        // A request by the other side announces what this side says next.
        let asked = *self.memory(side.other());
        let memory = self.memory(side);
        let folded = Folded::new(text);
        let opening = Opening {
            digits: memory.digits,
            cue: memory.cue.or(asked.cue),
            open: memory.open.max(asked.open) > 0,
            personal: if says_nothing(&folded) {
                personal::Opening::default()
            } else {
                memory.personal.and(asked.personal)
            },
            birth: memory.birth || asked.birth,
            partial: !is_final,
        };
        if is_final {
            let before = *memory;
            *memory = before.after(&folded, opening);
            // What was asked for may go on in the next turn: `粤B` and `六八U八八`, `知春路` and `甲四十八号`.
            if let Some(cue) = opening.cue
                && personal::spelt_answer(&folded, cue.kind().name()).is_some()
            {
                memory.cue = memory.cue.or(Some(cue));
            }
            memory.birth |=
                opening.birth && (tells_day(&folded) || !birth::parts(&folded).is_empty());
            memory.personal.address |= opening.personal.address && personal::tells_address(&folded);
            if opening.personal.name == OfName::All && personal::tells_name(&folded) {
                if memory.personal.name == OfName::Nothing && personal::tells_first_name(&folded) {
                    memory.personal.name = OfName::Rest;
                }
                self.memory(side.other()).personal.name = OfName::Nothing;
            }
        }
        opening
    }

    const fn memory(&mut self, side: Side) -> &mut Memory {
        match side {
            Side::Caller => &mut self.caller,
            Side::Agent => &mut self.agent,
        }
    }
}

impl Memory {
    fn after(self, text: &Folded, opening: Opening) -> Self {
        let runs = runs_of(text);
        let cue = announced_cue(text);
        let announced = Self {
            digits: 0,
            cue,
            open: if asks(text, cue) {
                OPEN_FOR
            } else {
                self.open.saturating_sub(1)
            },
            personal: personal::announced_at_end(text),
            birth: is_birth_at_end(text),
        };
        let dictations = dictations(text, &runs);
        let Some(last) = dictations.last().filter(|said| said.is_strong()) else {
            // Only a hesitation or an acknowledgement: the number may still go on.
            return if says_nothing(text) { self } else { announced };
        };
        let groups = continued(text, &dictations, &find(text, &runs), opening);
        let goes_on = groups.contains(&true);
        if !goes_on && !is_end(text, last.end(), 0) {
            return announced;
        }
        let leads = dictations.len() == 1 && skip_acknowledgements(text, 0) >= last.start();
        let before = if leads || goes_on { self.digits } else { 0 };
        let told = dictations.iter().zip(&groups).filter(|(_, group)| **group);
        let told: usize = told.map(|(said, _)| said.length).sum();
        Self {
            digits: (before + told.max(last.length)).min(99),
            cue: None,
            open: OPEN_FOR,
            personal: announced.personal,
            birth: announced.birth,
        }
    }
}

/// Whether a turn tells a part of a date, and a year may follow.
fn tells_day(text: &Folded) -> bool {
    let runs = runs_of(text);
    find(text, &runs)
        .iter()
        .any(|found| found.kind == EntityKind::Date)
}

/// What a turn announces at its end; of what only a person knows, also a little before it:
/// `the security code on the back`.
fn announced_cue(text: &Folded) -> Option<Cue> {
    let secret = |cue: &Cue| matches!(cue, Cue::Secret | Cue::Identity);
    cue_at_end(text).or_else(|| cue_before(text, text.chars().len()).filter(secret))
}
