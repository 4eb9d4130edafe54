//! Search without a lexicon: what the network's own tokens spell.
//!
//! CTC: the likeliest class of every output, repeats joined (Graves, 2006), or a prefix beam.
//! Transducer: at most one token an output, the likeliest one alone or a beam. Without phrases,
//! grammar and n-gram all but the prefix beam are sherpa-onnx's, so that the same file gives the same
//! text. What was said before an utterance stays a transducer's context.

mod ctc;
mod transducer;

use trunkside_call::Language;
use trunkside_models::acoustic::Joint;

use self::ctc::Ctc;
use self::transducer::Transducer;
use crate::Error;
use crate::decoder::Spoken;
use crate::fusion::Fusion;
use crate::lexicon::{Word, digits, is_han};
use crate::soundness::are_numbers;

/// The beam where one is needed and none is asked for.
const USUAL_BEAM: usize = 8;

/// One token that was heard.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    token: usize,
    output: u32,
    log_probability: f32,
    /// How much less likely the path was than the likeliest classes, before and with it.
    gap_before: f32,
    gap: f32,
    /// Whether it is speech that no phrase of the grammar has.
    is_passed_over: bool,
}

/// The search of one stream.
pub(crate) struct TokenDecoder {
    fusion: Fusion,
    search: Search,
    outputs: u32,
    /// The likeliest tokens of the utterance.
    found: Vec<Heard>,
    /// The words of what was heard so far; [`Spoken::word`] counts in it.
    pub(crate) words: Vec<Word>,
    spoken: Vec<Spoken>,
    /// What the first token of the utterance follows.
    follows: bool,
}

enum Search {
    Greedy { previous: usize },
    Ctc(Box<Ctc>),
    Transducer(Box<Transducer>),
}

