//! English addresses: a house number with a street, flats and floors, postal codes.

use super::hidden;
use crate::numbers::{Folded, runs_of};
use crate::personal::names;
use crate::redact::Hidden;

const INTRODUCTIONS: [&str; 35] = [
    "we live at",
    "we live on",
    "we live in",
    "lives at",
    "lives in",
    "lives on",
    "im living at",
    "im at",
    "we're at",
    "i live at",
    "i live on",
    "i live in",
    "i'm living at",
    "living at",
    "my address is",
    "my address's",
    "my new address is",
    "home address is",
    "delivery address is",
    "shipping address is",
    "billing address is",
    "mailing address is",
    "the address is",
    "address is",
    "deliver it to",
    "deliver to",
    "ship it to",
    "ship to",
    "send it to",
    "mail it to",
    "moved to",
    "located at",
    "i'm at",
    "come to",
    "we are at",
];

/// Kinds of streets, written out and short.
const STREETS: &str = "street road avenue lane drive boulevard court close square way terrace \
    crescent place parade walk grove gardens garden hill row mews path circle highway parkway alley \
    plaza st rd ave ln dr blvd ct sq pl cres hwy pkwy estate mansion mansions tower towers building \
    house centre center quay wharf view heights park strasse straat weg gasse rue via calle";

/// Words that a numbered part of a building follows.
const UNITS: [&str; 12] = [
    "flat",
    "apartment",
    "apt",
    "unit",
    "suite",
    "room",
    "floor",
    "block",
    "po box",
    "p.o. box",
    "level",
    "number",
];

/// Where an address in running talk ends.
const ENDS: &str = "thanks thank please and but can could my i is so because if that which right ok \
    okay yes now then when before by tomorrow today it for with not you";

/// With which an utterance begins, before whoever speaks.
const OPENINGS: [&str; 9] = [
    "", "so ", "and ", "yes ", "hi ", "hello ", "well ", "um ", "uh ",
];

/// Words before a street's kind that make it a way of no name.
const NO_STREETS: &str = "the a an this that fast bus slow inside outside middle cycle memory left right other my our your his \
    her their which what same wrong next down up across in on of back whole entire into along every each any one first second third";

/// Kinds of houses that have a name in place of a number.
const HOUSES: [&str; 7] = [
    "cottage",
    "vicarage",
    "rectory",
    "barn",
    "lodge",
    "farmhouse",
    "manor",
];

/// Kinds of streets that may have an article before their name.
const SURE_STREETS: [&str; 10] = [
    "street", "road", "lane", "avenue", "crescent", "mews", "grove", "terrace", "parade", "gardens",
];

/// Kinds of streets that hardly anything else is.
const NAMED_STREETS: [&str; 5] = ["lane", "avenue", "crescent", "mews", "grove"];

/// The most words of an address.
const MOST_WORDS: usize = 16;

fn is_street(word: &str) -> bool {
    STREETS.split_whitespace().any(|street| street == word)
}

/// One word or figure: its ends, and what it is.
#[derive(Clone)]
struct Word {
    start: usize,
    end: usize,
    text: String,
    number: bool,
    capital: bool,
}

/// So many hesitations may stand among the words of an address: who looks from every word must not look to
/// the end.
const MOST_HESITATIONS: usize = 16;

/// Words from a position on, hesitations left out; punctuation other than commas ends them.
fn words_from(text: &Folded, original: &[char], from: usize, most: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = from;
    let mut hesitations = 0;
    while words.len() < most && hesitations <= MOST_HESITATIONS {
        while text
            .at(at)
            .is_some_and(|c| matches!(c, ' ' | ',' | '\n' | '#' | '-' | '/' | '\''))
            || (text.at(at) == Some('.')
                && text.at(at + 1) == Some(' ')
                && at > from
                && at < from + 60)
        {
            at += 1;
        }
        let mut end = at;
        while text
            .at(end)
            .is_some_and(|c| c.is_alphanumeric() && !('\u{2e80}'..='\u{d7ff}').contains(&c))
        {
            end += 1;
        }
        if end == at || end > at + 24 {
            break;
        }
        let word = text.slice(at, end);
        if ["uh", "um", "er", "erm", "ah"].contains(&word.as_str()) {
            hesitations += 1;
        } else {
            let spoken = || !runs_of(&Folded::new(&word)).is_empty() && word != "o" && word != "oh";
            words.push(Word {
                start: at,
                end,
                number: word.starts_with(|c: char| c.is_ascii_digit()) || spoken(),
                capital: original.get(at).is_some_and(|c| c.is_uppercase()),
                text: word,
            });
        }
        at = end;
    }
    words
}

