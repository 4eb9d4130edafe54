//! A caller says their telephone number aloud; somebody who sees every message on the broker never
//! sees it, in digits or in words, nor the number they called from.

use e2e::audio::recording;
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::succeed;
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