impl TokenDecoder {
    /// So many paths are followed: 1 is the greedy search, 0 leaves the choice to what is known
    /// beside the network.
    pub(crate) fn new(fusion: Fusion, joint: Option<&Joint>, beam: usize) -> Result<Self, Error> {
        let blank = fusion.table.blank;
        let width = match beam {
            0 if fusion.is_empty() => 1,
            0 => USUAL_BEAM,
            width => width,
        };
        let search = match joint {
            Some(joint) => Search::Transducer(Box::new(Transducer::new(joint, width)?)),
            None if width == 1 && fusion.is_empty() => Search::Greedy { previous: blank },
            None => Search::Ctc(Box::new(Ctc::new(width, blank, &fusion))),
        };
        Ok(Self {
            fusion,
            search,
            outputs: 0,
            found: Vec::new(),
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
            Search::Greedy { previous } => *previous = self.fusion.table.blank,
            Search::Ctc(ctc) => ctc.reset(&self.fusion),
            Search::Transducer(transducer) => transducer.reset(),
        }
    }

    /// Begins a new utterance; the search goes on from what was said.
    pub(crate) fn next_utterance(&mut self) {
        self.follows |= !self.found.is_empty();
        self.outputs = 0;
        self.found.clear();
        self.words.clear();
        self.spoken.clear();
        match &mut self.search {
            Search::Greedy { .. } => {}
            Search::Ctc(ctc) => ctc.next_utterance(&self.fusion),
            Search::Transducer(transducer) => transducer.next_utterance(&self.fusion),
        }
    }

    /// Outputs taken since the utterance began.
    pub(crate) fn outputs(&self) -> u32 {
        self.outputs
    }

    /// Tokens of the utterance so far.
    pub(crate) fn tokens(&self) -> u32 {
        self.found.len() as u32
    }

    /// Takes the network's next output. Returns whether something seems to sound.
    pub(crate) fn advance(&mut self, output: &[f32]) -> Result<bool, Error> {
        let at = self.outputs;
        self.outputs += 1;
        let blank = self.fusion.table.blank;
        let before = self.found.len();
        let sounds = match &mut self.search {
            Search::Greedy { previous } => {
                let (class, log_probability) = likeliest(output, blank);
                let is_new = class != blank && class != *previous;
                *previous = class;
                if is_new {
                    self.found.push(Heard {
                        token: class,
                        output: at,
                        log_probability,
                        ..Heard::default()
                    });
                }
                class != blank
            }
            Search::Ctc(ctc) => {
                ctc.advance(&self.fusion, output, at);
                self.found = ctc.best(&self.fusion, false);
                // What adds up, or is wished for, sounds though the blank is likelier.
                likeliest(output, blank).0 != blank || self.found.len() > before
            }
            Search::Transducer(transducer) => {
                transducer.advance(&self.fusion, output, at)?;
                self.found = transducer.best(&self.fusion, false);
                self.found.len() > before
            }
        };
        // Of several paths, another one may be the best after an output in which nothing sounds.
        if sounds || !matches!(self.search, Search::Greedy { .. }) {
            self.spell();
        }
        Ok(sounds)
    }

    /// Whether a transducer's decoder or joiner gave anything but numbers.
    pub(crate) fn is_unsound(&self) -> bool {
        matches!(&self.search, Search::Transducer(transducer) if transducer.is_unsound())
    }

    /// Ends the utterance: of several paths, one that may end here is chosen.
    pub(crate) fn end(&mut self) {
        self.found = match &self.search {
            Search::Greedy { .. } => return,
            Search::Ctc(ctc) => ctc.best(&self.fusion, true),
            Search::Transducer(transducer) => transducer.best(&self.fusion, true),
        };
        self.spell();
    }

    /// The words so far.
    pub(crate) fn best(&self) -> &[Spoken] {
        &self.spoken
    }

    /// The text so far, as the model writes it.
    pub(crate) fn text(&self, until: u32) -> String {
        let is_text = |heard: &&Heard| heard.output < until && !heard.is_passed_over;
        let tokens = self.found.iter().filter(is_text);
        self.fusion.table.text(tokens.map(|heard| heard.token))
    }

    /// Whether the utterance's first token goes on with the word of the last utterance.
    pub(crate) fn goes_on(&self) -> bool {
        let first = self.found.first();
        let begins = first.map(|heard| self.fusion.table.bytes(heard.token).starts_with(b" "));
        self.follows && begins == Some(false)
    }

    /// Cuts the tokens into words: at blanks, and around each Chinese character.
    fn spell(&mut self) {
        let mut words: Vec<(Vec<u8>, Spoken)> = Vec::new();
        let mut is_parted = false;
        for heard in &self.found {
            if heard.is_passed_over {
                is_parted = true;
                continue;
            }
            let bytes = self.fusion.table.bytes(heard.token);
            let begins = is_parted || bytes.starts_with(b" ") || bytes_are_han(bytes);
            let fresh = match words.last() {
                None => true,
                Some((written, _)) => begins || written.is_empty() || bytes_are_han(written),
            };
            if fresh && !words.last().is_some_and(|(written, _)| written.is_empty()) {
                let spoken = Spoken::new(words.len() as u32, heard.output, 0, 0, 0.0);
                words.push((Vec::new(), spoken));
            }
            is_parted = false;
            if let Some((written, spoken)) = words.last_mut() {
                written.extend(bytes.strip_prefix(b" ").unwrap_or(bytes));
                spoken.end = heard.output + 1;
                spoken.units += 1;
                // The sum of logarithms until all are there.
                spoken.confidence += heard.log_probability;
            }
        }
        words.retain(|(written, _)| !written.is_empty());
        let gap = self.gap_a_token(&words);
        self.words.clear();
        self.spoken.clear();
        for (index, (written, mut spoken)) in words.into_iter().enumerate() {
            spoken.word = Some(index as u32);
            let mean = gap.unwrap_or(spoken.confidence / spoken.units as f32);
            spoken.confidence = mean.exp().clamp(0.0, 1.0);
            let text = String::from_utf8_lossy(&written).into_owned();
            self.words.push(Word {
                language: if text.chars().any(is_han) {
                    Language::Zh
                } else {
                    Language::En
                },
                digits: digits(&text),
                text,
            });
            self.spoken.push(spoken);
        }
    }

    /// What a grammar's words are sure of, all alike: how far they are from what the network would
    /// have heard without a grammar, from the first token of each phrase to its last.
    fn gap_a_token(&self, words: &[(Vec<u8>, Spoken)]) -> Option<f32> {
        let units: u32 = words.iter().map(|(_, spoken)| spoken.units).sum();
        let stretches = self.found.split(|heard| heard.is_passed_over);
        let gap = |stretch: &[Heard]| {
            let (first, last) = (stretch.first()?, stretch.last()?);
            Some((last.gap - first.gap_before).max(0.0))
        };
        let sum: f32 = stretches.filter_map(gap).sum();
        let steepness = self.fusion.tuning.steepness;
        self.fusion
            .has_grammar()
            .then(|| -steepness * sum / units.max(1) as f32)
    }
}

/// The first of the largest values; the blank when they are no numbers.
fn likeliest(output: &[f32], blank: usize) -> (usize, f32) {
    if !are_numbers(output) {
        return (blank, 0.0);
    }
    let mut best = (blank, f32::NEG_INFINITY);
    for (class, &value) in output.iter().enumerate() {
        if value > best.1 {
            best = (class, value);
        }
    }
    best
}

fn log_add(one: f32, other: f32) -> f32 {
    let (low, high) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    if high == f32::NEG_INFINITY {
        return high;
    }
    high + (low - high).exp().ln_1p()
}

fn bytes_are_han(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.trim().chars().any(is_han))
}

#[cfg(test)]
mod tests;
