//! Reading what waits, in order, with gaps where something is no more.

use std::io;

use serde_json::value::RawValue;
use trunkside_record::{Body, Entry, Gap, GapReason, Lane, Timestamp};
use trunkside_vault::frame::{Frame, Scan};

use super::lane::{LaneLog, Reader};
use super::ledger::{Kind, Place};
use super::open::is_foreign;
use super::segment::{HEADER_BYTES, Header, SegmentId};
use super::{Inner, Outbox, OutboxError, Pending, Stretch};

/// A segment that cannot be read this often in a row is read in pieces, and given up where none of
/// them can be: what lies behind it must not wait for ever. Whoever asks rests between attempts.
const READ_ATTEMPTS: u32 = 10;

/// The pieces: what a failing disk gives or does not give as a whole.
const PIECE_BYTES: u64 = 4096;

/// What to read next.
enum Next {
    Gap {
        through: u64,
        reason: GapReason,
    },
    Segment {
        id: SegmentId,
        through: u64,
        bytes: u64,
        unread: bool,
    },
}

impl Outbox {
    pub(super) fn read_pending(
        &self,
        inner: &mut Inner,
        lane: Lane,
        after: Option<Place>,
        most: usize,
    ) -> Result<Option<Pending>, OutboxError> {
        loop {
            let log = inner.lane(lane);
            let Some((span, from)) = log.ledger.next(after) else {
                return Ok(log.pending_in_memory(after, most));
            };
            let epoch = span.epoch;
            let through = span.through;
            let next = match &span.kind {
                Kind::Gone(reason) => Next::Gap {
                    through,
                    reason: *reason,
                },
                Kind::Data(data) => Next::Segment {
                    id: SegmentId {
                        lane,
                        epoch,
                        first: span.from,
                    },
                    through,
                    bytes: data.bytes,
                    unread: data.unread,
                },
            };
            let mut out = Collector::new(lane, epoch, from, most);
            match next {
                Next::Gap { through, reason } => out.gap(through, reason),
                Next::Segment {
                    id,
                    through,
                    bytes,
                    unread,
                } => {
                    let loaded = if unread {
                        self.load_unread(log, id)
                    } else {
                        self.load(log, id, bytes)
                    };
                    if let Err(error) = loaded {
                        self.read_failed(inner, id, error)?;
                        continue;
                    }
                    log.read_failures = 0;
                    if unread {
                        continue;
                    }
                    self.collect(log, &mut out, through);
                }
            }
            inner.lost.extend(out.damaged.drain(..));
            return Ok(Some(out.done()));
        }
    }

    /// Brings `bytes` bytes of a segment into the reader.
    fn load(&self, log: &mut LaneLog, id: SegmentId, bytes: u64) -> io::Result<()> {
        let name = log.name(id);
        let reader = match &mut log.reader {
            Some(reader) if reader.id == id => reader,
            stale => stale.insert(Reader {
                id,
                header: None,
                bytes: Vec::new(),
                scan: Scan::default(),
            }),
        };
        let have = reader.bytes.len() as u64;
        if have < bytes {
            let rest = if log.read_failures + 1 < READ_ATTEMPTS {
                self.storage.read(&name, have, bytes - have)?
            } else {
                self.read_in_pieces(&name, have, bytes)?
            };
            reader.bytes.extend(rest);
            reader.header = Header::read(&reader.bytes);
            reader
                .scan
                .extend(&reader.bytes, HEADER_BYTES, id.identity(), id.first);
        }
        Ok(())
    }

    /// Finds out about a segment that could not be read at the start.
    fn load_unread(&self, log: &mut LaneLog, id: SegmentId) -> io::Result<()> {
        let bytes = self.storage.size(&log.name(id))?;
        self.load(log, id, bytes)?;
        let reader = log.reader.as_ref().expect("the segment was loaded");
        log.ledger.learn(id, bytes, &reader.scan.frames);
        if is_foreign(
            reader.header.and_then(|header| header.key),
            self.sealer.as_ref(),
        ) {
            log.ledger.set_aside(id);
        }
        Ok(())
    }

