//! `trunkside models`: what the catalogue lists, whether the files are those, and others to add.

mod fetch;
mod interrupt;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use cpu_time::ProcessTime;
use serde_json::json;
use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ, Side};
use trunkside_models::{Catalogue, Error, Import, ModelEntry, PublicModel};
use trunkside_recognition::{Recogniser, StreamOptions};

use self::interrupt::Interrupt;
use super::complain;
use crate::cli::{AddModelArgs, Failure, ModelsArgs, ModelsCommand};
use crate::cloud::health::resident;

/// Lists, verifies, adds or removes.
pub fn models(args: ModelsArgs) -> Result<(), Failure> {
    let ModelsArgs { models, command } = args;
    let catalogue = || Catalogue::find(models.as_deref()).map_err(Failure::input);
    match command {
        ModelsCommand::List { json, public } if public => list_public(models.as_deref(), json)?,
        ModelsCommand::List { json, .. } => list(&catalogue()?, json)?,
        ModelsCommand::Verify { name } => return verify(&catalogue()?, name.as_deref()),
        ModelsCommand::Add(args) => return add(models.as_deref(), &args),
        ModelsCommand::Remove { name } => return remove(&catalogue()?, &name),
    }
    Ok(())
}

/// Seconds of each sound that a new model is tried with.
const TRIAL_S: usize = 4;

/// Checks, tries and installs a model.
fn add(folder: Option<&Path>, args: &AddModelArgs) -> Result<(), Failure> {
    let public = public_model(folder, args)?;
    let folder = Catalogue::folder_to_add(folder);
    let name = match (&args.name, &public) {
        (Some(name), _) => name,
        (None, Some(public)) => &public.name,
        (None, None) => return Err(nameless(args)),
    };
    if let Ok(known) = Catalogue::find(Some(&folder)).or_else(|_| Catalogue::find(None))
        && known.model(name).is_ok()
    {
        return Err(Failure::Input(anyhow!(
            "the name `{name}` is taken; choose another, or remove that model"
        )));
    }
    let fetched = public
        .as_ref()
        .map(|public| fetch::fetch(public, &folder))
        .transpose()?;
    let files = fetched
        .as_ref()
        .map_or(&args.files, |fetched| &fetched.files);
    let publishers = public.as_ref().map(|public| public.licence.as_str());
    let mut languages: Vec<String> = args.languages.iter().map(ToString::to_string).collect();
    if let Some(public) = public.as_ref().filter(|_| languages.is_empty()) {
        languages.clone_from(&public.languages);
    }
    let import = Import {
        files,
        name,
        licence: args
            .licence
            .as_deref()
            .or(publishers)
            .unwrap_or("not stated"),
        languages: &languages,
        folder: &folder,
    };
    let source = public.as_ref().map(|public| public.url.clone());
    let added = match (install(&import, source), fetched) {
        (Ok(added), Some(fetched)) => {
            fetched.installed()?;
            added
        }
        (Ok(added), None) => added,
        (Err(failure @ Failure::Input(_)), Some(fetched)) => {
            fetched.unfit();
            return Err(failure);
        }
        (Err(failure), _) => return Err(failure),
    };
    tell_added(&added, args.json)
}

/// A model that is installed.
struct Added {
    entry: ModelEntry,
    folder: PathBuf,
    /// Why it does not run in steps of our own, if it does not.
    general: Option<String>,
}

