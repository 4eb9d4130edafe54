//! Addresses as they are written in many countries, in Latin, Greek or Cyrillic letters: a street's
//! name and a number in either order, then flats, towns, countries and postal codes, also line by line.

use super::hidden;
use crate::entities::MONTHS;
use crate::numbers::Folded;
use crate::redact::Hidden;

/// Small words within the names of streets and towns.
const PARTICLES: &str = "de la le les el los las del della delle dei di da do dos das du des der den \
    van von het ten ter e y d l nan af av dalla ob na";

/// Words for kinds of streets, before or behind a street's name.
const KINDS: &str = "street road avenue lane drive boulevard court square terrace crescent highway \
    parkway alley plaza platz plein weg gasse rue via viale piazza corso vicolo largo calle avenida av \
    ave carrer praza praça rua rúa travessa paseo passeig camino ctra carretera ul ulica ulice u út utca \
    tér körút str straße strasse straat gade vej gata gatan gate vei vägen cesta trg náměstí nám aleja os \
    plac pl impasse allée chemin quai cours lieu útja rakpart tee puiestee";

/// How a street's name ends where its kind is part of the word.
const ENDINGS: &str = "straße strasse straat stræde strasze laan weg gasse platz plein gracht kade \
    dijk steeg singel vej gade vænget gata gatan vägen veien vegen katu kuja tie polku utca allee bakken \
    ufer brücke graben plads ulica vegur stígur straeti stræti götu";

/// Words that no name of a street holds.
const ORDINARY: &str = "thanks thank please and but can could my i is so because if that which right \
    ok okay yes now then when before by tomorrow today it for with not you in on at to as was were will \
    would box of the old years months days weeks hours minutes a an per am pm";

const UNITS: [&str; 7] = ["apt", "apartment", "suite", "flat", "unit", "room", "floor"];

/// Boxes at a post office, in one word.
const BOXES: [&str; 7] = [
    "postbox", "postboks", "postfach", "postbus", "apartado", "casilla", "pobox",
];

const MOST_NAME_WORDS: usize = 6;

/// This many words on, a postal code still belongs to the words before it.
const CODE_WITHIN: usize = 7;

/// One word or figure.
struct Word {
    start: usize,
    end: usize,
    text: String,
    number: bool,
    capital: bool,
}

impl Word {
    fn is_in(&self, list: &str) -> bool {
        list.split(' ').any(|word| word == self.text)
    }

    fn is_kind(&self) -> bool {
        let stem = |ending: &str| {
            let before = self.text.strip_suffix(ending);
            before.is_some_and(|before| before.chars().count() > 2)
        };
        self.is_in(KINDS) || ENDINGS.split(' ').any(stem)
    }

    fn is_unit(&self) -> bool {
        UNITS.contains(&self.text.as_str())
    }

    /// A house number: up to four figures, perhaps with a letter.
    fn is_house(&self) -> bool {
        let figures = self.text.trim_end_matches(|c| ('a'..='h').contains(&c));
        self.number
            && (1..=4).contains(&figures.len())
            && self.text.len() <= figures.len() + 1
            && figures.bytes().all(|b| b.is_ascii_digit())
    }

    /// `184th`, which names a street.
    fn is_ordinal(&self) -> bool {
        let figures = self
            .text
            .trim_end_matches(|c: char| c.is_ascii_alphabetic());
        self.number && ["st", "nd", "rd", "th"].contains(&&self.text[figures.len()..])
    }

    /// Figures alone, this many.
    fn is_code(&self, lengths: std::ops::RangeInclusive<usize>) -> bool {
        lengths.contains(&self.text.len()) && self.text.bytes().all(|b| b.is_ascii_digit())
    }
}

/// The words of a text, with the characters between them at hand.
struct Line<'a> {
    chars: &'a [char],
    words: Vec<Word>,
    /// Nothing is written with a capital: capitals tell nothing.
    lower: bool,
}

impl<'a> Line<'a> {
    fn of(text: &'a Folded, original: &[char]) -> Self {
        let chars = text.chars();
        let is_letter = |c: char| c.is_alphanumeric() && !('\u{2e80}'..='\u{d7ff}').contains(&c);
        let mut words = Vec::new();
        let mut at = 0;
        while at < chars.len() {
            let mut end = at;
            while chars.get(end).copied().is_some_and(is_letter) {
                end += 1;
            }
            if end > at {
                words.push(Word {
                    start: at,
                    end,
                    text: chars[at..end].iter().collect(),
                    number: chars[at].is_ascii_digit(),
                    capital: original.get(at).is_some_and(|c| c.is_uppercase()),
                });
            }
            at = end.max(at + 1);
        }
        Self {
            chars,
            words,
            lower: !original.iter().any(|c| c.is_uppercase()),
        }
    }

