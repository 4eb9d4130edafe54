//! A caller says their telephone number aloud; somebody who sees every message on the broker never
//! sees it, in digits or in words, nor the number they called from, nor who works at the branch. On
//! the box itself nobody but the daemon's user reads any of it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use e2e::audio::recording;
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::daemon::{BoxSettings, Home};
use e2e::process::has_peer;
use e2e::sipp::{Sipp, succeed};
use e2e::voice::Voice;

/// Digits as they are spoken and written, in Mandarin.
const SPOKEN: &str = "0123456789零幺一二三四五六七八九〇";

#[test]
fn a_spoken_telephone_number_is_never_seen_on_the_broker() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start(vec![phone.agent("li_na", false)]);
    let caller = Voice::saying(&recording("phone_zh.wav"), BEFORE_SPEAKING);
    let _answering = phone.run("agent_answers");
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(16_000)
            .start(),
    );
    branch.record();
    branch.watcher.find("a transcript", |message| {
        message.topic.ends_with("/transcript").then_some(())
    });

    let store = rusqlite::Connection::open(branch.home.data().join("calls.db")).unwrap();
    let said: String = store
        .query_row(
            "SELECT group_concat(text, '') FROM turn WHERE side = 'caller'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(
        longest_run(&said) >= 4,
        "the box itself must have heard a number: {said}"
    );

    let mut transcripts = 0;
    for message in branch.watcher.seen() {
        if !message.topic.ends_with("/transcript") {
            continue;
        }
        transcripts += 1;
        let payload = String::from_utf8_lossy(&message.payload);
        for text in texts(&payload) {
            assert!(longest_run(&text) < 4, "`{text}` left the box");
        }
    }
    assert!(transcripts > 0, "no transcript was sent");
    assert!(
        branch
            .watcher
            .seen()
            .iter()
            .all(|message| { !String::from_utf8_lossy(&message.payload).contains("13800138000") }),
        "the caller's number left the box"
    );
    for message in branch.watcher.seen() {
        let payload = String::from_utf8_lossy(&message.payload);
        assert!(!payload.contains(AGENT), "an agent's name left the box");
    }
    for path in files(&branch.home.data()) {
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open: {mode:o}", path.display());
    }
}

/// A name that is no word of any language.
const AGENT: &str = "li_na";

/// A folder and all that is in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("it can be read");
    let below = entries.flat_map(|entry| {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    });
    std::iter::once(folder.to_owned()).chain(below).collect()
}

#[test]
fn agents_are_named_on_the_box_and_nowhere_in_what_waits_for_the_cloud() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let agents = vec![
        phone.agent(AGENT, false),
        Phone::new(Voice::silent()).agent("zhang_wei", false),
    ];
    // Nobody listens there: records stay in the outbox.
    let nowhere = "127.0.0.1:1".parse().expect("an address");
    let home = Home::new(&BoxSettings {
        listen_timeout_s: 2,
        more_policy: format!(
            "\n[[rule]]\nname = \"all to {AGENT}\"\nwhen = {{ emotion = \"neutral\" }}\nthen = {{}}\n"
        ),
        ..BoxSettings::new(nowhere, agents)
    });
    let running = home.start();
    let _answering = phone.run("agent_answers");
    let caller = Voice::silent();
    let carrier = Sipp::carrier("carrier_hangs_up", running.sip, caller.port());
    succeed(carrier.pause_ms(20_000).start());
    running.process.terminate();
    running.process.finish();

    let read = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let said = read(&home.data().join("decisions.jsonl"));
    for name in [AGENT, "zhang_wei"] {
        let reason = said
            .lines()
            .any(|line| line.contains("\"entry\":\"decision\"") && line.contains(name));
        assert!(reason, "the box itself must say why, with {name}: {said}");
    }
    let outbox = files(&home.data().join("outbox"));
    let waiting: String = outbox
        .iter()
        .filter(|path| path.is_file())
        .map(read)
        .collect();
    assert!(
        waiting.contains("\"finding\""),
        "a decision waits for the cloud"
    );
    for name in [AGENT, "zhang_wei"] {
        assert!(!waiting.contains(name), "{name} left the box");
    }
}

/// The words of every turn in a payload.
fn texts(payload: &str) -> Vec<String> {
    let batch: serde_json::Value = serde_json::from_str(payload).expect("a small batch is JSON");
    let records = batch["records"].as_array().expect("records");
    records
        .iter()
        .flat_map(|record| record["body"]["turns"].as_array().expect("turns"))
        .map(|turn| turn["text"].as_str().expect("text").to_owned())
        .collect()
}

fn longest_run(text: &str) -> usize {
    text.split(|c| !SPOKEN.contains(c))
        .map(|run| run.chars().count())
        .max()
        .unwrap_or(0)
}
