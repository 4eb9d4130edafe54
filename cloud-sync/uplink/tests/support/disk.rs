//! A disk that breaks on purpose, the same way for the same seed.
//!
//! It tells what was written from what was flushed. A kill keeps all that was written; a power cut
//! keeps what was flushed and any part of the rest. From a chosen operation on everything fails,
//! that operation at any point in its middle.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use trunkside_uplink::{Appender, Storage};

/// Marsaglia's xorshift.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 33) % end.max(1)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

#[derive(Clone, Debug, Default)]
struct File {
    content: Vec<u8>,
    flushed: usize,
    /// Bytes that a failed flush dropped: they count as flushed and are not on the disk.
    dropped: Vec<std::ops::Range<usize>>,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<String, File>,
    /// Deleted, which a power cut may undo.
    removed: BTreeMap<String, File>,
    random: Random,
    /// Operations until everything fails.
    left: Option<u64>,
    /// Once in how many operations one fails and the next may succeed.
    flaky: Option<u64>,
    /// Bytes of files that cannot be read, for as long as they stand here.
    unreadable: BTreeMap<String, std::ops::Range<u64>>,
    /// Bytes that fit.
    capacity: usize,
    /// Operations so far.
    operations: u64,
}

/// What an operation may do.
enum Turn {
    Works,
    /// Fails in its middle.
    Breaks,
    /// Fails before its beginning.
    Fails,
}

impl State {
    fn turn(&mut self) -> Turn {
        self.operations += 1;
        match &mut self.left {
            Some(0) => return Turn::Fails,
            Some(left) => {
                *left -= 1;
                if *left == 0 {
                    return Turn::Breaks;
                }
            }
            None => {}
        }
        match self.flaky {
            Some(times) if self.random.once_in(times) => Turn::Breaks,
            _ => Turn::Works,
        }
    }

    fn used(&self) -> usize {
        self.files.values().map(|file| file.content.len()).sum()
    }
}

fn broken() -> io::Error {
    io::Error::other("the disk is broken on purpose")
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

/// The disk; clones are the same one.
#[derive(Clone, Debug)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            removed: BTreeMap::new(),
            random: Random::new(seed),
            left: None,
            flaky: None,
            unreadable: BTreeMap::new(),
            capacity: usize::MAX,
            operations: 0,
        })))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Everything fails after so many operations.
    pub fn stop_after(&self, operations: u64) {
        self.state().left = Some(operations);
    }

    /// One in so many operations fails.
    pub fn set_flaky(&self, times: Option<u64>) {
        self.state().flaky = times;
    }

    /// Reads that touch these bytes of a file fail from now on.
    pub fn spoil(&self, name: &str, bytes: std::ops::Range<u64>) {
        self.state().unreadable.insert(name.to_owned(), bytes);
    }

    /// Everything can be read again.
    pub fn heal(&self) {
        self.state().unreadable.clear();
    }

    pub fn set_capacity(&self, bytes: usize) {
        self.state().capacity = bytes;
    }

    /// Bytes of all files.
    pub fn used(&self) -> usize {
        self.state().used()
    }

    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The process was killed: what was written stays.
    pub fn restart(&self) {
        let mut state = self.state();
        state.left = None;
        state.removed.clear();
        for file in state.files.values_mut() {
            file.flushed = file.content.len();
        }
    }

    /// The power failed: of what was not flushed any part stays, or zeros or noise in its place,
    /// and deleted files may be back.
    pub fn power_cut(&self) {
        let mut state = self.state();
        state.left = None;
        let State {
            files,
            removed,
            random,
            ..
        } = &mut *state;
        for (name, file) in std::mem::take(removed) {
            if random.once_in(2) {
                files.entry(name).or_insert(file);
            }
        }
        for file in files.values_mut() {
            for range in std::mem::take(&mut file.dropped) {
                file.content[range].fill(0);
            }
            let loose = file.content.len() - file.flushed;
            let kept = file.flushed + random.below(loose as u64 + 1) as usize;
            file.content.truncate(kept);
            let torn = random.below(5);
            if torn < 2 {
                let more = random.below(loose as u64 + 1);
                let noise = (0..more).map(|_| if torn == 0 { 0 } else { random.next() as u8 });
                file.content.extend(noise.collect::<Vec<u8>>());
            }
            file.flushed = file.content.len();
        }
    }

    /// Flips one bit anywhere in the files whose name has `part`; false when there are none.
    pub fn flip_bit(&self, part: &str) -> bool {
        let mut state = self.state();
        let State { files, random, .. } = &mut *state;
        let mut fitting: Vec<&mut File> = files
            .iter_mut()
            .filter(|(name, file)| name.contains(part) && !file.content.is_empty())
            .map(|(_, file)| file)
            .collect();
        if fitting.is_empty() {
            return false;
        }
        let which = random.below(fitting.len() as u64) as usize;
        let content = &mut fitting[which].content;
        let bit = random.below(content.len() as u64 * 8) as usize;
        content[bit / 8] ^= 1 << (bit % 8);
        true
    }

    pub fn names(&self) -> Vec<String> {
        self.state().files.keys().cloned().collect()
    }

    pub fn contains(&self, bytes: &[u8]) -> bool {
        self.state().files.values().any(|file| {
            file.content
                .windows(bytes.len())
                .any(|window| window == bytes)
        })
    }

    pub fn delete(&self, name: &str) {
        self.state().files.remove(name);
    }

    pub fn swap(&self, one: &str, other: &str) {
        let mut state = self.state();
        let (a, b) = (state.files[one].clone(), state.files[other].clone());
        state.files.insert(one.to_owned(), b);
        state.files.insert(other.to_owned(), a);
    }

    pub fn truncate(&self, name: &str, len: usize) {
        self.state()
            .files
            .get_mut(name)
            .unwrap()
            .content
            .truncate(len);
    }
}

