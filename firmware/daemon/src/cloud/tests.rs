use std::path::{Path, PathBuf};

use tokio::sync::watch;
use trunkside_record::Lane;
use trunkside_uplink::OutboxOptions;

use super::*;
use crate::cloud::alarm::AlarmWay;

/// A box's configuration with this `[cloud]`, and where it lies.
fn box_with(cloud: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    write(&path, "box1", cloud);
    (folder, path)
}

fn write(path: &Path, device: &str, cloud: &str) {
    let text = format!(
        "[box]\ntenant = 't'\nbranch = 'b'\ndevice = '{device}'\n\
         [line]\nlisten = '127.0.0.1:0'\n[cloud]\n{cloud}\n"
    );
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_key_and_what_mends_it() {
    let (folder, path) = box_with(
        "ca_file = 'empty.pem'\ncert_file = 'empty.pem'\nkey_file = 'key.pem'\n\
         username_file = 'name'\npassword_file = 'folder'",
    );
    for name in ["empty.pem", "key.pem", "name"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let loaded = config::load(&path);
    let mut cloud = loaded.config.cloud.clone();
    let (key, message) = fault(&cloud).unwrap();
    assert_eq!(key, "cloud.password_file");
    assert!(
        message.contains("/folder`") && message.contains("write the password"),
        "{message}"
    );
    cloud.login = None;
    let (key, message) = fault(&cloud).unwrap();
    assert_eq!(key, "cloud.cert_file", "the same file serves for two keys");
    assert!(
        message.contains("empty.pem") && message.contains("trunkside claim"),
        "{message}"
    );
    cloud.certificate = None;
    assert_eq!(fault(&cloud).unwrap().0, "cloud.ca_file");
    cloud.ca_file = None;
    assert_eq!(fault(&cloud), None);
}

#[test]
fn a_backlog_takes_no_more_of_the_line_than_it_may() {
    let rate = |cloud: &str| {
        let (_folder, path) = box_with(cloud);
        let uplink = uplink_config(&config::load(&path).config).unwrap();
        uplink.tuning.catch_up_bytes_per_s
    };
    assert_eq!(rate(""), Some(32_000));
    assert_eq!(rate("catch_up_kbit_s = 64"), Some(8_000));
    assert_eq!(rate("catch_up_kbit_s = 0"), None);
}

#[test]
fn nothing_that_is_wrong_with_the_way_to_the_cloud_keeps_the_box_from_starting() {
    for wrong in [
        "ca_file = 'nowhere.pem'",
        "cert_file = 'nowhere.pem'",
        "broker = 7",
        "username_file = 'nowhere'",
    ] {
        let (_folder, path) = box_with(wrong);
        let loaded = config::load(&path);
        assert!(loaded.is_usable(), "{:?}", loaded.problems);
        let told = loaded
            .problems
            .iter()
            .any(|problem| problem.message.contains("cloud."));
        assert!(told, "{:?}", loaded.problems);
        // Nor is anything sent another way than was meant.
        let fault = look(&loaded.config).unwrap_err();
        assert!(fault.contains("cloud."), "{fault}");
    }
}

#[test]
fn a_slip_in_the_configuration_takes_no_tls_off_the_way() {
    let secrets = "username_file = 'name'\npassword_file = 'word'\nbroker = 'cloud.example:8883'";
    let (folder, path) = box_with(&format!("{secrets}\nca_file = 'ca.pem'"));
    for name in ["name", "word", "ca.pem"] {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    let started_with = config::load(&path).config;
    assert!(started_with.cloud.ca_file.is_some());
    for (slip, told) in [
        ("ca_file 'ca.pem'", "config.toml:11"),
        ("ca_file = 'ca.pem", "config.toml:11"),
        ("ca_fle = 'ca.pem'", "`cloud.ca_fle` is not a known key"),
        ("", "`cloud.ca_file` is gone"),
        ("ca_file = 'ca.pem'\n[prompts]\nzh.greeting '您好'", ":13"),
    ] {
        write(&path, "box1", &format!("{secrets}\n{slip}"));
        let fault = look(&started_with).unwrap_err();
        assert!(fault.contains(told), "{slip}: {fault}");
    }
    // The same where it stands in a file beside it.
    write(&path, "box1", secrets);
    let beside = folder.path().join("conf.d");
    std::fs::create_dir(&beside).unwrap();
    std::fs::write(
        beside.join("cloud.toml"),
        b"[cloud]\nca_file = '../ca\xff.pem'",
    )
    .unwrap();
    let fault = look(&started_with).unwrap_err();
    assert!(
        fault.contains("cloud.toml: error: cannot be read"),
        "{fault}"
    );
}

#[test]
fn who_would_send_a_password_for_all_to_read_is_told() {
    let (folder, path) = box_with("");
    for name in ["name", "word"] {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    let told = |cloud: &str| {
        let secrets = "username_file = 'name'\npassword_file = 'word'";
        write(&path, "box1", &format!("{secrets}\n{cloud}"));
        let problems = config::load(&path).problems;
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let said = told("broker = 'cloud.example:1883'");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("config.toml:8: warning: without `cloud.ca_file`"),
        "{said:?}"
    );
    let said = told("broker = 'cloud.example:1883'\nca_path = 'ca.pem'");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("config.toml:11: error: `cloud.ca_path`"),
        "{said:?}"
    );
    for here in ["", "broker = 'localhost:1883'", "broker = '[::1]:1883'"] {
        assert_eq!(told(here), Vec::<String>::new(), "{here}");
    }
}

#[test]
fn what_a_claim_has_changed_counts_at_the_next_connection() {
    let (_folder, path) = box_with("broker = '127.0.0.1:1'");
    let started_with = config::load(&path).config;
    assert_eq!(
        look(&started_with).unwrap().broker,
        Broker::new("127.0.0.1", 1)
    );
    write(&path, "box1", "broker = 'cloud.example:8883'");
    assert_eq!(
        look(&started_with).unwrap().broker,
        Broker::new("cloud.example", 8883)
    );
    write(&path, "box2", "broker = 'cloud.example:8883'");
    let fault = look(&started_with).unwrap_err();
    assert!(
        fault.contains("`t/b/box2`") && fault.contains("start it again"),
        "{fault}"
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        look(&started_with).unwrap().broker,
        Broker::new("127.0.0.1", 1)
    );
}

#[tokio::test]
async fn an_alarm_waits_for_the_cloud_and_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, _) = Outbox::open(folder.path(), OutboxOptions::default()).unwrap();
    let outbox = Arc::new(outbox);
    let (told, trouble) = watch::channel(None);
    let way = AlarmWay::into(Some(Arc::clone(&outbox)), folder.path());
    let stop = way.stop.clone();
    let watching = ACCESS.watch(way, trouble);
    let telling = async {
        let mut stored = outbox.changes();
        told.send_replace(Some("`cloud.key_file` is empty".to_owned()));
        stored.changed().await.unwrap();
        told.send_replace(Some("`/tmp/13912345678/key` is empty".to_owned()));
        tokio::task::yield_now().await;
        told.send_replace(None);
        stored.changed().await.unwrap();
        stop.cancel();
    };
    tokio::join!(watching, telling);
    let pending = outbox.pending(Lane::Alarm, None, 1 << 20).unwrap().unwrap();
    let alarms: Vec<serde_json::Value> = pending
        .records
        .iter()
        .map(|record| {
            serde_json::from_str::<serde_json::Value>(record.get()).unwrap()["body"].clone()
        })
        .collect();
    assert_eq!(alarms.len(), 2, "{alarms:?}");
    assert_eq!(alarms[0]["code"], ACCESS.code);
    assert!(
        alarms[0]["text"]
            .as_str()
            .unwrap()
            .contains("`cloud.key_file` is empty")
    );
    assert_eq!(
        (&alarms[0]["cleared"], &alarms[1]["cleared"]),
        (&false.into(), &true.into())
    );
    let withheld = ACCESS.alarm(Some("`/tmp/13912345678/key` is empty"));
    assert!(withheld.text.as_str().contains("log says"), "{withheld:?}");
}
