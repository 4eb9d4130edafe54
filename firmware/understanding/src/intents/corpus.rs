//! The corpus that the shipped model is trained from.

use super::{Example, Grammar};

/// Utterances an intent and language, at most.
const AN_INTENT: usize = 160;

/// The grammars: language, text, whether it parts words by blanks.
const GRAMMARS: [(&str, &str, bool); 2] = [
    ("zh", include_str!("../../data/intents/zh.txt"), false),
    ("en", include_str!("../../data/intents/en.txt"), true),
];

/// The intents of the taxonomy that ships.
pub const TAXONOMY: [&str; 13] = [
    "balance_inquiry",
    "bill_inquiry",
    "lost_card",
    "loan_progress",
    "complaint",
    "refund",
    "delivery_chase",
    "fault_report",
    "appointment",
    "agent_request",
    "opening_hours",
    "close_account",
    "out_of_scope",
];

/// The shipped corpus and what identifies it.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// All utterances.
    pub examples: Vec<Example>,
    /// Changes when any grammar does.
    pub digest: String,
}

/// Expands the shipped grammars; the same every time.
///
/// # Panics
/// Never with the grammars in the source tree: a test expands them.
pub fn shipped() -> Corpus {
    let mut examples = Vec::new();
    for (language, text, spaced) in GRAMMARS {
        let grammar = Grammar::parse(text, spaced)
            .unwrap_or_else(|error| panic!("the shipped `{language}` grammar is whole: {error}"));
        examples.extend(grammar.examples(&TAXONOMY, AN_INTENT));
    }
    Corpus {
        examples,
        digest: digest(),
    }
}

/// FNV-1a over the grammars' text.
pub(super) fn digest() -> String {
    let hash = GRAMMARS
        .iter()
        .flat_map(|(_, text, _)| text.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}
