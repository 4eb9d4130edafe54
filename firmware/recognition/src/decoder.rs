//! CTC beam search over a lexicon tree with a word model above it.
//!
//! Every hypothesis is one alignment: a place in the tree, the unit that sounds now, and the words
//! before. Hypotheses that nothing can tell apart any more are merged, the better one staying
//! (Viterbi). Sources: A. Graves, N. Jaitly: Towards End-to-End Speech Recognition with Recurrent
//! Neural Networks, 2014; V. Pratap et al.: wav2letter, 2019, for the lexicon and look-ahead.
//!
//! Speech outside the vocabulary has a path of its own: the *filler* takes the likeliest unit of
//! every output, whatever it is, for a price a unit. It wins where no word comes near to what was
//! heard, so such speech is passed over rather than forced into words.

mod search;
mod tuning;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::FixedState;

use crate::lexicon::{Trie, Unit, WordId, language_bit};

pub(crate) use search::{Search, WordModel};
pub use tuning::{Calibration, Tuning};

/// How much further behind the best the last hypothesis that is kept may lie than at the output
/// before, in natural log units.
const CUT_MARGIN: f32 = 1.5;
/// The node of hypotheses that pass speech over.
const FILLER: u32 = u32::MAX;
/// The unit of hypotheses in whose last output nothing sounded.
const NOTHING: Unit = Unit::MAX;
/// The path before the first word.
const NO_PATH: u32 = u32::MAX;

/// One alignment of the outputs so far.
#[derive(Clone, Copy)]
struct Hypothesis {
    node: u32,
    state: u32,
    hint: u32,
    last: Unit,
    /// Everything: outputs, words, hints, prices, look-ahead.
    score: f32,
    /// The outputs alone.
    acoustic: f32,
    path: u32,
    /// Since the present word's first unit: its output's number, `acoustic` and the free path's
    /// score before it, and its units.
    began: u32,
    acoustic_before: f32,
    free_before: f32,
    units: u32,
    /// What this very output completed.
    completed: Completed,
}

#[derive(Clone, Copy, PartialEq)]
enum Completed {
    Nothing,
    /// The word and its ln P after those before it.
    Word(WordId, f32),
    Filler,
}

/// What later outputs can tell hypotheses apart by.
type Key = (u32, u32, u32, Unit);

impl Hypothesis {
    const fn key(&self) -> Key {
        (self.node, self.state, self.hint, self.last)
    }

    /// Whether this very output completed a word.
    const fn ends_word(&self) -> bool {
        matches!(self.completed, Completed::Word(..))
    }
}

/// One word of a path, or speech that was passed over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spoken {
    previous: u32,
    /// None: passed over.
    pub(crate) word: Option<WordId>,
    /// Output of its first unit.
    pub(crate) start: u32,
    /// Output after that of its last unit.
    pub(crate) end: u32,
    /// Its units.
    pub(crate) units: u32,
    /// From 0 to 1: 1 when its units were the likeliest ones everywhere. How well it was heard, which
    /// is no probability yet.
    pub(crate) confidence: f32,
    /// ln P by the n-gram after the words before; 0 where none is asked.
    pub(crate) likelihood: f32,
}

impl Spoken {
    /// A word that stands alone.
    pub(crate) const fn new(
        word: WordId,
        start: u32,
        end: u32,
        units: u32,
        confidence: f32,
    ) -> Self {
        Self {
            previous: NO_PATH,
            word: Some(word),
            start,
            end,
            units,
            confidence,
            likelihood: 0.0,
        }
    }
}

/// The beam of one stream.
pub(crate) struct Decoder {
    beam: Vec<Hypothesis>,
    next: Candidates,
    paths: Vec<Spoken>,
    followed: Vec<(Unit, f32)>,
    /// Outputs since the beginning of the utterance.
    outputs: u32,
    /// Score of the likeliest class of every output so far.
    free: f32,
    likeliest: Option<Unit>,
    /// Units that the likeliest classes spell.
    free_units: u32,
    /// How far the last hypothesis that was kept lay behind the best, where there were too many.
    cut: Option<f32>,
}

/// The hypotheses of the next output: the best of those that nothing can tell apart, without those
/// that the best of all has left too far behind.
#[derive(Default)]
struct Candidates {
    all: Vec<Hypothesis>,
    places: HashMap<Key, u32, FixedState>,
    best: f32,
    depth: f32,
}

impl Candidates {
    fn clear(&mut self, depth: f32) {
        self.all.clear();
        self.places.clear();
        self.best = f32::MIN;
        self.depth = depth;
    }

