//! CTC prefix beam search (A. Hannun et al.: First-pass large vocabulary continuous speech
//! recognition using bi-directional recurrent DNNs, 2014).
//!
//! A prefix is a row of tokens; the likelihoods of all its alignments are added up, those that end
//! in the blank apart from the others. Equal prefixes are one: they are nodes of a tree. When a prefix's
//! tokens sounded is its own: the times of a shorter one may move on after a longer one has left it.

use std::collections::HashMap;

use super::{Heard, log_add};
use crate::fusion::{Fused, Fusion};
use crate::soundness::are_numbers;

/// A token this much less likely than the likeliest is not followed, unless a grammar wants it.
const TOKEN_DEPTH: f32 = 9.0;
/// The least of what a grammar wants that is followed.
const GRAMMAR_DEPTH: f32 = 18.0;
/// Tokens followed at most, but for a grammar's.
const TOKENS: usize = 16;
/// A prefix this much worse than the best is dropped.
const DEPTH: f32 = 20.0;
/// The empty prefix.
const ROOT: u32 = 0;
/// A prefix that is not in the tree yet.
const NOWHERE: u32 = u32::MAX;

pub(super) struct Ctc {
    width: usize,
    blank: usize,
    children: HashMap<Key, u32>,
    /// Of each node, [`Heard::gap_before`] as it was first.
    gaps_before: Vec<f32>,
    traces: Vec<Trace>,
    beam: Vec<Prefix>,
    /// Score of the likeliest classes so far.
    free: f32,
    /// The tokens that a grammar allows after a prefix that was asked for.
    allowed: HashMap<u32, Vec<usize>>,
}

/// A prefix's place in the tree: the shorter prefix, the last token, whether it was passed over.
type Key = (u32, usize, bool);

/// When a prefix's last token sounded, and the trace of those before it.
#[derive(Clone, Copy)]
struct Trace {
    before: Option<u32>,
    heard: Heard,
}

#[derive(Clone)]
struct Prefix {
    node: u32,
    /// Its times; none of the empty prefix.
    trace: Option<u32>,
    last: Option<usize>,
    /// ln P of its alignments that end in the blank, and of those that end in its last token.
    silent: f32,
    sounding: f32,
    /// What is added beside the network.
    fused: f32,
    state: Fused,
}

/// What an output makes of a prefix.
struct Candidate {
    prefix: Prefix,
    log_probability: f32,
    /// The token that begins now, and what the shorter prefix had been heard with.
    begun: Option<(Key, f32)>,
}

impl Prefix {
    fn heard(&self) -> f32 {
        log_add(self.silent, self.sounding)
    }

    fn score(&self) -> f32 {
        self.heard() + self.fused
    }
}

impl Ctc {
    pub(super) fn new(width: usize, blank: usize, fusion: &Fusion) -> Self {
        let mut search = Self {
            width: width.max(1),
            blank,
            children: HashMap::new(),
            gaps_before: Vec::new(),
            traces: Vec::new(),
            beam: Vec::new(),
            free: 0.0,
            allowed: HashMap::new(),
        };
        search.reset(fusion);
        search
    }

    pub(super) fn reset(&mut self, fusion: &Fusion) {
        self.begin(fusion, None, 0.0, f32::NEG_INFINITY);
    }

    /// Begins an utterance; a token that sounds on does not sound anew.
    pub(super) fn next_utterance(&mut self, fusion: &Fusion) {
        let best = self
            .beam
            .iter()
            .max_by(|a, b| a.score().total_cmp(&b.score()));
        match best
            .filter(|best| best.sounding > best.silent)
            .and_then(|best| best.last)
        {
            Some(last) => self.begin(fusion, Some(last), f32::NEG_INFINITY, 0.0),
            None => self.reset(fusion),
        }
    }

