//! Word n-gram language models in ARPA format, with back-off.
//!
//! Format: S. Stolcke's ngram-format(5). Likelihoods are kept as natural logarithms. N-grams of
//! words that the lexicon does not have can never be reached and are left out.

use std::collections::HashMap;
use std::io;
use std::iter::Peekable;
use std::path::Path;

use foldhash::fast::RandomState;

use crate::Error;
use crate::error::{brief, mendable};
use crate::lexicon::WordId;

/// The most n-grams of one order that are read.
const MAX_NGRAMS: usize = 20_000_000;
/// The longest n-grams that are read.
const MAX_ORDER: usize = 5;
/// What an error calls the end where a line was to come.
const END_OF_FILE: &str = "the end of the file";
/// ln P of a word when the model does not even list `<unk>`.
const UNLISTED: f32 = -20.0;

/// A history that the model tells apart.
pub(crate) type State = u32;
/// The state after something that is no word.
pub(crate) const NO_HISTORY: State = 0;

/// The words that a model counts.
pub(crate) trait Words {
    /// Ids are below this.
    fn count(&self) -> usize;

    /// The word of that name; none when it can never be heard.
    fn id(&self, name: &str) -> Option<WordId>;
}

/// A back-off n-gram model.
pub(crate) struct Ngram {
    /// By word; `<s>` and `</s>` follow the others.
    unigrams: Vec<Arc>,
    states: Vec<History>,
    /// Sorted by word within each history.
    arcs: Vec<(WordId, Arc)>,
    /// By word: its ln P where it is likeliest.
    most: Vec<f32>,
    start: State,
    end_word: WordId,
}

#[derive(Clone, Copy)]
struct Arc {
    likelihood: f32,
    next: State,
}

#[derive(Clone)]
struct History {
    back_off: f32,
    shorter: State,
    first_arc: u32,
    arc_count: u32,
}

/// The n-grams of one order, without an allocation each: a model has a million of them.
struct Section {
    order: usize,
    /// `order` words an n-gram.
    words: Vec<WordId>,
    /// ln P, and the back-off of the n-gram as a history.
    scores: Vec<(f32, f32)>,
}

impl Section {
    fn ngrams(&self) -> impl Iterator<Item = (&[WordId], (f32, f32))> {
        let words = self.words.chunks_exact(self.order);
        words.zip(self.scores.iter().copied())
    }
}

impl Ngram {
    /// Reads the lines of an ARPA file, one after the other: as a whole they take as much memory as
    /// the model.
    pub(crate) fn read(
        file: &Path,
        lines: impl Iterator<Item = io::Result<String>>,
        words: &dyn Words,
    ) -> Result<Self, Error> {
        Reader {
            words,
            lines: lines.peekable(),
            line: 0,
            unknown: UNLISTED,
        }
        .read()
        .map_err(|(line, problem)| Error::File {
            file: file.to_owned(),
            line,
            problem,
        })
    }

    /// ln P of a word without history.
    pub(crate) fn unigram(&self, word: WordId) -> f32 {
        self.unigrams[word as usize].likelihood
    }

    /// ln P of a word after the history that makes it likeliest.
    pub(crate) fn most(&self, word: WordId) -> f32 {
        self.most[word as usize]
    }

    /// The state before the first word.
    pub(crate) fn start(&self) -> State {
        self.start
    }

    /// ln P of a word after a history, and the history after it.
    pub(crate) fn score(&self, state: State, word: WordId) -> (f32, State) {
        let mut state = state;
        let mut backed_off = 0.0;
        while state != 0 {
            let history = &self.states[state as usize];
            let first = history.first_arc as usize;
            let arcs = &self.arcs[first..first + history.arc_count as usize];
            if let Ok(at) = arcs.binary_search_by_key(&word, |(word, _)| *word) {
                let arc = arcs[at].1;
                return (backed_off + arc.likelihood, arc.next);
            }
            backed_off += history.back_off;
            state = history.shorter;
        }
        let arc = self.unigrams[word as usize];
        (backed_off + arc.likelihood, arc.next)
    }

    /// ln P of the end after a history.
    pub(crate) fn end(&self, state: State) -> f32 {
        self.score(state, self.end_word).0
    }

