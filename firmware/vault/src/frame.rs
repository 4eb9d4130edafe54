//! How records lie in a file: one frame after another, each checked on its own.
//!
//! A frame is a header of 24 bytes and the record. All numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 0-4 | length of the record |
//! | 4-8 | CRC-32 of the file's identity, the other header fields and the record |
//! | 8-16 | sequence |
//! | 16-24 | time in milliseconds since 1970, or [`UNTRUSTED`] |
//!
//! The identity in the checksum keeps a frame from being taken for one of another file, and the
//! sequence lets a reader find the next good frame behind a damaged one.

/// Bytes before every record.
pub const HEADER_BYTES: usize = 24;

/// The time of a record made while the clock was not synchronised.
pub const UNTRUSTED: i64 = i64::MIN;

/// Where a good frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its place in the file, ascending.
    pub sequence: u64,
    /// When the record was made, in milliseconds since 1970, or [`UNTRUSTED`].
    pub at_ms: i64,
    /// Where the record begins.
    pub offset: usize,
    /// How long the record is.
    pub len: usize,
}

impl Frame {
    /// The record in the bytes that were scanned.
    pub fn record<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.offset..self.offset + self.len]
    }

    fn end(&self) -> usize {
        self.offset + self.len
    }
}

/// Appends a frame to `out`.
///
/// # Panics
/// When the record has 4 GiB.
pub fn write(out: &mut Vec<u8>, identity: u32, sequence: u64, at_ms: i64, record: &[u8]) {
    let len = u32::try_from(record.len()).expect("records are limited to far less than 4 GiB");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&checksum(identity, sequence, at_ms, record).to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&at_ms.to_le_bytes());
    out.extend_from_slice(record);
}

/// What a scan of a segment's bytes found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Good frames, in ascending sequence.
    pub frames: Vec<Frame>,
    /// Bytes between good frames that are none.
    pub damaged_bytes: usize,
    /// Bytes after the last good frame: a torn write, or damage to the last frames.
    pub tail_bytes: usize,
}

impl Scan {
    /// Reads on in `bytes` (the whole segment so far) behind the last good frame.
    pub fn extend(&mut self, bytes: &[u8], start: usize, identity: u32, first: u64) {
        let (mut at, mut expected) = self
            .frames
            .last()
            .map_or((start, first), |frame| (frame.end(), frame.sequence + 1));
        self.tail_bytes = 0;
        while at < bytes.len() {
            let Some(frame) = next_good(bytes, at, identity, expected) else {
                self.tail_bytes = bytes.len() - at;
                return;
            };
            self.damaged_bytes += frame.offset - HEADER_BYTES - at;
            at = frame.end();
            expected = frame.sequence + 1;
            self.frames.push(frame);
        }
    }
}

/// The first good frame at or behind `at`.
fn next_good(bytes: &[u8], at: usize, identity: u32, expected: u64) -> Option<Frame> {
    (at..bytes.len().saturating_sub(HEADER_BYTES - 1))
        .find_map(|offset| read(bytes, offset, identity, expected))
}

/// The frame at `offset`, if a good one is there. No more than the bytes that are left can hold
/// that many frames, so a sequence far ahead is none: this keeps the search for one cheap.
fn read(bytes: &[u8], offset: usize, identity: u32, expected: u64) -> Option<Frame> {
    let header: &[u8; HEADER_BYTES] = bytes.get(offset..)?.first_chunk()?;
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("8 bytes"));
    let len = u32::from_le_bytes(header[..4].try_into().expect("4 bytes")) as usize;
    let crc = u32::from_le_bytes(header[4..8].try_into().expect("4 bytes"));
    let sequence = number(8);
    let at_ms = number(16).cast_signed();
    let most = expected.saturating_add((bytes.len() / HEADER_BYTES) as u64);
    if !(expected..=most).contains(&sequence) {
        return None;
    }
    let start = offset + HEADER_BYTES;
    let record = bytes.get(start..start.checked_add(len)?)?;
    (checksum(identity, sequence, at_ms, record) == crc).then_some(Frame {
        sequence,
        at_ms,
        offset: start,
        len,
    })
}

fn checksum(identity: u32, sequence: u64, at_ms: i64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(identity);
    hasher.update(&sequence.to_le_bytes());
    hasher.update(&at_ms.to_le_bytes());
    hasher.update(&(record.len() as u64).to_le_bytes());
    hasher.update(record);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDENTITY: u32 = 7;

    fn written(records: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, record) in records.iter().enumerate() {
            write(&mut bytes, IDENTITY, index as u64 + 1, 5, record);
        }
        bytes
    }

    fn scanned(bytes: &[u8]) -> Scan {
        let mut scan = Scan::default();
        scan.extend(bytes, 0, IDENTITY, 1);
        scan
    }

    #[test]
    fn a_frame_of_another_segment_is_none() {
        let mut bytes = Vec::new();
        write(&mut bytes, IDENTITY + 1, 1, 5, b"record");
        assert_eq!(scanned(&bytes).frames, []);
        assert_eq!(scanned(&bytes).tail_bytes, bytes.len());
    }

    proptest! {
        #[test]
        fn a_torn_tail_costs_only_what_it_tore(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = written(&records);
            let cut = cut.index(bytes.len() + 1);
            let scan = scanned(&bytes[..cut]);
            let mut whole = 0;
            let mut end = 0;
            for record in &records {
                end += HEADER_BYTES + record.len();
                whole += usize::from(end <= cut);
            }
            prop_assert_eq!(scan.frames.len(), whole);
            for (frame, record) in scan.frames.iter().zip(&records) {
                prop_assert_eq!(frame.record(&bytes), &record[..]);
            }
        }

        #[test]
        fn a_flipped_bit_costs_one_record_at_most(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..8),
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let mut bytes = written(&records);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let scan = scanned(&bytes);
            prop_assert_eq!(scan.frames.len(), records.len() - 1);
            prop_assert!(scan.damaged_bytes + scan.tail_bytes > 0);
        }

        #[test]
        fn any_bytes_scan_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            scanned(&bytes);
        }

        #[test]
        fn reading_on_equals_reading_at_once(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = written(&records);
            let mut scan = Scan::default();
            scan.extend(&bytes[..cut.index(bytes.len() + 1)], 0, IDENTITY, 1);
            scan.extend(&bytes, 0, IDENTITY, 1);
            prop_assert_eq!(scan, scanned(&bytes));
        }
    }
}
