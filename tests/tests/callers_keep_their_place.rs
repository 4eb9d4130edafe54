//! A caller who would rather hang up than wait keeps their place in the queue and is called back.

use std::process::Command;
use std::time::Duration;

use e2e::audio::recording;
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::daemon::Home;
use e2e::kamailio;
use e2e::ports::free_port;
use e2e::process::{binary, has_peer, until};
use e2e::sipp::succeed;
use e2e::voice::Voice;
use serde_json::Value;

/// What `trunkside callbacks` prints, and whether it succeeded.
fn callbacks(home: &Home, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(binary("trunkside"))
        .arg("callbacks")
        .args(arguments)
        .arg("--config")
        .arg(home.config())
        .output()
        .expect("trunkside starts");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// The one promise that is to be kept, once it is on the disk.
fn promise(home: &Home) -> Value {
    let mut promise = None;
    until("a promise is noted", || {
        let (_, listed) = callbacks(home, &["list", "--json"]);
        promise = serde_json::from_str(&listed).ok();
        promise.is_some()
    });
    promise.expect("it was noted")
}

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

    let calls = branch.cloud.wait_for_calls(3);
    let mut outcomes: Vec<&str> = calls
        .iter()
        .filter_map(|call| call["outcome"].as_str())
        .collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["bridged", "bridged", "callback"], "{calls:?}");
    let kept = calls.iter().find(|call| call["outcome"] == "callback");
    let kept = kept.expect("one was promised a call back");
    let action = &kept["decision"]["action"];
    assert_eq!(action["cause"], "asked", "{action}");
    let back = calls.iter().find(|call| call["calls_back"] == kept["call"]);
    let back = back.expect("the call that rang them back names the one before");
    assert_eq!(back["outcome"], "bridged", "{back}");
    assert_eq!(back["intent"]["name"], kept["intent"]["name"], "{back}");
    let log = std::fs::read_to_string(branch.home.data().join("decisions.jsonl"));
    let log = log.expect("decisions are logged");
    for told in ["callback_asked", "called_back", "keeps_place"] {
        assert!(log.contains(told), "`{told}` is not in the log");
    }
    assert!(!log.contains("13800138000"), "a number is in the log");
}

#[test]
fn a_place_outlives_the_box() {
    if !has_peer("sipp") {
        return;
    }
    let agent = Phone::new(Voice::silent());
    let caller = Phone::new(Voice::silent());
    let mut branch = Branch::start_with(vec![agent.agent("li_na", false)], |settings| {
        settings.more = format!(
            "[line]\ncallback_to = \"sip:{{number}}@127.0.0.1:{}\"\n",
            caller.port
        );
    });
    let somebody = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let first = agent.run("agent_answers");
    let occupying = branch
        .carrier("carrier_hangs_up", &somebody)
        .pause_ms(60_000)
        .start();
    let later = BEFORE_SPEAKING + Duration::from_secs(5);
    let waiting = Voice::saying(&recording("balance_zh.wav"), later);
    let asks = branch
        .carrier("carrier_asks_for_a_call_back", &waiting)
        .pause_ms(20_000)
        .start();
    succeed(asks);

    let promised = promise(&branch.home);
    assert_eq!(promised["number"], "13800138000", "{promised}");
    assert_eq!(
        (&promised["why"], &promised["box_rings"]),
        (&"asked".into(), &true.into())
    );
    let call = promised["call"].as_str().expect("an identity");
    let (done, why) = callbacks(&branch.home, &["done", call]);
    assert!(!done && why.contains("the box rings the caller"), "{why}");

    branch.running.process.kill();
    drop((occupying, first));
    let answers = caller.run_for("agent_hangs_up", 3_000);
    let second = agent.run("agent_answers");
    branch.running = branch.home.start();
    succeed(answers);
    succeed(second);

    let calls = branch.cloud.wait_for_calls(3);
    let mut outcomes: Vec<Value> = calls.iter().map(|call| call["outcome"].clone()).collect();
    outcomes.sort_unstable_by_key(Value::to_string);
    assert_eq!(outcomes, ["bridged", "bridged", "callback"]);
    let (_, left) = callbacks(&branch.home, &["list", "--json"]);
    assert_eq!(left, "", "the promise is kept");
    let (_, all) = callbacks(&branch.home, &["list", "--all", "--json"]);
    let kept: Value = serde_json::from_str(&all).expect("one promise");
    assert!(kept["call"] == call && kept["done"].is_string(), "{kept}");
    let (done, why) = callbacks(&branch.home, &["done", call]);
    assert!(!done && why.contains("trunkside callbacks list"), "{why}");
}
