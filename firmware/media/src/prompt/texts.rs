//! What the prompts say: as shipped, or in a branch's own words, with blanks that numbers fill.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use trunkside_call::{Language, PromptKey};

use super::numbers::{Form, Word};

/// The longest text of a prompt, in characters.
pub const LONGEST_TEXT: usize = 400;

/// What ships, as TOML.
const SHIPPED: &str = include_str!("../../prompts/prompts.toml");

/// What a number in a prompt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blank {
    /// How many callers stand before this one.
    Ahead,
    /// This caller's place in the queue, from one.
    Position,
    /// For how many minutes they will probably wait.
    Minutes,
    /// At least so many minutes.
    Least,
    /// At most so many minutes.
    Most,
}

impl Blank {
    const ALL: [Self; 5] = [
        Self::Ahead,
        Self::Position,
        Self::Minutes,
        Self::Least,
        Self::Most,
    ];

    /// How it is written in a text, between braces.
    const fn name(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Position => "position",
            Self::Minutes => "minutes",
            Self::Least => "least",
            Self::Most => "most",
        }
    }
}

/// The blanks that a prompt's text must have, each once: for each of them, what may stand there.
pub const fn blanks_of(key: PromptKey) -> &'static [&'static [Blank]] {
    match key {
        PromptKey::Ahead => &[&[Blank::Ahead, Blank::Position]],
        PromptKey::WaitAbout => &[&[Blank::Minutes]],
        PromptKey::WaitBetween => &[&[Blank::Least], &[Blank::Most]],
        _ => &[],
    }
}

/// Why a text cannot be a prompt's, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing to say, or a speech.
    #[error("must have 1 to {LONGEST_TEXT} characters on one line; write what is to be said")]
    Length,
    /// A blank is missing, or stands there twice.
    #[error("must have {0} in it once, where the number is said; write it there")]
    Blank(String),
    /// Braces around something else.
    #[error("has `{{{0}}}`, which no number fills; remove it")]
    Unknown(String),
}

/// One prompt's text, cut where numbers are said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    whole: String,
    /// One more than blanks; empty where nothing stands before, between or behind them.
    pieces: Vec<String>,
    blanks: Vec<Blank>,
}

impl Text {
    /// Reads the text of a prompt.
    pub fn parse(key: PromptKey, text: &str) -> Result<Self, TextError> {
        let whole = text.trim();
        if !(1..=LONGEST_TEXT).contains(&whole.chars().count()) || whole.contains(char::is_control)
        {
            return Err(TextError::Length);
        }
        let mut parts = whole.split('{');
        let mut pieces = vec![said(parts.next().unwrap_or_default())];
        let mut blanks = Vec::new();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or((part, ""));
            let blank = Blank::ALL.into_iter().find(|blank| blank.name() == name);
            blanks.push(blank.ok_or_else(|| TextError::Unknown(name.to_owned()))?);
            pieces.push(said(rest));
        }
        for wanted in blanks_of(key) {
            if blanks.iter().filter(|blank| wanted.contains(blank)).count() != 1 {
                let names: Vec<String> = wanted
                    .iter()
                    .map(|blank| format!("`{{{}}}`", blank.name()))
                    .collect();
                return Err(TextError::Blank(names.join(" or ")));
            }
        }
        let needless = |blank: &&Blank| !blanks_of(key).iter().any(|wanted| wanted.contains(blank));
        if let Some(blank) = blanks.iter().find(needless) {
            return Err(TextError::Unknown(blank.name().to_owned()));
        }
        Ok(Self {
            whole: whole.to_owned(),
            pieces,
            blanks,
        })
    }

    /// All of it.
    pub fn whole(&self) -> &str {
        &self.whole
    }

    /// The piece of that number, from one.
    pub fn piece(&self, number: u8) -> &str {
        let index = usize::from(number).checked_sub(1);
        index.map_or("", |index| {
            self.pieces.get(index).map_or("", String::as_str)
        })
    }

    /// What is said behind each piece but the last, and how: `第` makes an order of it.
    pub(super) fn blanks(&self) -> impl Iterator<Item = (Blank, Form)> {
        let form = |piece: &String| {
            if piece.ends_with('第') {
                Form::Order
            } else {
                Form::Count
            }
        };
        let forms = self.pieces.iter().map(form);
        self.blanks.iter().copied().zip(forms)
    }
}

