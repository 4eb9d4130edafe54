//! Agents, without their names.

use std::fmt;

use hmac::{Hmac, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use trunkside_call::AgentId;

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
}
