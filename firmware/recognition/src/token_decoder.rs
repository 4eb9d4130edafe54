//! Search without a lexicon: what the network's own tokens spell.
//!
//! CTC: the likeliest class of every output, repeats joined (Graves, 2006). Transducer: at most one
//! token an output (W. Kang et al.: Fast and parallel decoding for transducer, 2022), the likeliest
//! one alone or a beam; hypotheses of the same tokens are added up. Both are sherpa-onnx's, so that
//! the same file gives the same text. What was said before an utterance stays the decoder's context.

use std::collections::HashMap;
use std::sync::Arc;

use trunkside_call::Language;
use trunkside_models::acoustic::{Joint, JointSession, Prediction};

use crate::Error;
use crate::decoder::Spoken;
use crate::lexicon::{Word, is_digit, is_han};
use crate::tokens::TokenTable;

/// The transducer's own blank.
const BLANK: usize = 0;

/// One token that was heard.
#[derive(Clone, Copy, Debug)]
struct Heard {
    token: usize,
    output: u32,
    log_probability: f32,
}

/// The search of one stream.
pub(crate) struct TokenDecoder {
    table: Arc<TokenTable>,
    search: Search,
    outputs: u32,
    heard: Vec<Heard>,
    /// The words of what was heard so far; [`Spoken::word`] counts in it.
    pub(crate) words: Vec<Word>,
    spoken: Vec<Spoken>,
    /// What the first token of the utterance follows.
    follows: bool,
}

enum Search {
    Ctc { previous: usize },
    Transducer(Box<Transducer>),
}

struct Transducer {
    joint: JointSession,
    context: usize,
    width: usize,
    beam: Vec<Path>,
    predictions: HashMap<Vec<i64>, Prediction>,
    logits: Vec<f32>,
}

#[derive(Clone)]
struct Path {
    /// The last tokens, as the decoder takes them.
    context: Vec<i64>,
    heard: Vec<Heard>,
    score: f32,
}

impl TokenDecoder {
    /// `width` paths are followed by a transducer; 1 is the greedy search.
    pub(crate) fn new(
        table: Arc<TokenTable>,
        joint: Option<&Joint>,
        width: usize,
    ) -> Result<Self, Error> {
        let search = match joint {
            None => Search::Ctc {
                previous: table.blank,
            },
            Some(joint) => Search::Transducer(Box::new(Transducer {
                joint: joint.session()?,
                context: joint.context(),
                width: width.max(1),
                beam: Vec::new(),
                predictions: HashMap::new(),
                logits: Vec::new(),
            })),
        };
        Ok(Self {
            table,
            search,
            outputs: 0,
            heard: Vec::new(),
            words: Vec::new(),
            spoken: Vec::new(),
            follows: false,
        })
    }

    /// Forgets everything.
    pub(crate) fn reset(&mut self) {
        self.next_utterance();
        self.follows = false;
        match &mut self.search {
            Search::Ctc { previous } => *previous = self.table.blank,
            Search::Transducer(transducer) => transducer.beam.clear(),
        }
    }

    /// Begins a new utterance; the search goes on from what was said.
    pub(crate) fn next_utterance(&mut self) {
        self.follows |= !self.heard.is_empty();
        self.outputs = 0;
        self.heard.clear();
        self.words.clear();
        self.spoken.clear();
        if let Search::Transducer(transducer) = &mut self.search {
            transducer.keep_best();
        }
    }

    /// Outputs taken since the utterance began.
    pub(crate) fn outputs(&self) -> u32 {
        self.outputs
    }

    /// Tokens of the utterance so far.
    pub(crate) fn tokens(&self) -> u32 {
        self.heard.len() as u32
    }

    /// Takes the network's next output. Returns whether something seems to sound.
    pub(crate) fn advance(&mut self, output: &[f32]) -> Result<bool, Error> {
        let at = self.outputs;
        self.outputs += 1;
        let sounds = match &mut self.search {
            Search::Ctc { previous } => {
                let (class, log_probability) = likeliest(output, self.table.blank);
                let is_new = class != self.table.blank && class != *previous;
                *previous = class;
                if is_new {
                    self.heard.push(Heard {
                        token: class,
                        output: at,
                        log_probability,
                    });
                }
                class != self.table.blank
            }
            Search::Transducer(transducer) => {
                let before = self.heard.len();
                transducer.advance(output, at, &self.table)?;
                self.heard.clone_from(&transducer.best().heard);
                self.heard.len() > before
            }
        };
        if sounds {
            self.spell();
        }
        Ok(sounds)
    }

    /// The words so far.
    pub(crate) fn best(&self) -> &[Spoken] {
        &self.spoken
    }

    /// The text so far, as the model writes it.
    pub(crate) fn text(&self, until: u32) -> String {
        let tokens = self.heard.iter().filter(|heard| heard.output < until);
        self.table.text(tokens.map(|heard| heard.token))
    }

    /// Whether the utterance's first token goes on with the word of the last utterance.
    pub(crate) fn goes_on(&self) -> bool {
        let first = self.heard.first();
        let begins = first.map(|heard| self.table.bytes(heard.token).starts_with(b" "));
        self.follows && begins == Some(false)
    }

