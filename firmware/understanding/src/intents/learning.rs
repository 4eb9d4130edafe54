//! Learning from a supervisor's corrections.
//!
//! What ships is never changed: a learnt model is the shipped one with something added, found by
//! going on with training on the corrections and a sample of the corpus. It is taken only if it
//! does no worse than what ships on the kept set, which is inside the program.

use super::corpus;
use super::model::IntentModel;
use super::said::wish_of;
use super::{Evaluation, Example, parse_examples};
use crate::features::{Feature, features_of};
use crate::linear::{Head, Settings, Sparse, Start, train};

/// Weight of a correction's loss; it is tried weaker where the kept set suffers.
const CORRECTION_COSTS: [f32; 4] = [4.0, 1.0, 0.3, 0.1];

/// Weight of the loss of an example of the corpus, which holds the model where it was.
const CORPUS_COST: f32 = 0.2;

/// Passes over corrections and corpus at most: most of the work is done already.
const PASSES: usize = 10;

/// Learnt weights below this share of their class's largest are left out.
const LEFT_OUT: f32 = 1.0 / 127.0;

/// A learnt model and how it does.
#[derive(Clone, Debug)]
pub struct Learnt {
    /// What ships with the corrections added.
    pub model: IntentModel,
    /// On the kept set, in which it is no worse than what ships.
    pub kept: Evaluation,
    /// On the corrections themselves.
    pub corrected: Evaluation,
}

/// The kept set: sentences in three languages, written apart from the corpus.
///
/// # Panics
/// Never with the files in the source tree: a test reads them.
pub fn kept_set() -> Vec<Example> {
    [
        include_str!("../../data/intents/kept/zh.tsv"),
        include_str!("../../data/intents/kept/yue.tsv"),
        include_str!("../../data/intents/kept/en.tsv"),
    ]
    .into_iter()
    .flat_map(|text| parse_examples(text).expect("the kept set is whole"))
    .collect()
}

/// Learns corrections on top of what ships; none when even the weakest way to learn them makes
/// it worse on the kept set. The same corrections give the same model.
pub fn learn(corrections: &[Example]) -> Option<Learnt> {
    let shipped = IntentModel::shipped();
    let kept = kept_set();
    let baseline = shipped.evaluate(&kept);
    let sample = corpus::sample();
    CORRECTION_COSTS.into_iter().find_map(|cost| {
        let model = shipped.with_corrections(corrections, &sample, cost);
        let on_kept = model.evaluate(&kept);
        (on_kept.accuracy >= baseline.accuracy).then(|| Learnt {
            kept: on_kept,
            corrected: model.evaluate(corrections),
            model,
        })
    })
}

impl IntentModel {
    /// Goes on with training. A label that is not known yet becomes another intent.
    fn with_corrections(&self, corrections: &[Example], sample: &[Example], cost: f32) -> Self {
        if corrections.is_empty() {
            return self.clone();
        }
        let mut card = self.card.clone();
        for example in corrections {
            if !card.labels.contains(&example.label) {
                card.labels.push(example.label.clone());
            }
        }
        let all: Vec<&Example> = corrections.iter().chain(sample).collect();
        let texts: Vec<Vec<Feature>> = all
            .iter()
            .map(|example| features_of(&wish_of(&example.text)))
            .collect();
        let (lexicon, moved) = self.head.lexicon.extended(&texts[..corrections.len()]);
        let mut weights = self.head.weights_in(&moved, lexicon.rows());
        weights.resize(card.labels.len(), vec![0.0; lexicon.rows()]);
        let vectors: Vec<Sparse> = texts.iter().map(|text| lexicon.vector(text)).collect();
        let start = Start {
            margins: vectors
                .iter()
                .map(|vector| margins(&weights, vector))
                .collect(),
            costs: (0..all.len())
                .map(|index| {
                    if index < corrections.len() {
                        cost
                    } else {
                        CORPUS_COST
                    }
                })
                .collect(),
        };
        let classes: Vec<usize> = all
            .iter()
            .map(|example| {
                let known = card.labels.iter().position(|label| *label == example.label);
                known.expect("every label was added")
            })
            .collect();
        let borrowed: Vec<&Sparse> = vectors.iter().collect();
        let added = train(
            &borrowed,
            &classes,
            card.labels.len(),
            lexicon.rows(),
            Settings {
                passes: PASSES,
                ..Settings::default()
            },
            Some(&start),
        );
        for (weights, added) in weights.iter_mut().zip(added) {
            for (weight, added) in weights.iter_mut().zip(added) {
                *weight += added;
            }
        }
        card.examples += corrections.len();
        let head = Head::new(lexicon, &weights, LEFT_OUT);
        Self { card, head }
    }
}

fn margins(weights: &[Vec<f32>], vector: &Sparse) -> Vec<f32> {
    let of_class = weights.iter().map(|weights| {
        let entries = vector.iter();
        entries
            .map(|(row, value)| weights[*row as usize] * value)
            .sum()
    });
    of_class.collect()
}
