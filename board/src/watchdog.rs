//! The hardware watchdog, fed by the pipeline's progress and by nothing else.
//!
//! A watchdog that a timer feeds proves only that the timer runs. Here every stage reports what it
//! took on and what it finished; the watchdog is fed only while each stage either has nothing to
//! do or has finished something within its limit.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::BoardError;

/// A watchdog that resets the box when it is not fed in time.
pub trait WatchdogTimer: Send {
    /// Puts the reset off once more.
    fn feed(&mut self) -> Result<(), BoardError>;

    /// Stops the watchdog for an orderly end; feeding it again arms it again.
    fn disarm(&mut self) -> Result<(), BoardError>;
}

/// What one stage has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Pieces of work taken on.
    pub taken: u64,
    /// Pieces of work finished.
    pub finished: u64,
}

/// Whether the watchdog may be fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every stage is idle or moves.
    Alive,
    /// The stage of this index has had work for too long without finishing any.
    Stuck(usize),
}

/// Judges the progress of a pipeline's stages.
#[derive(Clone, Debug)]
pub struct Watchdog {
    limit: Duration,
    stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
struct Stage {
    last: Progress,
    /// When it last was idle or finished something.
    moved_at: Duration,
}

impl Watchdog {
    /// Watches so many stages; each may work on one thing for `limit`.
    pub fn new(now: Duration, stages: usize, limit: Duration) -> Self {
        let stage = Stage {
            last: Progress::default(),
            moved_at: now,
        };
        Self {
            limit,
            stages: vec![stage; stages],
        }
    }

    /// Looks at the stages' counters, in a fixed order; the first stuck stage is named.
    pub fn judge(&mut self, now: Duration, progress: &[Progress]) -> Verdict {
        let mut verdict = Verdict::Alive;
        for (index, (stage, progress)) in self.stages.iter_mut().zip(progress).enumerate() {
            let idle = progress.taken == progress.finished;
            if idle || progress.finished != stage.last.finished {
                stage.moved_at = now;
            }
            stage.last = *progress;
            let stuck = now.saturating_sub(stage.moved_at) > self.limit;
            if stuck && verdict == Verdict::Alive {
                verdict = Verdict::Stuck(index);
            }
        }
        verdict
    }
}

/// Linux's watchdog device: any byte feeds it, and `V` before closing disarms it.
#[derive(Debug)]
pub struct DeviceWatchdog {
    device: File,
    name: String,
}

impl DeviceWatchdog {
    /// Opens, and thereby arms, a device such as `/dev/watchdog`.
    pub fn open(path: &Path) -> Result<Self, BoardError> {
        let name = format!("watchdog `{}`", path.display());
        match File::options().write(true).open(path) {
            Ok(device) => Ok(Self { device, name }),
            Err(error) => Err(BoardError::GiveUp {
                what: name,
                cause: error.to_string(),
                remedy: "load the watchdog's kernel module and let the service write to it".into(),
            }),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BoardError> {
        self.device
            .write_all(bytes)
            .map_err(|error| BoardError::Rebuild {
                what: self.name.clone(),
                cause: error.to_string(),
            })
    }
}

impl WatchdogTimer for DeviceWatchdog {
    fn feed(&mut self) -> Result<(), BoardError> {
        self.write(b"\0")
    }

    fn disarm(&mut self) -> Result<(), BoardError> {
        self.write(b"V")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn progress(taken: u64, finished: u64) -> Progress {
        Progress { taken, finished }
    }

    #[test]
    fn an_idle_stage_is_alive_for_ever() {
        let mut watchdog = Watchdog::new(Duration::ZERO, 1, seconds(5));
        assert_eq!(
            watchdog.judge(seconds(1000), &[progress(7, 7)]),
            Verdict::Alive
        );
    }

    #[test]
    fn a_stage_with_work_that_never_finishes_is_stuck() {
        let mut watchdog = Watchdog::new(Duration::ZERO, 2, seconds(5));
        let moving = |n| progress(n + 1, n);
        for now in 0..=5 {
            let verdict = watchdog.judge(seconds(now), &[moving(now), progress(3, 2)]);
            assert_eq!(verdict, Verdict::Alive, "at {now} s");
        }
        let verdict = watchdog.judge(seconds(6), &[moving(6), progress(9, 2)]);
        assert_eq!(verdict, Verdict::Stuck(1), "taking on more is no progress");
        let verdict = watchdog.judge(seconds(7), &[moving(7), progress(9, 3)]);
        assert_eq!(verdict, Verdict::Alive, "it moves again");
    }

    #[test]
    fn a_device_is_fed_and_disarmed() {
        let path = std::env::temp_dir().join(format!("watchdog-{}", std::process::id()));
        File::create(&path).expect("a temporary file");
        let mut watchdog = DeviceWatchdog::open(&path).expect("it is there");
        watchdog.feed().expect("it can be written");
        watchdog.disarm().expect("it can be written");
        assert_eq!(std::fs::read(&path).expect("it is there"), b"\0V");
        std::fs::remove_file(&path).expect("it is there");
        let error = DeviceWatchdog::open(&path).expect_err("it is gone");
        assert!(matches!(error, BoardError::GiveUp { .. }), "{error}");
    }
}