    /// A file's bytes from `from` to `end`, zeros where the disk does not give them: the records
    /// behind those are found, and the others' gap says that they are damaged.
    fn read_in_pieces(&self, name: &str, from: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut fault = None;
        let mut failed_bytes = 0;
        let mut at = from;
        while at < end {
            let most = (PIECE_BYTES - at % PIECE_BYTES).min(end - at);
            match self.storage.read(name, at, most) {
                Ok(piece) => {
                    bytes.extend_from_slice(&piece);
                    if (piece.len() as u64) < most {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                Err(error) => {
                    bytes.resize(bytes.len() + most as usize, 0);
                    failed_bytes += most;
                    fault = Some(error);
                }
            }
            at += most;
        }
        let Some(error) = fault else { return Ok(bytes) };
        if failed_bytes >= bytes.len() as u64 {
            return Err(error);
        }
        tracing::error!(name, %error, failed_bytes, "the disk gives only a part of a segment");
        Ok(bytes)
    }

    fn read_failed(
        &self,
        inner: &mut Inner,
        id: SegmentId,
        error: io::Error,
    ) -> Result<(), OutboxError> {
        let log = inner.lane(id.lane);
        log.reader = None;
        log.read_failures += 1;
        let missing = error.kind() == io::ErrorKind::NotFound;
        let attempts = log.read_failures;
        // A disk that does not take the state either is away as a whole, and may come back.
        if !missing && (attempts < READ_ATTEMPTS || !self.save_state(inner)) {
            inner.lane(id.lane).read_failures = attempts.min(READ_ATTEMPTS - 1);
            return Err(OutboxError::Storage {
                doing: "read a segment",
                source: error,
            });
        }
        let log = inner.lane(id.lane);
        log.read_failures = 0;
        if log
            .writer
            .as_ref()
            .is_some_and(|writer| writer.header.id == id)
        {
            log.finish_segment();
        }
        if missing {
            self.give_up(inner, id, GapReason::Missing);
        } else if log.ledger.knows_end(id) {
            tracing::error!(lane = %id.lane, %error, "a segment cannot be read; it is given up");
            self.give_up(inner, id, GapReason::Corrupt);
        } else {
            tracing::error!(lane = %id.lane, %error, "a segment cannot be read; it stays for now");
            log.ledger.set_aside(id);
        }
        Ok(())
    }

    /// Takes records out of the reader until `out` has enough or `through` is reached.
    fn collect(&self, log: &mut LaneLog, out: &mut Collector, through: u64) {
        let reader = log.reader.as_ref().expect("the segment was loaded");
        let start = reader
            .scan
            .frames
            .partition_point(|frame| frame.sequence < out.next);
        let frames = &reader.scan.frames[start..];
        let damaged = reader.scan.damaged_bytes + reader.scan.tail_bytes > 0;
        let hole = if damaged {
            GapReason::Corrupt
        } else {
            GapReason::Missing
        };
        for frame in frames.iter().take_while(|frame| frame.sequence <= through) {
            if out.is_full() {
                break;
            }
            if frame.sequence > out.next {
                out.gap(frame.sequence - 1, hole);
            }
            match self.record(reader, frame) {
                Some(record) => out.record(record),
                None => out.gap(frame.sequence, GapReason::Corrupt),
            }
        }
        let last = frames.last().map_or(0, |frame| frame.sequence);
        if !out.is_full() && out.next <= through && last < out.next {
            out.gap(through, hole);
        }
        let place = (out.epoch, out.next - 1);
        if log.noted.is_none_or(|noted| noted < place) {
            log.noted = Some(place);
            log.ledger.note_lost(out.lost);
        }
    }

    /// A frame's record as JSON; none when it is not what was written.
    fn record(&self, reader: &Reader, frame: &Frame) -> Option<Box<RawValue>> {
        let bytes = frame.record(&reader.bytes);
        let plain = match reader.header {
            Some(Header {
                key: Some(_), salt, ..
            }) => {
                self.sealer
                    .as_ref()?
                    .open(&salt, &reader.id.to_string(), frame.sequence, bytes)?
            }
            _ => bytes.to_vec(),
        };
        RawValue::from_string(String::from_utf8(plain).ok()?).ok()
    }
}

/// Puts entries together until there are enough.
struct Collector {
    lane: Lane,
    epoch: u64,
    next: u64,
    most: usize,
    bytes: usize,
    lost: u64,
    /// Where records are gone that nobody has given up.
    damaged: Vec<Stretch>,
    records: Vec<Box<RawValue>>,
}

impl LaneLog {
    /// What lies behind all segments in memory alone.
    fn pending_in_memory(&self, after: Option<Place>, most: usize) -> Option<Pending> {
        let epoch = self.epoch.filter(|epoch| !self.ledger.waits(*epoch))?;
        let sent = after.map_or(0, |(of, sequence)| if of == epoch { sequence } else { 0 });
        let waiting = self.in_memory();
        let mut waiting = waiting
            .skip_while(|record| record.sequence <= sent)
            .peekable();
        let mut out = Collector::new(self.lane(), epoch, waiting.peek()?.sequence, most);
        for record in waiting {
            if out.is_full() {
                break;
            }
            let text = String::from_utf8(record.record.clone()).expect("JSON is UTF-8");
            out.record(RawValue::from_string(text).expect("a record is JSON"));
        }
        Some(out.done())
    }
}

impl Collector {
    fn new(lane: Lane, epoch: u64, next: u64, most: usize) -> Self {
        Self {
            lane,
            epoch,
            next,
            most,
            bytes: 0,
            lost: 0,
            damaged: Vec::new(),
            records: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        !self.records.is_empty() && self.bytes >= self.most
    }

    fn record(&mut self, record: Box<RawValue>) {
        if !self.records.is_empty() && self.bytes + record.get().len() > self.most {
            // The next call begins with it.
            self.most = 0;
            return;
        }
        self.bytes += record.get().len();
        self.records.push(record);
        self.next += 1;
    }

    fn gap(&mut self, through: u64, reason: GapReason) {
        let entry = Entry {
            sequence: self.next,
            at: epoch_start(self.epoch),
            clock_trusted: false,
            lane: self.lane,
            body: Body::Gap(Gap {
                through,
                reason: reason.into(),
            }),
        };
        let entry = serde_json::value::to_raw_value(&entry).expect("a gap has a JSON form");
        self.bytes += entry.get().len();
        self.records.push(entry);
        self.lost += through - self.next + 1;
        if matches!(reason, GapReason::Corrupt | GapReason::Missing) {
            self.damaged.push(Stretch {
                epoch: self.epoch,
                from: self.next,
                through,
            });
        }
        self.next = through + 1;
    }

    fn done(self) -> Pending {
        Pending {
            lane: self.lane,
            epoch: self.epoch,
            through: self.next - 1,
            bytes: self.bytes,
            records: self.records,
        }
    }
}

/// A gap's time is that of its stream: nothing better is known.
fn epoch_start(epoch: u64) -> Timestamp {
    Timestamp::from_second((epoch >> 20).cast_signed()).unwrap_or(Timestamp::UNIX_EPOCH)
}
