//! `trunkside intents`: train, measure and explain intent models, and teach the one that ships.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::Serialize;
use trunkside_understanding::intents::{
    self, Event, Example, Explanation, HiddenIntents, IntentModel, Lessons,
};

use super::complain;
use crate::cli::{Failure, IntentsCommand};
use trunkside_understanding::UnderstandingError;

/// Runs one of the commands.
pub fn intents(command: IntentsCommand) -> Result<(), Failure> {
    match command {
        IntentsCommand::Train { data, out } => {
            let training = intents::train_file(&data, &out).map_err(failed)?;
            say!(
                "trained {} intents on {} lines into {}",
                training.intents,
                training.n,
                out.display()
            );
        }
        IntentsCommand::Evaluate { model, data, json } => {
            let evaluation = intents::evaluate(&model, &data).map_err(Failure::input)?;
            if json {
                say!("{}", line(&evaluation)?);
            } else {
                say!(
                    "accuracy {:.2} % of {} lines",
                    evaluation.accuracy * 100.0,
                    evaluation.n
                );
            }
        }
        IntentsCommand::Explain {
            text,
            model,
            lessons,
            json,
        } => {
            let model = match &lessons {
                Some(lessons) => taught(lessons)?,
                None => model_of(model.as_deref())?,
            };
            let explanation = model.explain(&text);
            if json {
                say!("{}", line(&explanation)?);
            } else {
                say!("{}", readable(&explanation).trim_end());
            }
        }
        IntentsCommand::Hidden {
            text,
            history,
            rules,
            json,
        } => hidden(&text, &history, rules.as_deref(), json)?,
        IntentsCommand::Correct {
            lessons,
            data,
            text,
            intent,
            new_intent,
        } => correct(lessons, data.as_deref(), text.zip(intent), new_intent)?,
        IntentsCommand::Versions { lessons, json } => {
            for version in Lessons::new(lessons).versions().map_err(Failure::input)? {
                if json {
                    say!("{}", line(&version)?);
                } else {
                    let mark = if version.current { "*" } else { " " };
                    let holds = version.problem.as_ref().map_or_else(
                        || format!("{} corrections", version.corrections),
                        |problem| format!("cannot be read: {problem}"),
                    );
                    say!("{mark} {:>4}  {holds}", version.number);
                }
            }
        }
        IntentsCommand::Rollback { lessons, to } => {
            let version = Lessons::new(lessons).rollback(to).map_err(failed)?;
            say!(
                "version {} with {} corrections is in force",
                version.number,
                version.corrections
            );
        }
    }
    Ok(())
}

/// What cannot be written is no fault of what was given.
fn failed(error: UnderstandingError) -> Failure {
    match error {
        UnderstandingError::Write { .. } => Failure::Operation(error.into()),
        _ => Failure::input(error),
    }
}

fn correct(
    lessons: PathBuf,
    data: Option<&Path>,
    one: Option<(String, String)>,
    new_intent: bool,
) -> Result<(), Failure> {
    let corrections = match (data, one) {
        (Some(data), _) => intents::read_examples(data).map_err(Failure::input)?,
        (None, Some((text, label))) => vec![Example { text, label }],
        (None, None) => Vec::new(),
    };
    let lessons = Lessons::new(lessons);
    let placed = |error| failed(placed(error, data));
    if !new_intent {
        lessons.refuse_new_intents(&corrections).map_err(placed)?;
    }
    let (version, learnt) = lessons.correct(&corrections).map_err(placed)?;
    say!(
        "version {} with {} corrections is in force: {:.1} % of them heard right now, \
         {:.1} % of the kept set",
        version.number,
        version.corrections,
        learnt.corrected.accuracy * 100.0,
        learnt.kept.accuracy * 100.0
    );
    Ok(())
}

/// With the line of the file that a correction was read from.
fn placed(error: UnderstandingError, data: Option<&Path>) -> UnderstandingError {
    match (&error, data) {
        (UnderstandingError::Correction { text, .. }, Some(data)) => {
            match intents::line_of(data, text) {
                Some(line) => UnderstandingError::Line {
                    path: data.to_owned(),
                    line,
                    problem: error.to_string(),
                },
                None => error,
            }
        }
        _ => error,
    }
}

fn hidden(text: &str, did: &[String], rules: Option<&Path>, json: bool) -> Result<(), Failure> {
    let rules = match rules {
        None => HiddenIntents::shipped(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| {
                    format!(
                        "cannot read `{}`; check that it exists and may be read",
                        path.display()
                    )
                })
                .map_err(Failure::input)?;
            HiddenIntents::parse(&text)
                .map_err(|problem| Failure::input(anyhow!("`{}`: {problem}", path.display())))?
        }
    };
    let history = did
        .iter()
        .map(|event| event_of(event))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::input)?;
    let kinds = rules.kinds();
    if let Some(event) = history
        .iter()
        .find(|event| !kinds.contains(event.kind.as_str()))
    {
        let known: Vec<&str> = kinds.into_iter().collect();
        return Err(Failure::input(anyhow!(
            "`--did {}:{}`: no rule asks for `{}`; known: {}",
            event.kind,
            event.days_ago,
            event.kind,
            known.join(", ")
        )));
    }
    let said = IntentModel::shipped().classify(text);
    let hidden = rules.find(&said, &history);
    if json {
        let result = serde_json::json!({ "said": said[0], "hidden": hidden });
        say!("{result}");
    } else if let Some(hidden) = hidden {
        say!(
            "{} behind {}: {} (rule `{}`)",
            hidden.intent.name,
            hidden.said,
            hidden.because,
            hidden.rule
        );
    } else {
        say!("{}, nothing behind it", said[0].name);
    }
    Ok(())
}

/// Reads `KIND:DAYS`.
fn event_of(text: &str) -> anyhow::Result<Event> {
    Event::read(text)
        .with_context(|| format!("`--did {text}`: write `KIND:DAYS`, such as `complaint:3`"))
}

/// What ships with the corrections that are in force in a folder of lessons.
pub(super) fn taught(lessons: &Path) -> Result<IntentModel, Failure> {
    let lessons = Lessons::new(lessons);
    lessons.versions().map_err(Failure::input)?;
    let taught = lessons.model().map_err(Failure::input)?;
    if let Some(problem) = taught.problem {
        complain(format_args!("warning: {problem}"));
    }
    Ok(taught.model)
}

fn model_of(folder: Option<&Path>) -> Result<IntentModel, Failure> {
    folder.map_or_else(
        || Ok(IntentModel::shipped()),
        |folder| IntentModel::load(folder).map_err(Failure::input),
    )
}

fn line(value: &impl Serialize) -> anyhow::Result<String> {
    serde_json::to_string(value).context("cannot print the result")
}

/// The intent, its rival and the words, strongest first.
fn readable(explanation: &Explanation) -> String {
    let intent = &explanation.intent;
    let mut text = format!("{} ({:.2})", intent.name, intent.score);
    if let Some(next) = &explanation.runner_up {
        // Writing to a string cannot fail.
        let _ = write!(text, ", rather than {} ({:.2})", next.name, next.score);
    }
    text.push('\n');
    let mut words: Vec<_> = explanation.words.iter().collect();
    words.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    for word in words {
        let _ = writeln!(text, "  {:+.2}  {}", word.weight, word.text);
    }
    text
}
