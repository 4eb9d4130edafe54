//! What intents see of an utterance: its tokens and its clauses.

use crate::features::{Token, tokens_of};
use crate::numbers::{Folded, runs_of};

/// From so many digits a number is one `#`.
const LONG_FROM: usize = 4;

/// Words that begin another wish.
#[rustfmt::skip]
const LINKS: [&str; 28] = [
    "另外", "顺便", "还有", "还想", "还要", "同埋", "而且", "并且", "然后", "接着", "之后", "跟住", "跟手",
    "仲想", "仲要", "一个是", "一件是", "一样是", "一样系", "一件系", "also", "besides", "another", "secondly",
    "then", "plus", "以及", "whileim",
];

/// Words that do so before a wish only: `再把套餐改了`, `and cancel my order`.
const WEAK_LINKS: [&str; 2] = ["再", "and"];

/// Those of both that say nothing of the wish, as `还有` in `还有多少钱` does.
#[rustfmt::skip]
const ONLY_LINKS: [&str; 21] = [
    "另外", "顺便", "同埋", "而且", "并且", "然后", "接着", "跟住", "跟手", "以及", "再", "一个是", "一件是", "一样是",
    "一样系", "一件系",
    "also", "secondly", "then", "whileim", "and",
];

/// What a wish begins with.
#[rustfmt::skip]
const WISHES: [&str; 59] = [
    "把", "将", "帮", "查", "转", "挂", "改", "办", "开", "取", "存", "退", "投", "换", "充", "交", "订", "寄",
    "申", "注", "约", "买", "停", "问",
    "i", "my", "can", "could", "please", "change", "cancel", "check", "pay", "transfer", "open", "close",
    "get", "order", "book", "send", "report", "update", "block", "activate", "find", "ask", "speak", "talk",
    "return", "track", "renew", "buy", "reset", "move", "stop", "make", "add", "complain", "also",
];

/// Verbs of wishes that callers say one after the other without a word between: `我要查账单改地址开发票`.
const BARE_WISHES: [&str; 14] = [
    "查", "改", "开", "退", "换", "办", "交", "取", "转", "补", "挂", "订", "寄", "充",
];

/// What makes another word of such a verb: `修改`, `没查`.
const BEFORE_OTHER: [&str; 12] = [
    "更", "修", "退", "兑", "打", "公", "展", "离", "重", "不", "没", "未",
];

/// How many tokens such a wish has.
const BARE_LENGTHS: std::ops::RangeInclusive<usize> = 2..=5;

/// Who asks that something not be done again wishes nothing new.
const NOT_AGAIN: [&str; 7] = ["别", "要", "不", "勿", "唔", "好", "会"];

/// Words that may join two matters, behind what the second speaks of: `密码也忘了`. Each matter has to be
/// sure by itself.
const JOINS: [&str; 3] = ["也", "又", "仲"];

/// What makes `still` of such a word: `仲未到`.
const STILL: [&str; 4] = ["未", "冇", "系", "喺"];

/// Words that say, at the end, that one thing comes to another. Without them `and` mostly goes on with a
/// story: `i made a transfer and was charged a fee`.
const TOO: [&str; 4] = ["too", "aswell", "either", "also"];
const TOO_WITHIN: usize = 4;

/// A Chinese joining word stands behind what it speaks of, so many tokens at most.
const SUBJECT: usize = 4;

/// How many tokens such a matter has at least.
const SHORTEST_JOINED: usize = 4;

/// A clause has so many tokens at least.
const SHORTEST: usize = 3;

/// So many ways to part an utterance are tried.
const MOST_HALVES: usize = 16;

/// So many clauses are looked at.
const MOST_CLAUSES: usize = 8;

/// An utterance as every model sees it, in training, in a call and in an explanation.
pub(super) struct Said {
    /// Its tokens. A long number is one `#`, however it was said: its digits would outweigh the wish, and
    /// without it `转三万五给我妈` would name no sum.
    pub tokens: Vec<Token>,
    /// Before which tokens, by where they begin, punctuation stands.
    parted: Vec<usize>,
}

impl Said {
    pub(super) fn new(text: &str) -> Self {
        let tokens = wish_of(text);
        let chars: Vec<char> = text
            .chars()
            .take(tokens.last().map_or(0, |token| token.end))
            .collect();
        let parted = tokens.windows(2).filter_map(|pair| {
            let between = chars.get(pair[0].end..pair[1].start)?;
            let parts = between.iter().any(|c| "，,。.；;？?！!".contains(*c));
            parts.then_some(pair[1].start)
        });
        Self {
            parted: parted.collect(),
            tokens,
        }
    }

    /// Some of its tokens, by their place.
    pub(super) fn only(&self, left: &[usize]) -> Self {
        Self {
            tokens: left
                .iter()
                .map(|index| self.tokens[*index].clone())
                .collect(),
            parted: self.parted.clone(),
        }
    }

