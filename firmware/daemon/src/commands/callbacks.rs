//! `trunkside callbacks`: whom somebody must call back, and whom the box rings itself.

use serde_json::json;
use trunkside_call::CallId;
use trunkside_record::Timestamp;

use super::calls::{failed, open};
use super::recordings::settings;
use super::tell;
use crate::cli::{CallbacksCommand, Failure};
use crate::clock;
use crate::config::Config;
use crate::storage::store::promises::Promise;

/// Lists promises, or notes that they were kept.
pub fn callbacks(command: &CallbacksCommand) -> Result<(), Failure> {
    match command {
        CallbacksCommand::List { all, config, json } => list(&settings(&config.file)?, *all, *json),
        CallbacksCommand::Done { calls, config } => done(&settings(&config.file)?, calls),
    }
}

fn list(config: &Config, all: bool, as_json: bool) -> Result<(), Failure> {
    let promises = match open(config)? {
        Some(mut store) => store.promises(all).map_err(failed)?,
        None => Vec::new(),
    };
    if !as_json {
        say!(
            "{:36}  {:20}  {:16}  {:15}  state",
            "call",
            "called",
            "number",
            "why"
        );
    }
    for promise in &promises {
        if as_json {
            say!("{}", line_of_json(promise));
        } else {
            say!("{}", line(promise));
        }
    }
    Ok(())
}

fn moment(at_ms: i64) -> Option<String> {
    let at = Timestamp::from_millisecond(at_ms).ok()?;
    Some(format!("{at:.0}"))
}

fn line(promise: &Promise) -> String {
    let state = match promise.done_ms {
        Some(at) => format!("called {}", moment(at).unwrap_or_default()),
        None if promise.on_the_line => "on the line now".to_owned(),
        None if promise.box_rings => "the box rings them at their turn".to_owned(),
        None => "to be called".to_owned(),
    };
    format!(
        "{}  {:20}  {:16}  {:15}  {state}",
        promise.call,
        moment(promise.started_ms).unwrap_or_else(|| "-".to_owned()),
        promise.number.reveal(),
        promise.cause,
    )
}

fn line_of_json(promise: &Promise) -> serde_json::Value {
    json!({
        "call": promise.call,
        "called": moment(promise.started_ms),
        "number": promise.number.reveal(),
        "why": promise.cause,
        "box_rings": promise.box_rings,
        "on_the_line": promise.on_the_line,
        "done": promise.done_ms.and_then(moment),
    })
}

fn done(config: &Config, calls: &[CallId]) -> Result<(), Failure> {
    let mistaken = |what: String| Failure::Input(anyhow::anyhow!(what));
    let mut store = open(config)?;
    let waiting = match &mut store {
        Some(store) => store.promises(false).map_err(failed)?,
        None => Vec::new(),
    };
    // All or nothing: whoever mistypes one may give all of them again.
    for call in calls {
        match waiting.iter().find(|promise| promise.call == *call) {
            None => {
                return Err(mistaken(format!(
                    "nobody waits to be called back for the call `{call}`; see who does with \
                     `trunkside callbacks list`"
                )));
            }
            Some(promise) if promise.box_rings => {
                return Err(mistaken(format!(
                    "the box rings the caller of `{call}` itself, and notes it when an agent has \
                     talked to them"
                )));
            }
            Some(_) => {}
        }
    }
    let mut told = Ok(());
    if let Some(store) = &mut store {
        let now_ms = clock::timestamp().as_millisecond();
        for call in calls {
            // One that an agent talked to meanwhile is done as well.
            store.promise_kept(*call, now_ms).map_err(failed)?;
            // The others are noted too when nobody can be told of this one.
            told = told.and(tell(format_args!("{call}: called back")));
        }
    }
    told
}
