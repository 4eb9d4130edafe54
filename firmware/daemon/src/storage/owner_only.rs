//! Files and folders that nobody but the daemon's user may read, made so before anything is in
//! them: what callers said and the numbers they called from lie there.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What others may do, as bits of a mode: nothing.
const OTHERS: u32 = 0o077;

/// How deep the data folder is searched for what an older version left readable.
const DEEPEST: u32 = 4;

/// Makes a folder with all above it, where there is none.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Closes a folder to others with all that is in it, as far as it can be.
pub fn close(path: &Path) {
    close_to(path, DEEPEST);
}

/// How a file is opened whose content is for the daemon alone; the caller adds for what.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn close_to(path: &Path, deepest: u32) {
    if let Err(error) = try_close(path, deepest) {
        tracing::warn!(path = %path.display(), %error, "cannot be closed to other users");
    }
}

fn try_close(path: &Path, deepest: u32) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok(());
    }
    let mode = found.permissions().mode();
    if mode & OTHERS != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))?;
    }
    if found.is_dir() && deepest > 0 {
        for entry in fs::read_dir(path)? {
            close_to(&entry?.path(), deepest - 1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_an_older_version_left_readable_is_closed() {
        let above = tempfile::tempdir().unwrap();
        let data = above.path().join("data");
        fs::create_dir_all(data.join("outbox")).unwrap();
        for name in ["calls.db", "outbox/x.segment"] {
            fs::write(data.join(name), "words").unwrap();
            fs::set_permissions(data.join(name), Permissions::from_mode(0o644)).unwrap();
        }
        close(&data);
        assert_eq!((mode(&data), mode(&data.join("outbox"))), (0o700, 0o700));
        assert_eq!(mode(&data.join("calls.db")), 0o600);
        assert_eq!(mode(&data.join("outbox/x.segment")), 0o600);
        folder(&data.join("new/er")).unwrap();
        assert_eq!(mode(&data.join("new")), 0o700);
    }
}
