//! A segment: one file of one stream, written once from front to back.
//!
//! Its name tells lane, epoch and first sequence; its header repeats them, checked, with what a
//! sealed segment needs. The name serves when the header is damaged, the header when files were
//! renamed.

use std::fmt;

use trunkside_record::Lane;
use trunkside_vault::{KeyId, Salt};

/// Bytes before the first frame.
pub(super) const HEADER_BYTES: usize = 64;

const MAGIC: &[u8; 8] = b"TSOUTBX1";

/// Which segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SegmentId {
    pub(super) lane: Lane,
    pub(super) epoch: u64,
    pub(super) first: u64,
}

impl SegmentId {
    /// What seeds the checksums of its frames.
    pub(super) fn identity(self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(self.lane.name().as_bytes());
        hasher.update(&self.epoch.to_le_bytes());
        hasher.update(&self.first.to_le_bytes());
        hasher.finalize()
    }

    /// Reads a file name; none when it is not a segment's.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".segment")?.split('-');
        let (lane, epoch, first) = (parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str| {
            (text.len() == 16)
                .then(|| u64::from_str_radix(text, 16).ok())
                .flatten()
        };
        let id = Self {
            lane: lane.parse().ok()?,
            epoch: hex(epoch)?,
            first: hex(first)?,
        };
        (parts.next().is_none() && id.is_sound()).then_some(id)
    }

    fn is_sound(self) -> bool {
        (1..1 << 53).contains(&self.epoch) && (1..1 << 53).contains(&self.first)
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{:016x}-{:016x}.segment",
            self.lane, self.epoch, self.first
        )
    }
}

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: SegmentId,
    /// When its first record was made, in milliseconds since 1970, or
    /// [`UNTRUSTED`](trunkside_vault::frame::UNTRUSTED).
    pub(super) at_ms: i64,
    pub(super) salt: Salt,
    /// The key that seals its records; none when they are plain.
    pub(super) key: Option<KeyId>,
}

impl Header {
    /// The header as bytes.
    pub(super) fn write(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let lane = Lane::ALL
            .iter()
            .position(|lane| *lane == self.id.lane)
            .expect("one of all");
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.id.epoch.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.first.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.at_ms.to_le_bytes());
        bytes[32] = lane as u8;
        bytes[33] = u8::from(self.key.is_some());
        bytes[36..52].copy_from_slice(&self.salt);
        bytes[52..60].copy_from_slice(&self.key.unwrap_or_default());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header; none when it is damaged.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let crc = u32::from_le_bytes(bytes[60..].try_into().expect("4 bytes"));
        if &bytes[..8] != MAGIC || crc32fast::hash(&bytes[..60]) != crc {
            return None;
        }
        let lane = *Lane::ALL.get(usize::from(bytes[32]))?;
        let id = SegmentId {
            lane,
            epoch: number(8),
            first: number(16),
        };
        let key: KeyId = bytes[52..60].try_into().expect("8 bytes");
        id.is_sound().then_some(Self {
            id,
            at_ms: number(24).cast_signed(),
            salt: bytes[36..52].try_into().expect("16 bytes"),
            key: (bytes[33] != 0).then_some(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let id = SegmentId {
            lane: Lane::Transcript,
            epoch: 9,
            first: 77,
        };
        Header {
            id,
            at_ms: -5,
            salt: [3; 16],
            key: Some([4; 8]),
        }
    }

    #[test]
    fn names_and_headers_read_back() {
        let header = header();
        assert_eq!(
            SegmentId::from_name(&header.id.to_string()),
            Some(header.id)
        );
        assert_eq!(Header::read(&header.write()), Some(header));
        for name in [
            "",
            "state",
            "alarm-1-2.segment",
            "alarm.segment",
            "x-0-0.segment",
        ] {
            assert_eq!(SegmentId::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let good = header().write();
        for bit in 0..good.len() * 8 {
            let mut bytes = good;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::read(&bytes), None, "bit {bit}");
        }
    }
}
