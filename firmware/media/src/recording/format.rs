//! What a recording's file holds: a header, and sealed pieces in frames.
//!
//! | bytes | header |
//! |---|---|
//! | 0-8 | `TSRECRD1` |
//! | 8-24 | the call |
//! | 24-32 | when it began, in milliseconds since 1970, little-endian |
//! | 32-48 | the salt; whoever overwrites it has destroyed the recording |
//! | 48-56 | the key's name |
//! | 60-64 | CRC-32 of bytes 0-60 |
//!
//! A frame's time is where its piece begins, in milliseconds from the first voice of the call; the
//! end's is how long the recording is.

use trunkside_call::{CallId, Codec, Side};
use trunkside_vault::{KeyId, Salt, frame};
use uuid::Uuid;

/// Bytes before the first frame.
pub const HEADER_BYTES: usize = 64;

const MAGIC: &[u8; 8] = b"TSRECRD1";

/// Bytes of a piece before its voice.
const PIECE_BYTES: usize = 16;

/// Bytes of the piece that ends a recording; no piece of voice is so short.
const END_BYTES: usize = 32;

/// What the cipher adds.
const TAG_BYTES: usize = 16;

/// Bytes of the frame that ends a recording.
pub const END_FRAME_BYTES: usize = frame::HEADER_BYTES + END_BYTES + TAG_BYTES;

/// What a recording's file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The call.
    pub call: CallId,
    /// When the recording began, in milliseconds since 1970.
    pub started_ms: i64,
    /// What makes the file's sealing unlike any other's.
    pub salt: Salt,
    /// The key that it is sealed with.
    pub key: KeyId,
}

impl Header {
    /// The header as bytes.
    pub fn write(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(self.call.uuid().as_bytes());
        bytes[24..32].copy_from_slice(&self.started_ms.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.salt);
        bytes[48..56].copy_from_slice(&self.key);
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header; none when it is damaged or another file's.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let crc = u32::from_le_bytes(bytes[60..].try_into().expect("4 bytes"));
        if &bytes[..8] != MAGIC || crc32fast::hash(&bytes[..60]) != crc {
            return None;
        }
        let uuid = Uuid::from_slice(&bytes[8..24]).expect("16 bytes");
        Some(Self {
            call: CallId::new(uuid),
            started_ms: i64::from_le_bytes(bytes[24..32].try_into().expect("8 bytes")),
            salt: bytes[32..48].try_into().expect("16 bytes"),
            key: bytes[48..56].try_into().expect("8 bytes"),
        })
    }

    /// What seeds the checksums of the file's frames.
    pub fn identity(&self) -> u32 {
        crc32fast::hash(&self.write())
    }

    /// What binds the pieces to this file.
    pub fn place(&self) -> String {
        format!("{}.rec", self.call)
    }
}

/// What one frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A stretch of one side's voice.
    Voice {
        /// Whose.
        side: Side,
        /// Its law.
        codec: Codec,
        /// Where it begins, in samples from the first moment of the call's voice.
        start: u64,
        /// One code a sample.
        codes: Vec<u8>,
    },
    /// The recording ended in good order.
    End(Ending),
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Frames of 20 ms that the disk was too slow for.
    pub dropped_frames: u64,
    /// Samples that were made silent because a card's number was said.
    pub masked_samples: u64,
}

impl Piece {
    /// The piece as bytes, to be sealed.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = vec![0; PIECE_BYTES];
        match self {
            Self::Voice {
                side,
                codec,
                start,
                codes,
            } => {
                bytes[0] = 1 + u8::from(*side == Side::Agent);
                bytes[1] = codec.payload_type();
                bytes[8..16].copy_from_slice(&start.to_le_bytes());
                bytes.extend_from_slice(codes);
            }
            Self::End(ending) => {
                bytes[8..16].copy_from_slice(&ending.dropped_frames.to_le_bytes());
                bytes.extend_from_slice(&ending.masked_samples.to_le_bytes());
                bytes.resize(END_BYTES, 0);
            }
        }
        bytes
    }

    /// Reads a piece; none when it is of no known kind.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<PIECE_BYTES>()?;
        let number = u64::from_le_bytes(head[8..].try_into().expect("8 bytes"));
        let side = match head[0] {
            0 => {
                let masked = rest.first_chunk::<8>()?;
                return Some(Self::End(Ending {
                    dropped_frames: number,
                    masked_samples: u64::from_le_bytes(*masked),
                }));
            }
            1 => Side::Caller,
            2 => Side::Agent,
            _ => return None,
        };
        Some(Self::Voice {
            side,
            codec: Codec::from_payload_type(head[1])?,
            start: number,
            codes: rest.to_vec(),
        })
    }
}

/// How long a recording is, from the last bytes of its file; none when it has no end.
pub fn length_ms(tail: &[u8]) -> Option<i64> {
    let frame = tail.last_chunk::<END_FRAME_BYTES>()?;
    let length = u32::from_le_bytes(frame[..4].try_into().expect("4 bytes"));
    (length as usize == END_BYTES + TAG_BYTES)
        .then(|| i64::from_le_bytes(frame[16..24].try_into().expect("8 bytes")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn header_and_pieces_come_back_and_no_bytes_panic() {
        let header = Header {
            call: CallId::new(Uuid::from_u128(7)),
            started_ms: -5,
            salt: [1; 16],
            key: [2; 8],
        };
        let mut bytes = header.write();
        assert_eq!(Header::read(&bytes), Some(header));
        bytes[40] ^= 1;
        assert_eq!(Header::read(&bytes), None);
        let pieces = [
            Piece::Voice {
                side: Side::Agent,
                codec: Codec::Pcmu,
                start: 1_600,
                codes: vec![1, 2, 3],
            },
            Piece::End(Ending {
                dropped_frames: 3,
                masked_samples: 9,
            }),
        ];
        for piece in pieces {
            assert_eq!(Piece::read(&piece.write()), Some(piece));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = (Header::read(&bytes), Piece::read(&bytes), length_ms(&bytes));
        }
    }
}
