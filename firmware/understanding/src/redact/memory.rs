//! Redaction of a conversation: what one turn announces or leaves unfinished counts for the next.

use trunkside_call::Side;

use super::{Opening, Redaction, RedactionPolicy, redact_from, redactions_from};
use crate::entities::{Cue, cue_at_end, is_birth_at_end};
use crate::numbers::{Folded, runs_of, skip_misheard, skip_pauses};
use crate::personal;
use crate::secrets::OpenNumber;

/// Redacts the turns of one call, remembering digits that a turn left unfinished and what was
/// asked for.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    policy: RedactionPolicy,
    caller: Memory,
    agent: Memory,
}

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    digits: usize,
    cue: Option<Cue>,
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
        redact_from(text, opening, &self.policy)
    }

    /// What [`redact`](Self::redact) would hide; it remembers the turn in the same way.
    pub fn redactions(&mut self, side: Side, text: &str, is_final: bool) -> Vec<Redaction> {
        let opening = self.opening(side, text, is_final);
        redactions_from(text, opening, self.policy.is_strict())
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
        let personal = match memory.personal {
            personal::Opening::None => asked.personal,
            own => own,
        };
        let opening = Opening {
            digits: memory.digits,
            cue: memory.cue.or(asked.cue),
            personal,
            birth: memory.birth || asked.birth,
            partial: !is_final,
        };
        if is_final {
            *memory = memory.after(&Folded::new(text));
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
    fn after(self, text: &Folded) -> Self {
        let runs = runs_of(text);
        let announced = Self {
            digits: 0,
            cue: cue_at_end(text),
            personal: personal::announced_at_end(text),
            birth: is_birth_at_end(text),
        };
        let Some(last) = runs.last().filter(|run| run.is_strong()) else {
            // Only a hesitation or an acknowledgement: the number may still go on.
            let nothing = skip_acknowledgements(text) == text.chars().len();
            return if nothing { self } else { announced };
        };
        if skip_misheard(text, last.end()) < text.chars().len() {
            return announced;
        }
        let continues = runs.len() == 1 && skip_acknowledgements(text) >= last.start();
        let before = if continues { self.digits } else { 0 };
        Self {
            digits: (before + last.length).min(99),
            cue: None,
            personal: announced.personal,
            birth: announced.birth,
        }
    }
}

/// Words with which a speaker takes up a number again.
const ACKNOWLEDGEMENTS: [&str; 28] = [
    "好的",
    "好",
    "对的",
    "对",
    "系",
    "嗯",
    "然后是",
    "后面是",
    "接下来是",
    "前面是",
    "后边是",
    "最后是",
    "剩下的是",
    "号码是",
    "卡号是",
    "还有",
    "yes",
    "yeah",
    "okay",
    "ok",
    "right",
    "yep",
    "correct",
    "sure",
    "then it's",
    "and then",
    "the rest is",
    "it's",
];

pub(super) fn skip_acknowledgements(text: &Folded) -> usize {
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
