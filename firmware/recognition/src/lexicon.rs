//! Units, words and their pronunciations, and the tree that the decoder walks.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::path::Path;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use trunkside_call::Language;

use crate::Error;
use crate::error::{brief, mendable};
use crate::lm::{Ngram, Words};
use crate::spelling::is_letter;

/// A unit's id: the class of the network's output.
pub(crate) type Unit = u16;
/// The most units; the blank comes behind them.
const MAX_UNITS: usize = Unit::MAX as usize - 1;
/// A word's id: its place in [`Lexicon::words`].
pub(crate) type WordId = u32;

/// What follows a word that is said in Cantonese. Other Chinese words are Mandarin.
const CANTONESE: &str = "@yue";

/// Names that token files use for the blank.
const BLANKS: [&str; 3] = ["<blk>", "<blank>", "<eps>"];

/// The units of a model, by id; the blank is the last one.
pub(crate) struct Tokens {
    ids: HashMap<String, Unit, RandomState>,
    classes: usize,
}

impl Tokens {
    /// Reads `symbol id` lines.
    pub(crate) fn read(file: &Path, text: &str) -> Result<Self, Error> {
        let failed = |line: usize, problem: String| Error::File {
            file: file.to_owned(),
            line,
            problem: mendable(&problem),
        };
        let mut ids = HashMap::default();
        let mut blank = None;
        for (index, line) in text.lines().enumerate() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (symbol, id) = match fields[..] {
                [] => continue,
                [symbol, id] => (symbol, id),
                _ => return Err(failed(index + 1, "it must be `symbol id`".to_owned())),
            };
            let expected = ids.len() + usize::from(blank.is_some());
            if expected >= MAX_UNITS && !BLANKS.contains(&symbol) {
                return Err(failed(
                    index + 1,
                    format!("with a lexicon there may be at most {MAX_UNITS} units"),
                ));
            }
            if id.parse() != Ok(expected) || blank.is_some() {
                return Err(failed(
                    index + 1,
                    format!(
                        "ids must count up from 0 with the blank last, got `{}`",
                        brief(line)
                    ),
                ));
            }
            if BLANKS.contains(&symbol) {
                blank = Some(expected);
            } else if ids.insert(symbol.to_owned(), expected as Unit).is_some() {
                return Err(failed(
                    index + 1,
                    format!("the symbol `{}` is there twice", brief(symbol)),
                ));
            }
        }
        match blank {
            Some(blank) if blank > 0 => Ok(Self {
                ids,
                classes: blank + 1,
            }),
            _ => Err(failed(
                text.lines().count().max(1),
                format!("it must list the units and then `{}`", BLANKS[0]),
            )),
        }
    }

    /// Units and the blank.
    pub(crate) fn classes(&self) -> usize {
        self.classes
    }
}

/// One word of the lexicon.
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) language: Language,
    /// How many digits it is, as callers dictate them; 0 when it is another word.
    pub(crate) digits: usize,
}

/// All words and how they sound. There are a hundred thousand, so nothing is kept twice or in a piece of memory of
/// its own.
pub(crate) struct Lexicon {
    pub(crate) words: Vec<Word>,
    /// Words by their names.
    ids: HashTable<WordId>,
    hasher: RandomState,
    /// The units of all pronunciations, one after the other.
    units: Vec<Unit>,
    /// Of each pronunciation: where its units end, and its word.
    pronunciations: Vec<(u32, WordId)>,
    /// Characters of the longest word, for longest-match segmentation.
    longest: usize,
}

impl Lexicon {
    /// Reads `word<TAB>units separated by blanks` lines; a word may have several.
    ///
    /// A Cantonese word carries the mark `@yue`, here and in the language model: the same
    /// characters are another word with other units in Mandarin.
    pub(crate) fn read(file: &Path, text: &str, tokens: &Tokens) -> Result<Self, Error> {
        let mut lexicon = Self {
            words: Vec::new(),
            ids: HashTable::new(),
            hasher: RandomState::default(),
            units: Vec::new(),
            pronunciations: Vec::new(),
            longest: 0,
        };
        for (index, line) in text.lines().enumerate() {
            let failed = |problem: String| Error::File {
                file: file.to_owned(),
                line: index + 1,
                problem: mendable(&problem),
            };
            if line.is_empty() {
                continue;
            }
            let (word, units) = line
                .split_once('\t')
                .ok_or_else(|| failed("it must be `word<TAB>units`".to_owned()))?;
            let units: Option<Vec<Unit>> = units
                .split_whitespace()
                .map(|unit| tokens.ids.get(unit).copied())
                .collect();
            match units {
                Some(units) if !units.is_empty() && !word.is_empty() => lexicon.add(word, &units),
                _ => {
                    return Err(failed(format!(
                        "`{}` must have units that `tokens.txt` lists, got `{}`",
                        brief(word),
                        brief(line)
                    )));
                }
            }
        }
        if lexicon.words.is_empty() {
            return Err(Error::File {
                file: file.to_owned(),
                line: 1,
                problem: "it holds no word; bring the file again from where it came".to_owned(),
            });
        }
        lexicon.words.shrink_to_fit();
        lexicon.units.shrink_to_fit();
        lexicon.pronunciations.shrink_to_fit();
        Ok(lexicon)
    }

