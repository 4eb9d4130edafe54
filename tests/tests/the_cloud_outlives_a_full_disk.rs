//! A cloud whose disk is full says so, acknowledges nothing, and has everything once there is room.

use std::process::Command;

use e2e::branch::Phone;
use e2e::daemon::{BoxSettings, CloudHome, Home, RunningCloud};
use e2e::process::{binary, has_peer, until};
use e2e::sipp::{Sipp, succeed};
use e2e::small_disk::SmallDisk;
use e2e::voice::Voice;

/// The status and body of `/healthz`.
fn health(cloud: &RunningCloud) -> (u16, String) {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent();
    let mut answer = agent
        .get(format!("http://{}/healthz", cloud.http))
        .call()
        .expect("it answers");
    let body = answer.body_mut().read_to_string().expect("a text");
    (answer.status().as_u16(), body)
}

#[test]
fn a_full_disk_is_told_once_and_by_healthz_and_costs_no_record() {
    let cloud_home = CloudHome::new();
    let Some(disk) = SmallDisk::mount(cloud_home.folder()) else {
        return;
    };
    if !has_peer("sipp") {
        return;
    }
    let mut cloud = cloud_home.start();
    cloud.process.find("its broker", |line| {
        line.contains("receiving from the broker").then_some(())
    });
    assert_eq!(health(&cloud).0, 200);
    disk.fill();
    let agents = vec![Phone::new(Voice::silent()).agent("li_na", false)];
    let home = Home::new(&BoxSettings::new(cloud.mqtt, agents));
    let running = home.start();
    let caller = Voice::silent();
    let carrier = Sipp::carrier("carrier_hangs_up", running.sip, caller.port());
    succeed(carrier.pause_ms(1_000).start());
    let folder = cloud_home.folder().display().to_string();
    cloud.process.wait_for("the reason", |line| {
        let parts = ["cannot store what came", &folder, "free disk space"];
        parts.iter().all(|part| line.contains(part)).then_some(())
    });
    let (status, said) = health(&cloud);
    assert_eq!(status, 503, "{said}");
    for part in ["\"store\":false", "reason", "free disk space"] {
        assert!(said.contains(part), "{said}");
    }
    disk.free();
    cloud.process.wait_for("the end of it", |line| {
        line.contains("is stored again").then_some(())
    });
    assert_eq!(health(&cloud).0, 200);
    let told = cloud.process.output();
    let reasons = told.split("cannot store what came").skip(1);
    let mut reasons: Vec<Option<&str>> = reasons.map(|rest| rest.lines().next()).collect();
    let count = reasons.len();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), count, "each is told once: {told}");
    // What is stored first may be how the box does.
    until("the call is there", || !cloud.calls().is_empty());
    assert_eq!(cloud.calls().len(), 1);
}

#[test]
fn a_start_on_a_full_disk_names_the_folder_and_the_remedy() {
    let cloud_home = CloudHome::new();
    let Some(disk) = SmallDisk::mount(cloud_home.folder()) else {
        return;
    };
    disk.fill();
    let output = Command::new(binary("trunkside-cloud"))
        .args(["run", "--listen", "127.0.0.1:0", "--data"])
        .arg(cloud_home.folder())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let folder = cloud_home.folder().display().to_string();
    for part in [folder.as_str(), "free disk space"] {
        assert!(said.contains(part), "{said}");
    }
}