/// Checks and tries a model, then gives it its name.
fn install(import: &Import, source: Option<String>) -> Result<Added, Failure> {
    let interrupt = Interrupt::listen()?;
    let mut staged = import.stage().map_err(failure)?;
    interrupt.check()?;
    staged.entry.source = source;
    let before = resident();
    let unfit = |error: trunkside_recognition::Error| {
        Failure::Input(anyhow!(staged.of_given(&error.to_string())))
    };
    let recogniser = Recogniser::load(&staged.entry).map_err(unfit)?;
    staged.entry.sample_rate_hz = recogniser.sample_rate_hz();
    staged.entry.feature_dim = recogniser.feature_dim();
    let taken = resident().saturating_sub(before);
    staged.entry.memory_bytes = Some(taken).filter(|_| before > 0);
    let general = recogniser.general_because().map(str::to_owned);
    interrupt.check()?;
    let cost = trial(&Arc::new(recogniser), &interrupt)?;
    staged.entry.cpu_per_audio = Some(cost);
    interrupt.check()?;
    let entry = staged.entry.clone();
    let folder = staged.keep().map_err(failure)?;
    Ok(Added {
        entry,
        folder,
        general,
    })
}

fn tell_added(added: &Added, as_json: bool) -> Result<(), Failure> {
    let Added {
        entry,
        folder,
        general,
    } = added;
    let bytes: u64 = entry.files.iter().map(|file| file.bytes).sum();
    if as_json {
        say!(
            "{}",
            json!({
                "name": entry.name, "contract": entry.contract, "licence": entry.licence,
                "bytes": bytes, "memory_bytes": entry.memory_bytes,
                "cpu_per_audio": entry.cpu_per_audio, "folder": folder, "files": entry.files,
                "general_because": general,
            })
        );
        return Ok(());
    }
    say!(
        "{}: {} added in `{}`: {:.1} MB of files, {:.1} MB of memory, {:.3} s of CPU a second of audio",
        entry.name,
        entry.contract.name(),
        folder.display(),
        bytes as f64 / 1e6,
        entry.memory_bytes.unwrap_or(0) as f64 / 1e6,
        entry.cpu_per_audio.unwrap_or(0.0)
    );
    if let Some(general) = general {
        say!("it runs in tract, at more cost than in steps of our own, for: {general}");
    }
    Ok(())
}

/// The public model that is asked for by its name; none when files are given.
fn public_model(
    folder: Option<&Path>,
    args: &AddModelArgs,
) -> Result<Option<PublicModel>, Failure> {
    let [asked] = &args.files[..] else {
        return Ok(None);
    };
    if asked.is_file() {
        return Ok(None);
    }
    if is_written_as_file(asked) {
        return Err(Failure::Input(anyhow!(
            "there is no file `{}`; check the path, or name a public model (`trunkside models list --public`)",
            asked.display()
        )));
    }
    let public = public_models(folder)?;
    let found = public
        .iter()
        .find(|public| asked == Path::new(&public.name));
    let can_be_added = |public: &&PublicModel| public.unsupported.is_none();
    let names = public.iter().filter(can_be_added);
    let names: Vec<String> = names.map(|m| format!("`{}`", m.name)).collect();
    match found.map(|found| (found, &found.unsupported)) {
        Some((found, None)) => Ok(Some(found.clone())),
        Some((found, Some(reason))) => Err(Failure::Input(anyhow!(
            "`{}` cannot be added: {reason}; choose one of {}",
            found.name,
            names.join(", ")
        ))),
        None => Err(Failure::Input(anyhow!(
            "`{}` is neither a file nor a public model; give the model's files and --name, or one of {}",
            asked.display(),
            names.join(", ")
        ))),
    }
}

/// Whether somebody means a file: public models' names have no folders before them and end in no kind of file.
fn is_written_as_file(asked: &Path) -> bool {
    let kinds = ["onnx", "txt", "arpa", "zst"];
    let kind = asked.extension().and_then(|kind| kind.to_str());
    asked.components().count() > 1 || kind.is_some_and(|kind| kinds.contains(&kind))
}

/// What the catalogue of a folder lists as public, else the usual one.
fn public_models(folder: Option<&Path>) -> Result<Vec<PublicModel>, Failure> {
    let named = folder.and_then(|folder| Catalogue::find(Some(folder)).ok());
    if let Some(catalogue) = named.filter(|catalogue| !catalogue.public().is_empty()) {
        return Ok(catalogue.public().to_vec());
    }
    let catalogue = Catalogue::find(None).map_err(Failure::input)?;
    Ok(catalogue.public().to_vec())
}

