//! One call against the rules.

use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use trunkside_call::Side;

use super::phrase::{Phrase, Place, Word, joined, words};
use super::rules::{QualityKind, QualityRules, Rule};
use crate::numbers::Folded;
use crate::redact::says_nothing;

/// What may stand between a phrase and the `unless` that denies it: what carries a denial on. 的 and
/// `it` are not among them: 不会的保本 and `no it is guaranteed` deny something else.
const LINKS: &str = "是, 会, 能, 再, 能够, 可能, 可以, 敢, 说, 讲, 说是, 保证, 承诺, 一定, 绝对, 完全, 真的, 都, 全, \
    就, 算, 属于, 代表, 等于, 意味着, 存在, 什么, 任何, 所谓, 一个, 一种, 一款, 这种, 那种, 百分百, 百分之百, 你, 你的, \
    让你, 叫你, 要求你, 问你, 和, 或, 或者, 以及, 系, 话, \
    a, an, the, any, be, is, are, fully, completely, entirely, totally, absolutely, necessarily, always, \
    really, say, saying, say it is, saying it is, saying its, promise, promise you, offer, offer you, \
    give you, ask you to, ask you for, ask for, and, or, such thing as, your";

static LINKED: LazyLock<Vec<Phrase>> = LazyLock::new(|| {
    let links = LINKS.split(", ");
    links.filter_map(|link| Phrase::new(link, false)).collect()
});

/// Hits of one rule that are kept.
const MOST_HITS: usize = 20;

/// A rule's phrase, said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualityMark {
    /// When the turn began that holds it, from the start of the call's audio.
    pub at: Duration,
    /// The phrase as the rule has it: never a quotation.
    pub text: String,
}

/// What became of one rule in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualityOutcome {
    /// The rule's name.
    pub rule: String,
    /// Whether the call kept it.
    pub kept: bool,
    /// Where its phrases were said, in order of time.
    pub hits: Vec<QualityMark>,
}

impl QualityRules {
    /// The rules that ask the agent to say something, and that this text has said in their place.
    pub fn met_by<'a>(&'a self, text: &str) -> impl Iterator<Item = &'a str> {
        let said = words(text);
        let meets = move |rule: &&Rule| {
            rule.kind == QualityKind::Required
                && rule.side == Side::Agent
                && !rule.hits(&said, Vec::new()).is_empty()
        };
        self.rules
            .iter()
            .filter(meets)
            .map(|rule| rule.name.as_str())
    }
}

/// Hears one call.
#[derive(Clone, Debug)]
pub struct QualityCheck {
    rules: Arc<QualityRules>,
    states: Vec<State>,
    /// When each side first spoke: caller, agent.
    first: [Option<Duration>; 2],
    /// The last turn of each side, as long as the next may go on with it.
    last: [Option<Turn>; 2],
}

/// A turn that was heard.
#[derive(Clone, Debug)]
struct Turn {
    words: Vec<Word>,
    at: Duration,
}

/// What is to be heard: a turn behind the one that it may go on with.
struct Hearing {
    side: Side,
    /// The words of both.
    said: Vec<Word>,
    /// Where the new one's begin.
    new: usize,
    /// When the two began.
    before: Duration,
    at: Duration,
}

impl Hearing {
    /// Whether a place ends in the new turn: what lies before it was heard already.
    fn is_new(&self, place: &Place) -> bool {
        place[place.len() - 1].end > self.new
    }

    /// When the turn began that a place begins in.
    fn time_of(&self, place: &Place) -> Duration {
        if place[0].start < self.new {
            self.before
        } else {
            self.at
        }
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    hits: Vec<QualityMark>,
    count: usize,
    /// A step is due since then.
    due: bool,
    /// Something was done that this step had to come before.
    overtaken: bool,
    /// A required phrase came in time, or a step after it was due.
    done: bool,
    /// The words of its side's last turn that its hits took, of which no other hit is made.
    taken: Vec<Range<usize>>,
}

impl QualityCheck {
    /// A call in which nothing was said.
    pub fn new(rules: Arc<QualityRules>) -> Self {
        let states = vec![State::default(); rules.rules.len()];
        Self {
            rules,
            states,
            first: [None; 2],
            last: [None, None],
        }
    }

    /// Hears an ended turn that began at `at`. A phrase may begin in the same side's turn before it, if the
    /// other side said nothing of its own in between.
    pub fn hear(&mut self, side: Side, text: &str, at: Duration) {
        let said = words(text);
        if said.is_empty() {
            return;
        }
        if !says_nothing(&Folded::new(text)) {
            self.last[side.other() as usize] = None;
        }
        let first = *self.first[side as usize].get_or_insert(at);
        let last = self.last[side as usize].take();
        let (before, words) = last.map_or((at, Vec::new()), |turn| (turn.at, turn.words));
        let hearing = Hearing {
            side,
            said: joined(&words, &said),
            new: words.len(),
            before,
            at,
        };
        for (rule, state) in self.rules.rules.iter().zip(&mut self.states) {
            state.hear(rule, &hearing, first);
        }
        self.last[side as usize] = Some(Turn { words: said, at });
    }

