//! `trunkside calls`: what the box keeps of its calls, found and forgotten when somebody asks.

mod show;

use std::fs::{File, OpenOptions};
use std::io::BufReader;

use anyhow::Context;
use serde_json::json;
use trunkside_call::CallId;
use trunkside_decision::log::{Models, models_of};
use trunkside_media::recording::{Archive, ArchiveError, Deletion};
use trunkside_record::{CallSummary, Timestamp};

use super::recordings::{opens, settings};
use super::tell;
use crate::cli::{CallsCommand, Failure};
use crate::clock;
use crate::config::Config;
use crate::phone_number::is_the_same;
use crate::recording::tapes;
use crate::storage::recorder::{CALLS, DECISIONS};
use crate::storage::store::keeping::Kept;
use crate::storage::store::{Store, StoreError};

/// Lists, shows or deletes.
pub fn calls(command: &CallsCommand) -> Result<(), Failure> {
    match command {
        CallsCommand::List {
            number,
            config,
            json,
        } => list(&settings(&config.file)?, number.as_deref(), *json),
        CallsCommand::Show { call, config, json } => one(&settings(&config.file)?, *call, *json),
        CallsCommand::Delete {
            calls,
            number,
            config,
        } => delete(&settings(&config.file)?, calls, number.as_deref()),
    }
}

/// The box's store; none before its first call.
pub(super) fn open(config: &Config) -> Result<Option<Store>, Failure> {
    let path = config.data_dir.join(CALLS);
    if !opens(&path, OpenOptions::new().read(true).write(true))? {
        return Ok(None);
    }
    Store::open(&path).map(Some).map_err(failed)
}

pub(super) fn failed(error: StoreError) -> Failure {
    Failure::Operation(error.into())
}

/// The calls from a number, or all of them.
fn of_number(store: &mut Store, number: Option<&str>) -> Result<Vec<Kept>, Failure> {
    let mut calls = store.calls().map_err(failed)?;
    if let Some(number) = number {
        calls.retain(|call| is_the_same(call.caller.reveal(), number));
    }
    Ok(calls)
}

fn list(config: &Config, number: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let calls = match open(config)? {
        Some(mut store) => of_number(&mut store, number)?,
        None => Vec::new(),
    };
    if !as_json {
        say!(
            "{:36}  {:20}  {:16}  {:>5}  outcome",
            "call",
            "began",
            "number",
            "turns"
        );
    }
    for call in &calls {
        if as_json {
            say!("{}", line_of_json(call));
        } else {
            say!("{}", line(call));
        }
    }
    Ok(())
}

/// One call, with its words.
fn one(config: &Config, call: CallId, as_json: bool) -> Result<(), Failure> {
    let Some(mut store) = open(config)? else {
        return Err(unknown("the box keeps no calls"));
    };
    let kept = store.calls().map_err(failed)?;
    let Some(kept) = kept.iter().find(|kept| kept.call == call) else {
        return Err(unknown(&format!("there is no call `{call}`")));
    };
    let turns = store.turns(call).map_err(failed)?;
    let models = models(config, call)?;
    show::show(kept, &turns, models.as_ref(), as_json)
}

/// What a call was heard and understood with; none where the decision log does not tell.
fn models(config: &Config, call: CallId) -> Result<Option<Models>, Failure> {
    let path = config.data_dir.join(DECISIONS);
    if !opens(&path, OpenOptions::new().read(true))? {
        return Ok(None);
    }
    let read = File::open(&path).and_then(|log| models_of(&mut BufReader::new(log), call));
    read.with_context(|| format!("cannot read `{}`", path.display()))
        .map_err(Failure::Operation)
}

fn unknown(what: &str) -> Failure {
    let message = format!("{what}; see which there are with `trunkside calls list`");
    Failure::Input(anyhow::anyhow!(message))
}

fn began(call: &Kept) -> Option<String> {
    let at = Timestamp::from_millisecond(call.started_ms).ok()?;
    Some(format!("{at:.0}"))
}

/// What became of it; none while that is not known.
fn outcome(call: &Kept) -> Option<String> {
    let summary: CallSummary = serde_json::from_str(call.summary.as_deref()?).ok()?;
    Some(summary.outcome.name().to_owned())
}

fn line(call: &Kept) -> String {
    let number = Some(call.caller.reveal().as_str()).filter(|number| !number.is_empty());
    format!(
        "{}  {:20}  {:16}  {:>5}  {}",
        call.call,
        began(call).unwrap_or_else(|| "-".to_owned()),
        number.unwrap_or("-"),
        call.turns,
        outcome(call).as_deref().unwrap_or("not ended")
    )
}

