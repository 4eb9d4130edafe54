//! Boxes join with an operator's code and connect with the certificate that they get.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use trunkside_aggregator::config::BoxesConfig;
use trunkside_aggregator::{Aggregator, AggregatorConfig, BrokerChoice, Running};
use trunkside_record::{ClaimAnswer, ClaimCode};
use trunkside_uplink::claim::{CA_FILE, CERTIFICATE_FILE, ClaimError, KEY_FILE, claim};
use trunkside_uplink::{Broker, State, TlsFiles, UplinkConfig};

mod support;
use support::*;

fn config(folder: &Path, mqtts: SocketAddr) -> AggregatorConfig {
    AggregatorConfig {
        listen: loopback(),
        broker: BrokerChoice::Embedded { listen: loopback() },
        boxes: Some(BoxesConfig {
            connect_to: format!("localhost:{}", mqtts.port()),
            listen: Some(mqtts),
            pki: folder.join("pki"),
        }),
        ..AggregatorConfig::embedded(folder.join("cloud"))
    }
}

async fn cloud(folder: &Path, mqtts: SocketAddr) -> Running {
    start_with(config(folder, mqtts)).await
}

/// What `trunkside-cloud boxes` says of a box, wherever it runs.
fn boxes(command: &str, folder: &Path, device: &str) -> String {
    let config = folder.join("cloud.toml");
    let text = "data = 'cloud'\n[boxes]\nconnect_to = 'localhost:8883'\n";
    std::fs::write(&config, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"))
        .args(["boxes", command, "--tenant", "acme", "--branch", "harbour"])
        .args(["--device", device, "--config"])
        .arg(config)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn code(folder: &Path, device: &str) -> ClaimCode {
    boxes("claim", folder, device).trim().parse().unwrap()
}

async fn join(http: SocketAddr, code: ClaimCode, folder: &Path) -> Result<String, ClaimError> {
    let folder = folder.to_owned();
    let joined = move || claim(&format!("http://{http}/"), &code, &folder, |_| Ok(()));
    let answer = tokio::task::spawn_blocking(joined).await.unwrap()?;
    assert_eq!(answer.origin.branch.as_str(), "harbour");
    Ok(answer.broker)
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles {
        ca_file: folder.join(CA_FILE),
        identity: Some((folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE))),
    }
}

fn uplink(device: &str, mqtts: SocketAddr, tls: TlsFiles) -> UplinkConfig {
    UplinkConfig {
        tls: Some(tls),
        ..UplinkConfig::new(origin(device), Broker::new("localhost", mqtts.port()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claimed_box_sends_its_records_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let mqtts = free_address();
    let cloud = cloud(folder.path(), mqtts).await;
    let own = folder.path().join("box1");
    // As people name boxes, blank and all.
    let name = "海口 1 号店";
    let broker = join(cloud.http_addr, code(folder.path(), name), &own)
        .await
        .unwrap();
    assert_eq!(broker, format!("localhost:{}", mqtts.port()));
    let mode = std::fs::metadata(own.join(KEY_FILE))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut branch = Branch::start_with(&own.join("outbox"), uplink(name, mqtts, files(&own)));
    for number in 0..20 {
        branch.store(number).await;
    }
    branch.drained().await;
    assert_eq!(all_calls(cloud.http_addr).await.len(), 20);

    // Under somebody else's name, or with no name, nothing gets in.
    let mut other = Branch::start_with(&own.join("other"), uplink("box2", mqtts, files(&own)));
    let nameless = TlsFiles {
        identity: None,
        ..files(&own)
    };
    let mut stranger = Branch::start_with(&own.join("stranger"), uplink("box3", mqtts, nameless));
    other.store(100).await;
    stranger.store(101).await;
    branch.store(102).await;
    branch.drained().await;
    for refused in [&mut other, &mut stranger] {
        refused
            .reaches(|status| status.state == State::Offline)
            .await;
        assert_eq!(refused.outbox.status().records(), 2);
    }
    assert_eq!(all_calls(cloud.http_addr).await.len(), 21);

    // The authority stays: after a restart the same certificate serves.
    cloud.shutdown().await;
    let cloud = self::cloud(folder.path(), mqtts).await;
    branch.store(103).await;
    branch.drained().await;
    assert_eq!(all_calls(cloud.http_addr).await.len(), 22);
    for branch in [branch, other, stranger] {
        branch.kill().await;
    }
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_box_is_cut_off_keeps_its_records_and_joins_again() {
    let folder = tempfile::tempdir().unwrap();
    let mqtts = free_address();
    let cloud = cloud(folder.path(), mqtts).await;
    let mut branches = Vec::new();
    for device in ["box1", "box2"] {
        let own = folder.path().join(device);
        join(cloud.http_addr, code(folder.path(), device), &own)
            .await
            .unwrap();
        let outbox = own.join("outbox");
        branches.push(Branch::start_with(
            &outbox,
            uplink(device, mqtts, files(&own)),
        ));
    }
    let [mut one, mut two]: [Branch; 2] = branches.try_into().ok().unwrap();
    for (branch, number) in [(&mut one, 0), (&mut two, 1)] {
        branch.store(number).await;
        branch.drained().await;
    }

    // In the middle of its connection, and for as long as it tries again.
    boxes("revoke", folder.path(), "box1");
    one.reaches(|status| status.state == State::Offline).await;
    one.store(2).await;
    two.store(3).await;
    two.drained().await;
    // Summary and words of the call.
    assert_eq!(one.outbox.status().records(), 2);
    assert_eq!(all_calls(cloud.http_addr).await.len(), 3);
    one.kill().await;

    let again = folder.path().join("again");
    join(cloud.http_addr, code(folder.path(), "box1"), &again)
        .await
        .unwrap();
    let outbox = folder.path().join("box1/outbox");
    let mut one = Branch::start_with(&outbox, uplink("box1", mqtts, files(&again)));
    one.drained().await;
    assert_eq!(all_calls(cloud.http_addr).await.len(), 4);
    for branch in [one, two] {
        branch.kill().await;
    }
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_claim_is_taken_up_by_the_running_box_and_the_cause_is_named_before() {
    let folder = tempfile::tempdir().unwrap();
    let mqtts = free_address();
    let cloud = cloud(folder.path(), mqtts).await;
    let own = folder.path().join("box1");
    let http = cloud.http_addr;
    join(http, code(folder.path(), "box1"), &own).await.unwrap();
    // Half a claim: the key of another certificate, as a power cut may leave it.
    let other = folder.path().join("box2");
    join(http, code(folder.path(), "box2"), &other)
        .await
        .unwrap();
    let key = std::fs::read(own.join(KEY_FILE)).unwrap();
    std::fs::copy(other.join(KEY_FILE), own.join(KEY_FILE)).unwrap();
    let mut branch = Branch::start_with(&own.join("outbox"), uplink("box1", mqtts, files(&own)));
    branch.store(0).await;
    branch.troubled("box.key").await;
    std::fs::write(own.join(KEY_FILE), key).unwrap();
    branch.drained().await;
    assert_eq!(*branch.trouble.borrow(), None);

    boxes("revoke", folder.path(), "box1");
    branch
        .reaches(|status| status.state == State::Offline)
        .await;
    branch.store(1).await;
    branch.troubled("turns the box's certificate away").await;
    join(http, code(folder.path(), "box1"), &own).await.unwrap();
    branch.drained().await;
    assert_eq!(*branch.trouble.borrow(), None);
    assert_eq!(all_calls(http).await.len(), 2);
    branch.kill().await;
    cloud.shutdown().await;
}

/// Whatever the box could not be started with does not take the place of what serves it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_box_cannot_use_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = cloud(folder.path(), free_address()).await;
    let own = folder.path().join("box1");
    let first = code(folder.path(), "box1");
    join(cloud.http_addr, first, &own).await.unwrap();
    let before = std::fs::read(own.join(CERTIFICATE_FILE)).unwrap();
    let (second, keys) = (code(folder.path(), "box1"), own.clone());
    let address = format!("http://{}/", cloud.http_addr);
    let refuse = |_: &ClaimAnswer| Err("`box.branch` must be shorter".to_owned());
    let joined = move || claim(&address, &second, &keys, refuse);
    let unfit = tokio::task::spawn_blocking(joined).await.unwrap();
    let told = unfit.unwrap_err().to_string();
    for part in [
        "`box.branch` must be shorter",
        "nothing was changed",
        "used up",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(std::fs::read(own.join(CERTIFICATE_FILE)).unwrap(), before);
    assert_eq!(std::fs::read_dir(&own).unwrap().count(), 3);
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_and_only_for_who_has_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = cloud(folder.path(), free_address()).await;
    let http = cloud.http_addr;
    let own = folder.path().join("box1");
    let code = code(folder.path(), "box1");
    let half = format!("{}-0000-0000-0000-0000", code.id())
        .parse()
        .unwrap();
    let refused = join(http, half, &own).await.unwrap_err();
    assert!(
        matches!(&refused, ClaimError::Refused(why) if why.contains("ask the operator")),
        "{refused}"
    );
    assert!(!own.exists(), "a refusal leaves nothing");
    // Where nothing can be written the code is not used up.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let nowhere = join(http, code.clone(), &file.join("keys"))
        .await
        .unwrap_err();
    let told = nowhere.to_string();
    assert!(
        told.contains("--out") && told.contains("still good"),
        "{told}"
    );
    join(http, code.clone(), &own).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(&own).unwrap().collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(matches!(
        join(http, code, &own).await,
        Err(ClaimError::Refused(_))
    ));
    let (status, body) = get(http, "/api/v1/claims").await;
    assert_eq!(status, 405, "{body}");
    cloud.shutdown().await;
    let gone = join(http, ClaimCode::new(&[1; ClaimCode::BYTES]), &own)
        .await
        .unwrap_err();
    assert!(matches!(gone, ClaimError::Unreachable { .. }), "{gone}");
}

/// A new machine on the same database, without the folder of the authority: a new one would shut every
/// box out.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_authority_is_not_replaced_while_boxes_need_it() {
    let folder = tempfile::tempdir().unwrap();
    let mqtts = free_address();
    let cloud = cloud(folder.path(), mqtts).await;
    let own = folder.path().join("box1");
    let code = code(folder.path(), "box1");
    join(cloud.http_addr, code, &own).await.unwrap();
    cloud.shutdown().await;
    let pki = folder.path().join("pki");
    std::fs::rename(&pki, folder.path().join("lost")).unwrap();
    let error = Aggregator::start(config(folder.path(), mqtts))
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.is_input() && !pki.exists(), "{error}");
    let told = error.to_string();
    assert!(
        told.contains("`boxes.pki`") && told.contains(pki.to_str().unwrap()),
        "{told}"
    );
    // Nobody needs it any more.
    boxes("revoke", folder.path(), "box1");
    let cloud = self::cloud(folder.path(), mqtts).await;
    assert!(pki.exists());
    cloud.shutdown().await;
}
