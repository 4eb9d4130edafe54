//! A whole recording as one text, for the command line.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, Language, Side};

use crate::{Error, Recogniser, StreamOptions};

/// One utterance of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// When it begins, from the start of the recording.
    pub start: Duration,
    /// When it ends.
    pub end: Duration,
    /// What was said.
    pub text: String,
    /// From 0 to 1.
    pub confidence: f32,
}

/// What was said in a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// All segments as one text.
    pub text: String,
    /// The language of most of it; the wished one where nothing was said.
    pub language: Language,
    /// The utterances with words, in order.
    pub segments: Vec<Segment>,
    /// How much audio had been heard when the first words could be shown.
    pub first_partial: Option<Duration>,
}

/// Recognises samples at 8 kHz as a stream of frames would be.
///
/// Pure: a caller that wants times on a clock measures them around this call.
pub fn transcribe(
    recogniser: &Arc<Recogniser>,
    samples: &[i16],
    options: StreamOptions,
) -> Result<Transcript, Error> {
    let language = options.language.unwrap_or(Language::Zh);
    let mut stream = recogniser.stream(Side::Caller, options)?;
    let mut transcript = Transcript {
        text: String::new(),
        language,
        segments: Vec::new(),
        first_partial: None,
    };
    for (index, chunk) in samples.chunks(FRAME_SAMPLES).enumerate() {
        let mut frame = Frame {
            side: Side::Caller,
            start: FRAME_DURATION.saturating_mul(index as u32),
            samples: [0; FRAME_SAMPLES],
        };
        frame.samples[..chunk.len()].copy_from_slice(chunk);
        stream.handle(&frame)?;
        while let Some(_utterance) = stream.poll() {
            transcript.first_partial.get_or_insert(frame.end());
        }
    }
    stream.finish()?;
    Ok(transcript)
}