    fn add(&mut self, name: &str, units: &[Unit]) {
        let (text, language) = read_name(name);
        let (words, hasher) = (&self.words, &self.hasher);
        let is_it = |id: &WordId| words[*id as usize].is_named(text, language);
        let hash = |id: &WordId| words[*id as usize].hash(hasher);
        let entry = self
            .ids
            .entry(hasher.hash_one((text, language)), is_it, hash);
        let id = match entry {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let id = self.words.len() as WordId;
                place.insert(id);
                self.words.push(Word {
                    text: text.to_owned(),
                    language,
                    digits: digits(text),
                });
                id
            }
        };
        self.longest = self.longest.max(text.chars().count());
        self.units.extend_from_slice(units);
        self.pronunciations.push((self.units.len() as u32, id));
    }

    /// All pronunciations with their words.
    fn pronounced(&self) -> impl Iterator<Item = (&[Unit], WordId)> {
        let mut begin = 0;
        self.pronunciations.iter().map(move |&(end, word)| {
            let units = &self.units[begin..end as usize];
            begin = end as usize;
            (units, word)
        })
    }

    /// The ways to say a text: as Mandarin or English words, and as Cantonese ones if it is Chinese
    /// and the lexicon has them. At least one.
    ///
    /// The error is the first piece that the lexicon cannot spell.
    pub(crate) fn spellings(&self, text: &str) -> Result<Vec<Vec<WordId>>, String> {
        let first = self.segment(text, "");
        match self.segment(text, CANTONESE) {
            Ok(second) if first.as_ref() != Ok(&second) => {
                Ok(first.into_iter().chain([second]).collect())
            }
            _ => Ok(vec![first?]),
        }
    }

    /// Whether all these words are of a language.
    pub(crate) fn are_of(&self, ids: &[WordId], language: Language) -> bool {
        ids.iter()
            .all(|&id| self.words[id as usize].language == language)
    }

    /// Splits text into words: English at blanks, Chinese by the longest word that matches, each
    /// with `mark` after it.
    fn segment(&self, text: &str, mark: &str) -> Result<Vec<WordId>, String> {
        let text = text.to_lowercase();
        let mut words = Vec::new();
        for piece in pieces(&text) {
            if !piece.chars().any(is_han) {
                words.push(self.id(piece).ok_or_else(|| piece.to_owned())?);
                continue;
            }
            let mut rest = piece;
            while let Some(first) = rest.chars().next() {
                let (word, length) = self
                    .longest_match(rest, mark)
                    .ok_or_else(|| first.to_string())?;
                words.push(word);
                rest = &rest[length..];
            }
        }
        Ok(words)
    }

    fn longest_match(&self, text: &str, mark: &str) -> Option<(WordId, usize)> {
        let ends: Vec<usize> = text
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take(self.longest)
            .collect();
        ends.into_iter()
            .rev()
            .find_map(|end| Some((self.id(&format!("{}{mark}", &text[..end]))?, end)))
    }

    /// The tree of all words.
    pub(crate) fn trie(&self, lm: &Ngram) -> Trie {
        let entries = self.pronounced().collect();
        Trie::build(entries, self, |word| lm.unigram(word))
    }

    /// The tree of some words, all as likely.
    pub(crate) fn trie_of(&self, words: &HashSet<WordId>) -> Trie {
        let entries = self
            .pronounced()
            .filter(|(_, word)| words.contains(word))
            .collect();
        Trie::build(entries, self, |_| 0.0)
    }
}

impl Words for Lexicon {
    fn count(&self) -> usize {
        self.words.len()
    }

    fn id(&self, name: &str) -> Option<WordId> {
        let (text, language) = read_name(name);
        let is_it = |id: &WordId| self.words[*id as usize].is_named(text, language);
        let hash = self.hasher.hash_one((text, language));
        self.ids.find(hash, is_it).copied()
    }
}

