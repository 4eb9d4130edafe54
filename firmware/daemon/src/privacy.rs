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
    key: Mutex<Option<DatedKey>>,
}

#[derive(Clone, Debug)]
struct DatedKey {
    born_s: i64,
    key: RedactionKey,
}

impl Privacy {
    /// Reads the key in `folder`, where pseudonyms are asked for; a damaged one is an error.
    pub fn open(config: PrivacyConfig, folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("redaction.key");
        let key = match std::fs::read(&path) {
            // A full disk or a power cut left it behind: it is made anew with the next call.
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => Some(parse(&bytes).with_context(|| {
                format!(
                    "`{}` must hold {FILE_BYTES} bytes, not {}; remove it to get new pseudonyms",
                    path.display(),
                    bytes.len()
                )
            })?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("`{}`", path.display())),
        };
        Ok(Self {
            config,
            path,
            key: Mutex::new(key),
        })
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
            RedactionLevel::Pseudonym => match self.current_key(now) {
                Ok(key) => RedactionPolicy::Pseudonym(key),
                Err(error) => {
                    tracing::error!(%error, "no new key for pseudonyms; masking instead");
                    RedactionPolicy::Mask
                }
            },
        }
    }

    fn current_key(&self, now: Timestamp) -> anyhow::Result<RedactionKey> {
        let now_s = now.as_second();
        let mut held = self
            .key
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(dated) = held.as_ref().filter(|dated| self.lives(dated, now_s)) {
            return Ok(dated.key.clone());
        }
        // The old key goes first: pseudonyms of its period must not be made again.
        *held = None;
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
        trunkside_vault::replace(&self.path, &[&now_s.to_le_bytes()[..], &bytes].concat())
            .with_context(|| format!("cannot write `{}`", self.path.display()))?;
        let key = RedactionKey::new(bytes);
        *held = Some(DatedKey {
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
        Privacy::open(config, folder).unwrap()
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
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(held.policy_at(at(5)), RedactionPolicy::Mask);
    }

    #[test]
    fn a_damaged_key_is_told_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("redaction.key");
        std::fs::write(&path, b"").unwrap();
        let made = privacy(folder.path()).policy_at(at(5));
        assert!(matches!(made, RedactionPolicy::Pseudonym(_)));
        std::fs::write(&path, b"short").unwrap();
        let error = Privacy::open(PrivacyConfig::default(), folder.path()).unwrap_err();
        assert!(format!("{error:#}").contains("40 bytes, not 5; remove it"));
    }
}
