//! Brings the files of a public model, and checks that they are the ones that were trusted.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use trunkside_models::{MAX_MODEL_BYTES, PublicFile, PublicModel, Trust};

use super::failure;
use crate::cli::Failure;
use crate::download::{self, Fault};

/// Files that have come.
pub(super) struct Fetched {
    pub(super) files: Vec<PathBuf>,
    folder: PathBuf,
    trust: Trust,
    /// Those that nobody has trusted before.
    strange: Vec<PathBuf>,
}

impl Fetched {
    /// Trusts them, as they have shown to be a model, and removes them, as they are installed elsewhere.
    pub(super) fn installed(self) -> Result<(), Failure> {
        // What cannot be removed takes room and does no other harm.
        let _ = fs::remove_dir_all(self.folder);
        self.trust.keep().map_err(failure)
    }

    /// They are no model: what was no more than a sign-in page comes again the next time.
    pub(super) fn unfit(self) {
        for file in &self.strange {
            let _ = fs::remove_file(file);
        }
        // Where others have come that are trusted, they stay for the next time.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Downloads all files into a folder of the models folder, which stays until they are installed, so
/// that what has come need not come again.
pub(super) fn fetch(model: &PublicModel, models: &Path) -> Result<Fetched, Failure> {
    let trust = Trust::read(models).map_err(failure)?;
    let folder = models.join(format!(".{}.download", model.name));
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))
        .map_err(Failure::Operation)?;
    let fetched = fetch_into(folder.clone(), model, trust);
    if fetched.is_err() {
        // What has come stays for the next time; where nothing has, nothing stays.
        let _ = fs::remove_dir(&folder);
    }
    fetched
}

fn fetch_into(folder: PathBuf, model: &PublicModel, mut trust: Trust) -> Result<Fetched, Failure> {
    let (mut files, mut strange) = (Vec::new(), Vec::new());
    for public in &model.files {
        let (url, file) = (model.address(public), folder.join(&public.name));
        if !file.is_file() {
            bring(model, public, &file)?;
        }
        if trust.expected(&url, public).is_none() {
            strange.push(file.clone());
        }
        if let Err(error) = trust.check(&url, public, &file) {
            // It must come again, whether it was damaged on its way or its publisher changed it.
            let _ = fs::remove_file(&file);
            return Err(Failure::Operation(error.into()));
        }
        files.push(file);
    }
    Ok(Fetched {
        files,
        folder,
        trust,
        strange,
    })
}

fn bring(model: &PublicModel, public: &PublicFile, file: &Path) -> Result<(), Failure> {
    let url = model.address(public);
    let mut screen = Screen::new(&public.name);
    let fetched = download::fetch(&url, file, MAX_MODEL_BYTES, &mut |have, whole| {
        screen.show(have, whole);
    });
    screen.end();
    fetched.map_err(|fault| Failure::Operation(explained(fault, model)))
}

/// The fault, and what to do where the box has no network.
fn explained(fault: Fault, model: &PublicModel) -> anyhow::Error {
    let addresses: Vec<String> = model.files.iter().map(|f| model.address(f)).collect();
    match fault {
        Fault::NoNetwork { .. } => anyhow!(
            "{fault}; if this box has no network, download these files elsewhere and add them with \
             `trunkside models add FILE… --name {}`: {}",
            model.name,
            addresses.join(" ")
        ),
        Fault::Refused { .. } => anyhow!(
            "{fault}; its publisher may have moved it: correct `url` of `{}` in `catalogue.toml`, \
             or add its files with `trunkside models add FILE… --name {}`",
            model.name,
            model.name
        ),
        fault => fault.into(),
    }
}

/// A line that says how far a file is: redrawn on a terminal, once at its end elsewhere.
struct Screen<'a> {
    name: &'a str,
    shown: Option<u64>,
    last: (u64, Option<u64>),
}

impl<'a> Screen<'a> {
    const fn new(name: &'a str) -> Self {
        Self {
            name,
            shown: None,
            last: (0, None),
        }
    }

    fn show(&mut self, have: u64, whole: Option<u64>) {
        self.last = (have, whole);
        let step = have.saturating_mul(100) / whole.unwrap_or(100 << 20).max(1);
        if std::io::stderr().is_terminal() && self.shown != Some(step) {
            self.shown = Some(step);
            eprint_line(&format!("\r{}", self.line()));
        }
    }

    fn end(&self) {
        if self.last == (0, None) {
            return;
        }
        let begin = if std::io::stderr().is_terminal() {
            "\r"
        } else {
            ""
        };
        eprint_line(&format!("{begin}{}\n", self.line()));
    }

    fn line(&self) -> String {
        const CELLS: u64 = 24;
        let (have, whole) = self.last;
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let Some(whole) = whole.filter(|&whole| whole > 0) else {
            return format!("{}: {:.1} MB", self.name, mb(have));
        };
        let full = (have.saturating_mul(CELLS) / whole).min(CELLS);
        let bar: String = (0..CELLS)
            .map(|at| if at < full { '#' } else { '.' })
            .collect();
        format!(
            "{}: [{bar}] {:.1} of {:.1} MB",
            self.name,
            mb(have),
            mb(whole)
        )
    }
}

fn eprint_line(text: &str) {
    // Progress that cannot be shown is not worth failing for.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is() {
        let mut screen = Screen::new("tokens.txt");
        assert_eq!(screen.line(), "tokens.txt: 0.0 MB");
        screen.last = (500_000, Some(2_000_000));
        let line = screen.line();
        assert_eq!(line, "tokens.txt: [######..................] 0.5 of 2.0 MB");
    }
}
