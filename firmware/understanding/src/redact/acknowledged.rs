//! Words with which the two sides of a call agree while one of them dictates.

use crate::numbers::{Folded, skip_pauses};

/// With which a speaker takes up a number again, asks whether it was heard, or says that it was;
/// what is a pause already, such as `okay` or `是吧`, needs no mention.
const ACKNOWLEDGEMENTS: [&str; 43] = [
    "好",
    "咪",
    "行",
    "可以",
    "明白",
    "明",
    "得",
    "知道",
    "记下",
    "记好",
    "收到",
    "听到",
    "请继续",
    "继续",
    "请讲",
    "请说",
    "您说",
    "你说",
    "您讲",
    "你讲",
    "了",
    "吗",
    "边是",
    "前面是",
    "剩下的是",
    "号码是",
    "卡号是",
    "yep",
    "yup",
    "correct",
    "sure",
    "fine",
    "alright",
    "all right",
    "perfect",
    "great",
    "cool",
    "huh",
    "gotcha",
    "go ahead",
    "go",
    "continue",
    "rest is",
];

/// Where pauses and acknowledgements end that begin at a position.
pub(crate) fn skip_acknowledgements(text: &Folded, start: usize) -> usize {
    skip(text, start, &ACKNOWLEDGEMENTS)
}

/// Whether a turn neither tells nor asks anything: hesitations, acknowledgements, greetings that
/// make sure of the line.
pub(crate) fn says_nothing(text: &Folded) -> bool {
    const GREETINGS: [&str; 14] = [
        "喂",
        "您好",
        "你好",
        "在吗",
        "听得到",
        "听到",
        "hello",
        "hi",
        "are you there",
        "can you hear me",
        "take your time",
        "no problem",
        "thank you",
        "thanks",
    ];
    let end = text.chars().len();
    let mut at = 0;
    loop {
        let next = skip(text, skip_acknowledgements(text, at), &GREETINGS);
        if next == at || next >= end {
            return next >= end;
        }
        at = next;
    }
}

fn skip(text: &Folded, start: usize, words: &[&str]) -> usize {
    let mut at = start;
    loop {
        let next = skip_pauses(text, at);
        let word = words.iter().find(|word| {
            let end = next + word.chars().count();
            let latin = word.is_ascii();
            text.starts_with(next, word)
                && (!latin
                    || text.is_word_start(next)
                        && !text.at(end).is_some_and(|c| c.is_ascii_alphabetic()))
        });
        match word {
            Some(word) => at = next + word.chars().count(),
            None => return next,
        }
    }
}
