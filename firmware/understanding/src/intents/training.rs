//! Training a model from examples.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Card, VERSION, is_rejection, lead};
use super::said::wish_of;
use super::{Example, IntentModel};
use crate::features::{Feature, features_of};
use crate::linear::{
    Head, Lexicon, Random, Settings, Sparse, log_loss, softmax, temperature_of, train,
};

/// One example in so many is held out at a time to choose the cost and to calibrate.
const HELD_OUT: usize = 10;

/// With fewer examples than this, several parts are held out one after the other.
const MANY: usize = 4_000;

/// Fewer examples an intent than this leave none to hold out.
const FEWEST_AN_INTENT: usize = 3;

/// With fewer examples an intent than this, small costs are tried.
const FEW_AN_INTENT: usize = 10;

/// Sharpness and cost where nothing could be held out.
const USUAL_SHARPNESS: f32 = 40.0;
const USUAL_COST: f32 = 0.05;

/// How much pairs count with so few examples.
const PAIR_LENGTH_OF_FEW: f32 = 1.5;

/// How a model is to be trained.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Features that occur in fewer examples are not looked at.
    fewest: u32,
    /// Weights below this share of their class's largest are left out.
    left_out: f32,
    /// Rejection may cost this share of the right answers on the held-out examples.
    rejection_cost: f64,
}

/// Keeps every feature: for models whose size does not matter.
const WHOLE: Plan = Plan {
    fewest: 1,
    left_out: 1.0 / 254.0,
    rejection_cost: 0.005,
};

/// Keeps what is worth its memory: for the model inside the program.
const SLIM: Plan = Plan {
    fewest: 3,
    left_out: 1.0 / 32.0,
    // Callers speak less like the corpus than its own held-out part does.
    rejection_cost: 0.01,
};

impl IntentModel {
    /// Trains on examples; none when they name fewer than two intents. The same examples give
    /// the same model.
    pub fn train(examples: &[Example]) -> Option<Self> {
        Self::train_with(examples, WHOLE, String::new())
    }

    /// Trains the model that ships, with a digest of the corpus it came from.
    pub fn train_shipped(examples: &[Example], corpus: &str) -> Option<Self> {
        Self::train_with(examples, SLIM, corpus.to_owned())
    }

    fn train_with(examples: &[Example], plan: Plan, corpus: String) -> Option<Self> {
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
        let texts: Vec<Vec<Feature>> = examples
            .iter()
            .map(|example| features_of(&wish_of(&example.text)))
            .collect();
        let mut lexicon = Lexicon::learn(&texts, plan.fewest);
        if examples.len() < labels.len() * FEWEST_AN_INTENT {
            lexicon.pair_length = PAIR_LENGTH_OF_FEW;
        }
        let problem = Problem {
            vectors: texts.iter().map(|text| lexicon.vector(text)).collect(),
            classes: examples
                .iter()
                .map(|example| numbers[example.label.as_str()])
                .collect(),
            count: labels.len(),
            rows: lexicon.rows(),
            rejecting: labels.iter().position(|label| is_rejection(label)),
            rejection_cost: plan.rejection_cost,
        };
        let choice = problem.choose();
        let all: Vec<usize> = (0..examples.len()).collect();
        let weights = problem.train_on(&all, choice.cost);
        let card = Card {
            head_sha256: String::new(),
            version: VERSION,
            examples: examples.len(),
            cost: choice.cost,
            pair_length: lexicon.pair_length,
            sharpness: choice.sharpness,
            reject_below: choice.reject_below,
            corpus,
            labels,
        };
        let head = Head::new(lexicon, &weights, plan.left_out);
        Some(Self { card, head })
    }
}

/// What was chosen on held-out examples.
#[derive(Clone, Copy, Debug)]
struct Choice {
    cost: f32,
    sharpness: f32,
    reject_below: f32,
}

