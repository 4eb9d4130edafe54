//! Rules as they are written: TOML with one `[[rule]]` for each.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use trunkside_call::Side;

use super::phrase::Phrase;
use crate::UnderstandingError;

/// The most rules of a file, and the most phrases of a rule: what can be heard in real time.
const MOST_RULES: usize = 500;
const MOST_PHRASES: usize = 200;

/// What a rule asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QualityKind {
    /// None of the phrases may be said.
    Banned,
    /// The same, for insults and the like.
    Rude,
    /// The phrases must not be said too often: answers that help nobody.
    Perfunctory,
    /// One of the phrases must be said.
    Required,
    /// One of the phrases must be said once something was spoken of: a step of a procedure.
    Step,
}

const KINDS: [(&str, QualityKind); 5] = [
    ("banned", QualityKind::Banned),
    ("rude", QualityKind::Rude),
    ("perfunctory", QualityKind::Perfunctory),
    ("required", QualityKind::Required),
    ("step", QualityKind::Step),
];

/// One rule, checked.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub name: String,
    pub kind: QualityKind,
    pub side: Side,
    pub phrases: Vec<Phrase>,
    /// Phrases right behind which the rule's own are denied: `不`.
    pub unless: Vec<Phrase>,
    /// Phrases whose words are never the rule's own.
    pub except: Vec<Phrase>,
    /// What opens a step, said by either side.
    pub when: Vec<Phrase>,
    /// What must not be done before this step was: phrases of the same side.
    pub before: Vec<Phrase>,
    /// How long after the side's first words a required phrase may come.
    pub within: Option<Duration>,
    /// How often a perfunctory phrase breaks the rule.
    pub times: usize,
}

/// A checked set of rules.
#[derive(Clone, Debug)]
pub struct QualityRules {
    pub(super) rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    rule: Vec<Spanned<RuleFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: Spanned<String>,
    kind: Spanned<String>,
    #[serde(default)]
    side: Option<Spanned<String>>,
    phrases: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    exact: Vec<Spanned<String>>,
    #[serde(default)]
    unless: Vec<Spanned<String>>,
    #[serde(default)]
    except: Vec<Spanned<String>>,
    #[serde(default)]
    when: Vec<Spanned<String>>,
    #[serde(default)]
    before: Vec<Spanned<String>>,
    #[serde(default)]
    within_s: Option<Spanned<i64>>,
    #[serde(default)]
    times: Option<Spanned<i64>>,
    #[serde(default = "yes")]
    by_sound: bool,
}

const fn yes() -> bool {
    true
}

impl QualityRules {
    /// The rules that a bank can start from.
    pub fn bank() -> Self {
        Self::shipped("bank.toml", include_str!("../../data/quality/bank.toml"))
    }

    /// The rules that a shop can start from.
    pub fn shop() -> Self {
        Self::shipped("shop.toml", include_str!("../../data/quality/shop.toml"))
    }

    fn shipped(name: &str, text: &str) -> Self {
        Self::parse(Path::new(name), text).expect("a test reads the rules that ship")
    }

    /// Reads and checks a file; everything that is wrong with it comes back, each with its line.
    pub fn read(path: &Path) -> Result<Self, Vec<UnderstandingError>> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| vec![UnderstandingError::read(path, source)])?;
        Self::parse(path, &text)
    }

    /// Checks rules; `path` is for the messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<UnderstandingError>> {
        let mut checker = Checker {
            path: path.to_owned(),
            text,
            problems: Vec::new(),
        };
        let file: RulesFile = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                checker.report(&span, error.message().to_owned());
                return Err(checker.problems);
            }
        };
        if file.rule.is_empty() || file.rule.len() > MOST_RULES {
            let problem = format!(
                "there must be 1 to {MOST_RULES} `[[rule]]`, not {}",
                file.rule.len()
            );
            checker.report(&(0..0), problem);
        }
        let mut names = BTreeSet::new();
        let mut rules = Vec::new();
        for rule in file.rule {
            let span = rule.span();
            let rule = rule.into_inner();
            if !names.insert(rule.name.get_ref().clone()) {
                checker.report(
                    &rule.name.span(),
                    format!(
                        "`name` `{}` is taken; give every rule its own",
                        rule.name.get_ref()
                    ),
                );
            }
            rules.extend(checker.rule(&span, rule));
        }
        if checker.problems.is_empty() {
            Ok(Self { rules })
        } else {
            Err(checker.problems)
        }
    }

    /// The rules' names, in the file's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }
}

