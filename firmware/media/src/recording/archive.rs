//! What lies in the folder of recordings: listed, read, destroyed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use trunkside_call::{CallId, Codec, SAMPLE_RATE_HZ, Side};
use trunkside_vault::Sealer;
use trunkside_vault::frame::Scan;

use super::LONGEST;
use super::file::sync_names;
use super::format::{self, END_FRAME_BYTES, Ending, HEADER_BYTES, Header, Piece};
use crate::g711;

/// The largest file that is read: both sides of the longest recording, and its frames.
const MAX_BYTES: u64 = LONGEST.as_secs() * 2 * (SAMPLE_RATE_HZ as u64 + 128);

/// What ends a recording's name.
const EXTENSION: &str = "rec";

/// Why recordings cannot be listed, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// There is none of that call.
    #[error("there is no recording of call `{call}` in `{}`; see which there are with \
        `trunkside recordings list`", folder.display())]
    Missing {
        /// The call.
        call: CallId,
        /// The folder.
        folder: PathBuf,
    },
    /// The system refuses: mend what it says.
    #[error("`{}`: {source}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be a recording any more.
    #[error("`{}` is no recording, or its header is damaged; put a copy of it back or delete it", file.display())]
    Header {
        /// The file.
        file: PathBuf,
    },
    /// The key is another one.
    #[error("`{}` is sealed with the key `{wanted}`, and the one given is `{given}`; give the \
        right one with `--key FILE`", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The name of the key in its header.
        wanted: String,
        /// The name of the key at hand.
        given: String,
    },
    /// Something in its middle is not what was written.
    #[error("`{}`: chunk {chunk} is damaged; put a copy of the file back, or export the rest with \
        `--salvage`", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The first chunk that is damaged, counted from 1.
        chunk: u64,
    },
    /// The call is still recorded.
    #[error("`{}` is still being recorded; wait for the end of the call", file.display())]
    Busy {
        /// The file.
        file: PathBuf,
    },
}

/// Why a recording was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The caller said that they do not want it.
    Refused,
    /// They declined it by a key.
    RefusedByKey,
    /// Its time has come.
    Age,
    /// Newer ones need its room.
    Room,
    /// Somebody asked for it at the box.
    Operator,
}

impl Deletion {
    /// The name in the call store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::RefusedByKey => "refused_by_key",
            Self::Age => "age",
            Self::Room => "room",
            Self::Operator => "operator",
        }
    }
}

/// How long recordings stay: whichever bound is met first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// From their beginning.
    pub age: Duration,
    /// All of them together; the oldest go first.
    pub bytes: u64,
}

/// Where a recording stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has its beginning and its end; what lies between was not looked at.
    Ended,
    /// It ended in good order, and every chunk of it is as it was written.
    Whole,
    /// Its call goes on.
    Running,
    /// It has no end: the box stopped, or the disk was full.
    Cut,
    /// Its header is damaged, or a chunk that was looked at.
    Damaged,
}

/// One recording in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The call.
    pub call: CallId,
    /// When it began, in milliseconds since 1970; none when its header is damaged.
    pub started_ms: Option<i64>,
    /// When its file was last written to, in milliseconds since 1970; none where the system cannot say.
    pub written_ms: Option<i64>,
    /// How long it is, when it has an end.
    pub length: Option<Duration>,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Where it stands.
    pub state: State,
}

/// A recording that was read.
#[derive(Debug)]
pub struct Recording {
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// What the caller said, from the first moment of either side on.
    pub caller: Vec<i16>,
    /// What the agent said, from the same moment on.
    pub agent: Vec<i16>,
    /// How it ended; none when it was cut.
    pub ending: Option<Ending>,
    /// Bytes at the end that belong to no whole chunk: a torn write.
    pub torn_bytes: usize,
    /// Chunks that are damaged, counted from 1; silence stands in their place.
    pub damaged: Vec<u64>,
}

