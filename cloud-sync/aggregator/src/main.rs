//! The aggregator as a program: `trunkside-cloud`.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::{Parser, Subcommand};
use jiff::tz::TimeZone;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use trunkside_aggregator::config::ConfigFile;
use trunkside_aggregator::export::SinkError;
use trunkside_aggregator::store::{self, CallFilter, Scope, Store, StoreError};
use trunkside_aggregator::{
    Aggregator, AggregatorConfig, AggregatorError, AuthorityError, Moment, NatsNameError, explain,
    export, log_filter,
};
use trunkside_record::NameError;

mod boxes;
mod keys;

/// Receives, stores and serves what Trunkside boxes record.
#[derive(Parser)]
#[command(
    name = "trunkside-cloud",
    version,
    after_help = "Exit status: 0 success, 1 the operation failed, 2 bad usage or bad input.\n\
    TRUNKSIDE_LOG sets what is logged (error, warn, info, debug, trace, or per module)."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run until interrupted; without any option everything is embedded and on loopback.
    Run(Box<Run>),
    /// Make, list and end the keys of the HTTP interface.
    Keys {
        #[command(subcommand)]
        command: keys::Command,
        #[command(flatten)]
        database: Place,
    },
    /// Admit boxes, and turn them away.
    Boxes {
        #[command(subcommand)]
        command: boxes::Command,
        #[command(flatten)]
        database: Place,
    },
    /// Write calls, transcripts or quality rules into a file.
    Export(Box<Export>),
    /// Print the OpenAPI document of the HTTP interface.
    Openapi,
}

/// Where records are kept.
#[derive(clap::Args, Default)]
struct Place {
    /// A TOML file; cloud-sync/aggregator/config.example.toml shows every key. Relative paths in it start
    /// from its folder.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The folder of the database [default: trunkside-cloud-data].
    #[arg(long, value_name = "DIR", conflicts_with = "database", global = true)]
    data: Option<PathBuf>,
    /// PostgreSQL in place of a file, such as `postgres://user@host/database`.
    #[arg(long, value_name = "ADDRESS", global = true)]
    database: Option<String>,
}

impl Place {
    /// What the flags and the file say together.
    fn read(self) -> anyhow::Result<ConfigFile> {
        let file = match self.config {
            Some(path) => ConfigFile::read(&path)?,
            None => ConfigFile::default(),
        };
        let flags = ConfigFile {
            data: self.data,
            database: self.database,
            ..ConfigFile::default()
        };
        Ok(flags.or(file))
    }
}

#[derive(clap::Args)]
struct Run {
    #[command(flatten)]
    database: Place,
    /// Where HTTP is served [default: 127.0.0.1:8080]; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where the embedded broker listens [default: 127.0.0.1:1883]; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "broker")]
    mqtt_listen: Option<SocketAddr>,
    /// A broker that runs elsewhere: `host:port` of Mosquitto, or `nats://host:port,host:port`.
    #[arg(long, value_name = "ADDRESS")]
    broker: Option<String>,
}

#[derive(clap::Args)]
struct Export {
    /// What: `calls`, one row each; `quality`, one row a phrase of a quality rule that was said and one for each
    /// rule of which none was; or `transcripts`, one row a turn, of which the audit log names who reads them.
    #[arg(value_parser = parse_table)]
    table: export::Table,
    /// Where: a file, an address such as `file:///srv/calls.parquet`, or `-` for standard output.
    #[arg(long, value_name = "DESTINATION")]
    to: String,
    /// `csv` or `parquet`; without it, as the destination's name ends: Parquet where it has no end, CSV
    /// on standard output.
    #[arg(long, value_parser = str::parse::<export::Format>)]
    format: Option<export::Format>,
    /// Only of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only of this branch.
    #[arg(long)]
    branch: Option<String>,
    /// Only calls begun at this time (RFC 3339) or later; a day such as `2026-11-21` is the time when it begins.
    #[arg(long, value_name = "TIME", value_parser = str::parse::<Moment>)]
    since: Option<Moment>,
    /// Only calls begun before this time (RFC 3339), or before this day begins.
    #[arg(long, value_name = "TIME", value_parser = str::parse::<Moment>)]
    until: Option<Moment>,
    /// The time zone in which these days begin, such as `Asia/Shanghai` [default: UTC].
    #[arg(long, value_name = "ZONE", value_parser = parse_zone)]
    tz: Option<TimeZone>,
    #[command(flatten)]
    database: Place,
}

fn parse_table(name: &str) -> Result<export::Table, String> {
    let mut tables = export::Table::ALL.into_iter();
    let found = tables.find(|table| table.name() == name);
    found.ok_or_else(|| format!("`{name}` is no table; use calls, transcripts or quality"))
}

fn parse_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "use a name such as `Asia/Shanghai`".to_owned())
}

