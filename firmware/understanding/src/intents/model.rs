//! The classifier: from a text to intents with probabilities.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trunkside_call::Intent;

use super::denial::{Denial, denials, may_be_denied, retracted};
use super::said::Said;
use super::whole::write_whole;
use super::{Evaluation, Example, OUT_OF_SCOPE, read_text};
use crate::UnderstandingError;
use crate::features::{PAIR_LENGTH, Token, features_of};
use crate::linear::{Head, Sparse, softmax};

/// Intents below this probability are not worth mentioning.
const MENTIONED_FROM: f32 = 0.05;

/// A clause's own intent counts from this probability.
const CLAUSE_FROM: f32 = 0.6;

/// Two matters that a word may join count only where each is so sure.
const JOINED_FROM: f32 = 0.85;

/// The version of features and files; a model of another one is refused.
pub(super) const VERSION: u32 = 3;

/// What `intents.toml` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    /// Version of features and files.
    pub version: u32,
    /// Lines trained on.
    pub examples: usize,
    /// Weight of the loss against the penalty, chosen on held-out lines.
    pub cost: f32,
    /// How much pairs of words count.
    #[serde(default = "usual_pair_length")]
    pub pair_length: f32,
    /// Inverse temperature of the softmax over the margins.
    pub sharpness: f32,
    /// The two likeliest labels must together be so far ahead of the rejecting one, or it is given.
    pub reject_below: f32,
    /// Digest of the corpus, for models that ship.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub corpus: String,
    /// SHA-256 of `intents.head` (hex): the files of two trainings do not belong together. Only on the
    /// disk; empty where the model is from before it was noted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub head_sha256: String,
    /// The intents, in the order of the weights.
    pub labels: Vec<String>,
}

const fn usual_pair_length() -> f32 {
    PAIR_LENGTH
}

/// A trained intent classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct IntentModel {
    pub(super) card: Card,
    pub(super) head: Head,
}

impl IntentModel {
    /// The model that ships with the box.
    ///
    /// # Panics
    /// Never with the files in the source tree: a test loads them.
    pub fn shipped() -> Self {
        let card = include_str!("../../data/intents/shipped/intents.toml");
        let head = include_bytes!("../../data/intents/shipped/intents.head");
        Self::from_parts(card, head).expect("the shipped model is whole")
    }

    /// Reads a model that [`train_file`](super::train_file) wrote.
    pub fn load(folder: &Path) -> Result<Self, UnderstandingError> {
        let card = read_text(&folder.join("intents.toml"))?;
        let path = folder.join("intents.head");
        let head = fs::read(&path).map_err(|source| UnderstandingError::read(path, source))?;
        Self::from_parts(&card, &head)
            .map_err(|problem| UnderstandingError::unusable(folder, problem))
    }

    fn from_parts(card: &str, head: &[u8]) -> Result<Self, String> {
        let mut card: Card = toml::from_str(card)
            .map_err(|error| format!("`intents.toml` is broken: {}", error.message()))?;
        if card.version != VERSION {
            return Err(format!(
                "its version is {}, this program reads {VERSION}; train it again",
                card.version
            ));
        }
        let noted = std::mem::take(&mut card.head_sha256);
        let is_its_own = noted.is_empty() || noted == sha256(head);
        let mut head = Head::from_bytes(head)
            .ok_or("`intents.head` is broken or cut short; train the model again")?;
        if head.classes() != card.labels.len() || !is_its_own {
            return Err("labels and weights do not belong together; train it again".to_owned());
        }
        head.lexicon.pair_length = card.pair_length;
        Ok(Self { card, head })
    }

    /// Writes `intents.toml` and `intents.head` into a folder, which is made if it is not there. A model
    /// in it stays whole until both are on the disk.
    ///
    /// # Panics
    /// Never: a card holds plain data, which TOML can write.
    pub fn save(&self, folder: &Path) -> Result<(), UnderstandingError> {
        fs::create_dir_all(folder).map_err(|source| UnderstandingError::write(folder, source))?;
        let head = self.head.to_bytes();
        let card = self.card_of(&head);
        // The card first: it tells which weights it belongs to.
        write_whole(&[
            (folder.join("intents.toml"), card.as_bytes()),
            (folder.join("intents.head"), &head),
        ])
    }

    /// What tells it from any other model: the SHA-256 (hex) of `intents.toml` as [`save`](Self::save) writes
    /// it, which has that of the weights in it.
    pub fn sha256(&self) -> String {
        sha256(self.card_of(&self.head.to_bytes()).as_bytes())
    }

