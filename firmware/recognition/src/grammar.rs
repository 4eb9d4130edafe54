//! Phrases from the user: the only ones that may be heard, or those to hear more readily.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::Error;
use crate::error::brief;
use crate::lexicon::{Lexicon, Trie, WordId, is_han};

/// The most phrases of one file.
const MAX_PHRASES: usize = 100_000;
/// The greatest weight of a hint, either way.
const MAX_WEIGHT: f32 = 20.0;

/// The only phrases that a stream may hear, compiled for one [`Recogniser`](crate::Recogniser).
#[derive(Clone)]
pub struct Grammar {
    pub(crate) lexicon: Arc<Lexicon>,
    pub(crate) trie: Arc<Trie>,
    pub(crate) graph: Arc<PhraseGraph>,
}

/// Phrases as a tree of words. Node 0 is the beginning of every phrase.
pub(crate) struct PhraseGraph {
    nodes: Vec<PhraseNode>,
}

#[derive(Default)]
struct PhraseNode {
    next: HashMap<WordId, u32>,
    is_end: bool,
}

impl Grammar {
    /// Compiles one phrase a line; blank lines and lines that begin with `#` say nothing.
    pub(crate) fn compile(lexicon: &Arc<Lexicon>, file: &str, text: &str) -> Result<Self, Error> {
        let mut graph = PhraseGraph {
            nodes: vec![PhraseNode::default()],
        };
        let mut words = HashSet::new();
        for (line, phrase) in phrase_lines(file, text)? {
            for spelling in spell(lexicon, file, line, phrase)? {
                words.extend(&spelling);
                graph.add(&spelling);
            }
        }
        Ok(Self {
            lexicon: Arc::clone(lexicon),
            trie: Arc::new(lexicon.trie_of(&words)),
            graph: Arc::new(graph),
        })
    }
}

impl PhraseGraph {
    pub(crate) const START: u32 = 0;

    fn add(&mut self, phrase: &[WordId]) {
        let mut node = Self::START;
        for &word in phrase {
            let fresh = self.nodes.len() as u32;
            node = *self.nodes[node as usize].next.entry(word).or_insert(fresh);
            if node == fresh {
                self.nodes.push(PhraseNode::default());
            }
        }
        self.nodes[node as usize].is_end = true;
    }

    /// Where a word leads within a phrase.
    pub(crate) fn step(&self, node: u32, word: WordId) -> Option<u32> {
        self.nodes[node as usize].next.get(&word).copied()
    }

    /// Whether a phrase may end here.
    pub(crate) fn is_end(&self, node: u32) -> bool {
        self.nodes[node as usize].is_end
    }
}

/// Phrases that a stream hears more readily, compiled for one [`Recogniser`](crate::Recogniser).
///
/// They are matched by Chinese characters and English words, so how the lexicon cuts a Chinese
/// phrase into words does not matter.
#[derive(Clone)]
pub struct Phrases {
    pub(crate) lexicon: Arc<Lexicon>,
    hints: Arc<Hints>,
}

struct Hints {
    nodes: Vec<HintNode>,
    /// The pieces of every word that has one in common with a phrase.
    pieces: HashMap<WordId, Box<[Option<u32>]>>,
}

#[derive(Default)]
struct HintNode {
    next: HashMap<u32, u32>,
    weight: f32,
    /// What was given since the last whole phrase, and is taken back if none follows.
    lent: f32,
}

impl Phrases {
    /// Compiles `text<TAB>weight` lines; blank lines and lines that begin with `#` say nothing.
    pub(crate) fn compile(lexicon: &Arc<Lexicon>, file: &str, text: &str) -> Result<Self, Error> {
        let mut ids: HashMap<String, u32> = HashMap::new();
        let mut nodes = vec![HintNode::default()];
        for (line, entry) in phrase_lines(file, text)? {
            let failed = |problem: String| Error::Phrase {
                file: file.to_owned(),
                line,
                problem,
            };
            let (phrase, weight) = entry
                .rsplit_once('\t')
                .ok_or_else(|| failed("it must be `text<TAB>weight`".to_owned()))?;
            let weight = weight.trim();
            let parsed = weight.parse().ok().filter(|w: &f32| w.abs() <= MAX_WEIGHT);
            let weight = parsed.ok_or_else(|| {
                failed(format!(
                    "the weight must be from -{MAX_WEIGHT} to {MAX_WEIGHT}, got `{}`",
                    brief(weight)
                ))
            })?;
            let spelt = spell(lexicon, file, line, phrase)?;
            let texts = spelt[0]
                .iter()
                .flat_map(|&word| pieces_of(&lexicon.words[word as usize].text));
            let pieces: Vec<u32> = texts
                .map(|piece| {
                    let fresh = ids.len() as u32;
                    *ids.entry(piece).or_insert(fresh)
                })
                .collect();
            lend(&mut nodes, &pieces, weight);
        }
        let pieces = (0..).zip(&lexicon.words).filter_map(|(word, entry)| {
            let pieces: Box<[_]> = pieces_of(&entry.text)
                .map(|piece| ids.get(&piece).copied())
                .collect();
            pieces.iter().any(Option::is_some).then_some((word, pieces))
        });
        let hints = Arc::new(Hints {
            pieces: pieces.collect(),
            nodes,
        });
        Ok(Self {
            lexicon: Arc::clone(lexicon),
            hints,
        })
    }

