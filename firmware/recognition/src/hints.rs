//! Phrases to hear more readily, matched letter by letter.
//!
//! A tree of the phrases' letters with links for failure (A. Aho, M. Corasick: Efficient string
//! matching, 1975). What a letter brings is lent until its phrase is whole, and taken back when the
//! text goes on otherwise, as sherpa-onnx's `context-graph.cc` does. Phrases begin and end where
//! words do, so `card` is not heard in `cardigan`.

use std::collections::{HashMap, VecDeque};

use crate::lexicon::is_han;
use crate::spelling::{BLANK, parts};

/// Nothing of a phrase has been said, and one may begin.
pub(crate) const START: u32 = 0;
/// Within a word that no phrase has.
const ELSEWHERE: u32 = 1;

/// The phrases of a file.
pub(crate) struct Hints {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    next: HashMap<char, u32>,
    letter: Option<char>,
    weight: f32,
    is_whole: bool,
    /// What came since the last whole phrase.
    lent: f32,
    /// Of that, what is taken back where the utterance ends here.
    owed: f32,
    /// The longest end of these letters that a phrase begins with.
    fallback: u32,
    /// What came since the last whole phrase had the first letter been no phrase's.
    otherwise: f32,
}

impl Hints {
    /// Builds the tree of letters and what each of a phrase's letters brings.
    pub(crate) fn new(phrases: &[(Vec<char>, f32)]) -> Self {
        let mut hints = Self {
            nodes: vec![Node::default(), Node::default()],
        };
        for (letters, weight) in phrases {
            hints.add(letters, *weight);
        }
        hints.link();
        hints
    }

    /// The later of two weights of the same beginning is as good as the first: the first stays.
    fn add(&mut self, letters: &[char], weight: f32) {
        let mut at = START as usize;
        for (letter, share) in letters.iter().zip(shares(letters, weight)) {
            let fresh = self.nodes.len() as u32;
            let next = *self.nodes[at].next.entry(*letter).or_insert(fresh);
            if next == fresh {
                self.nodes.push(Node {
                    letter: Some(*letter),
                    weight: share,
                    ..Node::default()
                });
            }
            at = next as usize;
        }
        self.nodes[at].is_whole = true;
    }

    /// Fills in sums and links, shorter beginnings first.
    fn link(&mut self) {
        let mut open = VecDeque::from([START]);
        while let Some(at) = open.pop_front() {
            let children: Vec<(char, u32)> = self.nodes[at as usize]
                .next
                .iter()
                .map(|(c, n)| (*c, *n))
                .collect();
            for (letter, child) in children {
                open.push_back(child);
                let parent = &self.nodes[at as usize];
                let is_over = parent.is_whole && parts(parent.letter, letter);
                let (fallback, otherwise) = if at == START {
                    (base(letter), 0.0)
                } else if is_over {
                    self.next(START, letter)
                } else {
                    let (next, change) = self.next(parent.fallback, letter);
                    (next, parent.otherwise + change)
                };
                let lent = if is_over { 0.0 } else { parent.lent };
                let kept = otherwise - self.nodes[fallback as usize].owed;
                let node = &mut self.nodes[child as usize];
                node.fallback = fallback;
                node.otherwise = otherwise;
                node.lent = lent + node.weight;
                node.owed = if node.is_whole { 0.0 } else { node.lent - kept };
            }
        }
    }

    /// Where a letter leads, and what it changes in the score.
    pub(crate) fn step(&self, state: u32, letter: char) -> (f32, u32) {
        let (next, change) = self.next(state, letter);
        (change, next)
    }

    fn next(&self, state: u32, letter: char) -> (u32, f32) {
        let mut change = 0.0;
        let mut at = state;
        loop {
            if at == ELSEWHERE {
                if !is_han(letter) {
                    return (base(letter), change);
                }
                at = START;
            }
            let node = &self.nodes[at as usize];
            if let Some(&next) = node.next.get(&letter) {
                return (next, change + self.nodes[next as usize].weight);
            }
            if at == START {
                return (base(letter), change);
            }
            if node.is_whole && parts(node.letter, letter) {
                // What has brought a whole phrase does not begin another one.
                at = START;
            } else {
                change += node.otherwise - node.lent;
                at = node.fallback;
            }
        }
    }

    /// Where a whole word leads, and what it changes.
    pub(crate) fn word(&self, state: u32, word: &str) -> (f32, u32) {
        let (mut change, mut at) = (0.0, state);
        let mut step = |letter: char| {
            let (changed, next) = self.step(at, letter);
            change += changed;
            at = next;
        };
        let before = self.nodes[state as usize].letter;
        if state != START && !word.starts_with(is_han) && !before.is_some_and(is_han) {
            step(BLANK);
        }
        word.chars().for_each(&mut step);
        // Behind a whole word, the next one may begin a phrase.
        (change, if at == ELSEWHERE { START } else { at })
    }

    /// What is taken back if the utterance ends in this state.
    pub(crate) fn owed(&self, state: u32) -> f32 {
        self.nodes[state as usize].owed
    }
}

