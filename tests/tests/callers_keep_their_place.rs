//! A caller who would rather hang up than wait keeps their place in the queue and is called back.

use std::time::Duration;

use e2e::audio::recording;
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::kamailio;
use e2e::process::has_peer;
use e2e::sipp::{free_port, succeed};
use e2e::voice::Voice;

#[test]
fn a_caller_who_presses_the_key_is_called_back_at_their_turn() {
    if !has_peer("sipp") || !has_peer("kamailio") {
        return;
    }
    let agent = Phone::new(Voice::silent());
    // The caller's own phone, at which the box rings them back: the carrier asks it for its password.
    let caller = Phone::new(Voice::silent());
    let port = free_port();
    let _carrier = kamailio::carrier(&[
        format!("LISTEN=udp:127.0.0.1:{port}"),
        format!("SUBSCRIBER=\"sip:13800138000@127.0.0.1:{}\"", caller.port),
    ]);
    let password = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(password.path(), "geheim\n").expect("written");
    let mut branch = Branch::start_with(vec![agent.agent("li_na", false)], |settings| {
        settings.more = format!(
            "[line]\ncallback_to = \"trunk:telecom\"\n\
             [trunk.telecom]\ntargets = [\"127.0.0.1:{port}\"]\ndomain = \"carrier.example\"\n\
             username = \"trunk-1\"\npassword_file = \"{}\"\n",
            password.path().display()
        );
    });
    branch.running.process.find("the trunk", |line| {
        line.contains("trunk is up").then_some(())
    });

    // The only agent talks to somebody.
    let somebody = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let first = agent.run("agent_answers");
    let occupying = branch
        .carrier("carrier_hangs_up", &somebody)
        .pause_ms(32_000)
        .start();
    // Another says what they want after that, and waits when they press the key.
    let later = BEFORE_SPEAKING + Duration::from_secs(5);
    let waiting = Voice::saying(&recording("balance_zh.wav"), later);
    let asks = branch
        .carrier("carrier_asks_for_a_call_back", &waiting)
        .pause_ms(20_000)
        .start();
    succeed(asks);
    let answers = caller.run_for("agent_hangs_up", 3_000);
    succeed(occupying);
    succeed(first);

    let second = agent.run("agent_answers");
    succeed(answers);
    succeed(second);

    let mut calls = Vec::new();
    while calls.len() < 3 {
        branch.watcher.wait_for_call();
        calls = branch.cloud.calls();
    }
    let mut outcomes: Vec<&str> = calls
        .iter()
        .filter_map(|call| call["outcome"].as_str())
        .collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["bridged", "bridged", "callback"], "{calls:?}");
    let kept = calls.iter().find(|call| call["outcome"] == "callback");
    let action = &kept.expect("one was promised a call back")["decision"]["action"];
    assert_eq!(action["cause"], "asked", "{action}");
    let log = std::fs::read_to_string(branch.home.data().join("decisions.jsonl"));
    let log = log.expect("decisions are logged");
    for told in ["callback_asked", "called_back", "keeps_place"] {
        assert!(log.contains(told), "`{told}` is not in the log");
    }
    assert!(!log.contains("13800138000"), "a number is in the log");
}
