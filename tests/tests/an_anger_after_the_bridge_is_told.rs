//! A caller who is calm at first and turns angry while talking to an agent: the agent's phone and
//! the supervisor's show it while the call goes on, with the words and the reasons, and once.

use std::time::Duration;

use e2e::audio::recording;
use e2e::baresip::{Baresip, Speech, Way};
use e2e::branch::{BEFORE_SPEAKING, Branch};
use e2e::daemon::Agent;
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::Voice;

/// The agent answers, and both talk, before the caller turns angry.
const CALM: Duration = Duration::from_secs(7);

#[test]
fn agent_and_supervisor_see_who_turns_angry() {
    if !has_peer("sipp") || !has_peer("baresip") {
        return;
    }
    let agent = Agent::registered("li_na");
    let mut branch = Branch::start_with(vec![agent], |settings| {
        settings.more = "[line]\nsupervisors = [\"registered:wang_jing\"]\n".to_owned();
    });
    let silence = Speech::default().pause_ms(60_000);
    let phone = |user| {
        let way = Way::from(branch.running.sip).displayed();
        Baresip::agent(user, way, &silence)
    };
    let (agent, supervisor) = (phone("li_na"), phone("wang_jing"));
    let (mut shown, mut supervisors) = (agent.display(), supervisor.display());
    let caller = Voice::saying_two(
        &recording("balance_zh.wav"),
        CALM,
        &recording("complaint_angry.wav"),
        BEFORE_SPEAKING,
    );
    let carrier = branch
        .carrier("carrier_hangs_up", &caller)
        .pause_ms(20_000)
        .start();
    branch.running.process.wait_for("the anger", |line| {
        line.contains("a caller is angry").then_some(())
    });
    caller.wait_until_said();
    let message = shown.wait_for_message();
    for part in ["Caller angry (与 with li_na)", "投诉", "said `"] {
        assert!(message.contains(part), "{message}");
    }
    let message = supervisors.wait_for_message();
    assert!(
        message.contains("Caller angry (与 with li_na)"),
        "{message}"
    );
    succeed(carrier);
    let record = branch.record();
    assert_eq!(record["outcome"], "bridged", "{record}");
    let alarms = branch.watcher.seen().iter();
    let told = alarms
        .filter(|message| message.topic.ends_with("/alarm"))
        .any(|message| String::from_utf8_lossy(&message.payload).contains("caller_angry"));
    assert!(told, "the centre heard of it");
    assert_eq!(shown.more(), "", "told once");
    assert_eq!(supervisors.more(), "", "told once");
}
