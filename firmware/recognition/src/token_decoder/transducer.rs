//! Transducer beam search: at most one token an output (W. Kang et al.: Fast and parallel decoding
//! for transducer, 2022), hypotheses of the same tokens added up, as sherpa-onnx's
//! `modified_beam_search`. What is known beside the network is added before paths are chosen.

use std::collections::HashMap;

use trunkside_models::acoustic::{Joint, JointSession, Prediction};

use super::{Heard, log_add};
use crate::Error;
use crate::fusion::{Fused, Fusion};
use crate::soundness::are_numbers;

/// The transducer's own blank.
const BLANK: usize = 0;
/// Tokens of a path that are looked at with an n-gram or hints, at least.
const TOKENS: usize = 16;

pub(super) struct Transducer {
    joint: JointSession,
    context: usize,
    width: usize,
    beam: Vec<Path>,
    predictions: HashMap<Vec<i64>, Prediction>,
    logits: Vec<f32>,
    /// Whether decoder or joiner gave anything but numbers.
    is_unsound: bool,
}

#[derive(Clone)]
struct Path {
    /// The last tokens, as the decoder takes them.
    context: Vec<i64>,
    heard: Vec<Heard>,
    score: f32,
    state: Fused,
    /// How much less likely it was than the likeliest class each time.
    gap: f32,
}

/// A path and what may follow it.
struct Step {
    score: f32,
    from: usize,
    token: usize,
    log_probability: f32,
    gap: f32,
    /// None where nothing follows.
    state: Option<Fused>,
    is_passed_over: bool,
}

impl Transducer {
    pub(super) fn new(joint: &Joint, width: usize) -> Result<Self, Error> {
        Ok(Self {
            joint: joint.session()?,
            context: joint.context(),
            width: width.max(1),
            beam: Vec::new(),
            predictions: HashMap::new(),
            logits: Vec::new(),
            is_unsound: false,
        })
    }

    pub(super) fn reset(&mut self) {
        self.beam.clear();
    }

    pub(super) fn is_unsound(&self) -> bool {
        self.is_unsound
    }

    /// Begins an utterance; what was said stays the decoder's context.
    pub(super) fn next_utterance(&mut self, fusion: &Fusion) {
        if self.beam.is_empty() {
            return;
        }
        let mut best = self.best_path(|_| Some(0.0)).clone();
        best.heard.clear();
        best.score = 0.0;
        best.gap = 0.0;
        best.state = fusion.start();
        self.beam = vec![best];
    }

    /// Takes an output of the encoder.
    pub(super) fn advance(&mut self, fusion: &Fusion, heard: &[f32], at: u32) -> Result<(), Error> {
        if self.beam.is_empty() {
            let mut context = vec![-1; self.context];
            context[self.context - 1] = BLANK as i64;
            self.beam.push(Path {
                context,
                heard: Vec::new(),
                score: 0.0,
                state: fusion.start(),
                gap: 0.0,
            });
        }
        let mut steps = Vec::new();
        for index in 0..self.beam.len() {
            let context = &self.beam[index].context;
            if !self.predictions.contains_key(context) {
                let prediction = self.joint.predict(context)?;
                self.is_unsound |= !prediction.is_finite();
                self.predictions.insert(context.clone(), prediction);
            }
            let prediction = &self.predictions[context];
            self.joint.join(heard, prediction, &mut self.logits)?;
            self.is_unsound |= !are_numbers(&self.logits);
            self.follow(fusion, index, &mut steps);
        }
        keep_best(&mut steps, self.width);
        let mut next: Vec<Path> = Vec::with_capacity(self.width);
        for step in &steps {
            let path = self.taken(step, at);
            let same = |other: &&mut Path| other.context == path.context && other.says(&path);
            match next.iter_mut().find(same) {
                Some(other) => other.score = log_add(other.score, path.score),
                None => next.push(path),
            }
        }
        // Contexts that no path has any more are not asked for soon.
        self.predictions
            .retain(|context, _| next.iter().any(|path| path.context == *context));
        self.beam = next;
        Ok(())
    }

