//! An agent with a phone of linphone's, registered: caller and agent hear each other, and the caller's hanging up ends
//! the agent's call.

use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::Branch;
use e2e::daemon::Agent;
use e2e::linphone::{Linphone, PROGRAM};
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of};

/// Its jitter buffer stretches and drops samples, so that voice is not found sample by sample.
const ALIKE: f64 = 0.8;

#[test]
fn phones_of_linphone_hear_callers_and_are_heard() {
    if !has_peer("sipp") || !has_peer(PROGRAM) {
        return;
    }
    let mut branch = Branch::start_with(vec![Agent::registered("li_na")], |settings| {
        settings.listen_timeout_s = 2;
    });
    let (caller_says, agent_says) = (recording("phone_zh.wav"), recording("lostcard_en.wav"));
    let mut phone = Linphone::agent("li_na", branch.running.sip, &agent_says);
    let caller = Voice::saying(&caller_says, Duration::from_secs(11));
    let carrier = branch.carrier("carrier_hangs_up", &caller);
    succeed(carrier.pause_ms(20_000).start());
    phone.wait_for_hang_up();
    let heard = best_correlation(&samples_of(&caller_says), &phone.heard());
    assert!(heard > ALIKE, "the agent heard the caller at {heard:.2}");
    let heard = best_correlation(&samples_of(&agent_says), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    let record = branch.record();
    assert_eq!(record["outcome"], "bridged", "{record}");
    assert_eq!(record["ended_by"], "caller", "{record}");
}
