//! What one lane holds: its segments and its gaps, in order, and how far the cloud has stored them.
//!
//! Pure: the shell reads and writes files and tells the ledger what came of it.

use std::collections::{BTreeMap, VecDeque};

use trunkside_record::{Ack, GapReason, Lane};
use trunkside_vault::frame::{Frame, UNTRUSTED};

use super::segment::SegmentId;
use super::state::{Gone, LaneState};

/// A place in a lane: the stream, then the sequence in it. Streams ascend.
pub(super) type Place = (u64, u64);

/// A stretch of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) epoch: u64,
    pub(super) from: u64,
    /// The last sequence; `from - 1` when there is none yet.
    pub(super) through: u64,
    pub(super) kind: Kind,
}

/// What is left of a stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A segment file.
    Data(Data),
    /// Nothing but the knowledge that it was there.
    Gone(GapReason),
}

/// A segment file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) bytes: u64,
    /// When its first record was made, or [`UNTRUSTED`].
    pub(super) first_ms: i64,
    /// When its last record was made, or [`UNTRUSTED`].
    pub(super) last_ms: i64,
    /// Sequence and time of every record, while this process writes the segment.
    pub(super) marks: VecDeque<(u64, i64)>,
    /// Cannot be read now, because it is sealed with another key or the disk fails: kept until the
    /// next start, and so is what lies behind it in its stream.
    pub(super) aside: bool,
    /// Could not be read at the start: what its span does not tell is found out before it is sent.
    pub(super) unread: bool,
}

impl Span {
    fn data(&self) -> Option<&Data> {
        match &self.kind {
            Kind::Data(data) => Some(data),
            Kind::Gone(_) => None,
        }
    }

    fn is_aside(&self) -> bool {
        self.data().is_some_and(|data| data.aside)
    }

    fn is_unread(&self) -> bool {
        self.data().is_some_and(|data| data.unread)
    }

    /// Whether nobody knows where it ends: it was the last of its stream and could not be read.
    pub(super) fn is_open_ended(&self) -> bool {
        self.through < self.from && (self.is_aside() || self.is_unread())
    }
}

/// A segment that was found on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) epoch: u64,
    pub(super) first: u64,
    pub(super) data: Data,
    /// The last good sequence, where the segment had to be read to know it.
    pub(super) scanned: Option<u64>,
    /// Ends in bytes that are no record.
    pub(super) torn: bool,
}

/// One lane's ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) lane: Lane,
    spans: VecDeque<Span>,
    /// The last sequence of every stream that the cloud has stored.
    watermarks: BTreeMap<u64, u64>,
    /// How far streams of earlier starts reached on the disk, as far as that was kept. What is only found
    /// there, after a kill, need not be on the disk for good: a flush may have failed.
    ends: BTreeMap<u64, u64>,
    /// The segment that is being written; always the last span.
    active: bool,
    /// Records that a budget or a fault has cost since the start.
    pub(super) lost: u64,
}

/// What starting up found.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Segments that are no longer needed.
    pub(super) done: Vec<SegmentId>,
    /// Stretches that are no longer there.
    pub(super) missing: Vec<(u64, u64, u64)>,
}

impl Ledger {
    /// Puts together what the disk and the kept state say. `found` is sorted by epoch and first.
    pub(super) fn load(lane: Lane, found: Vec<Found>, state: LaneState) -> (Self, Loaded) {
        let mut ledger = Self {
            lane,
            spans: VecDeque::new(),
            watermarks: state.watermarks,
            ends: state.ends,
            active: false,
            lost: 0,
        };
        let mut loaded = Loaded::default();
        let mut streams: BTreeMap<u64, (Vec<Found>, Vec<Gone>)> = BTreeMap::new();
        for segment in found {
            streams.entry(segment.epoch).or_default().0.push(segment);
        }
        for gone in state.gone {
            streams.entry(gone.epoch).or_default().1.push(gone);
        }
        for epoch in ledger.ends.keys() {
            streams.entry(*epoch).or_default();
        }
        for (epoch, (found, gone)) in streams {
            ledger.load_stream(epoch, found, gone, &mut loaded);
        }
        let known: Vec<u64> = ledger.spans.iter().map(|span| span.epoch).collect();
        ledger.watermarks.retain(|epoch, _| known.contains(epoch));
        ledger.ends.retain(|epoch, _| known.contains(epoch));
        (ledger, loaded)
    }

