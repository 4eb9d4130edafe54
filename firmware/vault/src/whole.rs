//! Files that are there whole or not at all, for their owner alone.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Writes a file beside its place first and moves it there, durably: after a power cut or on a full
/// disk the old content stands, or the new one.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let written = write(&part, content).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // On a full disk it would stand in the way of the next try.
        let _ = fs::remove_file(&part);
    }
    written?;
    // Its name must be on the disk too: a power cut could leave sealed records without their key.
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_only_its_owner_reads_it() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("key");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(replace(&above.path().join("no/key"), b"x").is_err());
        assert_eq!(fs::read_dir(above.path()).unwrap().count(), 1);
    }
}
