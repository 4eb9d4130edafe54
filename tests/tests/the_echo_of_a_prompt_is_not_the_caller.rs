//! A phone gives back what the box plays to it. That is not the caller: the greeting is heard to its
//! end. A caller who talks over the greeting is heard, and stops it.

use std::time::Duration;

use e2e::audio::{best_correlation, recording};
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of};

/// A loudspeaker's echo: 120 ms later, at -12 dB.
const DELAY: Duration = Duration::from_millis(120);
const SHARE: f32 = 0.25;

fn greeting() -> Vec<i16> {
    let shipped = "../firmware/media/prompts/zh/greeting.wav";
    samples_of(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(shipped))
}

/// How well the last second of the greeting was heard.
fn end_of_greeting(heard: &[i16]) -> f64 {
    let greeting = greeting();
    best_correlation(&greeting[greeting.len() - 12_000..], heard)
}

#[test]
fn a_greeting_is_not_stopped_by_its_echo() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.listen_timeout_s = 60;
    });
    let caller = Voice::echoing(None, DELAY, SHARE);
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(9_000)
            .start(),
    );
    let heard = end_of_greeting(&caller.heard());
    assert!(heard > 0.95, "the greeting's end was heard at {heard:.2}");
    let record = branch.record();
    assert_eq!(
        record["times"]["first_words_s"],
        serde_json::Value::Null,
        "{record}"
    );
}

#[test]
fn a_caller_who_talks_over_the_greeting_is_heard_and_stops_it() {
    if !has_peer("sipp") {
        return;
    }
    let question = recording("balance_zh.wav");
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.listen_timeout_s = 60;
    });
    let caller = Voice::echoing(Some((&question, BEFORE_SPEAKING)), DELAY, SHARE);
    let answering = phone.run("agent_answers");
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(16_000)
            .start(),
    );
    succeed(answering);
    let heard = end_of_greeting(&caller.heard());
    assert!(heard < 0.9, "the greeting went on to its end ({heard:.2})");
    let record = branch.record();
    assert_eq!(record["intent"]["name"], "balance_inquiry", "{record}");
}