    /// What stands before a word.
    fn gap(&self, index: usize) -> &[char] {
        let from = index
            .checked_sub(1)
            .map_or(0, |before| self.words[before].end);
        &self.chars[from..self.words[index].start]
    }

    fn begins_line(&self, index: usize) -> bool {
        index == 0 || self.gap(index).contains(&'\n')
    }

    /// Whether the words before this one are a piece of their own.
    fn ends_piece(&self, index: usize) -> bool {
        index >= self.words.len() || self.gap(index).iter().any(|c| matches!(c, '\n' | ','))
    }

    /// Whether a word can belong to the same address as the one before it: no sentence ends between
    /// them. New lines may begin with marks of quoting.
    fn continues(&self, index: usize) -> bool {
        let gap = self.gap(index);
        let line_end = gap.iter().position(|c| *c == '\n').unwrap_or(gap.len());
        let (line, next) = gap.split_at(line_end);
        let is_short = ["apt", "u", "str"].contains(&self.words[index - 1].text.as_str());
        line.iter()
            .all(|c| matches!(c, ' ' | ',' | '.' | '-' | '/' | '\'' | '’'))
            && next
                .iter()
                .all(|c| matches!(c, ' ' | '\n' | ',' | '>' | '?' | '|' | '*' | '-'))
            && next.iter().filter(|c| **c == '\n').count() <= 2
            && (is_short || !line.windows(2).any(|pair| pair == ['.', ' ']))
    }

    /// Whether a flat's or floor's number stands here.
    fn unit(&self, index: usize) -> bool {
        index > 0
            && self.words.get(index).is_some_and(Word::is_unit)
            && self.words.get(index + 1).is_some_and(|word| word.number)
            && self.continues(index)
    }

    /// A street with its number; the word behind it.
    fn street(&self, first: usize) -> Option<usize> {
        let spaced = |index: usize| matches!(self.gap(index), [' '] | ['.', ' ']);
        let mut name = first;
        while name < self.words.len()
            && name < first + 2
            && self.words[name].is_house()
            && (name == first || self.gap(name) == [' '])
        {
            name += 1;
        }
        let named = self.name(first, name)?;
        let numbered = self.words.get(named.end).is_some_and(Word::is_house) && spaced(named.end);
        let end = named.end + usize::from(numbered);
        let (led, unit) = (name > first, self.unit(end));
        let written = named.capitals > 0 || self.lower;
        let alone = self.ends_piece(end) || self.begins_line(first);
        // `12 April 2023`.
        let dated = named.end == name + 1 && MONTHS.contains(&self.words[name].text.as_str());
        if led && numbered && dated {
            return None;
        }
        let certain = if numbered {
            named.kind && written
                || led && (unit || named.capitals > 0 && (alone || !self.lower))
                || unit && named.capitals > 0
        } else {
            let framed = !self.lower && named.kind_at_edge;
            led && written && (unit || named.kind && (self.ends_piece(end) || framed))
        };
        certain.then_some(end)
    }

    /// The name of a street from a word on, in a street that begins at `first`.
    fn name(&self, first: usize, from: usize) -> Option<Named> {
        let mut named = Named {
            end: from,
            capitals: 0,
            kind: false,
            kind_at_edge: false,
        };
        let mut kind_first = false;
        while let Some(word) = self.words.get(named.end)
            && named.end < from + MOST_NAME_WORDS
        {
            let gap = self.gap(named.end);
            let joined = matches!(gap, [' ' | '-' | '\'' | '’'] | ['.', ' ']);
            let kind = word.is_kind();
            if word.number && !word.is_ordinal()
                || named.end > first && !joined
                || word.is_in(ORDINARY)
                || word.is_unit()
                || !(word.capital
                    || word.is_ordinal()
                    || word.is_in(PARTICLES)
                    || kind
                    || self.lower)
            {
                break;
            }
            // In running lower case, `u` is you.
            let tells = kind
                && (word.capital || self.lower || from > first)
                && !(self.lower && word.text.chars().count() < 3);
            named.kind |= tells;
            named.capitals += usize::from(word.capital);
            kind_first |= tells && named.end == from;
            named.end += 1;
            named.kind_at_edge = (kind_first || tells) && named.end > from + 1;
        }
        (named.end > from).then_some(named)
    }

