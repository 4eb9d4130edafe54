//! Word n-gram language models in ARPA format, with back-off.
//!
//! Format: S. Stolcke's ngram-format(5). Likelihoods are kept as natural logarithms. N-grams of
//! words that the lexicon does not have can never be reached and are left out.

use std::collections::HashMap;
use std::path::Path;

use foldhash::fast::RandomState;

use crate::Error;
use crate::error::brief;
use crate::lexicon::WordId;

/// The most n-grams of one order that are read.
const MAX_NGRAMS: usize = 20_000_000;
/// The longest n-grams that are read.
const MAX_ORDER: usize = 5;
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

/// One line of an n-gram section.
struct Entry {
    words: Vec<WordId>,
    likelihood: f32,
    back_off: f32,
}

impl Ngram {
    /// Reads an ARPA file.
    pub(crate) fn read(file: &Path, text: &str, words: &dyn Words) -> Result<Self, Error> {
        Reader {
            words,
            lines: text.lines().enumerate(),
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

    fn build(by_order: &[Vec<Entry>], words: usize, unknown: f32) -> Self {
        let (start_word, end_word) = (words as WordId, words as WordId + 1);
        let mut ids: Histories = HashMap::from_iter([(Vec::new(), 0)]);
        let mut states = vec![History {
            back_off: 0.0,
            shorter: 0,
            first_arc: 0,
            arc_count: 0,
        }];
        // A history is whatever a longer n-gram begins with; shorter ones come first, so that the
        // one to back off to is known.
        for entry in by_order.iter().skip(1).flatten() {
            for length in 1..entry.words.len() {
                let history = &entry.words[..length];
                if !ids.contains_key(history) {
                    ids.insert(history.to_vec(), states.len() as State);
                    let shorter = longest_suffix(&ids, &history[1..]);
                    states.push(History {
                        back_off: 0.0,
                        shorter,
                        first_arc: 0,
                        arc_count: 0,
                    });
                }
            }
        }
        let mut unigrams = vec![
            Arc {
                likelihood: unknown,
                next: 0
            };
            words + 2
        ];
        let mut arcs: Vec<(State, WordId, Arc)> = Vec::new();
        for entry in by_order.iter().flatten() {
            if let Some(&state) = ids.get(&entry.words) {
                states[state as usize].back_off = entry.back_off;
            }
            let Some((&word, history)) = entry.words.split_last() else {
                continue;
            };
            let arc = Arc {
                likelihood: entry.likelihood,
                next: longest_suffix(&ids, &entry.words),
            };
            match ids.get(history) {
                Some(0) => unigrams[word as usize] = arc,
                Some(&state) => arcs.push((state, word, arc)),
                None => {}
            }
        }
        arcs.sort_unstable_by_key(|&(state, word, _)| (state, word));
        for (index, &(state, _, _)) in arcs.iter().enumerate() {
            let history = &mut states[state as usize];
            if history.arc_count == 0 {
                history.first_arc = index as u32;
            }
            history.arc_count += 1;
        }
        let start = ids.get(&vec![start_word]).copied().unwrap_or(0);
        let arcs = arcs.into_iter().map(|(_, word, arc)| (word, arc)).collect();
        Self {
            unigrams,
            states,
            arcs,
            start,
            end_word,
        }
    }
}

/// Histories by their words; a hundred thousands of them are looked up while a file is read.
type Histories = HashMap<Vec<WordId>, State, RandomState>;

fn longest_suffix(ids: &Histories, words: &[WordId]) -> State {
    (0..=words.len())
        .find_map(|skip| ids.get(&words[skip..]).copied())
        .unwrap_or(0)
}

type Failure = (usize, String);

struct Reader<'a> {
    words: &'a dyn Words,
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    line: usize,
    unknown: f32,
}

impl<'a> Reader<'a> {
    fn read(mut self) -> Result<Ngram, Failure> {
        let counts = self.header()?;
        let mut by_order = Vec::new();
        for (index, &count) in counts.iter().enumerate() {
            by_order.push(self.section(index + 1, count)?);
        }
        match self.next() {
            Some("\\end\\") => Ok(Ngram::build(&by_order, self.words.count(), self.unknown)),
            other => Err(self.failed(&format!(
                "`\\end\\` must follow the n-grams, got `{}`",
                brief(other.unwrap_or("the end of the file"))
            ))),
        }
    }

    fn failed(&self, problem: &str) -> Failure {
        (
            self.line.max(1),
            format!("{problem}; mend the line, or install the model again"),
        )
    }

    /// The next line that says something.
    fn next(&mut self) -> Option<&'a str> {
        loop {
            let (index, line) = self.lines.next()?;
            self.line = index + 1;
            let line = line.trim();
            if !line.is_empty() {
                return Some(line);
            }
        }
    }

    /// `\data\` and the number of n-grams of each order; ends before `\1-grams:`.
    fn header(&mut self) -> Result<Vec<usize>, Failure> {
        if self.next() != Some("\\data\\") {
            return Err(self.failed("an ARPA file must begin with `\\data\\`"));
        }
        let mut counts = Vec::new();
        let mut ahead = self.lines.clone();
        while let Some((_, line)) = ahead.find(|(_, line)| !line.trim().is_empty()) {
            let Some(count) = line.trim().strip_prefix("ngram ") else {
                break;
            };
            self.next();
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

    fn section(&mut self, order: usize, count: usize) -> Result<Vec<Entry>, Failure> {
        let title = format!("\\{order}-grams:");
        if self.next() != Some(title.as_str()) {
            return Err(self.failed(&format!("`{title}` must stand here")));
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            let line = self.next().unwrap_or_default();
            if let Some(entry) = self.entry(order, line)? {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// One n-gram; none when a word of it is not in the lexicon.
    fn entry(&mut self, order: usize, line: &str) -> Result<Option<Entry>, Failure> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.len() != order + 1 && fields.len() != order + 2 {
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
        let back_off = fields.get(order + 1).map_or(Ok(0.0), |text| number(text))?;
        if fields[1..=order] == ["<unk>"] {
            self.unknown = likelihood;
            return Ok(None);
        }
        let words: Option<Vec<WordId>> = fields[1..=order]
            .iter()
            .map(|word| self.word(word))
            .collect();
        Ok(words.map(|words| Entry {
            words,
            likelihood,
            back_off,
        }))
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
        Ngram::read(Path::new("lm.arpa"), text, &lexicon())
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
