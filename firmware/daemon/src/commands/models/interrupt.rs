//! Lets a command that is told to stop end between two of its steps, so that it can clear up after itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, anyhow};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Failure;
use crate::commands::complain;

/// Whether somebody wants the command to end (SIGINT, SIGTERM). A second signal ends the process at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on signals are noted and end nothing by themselves.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let unheard = "cannot wait for signals";
        let runtime = runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.context(unheard)?;
        let (mut interrupt, mut terminate) = {
            let _entered = runtime.enter();
            let interrupt = signal(SignalKind::interrupt()).context(unheard)?;
            (interrupt, signal(SignalKind::terminate()).context(unheard)?)
        };
        let noted = Self::default();
        let told = noted.clone();
        let wait = move || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    if told.0.swap(true, Ordering::Relaxed) {
                        std::process::exit(1);
                    }
                    complain("stopping; once more to end at once");
                }
            });
        };
        let thread = thread::Builder::new().name("signals".to_owned());
        thread.spawn(wait).context(unheard)?;
        Ok(noted)
    }

    /// Fails once somebody wants the command to end.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Failure::Operation(anyhow!(
                "stopped before its end; nothing was added"
            )));
        }
        Ok(())
    }
}
