//! Learning from a supervisor's corrections.
//!
//! What ships is never changed: a learnt model is the shipped one with something added, found by
//! going on with training on the corrections and a sample of the corpus. It is taken only if it
//! does no worse than what ships on the kept set, which is inside the program: of no intent may it hear
//! fewer of its sentences, nor of those of the corpus that hold it in no place while it learns. A lesson that
//! costs some however it is learnt, unless so weakly that it teaches nothing, contradicts what ships and is
//! refused.

use std::collections::{BTreeMap, BTreeSet};

use trunkside_call::Intent;

use super::corpus;
use super::model::{IntentModel, is_rejection};
use super::said::wish_of;
use super::{Evaluation, Example, parse_examples};
use crate::features::{Feature, features_of, tokens_of};
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
    /// On the kept set, in which it is no worse than what ships in any intent.
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

/// What ships is certain of an intent from this probability on.
const CERTAIN: f32 = 0.99;

/// Of the sentences in the corpus that an intent has so many may be lost which gives some to another by the
/// corrections: one may stand at the border of two.
const MOST_LOST: usize = 1;

/// Why a lesson contradicts what ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// Which of the corrections, from 0: the one most like what would be lost.
    pub correction: usize,
    /// What would be lost, to be read behind `the correction of …`.
    pub why: String,
}

/// Learns corrections on top of what ships, as strongly as the kept set allows. The same corrections give the
/// same model.
///
/// # Errors
/// Where some intent would lose kept sentences unless most of what is corrected were not learnt.
///
/// # Panics
/// Where what ships is broken.
pub fn learn(corrections: &[Example]) -> Result<Learnt, Contradiction> {
    let shipped = IntentModel::shipped();
    let kept = kept_set();
    if let Some(contradiction) = said_otherwise(&shipped, corrections, &kept) {
        return Err(contradiction);
    }
    let (sample, control) = corpus::sample_and_control();
    let before = [&kept, &control].map(|set| Heard::by(&shipped, set));
    let wrong: Vec<&Example> = corrections
        .iter()
        .filter(|example| !hears(&shipped, example))
        .collect();
    let heard: Vec<Intent> = wrong
        .iter()
        .map(|example| shipped.classify(&example.text).swap_remove(0))
        .filter(|intent| !is_rejection(&intent.name))
        .collect();
    let certain = heard.iter().filter(|intent| intent.score >= CERTAIN);
    let denies_certain = certain.count() * 2 > wrong.len();
    let giving: BTreeSet<String> = heard.into_iter().map(|intent| intent.name).collect();
    let mut contradiction = None;
    for cost in CORRECTION_COSTS {
        let model = shipped.with_corrections(corrections, &sample, cost);
        let on_kept = Heard::by(&model, &kept);
        let of_corpus = Heard::by(&model, &control).lost_of(&before[1], &giving);
        // What most of a lesson says against certainty is no slip of what ships, and weaker it is no better.
        let is_against = denies_certain && of_corpus.is_some();
        if let Some(lost) = on_kept.lost_since(&before[0]).or(of_corpus) {
            let lost = model.contradiction(corrections, &lost);
            if is_against {
                return Err(lost);
            }
            contradiction = contradiction.or(Some(lost));
            continue;
        }
        let learnt = wrong.iter().filter(|example| hears(&model, example));
        if let Some(contradiction) = contradiction.filter(|_| learnt.count() * 2 < wrong.len()) {
            return Err(contradiction);
        }
        return Ok(Learnt {
            kept: on_kept.evaluation(),
            corrected: model.evaluate(corrections),
            model,
        });
    }
    Err(contradiction.expect("every cost that was tried loses something"))
}

/// The first correction of a sentence that the corpus or the kept set has for another intent. An intent of the
/// branch's own may take such sentences, as far as the others do not suffer; what was none may become one.
fn said_otherwise(
    shipped: &IntentModel,
    corrections: &[Example],
    kept: &[Example],
) -> Option<Contradiction> {
    let words = |text: &str| -> Vec<String> {
        let tokens = tokens_of(text).into_iter();
        tokens.map(|token| token.text).collect()
    };
    let wanted: Vec<Vec<String>> = corrections
        .iter()
        .map(|correction| words(&correction.text))
        .collect();
    let corpus = corpus::shipped().examples;
    let said = kept.iter().chain(&corpus);
    let known = said.filter(|said| !is_rejection(&said.label));
    let mut found: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for said in known {
        let said_words = words(&said.text);
        for (at, _) in wanted
            .iter()
            .enumerate()
            .filter(|(_, wanted)| **wanted == said_words)
        {
            found.entry(at).or_default().insert(&said.label);
        }
    }
    let (at, others) = found.into_iter().find(|(at, labels)| {
        let label = &corrections[*at].label;
        shipped.labels().contains(label) && !labels.contains(label.as_str())
    })?;
    let label = &corrections[at].label;
    let other = others.into_iter().next()?;
    let why = format!(
        "to `{label}` contradicts what ships, where just that is `{other}`: it would be lost; check its intent, \
         or leave it out"
    );
    Some(Contradiction {
        correction: at,
        why,
    })
}

