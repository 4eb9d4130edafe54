//! An n-gram model above a network that writes text by itself.
//!
//! Format: ARPA, as for lexicons (`lm.rs`), over words as [`spelling`](crate::spelling) parts them:
//! each Chinese character is a word of its own, other words are written whole. So one file serves
//! every tokenisation. A word's likelihood is known when the word is complete.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use crate::Error;
use crate::error::brief;
use crate::lexicon::{WordId, is_han};
use crate::lm::{Ngram, State, Words};
use crate::spelling::{BLANK, letters};

/// An n-gram model and the words that it lists.
pub(crate) struct TextModel {
    ngram: Ngram,
    words: WordTree,
}

/// What was said, as far as the model tells it apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Said {
    history: State,
    /// The place in the tree of the word that is not complete yet.
    word: u32,
}

/// The letters of all listed words.
struct WordTree {
    next: HashMap<(u32, char), u32>,
    /// By node.
    words: Vec<Option<WordId>>,
    count: WordId,
}

/// The most places that the letters of all words may have together.
const MAX_PLACES: usize = 4_000_000;
/// Where no listed word begins so.
const NOWHERE: u32 = u32::MAX;
/// Between words.
const ROOT: u32 = 0;

impl TextModel {
    /// Reads an ARPA file: its words first, then all of it. `lines` begins anew each time.
    pub(crate) fn read<L: Iterator<Item = io::Result<String>>>(
        file: &Path,
        lines: impl Fn() -> Result<L, Error>,
    ) -> Result<Self, Error> {
        let words = WordTree::listed(lines()?).map_err(|(line, problem)| Error::File {
            file: file.to_owned(),
            line,
            problem,
        })?;
        let ngram = Ngram::read(file, lines()?, &words)?;
        Ok(Self { ngram, words })
    }

    /// Before the first letter.
    pub(crate) fn start(&self) -> Said {
        Said {
            history: self.ngram.start(),
            word: ROOT,
        }
    }

    /// Takes a letter: the natural logarithm of the likelihood of the words that it completes, how
    /// many these are, and what was said then.
    pub(crate) fn step(&self, said: Said, letter: char) -> (f32, u32, Said) {
        if letter != BLANK && !is_han(letter) {
            let word = self.words.step(said.word, letter);
            return (0.0, 0, Said { word, ..said });
        }
        let (mut likelihood, mut count, mut said) = self.complete(said);
        if letter != BLANK {
            said.word = self.words.step(ROOT, letter);
            let (more, one, next) = self.complete(said);
            (likelihood, count, said) = (likelihood + more, count + one, next);
        }
        (likelihood, count, said)
    }

    /// The likelihood of the end, the last word counted in, and whether there was one.
    pub(crate) fn end(&self, said: Said) -> (f32, u32) {
        let (likelihood, count, said) = self.complete(said);
        (likelihood + self.ngram.end(said.history), count)
    }

    fn complete(&self, said: Said) -> (f32, u32, Said) {
        if said.word == ROOT {
            return (0.0, 0, said);
        }
        let (likelihood, history) = self.ngram.score(said.history, self.words.at(said.word));
        let word = ROOT;
        (likelihood, 1, Said { history, word })
    }
}

impl WordTree {
    /// The words of the unigrams. What is wrong with them otherwise, [`Ngram::read`] says.
    fn listed(lines: impl Iterator<Item = io::Result<String>>) -> Result<Self, (usize, String)> {
        let mut tree = Self {
            next: HashMap::new(),
            words: vec![None],
            count: 0,
        };
        let unigrams = (1..)
            .zip(lines.map_while(Result::ok))
            .skip_while(|(_, line)| line.trim() != "\\1-grams:")
            .skip(1)
            .take_while(|(_, line)| !line.starts_with('\\'));
        for (line, entry) in unigrams {
            let Some(word) = entry.split_whitespace().nth(1) else {
                continue;
            };
            let spelt = letters(word);
            let is_one = spelt.len() == 1 || !spelt.iter().any(|&c| is_han(c) || c == BLANK);
            if word.contains('▁') || !is_one {
                return Err((
                    line,
                    format!(
                        "`{}` is not a word as this model's text has them; count each Chinese \
                         character by itself and other words whole, without `▁`",
                        brief(word)
                    ),
                ));
            }
            if !word.starts_with('<') {
                tree.add(&spelt);
            }
            if tree.words.len() > MAX_PLACES {
                return Err((
                    line,
                    format!(
                        "the words as far as here have more than {MAX_PLACES} letters that differ; \
                         leave rare words out"
                    ),
                ));
            }
        }
        Ok(tree)
    }