    /// The likeliest steps of a path, by the logits at hand; silence when they are no numbers.
    fn follow(&self, fusion: &Fusion, from: usize, steps: &mut Vec<Step>) {
        let path = &self.beam[from];
        if !are_numbers(&self.logits) {
            steps.push(path.silent(from));
            return;
        }
        let total = log_sum(&self.logits);
        let best = self.logits.iter().copied().fold(f32::MIN, f32::max) - total;
        let step = |token: usize| {
            let log_probability = self.logits[token] - total;
            Step {
                score: path.score + log_probability,
                from,
                token,
                log_probability,
                gap: path.gap + best - log_probability,
                state: None,
                is_passed_over: false,
            }
        };
        let is_nothing = |token: usize| token == BLANK || Some(token) == fusion.table.unknown;
        let mut found: Vec<Step> = match fusion.allowed(&path.state) {
            Some(allowed) => allowed
                .into_iter()
                .filter(|&token| !is_nothing(token))
                .chain([BLANK])
                .map(step)
                .collect(),
            None => (0..self.logits.len()).map(step).collect(),
        };
        let looked_at = if fusion.is_empty() {
            self.width
        } else {
            self.width.max(TOKENS)
        };
        keep_best(&mut found, looked_at);
        found.retain_mut(|step| {
            if is_nothing(step.token) {
                return true;
            }
            let Some((score, state)) = fusion.token(&path.state, step.token) else {
                return false;
            };
            step.score += score;
            step.state = Some(state);
            true
        });
        let (likeliest, _) = super::likeliest(&self.logits, BLANK);
        if !is_nothing(likeliest)
            && let Some((price, state)) = fusion.pass_over(&path.state, likeliest)
        {
            let mut over = step(likeliest);
            over.score += price;
            over.state = Some(state);
            over.is_passed_over = true;
            found.push(over);
        }
        steps.extend(found);
    }

    fn taken(&self, step: &Step, at: u32) -> Path {
        let mut path = self.beam[step.from].clone();
        path.score = step.score;
        path.gap = step.gap;
        if let Some(state) = step.state {
            path.state = state;
            path.context.remove(0);
            path.context.push(step.token as i64);
            path.heard.push(Heard {
                token: step.token,
                output: at,
                log_probability: step.log_probability,
                gap_before: self.beam[step.from].gap,
                gap: step.gap,
                is_passed_over: step.is_passed_over,
            });
        }
        path
    }

    /// The likeliest path, which may end here if `is_over`.
    pub(super) fn best(&self, fusion: &Fusion, is_over: bool) -> Vec<Heard> {
        let end = |path: &Path| {
            if is_over {
                fusion.end(&path.state)
            } else {
                Some(0.0)
            }
        };
        if !self.beam.iter().any(|path| end(path).is_some()) {
            return Vec::new();
        }
        self.best_path(end).heard.clone()
    }

    /// The path of the best score a token, its context counted in.
    fn best_path(&self, end: impl Fn(&Path) -> Option<f32>) -> &Path {
        let score = |path: &Path| {
            let end = end(path).unwrap_or(f32::NEG_INFINITY);
            (path.score + end) / (self.context + path.heard.len()) as f32
        };
        self.beam
            .iter()
            .max_by(|a, b| score(a).total_cmp(&score(b)))
            .expect("a beam has a path once it was advanced")
    }
}

impl Path {
    /// What an output makes of it that says nothing.
    fn silent(&self, from: usize) -> Step {
        Step {
            score: self.score,
            from,
            token: BLANK,
            log_probability: 0.0,
            gap: self.gap,
            state: None,
            is_passed_over: false,
        }
    }

    fn says(&self, other: &Self) -> bool {
        let said = |heard: &Heard| (heard.token, heard.is_passed_over);
        self.heard.len() == other.heard.len()
            && self.heard.iter().map(said).eq(other.heard.iter().map(said))
    }
}

fn keep_best(steps: &mut Vec<Step>, width: usize) {
    steps.sort_by(|a, b| b.score.total_cmp(&a.score));
    steps.truncate(width);
}

fn log_sum(values: &[f32]) -> f32 {
    let largest = values.iter().copied().fold(f32::MIN, f32::max);
    largest
        + values
            .iter()
            .map(|value| (value - largest).exp())
            .sum::<f32>()
            .ln()
}
