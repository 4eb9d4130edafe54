//! The device's key for pseudonyms, made at the first start; it never leaves the box.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use trunkside_record::PseudonymKey;

/// A key that could not be kept yet: what it names stays the same until the box stops.
#[derive(Debug)]
pub struct Unsaved {
    path: PathBuf,
    bytes: [u8; 32],
}

impl Unsaved {
    /// Keeps it.
    pub fn save(&self) -> std::io::Result<()> {
        trunkside_vault::replace(&self.path, &self.bytes)
    }
}

/// The key in a data folder. A new one is also returned unsaved when the disk refuses it: without
/// a key there would be no telephones, without its file there are only new pseudonyms later.
pub fn load(folder: &Path) -> anyhow::Result<(PseudonymKey, Option<Unsaved>)> {
    let path = folder.join("pseudonym.key");
    let name = || format!("`{}`", path.display());
    match std::fs::read(&path) {
        // A power cut or a full disk left it behind: no pseudonym was ever made with nothing.
        Ok(bytes) if bytes.is_empty() => make(path),
        Ok(bytes) => {
            let bytes = <[u8; 32]>::try_from(bytes).map_err(|bytes| {
                anyhow::anyhow!(
                    "{} must hold 32 bytes, not {}; remove it to get new pseudonyms",
                    name(),
                    bytes.len()
                )
            })?;
            Ok((PseudonymKey::new(bytes), None))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => make(path),
        Err(error) => Err(error).with_context(name),
    }
}

fn make(path: PathBuf) -> anyhow::Result<(PseudonymKey, Option<Unsaved>)> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let unsaved = Unsaved { path, bytes };
    let saved = unsaved.save();
    if let Err(error) = &saved {
        tracing::warn!(%error, "the key for pseudonyms cannot be kept yet; trying again");
    }
    let unsaved = saved.is_err().then_some(unsaved);
    Ok((PseudonymKey::new(bytes), unsaved))
}

#[cfg(test)]
mod tests {
    use trunkside_call::AgentId;

    use super::*;

    #[test]
    fn an_empty_file_is_no_key_and_a_short_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pseudonym.key");
        std::fs::write(&path, b"").unwrap();
        let agent = AgentId::new("li_na");
        let (key, unsaved) = load(folder.path()).unwrap();
        assert!(unsaved.is_none());
        let (again, _) = load(folder.path()).unwrap();
        assert_eq!(key.agent(&agent), again.agent(&agent));
        std::fs::write(&path, b"short").unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("32 bytes, not 5; remove it"), "{error}");
    }

    #[test]
    fn a_key_that_cannot_be_kept_serves_and_is_kept_later() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let (key, unsaved) = load(&data).unwrap();
        let unsaved = unsaved.expect("there is no folder for it");
        assert!(unsaved.save().is_err());
        std::fs::create_dir(&data).unwrap();
        unsaved.save().unwrap();
        let agent = AgentId::new("li_na");
        assert_eq!(load(&data).unwrap().0.agent(&agent), key.agent(&agent));
    }
}
