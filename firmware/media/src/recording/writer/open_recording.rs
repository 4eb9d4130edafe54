//! One recording as it grows.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use trunkside_call::{CallId, Codec, Frame, SAMPLE_RATE_HZ, Side};
use trunkside_vault::{Sealer, frame};

use super::RecordingOptions;
use crate::g711;
use crate::recording::LONGEST;
use crate::recording::file::{self, MakeFile, RecordingFile};
use crate::recording::format::{Ending, HEADER_BYTES, Header, Piece};
use crate::recording::tape::TapeState;

/// Samples of a piece of one side: a crash costs no more of what was not held back.
const PIECE: usize = SAMPLE_RATE_HZ as usize;

/// Pieces between two flushes of the file: five seconds of both sides.
const PIECES_A_FLUSH: u32 = 10;

/// What is said around a number is silent too.
const MARGIN: u64 = SAMPLE_RATE_HZ as u64 / 5;

/// A stretch of one side, one code a sample.
struct Stretch {
    side: Side,
    start: u64,
    codes: Vec<u8>,
}

impl Stretch {
    fn end(&self) -> u64 {
        self.start + self.codes.len() as u64
    }

    /// Silences what lies between two positions; says how many samples.
    fn silence(&mut self, from: u64, to: u64, codec: Codec) -> u64 {
        let place = |position: u64| {
            let within = position.clamp(self.start, self.start + self.codes.len() as u64);
            (within - self.start) as usize
        };
        let range = place(from)..place(to);
        let silenced = range.len() as u64;
        self.codes[range].fill(g711::silence(codec));
        silenced
    }
}

/// From where the first voice begins to where the last ends, once there is any.
#[derive(Default)]
struct Span(Option<(u64, u64)>);

impl Span {
    fn cover(&mut self, from: u64, to: u64) {
        let (first, last) = self.0.unwrap_or((from, to));
        self.0 = Some((first.min(from), last.max(to)));
    }

    fn length(&self) -> Duration {
        let (first, last) = self.0.unwrap_or_default();
        Duration::from_millis((last - first) * 1_000 / u64::from(SAMPLE_RATE_HZ))
    }
}

/// Writes one recording.
pub struct OpenRecording {
    file: Box<dyn RecordingFile>,
    header: Header,
    place: String,
    codec: Codec,
    hold_back: Option<u64>,
    sequence: u64,
    /// Bytes of the file up to the last whole frame.
    whole: u64,
    unflushed: u32,
    heard: Span,
    written: Span,
    growing: [Option<Stretch>; 2],
    held: VecDeque<Stretch>,
    masked: u64,
    /// Up to where each side's voice may be kept as it is, where voice is held back.
    cleared: [u64; 2],
    tape: Arc<TapeState>,
}

