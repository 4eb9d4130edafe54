//! Records sealed at rest with XChaCha20-Poly1305.
//!
//! A nonce is the file's salt and the record's sequence. The salt is drawn anew for every file and no
//! file is ever appended to after it was closed, so that neither a crash nor restoring an old copy of
//! the disk can make a nonce serve twice. The cipher derives a file's own key from the salt: whoever
//! destroys the salt has destroyed what the file holds.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

/// What makes a file's sealing unlike any other's.
pub type Salt = [u8; 16];

/// Names a key without telling it.
pub type KeyId = [u8; 8];

/// Seals and opens records with one key.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    id: KeyId,
}

impl Sealer {
    /// `purpose` names what is sealed, so that files of one purpose do not tell by their key's name
    /// which of another share it.
    pub fn new(key: &[u8; 32], purpose: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(format!("trunkside {purpose} key\0"))
            .chain_update(key);
        let digest: [u8; 32] = digest.finalize().into();
        let mut id = KeyId::default();
        id.copy_from_slice(&digest[..8]);
        Self {
            cipher: XChaCha20Poly1305::new(Key::from_slice(key)),
            id,
        }
    }

    /// Names the key in the files' headers.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Seals a record for its place: the file's name and the sequence in it.
    ///
    /// # Panics
    /// Never: records are far smaller than the cipher's limit of 256 GiB.
    pub fn seal(&self, salt: &Salt, file: &str, sequence: u64, record: &[u8]) -> Vec<u8> {
        let place = place(file, sequence);
        let payload = Payload {
            msg: record,
            aad: &place,
        };
        self.cipher
            .encrypt(&nonce(salt, sequence), payload)
            .expect("records are far smaller than the cipher's limit")
    }

    /// The record, or none when it was not sealed with this key for this place.
    pub fn open(&self, salt: &Salt, file: &str, sequence: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let place = place(file, sequence);
        let payload = Payload {
            msg: sealed,
            aad: &place,
        };
        self.cipher.decrypt(&nonce(salt, sequence), payload).ok()
    }
}

/// Tells the key's name only.
impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn nonce(salt: &Salt, sequence: u64) -> XNonce {
    let mut nonce = XNonce::default();
    nonce[..16].copy_from_slice(salt);
    nonce[16..].copy_from_slice(&sequence.to_le_bytes());
    nonce
}

/// Binds a record to its place, so that sealed records cannot be exchanged.
fn place(file: &str, sequence: u64) -> Vec<u8> {
    format!("{file} {sequence}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_opens_only_with_its_key_at_its_place() {
        let (sealer, salt) = (Sealer::new(&[1; 32], "test"), [2; 16]);
        let bytes = sealer.seal(&salt, "one", 3, b"record");
        assert_eq!(sealer.open(&salt, "one", 3, &bytes).unwrap(), b"record");
        assert_eq!(sealer.open(&salt, "one", 4, &bytes), None);
        assert_eq!(sealer.open(&[0; 16], "one", 3, &bytes), None);
        assert_eq!(sealer.open(&salt, "two", 3, &bytes), None);
        assert_eq!(
            Sealer::new(&[9; 32], "test").open(&salt, "one", 3, &bytes),
            None
        );
        assert!(!bytes.windows(6).any(|window| window == b"record"));
    }

    #[test]
    fn a_key_has_another_name_for_another_purpose() {
        let names = ["outbox", "recording"].map(|purpose| Sealer::new(&[1; 32], purpose).id());
        assert_ne!(names[0], names[1]);
    }
}