    /// Which rules the call kept so far, in the file's order. A rule is judged once its side has
    /// spoken, and a step once it was due.
    pub fn outcomes(&self) -> Vec<QualityOutcome> {
        self.rules
            .rules
            .iter()
            .zip(&self.states)
            .filter(|(rule, state)| {
                self.first[rule.side as usize].is_some()
                    && (rule.kind != QualityKind::Step || state.due || state.overtaken)
            })
            .map(|(rule, state)| QualityOutcome {
                rule: rule.name.clone(),
                kept: state.is_kept(rule),
                hits: state.hits.clone(),
            })
            .collect()
    }
}

impl State {
    fn hear(&mut self, rule: &Rule, hearing: &Hearing, first: Duration) {
        self.due |= rule.has(&rule.when, hearing);
        if hearing.side != rule.side {
            return;
        }
        let mut taken = std::mem::take(&mut self.taken);
        if hearing.new == 0 {
            // They were of a turn that this one does not go on with.
            taken.clear();
        }
        for (phrase, place) in rule.hits(&hearing.said, taken) {
            if !hearing.is_new(&place) {
                continue;
            }
            let at = hearing.time_of(&place);
            self.count += 1;
            if self.hits.len() < MOST_HITS {
                self.hits.push(QualityMark {
                    at,
                    text: phrase.text.clone(),
                });
            }
            let in_time = rule.within.is_none_or(|within| at <= first + within);
            // A step said beforehand counts too: an agent may check who calls before being asked.
            self.done |= in_time;
            let own = place.iter().filter(|part| part.end > hearing.new);
            self.taken.extend(
                own.map(|part| part.start.saturating_sub(hearing.new)..part.end - hearing.new),
            );
        }
        self.overtaken |= !self.done && rule.has(&rule.before, hearing);
    }

    const fn is_kept(&self, rule: &Rule) -> bool {
        match rule.kind {
            QualityKind::Banned | QualityKind::Rude => self.count == 0,
            QualityKind::Perfunctory => self.count < rule.times,
            QualityKind::Required => self.done,
            QualityKind::Step => self.done && !self.overtaken,
        }
    }
}

impl Rule {
    /// The rule's phrases that count in what was said, and where; of those that share words the first, and
    /// of several that begin with the same word the longest. Words that are taken count for none.
    fn hits<'a>(&'a self, said: &[Word], mut taken: Vec<Range<usize>>) -> Vec<(&'a Phrase, Place)> {
        let phrases = self.phrases.iter();
        let mut found: Vec<(&Phrase, Place)> = phrases
            .flat_map(|phrase| phrase.places(said).map(move |place| (phrase, place)))
            .collect();
        found.sort_by_key(|(_, place)| (place[0].start, usize::MAX - place[place.len() - 1].end));
        found.retain(|(_, place)| {
            let is_free = taken.iter().all(|other| !overlaps(place, other));
            let counts = is_free && !self.is_harmless(said, place) && !self.is_denied(said, place);
            if counts {
                taken.extend(place.iter().cloned());
            }
            counts
        });
        found
    }

    /// Whether one of some phrases of the rule counts in a new turn.
    fn has(&self, phrases: &[Phrase], hearing: &Hearing) -> bool {
        phrases
            .iter()
            .flat_map(|phrase| phrase.places(&hearing.said))
            .any(|place| hearing.is_new(&place) && !self.is_harmless(&hearing.said, &place))
    }

    /// Whether a phrase's words belong to one of the rule's exceptions.
    fn is_harmless(&self, said: &[Word], place: &Place) -> bool {
        let exceptions = self.except.iter().flat_map(|phrase| phrase.places(said));
        exceptions.flatten().any(|other| overlaps(place, &other))
    }

    /// Whether one of the rule's excuses stands before a phrase, with nothing but links, other
    /// phrases of the rule or other excuses between them.
    fn is_denied(&self, said: &[Word], place: &Place) -> bool {
        let mut reached = vec![place[0].start];
        let mut looked = 0;
        while let Some(at) = reached.get(looked).copied() {
            looked += 1;
            let stands = |phrase: &Phrase| phrase.before(said, at);
            if self.unless.iter().any(|excuse| stands(excuse).is_some()) {
                return true;
            }
            for start in LINKED.iter().chain(&self.phrases).filter_map(stands) {
                if !reached.contains(&start) {
                    reached.push(start);
                }
            }
        }
        false
    }
}

/// Whether a place shares a word with a stretch of words.
fn overlaps(place: &Place, other: &Range<usize>) -> bool {
    let shares = |part: &Range<usize>| part.start < other.end && other.start < part.end;
    place.iter().any(shares)
}
