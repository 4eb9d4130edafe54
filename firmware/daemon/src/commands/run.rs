//! `trunkside run`: the box, until it is told to stop.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Failure, RunArgs};
use crate::{config, policy, supervisor, wiring};

/// Runs until SIGTERM or Ctrl-C. Warnings are logged; errors end it before it starts.
#[expect(
    clippy::print_stderr,
    reason = "configuration problems are told before logs matter"
)]
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let loaded = config::load(&args.config.file);
    let mut problems = loaded.problems.clone();
    let mut policy = None;
    let mut refused = false;
    if loaded.is_usable() {
        let (found, policy_problems) = policy::load(&loaded.config.policy);
        problems.extend(policy_problems);
        if let Some(found) = &found {
            let config = &loaded.config;
            let recordings = config.recordings.as_deref();
            let missing = crate::recordings::check(recordings, found, &config.policy);
            refused |= !missing.is_empty();
            problems.extend(missing);
        }
        policy = found.filter(|_| !refused);
        let quality_problems = crate::quality::load(&loaded.config.quality).1;
        if !quality_problems.is_empty() {
            policy = None;
        }
        problems.extend(quality_problems);
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    let Some(policy) = policy else {
        return Err(Failure::Said(2));
    };
    super::runtime()?
        .block_on(serve(loaded.config, policy))
        .map_err(Failure::Operation)
}

async fn serve(config: config::Config, policy: trunkside_decision::Policy) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let running = wiring::start(config, policy).await?;
    let [sip_tcp, sip_tls] = running
        .connections
        .map(|address| address.map(tracing::field::display));
    tracing::info!(sip = %running.sip, sip_tcp, sip_tls, "ready");
    supervisor::ready();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        () = running.stop_asked.cancelled() => {}
    }
    tracing::info!("stopping");
    supervisor::stopping();
    running.stop().await;
    Ok(())
}
