//! Phrases from the user: the only ones that may be heard, or those to hear more readily.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use trunkside_call::Language;

use crate::Error;
use crate::error::brief;
use crate::hints::{self, Hints};
use crate::lexicon::{Lexicon, Trie, WordId, is_han, pieces};
use crate::spelling;
use crate::tokens::{TokenTable, Writing};

/// The most phrases of one file.
const MAX_PHRASES: usize = 100_000;
/// The greatest weight of a hint, either way.
const MAX_WEIGHT: f32 = 20.0;

/// The longest phrase, in letters.
const MAX_LETTERS: usize = 500;
/// The letters of all phrases of a file together.
const MAX_ALL_LETTERS: usize = 2_000_000;

/// What phrases were compiled for.
#[derive(Clone)]
pub(crate) enum Basis {
    /// The words of a lexicon.
    Lexicon(Arc<Lexicon>),
    /// The text that tokens write.
    Tokens(Arc<TokenTable>),
}

impl Basis {
    /// Whether both are the very same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Lexicon(one), Self::Lexicon(other)) => Arc::ptr_eq(one, other),
            (Self::Tokens(one), Self::Tokens(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// The only phrases that a stream may hear, compiled for one [`Recogniser`](crate::Recogniser).
#[derive(Clone)]
pub struct Grammar {
    pub(crate) basis: Basis,
    /// Of words where there is a lexicon, else of letters.
    pub(crate) graph: Arc<PhraseGraph>,
    /// The pronunciations of its words, where there is a lexicon.
    pub(crate) trie: Option<Arc<Trie>>,
}

/// Phrases as a tree of words, or of letters. Node 0 is the beginning of every phrase.
pub(crate) struct PhraseGraph {
    nodes: Vec<PhraseNode>,
}

#[derive(Default)]
struct PhraseNode {
    next: HashMap<u32, u32>,
    is_end: bool,
}

impl Grammar {
    /// Compiles one phrase a line; blank lines and lines that begin with `#` say nothing. Where only one language
    /// is listened for, each phrase must have a reading in it.
    pub(crate) fn compile(
        basis: &Basis,
        file: &str,
        text: &str,
        language: Option<Language>,
    ) -> Result<Self, Error> {
        let mut graph = PhraseGraph {
            nodes: vec![PhraseNode::default()],
        };
        let mut words = HashSet::new();
        let mut spelling = Spelling::of(basis, file);
        for (line, phrase) in phrase_lines(file, text)? {
            let letters = spelling.letters(line, phrase)?;
            match basis {
                Basis::Lexicon(lexicon) => {
                    let spellings = spelling.words(line, phrase)?;
                    if let Some(language) = language
                        && !spellings.iter().any(|ids| lexicon.are_of(ids, language))
                    {
                        let problem = format!(
                            "`{}` is not all `{language}`, the only language listened for, and \
                             would never be heard; leave the line or the language away",
                            brief(phrase)
                        );
                        return Err(spelling.failed(line, problem));
                    }
                    for ids in spellings {
                        graph.add(&ids);
                        words.extend(ids);
                    }
                }
                Basis::Tokens(_) => {
                    graph.add(&letters.into_iter().map(u32::from).collect::<Vec<_>>());
                }
            }
        }
        let trie = match basis {
            Basis::Lexicon(lexicon) => Some(Arc::new(lexicon.trie_of(&words))),
            Basis::Tokens(_) => None,
        };
        Ok(Self {
            basis: basis.clone(),
            trie,
            graph: Arc::new(graph),
        })
    }
}

impl PhraseGraph {
    pub(crate) const START: u32 = 0;

    fn add(&mut self, phrase: &[u32]) {
        let mut node = Self::START;
        for &symbol in phrase {
            let fresh = self.nodes.len() as u32;
            let next = &mut self.nodes[node as usize].next;
            node = *next.entry(symbol).or_insert(fresh);
            if node == fresh {
                self.nodes.push(PhraseNode::default());
            }
        }
        self.nodes[node as usize].is_end = true;
    }

    /// Where a word or letter leads within a phrase.
    pub(crate) fn step(&self, node: u32, symbol: u32) -> Option<u32> {
        self.nodes[node as usize].next.get(&symbol).copied()
    }

    /// Whether a phrase may end here.
    pub(crate) fn is_end(&self, node: u32) -> bool {
        self.nodes[node as usize].is_end
    }
}

/// Phrases that a stream hears more readily, compiled for one [`Recogniser`](crate::Recogniser).
///
/// They are matched by their letters, so how the lexicon or the tokens cut a phrase does not matter.
#[derive(Clone)]
pub struct Phrases {
    pub(crate) basis: Basis,
    pub(crate) hints: Arc<Hints>,
    /// The lexicon's words that have a letter in common with a phrase.
    touched: Arc<HashSet<WordId>>,
}

impl Phrases {
    /// Compiles `text<TAB>weight` lines; blank lines and lines that begin with `#` say nothing.
    pub(crate) fn compile(basis: &Basis, file: &str, text: &str) -> Result<Self, Error> {
        let mut phrases = Vec::new();
        let mut lines: HashMap<Vec<char>, (usize, f32)> = HashMap::new();
        let mut spelling = Spelling::of(basis, file);
        for (line, entry) in phrase_lines(file, text)? {
            let (phrase, weight) = entry
                .rsplit_once('\t')
                .ok_or_else(|| spelling.failed(line, "it must be `text<TAB>weight`".to_owned()))?;
            let weight = weight.trim();
            let parsed = weight.parse().ok().filter(|w: &f32| w.abs() <= MAX_WEIGHT);
            let weight = parsed.ok_or_else(|| {
                let problem = format!(
                    "the weight must be from -{MAX_WEIGHT} to {MAX_WEIGHT}, got `{}`",
                    brief(weight)
                );
                spelling.failed(line, problem)
            })?;
            let letters = spelling.letters(line, phrase)?;
            let (first, before) = *lines.entry(letters.clone()).or_insert((line, weight));
            if before.total_cmp(&weight).is_ne() {
                let problem = format!(
                    "`{}` has the weight {weight} here and {before} in line {first}; remove one of \
                     the lines",
                    brief(phrase)
                );
                return Err(spelling.failed(line, problem));
            }
            phrases.push((letters, weight));
        }
        let known: HashSet<char> = phrases
            .iter()
            .flat_map(|(letters, _)| letters)
            .copied()
            .collect();
        let touched = match basis {
            Basis::Lexicon(lexicon) => (0..)
                .zip(&lexicon.words)
                .filter(|(_, word)| word.text.chars().any(|c| known.contains(&c)))
                .map(|(id, _)| id)
                .collect(),
            Basis::Tokens(_) => HashSet::new(),
        };
        Ok(Self {
            basis: basis.clone(),
            hints: Arc::new(Hints::new(&phrases)),
            touched: Arc::new(touched),
        })
    }

    /// What a word of the lexicon changes in the score, and the state after it.
    pub(crate) fn step(&self, state: u32, word: WordId) -> (f32, u32) {
        match &self.basis {
            Basis::Lexicon(lexicon) if self.touched.contains(&word) => {
                self.hints.word(state, &lexicon.words[word as usize].text)
            }
            _ => (-self.hints.owed(state), hints::START),
        }
    }

    /// What is taken back if the utterance ends in this state.
    pub(crate) fn owed(&self, state: u32) -> f32 {
        self.hints.owed(state)
    }
}

/// The numbered lines that hold a phrase.
fn phrase_lines<'a>(file: &str, text: &'a str) -> Result<Vec<(usize, &'a str)>, Error> {
    let text = text.trim_start_matches('\u{feff}');
    let numbered = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()));
    let lines: Vec<_> = numbered
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .collect();
    match lines.get(MAX_PHRASES) {
        _ if lines.is_empty() => Err(Error::NoPhrases {
            file: file.to_owned(),
        }),
        Some(&(line, _)) => Err(Error::Phrase {
            file: file.to_owned(),
            line,
            problem: format!("it may hold at most {MAX_PHRASES} phrases; remove some"),
        }),
        None => Ok(lines),
    }
}

