//! `trunkside recordings`: what was recorded, for those who may hear it.

use std::path::Path;

use serde_json::json;
use trunkside_call::CallId;
use trunkside_media::recording::{Archive, ArchiveError, Deletion, Entry, SEALED_AS, State};
use trunkside_media::wav;
use trunkside_record::Timestamp;
use trunkside_vault::{KeyFile, KeyProvider, Sealer};

use crate::cli::{Failure, RecordingsCommand};
use crate::clock;
use crate::config::{self, Config};
use crate::store::Store;
use crate::tapes;

/// Lists, exports or deletes.
pub fn recordings(command: &RecordingsCommand) -> Result<(), Failure> {
    match command {
        RecordingsCommand::List { config, json } => list(&settings(&config.file)?, *json),
        RecordingsCommand::Export {
            call,
            out,
            config,
            key,
            salvage,
        } => {
            let config = settings(&config.file)?;
            let sealer = sealer(&config, key.as_deref())?;
            export(&config, *call, out, &sealer, *salvage)
        }
        RecordingsCommand::Delete { call, config } => delete(&settings(&config.file)?, *call),
    }
}

/// The settings, whatever else may be wrong with them.
pub(super) fn settings(path: &Path) -> Result<Config, Failure> {
    if let Err(error) = std::fs::File::open(path) {
        let message = format!(
            "`{}`: {error}; give the right file with --config",
            path.display()
        );
        return Err(Failure::Input(anyhow::anyhow!(message)));
    }
    Ok(config::load(path).config)
}

fn archive(config: &Config) -> Archive {
    Archive::new(tapes::folder(&config.data_dir))
}

fn sealer(config: &Config, key: Option<&Path>) -> Result<Sealer, Failure> {
    let Some(path) = key.or(config.recording.key_file.as_deref()) else {
        let message = "there is no key: set `recording.key_file`, or give it with `--key FILE`";
        return Err(Failure::Input(anyhow::anyhow!(message)));
    };
    // Reading must not make a new key where the right one is not.
    if !path.exists() {
        let message = format!(
            "`{}` is not there; put the key back, or give it with `--key FILE`",
            path.display()
        );
        return Err(Failure::Input(anyhow::anyhow!(message)));
    }
    let key = KeyFile::new(path).key(false);
    let key =
        key.map_err(|error| Failure::Input(anyhow::anyhow!("`{}`: {error}", path.display())))?;
    Ok(Sealer::new(&key, SEALED_AS))
}

/// A call that has none, or a wrong key, is the user's to mend; the rest is the disk's.
fn failure(error: ArchiveError) -> Failure {
    match error {
        ArchiveError::Missing { .. } | ArchiveError::Key { .. } => Failure::input(error),
        _ => Failure::Operation(error.into()),
    }
}

fn list(config: &Config, as_json: bool) -> Result<(), Failure> {
    let entries = archive(config).list().map_err(failure)?;
    if !as_json {
        say!(
            "{:36}  {:20}  {:>8}  {:>10}  state",
            "call",
            "began",
            "seconds",
            "bytes"
        );
    }
    for entry in entries {
        if as_json {
            say!("{}", line_of_json(&entry));
        } else {
            say!("{}", line(&entry));
        }
    }
    Ok(())
}

fn began(entry: &Entry) -> Option<String> {
    let at = Timestamp::from_millisecond(entry.started_ms?).ok()?;
    Some(format!("{at:.0}"))
}

const fn state(state: State) -> &'static str {
    match state {
        State::Whole => "whole",
        State::Running => "running",
        State::Cut => "cut",
        State::Damaged => "damaged",
    }
}

fn line(entry: &Entry) -> String {
    let unknown = || "-".to_owned();
    let seconds = entry
        .length
        .map(|length| format!("{:.1}", length.as_secs_f64()));
    format!(
        "{}  {:20}  {:>8}  {:>10}  {}",
        entry.call,
        began(entry).unwrap_or_else(unknown),
        seconds.unwrap_or_else(unknown),
        entry.bytes,
        state(entry.state)
    )
}

fn line_of_json(entry: &Entry) -> serde_json::Value {
    json!({
        "call": entry.call,
        "began": began(entry),
        "seconds": entry.length.map(|length| length.as_secs_f64()),
        "bytes": entry.bytes,
        "state": state(entry.state),
    })
}

#[expect(clippy::print_stderr, reason = "a command's output")]
fn export(
    config: &Config,
    call: CallId,
    out: &Path,
    sealer: &Sealer,
    salvage: bool,
) -> Result<(), Failure> {
    let recording = archive(config)
        .read(call, sealer, salvage)
        .map_err(failure)?;
    wav::write_pair(out, &recording.caller, &recording.agent).map_err(anyhow::Error::from)?;
    if recording.ending.is_none() {
        eprintln!(
            "warning: the recording has no end: the box stopped or its disk was full, or the call \
             goes on ({} torn bytes)",
            recording.torn_bytes
        );
    }
    for chunk in &recording.damaged {
        eprintln!("warning: chunk {chunk} is damaged; silence stands in its place");
    }
    let ending = recording.ending.unwrap_or_default();
    if ending.dropped_frames > 0 {
        let seconds = ending.dropped_frames as f64 / 50.0;
        eprintln!("warning: {seconds:.2} s are missing, for which the disk was too slow");
    }
    let samples = recording.caller.len().max(recording.agent.len());
    say!(
        "{}: {:.1} s, caller left, agent right",
        out.display(),
        samples as f64 / 8_000.0
    );
    Ok(())
}

fn delete(config: &Config, call: CallId) -> Result<(), Failure> {
    archive(config).delete(call).map_err(failure)?;
    let calls = config.data_dir.join("calls.db");
    if calls.exists() {
        let now_ms = clock::timestamp().as_millisecond();
        Store::open(&calls)
            .and_then(|mut store| store.recording_deleted(call, Deletion::Operator, now_ms))
            .map_err(anyhow::Error::from)?;
    }
    say!("{call}: the recording is destroyed");
    Ok(())
}