    fn add(&mut self, letters: &[char]) {
        let mut at = ROOT;
        for &letter in letters {
            let fresh = self.words.len() as u32;
            at = *self.next.entry((at, letter)).or_insert(fresh);
            if at == fresh {
                self.words.push(None);
            }
        }
        if at != ROOT && self.words[at as usize].is_none() {
            self.words[at as usize] = Some(self.count);
            self.count += 1;
        }
    }

    fn step(&self, node: u32, letter: char) -> u32 {
        self.next.get(&(node, letter)).copied().unwrap_or(NOWHERE)
    }

    /// The word that is complete at a node; the one after all others where none is.
    fn at(&self, node: u32) -> WordId {
        let word = self.words.get(node as usize).copied().flatten();
        word.unwrap_or(self.count)
    }
}

impl Words for WordTree {
    /// The listed words and one that stands for all others.
    fn count(&self) -> usize {
        self.count as usize + 1
    }

    fn id(&self, name: &str) -> Option<WordId> {
        let spelt = letters(name);
        let node = spelt
            .iter()
            .fold(ROOT, |node, &letter| self.step(node, letter));
        self.words.get(node as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::lines_of;

    const ARPA: &str = "\\data\\\nngram 1=7\nngram 2=2\n\n\\1-grams:\n-1.0\t</s>\n-99\t<s>\t-0.5\n\
        -3.0\t<unk>\n-0.5\t余\t-0.25\n-0.75\t额\n-1.5\tCARD\t-0.2\n-2\tcar\n\n\\2-grams:\n\
        -0.1\t余 额\n-0.3\tcard 余\n\n\\end\\\n";

    fn read(text: &str) -> Result<TextModel, Error> {
        TextModel::read(Path::new("lm.arpa"), || Ok(lines_of(text)))
    }

    /// log10 of the likelihood of a whole text, and its words.
    fn likelihood(text: &str) -> (f32, u32) {
        let model = read(ARPA).unwrap();
        let (mut sum, mut words, mut said) = (0.0, 0, model.start());
        for letter in letters(text) {
            let (likelihood, count, next) = model.step(said, letter);
            (sum, words, said) = (sum + likelihood, words + count, next);
        }
        let (likelihood, count) = model.end(said);
        let log10 = (sum + likelihood) / std::f32::consts::LN_10;
        ((log10 * 1e4).round() / 1e4, words + count)
    }

    #[test]
    fn words_are_scored_when_they_are_complete() {
        assert_eq!(likelihood("余额"), (-0.5 - 0.1 - 1.0, 2));
        assert_eq!(likelihood("card余"), (-1.5 - 0.3 - 0.25 - 1.0, 2));
        assert_eq!(likelihood("Car"), (-2.0 - 1.0, 1));
        assert_eq!(likelihood("cars"), (-3.0 - 1.0, 1), "unlisted");
        assert_eq!(likelihood(""), (-1.0, 0));
    }

    #[test]
    fn what_is_no_word_of_such_text_is_named() {
        let problem = |text: &str| read(text).err().unwrap().to_string();
        let long = problem(&ARPA.replace("额\n-1.5", "银行\n-1.5"));
        assert!(long.contains("line 10: `银行` is not a word as"), "{long}");
        assert!(problem(&ARPA.replace("CARD", "▁CARD")).contains("`▁CARD`"));
        assert!(problem(&ARPA.replace("-0.75", "x")).contains("line 10: `x` must be a number"));
        assert!(problem("").contains("must begin with `\\data\\`"));
    }
}
