//! The policies that were in force, kept to go back to.

use std::fs::{self, Metadata};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use trunkside_decision::{Policy, sha256_hex};
use trunkside_record::Timestamp;

use super::load;
use crate::storage::owner_only;
use crate::storage::store::keeping::Horizon;

/// Every policy that was in force, as `policies/0001-1a2b3c4d5e6f.toml` in the data folder.
#[derive(Clone, Debug)]
pub struct Versions {
    folder: PathBuf,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counts from 1.
    pub number: u32,
    /// The first twelve digits of its SHA-256.
    pub sha256: String,
    path: PathBuf,
}

impl Versions {
    /// Of a data folder.
    pub fn of(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("policies"),
        }
    }

    /// Oldest first.
    pub fn list(&self) -> std::io::Result<Vec<Version>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(named(&self.folder, &error)),
        };
        let mut versions = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| named(&self.folder, &error))?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if let Some((number, sha256)) = stem.and_then(|stem| stem.split_once('-'))
                && let Ok(number) = number.parse()
                && path
                    .extension()
                    .is_some_and(|extension| extension == "toml")
            {
                let sha256 = sha256.to_owned();
                versions.push(Version {
                    number,
                    sha256,
                    path,
                });
            }
        }
        versions.sort_unstable_by_key(|version| version.number);
        Ok(versions)
    }

    /// The newest one that can be used.
    pub fn newest(&self) -> Option<Policy> {
        let versions = self.list().unwrap_or_default();
        let mut newest_first = versions.iter().rev();
        newest_first.find_map(|version| load(&version.path).0)
    }

    /// Forgets versions that were replaced too long ago; says how many. The last two stay: the one in
    /// force, and the one that a rollback goes to.
    pub fn forget(&self, horizon: &Horizon) -> std::io::Result<usize> {
        let versions = self.list()?;
        let replaced = versions.iter().zip(versions.iter().skip(1));
        let mut forgotten = 0;
        for (version, next) in replaced.take(versions.len().saturating_sub(2)) {
            if horizon.is_old(next.since()?.as_millisecond()) {
                std::fs::remove_file(&version.path)?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    /// Keeps a policy that comes into force; the same one twice in a row is one version.
    pub fn keep(&self, policy: &Policy) -> std::io::Result<u32> {
        let short = &policy.sha256[..12];
        let last = self.list()?.pop();
        if let Some(last) = last.as_ref().filter(|last| last.sha256 == short) {
            return Ok(last.number);
        }
        let number = last.map_or(1, |last| last.number + 1);
        owner_only::folder(&self.folder)?;
        trunkside_vault::replace(
            &self.folder.join(format!("{number:04}-{short}.toml")),
            policy.text.as_bytes(),
        )?;
        Ok(number)
    }
}

impl Version {
    /// When it came into force first.
    pub fn since(&self) -> std::io::Result<Timestamp> {
        let kept_at = fs::metadata(&self.path).and_then(|kept| kept.modified());
        let kept_at = kept_at.map_err(|error| named(&self.path, &error))?;
        Timestamp::try_from(kept_at).map_err(std::io::Error::other)
    }

    /// What it calls itself; nothing where it cannot be read any more.
    pub fn name(&self) -> Option<String> {
        load(&self.path).0.map(|policy| policy.name)
    }

    /// Its file's text.
    pub fn text(&self) -> std::io::Result<String> {
        std::fs::read_to_string(&self.path).map_err(|error| named(&self.path, &error))
    }
}

/// The version whose place a text takes: the last that was in force where the box has refused the text,
/// or not seen it yet, else the one before it. `versions` are the oldest first.
pub fn replaced_by<'a>(text: &str, versions: &'a [Version]) -> Option<&'a Version> {
    let (last, earlier) = versions.split_last()?;
    if sha256_hex(text).starts_with(&last.sha256) {
        earlier.last()
    } else {
        Some(last)
    }
}

/// The error with what could not be read, and the remedy.
fn named(path: &Path, error: &std::io::Error) -> std::io::Error {
    let message = format!(
        "cannot read `{}`: {error}; ask as the box's user",
        path.display()
    );
    std::io::Error::new(error.kind(), message)
}

