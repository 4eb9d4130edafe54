//! The aggregator as a program: `trunkside-cloud`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use trunkside_aggregator::config::ConfigFile;
use trunkside_aggregator::{Aggregator, AggregatorConfig, QUIET};

/// Receives, stores and serves what Trunkside boxes record.
#[derive(Parser)]
#[command(name = "trunkside-cloud", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run until interrupted; without any option everything is embedded and on loopback.
    Run(Run),
    /// Print the OpenAPI document of the HTTP interface.
    Openapi,
}

#[derive(clap::Args)]
struct Run {
    /// A TOML file with `listen`, `mqtt_listen` or `broker`, and `data`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where HTTP is served [default: 127.0.0.1:8080]; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where the embedded broker listens [default: 127.0.0.1:1883]; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "broker")]
    mqtt_listen: Option<SocketAddr>,
    /// A broker that runs elsewhere, such as Mosquitto, in place of the embedded one.
    #[arg(long, value_name = "HOST:PORT")]
    broker: Option<String>,
    /// The folder of the database [default: trunkside-cloud-data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Bad usage or bad input, as opposed to a failed operation.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(arguments) => match config(arguments) {
            Ok(config) => report(run(config)),
            Err(error) => {
                complain(&error);
                ExitCode::from(BAD_INPUT)
            }
        },
        Command::Openapi => report(print_openapi()),
    }
}

fn report(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "errors of a command go to standard error"
)]
fn complain(error: &anyhow::Error) {
    eprintln!("trunkside-cloud: {error:#}");
}

fn config(arguments: Run) -> anyhow::Result<AggregatorConfig> {
    let Run {
        config,
        listen,
        mqtt_listen,
        broker,
        data,
    } = arguments;
    let file = config
        .map(|path| ConfigFile::read(&path))
        .transpose()?
        .unwrap_or_default();
    Ok(ConfigFile {
        listen,
        mqtt_listen,
        broker,
        data,
    }
    .or(file)
    .resolve()?)
}

#[expect(clippy::print_stdout, reason = "the document is the command's result")]
fn print_openapi() -> anyhow::Result<()> {
    println!("{}", trunkside_aggregator::openapi().to_pretty_json()?);
    Ok(())
}

#[tokio::main]
async fn run(config: AggregatorConfig) -> anyhow::Result<()> {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| format!("info,{QUIET}"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let running = Aggregator::start(config).await?;
    announce(&running);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    running.shutdown().await;
    Ok(())
}

/// Tells people and programs where to go; one line each, so that a script can read them.
#[expect(
    clippy::print_stdout,
    reason = "the addresses are the command's result"
)]
fn announce(running: &trunkside_aggregator::Running) {
    println!("http://{}/", running.http_addr);
    if let Some(address) = running.mqtt_addr {
        println!("mqtt://{address}");
    }
}
