//! One phrase of a rule, and where it stands in what was said.

use crate::features::{Token, tokens_of};
use crate::numbers::Folded;

/// How many words or characters `*` may stand for.
const GAP: usize = 8;

/// The tokens of a text, traditional characters as simplified ones, hesitations left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let folded: String = Folded::new(text).chars().iter().collect();
    tokens_of(&folded)
}

/// A phrase: tokens in a row, with gaps where `*` stands.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    /// As it is written in the rule.
    pub text: String,
    /// The parts between gaps; never empty.
    parts: Vec<Vec<Token>>,
}

impl Phrase {
    /// None where nothing in it can be said.
    pub(super) fn new(text: &str) -> Option<Self> {
        let parts: Vec<Vec<Token>> = text
            .split('*')
            .map(tokens)
            .filter(|part| !part.is_empty())
            .collect();
        (!parts.is_empty()).then(|| Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Where it first stands at or after a token: the tokens it covers. `by_sound` also takes
    /// homophones, which single characters and words of one syllable are too short for.
    pub(super) fn find(
        &self,
        said: &[Token],
        from: usize,
        by_sound: bool,
    ) -> Option<(usize, usize)> {
        (from..said.len())
            .find_map(|start| self.ends(said, start, by_sound).map(|end| (start, end)))
    }

    fn ends(&self, said: &[Token], start: usize, by_sound: bool) -> Option<usize> {
        let mut at = start;
        for (index, part) in self.parts.iter().enumerate() {
            let room = if index == 0 { 0 } else { GAP };
            at = (at..=at + room)
                .find(|start| stands(part, said, *start, by_sound))
                .map(|start| start + part.len())?;
        }
        Some(at)
    }
}

fn stands(part: &[Token], said: &[Token], start: usize, by_sound: bool) -> bool {
    let Some(said) = said.get(start..start + part.len()) else {
        return false;
    };
    let alike = |by_sound: bool| {
        part.iter().zip(said).all(|(wanted, said)| {
            wanted.text == said.text
                || (by_sound && wanted.sound.is_some() && wanted.sound == said.sound)
        })
    };
    alike(false) || (by_sound && part.len() > 1 && alike(true))
}
