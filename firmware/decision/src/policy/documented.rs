//! `docs/policy.md` names every key that the reader knows, and says of it what is true.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::Severity;

const DOCUMENT: &str = include_str!("../../../../docs/policy.md");

/// Every table of a file, and the section of the document that describes its keys.
const TABLES: [(&str, &str); 16] = [
    ("", ""),
    ("[[agent]]", "agent"),
    ("[[group]]", "group"),
    ("[[destination]]", "destination"),
    ("[[rule]]", "rule"),
    ("[rule.when]", "when"),
    ("[rule.then]", "then"),
    ("[rule.then.relax]", "relax"),
    ("[default]", "then"),
    ("[hours]", "hours"),
    ("[hours.weekly]", "weekly"),
    ("[queue]", "queue"),
    ("[weights]", "weights"),
    ("[learning]", "learning"),
    ("[[break]]", "break"),
    ("[codes]", "codes"),
];

/// One key as the document has it.
struct Row {
    key: &'static str,
    usual: &'static str,
    example: &'static str,
}

impl Row {
    fn of(line: &'static str) -> Option<Self> {
        let cells: Vec<&str> = line
            .strip_prefix("| `")?
            .trim_end_matches(" |")
            .split(" | ")
            .collect();
        let [key, _, usual, _, example] = cells[..] else {
            panic!("a row has another number of cells: {line}");
        };
        Some(Self {
            key: key.trim_end_matches('`'),
            usual,
            example: example.trim_matches('`'),
        })
    }

    fn is_required(&self) -> bool {
        self.usual.starts_with("required")
    }

    /// The line that sets the key to what holds without it.
    fn as_usual(&self) -> Option<String> {
        let value = self.usual.strip_prefix('`')?.strip_suffix('`')?;
        Some(format!("{} = {value}", self.key))
    }
}

/// The rows of each section, by its name.
fn sections() -> BTreeMap<&'static str, Vec<Row>> {
    let mut sections: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    let mut section = "";
    for line in DOCUMENT.lines() {
        if let Some(heading) = line.strip_prefix("##") {
            section = heading
                .split('`')
                .nth(1)
                .map_or("", |name| name.trim_matches(['[', ']']));
        }
        sections.entry(section).or_default().extend(Row::of(line));
    }
    sections
}

/// A file of every table, with the lines that `pick` takes from each section's rows. Keys that have a
/// section are tables themselves.
fn file(pick: impl Fn(&Row) -> Option<String>) -> String {
    let sections = sections();
    let mut text = String::new();
    for (header, section) in TABLES {
        let rows = sections[section].iter();
        let lines = rows.filter(|row| !sections.contains_key(row.key));
        let lines: Vec<String> = lines.filter_map(&pick).collect();
        text.extend([header, "\n", &lines.join("\n"), "\n"]);
    }
    text
}

#[test]
fn every_key_is_documented_and_no_other() {
    let unknown = file(|row| row.is_required().then(|| row.example.to_owned()))
        .replace("]\n", "]\nunheard_of = 1\n");
    let parsed = Policy::parse("p.toml", &format!("unheard_of = 1\n{unknown}"));
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for problem in &parsed.problems {
        let Some((_, keys)) = problem.message.split_once("known here: ") else {
            continue;
        };
        let table: Vec<&str> = problem.key.split('.').rev().skip(1).collect();
        // `agent.li_na` and the like are named by themselves.
        let section = match table[..] {
            [
                _,
                kind @ ("agent" | "group" | "destination" | "rule" | "break"),
            ] => kind,
            ["default"] => "then",
            [last, ..] => last,
            [] => "",
        };
        let keys = keys.split(", ").map(|key| key.trim_matches('`').to_owned());
        known.entry(section.to_owned()).or_default().extend(keys);
    }
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (section, rows) in sections() {
        let keys = rows.iter().map(|row| row.key.to_owned());
        documented.insert(section.to_owned(), keys.collect());
    }
    // The sections themselves are keys of the file's top.
    let headers = TABLES
        .iter()
        .map(|(header, _)| header.trim_matches(['[', ']']));
    let top = headers.filter(|name| !name.is_empty() && !name.contains('.'));
    documented
        .get_mut("")
        .expect("the top has keys")
        .extend(top.map(str::to_owned));
    assert_eq!(documented, known);
}

#[test]
fn every_example_is_right() {
    let text = file(|row| Some(row.example.to_owned()));
    let problems = Policy::parse("examples.toml", &text).problems;
    let errors: Vec<String> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
}

#[test]
fn what_is_said_to_hold_without_a_key_does() {
    let required = |row: &Row| row.is_required().then(|| row.example.to_owned());
    let without = file(required);
    let with = file(|row| required(row).or_else(|| row.as_usual()));
    let policy = |text: &str| {
        let parsed = Policy::parse("p.toml", text);
        let policy = parsed.policy.unwrap_or_else(|| {
            panic!("{:#?}\n{text}", parsed.problems);
        });
        Policy {
            text: String::new(),
            sha256: String::new(),
            ..policy
        }
    };
    assert!(with.lines().count() > without.lines().count() + 30);
    assert_eq!(policy(&with), policy(&without));
}
