//! Measures recognition on a folder with a `manifest.tsv` and prints one JSON object.
//!
//! ```text
//! cargo run --release -p trunkside-recognition --example measure -- \
//!     --manifest ../shared/data/speech/commands-eval/manifest.tsv --grammar manifest
//! ```
//!
//! Options: `--models FOLDER`, `--model NAME`, `--language zh|yue|en`, `--grammar FILE|manifest` (all
//! texts of the manifest), `--phrases FILE`, `--reject` (nothing in the manifest should be heard),
//! `--every N` (each Nth file only), `--errors` (prints what was misheard to standard error),
//! `--reports FILE` (a TSV line of each partial and final utterance: file, seconds of audio heard, number,
//! start and end in seconds, language, count of words, whether it is final),
//! `--words` (prints `confidence<TAB>right`, 0 or 1, of every word to standard error),
//! `--set NAME=VALUE` (one of [`Tuning`]'s fields; may be repeated).
//!
//! Errors are counted in characters for Chinese and in words for English, without punctuation. The
//! two bounds beside a rate are its 95 % bootstrap interval, over speakers where the manifest has
//! three or more, else over files.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, Side, Utterance};
use trunkside_models::Catalogue;
use trunkside_recognition::{Calibration, Recogniser, StreamOptions, Tuning};

type Fallible<T> = Result<T, Box<dyn Error>>;

#[derive(Default)]
struct Options {
    manifest: PathBuf,
    models: Option<PathBuf>,
    model: Option<String>,
    language: Option<String>,
    grammar: Option<String>,
    phrases: Option<String>,
    reject: bool,
    every: usize,
    errors: bool,
    reports: Option<PathBuf>,
    words: bool,
    tuning: Tuning,
}

fn options() -> Fallible<Options> {
    let mut options = Options {
        every: 1,
        ..Options::default()
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("`{name}` needs a value"));
        match name.as_str() {
            "--manifest" => options.manifest = value()?.into(),
            "--models" => options.models = Some(value()?.into()),
            "--model" => options.model = Some(value()?),
            "--language" => options.language = Some(value()?),
            "--grammar" => options.grammar = Some(value()?),
            "--phrases" => options.phrases = Some(value()?),
            "--every" => options.every = value()?.parse()?,
            "--set" => set(&mut options.tuning, &value()?)?,
            "--reports" => options.reports = Some(value()?.into()),
            "--reject" => options.reject = true,
            "--errors" => options.errors = true,
            "--words" => options.words = true,
            _ => return Err(format!("unknown option `{name}`").into()),
        }
    }
    Ok(options)
}

fn set(tuning: &mut Tuning, assignment: &str) -> Fallible<()> {
    let (name, value) = assignment
        .split_once('=')
        .ok_or("`--set` needs NAME=VALUE")?;
    let number: f32 = value.parse()?;
    match name {
        "width" => tuning.width = number as usize,
        "depth" => tuning.depth = number,
        "word_depth" => tuning.word_depth = number,
        "unit_depth" => tuning.unit_depth = number,
        "units" => tuning.units = number as usize,
        "lm_weight" => tuning.lm_weight = number,
        "word_reward" => tuning.word_reward = number,
        "filler_price" => tuning.filler_price = number,
        "filler_unit_price" => tuning.filler_unit_price = number,
        "grammar_filler_unit_price" => tuning.grammar_filler_unit_price = number,
        "speech" => tuning.speech = number,
        "again_price" => tuning.again_price = number,
        "steepness" => tuning.steepness = number,
        "grammar_depth" => tuning.grammar_depth = number,
        "grammar_gap" => tuning.grammar_gap = number,
        "calibration.certain" => calibrations(tuning, |all| all.certain = number),
        "calibration.gap" => calibrations(tuning, |all| all.gap = number),
        "calibration.units" => calibrations(tuning, |all| all.units = number),
        "calibration.likelihood" => calibrations(tuning, |all| all.likelihood = number),
        _ => return Err(format!("unknown setting `{name}`").into()),
    }
    Ok(())
}

/// Changes both, with a grammar and without.
fn calibrations(tuning: &mut Tuning, change: impl Fn(&mut Calibration)) {
    change(&mut tuning.calibration);
    change(&mut tuning.grammar_calibration);
}

struct Entry {
    file: PathBuf,
    speaker: String,
    text: String,
}

fn manifest(path: &Path) -> Fallible<Vec<Entry>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let entries = text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split('\t');
        let (file, speaker, text) = (fields.next()?, fields.nth(1)?, fields.next()?);
        Some(Entry {
            file: folder.join(file),
            speaker: speaker.to_owned(),
            text: text.to_owned(),
        })
    });
    Ok(entries.collect())
}

