//! The `trunkside` binary; everything it does is in the library.

use std::process::ExitCode;

use clap::Parser;
use trunkside_aggregator::explain;
use trunkside_daemon::cli::{Cli, Failure};
use trunkside_daemon::commands;

fn main() -> ExitCode {
    match commands::dispatch(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Failure::Operation(error) | Failure::Input(error) = &failure {
                commands::complain(format_args!("trunkside: {}", explain(error)));
            }
            ExitCode::from(failure.status())
        }
    }
}
