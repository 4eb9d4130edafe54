//! Hold and resume, a transfer, an answer given early, and an ACK that never arrives, with sipp as carrier and agents.

use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::{Sipp, succeed};
use e2e::voice::{Voice, samples_of};

/// A caller who says nothing is routed after so many seconds.
fn routed_soon(phones: &[(&Phone, &'static str)]) -> Branch {
    let agents = phones
        .iter()
        .map(|(phone, name)| phone.agent(name, false))
        .collect();
    Branch::start_with(agents, |settings| settings.listen_timeout_s = 2)
}

#[test]
fn a_held_call_is_answered_the_right_way_round_and_heard_again_after() {
    if !has_peer("sipp") {
        return;
    }
    let caller_says = recording("phone_zh.wav");
    let phone = Phone::new(Voice::silent());
    // Spoken after the call has been held and resumed.
    let caller = Voice::saying(&caller_says, Duration::from_millis(18_500));
    let mut branch = routed_soon(&[(&phone, "li_na")]);
    let answering = phone.run("agent_answers");
    let carrier = branch.carrier("carrier_holds", &caller).pause_ms(16_000);
    succeed(carrier.start());
    succeed(answering);
    let heard = best_correlation(&samples_of(&caller_says), &phone.voice.heard());
    assert!(heard > HEARD, "the agent heard the caller at {heard:.2}");
    assert_eq!(branch.record()["outcome"], "bridged");
}

#[test]
fn an_answer_that_the_agent_s_pbx_gave_early_and_only_then_counts() {
    if !has_peer("sipp") {
        return;
    }
    let agent_says = recording("lostcard_en.wav");
    let phone = Phone::new(Voice::saying(&agent_says, Duration::from_millis(300)));
    let caller = Voice::silent();
    let mut branch = routed_soon(&[(&phone, "li_na")]);
    let answering = phone.run("agent_answers_early");
    let carrier = branch.carrier("carrier_hangs_up", &caller).pause_ms(16_000);
    succeed(carrier.start());
    succeed(answering);
    let heard = best_correlation(&samples_of(&agent_says), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    assert_eq!(branch.record()["outcome"], "bridged");
}

#[test]
fn a_caller_hears_what_is_announced_before_anybody_answers() {
    if !has_peer("sipp") {
        return;
    }
    let announcement = recording("lostcard_en.wav");
    let phone = Phone::new(Voice::silent());
    let caller = Voice::silent();
    let mut branch = routed_soon(&[(&phone, "li_na")]);
    let announcing = phone.run("agent_announces");
    let carrier = branch.carrier("carrier_hangs_up", &caller).pause_ms(16_000);
    succeed(carrier.start());
    succeed(announcing);
    let heard = best_correlation(&samples_of(&announcement), &caller.heard());
    assert!(heard > HEARD, "the caller heard it at {heard:.2}");
    assert_eq!(branch.record()["outcome"], "callback");
}

#[test]
fn an_agent_hands_the_caller_on_and_the_caller_hears_the_other() {
    if !has_peer("sipp") {
        return;
    }
    let other_says = recording("lostcard_en.wav");
    let first = Phone::new(Voice::silent());
    let second = Phone::new(Voice::saying(&other_says, Duration::from_millis(300)));
    let caller = Voice::silent();
    // Who is rung is an agent of nobody's policy.
    let mut branch = routed_soon(&[(&first, "li_na")]);
    let target = format!("sip:wang@127.0.0.1:{}", second.port);
    let referring = Sipp::agent("agent_refers", first.port, first.voice.port())
        .key("refer_to", &target)
        .pause_ms(2_000)
        .start();
    let answering = second.run("agent_answers");
    let carrier = branch.carrier("carrier_hangs_up", &caller).pause_ms(24_000);
    succeed(carrier.start());
    // Its scenario ends when the box releases it, the other's when the caller hangs up.
    succeed(referring);
    succeed(answering);
    let heard = best_correlation(&samples_of(&other_says), &caller.heard());
    assert!(
        heard > HEARD,
        "the caller heard the other agent at {heard:.2}"
    );
    assert_eq!(branch.record()["outcome"], "bridged");
}

#[test]
fn a_caller_whose_ack_never_arrives_is_released() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.listen_timeout_s = 60;
    });
    let caller = Voice::silent();
    succeed(branch.carrier("carrier_never_acks", &caller).start());
    // Nobody hung up: the box gave the call up.
    assert_eq!(branch.record()["outcome"], "failed");
}
