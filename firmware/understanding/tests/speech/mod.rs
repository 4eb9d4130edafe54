//! Makes what callers and agents say and type when they name something personal, and what only
//! looks like it: Mandarin, Cantonese and English; spoken and written; with hesitations,
//! corrections, errors of a recogniser, numbers split over turns, and partial hypotheses.
//!
//! Names, streets and carriers are this module's own: the rules that it tests hold no street, no
//! English family name and no whole Chinese name, and lack a part of the characters used here.

mod cases;
mod lists;
mod mentioned;
mod numbers;
mod random;
mod spoken;

pub use cases::{case, negative};
pub use random::Random;

/// The language and script of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tongue {
    Mandarin,
    Cantonese,
    English,
}

/// What is personal in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Phone,
    Identity,
    Card,
    Account,
    Birth,
    Plate,
    Email,
    Name,
    /// A name that no words introduce: of who is spoken of, or before its own spelling.
    Mention,
    Address,
}

impl Kind {
    /// All but names that nothing introduces, of which cases are made apart.
    pub const DRAWN: [Self; 9] = [
        Self::Phone,
        Self::Identity,
        Self::Card,
        Self::Account,
        Self::Birth,
        Self::Plate,
        Self::Email,
        Self::Name,
        Self::Address,
    ];

    /// Whether every digit of it must go.
    pub const fn is_number(self) -> bool {
        matches!(
            self,
            Self::Phone | Self::Identity | Self::Card | Self::Account
        )
    }
}

/// One turn of a case.
#[derive(Clone, Debug)]
pub struct Turn {
    pub by_caller: bool,
    pub is_final: bool,
    pub text: String,
    /// What must be hidden: spans of characters, a digit word or a whole name each.
    pub secrets: Vec<(usize, usize)>,
}

/// A text under construction that knows where its secrets are.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub text: String,
    pub length: usize,
    pub secrets: Vec<(usize, usize)>,
}

impl Said {
    pub fn say(&mut self, text: &str) {
        self.text.push_str(text);
        self.length += text.chars().count();
    }

    pub fn tell(&mut self, secret: &str) {
        let start = self.length;
        self.say(secret);
        if self.length > start {
            self.secrets.push((start, self.length));
        }
    }

    /// English words are apart.
    pub fn space(&mut self, tongue: Tongue) {
        if tongue == Tongue::English && !self.text.is_empty() && !self.text.ends_with(' ') {
            self.say(" ");
        }
    }

    pub fn turn(self, is_final: bool) -> Turn {
        Turn {
            by_caller: true,
            is_final,
            text: self.text,
            secrets: self.secrets,
        }
    }
}
