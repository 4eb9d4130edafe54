//! The redaction policy of new calls, with a key that lives for its period only.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use trunkside_record::Timestamp;
use trunkside_understanding::{RedactionKey, RedactionPolicy};

use crate::clock;
use crate::config::{PrivacyConfig, RedactionLevel};

/// Bytes of the file: when the key was made (seconds since 1970, little endian), then the key.
const FILE_BYTES: usize = 40;

/// Gives each new call its policy.
#[derive(Debug)]
pub struct Privacy {
    config: PrivacyConfig,
    path: PathBuf,
    key: Mutex<Held>,
}

/// What is known of the key.
#[derive(Debug, Default)]
struct Held {
    /// The file has been read, or a key was made since.
    was_read: bool,
    key: Option<DatedKey>,
    /// Why there is none, as it was told last.
    told: Option<String>,
}

#[derive(Clone, Debug)]
struct DatedKey {
    born_s: i64,
    key: RedactionKey,
}

impl Privacy {
    /// With the key in `folder`, where pseudonyms are asked for.
    pub fn open(config: PrivacyConfig, folder: &Path) -> Self {
        Self {
            config,
            path: folder.join("redaction.key"),
            key: Mutex::default(),
        }
    }

    /// What is wrong with the key in `folder`, where pseudonyms are asked for.
    pub fn fault(config: PrivacyConfig, folder: &Path) -> Option<String> {
        let asked_for = config.redaction == RedactionLevel::Pseudonym;
        let read = || Self::open(config, folder).read();
        asked_for
            .then(read)?
            .err()
            .map(|error| format!("{error:#}"))
    }

    /// The key in the file, if there is one; a damaged one is an error.
    fn read(&self) -> anyhow::Result<Option<DatedKey>> {
        let place = self.path.display();
        match std::fs::read(&self.path) {
            // A full disk or a power cut left it behind: it is made anew with the next call.
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(bytes) => parse(&bytes).map(Some).with_context(|| {
                format!(
                    "`{place}` must hold {FILE_BYTES} bytes, not {}; remove it to get new pseudonyms",
                    bytes.len()
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| {
                format!("`{place}` cannot be read; remove it to get new pseudonyms")
            }),
        }
    }

    /// The policy of a call that begins now.
    pub fn policy(&self) -> RedactionPolicy {
        self.policy_at(clock::timestamp())
    }

    /// Where a key cannot be made, there are no pseudonyms: a key never outlives its period.
    fn policy_at(&self, now: Timestamp) -> RedactionPolicy {
        match self.config.redaction {
            RedactionLevel::Mask => RedactionPolicy::Mask,
            RedactionLevel::Drop => RedactionPolicy::Drop,
            RedactionLevel::Pseudonym => self
                .current_key(now)
                .map_or(RedactionPolicy::Mask, RedactionPolicy::Pseudonym),
        }
    }

    /// The key of this moment; that there is none is told once for each reason.
    fn current_key(&self, now: Timestamp) -> Option<RedactionKey> {
        let mut held = self
            .key
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match self.key_at(&mut held, now.as_second()) {
            Ok(key) => {
                held.told = None;
                Some(key)
            }
            Err(error) => {
                let error = format!("{error:#}");
                if held.told.as_ref() != Some(&error) {
                    tracing::error!(
                        error,
                        "no key for pseudonyms; masking instead, trying again"
                    );
                    held.told = Some(error);
                }
                None
            }
        }
    }

    fn key_at(&self, held: &mut Held, now_s: i64) -> anyhow::Result<RedactionKey> {
        if !held.was_read {
            held.key = self.read()?;
            held.was_read = true;
        }
        let lives = |dated: &&DatedKey| self.lives(dated, now_s);
        if let Some(dated) = held.key.as_ref().filter(lives) {
            return Ok(dated.key.clone());
        }
        // The old key goes first: pseudonyms of its period must not be made again.
        held.key = None;
        let bytes = trunkside_vault::random_key()?;
        trunkside_vault::replace(&self.path, &[&now_s.to_le_bytes()[..], &bytes].concat())
            .with_context(|| format!("cannot write `{}`", self.path.display()))?;
        let key = RedactionKey::new(bytes);
        held.key = Some(DatedKey {
            born_s: now_s,
            key: key.clone(),
        });
        Ok(key)
    }

    /// A key from the future was made before the clock was set: it is replaced too.
    fn lives(&self, dated: &DatedKey, now_s: i64) -> bool {
        let age = Duration::from_secs(now_s.saturating_sub(dated.born_s).max(0) as u64);
        dated.born_s <= now_s && age < self.config.rotate_every
    }
}

fn parse(bytes: &[u8]) -> Option<DatedKey> {
    let (born, key) = bytes.split_first_chunk::<8>()?;
    Some(DatedKey {
        born_s: i64::from_le_bytes(*born),
        key: RedactionKey::new(key.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn privacy(folder: &Path) -> Privacy {
        let config = PrivacyConfig {
            redaction: RedactionLevel::Pseudonym,
            rotate_every: Duration::from_secs(86_400),
            ..PrivacyConfig::default()
        };
        Privacy::open(config, folder)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_key_lives_for_its_period_through_restarts_and_then_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = privacy(folder.path()).policy_at(at(1_000_000));
        assert_eq!(privacy(folder.path()).policy_at(at(1_086_399)), first);
        let kept = std::fs::read(folder.path().join("redaction.key")).unwrap();
        let second = privacy(folder.path()).policy_at(at(1_086_400));
        assert_ne!(second, first);
        assert_ne!(
            std::fs::read(folder.path().join("redaction.key")).unwrap(),
            kept
        );
        // A clock that was set back does not bring a key back to life.
        assert_ne!(privacy(folder.path()).policy_at(at(1_000_000)), second);
    }

    #[test]
    fn where_no_key_can_be_kept_there_are_no_pseudonyms() {
        let folder = tempfile::tempdir().unwrap();
        let held = privacy(folder.path());
        held.policy_at(at(5));
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(held.policy_at(at(86_405)), RedactionPolicy::Mask);
    }

    #[test]
    fn a_damaged_key_is_told_with_its_remedy_and_masks_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("redaction.key");
        std::fs::write(&path, b"").unwrap();
        let made = privacy(folder.path()).policy_at(at(5));
        assert!(matches!(made, RedactionPolicy::Pseudonym(_)));
        std::fs::write(&path, b"short").unwrap();
        let held = privacy(folder.path());
        let told = Privacy::fault(held.config, folder.path()).unwrap();
        assert!(told.contains("40 bytes, not 5; remove it"), "{told}");
        assert_eq!(
            Privacy::fault(PrivacyConfig::default(), folder.path()),
            None
        );
        assert_eq!(held.policy_at(at(5)), RedactionPolicy::Mask);
        assert_eq!(
            std::fs::read(&path).unwrap(),
            b"short",
            "nobody's key is replaced"
        );
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(
            held.policy_at(at(5)),
            RedactionPolicy::Pseudonym(_)
        ));
    }
}
