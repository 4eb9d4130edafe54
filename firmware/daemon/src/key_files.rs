//! What is said of the key files that seal outbox and recordings when the box cannot have them.

use std::io;
use std::path::Path;

use trunkside_vault::KeyGone;

/// What makes a key where the box may not: as a service it writes in its data folder only.
pub fn remedy(path: &Path) -> String {
    format!("make it: {}", command(path))
}

fn command(path: &Path) -> String {
    format!(
        "`head -c 32 /dev/urandom | sudo install -o trunkside -g trunkside -m 600 /dev/stdin {}` \
         (`trunkside` stands for the box's user)",
        path.display()
    )
}

/// Why the file that a setting names is of no use, and what mends that.
pub fn unusable(setting: &str, path: &Path, error: &io::Error) -> String {
    let mut text = format!(
        "`{setting}` names `{}`, which cannot be used: {error}",
        path.display()
    );
    match path.try_exists() {
        _ if KeyGone::is_in(error) => {
            let command = command(path);
            text = format!(
                "{text}; put it back. Only if it is lost for good make another, which leaves what is \
                 sealed unreadable: {command}"
            );
        }
        Ok(false) => text = format!("{text}; {}", remedy(path)),
        _ if error.kind() == io::ErrorKind::PermissionDenied => {
            text += "; give it to the box's user, and to nobody else";
        }
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use trunkside_vault::{KeyFile, KeyProvider as _};

    use super::*;

    #[test]
    fn a_key_that_cannot_be_made_is_told_with_what_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("read-only/recording.key");
        let error = KeyFile::new(&path).key(true).unwrap_err();
        let told = unusable("recording.key_file", &path, &error);
        let command = format!("-m 600 /dev/stdin {}`", path.display());
        assert!(told.contains(&command), "{told}");
        let path = folder.path().join("outbox.key");
        let error = KeyFile::new(&path).key(false).unwrap_err();
        let told = unusable("box.outbox_key_file", &path, &error);
        let remedy = "put it back. Only if it is lost for good make another";
        assert!(told.contains(remedy) && !told.contains("make it"), "{told}");
        std::fs::write(&path, "short").unwrap();
        let error = KeyFile::new(&path).key(true).unwrap_err();
        let told = unusable("box.outbox_key_file", &path, &error);
        assert!(told.ends_with("put the right one back"), "{told}");
    }
}