/// Spells the phrases of a file.
struct Spelling<'a> {
    basis: &'a Basis,
    /// What tokens can write.
    writing: Option<Writing>,
    file: &'a str,
    /// Letters so far.
    spelt: usize,
}

impl<'a> Spelling<'a> {
    fn of(basis: &'a Basis, file: &'a str) -> Self {
        let writing = match basis {
            Basis::Lexicon(_) => None,
            Basis::Tokens(table) => Some(Writing::of(table)),
        };
        Self {
            basis,
            writing,
            file,
            spelt: 0,
        }
    }

    fn failed(&self, line: usize, problem: String) -> Error {
        Error::Phrase {
            file: self.file.to_owned(),
            line,
            problem,
        }
    }

    /// The letters of a phrase that the model can hear.
    fn letters(&mut self, line: usize, phrase: &str) -> Result<Vec<char>, Error> {
        let letters = spelling::letters(phrase);
        self.spelt += letters.len();
        if self.spelt > MAX_ALL_LETTERS {
            let problem = format!(
                "the phrases as far as here have more than {MAX_ALL_LETTERS} letters; remove some"
            );
            return Err(self.failed(line, problem));
        }
        if letters.is_empty() {
            return Err(self.empty(line, phrase));
        }
        if letters.len() > MAX_LETTERS {
            let problem = format!(
                "`{}…` has {} letters, at most {MAX_LETTERS} are heard as one phrase; make it \
                 shorter",
                brief(phrase),
                letters.len()
            );
            return Err(self.failed(line, problem));
        }
        match (self.basis, &self.writing) {
            (Basis::Lexicon(_), _) => {
                self.words(line, phrase)?;
            }
            (Basis::Tokens(_), writing) => {
                let lower = phrase.to_lowercase();
                let unwritten = pieces(&lower)
                    .find(|piece| !writing.as_ref().is_some_and(|w| w.can_write(piece)));
                if let Some(piece) = unwritten {
                    let alone = |c: &char| {
                        is_han(*c)
                            && !writing
                                .as_ref()
                                .is_some_and(|w| w.can_write(&c.to_string()))
                    };
                    let character = piece.chars().find(alone).map(String::from);
                    let piece = character.as_deref().unwrap_or(piece);
                    let problem = format!(
                        "no tokens of the model write `{}`; write it with the characters that its \
                         `tokens.txt` has",
                        brief(piece)
                    );
                    return Err(self.failed(line, problem));
                }
            }
        }
        Ok(letters)
    }

