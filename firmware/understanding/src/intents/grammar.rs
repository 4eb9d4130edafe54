//! Grammars that a training corpus is written in.
//!
//! `name: a | b` defines a rule, `<name>` expands one, `[x]` is said half the time, `#` begins a
//! comment. A rule named like an intent gives whole requests of that intent.

use std::collections::BTreeMap;

use super::Example;
use crate::linear::Random;

/// How deep rules may refer to each other.
const DEEPEST: usize = 12;

/// Why a grammar cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct GrammarError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and how it should look.
    pub problem: String,
}

/// A set of rules.
#[derive(Clone, Debug, Default)]
pub struct Grammar {
    rules: BTreeMap<String, Vec<String>>,
    /// What parts words: nothing in Chinese, a blank in English.
    spaced: bool,
}

impl Grammar {
    /// Parses rules and checks that every reference is defined. `spaced` is true for languages
    /// that part words by blanks.
    pub fn parse(text: &str, spaced: bool) -> Result<Self, GrammarError> {
        let mut rules: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut lines = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let error = |problem: &str| GrammarError {
                line: index + 1,
                problem: problem.into(),
            };
            let (name, choices) = line
                .split_once(':')
                .ok_or_else(|| error("write `name: choice | choice`"))?;
            let choices = choices.split('|').map(|choice| choice.trim().to_owned());
            rules
                .entry(name.trim().to_owned())
                .or_default()
                .extend(choices);
            lines.insert(name.trim().to_owned(), index + 1);
        }
        for (name, choices) in &rules {
            for reference in choices.iter().flat_map(|choice| references(choice)) {
                if !rules.contains_key(reference) {
                    let problem = format!("no rule is named `{reference}`");
                    return Err(GrammarError {
                        line: lines[name],
                        problem,
                    });
                }
            }
        }
        Ok(Self { rules, spaced })
    }

    /// Says a rule in up to `count` different ways, the same ones every time: each choice at
    /// least once, then at random.
    pub fn say(&self, rule: &str, count: usize) -> Vec<String> {
        let Some(choices) = self.rules.get(rule) else {
            return Vec::new();
        };
        let mut random = Random(0x5eed_0000 ^ rule.bytes().map(u64::from).sum::<u64>() | 1);
        let mut said: Vec<String> = Vec::new();
        for attempt in 0..count * 6 {
            if said.len() >= count {
                break;
            }
            let choice = match choices.get(attempt) {
                Some(choice) => choice,
                None => &choices[random.below(choices.len())],
            };
            let mut text = String::new();
            self.expand(choice, &mut random, 0, &mut text);
            let text = if self.spaced {
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            } else {
                text
            };
            if !said.contains(&text) {
                said.push(text);
            }
        }
        said
    }

    /// Examples of some intents, each up to `count`; of three, one is framed by the rules
    /// `before` or `after` where the grammar has them.
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
            let choices = self.rules.get(rule).filter(|_| random.below(6) == 0);
            choices.map_or_else(String::new, |choices| {
                choices[random.below(choices.len())].clone()
            })
        };
        let (before, after) = (frame("before"), frame("after"));
        let gap = if self.spaced { " " } else { "" };
        [before.as_str(), text, after.as_str()]
            .join(gap)
            .trim()
            .to_owned()
    }

    fn expand(&self, choice: &str, random: &mut Random, depth: usize, out: &mut String) {
        let mut rest = choice;
        while let Some(at) = rest.find(['<', '[']) {
            out.push_str(&rest[..at]);
            let (close, optional) = if rest[at..].starts_with('<') {
                ('>', false)
            } else {
                (']', true)
            };
            let Some(length) = rest[at..].find(close) else {
                break;
            };
            let inner = &rest[at + 1..at + length];
            rest = &rest[at + length + 1..];
            if depth >= DEEPEST || optional && random.below(2) == 0 {
                continue;
            }
            if optional {
                self.expand(inner, random, depth + 1, out);
            } else if let Some(choices) = self.rules.get(inner) {
                self.expand(
                    &choices[random.below(choices.len())],
                    random,
                    depth + 1,
                    out,
                );
            }
        }
        out.push_str(rest);
    }
}

/// The names in angle brackets.
fn references(choice: &str) -> impl Iterator<Item = &str> {
    choice
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>').map(|(name, _)| name))
}
