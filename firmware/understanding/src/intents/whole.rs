//! Files that come into being whole.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::UnderstandingError;

/// Writes files so that a full disk leaves the old ones, and a power cut each old or new. They are
/// replaced in their order, once all of them are on the disk.
pub(super) fn write_whole(files: &[(PathBuf, &[u8])]) -> Result<(), UnderstandingError> {
    let written = files
        .iter()
        .try_for_each(|(path, bytes)| write(&aside(path), bytes).map_err(|error| (path, error)))
        .and_then(|()| {
            let mut files = files.iter();
            files.try_for_each(|(path, _)| {
                fs::rename(aside(path), path).map_err(|error| (path, error))
            })
        });
    written.map_err(|(path, source)| {
        for (path, _) in files {
            // What stays takes room until the next time, and does no other harm.
            let _ = fs::remove_file(aside(path));
        }
        UnderstandingError::write(path, source)
    })
}

/// Where a file lies until it is whole.
fn aside(path: &Path) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    aside.into()
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
