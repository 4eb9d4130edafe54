//! The few things the outbox asks of a disk, so that tests can break each of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A folder of files. Everything may fail at any time, and may have happened nevertheless.
pub trait Storage: Send + Sync {
    /// The names of its files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A file's size in bytes.
    fn size(&self, name: &str) -> io::Result<u64>;

    /// At most `most` bytes of a file from `from` on.
    fn read(&self, name: &str, from: u64, most: u64) -> io::Result<Vec<u8>>;

    /// Creates a file that must not exist. Its name survives a power cut once this returns.
    fn create(&self, name: &str) -> io::Result<Box<dyn Appender>>;

    /// Replaces a file's content, wholly or not at all, durably.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()>;

    /// Deletes a file; it may come back after a power cut.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Fills `bytes` with randomness fit for keys.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// A file that is written from front to back.
pub trait Appender: Send + Sync {
    /// Writes behind what is there. After an error any part of it may be there.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts off what lies behind the first `bytes` bytes.
    fn truncate(&self, bytes: u64) -> io::Result<()>;

    /// Returns when everything appended survives a power cut.
    fn sync(&self) -> io::Result<()>;
}

/// Options for files that nobody but their owner may read: they hold what callers said, if redacted.
fn for_owner() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the outbox's folder and all above it, for their owner.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A folder on a real disk, locked for this process.
pub(super) struct Disk {
    folder: PathBuf,
    lock: File,
}

impl Disk {
    /// Opens or creates the folder. [`io::ErrorKind::WouldBlock`]: another process holds it.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        make_folder(folder)?;
        let path = folder.join("lock");
        let lock = for_owner().create(true).append(true).open(path)?;
        lock.try_lock()?;
        Ok(Self {
            folder: folder.to_owned(),
            lock,
        })
    }

    /// Makes names survive a power cut.
    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

impl Drop for Disk {
    /// Closing alone would not do: a process that is just being started holds a copy of the file.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::debug!(%error, "cannot unlock the outbox");
        }
    }
}

impl Storage for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.folder)?.map(|file| Ok(file?.file_name()));
        names
            .map(|name| name.map(|name| name.to_string_lossy().into_owned()))
            .collect()
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.folder.join(name))?.len())
    }

    fn read(&self, name: &str, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.folder.join(name))?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Appender>> {
        let path = self.folder.join(name);
        let file = for_owner().create_new(true).append(true).open(path)?;
        self.sync_names()?;
        Ok(Box::new(OnDisk(file)))
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let aside = self.folder.join(format!("{name}.new"));
        let mut file = for_owner()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&aside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(aside, self.folder.join(name))?;
        self.sync_names()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(io::Error::other)
    }
}

struct OnDisk(File);

impl Appender for OnDisk {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