    /// Every way to say a phrase in words of the lexicon; they have the same letters.
    fn words(&self, line: usize, phrase: &str) -> Result<Vec<Vec<WordId>>, Error> {
        let Basis::Lexicon(lexicon) = self.basis else {
            return Ok(Vec::new());
        };
        let spellings = lexicon.spellings(phrase).map_err(|piece| {
            let problem = format!(
                "the model has no pronunciation for `{}`; write it as it is spoken, in words of \
                 the model's lexicon",
                brief(&piece)
            );
            self.failed(line, problem)
        })?;
        if spellings[0].is_empty() {
            return Err(self.empty(line, phrase));
        }
        Ok(spellings)
    }

    fn empty(&self, line: usize, phrase: &str) -> Error {
        let problem = format!(
            "`{}` has no word; write a phrase or remove the line",
            brief(phrase)
        );
        self.failed(line, problem)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::lexicon::Tokens;
    use crate::lm::Words as _;

    fn basis() -> Basis {
        Basis::Lexicon(lexicon())
    }

    fn tokens() -> Basis {
        let text = "<blk> 0\n<unk> 1\n▁CARD 2\n▁ 3\nFEE 4\n余 5\n额 6\n";
        Basis::Tokens(Arc::new(TokenTable::read(Path::new("t"), text).unwrap()))
    }

    fn lexicon() -> Arc<Lexicon> {
        let tokens = Tokens::read(Path::new("t"), "b 0\na 1\nm 2\nT 3\n<blk> 4\n").unwrap();
        let words = "爸\tb a\n妈\tm a\n爸妈\tb a m a\nbat\tb a T\nmat\tm a T\n";
        Arc::new(Lexicon::read(Path::new("l"), words, &tokens).unwrap())
    }

    fn refusal(text: &str) -> String {
        Grammar::compile(&basis(), "menu.txt", text, None)
            .err()
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_grammar_accepts_its_phrases_only() {
        let lexicon = lexicon();
        let grammar = Grammar::compile(
            &Basis::Lexicon(Arc::clone(&lexicon)),
            "menu.txt",
            "# menu\n\n爸妈妈\nBat mat\n",
            None,
        )
        .unwrap();
        let walk = |text: &str| {
            let spellings = lexicon.spellings(text).unwrap();
            let graph = &grammar.graph;
            let end = spellings[0]
                .iter()
                .try_fold(PhraseGraph::START, |at, &word| graph.step(at, word));
            end.is_some_and(|node| graph.is_end(node))
        };
        assert!(walk("爸妈妈") && walk("bat mat"));
        assert!(!walk("爸妈") && !walk("bat") && !walk("mat bat") && !walk("妈"));
    }

    #[test]
    fn a_bad_phrase_names_file_line_and_remedy() {
        assert_eq!(
            refusal("爸\nbat cat\n"),
            "`menu.txt`, line 2: the model has no pronunciation for `cat`; write it as it is \
             spoken, in words of the model's lexicon"
        );
        assert!(refusal("钱").contains("line 1: the model has no pronunciation for `钱`"));
        assert!(refusal("\n,.!\n").contains("line 2: `,.!` has no word"));
        assert!(refusal("# only a remark\n").contains("`menu.txt` holds no phrase"));
        assert!(refusal(&"爸".repeat(501)).contains("has 501 letters, at most 500"));
        let endless = format!("{}\n", "爸".repeat(500)).repeat(4_001);
        assert!(refusal(&endless).contains("line 4001: the phrases as far as here"));
    }

    #[test]
    fn a_phrase_that_the_language_does_not_have_is_refused() {
        let in_language = |text: &str, language| {
            let compiled = Grammar::compile(&basis(), "menu.txt", text, Some(language));
            compiled.err().map(|error| error.to_string())
        };
        assert_eq!(in_language("爸妈\n妈", Language::Zh), None);
        assert_eq!(in_language("bat mat", Language::En), None);
        for text in ["爸\nbat", "爸\n爸 bat"] {
            let refused = in_language(text, Language::Zh).unwrap();
            assert!(
                refused.contains("line 2") && refused.contains("is not all `zh`"),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_hint_is_lent_until_its_phrase_is_whole() {
        let lexicon = lexicon();
        let basis = Basis::Lexicon(Arc::clone(&lexicon));
        let hints = Phrases::compile(&basis, "hints.txt", "爸妈妈\t2\nbat mat\t1.5\n").unwrap();
        let word = |text| lexicon.id(text).unwrap();
        let (first, state) = hints.step(0, word("爸妈"));
        assert_eq!((first, hints.owed(state)), (4.0, 4.0), "two characters");
        let (second, whole) = hints.step(state, word("妈"));
        assert_eq!((second, hints.owed(whole)), (2.0, 0.0));
        assert_eq!(hints.step(state, word("mat")), (-4.0, 0), "taken back");
        assert_eq!(hints.step(whole, word("mat")).0, 0.0, "kept");
        let (change, state) = hints.step(state, word("bat"));
        assert_eq!(
            (change, hints.owed(state)),
            (-4.0 + 1.5, 1.5),
            "another one begins"
        );
    }

    #[test]
    fn a_bad_hint_names_its_line() {
        let problem = |text| {
            Phrases::compile(&basis(), "h", text)
                .err()
                .unwrap()
                .to_string()
        };
        assert!(problem("爸 2").contains("line 1: it must be `text<TAB>weight`"));
        assert!(problem("爸\theavy").contains("got `heavy`"));
        assert!(problem("爸\tNaN").contains("got `NaN`"));
        assert!(problem("爸\t99").contains("from -20 to 20"));
        assert!(problem("cat\t1").contains("no pronunciation for `cat`"));
        let twice = problem("爸\t2\n妈\t1\n爸\t3\n");
        assert!(
            twice.contains("line 3: `爸` has the weight 3 here and 2 in line 1"),
            "{twice}"
        );
        let same = Phrases::compile(&basis(), "h", "爸\t2\n爸\t2\n爸妈\t3\n");
        assert!(same.is_ok(), "what says the same, and what goes on");
        let long = problem(&format!("{}\t1", "x".repeat(1 << 20)));
        assert!(long.len() < 500, "a message repeats the beginning only");
    }

    #[test]
    fn what_no_token_writes_is_refused() {
        let grammar = |text: &str| {
            let compiled = Grammar::compile(&tokens(), "menu.txt", text, Some(Language::Zh));
            compiled.err().map(|error| error.to_string())
        };
        assert_eq!(grammar("余额\ncard fee"), None);
        assert_eq!(
            grammar("余额\n查余额").unwrap(),
            "`menu.txt`, line 2: no tokens of the model write `查`; write it with the characters \
             that its `tokens.txt` has"
        );
        assert!(grammar("cards").unwrap().contains("write `cards`"));
        assert!(grammar("…").unwrap().contains("has no word"));
        assert!(grammar(&"余".repeat(501)).unwrap().contains("at most 500"));
        let endless = format!("{}\n", "余".repeat(500)).repeat(4_001);
        assert!(
            grammar(&endless)
                .unwrap()
                .contains("line 4001: the phrases as far as here")
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[爸妈bat mat\t0-9.\\-#\n，]{0,120}|(\\PC|\n){0,80}") {
            let lexicon = lexicon();
            for basis in [Basis::Lexicon(Arc::clone(&lexicon)), tokens()] {
                let _ = Grammar::compile(&basis, "menu.txt", &text, None);
            }
            let basis = Basis::Lexicon(Arc::clone(&lexicon));
            if let Ok(phrases) = Phrases::compile(&basis, "hints.txt", &text) {
                let mut state = 0;
                for word in (0..lexicon.words.len() as WordId).cycle().take(40) {
                    let (change, next) = phrases.step(state, word);
                    prop_assert!(change.is_finite());
                    state = next;
                }
            }
        }
    }
}
