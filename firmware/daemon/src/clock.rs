//! The only place of the daemon that reads clocks.

use std::path::Path;
use std::time::{Duration, Instant};

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

/// Whether the system's clock was set by a time server since boot (systemd-timesyncd's mark, or
/// chrony's).
pub fn is_synchronised() -> bool {
    Path::new("/run/systemd/timesync/synchronized").exists()
        || Path::new("/run/chrony/synchronized").exists()
}
