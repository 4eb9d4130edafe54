//! A caller says what they want, an agent answers, they hear each other, and when either hangs up
//! both are released. Signalling is sipp's; both voices are compared sample by sample.

use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of};

/// What a voice must correlate with to count as heard; the relay changes no sample.
#[test]
fn the_caller_hears_the_agent_and_hanging_up_ends_both_legs() {
    if !has_peer("sipp") {
        return;
    }
    let agent_says = recording("lostcard_en.wav");
    let phone = Phone::new(Voice::saying(&agent_says, Duration::from_millis(300)));
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.more = "[quality]\nrules = \"bank\"\n".to_owned();
    });
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);

    let answering = phone.run("agent_answers");
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(16_000)
            .start(),
    );
    // The agent's scenario ends with the BYE that the box sends.
    succeed(answering);

    let heard = best_correlation(&samples_of(&agent_says), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    let record = branch.record();
    assert_eq!(record["outcome"], "bridged", "{record}");
    assert_eq!(record["ended_by"], "caller", "{record}");
    assert_eq!(record["intent"]["name"], "balance_inquiry", "{record}");
    // The agent's recording begins with "hello" and says nothing of being recorded.
    assert_eq!(kept(&record, "greeting"), Some(true), "{record}");
    assert_eq!(kept(&record, "recording_notice"), Some(false), "{record}");
}

/// Whether the call kept a quality rule; none when the record has no such rule.
fn kept(record: &serde_json::Value, rule: &str) -> Option<bool> {
    let rules = record["quality"].as_array()?;
    let found = rules.iter().find(|found| found["rule"] == rule)?;
    found["kept"].as_bool()
}

#[test]
fn the_agent_hears_the_caller_and_hanging_up_ends_both_legs() {
    if !has_peer("sipp") {
        return;
    }
    let caller_says = recording("phone_zh.wav");
    let phone = Phone::new(Voice::silent());
    // A caller who says nothing at first is routed by default, and speaks once bridged.
    let caller = Voice::saying(&caller_says, Duration::from_secs(14));
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.listen_timeout_s = 2;
    });

    let answering = phone.run_for("agent_hangs_up", 20_000);
    succeed(branch.carrier("carrier_waits", &caller).start());
    succeed(answering);

    let heard = best_correlation(&samples_of(&caller_says), &phone.voice.heard());
    assert!(heard > HEARD, "the agent heard the caller at {heard:.2}");
    let record = branch.record();
    assert_eq!(record["outcome"], "bridged", "{record}");
    assert_eq!(record["ended_by"], "agent", "{record}");
}
