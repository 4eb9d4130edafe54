//! What can go wrong with a model, by what its owner should do about it.

use std::io;
use std::path::PathBuf;

use crate::catalogue::WhereFrom;

/// A failure to find, check, load or run a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No catalogue anywhere: install the models, or say where they are.
    #[error(
        "no model catalogue found (looked in {}); {}",
        list(looked_in),
        remedy(*where_from)
    )]
    NoCatalogue {
        /// The folders that were tried, in order.
        looked_in: Vec<PathBuf>,
        /// Who named them, if anybody did: a named folder is the only one tried.
        where_from: WhereFrom,
    },
    /// The catalogue itself is wrong: mend the file.
    #[error("`{}`: {problem}", file.display())]
    Catalogue {
        /// The catalogue.
        file: PathBuf,
        /// What is wrong with it, with key and remedy.
        problem: String,
    },
    /// The catalogue has no model of that name: choose another.
    #[error("unknown model `{name}`; this box has {}", names(known))]
    UnknownModel {
        /// The name that was asked for.
        name: String,
        /// The names that exist; at least one.
        known: Vec<String>,
    },
    /// There is a catalogue, and no model in it or added: install the models again, or add one.
    #[error(
        "`{}` lists no model, and none was added; install Trunkside's models again, or add one with \
         `trunkside models add`",
        catalogue.display()
    )]
    NoModel {
        /// The catalogue.
        catalogue: PathBuf,
    },
    /// A file cannot be read: check the path and its permissions.
    #[error("cannot read `{}`: {source}; {}", file.display(), what_makes_readable(source))]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written: check the folder, its permissions and the space left.
    #[error("cannot write `{}`: {source}", file.display())]
    Write {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The files given are no model together, or the name is taken: give others.
    #[error("cannot add model `{name}`: {problem}")]
    Import {
        /// The name that it would have.
        name: String,
        /// What is wrong and what would mend it.
        problem: String,
    },
    /// The model came with the box: only added ones can be removed.
    #[error("model `{name}` was not added with `models add`; it stays")]
    NotAdded {
        /// The name.
        name: String,
    },
    /// A file is not the one that the catalogue describes: install it again.
    #[error(
        "`{}` has {what} `{found}`, the catalogue expects `{expected}`; \
         install the model again, or correct `{}` if the change is meant",
        file.display(),
        listed_in.display()
    )]
    Mismatch {
        /// The file.
        file: PathBuf,
        /// What describes it: the catalogue, or the entry of a model that was added.
        listed_in: PathBuf,
        /// Which property differs: `size` in bytes or `sha256`.
        what: &'static str,
        /// The catalogue's value.
        expected: String,
        /// The file's value.
        found: String,
    },
    /// The file that came is not the one that was trusted: ask the publisher, then decide.
    #[error(
        "what `{url}` gives has sha256 `{found}`, but `{expected}` was trusted; if its publisher \
         means the change, remove that address from `{}`, or correct `catalogue.toml`",
        trusted.display()
    )]
    Distrusted {
        /// The address.
        url: String,
        /// The SHA-256 that was trusted.
        expected: String,
        /// The one that came.
        found: String,
        /// Where the first ones are written down.
        trusted: PathBuf,
    },
    /// The file is no usable model: export or download it again.
    #[error("`{}` is not a usable model: {problem}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// What is wrong and what would mend it.
        problem: String,
    },
    /// The network failed while running: the stream is lost, others go on.
    #[error("the acoustic network failed: {0}")]
    Run(String),
}

const fn remedy(where_from: WhereFrom) -> &'static str {
    match where_from {
        WhereFrom::Explicit => {
            "name the folder that holds `catalogue.toml` (`--models`, or `recognition.models_dir` of a box), \
             or name none"
        }
        WhereFrom::Environment => {
            "set `TRUNKSIDE_MODELS` to the folder that holds `catalogue.toml`, or to nothing"
        }
        WhereFrom::Search => {
            "put the models into one of these, or name the folder that holds `catalogue.toml` (`--models`, \
             `recognition.models_dir` of a box, or the variable `TRUNKSIDE_MODELS`)"
        }
    }
}

/// What would let a file be read.
fn what_makes_readable(fault: &io::Error) -> &'static str {
    use io::ErrorKind::{
        InvalidData, IsADirectory, NotADirectory, NotFound, PermissionDenied, UnexpectedEof,
    };
    match fault.kind() {
        NotFound | NotADirectory => "check the path",
        PermissionDenied => "check its permissions",
        IsADirectory => "name a file",
        InvalidData => "it must be text in UTF-8, plain or compressed by zstd",
        UnexpectedEof => "it ends too early: bring the file again from where it came",
        _ => "check the path and its permissions, or bring the file again from where it came",
    }
}

fn list(folders: &[PathBuf]) -> String {
    let quoted: Vec<_> = folders
        .iter()
        .map(|f| format!("`{}`", f.display()))
        .collect();
    quoted.join(", ")
}

fn names(known: &[String]) -> String {
    let quoted: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