/// Bad usage or bad input, as opposed to a failed operation.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(arguments) => {
            let input = config(*arguments).and_then(|config| Ok((config, log_filter("info")?)));
            with(input, run)
        }
        Command::Keys { command, database } => with(checked(database), |file| {
            let store = open(&file, matches!(command, keys::Command::Add { .. }))?;
            keys::run(&command, &*store)
        }),
        Command::Boxes { command, database } => with(checked(database), |file| {
            let config = file.clone().resolve()?;
            command.check(&config)?;
            let store = open(&file, matches!(command, boxes::Command::Claim { .. }))?;
            boxes::run(&command, &config, &*store)
        }),
        Command::Export(mut arguments) => {
            let database = std::mem::take(&mut arguments.database);
            with(checked(database), |file| write_export(*arguments, &file))
        }
        Command::Openapi => report(say(format_args!("{:#}", trunkside_aggregator::openapi()))),
    }
}

/// Does the work with good input, or reports what is wrong with it.
fn with<T>(input: anyhow::Result<T>, work: impl FnOnce(T) -> anyhow::Result<()>) -> ExitCode {
    match input {
        Ok(input) => report(work(input)),
        Err(error) => {
            complain(&error);
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn report(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            if is_input(&error) {
                ExitCode::from(BAD_INPUT)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn complain(error: &anyhow::Error) {
    note(format_args!("trunkside-cloud: {}", explain(error)));
}

/// A line on standard error. Where it cannot be written nothing ends for that: the exit status tells too.
fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Whether other words, and not another try, would have helped.
fn is_input(error: &anyhow::Error) -> bool {
    if let Some(error) = error.downcast_ref::<AggregatorError>() {
        return error.is_input();
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return error.is_input();
    }
    if let Some(error) = error.downcast_ref::<AuthorityError>() {
        return error.is_input();
    }
    matches!(error.downcast_ref(), Some(SinkError::Destination(..)))
        || error.is::<NameError>()
        || error.is::<NatsNameError>()
        || error.is::<boxes::NoBoxes>()
}

fn config(arguments: Run) -> anyhow::Result<AggregatorConfig> {
    let Run {
        database,
        listen,
        mqtt_listen,
        broker,
    } = arguments;
    let flags = ConfigFile {
        listen,
        mqtt_listen,
        broker,
        ..ConfigFile::default()
    };
    Ok(flags.or(database.read()?).resolve()?)
}

/// The configuration of a command that needs only the database.
fn checked(database: Place) -> anyhow::Result<ConfigFile> {
    let file = database.read()?;
    file.clone().resolve()?;
    Ok(file)
}

/// Opens the store; only what begins something may make a new one.
fn open(file: &ConfigFile, may_make: bool) -> anyhow::Result<Arc<dyn Store>> {
    let choice = file.store()?;
    if !may_make {
        choice.must_exist()?;
    }
    Ok(store::open(&choice)?)
}

/// A line on standard output that is shown once: whoever did not read it never has it.
fn hand_over(line: impl Display) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{line}").context("cannot write the result")
}

/// A line on standard output; a reader that has left wants no more.
fn say(line: impl Display) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the result"),
    }
}

fn write_export(arguments: Export, file: &ConfigFile) -> anyhow::Result<()> {
    // Words may be in it, and an object store of files makes them by what is asked for here.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let format = arguments
        .format
        .map_or_else(|| export::format_of(&arguments.to), Ok::<_, SinkError>)?;
    let store = open(file, false)?;
    let zone = arguments.tz.as_ref();
    let begin = |moment: Option<Moment>| {
        let at = moment.map(|moment| moment.at(zone).context(Moment::REMEDY));
        at.transpose()
    };
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
    let export = export::Export {
        table: arguments.table,
        format,
        scope: Scope::ALL,
        filter: CallFilter {
            tenant: arguments.tenant,
            branch: arguments.branch,
            since: begin(arguments.since)?,
            until: begin(arguments.until)?,
            ..CallFilter::default()
        },
        subject: format!("command line ({user})"),
    };
    let writing = export::store_object(export, store, &arguments.to);
    let calls = tokio::runtime::Runtime::new()?.block_on(writing)?;
    if arguments.to == export::STANDARD_OUTPUT {
        // What is said of the table does not go where the table goes.
        note(format_args!("{calls} calls"));
        return Ok(());
    }
    say(format_args!("{calls} calls"))
}

#[tokio::main]
async fn run((config, filter): (AggregatorConfig, EnvFilter)) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // It would be told where the line could not be written, and panic there: a full disk under the log
        // must cost nothing that boxes send.
        .log_internal_errors(false)
        .init();
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let running = Aggregator::start(config).await?;
    if let Err(error) = announce(&running) {
        tracing::warn!("{error:#}; it runs all the same");
    }
    let ended = tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        () = running.broken() => Err(anyhow!(
            "a part of it ended by a fault of this program, which the log names; start it again"
        )),
    };
    running.shutdown().await;
    ended
}

/// Tells people and programs where to go; one line each, so that a script can read them.
fn announce(running: &trunkside_aggregator::Running) -> anyhow::Result<()> {
    say(format_args!("http://{}/", running.http_addr))?;
    if let Some(address) = running.mqtt_addr {
        say(format_args!("mqtt://{address}"))?;
    }
    if let Some(address) = running.mqtts_addr {
        say(format_args!("mqtts://{address}"))?;
    }
    Ok(())
}
