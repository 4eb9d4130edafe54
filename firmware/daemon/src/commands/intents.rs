//! `trunkside intents`: train and measure intent models.

use anyhow::Context;
use trunkside_understanding::intents;

use crate::cli::{Failure, IntentsCommand};

/// Trains, or measures.
#[expect(clippy::print_stdout, reason = "a command's output")]
pub fn intents(command: IntentsCommand) -> Result<(), Failure> {
    match command {
        IntentsCommand::Train { data, out } => {
            let training = intents::train_file(&data, &out).map_err(Failure::input)?;
            println!(
                "trained {} intents on {} lines into {}",
                training.intents,
                training.n,
                out.display()
            );
        }
        IntentsCommand::Evaluate { model, data, json } => {
            let evaluation = intents::evaluate(&model, &data).map_err(Failure::input)?;
            if json {
                let line = serde_json::to_string(&evaluation).context("cannot print the result")?;
                println!("{line}");
            } else {
                println!(
                    "accuracy {:.2} % of {} lines",
                    evaluation.accuracy * 100.0,
                    evaluation.n
                );
            }
        }
    }
    Ok(())
}
