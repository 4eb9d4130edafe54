//! Training a model from examples.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Card, is_rejection};
use super::{Example, IntentModel};
use crate::features::{Feature, features_of, tokens_of};
use crate::linear::{Head, Lexicon, Random, Settings, Sparse, softmax, temperature_of, train};

/// One example in so many is held out for calibration.
const HELD_OUT: usize = 10;

/// Fewer examples an intent than this leave none to hold out.
const FEWEST_AN_INTENT: usize = 5;

/// Sharpness where nothing could be held out.
const USUAL_SHARPNESS: f32 = 4.0;

/// Rejection may cost this share of the right answers on the held-out examples.
const REJECTION_COST: f64 = 0.005;

impl IntentModel {
    /// Trains on examples; none when they name fewer than two intents. The same examples give
    /// the same model.
    pub fn train(examples: &[Example]) -> Option<Self> {
        Self::train_with(examples, Settings::default(), String::new())
    }

    /// Trains the model that ships, with a digest of the corpus it came from.
    pub fn train_shipped(examples: &[Example], corpus: &str) -> Option<Self> {
        Self::train_with(examples, Settings::default(), corpus.to_owned())
    }

    fn train_with(examples: &[Example], settings: Settings, corpus: String) -> Option<Self> {
        let labels: Vec<String> = examples
            .iter()
            .map(|example| example.label.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        if labels.len() < 2 || labels.len() > usize::from(u16::MAX) {
            return None;
        }
        let numbers: BTreeMap<&str, usize> = labels
            .iter()
            .enumerate()
            .map(|(number, label)| (label.as_str(), number))
            .collect();
        let classes: Vec<usize> = examples
            .iter()
            .map(|example| numbers[example.label.as_str()])
            .collect();
        let texts: Vec<Vec<Feature>> = examples
            .iter()
            .map(|example| features_of(&tokens_of(&example.text)))
            .collect();
        let lexicon = Lexicon::learn(&texts);
        let vectors: Vec<Sparse> = texts.iter().map(|text| lexicon.vector(text)).collect();
        let rejecting = labels.iter().position(|label| is_rejection(label));
        let (sharpness, reject_below) = if examples.len() >= labels.len() * FEWEST_AN_INTENT {
            calibrate(
                &lexicon,
                &vectors,
                &classes,
                labels.len(),
                rejecting,
                settings,
            )
        } else {
            (USUAL_SHARPNESS, 0.0)
        };
        let weights = train(&vectors, &classes, labels.len(), lexicon.rows(), settings);
        let head = Head::new(lexicon, &weights);
        let examples = examples.len();
        let card = Card {
            version: 1,
            examples,
            sharpness,
            reject_below,
            corpus,
            labels,
        };
        Some(Self { card, head })
    }
}

/// Sharpness and rejection threshold, from a model trained without the examples they are
/// measured on.
fn calibrate(
    lexicon: &Lexicon,
    vectors: &[Sparse],
    classes: &[usize],
    count: usize,
    rejecting: Option<usize>,
    settings: Settings,
) -> (f32, f32) {
    let mut order: Vec<usize> = (0..vectors.len()).collect();
    Random(42).shuffle(&mut order);
    let (held, others) = order.split_at(vectors.len() / HELD_OUT);
    let kept_vectors: Vec<Sparse> = others.iter().map(|&index| vectors[index].clone()).collect();
    let kept_classes: Vec<usize> = others.iter().map(|&index| classes[index]).collect();
    let weights = train(
        &kept_vectors,
        &kept_classes,
        count,
        lexicon.rows(),
        settings,
    );
    let trained = Head::new(lexicon.clone(), &weights);
    let margins: Vec<(Vec<f32>, usize)> = held
        .iter()
        .map(|&index| (trained.margins(&vectors[index]), classes[index]))
        .collect();
    let sharpness = temperature_of(&margins);
    let threshold = rejecting.map_or(0.0, |reject| threshold_of(&margins, sharpness, reject));
    (sharpness, threshold)
}

/// The highest threshold that costs no more than [`REJECTION_COST`] of the right answers.
fn threshold_of(held_out: &[(Vec<f32>, usize)], sharpness: f32, rejecting: usize) -> f32 {
    let mut right: Vec<f32> = held_out
        .iter()
        .filter(|(_, label)| *label != rejecting)
        .filter_map(|(margins, label)| {
            let probabilities = softmax(margins, sharpness);
            let best = (0..probabilities.len())
                .max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))?;
            (best == *label).then(|| probabilities[best])
        })
        .collect();
    right.sort_by(f32::total_cmp);
    let given_up = (right.len() as f64 * REJECTION_COST) as usize;
    right.get(given_up).copied().unwrap_or(0.0).min(0.9)
}
