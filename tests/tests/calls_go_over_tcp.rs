//! A call whose SIP goes over TCP on both legs: caller and agent hear each other, and hanging up
//! ends both.

use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::{Sipp, succeed};
use e2e::voice::{Voice, samples_of};

#[test]
fn a_call_over_tcp_is_bridged_to_an_agent_over_tcp() {
    if !has_peer("sipp") {
        return;
    }
    let (agent_says, caller_says) = (recording("lostcard_en.wav"), recording("phone_zh.wav"));
    let phone = Phone::new(Voice::saying(&agent_says, Duration::from_millis(300)));
    // A caller who says nothing at first is routed by default, and speaks once bridged.
    let caller = Voice::saying(&caller_says, Duration::from_secs(14));
    let mut branch = Branch::start_with(vec![phone.agent_over_tcp("li_na")], |settings| {
        settings.listen_timeout_s = 2;
        settings.more = "[line]\nlisten_tcp = \"127.0.0.1:0\"\n".to_owned();
    });
    let sip = branch.running.sip_tcp.expect("the box takes connections");
    let answering = Sipp::agent("agent_answers", phone.port, phone.voice.port());
    let answering = answering.tcp().start();
    let calling = Sipp::carrier("carrier_hangs_up", sip, caller.port());
    succeed(calling.tcp().pause_ms(22_000).start());
    // The agent's scenario ends with the BYE that the box sends.
    succeed(answering);

    let heard = best_correlation(&samples_of(&agent_says), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    let heard = best_correlation(&samples_of(&caller_says), &phone.voice.heard());
    assert!(heard > HEARD, "the agent heard the caller at {heard:.2}");
    let record = branch.record();
    assert_eq!(record["outcome"], "bridged", "{record}");
    assert_eq!(record["ended_by"], "caller", "{record}");
}
