//! One lane's files: the segment being written, the one being read, and the ledger of all.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use trunkside_record::Lane;
use trunkside_vault::frame::Scan;

use super::ledger::{Ledger, Place};
use super::segment::{Header, SegmentId};
use super::storage::Appender;

/// The bytes of a disk page, the least that a write costs.
const PAGE_BYTES: u64 = 4096;

/// One lane.
pub(super) struct LaneLog {
    pub(super) ledger: Ledger,
    /// The segment being written; none before the first record and after a fault.
    pub(super) writer: Option<Writer>,
    /// The stream of this start; none before the first record.
    pub(super) epoch: Option<u64>,
    /// Every stream of this start is newer than this.
    pub(super) newest_epoch: u64,
    /// The sequence that the next record gets.
    pub(super) next: u64,
    /// The last sequence that is on the disk for good.
    pub(super) durable: u64,
    /// Records behind `durable`, kept until a flush succeeds.
    pub(super) unsynced: Vec<Unsynced>,
    /// Whether a flush is under way.
    pub(super) syncing: bool,
    /// Counts failures: who waits for a record of an earlier count waits in vain.
    pub(super) failures: u64,
    pub(super) failure: Option<io::Error>,
    pub(super) reader: Option<Reader>,
    /// Segments whose file has another's name.
    pub(super) misnamed: HashMap<SegmentId, String>,
    /// How often in a row the segment that is next could not be read.
    pub(super) read_failures: u32,
    /// Losses up to here are counted.
    pub(super) noted: Option<Place>,
}

/// A record that is written but not yet flushed.
pub(super) struct Unsynced {
    pub(super) sequence: u64,
    pub(super) at_ms: i64,
    pub(super) record: Vec<u8>,
}

/// The segment being written.
pub(super) struct Writer {
    pub(super) header: Header,
    pub(super) file: Arc<OneFailure>,
    pub(super) written: u64,
    /// The part of `written` that is flushed and in the ledger.
    pub(super) settled: u64,
}

/// A file that is never flushed again after a flush failed.
///
/// Linux reports such a failure once and then counts the pages as clean: a second flush, perhaps of
/// another thread, would claim success for bytes that never reached the disk.
pub(super) struct OneFailure {
    file: Box<dyn Appender>,
    failed: Mutex<bool>,
}

impl OneFailure {
    pub(super) fn new(file: Box<dyn Appender>) -> Self {
        Self {
            file,
            failed: Mutex::new(false),
        }
    }

    pub(super) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    pub(super) fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.file.truncate(bytes)
    }

    /// One flush at a time; after a failed one no other is tried.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(io::Error::other("an earlier flush of this segment failed"));
        }
        self.file.sync().inspect_err(|_| *failed = true)
    }
}

/// The segment being read.
pub(super) struct Reader {
    pub(super) id: SegmentId,
    pub(super) header: Option<Header>,
    pub(super) bytes: Vec<u8>,
    pub(super) scan: Scan,
}

impl LaneLog {
    pub(super) fn new(ledger: Ledger, newest_epoch: u64) -> Self {
        Self {
            ledger,
            writer: None,
            epoch: None,
            newest_epoch,
            next: 1,
            durable: 0,
            unsynced: Vec::new(),
            syncing: false,
            failures: 0,
            failure: None,
            reader: None,
            misnamed: HashMap::new(),
            read_failures: 0,
            noted: None,
        }
    }

    pub(super) fn lane(&self) -> Lane {
        self.ledger.lane
    }

    /// Takes out all that the cloud has, but the segment being written; returns the files that may be
    /// deleted.
    pub(super) fn covered(&mut self) -> Vec<String> {
        let done = self.ledger.covered(self.epoch);
        done.into_iter().map(|id| self.name(id)).collect()
    }

    /// The file of a segment.
    pub(super) fn name(&self, id: SegmentId) -> String {
        self.misnamed
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }

    /// Everything up to `through` is on the disk for good; returns the bytes of pages written.
    pub(super) fn settle(&mut self, through: u64, written: u64) -> u64 {
        let Some(writer) = &mut self.writer else {
            return 0;
        };
        let count = self
            .unsynced
            .partition_point(|record| record.sequence <= through);
        let marks: Vec<_> = self
            .unsynced
            .drain(..count)
            .map(|record| (record.sequence, record.at_ms))
            .collect();
        let bytes = written.saturating_sub(writer.settled);
        let first_page = writer.settled / PAGE_BYTES;
        writer.settled = writer.settled.max(written);
        self.durable = self.durable.max(through);
        self.ledger.extend(&marks, bytes);
        if bytes == 0 {
            0
        } else {
            (written.div_ceil(PAGE_BYTES) - first_page) * PAGE_BYTES
        }
    }

    /// Flushes the segment being written, and ends it. The records that could not be flushed stay
    /// in `unsynced`, to be written again into the next one.
    pub(super) fn finish_segment(&mut self) -> u64 {
        let Some(writer) = &self.writer else { return 0 };
        let written = writer.written;
        let pages = match writer.file.sync() {
            Ok(()) => self.settle(self.next - 1, written),
            Err(_) => 0,
        };
        self.end_segment();
        pages
    }

    /// Whether the cloud has all that the segment being written holds.
    pub(super) fn is_delivered(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| {
            self.unsynced.is_empty()
                && self.durable <= self.ledger.watermark(writer.header.id.epoch)
        })
    }

    /// Ends the segment being written, without trusting another flush.
    pub(super) fn end_segment(&mut self) {
        self.writer = None;
        self.ledger.close();
    }

    /// Gives up every record that is not on the disk; their sequences are free again, because
    /// nobody has seen them.
    pub(super) fn discard_unsynced(&mut self, error: io::Error) {
        self.end_segment();
        self.unsynced.clear();
        self.next = self.durable + 1;
        self.failures += 1;
        self.failure = Some(error);
    }
}
