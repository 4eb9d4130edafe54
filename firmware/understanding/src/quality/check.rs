//! One call against the rules.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use trunkside_call::Side;

use super::phrase::{Phrase, Place, Word, words};
use super::rules::{QualityKind, QualityRules, Rule};

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
                && rule.hits(&said).next().is_some()
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
}

impl QualityCheck {
    /// A call in which nothing was said.
    pub fn new(rules: Arc<QualityRules>) -> Self {
        let states = vec![State::default(); rules.rules.len()];
        Self {
            rules,
            states,
            first: [None; 2],
        }
    }

    /// Hears an ended turn that began at `at`.
    pub fn hear(&mut self, side: Side, text: &str, at: Duration) {
        let said = words(text);
        if said.is_empty() {
            return;
        }
        let first = *self.first[side as usize].get_or_insert(at);
        for (rule, state) in self.rules.rules.iter().zip(&mut self.states) {
            state.hear(rule, side, &said, at, first);
        }
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
    fn hear(&mut self, rule: &Rule, side: Side, said: &[Word], at: Duration, first: Duration) {
        self.due |= rule.has(&rule.when, said);
        if side != rule.side {
            return;
        }
        let before = self.count;
        for phrase in rule.hits(said) {
            self.count += 1;
            if self.hits.len() < MOST_HITS {
                self.hits.push(QualityMark {
                    at,
                    text: phrase.text.clone(),
                });
            }
        }
        let in_time = rule.within.is_none_or(|within| at <= first + within);
        // A step said beforehand counts too: an agent may check who calls before being asked.
        self.done |= self.count > before && in_time;
        self.overtaken |= !self.done && rule.has(&rule.before, said);
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
    /// The rule's phrases that count in what was said, each as often as it does.
    fn hits<'a>(&'a self, said: &'a [Word]) -> impl Iterator<Item = &'a Phrase> {
        self.phrases.iter().flat_map(move |phrase| {
            phrase
                .places(said)
                .filter(move |place| !self.is_harmless(said, place) && !self.is_denied(said, place))
                .map(move |_| phrase)
        })
    }

    /// Whether one of some phrases of the rule counts.
    fn has(&self, phrases: &[Phrase], said: &[Word]) -> bool {
        phrases
            .iter()
            .flat_map(|phrase| phrase.places(said))
            .any(|place| !self.is_harmless(said, &place))
    }

    /// Whether a phrase's words belong to one of the rule's exceptions.
    fn is_harmless(&self, said: &[Word], place: &Place) -> bool {
        let exceptions = self.except.iter().flat_map(|phrase| phrase.places(said));
        exceptions.flatten().any(|other| {
            place
                .iter()
                .any(|part| part.start < other.end && other.start < part.end)
        })
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
