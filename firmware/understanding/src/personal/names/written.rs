//! Names in text that is written with capitals: runs of words that begin with one and that nothing
//! says to be something else.

use super::known::{
    is_also_a_word, is_family_name, is_first_name, is_in_dictionary, is_of_no_person, is_ordinary,
    is_place,
};
use super::{english, hidden};
use crate::numbers::Folded;
use crate::redact::Hidden;

/// Small words inside family names.
const PARTICLES: [&str; 14] = [
    "van", "de", "der", "den", "von", "da", "di", "del", "dos", "la", "le", "al", "bin", "ten",
];

/// Behind these stands a place or a firm more often than a person.
const BEFORE_PLACES: [&str; 5] = ["in", "from", "near", "to", "at"];

/// What stands behind a name and belongs to it.
const SUFFIXES: [&str; 12] = [
    "jr", "sr", "ii", "iii", "iv", "md", "phd", "dds", "dvm", "esq", "jnr", "snr",
];

/// What is joined to a word: `Anna's`, `I'm`, `Don't`.
const SHORTENED: [&str; 7] = ["'s", "'m", "'ll", "'ve", "'re", "'d", "n't"];

/// The longest run of words that is believed without a known name in it.
const LONGEST_UNKNOWN: usize = 3;

/// Whether a text is written with capitals, so that they tell something: some, not most.
pub(super) fn is_written(original: &[char]) -> bool {
    let upper = original.iter().filter(|c| c.is_uppercase()).count();
    let lower = original.iter().filter(|c| c.is_lowercase()).count();
    upper > 0 && lower > 2 * upper
}

/// One word of Latin letters.
struct Word {
    start: usize,
    end: usize,
    /// In small letters, without what is joined to it.
    text: String,
    /// Begins with a capital and goes on in small letters.
    is_capital: bool,
    /// One capital, with or without a full stop.
    is_initial: bool,
}

impl Word {
    fn is_particle(&self) -> bool {
        PARTICLES.contains(&self.text.as_str())
    }

    /// Whether it is part of a street's or a firm's name; `Dr` is a drive only behind one.
    fn is_of_no_person(&self) -> bool {
        self.is_capital && is_of_no_person(&self.text) && !english::is_title(&self.text)
    }

    /// Whether it is a word that callers use for other things, and not for people as well.
    fn is_plain(&self) -> bool {
        let word = self.text.as_str();
        let named = is_also_a_word(word) || is_first_name(word) || is_family_name(word);
        is_ordinary(word) && !is_also_a_word(word) || is_in_dictionary(word) && !named
    }
}

/// The names of a written text. `strict` hides every word with a capital that is not known to be
/// something else.
pub(super) fn find(text: &Folded, original: &[char], strict: bool) -> Vec<Hidden> {
    let words = words_of(text, original);
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let begins = words[at].is_capital || words[at].is_initial;
        if !begins || english::is_title(&words[at].text) {
            at += 1;
            continue;
        }
        let end = run_end(text, &words, at);
        let run = Run {
            text,
            words: &words,
            first: at,
            end,
        };
        found.extend(run.name(strict));
        at = end;
    }
    found
}

/// Words with capitals that follow each other.
struct Run<'a> {
    text: &'a Folded,
    words: &'a [Word],
    first: usize,
    end: usize,
}