/// The address that begins, or is introduced, at a word's begin.
pub(super) fn address_at(text: &Folded, original: &[char], at: usize) -> Option<Hidden> {
    let first = text.at(at)?;
    if !first.is_ascii_alphanumeric() || (at > 0 && text.chars()[at - 1].is_alphanumeric()) {
        return None;
    }
    let words = INTRODUCTIONS.iter().find(|words| {
        text.starts_with(at, words)
            && !text
                .at(at + words.len())
                .is_some_and(|c| c.is_ascii_alphabetic())
    });
    // `were at`, an apostrophe that nobody hears.
    let words = words.map(|words| words.len()).or_else(|| {
        let opens = |word: &str| at == word.len() && text.starts_with(0, word);
        (text.starts_with(at, "were at ") && OPENINGS.iter().any(|word| opens(word))).then_some(7)
    });
    if let Some(length) = words {
        return told(&words_from(text, original, at + length, MOST_WORDS));
    }
    let begins = words_from(text, original, at, 1)
        .first()
        .is_some_and(|word| word.number || UNITS.contains(&word.text.as_str()));
    let found = begins
        .then(|| by_form(&words_from(text, original, at, 8)))
        .flatten()
        .map(|end| hidden(at, tail(text, original, end)));
    found
        .or_else(|| {
            names_street(text, at)
                .then(|| without_number(&words_from(text, original, at, MOST_OF_NAME)))
                .flatten()
        })
        .or_else(|| postcode(text, at))
        .or_else(|| spelled_postcode(text, at))
}

/// What stands where an address is expected: up to where the talk goes on, if a number or a street
/// is in it.
fn told(words: &[Word]) -> Option<Hidden> {
    let ends = |word: &Word| ENDS.split_whitespace().any(|end| end == word.text);
    let length = words.iter().position(ends).unwrap_or(words.len());
    let said = &words[..length];
    let telling = said
        .iter()
        .take(6)
        .any(|word| word.number || is_street(&word.text) || HOUSES.contains(&word.text.as_str()));
    (telling && said.len() > 1).then(|| hidden(said[0].start, said[length - 1].end))
}

/// A number, up to four words, a kind of street; or a unit with its number, then such a street.
fn by_form(words: &[Word]) -> Option<usize> {
    let first = words.first()?;
    if UNITS.contains(&first.text.as_str()) && first.text != "number" {
        let number = words.get(1)?;
        let one_letter = number.text.len() == 1;
        if !(number.number || one_letter) {
            return None;
        }
        let rest = words.iter().skip(2).position(|word| word.number);
        let street = rest.and_then(|skip| by_form(&words[2 + skip.min(words.len() - 2)..]));
        let unit_only = matches!(
            first.text.as_str(),
            "flat" | "apartment" | "apt" | "unit" | "suite"
        );
        return street.or_else(|| (unit_only && number.number).then_some(number.end));
    }
    if !first.number {
        return None;
    }
    let numbers = words.iter().take_while(|word| word.number).count();
    if numbers > 5 {
        return None;
    }
    let street = words[numbers..]
        .iter()
        .take(4)
        .position(|word| is_street(&word.text))?;
    let named = &words[numbers..numbers + street];
    // `sixty six the high street`: what else begins so is no street by its last word.
    let sure = SURE_STREETS.contains(&words[numbers + street].text.as_str());
    let named = match named {
        [the, rest @ ..] if the.text == "the" && sure => rest,
        named => named,
    };
    let ordinary = |word: &Word| {
        ENDS.split_whitespace().any(|end| end == word.text)
            || [
                "of", "the", "a", "way", "per", "a", "in", "on", "at", "to", "times", "days",
                "more",
            ]
            .contains(&word.text.as_str())
    };
    (!named.is_empty() && !named.iter().any(ordinary)).then(|| words[numbers + street].end)
}

