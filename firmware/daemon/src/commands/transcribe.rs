//! `trunkside transcribe`: recordings to text, as the box would have heard them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use serde::Serialize;
use trunkside_aggregator::explain;
use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, Language, SAMPLE_RATE_HZ, Side};
use trunkside_media::wav;
use trunkside_recognition::{Recogniser, StreamOptions};

use super::{complain, listening, rounded, seconds};
use crate::cli::{Failure, TranscribeArgs};

/// What is printed for one file.
#[derive(Debug, Serialize)]
struct Report<'a> {
    file: &'a str,
    text: String,
    language: Language,
    audio_s: f64,
    cpu_s: f64,
    wall_s: f64,
    first_partial_s: Option<f64>,
    segments: Vec<Segment>,
}

#[derive(Debug, Serialize)]
struct Segment {
    start_s: f64,
    end_s: f64,
    text: String,
    confidence: f64,
    /// Whether it goes on within the word that the segment before it ended with.
    #[serde(skip)]
    goes_on: bool,
}

/// Transcribes each file in turn; a file that cannot be read is reported and the others go on.
pub fn transcribe(args: &TranscribeArgs) -> Result<(), Failure> {
    let (recogniser, options) = listening::prepare(&args.listening)?;
    let mut faulty = false;
    for file in &args.files {
        match transcribe_file(file, &recogniser, &options, args) {
            Ok(()) => {}
            Err(Failure::Input(error)) => {
                complain(format_args!("trunkside: {}", explain(&error)));
                faulty = true;
            }
            Err(failure) => return Err(failure),
        }
    }
    if faulty {
        Err(Failure::Said(2))
    } else {
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line reports times on the clock"
)]
fn transcribe_file(
    file: &Path,
    recogniser: &Arc<Recogniser>,
    options: &StreamOptions,
    args: &TranscribeArgs,
) -> Result<(), Failure> {
    let samples = wav::read(file).map_err(Failure::input)?;
    let (began, cpu) = (Instant::now(), ProcessTime::now());
    let mut stream = recogniser
        .stream(Side::Caller, options.clone())
        .map_err(Failure::input)?;
    let mut segments: Vec<Segment> = Vec::new();
    let mut first_partial = None;
    let mut spoken_by_language: Vec<(Language, Duration)> = Vec::new();
    let mut frames = frames(&samples);
    loop {
        let frame = frames.next();
        match &frame {
            Some(frame) => {
                if args.realtime {
                    wait_until(began + frame.end());
                }
                stream.handle(frame).map_err(Failure::input)?;
            }
            None => stream.finish().map_err(Failure::input)?,
        }
        while let Some(utterance) = stream.poll() {
            if utterance.text.is_empty() {
                continue;
            }
            first_partial.get_or_insert_with(|| match &frame {
                _ if args.realtime => began.elapsed(),
                Some(frame) => frame.end(),
                None => duration(&samples),
            });
            if args.realtime && !args.json {
                show_growing(&utterance.text, utterance.is_final)?;
            }
            if utterance.is_final {
                spoken_by_language.push((
                    utterance.language,
                    utterance.end.saturating_sub(utterance.start),
                ));
                segments.push(Segment {
                    start_s: seconds(utterance.start),
                    end_s: seconds(utterance.end),
                    text: utterance.text,
                    confidence: f64::from(utterance.confidence),
                    goes_on: stream.goes_on(),
                });
            }
        }
        if frame.is_none() {
            break;
        }
    }
    let language = most_spoken(&spoken_by_language)
        .or(options.language)
        .or_else(|| recogniser.languages().first().copied())
        .unwrap_or(Language::Zh);
    print(
        &Report {
            file: &file.to_string_lossy(),
            text: joined(&segments),
            language,
            audio_s: seconds(duration(&samples)),
            cpu_s: rounded(cpu.elapsed().as_secs_f64(), 1e4),
            wall_s: seconds(began.elapsed()),
            first_partial_s: first_partial.map(seconds),
            segments,
        },
        args,
    )
}

fn frames(samples: &[i16]) -> impl Iterator<Item = Frame> + '_ {
    samples
        .chunks(FRAME_SAMPLES)
        .enumerate()
        .map(|(index, chunk)| {
            let mut frame = Frame {
                side: Side::Caller,
                start: FRAME_DURATION * index as u32,
                samples: [0; FRAME_SAMPLES],
            };
            frame.samples[..chunk.len()].copy_from_slice(chunk);
            frame
        })
}

fn duration(samples: &[i16]) -> Duration {
    Duration::from_secs_f64(samples.len() as f64 / f64::from(SAMPLE_RATE_HZ))
}

/// The one place where time is waited for on purpose: a recording played at the speed of a call.
#[expect(
    clippy::disallowed_methods,
    reason = "`--realtime` paces the audio by the clock"
)]
fn wait_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}

fn most_spoken(spoken: &[(Language, Duration)]) -> Option<Language> {
    let total = |language| -> Duration {
        spoken
            .iter()
            .filter(|(spoken, _)| *spoken == language)
            .map(|(_, time)| *time)
            .sum()
    };
    spoken
        .iter()
        .map(|(language, _)| *language)
        .max_by_key(|language| total(*language))
}

/// Chinese segments stand side by side; a blank parts English ones.
fn joined(segments: &[Segment]) -> String {
    let mut text = String::new();
    for segment in segments {
        let needs_blank = text.ends_with(|c: char| c.is_ascii())
            || segment.text.starts_with(|c: char| c.is_ascii());
        if needs_blank && !text.is_empty() && !segment.goes_on {
            text.push(' ');
        }
        text.push_str(&segment.text);
    }
    text
}

fn show_growing(text: &str, is_final: bool) -> Result<(), Failure> {
    let mark = if is_final { "=" } else { "…" };
    say!("  {mark} {text}");
    Ok(())
}

fn print(report: &Report<'_>, args: &TranscribeArgs) -> Result<(), Failure> {
    if args.json {
        let line = serde_json::to_string(report).expect("a report is plain data");
        say!("{line}");
        return Ok(());
    }
    say!("{}: {}", report.file, report.text);
    for segment in &report.segments {
        say!(
            "  {:7.2} to {:7.2} s  {:.2}  {}",
            segment.start_s,
            segment.end_s,
            segment.confidence,
            segment.text
        );
    }
    Ok(())
}
