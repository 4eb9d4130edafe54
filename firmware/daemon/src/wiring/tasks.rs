//! What runs beside the sentence until the box stops: each begins once the outbox is open, where it needs that.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trunkside_media::recording::{Archive, Report, Retention};
use trunkside_record::PseudonymKey;

use crate::cloud;
use crate::cloud::alarm::AlarmWay;
use crate::cloud::{device_key, health, outbox};
use crate::config::Config;
use crate::model;
use crate::notice::Notice;
use crate::recording::tapes::Tapes;
use crate::storage::recorder::{self, Post, Standing};

/// How long the uplink may go on sending once the box stops; what is left is on disk.
const DRAIN: Duration = Duration::from_secs(3);

/// How often what is too old is looked for, in the outbox and among the recordings.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// Sends what the outbox holds, from when it is open; returns how many records are left.
pub async fn send(config: Config, way: AlarmWay, tasks: TaskTracker) -> u64 {
    let Some(open) = outbox::opened(way.outbox.clone(), &way.stop).await else {
        return 0;
    };
    match cloud::uplink(&config, open) {
        Ok(uplink) => {
            tasks.spawn(cloud::ACCESS.watch(way.clone(), uplink.trouble()));
            uplink.run(way.stop, DRAIN).await
        }
        Err(error) => {
            tracing::error!(%error, "nothing is sent to the cloud; mend it and restart the box");
            0
        }
    }
}

/// Gives up what waited longer than its lane allows, while the clock can be trusted to say so.
pub async fn expire(outbox: Post, stop: CancellationToken) {
    let Some(outbox) = outbox::opened(outbox, &stop).await else {
        return;
    };
    let mut pace = tokio::time::interval(LOOK_EVERY);
    while stop.run_until_cancelled(pace.tick()).await.is_some() {
        let stamp = recorder::stamp();
        if stamp.clock_trusted {
            let outbox = Arc::clone(&outbox);
            let expired = tokio::task::spawn_blocking(move || outbox.expire(stamp.at)).await;
            expired.expect("the outbox does not panic");
        }
    }
}

/// Tells the cloud how the box does, from when the outbox is open.
pub async fn report_health(
    (outbox, folder): (Post, PathBuf),
    parts: (Arc<Standing>, Tapes),
    (watched, in_force): (broadcast::Receiver<Notice>, watch::Receiver<model::InForce>),
    stop: CancellationToken,
) {
    if let Some(outbox) = outbox::opened(outbox, &stop).await {
        health::report(outbox, folder, parts, watched, in_force, stop).await;
    }
}

/// Looks for the key for pseudonyms until somebody has mended it, and leaves alarms.
pub async fn mend_key(
    (folder, why): (PathBuf, String),
    found: mpsc::Sender<PseudonymKey>,
    way: AlarmWay,
) {
    let trouble = watch::Sender::new(None);
    let told = trouble.subscribe();
    tokio::join!(
        device_key::retry(folder, why, found, trouble, way.stop.clone()),
        device_key::KEY.watch(way, told)
    );
}

/// Deletes recordings whose time has come, also those of a time when calls were recorded.
pub async fn sweep(
    folder: PathBuf,
    retention: Retention,
    report: impl Fn(Report),
    stop: CancellationToken,
) {
    let archive = Archive::new(folder);
    let mut pace = tokio::time::interval(LOOK_EVERY);
    while stop.run_until_cancelled(pace.tick()).await.is_some() {
        let stamp = recorder::stamp();
        // Nothing is too old by a clock that may be wrong.
        let now_ms = stamp.clock_trusted.then(|| stamp.at.as_millisecond());
        let archive = archive.clone();
        let swept = tokio::task::spawn_blocking(move || archive.enforce(retention, now_ms)).await;
        let (gone, errors) = swept.expect("the archive does not panic");
        for (call, why) in gone {
            tracing::info!(%call, why = why.name(), "a recording is deleted");
            report(Report::Deleted { call, why });
        }
        for error in errors {
            tracing::error!(%error, "a recording whose time has come cannot be deleted");
        }
    }
}
