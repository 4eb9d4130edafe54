//! A network that loses every seventh message of SIP between carrier and box: calls are set up, bridged, ended and
//! recorded all the same.

use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of};

/// Of a hundred messages.
const LOST: u32 = 15;

#[test]
fn calls_are_bridged_and_recorded_where_messages_are_lost() {
    if !has_peer("sipp") {
        return;
    }
    let agent_says = recording("lostcard_en.wav");
    let phone = Phone::new(Voice::saying(&agent_says, Duration::from_millis(300)));
    let caller = Voice::silent();
    let agents = vec![phone.agent("li_na", false)];
    let mut branch = Branch::start_with(agents, |settings| settings.listen_timeout_s = 2);
    let answering = phone.run("agent_answers");
    let carrier = branch.carrier("carrier_hangs_up", &caller).lossy(LOST);
    succeed(carrier.pause_ms(18_000).start());
    succeed(answering);
    let heard = best_correlation(&samples_of(&agent_says), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    assert_eq!(branch.record()["outcome"], "bridged");

    // They hang up while they are greeted. sipp takes an answer that comes again for that to its BYE: where that is
    // lost, it is the box that ends the call, and a few of ten may be so.
    let carrier = branch.carrier("carrier_hangs_up", &caller).lossy(LOST);
    let carrier = carrier.calls(10).rate(2, 10).pause_ms(1_500);
    succeed(carrier.start());
    let calls = branch.cloud.wait_for_calls(11);
    let ended = calls.iter().filter(|call| call["outcome"] == "abandoned");
    assert!(ended.count() >= 7, "{calls:?}");
}
