//! What a stream searches: its words, and what may follow which at what score.

use super::{FILLER, Tuning};
use crate::grammar::{PhraseGraph, Phrases};
use crate::lexicon::{Lexicon, Trie, WordId};
use crate::lm::{NO_HISTORY, Ngram};

/// What gives words their likelihood.
#[derive(Clone, Copy)]
pub(crate) enum WordModel<'a> {
    Ngram(&'a Ngram),
    Grammar(&'a PhraseGraph),
}

/// What one stream searches, borrowed for a step.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    pub(crate) lexicon: &'a Lexicon,
    pub(crate) trie: &'a Trie,
    pub(crate) model: WordModel<'a>,
    pub(crate) phrases: Option<&'a Phrases>,
    /// Allowed languages as bits.
    pub(crate) languages: u8,
    pub(crate) tuning: &'a Tuning,
}

/// A word's place after those before it.
pub(super) struct Step {
    pub(super) score: f32,
    /// ln P by the n-gram; 0 where a grammar decides.
    pub(super) likelihood: f32,
    /// The state after it.
    pub(super) next: u32,
}

impl Search<'_> {
    pub(super) fn start(&self) -> u32 {
        match self.model {
            WordModel::Ngram(lm) => lm.start(),
            WordModel::Grammar(_) => PhraseGraph::START,
        }
    }

    /// A word after a state; none when it may not follow.
    pub(super) fn word(&self, state: u32, word: WordId) -> Option<Step> {
        match self.model {
            WordModel::Ngram(lm) => {
                let (likelihood, next) = lm.score(state, word);
                Some(Step {
                    score: self.tuning.lm_weight * likelihood + self.tuning.word_reward,
                    likelihood,
                    next,
                })
            }
            WordModel::Grammar(graph) => {
                let step = |score, next| Step {
                    score,
                    likelihood: 0.0,
                    next,
                };
                match graph.step(state, word) {
                    Some(next) => Some(step(0.0, next)),
                    None if graph.is_end(state) => graph
                        .step(PhraseGraph::START, word)
                        .map(|next| step(-self.tuning.again_price, next)),
                    None => None,
                }
            }
        }
    }

    /// Score of the end after a state; none when the utterance may not end there.
    pub(super) fn end(&self, state: u32) -> Option<f32> {
        match self.model {
            WordModel::Ngram(lm) => Some(self.tuning.lm_weight * lm.end(state)),
            WordModel::Grammar(graph) => {
                (state == PhraseGraph::START || graph.is_end(state)).then_some(0.0)
            }
        }
    }

    /// Whether silence may be likelier than all words. In a grammar it is the distance of its words
    /// from what was heard that tells whether they were said at all.
    pub(super) fn may_hear_nothing(&self) -> bool {
        matches!(self.model, WordModel::Ngram(_))
    }

    /// Whether words that lie so far from what was heard, a unit, were not said.
    pub(super) fn rejects(&self, gap: f32) -> bool {
        match self.model {
            WordModel::Ngram(_) => false,
            WordModel::Grammar(_) => gap > self.tuning.grammar_gap,
        }
    }

    /// The state after speech that was passed over; none where that may not happen.
    pub(super) fn filler(&self, state: u32) -> Option<u32> {
        match self.model {
            WordModel::Ngram(_) => Some(NO_HISTORY),
            WordModel::Grammar(graph) => {
                (state == PhraseGraph::START || graph.is_end(state)).then_some(state)
            }
        }
    }

    /// Price of each unit passed over.
    pub(super) fn filler_unit_price(&self) -> f32 {
        match self.model {
            WordModel::Ngram(_) => self.tuning.filler_unit_price,
            WordModel::Grammar(_) => self.tuning.grammar_filler_unit_price,
        }
    }

    /// How far behind the best a hypothesis may lie.
    pub(super) fn depth(&self) -> f32 {
        match self.model {
            WordModel::Ngram(_) => self.tuning.depth,
            WordModel::Grammar(_) => self.tuning.grammar_depth,
        }
    }

    /// How much less likely than the likeliest a unit that is followed may be.
    pub(super) fn unit_depth(&self) -> f32 {
        match self.model {
            WordModel::Ngram(_) => self.tuning.unit_depth,
            WordModel::Grammar(_) => self.tuning.grammar_depth,
        }
    }

    /// Units followed at most: all of them in a grammar, where few lead on.
    pub(super) fn units(&self) -> usize {
        match self.model {
            WordModel::Ngram(_) => self.tuning.units,
            WordModel::Grammar(_) => usize::MAX,
        }
    }

    /// How far behind the best hypothesis that ends a word another such one may lie. In a grammar few may
    /// follow, and prices are high.
    pub(super) fn word_depth(&self) -> f32 {
        match self.model {
            WordModel::Ngram(_) => self.tuning.word_depth,
            WordModel::Grammar(_) => f32::INFINITY,
        }
    }

    /// No word scores above this.
    pub(super) fn most_of_a_word(&self) -> f32 {
        match (self.model, self.phrases) {
            (_, Some(_)) => f32::INFINITY,
            (WordModel::Ngram(_), None) => self.tuning.word_reward.max(0.0),
            (WordModel::Grammar(_), None) => 0.0,
        }
    }

    /// This word does not score above this.
    pub(super) fn most_of(&self, word: WordId) -> f32 {
        match (self.model, self.phrases) {
            (WordModel::Ngram(lm), None) => {
                self.tuning.lm_weight * lm.most(word) + self.tuning.word_reward
            }
            _ => self.most_of_a_word(),
        }
    }

    pub(super) fn ahead(&self, node: u32) -> f32 {
        if node == FILLER {
            0.0
        } else {
            self.tuning.lm_weight * self.trie.ahead(node)
        }
    }
}
