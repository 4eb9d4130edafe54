//! Opening: what is on the disk, what of it is good, and what is wrong with the rest.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Condvar, Mutex};

use tokio::sync::watch;
use trunkside_record::Lane;
use trunkside_vault::frame::Scan;
use trunkside_vault::{KeyId, Sealer};

use super::lane::LaneLog;
use super::ledger::{Data, Found, Ledger};
use super::segment::{HEADER_BYTES, Header, SegmentId};
use super::state::{self, State};
use super::storage::Storage;
use super::{Inner, Outbox, OutboxError, OutboxOptions, Stretch, Wear};

/// What the key is for.
const SEALED_AS: &str = "outbox";

/// What was found when an outbox was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records that wait for the cloud.
    pub records: u64,
    /// What was wrong. Nothing here stops the outbox: what is good is kept.
    pub problems: Vec<Problem>,
}

/// Something wrong on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A segment ends in bytes that are no record: a write was cut off, or, where records that were
    /// there are missing too, it is damaged.
    TornTail {
        /// The file.
        name: String,
        /// How many bytes.
        bytes: usize,
    },
    /// Bytes inside a segment are no records.
    Damaged {
        /// The file.
        name: String,
        /// How many bytes.
        bytes: usize,
    },
    /// A segment's header is damaged; its name tells enough to go on.
    Header {
        /// The file.
        name: String,
    },
    /// A segment's file has another segment's name; its header is believed.
    Misnamed {
        /// The file.
        name: String,
    },
    /// Two files say that they are the same segment; this one is left aside.
    Twin {
        /// The file.
        name: String,
    },
    /// A file cannot be read.
    Unreadable {
        /// The file.
        name: String,
        /// Why.
        why: String,
    },
    /// A segment is sealed with another key; it is kept until that one is back.
    OtherKey {
        /// The file.
        name: String,
    },
    /// Records that must have been there are not. Where a kill ended the stream there may have been more
    /// behind the last: how far it reached is noted at the first flush of each segment.
    Missing {
        /// Their lane.
        lane: Lane,
        /// Their stream.
        epoch: u64,
        /// The first that is missing.
        from: u64,
        /// The last.
        through: u64,
    },
    /// Watermarks and reasons of gaps were lost; more is sent again.
    State,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornTail { name, bytes } => {
                write!(f, "`{name}` ends in {bytes} bytes that are no whole record")
            }
            Self::Damaged { name, bytes } => write!(f, "{bytes} bytes in `{name}` are damaged"),
            Self::Header { name } => write!(f, "the header of `{name}` is damaged"),
            Self::Misnamed { name } => write!(f, "`{name}` holds another segment"),
            Self::Twin { name } => write!(f, "`{name}` repeats another segment"),
            Self::Unreadable { name, why } => write!(f, "`{name}` cannot be read: {why}"),
            Self::OtherKey { name } => write!(f, "`{name}` is sealed with another key"),
            Self::Missing {
                lane,
                epoch,
                from,
                through,
            } => {
                write!(
                    f,
                    "{lane} records {from} to {through} of stream {epoch} are missing"
                )
            }
            Self::State => write!(f, "the state file is damaged; more is sent again"),
        }
    }
}

/// A segment file as it lies there.
struct File {
    id: SegmentId,
    name: String,
    header: Option<Header>,
    bytes: u64,
    /// The disk did not give its header.
    unread: bool,
}

impl File {
    /// Whether a key may be what its records want.
    fn may_be_sealed(&self) -> bool {
        self.unread || self.header.is_some_and(|header| header.key.is_some())
    }
}

/// Whether records in an outbox's folder are sealed, as far as whoever asks may look.
pub fn holds_sealed_records(folder: &Path) -> bool {
    let Ok(mut files) = fs::read_dir(folder) else {
        return false;
    };
    let is_sealed = |file: io::Result<fs::DirEntry>| {
        let path = file.ok()?.path();
        SegmentId::from_name(path.file_name()?.to_str()?)?;
        let mut start = [0; HEADER_BYTES];
        fs::File::open(path).ok()?.read_exact(&mut start).ok()?;
        Header::read(&start)?.key
    };
    files.find_map(is_sealed).is_some()
}

