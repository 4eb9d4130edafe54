//! The outbox, opened as soon as the disk lets it: calls do not wait for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_uplink::{Outbox, OutboxError, OutboxOptions};
use trunkside_vault::{KeyFile, KeyProvider};

use crate::cloud::alarm::{self, AlarmWay, Part};
use crate::config::Config;
use crate::key_files::unusable;
use crate::retry::until_mended;
use crate::storage::recorder::Post;

/// What is logged with the reason, once for each.
const NOT_YET: &str = "records for the cloud cannot be queued until this is mended; they wait in the call store, trying again";

/// Where the outbox lies in a data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("outbox")
}

/// Where the outbox lies, with which key, and how much it keeps.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
    key_file: Option<PathBuf>,
    keep_mb: u64,
}

impl Place {
    /// In the data folder.
    pub fn new(config: &Config) -> Self {
        Self {
            folder: folder(&config.data_dir),
            key_file: config.outbox_key_file.clone(),
            keep_mb: config.cloud.keep_mb,
        }
    }

    fn open(&self) -> Result<Outbox, OutboxError> {
        let key = |path| Arc::new(KeyFile::new(path)) as Arc<dyn KeyProvider>;
        let options = OutboxOptions {
            key: self.key_file.clone().map(key),
            ..OutboxOptions::within(self.keep_mb)
        };
        // What was not in order has been told.
        Outbox::open(&self.folder, options).map(|(outbox, _)| outbox)
    }

    /// What is wrong, with the file and what mends it.
    fn explain(&self, error: &OutboxError) -> String {
        match (error, &self.key_file) {
            (OutboxError::Key(error), Some(path)) => unusable("box.outbox_key_file", path, error),
            (error, _) => format!(
                "`{}`: {error}; free disk space, or give the box's user the right to write there",
                self.folder.display()
            ),
        }
    }

    /// The outbox, or why there is none yet. No call needs it; but another process that has it takes
    /// the calls already.
    fn try_open(&self) -> Result<Result<Arc<Outbox>, String>, OutboxError> {
        match self.open() {
            Ok(outbox) => Ok(Ok(Arc::new(outbox))),
            Err(error @ OutboxError::Locked(_)) => Err(error),
            Err(error) => Ok(Err(self.explain(&error))),
        }
    }
}

/// What the alarm is of.
const OUTBOX: Part = Part {
    code: "outbox",
    raised: "records for the cloud could not be queued",
    cleared: "records for the cloud are queued again",
};

/// The outbox to be, and why it cannot be opened yet.
pub type Opening = (watch::Sender<Option<Arc<Outbox>>>, Option<String>);

/// Opens the outbox. Whatever keeps it from being opened is no reason to take no calls: then it is
/// opened later, by [`retry`].
pub fn open(place: &Place) -> anyhow::Result<Opening> {
    let opened = place.try_open()?;
    if let Err(why) = &opened {
        tracing::error!(error = why, "{NOT_YET}");
    }
    let why = opened.as_ref().err().cloned();
    Ok((watch::Sender::new(opened.ok()), why))
}

/// Opens it later, where [`open`] could not.
pub async fn retry(place: Place, (sender, why): Opening, way: AlarmWay) {
    if sender.borrow().is_some() {
        return;
    }
    let attempt = move || match place.try_open() {
        Ok(opened) => opened.map(Some),
        Err(error) => {
            tracing::error!(%error, "the outbox cannot be opened");
            Ok(None)
        }
    };
    let tell = |error: &str| tracing::error!(error, "{NOT_YET}");
    let Some((outbox, why)) = until_mended(why, attempt, tell, &way.stop).await else {
        return;
    };
    tracing::info!("the outbox is open");
    sender.send_replace(Some(outbox));
    for trouble in [why.as_deref(), None] {
        alarm::keep(way.clone(), Some(OUTBOX.alarm(trouble))).await;
    }
}

/// The outbox once it is open; none at `stop`.
pub async fn opened(mut post: Post, stop: &CancellationToken) -> Option<Arc<Outbox>> {
    tokio::select! {
        found = post.wait_for(Option::is_some) => found.ok()?.clone(),
        () = stop.cancelled() => None,
    }
}
