//! Grammars that a training corpus is written in.
//!
//! `name: a | b` defines a rule, an indented line goes on with it, `<name>` expands one, `[x]` is
//! said half the time, `(a|b)` is one of both, `#` begins a comment. A rule named like an intent
//! gives whole requests of that intent; the rules `before` and `after` frame some of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Example;
use crate::linear::Random;

/// How deep rules may refer to each other.
const DEEPEST: usize = 12;

/// A choice with more ways to say it than this is not drawn more often.
const WAYS_THAT_COUNT: f32 = 60.0;

/// Why a grammar cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct GrammarError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and how it should look.
    pub problem: String,
}

/// A piece of a choice.
#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Rule(String),
    OneOf(Vec<Vec<Part>>),
}

/// A set of rules.
#[derive(Clone, Debug, Default)]
pub struct Grammar {
    rules: BTreeMap<String, Vec<Vec<Part>>>,
    /// What parts words: nothing in Chinese, a blank in English.
    spaced: bool,
}

impl Grammar {
    /// Parses rules and checks that every reference is defined. `spaced` is true for languages
    /// that part words by blanks.
    pub fn parse(text: &str, spaced: bool) -> Result<Self, GrammarError> {
        let mut bodies: Vec<(String, String, usize)> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let error = |problem: &str| GrammarError {
                line: index + 1,
                problem: problem.into(),
            };
            if line.starts_with(char::is_whitespace) {
                let (_, body, _) = bodies
                    .last_mut()
                    .ok_or_else(|| error("an indented line needs a rule above it"))?;
                body.push(' ');
                body.push_str(line.trim());
                continue;
            }
            let (name, body) = line
                .split_once(':')
                .ok_or_else(|| error("write `name: choice | choice`"))?;
            bodies.push((name.trim().to_owned(), body.trim().to_owned(), index + 1));
        }
        let mut rules: BTreeMap<String, Vec<Vec<Part>>> = BTreeMap::new();
        for (name, body, line) in &bodies {
            let choices = Parser::new(body).whole().map_err(|problem| GrammarError {
                line: *line,
                problem,
            })?;
            rules.entry(name.clone()).or_default().extend(choices);
        }
        for (_, body, line) in &bodies {
            for reference in references(body) {
                if !rules.contains_key(reference) {
                    let problem = format!("no rule is named `{reference}`");
                    return Err(GrammarError {
                        line: *line,
                        problem,
                    });
                }
            }
        }
        Ok(Self { rules, spaced })
    }

    /// Says a rule in up to `count` different ways, the same ones every time: each choice at
    /// least once, then at random, choices with more ways to say them more often.
    pub fn say(&self, rule: &str, count: usize) -> Vec<String> {
        let Some(choices) = self.rules.get(rule) else {
            return Vec::new();
        };
        let mut random = Random(0x5eed_0000 ^ rule.bytes().map(u64::from).sum::<u64>() | 1);
        let weights: Vec<f32> = choices
            .iter()
            .map(|choice| self.ways(choice, 0).min(WAYS_THAT_COUNT))
            .collect();
        let total: f32 = weights.iter().sum();
        let mut said = Vec::new();
        let mut known = BTreeSet::new();
        for attempt in 0..count * 8 {
            if said.len() >= count {
                break;
            }
            let drawn = random.below(1 << 20) as f32 / (1 << 20) as f32 * total;
            let choice = choices
                .get(attempt)
                .unwrap_or_else(|| drawn_choice(choices, &weights, drawn));
            let mut text = String::new();
            self.expand(choice, &mut random, 0, &mut text);
            let text = self.tidy(&text);
            if !text.is_empty() && known.insert(text.clone()) {
                said.push(text);
            }
        }
        said
    }

    /// Examples of some intents, each up to `count`; some are framed by the rules `before` or
    /// `after` where the grammar has them.
    pub fn examples(&self, intents: &[&str], count: usize) -> Vec<Example> {
        let mut random = Random(0x5eed_f4a3);
        let mut examples = Vec::new();
        for intent in intents {
            for text in self.say(intent, count) {
                let text = self.framed(&text, &mut random);
                examples.push(Example {
                    text,
                    label: (*intent).to_owned(),
                });
            }
        }
        examples
    }

    fn framed(&self, text: &str, random: &mut Random) -> String {
        let mut frame = |rule: &str| -> String {
            let mut said = String::new();
            if let Some(choices) = self.rules.get(rule).filter(|_| random.below(5) == 0) {
                self.expand(&choices[random.below(choices.len())], random, 0, &mut said);
            }
            said
        };
        let (before, after) = (frame("before"), frame("after"));
        let gap = if self.spaced { " " } else { "" };
        self.tidy(&[before.as_str(), text, after.as_str()].join(gap))
    }

    fn tidy(&self, text: &str) -> String {
        if self.spaced {
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        } else {
            text.trim().to_owned()
        }
    }

    /// In how many ways a choice can be said, about.
    fn ways(&self, parts: &[Part], depth: usize) -> f32 {
        let ways_of = |part: &Part| match part {
            Part::Text(_) => 1.0,
            Part::Rule(_) if depth >= DEEPEST => 1.0,
            Part::Rule(name) => self.sum(&self.rules[name], depth + 1),
            Part::OneOf(choices) => self.sum(choices, depth + 1),
        };
        parts.iter().map(ways_of).product()
    }

    fn sum(&self, choices: &[Vec<Part>], depth: usize) -> f32 {
        choices.iter().map(|choice| self.ways(choice, depth)).sum()
    }

    fn expand(&self, parts: &[Part], random: &mut Random, depth: usize, out: &mut String) {
        for part in parts {
            let choices = match part {
                Part::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Rule(_) if depth >= DEEPEST => continue,
                Part::Rule(name) => &self.rules[name],
                Part::OneOf(choices) => choices,
            };
            let choice = &choices[random.below(choices.len())];
            self.expand(choice, random, depth + 1, out);
        }
    }
}

