//! Recognition that panics or hangs costs the caller nothing but being understood: the call takes
//! the default route, both sides hear each other, and the box stops in good order when it is told to.

use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of};

fn the_agent_hears_the_caller_under(fault: &str) {
    if !has_peer("sipp") {
        return;
    }
    let caller_says = recording("phone_zh.wav");
    let phone = Phone::new(Voice::silent());
    let caller = Voice::saying(&caller_says, Duration::from_secs(14));
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.listen_timeout_s = 2;
        settings.environment = vec![("TRUNKSIDE_FAULT", fault.to_owned())];
    });
    let answering = phone.run_for("agent_hangs_up", 20_000);
    succeed(branch.carrier("carrier_waits", &caller).start());
    succeed(answering);

    let heard = best_correlation(&samples_of(&caller_says), &phone.voice.heard());
    assert!(heard > HEARD, "the agent heard the caller at {heard:.2}");
    let record = branch.record();
    assert_eq!(record["outcome"], "bridged", "{record}");

    let box_process = branch.running.process;
    box_process.terminate();
    let (status, log) = box_process.finish();
    assert!(status.success(), "it stops all the same:\n{log}");
}

#[test]
fn voice_goes_on_when_recognition_panics() {
    the_agent_hears_the_caller_under("hearing-panics");
}

#[test]
fn voice_goes_on_when_recognition_hangs() {
    the_agent_hears_the_caller_under("hearing-hangs");
}
