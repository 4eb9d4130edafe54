//! Lists of words that show a feeling.

use std::collections::HashMap;
use std::sync::LazyLock;

use trunkside_call::Language;

use crate::features::fold;

/// What a word shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    Angry,
    Dissatisfied,
    Anxious,
    Satisfied,
    /// Nothing, although a shorter word in it does: `正在`, `大家`.
    Neutral,
    /// Turns what follows into its opposite.
    Negation,
    /// The same up to the end of the clause: `没有一次`, `从来没有`, `never once`.
    Never,
    /// Denies whatever is bad behind it, which is praise: `没什么`, `nothing to`.
    Nothing,
    /// Makes what follows stronger.
    Strong,
    /// Makes what follows weaker.
    Weak,
    /// What follows counts more than what came before: `但是`.
    Contrast,
    /// What follows in this clause counts less: `虽然`.
    Concession,
    /// What follows in this clause is not so: `本来以为`, `要是`.
    Unreal,
    /// The same of what is bad as well, a little way on: `如果`, `以为`.
    Suppose,
    /// What is good in this clause is looked for: `哪家`.
    Which,
    /// A clause that asks for what is missing: `希望`, `建议`.
    Wish,
    /// A question that accuses: `难道`, `凭什么`.
    Rhetorical,
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    pub sense: Sense,
    pub strength: f32,
}

/// The words of one language.
pub(super) struct Lexicon {
    entries: HashMap<String, Entry>,
    /// English stems, which match with any ending.
    stems: Vec<(String, Entry)>,
    /// What is said, and what is shown of it.
    triggers: Vec<(String, String)>,
    /// What asks for something: `帮我`, `how much`.
    pub asks: Vec<String>,
    /// Praise that mocks where a fault follows it: `真行啊`, `oh great`.
    pub mocks: Vec<String>,
    /// How long something takes, for who is praised so: `还没`, `another hour`.
    pub delays: Vec<String>,
    /// What marks a verdict on the whole: `总的来说`.
    pub overall: Vec<String>,
    /// What makes little of the fault that is named with it: `美中不足`.
    pub minor: Vec<String>,
    /// What asks for little more: `就完美了`.
    pub nearly: Vec<String>,
    /// Length of the longest term: characters in Chinese, words in English.
    pub longest: usize,
}

impl Lexicon {
    /// The lists that ship.
    pub(super) fn of(language: Language) -> &'static Self {
        static ZH: LazyLock<Lexicon> =
            LazyLock::new(|| Lexicon::shipped(&[include_str!("../../data/sentiment/zh.txt")]));
        // Cantonese speakers also use the words of written Chinese.
        static YUE: LazyLock<Lexicon> = LazyLock::new(|| {
            Lexicon::shipped(&[
                include_str!("../../data/sentiment/zh.txt"),
                include_str!("../../data/sentiment/yue.txt"),
            ])
        });
        static EN: LazyLock<Lexicon> =
            LazyLock::new(|| Lexicon::shipped(&[include_str!("../../data/sentiment/en.txt")]));
        match language {
            Language::Zh => &ZH,
            Language::Yue => &YUE,
            Language::En => &EN,
        }
    }

    fn shipped(lists: &[&str]) -> Self {
        let mut lexicon = Self {
            entries: HashMap::new(),
            stems: Vec::new(),
            triggers: Vec::new(),
            asks: Vec::new(),
            mocks: Vec::new(),
            delays: Vec::new(),
            overall: Vec::new(),
            minor: Vec::new(),
            nearly: Vec::new(),
            longest: 1,
        };
        for list in lists {
            for line in list
                .lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty())
            {
                lexicon.add(line).expect("the shipped lists are whole");
            }
        }
        lexicon
    }

    /// Adds one line: `emotion strength: words`.
    fn add(&mut self, line: &str) -> Option<()> {
        let (head, terms) = line.split_once(':')?;
        let (name, strength) = head.split_once(' ').unwrap_or((head, "1"));
        let strength: f32 = strength.parse().ok()?;
        let terms = terms
            .split_whitespace()
            .map(|term| term.replace('_', " ").chars().map(fold).collect::<String>());
        let sense = match name {
            "angry" => Sense::Angry,
            "dissatisfied" => Sense::Dissatisfied,
            "anxious" => Sense::Anxious,
            "satisfied" => Sense::Satisfied,
            "neutral" => Sense::Neutral,
            "negation" => Sense::Negation,
            "never" => Sense::Never,
            "nothing" => Sense::Nothing,
            "strong" => Sense::Strong,
            "weak" => Sense::Weak,
            "contrast" => Sense::Contrast,
            "concession" => Sense::Concession,
            "unreal" => Sense::Unreal,
            "suppose" => Sense::Suppose,
            "which" => Sense::Which,
            "wish" => Sense::Wish,
            "rhetorical" => Sense::Rhetorical,
            "trigger" => {
                for term in terms {
                    let (said, shown) = term.split_once('=').unwrap_or((&term, &term));
                    let trigger = (said.to_owned(), shown.to_owned());
                    if !self.triggers.contains(&trigger) {
                        self.triggers.push(trigger);
                    }
                }
                return Some(());
            }
            "ask" | "mock" | "delay" | "overall" | "minor" | "nearly" => {
                let phrases = match name {
                    "ask" => &mut self.asks,
                    "mock" => &mut self.mocks,
                    "delay" => &mut self.delays,
                    "overall" => &mut self.overall,
                    "minor" => &mut self.minor,
                    _ => &mut self.nearly,
                };
                // A list of two languages, or in both scripts, may name one twice.
                for term in terms {
                    if !phrases.contains(&term) {
                        phrases.push(term);
                    }
                }
                return Some(());
            }
            _ => return None,
        };
        let entry = Entry { sense, strength };
        for term in terms {
            if let Some(stem) = term.strip_suffix('*') {
                self.stems.push((stem.to_owned(), entry));
            } else {
                let length = if term.is_ascii() {
                    term.split(' ').count().max(term.len())
                } else {
                    term.chars().count()
                };
                self.longest = self.longest.max(length);
                // Speech is often written without apostrophes: `cant fault it`.
                if term.contains('\'') {
                    let bare = term.replace('\'', "");
                    self.entries.entry(bare).or_insert(entry);
                }
                self.entries.entry(term).or_insert(entry);
            }
        }
        Some(())
    }

    pub(super) fn get(&self, term: &str) -> Option<Entry> {
        self.entries.get(term).copied()
    }

    /// The entry of an English word with its endings.
    pub(super) fn get_stem(&self, word: &str) -> Option<Entry> {
        self.stems
            .iter()
            .filter(|(stem, _)| word.starts_with(stem.as_str()))
            .max_by_key(|(stem, _)| stem.len())
            .map(|(_, entry)| *entry)
    }

    /// The words that a supervisor wants to hear of: as they are said, and as they are shown.
    pub(super) fn triggers(&self) -> &[(String, String)] {
        &self.triggers
    }
}