    /// What a word changes in the score, and the state after it. State 0 is the beginning.
    pub(crate) fn step(&self, state: u32, word: WordId) -> (f32, u32) {
        let Some(pieces) = self.hints.pieces.get(&word) else {
            return (-self.lent(state), 0);
        };
        let nodes = &self.hints.nodes;
        let mut change = 0.0;
        let mut at = state;
        for piece in pieces {
            let next = |node: u32| piece.and_then(|piece| nodes[node as usize].next.get(&piece));
            let followed = next(at).or_else(|| {
                change -= self.lent(at);
                at = 0;
                next(0)
            });
            if let Some(&node) = followed {
                change += nodes[node as usize].weight;
                at = node;
            }
        }
        (change, at)
    }

    /// What is taken back if the utterance ends in this state.
    pub(crate) fn lent(&self, state: u32) -> f32 {
        self.hints.nodes[state as usize].lent
    }
}

fn lend(nodes: &mut Vec<HintNode>, pieces: &[u32], weight: f32) {
    let mut at = 0;
    let mut lent = 0.0;
    for piece in pieces {
        let fresh = nodes.len();
        let next = *nodes[at].next.entry(*piece).or_insert(fresh as u32) as usize;
        lent += weight;
        if next == fresh {
            nodes.push(HintNode {
                weight,
                lent,
                ..HintNode::default()
            });
        }
        at = next;
    }
    nodes[at].lent = 0.0;
}

/// A Chinese word's characters; any other word as a whole.
fn pieces_of(text: &str) -> impl Iterator<Item = String> + '_ {
    let is_chinese = text.chars().any(is_han);
    let characters = text.chars().filter(move |_| is_chinese).map(String::from);
    characters.chain((!is_chinese).then(|| text.to_owned()))
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

/// Every way to say a phrase; they have the same characters and English words.
fn spell(
    lexicon: &Lexicon,
    file: &str,
    line: usize,
    phrase: &str,
) -> Result<Vec<Vec<WordId>>, Error> {
    let failed = |problem: String| Error::Phrase {
        file: file.to_owned(),
        line,
        problem,
    };
    let spellings = lexicon.spellings(phrase).map_err(|piece| {
        failed(format!(
            "the model has no pronunciation for `{}`; write it as it is spoken, in words of the \
             model's lexicon",
            brief(&piece)
        ))
    })?;
    if spellings[0].is_empty() {
        return Err(failed(format!(
            "`{}` has no word; write a phrase or remove the line",
            brief(phrase)
        )));
    }
    Ok(spellings)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::lexicon::Tokens;

    fn lexicon() -> Arc<Lexicon> {
        let tokens = Tokens::read(Path::new("t"), "b 0\na 1\nm 2\nT 3\n<blk> 4\n").unwrap();
        let words = "爸\tb a\n妈\tm a\n爸妈\tb a m a\nbat\tb a T\nmat\tm a T\n";
        Arc::new(Lexicon::read(Path::new("l"), words, &tokens).unwrap())
    }

    fn refusal(text: &str) -> String {
        Grammar::compile(&lexicon(), "menu.txt", text)
            .err()
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_grammar_accepts_its_phrases_only() {
        let lexicon = lexicon();
        let grammar =
            Grammar::compile(&lexicon, "menu.txt", "# menu\n\n爸妈妈\nBat mat\n").unwrap();
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
    }

    #[test]
    fn a_hint_is_lent_until_its_phrase_is_whole() {
        let lexicon = lexicon();
        let hints = Phrases::compile(&lexicon, "hints.txt", "爸妈妈\t2\nbat mat\t1.5\n").unwrap();
        let word = |text| lexicon.id(text).unwrap();
        let (first, state) = hints.step(0, word("爸妈"));
        assert_eq!((first, hints.lent(state)), (4.0, 4.0), "two characters");
        let (second, whole) = hints.step(state, word("妈"));
        assert_eq!((second, hints.lent(whole)), (2.0, 0.0));
        assert_eq!(hints.step(state, word("mat")), (-4.0, 0), "taken back");
        assert_eq!(hints.step(whole, word("mat")).0, 0.0, "kept");
        let (change, state) = hints.step(state, word("bat"));
        assert_eq!(
            (change, hints.lent(state)),
            (-4.0 + 1.5, 1.5),
            "another one begins"
        );
    }

    #[test]
    fn a_bad_hint_names_its_line() {
        let problem = |text| {
            Phrases::compile(&lexicon(), "h", text)
                .err()
                .unwrap()
                .to_string()
        };
        assert!(problem("爸 2").contains("line 1: it must be `text<TAB>weight`"));
        assert!(problem("爸\theavy").contains("got `heavy`"));
        assert!(problem("爸\tNaN").contains("got `NaN`"));
        assert!(problem("爸\t99").contains("from -20 to 20"));
        assert!(problem("cat\t1").contains("no pronunciation for `cat`"));
        let long = problem(&format!("{}\t1", "x".repeat(1 << 20)));
        assert!(long.len() < 500, "a message repeats the beginning only");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[爸妈bat mat\t0-9.\\-#\n，]{0,120}|(\\PC|\n){0,80}") {
            let lexicon = lexicon();
            let _ = Grammar::compile(&lexicon, "menu.txt", &text);
            if let Ok(phrases) = Phrases::compile(&lexicon, "hints.txt", &text) {
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
