//! Which words decided.

use serde::Serialize;
use trunkside_call::Intent;

use super::IntentModel;
use super::said::wish_of;
use crate::features::features_of;

/// How much one word or character spoke for the intent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WordWeight {
    /// The word or character, as the classifier sees it.
    pub text: String,
    /// First character in the text.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Its share of the margin over the runner-up; negative where it speaks against.
    pub weight: f32,
}

/// Why a text got its intent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The intent.
    pub intent: Intent,
    /// The next likely one.
    pub runner_up: Option<Intent>,
    /// Every word in order, with what it contributed.
    pub words: Vec<WordWeight>,
}

impl IntentModel {
    /// Explains the intent that [`classify`](Self::classify) gives a text: the weight of each n-gram for
    /// it against the next likely label, shared by the words in it.
    pub fn explain(&self, text: &str) -> Explanation {
        let tokens = wish_of(text);
        let intent = self.classify(text).swap_remove(0);
        let probabilities = self.probabilities(text);
        let mut ranked: Vec<usize> = (0..probabilities.len()).collect();
        ranked.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        // The label that was given, which need not be the likeliest: it may be that none is sure, or
        // that a clause was surer than the whole.
        let given = ranked
            .iter()
            .position(|label| self.labels()[*label] == intent.name);
        ranked[..=given.unwrap_or(0)].rotate_right(1);
        let (best, next) = (ranked[0], ranked[1]);
        let features = features_of(&tokens);
        let vector = self.vector(&tokens);
        let mut weights = vec![0.0_f32; tokens.len()];
        for (row, value) in &vector {
            let margin = self.head.weight(*row, best) - self.head.weight(*row, next);
            let same: Vec<_> = features
                .iter()
                .filter(|feature| self.head.lexicon.row(feature) == Some(*row))
                .collect();
            for feature in &same {
                let (from, to) = (usize::from(feature.tokens.0), usize::from(feature.tokens.1));
                let share = value * margin / (same.len() * (to - from)) as f32;
                weights[from..to]
                    .iter_mut()
                    .for_each(|weight| *weight += share);
            }
        }
        let words = tokens
            .into_iter()
            .zip(weights)
            .map(|(token, weight)| WordWeight {
                text: token.text,
                start: token.start,
                end: token.end,
                weight,
            })
            .collect();
        let name = self.labels()[next].clone();
        Explanation {
            intent,
            runner_up: Some(Intent {
                name,
                score: probabilities[next],
            }),
            words,
        }
    }
}
