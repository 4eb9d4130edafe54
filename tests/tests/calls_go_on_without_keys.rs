//! Keys and a data folder that cannot be used cost no call: what needs them is withheld or waits, until
//! somebody has mended them.

use std::path::Path;
use std::process::Command;

use e2e::branch::Phone;
use e2e::daemon::{BoxSettings, CloudHome, Home, RunningBox};
use e2e::process::{binary, has_peer, until};
use e2e::sipp::{Sipp, succeed};
use e2e::voice::Voice;

/// What `trunkside check` finds.
fn checked(home: &Home) -> (Option<i32>, String) {
    let output = Command::new(binary("trunkside"))
        .args(["check", "--config"])
        .arg(home.config())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

/// A call that the agent takes.
fn call(running: &RunningBox, phone: &Phone) {
    let caller = Voice::silent();
    let answering = phone.run("agent_answers");
    let carrier = Sipp::carrier("carrier_hangs_up", running.sip, caller.port());
    succeed(carrier.pause_ms(10_000).start());
    succeed(answering);
}

fn wait_for(running: &mut RunningBox, parts: &[&str]) {
    running.process.find(parts[0], |line| {
        parts.iter().all(|part| line.contains(part)).then_some(())
    });
}

/// The cloud's alarms, once there are so many.
fn alarms(home: &CloudHome, many: usize) -> Vec<String> {
    let store = rusqlite::Connection::open(home.folder().join("trunkside-cloud.sqlite"));
    let store = store.expect("the store");
    let query = "SELECT body FROM report WHERE kind = 'alarm'";
    let mut asked = store.prepare(query).expect("a query");
    let mut alarms: Vec<String> = Vec::new();
    until("the alarms in the cloud", || {
        let rows = asked.query_map([], |row| row.get(0)).expect("rows");
        alarms = rows.map(|row| row.expect("a row")).collect();
        alarms.len() >= many
    });
    alarms
}

fn remove(path: &Path) {
    std::fs::remove_file(path).expect("it is there");
}

#[test]
fn without_its_keys_a_box_takes_calls_and_names_nobody_until_they_are_mended() {
    if !has_peer("sipp") {
        return;
    }
    let cloud_home = CloudHome::new();
    let cloud = cloud_home.start();
    let phone = Phone::new(Voice::silent());
    let home = Home::new(&BoxSettings {
        more: "[box]\noutbox_key_file = \"../data/outbox.key\"\n".to_owned(),
        listen_timeout_s: 3,
        ..BoxSettings::new(cloud.mqtt, vec![phone.agent("li_na", false)])
    });
    std::fs::create_dir(home.data()).expect("writable");
    let keys = ["pseudonym.key", "outbox.key"].map(|name| home.data().join(name));
    for key in &keys {
        std::fs::write(key, [7; 31]).expect("writable");
    }
    let (status, said) = checked(&home);
    assert_eq!(status, Some(2), "{said}");
    for part in [
        "pseudonym.key` must hold 32 bytes, not 31",
        "`box.outbox_key_file`",
    ] {
        assert!(said.contains(part), "{said}");
    }

    let mut running = home.start();
    wait_for(
        &mut running,
        &["records name no agents", "pseudonym.key", "remove it"],
    );
    wait_for(
        &mut running,
        &["cannot be queued", "outbox.key", "put the right one back"],
    );
    call(&running, &phone);
    wait_for(
        &mut running,
        &["INFO", "call ends", "outcome=\"bridged\"", "ended_s="],
    );

    let [pseudonyms, outbox] = &keys;
    remove(outbox);
    wait_for(&mut running, &["the outbox is open"]);
    let alarms = alarms(&cloud_home, 3);
    assert!(
        alarms
            .iter()
            .any(|alarm| alarm.contains("records name no agents")),
        "{alarms:?}"
    );
    assert!(
        alarms
            .iter()
            .any(|alarm| alarm.contains("could not be queued")),
        "{alarms:?}"
    );
    remove(pseudonyms);
    wait_for(&mut running, &["records name agents"]);
    call(&running, &phone);
    let calls = cloud.wait_for_calls(2);
    let [named, nameless] = &calls[..] else {
        panic!("{calls:?}")
    };
    let agent = |call: &serde_json::Value| call["decision"]["action"]["agent"].clone();
    assert_eq!(agent(nameless), "[withheld]", "{nameless}");
    assert_eq!(
        (&nameless["outcome"], &nameless["agent"]),
        (&"bridged".into(), &().into())
    );
    let pseudonym = named["agent"].as_str().expect("it is known now");
    assert_eq!((pseudonym.len(), agent(named)), (16, pseudonym.into()));
    assert!(!format!("{calls:?}").contains("li_na"));
    assert_eq!(checked(&home).0, Some(0));
}

#[test]
fn without_its_data_folder_a_box_takes_calls_and_keeps_them_once_there_is_one() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let nowhere = "127.0.0.1:9".parse().expect("an address");
    let home = Home::new(&BoxSettings {
        listen_timeout_s: 3,
        ..BoxSettings::new(nowhere, vec![phone.agent("li_na", false)])
    });
    std::fs::write(home.data(), "somebody's notes").expect("writable");
    let (status, said) = checked(&home);
    assert!(
        status == Some(2) && said.contains("`box.data_dir`"),
        "{said}"
    );

    let mut running = home.start();
    wait_for(
        &mut running,
        &["the data folder cannot be made", "box.data_dir"],
    );
    call(&running, &phone);
    remove(&home.data());
    wait_for(&mut running, &["the call store", "can be written again"]);
    running.process.terminate();
    let (status, output) = running.process.finish();
    assert!(status.success(), "{output}");
    let store = rusqlite::Connection::open(home.data().join("calls.db")).expect("the store");
    let query = "SELECT count(*) FROM call WHERE summary IS NOT NULL";
    let calls: u32 = store.query_row(query, [], |row| row.get(0)).expect("rows");
    assert_eq!(calls, 1);
}
