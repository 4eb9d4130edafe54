//! The outbox, opened as soon as the disk lets it: calls do not wait for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_uplink::{Outbox, OutboxError, OutboxOptions};
use trunkside_vault::{KeyFile, KeyProvider};

use crate::recorder::{Post, RETRY};

/// Where the outbox lies, and with which key.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
    key_file: Option<PathBuf>,
}

impl Place {
    /// In a data folder.
    pub fn new(data: &Path, key_file: Option<PathBuf>) -> Self {
        Self {
            folder: data.join("outbox"),
            key_file,
        }
    }

    fn open(&self) -> Result<Outbox, OutboxError> {
        let key = |path| Arc::new(KeyFile::new(path)) as Arc<dyn KeyProvider>;
        let options = OutboxOptions {
            key: self.key_file.clone().map(key),
            ..OutboxOptions::default()
        };
        let (outbox, recovery) = Outbox::open(&self.folder, options)?;
        for problem in &recovery.problems {
            tracing::warn!(%problem, "the outbox was mended");
        }
        Ok(outbox)
    }
}

/// Opens the outbox. A disk that is at fault is no reason to take no calls: then it is opened later,
/// by [`retry`]. Everything else must be mended first.
pub fn open(place: &Place) -> anyhow::Result<watch::Sender<Option<Arc<Outbox>>>> {
    let outbox = match place.open() {
        Ok(outbox) => Some(Arc::new(outbox)),
        Err(error) if error.is_of_the_disk() => {
            tracing::error!(%error, "the outbox cannot be opened; trying again");
            None
        }
        Err(error) => {
            return match &place.key_file {
                Some(path) => {
                    Err(error).with_context(|| format!("with the key file `{}`", path.display()))
                }
                None => Err(error.into()),
            };
        }
    };
    Ok(watch::Sender::new(outbox))
}

/// Opens it later, where [`open`] could not.
pub async fn retry(
    place: Place,
    sender: watch::Sender<Option<Arc<Outbox>>>,
    stop: CancellationToken,
) {
    while sender.borrow().is_none() {
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = stop.cancelled() => return,
        }
        let place = place.clone();
        match tokio::task::spawn_blocking(move || place.open()).await {
            Ok(Ok(outbox)) => {
                tracing::info!("the outbox is open");
                sender.send_replace(Some(Arc::new(outbox)));
            }
            Ok(Err(error)) => tracing::debug!(%error, "the outbox cannot be opened yet"),
            Err(error) => tracing::error!(%error, "opening the outbox ended by a fault"),
        }
    }
}

/// The outbox once it is open; none at `stop`.
pub async fn opened(mut post: Post, stop: &CancellationToken) -> Option<Arc<Outbox>> {
    tokio::select! {
        found = post.wait_for(Option::is_some) => found.ok()?.clone(),
        () = stop.cancelled() => None,
    }
}