impl Outbox {
    /// [`open`](Self::open) over any storage, which belongs to this outbox alone.
    pub fn with_storage(
        storage: Box<dyn Storage>,
        options: OutboxOptions,
    ) -> Result<(Self, Recovery), OutboxError> {
        let mut problems = Vec::new();
        let names = storage
            .list()
            .map_err(OutboxError::storage("list its folder"))?;
        let mut state = read_state(storage.as_ref(), &names, &mut problems);
        let mut files = look(storage.as_ref(), names, &mut problems);
        let unused = !files.iter().any(File::may_be_sealed);
        let key = options.key.as_ref().map(|provider| provider.key(unused));
        let sealer = key
            .transpose()
            .map_err(OutboxError::Key)?
            .map(|key| Sealer::new(&key, SEALED_AS));
        let mut done = Vec::new();
        let mut lost = BTreeSet::new();
        let lanes = Lane::ALL.map(|lane| {
            let (ours, others) = files.drain(..).partition(|file| file.id.lane == lane);
            files = others;
            let state = state.take(lane);
            let found = examine_all(storage.as_ref(), &ours, sealer.as_ref(), &mut problems);
            lost.extend(unsure(&found, &state));
            load_lane(lane, &ours, found, state, &mut problems, &mut done)
        });
        let inner = Inner {
            lanes,
            lost,
            ballast_pieces: 0,
            wear: Wear::default(),
        };
        let outbox = Self {
            storage,
            sealer,
            options,
            inner: Mutex::new(inner),
            flushed: Condvar::new(),
            changes: watch::Sender::new(0),
        };
        for name in done {
            outbox.remove(&name);
        }
        outbox.restore_ballast(&mut outbox.lock());
        for problem in &problems {
            tracing::warn!(%problem, "the outbox was not left in order");
        }
        let records = outbox.status().records();
        Ok((outbox, Recovery { records, problems }))
    }
}

fn read_state(storage: &dyn Storage, names: &[String], problems: &mut Vec<Problem>) -> State {
    if !names.iter().any(|name| name == state::NAME) {
        return State::default();
    }
    let content = storage.read(state::NAME, 0, u64::MAX).ok();
    content
        .and_then(|content| State::read(&content))
        .unwrap_or_else(|| {
            problems.push(Problem::State);
            State::default()
        })
}

/// Finds the segments and reads their headers.
fn look(storage: &dyn Storage, names: Vec<String>, problems: &mut Vec<Problem>) -> Vec<File> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for name in names {
        let Some(by_name) = SegmentId::from_name(&name) else {
            continue;
        };
        let size = storage.size(&name);
        let bytes = *size.as_ref().unwrap_or(&0);
        let start = size.and_then(|_| storage.read(&name, 0, HEADER_BYTES as u64));
        let unread = start.is_err();
        if let Err(error) = &start {
            problems.push(unreadable(&name, error));
            if error.kind() == io::ErrorKind::NotFound {
                continue;
            }
        }
        let header = start.ok().and_then(|start| Header::read(&start));
        if header.is_none() && !unread && bytes >= HEADER_BYTES as u64 {
            problems.push(Problem::Header { name: name.clone() });
        }
        let id = header.map_or(by_name, |header| header.id);
        if id != by_name {
            problems.push(Problem::Misnamed { name: name.clone() });
        }
        if seen.insert(id) {
            files.push(File {
                id,
                name,
                header,
                bytes,
                unread,
            });
        } else {
            problems.push(Problem::Twin { name });
        }
    }
    files.sort_by_key(|file| file.id);
    files
}

/// What a lane's segments hold.
fn examine_all(
    storage: &dyn Storage,
    files: &[File],
    sealer: Option<&Sealer>,
    problems: &mut Vec<Problem>,
) -> Vec<Found> {
    let mut found = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        let after = files.get(index + 1);
        found.push(examine(storage, file, after, sealer, problems));
    }
    found
}

/// Where there may be records that nobody can read now: behind a stream's last good one, if no more than
/// a part of a write is there or the stream is known to have reached further, and in segments of another key.
fn unsure(found: &[Found], state: &state::LaneState) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for (index, segment) in found.iter().enumerate() {
        let epoch = segment.epoch;
        let from = match segment.scanned {
            Some(last) if segment.torn && !segment.data.aside => last + 1,
            _ if segment.torn || segment.data.aside => segment.first,
            _ => continue,
        };
        let confirmed = state.watermarks.get(&epoch).copied().unwrap_or(0);
        let after = found.get(index + 1).filter(|after| after.epoch == epoch);
        let stretch = Stretch {
            epoch,
            from: from.max(confirmed + 1),
            through: after.map_or(u64::MAX, |after| after.first - 1),
        };
        if stretch.from <= stretch.through {
            stretches.push(stretch);
        }
    }
    stretches.extend(cut_off(found, state));
    stretches
}