    fn load_stream(
        &mut self,
        epoch: u64,
        found: Vec<Found>,
        mut gone: Vec<Gone>,
        loaded: &mut Loaded,
    ) {
        let watermark = self.watermark(epoch);
        let mut expected = watermark + 1;
        gone.sort_by_key(|gone| gone.from);
        let firsts: Vec<u64> = found.iter().map(|segment| segment.first).collect();
        let is_torn = found.last().is_some_and(|last| last.torn);
        let mut is_open_ended = false;
        for (index, segment) in found.into_iter().enumerate() {
            let unread = segment.data.unread;
            let gone_behind = || {
                let behind = gone.iter().map(|gone| gone.from);
                behind.filter(|from| unread && *from > segment.first).min()
            };
            let next = firsts.get(index + 1).copied().or_else(gone_behind);
            let through = match (next, segment.scanned) {
                (Some(next), _) => next - 1,
                (None, Some(last)) => last,
                (None, None) => segment.first - 1,
            };
            let is_empty = through < segment.first;
            // What the cloud has needs no key either.
            let is_needed = if is_empty {
                segment.data.aside
            } else {
                watermark < through
            };
            is_open_ended = unread && next.is_none();
            if !is_needed && !is_open_ended {
                let first = segment.first;
                loaded.done.push(SegmentId {
                    lane: self.lane,
                    epoch,
                    first,
                });
                continue;
            }
            let hole = (expected, segment.first - 1, GapReason::Missing);
            self.fill(epoch, hole, &gone, loaded);
            self.spans.push_back(Span {
                epoch,
                from: segment.first,
                through,
                kind: Kind::Data(segment.data),
            });
            expected = through + 1;
        }
        let end = self.ends.get(&epoch).filter(|_| !is_open_ended);
        let behind = gone.iter().map(|gone| gone.through).chain(end.copied());
        if let Some(last) = behind.max() {
            let reason = if is_torn {
                GapReason::Corrupt
            } else {
                GapReason::Missing
            };
            self.fill(epoch, (expected, last, reason), &gone, loaded);
        }
    }

    /// Accounts for `from..=through`, for which there is no segment: what was not given up is lost for
    /// `reason`.
    fn fill(
        &mut self,
        epoch: u64,
        (mut from, through, reason): (u64, u64, GapReason),
        gone: &[Gone],
        loaded: &mut Loaded,
    ) {
        while from <= through {
            let known = gone
                .iter()
                .find(|gone| gone.from <= from && from <= gone.through);
            let (end, reason) = if let Some(gone) = known {
                (gone.through.min(through), gone.reason)
            } else {
                let starts = gone
                    .iter()
                    .map(|gone| gone.from)
                    .filter(|start| *start > from);
                let end = starts.min().map_or(through, |start| through.min(start - 1));
                loaded.missing.push((epoch, from, end));
                self.lost += end - from + 1;
                (end, reason)
            };
            self.spans.push_back(Span {
                epoch,
                from,
                through: end,
                kind: Kind::Gone(reason),
            });
            from = end + 1;
        }
    }

    /// The last sequence of a stream that the cloud has stored.
    pub(super) fn watermark(&self, epoch: u64) -> u64 {
        self.watermarks.get(&epoch).copied().unwrap_or(0)
    }

    /// The newest stream that anything is known of.
    pub(super) fn newest_epoch(&self) -> Option<u64> {
        self.spans.back().map(|span| span.epoch)
    }

