//! One fault of a policy, said so that its reader can mend it.

use std::fmt;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy works all the same; a strict check refuses.
    Warning,
    /// The policy cannot be used.
    Error,
}

/// One fault: where it is, what rule it breaks, what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// The file as the reader of the policy named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, for instance `rule.angry.then.senior`; empty where the line itself is at fault.
    pub key: String,
    /// Rule, value and remedy, in lower case.
    pub message: String,
}

impl Problem {
    /// The file and line, for instance `branch.toml:12`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// What is wrong, with the key.
    pub fn fault(&self) -> String {
        if self.key.is_empty() {
            self.message.clone()
        } else {
            format!("`{}` {}", self.key, self.message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.fault())
    }
}