    /// The text of its card, with weights that read so.
    fn card_of(&self, head: &[u8]) -> String {
        let card = Card {
            head_sha256: sha256(head),
            ..self.card.clone()
        };
        toml::to_string(&card).expect("a card is plain data")
    }

    /// The intents it knows, the one for rejection included.
    pub fn labels(&self) -> &[String] {
        &self.card.labels
    }

    /// The intents worth mentioning, likeliest first; never empty. Clauses are also looked at one
    /// by one, so that two wishes in one utterance both appear; a wish that is denied is none.
    pub fn classify(&self, text: &str) -> Vec<Intent> {
        let said = Said::new(text);
        let said = self.without_retracted(&said).unwrap_or(said);
        let intents = self.weigh(&said);
        let wished = self.without_denied(&said, &intents);
        wished.map_or(intents, |wished| self.weigh(&wished))
    }

    /// What is left of an utterance that takes back its beginning, where the rest surely is a wish.
    fn without_retracted(&self, said: &Said) -> Option<Said> {
        let start = retracted(&said.tokens)?;
        let left: Vec<usize> = (start..said.tokens.len()).collect();
        let rest = said.only(&left);
        self.is_sure_wish(&rest).then_some(rest)
    }

    /// Whether an utterance surely is a wish.
    fn is_sure_wish(&self, said: &Said) -> bool {
        let first = self.weigh(said).swap_remove(0);
        first.score >= CLAUSE_FROM && !is_rejection(&first.name)
    }

    /// What is left of an utterance when the wishes that it denies are taken out; none where it denies
    /// none of these intents.
    fn without_denied(&self, said: &Said, intents: &[Intent]) -> Option<Said> {
        let is_bare = |denial: &Denial| {
            denial.is_bare && {
                let outside = |index: &usize| !denial.whole.contains(index);
                let left: Vec<usize> = (0..said.tokens.len()).filter(outside).collect();
                self.is_sure_wish(&said.only(&left))
            }
        };
        let denied: Vec<Denial> = denials(&said.tokens, |index| said.is_parted(index))
            .into_iter()
            .filter(|denial| {
                if is_bare(denial) {
                    return true;
                }
                let wish = &said.tokens[denial.wish.clone()];
                let named = self.judge(wish).swap_remove(0);
                let sure = named.score >= CLAUSE_FROM && !is_rejection(&named.name);
                // `i don't want my balance i want …` may sound like neither of both.
                let is_one = intents.iter().any(|intent| intent.name == named.name);
                sure && (is_one || denial.contrasts) && may_be_denied(&named.name, wish)
            })
            .collect();
        if denied.is_empty() {
            return None;
        }
        let is_left = |index: &usize| !denied.iter().any(|denial| denial.whole.contains(index));
        let left: Vec<usize> = (0..said.tokens.len()).filter(is_left).collect();
        // One word such as `please` wishes nothing.
        Some(said.only(if left.len() > 1 { &left } else { &[] }))
    }

    fn weigh(&self, said: &Said) -> Vec<Intent> {
        let mut intents = self.judge(&said.tokens);
        let whole = intents[0].clone();
        let clauses = said.clauses();
        let mut firsts: Vec<Intent> = clauses
            .iter()
            .map(|clause| self.judge(clause).swap_remove(0))
            .filter(|first| first.score >= CLAUSE_FROM && !is_rejection(&first.name))
            .collect();
        if clauses.is_empty() {
            firsts.extend(self.bare_wishes(said));
        }
        firsts.extend(self.joined(said));
        for first in firsts {
            match intents.iter_mut().find(|intent| intent.name == first.name) {
                Some(known) => known.score = known.score.max(first.score),
                None => intents.push(first),
            }
        }
        intents.sort_by(|a, b| b.score.total_cmp(&a.score));
        // What a clause says with certainty is not out of scope, and comes before what the whole says
        // without.
        let unsure = is_rejection(&whole.name) || whole.score < CLAUSE_FROM;
        let first = if unsure {
            let is_sure =
                |intent: &Intent| intent.score >= CLAUSE_FROM && !is_rejection(&intent.name);
            intents.iter().position(is_sure)
        } else {
            None
        };
        let first = first.or_else(|| intents.iter().position(|intent| intent.name == whole.name));
        if let Some(first) = first {
            intents[..=first].rotate_right(1);
        }
        intents
    }

