//! What each subcommand does; one file each.

/// A line on standard output; returns from the command where it cannot be written.
macro_rules! say {
    ($($what:tt)*) => {
        $crate::commands::tell(format_args!($($what)*))?
    };
}

mod bench;
mod box_user;
mod callbacks;
mod calls;
mod check;
mod claim;
mod customers;
mod intents;
mod listening;
mod models;
mod policy;
mod recordings;
mod replay;
mod run;
mod simulate;
mod transcribe;
mod understand;

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use anyhow::Context;

use crate::cli::{BenchCommand, Cli, Command, Failure};

/// Runs the subcommand that was asked for.
pub fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Demo(args) => {
            crate::logging::start("warn")?;
            runtime()?
                .block_on(crate::demo::run(&args))
                .map_err(Failure::Operation)
        }
        Command::Run(args) => {
            crate::logging::start("info")?;
            run::run(&args)
        }
        Command::Check(args) => check::check(&args),
        Command::Claim(args) => claim::claim(&args),
        Command::Transcribe(args) => transcribe::transcribe(&args),
        Command::Understand(args) => understand::understand(&args),
        Command::Intents(command) => intents::intents(command),
        Command::Replay(args) => replay::replay(&args),
        Command::Simulate(args) => simulate::simulate(&args),
        Command::Bench(BenchCommand::Recognition(args)) => bench::recognition(&args),
        Command::Policy(command) => policy::policy(&command),
        Command::Models(command) => models::models(command),
        Command::Callbacks(command) => callbacks::callbacks(&command),
        Command::Calls(command) => calls::calls(&command),
        Command::Customers(args) => customers::customers(args),
        Command::Recordings(command) => recordings::recordings(&command),
    }
}

/// A line on standard output. A reader that has left wants no more lines, and what is to be done is done
/// all the same; a full disk is a fault.
fn tell(line: impl Display) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written.context("cannot write the result")?),
    }
}

/// A line on standard error. Where it cannot be written nothing ends for that: the exit status tells too.
pub fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A value to so many steps a unit: what is measured is not more exact.
fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

/// A time in seconds, to the millisecond.
fn seconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64(), 1e3)
}

/// The runtime of line and media. Two threads are plenty: nothing on them computes for long.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("trunkside")
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_millisecond() {
        let written = |ms| seconds(Duration::from_millis(ms)).to_string();
        let shortest = |ms: u64| {
            let text = format!("{}.{:03}", ms / 1_000, ms % 1_000);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        for ms in (0..20_000).step_by(20) {
            assert_eq!(written(ms), shortest(ms));
        }
    }
}
