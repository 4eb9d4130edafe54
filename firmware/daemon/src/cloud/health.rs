//! How the box does, told to the cloud: when it starts, and every five minutes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use trunkside_call::CallId;
use trunkside_record::{Body, DeviceHealth, Lane, RecognitionHealth, Timestamp};
use trunkside_uplink::{Outbox, OutboxStatus};

use crate::clock::Clock;
use crate::hearing::Figures;
use crate::model::InForce;
use crate::notice::{Event, Notice};
use crate::recording::tapes::Tapes;
use crate::storage::gathering::Gathering;
use crate::storage::recorder::{self, Standing};

/// How often the box is looked at.
const EVERY: Duration = Duration::from_mins(5);

/// Reports that are worth a flush of the outbox, where the cloud has not got them.
const ENOUGH: usize = 6;

/// How reports wait for each other: twice as long as calls do.
pub(crate) const fn gathering(calls_wait: Duration) -> Gathering {
    Gathering::new(ENOUGH, calls_wait.saturating_mul(2))
}

/// Calls, as the notices tell of them.
#[derive(Debug, Default)]
struct Calls {
    begun: u64,
    active: HashSet<CallId>,
}

impl Calls {
    fn take(&mut self, notice: &Notice) {
        match notice.event {
            Event::Offered | Event::CalledBack => {
                self.begun += 1;
                self.active.insert(notice.call);
            }
            Event::Ended { .. } => {
                self.active.remove(&notice.call);
            }
            _ => {}
        }
    }
}

/// Puts a record into the outbox at every turn, and when the speech model changes, until `stop`. `folder` is
/// where records lie, `gather` how long calls wait for the cloud before they go to the disk, `certificate` when
/// the box's ends.
pub async fn report(
    outbox: Arc<Outbox>,
    (folder, gather): (PathBuf, Duration),
    (recorder, tapes, recognition): (Arc<Standing>, Tapes, impl Fn() -> Figures + Send),
    mut notices: broadcast::Receiver<Notice>,
    (mut models, certificate): (watch::Receiver<InForce>, watch::Receiver<Option<Timestamp>>),
    stop: CancellationToken,
) {
    let clock = Clock::start();
    let mut calls = Calls::default();
    let mut pace = tokio::time::interval(EVERY);
    let mut gathering = gathering(gather);
    loop {
        tokio::select! {
            _ = pace.tick() => {}
            // None changes any more where nothing is watched.
            Ok(()) = models.changed() => {}
            notice = notices.recv() => {
                match notice {
                    Ok(notice) => calls.take(&notice),
                    // Some calls' ends may be among what was missed: better none than for ever.
                    Err(RecvError::Lagged(_)) => calls.active.clear(),
                    Err(RecvError::Closed) => return,
                }
                continue;
            }
            () = stop.cancelled() => return keep(&outbox).await,
        }
        let in_force = models.borrow_and_update().clone();
        let mut health = health(clock.now(), &calls, &in_force, &outbox, &folder).await;
        health.unstored_calls = recorder.unstored();
        health.records_given_up = recorder.given_up();
        health.recording_frames_dropped = tapes.dropped_frames();
        health.recognition = Some(recognition_health(&recognition()));
        health.certificate_ends_at = *certificate.borrow();
        if gathering.is_due(clock.now()) {
            keep(&outbox).await;
            gathering.end();
        }
        tell(&outbox, health.into()).await;
        gathering.add(clock.now(), 1);
    }
}

/// Sends a report; one that cannot be sent is worth nothing later.
async fn tell(outbox: &Arc<Outbox>, report: Body) {
    let outbox = Arc::clone(outbox);
    let post = move || outbox.post_each([(recorder::stamp(), &report)].into_iter());
    let posted = tokio::task::spawn_blocking(post).await;
    if let Some(error) = posted.expect("the outbox does not panic").fault {
        tracing::warn!(%error, "the cloud is not told how the box does");
    }
}

/// Brings the reports to the disk that the cloud has not got yet.
async fn keep(outbox: &Arc<Outbox>) {
    let outbox = Arc::clone(outbox);
    let flushed = tokio::task::spawn_blocking(move || outbox.flush(&[Lane::Fleet])).await;
    if let Err(error) = flushed.expect("the outbox does not panic") {
        tracing::warn!(%error, "reports of how the box does may be lost");
    }
}

fn recognition_health(figures: &Figures) -> RecognitionHealth {
    RecognitionHealth {
        busy: figures.busy,
        waited_s: figures.waited.as_secs_f32(),
        hop: figures.hop,
        longest_hop: figures.longest_hop,
        unheard_calls: u32::try_from(figures.unheard).unwrap_or(u32::MAX),
        unheard_frames: figures.lost_frames,
    }
}

