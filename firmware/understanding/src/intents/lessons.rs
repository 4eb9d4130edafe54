//! The folder that keeps a supervisor's corrections, version by version.
//!
//! `0001.tsv`, `0002.tsv`, … each hold all corrections of one version (`text<TAB>label`);
//! `current` names the one in force, 0 for what ships. Only text is kept: the model is learnt anew
//! when the program starts, so corrections survive an update of what ships.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::learning::{Learnt, learn};
use super::model::IntentModel;
use super::{Example, read_examples, read_text};
use crate::UnderstandingError;

/// More corrections than this in one version are refused: they would make starting slow.
const MOST: usize = 20_000;

/// One version of the lessons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its number; 0 is what ships.
    pub number: u32,
    /// How many corrections it holds.
    pub corrections: usize,
    /// Whether it is in force.
    pub current: bool,
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
        let current = self.current()?;
        let mut versions = Vec::new();
        for number in std::iter::once(0).chain(self.numbers()?) {
            versions.push(Version {
                number,
                corrections: self.corrections(number)?.len(),
                current: number == current,
            });
        }
        Ok(versions)
    }

    /// The model in force: what ships, with the current version's corrections learnt.
    pub fn model(&self) -> Result<IntentModel, UnderstandingError> {
        let corrections = self.corrections(self.current()?)?;
        if corrections.is_empty() {
            return Ok(IntentModel::shipped());
        }
        Ok(self.learn(&corrections)?.model)
    }

    /// Adds corrections to those in force and puts the new version in force at once. A later
    /// correction of the same text replaces an earlier one.
    pub fn correct(&self, more: &[Example]) -> Result<(Version, Learnt), UnderstandingError> {
        let mut corrections = self.corrections(self.current()?)?;
        corrections.retain(|old| more.iter().all(|new| new.text != old.text));
        corrections.extend_from_slice(more);
        if corrections.len() > MOST {
            let problem = format!("more than {MOST} corrections; train a model of your own");
            return Err(UnderstandingError::unusable(&self.folder, problem));
        }
        let learnt = self.learn(&corrections)?;
        let number = self.numbers()?.last().copied().unwrap_or(0) + 1;
        fs::create_dir_all(&self.folder)
            .map_err(|source| UnderstandingError::write(&self.folder, source))?;
        let mut lines = String::new();
        for example in &corrections {
            lines += &[&example.text, "\t", &example.label, "\n"].concat();
        }
        write_whole(&self.file(number), &lines)?;
        self.put_in_force(number)?;
        let version = Version {
            number,
            corrections: corrections.len(),
            current: true,
        };
        Ok((version, learnt))
    }

    /// Puts an earlier version in force: the one before the current, or the one named.
    pub fn rollback(&self, to: Option<u32>) -> Result<Version, UnderstandingError> {
        let numbers = self.numbers()?;
        if !self.folder.is_dir() {
            let problem = "is no folder of lessons; `intents correct` makes one";
            return Err(UnderstandingError::unusable(&self.folder, problem));
        }
        let number = if let Some(number) = to {
            number
        } else {
            let current = self.current()?;
            let before = numbers.iter().rev().find(|number| **number < current);
            before.copied().unwrap_or(0)
        };
        if number != 0 && !numbers.contains(&number) {
            let problem = format!("has no version {number}; `intents versions` lists them");
            return Err(UnderstandingError::unusable(&self.folder, problem));
        }
        self.put_in_force(number)?;
        Ok(Version {
            number,
            corrections: self.corrections(number)?.len(),
            current: true,
        })
    }

    fn learn(&self, corrections: &[Example]) -> Result<Learnt, UnderstandingError> {
        learn(corrections).ok_or_else(|| {
            let problem = "these corrections make the kept set worse than what ships, however \
                           weakly they are learnt; check their labels";
            UnderstandingError::unusable(&self.folder, problem)
        })
    }

    fn put_in_force(&self, number: u32) -> Result<(), UnderstandingError> {
        fs::create_dir_all(&self.folder)
            .map_err(|source| UnderstandingError::write(&self.folder, source))?;
        write_whole(&self.folder.join("current"), &format!("{number}\n"))
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
        read_examples(&self.file(number))
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

    fn file(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:04}.tsv"))
    }
}

/// Writes a file so that a power cut leaves the old or the new one.
fn write_whole(path: &Path, text: &str) -> Result<(), UnderstandingError> {
    let error = |source| UnderstandingError::write(path, source);
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new).map_err(error)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(error)?;
    file.sync_all().map_err(error)?;
    fs::rename(&new, path).map_err(error)
}