/// Puts a version in the place of the policy's file, or of the file that it is a link to: whole or not
/// at all, and for those who may read that file now.
pub fn restore(version: &Version, path: &Path) -> std::io::Result<()> {
    let text = version.text()?;
    let (place, like) = match fs::canonicalize(path) {
        Ok(place) => (place.clone(), place),
        // The box, which is to read it, wrote the version.
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => {
            (path.to_owned(), version.path.clone())
        }
        Err(error) => return Err(error),
    };
    let part = place.with_extension("part");
    let written = write_like(&part, &text, &fs::metadata(like)?);
    let placed = written.and_then(|()| fs::rename(&part, &place));
    if placed.is_err() {
        let _ = fs::remove_file(&part);
    }
    placed?;
    let folder = place.parent().filter(|folder| *folder != Path::new(""));
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Writes a new file with the owner and the mode of another.
fn write_like(path: &Path, text: &str, like: &Metadata) -> std::io::Result<()> {
    // One that a power cut left behind may be another's.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = owner_only::options()
        .write(true)
        .create_new(true)
        .open(path)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn policy(name: &str) -> Policy {
        let text = format!("name = \"{name}\"\n[[agent]]\nid = \"ann\"\n");
        Policy::parse("p.toml", &text).policy.expect("it is whole")
    }

    #[test]
    fn each_policy_in_force_is_kept_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = Versions::of(folder.path());
        assert_eq!(versions.list().expect("it can be read"), []);
        for (name, number) in [("a", 1), ("a", 1), ("b", 2), ("a", 3)] {
            assert_eq!(versions.keep(&policy(name)).expect("it is kept"), number);
        }
        let list = versions.list().expect("it can be read");
        assert_eq!(list.len(), 3);
        assert_eq!(list[1].text().expect("it is there"), policy("b").text);
    }

    #[test]
    fn a_text_that_the_box_refused_takes_the_place_of_the_last_in_force() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = Versions::of(folder.path());
        let goes_back_to = |text: &str| {
            let list = versions.list().expect("it can be read");
            replaced_by(text, &list).map(|version| version.number)
        };
        assert_eq!(goes_back_to("anything"), None);
        versions.keep(&policy("a")).expect("it is kept");
        assert_eq!(goes_back_to(&policy("a").text), None);
        versions.keep(&policy("b")).expect("it is kept");
        for (text, expected) in [
            (policy("b").text, 1),
            ("agent = 7".to_owned(), 2),
            (String::new(), 2),
        ] {
            assert_eq!(goes_back_to(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_policy_that_is_put_back_stays_where_it_is_for_those_who_read_it() {
        use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let versions = Versions::of(folder.path());
        versions.keep(&policy("a")).expect("it is kept");
        let version = versions.list().expect("it can be read").remove(0);
        fs::write(at("kept.toml"), "name = \"b\"").expect("writable");
        fs::set_permissions(at("kept.toml"), fs::Permissions::from_mode(0o644)).expect("ours");
        // Who is not root cannot give files away, and finds its own.
        let given = chown(at("kept.toml"), Some(12_345), Some(12_346)).is_ok();
        symlink("kept.toml", at("policy.toml")).expect("writable");
        fs::write(at("kept.part"), "left behind").expect("writable");
        restore(&version, &at("policy.toml")).expect("it is put back");
        assert!(at("policy.toml").is_symlink() && !at("kept.part").exists());
        let text = fs::read_to_string(at("policy.toml")).expect("it is there");
        assert_eq!(text, policy("a").text);
        let found = fs::metadata(at("kept.toml")).expect("it is there");
        assert_eq!(found.permissions().mode() & 0o777, 0o644);
        assert_eq!(given, (found.uid(), found.gid()) == (12_345, 12_346));
        restore(&version, &at("gone.toml")).expect("it is put back");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&at("gone.toml")), mode(&version.path));
        symlink("nowhere/policy.toml", at("astray.toml")).expect("writable");
        assert!(restore(&version, &at("astray.toml")).is_err());
        assert!(at("astray.toml").is_symlink());
    }

    #[test]
    fn versions_that_were_replaced_long_ago_go_and_the_last_two_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = Versions::of(folder.path());
        let day = Duration::from_secs(86_400);
        let now = std::time::SystemTime::UNIX_EPOCH + 21_000 * day;
        for (name, days_ago) in [("a", 300), ("b", 200), ("c", 5), ("d", 4), ("e", 3)] {
            versions.keep(&policy(name)).expect("it is kept");
            let last = versions
                .list()
                .expect("it can be read")
                .pop()
                .expect("it is there");
            let file = std::fs::File::options().append(true).open(last.path);
            let file = file.expect("it opens");
            file.set_modified(now - days_ago * day)
                .expect("it is dated");
        }
        let now_ms = 21_000 * 86_400_000;
        let horizon = |days| Horizon::new(now_ms, true, days * day).expect("it is set");
        let numbers = || -> Vec<u32> {
            let list = versions.list().expect("it can be read");
            list.iter().map(|version| version.number).collect()
        };
        // `b` was in force until five days ago.
        assert_eq!(versions.forget(&horizon(90)).expect("it works"), 1);
        assert_eq!(numbers(), [2, 3, 4, 5]);
        assert_eq!(versions.forget(&horizon(1)).expect("it works"), 2);
        assert_eq!(numbers(), [4, 5]);
        assert_eq!(versions.keep(&policy("f")).expect("it is kept"), 6);
    }
}
