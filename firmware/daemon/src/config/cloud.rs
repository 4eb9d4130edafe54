//! The way to the cloud: `[cloud]`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::layers::Layers;

/// The way to the cloud.
#[derive(Clone, Debug)]
pub struct CloudConfig {
    /// Whether records are sent; they are kept either way.
    pub enabled: bool,
    /// The broker's host and port.
    pub broker: (String, u16),
    /// The files that hold user name and password, when the broker asks for them.
    pub login: Option<(PathBuf, PathBuf)>,
    /// The certificates that the broker's must descend from; plain TCP when none.
    pub ca_file: Option<PathBuf>,
    /// The box's own certificate and key, when the broker asks who it is.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Kilobits a second that a backlog may take of the branch's line; none: as many as there are.
    pub catch_up_kbit_s: Option<u32>,
    /// Mebibytes of records that wait at most.
    pub keep_mb: u64,
    /// How long a call that the cloud does not confirm waits for others on its way to the outbox's disk.
    pub gather: Duration,
}

/// Kilobits a second that a backlog usually takes at most: as many as the voice of one call and a half.
const USUAL_CATCH_UP_KBIT_S: u64 = 256;

/// Mebibytes of records that usually wait at most.
pub const USUAL_KEEP_MB: u64 = 104;

/// How long such a call usually waits at most.
pub const USUAL_GATHER: Duration = Duration::from_mins(15);

pub(super) fn resolve(layers: &mut Layers) -> CloudConfig {
    let login = layers.both_files("cloud.username_file", "cloud.password_file");
    let certificate = layers.both_files("cloud.cert_file", "cloud.key_file");
    let ca_file = layers.readable_file("cloud.ca_file");
    if certificate.is_some() && ca_file.is_none() && layers.is_sure_of("cloud.ca_file") {
        let message = "`cloud.cert_file` needs `cloud.ca_file`, the certificates that the \
                       broker's must descend from; set it or remove the certificate";
        layers.report("cloud.cert_file", message);
    }
    let catch_up_kbit_s = layers.integer(
        "cloud.catch_up_kbit_s",
        USUAL_CATCH_UP_KBIT_S,
        0..=10_000_000,
    );
    let cloud = CloudConfig {
        enabled: layers.switch("cloud.enabled", true),
        broker: super::identity::resolve_broker(layers),
        login,
        ca_file,
        certificate,
        catch_up_kbit_s: u32::try_from(catch_up_kbit_s).ok().filter(|rate| *rate > 0),
        keep_mb: layers.integer("cloud.keep_mb", USUAL_KEEP_MB, 16..=16_384),
        gather: layers.seconds("cloud.gather_s", USUAL_GATHER.as_secs(), 0..=3_600),
    };
    check_secrecy(layers, &cloud);
    cloud
}

/// Tells where user name and password would go over a network for all to read. Where a key is misspelt that
/// may have been meant to prevent it, nothing goes that way.
fn check_secrecy(layers: &mut Layers, cloud: &CloudConfig) {
    let (host, _) = &cloud.broker;
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_here = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
    let is_open = cloud.login.is_some() && cloud.ca_file.is_none();
    if !is_open || is_here || !layers.is_sure_of("cloud.ca_file") {
        return;
    }
    let so =
        format!("without `cloud.ca_file` user name and password go to `{host}` for all to read");
    if let Some(key) = layers.take_unknown("cloud") {
        let message =
            format!("`{key}` is not a known key, and {so}; mend its spelling or remove it");
        layers.report(&key, &message);
    } else {
        let message =
            format!("{so}; set it to the certificates that the broker's must descend from");
        layers.warn("cloud.username_file", &message);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Loaded, load};

    fn loaded(cloud: &str) -> Loaded {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, format!("[cloud]\n{cloud}\n")).unwrap();
        load(&path)
    }

    #[test]
    fn what_records_may_take_of_line_and_disk_can_be_set() {
        let cloud = |text| loaded(text).config.cloud;
        let usual = cloud("");
        assert_eq!((usual.catch_up_kbit_s, usual.keep_mb), (Some(256), 104));
        let set = cloud("catch_up_kbit_s = 64\nkeep_mb = 32");
        assert_eq!((set.catch_up_kbit_s, set.keep_mb), (Some(64), 32));
        assert_eq!(cloud("catch_up_kbit_s = 0").catch_up_kbit_s, None);
        assert_eq!(usual.gather.as_secs(), 900);
        assert!(cloud("gather_s = 0").gather.is_zero());
        for (text, rule) in [
            (
                "keep_mb = 1",
                "`cloud.keep_mb` must be a whole number from 16",
            ),
            (
                "catch_up_kbit_s = -1",
                "`cloud.catch_up_kbit_s` must be a whole number from 0",
            ),
        ] {
            let told: Vec<String> = loaded(text)
                .problems
                .iter()
                .map(ToString::to_string)
                .collect();
            assert!(told.iter().any(|told| told.contains(rule)), "{told:?}");
        }
    }
}
