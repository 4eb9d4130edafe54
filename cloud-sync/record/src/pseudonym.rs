//! Agents, without their names.

use std::collections::BTreeSet;
use std::fmt;

use hmac::{Hmac, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use trunkside_call::AgentId;

use crate::RedactedText;
use crate::text::WITHHELD;

/// The letters of RFC 4648 base 32, in lower case.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Bytes of the code that a pseudonym keeps: 80 bits, 16 letters.
const KEPT_BYTES: usize = 10;

/// An agent as others may know them: the same within one key, unlinkable across keys.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Pseudonym(String);

impl Pseudonym {
    /// Its letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text has the form of one: no number has letters enough.
    pub(crate) fn is_one(text: &str) -> bool {
        let letters = text.bytes().filter(u8::is_ascii_lowercase).count();
        text.len() == KEPT_BYTES * 8 / 5
            && letters >= KEPT_BYTES
            && text.bytes().all(|byte| LETTERS.contains(&byte))
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The device's key for pseudonyms. Destroying it makes them unlinkable for good.
#[derive(Clone)]
pub struct PseudonymKey([u8; 32]);

impl PseudonymKey {
    /// A key from 32 random bytes that never leave the device.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The agent's pseudonym: HMAC-SHA256 (RFC 2104), truncated to 80 bits.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn agent(&self, agent: &AgentId) -> Pseudonym {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(b"trunkside agent\0");
        mac.update(agent.as_str().as_bytes());
        let code = mac.finalize().into_bytes();
        Pseudonym(base32(&code[..KEPT_BYTES]))
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(…)")
    }
}

/// Agents' pseudonyms, also in texts that name them.
#[derive(Clone, Debug)]
pub struct Pseudonyms {
    /// None while it cannot be read: nobody has a name then.
    key: Option<PseudonymKey>,
    known: BTreeSet<AgentId>,
}

impl Pseudonyms {
    /// Under a key; texts may name whoever [`know`](Self::know) is told of.
    pub const fn new(key: PseudonymKey) -> Self {
        Self {
            key: Some(key),
            known: BTreeSet::new(),
        }
    }

    /// Without a key, until one is [`found`](Self::found): whoever is named is withheld.
    pub const fn withheld() -> Self {
        Self {
            key: None,
            known: BTreeSet::new(),
        }
    }

    /// The key is there.
    pub fn found(&mut self, key: PseudonymKey) {
        self.key = Some(key);
    }

    /// Texts may name these from now on, also once their policy is no longer in force.
    pub fn know(&mut self, agents: impl IntoIterator<Item = AgentId>) {
        self.known.extend(agents);
    }

    /// The agent's pseudonym; `[withheld]` while there is no key.
    pub fn agent(&self, agent: &AgentId) -> Pseudonym {
        self.of(agent)
            .unwrap_or_else(|| Pseudonym(WITHHELD.to_owned()))
    }

    /// The agent's pseudonym; none while there is no key.
    pub fn of(&self, agent: &AgentId) -> Option<Pseudonym> {
        Some(self.key.as_ref()?.agent(agent))
    }

    /// The text as it may leave the box: with a pseudonym wherever an agent is named.
    pub fn text(&self, text: &str) -> RedactedText {
        let text = RedactedText::try_new(&self.name(text)).or_else(|_| {
            // Some pseudonyms have digits in a row, which the gate takes for a number.
            RedactedText::try_new(&self.replaced(text, |_| "[agent]".to_owned()))
        });
        text.unwrap_or_else(|_| RedactedText::withheld())
    }

    /// A name that may hold an agent's, such as a rule's, with the pseudonym in its place.
    pub fn name(&self, name: &str) -> String {
        self.replaced(name, |agent| self.agent(agent).0)
    }

    fn replaced(&self, text: &str, stand_in: impl Fn(&AgentId) -> String) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text.char_indices();
        while let Some((at, letter)) = rest.next() {
            match self.longest_at(text, at) {
                Some(agent) => {
                    replaced.push_str(&stand_in(agent));
                    let letters = agent.as_str().chars().count();
                    rest.by_ref().take(letters - 1).for_each(drop);
                }
                None => replaced.push(letter),
            }
        }
        replaced
    }

    /// Whoever is named at a place of a text.
    fn longest_at(&self, text: &str, at: usize) -> Option<&AgentId> {
        let (before, rest) = text.split_at(at);
        let named = self.known.iter().filter(|agent| {
            let name = agent.as_str();
            let after = rest.strip_prefix(name);
            !name.is_empty()
                && after.is_some_and(|after| !is_glued(before, name) && !is_glued(name, after))
        });
        named.max_by_key(|agent| agent.as_str().len())
    }
}

/// Whether two texts meet within a word. Chinese has no letters between words.
fn is_glued(left: &str, right: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    left.chars().next_back().is_some_and(is_letter) && right.chars().next().is_some_and(is_letter)
}

/// Base 32 without padding, for lengths that need none.
fn base32(bytes: &[u8]) -> String {
    let mut letters = String::with_capacity(bytes.len() * 8 / 5);
    for group in bytes.chunks_exact(5) {
        let bits = group
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            letters.push(char::from(LETTERS[(bits >> (place * 5)) as usize & 31]));
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_matches_the_examples_of_rfc_4648() {
        assert_eq!(base32(b"fooba"), "mzxw6ytb");
    }

    #[test]
    fn a_pseudonym_is_stable_under_one_key_and_unlinkable_under_another() {
        let (one, other) = (PseudonymKey::new([1; 32]), PseudonymKey::new([2; 32]));
        let li = AgentId::new("li.wei");
        assert_eq!(one.agent(&li), one.agent(&li));
        assert_ne!(one.agent(&li), other.agent(&li));
        assert_ne!(one.agent(&li), one.agent(&AgentId::new("li.wen")));
        assert_eq!(one.agent(&li).as_str().len(), 16);
        assert!(!format!("{one:?}").contains('1'));
    }

    #[test]
    fn a_text_names_nobody_and_loses_no_other_word() {
        let mut names = Pseudonyms::new(PseudonymKey::new([1; 32]));
        names.know(["li", "li_na", "an", "李娜"].map(AgentId::new));
        let (li, na) = (
            names.agent(&AgentId::new("li")),
            names.agent(&AgentId::new("li_na")),
        );
        let chinese = names.agent(&AgentId::new("李娜"));
        assert_eq!(
            names.name("li_na of li, li_na_2: an agent cannot listen"),
            format!(
                "{na} of {li}, li_na_2: {} agent cannot listen",
                names.agent(&AgentId::new("an"))
            )
        );
        assert_eq!(
            names.name("新人坐席李娜通话"),
            format!("新人坐席{chinese}通话")
        );
        assert_eq!(names.name("nobody"), "nobody");
        assert!(names.text("li has 13800138000").is_withheld());
    }

    #[test]
    fn without_a_key_nobody_is_named_and_no_other_word_is_lost() {
        let mut names = Pseudonyms::withheld();
        let li = AgentId::new("li_na");
        names.know([li.clone()]);
        assert_eq!(names.of(&li), None);
        assert_eq!(names.agent(&li).as_str(), "[withheld]");
        assert_eq!(names.text("li_na is free").as_str(), "[withheld] is free");
        let key = PseudonymKey::new([1; 32]);
        names.found(key.clone());
        assert_eq!(names.of(&li), Some(key.agent(&li)));
    }

    #[test]
    fn a_pseudonym_that_looks_like_a_number_does_not_withhold_the_reason() {
        let mut names = Pseudonyms::new(PseudonymKey::new([1; 32]));
        let agents = (0..1_000).map(|number| AgentId::new(format!("agent_{number}")));
        let all: Vec<AgentId> = agents.collect();
        names.know(all.clone());
        let like_a_number = all.iter().filter(|agent| {
            let text = names.text(&format!("{agent} is free"));
            assert!(!text.is_withheld() && !text.as_str().contains("agent_"));
            text.as_str() == "[agent] is free"
        });
        assert!(
            like_a_number.count() > 0,
            "some pseudonyms have four digits in a row"
        );
    }
}