    fn build(by_order: Vec<Section>, words: usize, unknown: f32) -> Self {
        let (start_word, end_word) = (words as WordId, words as WordId + 1);
        let mut histories = Histories::new();
        // A history is whatever a longer n-gram begins with; shorter ones come first, so that the
        // one to back off to is known.
        for section in by_order.iter().skip(1) {
            for (words, _) in section.ngrams() {
                histories.add(&words[..section.order - 1]);
            }
        }
        let mut unigrams = vec![
            Arc {
                likelihood: unknown,
                next: NO_HISTORY
            };
            words + 2
        ];
        let longer = by_order.iter().skip(1);
        let mut arcs = Vec::with_capacity(longer.map(|section| section.scores.len()).sum());
        for section in by_order {
            for (words, (likelihood, back_off)) in section.ngrams() {
                if let Some(state) = histories.find(words) {
                    histories.states[state as usize].back_off = back_off;
                }
                let Some((&word, history)) = words.split_last() else {
                    continue;
                };
                let next = histories.longest_suffix(words);
                let arc = Arc { likelihood, next };
                match histories.find(history) {
                    Some(NO_HISTORY) => unigrams[word as usize] = arc,
                    Some(state) => arcs.push((state, word, arc)),
                    None => {}
                }
            }
        }
        let start = histories.find(&[start_word]).unwrap_or(NO_HISTORY);
        let mut states = histories.states;
        arcs.sort_unstable_by_key(|&(state, word, _)| (state, word));
        for (index, &(state, _, _)) in arcs.iter().enumerate() {
            let history = &mut states[state as usize];
            if history.arc_count == 0 {
                history.first_arc = index as u32;
            }
            history.arc_count += 1;
        }
        states.shrink_to_fit();
        // Some files have back-offs that raise a likelihood, each step back anew.
        let back_offs = states.iter().map(|state| state.back_off);
        let raise = back_offs.fold(0.0, f32::max) * MAX_ORDER as f32;
        let mut most: Vec<f32> = unigrams.iter().map(|arc| arc.likelihood + raise).collect();
        for (_, word, arc) in &arcs {
            let most = &mut most[*word as usize];
            *most = most.max(arc.likelihood + raise);
        }
        let mut arcs: Vec<_> = arcs.into_iter().map(|(_, word, arc)| (word, arc)).collect();
        arcs.shrink_to_fit();
        Self {
            unigrams,
            states,
            arcs,
            most,
            start,
            end_word,
        }
    }
}

/// Histories, found by their words while a file is read.
struct Histories {
    states: Vec<History>,
    /// By the history without its last word, and that word.
    longer: HashMap<(State, WordId), State, RandomState>,
}

impl Histories {
    fn new() -> Self {
        let none = History {
            back_off: 0.0,
            shorter: NO_HISTORY,
            first_arc: 0,
            arc_count: 0,
        };
        Self {
            states: vec![none],
            longer: HashMap::default(),
        }
    }

    /// Knows a history and those that it begins with from now on.
    fn add(&mut self, words: &[WordId]) {
        let mut at = NO_HISTORY;
        for (index, &word) in words.iter().enumerate() {
            let known = self.longer.get(&(at, word)).copied();
            at = known.unwrap_or_else(|| self.push(at, word, &words[1..=index]));
        }
    }

    /// A history that was not known: a known one and a word more; the words after its first.
    fn push(&mut self, known: State, word: WordId, after_first: &[WordId]) -> State {
        let state = self.states.len() as State;
        self.states.push(History {
            back_off: 0.0,
            shorter: self.longest_suffix(after_first),
            first_arc: 0,
            arc_count: 0,
        });
        self.longer.insert((known, word), state);
        state
    }

    fn find(&self, words: &[WordId]) -> Option<State> {
        let mut at = NO_HISTORY;
        for &word in words {
            at = *self.longer.get(&(at, word))?;
        }
        Some(at)
    }

    fn longest_suffix(&self, words: &[WordId]) -> State {
        let mut suffixes = (0..=words.len()).map(|skip| &words[skip..]);
        suffixes
            .find_map(|suffix| self.find(suffix))
            .unwrap_or(NO_HISTORY)
    }
}

type Failure = (usize, String);

struct Reader<'a, L: Iterator<Item = io::Result<String>>> {
    words: &'a dyn Words,
    lines: Peekable<L>,
    line: usize,
    unknown: f32,
}