/// The most words of a street without a number, its kind and the house before it among them.
const MOST_OF_NAME: usize = 5;

/// Whether one of the next words is a kind of street that hardly anything else is.
fn names_street(text: &Folded, at: usize) -> bool {
    let mut start = at;
    (0..MOST_OF_NAME).any(|_| {
        let end = text.word_end(start);
        let named = NAMED_STREETS
            .iter()
            .any(|kind| end - start == kind.len() && text.starts_with(start, kind));
        start = skip_blanks(text, end);
        named
    })
}

/// `mill lane`, `chez nous mill lane`: a street by its name, the house before it where no language has its
/// words.
fn without_number(words: &[Word]) -> Option<Hidden> {
    let kind = words
        .iter()
        .position(|word| NAMED_STREETS.contains(&word.text.as_str()))?;
    let (house, named) = words[..kind].split_at(kind.checked_sub(1)?);
    let ordinary = |word: &Word| {
        word.number
            || NO_STREETS
                .split_whitespace()
                .chain(ENDS.split_whitespace())
                .any(|other| other == word.text)
    };
    let strange =
        |word: &Word| word.text.len() > 2 && !word.number && !names::is_in_dictionary(&word.text);
    (!named.iter().any(ordinary) && house.iter().all(strange))
        .then(|| hidden(words[0].start, words[kind].end))
}

/// Behind a street: flats, towns with capitals, postal codes.
fn tail(text: &Folded, original: &[char], street_end: usize) -> usize {
    let words = words_from(text, original, street_end, 12);
    let mut end = street_end;
    let mut index = 0;
    while let Some(word) = words.get(index) {
        let unit = UNITS.contains(&word.text.as_str());
        let number = words
            .get(index + 1)
            .is_some_and(|next| next.number || next.text.len() == 1);
        if unit && number {
            end = words[index + 1].end;
            index += 2;
        } else if word.capital || (word.number && word.text.len() > 3) || is_street(&word.text) {
            end = word.end;
            index += 1;
        } else {
            break;
        }
    }
    end
}

/// `SW1A 1AA`: the outward and inward halves of a British postal code.
fn postcode(text: &Folded, at: usize) -> Option<Hidden> {
    let kind = |at: usize| match text.at(at) {
        Some(c) if c.is_ascii_digit() => '9',
        Some(c) if c.is_ascii_alphabetic() => 'a',
        Some(' ') => ' ',
        _ => '.',
    };
    let form: String = (at..at + 9).map(kind).collect();
    let forms = [
        "a9 9aa", "a99 9aa", "aa9 9aa", "aa99 9aa", "a9a 9aa", "aa9a 9aa",
    ];
    let found = forms.iter().find(|known| {
        form.starts_with(**known) && !matches!(form.as_bytes().get(known.len()), Some(b'a' | b'9'))
    })?;
    Some(hidden(at, at + found.len()))
}