    /// A new segment is being written from `first` on. The one before ends there, whatever its
    /// file holds beyond.
    pub(super) fn begin(&mut self, epoch: u64, first: u64, header_bytes: u64, at_ms: i64) {
        self.close();
        self.active = true;
        // An attempt that failed before anything was flushed: its file has been replaced.
        if self
            .spans
            .back()
            .is_some_and(|span| span.epoch == epoch && span.from == first)
        {
            self.spans.pop_back();
        }
        let data = Data {
            bytes: header_bytes,
            first_ms: at_ms,
            last_ms: at_ms,
            ..Data::default()
        };
        self.spans.push_back(Span {
            epoch,
            from: first,
            through: first - 1,
            kind: Kind::Data(data),
        });
    }

    /// The segment that was begun last holds nothing and is no more.
    pub(super) fn abandon(&mut self) {
        if std::mem::take(&mut self.active) {
            self.spans.pop_back();
        }
    }

    /// The segment that is being written gets no more records.
    pub(super) fn close(&mut self) {
        if !std::mem::take(&mut self.active) {
            return;
        }
        if let Some(Span {
            kind: Kind::Data(data),
            ..
        }) = self.spans.back_mut()
        {
            data.marks = VecDeque::new();
        }
    }

    /// The active segment holds records up to `through`, for good.
    pub(super) fn extend(&mut self, records: &[(u64, i64)], bytes: u64) {
        let watermark = self
            .spans
            .back()
            .map_or(0, |span| self.watermark(span.epoch));
        let Some(Span {
            through,
            kind: Kind::Data(data),
            ..
        }) = self.spans.back_mut()
        else {
            return;
        };
        data.bytes += bytes;
        if let Some((sequence, at_ms)) = records.last() {
            *through = *sequence;
            data.last_ms = *at_ms;
        }
        data.marks.extend(records);
        while data
            .marks
            .front()
            .is_some_and(|(sequence, _)| *sequence <= watermark)
        {
            data.marks.pop_front();
        }
    }

    /// Takes a watermark; returns the segments that may be deleted. In the stream that is being
    /// written, one beyond what is on the disk, or up to `held` in memory, is not believed; of an older
    /// stream the cloud may well know more than is left here.
    pub(super) fn ack(&mut self, ack: Ack, writing: Option<u64>, held: u64) -> Vec<SegmentId> {
        let is_writing = writing == Some(ack.epoch);
        let last = self.spans.iter().rfind(|span| span.epoch == ack.epoch);
        let held = Some(held).filter(|held| is_writing && *held > 0);
        let Some(through) = last.map(|last| last.through).max(held) else {
            return Vec::new();
        };
        let plausible = ack.sequence <= through || !is_writing;
        if !plausible || ack.sequence <= self.watermark(ack.epoch) {
            return Vec::new();
        }
        self.watermarks.insert(ack.epoch, ack.sequence);
        let done = self.covered(writing);
        if let Some(Span {
            epoch,
            kind: Kind::Data(data),
            ..
        }) = self.spans.back_mut()
            && *epoch == ack.epoch
        {
            while data
                .marks
                .front()
                .is_some_and(|(sequence, _)| *sequence <= ack.sequence)
            {
                data.marks.pop_front();
            }
        }
        done
    }

    /// The cloud has less of a stream than it had confirmed: true when that changes anything. What
    /// was deleted is known to be gone. `held` is the first record of the stream that lies in memory.
    pub(super) fn forget(&mut self, ack: Ack, held: Option<u64>) -> bool {
        let Ack { epoch, sequence } = ack;
        let found = self.spans.iter().position(|span| span.epoch == epoch);
        let index = found.unwrap_or(self.spans.len());
        let Some(kept_from) = found.map(|index| self.spans[index].from).or(held) else {
            return false;
        };
        let confirmed = self.watermark(epoch).max(kept_from - 1);
        if sequence >= confirmed {
            return false;
        }
        self.watermarks.insert(epoch, sequence);
        if sequence + 1 < kept_from {
            let gone = Span {
                epoch,
                from: sequence + 1,
                through: kept_from - 1,
                kind: Kind::Gone(GapReason::Missing),
            };
            self.spans.insert(index, gone);
        }
        true
    }

