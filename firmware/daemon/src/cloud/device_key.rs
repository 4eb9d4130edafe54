//! The device's key for pseudonyms, made at the first start; it never leaves the box.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use trunkside_record::PseudonymKey;

use crate::cloud::alarm::Part;
use crate::retry::until_mended;

/// What the alarm is of.
pub const KEY: Part = Part {
    code: "pseudonym_key",
    raised: "records name no agents",
    cleared: "records name agents again",
};

/// A key that could not be kept yet: what it names stays the same until the box stops.
#[derive(Debug)]
pub struct Unsaved {
    path: PathBuf,
    bytes: [u8; 32],
    /// Who is told of another one that turns up in its place.
    found: Option<mpsc::Sender<PseudonymKey>>,
}

impl Unsaved {
    /// Keeps it. One that has come into its place meanwhile, as with a disk that was mounted late, is the
    /// box's own of before: it stays, and is passed on.
    pub fn save(&self) -> std::io::Result<()> {
        match std::fs::read(&self.path) {
            Ok(bytes) if bytes.is_empty() || bytes == self.bytes => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(bytes) => {
                let bytes = <[u8; 32]>::try_from(bytes).map_err(|bytes| {
                    let problem = format!(
                        "`{}` holds {} bytes, not 32",
                        self.path.display(),
                        bytes.len()
                    );
                    std::io::Error::new(ErrorKind::InvalidData, problem)
                })?;
                tracing::warn!(
                    "the key for pseudonyms is there after all: agents' names of before are back, those \
                     since the start were others"
                );
                if let Some(found) = &self.found {
                    // The pipeline that is gone needs no key.
                    let _ = found.try_send(PseudonymKey::new(bytes));
                }
                return Ok(());
            }
        }
        trunkside_vault::replace(&self.path, &self.bytes)
    }

    /// Passes on to `found` another key that turns up in its place.
    #[must_use]
    pub fn telling(self, found: mpsc::Sender<PseudonymKey>) -> Self {
        let found = Some(found);
        Self { found, ..self }
    }
}

/// The key in a data folder. A new one is also returned unsaved when the disk refuses it: without its
/// file there are only new pseudonyms later. One that is there and is none is an error that names file
/// and remedy.
pub fn load(folder: &Path) -> anyhow::Result<(PseudonymKey, Option<Unsaved>)> {
    let path = folder.join("pseudonym.key");
    match std::fs::read(&path) {
        // A power cut or a full disk left it behind: no pseudonym was ever made with nothing.
        Ok(bytes) if bytes.is_empty() => make(path),
        Ok(bytes) => {
            let bytes = <[u8; 32]>::try_from(bytes).map_err(|bytes| {
                anyhow::anyhow!(
                    "`{}` must hold 32 bytes, not {}; put the right one back, or remove it to get \
                     new pseudonyms",
                    path.display(),
                    bytes.len()
                )
            })?;
            Ok((PseudonymKey::new(bytes), None))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => make(path),
        Err(error) => Err(anyhow::anyhow!(
            "`{}` cannot be read: {error}; give it to the box's user, or remove it to get new \
             pseudonyms",
            path.display()
        )),
    }
}

/// What is wrong with the key in a data folder, if anything; none is made.
pub fn fault(folder: &Path) -> Option<String> {
    let path = folder.join("pseudonym.key");
    let is_there = std::fs::metadata(&path).is_ok_and(|file| !file.is_file() || file.len() > 0);
    is_there
        .then(|| load(folder).err())?
        .map(|error| error.to_string())
}

/// Loads the key later, where [`load`] could not for this reason, and passes it on. Until then no record
/// names anybody; `trouble` says why.
pub async fn retry(
    folder: PathBuf,
    why: String,
    keys: mpsc::Sender<PseudonymKey>,
    trouble: watch::Sender<Option<String>>,
    stop: CancellationToken,
) {
    let tell = |error: &str| {
        tracing::error!(
            error,
            "records name no agents until this is mended; trying again"
        );
        trouble.send_replace(Some(error.to_owned()));
    };
    tell(&why);
    let attempt = move || match load(&folder) {
        Ok((key, None)) => Ok(Some(key)),
        // What cannot be kept would be another one the next time.
        Ok((_, Some(_))) => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    if let Some((key, _)) = until_mended(Some(why), attempt, tell, &stop).await {
        tracing::info!("the key for pseudonyms is there: records name agents");
        trouble.send_replace(None);
        // The pipeline that is gone needs no key.
        let _ = keys.send(key).await;
    }
}

fn make(path: PathBuf) -> anyhow::Result<(PseudonymKey, Option<Unsaved>)> {
    let bytes = trunkside_vault::random_key()?;
    let unsaved = Unsaved {
        path,
        bytes,
        found: None,
    };
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
        assert_eq!(fault(folder.path()), None);
        assert_eq!(key.agent(&agent), again.agent(&agent));
        std::fs::write(&path, b"short").unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("32 bytes, not 5; put the right one back"),
            "{error}"
        );
        assert_eq!(fault(folder.path()), Some(error));
    }

    #[test]
    fn what_stands_in_the_place_of_a_key_is_told_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(fault(folder.path()), None, "none is made to find out");
        assert!(!folder.path().join("pseudonym.key").exists());
        std::fs::create_dir(folder.path().join("pseudonym.key")).unwrap();
        let told = fault(folder.path()).unwrap();
        assert!(told.contains("pseudonym.key` cannot be read") && told.contains("remove it"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_mended_comes_without_a_new_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pseudonym.key");
        std::fs::write(&path, b"short").unwrap();
        let (keys, mut found) = mpsc::channel::<PseudonymKey>(1);
        let trouble = watch::Sender::new(None::<String>);
        let mut told = trouble.subscribe();
        let stop = CancellationToken::new();
        let why = load(folder.path()).unwrap_err().to_string();
        let mending = async {
            told.changed().await.unwrap();
            let why = told.borrow_and_update().clone().unwrap();
            assert!(why.contains("not 5"), "{why}");
            std::fs::remove_file(&path).unwrap();
            let key = found.recv().await.unwrap();
            assert!(told.borrow().is_none());
            let agent = AgentId::new("li_na");
            assert_eq!(
                load(folder.path()).unwrap().0.agent(&agent),
                key.agent(&agent)
            );
        };
        tokio::join!(
            retry(folder.path().to_owned(), why, keys, trouble, stop),
            mending
        );
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

    #[test]
    fn a_key_whose_disk_comes_late_is_neither_replaced_nor_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let unsaved = load(&data).unwrap().1.expect("there is no folder for it");
        let (sender, mut found) = mpsc::channel(1);
        let unsaved = unsaved.telling(sender);
        std::fs::create_dir(&data).unwrap();
        let path = data.join("pseudonym.key");
        // Whatever stands there is not ours to replace.
        std::fs::write(&path, b"short").unwrap();
        assert!(unsaved.save().unwrap_err().to_string().contains("5 bytes"));
        std::fs::write(&path, [7; 32]).unwrap();
        unsaved.save().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [7; 32]);
        let agent = AgentId::new("li_na");
        let key = found.try_recv().unwrap();
        assert_eq!(key.agent(&agent), PseudonymKey::new([7; 32]).agent(&agent));
    }
}