    fn begin(&mut self, fusion: &Fusion, last: Option<usize>, silent: f32, sounding: f32) {
        self.children.clear();
        self.gaps_before = vec![0.0];
        self.traces.clear();
        self.allowed.clear();
        self.free = 0.0;
        self.beam = vec![Prefix {
            node: ROOT,
            trace: None,
            last,
            silent,
            sounding,
            fused: 0.0,
            state: fusion.start(),
        }];
    }

    /// Takes the log probabilities of an output. One that is not all numbers counts as the blank.
    pub(super) fn advance(&mut self, fusion: &Fusion, output: &[f32], at: u32) {
        if !are_numbers(output) {
            for prefix in &mut self.beam {
                (prefix.silent, prefix.sounding) = (prefix.heard(), f32::NEG_INFINITY);
            }
            return;
        }
        let (likeliest, best) = super::likeliest(output, self.blank);
        self.free += best;
        let followed = followed(output, self.blank, best);
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut known: HashMap<u32, usize> = HashMap::new();
        for prefix in std::mem::take(&mut self.beam) {
            self.stay(&prefix, output, &mut candidates, &mut known);
            let from = if fusion.has_grammar() {
                let allowed = self.allowed(fusion, &prefix);
                let likely = |token: &&usize| output[**token] > best - GRAMMAR_DEPTH;
                allowed.iter().filter(likely).copied().collect()
            } else {
                followed.clone()
            };
            for token in from {
                if let Some(step) = fusion.token(&prefix.state, token) {
                    let key = (prefix.node, token, false);
                    self.extend(&prefix, key, step, output, &mut candidates, &mut known);
                }
            }
            if likeliest != self.blank
                && let Some(step) = fusion.pass_over(&prefix.state, likeliest)
            {
                let key = (prefix.node, likeliest, true);
                self.extend(&prefix, key, step, output, &mut candidates, &mut known);
            }
        }
        self.prune(candidates, best, at);
    }

    /// The blank, or the last token going on.
    fn stay(
        &self,
        prefix: &Prefix,
        output: &[f32],
        candidates: &mut Vec<Candidate>,
        known: &mut HashMap<u32, usize>,
    ) {
        let silent = prefix.heard() + output[self.blank];
        let last = prefix.last.map_or(f32::NEG_INFINITY, |last| output[last]);
        let sounding = prefix.sounding + last;
        let log_probability = if prefix.sounding > prefix.silent {
            last
        } else {
            f32::NEG_INFINITY
        };
        let staying = Prefix {
            silent,
            sounding,
            ..prefix.clone()
        };
        let candidate = Candidate {
            prefix: staying,
            log_probability,
            begun: None,
        };
        merge(candidate, candidates, known);
    }

    fn extend(
        &self,
        prefix: &Prefix,
        key: Key,
        (score, state): (f32, Fused),
        output: &[f32],
        candidates: &mut Vec<Candidate>,
        known: &mut HashMap<u32, usize>,
    ) {
        let token = key.1;
        // The same token once more needs a blank before it.
        let before = if prefix.last == Some(token) {
            prefix.silent
        } else {
            prefix.heard()
        };
        if before == f32::NEG_INFINITY {
            return;
        }
        let node = self.children.get(&key).copied();
        let longer = Prefix {
            node: node.unwrap_or(NOWHERE),
            trace: prefix.trace,
            last: Some(token),
            silent: f32::NEG_INFINITY,
            sounding: before + output[token],
            fused: prefix.fused + score,
            state,
        };
        let candidate = Candidate {
            prefix: longer,
            log_probability: output[token],
            begun: Some((key, prefix.heard())),
        };
        merge(candidate, candidates, known);
    }

    fn allowed(&mut self, fusion: &Fusion, prefix: &Prefix) -> &[usize] {
        self.allowed
            .entry(prefix.node)
            .or_insert_with(|| fusion.allowed(&prefix.state).unwrap_or_default())
    }

