//! The only place of the daemon that reads clocks.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use trunkside_record::Timestamp;

/// Counts from its own start, as the stages are told the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
}

impl Clock {
    /// Starts at zero.
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell's clock, read in one place"
    )]
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The moment at which the clock reads `time`.
    pub fn instant(&self, time: Duration) -> Instant {
        self.began + time
    }

    /// What the clock reads at a moment.
    pub fn time_of(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.began)
    }

    /// Waits until the clock reads `time`; for ever when there is none.
    pub async fn sleep_until(&self, time: Option<Duration>) {
        match time {
            Some(time) => tokio::time::sleep_until(self.instant(time).into()).await,
            None => std::future::pending().await,
        }
    }
}

/// The wall clock, UTC.
pub fn timestamp() -> Timestamp {
    Timestamp::now()
}

/// Whether the system's clock was found to be kept right since the box began.
static IS_KEPT_RIGHT: AtomicBool = AtomicBool::new(false);

/// How long the system has for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long it is left alone at first after a no, then twice as long each time, and at most.
const ASK_AGAIN: [Duration; 2] = [Duration::from_secs(15), Duration::from_mins(10)];

/// Whether the system's clock was set since boot by whatever keeps it right: systemd-timesyncd leaves a mark,
/// of all others [`watch`] knows.
pub fn is_synchronised() -> bool {
    IS_KEPT_RIGHT.load(Ordering::Relaxed)
        || Path::new("/run/systemd/timesync/synchronized").exists()
}

/// Asks the system until the clock is kept right, or `stop`. It goes by what the kernel knows, whom chrony,
/// ntpsec, a GPS or PTP tell by how much the clock may be wrong; to ask the kernel itself takes a system call
/// that no safe code of ours reaches.
pub async fn watch(stop: CancellationToken) {
    let [mut wait, most] = ASK_AGAIN;
    while !is_synchronised() {
        let mut question = Command::new("timedatectl");
        question.args(["show", "--property=NTPSynchronized", "--value"]);
        if says_yes(question).await {
            IS_KEPT_RIGHT.store(true, Ordering::Relaxed);
            tracing::info!("the system's clock is kept right");
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(most),
            () = stop.cancelled() => return,
        }
    }
}

/// Whether a program is there, ends in time and says yes.
async fn says_yes(mut program: Command) -> bool {
    program
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let answer = tokio::time::timeout(ANSWER_WITHIN, program.output()).await;
    matches!(answer, Ok(Ok(output)) if output.stdout.trim_ascii() == b"yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_yes_is_one() {
        let said = |text: &str| {
            let mut program = Command::new("echo");
            program.arg(text);
            says_yes(program)
        };
        assert!(said("yes").await);
        assert!(!said("no").await);
        assert!(!said("").await);
        assert!(!says_yes(Command::new("/no/such/program")).await);
    }
}