/// Vectors with their classes.
struct Problem {
    vectors: Vec<Sparse>,
    classes: Vec<usize>,
    count: usize,
    rows: usize,
    /// The class that stands for none of the others.
    rejecting: Option<usize>,
    rejection_cost: f64,
}

impl Problem {
    fn train_on(&self, indices: &[usize], cost: f32) -> Vec<Vec<f32>> {
        let vectors: Vec<&Sparse> = indices.iter().map(|&index| &self.vectors[index]).collect();
        let classes: Vec<usize> = indices.iter().map(|&index| self.classes[index]).collect();
        let settings = Settings {
            cost,
            ..Settings::default()
        };
        train(&vectors, &classes, self.count, self.rows, settings, None)
    }

    /// The cost with the least loss on examples that training did not see, and the sharpness and
    /// rejection threshold that suit it.
    fn choose(&self) -> Choice {
        let an_intent = self.vectors.len() / self.count;
        let costs: &[f32] = match an_intent {
            0..FEWEST_AN_INTENT => {
                return Choice {
                    cost: USUAL_COST,
                    sharpness: USUAL_SHARPNESS,
                    reject_below: 0.0,
                };
            }
            FEWEST_AN_INTENT..FEW_AN_INTENT => &[0.05, 0.2, 0.5],
            _ => &[0.2, 0.5, 1.0],
        };
        let tried = costs.iter().map(|&cost| {
            let margins = self.held_out_margins(cost);
            let sharpness = temperature_of(&margins);
            let reject_below = self.rejecting.map_or(0.0, |rejecting| {
                threshold_of(&margins, sharpness, rejecting, self.rejection_cost)
            });
            let choice = Choice {
                cost,
                sharpness,
                reject_below,
            };
            (log_loss(&margins, sharpness), choice)
        });
        tried
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, choice)| choice)
            .expect("some costs are tried")
    }

    /// Margins and class of held-out examples.
    fn held_out_margins(&self, cost: f32) -> Vec<(Vec<f32>, usize)> {
        let mut order: Vec<usize> = (0..self.vectors.len()).collect();
        Random(42).shuffle(&mut order);
        let parts = if order.len() < MANY { HELD_OUT / 2 } else { 1 };
        let size = (order.len() / HELD_OUT).max(1);
        let mut margins = Vec::new();
        for held in order.chunks(size).take(parts) {
            let held: BTreeSet<usize> = held.iter().copied().collect();
            let others: Vec<usize> = (0..order.len())
                .filter(|index| !held.contains(index))
                .collect();
            let weights = self.train_on(&others, cost);
            margins.extend(held.iter().map(|&index| {
                let of_class = weights.iter().map(|weights| {
                    let vector = self.vectors[index].iter();
                    vector
                        .map(|(row, value)| weights[*row as usize] * value)
                        .sum()
                });
                (of_class.collect(), self.classes[index])
            }));
        }
        margins
    }
}

/// The highest threshold that costs no more than a share of the right answers: how far ahead of
/// rejection the two likeliest classes must be.
fn threshold_of(
    held_out: &[(Vec<f32>, usize)],
    sharpness: f32,
    rejecting: usize,
    share: f64,
) -> f32 {
    let mut leads: Vec<f32> = held_out
        .iter()
        .filter(|(_, label)| *label != rejecting)
        .filter_map(|(margins, label)| {
            let probabilities = softmax(margins, sharpness);
            let best = (0..probabilities.len())
                .filter(|class| *class != rejecting)
                .max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))?;
            let others = (0..probabilities.len()).filter(|class| *class != rejecting);
            let lead = lead(
                others.map(|class| probabilities[class]),
                probabilities[rejecting],
            );
            (best == *label).then_some(lead)
        })
        .collect();
    leads.sort_by(f32::total_cmp);
    let given_up = (leads.len() as f64 * share).ceil() as usize;
    leads.get(given_up).copied().unwrap_or(0.0).clamp(0.0, 0.9)
}