async fn health(
    uptime: Duration,
    calls: &Calls,
    in_force: &InForce,
    outbox: &Arc<Outbox>,
    folder: &Path,
) -> DeviceHealth {
    let (outbox, folder) = (Arc::clone(outbox), folder.to_owned());
    let machine = tokio::task::spawn_blocking(move || {
        let thermal = Path::new("/sys/class/thermal");
        let free = rustix::fs::statvfs(&folder).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
        (outbox.status(), free, hottest(thermal), resident())
    });
    let (queue, disk_free_bytes, temperature_c, resident_bytes) = machine
        .await
        .expect("looking at the machine does not panic");
    DeviceHealth {
        software: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: uptime.as_secs(),
        active_calls: calls.active.len() as u32,
        calls: calls.begun,
        resident_bytes,
        disk_free_bytes,
        temperature_c,
        queued_records: queue.records(),
        queue_age_s: queue_age_s(&queue, recorder::stamp().at),
        wear: queue.wear.ratio(),
        model: in_force.model_name().to_owned(),
        model_changes: in_force.changes,
        models_refused: in_force.refused,
        ..DeviceHealth::default()
    }
}

/// Seconds that the oldest record has waited; 0 when the clock went back meanwhile.
fn queue_age_s(queue: &OutboxStatus, now: Timestamp) -> u64 {
    queue.oldest().map_or(0, |oldest| {
        u64::try_from(now.duration_since(oldest).as_secs()).unwrap_or(0)
    })
}

/// Bytes that this process has resident in memory, as Linux tells (proc(5)); 0 when it does not.
pub(crate) fn resident() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| resident_in(&status))
}

fn resident_in(status: &str) -> u64 {
    let kilobytes = |line: &str| {
        let text = line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?;
        text.trim().parse::<u64>().ok()
    };
    status.lines().find_map(kilobytes).unwrap_or(0) * 1_024
}

/// The hottest of the kernel's thermal zones; none where there are none.
fn hottest(zones: &Path) -> Option<f32> {
    let entries = std::fs::read_dir(zones).ok()?;
    let celsius = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path().join("temp")).ok()?;
        text.trim()
            .parse::<i32>()
            .ok()
            .map(|milli| milli as f32 / 1_000.0)
    };
    let all = entries.filter_map(|entry| celsius(entry.ok()?));
    all.max_by(f32::total_cmp)
}

#[cfg(test)]
mod tests {
    use trunkside_uplink::OutboxOptions;

    use super::*;

    #[test]
    fn memory_and_temperature_are_read_as_linux_tells_them() {
        assert_eq!(resident_in("Name:\tx\nVmRSS:\t   2048 kB\n"), 2_097_152);
        assert_eq!(resident_in("VmRSS: much"), 0);
        assert!(resident() > 0);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(hottest(folder.path()), None);
        for (zone, text) in [("a", "41500\n"), ("b", "52250\n"), ("c", "?")] {
            std::fs::create_dir(folder.path().join(zone)).unwrap();
            std::fs::write(folder.path().join(zone).join("temp"), text).unwrap();
        }
        assert_eq!(hottest(folder.path()), Some(52.25));
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_waits_at_once_and_after_five_minutes_and_counts_calls() {
        let folder = tempfile::tempdir().unwrap();
        let (outbox, _) = Outbox::open(folder.path(), OutboxOptions::default()).unwrap();
        let outbox = Arc::new(outbox);
        let (sender, notices) = broadcast::channel(8);
        let stop = CancellationToken::new();
        let data = folder.path().to_owned();
        let (_models, in_force) = watch::channel(crate::model::tests::tones_in_force());
        let ends_at: Timestamp = "2031-11-23T00:00:00Z".parse().unwrap();
        let (_ends, certificate) = watch::channel(Some(ends_at));
        let reporting = report(
            Arc::clone(&outbox),
            (data, Duration::ZERO),
            (Arc::default(), Tapes::default(), || Figures {
                hop: 4,
                unheard: 3,
                ..Figures::default()
            }),
            notices,
            (in_force, certificate),
            stop.clone(),
        );
        let telling = async {
            let mut stored = outbox.changes();
            stored.changed().await.unwrap();
            for number in 1..=2_u32 {
                let call = format!("01990000-0000-7000-8000-{number:012}")
                    .parse()
                    .unwrap();
                let at = Duration::ZERO;
                let event = if number == 1 {
                    Event::Offered
                } else {
                    Event::CalledBack
                };
                sender.send(Notice { call, at, event }).unwrap();
                if number == 1 {
                    let event = Event::Ended {
                        outcome: "failed".to_owned(),
                    };
                    sender.send(Notice { call, at, event }).unwrap();
                }
            }
            stored.changed().await.unwrap();
            stop.cancel();
        };
        tokio::join!(reporting, telling);
        let pending = outbox.pending(Lane::Fleet, None, 100_000).unwrap().unwrap();
        let body = |place: usize| -> serde_json::Value {
            let entry: serde_json::Value =
                serde_json::from_str(pending.records[place].get()).unwrap();
            entry["body"].clone()
        };
        assert_eq!(pending.records.len(), 2);
        assert_eq!(
            (body(0)["calls"].as_u64(), body(0)["kind"].as_str()),
            (Some(0), Some("health"))
        );
        assert_eq!(
            (body(1)["calls"].as_u64(), body(1)["active_calls"].as_u64()),
            (Some(2), Some(1))
        );
        assert_eq!(body(1)["model"], "tones");
        assert_eq!(body(1)["certificate_ends_at"], "2031-11-23T00:00:00Z");
        let recognition = &body(1)["recognition"];
        assert_eq!(recognition["hop"], 4);
        assert_eq!(recognition["unheard_calls"], 3);
        assert!(body(1)["disk_free_bytes"].as_u64() > Some(0));
    }
}
