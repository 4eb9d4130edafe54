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

    /// What keeps records that wait from being read, if anything does, and what mends it.
    fn sealed_otherwise(&self, outbox: &Outbox) -> Option<String> {
        let files = outbox.status().aside();
        let key = self.key_file.as_ref().map_or_else(
            || "`box.outbox_key_file` names no key".to_owned(),
            |path| format!("the one in `{}` is another", path.display()),
        );
        (files > 0).then(|| {
            format!(
                "files of the outbox that wait for the key that sealed them: {files}; {key}. Put that key \
                 there and start the box again; if it is gone for good, stop the box and delete the files \
                 that its log names"
            )
        })
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

/// What the alarm is of.
const SEALED: Part = Part {
    code: "outbox_key",
    raised: "records for the cloud cannot be read",
    cleared: "no records for the cloud wait for another key",
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

/// Opens it later, where [`open`] could not, and tells of records that another key has sealed, for as long as
/// any are left.
pub async fn retry(place: Place, opening: Opening, way: AlarmWay) {
    let opened = opening.0.borrow().clone();
    let outbox = match opened {
        Some(outbox) => Some(outbox),
        None => reopen(place.clone(), opening, &way).await,
    };
    let Some(outbox) = outbox else { return };
    let Some(why) = place.sealed_otherwise(&outbox) else {
        return;
    };
    tracing::error!(
        why,
        "records for the cloud cannot be read; their calls go to it again"
    );
    alarm::keep(way.clone(), Some(SEALED.alarm(Some(&why)))).await;
    // The cloud may have them already, and says so once it is reached.
    let are_gone = move || Ok((outbox.status().aside() == 0).then_some(()));
    let gone = until_mended(Some(why), are_gone, |_| {}, &way.stop).await;
    if gone.is_some() {
        tracing::info!("no records for the cloud wait for another key any more");
        alarm::keep(way, Some(SEALED.alarm(None))).await;
    }
}

async fn reopen(place: Place, (sender, why): Opening, way: &AlarmWay) -> Option<Arc<Outbox>> {
    let attempt = move || match place.try_open() {
        Ok(opened) => opened.map(Some),
        Err(error) => {
            tracing::error!(%error, "the outbox cannot be opened");
            Ok(None)
        }
    };
    let tell = |error: &str| tracing::error!(error, "{NOT_YET}");
    let (outbox, why) = until_mended(why, attempt, tell, &way.stop).await?;
    tracing::info!("the outbox is open");
    sender.send_replace(Some(Arc::clone(&outbox)));
    for trouble in [why.as_deref(), None] {
        alarm::keep(way.clone(), Some(OUTBOX.alarm(trouble))).await;
    }
    Some(outbox)
}

/// The outbox once it is open; none at `stop`.
pub async fn opened(mut post: Post, stop: &CancellationToken) -> Option<Arc<Outbox>> {
    tokio::select! {
        found = post.wait_for(Option::is_some) => found.ok()?.clone(),
        () = stop.cancelled() => None,
    }
}

#[cfg(test)]
mod tests {
    use trunkside_record::{Ack, Alarm, Body, Lane, RedactedText, Severity};

    use super::*;
    use crate::storage::recorder::stamp;

    fn place(data: &Path) -> Place {
        Place {
            folder: folder(data),
            key_file: Some(data.join("key")),
            keep_mb: 104,
        }
    }

    fn alarm() -> Body {
        let text = RedactedText::or_withheld("something");
        Alarm {
            code: "x".to_owned(),
            severity: Severity::Minor.into(),
            cleared: false,
            text,
        }
        .into()
    }

    #[test]
    fn a_key_that_is_gone_is_asked_for_and_no_other_takes_its_place() {
        let data = tempfile::tempdir().unwrap();
        let (place, key) = (place(data.path()), data.path().join("key"));
        let outbox = place.try_open().unwrap().unwrap();
        outbox.append(stamp(), &[alarm()]).unwrap();
        drop(outbox);
        let aside = data.path().join("aside");
        std::fs::rename(&key, &aside).unwrap();
        let why = place.try_open().unwrap().unwrap_err();
        assert!(
            why.contains("`box.outbox_key_file`") && why.contains("put it back"),
            "{why}"
        );
        assert!(!key.exists());
        assert!(trunkside_uplink::holds_sealed_records(&place.folder));
        std::fs::rename(&aside, &key).unwrap();
        let outbox = place.try_open().unwrap().unwrap();
        assert_eq!(outbox.status().records(), 1);
        assert_eq!(place.sealed_otherwise(&outbox), None);
    }

    #[test]
    fn records_that_lie_open_need_no_key_that_was_there_before() {
        let data = tempfile::tempdir().unwrap();
        let sealed = place(data.path());
        let open = Place {
            key_file: None,
            ..sealed.clone()
        };
        let outbox = open.try_open().unwrap().unwrap();
        outbox.append(stamp(), &[alarm()]).unwrap();
        drop(outbox);
        assert!(!trunkside_uplink::holds_sealed_records(&open.folder));
        let outbox = sealed.try_open().unwrap().unwrap();
        assert_eq!(outbox.status().records(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn records_that_another_key_has_sealed_leave_an_alarm_until_none_are_left() {
        let data = tempfile::tempdir().unwrap();
        let place = place(data.path());
        let outbox = place.try_open().unwrap().unwrap();
        let sealed = outbox.append(stamp(), &[alarm()]).unwrap().remove(0);
        drop(outbox);
        std::fs::write(data.path().join("key"), [7; 32]).unwrap();
        let opening = open(&place).unwrap();
        let outbox = opening.0.borrow().clone().unwrap();
        let way = AlarmWay::into(Some(Arc::clone(&outbox)), data.path());
        let mut stored = outbox.changes();
        let confirming = async {
            stored.changed().await.unwrap();
            assert_eq!(outbox.status().aside(), 1);
            // The cloud had it before the key was lost.
            outbox.acked(Ack {
                epoch: sealed.epoch,
                sequence: sealed.sequence,
            });
        };
        tokio::join!(retry(place, opening, way), confirming);
        let pending = outbox.pending(Lane::Alarm, None, 1 << 20).unwrap().unwrap();
        let told = pending.records.iter().map(|record| {
            let told: serde_json::Value = serde_json::from_str(record.get()).unwrap();
            let body = &told["body"];
            (body["code"].clone(), body["cleared"].clone())
        });
        let told: Vec<_> = told.collect();
        let is = |cleared: bool| (SEALED.code.into(), cleared.into());
        assert_eq!(told, [is(false), is(true)]);
    }
}
