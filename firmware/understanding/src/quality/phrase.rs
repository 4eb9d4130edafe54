//! One phrase of a rule, and where it stands in what was said.

use std::ops::Range;

use pinyin::ToPinyin;

use crate::features::tokens_of;
use crate::numbers::Folded;

/// How many words or characters `*` may stand for.
const GAP: usize = 8;

/// From so many syllables on, a part of a phrase is also heard in other tones.
const TONELESS_FROM: usize = 3;

/// What ends a clause in a recogniser's text; the other marks are folded to these.
const CLAUSE_ENDS: &str = ",.!?;:。…\n";

/// A word or character of what was said.
#[derive(Clone, Debug)]
pub(super) struct Word {
    text: String,
    /// Its sound, tones left out, and its tone: for a Chinese character.
    sound: Option<(String, Option<char>)>,
    /// Whether a clause begins with it.
    pub opens: bool,
    /// Whether a turn begins with it.
    pub begins: bool,
}

impl Word {
    /// Whether a clause or a turn begins with it.
    const fn is_first(&self) -> bool {
        self.opens || self.begins
    }
}

/// What was said: traditional characters as simplified ones, 您 as 你, hesitations left out.
pub(super) fn words(text: &str) -> Vec<Word> {
    let folded: String = Folded::new(text)
        .chars()
        .iter()
        .map(|c| if *c == '您' { '你' } else { *c })
        .collect();
    let chars: Vec<char> = folded.chars().collect();
    let mut end = 0;
    let words = tokens_of(&folded).into_iter().map(|token| {
        let between = &chars[end.min(token.start)..token.start];
        let begins = end == 0;
        let opens = begins || between.iter().any(|c| CLAUSE_ENDS.contains(*c));
        end = token.end;
        let tone = token.text.chars().next().and_then(tone_of);
        Word {
            text: token.text,
            sound: token.sound.map(|sound| (sound, tone)),
            opens,
            begins,
        }
    });
    words.collect()
}

/// A turn of at most so many words is an answer of its own, with which no clause goes on: `不`, `没有`.
const AN_ANSWER: usize = 2;

/// What a speaker said in two turns, as one: a pause in the middle of a clause ends none.
pub(super) fn joined(before: &[Word], said: &[Word]) -> Vec<Word> {
    let mut words = [before, said].concat();
    if before.len() > AN_ANSWER
        && let Some(first) = words.get_mut(before.len())
    {
        first.opens = false;
    }
    words
}

fn tone_of(c: char) -> Option<char> {
    let written = c.to_pinyin()?.with_tone_num_end();
    written.chars().last().filter(char::is_ascii_digit)
}

/// A phrase: words in a row, with gaps where `*` stands.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    /// As it is written in the rule.
    pub text: String,
    /// The parts between gaps; never empty.
    parts: Vec<Vec<Word>>,
    /// Whether homophones count.
    by_sound: bool,
    /// Whether it must be the beginning of a clause, and its end.
    opens: bool,
    closes: bool,
}

/// Where the parts of a phrase stand, in order; never empty.
pub(super) type Place = Vec<Range<usize>>;

impl Phrase {
    /// None where nothing in it can be said. `by_sound` also takes homophones: of several
    /// syllables in any tone, of two only in the same, of one none.
    pub(super) fn new(text: &str, by_sound: bool) -> Option<Self> {
        let opened = text.strip_prefix('^');
        let closed = text.strip_suffix('$');
        let parts: Vec<Vec<Word>> = text
            .split('*')
            .map(words)
            .filter(|part| !part.is_empty())
            .collect();
        (!parts.is_empty()).then(|| Self {
            text: text.to_owned(),
            parts,
            by_sound,
            opens: opened.is_some(),
            closes: closed.is_some(),
        })
    }

    /// Everywhere it stands, without overlaps.
    pub(super) fn places<'a>(&'a self, said: &'a [Word]) -> impl Iterator<Item = Place> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let place = (from..said.len()).find_map(|start| self.at(said, start))?;
            from = place[place.len() - 1].end;
            Some(place)
        })
    }

    /// Where it begins if it ends right before a word, in the same clause as that word.
    pub(super) fn before(&self, said: &[Word], end: usize) -> Option<usize> {
        let words: usize = self.parts.iter().map(Vec::len).sum();
        let longest = words + GAP * (self.parts.len() - 1);
        (end.saturating_sub(longest)..end)
            .rev()
            .take_while(|start| !said[start + 1].opens)
            .find(|start| {
                self.at(said, *start)
                    .is_some_and(|place| place[place.len() - 1].end == end)
            })
    }

    fn at(&self, said: &[Word], start: usize) -> Option<Place> {
        if self.opens && !said.get(start)?.is_first() {
            return None;
        }
        let mut place = Place::new();
        let mut at = start;
        for (index, part) in self.parts.iter().enumerate() {
            let room = if index == 0 { 0 } else { GAP };
            let found = (at..=at + room)
                .take_while(|start| !is_over(said, at, *start))
                .find(|start| self.stands(part, said, *start))?;
            at = found + part.len();
            place.push(found..at);
        }
        let closes = said.get(at).is_none_or(Word::is_first);
        (closes || !self.closes).then_some(place)
    }

    fn stands(&self, part: &[Word], said: &[Word], start: usize) -> bool {
        let Some(said) = said.get(start..start + part.len()) else {
            return false;
        };
        let syllables = part.iter().filter(|word| word.sound.is_some()).count();
        let by_sound = self.by_sound && part.len() > 1;
        part.iter().zip(said).all(|(wanted, said)| {
            wanted.text == said.text
                || (by_sound && wanted.sounds_like(said, syllables >= TONELESS_FROM))
        })
    }
}

/// Who ends a turn so many words behind the beginning of a gap broke off in it; later they are done with it.
const BROKEN_OFF: usize = 2;

/// Whether a gap that begins at `at` leaves its turn before `start`: who ends a turn within it speaks of
/// something else in the next, unless they broke off.
fn is_over(said: &[Word], at: usize, start: usize) -> bool {
    let ends = |at: usize| said.get(at).is_some_and(|word| word.begins);
    (at + BROKEN_OFF + 1..=start).any(ends)
}

impl Word {
    fn sounds_like(&self, said: &Self, in_any_tone: bool) -> bool {
        match (&self.sound, &said.sound) {
            (Some((wanted, tone)), Some((said, heard))) => {
                wanted == said && (in_any_tone || tone == heard)
            }
            _ => false,
        }
    }
}
