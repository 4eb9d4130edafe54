//! A disk in memory with as much room as a test gives it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use trunkside_uplink::{Appender, Outbox, OutboxOptions, Storage};

#[derive(Debug)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    capacity: usize,
}

impl State {
    fn used(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    fn room(&self) -> usize {
        self.capacity.saturating_sub(self.used())
    }
}

/// The disk; clones are the same one.
#[derive(Clone, Debug)]
pub struct TightDisk(Arc<Mutex<State>>);

impl TightDisk {
    /// An outbox on a disk that takes everything yet.
    pub fn outbox(options: OutboxOptions) -> (Arc<Outbox>, Self) {
        let disk = Self(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            capacity: usize::MAX,
        })));
        let (outbox, _) = Outbox::with_storage(Box::new(disk.clone()), options).unwrap();
        (Arc::new(outbox), disk)
    }

    /// An outbox on what the one before has left, as after a kill.
    pub fn open_again(&self, options: OutboxOptions) -> Arc<Outbox> {
        let (outbox, _) = Outbox::with_storage(Box::new(self.clone()), options).unwrap();
        Arc::new(outbox)
    }

    /// Whether records lie there.
    pub fn has_segments(&self) -> bool {
        let state = self.state();
        state.files.keys().any(|name| name.ends_with(".segment"))
    }

    /// Leaves so many bytes free.
    pub fn leave(&self, bytes: usize) {
        let mut state = self.state();
        state.capacity = state.used().saturating_add(bytes);
    }

    /// Whether there is such a file.
    pub fn has(&self, name: &str) -> bool {
        self.state().files.contains_key(name)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Storage for TightDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().files.keys().cloned().collect())
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        self.read(name, 0, u64::MAX).map(|bytes| bytes.len() as u64)
    }

    fn read(&self, name: &str, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let state = self.state();
        let content = state.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        let rest = content.iter().skip(from as usize);
        Ok(rest
            .take(usize::try_from(most).unwrap_or(usize::MAX))
            .copied()
            .collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Appender>> {
        let mut state = self.state();
        if state.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.files.insert(name.to_owned(), Vec::new());
        Ok(Box::new(TightFile(self.clone(), name.to_owned())))
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if content.len() > state.room() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.files.insert(name.to_owned(), content.to_vec());
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = self.state().files.remove(name);
        removed.map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        bytes.fill(7);
        Ok(())
    }
}

struct TightFile(TightDisk, String);

impl Appender for TightFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.state();
        let fits = bytes.len().min(state.room());
        if let Some(file) = state.files.get_mut(&self.1) {
            file.extend_from_slice(&bytes[..fits]);
        }
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.0.state();
        if let Some(file) = state.files.get_mut(&self.1) {
            file.truncate(bytes as usize);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
