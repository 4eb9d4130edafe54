//! One call against the rules.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::Side;

use super::phrase::{Phrase, tokens};
use super::rules::{QualityKind, QualityRules, Rule};
use crate::features::Token;

/// How many tokens before a phrase its `unless` may stand.
const UNLESS_REACH: usize = 4;

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
        let said = tokens(text);
        let meets = move |rule: &&Rule| {
            rule.kind == QualityKind::Required
                && rule.side == Side::Agent
                && rule
                    .phrases
                    .iter()
                    .any(|phrase| phrase.find(&said, 0, rule.by_sound).is_some())
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
        let said = tokens(text);
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
    fn hear(&mut self, rule: &Rule, side: Side, said: &[Token], at: Duration, first: Duration) {
        let stands = |phrases: &[Phrase]| {
            phrases
                .iter()
                .any(|phrase| phrase.find(said, 0, rule.by_sound).is_some())
        };
        self.due |= stands(&rule.when);
        if side != rule.side {
            return;
        }
        let mut met = false;
        for phrase in &rule.phrases {
            let mut from = 0;
            while let Some((start, end)) = phrase.find(said, from, rule.by_sound) {
                from = end.max(start + 1);
                if is_excused(rule, said, start) {
                    continue;
                }
                met = true;
                self.count += 1;
                if self.hits.len() < MOST_HITS {
                    self.hits.push(QualityMark {
                        at,
                        text: phrase.text.clone(),
                    });
                }
            }
        }
        let in_time = rule.within.is_none_or(|within| at <= first + within);
        // A step said beforehand counts too: an agent may check who calls before being asked.
        self.done |= met && in_time;
        self.overtaken |= !self.done && stands(&rule.before);
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

/// Whether one of the rule's excuses stands shortly before a phrase.
fn is_excused(rule: &Rule, said: &[Token], start: usize) -> bool {
    let before = &said[start.saturating_sub(UNLESS_REACH)..start];
    rule.unless
        .iter()
        .any(|excuse| excuse.find(before, 0, false).is_some())
}