impl OpenRecording {
    /// Makes the file of a call's recording.
    pub fn begin(
        options: &RecordingOptions,
        make: &MakeFile,
        (call, codec, started_ms): (CallId, Codec, i64),
        tape: &Arc<TapeState>,
    ) -> io::Result<Self> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let header = Header {
            call,
            started_ms,
            salt,
            key: options.sealer.id(),
        };
        let path = options.folder.join(header.place());
        let mut file = make(&path)?;
        if let Err(error) = file.append(&header.write()) {
            drop(file);
            file::remove(&path);
            return Err(error);
        }
        Ok(Self {
            file,
            place: header.place(),
            header,
            codec,
            hold_back: options.hold_back.map(samples),
            sequence: 1,
            whole: HEADER_BYTES as u64,
            unflushed: 0,
            heard: Span::default(),
            written: Span::default(),
            growing: [None, None],
            held: VecDeque::new(),
            masked: 0,
            cleared: [0; 2],
            tape: Arc::clone(tape),
        })
    }

    /// Whether a recording with that frame in it is not too long.
    pub fn has_room_for(&self, frame: &Frame) -> bool {
        let (start, end) = bounds(frame);
        let first = self.heard.0.map_or(start, |(first, _)| first);
        end.saturating_sub(first) <= samples(LONGEST)
    }

    /// Takes no more from the call; says when what was heard ended, in milliseconds since 1970.
    pub fn stop(&self) -> i64 {
        self.tape.runs.store(false, Ordering::Release);
        self.header.started_ms + self.heard.length().as_millis() as i64
    }

    /// Takes a frame of either side.
    pub fn hear(&mut self, sealer: &Sealer, frame: &Frame) -> io::Result<()> {
        let (start, end) = bounds(frame);
        self.heard.cover(start, end);
        let slot = slot(frame.side);
        // After a gap a new stretch begins; what is missing is silence when it is read.
        if let Some(grown) = self.growing[slot].take_if(|stretch| stretch.end() != start) {
            self.held.push_back(grown);
        }
        let stretch = self.growing[slot].get_or_insert_with(|| Stretch {
            side: frame.side,
            start,
            codes: Vec::with_capacity(PIECE),
        });
        let law = self.codec;
        let codes = frame
            .samples
            .iter()
            .map(|&sample| g711::encode(law, sample));
        stretch.codes.extend(codes);
        if let Some(grown) = self.growing[slot].take_if(|stretch| stretch.codes.len() >= PIECE) {
            self.held.push_back(grown);
        }
        let newest = self.heard.0.map_or(0, |(_, last)| last);
        self.release(sealer, newest.saturating_sub(self.hold_back.unwrap_or(0)))
    }

    /// Silences what a side said between two moments, as far as it has not been written.
    pub fn mask(&mut self, side: Side, from: Duration, to: Duration) {
        let (from, to) = (samples(from).saturating_sub(MARGIN), samples(to) + MARGIN);
        self.silence(side, from, to);
    }

    /// What a side said between two moments may be kept, but for what is masked of it; what lies
    /// between that and what was clear before is silenced.
    pub fn clear(&mut self, side: Side, from: Duration, to: Duration) {
        let (from, to) = (samples(from), samples(to));
        let before = self.cleared[slot(side)];
        if before < from {
            self.silence(side, before, from);
        }
        self.cleared[slot(side)] = before.max(to);
    }

    fn silence(&mut self, side: Side, from: u64, to: u64) {
        if self.hold_back.is_none() {
            return;
        }
        let codec = self.codec;
        let growing = self.growing.iter_mut().flatten();
        let all = self.held.iter_mut().chain(growing);
        for stretch in all.filter(|stretch| stretch.side == side) {
            self.masked += stretch.silence(from, to, codec);
        }
    }

    /// Writes all that is held, and the end.
    pub fn finish(&mut self, sealer: &Sealer) -> io::Result<()> {
        let growing = self.growing.iter_mut().filter_map(Option::take);
        self.held.extend(growing);
        self.release(sealer, u64::MAX)?;
        let ending = Ending {
            dropped_frames: self.dropped_frames(),
            masked_samples: self.masked,
        };
        let at_ms = self.written().as_millis() as i64;
        self.append(sealer, at_ms, &Piece::End(ending))?;
        self.file.sync()
    }

    /// The disk has refused: what is whole stays.
    pub fn give_up(&mut self) {
        self.tape.runs.store(false, Ordering::Release);
        let cut = self.file.cut(self.whole).and_then(|()| self.file.sync());
        if let Err(error) = cut {
            tracing::debug!(call = %self.header.call, %error, "a recording ends in a torn piece");
        }
    }

    /// How much the file holds.
    pub fn written(&self) -> Duration {
        self.written.length()
    }

    /// Frames that the disk was too slow for.
    pub fn dropped_frames(&self) -> u64 {
        self.tape.dropped.load(Ordering::Relaxed)
    }

    /// Writes what is held and ends by then; what is not clear of it, silent.
    fn release(&mut self, sealer: &Sealer, up_to: u64) -> io::Result<()> {
        let is_due = |stretch: &Stretch| stretch.end() <= up_to;
        while self.held.front().is_some_and(is_due)
            && let Some(mut stretch) = self.held.pop_front()
        {
            if self.hold_back.is_some() {
                let cleared = self.cleared[slot(stretch.side)];
                self.masked += stretch.silence(cleared, stretch.end(), self.codec);
            }
            let (start, end) = (stretch.start, stretch.end());
            let at_ms = (start * 1_000 / u64::from(SAMPLE_RATE_HZ)).cast_signed();
            let piece = Piece::Voice {
                side: stretch.side,
                codec: self.codec,
                start,
                codes: stretch.codes,
            };
            self.append(sealer, at_ms, &piece)?;
            self.written.cover(start, end);
            self.flush()?;
        }
        Ok(())
    }

    fn append(&mut self, sealer: &Sealer, at_ms: i64, piece: &Piece) -> io::Result<()> {
        let record = sealer.seal(
            &self.header.salt,
            &self.place,
            self.sequence,
            &piece.write(),
        );
        let mut bytes = Vec::with_capacity(frame::HEADER_BYTES + record.len());
        let identity = self.header.identity();
        frame::write(&mut bytes, identity, self.sequence, at_ms, &record);
        self.file.append(&bytes)?;
        self.sequence += 1;
        self.whole += bytes.len() as u64;
        self.unflushed += 1;
        Ok(())
    }

    /// Flushes the file once enough has been written.
    fn flush(&mut self) -> io::Result<()> {
        if self.unflushed >= PIECES_A_FLUSH {
            self.unflushed = 0;
            self.file.sync()?;
        }
        Ok(())
    }
}

const fn slot(side: Side) -> usize {
    match side {
        Side::Caller => 0,
        Side::Agent => 1,
    }
}

/// Where a frame begins and ends, in samples.
fn bounds(frame: &Frame) -> (u64, u64) {
    let start = samples(frame.start);
    (start, start + frame.samples.len() as u64)
}

fn samples(time: Duration) -> u64 {
    // A call of 70 years fits.
    (time.as_micros() * u128::from(SAMPLE_RATE_HZ) / 1_000_000) as u64
}
