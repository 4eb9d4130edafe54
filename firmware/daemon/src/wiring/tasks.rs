//! What runs beside the sentence until the box stops: each begins once the outbox is open, where it needs that.

use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trunkside_media::recording::{Archive, Report, Retention};
use trunkside_record::{PseudonymKey, Timestamp};
use trunkside_uplink::Stamp;

use crate::cloud;
use crate::cloud::alarm::{AlarmWay, Part};
use crate::cloud::{device_key, health, outbox};
use crate::config::Config;
use crate::hearing::Figures;
use crate::model;
use crate::notice::Notice;
use crate::recording::tapes::Tapes;
use crate::retry::until_mended;
use crate::storage::recorder::{self, Post, Standing};
use crate::storage::store::keeping::Horizon;

/// What the alarm is of.
const VOICE: Part = Part {
    code: "voice_address",
    raised: "calls are refused, for the box cannot receive voice",
    cleared: "the box can receive voice",
};

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
    (outbox, folder, gather): (Post, PathBuf, Duration),
    parts: (Arc<Standing>, Tapes, impl Fn() -> Figures + Send),
    watched: broadcast::Receiver<Notice>,
    seen: (
        watch::Receiver<model::InForce>,
        watch::Receiver<Option<Timestamp>>,
    ),
    stop: CancellationToken,
) {
    if let Some(outbox) = outbox::opened(outbox, &stop).await {
        health::report(outbox, (folder, gather), parts, watched, seen, stop).await;
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

/// Looks for the address that voice is received at, which a network may bring late, until the box has it,
/// and leaves alarms.
pub async fn await_voice(address: IpAddr, way: AlarmWay) {
    let attempt = move || {
        UdpSocket::bind((address, 0)).map(Some).map_err(|error| {
            format!("`line.advertise` is `{address}`, where no socket can be opened: {error}; set it to an \
                     address of the box")
        })
    };
    let Err(why) = attempt() else {
        return;
    };
    let tell = |why: &str| tracing::error!(why, "every call is refused until this is mended");
    tell(&why);
    let (trouble, told) = watch::channel(Some(why.clone()));
    let stop = way.stop.clone();
    let mending = async move {
        if until_mended(Some(why), attempt, tell, &stop)
            .await
            .is_some()
        {
            tracing::info!(%address, "voice can be received");
            trouble.send_replace(None);
        }
    };
    tokio::join!(mending, VOICE.watch(way, told));
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
        let now_ms = judges_age(stamp, retention.age);
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

/// The time by which recordings are too old, as calls are; none while the clock is plainly wrong.
fn judges_age(stamp: Stamp, keep: Duration) -> Option<i64> {
    let now_ms = stamp.at.as_millisecond();
    Horizon::new(now_ms, stamp.clock_trusted, keep).map(|_| now_ms)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio_util::sync::CancellationToken;
    use trunkside_record::Lane;
    use trunkside_uplink::{Outbox, OutboxOptions};

    use super::*;

    #[test]
    fn recordings_are_too_old_by_a_clock_that_nobody_keeps_right_too() {
        let judged = |second, clock_trusted| {
            let at = trunkside_record::Timestamp::from_second(second).unwrap();
            let stamp = Stamp { at, clock_trusted };
            judges_age(stamp, Duration::from_secs(86_400))
        };
        assert_eq!(judged(1_795_248_000, false), Some(1_795_248_000_000));
        assert_eq!(judged(1_795_248_000, true), Some(1_795_248_000_000));
        assert_eq!(judged(5, false), None, "it was never set");
    }

    #[tokio::test]
    async fn an_address_for_voice_that_the_box_lacks_is_told_to_the_cloud() {
        let folder = tempfile::tempdir().unwrap();
        let (outbox, _) = Outbox::open(folder.path(), OutboxOptions::default()).unwrap();
        let outbox = Arc::new(outbox);
        let way = AlarmWay::into(Some(Arc::clone(&outbox)), Path::new(folder.path()));
        let stop: CancellationToken = way.stop.clone();
        await_voice("127.0.0.1".parse().unwrap(), way.clone()).await;
        let telling = async {
            outbox.changes().changed().await.unwrap();
            stop.cancel();
        };
        let elsewhere = "192.0.2.77".parse().unwrap();
        tokio::join!(await_voice(elsewhere, way), telling);
        let pending = outbox.pending(Lane::Alarm, None, 1 << 20).unwrap().unwrap();
        let alarm: serde_json::Value = serde_json::from_str(pending.records[0].get()).unwrap();
        assert_eq!(pending.records.len(), 1);
        assert_eq!(alarm["body"]["code"], VOICE.code);
    }
}