/// What was counted over all files.
#[derive(Default)]
struct Tally {
    files: usize,
    exact: usize,
    empty: usize,
    units: usize,
    errors: usize,
    shown: usize,
    changed: usize,
    audio_s: f64,
    cpu_s: f64,
    first_partial_s: Vec<f64>,
    reports: String,
    each: Vec<Count>,
    /// Words of the present recording: their units and confidence.
    said: Vec<(Vec<String>, f32)>,
    /// Confidence of every word and whether it was right; and of every recording, its share of
    /// right words.
    words: Vec<(f64, f64)>,
    recordings: Vec<(f64, f64)>,
}

impl Tally {
    /// Says of every word of a recording whether it was right.
    #[expect(clippy::print_stderr, reason = "a command-line tool")]
    fn judge(&mut self, expected: &[String], found: &[String], print: bool) {
        let right = right(expected, found);
        let (mut at, mut sure, mut true_units) = (0, 0.0, 0);
        for (units, confidence) in std::mem::take(&mut self.said) {
            let all = right[at..at + units.len()].iter().all(|right| *right);
            true_units += if all { units.len() } else { 0 };
            at += units.len();
            let confidence = f64::from(confidence);
            sure += confidence * units.len() as f64;
            self.words.push((confidence, f64::from(u8::from(all))));
            if print {
                eprintln!("{confidence}\t{}", u8::from(all));
            }
        }
        if at > 0 {
            let whole = at as f64;
            self.recordings
                .push((sure / whole, true_units as f64 / whole));
        }
    }
}

/// How far confidence is from the truth: the mean over ten bins of equally many, each bin's mean
/// confidence against its mean truth (M. Naeini et al.: Obtaining well calibrated probabilities,
/// 2015; bins of equal counts).
fn calibration_error(pairs: &[(f64, f64)]) -> f64 {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let size = sorted.len().div_ceil(10).max(1);
    let off: f64 = sorted
        .chunks(size)
        .map(|bin| {
            bin.iter()
                .map(|(sure, right)| sure - right)
                .sum::<f64>()
                .abs()
        })
        .sum();
    (off / sorted.len().max(1) as f64 * 1e4).round() / 1e4
}

/// One file's share of the figures.
#[derive(Clone)]
struct Count {
    speaker: String,
    errors: usize,
    units: usize,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool"
)]
fn main() -> Fallible<()> {
    let options = options()?;
    let catalogue = Catalogue::find(options.models.as_deref())?;
    let model = match &options.model {
        Some(name) => catalogue.model(name)?,
        None => catalogue.default_model()?,
    };
    let recogniser = Arc::new(Recogniser::load(model)?.with_tuning(options.tuning.clone()));
    let entries = manifest(&options.manifest)?;
    let listening = listening(&recogniser, &options, &entries)?;
    let mut tally = Tally::default();
    for entry in entries.iter().step_by(options.every) {
        let samples = read_wav(&entry.file)?;
        let before = cpu_s();
        let (heard, first_partial) =
            hear(&recogniser, entry, &samples, listening.clone(), &mut tally)?;
        tally.cpu_s += cpu_s() - before;
        tally.audio_s += samples.len() as f64 / 8_000.0;
        tally.first_partial_s.extend(first_partial);
        let expected = if options.reject {
            String::new()
        } else {
            entry.text.clone()
        };
        let (expected, found) = (units(&expected), units(&heard));
        let errors = distance(&expected, &found);
        tally.judge(&expected, &found, options.words);
        tally.files += 1;
        tally.exact += usize::from(errors == 0);
        tally.empty += usize::from(found.is_empty());
        tally.units += expected.len();
        tally.errors += errors;
        tally.each.push(Count {
            speaker: entry.speaker.clone(),
            errors,
            units: expected.len(),
        });
        if options.errors && errors > 0 {
            eprintln!("{}\t{}\t{heard}", entry.file.display(), entry.text);
        }
    }
    if let Some(path) = &options.reports {
        fs::write(path, &tally.reports)?;
    }
    println!("{}", report(&options, model.name.as_str(), &mut tally));
    Ok(())
}