impl<L: Iterator<Item = io::Result<String>>> Reader<'_, L> {
    fn read(mut self) -> Result<Ngram, Failure> {
        let counts = self.header()?;
        let mut by_order = Vec::new();
        for (index, &count) in counts.iter().enumerate() {
            by_order.push(self.section(index + 1, count)?);
        }
        let last = self.next()?;
        if last == "\\end\\" {
            return Ok(Ngram::build(by_order, self.words.count(), self.unknown));
        }
        Err(self.failed(&format!(
            "`\\end\\` must follow the n-grams, got `{}`",
            if last.is_empty() {
                END_OF_FILE
            } else {
                brief(&last)
            }
        )))
    }

    fn failed(&self, problem: &str) -> Failure {
        (self.line.max(1), mendable(problem))
    }

    /// The next line that says something, trimmed; empty at the end.
    fn next(&mut self) -> Result<String, Failure> {
        while let Some(line) = self.lines.next() {
            self.line += 1;
            let mut line = line.map_err(|error| self.failed(&error.to_string()))?;
            line.truncate(line.trim_end().len());
            line.drain(..line.len() - line.trim_start().len());
            if !line.is_empty() {
                return Ok(line);
            }
        }
        Ok(String::new())
    }

    /// `\data\` and the number of n-grams of each order; ends before `\1-grams:`.
    fn header(&mut self) -> Result<Vec<usize>, Failure> {
        if self.next()? != "\\data\\" {
            return Err(self.failed("an ARPA file must begin with `\\data\\`"));
        }
        let mut counts = Vec::new();
        let goes_on = |line: &io::Result<String>| {
            let line = line.as_ref().map_or("", |line| line.trim());
            line.is_empty() || line.starts_with("ngram ")
        };
        while self.lines.peek().is_some_and(goes_on) {
            let Some(line) = self.lines.next() else {
                break;
            };
            self.line += 1;
            let line = line.map_err(|error| self.failed(&error.to_string()))?;
            let Some(count) = line.trim().strip_prefix("ngram ") else {
                continue;
            };
            let count = count
                .split_once('=')
                .filter(|(order, _)| order.trim().parse() == Ok(counts.len() + 1))
                .and_then(|(_, count)| count.trim().parse().ok())
                .filter(|&count| count <= MAX_NGRAMS);
            counts.push(count.ok_or_else(|| {
                self.failed(&format!(
                    "it must be `ngram {}=COUNT` with at most {MAX_NGRAMS}",
                    counts.len() + 1
                ))
            })?);
        }
        if counts.is_empty() || counts.len() > MAX_ORDER {
            return Err(self.failed(&format!(
                "it must have 1 to {MAX_ORDER} orders, got {}",
                counts.len()
            )));
        }
        Ok(counts)
    }

    fn section(&mut self, order: usize, count: usize) -> Result<Section, Failure> {
        let title = format!("\\{order}-grams:");
        if self.next()? != title {
            return Err(self.failed(&format!("`{title}` must stand here")));
        }
        let mut section = Section {
            order,
            words: Vec::new(),
            scores: Vec::new(),
        };
        for _ in 0..count {
            let line = self.next()?;
            self.entry(&line, &mut section)?;
        }
        Ok(section)
    }

    /// One n-gram, left out when a word of it is not in the lexicon.
    fn entry(&mut self, line: &str, section: &mut Section) -> Result<(), Failure> {
        let order = section.order;
        let mut fields = [""; MAX_ORDER + 2];
        let mut count = 0;
        for field in line.split_whitespace() {
            if let Some(place) = fields.get_mut(count) {
                *place = field;
            }
            count += 1;
        }
        if count != order + 1 && count != order + 2 {
            return Err(self.failed(&format!(
                "it must be a likelihood, {order} words and perhaps a back-off, got `{}`",
                brief(line)
            )));
        }
        let number = |text: &str| {
            let value = text.parse().ok().filter(|value: &f32| value.is_finite());
            value
                .map(|value| value * std::f32::consts::LN_10)
                .ok_or_else(|| self.failed(&format!("`{}` must be a number", brief(text))))
        };
        let likelihood = number(fields[0])?;
        let back_off = if count == order + 2 {
            number(fields[order + 1])?
        } else {
            0.0
        };
        if fields[1..=order] == ["<unk>"] {
            self.unknown = likelihood;
            return Ok(());
        }
        let before = section.words.len();
        section
            .words
            .extend(fields[1..=order].iter().map_while(|word| self.word(word)));
        if section.words.len() == before + order {
            section.scores.push((likelihood, back_off));
        } else {
            section.words.truncate(before);
        }
        Ok(())
    }

    fn word(&self, text: &str) -> Option<WordId> {
        let words = self.words.count() as WordId;
        match text {
            "<s>" => Some(words),
            "</s>" => Some(words + 1),
            _ => self.words.id(text),
        }
    }
}

