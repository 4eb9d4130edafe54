//! The folder that keeps a supervisor's corrections, version by version.
//!
//! `0001.tsv`, `0002.tsv`, … each hold all corrections of one version (`text<TAB>label`);
//! `current` names the one in force, 0 for what ships. Only text is kept: the model is learnt anew
//! when the program starts, so corrections survive an update of what ships. Where the version in
//! force cannot be read, the newest before it that can serves.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use super::learning::{Learnt, learn};
use super::model::IntentModel;
use super::whole::write_whole;
use super::{Example, line_of, read_examples, read_text};
use crate::UnderstandingError;

/// More corrections than this in one version are refused: they would make starting slow.
const MOST: usize = 20_000;

/// What helps against a version that cannot be read.
const REMEDY: &str = "mend the file, or `intents rollback` puts the version before in force";

/// One version of the lessons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its number; 0 is what ships.
    pub number: u32,
    /// How many corrections it holds.
    pub corrections: usize,
    /// Whether it is in force.
    pub current: bool,
    /// Why it cannot be read: its corrections count as none then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a box has learnt.
#[derive(Debug)]
pub struct Taught {
    /// What ships, with the corrections of a version.
    pub model: IntentModel,
    /// Which version.
    pub version: u32,
    /// Why that is not the version in force, where it is not.
    pub problem: Option<UnderstandingError>,
}

/// A folder of lessons.
#[derive(Clone, Debug)]
pub struct Lessons {
    folder: PathBuf,
}

impl Lessons {
    /// Lessons in a folder, which need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// All versions, the shipped one first.
    pub fn versions(&self) -> Result<Vec<Version>, UnderstandingError> {
        self.must_exist()?;
        let current = self.current()?;
        let mut versions = Vec::new();
        for number in std::iter::once(0).chain(self.numbers()?) {
            let corrections = self.corrections(number);
            versions.push(Version {
                number,
                corrections: corrections.as_ref().map_or(0, Vec::len),
                current: number == current,
                problem: corrections.err().map(|error| error.to_string()),
            });
        }
        Ok(versions)
    }

