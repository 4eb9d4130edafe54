//! Busy, unanswered and unreachable agents: the next one is tried, and when there is none the
//! caller hears an apology and is promised a call back. Callers who give up release the agent.

use std::time::Duration;

use e2e::audio::{level_dbfs, recording};
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::Voice;

fn silent_phones() -> (Phone, Phone) {
    (Phone::new(Voice::silent()), Phone::new(Voice::silent()))
}

#[test]
fn a_busy_agent_is_followed_by_the_next() {
    if !has_peer("sipp") {
        return;
    }
    let (first, second) = silent_phones();
    let mut branch = Branch::start(vec![
        first.agent("li_na", false),
        second.agent("wang_fang", false),
    ]);
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let busy = first.run("agent_busy");
    let answering = second.run("agent_answers");
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(14_000)
            .start(),
    );
    succeed(busy);
    succeed(answering);
    assert_eq!(branch.record()["outcome"], "bridged");
}

#[test]
fn an_unanswered_phone_is_cancelled_and_followed_by_the_next() {
    if !has_peer("sipp") {
        return;
    }
    let (first, second) = silent_phones();
    let agents = vec![
        first.agent("li_na", false),
        second.agent("wang_fang", false),
    ];
    let mut branch = Branch::start_with(agents, |settings| settings.ring_timeout_s = 3);
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let ringing = first.run("agent_rings");
    let answering = second.run("agent_answers");
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(18_000)
            .start(),
    );
    succeed(ringing);
    succeed(answering);
    assert_eq!(branch.record()["outcome"], "bridged");
}

#[test]
fn when_nobody_can_be_reached_the_caller_hears_an_apology_and_is_promised_a_call_back() {
    if !has_peer("sipp") {
        return;
    }
    // Nothing listens at the agent's port.
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start(vec![phone.agent("li_na", false)]);
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    // The box hangs up once it has apologised.
    succeed(branch.carrier("carrier_waits", &caller).start());
    let heard = caller.heard();
    let apology = &heard[heard.len().saturating_sub(3 * 8_000)..];
    assert!(level_dbfs(apology) > -40.0, "the caller heard no apology");
    let record = branch.record();
    assert_eq!(record["outcome"], "callback", "{record}");
    assert_eq!(record["ended_by"], "box", "{record}");

    // The number to call is kept on the box, and only there.
    let store = rusqlite::Connection::open(branch.home.data().join("calls.db")).unwrap();
    let number: String = store
        .query_row("SELECT number FROM callback", [], |row| row.get(0))
        .unwrap();
    assert_eq!(number, "13800138000");
    for message in branch.watcher.seen() {
        assert!(!String::from_utf8_lossy(&message.payload).contains("13800138000"));
    }
}

#[test]
fn a_caller_who_hangs_up_while_the_agents_phone_rings_releases_it() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.ring_timeout_s = 30;
    });
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let ringing = phone.run("agent_rings");
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(12_000)
            .start(),
    );
    // Its scenario ends with the CANCEL.
    succeed(ringing);
    assert_eq!(branch.record()["outcome"], "abandoned");
}

#[test]
fn a_caller_who_gives_up_during_an_early_greeting_is_released() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.greeting = "early";
        settings.listen_timeout_s = 30;
    });
    let caller = Voice::saying(&recording("balance_zh.wav"), Duration::from_secs(30));
    succeed(
        branch
            .carrier("carrier_cancels", &caller)
            .pause_ms(1_500)
            .start(),
    );
    assert!(
        level_dbfs(&caller.heard()) > -40.0,
        "the caller heard no greeting"
    );
    let record = branch.record();
    assert_eq!(record["outcome"], "abandoned", "{record}");
    assert!(record["times"]["answered_s"].is_null(), "{record}");
}
