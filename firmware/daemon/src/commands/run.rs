//! `trunkside run`: the box, until it is told to stop.

use anyhow::{Context, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::complain;
use crate::cli::{Failure, RunArgs, STOPPED_BY_BUTTON};
use crate::{config, policy, systemd, wiring};

/// Runs until SIGTERM, Ctrl-C or the button. What is wrong with the configuration ends it before it starts, or
/// with the policy where none is kept; calls are taken without anything else.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let loaded = config::load(&args.config.file);
    let mut problems = loaded.problems.clone();
    let mut beginning = None;
    if loaded.is_usable() {
        match policy::Beginning::find(&loaded.config) {
            Ok(found) => {
                problems.extend(found.problems.iter().cloned());
                beginning = Some(found);
            }
            Err(found) => problems.extend(found),
        }
    }
    for problem in &problems {
        complain(problem);
    }
    let Some(beginning) = beginning else {
        return Err(Failure::Said(2));
    };
    super::runtime()?.block_on(serve(loaded.config, beginning))
}

async fn serve(config: config::Config, beginning: policy::Beginning) -> Result<(), Failure> {
    let terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let running = wiring::start(config, beginning).await?;
    let [sip_tcp, sip_tls] = running
        .connections
        .map(|address| address.map(tracing::field::display));
    tracing::info!(sip = %running.sip, sip_tcp, sip_tls, "ready");
    systemd::ready();
    let ended = until_asked(terminate, &running.stop_asked, &running.ended).await;
    if let Err(Failure::Operation(_)) = ended {
        // No call is left that could end in good order, and what is on disk is safe.
        return ended;
    }
    tracing::info!("stopping");
    systemd::stopping();
    running.stop().await;
    ended
}

/// Waits until somebody asks the box to stop. Whoever holds its button wants it to stay so: the
/// supervisor, which starts it again otherwise, knows that by the exit status. A box whose pipeline has
/// `ended` by a fault takes no calls: it ends at once, to be started again.
async fn until_asked(
    mut terminate: Signal,
    button: &CancellationToken,
    ended: &CancellationToken,
) -> Result<(), Failure> {
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
        () = button.cancelled() => Err(Failure::Said(STOPPED_BY_BUTTON)),
        () = ended.cancelled() => Err(Failure::Operation(anyhow!(
            "what takes calls has ended by a fault, of which the log tells; start the box again"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_box_that_its_button_stopped_is_not_started_again() {
        let terminate = signal(SignalKind::terminate()).unwrap();
        let button = CancellationToken::new();
        button.cancel();
        let ended = until_asked(terminate, &button, &CancellationToken::new()).await;
        let status = ended.expect_err("it says why").status();
        let unit = include_str!("../../../../packaging/systemd/trunkside.service");
        for setting in ["SuccessExitStatus", "RestartPreventExitStatus"] {
            let line = format!("{setting}={status}");
            assert!(unit.lines().any(|of| of == line), "{line}");
        }
    }

    #[tokio::test]
    async fn a_box_that_takes_no_calls_any_more_ends_so_that_it_is_started_again() {
        let terminate = signal(SignalKind::terminate()).unwrap();
        let (button, fallen) = (CancellationToken::new(), CancellationToken::new());
        fallen.cancel();
        let ended = until_asked(terminate, &button, &fallen).await;
        let status = ended.expect_err("it says why").status();
        assert!(status != 0 && status != STOPPED_BY_BUTTON);
    }
}
