//! A disk that is full when a test wants it to be.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of two megabytes in memory, mounted as long as this lives.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it on a folder, which is made. None, said aloud, where the tests may not mount.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    pub fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder to mount on");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder)
            .output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        println!("SKIPPED: a small file system cannot be mounted; run as root on Linux");
        None
    }

    /// Fills it to the last byte.
    ///
    /// # Panics
    /// When it never gets full.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file's name fits");
        let full = (0..1 << 20).any(|_| file.write_all(&[7; 512]).is_err());
        assert!(
            full,
            "two megabytes are full after two thousand times a kilobyte"
        );
    }

    /// Makes room again.
    ///
    /// # Panics
    /// When it was not filled.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("it was filled");
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a box that a failing test leaves behind may still hold files.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
