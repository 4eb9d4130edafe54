//! A disk that is full, for a moment or from the start, costs neither a call nor its record: what
//! the disk refuses waits in memory, and is stored once there is room.

use std::process::Command;

use e2e::branch::Phone;
use e2e::daemon::{BoxSettings, CloudHome, Home, RunningBox, RunningCloud};
use e2e::process::{binary, has_peer, until};
use e2e::sipp::{Sipp, succeed};
use e2e::small_disk::SmallDisk;
use e2e::voice::Voice;

/// A box whose data lie on a small disk, with its cloud; none where peers are missing.
fn branch() -> Option<(SmallDisk, Home, RunningCloud, CloudHome)> {
    if !has_peer("sipp") {
        return None;
    }
    let cloud_home = CloudHome::new();
    let cloud = cloud_home.start();
    let agents = vec![Phone::new(Voice::silent()).agent("li_na", false)];
    let home = Home::new(&BoxSettings::new(cloud.mqtt, agents));
    let disk = SmallDisk::mount(&home.data())?;
    Some((disk, home, cloud, cloud_home))
}

fn call(running: &RunningBox) {
    let caller = Voice::silent();
    let carrier = Sipp::carrier("carrier_hangs_up", running.sip, caller.port());
    succeed(carrier.pause_ms(1_000).start());
}

fn wait_for(running: &mut RunningBox, part: &str, what: &str) {
    running.process.find(what, |line| {
        (line.contains(part) && line.contains(what)).then_some(())
    });
}

fn stop(running: RunningBox) {
    running.process.terminate();
    let (status, output) = running.process.finish();
    assert!(status.success(), "{output}");
}

/// Calls that are over, as the box's own store tells.
fn stored(home: &Home) -> u32 {
    let store = rusqlite::Connection::open(home.data().join("calls.db")).expect("the store");
    let query = "SELECT count(*) FROM call WHERE summary IS NOT NULL";
    store
        .query_row(query, [], |row| row.get(0))
        .expect("its rows")
}

#[test]
fn calls_during_a_full_disk_and_after_it_are_all_stored() {
    let Some((disk, home, cloud, _cloud_home)) = branch() else {
        return;
    };
    let mut running = home.start();
    call(&running);
    disk.fill();
    call(&running);
    call(&running);
    wait_for(&mut running, "the call store", "cannot be written");
    disk.free();
    wait_for(&mut running, "the call store", "can be written again");
    call(&running);
    until("the cloud has them all", || cloud.calls().len() >= 4);
    stop(running);
    assert_eq!(stored(&home), 4);
    assert_eq!(cloud.calls().len(), 4);
    let log = home.data().join("decisions.jsonl");
    let replayed = Command::new(binary("trunkside"))
        .args(["replay", "--json"])
        .arg(log)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&replayed.stdout);
    assert!(replayed.status.success(), "{said}");
    assert!(said.contains("\"lost_lines\":0"), "{said}");
}

#[test]
fn calls_are_recorded_once_a_disk_that_was_full_at_the_start_has_room() {
    if !has_peer("sipp") {
        return;
    }
    let agents = vec![Phone::new(Voice::silent()).agent("li_na", false)];
    let nowhere = "127.0.0.1:9".parse().expect("an address");
    let mut settings = BoxSettings::new(nowhere, agents);
    // Key and recordings are on the disk.
    settings.more = "[recording]\nmode = \"notice\"\nkey_file = \"../data/recording.key\"\n".into();
    let home = Home::new(&settings);
    let Some(disk) = SmallDisk::mount(&home.data()) else {
        return;
    };
    disk.fill();
    let mut running = home.start();
    call(&running);
    disk.free();
    running.process.find("recordings", |line| {
        line.contains("recordings can be made").then_some(())
    });
    let caller = Voice::silent();
    let carrier = Sipp::carrier("carrier_hangs_up", running.sip, caller.port());
    let calling = carrier.pause_ms(12_000).start();
    running.process.wait_for("the recording", |line| {
        line.contains("recording begins").then_some(())
    });
    succeed(calling);
    stop(running);
    let store = rusqlite::Connection::open(home.data().join("calls.db")).expect("the store");
    let query = "SELECT count(*) FROM recording WHERE ended_ms IS NOT NULL";
    let recorded: u32 = store.query_row(query, [], |row| row.get(0)).expect("rows");
    assert_eq!(recorded, 1, "the second of two calls");
}

#[test]
fn a_box_starts_and_takes_calls_on_a_full_disk() {
    let Some((disk, home, _cloud, _cloud_home)) = branch() else {
        return;
    };
    // The very first start: not even the keys can be kept.
    disk.fill();
    let mut running = home.start();
    call(&running);
    disk.free();
    wait_for(&mut running, "the call store", "can be written again");
    call(&running);
    let key = std::fs::read(home.data().join("pseudonym.key")).expect("it is kept now");
    assert_eq!(key.len(), 32);
    // A power cut, and the disk is full when the box is back.
    disk.fill();
    running.process.kill();
    let mut running = home.start();
    call(&running);
    disk.free();
    wait_for(&mut running, "the call store", "can be written again");
    stop(running);
    let stored = stored(&home);
    // The power cut may have come before the second call was stored.
    assert!((2..=3).contains(&stored), "{stored} calls are stored");
}