impl Storage for FaultyDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        let state = self.state();
        state
            .files
            .get(name)
            .map(|file| file.content.len() as u64)
            .ok_or_else(missing)
    }

    fn read(&self, name: &str, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        if !matches!(state.turn(), Turn::Works) {
            return Err(broken());
        }
        let content = &state.files.get(name).ok_or_else(missing)?.content;
        let start = (from as usize).min(content.len());
        let end = start.saturating_add(most as usize).min(content.len());
        if let Some(spoilt) = state.unreadable.get(name)
            && (start as u64) < spoilt.end
            && spoilt.start < end as u64
        {
            return Err(broken());
        }
        Ok(content[start..end].to_vec())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Appender>> {
        let mut state = self.state();
        let turn = state.turn();
        if matches!(turn, Turn::Fails) {
            return Err(broken());
        }
        if state.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let half = state.random.once_in(2);
        if matches!(turn, Turn::Works) || half {
            state.files.insert(name.to_owned(), File::default());
        }
        match turn {
            Turn::Works => Ok(Box::new(FaultyFile {
                disk: self.clone(),
                name: name.to_owned(),
            })),
            _ => Err(broken()),
        }
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let turn = state.turn();
        if matches!(turn, Turn::Fails) {
            return Err(broken());
        }
        if state.used() + content.len() > state.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let half = state.random.once_in(2);
        if matches!(turn, Turn::Works) || half {
            let file = File {
                content: content.to_vec(),
                flushed: content.len(),
                dropped: Vec::new(),
            };
            state.files.insert(name.to_owned(), file);
        }
        if matches!(turn, Turn::Works) {
            Ok(())
        } else {
            Err(broken())
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let turn = state.turn();
        if matches!(turn, Turn::Fails) {
            return Err(broken());
        }
        let half = state.random.once_in(2);
        if matches!(turn, Turn::Works) || half {
            let file = state.files.remove(name).ok_or_else(missing)?;
            state.removed.insert(name.to_owned(), file);
        }
        if matches!(turn, Turn::Works) {
            Ok(())
        } else {
            Err(broken())
        }
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        for byte in bytes {
            *byte = state.random.next() as u8;
        }
        Ok(())
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    name: String,
}

impl Appender for FaultyFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let turn = state.turn();
        let room = state.capacity.saturating_sub(state.used());
        let part = match turn {
            Turn::Fails => return Err(broken()),
            Turn::Breaks => state.random.below(bytes.len() as u64 + 1) as usize,
            Turn::Works => bytes.len(),
        };
        let written = part.min(room);
        // A file that was deleted while open takes writes and shows them to nobody.
        if let Some(file) = state.files.get_mut(&self.name) {
            file.content.extend_from_slice(&bytes[..written]);
        }
        match turn {
            Turn::Works if written == bytes.len() => Ok(()),
            Turn::Works => Err(io::ErrorKind::StorageFull.into()),
            _ => Err(broken()),
        }
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        if !matches!(state.turn(), Turn::Works) {
            return Err(broken());
        }
        if let Some(file) = state.files.get_mut(&self.name) {
            let len = file.content.len().min(bytes as usize);
            file.content.truncate(len);
            file.flushed = file.flushed.min(len);
            for range in &mut file.dropped {
                *range = range.start.min(len)..range.end.min(len);
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let turn = state.turn();
        let half = state.random.once_in(2);
        let Some(file) = state.files.get_mut(&self.name) else {
            return Ok(());
        };
        match turn {
            Turn::Fails => Err(broken()),
            // As Linux does: the pages count as clean although they may not be on the disk.
            Turn::Breaks => {
                if !half {
                    file.dropped.push(file.flushed..file.content.len());
                }
                file.flushed = file.content.len();
                Err(broken())
            }
            Turn::Works => {
                file.flushed = file.content.len();
                Ok(())
            }
        }
    }
}