impl Run<'_> {
    /// The name in it, with the title before and the suffix behind.
    fn name(&self, strict: bool) -> Option<Hidden> {
        let opens = self.opens_sentence();
        let (first, end) = self.core(opens);
        let core = self.words.get(first..end)?;
        if core.iter().all(|word| word.is_initial) {
            return None;
        }
        let opens = opens && first == self.first;
        let known = core.iter().any(|word| is_first_name(&word.text));
        let believed = if strict {
            !core
                .iter()
                .all(|word| is_place(&word.text) || word.is_plain())
        } else {
            !self.is_something_else(core, first, end, opens, known)
        };
        believed.then(|| self.with_title_and_suffix(first, end))
    }

    /// The run without ordinary words at its begin, and without initials at its end.
    fn core(&self, opens: bool) -> (usize, usize) {
        let (mut first, mut end) = (self.first, self.end);
        while first < end {
            let word = &self.words[first];
            let named = is_first_name(&word.text) || is_also_a_word(&word.text);
            let goes_on = first + 1 < end && !self.words[first + 1].is_plain();
            // `Will I`, `May I`: no name.
            let asks = first + 1 < end && self.words[first + 1].text == "i";
            let begins_sentence = opens && first == self.first;
            let kept = named && !asks && (goes_on || !(begins_sentence || word.is_plain()));
            let dropped = is_ordinary(&word.text) || word.is_plain();
            if kept || !(dropped || word.is_particle()) {
                break;
            }
            first += 1;
        }
        while end > first && (self.words[end - 1].is_initial || self.words[end - 1].is_particle()) {
            end -= 1;
        }
        (first, end)
    }

    /// Whether what stands in or beside the words says that they name no person.
    fn is_something_else(
        &self,
        core: &[Word],
        first: usize,
        end: usize,
        opens: bool,
        known: bool,
    ) -> bool {
        let leads = core.iter().find(|word| !word.is_initial);
        let leads = leads.is_some_and(|word| is_first_name(&word.text));
        let last = &core[core.len() - 1].text;
        let before = self.before(first);
        let behind = self.behind(end);
        let lone = core.len() == 1;
        core.iter().any(|word| is_of_no_person(&word.text))
            || core
                .iter()
                .all(|word| is_place(&word.text) || word.is_plain())
            || (is_place(last) && !leads)
            || behind.is_some_and(|word| is_of_no_person(&word.text))
            || self.touches_number(first, end)
            || lone && last == "may" && self.is_month(first)
            || before.is_some_and(Word::is_of_no_person)
            || before.is_some_and(|word| BEFORE_PLACES.contains(&word.text.as_str())) && !leads
            || before.is_some_and(|word| word.text == "the") && lone && !leads
            || core.len() > LONGEST_UNKNOWN && !known
            || opens && lone && !leads && !is_family_name(last) && english::is_common(last)
    }

    fn opens_sentence(&self) -> bool {
        let chars = self.text.chars();
        let mut before = self.words[self.first].start;
        while before > 0 && matches!(chars[before - 1], ' ' | '"' | '\'' | '(' | '>' | '“' | '‘')
        {
            before -= 1;
        }
        before == 0 || matches!(chars[before - 1], '.' | '!' | '?' | '\n' | ':' | '…')
    }

    /// The word before a position, with nothing but a blank between.
    fn before(&self, first: usize) -> Option<&Word> {
        let word = self.words.get(first.checked_sub(1)?)?;
        self.is_next(word.end, self.words[first].start)
            .then_some(word)
    }

    fn behind(&self, end: usize) -> Option<&Word> {
        let word = self.words.get(end)?;
        self.is_next(self.words[end - 1].end, word.start)
            .then_some(word)
    }

    fn is_next(&self, end: usize, start: usize) -> bool {
        start - end <= 2
            && self.text.chars()[end..start]
                .iter()
                .all(|c| matches!(c, ' ' | ',' | '.'))
    }

    /// Whether a number stands directly before, or a short one behind: then it is an address.
    /// Whether what stands before the word `May` makes it a month: `3rd of May`, `last May`.
    fn is_month(&self, first: usize) -> bool {
        const NEAR: [&str; 10] = [
            "last", "next", "this", "since", "until", "by", "in", "early", "late", "mid",
        ];
        const ORDINALS: [&str; 4] = ["st", "nd", "rd", "th"];
        let of = usize::from(self.before(first).is_some_and(|word| word.text == "of"));
        let Some(word) = self.before(first - of) else {
            return false;
        };
        let is_counted = word.start > 0 && self.text.chars()[word.start - 1].is_ascii_digit();
        let text = word.text.as_str();
        of == 0 && NEAR.contains(&text) || is_counted && ORDINALS.contains(&text)
    }

    fn touches_number(&self, first: usize, end: usize) -> bool {
        let is_digit = |at: usize| self.text.at(at).is_some_and(|c| c.is_ascii_digit());
        let start = self.words[first].start;
        let before = start >= 2 && self.text.at(start - 1) == Some(' ') && is_digit(start - 2);
        let stop = self.words[end - 1].end;
        let behind = self.text.at(stop) == Some(' ') && is_digit(stop + 1);
        before || behind && !(stop + 2..stop + 5).all(is_digit)
    }

    fn with_title_and_suffix(&self, first: usize, end: usize) -> Hidden {
        let title = self
            .before(first)
            .filter(|word| english::is_title(&word.text));
        let start = title.map_or(self.words[first].start, |word| word.start);
        let suffix = self
            .behind(end)
            .filter(|word| SUFFIXES.contains(&word.text.as_str()));
        let stop = suffix.map_or(self.words[end - 1].end, |word| word.end);
        hidden(start, stop)
    }
}

/// Where a run of words with capitals, initials and particles between them ends.
fn run_end(text: &Folded, words: &[Word], first: usize) -> usize {
    let is_next = |at: usize| {
        let Some(next) = words.get(at) else {
            return false;
        };
        let gap = &text.chars()[words[at - 1].end..next.start];
        matches!(gap, [' ']) || words[at - 1].is_initial && matches!(gap, ['.', ' '])
    };
    let mut end = first + 1;
    loop {
        let mut next = end;
        while next < words.len() && is_next(next) && words[next].is_particle() {
            next += 1;
        }
        if next < words.len()
            && is_next(next)
            && (words[next].is_capital || words[next].is_initial)
            && !english::is_title(&words[next].text)
        {
            end = next + 1;
        } else {
            return end;
        }
    }
}

fn words_of(text: &Folded, original: &[char]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = 0;
    while at < original.len() {
        let end = english::word_end(text, at);
        if end == at {
            at += 1;
            continue;
        }
        let whole = text.slice(at, end);
        let word = SHORTENED
            .iter()
            .find_map(|end| whole.strip_suffix(end))
            .unwrap_or(&whole);
        let upper = original[at].is_uppercase();
        words.push(Word {
            start: at,
            end,
            is_capital: upper && original[at + 1..end].iter().any(|c| c.is_lowercase()),
            is_initial: upper && end == at + 1,
            text: word.to_owned(),
        });
        at = end;
    }
    words
}
