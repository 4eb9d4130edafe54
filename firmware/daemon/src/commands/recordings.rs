//! `trunkside recordings`: what was recorded, for those who may hear it.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::json;
use trunkside_call::CallId;
use trunkside_media::recording::{Archive, ArchiveError, Deletion, Entry, SEALED_AS, State};
use trunkside_media::wav;
use trunkside_record::Timestamp;
use trunkside_vault::{KeyFile, KeyProvider, Sealer};

use super::complain;
use crate::cli::{Failure, RecordingsCommand};
use crate::clock;
use crate::config::{self, Config};
use crate::recording::tapes;
use crate::storage::recorder::CALLS;
use crate::storage::store::Store;

/// Lists, exports or deletes.
pub fn recordings(command: &RecordingsCommand) -> Result<(), Failure> {
    match command {
        RecordingsCommand::List {
            check,
            config,
            json,
        } => list(&settings(&config.file)?, *check, *json),
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

/// The settings, with what is wrong with them printed. Bad input where the data folder may be another
/// one than the box's, or is not there: nothing would look as if the box had nothing.
pub(super) fn settings(path: &Path) -> Result<Config, Failure> {
    let loaded = config::load(path);
    for problem in &loaded.problems {
        complain(problem);
    }
    if !loaded.knows_data_dir {
        return Err(Failure::Said(2));
    }
    let folder = &loaded.config.data_dir;
    if matches!(folder.try_exists(), Ok(false)) {
        return Err(Failure::Input(anyhow::anyhow!(
            "{}: `box.data_dir` names `{}`, which is not there; start the box once, or name its folder",
            loaded.place("box.data_dir"),
            folder.display()
        )));
    }
    Ok(loaded.config)
}

/// Whether a file is there to be opened so. Whoever may not is told, and not that there is none.
pub(super) fn opens(path: &Path, options: &OpenOptions) -> Result<bool, Failure> {
    match options.open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::Operation(anyhow::anyhow!(
            "cannot open `{}`: {error}; {AS_WHOM}",
            path.display()
        ))),
    }
}

/// The remedy where the system lets somebody not look.
const AS_WHOM: &str = "ask as the box's user";

fn archive(config: &Config) -> Archive {
    Archive::new(tapes::folder(&config.data_dir))
}

fn sealer(config: &Config, key: Option<&Path>) -> Result<Sealer, Failure> {
    let Some(path) = key.or(config.recording.key_file.as_deref()) else {
        let message = "there is no key: set `recording.key_file`, or give it with `--key FILE`";
        return Err(Failure::Input(anyhow::anyhow!(message)));
    };
    // Reading must not make a new key where the right one is not.
    if !opens(path, OpenOptions::new().read(true))? {
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
        ArchiveError::Io { ref source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            Failure::Operation(anyhow::anyhow!("{error}; {AS_WHOM}"))
        }
        _ => Failure::Operation(error.into()),
    }
}

/// Lists them; the operation fails (1) when all of them are looked at and one is damaged.
fn list(config: &Config, check: bool, as_json: bool) -> Result<(), Failure> {
    let archive = archive(config);
    let entries = archive.list().map_err(failure)?;
    let mut any_damage = false;
    if !as_json {
        say!(
            "{:36}  {:20}  {:>8}  {:>10}  state",
            "call",
            "began",
            "seconds",
            "bytes"
        );
    }
    for mut entry in entries {
        if check {
            entry.state = match archive.check(&entry) {
                Ok(state) => state,
                // It was deleted meanwhile.
                Err(ArchiveError::Missing { .. }) => continue,
                Err(error) => {
                    complain(error);
                    State::Damaged
                }
            };
            any_damage |= entry.state == State::Damaged;
        }
        if as_json {
            say!("{}", line_of_json(&entry));
        } else {
            say!("{}", line(&entry));
        }
    }
    if any_damage {
        return Err(Failure::Said(1));
    }
    Ok(())
}

fn began(entry: &Entry) -> Option<String> {
    let at = Timestamp::from_millisecond(entry.started_ms?).ok()?;
    Some(format!("{at:.0}"))
}

const fn state(state: State) -> &'static str {
    match state {
        State::Ended => "ended",
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
        complain(format_args!(
            "warning: the recording has no end: the box stopped or its disk was full, or the call \
             goes on ({} torn bytes)",
            recording.torn_bytes
        ));
    }
    for chunk in &recording.damaged {
        complain(format_args!(
            "warning: chunk {chunk} is damaged; silence stands in its place"
        ));
    }
    let ending = recording.ending.unwrap_or_default();
    if ending.dropped_frames > 0 {
        let seconds = ending.dropped_frames as f64 / 50.0;
        complain(format_args!(
            "warning: {seconds:.2} s are missing, for which the disk was too slow"
        ));
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
    let calls = config.data_dir.join(CALLS);
    // Who could not note it destroys nothing.
    let has_calls = opens(&calls, OpenOptions::new().read(true).write(true))?;
    archive(config).delete(call).map_err(failure)?;
    if has_calls {
        let now_ms = clock::timestamp().as_millisecond();
        Store::open(&calls)
            .and_then(|mut store| store.recording_deleted(call, Deletion::Operator, now_ms))
            .map_err(anyhow::Error::from)?;
    }
    say!("{call}: the recording is destroyed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(done: Result<impl Sized, Failure>) -> Option<u8> {
        done.err().map(|failure| failure.status())
    }

    #[test]
    fn no_other_folder_than_the_boxs_is_looked_into() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        assert_eq!(status(settings(&path)), Some(2));
        std::fs::create_dir(folder.path().join("data")).unwrap();
        for (text, refused) in [
            (
                "[box]\ndata_dir = 'data'\n[line]\nlisten = 'nowhere'\n",
                None,
            ),
            ("[box]\ndata_dir = 7\n", Some(2)),
            ("[box]\ndata_dir = 'data'\nbranch = = 3\n", Some(2)),
            ("[[box]]\ndata_dir = 'data'\n", Some(2)),
            ("[box]\ndata_dir = 'not yet there'\n", Some(2)),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(status(settings(&path)), refused, "{text}");
        }
    }

    #[test]
    fn what_nobody_may_open_is_not_said_to_be_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let read = |path: &str| opens(&folder.path().join(path), OpenOptions::new().read(true));
        assert!(!read("calls.db").unwrap());
        std::fs::write(folder.path().join("calls.db"), "").unwrap();
        assert!(read("calls.db").unwrap());
        let Err(Failure::Operation(error)) = read("calls.db/beyond") else {
            panic!("the system says why not");
        };
        assert!(error.to_string().contains("as the box's user"), "{error}");
    }
}
