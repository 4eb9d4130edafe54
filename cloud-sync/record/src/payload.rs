//! What an MQTT message carries: a JSON batch, compressed when that is worth it.

use std::cell::RefCell;
use std::io::Read;

use serde::Serialize;
use zstd::zstd_safe::{DCtx, ResetDirective};

use crate::{Ack, Batch, Received, VERSION, received};

/// The largest message that a box sends and a receiver reads, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// The largest batch that a message may unfold to, in bytes.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Below this a batch travels as it is: compression would win less than it costs.
const COMPRESS_FROM_BYTES: usize = 1024;

/// The first bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = zstd::zstd_safe::MAGICNUMBER.to_le_bytes();

/// How much smaller compression makes a batch, about.
const TIMES_SMALLER: usize = 8;

/// Compression level: most of the gain at little cost on an ARM board.
const ZSTD_LEVEL: i32 = 3;

/// The largest decompression window, as a power of two: what [`MAX_BATCH_BYTES`] can need, so that
/// a hostile header cannot claim memory.
const MAX_WINDOW_LOG: u32 = 22;

/// A message that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It, or what it unfolds to, is larger than the contract allows.
    #[error("the message is larger than {limit} bytes")]
    TooLarge {
        /// The limit that it broke.
        limit: usize,
    },
    /// It begins like zstd and is not.
    #[error("the message is not valid zstd")]
    Compression,
    /// It is not JSON of the contract's form.
    #[error("the message is not a batch: {category} error at line {line}, column {column}")]
    Form {
        /// What kind of error.
        category: &'static str,
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// A version that this reader cannot know.
    #[error("the batch has version `{0}`, this reader knows up to `{VERSION}`; update the reader")]
    Version(u32),
    /// Sequences that do not ascend from 1, or a number beyond 2⁵³.
    #[error("the batch's numbers are out of order or out of range")]
    Numbers,
}

impl From<serde_json::Error> for PayloadError {
    fn from(error: serde_json::Error) -> Self {
        // Serde's own text quotes the offending value, which could be a caller's.
        let category = match error.classify() {
            serde_json::error::Category::Io => "read",
            serde_json::error::Category::Syntax => "syntax",
            serde_json::error::Category::Data => "content",
            serde_json::error::Category::Eof => "length",
        };
        Self::Form {
            category,
            line: error.line(),
            column: error.column(),
        }
    }
}

/// Writes a batch as a message.
///
/// # Panics
/// Never for the types of this crate: they all have a JSON form, and compression works in memory.
pub fn encode<E: Serialize>(batch: &Batch<E>) -> Vec<u8> {
    let json = serde_json::to_vec(batch).expect("records have a JSON form");
    if json.len() < COMPRESS_FROM_BYTES {
        return json;
    }
    zstd::bulk::compress(&json, ZSTD_LEVEL).expect("compression in memory has nothing to fail at")
}

/// Reads a message. Entries that cannot be read are marked; they do not spoil the batch.
pub fn decode(message: &[u8]) -> Result<Batch<Received>, PayloadError> {
    if message.len() > MAX_PAYLOAD_BYTES {
        return Err(PayloadError::TooLarge {
            limit: MAX_PAYLOAD_BYTES,
        });
    }
    let unfolded;
    let json = if message.starts_with(&ZSTD_MAGIC) {
        unfolded = unfold(message)?;
        &unfolded[..]
    } else {
        message
    };
    let batch = match std::str::from_utf8(json) {
        Ok(json) => received::batch(json)?,
        // For the place of the fault.
        Err(_) => serde_json::from_slice::<Batch<Received>>(json)?,
    };
    if batch.v > VERSION {
        return Err(PayloadError::Version(batch.v));
    }
    let ascending = batch
        .records
        .windows(2)
        .all(|pair| pair[0].sequence() < pair[1].sequence());
    let in_range = |number: u64| number < 1 << 53;
    let sequences_fit = batch
        .records
        .iter()
        .all(|entry| entry.sequence() > 0 && in_range(entry.sequence()));
    if ascending && sequences_fit && in_range(batch.epoch) {
        Ok(batch)
    } else {
        Err(PayloadError::Numbers)
    }
}

/// Decompresses into at most [`MAX_BATCH_BYTES`], whatever the frame's header promises.
fn unfold(message: &[u8]) -> Result<Vec<u8>, PayloadError> {
    thread_local! {
        // Making one takes longer than unfolding a small message.
        static CONTEXT: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
    }
    let mut json = Vec::with_capacity(
        message
            .len()
            .saturating_mul(TIMES_SMALLER)
            .min(MAX_BATCH_BYTES),
    );
    CONTEXT.with_borrow_mut(|context| {
        context
            .reset(ResetDirective::SessionAndParameters)
            .map_err(|_| PayloadError::Compression)?;
        let mut decoder = zstd::Decoder::with_context(message, context);
        decoder
            .window_log_max(MAX_WINDOW_LOG)
            .map_err(|_| PayloadError::Compression)?;
        decoder
            .take(MAX_BATCH_BYTES as u64 + 1)
            .read_to_end(&mut json)
            .map_err(|_| PayloadError::Compression)
    })?;
    if json.len() > MAX_BATCH_BYTES {
        return Err(PayloadError::TooLarge {
            limit: MAX_BATCH_BYTES,
        });
    }
    Ok(json)
}

/// Writes a watermark as a message.
///
/// # Panics
/// Never: two numbers have a JSON form.
pub fn encode_ack(ack: Ack) -> Vec<u8> {
    serde_json::to_vec(&ack).expect("two numbers have a JSON form")
}

/// Reads a watermark.
pub fn decode_ack(message: &[u8]) -> Result<Ack, PayloadError> {
    Ok(serde_json::from_slice(message)?)
}