/// A folder of recordings.
#[derive(Clone, Debug)]
pub struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// The recordings in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// All recordings, oldest first.
    pub fn list(&self) -> Result<Vec<Entry>, ArchiveError> {
        let files = match fs::read_dir(&self.folder) {
            Ok(files) => files,
            // Nothing was ever recorded.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(&self.folder)(error)),
        };
        let mut entries = Vec::new();
        for file in files {
            let path = file.map_err(at(&self.folder))?.path();
            let Some(call) = call_of(&path) else { continue };
            // One that was deleted meanwhile is not there any more.
            if let Ok(entry) = entry(call, &path) {
                entries.push(entry);
            }
        }
        entries.sort_by_key(|entry| (entry.started_ms, entry.call));
        Ok(entries)
    }

    /// Opens a recording. The first damaged chunk is an error, unless `salvage` asks for the rest.
    pub fn read(
        &self,
        call: CallId,
        sealer: &Sealer,
        salvage: bool,
    ) -> Result<Recording, ArchiveError> {
        let file = self.path(call);
        let bytes = self.bytes(call)?;
        let Some(header) = header_of(call, &bytes) else {
            return Err(ArchiveError::Header { file });
        };
        if header.key != sealer.id() {
            let [wanted, given] = [header.key, sealer.id()].map(hexadecimal);
            return Err(ArchiveError::Key {
                file,
                wanted,
                given,
            });
        }
        let mut reading = Reading::default();
        reading.chunks(&header, &bytes, sealer);
        if let (Some(&chunk), false) = (reading.damaged.first(), salvage) {
            return Err(ArchiveError::Damaged { file, chunk });
        }
        Ok(reading.finish(&header))
    }

    /// Where a recording stands, with all of it looked at: its chunks have checksums, so that no key is
    /// needed. What somebody forged shows only when it is [read](Self::read).
    pub fn check(&self, entry: &Entry) -> Result<State, ArchiveError> {
        if !matches!(entry.state, State::Ended | State::Cut) {
            return Ok(entry.state);
        }
        let bytes = self.bytes(entry.call)?;
        let damaged = header_of(entry.call, &bytes).map(|header| scanned(&header, &bytes).1);
        Ok(match (entry.state, damaged.as_deref()) {
            (State::Ended, Some([])) => State::Whole,
            (state, Some([])) => state,
            _ => State::Damaged,
        })
    }

    /// Destroys a recording: its salt is overwritten, without which no key opens it, and its name
    /// removed, both durably.
    pub fn delete(&self, call: CallId) -> Result<(), ArchiveError> {
        let path = self.path(call);
        let mut file = self.open(call, OpenOptions::new().write(true))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ArchiveError::Busy { file: path }),
            Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
        }
        let erased = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&[0; HEADER_BYTES]))
            .and_then(|()| file.sync_all());
        // A disk that cannot overwrite may still forget the name.
        fs::remove_file(&path)
            .and_then(|()| sync_names(&path))
            .and(erased)
            .map_err(at(&path))
    }

    /// Deletes what is too old or too much, oldest first; what is still recorded stays. Says what
    /// is gone, and what went wrong.
    pub fn enforce(
        &self,
        retention: Retention,
        now_ms: Option<i64>,
    ) -> (Vec<(CallId, Deletion)>, Vec<ArchiveError>) {
        let entries = match self.list() {
            Ok(entries) => entries,
            Err(error) => return (Vec::new(), vec![error]),
        };
        let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let oldest_ms = now_ms.map(|now| now.saturating_sub(retention.age.as_millis() as i64));
        let (mut gone, mut errors) = (Vec::new(), Vec::new());
        for entry in entries.iter().filter(|entry| entry.state != State::Running) {
            // One whose header never reached the disk, or is damaged, is as old as its file.
            let started = entry.started_ms.or(entry.written_ms);
            let is_old = oldest_ms
                .zip(started)
                .is_some_and(|(oldest, at)| at < oldest);
            let why = match (is_old, bytes > retention.bytes) {
                (true, _) => Deletion::Age,
                (false, true) => Deletion::Room,
                (false, false) => continue,
            };
            match self.delete(entry.call) {
                Ok(()) => {
                    bytes -= entry.bytes;
                    gone.push((entry.call, why));
                }
                Err(ArchiveError::Busy { .. } | ArchiveError::Missing { .. }) => {}
                Err(error) => errors.push(error),
            }
        }
        (gone, errors)
    }

    fn path(&self, call: CallId) -> PathBuf {
        self.folder.join(call.to_string()).with_extension(EXTENSION)
    }

    fn bytes(&self, call: CallId) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        self.open(call, OpenOptions::new().read(true))?
            .take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(at(&self.path(call)))?;
        Ok(bytes)
    }

    fn open(&self, call: CallId, options: &OpenOptions) -> Result<File, ArchiveError> {
        let path = self.path(call);
        options.open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ArchiveError::Missing {
                call,
                folder: self.folder.clone(),
            },
            _ => at(&path)(source),
        })
    }
}

fn at(file: &Path) -> impl Fn(io::Error) -> ArchiveError {
    let file = file.to_owned();
    move |source| ArchiveError::Io {
        file: file.clone(),
        source,
    }
}

fn call_of(path: &Path) -> Option<CallId> {
    let is_recording = path.extension().is_some_and(|found| found == EXTENSION);
    path.file_stem()
        .filter(|_| is_recording)?
        .to_str()?
        .parse()
        .ok()
}

