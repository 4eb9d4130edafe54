//! Which alarms stand: raised and not cleared. A box that is stopped before a trouble is over clears its
//! alarm at the next start, and raises it anew where it lasts.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use trunkside_record::{Alarm, Body, RedactedText, Severity};
use trunkside_uplink::{Outbox, OutboxError};

use crate::storage::recorder::stamp;

/// The file's name in the data folder.
const FILE: &str = "alarms.raised";

/// The file always has so many bytes, blanks behind the codes: a full disk has room for other codes too.
const FILE_BYTES: usize = 512;

/// Says that an alarm of the last run is over.
const STARTED_ANEW: &str = "the box was started anew; what is not mended raises another alarm";

/// The alarms that the cloud was told of and that nobody has cleared.
#[derive(Debug)]
pub struct RaisedAlarms {
    path: PathBuf,
    codes: Mutex<Codes>,
}

#[derive(Debug)]
struct Codes {
    /// Raised by the last run, and not cleared yet.
    left: BTreeSet<String>,
    raised: BTreeSet<String>,
}

impl RaisedAlarms {
    /// Those that the last run left in a data folder.
    pub fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let left = match fs::read_to_string(&path) {
            Ok(text) => text.split_whitespace().map(str::to_owned).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "alarms of the last run are not cleared");
                BTreeSet::new()
            }
        };
        let raised = BTreeSet::new();
        let codes = Mutex::new(Codes { left, raised });
        Self { path, codes }
    }

    /// Clears what the last run left, then stores an alarm, if there is one.
    pub fn tell(&self, outbox: &Outbox, alarm: Option<Alarm>) -> Result<(), OutboxError> {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let told = codes
            .left
            .iter()
            .map(|code| over(code))
            .chain(alarm.clone());
        let told: Vec<Body> = told.map(Body::from).collect();
        if told.is_empty() {
            return Ok(());
        }
        outbox.append(stamp(), &told)?;
        let had_left = !std::mem::take(&mut codes.left).is_empty();
        let has_changed = alarm.is_some_and(|alarm| {
            if alarm.cleared {
                codes.raised.remove(&alarm.code)
            } else {
                codes.raised.insert(alarm.code)
            }
        });
        if had_left || has_changed {
            self.keep(&codes.raised);
        }
        Ok(())
    }

    fn keep(&self, raised: &BTreeSet<String>) {
        let codes: Vec<&str> = raised.iter().map(String::as_str).collect();
        let text = format!("{:<FILE_BYTES$}", codes.join("\n"));
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let kept = options
            .open(&self.path)
            .and_then(|file| file.write_all_at(text.as_bytes(), 0));
        if let Err(error) = kept {
            tracing::warn!(file = %self.path.display(), %error, "raised alarms cannot be noted");
        }
    }
}

/// The end of an alarm that the last run raised.
fn over(code: &str) -> Alarm {
    Alarm {
        code: code.to_owned(),
        severity: Severity::Minor.into(),
        cleared: true,
        text: RedactedText::or_withheld(STARTED_ANEW),
    }
}

#[cfg(test)]
mod tests {
    use trunkside_record::Lane;
    use trunkside_uplink::OutboxOptions;

    use super::*;
    use crate::storage::tight_disk::TightDisk;

    fn alarm(code: &str, cleared: bool) -> Alarm {
        Alarm {
            cleared,
            ..over(code)
        }
    }

    /// Code and end of each alarm that waits.
    fn told(outbox: &Outbox) -> Vec<(String, bool)> {
        let Some(pending) = outbox.pending(Lane::Alarm, None, 1 << 20).unwrap() else {
            return Vec::new();
        };
        let read = |record: &str| {
            let record: serde_json::Value = serde_json::from_str(record).unwrap();
            let code = record["body"]["code"].as_str().unwrap().to_owned();
            (code, record["body"]["cleared"].as_bool().unwrap())
        };
        let records = pending.records.iter();
        records.map(|record| read(record.get())).collect()
    }

    fn is(code: &str, cleared: bool) -> (String, bool) {
        (code.to_owned(), cleared)
    }

    #[test]
    fn what_the_last_run_raised_is_cleared_once_and_first() {
        let folder = tempfile::tempdir().unwrap();
        let (last, _) = TightDisk::outbox(OutboxOptions::default());
        let raised = RaisedAlarms::open(folder.path());
        for (code, cleared) in [("lamp", false), ("key", false), ("lamp", true)] {
            raised.tell(&last, Some(alarm(code, cleared))).unwrap();
        }
        let raised = RaisedAlarms::open(folder.path());
        let without_ballast = OutboxOptions {
            ballast_bytes: 0,
            ..OutboxOptions::default()
        };
        let (outbox, disk) = TightDisk::outbox(without_ballast);
        disk.leave(0);
        assert!(raised.tell(&outbox, None).is_err());
        disk.leave(100_000);
        raised.tell(&outbox, Some(alarm("key", false))).unwrap();
        raised.tell(&outbox, None).unwrap();
        assert_eq!(told(&outbox), [is("key", true), is("key", false)]);

        let (outbox, _) = TightDisk::outbox(OutboxOptions::default());
        let raised = RaisedAlarms::open(folder.path());
        raised.tell(&outbox, None).unwrap();
        assert_eq!(told(&outbox), [is("key", true)]);
        let (outbox, _) = TightDisk::outbox(OutboxOptions::default());
        RaisedAlarms::open(folder.path())
            .tell(&outbox, None)
            .unwrap();
        assert_eq!(told(&outbox), []);
    }

    #[test]
    fn other_codes_need_no_more_room_and_no_folder_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let (outbox, _) = TightDisk::outbox(OutboxOptions::default());
        let raised = RaisedAlarms::open(folder.path());
        for number in 0..9 {
            let code = format!("alarm_number_{number}");
            raised.tell(&outbox, Some(alarm(&code, false))).unwrap();
            let length = fs::metadata(folder.path().join(FILE)).unwrap().len();
            assert_eq!(length, FILE_BYTES as u64);
        }
        let nowhere = RaisedAlarms::open(&folder.path().join("nowhere"));
        nowhere.tell(&outbox, Some(alarm("lamp", false))).unwrap();
        assert_eq!(told(&outbox).len(), 10);
    }
}