/// The state after a letter that no phrase goes on with.
fn base(letter: char) -> u32 {
    if letter == BLANK || is_han(letter) {
        START
    } else {
        ELSEWHERE
    }
}

/// The weight of each letter: a Chinese character has it whole, the letters of another word share
/// it, a blank has none.
fn shares(letters: &[char], weight: f32) -> Vec<f32> {
    let mut shares = Vec::with_capacity(letters.len());
    let is_part = |c: &char| *c != BLANK && !is_han(*c);
    let mut at = 0;
    while at < letters.len() {
        if is_part(&letters[at]) {
            let length = letters[at..].iter().take_while(|c| is_part(c)).count();
            shares.extend(std::iter::repeat_n(weight / length as f32, length));
            at += length;
        } else {
            shares.push(if letters[at] == BLANK { 0.0 } else { weight });
            at += 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spelling::letters;

    fn hints(phrases: &[(&str, f32)]) -> Hints {
        let spelt = phrases
            .iter()
            .map(|(text, weight)| (letters(text), *weight));
        Hints::new(&spelt.collect::<Vec<_>>())
    }

    /// What a text brings in all, its end counted in.
    fn brings(hints: &Hints, text: &str) -> f32 {
        let (mut sum, mut at) = (0.0, START);
        for letter in letters(text) {
            let (change, next) = hints.step(at, letter);
            sum += change;
            at = next;
        }
        ((sum - hints.owed(at)) * 1e4).round() / 1e4
    }

    #[test]
    fn whole_phrases_are_rewarded_and_broken_ones_are_not() {
        let hints = hints(&[
            ("人工客服", 1.0),
            ("工单", 2.0),
            ("card fee", 3.0),
            ("card", 1.5),
        ]);
        assert_eq!(brings(&hints, "转人工客服"), 4.0);
        assert_eq!(brings(&hints, "人工客"), 0.0, "taken back at the end");
        assert_eq!(brings(&hints, "人工客房"), 0.0);
        assert_eq!(
            brings(&hints, "人工单"),
            4.0,
            "the end of one begins another"
        );
        assert_eq!(brings(&hints, "工单工单"), 8.0);
        assert_eq!(brings(&hints, "my card fee"), 6.0);
        assert_eq!(brings(&hints, "card feed"), 3.0, "`card` alone is whole");
        assert_eq!(brings(&hints, "cards"), 0.0);
        assert_eq!(brings(&hints, "discard"), 0.0);
        assert_eq!(brings(&hints, "查card余额"), 3.0);
    }

    #[test]
    fn a_phrase_within_another_is_kept_when_the_longer_one_breaks() {
        let hints = hints(&[("开银行卡号", 1.0), ("银行", 1.0), ("哈哈", -1.0)]);
        assert_eq!(brings(&hints, "开银行卡"), 2.0);
        assert_eq!(brings(&hints, "开银行卡号"), 5.0);
        assert_eq!(brings(&hints, "开银行人"), 2.0);
        assert_eq!(brings(&hints, "哈哈哈"), -2.0);
    }

    #[test]
    fn whole_words_match_as_their_letters_do() {
        let hints = hints(&[("爸妈妈", 2.0), ("bat mat", 1.5)]);
        let says = |words: &[&str]| {
            let (mut sum, mut at) = (0.0, START);
            for word in words {
                let (change, next) = hints.word(at, word);
                sum += change;
                at = next;
            }
            sum - hints.owed(at)
        };
        assert_eq!(says(&["爸妈", "妈"]), 6.0);
        assert_eq!(says(&["at", "bat", "mat", "妈"]), 3.0);
        assert_eq!(says(&["bat", "爸", "mat"]), 0.0);
        assert_eq!(says(&["爸", "bat", "mat"]), 3.0);
    }

    proptest! {
        /// Whatever is said, in the end only whole phrases have brought something.
        #[test]
        fn what_was_lent_comes_back(
            phrases in prop::collection::vec("[工人单a ]{1,5}", 1..6),
            text in "[工人单a ]{0,30}",
        ) {
            let spelt: Vec<_> = phrases.iter().map(|p| (letters(p), 1.0)).filter(|(l, _)| !l.is_empty()).collect();
            let hints = Hints::new(&spelt);
            let said: Vec<char> = letters(&text);
            let is_word = |from: usize, until: usize| {
                (from == 0 || parts(Some(said[from - 1]), said[from]))
                    && (until == said.len() || parts(Some(said[until - 1]), said[until]))
            };
            let any_whole = spelt.iter().any(|(phrase, _)| {
                (0..said.len()).any(|from| {
                    let until = from + phrase.len();
                    until <= said.len() && said[from..until] == phrase[..] && is_word(from, until)
                })
            });
            let brought = brings(&hints, &text);
            prop_assert!(brought >= 0.0);
            prop_assert_eq!(brought > 0.0, any_whole, "{} brought {}", text, brought);
        }
    }
}
