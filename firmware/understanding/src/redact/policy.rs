//! What stands in place of what is hidden.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::numbers::{Folded, runs_of};

/// How many letters a pseudonym has: 48 bits.
const LETTERS: usize = 12;

/// Letters of pseudonyms, four bits each: consonants, so that none spells a word or a number.
const ALPHABET: &[u8; 16] = b"bcdfghjklmnpqrst";

/// The key of pseudonyms. Destroying it makes them unlinkable for good, so it is replaced, not
/// derived, when its period ends.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactionKey([u8; 32]);

impl RedactionKey {
    /// A key from 32 random bytes that never leave the box.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The pseudonym of a value: HMAC-SHA256 (RFC 2104) of its kind and normal form, truncated.
    fn pseudonym(&self, label: &str, said: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(b"trunkside redaction\0");
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(normal_form(said).as_bytes());
        let code = mac.finalize().into_bytes();
        let halves = code.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        halves
            .take(LETTERS)
            .map(|half| char::from(ALPHABET[usize::from(half)]))
            .collect()
    }
}

impl fmt::Debug for RedactionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedactionKey(…)")
    }
}

/// What stands in place of what is hidden, from the most telling to the strictest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedactionPolicy {
    /// Its kind and a pseudonym that is the same for the same value as long as the key lives:
    /// `[phone:bcdfghjklmnp]`.
    Pseudonym(RedactionKey),
    /// Its kind: `[phone]`.
    #[default]
    Mask,
    /// Not even its kind: `[dropped]`. Amounts, dates, times and numbers of two digits or more are
    /// dropped too.
    Drop,
}

impl RedactionPolicy {
    /// Whether what is only perhaps personal is hidden as well.
    pub(super) const fn is_strict(&self) -> bool {
        matches!(self, Self::Drop)
    }

    pub(super) fn placeholder(&self, label: &str, said: &str) -> String {
        match self {
            Self::Mask => format!("[{label}]"),
            Self::Pseudonym(key) => format!("[{label}:{}]", key.pseudonym(label, said)),
            Self::Drop => "[dropped]".to_owned(),
        }
    }
}

/// The same for a number however it was said or written; otherwise letters without blanks.
fn normal_form(said: &str) -> String {
    let folded = Folded::new(said);
    let digits: String = runs_of(&folded)
        .iter()
        .map(|run| run.meant.as_str())
        .collect();
    if digits.len() >= 4 {
        return digits;
    }
    folded
        .chars()
        .iter()
        .filter(|c| c.is_alphanumeric())
        .collect()
}