fn nameless(args: &AddModelArgs) -> Failure {
    let files: Vec<String> = args.files.iter().map(|f| f.display().to_string()).collect();
    Failure::Input(anyhow!(
        "files need a name; say `trunkside models add {} --name NAME`",
        files.join(" ")
    ))
}

/// Lets the model hear silence, then a tone; returns CPU seconds a second of audio. One that gives
/// anything but numbers and likelihoods for them would be deaf or would say anything.
fn trial(recogniser: &Arc<Recogniser>, interrupt: &Interrupt) -> Result<f64, Failure> {
    let stream = recogniser.stream(Side::Caller, StreamOptions::default());
    let mut stream = stream.map_err(Failure::input)?;
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
        interrupt.check()?;
        stream.handle(&frame).map_err(Failure::input)?;
        while stream.poll().is_some() {}
    }
    stream.finish().map_err(Failure::input)?;
    stream.check_sound().map_err(Failure::input)?;
    Ok(cpu.elapsed().as_secs_f64() / (2 * TRIAL_S) as f64)
}

/// A folder that cannot be written is the operation's fault, anything else the input's.
fn failure(error: Error) -> Failure {
    match error {
        Error::Write { .. } => Failure::Operation(error.into()),
        error => Failure::input(error),
    }
}

fn remove(catalogue: &Catalogue, name: &str) -> Result<(), Failure> {
    catalogue.remove(name).map_err(failure)?;
    say!("{name}: removed");
    Ok(())
}

fn list(catalogue: &Catalogue, as_json: bool) -> Result<(), Failure> {
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
            say!("{line}");
        } else {
            say!(
                "{:<24} {:<10} {:<16} {:.1} MB",
                model.name,
                model.languages.join("+"),
                model.licence,
                bytes as f64 / 1e6
            );
        }
    }
    for broken in catalogue.broken() {
        complain(format_args!("{}: {}", broken.name, broken.error()));
    }
    if let Err(error) = catalogue.default_model() {
        complain(error);
    }
    Ok(())
}

fn list_public(folder: Option<&Path>, as_json: bool) -> Result<(), Failure> {
    for model in public_models(folder)? {
        if as_json {
            let line = json!({
                "name": model.name, "languages": model.languages, "licence": model.licence,
                "url": model.url, "bytes": model.bytes, "files": model.files,
                "unsupported": model.unsupported,
            });
            say!("{line}");
        } else {
            say!(
                "{:<28} {:<6} {:<12} {:>4.0} MB  {}",
                model.name,
                model.languages.join("+"),
                model.licence,
                model.bytes as f64 / 1e6,
                model.url
            );
            if let Some(reason) = &model.unsupported {
                say!("{:<28} cannot be added: {reason}", "");
            }
        }
    }
    Ok(())
}

/// Reports every fault of every model asked for; the operation fails (1) when there is one.
fn verify(catalogue: &Catalogue, name: Option<&str>) -> Result<(), Failure> {
    let chosen: Vec<&ModelEntry> = match name {
        Some(name) => vec![catalogue.model(name).map_err(Failure::input)?],
        None => catalogue.models().iter().collect(),
    };
    let mut any_fault = false;
    if name.is_none()
        && let Err(error) = catalogue.default_model()
    {
        complain(error);
        any_fault = true;
    }
    for broken in catalogue.broken().iter().filter(|_| name.is_none()) {
        complain(format_args!("{}: {}", broken.name, broken.error()));
        any_fault = true;
    }
    for model in chosen {
        let mut faults: Vec<String> = model.faults().iter().map(ToString::to_string).collect();
        if faults.is_empty() {
            faults.extend(Recogniser::load(model).err().map(|error| error.to_string()));
        }
        for fault in &faults {
            complain(format_args!("{}: {fault}", model.name));
        }
        if faults.is_empty() {
            say!(
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
