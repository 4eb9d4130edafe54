//! When the certificate ends that the box shows the cloud. It is told well before: the boxes of one roll-out
//! would otherwise fall silent in the same weeks.

use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::watch;
use trunkside_record::Timestamp;

use crate::clock;
use crate::cloud::alarm::{AlarmWay, Part};
use crate::cloud::{access, read_again};
use crate::config::{CloudConfig, Config};

/// So long before its end somebody is told.
const TELL_BEFORE: Duration = Duration::from_hours(60 * 24);

/// How often the file is looked at, which a claim replaces.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// What the alarm is of.
pub const ENDING: Part = Part {
    code: "cloud_certificate",
    raised: "the box will not reach the cloud without a new certificate",
    cleared: "the box has a certificate that is good for long",
};

/// A certificate for which somebody must do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whether it has ended.
    pub is_over: bool,
    /// The key, the file, its end, and what mends it.
    pub message: String,
}

/// When it ends; none where the box shows none, and where the file cannot be used, which is told elsewhere.
pub fn ends_at(cloud: &CloudConfig) -> Option<Timestamp> {
    access(cloud).tls?.ends_at().ok()?
}

/// What is to be done by now, if it ends soon.
pub fn due(cloud: &CloudConfig, now: Timestamp) -> Option<Due> {
    let ends_at = ends_at(cloud).filter(|ends_at| *ends_at < now + TELL_BEFORE)?;
    let (path, _) = cloud.certificate.as_ref()?;
    let is_over = ends_at <= now;
    // In words: more than a few digits in a row do not leave the box.
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string();
    let ends = if is_over {
        format!(
            "ended on {} by the box's clock, which says {}: set the clock if that is wrong; otherwise",
            day(ends_at),
            day(now)
        )
    } else {
        format!("ends on {};", day(ends_at))
    };
    let message = format!(
        "`cloud.cert_file` names `{}`, which {ends} ask the operator for a new code and run `trunkside claim` \
         as the first time; the box need not be started again",
        path.display()
    );
    Some(Due { is_over, message })
}

/// Looks at the certificate until the box stops: tells when it ends, and leaves an alarm from when it ends soon
/// until there is a new one.
pub async fn watch(config: Config, ends: watch::Sender<Option<Timestamp>>, way: AlarmWay) {
    let (trouble, told) = watch::channel(None);
    let stop = way.stop.clone();
    let looking = async move {
        let mut pace = tokio::time::interval(LOOK_EVERY);
        while stop.run_until_cancelled(pace.tick()).await.is_some() {
            let config = config.clone();
            let look = move || {
                let cloud = read_again(&config).ok()?;
                Some((ends_at(&cloud)?, due(&cloud, clock::timestamp())))
            };
            let seen = tokio::task::spawn_blocking(look).await;
            // Of what cannot be read now, the last that could be counts.
            let Some((ends_at, due)) = seen.expect("reading a file does not panic") else {
                continue;
            };
            ends.send_replace(Some(ends_at));
            let why = due.map(|due| due.message);
            if let Some(why) = &why
                && trouble.borrow().is_none()
            {
                tracing::warn!(why, "the box's certificate for the cloud must be replaced");
            }
            trouble.send_replace(why);
        }
    };
    tokio::join!(looking, ENDING.watch(way, told));
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use rcgen::{CertificateParams, KeyPair};
    use trunkside_record::Lane;
    use trunkside_uplink::{Outbox, OutboxOptions};

    use super::*;
    use crate::config;

    /// A box's certificate that ends so many days from now.
    fn write_certificate(path: &Path, days: u64) {
        let at = clock::timestamp() + Duration::from_hours(24 * days);
        let date = at.to_zoned(TimeZone::UTC).date();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_after =
            rcgen::date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8);
        let pair = KeyPair::generate().unwrap();
        let text = params.self_signed(&pair).unwrap().pem();
        let new = path.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    fn box_with_certificate(days: u64) -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let text = "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n[line]\nlisten = '127.0.0.1:0'\n\
                    [cloud]\nca_file = 'box.pem'\ncert_file = 'box.pem'\nkey_file = 'box.key'\n";
        std::fs::write(&path, text).unwrap();
        std::fs::write(folder.path().join("box.key"), "").unwrap();
        write_certificate(&folder.path().join("box.pem"), days);
        let config = config::load(&path).config;
        (folder, config)
    }

    #[test]
    fn an_end_is_told_sixty_days_before_it_comes() {
        let (_folder, config) = box_with_certificate(100);
        let ends_at = ends_at(&config.cloud).unwrap();
        let told = |now| due(&config.cloud, now);
        let hour = Duration::from_hours(1);
        assert_eq!(told(ends_at - TELL_BEFORE - hour), None);
        let soon = told(ends_at - TELL_BEFORE + hour).unwrap();
        let day = ends_at.strftime("%-d %B %Y").to_string();
        for part in ["`cloud.cert_file`", "box.pem`", &day, "`trunkside claim`"] {
            assert!(soon.message.contains(part), "{part}: {}", soon.message);
        }
        assert!(!soon.is_over && !soon.message.contains("clock"));
        let over = told(ends_at + hour).unwrap();
        assert!(over.is_over && over.message.contains("set the clock if that is wrong"));
        let without = CloudConfig {
            certificate: None,
            ..config.cloud.clone()
        };
        assert_eq!(due(&without, ends_at), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_comes_soon_leaves_an_alarm_until_the_box_is_claimed_anew() {
        let (folder, config) = box_with_certificate(30);
        let queue = folder.path().join("outbox");
        let outbox = Arc::new(Outbox::open(&queue, OutboxOptions::default()).unwrap().0);
        let way = AlarmWay::into(Some(Arc::clone(&outbox)), folder.path());
        let stop = way.stop.clone();
        let (ends, mut ends_at) = watch::channel(None);
        let mut stored = outbox.changes();
        let claiming = async {
            stored.changed().await.unwrap();
            let first = ends_at.borrow_and_update().unwrap();
            write_certificate(&folder.path().join("box.pem"), 1_800);
            stored.changed().await.unwrap();
            assert!(ends_at.borrow().unwrap() > first);
            stop.cancel();
        };
        tokio::join!(super::watch(config, ends, way), claiming);
        let pending = outbox.pending(Lane::Alarm, None, 1 << 20).unwrap().unwrap();
        let bodies = pending.records.iter().map(|record| {
            serde_json::from_str::<serde_json::Value>(record.get()).unwrap()["body"].clone()
        });
        let bodies: Vec<_> = bodies.collect();
        assert!(bodies.iter().all(|body| body["code"] == ENDING.code));
        let cleared: Vec<_> = bodies.iter().map(|body| body["cleared"] == true).collect();
        assert_eq!(cleared, [false, true], "{bodies:?}");
    }
}
