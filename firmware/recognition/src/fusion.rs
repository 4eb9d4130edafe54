//! What is known beside the network of text that tokens write: an n-gram, hints, a grammar.
//!
//! Shallow fusion (C. Gulcehre et al.: On using monolingual corpora in neural machine translation,
//! 2015): scores are added to the network's while the search goes on. All of it counts in letters,
//! so it is the same for every tokenisation.

use std::sync::Arc;

use crate::decoder::Tuning;
use crate::grammar::PhraseGraph;
use crate::hints::{self, Hints};
use crate::lexicon::is_han;
use crate::spelling::{BLANK, Speller};
use crate::text_lm::{Said, TextModel};
use crate::tokens::TokenTable;

/// The place in a grammar of speech that no phrase has.
const PASSED_OVER: u32 = u32::MAX;

/// What a search's paths are judged by, beside the network.
pub(crate) struct Fusion {
    pub(crate) table: Arc<TokenTable>,
    pub(crate) lm: Option<Arc<TextModel>>,
    pub(crate) hints: Option<Arc<Hints>>,
    pub(crate) graph: Option<Arc<PhraseGraph>>,
    pub(crate) tuning: Tuning,
}

/// Where a path is in each of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fused {
    speller: Speller,
    said: Option<Said>,
    hint: u32,
    place: u32,
}

impl Fusion {
    /// Whether nothing beside the network is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.lm.is_none() && self.hints.is_none() && self.graph.is_none()
    }

    /// Whether only phrases of a grammar may be heard.
    pub(crate) fn has_grammar(&self) -> bool {
        self.graph.is_some()
    }

    /// Before the first token. An n-gram serves where no grammar does.
    pub(crate) fn start(&self) -> Fused {
        let lm = self.lm.as_ref().filter(|_| self.graph.is_none());
        Fused {
            speller: Speller::default(),
            said: lm.map(|lm| lm.start()),
            hint: hints::START,
            place: PhraseGraph::START,
        }
    }

    /// What a token changes in the score, and where it leads; none where the grammar has none such.
    pub(crate) fn token(&self, from: &Fused, token: usize) -> Option<(f32, Fused)> {
        let mut speller = from.speller;
        let mut after_han = speller.is_after_han();
        let (mut at, mut score) = (*from, Some(0.0));
        let mut is_silent = true;
        self.table.spell(token, &mut speller, |letter| {
            is_silent = false;
            if let Some(sum) = score {
                score = self
                    .letter(&mut at, letter, after_han)
                    .map(|more| sum + more);
            }
            after_han = is_han(letter);
        });
        if is_silent && self.graph.is_some() && !self.table.is_part(token) {
            return None;
        }
        at.speller = speller;
        Some((score?, at))
    }

    fn letter(&self, at: &mut Fused, letter: char, after_han: bool) -> Option<f32> {
        let mut score = 0.0;
        if let Some(graph) = &self.graph {
            let (change, place) = self.place(graph, at.place, letter, after_han)?;
            score += change;
            at.place = place;
        }
        if let Some(hints) = &self.hints {
            let (change, hint) = hints.step(at.hint, letter);
            score += change;
            at.hint = hint;
        }
        if let (Some(lm), Some(said)) = (&self.lm, at.said) {
            let (likelihood, words, next) = lm.step(said, letter);
            score += self.weighed(likelihood, words);
            at.said = Some(next);
        }
        Some(score)
    }

    fn weighed(&self, likelihood: f32, words: u32) -> f32 {
        self.tuning.text_lm_weight * likelihood + self.tuning.text_word_reward * words as f32
    }

    /// Where a letter leads in the grammar, and what it changes: phrases begin where words do, and
    /// each brings a reward, against the prices of passing speech over before and behind it.
    fn place(
        &self,
        graph: &PhraseGraph,
        at: u32,
        letter: char,
        after_han: bool,
    ) -> Option<(f32, u32)> {
        let reward = self.tuning.text_phrase_reward;
        let begins = || Some((reward, graph.step(PhraseGraph::START, u32::from(letter))?));
        let parted = after_han || is_han(letter);
        if at == PASSED_OVER {
            return match letter {
                BLANK => Some((0.0, PhraseGraph::START)),
                _ if parted => begins(),
                _ => None,
            };
        }
        if at == PhraseGraph::START {
            return begins();
        }
        if let Some(next) = graph.step(at, u32::from(letter)) {
            return Some((0.0, next));
        }
        let again = self.tuning.again_price;
        match letter {
            _ if !graph.is_end(at) => None,
            BLANK => Some((-again, PhraseGraph::START)),
            _ if parted => begins().map(|(reward, next)| (reward - again, next)),
            _ => None,
        }
    }

    /// The price of passing a token over, and where that leads; none within a phrase.
    pub(crate) fn pass_over(&self, from: &Fused, token: usize) -> Option<(f32, Fused)> {
        let graph = self.graph.as_ref()?;
        let mut price = self.tuning.filler_unit_price;
        if from.place != PASSED_OVER {
            if from.place != PhraseGraph::START && !graph.is_end(from.place) {
                return None;
            }
            price += self.tuning.filler_price;
        }
        let mut at = *from;
        if let Some(hints) = &self.hints {
            price += hints.owed(from.hint);
        }
        self.table.spell(token, &mut at.speller, |_| {});
        at.hint = hints::START;
        at.place = PASSED_OVER;
        Some((-price, at))
    }

    /// What the end of the utterance changes; none where it may not end.
    pub(crate) fn end(&self, at: &Fused) -> Option<f32> {
        if let Some(graph) = &self.graph
            && at.place != PASSED_OVER
            && at.place != PhraseGraph::START
            && !graph.is_end(at.place)
        {
            return None;
        }
        let mut score = 0.0;
        if let Some(hints) = &self.hints {
            score -= hints.owed(at.hint);
        }
        if let (Some(lm), Some(said)) = (&self.lm, at.said) {
            let (likelihood, words) = lm.end(said);
            score += self.weighed(likelihood, words);
        }
        Some(score)
    }

    /// The tokens that may follow in the grammar; none where all may.
    pub(crate) fn allowed(&self, at: &Fused) -> Option<Vec<usize>> {
        self.graph.as_ref()?;
        let tokens = (0..self.table.classes()).filter(|&token| token != self.table.blank);
        Some(
            tokens
                .filter(|&token| self.token(at, token).is_some())
                .collect(),
        )
    }
}
