//! Keys that lie in files.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::replace;

/// Where the key comes from: a file, or a chip that guards it.
pub trait KeyProvider: fmt::Debug + Send + Sync {
    /// The key: 32 random bytes, the same every time. `unused`: nothing is sealed, so that a key
    /// that is not there, or was never finished, may be made anew.
    fn key(&self, unused: bool) -> io::Result<[u8; 32]>;
}

/// What is wrong with a key that is not there although something is sealed: another one in its place would
/// leave that sealed for ever. The [`io::Error`] of a [`KeyFile`] holds it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyGone;

impl fmt::Display for KeyGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the file is not there, and what lies on the box is sealed with it")
    }
}

impl Error for KeyGone {}

impl KeyGone {
    /// Whether this is what is wrong.
    pub fn is_in(error: &io::Error) -> bool {
        matches!(error.get_ref(), Some(inner) if inner.is::<Self>())
    }
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
    fn key(&self, unused: bool) -> io::Result<[u8; 32]> {
        match fs::read(&self.0) {
            // A full disk or a power cut left it behind.
            Ok(bytes) if bytes.is_empty() && unused => make_key(&self.0),
            Ok(bytes) => bytes.try_into().map_err(|bytes: Vec<u8>| {
                let message = format!(
                    "the key file must hold {} bytes, not {}; put the right one back",
                    Self::BYTES,
                    bytes.len()
                );
                io::Error::new(io::ErrorKind::InvalidData, message)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && unused => make_key(&self.0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(io::Error::new(io::ErrorKind::NotFound, KeyGone))
            }
            Err(error) => Err(error),
        }
    }
}

/// A new key of the system's randomness.
///
/// # Errors
/// Where the system has none.
pub fn random_key() -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|error| io::Error::other(format!("the system gives no random bytes: {error}")))?;
    Ok(key)
}

fn make_key(path: &Path) -> io::Result<[u8; 32]> {
    let key = random_key()?;
    replace(path, &key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = KeyFile::new(&path).key(true).unwrap();
        assert_eq!(KeyFile::new(&path).key(false).unwrap(), key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        }
        fs::write(&path, b"short").unwrap();
        assert!(
            KeyFile::new(&path)
                .key(true)
                .unwrap_err()
                .to_string()
                .contains("32 bytes")
        );
    }

    #[test]
    fn a_key_that_is_gone_is_not_replaced_while_something_is_sealed_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let error = KeyFile::new(&path).key(false).unwrap_err();
        assert!(KeyGone::is_in(&error), "{error}");
        assert!(!path.exists());
        let nowhere = KeyFile::new(folder.path().join("no/key"));
        assert!(!KeyGone::is_in(&nowhere.key(true).unwrap_err()));
    }

    #[test]
    fn an_empty_key_file_is_made_anew_only_while_nothing_is_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, b"").unwrap();
        let refused = KeyFile::new(&path).key(false).unwrap_err().to_string();
        assert!(refused.contains("put the right one back"), "{refused}");
        let key = KeyFile::new(&path).key(true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), key);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = KeyFile::new(folder.path().join("no/key"));
        assert!(nowhere.key(true).is_err());
    }
}
