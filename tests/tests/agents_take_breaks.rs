//! An agent says by short codes, called from their own phone, that they take a break and that they are back:
//! the phone plays two tones, nobody is offered to them in between, and the decision log replays.

use std::net::SocketAddr;
use std::process::Command;

use e2e::audio::recording;
use e2e::branch::{BEFORE_SPEAKING, Branch};
use e2e::daemon::{Agent, Home};
use e2e::ports::free_port;
use e2e::process::{binary, has_peer, until};
use e2e::sipp::{Sipp, succeed};
use e2e::voice::Voice;

/// The tones' pitches.
const LOW_HZ: f32 = 587.33;
const HIGH_HZ: f32 = 880.0;

const BREAKS: &str = "[[break]]\nreason = \"lunch\"\ncode = \"*11\"\nmax_s = 1800\n\
    [codes]\nback = \"*12\"\n";

/// How loud a pitch is in a fifth of a second (Goertzel 1958).
fn loudness(samples: &[i16], hz: f32) -> f32 {
    let turn = 2.0 * (std::f32::consts::TAU * hz / 8_000.0).cos();
    let (last, before) = samples.iter().fold((0.0, 0.0), |(last, before), sample| {
        (f32::from(*sample) + turn * last - before, last)
    });
    (last * last + before * before - turn * last * before)
        .max(0.0)
        .sqrt()
        / samples.len() as f32
}

/// When a pitch was loudest, in windows of a twentieth of a second; none where it was never loud.
fn loudest(heard: &[i16], hz: f32) -> Option<usize> {
    let windows = heard.chunks_exact(400).map(|window| loudness(window, hz));
    let (at, level) = windows.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (level > 500.0).then_some(at)
}

/// The agent calls a code and hears its tones, the first of them of this pitch.
fn calls(code: &str, sip: SocketAddr, first: f32, second: f32) {
    let phone = Voice::silent();
    succeed(Sipp::caller("li_na", code, "carrier_waits", sip, phone.port()).start());
    let heard = phone.heard();
    let tones = (loudest(&heard, first), loudest(&heard, second));
    assert!(
        matches!(tones, (Some(first), Some(second)) if first < second),
        "{code}: {tones:?} in {} samples",
        heard.len()
    );
}

fn log(home: &Home) -> String {
    let log = std::fs::read_to_string(home.data().join("decisions.jsonl"));
    log.unwrap_or_default()
}

#[test]
fn an_agent_on_a_break_gets_no_call_until_they_say_that_they_are_back() {
    if !has_peer("sipp") {
        return;
    }
    let agent = Agent::registered("li_na");
    let mut branch = Branch::start_with(vec![agent], |settings| {
        settings.more_policy = BREAKS.to_owned();
    });
    let (sip, port) = (branch.running.sip, free_port());
    succeed(Sipp::registering("li_na", port, sip).start());
    calls("*11", sip, HIGH_HZ, LOW_HZ);
    until("the break is logged", || {
        log(&branch.home).contains("break_begun")
    });

    // A box that starts anew knows the phone and the break still.
    let noted = ["phones.json", "breaks.json"].map(|file| branch.home.data().join(file));
    until("phone and break are noted", || {
        noted
            .iter()
            .all(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains("li_na")))
    });
    branch.running.process.kill();
    branch.running = branch.home.start();
    let sip = branch.running.sip;

    let voice = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let rung = Voice::silent();
    let phone = Sipp::agent("agent_answers", port, rung.port()).start();
    let caller = branch
        .carrier("carrier_hangs_up", &voice)
        .pause_ms(40_000)
        .start();
    until("the caller waits", || {
        log(&branch.home).contains("\"do\":\"wait\"")
    });
    let before = log(&branch.home);
    assert!(before.contains("li_na: on a break (lunch)"), "{before}");
    assert!(!before.contains("\"do\":\"offer\""), "{before}");
    calls("*12", sip, LOW_HZ, HIGH_HZ);
    until("they are offered the call", || {
        log(&branch.home).contains("\"do\":\"offer\"")
    });
    succeed(caller);
    succeed(phone);
    assert_eq!(branch.record()["outcome"], "bridged");

    let replayed = Command::new(binary("trunkside"))
        .arg("replay")
        .arg(branch.home.data().join("decisions.jsonl"))
        .output()
        .expect("trunkside starts");
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(
        replayed.status.success() && said.contains(" 0 differ"),
        "{said}"
    );
    assert!(said.contains("heard with the speech model `"), "{said}");
}

#[test]
fn codes_that_call_somebody_are_refused_with_key_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policy.toml");
    let text = "[[agent]]\nid = \"ann\"\ncontact = \"registered:2001\"\n\
                [[break]]\nreason = \"lunch\"\ncode = \"2001\"\n[codes]\nback = \"#2\"\n";
    std::fs::write(&file, text).expect("writable");
    let checked = Command::new(binary("trunkside"))
        .args(["policy", "check"])
        .arg(&file)
        .output()
        .expect("trunkside starts");
    assert_eq!(checked.status.code(), Some(2));
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    for told in [
        "policy.toml:6: error: `break.lunch.code` `2001` is the name or number of the agent `ann`",
        "policy.toml:8: error: `codes.back` must be 2 to 12 digits and `*`",
    ] {
        assert!(said.contains(told), "{said}");
    }
}