impl Word {
    fn is_named(&self, text: &str, language: Language) -> bool {
        self.text == text && self.language == language
    }

    fn hash(&self, hasher: &RandomState) -> u64 {
        hasher.hash_one((self.text.as_str(), self.language))
    }
}

/// What a word's name says: its text and its language. No two names say the same.
fn read_name(name: &str) -> (&str, Language) {
    match name.strip_suffix(CANTONESE) {
        Some(text) if !text.is_empty() => (text, Language::Yue),
        _ if name.chars().any(is_han) => (name, Language::Zh),
        _ => (name, Language::En),
    }
}

/// Whether a character is written Chinese.
pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '〇' | '\u{20000}'..='\u{323af}')
}

/// How many digits a word is, as callers dictate them and as models write them: in capitals, in figures,
/// with a full stop behind it; 0 when it is another word.
pub(crate) fn digits(text: &str) -> usize {
    const ENGLISH: [&str; 12] = [
        "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        "double",
    ];
    const CHINESE: &str = "零〇一二两三四五六七八九幺";
    let letters = || text.chars().filter(|&c| is_letter(c));
    if letters().all(|c| CHINESE.contains(c) || c.is_ascii_digit()) {
        return letters().count();
    }
    let word: String = letters().flat_map(char::to_lowercase).collect();
    usize::from(ENGLISH.contains(&&*word))
}

/// Runs of Chinese characters and runs of anything else that is no blank or punctuation.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_letter(c))
        .filter(|run| !run.is_empty())
        .flat_map(|run| {
            let mut rest = run;
            std::iter::from_fn(move || {
                let first = rest.chars().next()?;
                let end = rest
                    .find(|c| is_han(c) != is_han(first))
                    .unwrap_or(rest.len());
                let (piece, after) = rest.split_at(end);
                rest = after;
                Some(piece)
            })
        })
}

/// Pronunciations sharing their beginnings. Node 0 is the root.
pub(crate) struct Trie {
    nodes: Vec<Node>,
    words: Vec<WordId>,
}

/// A place in the tree; its children and words lie side by side. Its words end where those of the next node begin.
struct Node {
    unit: Unit,
    languages: u8,
    child_count: Unit,
    first_child: u32,
    first_word: u32,
    ahead: f32,
}

/// A set of languages as bits.
pub(crate) const fn language_bit(language: Language) -> u8 {
    match language {
        Language::Zh => 1,
        Language::Yue => 2,
        Language::En => 4,
    }
}

impl Trie {
    pub(crate) const ROOT: u32 = 0;

    /// Nodes in order of depth, so that the children of each are neighbours, sorted by unit.
    fn build(
        mut entries: Vec<(&[Unit], WordId)>,
        lexicon: &Lexicon,
        likelihood: impl Fn(WordId) -> f32,
    ) -> Self {
        entries.sort_unstable();
        entries.dedup();
        let mut trie = Self {
            nodes: vec![Node::new(0)],
            words: Vec::new(),
        };
        let mut open = VecDeque::from([(0usize, 0..entries.len(), 0usize)]);
        while let Some((node, range, depth)) = open.pop_front() {
            let ending = entries[range.clone()].partition_point(|(units, _)| units.len() <= depth);
            let (ended, longer) = (
                range.start..range.start + ending,
                range.start + ending..range.end,
            );
            let ends = &entries[ended];
            let all = &entries[range.start..range.end];
            let first_child = trie.nodes.len() as u32;
            let at = &mut trie.nodes[node];
            at.first_word = trie.words.len() as u32;
            trie.words.extend(ends.iter().map(|(_, word)| *word));
            at.ahead = all
                .iter()
                .map(|(_, word)| likelihood(*word))
                .fold(f32::MIN, f32::max);
            at.languages = all.iter().fold(0, |bits, (_, word)| {
                bits | language_bit(lexicon.words[*word as usize].language)
            });
            at.first_child = first_child;
            let mut start = longer.start;
            while start < longer.end {
                let unit = entries[start].0[depth];
                let same =
                    entries[start..longer.end].partition_point(|(units, _)| units[depth] == unit);
                open.push_back((trie.nodes.len(), start..start + same, depth + 1));
                trie.nodes.push(Node::new(unit));
                trie.nodes[node].child_count += 1;
                start += same;
            }
        }
        trie
    }

