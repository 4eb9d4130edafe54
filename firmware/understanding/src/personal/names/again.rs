//! Names that were told in a call: where one is said again, nothing introduces it.

use super::addressed::nickname_end;
use super::chinese::{is_han, is_whole, is_word, stops, surname_at};
use super::english::{is_common, is_title, skip_blanks, word_end};
use super::known::{is_any_word, is_place};
use super::{LABEL, hidden};
use crate::features::sound_of;
use crate::numbers::Folded;
use crate::redact::Hidden;

/// The most names that a call remembers; the oldest is forgotten first.
const MOST: usize = 64;

/// From so many characters on a Chinese name is also known by its sound: a recogniser seldom writes a
/// name twice in the same characters, and two sounds have too many other meanings.
const SOUNDS_FROM: usize = 3;

/// From so many letters on a word of a Latin name is known by itself.
const LETTERS: usize = 3;

/// The names that were told so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    names: Vec<Name>,
    /// The family name that was told last without a given one.
    family: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// Its characters, and how they sound.
    Han(Vec<char>, Vec<String>),
    /// Its words, which must follow each other.
    Latin(Vec<String>),
}

impl Told {
    /// Remembers the names among what is hidden of a text.
    pub(crate) fn learn(&mut self, text: &Folded, found: &[Hidden]) {
        for name in found.iter().filter(|piece| piece.label == LABEL) {
            if text.chars()[name.start..name.end]
                .iter()
                .any(|c| is_han(*c))
            {
                self.learn_chinese(text, name.start, name.end);
            } else {
                self.learn_latin(text, name.start, name.end);
            }
        }
    }

    fn learn_chinese(&mut self, text: &Folded, start: usize, end: usize) {
        let written = text.slice(start, end);
        if !written.chars().all(is_han) {
            return;
        }
        if surname_at(text, start) == end - start {
            self.family = written;
        } else if is_whole(text, start, end) || nickname_end(text, start) == Some(end) {
            self.remember_chinese(&written);
        } else if end - start <= 2 && !self.family.is_empty() {
            let joined = format!("{}{written}", self.family);
            let whole = Folded::new(&joined);
            if is_whole(&whole, 0, whole.chars().len()) {
                self.remember_chinese(&joined);
            }
        }
    }

    fn remember_chinese(&mut self, name: &str) {
        let sounds = name.chars().filter_map(sound_of).collect();
        self.remember(Name::Han(name.chars().collect(), sounds));
    }

    fn learn_latin(&mut self, text: &Folded, start: usize, end: usize) {
        let words: Vec<String> = words(text, start, end)
            .map(|(_, _, word)| word)
            .filter(|word| !is_title(word))
            .collect();
        for word in &words {
            let plain = is_any_word(word) || is_common(word) || is_place(word);
            if is_long(word) && !plain {
                self.remember(Name::Latin(vec![word.clone()]));
            }
        }
        if words.len() > 1 && words.iter().any(|word| is_long(word)) {
            self.remember(Name::Latin(words));
        }
    }

    fn remember(&mut self, name: Name) {
        if self.names.contains(&name) {
            return;
        }
        if self.names.len() == MOST {
            self.names.remove(0);
        }
        self.names.push(name);
    }

    /// Where a text says them again.
    pub(crate) fn find(&self, text: &Folded) -> Vec<Hidden> {
        let sounds: Vec<Option<String>> = text.chars().iter().map(|c| self.sound(*c)).collect();
        let said: Vec<_> = words(text, 0, text.chars().len()).collect();
        self.names
            .iter()
            .flat_map(|name| match name {
                Name::Han(chars, name) => chinese(text, &sounds, chars, name),
                Name::Latin(name) => latin(&said, name),
            })
            .collect()
    }

    /// How a character sounds, where any name is known by that.
    fn sound(&self, c: char) -> Option<String> {
        let long = |name: &Name| matches!(name, Name::Han(chars, _) if chars.len() >= SOUNDS_FROM);
        self.names.iter().any(long).then(|| sound_of(c)).flatten()
    }
}

fn chinese(
    text: &Folded,
    sounds: &[Option<String>],
    name: &[char],
    name_sounds: &[String],
) -> Vec<Hidden> {
    let stands = |at: usize| {
        let end = at + name.len();
        text.chars()[at..end] == *name
            || name.len() >= SOUNDS_FROM
                && name_sounds
                    .iter()
                    .map(Some)
                    .eq(sounds[at..end].iter().map(Option::as_ref))
                && surname_at(text, at) > 0
                && !is_word(text, at)
                && (at + 1..end).all(|at| !stops(text, at))
    };
    let last = (text.chars().len() + 1).saturating_sub(name.len());
    (0..last)
        .filter(|at| stands(*at))
        .map(|at| hidden(at, at + name.len()))
        .collect()
}

fn latin(said: &[(usize, usize, String)], name: &[String]) -> Vec<Hidden> {
    let is = |said: &str, word: &str| said == word || said.strip_suffix('s') == Some(word);
    said.windows(name.len())
        .filter(|words| {
            words
                .iter()
                .zip(name)
                .all(|((_, _, said), word)| is(said, word))
        })
        .map(|words| hidden(words[0].0, words[words.len() - 1].1))
        .collect()
}

/// Whether a word has enough letters, of an alphabet: rare characters of Chinese count as letters too.
fn is_long(word: &str) -> bool {
    word.chars().count() >= LETTERS && word.chars().all(|c| c < '\u{250}')
}

/// The words of Latin letters in a part of a text: where each begins and ends, and its letters.
fn words(
    text: &Folded,
    start: usize,
    end: usize,
) -> impl Iterator<Item = (usize, usize, String)> + '_ {
    let mut at = start;
    std::iter::from_fn(move || {
        while at < end {
            let from = skip_blanks(text, at);
            let to = word_end(text, from);
            at = to.max(from + 1);
            if to > from {
                let owned = to > from + 2 && text.starts_with(to - 2, "'s");
                let to = if owned { to - 2 } else { to };
                let letters = text.slice(from, to);
                return Some((from, to, letters.replace(['\'', '-'], "")));
            }
        }
        None
    })
}
