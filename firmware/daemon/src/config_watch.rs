//! What the box looks at every two seconds, so that changes count while calls run.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{self, Loaded};

/// How often the box changes.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A file, its size and when it was last written.
pub type Stamped = (PathBuf, u64, Duration);

/// How a file is now; none where there is none.
pub fn stamped(path: PathBuf) -> Option<Stamped> {
    let found = fs::metadata(&path).ok()?;
    let written = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((path, found.len(), written))
}

/// The configuration as its file has it, read once for all who wait for it. Clones see the same.
#[derive(Clone, Debug)]
pub struct ConfigWatch(watch::Receiver<Option<Arc<Loaded>>>);

impl ConfigWatch {
    /// Looks at the file, if there is one, now and every two seconds until `stop`.
    pub fn begin(file: Option<PathBuf>, stop: CancellationToken, tasks: &TaskTracker) -> Self {
        let (seen, changes) = watch::channel(None);
        if let Some(path) = file {
            tasks.spawn(stop.run_until_cancelled_owned(look(path, seen)));
        }
        Self(changes)
    }

    /// What the next look finds, changed or not; never where nobody changes.
    pub async fn next(&mut self) -> Arc<Loaded> {
        loop {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if let Some(loaded) = self.0.borrow_and_update().clone() {
                return loaded;
            }
        }
    }
}

async fn look(path: PathBuf, seen: watch::Sender<Option<Arc<Loaded>>>) {
    loop {
        let path = path.clone();
        if let Ok(loaded) = tokio::task::spawn_blocking(move || config::load(&path)).await {
            seen.send_replace(Some(Arc::new(loaded)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_see_each_look_and_none_where_there_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, "[box]\ntenant = \"one\"\n").unwrap();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut first = ConfigWatch::begin(Some(file.clone()), stop.clone(), &tasks);
        let mut second = first.clone();
        let seen = first.next().await;
        assert!(Arc::ptr_eq(&seen, &second.next().await));
        assert_eq!(seen.config.identity.tenant.as_str(), "one");
        fs::write(&file, "[box]\ntenant = \"another\"\n").unwrap();
        let seen = first.next().await;
        assert_eq!(seen.config.identity.tenant.as_str(), "another");
        let mut blind = ConfigWatch::begin(None, stop.clone(), &tasks);
        let waited = tokio::time::timeout(LOOK_EVERY * 10, blind.next()).await;
        assert!(waited.is_err());
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}
