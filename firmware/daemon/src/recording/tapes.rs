//! Tapes for calls: they are recorded as soon as the disk lets the recordings' key and folder be.
//! Until then calls go on unrecorded, and nobody is told that they are.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use trunkside_call::CallId;
use trunkside_media::recording::{RecordingOptions, RecordingWriter, Report, SEALED_AS, Tape};
use trunkside_vault::{KeyFile, KeyProvider, Sealer};

use crate::config::{RecordingConfig, RecordingMode};
use crate::key_files::unusable;
use crate::retry::until_mended;

/// How long voice waits in memory where card numbers are silenced: a number is known to be one when
/// it has been said, and its utterance has ended.
const HOLD_BACK: Duration = Duration::from_secs(20);

/// Where recordings lie in the data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("recordings")
}

/// Whether anything lies in the recordings' folder, which is sealed then.
pub fn holds_any(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some())
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Waiting,
    Open(RecordingWriter),
    Stopped,
}

/// Where calls have their tapes from. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Tapes(Arc<Mutex<State>>);

/// Opens what keeps recordings.
pub struct Opening {
    config: RecordingConfig,
    key_file: PathBuf,
    folder: PathBuf,
    report: Arc<dyn Fn(Report) + Send + Sync>,
}

/// What is logged with the reason, once for each.
const NONE_YET: &str = "no recordings are made until this is mended; trying again";

/// Where calls have their tapes from, if they are to be recorded, and what opens it later where it
/// could not be now, with the reason.
pub fn open(
    config: &RecordingConfig,
    data: &Path,
    report: impl Fn(Report) + Send + Sync + 'static,
) -> (Tapes, Option<(Opening, String)>) {
    let tapes = Tapes::default();
    let (Some(key_file), true) = (&config.key_file, config.mode != RecordingMode::Off) else {
        return (tapes, None);
    };
    let opening = Opening {
        key_file: key_file.clone(),
        config: config.clone(),
        folder: folder(data),
        report: Arc::new(report),
    };
    match opening.writer() {
        Ok(writer) => {
            tapes.begin(writer);
            (tapes, None)
        }
        Err(error) => {
            tracing::error!(error, "{NONE_YET}");
            (tapes, Some((opening, error)))
        }
    }
}

/// Opens it later, where [`open`] could not.
pub async fn retry((opening, why): (Opening, String), tapes: Tapes, stop: CancellationToken) {
    let opening = Arc::new(opening);
    let attempt = move || opening.writer().map(Some);
    let tell = |error: &str| tracing::error!(error, "{NONE_YET}");
    if let Some((writer, _)) = until_mended(Some(why), attempt, tell, &stop).await {
        tracing::info!("recordings can be made");
        tapes.begin(writer);
    }
}

impl Opening {
    /// What writes recordings, or why they cannot be written: the file and what mends it.
    fn writer(&self) -> Result<RecordingWriter, String> {
        let key = KeyFile::new(&self.key_file)
            .key(!holds_any(&self.folder))
            .map_err(|error| unusable("recording.key_file", &self.key_file, &error))?;
        let options = RecordingOptions {
            folder: self.folder.clone(),
            sealer: Sealer::new(&key, SEALED_AS),
            hold_back: self.config.mask_cards.then_some(HOLD_BACK),
            retention: self.config.retention,
        };
        let report = Arc::clone(&self.report);
        RecordingWriter::start(options, Box::new(move |told| report(told))).map_err(|error| {
            format!(
                "`{}` cannot be written: {error}; free disk space, or give the box's user the right to write there",
                self.folder.display()
            )
        })
    }
}

impl Tapes {
    /// A tape for a call, if it can be recorded.
    pub fn tape(&self, call: CallId) -> Option<Tape> {
        match &*self.state() {
            State::Open(writer) => Some(writer.tape(call)),
            State::Waiting | State::Stopped => None,
        }
    }

    /// Frames that the disk was too slow for, since the start.
    pub fn dropped_frames(&self) -> u64 {
        match &*self.state() {
            State::Open(writer) => writer.dropped_frames(),
            State::Waiting | State::Stopped => 0,
        }
    }

    /// Ends every recording, and makes no more.
    pub fn stop(&self, ended_ms: i64) {
        let state = std::mem::replace(&mut *self.state(), State::Stopped);
        if let State::Open(writer) = state {
            writer.stop(ended_ms);
        }
    }

    fn begin(&self, writer: RecordingWriter) {
        let mut state = self.state();
        match *state {
            // Nothing has been recorded yet.
            State::Stopped => writer.stop(0),
            State::Waiting | State::Open(_) => *state = State::Open(writer),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
