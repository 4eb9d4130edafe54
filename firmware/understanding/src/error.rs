//! What can go wrong when data is read; understanding itself never fails.

use std::path::PathBuf;

/// Why a model, a corpus or a rule set could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum UnderstandingError {
    /// A file cannot be read: check the path and its permissions.
    #[error("cannot read `{path}`; check that it exists and may be read", path = .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be written: check the folder, its permissions and the free space.
    #[error("cannot write `{path}`; check the folder and the free space", path = .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of a data file breaks its format: mend that line.
    #[error("`{path}`, line {line}: {problem}", path = .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and how it should look.
        problem: String,
    },
    /// A correction cannot be learnt: mend it. It was not written anywhere.
    #[error("the correction of `{text}` {problem}", text = .text.escape_debug())]
    Correction {
        /// What was said.
        text: String,
        /// What is wrong with it and how it should look.
        problem: String,
    },
    /// A file as a whole cannot serve: replace or extend it.
    #[error("`{path}`: {problem}", path = .path.display())]
    Unusable {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl UnderstandingError {
    pub(crate) fn read(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Read {
            path: path.into(),
            source,
        }
    }

    pub(crate) fn write(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Write {
            path: path.into(),
            source,
        }
    }

    pub(crate) fn line(path: impl Into<PathBuf>, line: usize, problem: impl Into<String>) -> Self {
        Self::Line {
            path: path.into(),
            line,
            problem: problem.into(),
        }
    }

    pub(crate) fn unusable(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Unusable {
            path: path.into(),
            problem: problem.into(),
        }
    }
}
