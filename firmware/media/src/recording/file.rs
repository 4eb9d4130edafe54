//! The file that one recording is written to, so that tests can break the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file that is written from front to back and belongs to this process meanwhile.
pub trait RecordingFile: Send {
    /// Writes behind what is there. After an error any part of it may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything appended survives a power cut.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to a length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// Makes the file of one recording; it must not exist.
pub type MakeFile = Box<dyn Fn(&Path) -> io::Result<Box<dyn RecordingFile>> + Send>;

/// A file on a real disk, which only its owner may read.
pub fn on_disk(path: &Path) -> io::Result<Box<dyn RecordingFile>> {
    let mut options = OpenOptions::new();
    options.create_new(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // Whoever lists the folder holds it for a moment.
    if let Err(error) = file.lock().and_then(|()| sync_names(path)) {
        remove(path);
        return Err(error);
    }
    Ok(Box::new(OnDisk(file)))
}

/// Removes a file that nothing could be written to.
pub fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path).and_then(|()| sync_names(path)) {
        tracing::debug!(file = %path.display(), %error, "an empty recording is left");
    }
}

/// Makes a file's name, or that it has none any more, survive a power cut.
pub fn sync_names(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

struct OnDisk(File);

impl Drop for OnDisk {
    /// Closing alone would not do: a process that is just being started holds a copy of the file.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "cannot unlock a recording");
        }
    }
}

impl RecordingFile for OnDisk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}
