//! What the words show: sums of strengths for each feeling, with negation and degree.

use trunkside_call::Language;

use super::lexicon::{Entry, Lexicon, Sense};

/// Text beyond this many characters is not looked at.
const LONGEST: usize = 4_000;

/// A negation or degree reaches this many units (characters or words) ahead.
const REACH: usize = 4;

/// What the words of an utterance show.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Words {
    pub angry: f32,
    pub dissatisfied: f32,
    pub anxious: f32,
    pub satisfied: f32,
    /// Marks of exclamation, for typed text.
    pub exclamations: usize,
    /// Whether the strongest anger was a strong word.
    pub has_strong_anger: bool,
    /// The words from the lists that counted, in order, each once.
    pub found: Vec<String>,
}

impl Words {
    /// Everything negative, with its weight for anger.
    pub(super) fn heat(&self) -> f32 {
        self.angry + 0.7 * self.dissatisfied
    }
}

/// Reads the words of a text by a language's lists.
pub(super) fn read(text: &str, language: Language) -> Words {
    let lexicon = Lexicon::of(language);
    let text: String = text
        .chars()
        .take(LONGEST)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let mut words = Words {
        exclamations: text.chars().filter(|c| matches!(c, '!' | '！')).count(),
        ..Words::default()
    };
    let mut sway = Sway::default();
    for (position, unit) in units(&text, lexicon) {
        match unit {
            Unit::Term(term, entry) => words.add(&term, entry, position, &mut sway),
            Unit::Break => sway = Sway::default(),
        }
    }
    words
}

/// The trigger words that a text holds, each once.
pub fn triggers(text: &str, language: Language) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let spaced = format!(" {} ", text.replace(|c: char| !c.is_alphanumeric(), " "));
    Lexicon::of(language)
        .triggers()
        .iter()
        .filter(|trigger| {
            if trigger.is_ascii() {
                spaced.contains(&format!(" {trigger} "))
            } else {
                text.contains(trigger.as_str())
            }
        })
        .map(String::as_str)
        .collect()
}

/// What stands before a word and bends it.
#[derive(Default)]
struct Sway {
    negated_at: Option<usize>,
    degree: Option<(usize, f32)>,
}

impl Words {
    fn add(&mut self, term: &str, entry: Entry, position: usize, sway: &mut Sway) {
        let sum = match entry.sense {
            Sense::Negation => {
                // Two negations are none.
                sway.negated_at = match sway.negated_at {
                    Some(before) if position - before <= 2 => None,
                    _ => Some(position),
                };
                return;
            }
            Sense::Strong => {
                sway.degree = Some((position, 1.3));
                return;
            }
            Sense::Weak => {
                sway.degree = Some((position, 0.7));
                return;
            }
            Sense::Angry => &mut self.angry,
            Sense::Dissatisfied => &mut self.dissatisfied,
            Sense::Anxious => &mut self.anxious,
            Sense::Satisfied => &mut self.satisfied,
        };
        let near = |at: usize| position - at <= REACH;
        let degree = sway
            .degree
            .filter(|(at, _)| near(*at))
            .map_or(1.0, |(_, factor)| factor);
        let strength = entry.strength * degree;
        // A good word is denied from afar (不是很满意), a bad one only directly (没收到太差劲).
        let denied = sway.negated_at.is_some_and(|at| match entry.sense {
            Sense::Satisfied => near(at),
            _ => position - at <= 2,
        });
        if denied {
            // Not good is bad; not bad is only a little good.
            match entry.sense {
                Sense::Satisfied => self.dissatisfied += strength * 0.9,
                Sense::Dissatisfied | Sense::Angry => self.satisfied += strength * 0.3,
                _ => {}
            }
        } else {
            *sum += strength;
            self.has_strong_anger |= entry.sense == Sense::Angry && entry.strength >= 2.5;
        }
        *sway = Sway::default();
        if entry.strength >= 1.0 && !self.found.iter().any(|found| found == term) {
            self.found.push(term.to_owned());
        }
    }
}

/// A term of the lists, or a break that ends the reach of negation.
enum Unit {
    Term(String, Entry),
    Break,
}

/// The terms of a text with their position in characters (Chinese) or words (Latin), the longest
/// match first.
fn units(text: &str, lexicon: &Lexicon) -> Vec<(usize, Unit)> {
    let chars: Vec<char> = text.chars().collect();
    let mut units = Vec::new();
    let (mut at, mut position) = (0, 0);
    while at < chars.len() {
        let c = chars[at];
        if is_letter(c) {
            let (taken, unit) = latin(&chars, at, lexicon);
            units.extend(unit.map(|unit| (position, unit)));
            at += taken;
            position += 1;
        } else if c.is_alphanumeric() {
            let (taken, unit) = han(&chars, at, lexicon);
            units.extend(unit.map(|unit| (position, unit)));
            at += taken;
            position += taken;
        } else {
            if matches!(
                c,
                '，' | '。' | ',' | '.' | '！' | '!' | '？' | '?' | '；' | ';'
            ) {
                units.push((position, Unit::Break));
            }
            at += 1;
        }
    }
    units
}

const fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '\'' || c == '’'
}

fn han(chars: &[char], at: usize, lexicon: &Lexicon) -> (usize, Option<Unit>) {
    let longest = lexicon.longest.min(chars.len() - at).min(8);
    for length in (1..=longest).rev() {
        let term: String = chars[at..at + length].iter().collect();
        if let Some(entry) = lexicon.get(&term) {
            return (length, Some(Unit::Term(term, entry)));
        }
    }
    (1, None)
}

/// Up to four words that make a term.
fn latin(chars: &[char], at: usize, lexicon: &Lexicon) -> (usize, Option<Unit>) {
    let mut ends = Vec::new();
    let mut end = at;
    for _ in 0..4 {
        while end < chars.len() && is_letter(chars[end]) {
            end += 1;
        }
        ends.push(end);
        if end + 1 >= chars.len() || chars[end] != ' ' || !is_letter(chars[end + 1]) {
            break;
        }
        end += 1;
    }
    for end in ends.iter().rev() {
        let term: String = chars[at..*end]
            .iter()
            .map(|c| if *c == '’' { '\'' } else { *c })
            .collect();
        let stem = || (*end == ends[0]).then(|| lexicon.get_stem(&term)).flatten();
        if let Some(entry) = lexicon.get(&term).or_else(stem) {
            return (end - at, Some(Unit::Term(term, entry)));
        }
    }
    (ends[0] - at, None)
}