    /// Whether punctuation stands before a token.
    pub(super) fn is_parted(&self, index: usize) -> bool {
        let token = self.tokens.get(index);
        token.is_some_and(|token| self.parted.contains(&token.start))
    }

    /// Its clauses where it has more than one: parted by punctuation or by a word that begins another
    /// wish, and of three tokens at least.
    pub(super) fn clauses(&self) -> Vec<&[Token]> {
        let mut cuts = vec![0];
        cuts.extend((1..self.tokens.len()).filter(|at| self.is_parted(*at) || self.is_linked(*at)));
        cuts.push(self.tokens.len());
        if cuts.len() == 2 {
            return Vec::new();
        }
        cuts.windows(2)
            .map(|cut| without_link(&self.tokens[cut[0]..cut[1]]))
            .filter(|clause| clause.len() >= SHORTEST)
            .take(MOST_CLAUSES)
            .collect()
    }

    /// Wishes said one after the other without anything between, where the utterance ends in such: two
    /// at least.
    pub(super) fn bare_wishes(&self) -> Vec<&[Token]> {
        let text = |index: usize| self.tokens[index].text.as_str();
        let mut cuts: Vec<usize> = (0..self.tokens.len())
            .filter(|&at| {
                let is_other = at > 0 && BEFORE_OTHER.contains(&text(at - 1));
                BARE_WISHES.contains(&text(at)) && !is_other
            })
            .collect();
        cuts.push(self.tokens.len());
        let wishes: Vec<&[Token]> = cuts
            .windows(2)
            .map(|cut| &self.tokens[cut[0]..cut[1]])
            .collect();
        let are_bare = wishes.len() > 1 && wishes.len() <= MOST_CLAUSES;
        if are_bare && wishes.iter().all(|wish| BARE_LENGTHS.contains(&wish.len())) {
            wishes
        } else {
            Vec::new()
        }
    }

    /// The ways of parting the utterance in two at a word that may join two matters.
    pub(super) fn halves(&self) -> Vec<(&[Token], &[Token])> {
        let text = |index: usize| {
            self.tokens
                .get(index)
                .map_or("", |token| token.text.as_str())
        };
        let mut ends = (0..self.tokens.len()).rev().take(TOO_WITHIN);
        let adds = ends.any(|at| TOO.iter().any(|too| begins_with(&self.tokens[at..], too)));
        let mut cuts = Vec::new();
        for at in 0..self.tokens.len() {
            if text(at) == "and" && adds {
                cuts.push((at, at + 1));
            } else if JOINS.contains(&text(at)) && !STILL.contains(&text(at + 1)) {
                cuts.extend((at.saturating_sub(SUBJECT)..=at).map(|cut| (cut, cut)));
            }
        }
        cuts.into_iter()
            .map(|(first, second)| (&self.tokens[..first], &self.tokens[second..]))
            .filter(|(first, second)| first.len().min(second.len()) >= SHORTEST_JOINED)
            .take(MOST_HALVES)
            .collect()
    }

    fn is_linked(&self, at: usize) -> bool {
        let text = |index: usize| {
            self.tokens
                .get(index)
                .map_or("", |token| token.text.as_str())
        };
        let begins = |links: &[&str]| {
            links
                .iter()
                .any(|link| begins_with(&self.tokens[at..], link))
        };
        let weak = WEAK_LINKS.contains(&text(at)) && WISHES.contains(&text(at + 1));
        begins(&LINKS) || weak && !NOT_AGAIN.contains(&text(at - 1))
    }
}

/// A clause without the word that only links it.
fn without_link(clause: &[Token]) -> &[Token] {
    let link = ONLY_LINKS.iter().find(|link| begins_with(clause, link));
    let mut letters = link.map_or(0, |link| link.len());
    let linking = clause.iter().take_while(|token| {
        let links = letters > 0;
        letters = letters.saturating_sub(token.text.len());
        links
    });
    &clause[linking.count()..]
}

/// Whether tokens begin with a word or a phrase, which is written without blanks.
pub(super) fn begins_with(tokens: &[Token], phrase: &str) -> bool {
    let mut rest = phrase;
    for token in tokens {
        match rest.strip_prefix(token.text.as_str()) {
            Some("") => return true,
            Some(more) => rest = more,
            None => return false,
        }
    }
    false
}

/// The tokens of a text with its long numbers as one each.
pub(super) fn wish_of(text: &str) -> Vec<Token> {
    let mut tokens = tokens_of(text);
    let runs = runs_of(&Folded::new(text));
    for run in runs.iter().filter(|run| run.length >= LONG_FROM) {
        let within = |token: &Token| token.start >= run.start() && token.start < run.end();
        let Some(first) = tokens.iter().position(within) else {
            continue;
        };
        tokens.retain(|token| !within(token));
        let number = Token {
            text: "#".to_owned(),
            sound: None,
            start: run.start(),
            end: run.end(),
        };
        tokens.insert(first, number);
    }
    tokens
}