/// `s w one a one a a`: a British postal code, letter by letter; behind `postcode` whatever is
/// spelt.
fn spelled_postcode(text: &Folded, at: usize) -> Option<Hidden> {
    const CUES: [&str; 4] = ["postcode", "post code", "postal code", "zip code"];
    const FORMS: [&str; 6] = ["a99aa", "a999aa", "aa99aa", "aa999aa", "a9a9aa", "aa9a9aa"];
    if at > 0 && text.at(at - 1) == Some('\'') {
        return None;
    }
    let (form, ends) = letters_and_digits(text, at);
    // No inward half has an O: that is a zero of a number.
    let inward_zero = |length: usize| {
        ends[length - 2..length]
            .iter()
            .any(|end| text.at(end - 1) == Some('o'))
    };
    let known = FORMS.iter().rev().find(|known| form.starts_with(**known));
    if let Some(form) = known.filter(|form| !inward_zero(form.len())) {
        return Some(hidden(at, ends[form.len() - 1]));
    }
    let after = CUES
        .iter()
        .find(|cue| text.starts_with(at, cue))
        .map(|cue| at + cue.len())?;
    let start = ["is", "'s", "it's", "should be"]
        .iter()
        .find(|link| text.starts_with(skip_blanks(text, after), link))
        .map_or(after, |link| skip_blanks(text, after) + link.len());
    let start = skip_blanks(text, start);
    postcode(text, start).or_else(|| spelled_from(text, start))
}

/// Single letters and digits from a position on, at least two and one of them a digit.
fn spelled_from(text: &Folded, start: usize) -> Option<Hidden> {
    let (form, ends) = letters_and_digits(text, start);
    (form.len() > 1 && form.contains('9')).then(|| hidden(start, ends[ends.len() - 1]))
}

/// What is spelt from a position on, `a` for a letter and `9` for a digit, and where each ends.
fn letters_and_digits(text: &Folded, start: usize) -> (String, Vec<usize>) {
    const DIGITS: [&str; 13] = [
        "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "to",
        "for",
    ];
    let (mut form, mut ends) = (String::new(), Vec::new());
    let mut at = start;
    while form.len() < 8 {
        let end = text.word_end(at);
        let word = text.slice(at, end.min(at + 6));
        let figure = text.at(at).is_some_and(|c| c.is_ascii_digit());
        let (kind, end) = match word.as_str() {
            "" if figure => ('9', at + 1),
            "uh" | "um" | "then" if !form.is_empty() => {
                at = skip_blanks(text, end);
                continue;
            }
            word if word.len() == 1 => ('a', end),
            // `4bt`: letters joined to a figure.
            word if word.len() == 2 && joined(text, at, end) => {
                form.push('a');
                ends.push(at + 1);
                ('a', end)
            }
            word if DIGITS.contains(&word) => ('9', end),
            _ => break,
        };
        form.push(kind);
        ends.push(end);
        at = skip_blanks(text, end);
        if at == end && text.at(at).is_some_and(|c| !c.is_ascii_alphanumeric()) {
            break;
        }
    }
    (form, ends)
}

fn skip_blanks(text: &Folded, mut at: usize) -> usize {
    while text.at(at) == Some(' ') {
        at += 1;
    }
    at
}

/// Whether a figure stands at either side of letters.
fn joined(text: &Folded, start: usize, end: usize) -> bool {
    let figure = |at: usize| text.at(at).is_some_and(|c| c.is_ascii_digit());
    figure(end) || start > 0 && figure(start - 1)
}

/// The answer to a question for the address.
pub(super) fn answer(text: &Folded) -> Option<Hidden> {
    let lead = ["it's ", "its ", "yes ", "um ", "uh "]
        .iter()
        .find(|lead| text.starts_with(0, lead))
        .map_or(0, |lead| lead.len());
    told(&words_from(text, text.chars(), 0, MOST_WORDS)).or_else(|| spelled_from(text, lead))
}

/// Whether a text ends by asking for, or announcing, an address.
pub(super) fn is_announced_at_end(text: &Folded) -> bool {
    const ASKED: [&str; 13] = [
        "name and address",
        "and your address",
        "your postcode",
        "your post code",
        "the postcode",
        "the post code",
        "your zip code",
        "your address",
        "your home address",
        "your delivery address",
        "the delivery address",
        "your postal address",
        "where do you live",
    ];
    let end = text.chars().len();
    (end.saturating_sub(30)..end).any(|at| {
        INTRODUCTIONS.iter().any(|words| {
            text.starts_with(at, words)
                && text.chars()[at + words.len()..]
                    .iter()
                    .all(|c| !c.is_alphanumeric())
        }) || ASKED.iter().any(|words| text.starts_with(at, words))
    })
}