    /// Cuts the tokens into words: at blanks, and around each Chinese character.
    fn spell(&mut self) {
        let mut words: Vec<(Vec<u8>, Spoken)> = Vec::new();
        for heard in &self.heard {
            let bytes = self.table.bytes(heard.token);
            let begins = bytes.starts_with(b" ") || bytes_are_han(bytes);
            let fresh = match words.last() {
                None => true,
                Some((written, _)) => begins || written.is_empty() || bytes_are_han(written),
            };
            if fresh && !words.last().is_some_and(|(written, _)| written.is_empty()) {
                let spoken = Spoken::new(words.len() as u32, heard.output, 0, 0, 0.0);
                words.push((Vec::new(), spoken));
            }
            if let Some((written, spoken)) = words.last_mut() {
                written.extend(bytes.strip_prefix(b" ").unwrap_or(bytes));
                spoken.end = heard.output + 1;
                spoken.units += 1;
                // The sum of logarithms until all are there.
                spoken.confidence += heard.log_probability;
            }
        }
        words.retain(|(written, _)| !written.is_empty());
        self.words.clear();
        self.spoken.clear();
        for (index, (written, mut spoken)) in words.into_iter().enumerate() {
            spoken.word = Some(index as u32);
            spoken.confidence = (spoken.confidence / spoken.units as f32)
                .exp()
                .clamp(0.0, 1.0);
            let text = String::from_utf8_lossy(&written).into_owned();
            self.words.push(Word {
                language: if text.chars().any(is_han) {
                    Language::Zh
                } else {
                    Language::En
                },
                is_digit: is_digit(&text),
                text,
            });
            self.spoken.push(spoken);
        }
    }
}

impl Transducer {
    fn advance(&mut self, heard: &[f32], at: u32, table: &TokenTable) -> Result<(), Error> {
        if self.beam.is_empty() {
            let mut context = vec![-1; self.context];
            context[self.context - 1] = BLANK as i64;
            self.beam.push(Path {
                context,
                heard: Vec::new(),
                score: 0.0,
            });
        }
        let mut candidates: Vec<(f32, f32, usize, usize)> = Vec::new();
        for (index, path) in self.beam.iter().enumerate() {
            if !self.predictions.contains_key(&path.context) {
                let prediction = self.joint.predict(&path.context)?;
                self.predictions.insert(path.context.clone(), prediction);
            }
            let prediction = &self.predictions[&path.context];
            self.joint.join(heard, prediction, &mut self.logits)?;
            let total = log_sum(&self.logits);
            let scored = self.logits.iter().enumerate();
            let mut scored: Vec<_> = scored
                .map(|(token, logit)| (path.score + logit - total, logit - total, index, token))
                .collect();
            keep_likeliest(&mut scored, self.width);
            candidates.extend(scored);
        }
        keep_likeliest(&mut candidates, self.width);
        let mut next: Vec<Path> = Vec::with_capacity(self.width);
        for (score, log_probability, index, token) in candidates {
            let mut path = self.beam[index].clone();
            path.score = score;
            if token != BLANK && Some(token) != table.unknown {
                path.context.remove(0);
                path.context.push(token as i64);
                path.heard.push(Heard {
                    token,
                    output: at,
                    log_probability,
                });
            }
            let same =
                |other: &&mut Path| other.context == path.context && same_tokens(other, &path);
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

    /// The path of the best score a token, its context counted in.
    fn best(&self) -> &Path {
        let score = |path: &Path| path.score / (self.context + path.heard.len()) as f32;
        self.beam
            .iter()
            .max_by(|a, b| score(a).total_cmp(&score(b)))
            .expect("a beam has a path once it was advanced")
    }

    fn keep_best(&mut self) {
        if self.beam.is_empty() {
            return;
        }
        let mut best = self.best().clone();
        best.heard.clear();
        best.score = 0.0;
        self.beam = vec![best];
    }
}

fn same_tokens(one: &Path, other: &Path) -> bool {
    let tokens = |path: &Path| {
        path.heard
            .iter()
            .map(|heard| heard.token)
            .collect::<Vec<_>>()
    };
    one.heard.len() == other.heard.len() && tokens(one) == tokens(other)
}

fn keep_likeliest(candidates: &mut Vec<(f32, f32, usize, usize)>, width: usize) {
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    candidates.truncate(width);
}

/// The first of the largest values; the blank when they are no numbers.
fn likeliest(output: &[f32], blank: usize) -> (usize, f32) {
    let mut best = (blank, f32::NEG_INFINITY);
    for (class, &value) in output.iter().enumerate() {
        if value > best.1 {
            best = (class, value);
        }
    }
    if output.iter().any(|value| value.is_nan()) {
        return (blank, 0.0);
    }
    best
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

fn log_add(one: f32, other: f32) -> f32 {
    let (low, high) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    high + (low - high).exp().ln_1p()
}

fn bytes_are_han(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.trim().chars().any(is_han))
}