    /// Takes out all that the cloud has, but the segment that is being written; returns the segments
    /// that may be deleted. Of the stream that is being written the watermark stays: what follows
    /// begins behind it.
    pub(super) fn covered(&mut self, writing: Option<u64>) -> Vec<SegmentId> {
        let Self {
            lane,
            spans,
            watermarks,
            ..
        } = self;
        let kept_for_writing = self.active.then(|| spans.len().saturating_sub(1));
        let mut done = Vec::new();
        let mut index = 0;
        spans.retain(|span| {
            let watermark = watermarks.get(&span.epoch);
            let covered = watermark.is_some_and(|watermark| span.through <= *watermark)
                && !span.is_open_ended()
                && kept_for_writing != Some(index);
            index += 1;
            if covered && span.data().is_some() {
                done.push(SegmentId {
                    lane: *lane,
                    epoch: span.epoch,
                    first: span.from,
                });
            }
            !covered
        });
        watermarks.retain(|epoch, _| {
            Some(*epoch) == writing || spans.iter().any(|span| span.epoch == *epoch)
        });
        done
    }

    /// The first stretch with something to send behind `after`, or that must be read to know. What
    /// lies behind one that is set aside waits with it: the watermark cannot pass the hole.
    pub(super) fn next(&self, after: Option<Place>) -> Option<(&Span, u64)> {
        let mut waits = None;
        self.spans
            .iter()
            .filter(|span| {
                if span.is_aside() && span.through > self.watermark(span.epoch) {
                    waits = Some(span.epoch);
                }
                !span.is_aside() && waits != Some(span.epoch)
            })
            .find_map(|span| {
                let sent = match after {
                    Some((epoch, _)) if span.epoch < epoch => u64::MAX,
                    Some((epoch, sequence)) if span.epoch == epoch => sequence,
                    _ => 0,
                };
                let from = span
                    .from
                    .max(self.watermark(span.epoch) + 1)
                    .max(sent.saturating_add(1));
                let unknown = span.is_unread() && sent < u64::MAX;
                (unknown || from <= span.through).then_some((span, from))
            })
    }

    /// Whether what lies behind all of a stream's segments waits for one that is set aside.
    pub(super) fn waits(&self, epoch: u64) -> bool {
        let watermark = self.watermark(epoch);
        let mut of_stream = self.spans.iter().filter(|span| span.epoch == epoch);
        of_stream.any(|span| span.is_aside() && span.through > watermark)
    }

    /// A segment that could not be read at the start was read: what it holds.
    pub(super) fn learn(&mut self, id: SegmentId, bytes: u64, frames: &[Frame]) {
        let Some(index) = self.position(id) else {
            return;
        };
        let end = self.ends.get(&id.epoch).copied().unwrap_or(0);
        let span = &mut self.spans[index];
        if span.through < span.from {
            let last = frames.last().map_or(span.through, |last| last.sequence);
            span.through = last.max(end);
        }
        if let Kind::Data(data) = &mut span.kind {
            data.unread = false;
            data.bytes = bytes;
            data.first_ms = frames.first().map_or(UNTRUSTED, |first| first.at_ms);
            data.last_ms = frames.last().map_or(UNTRUSTED, |last| last.at_ms);
        }
    }

    /// Whether it is known how far a segment reaches.
    pub(super) fn knows_end(&self, id: SegmentId) -> bool {
        self.position(id)
            .is_some_and(|index| !self.spans[index].is_open_ended())
    }

    /// The oldest segment that may be given up: any but the one that is being written.
    pub(super) fn oldest(&self) -> Option<(SegmentId, &Data)> {
        let closed = self.spans.len() - usize::from(self.active);
        self.spans.iter().take(closed).find_map(|span| {
            let id = SegmentId {
                lane: self.lane,
                epoch: span.epoch,
                first: span.from,
            };
            span.data().map(|data| (id, data))
        })
    }

