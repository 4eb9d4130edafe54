//! One lane's files: the segment being written, the one being read, and the ledger of all.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use trunkside_record::{Ack, Lane};
use trunkside_vault::frame::{Scan, UNTRUSTED};

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
    /// The last sequence up to which all is on the disk for good, or with the cloud.
    pub(super) durable: u64,
    /// Records behind `durable` that are written, kept until a flush succeeds. Those that were posted come
    /// first.
    pub(super) unsynced: Vec<Unsynced>,
    /// Records behind those that lie in memory alone. While there are any, all of `unsynced` were posted.
    pub(super) posted: VecDeque<Unsynced>,
    /// Whether the stream's number is on the disk, so that no later start takes it.
    pub(super) is_reserved: bool,
    /// The last sequence that the cloud got from memory: the disk has no trace of it.
    pub(super) skipped: u64,
    /// The stream's watermark as the disk has it.
    pub(super) saved_watermark: u64,
    /// How far the stream reaches, as the disk has it.
    pub(super) saved_end: u64,
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

/// A record that is not yet flushed.
pub(super) struct Unsynced {
    pub(super) sequence: u64,
    pub(super) at_ms: i64,
    pub(super) record: Vec<u8>,
    /// Whether it may have been sent already.
    pub(super) posted: bool,
}

/// The segment being written.
pub(super) struct Writer {
    pub(super) header: Header,
    pub(super) file: Arc<OneFailure>,
    pub(super) written: u64,
    /// The last sequence in it.
    pub(super) last: u64,
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
            posted: VecDeque::new(),
            is_reserved: false,
            skipped: 0,
            saved_watermark: 0,
            saved_end: 0,
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
        let (last, written) = (writer.last, writer.written);
        let pages = match writer.file.sync() {
            Ok(()) => self.settle(last, written),
            Err(_) => 0,
        };
        self.end_segment();
        pages
    }

    /// Whether the segment being written has records on the disk that the kept state knows nothing of: if
    /// its file goes and no other comes behind it, the next start misses nothing.
    pub(super) fn is_unnoted(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| {
            let first = writer.header.id.first;
            self.saved_end < first && first <= self.durable
        })
    }

    /// Whether the cloud has all that the segment being written holds.
    pub(super) fn is_delivered(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| {
            self.unsynced.is_empty()
                && self.durable <= self.ledger.watermark(writer.header.id.epoch)
        })
    }

    /// Records that may be sent before they are on the disk.
    pub(super) fn in_memory(&self) -> impl Iterator<Item = &Unsynced> {
        let written = self.unsynced.iter().take_while(|record| record.posted);
        written.chain(&self.posted)
    }

    /// When the oldest waiting record was made, as far as its clock can be trusted.
    pub(super) fn oldest_ms(&self) -> Option<i64> {
        let held = self.in_memory().map(|record| record.at_ms);
        let held = held.filter(|at_ms| *at_ms != UNTRUSTED).min();
        self.ledger.oldest_ms().into_iter().chain(held).min()
    }

    /// Whether something that nobody has seen yet may be given up, and its sequence with it.
    pub(super) fn may_give_way(&self) -> bool {
        self.unsynced.iter().any(|record| !record.posted)
    }

    /// Takes a watermark; returns the files that may be deleted.
    pub(super) fn acked(&mut self, ack: Ack) -> Vec<String> {
        let held = self.in_memory().last().map_or(0, |last| last.sequence);
        let mut done = self.ledger.ack(ack, self.epoch, held);
        if self.skip_to_watermark() {
            done.extend(self.ledger.covered(self.epoch));
        }
        done.into_iter().map(|id| self.name(id)).collect()
    }

    /// What the cloud got from memory needs no disk. True when the segment being written ended over it:
    /// what comes next does not follow what that one holds.
    fn skip_to_watermark(&mut self) -> bool {
        let watermark = self.epoch.map_or(0, |epoch| self.ledger.watermark(epoch));
        if watermark <= self.durable {
            return false;
        }
        self.unsynced.retain(|record| record.sequence > watermark);
        self.posted.retain(|record| record.sequence > watermark);
        self.durable = watermark;
        self.skipped = watermark;
        let ends = self
            .writer
            .as_ref()
            .is_some_and(|writer| writer.last < watermark);
        if ends {
            self.end_segment();
        }
        ends
    }

    /// Ends the segment being written, without trusting another flush.
    pub(super) fn end_segment(&mut self) {
        self.writer = None;
        self.ledger.close();
    }

    /// Gives up every record that is not on the disk, but those that were posted; the others' sequences are
    /// free again, because nobody has seen them.
    pub(super) fn discard_unsynced(&mut self, error: io::Error) {
        self.end_segment();
        for record in self.unsynced.drain(..).rev().filter(|record| record.posted) {
            self.posted.push_front(record);
        }
        self.next = self
            .posted
            .back()
            .map_or(self.durable, |last| last.sequence)
            + 1;
        self.failures += 1;
        self.failure = Some(error);
    }
}