    /// Keeps the best and gives them their places in the tree; `best_class` is the output's
    /// likeliest.
    fn prune(&mut self, mut candidates: Vec<Candidate>, best_class: f32, at: u32) {
        candidates.sort_by(|a, b| b.prefix.score().total_cmp(&a.prefix.score()));
        candidates.truncate(self.width);
        let floor = candidates
            .first()
            .map_or(0.0, |best| best.prefix.score() - DEPTH);
        candidates.retain(|candidate| candidate.prefix.score() >= floor);
        for Candidate {
            mut prefix,
            log_probability,
            begun,
        } in candidates
        {
            if let (NOWHERE, Some((key, heard_before))) = (prefix.node, begun) {
                prefix.node = self.gaps_before.len() as u32;
                self.children.insert(key, prefix.node);
                self.gaps_before.push(self.free - best_class - heard_before);
            }
            let gap = self.free - prefix.heard();
            let trace = match (begun, prefix.trace) {
                (Some(((_, token, is_passed_over), _)), before) => Some(Trace {
                    before,
                    heard: Heard {
                        token,
                        output: at,
                        log_probability,
                        gap_before: self.gaps_before[prefix.node as usize],
                        gap,
                        is_passed_over,
                    },
                }),
                (None, Some(trace)) => {
                    let Trace { before, heard } = self.traces[trace as usize];
                    let moved = Heard {
                        output: at,
                        log_probability,
                        gap,
                        ..heard
                    };
                    let is_clearer = log_probability > heard.log_probability;
                    is_clearer.then_some(Trace {
                        before,
                        heard: moved,
                    })
                }
                (None, None) => None,
            };
            if let Some(trace) = trace {
                prefix.trace = Some(self.traces.len() as u32);
                self.traces.push(trace);
            }
            self.beam.push(prefix);
        }
    }

    /// The likeliest prefix, which may end here if `is_over`.
    pub(super) fn best(&self, fusion: &Fusion, is_over: bool) -> Vec<Heard> {
        let scored = self.beam.iter().filter_map(|prefix| {
            let end = if is_over {
                fusion.end(&prefix.state)?
            } else {
                0.0
            };
            Some((prefix.score() + end, prefix))
        });
        let Some((_, best)) = scored.max_by(|a, b| a.0.total_cmp(&b.0)) else {
            return Vec::new();
        };
        let mut tokens = Vec::new();
        let mut at = best.trace;
        while let Some(trace) = at {
            let Trace { before, heard } = self.traces[trace as usize];
            tokens.push(heard);
            at = before;
        }
        tokens.reverse();
        tokens
    }
}

/// Adds a prefix to the candidates, or its likelihoods to the same prefix there; the times are those of
/// the likelier one.
fn merge(new: Candidate, candidates: &mut Vec<Candidate>, known: &mut HashMap<u32, usize>) {
    if new.prefix.node != NOWHERE {
        if let Some(&same) = known.get(&new.prefix.node) {
            let same = &mut candidates[same];
            if new.prefix.heard() > same.prefix.heard() {
                (same.prefix.trace, same.begun) = (new.prefix.trace, new.begun);
            }
            same.prefix.silent = log_add(same.prefix.silent, new.prefix.silent);
            same.prefix.sounding = log_add(same.prefix.sounding, new.prefix.sounding);
            same.log_probability = same.log_probability.max(new.log_probability);
            return;
        }
        known.insert(new.prefix.node, candidates.len());
    }
    candidates.push(new);
}

/// The likeliest tokens of an output.
fn followed(output: &[f32], blank: usize, best: f32) -> Vec<usize> {
    let likely = |&token: &usize| token != blank && output[token] > best - TOKEN_DEPTH;
    let mut followed: Vec<usize> = (0..output.len()).filter(likely).collect();
    if followed.len() > TOKENS {
        followed.sort_by(|&a, &b| output[b].total_cmp(&output[a]));
        followed.truncate(TOKENS);
    }
    followed
}