    /// Behind a street: flats, towns, countries, up to a postal code.
    fn tail(&self, from: usize) -> usize {
        let (mut end, mut at) = (from, from);
        while at < self.words.len() && self.continues(at) {
            let word = &self.words[at];
            if self.unit(at) {
                at += 2;
                end = at;
            } else if word.is_code(4..=6) {
                return at + 1;
            } else if word.number {
                break;
            } else if word.capital || word.is_in(PARTICLES) {
                at += 1;
                if word.capital || word.text == "nan" {
                    end = at;
                }
            } else if self.code_follows(at) {
                at += 1;
                end = at;
            } else {
                break;
            }
        }
        end
    }

    fn code_follows(&self, from: usize) -> bool {
        for index in from..self.words.len().min(from + CODE_WITHIN) {
            let word = &self.words[index];
            let ordinary =
                word.is_in(ORDINARY) && !["and", "of", "the"].contains(&word.text.as_str());
            if ordinary || !self.continues(index) {
                return false;
            }
            if word.number {
                return word.is_code(5..=5);
            }
        }
        false
    }

    /// A box at a post office, or the code of a military post; the word behind it.
    fn post(&self, first: usize) -> Option<usize> {
        let text = |ahead: usize| {
            self.words
                .get(first + ahead)
                .map_or("", |word| word.text.as_str())
        };
        let code = |ahead: usize, lengths| {
            self.words
                .get(first + ahead)
                .is_some_and(|word| word.is_code(lengths))
        };
        if BOXES.contains(&text(0)) && code(1, 1..=6) {
            return Some(first + 2);
        }
        if text(0) == "po" && text(1) == "box" && code(2, 1..=6) {
            return Some(first + 3);
        }
        if text(0) == "p" && text(1) == "o" && text(2) == "box" && code(3, 1..=6) {
            return Some(first + 4);
        }
        let military = |ahead| {
            ["apo", "fpo", "dpo"].contains(&text(ahead))
                && ["aa", "ae", "ap"].contains(&text(ahead + 1))
                && code(ahead + 2, 5..=5)
        };
        let unit = ["psc", "cmr", "unit"].contains(&text(0)) && code(1, 1..=5);
        let ship = text(0).starts_with("us") && text(0).len() <= 6;
        if unit && text(2) == "box" && code(3, 1..=5) && military(4) {
            return Some(first + 7);
        }
        if ship && military(2) {
            return Some(first + 5);
        }
        military(0).then_some(first + 3)
    }

    /// A postal code that is called one.
    fn code(&self, first: usize) -> Option<usize> {
        let text = |index: usize| self.words.get(index).map_or("", |word| word.text.as_str());
        let mut at = match (text(first), text(first + 1)) {
            ("zip" | "postal" | "post", "code") => first + 2,
            ("zip" | "zipcode" | "postcode", _) => first + 1,
            _ => return None,
        };
        if text(at) == "is" {
            at += 1;
        }
        self.words.get(at)?.is_code(4..=6).then_some(at)
    }
}

/// The name of a street.
struct Named {
    /// The word behind it.
    end: usize,
    capitals: usize,
    /// A word for a kind of street is in it.
    kind: bool,
    /// It is its first or last word, beside another.
    kind_at_edge: bool,
}

/// All such addresses of a text.
pub(super) fn find(text: &Folded, original: &[char]) -> Vec<Hidden> {
    let mut found = Vec::new();
    if !text.chars().iter().any(char::is_ascii_digit) {
        return found;
    }
    let line = Line::of(text, original);
    let mut at = 0;
    while at < line.words.len() {
        let start = line.words[at].start;
        let end = line.post(at).or_else(|| line.street(at));
        if let Some(end) = end {
            at = line.tail(end);
            found.push(hidden(start, line.words[at - 1].end));
        } else if let Some(code) = line.code(at) {
            found.push(hidden(line.words[code].start, line.words[code].end));
            at = code + 1;
        } else {
            at += 1;
        }
    }
    found
}