/// Whether a model hears an example as what it is.
fn hears(model: &IntentModel, example: &Example) -> bool {
    is_right(&model.classify(&example.text)[0].name, example)
}

fn is_right(heard: &str, example: &Example) -> bool {
    heard == example.label || is_rejection(heard) && is_rejection(&example.label)
}

/// As what the sentences of a set were heard.
struct Heard<'a> {
    set: &'a [Example],
    intents: Vec<String>,
}

/// What an intent has lost: how many sentences of how many, and one of them.
struct Lost<'a> {
    count: usize,
    of: usize,
    example: &'a Example,
}

impl<'a> Heard<'a> {
    fn by(model: &IntentModel, set: &'a [Example]) -> Self {
        let heard = |example: &Example| model.classify(&example.text).swap_remove(0).name;
        Self {
            set,
            intents: set.iter().map(heard).collect(),
        }
    }

    fn is_right(&self, at: usize) -> bool {
        is_right(&self.intents[at], &self.set[at])
    }

    /// How many sentences of an intent are heard right.
    fn right_of(&self, label: &str) -> usize {
        let of_it = (0..self.set.len()).filter(|at| self.set[*at].label == label);
        of_it.filter(|at| self.is_right(*at)).count()
    }

    fn evaluation(&self) -> Evaluation {
        let right = (0..self.set.len()).filter(|at| self.is_right(*at)).count();
        Evaluation {
            accuracy: right as f64 / self.set.len().max(1) as f64,
            n: self.set.len(),
        }
    }

    /// The first intent of which fewer sentences are right than before.
    fn lost_since(&self, before: &Self) -> Option<Lost<'a>> {
        let lost = (0..self.set.len()).filter(|at| before.is_right(*at) && !self.is_right(*at));
        lost.map(|at| &self.set[at]).find_map(|example| {
            let of = before.right_of(&example.label);
            let count = of.saturating_sub(self.right_of(&example.label));
            (count > 0).then_some(Lost { count, of, example })
        })
    }

    /// The first of some intents of which more than [`MOST_LOST`] sentences that were right are no longer.
    fn lost_of(&self, before: &Self, intents: &BTreeSet<String>) -> Option<Lost<'a>> {
        let lost: Vec<&Example> = (0..self.set.len())
            .filter(|at| before.is_right(*at) && !self.is_right(*at))
            .map(|at| &self.set[at])
            .filter(|example| intents.contains(&example.label))
            .collect();
        lost.iter().find_map(|example| {
            let of_it = lost.iter().filter(|other| other.label == example.label);
            let (count, of) = (of_it.count(), before.right_of(&example.label));
            (count > MOST_LOST).then_some(Lost { count, of, example })
        })
    }
}

impl IntentModel {
    /// Which correction takes sentences away: of those to the intent that one of them is heard as now, the one
    /// most like it.
    fn contradiction(&self, corrections: &[Example], lost: &Lost<'_>) -> Contradiction {
        let Lost { count, of, example } = lost;
        let heard = self.classify(&example.text).swap_remove(0).name;
        let vector = |text: &str| self.vector(&wish_of(text));
        let wanted = vector(&example.text);
        let to_it = |correction: &Example| correction.label == heard;
        let any = !corrections.iter().any(to_it);
        let most_like = corrections
            .iter()
            .enumerate()
            .filter(|(_, correction)| any || to_it(correction))
            .map(|(at, correction)| (at, likeness(&wanted, &vector(&correction.text))))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let correction = most_like.map_or(0, |(at, _)| at);
        let (label, intent) = (&corrections[correction].label, &example.label);
        let why = format!(
            "to `{label}` contradicts what ships: with it {count} of {of} known sentences of `{intent}` would \
             be lost, such as `{}`; check its intent, or leave it out",
            example.text
        );
        Contradiction { correction, why }
    }

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

/// The product of two vectors: how many of their features they share, rare ones before common ones.
fn likeness(a: &Sparse, b: &Sparse) -> f32 {
    let of_b: BTreeMap<u32, f32> = b.iter().copied().collect();
    let shared = a
        .iter()
        .filter_map(|(row, value)| Some(value * of_b.get(row)?));
    shared.sum()
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