    /// Whether nothing of that score is kept, whatever else may come.
    fn hopeless(&self, score: f32) -> bool {
        score <= self.best - self.depth
    }

    fn push(&mut self, hypothesis: Hypothesis) {
        if self.hopeless(hypothesis.score) {
            return;
        }
        self.best = self.best.max(hypothesis.score);
        match self.places.entry(hypothesis.key()) {
            Entry::Vacant(place) => {
                place.insert(self.all.len() as u32);
                self.all.push(hypothesis);
            }
            Entry::Occupied(place) => {
                let other = &mut self.all[*place.get() as usize];
                if hypothesis.score > other.score {
                    *other = hypothesis;
                }
            }
        }
    }
}

/// One output's likeliest class.
struct Free {
    class: usize,
    log_probability: f32,
    /// Whether a unit begins here on the free path.
    begins: bool,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            beam: Vec::new(),
            next: Candidates::default(),
            paths: Vec::new(),
            followed: Vec::new(),
            outputs: 0,
            free: 0.0,
            likeliest: None,
            free_units: 0,
            cut: None,
        }
    }

    /// Begins a new utterance.
    pub(crate) fn reset(&mut self) {
        self.beam.clear();
        self.paths.clear();
        self.outputs = 0;
        self.free = 0.0;
        self.likeliest = None;
        self.free_units = 0;
        self.cut = None;
    }

    /// Outputs taken since the utterance began.
    pub(crate) fn outputs(&self) -> u32 {
        self.outputs
    }

    /// Units that the likeliest classes spell, words or not.
    pub(crate) fn free_units(&self) -> u32 {
        self.free_units
    }

    /// Takes the log probabilities of the next output, the blank last. Returns whether a unit
    /// seems to sound. An output that is not all numbers counts as the blank.
    pub(crate) fn advance(&mut self, search: &Search<'_>, output: &[f32]) -> bool {
        if self.beam.is_empty() {
            self.beam.push(first_hypothesis(search));
        }
        let blank = output.len() - 1;
        let free = self.free_path(output, blank);
        let blank_score = if free.log_probability.is_finite() {
            output[blank]
        } else {
            0.0
        };
        let step = if free.log_probability.is_finite() {
            free.log_probability
        } else {
            0.0
        };
        self.follow_units(search, output, &free);
        // What lies far behind those that the output before could keep, this one will not either.
        let likely = self.cut.map_or(f32::INFINITY, |cut| cut + CUT_MARGIN);
        self.next.clear(search.depth().min(likely));
        let mut beam = std::mem::take(&mut self.beam);
        // The best first, so that the hopeless are known early.
        if let Some(best) = (0..beam.len()).max_by(|&a, &b| beam[a].score.total_cmp(&beam[b].score))
        {
            beam.swap(0, best);
        }
        for hypothesis in &beam {
            if hypothesis.node == FILLER {
                self.stay_in_filler(search, hypothesis, &free, blank);
            } else {
                self.stay(hypothesis, output, blank_score);
                self.follow(search, hypothesis);
                if hypothesis.node == Trie::ROOT && free.begins {
                    self.enter_filler(search, hypothesis, &free);
                }
            }
        }
        self.beam = beam;
        self.free += step;
        self.outputs += 1;
        self.prune(search);
        blank_score < search.tuning.speech
    }

    fn free_path(&mut self, output: &[f32], blank: usize) -> Free {
        let all_numbers = output.iter().all(|value| value.is_finite());
        if !all_numbers {
            self.likeliest = None;
            return Free {
                class: blank,
                log_probability: f32::NAN,
                begins: false,
            };
        }
        let (class, &log_probability) = output
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .expect("an output has at least the blank");
        let unit = (class != blank).then_some(class as Unit);
        let begins = unit.is_some() && unit != self.likeliest;
        self.likeliest = unit;
        self.free_units += u32::from(begins);
        Free {
            class,
            log_probability,
            begins,
        }
    }

    /// Chooses the units that hypotheses may follow.
    fn follow_units(&mut self, search: &Search<'_>, output: &[f32], free: &Free) {
        self.followed.clear();
        if !free.log_probability.is_finite() {
            return;
        }
        let floor = free.log_probability - search.unit_depth();
        let units = output[..output.len() - 1].iter().enumerate();
        self.followed.extend(
            units
                .filter(|(_, score)| **score > floor)
                .map(|(unit, score)| (unit as Unit, *score)),
        );
        let most = search.units();
        if self.followed.len() > most {
            self.followed
                .select_nth_unstable_by(most, |a, b| b.1.total_cmp(&a.1));
            self.followed.truncate(most);
        }
    }

    /// The blank, or the same unit going on.
    fn stay(&mut self, hypothesis: &Hypothesis, output: &[f32], blank_score: f32) {
        let mut silent = *hypothesis;
        silent.last = NOTHING;
        silent.score += blank_score;
        silent.acoustic += blank_score;
        self.next.push(silent);
        let sounding = self
            .followed
            .iter()
            .any(|(unit, _)| *unit == hypothesis.last);
        if sounding {
            let score = output[usize::from(hypothesis.last)];
            let mut going_on = *hypothesis;
            going_on.score += score;
            going_on.acoustic += score;
            self.next.push(going_on);
        }
    }

    /// Every unit that the tree has next, and every word that it completes.
    fn follow(&mut self, search: &Search<'_>, from: &Hypothesis) {
        let Search {
            trie, languages, ..
        } = *search;
        let ahead = search.ahead(from.node);
        let most = search.most_of_a_word();
        for index in 0..self.followed.len() {
            let (unit, score) = self.followed[index];
            let bare = from.score + score - ahead;
            if unit == from.last || self.next.hopeless(bare + most) {
                continue;
            }
            let Some(child) = trie.child(from.node, unit) else {
                continue;
            };
            if trie.languages(child) & languages == 0 {
                continue;
            }
            let mut on = *from;
            if from.node == Trie::ROOT {
                on.began = self.outputs;
                on.acoustic_before = from.acoustic;
                on.free_before = self.free;
                on.units = 0;
            }
            on.units += 1;
            on.last = unit;
            on.acoustic += score;
            on.node = child;
            on.score = bare + search.ahead(child);
            self.next.push(on);
            for &word in trie.words(child) {
                self.complete(search, &on, word, bare);
            }
        }
    }

    fn complete(&mut self, search: &Search<'_>, on: &Hypothesis, word: WordId, bare: f32) {
        if language_bit(search.lexicon.words[word as usize].language) & search.languages == 0 {
            return;
        }
        if self.next.hopeless(bare + search.most_of(word)) {
            return;
        }
        let Some(step) = search.word(on.state, word) else {
            return;
        };
        let (hinted, hint) = search
            .phrases
            .map_or((0.0, 0), |phrases| phrases.step(on.hint, word));
        self.next.push(Hypothesis {
            node: Trie::ROOT,
            state: step.next,
            hint,
            score: bare + step.score + hinted,
            completed: Completed::Word(word, step.likelihood),
            ..*on
        });
    }

    fn enter_filler(&mut self, search: &Search<'_>, from: &Hypothesis, free: &Free) {
        let Some(state) = search.filler(from.state) else {
            return;
        };
        let lent = search
            .phrases
            .map_or(0.0, |phrases| phrases.owed(from.hint));
        let price = search.tuning.filler_price + search.filler_unit_price() + lent;
        let inside = Hypothesis {
            node: FILLER,
            state,
            hint: 0,
            last: NOTHING,
            score: from.score + free.log_probability - price,
            acoustic: from.acoustic + free.log_probability,
            began: self.outputs,
            acoustic_before: from.acoustic,
            free_before: self.free,
            units: 1,
            ..*from
        };
        self.leave_filler(&inside, free.class as Unit);
        self.next.push(inside);
    }

    fn stay_in_filler(
        &mut self,
        search: &Search<'_>,
        from: &Hypothesis,
        free: &Free,
        blank: usize,
    ) {
        let heard = if free.log_probability.is_finite() {
            free.log_probability
        } else {
            0.0
        };
        let price = if free.begins {
            search.filler_unit_price()
        } else {
            0.0
        };
        let inside = Hypothesis {
            score: from.score + heard - price,
            acoustic: from.acoustic + heard,
            units: from.units + u32::from(free.begins),
            ..*from
        };
        self.leave_filler(
            &inside,
            if free.class == blank {
                NOTHING
            } else {
                free.class as Unit
            },
        );
        self.next.push(inside);
    }

    fn leave_filler(&mut self, inside: &Hypothesis, last: Unit) {
        self.next.push(Hypothesis {
            node: Trie::ROOT,
            last,
            completed: Completed::Filler,
            ..*inside
        });
    }

    /// Keeps the best, and writes down what they completed.
    fn prune(&mut self, search: &Search<'_>) {
        let tuning = search.tuning;
        let Candidates {
            all: next, best, ..
        } = &mut self.next;
        let best = *best;
        let best_end = next.iter().filter(|one| one.ends_word());
        let best_end = best_end.map(|one| one.score).fold(f32::MIN, f32::max);
        let behind = best - search.depth();
        let end_behind = behind.max(best_end - search.word_depth());
        next.retain(|one| {
            let behind = if one.ends_word() { end_behind } else { behind };
            one.score > behind
        });
        self.cut = None;
        if next.len() > tuning.width {
            let by_score = |a: &Hypothesis, b: &Hypothesis| b.score.total_cmp(&a.score);
            let (_, first_cut, _) = next.select_nth_unstable_by(tuning.width, by_score);
            self.cut = Some(best - first_cut.score);
            next.truncate(tuning.width);
        }
        std::mem::swap(&mut self.beam, next);
        for hypothesis in &mut self.beam {
            hypothesis.score -= best;
            let (word, likelihood) = match hypothesis.completed {
                Completed::Nothing => continue,
                Completed::Word(word, likelihood) => (Some(word), likelihood),
                Completed::Filler => (None, 0.0),
            };
            let worse = (self.free - hypothesis.free_before)
                - (hypothesis.acoustic - hypothesis.acoustic_before);
            let a_unit = worse.max(0.0) / hypothesis.units.max(1) as f32;
            self.paths.push(Spoken {
                previous: hypothesis.path,
                word,
                start: hypothesis.began,
                end: self.outputs,
                units: hypothesis.units,
                confidence: (-tuning.steepness * a_unit).exp(),
                likelihood,
            });
            hypothesis.path = (self.paths.len() - 1) as u32;
            hypothesis.completed = Completed::Nothing;
        }
    }

    /// The words of the likeliest hypothesis so far, whether or not they may end here.
    pub(crate) fn best(&self) -> Vec<Spoken> {
        let best = self.beam.iter().max_by(|a, b| a.score.total_cmp(&b.score));
        best.map_or_else(Vec::new, |best| self.path(best.path))
    }

    /// The words of the likeliest hypothesis that may end here; empty when none may, or when a grammar's
    /// phrases are too far from what was heard.
    pub(crate) fn last(&self, search: &Search<'_>) -> Vec<Spoken> {
        let Some(ended) = self.ended(search) else {
            return Vec::new();
        };
        let spoken = self.path(ended.path);
        if search.rejects(self.gap(search, ended, &spoken)) {
            return Vec::new();
        }
        spoken
    }

    /// How much less likely a hypothesis is than the likeliest units of the whole utterance, what it
    /// passes over priced, in natural log units for each unit of its words.
    fn gap(&self, search: &Search<'_>, ended: &Hypothesis, spoken: &[Spoken]) -> f32 {
        let (mut units, mut price) = (0, 0.0);
        for one in spoken {
            if one.word.is_some() {
                units += one.units;
            } else {
                price += search.tuning.filler_price + search.filler_unit_price() * one.units as f32;
            }
        }
        (self.free - ended.acoustic + price) / units as f32
    }

    fn ended(&self, search: &Search<'_>) -> Option<&Hypothesis> {
        let ended = self.beam.iter().filter_map(|hypothesis| {
            let may_end = hypothesis.node == Trie::ROOT
                && (search.may_hear_nothing() || self.has_word(hypothesis.path));
            if !may_end {
                return None;
            }
            let lent = search
                .phrases
                .map_or(0.0, |phrases| phrases.owed(hypothesis.hint));
            let score = hypothesis.score + search.end(hypothesis.state)? - lent;
            Some((score, hypothesis))
        });
        let best = ended.max_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, hypothesis)| hypothesis)
    }

    fn has_word(&self, path: u32) -> bool {
        self.path(path).iter().any(|spoken| spoken.word.is_some())
    }

    fn path(&self, mut at: u32) -> Vec<Spoken> {
        let mut spoken = Vec::new();
        while at != NO_PATH {
            let step = self.paths[at as usize];
            spoken.push(step);
            at = step.previous;
        }
        spoken.reverse();
        spoken
    }
}

fn first_hypothesis(search: &Search<'_>) -> Hypothesis {
    Hypothesis {
        node: Trie::ROOT,
        state: search.start(),
        hint: 0,
        last: NOTHING,
        score: 0.0,
        acoustic: 0.0,
        path: NO_PATH,
        began: 0,
        acoustic_before: 0.0,
        free_before: 0.0,
        units: 0,
        completed: Completed::Nothing,
    }
}

#[cfg(test)]
mod tests;