fn drawn_choice<'a>(choices: &'a [Vec<Part>], weights: &[f32], mut drawn: f32) -> &'a Vec<Part> {
    for (choice, weight) in choices.iter().zip(weights) {
        drawn -= weight;
        if drawn < 0.0 {
            return choice;
        }
    }
    &choices[choices.len() - 1]
}

/// The names in angle brackets.
fn references(body: &str) -> impl Iterator<Item = &str> {
    body.split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>').map(|(name, _)| name))
}

/// Reads the choices of one rule.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    const fn new(body: &'a str) -> Self {
        Self { rest: body }
    }

    /// The choices of a rule; a blank around `|` is no part of them.
    fn whole(mut self) -> Result<Vec<Vec<Part>>, String> {
        let choices = self.choices(0)?;
        if self.rest.is_empty() {
            Ok(choices)
        } else {
            Err(format!("`{}` closes nothing", &self.rest[..1]))
        }
    }

    fn choices(&mut self, depth: usize) -> Result<Vec<Vec<Part>>, String> {
        if depth > DEEPEST {
            return Err("brackets are nested too deep".to_owned());
        }
        let mut choices = vec![Vec::new()];
        loop {
            let end = self
                .rest
                .find(['|', '(', ')', '[', ']', '<'])
                .unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            let text = if depth == 0 && rest.starts_with('|') {
                text.trim_end()
            } else {
                text
            };
            let last = choices.last_mut().expect("there is always one");
            let text = if depth == 0 && last.is_empty() {
                text.trim_start()
            } else {
                text
            };
            if !text.is_empty() {
                last.push(Part::Text(text.to_owned()));
            }
            self.rest = rest;
            let Some(mark) = rest.chars().next() else {
                return Ok(choices);
            };
            if matches!(mark, ')' | ']') {
                return Ok(choices);
            }
            self.rest = &rest[1..];
            match mark {
                '|' => choices.push(Vec::new()),
                '<' => {
                    let (name, rest) = self.rest.split_once('>').ok_or("a `<` is not closed")?;
                    last.push(Part::Rule(name.to_owned()));
                    self.rest = rest;
                }
                _ => {
                    let close = if mark == '(' { ')' } else { ']' };
                    let mut inner = self.choices(depth + 1)?;
                    self.rest = self
                        .rest
                        .strip_prefix(close)
                        .ok_or_else(|| format!("a `{mark}` is not closed"))?;
                    if mark == '[' {
                        inner = vec![vec![Part::OneOf(inner)], Vec::new()];
                    }
                    last.push(Part::OneOf(inner));
                }
            }
        }
    }
}