/// Where streams reached further than what is found of them: nobody knows how far.
fn cut_off(found: &[Found], state: &state::LaneState) -> impl Iterator<Item = Stretch> {
    state.ends.iter().filter_map(|(epoch, end)| {
        let last = found.iter().rfind(|segment| segment.epoch == *epoch);
        let is_readable = last.is_none_or(|last| !last.data.aside && !last.data.unread);
        let left = last.map_or(0, |last| last.scanned.unwrap_or(last.first - 1));
        let confirmed = state.watermarks.get(epoch).copied().unwrap_or(0);
        let given_up = state.gone.iter().filter(|gone| gone.epoch == *epoch);
        let known = given_up.map(|gone| gone.through).chain([left, confirmed]);
        let known = known.max().unwrap_or(0);
        (is_readable && known < *end).then_some(Stretch {
            epoch: *epoch,
            from: known + 1,
            through: u64::MAX,
        })
    })
}

fn load_lane(
    lane: Lane,
    files: &[File],
    found: Vec<Found>,
    state: state::LaneState,
    problems: &mut Vec<Problem>,
    done: &mut Vec<String>,
) -> LaneLog {
    let newest = files
        .iter()
        .map(|file| file.id.epoch)
        .max()
        .unwrap_or(0)
        .max(state.newest_epoch);
    let misnamed: HashMap<_, _> = files
        .iter()
        .filter(|file| file.name != file.id.to_string())
        .map(|file| (file.id, file.name.clone()))
        .collect();
    let (ledger, loaded) = Ledger::load(lane, found, state);
    problems.extend(
        loaded
            .missing
            .into_iter()
            .map(|(epoch, from, through)| Problem::Missing {
                lane,
                epoch,
                from,
                through,
            }),
    );
    let mut log = LaneLog::new(ledger, newest);
    log.misnamed = misnamed;
    done.extend(loaded.done.into_iter().map(|id| log.name(id)));
    log
}

/// What one segment holds. Only the last of a stream is read through: where the others end is
/// known from where the next begins.
fn examine(
    storage: &dyn Storage,
    file: &File,
    after: Option<&File>,
    sealer: Option<&Sealer>,
    problems: &mut Vec<Problem>,
) -> Found {
    let key = file.header.and_then(|header| header.key);
    let aside = is_foreign(key, sealer);
    if aside {
        problems.push(Problem::OtherKey {
            name: file.name.clone(),
        });
    }
    let untrusted = trunkside_vault::frame::UNTRUSTED;
    let mut data = Data {
        bytes: file.bytes,
        first_ms: file.header.map_or(untrusted, |header| header.at_ms),
        last_ms: after
            .and_then(|after| after.header)
            .map_or(untrusted, |header| header.at_ms),
        aside,
        unread: file.unread,
        ..Data::default()
    };
    let (mut scanned, mut torn) = (None, false);
    if !file.unread && after.is_none_or(|after| after.id.epoch != file.id.epoch) {
        match scan(storage, file, problems) {
            Ok(scan) => {
                scanned = scan.frames.last().map(|frame| frame.sequence);
                torn = scan.tail_bytes > 0;
                data.last_ms = scan.frames.last().map_or(untrusted, |frame| frame.at_ms);
            }
            Err(error) => {
                problems.push(unreadable(&file.name, &error));
                data.unread = true;
            }
        }
    }
    Found {
        epoch: file.id.epoch,
        first: file.id.first,
        data,
        scanned,
        torn,
    }
}

fn scan(storage: &dyn Storage, file: &File, problems: &mut Vec<Problem>) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let bytes = storage.read(&file.name, 0, file.bytes)?;
    scan.extend(&bytes, HEADER_BYTES, file.id.identity(), file.id.first);
    if scan.damaged_bytes > 0 {
        let bytes = scan.damaged_bytes;
        problems.push(Problem::Damaged {
            name: file.name.clone(),
            bytes,
        });
    }
    if scan.tail_bytes > 0 {
        problems.push(Problem::TornTail {
            name: file.name.clone(),
            bytes: scan.tail_bytes,
        });
    }
    Ok(scan)
}

fn unreadable(name: &str, error: &io::Error) -> Problem {
    Problem::Unreadable {
        name: name.to_owned(),
        why: error.to_string(),
    }
}

/// Whether a segment is sealed with another key than the one at hand.
pub(super) fn is_foreign(key: Option<KeyId>, sealer: Option<&Sealer>) -> bool {
    key.is_some_and(|key| sealer.is_none_or(|sealer| sealer.id() != key))
}
