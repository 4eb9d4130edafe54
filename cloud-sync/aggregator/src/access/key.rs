//! Keys: `tsk_ID_SECRET`. The secret has 160 random bits, so that a plain hash of it may be kept.

use sha2::{Digest, Sha256};

/// What every key begins with, so that people and secret scanners recognise one.
const PREFIX: &str = "tsk";

/// Letters that cannot be taken for each other (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const ID_LETTERS: usize = 8;
const SECRET_LETTERS: usize = 32;

/// A key as its bearer has it.
pub struct Key {
    /// The part that names it.
    pub id: String,
    secret: String,
}

impl Key {
    /// A new one, from the system's randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self {
            id: letters(ID_LETTERS)?,
            secret: letters(SECRET_LETTERS)?,
        })
    }

    /// Reads what somebody shows; none when it is no key at all.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '_');
        let (PREFIX, id, secret) = (parts.next()?, parts.next()?, parts.next()?) else {
            return None;
        };
        let fits = |text: &str, length| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        (fits(id, ID_LETTERS) && fits(secret, SECRET_LETTERS)).then(|| Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }

    /// The whole key, to be shown once.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}_{}_{}", self.id, self.secret)
    }

    /// What is kept of the secret: SHA-256 in hex.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(&self.secret))
    }

    /// Whether this key has that hash.
    pub fn fits(&self, hash: &str) -> bool {
        // Of a hash, the time to compare tells nothing about the secret.
        self.hash() == hash
    }
}

/// Random letters, five bits each.
pub(crate) fn letters(count: usize) -> Result<String, getrandom::Error> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes)?;
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    Ok(bytes.iter().map(letter).collect())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_fits_only_itself() {
        let key = Key::random().unwrap();
        let shown = Key::parse(&key.reveal()).unwrap();
        assert_eq!(shown.id, key.id);
        assert!(shown.fits(&key.hash()));
        assert!(!Key::random().unwrap().fits(&key.hash()));
        assert!(!key.hash().contains(&key.secret));
    }

    #[test]
    fn other_text_is_no_key() {
        for text in [
            "",
            "tsk",
            "tsk_a_b",
            "eyJ.x.y",
            "tsk_00000000_",
            "tsk_0000000é_x",
        ] {
            assert!(Key::parse(text).is_none(), "{text}");
        }
    }
}
