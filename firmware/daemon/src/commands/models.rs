//! `trunkside models`: what the catalogue lists, whether the files are those, and others to add.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use cpu_time::ProcessTime;
use serde_json::json;
use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ, Side};
use trunkside_models::{Catalogue, Error, Import, ModelEntry};
use trunkside_recognition::{Recogniser, StreamOptions};

use crate::cli::{AddModelArgs, Failure, ModelsArgs, ModelsCommand};

/// Lists, verifies, adds or removes.
pub fn models(args: ModelsArgs) -> Result<(), Failure> {
    let ModelsArgs { models, command } = args;
    let catalogue = || Catalogue::find(models.as_deref()).map_err(Failure::input);
    match command {
        ModelsCommand::List { json } => list(&catalogue()?, json),
        ModelsCommand::Verify { name } => return verify(&catalogue()?, name.as_deref()),
        ModelsCommand::Add(args) => return add(models.as_deref(), &args),
        ModelsCommand::Remove { name } => return remove(&catalogue()?, &name),
    }
    Ok(())
}

/// Seconds of each sound that a new model is tried with.
const TRIAL_S: usize = 4;

/// Checks, tries and installs a model.
#[expect(clippy::print_stdout, reason = "a command's output")]
fn add(folder: Option<&Path>, args: &AddModelArgs) -> Result<(), Failure> {
    let folder = Catalogue::folder_to_add(folder);
    if let Ok(known) = Catalogue::find(Some(&folder)).or_else(|_| Catalogue::find(None))
        && known.model(&args.name).is_ok()
    {
        return Err(Failure::Input(anyhow!(
            "the name `{}` is taken; choose another, or remove that model",
            args.name
        )));
    }
    let languages: Vec<String> = args.languages.iter().map(ToString::to_string).collect();
    let import = Import {
        files: &args.files,
        name: &args.name,
        licence: &args.licence,
        languages: &languages,
        folder: &folder,
    };
    let mut staged = import.stage().map_err(failure)?;
    let before = resident_bytes();
    let recogniser = Recogniser::load(&staged.entry).map_err(Failure::input)?;
    staged.entry.sample_rate_hz = recogniser.sample_rate_hz();
    staged.entry.feature_dim = recogniser.feature_dim();
    staged.entry.memory_bytes = before
        .zip(resident_bytes())
        .map(|(before, after)| after.saturating_sub(before));
    let cost = trial(&Arc::new(recogniser)).map_err(Failure::input)?;
    staged.entry.cpu_per_audio = Some(cost);
    let entry = staged.entry.clone();
    let installed = staged.keep().map_err(failure)?;
    let bytes: u64 = entry.files.iter().map(|file| file.bytes).sum();
    if args.json {
        println!(
            "{}",
            json!({
                "name": entry.name, "contract": entry.contract, "licence": entry.licence,
                "bytes": bytes, "memory_bytes": entry.memory_bytes, "cpu_per_audio": cost,
                "folder": installed, "files": entry.files,
            })
        );
    } else {
        println!(
            "{}: {} added in `{}`: {:.1} MB of files, {:.1} MB of memory, {cost:.3} s of CPU a \
             second of audio",
            entry.name,
            entry.contract.name(),
            installed.display(),
            bytes as f64 / 1e6,
            entry.memory_bytes.unwrap_or(0) as f64 / 1e6
        );
    }
    Ok(())
}

/// Lets the model hear silence, then a tone; returns CPU seconds a second of audio.
fn trial(recogniser: &Arc<Recogniser>) -> Result<f64, trunkside_recognition::Error> {
    let mut stream = recogniser.stream(Side::Caller, StreamOptions::default())?;
    let cpu = ProcessTime::now();
    let rate = SAMPLE_RATE_HZ as usize;
    let frames = 2 * TRIAL_S * rate / FRAME_SAMPLES;
    for number in 0..frames {
        let mut frame = Frame {
            side: Side::Caller,
            start: FRAME_DURATION * number as u32,
            samples: [0; FRAME_SAMPLES],
        };
        if number >= frames / 2 {
            for (at, sample) in frame.samples.iter_mut().enumerate() {
                let turn = (number * FRAME_SAMPLES + at) as f32 * 440.0 / rate as f32;
                *sample = ((turn * std::f32::consts::TAU).sin() * 8_000.0) as i16;
            }
        }
        stream.handle(&frame)?;
        while stream.poll().is_some() {}
    }
    stream.finish()?;
    Ok(cpu.elapsed().as_secs_f64() / (2 * TRIAL_S) as f64)
}

/// Resident memory of this process, where the system tells.
fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// A folder that cannot be written is the operation's fault, anything else the input's.
fn failure(error: Error) -> Failure {
    match error {
        Error::Write { .. } => Failure::Operation(error.into()),
        error => Failure::input(error),
    }
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn remove(catalogue: &Catalogue, name: &str) -> Result<(), Failure> {
    catalogue.remove(name).map_err(failure)?;
    println!("{name}: removed");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn list(catalogue: &Catalogue, as_json: bool) {
    for model in catalogue.models() {
        let bytes: u64 = model.files.iter().map(|file| file.bytes).sum();
        if as_json {
            let line = json!({
                "name": model.name,
                "languages": model.languages,
                "licence": model.licence,
                "contract": model.contract,
                "added": model.is_added(),
                "memory_bytes": model.memory_bytes,
                "cpu_per_audio": model.cpu_per_audio,
                "bytes": bytes,
            });
            println!("{line}");
        } else {
            println!(
                "{:<24} {:<10} {:<16} {:.1} MB",
                model.name,
                model.languages.join("+"),
                model.licence,
                bytes as f64 / 1e6
            );
        }
    }
}

/// Reports every fault of every model asked for; the operation fails (1) when there is one.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's output"
)]
fn verify(catalogue: &Catalogue, name: Option<&str>) -> Result<(), Failure> {
    let chosen: Vec<&ModelEntry> = match name {
        Some(name) => vec![catalogue.model(name).map_err(Failure::input)?],
        None => catalogue.models().iter().collect(),
    };
    let mut any_fault = false;
    for model in chosen {
        let mut faults: Vec<String> = model.faults().iter().map(ToString::to_string).collect();
        if faults.is_empty() {
            faults.extend(Recogniser::load(model).err().map(|error| error.to_string()));
        }
        for fault in &faults {
            eprintln!("{}: {fault}", model.name);
        }
        if faults.is_empty() {
            println!(
                "{}: {} files are right, and it loads",
                model.name,
                model.files.len()
            );
        }
        any_fault |= !faults.is_empty();
    }
    if any_fault {
        Err(Failure::Said(1))
    } else {
        Ok(())
    }
}