/// The lines of a text that is there as a whole.
#[cfg(test)]
pub(crate) fn lines_of(text: &str) -> impl Iterator<Item = io::Result<String>> {
    text.lines().map(|line| Ok(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lexicon::{Lexicon, Tokens};

    const ARPA: &str = "\\data\\\nngram 1=6\nngram 2=3\nngram 3=1\n\n\\1-grams:\n-1.0\t</s>\n\
        -99\t<s>\t-0.5\n-2.0\t<unk>\n-0.5\ta\t-0.25\n-0.75\tb\t-0.125\n-0.6\tother\n\n\\2-grams:\n\
        -0.2\t<s> a\t-0.4\n-0.3\ta b\n-0.1\tb </s>\n\n\\3-grams:\n-0.05\t<s> a b\n\n\\end\\\n";

    fn lexicon() -> Lexicon {
        let tokens = Tokens::read(Path::new("t"), "x 0\n<blk> 1\n").unwrap();
        Lexicon::read(Path::new("l"), "a\tx\nb\tx x\nc\tx x x\n", &tokens).unwrap()
    }

    fn read(text: &str) -> Result<Ngram, Error> {
        Ngram::read(Path::new("lm.arpa"), lines_of(text), &lexicon())
    }

    fn log10(natural: f32) -> f32 {
        (natural / std::f32::consts::LN_10 * 1e4).round() / 1e4
    }

    #[test]
    fn likelihoods_back_off() {
        let (lm, words) = (read(ARPA).unwrap(), lexicon());
        let (a, b, c) = (
            words.id("a").unwrap(),
            words.id("b").unwrap(),
            words.id("c").unwrap(),
        );
        let (first, after_a) = lm.score(lm.start(), a);
        assert_eq!(log10(first), -0.2);
        let (second, after_b) = lm.score(after_a, b);
        assert_eq!(log10(second), -0.05, "the trigram");
        assert_eq!(log10(lm.end(after_b)), -0.1, "the bigram of the last word");
        assert_eq!(log10(lm.score(lm.start(), b).0), -0.5 - 0.75);
        assert_eq!(
            log10(lm.score(after_a, a).0),
            -0.4 - 0.25 - 0.5,
            "two steps back"
        );
        assert_eq!(
            log10(lm.score(NO_HISTORY, c).0),
            -2.0,
            "unlisted words are `<unk>`"
        );
        assert_eq!(log10(lm.unigram(b)), -0.75);
    }

    #[test]
    fn a_bad_line_is_named() {
        let problem = |text: &str| read(text).err().map(|error| error.to_string()).unwrap();
        assert!(problem("").contains("line 1: an ARPA file must begin"));
        assert!(problem(&ARPA.replace("-0.75", "x")).contains("line 11: `x` must be a number"));
        assert!(problem(&ARPA.replace("ngram 2=3", "ngram 2=2")).contains("`\\3-grams:` must"));
        assert!(problem(&ARPA.replace("ngram 2=3", "ngram 2=4")).contains("line 19: it must be a"));
        assert!(problem(&ARPA.replace("\\end\\", "")).contains("`\\end\\` must follow"));
        assert!(problem(&ARPA.replace("ngram 3=1", "ngram 4=1")).contains("`ngram 3=COUNT`"));
        assert!(problem(&ARPA.replace("\\2-grams:", "\\5-grams:")).contains("`\\2-grams:`"));
        assert!(problem(&ARPA.replace("a b\n-0.1", "a\n-0.1")).contains("line 16"));
        let endless = ARPA.replace("ngram 1=6", "ngram 1=99999999999");
        assert!(problem(&endless).contains("at most"));
    }

    #[test]
    fn every_truncation_is_an_error() {
        for (length, _) in ARPA.trim_end().char_indices() {
            assert!(read(&ARPA[..length]).is_err(), "cut at {length}");
        }
    }

    proptest! {
        /// A damaged file is refused or gives likelihoods.
        #[test]
        fn no_damaged_file_panics(
            at in any::<prop::sample::Index>(),
            with in "[-0-9. abc\t\n\\\\e]{0,4}|\\PC{0,3}",
            removed in 0usize..6,
        ) {
            let mut characters: Vec<char> = ARPA.chars().collect();
            let from = at.index(characters.len());
            let until = (from + removed).min(characters.len());
            characters.splice(from..until, with.chars());
            let text: String = characters.into_iter().collect();
            if let Ok(lm) = read(&text) {
                let mut state = lm.start();
                for word in [0, 1, 2, 0, 2, 1] {
                    state = lm.score(state, word).1;
                    let _ = lm.end(state);
                }
            }
        }
    }
}
