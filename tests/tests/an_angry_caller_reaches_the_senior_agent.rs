//! The same words reach different agents: spoken calmly the ordinary one, shouted the senior one.

use e2e::audio::recording;
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::Voice;
use serde_json::Value;

/// The record of a caller who says this, and whether the ordinary or the senior phone was used.
fn call(words: &str) -> (Value, bool, bool) {
    let ordinary = Phone::new(Voice::silent());
    let senior = Phone::new(Voice::silent());
    let mut branch = Branch::start(vec![
        ordinary.agent("li_na", false),
        senior.agent("zhang_wei", true),
    ]);
    let caller = Voice::saying(&recording(words), BEFORE_SPEAKING);
    let _ordinary_phone = ordinary.run("agent_answers");
    let _senior_phone = senior.run("agent_answers");
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(14_000)
            .start(),
    );
    let record = branch.record();
    let used = |phone: &Phone| !phone.voice.heard().is_empty();
    (record, used(&ordinary), used(&senior))
}

#[test]
fn calm_words_reach_the_ordinary_agent() {
    if !has_peer("sipp") {
        return;
    }
    let (record, ordinary, senior) = call("complaint_calm.wav");
    assert!(ordinary && !senior, "{record}");
    assert_ne!(record["mood"]["emotion"], "angry", "{record}");
    assert!(record["escalations"].is_null(), "{record}");
}

#[test]
fn the_same_words_in_anger_reach_the_senior_agent() {
    if !has_peer("sipp") {
        return;
    }
    let (record, ordinary, senior) = call("complaint_angry.wav");
    assert!(senior && !ordinary, "{record}");
    assert_eq!(record["mood"]["emotion"], "angry", "{record}");
    let escalated = &record["escalations"][0];
    assert!(
        escalated["at_s"].as_f64().is_some_and(|at| at > 0.0),
        "{record}"
    );
    assert!(
        escalated["reasons"].to_string().contains("said `"),
        "{record}"
    );
}