    /// A segment is no more; a gap takes its place.
    pub(super) fn give_up(&mut self, id: SegmentId, reason: GapReason) {
        let watermark = self.watermark(id.epoch);
        let Some(index) = self.position(id) else {
            return;
        };
        let span = &mut self.spans[index];
        span.from = span.from.max(watermark + 1);
        span.kind = Kind::Gone(reason);
        let (from, through) = (span.from, span.through);
        if from > through {
            self.spans.remove(index);
            return;
        }
        self.lost += through - from + 1;
        self.join_with_previous(index);
    }

    /// Damage inside a segment was found when it was read.
    pub(super) fn note_lost(&mut self, records: u64) {
        self.lost += records;
    }

    fn join_with_previous(&mut self, index: usize) {
        let Some(before) = index.checked_sub(1) else {
            return;
        };
        let (one, two) = (&self.spans[before], &self.spans[index]);
        let joins = one.epoch == two.epoch && one.kind == two.kind && one.through + 1 == two.from;
        if joins && matches!(one.kind, Kind::Gone(_)) {
            self.spans[before].through = self.spans[index].through;
            self.spans.remove(index);
        }
    }

    fn position(&self, id: SegmentId) -> Option<usize> {
        self.spans.iter().position(|span| {
            span.epoch == id.epoch && span.from == id.first && span.data().is_some()
        })
    }

    /// A segment cannot be read now.
    pub(super) fn set_aside(&mut self, id: SegmentId) {
        if let Some(index) = self.position(id)
            && let Kind::Data(data) = &mut self.spans[index].kind
        {
            data.aside = true;
        }
    }

    /// What must survive a restart beside the segments, but how far the stream of this start reaches.
    pub(super) fn state(&self) -> LaneState {
        let gone = self.spans.iter().filter_map(|span| match span.kind {
            Kind::Gone(reason) => Some(Gone {
                epoch: span.epoch,
                from: span.from,
                through: span.through,
                reason,
            }),
            Kind::Data(_) => None,
        });
        let is_known = |epoch| self.spans.iter().any(|span| span.epoch == epoch);
        let ends = self.ends.iter().filter(|(epoch, _)| is_known(**epoch));
        let ends = ends.map(|(epoch, end)| (*epoch, *end));
        LaneState {
            watermarks: self.watermarks.clone(),
            ends: ends.collect(),
            gone: gone.collect(),
            newest_epoch: self.newest_epoch().unwrap_or(0),
        }
    }

    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.spans
            .iter()
            .filter_map(Span::data)
            .map(|data| data.bytes)
            .sum()
    }

    /// Records that wait.
    pub(super) fn records(&self) -> u64 {
        let waiting = self
            .spans
            .iter()
            .filter(|span| span.data().is_some())
            .map(|span| {
                let sent = self.watermark(span.epoch).max(span.from - 1);
                span.through.saturating_sub(sent)
            });
        waiting.sum()
    }

    /// When the oldest waiting record was made, as far as its clock can be trusted.
    pub(super) fn oldest_ms(&self) -> Option<i64> {
        let aside = self.spans.iter().filter(|span| span.is_aside());
        let aside = aside.filter_map(|span| Some(span.data()?.first_ms));
        let next = self.next(None).and_then(|(span, from)| {
            let data = span.data()?;
            let mark = data.marks.iter().find(|(sequence, _)| *sequence >= from);
            Some(mark.map_or(data.first_ms, |(_, at_ms)| *at_ms))
        });
        let known = aside.chain(next).filter(|at_ms| *at_ms != UNTRUSTED);
        known.min()
    }

    /// Segments that cannot be read now.
    pub(super) fn aside(&self) -> u64 {
        self.spans.iter().filter(|span| span.is_aside()).count() as u64
    }
}