    /// The model in force: what ships, with the current version's corrections learnt. A version
    /// that cannot be read or learnt puts none out of force that can: the newest before it serves.
    pub fn model(&self) -> Result<Taught, UnderstandingError> {
        let current = self.current()?;
        let before = self.numbers()?.into_iter().rev();
        let before = before.filter(|number| *number < current);
        let mut problem = None;
        for version in std::iter::once(current).chain(before) {
            match self.model_of(version) {
                Ok(model) => {
                    return Ok(Taught {
                        model,
                        version,
                        problem,
                    });
                }
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        Ok(Taught {
            model: IntentModel::shipped(),
            version: 0,
            problem,
        })
    }

    fn model_of(&self, version: u32) -> Result<IntentModel, UnderstandingError> {
        let corrections = self.corrections(version)?;
        if corrections.is_empty() {
            return Ok(IntentModel::shipped());
        }
        let learnt = learn(&corrections).map_err(|contradiction| {
            // A version from before this was looked for, or of which what ships has changed since.
            let at = contradiction.correction;
            let text = &corrections[at].text;
            let problem = format!("the correction of `{text}` {}; {REMEDY}", contradiction.why);
            let path = self.file(version);
            UnderstandingError::line(&path, line_of(&path, text).unwrap_or(at + 1), problem)
        });
        Ok(learnt?.model)
    }

    /// Refuses intents that neither ship nor stand in the corrections in force, and names the
    /// nearest that do: no policy routes a mistyped one.
    pub fn refuse_new_intents(&self, more: &[Example]) -> Result<(), UnderstandingError> {
        let corrections = self.corrections(self.current()?)?;
        let shipped = IntentModel::shipped();
        let known: BTreeSet<&str> = corrections
            .iter()
            .map(|example| &example.label)
            .chain(shipped.labels())
            .map(String::as_str)
            .collect();
        for example in more {
            let Example { text, label } = written(example)?;
            if known.contains(label.as_str()) {
                continue;
            }
            let nearest = known.iter().min_by_key(|name| edits(name, &label));
            let problem = format!(
                "names `{label}`, which is no intent yet; the nearest is `{}`, and `--new-intent` \
                 founds one",
                nearest.unwrap_or(&"")
            );
            return Err(UnderstandingError::Correction { text, problem });
        }
        Ok(())
    }

    /// Adds corrections to those in force and puts the new version in force at once. A later
    /// correction of the same text replaces an earlier one, and an intent that is not known yet
    /// becomes another one. What could not be read back is refused, and so is what contradicts itself or
    /// what ships.
    pub fn correct(&self, more: &[Example]) -> Result<(Version, Learnt), UnderstandingError> {
        let more = more.iter().map(written).collect::<Result<Vec<_>, _>>()?;
        refuse_two_intents(&more)?;
        let mut corrections = self.corrections(self.current()?)?;
        corrections.retain(|old| more.iter().all(|new| new.text != old.text));
        corrections.extend(more);
        if corrections.len() > MOST {
            let problem = format!("more than {MOST} corrections; train a model of your own");
            return Err(UnderstandingError::unusable(&self.folder, problem));
        }
        let learnt = learn(&corrections).map_err(|contradiction| {
            let text = corrections[contradiction.correction].text.clone();
            let problem = contradiction.why;
            UnderstandingError::Correction { text, problem }
        })?;
        let number = self.numbers()?.last().copied().unwrap_or(0) + 1;
        fs::create_dir_all(&self.folder)
            .map_err(|source| UnderstandingError::write(&self.folder, source))?;
        let mut lines = String::new();
        for example in &corrections {
            lines += &[&example.text, "\t", &example.label, "\n"].concat();
        }
        write_whole(&[(self.file(number), lines.as_bytes())])?;
        self.put_in_force(number)?;
        let version = Version {
            number,
            corrections: corrections.len(),
            current: true,
            problem: None,
        };
        Ok((version, learnt))
    }

    /// Puts an earlier version in force: the newest before the current that can be read, or the one
    /// named.
    pub fn rollback(&self, to: Option<u32>) -> Result<Version, UnderstandingError> {
        self.must_exist()?;
        let numbers = self.numbers()?;
        let number = if let Some(number) = to {
            number
        } else {
            let current = self.current()?;
            let readable = |number: &&u32| **number < current && self.corrections(**number).is_ok();
            numbers.iter().rev().find(readable).copied().unwrap_or(0)
        };
        if number != 0 && !numbers.contains(&number) {
            let problem = format!("has no version {number}; `intents versions` lists them");
            return Err(UnderstandingError::unusable(&self.folder, problem));
        }
        let corrections = self.corrections(number)?.len();
        self.put_in_force(number)?;
        Ok(Version {
            number,
            corrections,
            current: true,
            problem: None,
        })
    }

    /// A mistyped folder would look as if nothing had been taught.
    fn must_exist(&self) -> Result<(), UnderstandingError> {
        if self.folder.is_dir() {
            return Ok(());
        }
        let problem = "is no folder of lessons; `intents correct` makes one";
        Err(UnderstandingError::unusable(&self.folder, problem))
    }

    fn put_in_force(&self, number: u32) -> Result<(), UnderstandingError> {
        fs::create_dir_all(&self.folder)
            .map_err(|source| UnderstandingError::write(&self.folder, source))?;
        let current = format!("{number}\n");
        write_whole(&[(self.folder.join("current"), current.as_bytes())])
    }

    /// The number of the version in force; 0 for what ships.
    pub fn current(&self) -> Result<u32, UnderstandingError> {
        let path = self.folder.join("current");
        if !path.exists() {
            return Ok(0);
        }
        read_text(&path)?.trim().parse().map_err(|_| {
            let problem = "must hold a version's number; `intents rollback --to 0` mends it";
            UnderstandingError::unusable(&path, problem)
        })
    }

    fn corrections(&self, number: u32) -> Result<Vec<Example>, UnderstandingError> {
        if number == 0 {
            return Ok(Vec::new());
        }
        let path = self.file(number);
        read_examples(&path).map_err(|error| match error {
            UnderstandingError::Line { line, problem, .. } => {
                UnderstandingError::line(path, line, format!("{problem}; {REMEDY}"))
            }
            UnderstandingError::Read { source, .. } => {
                UnderstandingError::unusable(path, format!("cannot be read: {source}; {REMEDY}"))
            }
            other => other,
        })
    }

    /// The numbers of the versions in the folder, ascending.
    fn numbers(&self) -> Result<Vec<u32>, UnderstandingError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(UnderstandingError::read(&self.folder, source)),
        };
        let mut numbers: Vec<u32> = entries
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                name.strip_suffix(".tsv")?.parse().ok()
            })
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Where a version's corrections lie.
    pub fn file(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:04}.tsv"))
    }
}

/// One text has one intent.
fn refuse_two_intents(corrections: &[Example]) -> Result<(), UnderstandingError> {
    for (at, Example { text, label }) in corrections.iter().enumerate() {
        let before = corrections[..at].iter().find(|other| other.text == *text);
        if let Some(other) = before.filter(|other| other.label != *label) {
            let problem = format!(
                "names `{}` and then `{label}`; leave one of them out",
                other.label
            );
            let text = text.clone();
            return Err(UnderstandingError::Correction { text, problem });
        }
    }
    Ok(())
}

/// A correction as it is written and read back: one line, both sides of its tab filled.
fn written(correction: &Example) -> Result<Example, UnderstandingError> {
    let [text, label] = [&correction.text, &correction.label].map(|side| side.trim().to_owned());
    let unwritable = |side: &str| side.contains(|c: char| c.is_control() || c == '\u{feff}');
    let problem = if text.is_empty() {
        "has no text; write what was said"
    } else if label.is_empty() {
        "has no intent; write what it should have been taken for"
    } else if unwritable(&text) || unwritable(&label) {
        "has a tab, a line break or the like in it; write one line of text and one intent"
    } else {
        return Ok(Example { text, label });
    };
    let problem = problem.to_owned();
    Err(UnderstandingError::Correction { text, problem })
}

/// How many letters must be changed, added or left out to make one name of another.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (at, c) in from.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in to.chars().enumerate() {
            let changed = corner + usize::from(c != other);
            corner = row[column + 1];
            row[column + 1] = changed.min(corner + 1).min(row[column] + 1);
        }
    }
    row[row.len() - 1]
}
