//! What the box's user may do: a technician checks as somebody else, as root for the most part.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::geteuid;

/// Who the box runs as.
#[derive(Clone, Copy, Debug)]
pub struct BoxUser {
    user: u32,
    group: u32,
}

impl BoxUser {
    /// The owner of the data folder; whoever asks where there is none yet.
    pub fn of(data_dir: &Path) -> Self {
        let owner = std::fs::metadata(data_dir);
        owner.map_or_else(
            |_| Self {
                user: geteuid().as_raw(),
                group: rustix::process::getegid().as_raw(),
            },
            |owner| Self {
                user: owner.uid(),
                group: owner.gid(),
            },
        )
    }

    /// Whether it is the box's user who asks: what is found then holds for the box.
    pub fn asks(self) -> bool {
        geteuid().as_raw() == self.user
    }

    /// Whether it may do this to a file or folder. For root, who may do anything, owners and modes on the
    /// way there say so; other users see what they may do themselves.
    pub fn may(self, path: &Path, what: Access) -> io::Result<()> {
        access(path, what)?;
        if !geteuid().is_root() || self.asks() {
            return Ok(());
        }
        let path = path.canonicalize()?;
        self.is_granted(&path, what)?;
        let mut folders = path.ancestors().skip(1);
        folders.try_for_each(|folder| self.is_granted(folder, Access::EXEC_OK))
    }

    fn is_granted(self, path: &Path, what: Access) -> io::Result<()> {
        let found = std::fs::metadata(path)?;
        let shift = match found {
            _ if found.uid() == self.user => 6,
            _ if found.gid() == self.group => 3,
            _ => 0,
        };
        // Of access(2) these are the bits of a mode.
        let wanted = what.bits();
        if (found.mode() >> shift) & wanted == wanted {
            Ok(())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn another_user_may_what_owner_and_mode_say() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "").unwrap();
        let found = std::fs::metadata(&file).unwrap();
        let of = |user, group, mode| {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            BoxUser { user, group }
                .is_granted(&file, Access::READ_OK)
                .is_ok()
        };
        let (user, group) = (found.uid(), found.gid());
        assert!(of(user, group, 0o600) && !of(user, group, 0o044));
        assert!(of(user + 1, group, 0o640) && !of(user + 1, group, 0o604));
        assert!(of(user + 1, group + 1, 0o604) && !of(user + 1, group + 1, 0o660));
    }

    #[test]
    fn whoever_asks_is_the_boxs_user_until_there_is_another() {
        let folder = tempfile::tempdir().unwrap();
        assert!(BoxUser::of(&folder.path().join("none yet")).asks());
        let user = BoxUser::of(folder.path());
        assert!(user.asks() && user.may(folder.path(), Access::WRITE_OK).is_ok());
        let missing = user.may(&folder.path().join("nothing"), Access::READ_OK);
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
