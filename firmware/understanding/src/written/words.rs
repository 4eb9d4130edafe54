//! Words that hold a number and count nothing.

use std::collections::HashSet;
use std::sync::LazyLock;

const LIST: &str = include_str!("../../data/written/words.txt");

/// The listed words, and the lengths that any of them has, longest first.
static WORDS: LazyLock<(HashSet<&str>, Vec<usize>)> = LazyLock::new(|| {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let words: HashSet<&str> = lines
        .flat_map(|line| {
            let mark = if line.is_ascii() { ',' } else { ' ' };
            line.split(mark).map(str::trim)
        })
        .filter(|word| !word.is_empty())
        .collect();
    let mut lengths: Vec<usize> = words.iter().map(|word| word.chars().count()).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    lengths.dedup();
    (words, lengths)
});

/// All listed words.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static &'static str> {
    WORDS.0.iter()
}

/// Whether a stretch is a part of a listed word, and not all that is said: the 一十 of 一五一十.
pub(crate) fn is_in_word(chars: &[char], start: usize, end: usize) -> bool {
    let longest = WORDS.1.first().copied().unwrap_or(0);
    (end.saturating_sub(longest)..=start)
        .any(|at| end_at(chars, at).is_some_and(|word_end| word_end >= end))
}

/// Where the longest listed word ends that begins here.
pub(super) fn end_at(chars: &[char], at: usize) -> Option<usize> {
    let (words, lengths) = &*WORDS;
    lengths.iter().find_map(|length| {
        let word: String = chars.get(at..at + length)?.iter().collect();
        words.contains(word.as_str()).then_some(at + length)
    })
}