    /// The intents of wishes that are said without anything between them; none unless all are sure and
    /// no two the same.
    fn bare_wishes(&self, said: &Said) -> Vec<Intent> {
        let mut found: Vec<Intent> = Vec::new();
        for wish in said.bare_wishes() {
            let first = self.judge(wish).swap_remove(0);
            let is_known = found.iter().any(|intent| intent.name == first.name);
            if first.score < CLAUSE_FROM || is_rejection(&first.name) || is_known {
                return Vec::new();
            }
            found.push(first);
        }
        found
    }

    /// The intents of two matters that a word joins, where both halves are sure of another one; of several
    /// ways to part them the surest.
    fn joined(&self, said: &Said) -> Vec<Intent> {
        let parted = said.halves().into_iter().filter_map(|(first, second)| {
            let both = [first, second].map(|half| self.judge(half).swap_remove(0));
            let sure = |intent: &Intent| intent.score >= JOINED_FROM && !is_rejection(&intent.name);
            (both.iter().all(sure) && both[0].name != both[1].name).then_some(both)
        });
        let least = |both: &[Intent; 2]| both[0].score.min(both[1].score);
        let surest = parted.max_by(|a, b| least(a).total_cmp(&least(b)));
        surest.into_iter().flatten().collect()
    }

    /// The probability of every label for a text, in the order of [`labels`](Self::labels),
    /// before any rejection.
    pub fn probabilities(&self, text: &str) -> Vec<f32> {
        self.probabilities_of(&Said::new(text).tokens)
    }

    /// Measures it on examples.
    pub fn evaluate(&self, examples: &[Example]) -> Evaluation {
        let right = examples
            .iter()
            .filter(|example| {
                let first = &self.classify(&example.text)[0].name;
                *first == example.label || is_rejection(first) && is_rejection(&example.label)
            })
            .count();
        let n = examples.len();
        Evaluation {
            accuracy: right as f64 / n.max(1) as f64,
            n,
        }
    }

    pub(super) fn vector(&self, tokens: &[Token]) -> Sparse {
        self.head.lexicon.vector(&features_of(tokens))
    }

    fn probabilities_of(&self, tokens: &[Token]) -> Vec<f32> {
        softmax(
            &self.head.margins(&self.vector(tokens)),
            self.card.sharpness,
        )
    }

    /// The intents of one stretch of text, likeliest first.
    pub(super) fn judge(&self, tokens: &[Token]) -> Vec<Intent> {
        if tokens.is_empty() {
            return vec![Intent {
                name: OUT_OF_SCOPE.to_owned(),
                score: 1.0,
            }];
        }
        let probabilities = self.probabilities_of(tokens);
        let mut intents: Vec<Intent> = self
            .card
            .labels
            .iter()
            .zip(probabilities)
            .map(|(name, score)| Intent {
                name: name.clone(),
                score,
            })
            .collect();
        intents.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.reject(&mut intents);
        let first = intents.remove(0);
        intents.retain(|intent| intent.score >= MENTIONED_FROM);
        intents.truncate(4);
        intents.insert(0, first);
        intents
    }
}

impl IntentModel {
    /// Puts the rejecting label first where the others are not far enough ahead of it.
    fn reject(&self, intents: &mut Vec<Intent>) {
        if is_rejection(&intents[0].name) {
            return;
        }
        let best = intents[0].score;
        let rejecting = intents.iter().position(|intent| is_rejection(&intent.name));
        let rejected = rejecting.map_or(0.0, |at| intents[at].score);
        let others = intents.iter().filter(|intent| !is_rejection(&intent.name));
        if lead(others.map(|intent| intent.score), rejected) >= self.card.reject_below {
            return;
        }
        let name = rejecting.map_or_else(
            || OUT_OF_SCOPE.to_owned(),
            |position| intents.remove(position).name,
        );
        // As sure as the likeliest is not, and no less than what it is put before.
        let score = best.max(1.0 - best);
        intents.insert(0, Intent { name, score });
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// How far the two likeliest labels are ahead of the rejecting one: an utterance of two wishes is
/// sure of both, and of neither alone.
pub(super) fn lead(others: impl Iterator<Item = f32>, rejected: f32) -> f32 {
    let (first, second) = others.fold((0.0_f32, 0.0_f32), |(first, second), score| {
        (first.max(score), second.max(score.min(first)))
    });
    first + second - rejected
}

/// Whether a label stands for what is none of the others.
pub(super) fn is_rejection(label: &str) -> bool {
    label == OUT_OF_SCOPE || label == "oos"
}
