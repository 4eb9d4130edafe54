//! Writing: records into segments, flushes shared by those who wait.

use std::io;
use std::sync::{Arc, MutexGuard, PoisonError};

use serde::Serialize;
use trunkside_record::{Body, Lane, Timestamp};
use trunkside_vault::frame::{self, UNTRUSTED};

use super::lane::{LaneLog, OneFailure, Unsynced, Writer};
use super::room::WAYS;
use super::segment::{HEADER_BYTES, Header, SegmentId};
use super::{Inner, MAX_RECORD_BYTES, Outbox, OutboxError, Receipt, Stamp};

/// Bytes of records that a lane holds in memory alone at most: where the disk refuses them and the cloud
/// does not take them either, who brings more keeps it.
const MOST_HELD_BYTES: usize = 1 << 20;

/// A record that waits for its flush.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    pub(super) receipt: Receipt,
    failures: u64,
}

/// An [`Entry`](trunkside_record::Entry) by reference.
#[derive(Serialize)]
struct EntryRef<'a> {
    sequence: u64,
    at: Timestamp,
    clock_trusted: bool,
    lane: Lane,
    body: &'a Body,
}

/// Whether the disk has no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

impl Outbox {
    /// Writes a record, not yet flushed, behind those that were posted.
    pub(super) fn enqueue(
        &self,
        inner: &mut Inner,
        stamp: Stamp,
        body: &Body,
    ) -> Result<Ticket, OutboxError> {
        let (receipt, record) = self.make_record(inner, stamp, body, false)?;
        let lane = receipt.lane;
        let bytes = record.record.len() as u64;
        self.write_posted(inner, lane)?;
        self.make_room(inner, lane, bytes);
        self.write_record(inner, record, lane)
            .map_err(|(_, error)| error)
            .map_err(OutboxError::storage("store a record"))?;
        let log = inner.lane(lane);
        log.next = receipt.sequence + 1;
        let failures = log.failures;
        inner.wear.kept += bytes;
        Ok(Ticket { receipt, failures })
    }

    /// Holds a record in memory, ready to be sent. Nothing of the lane may give way.
    pub(super) fn hold(
        &self,
        inner: &mut Inner,
        stamp: Stamp,
        body: &Body,
    ) -> Result<Receipt, OutboxError> {
        let (receipt, record) = self.make_record(inner, stamp, body, true)?;
        // Nobody may ever give another record the place of one that was sent.
        if !inner.lane(receipt.lane).is_reserved && !self.save_state(inner) {
            return Err(OutboxError::NotReserved);
        }
        let log = inner.lane(receipt.lane);
        let held = log.in_memory().map(|record| record.record.len());
        if held.sum::<usize>() + record.record.len() > MOST_HELD_BYTES {
            return Err(OutboxError::Held);
        }
        log.next = receipt.sequence + 1;
        let bytes = record.record.len() as u64;
        log.posted.push_back(record);
        inner.wear.kept += bytes;
        Ok(receipt)
    }

    /// The record as it is stored and sent, and its place.
    fn make_record(
        &self,
        inner: &mut Inner,
        stamp: Stamp,
        body: &Body,
        posted: bool,
    ) -> Result<(Receipt, Unsynced), OutboxError> {
        let lane = body
            .lane()
            .ok_or(OutboxError::Unfit("its kind travels in no lane"))?;
        let epoch = match inner.lane(lane).epoch {
            Some(epoch) => epoch,
            None => self.begin_stream(inner, lane, stamp)?,
        };
        let sequence = inner.lane(lane).next;
        let entry = EntryRef {
            sequence,
            at: stamp.at,
            clock_trusted: stamp.clock_trusted,
            lane,
            body,
        };
        let record = serde_json::to_vec(&entry).expect("records have a JSON form");
        if record.len() > MAX_RECORD_BYTES {
            return Err(OutboxError::Unfit("it has more than 262144 bytes"));
        }
        let at_ms = if stamp.clock_trusted {
            stamp.at.as_millisecond()
        } else {
            UNTRUSTED
        };
        let receipt = Receipt {
            lane,
            epoch,
            sequence,
        };
        let record = Unsynced {
            sequence,
            at_ms,
            record,
            posted,
        };
        Ok((receipt, record))
    }

    /// Writes what was posted, not yet flushed. What the disk refuses stays posted.
    pub(super) fn write_posted(&self, inner: &mut Inner, lane: Lane) -> Result<(), OutboxError> {
        while let Some(record) = inner.lane(lane).posted.pop_front() {
            self.make_room(inner, lane, record.record.len() as u64);
            if let Err((record, error)) = self.write_record(inner, record, lane) {
                inner.lane(lane).posted.push_front(record);
                return Err(OutboxError::storage("store a record")(error));
            }
        }
        Ok(())
    }

    /// What was written of a lane, to be waited for; none where all of it is on the disk.
    pub(super) fn last_written(inner: &mut Inner, lane: Lane) -> Option<Ticket> {
        let log = inner.lane(lane);
        let receipt = Receipt {
            lane,
            epoch: log.epoch?,
            sequence: log.unsynced.last()?.sequence,
        };
        let failures = log.failures;
        Some(Ticket { receipt, failures })
    }