struct Checker<'a> {
    path: PathBuf,
    text: &'a str,
    problems: Vec<UnderstandingError>,
}

impl Checker<'_> {
    fn report(&mut self, span: &Range<usize>, problem: String) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        self.problems
            .push(UnderstandingError::line(&self.path, line, problem));
    }

    fn rule(&mut self, span: &Range<usize>, file: RuleFile) -> Option<Rule> {
        let wrong = self.problems.len();
        let name = file.name.get_ref();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            self.report(
                &file.name.span(),
                format!("`name` must be 1 to 64 small letters, digits or `_`, got `{name}`"),
            );
        }
        let kind = KINDS
            .iter()
            .find(|(word, _)| word == file.kind.get_ref())
            .map(|(_, kind)| *kind);
        if kind.is_none() {
            let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
            self.report(
                &file.kind.span(),
                format!(
                    "`kind` must be one of {}, got `{}`",
                    words.join(", "),
                    file.kind.get_ref()
                ),
            );
        }
        let side = match file.side.as_ref().map(Spanned::get_ref).map(String::as_str) {
            None | Some("agent") => Side::Agent,
            Some("caller") => Side::Caller,
            Some(other) => {
                let span = file.side.as_ref().map_or(0..0, Spanned::span);
                self.report(
                    &span,
                    format!("`side` must be agent or caller, got `{other}`"),
                );
                Side::Agent
            }
        };
        let listed = file.phrases.get_ref().len() + file.exact.len();
        if listed == 0 || listed > MOST_PHRASES {
            self.report(
                &file.phrases.span(),
                format!("`phrases` must hold 1 to {MOST_PHRASES} phrases, not {listed}"),
            );
        }
        let kind = kind.unwrap_or(QualityKind::Banned);
        if kind == QualityKind::Step && file.when.is_empty() && file.before.is_empty() {
            self.report(
                span,
                format!("`{name}` is a step without `when` or `before`; say when it is due"),
            );
        }
        let by_sound = file.by_sound;
        let mut phrases = self.phrases("phrases", file.phrases.get_ref(), by_sound);
        phrases.extend(self.phrases("exact", &file.exact, false));
        let rule = Rule {
            kind,
            side,
            phrases,
            unless: self.phrases("unless", &file.unless, false),
            except: self.phrases("except", &file.except, false),
            when: self.phrases("when", &file.when, by_sound),
            before: self.phrases("before", &file.before, by_sound),
            within: self
                .number("within_s", file.within_s.as_ref(), 1..=3_600)
                .map(|seconds| Duration::from_secs(seconds as u64)),
            times: self
                .number("times", file.times.as_ref(), 1..=100)
                .unwrap_or(1),
            name: file.name.into_inner(),
        };
        (self.problems.len() == wrong).then_some(rule)
    }

    fn phrases(&mut self, key: &str, texts: &[Spanned<String>], by_sound: bool) -> Vec<Phrase> {
        let mut phrases = Vec::new();
        for text in texts {
            match Phrase::new(text.get_ref(), by_sound)
                .filter(|_| text.get_ref().chars().count() <= 100)
            {
                Some(phrase) => phrases.push(phrase),
                None => self.report(
                    &text.span(),
                    format!(
                        "`{key}` holds `{}`; a phrase has 1 to 100 characters that can be said",
                        text.get_ref()
                    ),
                ),
            }
        }
        phrases
    }

    fn number(
        &mut self,
        key: &str,
        value: Option<&Spanned<i64>>,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Option<usize> {
        let value = value?;
        if bounds.contains(value.get_ref()) {
            return Some(*value.get_ref() as usize);
        }
        self.report(
            &value.span(),
            format!(
                "`{key}` must be from {} to {}, got `{}`",
                bounds.start(),
                bounds.end(),
                value.get_ref()
            ),
        );
        None
    }
}
