//! What n-grams of characters show where no listed word stands: weights that were learnt from this
//! crate's own text (`measure/learn_sentiment.py`).

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use trunkside_call::Language;

/// Characters of the longest n-gram.
const LONGEST_GRAM: usize = 4;

/// A lean this near to neither good nor bad shows nothing.
const UNDECIDED: f32 = 0.3;

/// What a clause that is surely good or bad counts: as much as a strong word of the lists.
const SURE: f32 = 2.5;

/// No sum of weights beyond this: its exponential stays finite.
const HEAVIEST: f32 = 20.0;

/// The weights of an n-gram for bad and for good, against neither.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    bad: f32,
    good: f32,
}

/// The n-grams of one language.
pub(super) struct Learnt {
    weights: HashMap<&'static str, Weight>,
}

/// How a clause leans.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lean {
    /// From -2.5, surely bad, to 2.5, surely good.
    pub score: f32,
    /// The n-gram of two characters or more that says most for it, of this crate's own text.
    pub by: Option<&'static str>,
}

impl Learnt {
    /// The weights that ship; none for English.
    pub(super) fn of(language: Language) -> Option<&'static Self> {
        static ZH: LazyLock<Learnt> =
            LazyLock::new(|| Learnt::shipped(include_str!("../../data/sentiment/learnt.zh.txt")));
        static YUE: LazyLock<Learnt> =
            LazyLock::new(|| Learnt::shipped(include_str!("../../data/sentiment/learnt.yue.txt")));
        match language {
            Language::Zh => Some(&ZH),
            Language::Yue => Some(&YUE),
            Language::En => None,
        }
    }

    fn shipped(list: &'static str) -> Self {
        let lines = list.lines().filter(|line| !line.starts_with('#'));
        let weights = lines
            .map(|line| weight(line).expect("the shipped weights are whole"))
            .collect();
        Self { weights }
    }

    /// How a folded clause leans.
    pub(super) fn lean(&self, clause: &[char]) -> Lean {
        // Figures are numbers of houses, cards and days: they show nothing.
        let text: String = clause.iter().filter(|c| c.is_alphabetic()).collect();
        let mut bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        bounds.push(text.len());
        let mut seen: HashSet<&'static str> = HashSet::new();
        let mut sum = Weight::default();
        let mut strongest: [Option<(f32, &'static str)>; 2] = [None; 2];
        for (start, length) in spans(bounds.len() - 1) {
            let gram = &text[bounds[start]..bounds[start + length]];
            let Some((gram, weight)) = self.weights.get_key_value(gram) else {
                continue;
            };
            if !seen.insert(*gram) {
                continue;
            }
            sum.bad += weight.bad;
            sum.good += weight.good;
            let tells = weight.good - weight.bad;
            let side = &mut strongest[usize::from(tells > 0.0)];
            let is_word = length > 1;
            if is_word && side.is_none_or(|(most, _)| tells.abs() > most) {
                *side = Some((tells.abs(), *gram));
            }
        }
        let score = score(sum);
        let by = strongest[usize::from(score > 0.0)].map(|(_, gram)| gram);
        Lean {
            score,
            by: by.filter(|_| score != 0.0),
        }
    }
}

/// Start and length of every n-gram of so many characters.
fn spans(characters: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..characters).flat_map(move |start| {
        (1..=LONGEST_GRAM.min(characters - start)).map(move |length| (start, length))
    })
}

/// One line: an n-gram and its weights in hundredths.
fn weight(line: &'static str) -> Option<(&'static str, Weight)> {
    let mut fields = line.split(' ');
    let gram = fields.next()?;
    let mut hundredths = || fields.next()?.parse::<f32>().ok().map(|n| n / 100.0);
    let (bad, good) = (hundredths()?, hundredths()?);
    Some((gram, Weight { bad, good }))
}

/// The probability of good less that of bad, and nothing where that is small.
fn score(sum: Weight) -> f32 {
    let (bad, good) = (sum.bad.min(HEAVIEST).exp(), sum.good.min(HEAVIEST).exp());
    let lean = (good - bad) / (good + bad + 1.0);
    let beyond = (lean.abs() - UNDECIDED).max(0.0) / (1.0 - UNDECIDED);
    SURE * beyond.copysign(lean)
}
