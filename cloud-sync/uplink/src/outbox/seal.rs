//! Records sealed at rest with XChaCha20-Poly1305.
//!
//! A nonce is the segment's salt and the record's sequence. The salt is drawn anew for every
//! segment file and no file is ever appended to after it was closed, so that neither a crash nor
//! restoring an old copy of the disk can make a nonce serve twice.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use super::segment::{KeyId, Salt, SegmentId};

/// Where the key comes from: a file, or a chip that guards it.
pub trait KeyProvider: fmt::Debug + Send + Sync {
    /// The key: 32 random bytes, the same every time.
    fn key(&self) -> io::Result<[u8; 32]>;
}

/// A key in a file that only its owner may read; made at first use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// Bytes of the file.
    pub const BYTES: u64 = 32;

    /// The key in `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl KeyProvider for KeyFile {
    fn key(&self) -> io::Result<[u8; 32]> {
        match fs::read(&self.0) {
            Ok(bytes) => bytes.try_into().map_err(|bytes: Vec<u8>| {
                let message = format!(
                    "the key file must hold {} bytes, not {}; put the right one back",
                    Self::BYTES,
                    bytes.len()
                );
                io::Error::new(io::ErrorKind::InvalidData, message)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(&self.0),
            Err(error) => Err(error),
        }
    }
}

fn make_key(path: &Path) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // Without its name on the disk too, a power cut could leave sealed records without their key.
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(key)
}

/// Seals and opens records with one key.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    id: KeyId,
}

impl Sealer {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"trunkside outbox key\0")
            .chain_update(key);
        let id = digest.finalize()[..8]
            .try_into()
            .expect("a digest has 32 bytes");
        Self {
            cipher: XChaCha20Poly1305::new(Key::from_slice(key)),
            id,
        }
    }

    /// Names the key in segment headers.
    pub(super) const fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn seal(
        &self,
        segment: SegmentId,
        salt: &Salt,
        sequence: u64,
        record: &[u8],
    ) -> Vec<u8> {
        let place = place(segment, sequence);
        self.cipher
            .encrypt(
                &nonce(salt, sequence),
                Payload {
                    msg: record,
                    aad: &place,
                },
            )
            .expect("records are far smaller than the cipher's limit")
    }

    /// The record, or none when it was not sealed with this key for this place.
    pub(super) fn open(
        &self,
        segment: SegmentId,
        salt: &Salt,
        sequence: u64,
        sealed: &[u8],
    ) -> Option<Vec<u8>> {
        let place = place(segment, sequence);
        self.cipher
            .decrypt(
                &nonce(salt, sequence),
                Payload {
                    msg: sealed,
                    aad: &place,
                },
            )
            .ok()
    }
}

fn nonce(salt: &Salt, sequence: u64) -> XNonce {
    let mut nonce = XNonce::default();
    nonce[..16].copy_from_slice(salt);
    nonce[16..].copy_from_slice(&sequence.to_le_bytes());
    nonce
}

/// Binds a record to its place, so that sealed records cannot be exchanged.
fn place(segment: SegmentId, sequence: u64) -> Vec<u8> {
    format!("{segment} {sequence}").into_bytes()
}

#[cfg(test)]
mod tests {
    use trunkside_record::Lane;

    use super::*;

    #[test]
    fn a_record_opens_only_with_its_key_at_its_place() {
        let segment = SegmentId {
            lane: Lane::Metric,
            epoch: 5,
            first: 1,
        };
        let (sealer, salt) = (Sealer::new(&[1; 32]), [2; 16]);
        let bytes = sealer.seal(segment, &salt, 3, b"record");
        assert_eq!(sealer.open(segment, &salt, 3, &bytes).unwrap(), b"record");
        assert_eq!(sealer.open(segment, &salt, 4, &bytes), None);
        assert_eq!(sealer.open(segment, &[0; 16], 3, &bytes), None);
        let elsewhere = SegmentId {
            epoch: 6,
            ..segment
        };
        assert_eq!(sealer.open(elsewhere, &salt, 3, &bytes), None);
        assert_eq!(Sealer::new(&[9; 32]).open(segment, &salt, 3, &bytes), None);
        assert!(!bytes.windows(6).any(|window| window == b"record"));
    }

    #[test]
    fn a_key_file_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = KeyFile::new(&path).key().unwrap();
        assert_eq!(KeyFile::new(&path).key().unwrap(), key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        }
        fs::write(&path, b"short").unwrap();
        assert!(
            KeyFile::new(&path)
                .key()
                .unwrap_err()
                .to_string()
                .contains("32 bytes")
        );
    }
}