    /// The child that a unit leads to.
    pub(crate) fn child(&self, node: u32, unit: Unit) -> Option<u32> {
        let Node {
            first_child,
            child_count,
            ..
        } = self.nodes[node as usize];
        let first = first_child as usize;
        let children = &self.nodes[first..first + usize::from(child_count)];
        let at = children
            .binary_search_by_key(&unit, |child| child.unit)
            .ok()?;
        Some(first_child + at as u32)
    }

    /// The words that end at a node.
    pub(crate) fn words(&self, node: u32) -> &[WordId] {
        let begin = |node: &Node| node.first_word as usize;
        let next = self.nodes.get(node as usize + 1);
        let end = next.map_or(self.words.len(), begin);
        &self.words[begin(&self.nodes[node as usize])..end]
    }

    /// The languages of the words at and below a node, as [`language_bit`]s.
    pub(crate) fn languages(&self, node: u32) -> u8 {
        self.nodes[node as usize].languages
    }

    /// The likelihood of the likeliest word at or below a node; zero at the root, where nothing is
    /// chosen yet.
    pub(crate) fn ahead(&self, node: u32) -> f32 {
        if node == Self::ROOT {
            0.0
        } else {
            self.nodes[node as usize].ahead
        }
    }
}

impl Node {
    const fn new(unit: Unit) -> Self {
        Self {
            unit,
            languages: 0,
            child_count: 0,
            first_child: 0,
            first_word: 0,
            ahead: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKENS: &str = "b 0\na 1\nm 2\nAH 3\nT 4\n<blk> 5\n";

    fn tokens() -> Tokens {
        Tokens::read(Path::new("tokens.txt"), TOKENS).unwrap()
    }

    fn lexicon() -> Lexicon {
        let text = "爸\tb a\n妈\tm a\n爸妈\tb a m a\nat\tAH T\nat\ta T\nbat\tb a T\n";
        Lexicon::read(Path::new("lexicon.tsv"), text, &tokens()).unwrap()
    }

    #[test]
    fn tokens_end_with_the_blank() {
        assert_eq!(tokens().classes(), 6);
        let problem = |text| {
            Tokens::read(Path::new("tokens.txt"), text)
                .err()
                .map(|e| e.to_string())
                .unwrap()
        };
        assert!(problem("").contains("`tokens.txt`, line 1: it must list the units"));
        assert!(problem("a 0\nb 2\n").contains("line 2: ids must count up"));
        assert!(problem("a 0\na 1\n").contains("there twice"));
        assert!(problem("<blk> 0\na 1\n").contains("blank last"));
        assert!(problem("a 0 1\n").contains("must be `symbol id`"));
        let list = |units: usize| -> String {
            let lines = (0..units).map(|id| format!("u{id} {id}\n"));
            lines.chain([format!("<blk> {units}\n")]).collect()
        };
        let most = Tokens::read(Path::new("tokens.txt"), &list(65_534)).unwrap();
        assert_eq!(most.classes(), 65_535);
        assert!(problem(&list(65_535)).contains("line 65535: with a lexicon there may be at most"));
    }

    #[test]
    fn the_tree_finds_words_by_their_units() {
        let lexicon = lexicon();
        let all: HashSet<WordId> = (0..lexicon.words.len() as WordId).collect();
        let trie = lexicon.trie_of(&all);
        let walk = |units: &[Unit]| {
            units
                .iter()
                .try_fold(Trie::ROOT, |node, &unit| trie.child(node, unit))
        };
        let found = |units: &[Unit]| -> Vec<&str> {
            let node = walk(units).unwrap();
            trie.words(node)
                .iter()
                .map(|&id| lexicon.words[id as usize].text.as_str())
                .collect()
        };
        assert_eq!(found(&[0, 1]), ["爸"]);
        assert_eq!(found(&[0, 1, 2, 1]), ["爸妈"]);
        assert_eq!(found(&[1, 4]), ["at"]);
        assert_eq!(found(&[3, 4]), ["at"]);
        assert_eq!(found(&[0, 1, 4]), ["bat"]);
        assert!(found(&[0]).is_empty() && walk(&[4]).is_none());
        assert_eq!(trie.languages(walk(&[0]).unwrap()), 1 | 4);
        assert_eq!(trie.languages(walk(&[0, 1, 2]).unwrap()), 1);
    }

    #[test]
    fn more_words_than_a_short_number_counts_sound_alike() {
        let count = usize::from(u16::MAX) + 10;
        let alike = (0..count).map(|word| format!("w{word}\tb a\n"));
        let text: String = alike.chain(["mat\tm a T\n".to_owned()]).collect();
        let lexicon = Lexicon::read(Path::new("lexicon.tsv"), &text, &tokens()).unwrap();
        let all: HashSet<WordId> = (0..lexicon.words.len() as WordId).collect();
        let trie = lexicon.trie_of(&all);
        let said = |units: &[Unit]| {
            let walk = |node, &unit| trie.child(node, unit);
            trie.words(units.iter().try_fold(Trie::ROOT, walk).unwrap())
        };
        assert_eq!(said(&[0, 1]).len(), count);
        assert_eq!(said(&[2, 1, 4]), [count as WordId]);
        assert!(said(&[0]).is_empty() && said(&[2, 1]).is_empty());
    }

    #[test]
    fn chinese_is_cut_at_the_longest_word_and_english_at_blanks() {
        let lexicon = lexicon();
        let words = |text| -> Vec<&str> {
            let ids = lexicon.segment(text, "").unwrap();
            ids.into_iter()
                .map(|id| lexicon.words[id as usize].text.as_str())
                .collect()
        };
        assert_eq!(words("爸妈妈"), ["爸妈", "妈"]);
        assert_eq!(words("At，爸at bat"), ["at", "爸", "at", "bat"]);
        assert_eq!(lexicon.spellings("爸钱").unwrap_err(), "钱");
        assert_eq!(lexicon.spellings("a bat").unwrap_err(), "a");
    }

    #[test]
    fn cantonese_words_are_other_words_with_the_same_text() {
        let text = "爸\tb a\n爸@yue\tb AH\n唔@yue\tm\nat\tAH T\n";
        let lexicon = Lexicon::read(Path::new("lexicon.tsv"), text, &tokens()).unwrap();
        let said = |text| -> Vec<Vec<(&str, Language)>> {
            let words = |ids: Vec<WordId>| {
                let word = |id| &lexicon.words[id as usize];
                ids.into_iter()
                    .map(|id| (word(id).text.as_str(), word(id).language))
                    .collect()
            };
            let spellings = lexicon.spellings(text).unwrap();
            spellings.into_iter().map(words).collect()
        };
        assert_eq!(
            said("爸at"),
            [
                [("爸", Language::Zh), ("at", Language::En)],
                [("爸", Language::Yue), ("at", Language::En)]
            ]
        );
        assert_eq!(
            said("唔爸"),
            [[("唔", Language::Yue), ("爸", Language::Yue)]]
        );
        assert_eq!(said("at"), [[("at", Language::En)]]);
    }

    #[test]
    fn a_bad_line_is_named() {
        let problem = |text| {
            let read = Lexicon::read(Path::new("lexicon.tsv"), text, &tokens());
            read.err().map(|e| e.to_string()).unwrap()
        };
        let cut = problem("爸\tb a\n妈 m a\n");
        assert!(
            cut.contains("`lexicon.tsv`, line 2: it must be") && cut.contains("; mend the line"),
            "{cut}"
        );
        assert!(problem("爸\tb x\n").contains("line 1: `爸` must have units"));
        assert!(problem("爸\t\n").contains("line 1"));
        assert!(problem("").contains("no word"));
    }

    #[test]
    fn digits_are_known() {
        let counted = |texts: &[&str]| -> Vec<usize> { texts.iter().map(|t| digits(t)).collect() };
        assert_eq!(counted(&["七", "幺", "seven", "oh"]), [1; 4]);
        assert_eq!(counted(&["SEVEN", "Oh,", "double", "5", "9."]), [1; 5]);
        assert_eq!(counted(&["零幺", "138", "555-0123"]), [2, 3, 7]);
        assert_eq!(counted(&["十", "ten", "七天", "5th", "", "…"]), [0; 6]);
    }

    proptest! {
        #[test]
        fn no_text_panics(
            list in "(b|a|<blk>|\\PC){0,3} ?[0-9]{0,3}(\n(b|a|<blk>) [0-9])*|(\\PC|\n){0,80}",
            words in "([爸妈b@yue]{0,5}\t[bamAHT ]{0,9}\n){0,9}|(\\PC|\n|\t){0,80}",
        ) {
            let _ = Tokens::read(Path::new("tokens.txt"), &list);
            if let Ok(lexicon) = Lexicon::read(Path::new("lexicon.tsv"), &words, &tokens()) {
                let all = (0..lexicon.words.len() as WordId).collect();
                let _ = lexicon.trie_of(&all);
                let _ = lexicon.spellings(&words);
            }
        }
    }
}