fn entry(call: CallId, path: &Path) -> io::Result<Entry> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let bytes = metadata.len();
    let written = metadata.modified().ok();
    let written = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let mut head = [0; HEADER_BYTES];
    let header = file
        .read_exact(&mut head)
        .ok()
        .and_then(|()| header_of(call, &head));
    let mut tail = Vec::new();
    if bytes >= (HEADER_BYTES + END_FRAME_BYTES) as u64 {
        file.seek(SeekFrom::End(-(END_FRAME_BYTES as i64)))?;
        file.read_to_end(&mut tail)?;
    }
    let length = format::length_ms(&tail)
        .and_then(|ms| u64::try_from(ms).ok())
        .map(Duration::from_millis);
    // Shared, so that two who list do not take each other for a recorder.
    let running = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let state = match (header, running, length) {
        (None, false, _) => State::Damaged,
        (_, true, _) => State::Running,
        (Some(_), false, Some(_)) => State::Ended,
        (Some(_), false, None) => State::Cut,
    };
    Ok(Entry {
        call,
        started_ms: header.map(|header| header.started_ms),
        written_ms: written.map(|since| since.as_millis() as i64),
        length: length.filter(|_| state == State::Ended),
        bytes,
        state,
    })
}

fn header_of(call: CallId, bytes: &[u8]) -> Option<Header> {
    Header::read(bytes).filter(|header| header.call == call)
}

/// The good frames of a file, and the numbers of those that are missing or damaged.
fn scanned(header: &Header, bytes: &[u8]) -> (Scan, Vec<u64>) {
    let mut scan = Scan::default();
    scan.extend(bytes, HEADER_BYTES, header.identity(), 1);
    let (mut damaged, mut expected) = (Vec::new(), 1);
    for frame in &scan.frames {
        damaged.extend(expected..frame.sequence);
        expected = frame.sequence + 1;
    }
    let tail = &bytes[bytes.len() - scan.tail_bytes..];
    if is_whole(tail) {
        damaged.push(expected);
    }
    (scan, damaged)
}

fn hexadecimal(id: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(id))
}

/// What has been found in a file so far.
#[derive(Default)]
struct Reading {
    voice: Vec<(Side, Codec, u64, Vec<u8>)>,
    ending: Option<Ending>,
    torn_bytes: usize,
    damaged: Vec<u64>,
}

impl Reading {
    fn chunks(&mut self, header: &Header, bytes: &[u8], sealer: &Sealer) {
        let (scan, damaged) = scanned(header, bytes);
        self.damaged = damaged;
        for frame in &scan.frames {
            let record = frame.record(bytes);
            let opened = sealer.open(&header.salt, &header.place(), frame.sequence, record);
            match opened.as_deref().and_then(Piece::read) {
                Some(Piece::Voice {
                    side,
                    codec,
                    start,
                    codes,
                }) => self.voice.push((side, codec, start, codes)),
                Some(Piece::End(ending)) => self.ending = Some(ending),
                None => self.damaged.push(frame.sequence),
            }
        }
        self.damaged.sort_unstable();
        self.torn_bytes = scan.tail_bytes;
    }

    fn finish(self, header: &Header) -> Recording {
        let most = LONGEST.as_secs() * u64::from(SAMPLE_RATE_HZ);
        let first = self.voice.iter().map(|(_, _, start, _)| *start).min();
        let first = first.unwrap_or_default();
        let mut sides = [Vec::new(), Vec::new()];
        for (side, codec, start, codes) in self.voice {
            let place = start - first;
            if place > most {
                continue;
            }
            let samples = &mut sides[usize::from(side == Side::Agent)];
            let (place, end) = (place as usize, place as usize + codes.len());
            if samples.len() < end {
                samples.resize(end, 0);
            }
            let decoded = codes.iter().map(|&code| g711::decode(codec, code));
            for (sample, decoded) in samples[place..end].iter_mut().zip(decoded) {
                *sample = decoded;
            }
        }
        let [caller, agent] = sides;
        Recording {
            started_ms: header.started_ms,
            caller,
            agent,
            ending: self.ending,
            torn_bytes: self.torn_bytes,
            damaged: self.damaged,
        }
    }
}

/// Whether bytes that are no good frame have all that a frame's length promises: then they were
/// damaged, not torn.
fn is_whole(tail: &[u8]) -> bool {
    let Some(length) = tail.first_chunk::<4>() else {
        return false;
    };
    let promised = trunkside_vault::frame::HEADER_BYTES + u32::from_le_bytes(*length) as usize;
    tail.len() >= promised
}