    /// Waits until nothing of the lane may give way to what is posted.
    pub(super) fn until_firm<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
        lane: Lane,
    ) -> MutexGuard<'a, Inner> {
        while inner.lane(lane).may_give_way() {
            inner = self
                .flushed
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
        inner
    }

    /// Names the stream of this start: seconds, 18 random bits and the lane, newer than any known.
    /// Where the clock stands behind those, the random bits keep two starts of one copy of the disk
    /// apart.
    fn begin_stream(
        &self,
        inner: &mut Inner,
        lane: Lane,
        stamp: Stamp,
    ) -> Result<u64, OutboxError> {
        let mut random = [0; 4];
        self.storage
            .random(&mut random)
            .map_err(OutboxError::storage("draw a random number"))?;
        let seconds = stamp.at.as_second().clamp(1, (1 << 33) - 2).cast_unsigned();
        let random = u64::from(u32::from_le_bytes(random)) & 0x3_ffff;
        let step = Lane::ALL.len() as u64;
        let drawn = seconds << 20 | random << 2 | super::index(lane) as u64;
        let log = inner.lane(lane);
        let epoch = if drawn > log.newest_epoch {
            drawn
        } else {
            log.newest_epoch + step * (1 + random)
        };
        log.epoch = Some(epoch);
        log.newest_epoch = epoch;
        self.save_state(inner);
        Ok(epoch)
    }

    /// Writes one record, making room or changing the segment when the disk refuses; gives back what could
    /// not be written.
    fn write_record(
        &self,
        inner: &mut Inner,
        record: Unsynced,
        lane: Lane,
    ) -> Result<(), (Unsynced, io::Error)> {
        let mut tried_again = false;
        let mut ways = WAYS.iter();
        loop {
            let wear = self.end_full_segment(inner.lane(lane), lane);
            inner.wear.written += wear;
            self.keep_watermark(inner, lane);
            let Err(error) = self.try_write(inner.lane(lane), &record) else {
                break;
            };
            let wear = inner.lane(lane).finish_segment();
            inner.wear.written += wear;
            let again = if is_full(&error) {
                ways.any(|way| self.relieve(inner, lane, *way))
            } else {
                !std::mem::replace(&mut tried_again, true)
            };
            if !again {
                return Err((record, error));
            }
        }
        inner.lane(lane).unsynced.push(record);
        Ok(())
    }

    /// Before a segment begins behind what the cloud got from memory: without its watermark the next start
    /// would miss that. Where the disk does not take it, the next start asks for those calls once more.
    fn keep_watermark(&self, inner: &mut Inner, lane: Lane) {
        let log = inner.lane(lane);
        if log.writer.is_none() && log.skipped > log.saved_watermark {
            self.save_state(inner);
        }
    }

    /// Keeps how far the stream reaches once the first records of a segment are on the disk. Where the disk does
    /// not take it, the next flush tries again.
    fn note_begun(&self, inner: &mut Inner, lane: Lane) {
        if inner.lane(lane).is_unnoted() {
            self.save_state(inner);
        }
    }

    fn end_full_segment(&self, log: &mut LaneLog, lane: Lane) -> u64 {
        let limit = self.options.segment_bytes(lane);
        match &log.writer {
            Some(writer) if writer.written >= limit => log.finish_segment(),
            _ => 0,
        }
    }

    fn try_write(&self, log: &mut LaneLog, record: &Unsynced) -> io::Result<()> {
        let begins = log.writer.is_none();
        if begins {
            self.begin_segment(log, record.at_ms)?;
        }
        let writer = log.writer.as_mut().expect("a segment was begun");
        let written = self.write_frame(writer, record);
        if written.is_err() && begins && log.unsynced.is_empty() {
            let name = writer.header.id.to_string();
            log.writer = None;
            log.ledger.abandon();
            self.remove_if_there(&name);
        }
        written
    }

    fn write_frame(&self, writer: &mut Writer, record: &Unsynced) -> io::Result<()> {
        let Header { id, salt, .. } = writer.header;
        let mut bytes = Vec::with_capacity(record.record.len() + frame::HEADER_BYTES + 16);
        match &self.sealer {
            None => frame::write(
                &mut bytes,
                id.identity(),
                record.sequence,
                record.at_ms,
                &record.record,
            ),
            Some(key) => {
                let sealed = key.seal(&salt, &id.to_string(), record.sequence, &record.record);
                frame::write(
                    &mut bytes,
                    id.identity(),
                    record.sequence,
                    record.at_ms,
                    &sealed,
                );
            }
        }
        if let Err(error) = writer.file.append(&bytes) {
            // What did fit of it would keep the last room from all others.
            if is_full(&error)
                && let Err(error) = writer.file.truncate(writer.written)
            {
                tracing::debug!(%error, "cannot cut off an unfinished record");
            }
            return Err(error);
        }
        writer.written += bytes.len() as u64;
        writer.last = record.sequence;
        Ok(())
    }

    /// Begins a segment behind what is on the disk for good, with what could not be flushed
    /// before.
    fn begin_segment(&self, log: &mut LaneLog, at_ms: i64) -> io::Result<()> {
        let epoch = log.epoch.expect("a stream begins before its first segment");
        let id = SegmentId {
            lane: log.lane(),
            epoch,
            first: log.durable + 1,
        };
        let at_ms = log.unsynced.first().map_or(at_ms, |record| record.at_ms);
        let mut salt = [0; 16];
        self.storage.random(&mut salt)?;
        let header = Header {
            id,
            at_ms,
            salt,
            key: self.sealer.as_ref().map(trunkside_vault::Sealer::id),
        };
        let name = id.to_string();
        let written = self.create(&name, header).and_then(|mut writer| {
            for record in &log.unsynced {
                self.write_frame(&mut writer, record)?;
            }
            Ok(writer)
        });
        let writer = written.inspect_err(|_| self.remove_if_there(&name))?;
        log.reader.take_if(|reader| reader.id == id);
        log.ledger
            .begin(epoch, id.first, HEADER_BYTES as u64, at_ms);
        log.writer = Some(writer);
        Ok(())
    }

    fn create(&self, name: &str, header: Header) -> io::Result<Writer> {
        let file = match self.storage.create(name) {
            // A segment that was begun here and failed before anything in it was flushed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.storage.remove(name)?;
                self.storage.create(name)?
            }
            created => created?,
        };
        file.append(&header.write())?;
        let written = HEADER_BYTES as u64;
        Ok(Writer {
            header,
            file: Arc::new(OneFailure::new(file)),
            written,
            last: header.id.first - 1,
            settled: 0,
        })
    }

    pub(super) fn remove_if_there(&self, name: &str) {
        if let Err(error) = self.storage.remove(name) {
            tracing::debug!(name, %error, "cannot delete an unfinished file");
        }
    }

    /// Returns when the ticket's record is on the disk. The first to wait flushes for all.
    pub(super) fn wait_durable<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
        ticket: Ticket,
    ) -> Result<MutexGuard<'a, Inner>, OutboxError> {
        let Receipt { lane, sequence, .. } = ticket.receipt;
        loop {
            let log = inner.lane(lane);
            if log.failures != ticket.failures {
                let source = log.failure.as_ref().map_or_else(
                    || io::ErrorKind::Other.into(),
                    |error| io::Error::new(error.kind(), error.to_string()),
                );
                return Err(OutboxError::Storage {
                    doing: "flush records",
                    source,
                });
            }
            if log.durable >= sequence {
                return Ok(inner);
            }
            inner = if log.syncing {
                self.flushed
                    .wait(inner)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                self.flush_lane(inner, lane)
            };
        }
    }

    /// Flushes a lane for everybody who waits; others may write meanwhile.
    fn flush_lane<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
        lane: Lane,
    ) -> MutexGuard<'a, Inner> {
        if inner.lane(lane).writer.is_none()
            && let Err(error) = self.write_again(&mut inner, lane)
        {
            inner.lane(lane).discard_unsynced(error);
            self.flushed.notify_all();
            return inner;
        }
        inner.lane(lane).syncing = true;
        if !self.options.linger.is_zero() {
            let waited = self.flushed.wait_timeout(inner, self.options.linger);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let log = inner.lane(lane);
        let Some(writer) = &log.writer else {
            log.syncing = false;
            return inner;
        };
        let (file, written) = (Arc::clone(&writer.file), writer.written);
        let through = writer.last;
        drop(inner);
        let flushed = file.sync();
        inner = self.lock();
        let log = inner.lane(lane);
        log.syncing = false;
        if log
            .writer
            .as_ref()
            .is_some_and(|writer| Arc::ptr_eq(&writer.file, &file))
        {
            match flushed {
                Ok(()) => {
                    let pages = log.settle(through, written);
                    inner.wear.written += pages;
                    self.note_begun(&mut inner, lane);
                }
                Err(error) => {
                    log.end_segment();
                    tracing::warn!(%lane, %error, "flushing failed; writing into a new segment");
                    if let Err(error) = self.write_again(&mut inner, lane) {
                        inner.lane(lane).discard_unsynced(error);
                    }
                }
            }
        }
        self.flushed.notify_all();
        inner
    }

    /// Writes what could not be flushed into a new segment, and flushes that one at once.
    fn write_again(&self, inner: &mut Inner, lane: Lane) -> io::Result<()> {
        self.keep_watermark(inner, lane);
        let log = inner.lane(lane);
        let at_ms = log
            .unsynced
            .first()
            .map_or(UNTRUSTED, |record| record.at_ms);
        self.begin_segment(log, at_ms)?;
        let writer = log.writer.as_ref().expect("a segment was begun");
        writer.file.sync()?;
        let pages = log.settle(writer.last, writer.written);
        inner.wear.written += pages;
        self.note_begun(inner, lane);
        Ok(())
    }
}