fn line_of_json(call: &Kept) -> serde_json::Value {
    json!({
        "call": call.call,
        "began": began(call),
        "number": call.caller.reveal(),
        "turns": call.turns,
        "outcome": outcome(call),
        "queued": call.exported,
    })
}

fn delete(config: &Config, calls: &[CallId], number: Option<&str>) -> Result<(), Failure> {
    let Some(mut store) = open(config)? else {
        return Err(unknown("the box keeps no calls"));
    };
    let kept = of_number(&mut store, number)?;
    let wanted: Vec<&Kept> = match number {
        Some(_) => kept.iter().collect(),
        None => kept
            .iter()
            .filter(|kept| calls.contains(&kept.call))
            .collect(),
    };
    if let Some(missing) = calls
        .iter()
        .find(|call| wanted.iter().all(|kept| kept.call != **call))
    {
        return Err(unknown(&format!("there is no call `{missing}`")));
    }
    if wanted.is_empty() {
        return Err(unknown("there is no call from that number"));
    }
    // Those that can be forgotten are, whatever becomes of the others.
    let (mut going_on, mut to_be_rung) = (0, 0);
    let mut told = Ok(());
    for kept in wanted {
        if kept.summary.is_none() {
            going_on += 1;
            continue;
        }
        if kept.box_rings {
            // The box would ring them all the same, and keep that call.
            to_be_rung += 1;
            continue;
        }
        destroy_recording(config, &mut store, kept.call)?;
        store.forget(kept.call).map_err(failed)?;
        let rest = if kept.exported {
            ""
        } else {
            "; its record, which names nobody, goes once the cloud's queue has it"
        };
        // So are those behind one of which nobody can be told.
        told = told.and(tell(format_args!("{}: forgotten{rest}", kept.call)));
    }
    let mut why = Vec::new();
    if going_on > 0 {
        why.push(format!(
            "{going_on} of the calls have not ended: wait for their end, or start the box, which \
             closes those that were cut off; then ask again"
        ));
    }
    if to_be_rung > 0 {
        why.push(format!(
            "in {to_be_rung} of the calls the caller was promised a call back, and the box rings them \
             at their turn; ask again after that (`trunkside callbacks list` shows whom it rings)"
        ));
    }
    if why.is_empty() {
        return told;
    }
    Err(Failure::Operation(anyhow::anyhow!(why.join("; "))))
}

fn destroy_recording(config: &Config, store: &mut Store, call: CallId) -> Result<(), Failure> {
    match Archive::new(tapes::folder(&config.data_dir)).delete(call) {
        Ok(()) => {
            let now_ms = clock::timestamp().as_millisecond();
            let noted = store.recording_deleted(call, Deletion::Operator, now_ms);
            noted.map_err(failed)
        }
        Err(ArchiveError::Missing { .. }) => Ok(()),
        Err(error) => Err(Failure::Operation(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use trunkside_call::Pii;
    use uuid::Uuid;

    use super::*;
    use crate::storage::store::promises::KeptPlace;
    use crate::storage::store::{Began, Export};

    #[test]
    fn whom_the_box_is_to_ring_is_forgotten_after_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "[box]\ndata_dir = '.'\n").unwrap();
        let config = crate::config::load(&path).config;
        let call = CallId::new(Uuid::from_u128(1));
        let number = || Pii::new("13912345678".to_owned());
        let began = Began {
            call,
            started_ms: 1_780_000_000_000,
            caller: number(),
        };
        let export = Export {
            call,
            summary: "{}".to_owned(),
            transcript: None,
        };
        let place = KeptPlace {
            call,
            asked_ms: began.started_ms,
            number: number(),
            wish: "{}".to_owned(),
        };
        let mut store = Store::open(&config.data_dir.join(CALLS)).unwrap();
        let kept = store.write(|writing| {
            writing.close_call(&began, &export, &[], None, Some(&[]))?;
            writing.place_kept(&place)
        });
        kept.unwrap();
        let Err(Failure::Operation(why)) = delete(&config, &[call], None) else {
            panic!("the box would ring them all the same");
        };
        assert!(why.to_string().contains("ask again after that"), "{why}");
        store.write(|writing| writing.place_gone(call)).unwrap();
        assert!(delete(&config, &[call], None).is_ok());
        assert!(store.calls().unwrap().is_empty());
    }
}
