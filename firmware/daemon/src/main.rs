//! The `trunkside` binary; everything it does is in the library.

use std::process::ExitCode;

use clap::Parser;
use trunkside_aggregator::explain;
use trunkside_daemon::cli::{Cli, Failure};

#[expect(
    clippy::print_stderr,
    reason = "a command line reports its failure there"
)]
fn main() -> ExitCode {
    match trunkside_daemon::commands::dispatch(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Failure::Operation(error) | Failure::Input(error) = &failure {
                eprintln!("trunkside: {}", explain(error));
            }
            ExitCode::from(failure.status())
        }
    }
}