fn listening(
    recogniser: &Recogniser,
    options: &Options,
    entries: &[Entry],
) -> Fallible<StreamOptions> {
    let grammar = match options.grammar.as_deref() {
        None => None,
        Some("manifest") => {
            let texts: BTreeSet<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
            let text = texts.into_iter().collect::<Vec<_>>().join("\n");
            Some(Arc::new(recogniser.grammar("manifest", &text, None)?))
        }
        Some(file) => Some(Arc::new(recogniser.grammar(
            file,
            &fs::read_to_string(file)?,
            None,
        )?)),
    };
    let phrases = match &options.phrases {
        None => None,
        Some(file) => Some(Arc::new(
            recogniser.phrases(file, &fs::read_to_string(file)?)?,
        )),
    };
    let language = options.language.as_deref().map(str::parse).transpose()?;
    Ok(StreamOptions {
        language,
        grammar,
        phrases,
        ..StreamOptions::default()
    })
}

/// The text of a recording, and how much audio had been heard when the first words were shown.
fn hear(
    recogniser: &Arc<Recogniser>,
    entry: &Entry,
    samples: &[i16],
    options: StreamOptions,
    tally: &mut Tally,
) -> Fallible<(String, Option<f64>)> {
    let mut stream = recogniser.stream(Side::Caller, options)?;
    let mut heard = String::new();
    let mut first = None;
    let mut shown: Vec<String> = Vec::new();
    let mut take = |utterance: Utterance, now_s: f64| {
        tally.reports.push_str(&reported(entry, &utterance, now_s));
        let said = utterance
            .words
            .iter()
            .map(|word| (units(&word.text), word.confidence));
        let said: Vec<_> = said.collect();
        let words: Vec<String> = utterance.words.into_iter().map(|word| word.text).collect();
        if words.is_empty() && !utterance.is_final {
            return;
        }
        if !words.is_empty() {
            first.get_or_insert(now_s);
        }
        tally.changed += shown
            .iter()
            .enumerate()
            .filter(|(at, word)| words.get(*at) != Some(word))
            .count();
        tally.shown += words.len().saturating_sub(shown.len());
        shown = words;
        if utterance.is_final {
            tally.said.extend(said);
            heard.push_str(&utterance.text);
            heard.push(' ');
            shown.clear();
        }
    };
    for (index, chunk) in samples.chunks(FRAME_SAMPLES).enumerate() {
        let mut frame = Frame {
            side: Side::Caller,
            start: FRAME_DURATION * index as u32,
            samples: [0; FRAME_SAMPLES],
        };
        frame.samples[..chunk.len()].copy_from_slice(chunk);
        stream.handle(&frame)?;
        while let Some(utterance) = stream.poll() {
            take(utterance, frame.end().as_secs_f64());
        }
    }
    stream.finish()?;
    while let Some(utterance) = stream.poll() {
        take(utterance, samples.len() as f64 / 8_000.0);
    }
    Ok((heard, first))
}

/// A line of `--reports`.
fn reported(entry: &Entry, utterance: &Utterance, now_s: f64) -> String {
    format!(
        "{}\t{now_s:.2}\t{}\t{:.2}\t{:.2}\t{}\t{}\t{}\n",
        entry.file.display(),
        utterance.number,
        utterance.start.as_secs_f64(),
        utterance.end.as_secs_f64(),
        utterance.language,
        utterance.words.len(),
        utterance.is_final
    )
}

fn report(options: &Options, model: &str, tally: &mut Tally) -> serde_json::Value {
    let share = |part: usize, whole: usize| (part as f64 / whole.max(1) as f64 * 1e4).round() / 1e4;
    tally.first_partial_s.sort_unstable_by(f64::total_cmp);
    let exact = interval(&tally.each, |counts| {
        let right = counts.iter().filter(|count| count.errors == 0).count();
        share(right, counts.len())
    });
    let error_rate = interval(&tally.each, |counts| {
        let sum = |of: fn(&Count) -> usize| counts.iter().map(|count| of(count)).sum();
        share(sum(|count| count.errors), sum(|count| count.units))
    });
    let median = tally.first_partial_s.get(tally.first_partial_s.len() / 2);
    serde_json::json!({
        "manifest": options.manifest,
        "model": model,
        "grammar": options.grammar,
        "files": tally.files,
        "exact": share(tally.exact, tally.files),
        "exact_95": exact,
        "errors": tally.errors,
        "error_rate": share(tally.errors, tally.units),
        "error_rate_95": error_rate,
        "empty": share(tally.empty, tally.files),
        "flicker": share(tally.changed, tally.shown),
        "words": tally.words.len(),
        "calibration_error": calibration_error(&tally.words),
        "recordings_calibration_error": calibration_error(&tally.recordings),
        "first_partial_s_p50": median,
        "audio_s": (tally.audio_s * 10.0).round() / 10.0,
        "cpu_per_audio": (tally.cpu_s / tally.audio_s.max(1e-9) * 1e5).round() / 1e5,
    })
}

