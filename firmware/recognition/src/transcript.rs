//! A whole recording as one text, for the command line.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, Language, Side, Utterance};

use crate::{Error, Recogniser, Stream, StreamOptions};

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
    let wished = options.language.or(recogniser.languages().first().copied());
    let mut stream = recogniser.stream(Side::Caller, options)?;
    let mut utterances = Vec::new();
    let mut first_partial = None;
    for (index, chunk) in samples.chunks(FRAME_SAMPLES).enumerate() {
        let mut frame = Frame {
            side: Side::Caller,
            start: FRAME_DURATION.saturating_mul(index as u32),
            samples: [0; FRAME_SAMPLES],
        };
        frame.samples[..chunk.len()].copy_from_slice(chunk);
        stream.handle(&frame)?;
        take(
            &mut stream,
            frame.end(),
            &mut utterances,
            &mut first_partial,
        );
    }
    stream.finish()?;
    let end = FRAME_DURATION.saturating_mul(samples.len().div_ceil(FRAME_SAMPLES) as u32);
    take(&mut stream, end, &mut utterances, &mut first_partial);
    Ok(Transcript {
        text: joined(&utterances),
        language: language(&utterances).or(wished).unwrap_or(Language::Zh),
        segments: utterances.into_iter().map(Segment::from).collect(),
        first_partial,
    })
}

impl From<Utterance> for Segment {
    fn from(utterance: Utterance) -> Self {
        let Utterance {
            start,
            end,
            text,
            confidence,
            ..
        } = utterance;
        Self {
            start,
            end,
            text,
            confidence,
        }
    }
}

/// Takes what is ready after `now` of audio.
fn take(
    stream: &mut Stream,
    now: Duration,
    utterances: &mut Vec<Utterance>,
    first_partial: &mut Option<Duration>,
) {
    while let Some(utterance) = stream.poll() {
        if utterance.words.is_empty() {
            continue;
        }
        first_partial.get_or_insert(now);
        if utterance.is_final {
            utterances.push(utterance);
        }
    }
}

/// The language of the longest time.
fn language(utterances: &[Utterance]) -> Option<Language> {
    let length = |language: Language| -> Duration {
        let same = utterances
            .iter()
            .filter(|utterance| utterance.language == language);
        same.map(|utterance| utterance.end.saturating_sub(utterance.start))
            .sum()
    };
    utterances
        .iter()
        .map(|utterance| utterance.language)
        .max_by_key(|&language| length(language))
}

/// One text: a blank between utterances unless both sides of it are Chinese.
fn joined(utterances: &[Utterance]) -> String {
    let words: Vec<_> = utterances
        .iter()
        .flat_map(|utterance| &utterance.words)
        .collect();
    join_words(words.into_iter().map(|word| word.text.as_str()))
}

/// Chinese words without blanks, English ones with.
pub(crate) fn join_words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    let mut after_english = false;
    for word in words {
        let english = word.is_ascii();
        if !text.is_empty() && (english || after_english) {
            text.push(' ');
        }
        text.push_str(word);
        after_english = english;
    }
    text
}