/// A piece as it is spoken; marks alone say nothing.
fn said(piece: &str) -> String {
    let piece = piece.trim();
    if piece.chars().any(char::is_alphanumeric) {
        piece.to_owned()
    } else {
        String::new()
    }
}

/// What the box says, in each language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    said: Arc<BTreeMap<(Language, PromptKey), Text>>,
}

#[derive(Deserialize)]
struct File {
    prompt: Vec<Entry>,
    number: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(flatten)]
    said: BTreeMap<Language, String>,
}

static FILE: LazyLock<File> =
    LazyLock::new(|| toml::from_str(SHIPPED).expect("a test reads the shipped texts"));

impl Texts {
    /// What the shipped recordings say.
    ///
    /// # Panics
    /// Never: a test reads every text.
    pub fn shipped() -> Self {
        let text = |language, key: PromptKey| {
            let entry = FILE.prompt.iter().find(|entry| entry.name == key.name());
            let text = entry.and_then(|entry| entry.said.get(&language));
            let text = text.expect("every prompt has a text in every language");
            Text::parse(key, text).expect("the shipped texts are well formed")
        };
        let keys = Language::ALL
            .into_iter()
            .flat_map(|language| PromptKey::SPOKEN.map(|key| (language, key)));
        let said = keys.map(|(language, key)| ((language, key), text(language, key)));
        Self {
            said: Arc::new(said.collect()),
        }
    }

    /// Says this in place of what ships.
    pub fn set(&mut self, language: Language, key: PromptKey, text: Text) {
        Arc::make_mut(&mut self.said).insert((language, key), text);
    }

    /// What a spoken prompt says.
    ///
    /// # Panics
    /// When the prompt is no speech.
    pub fn get(&self, language: Language, key: PromptKey) -> &Text {
        &self.said[&(language, key)]
    }

    /// A word of a number; empty where the language has no such word.
    pub fn word(&self, language: Language, word: Word) -> &'static str {
        let entry = FILE.number.iter().find(|entry| entry.name == word.name());
        entry
            .and_then(|entry| entry.said.get(&language))
            .map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_its_numbers_are() {
        let text = Text::parse(PromptKey::WaitBetween, " 要等{least}到{most}。").expect("right");
        let pieces = [1, 2, 3, 4].map(|number| text.piece(number));
        assert_eq!(pieces, ["要等", "到", "", ""], "a full stop says nothing");
        let blanks: Vec<Blank> = text.blanks().map(|(blank, _)| blank).collect();
        assert_eq!(blanks, [Blank::Least, Blank::Most]);
        let text = Text::parse(PromptKey::Ahead, "您排在第{position}位").expect("right");
        let blanks: Vec<_> = text.blanks().collect();
        assert_eq!(blanks, [(Blank::Position, Form::Order)]);
    }

    #[test]
    fn what_a_text_lacks_or_has_too_much_is_told() {
        let fault = |key, text: &str| Text::parse(key, text).expect_err("wrong").to_string();
        for text in ["", "  ", &"长".repeat(LONGEST_TEXT + 1), "one\ntwo"] {
            assert!(fault(PromptKey::Greeting, text).contains("1 to 400"));
        }
        let missing = fault(PromptKey::Ahead, "多位来电");
        assert!(missing.contains("`{ahead}` or `{position}`"), "{missing}");
        let twice = fault(PromptKey::WaitAbout, "{minutes} {minutes}");
        assert!(twice.contains("`{minutes}` in it once"), "{twice}");
        let unknown = fault(PromptKey::Greeting, "Hello {name}");
        assert!(unknown.contains("`{name}`, which no number"), "{unknown}");
        let needless = fault(PromptKey::Greeting, "您好{ahead}");
        assert!(needless.contains("`{ahead}`"), "{needless}");
        assert!(fault(PromptKey::Greeting, "a {open").contains("`{open}`"));
    }

    #[test]
    fn every_word_of_a_number_has_a_text() {
        let texts = Texts::shipped();
        for language in Language::ALL {
            for word in Word::all(language) {
                assert!(
                    !texts.word(language, word).is_empty(),
                    "{language} {word:?}"
                );
            }
        }
    }
}