/// The 2.5th and 97.5th percentile of a figure over resampled speakers, or files.
fn interval(each: &[Count], figure: impl Fn(&[&Count]) -> f64) -> [f64; 2] {
    let mut groups: BTreeMap<&str, Vec<&Count>> = BTreeMap::new();
    for count in each {
        groups.entry(&count.speaker).or_default().push(count);
    }
    let groups: Vec<Vec<&Count>> = if groups.len() < 3 {
        each.iter().map(|count| vec![count]).collect()
    } else {
        groups.into_values().collect()
    };
    if groups.is_empty() {
        return [0.0; 2];
    }
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut drawn: Vec<f64> = (0..1000)
        .map(|_| {
            let mut sample = Vec::with_capacity(each.len());
            for _ in 0..groups.len() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                sample.extend(&groups[(seed >> 33) as usize % groups.len()]);
            }
            figure(&sample)
        })
        .collect();
    drawn.sort_unstable_by(f64::total_cmp);
    [drawn[25], drawn[974]]
}

/// Chinese characters and English words.
fn units(text: &str) -> Vec<String> {
    let mut units = Vec::new();
    for word in text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
    {
        let mut latin = String::new();
        for c in word.chars() {
            if c.is_ascii() {
                latin.push(c);
            } else {
                units.extend((!latin.is_empty()).then(|| std::mem::take(&mut latin)));
                units.push(c.to_string());
            }
        }
        units.extend((!latin.is_empty()).then_some(latin));
    }
    units
}

/// Substitutions, insertions and deletions.
fn distance(expected: &[String], found: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=found.len()).collect();
    for (i, one) in expected.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in found.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(one != other))
                .min(above + 1)
                .min(row[j] + 1);
            diagonal = above;
        }
    }
    row[found.len()]
}

/// Which found units the cheapest alignment matches with equal ones.
fn right(expected: &[String], found: &[String]) -> Vec<bool> {
    let width = found.len() + 1;
    let mut costs = vec![0; (expected.len() + 1) * width];
    for (j, cost) in costs[..width].iter_mut().enumerate() {
        *cost = j;
    }
    for i in 1..=expected.len() {
        costs[i * width] = i;
        for j in 1..width {
            let same = usize::from(expected[i - 1] != found[j - 1]);
            let (above, left) = (costs[(i - 1) * width + j], costs[i * width + j - 1]);
            let diagonal = costs[(i - 1) * width + j - 1] + same;
            costs[i * width + j] = diagonal.min(above + 1).min(left + 1);
        }
    }
    let mut right = vec![false; found.len()];
    let (mut i, mut j) = (expected.len(), found.len());
    while i > 0 && j > 0 {
        let same = expected[i - 1] == found[j - 1];
        let cost = costs[i * width + j];
        if costs[(i - 1) * width + j - 1] + usize::from(!same) == cost {
            right[j - 1] = same;
            (i, j) = (i - 1, j - 1);
        } else if costs[(i - 1) * width + j] + 1 == cost {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    right
}

/// Processor time of this process.
fn cpu_s() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|value| value.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// Mono 8 kHz WAV in 16 bit linear, A-law or µ-law.
fn read_wav(path: &Path) -> Fallible<Vec<i16>> {
    let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let (mut format, mut at) = (None, 12);
    while let (Some(id), Some(size)) = (bytes.get(at..at + 4), bytes.get(at + 4..at + 8)) {
        let size = u32::from_le_bytes(size.try_into()?) as usize;
        let end = (at + 8).saturating_add(size).min(bytes.len());
        let body = &bytes[at + 8..end];
        match id {
            b"fmt " => {
                format = body
                    .get(..2)
                    .map(|code| u16::from_le_bytes([code[0], code[1]]));
            }
            b"data" => {
                return match format {
                    Some(1) => {
                        let pairs = body.chunks_exact(2);
                        Ok(pairs
                            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
                            .collect())
                    }
                    Some(6) => Ok(body.iter().map(|&byte| alaw(byte)).collect()),
                    Some(7) => Ok(body.iter().map(|&byte| ulaw(byte)).collect()),
                    other => Err(format!("{}: format {other:?}", path.display()).into()),
                };
            }
            _ => {}
        }
        at = end + size % 2;
    }
    Err(format!("{}: no samples", path.display()).into())
}

/// ITU-T G.711, A-law.
fn alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = ((byte >> 4) & 7, i16::from(byte & 15));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    if byte & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// ITU-T G.711, µ-law.
fn ulaw(byte: u8) -> i16 {
    let byte = !byte;
    let (exponent, mantissa) = ((byte >> 4) & 7, i16::from(byte & 15));
    let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    if byte & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}
