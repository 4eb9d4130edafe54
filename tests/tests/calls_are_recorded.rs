//! Calls are recorded once the caller has heard the notice: each side is heard again as it spoke.
//! Whoever declines, by key or by voice, is not kept; where callers are asked, only a yes records; and a
//! box that is killed in the middle leaves what it had written.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{Branch, Phone};
use e2e::process::{binary, has_peer, until};
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of};
use serde_json::Value;

/// The notice takes 5.8 s; the greeting has begun by then.
const AFTER_THE_NOTICE: Duration = Duration::from_secs(7);

/// A voice that is not in a channel correlates with it less than this.
const NOT_HEARD: f64 = 0.7;

/// The question takes 7 s, and its answer is waited for 6 s.
const AFTER_THE_QUESTION: Duration = Duration::from_millis(8_200);

fn branch(phone: &Phone) -> Branch {
    branch_in("notice", phone)
}

fn branch_in(mode: &str, phone: &Phone) -> Branch {
    Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.more = format!(
            "[recording]\nmode = \"{mode}\"\nkey_file = \"../recording.key\"\nmask_cards = false\n",
        );
    })
}

fn recordings(config: &Path, arguments: &[&str]) -> Output {
    Command::new(binary("trunkside"))
        .arg("recordings")
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .expect("the command runs")
}

fn listed(config: &Path) -> Vec<Value> {
    let output = recordings(config, &["list", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).expect("text");
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("one object a line"))
        .collect()
}

/// The two channels of a call's recording.
fn exported(config: &Path, call: &str) -> (Vec<i16>, Vec<i16>) {
    let out = config.with_file_name(format!("{call}.wav"));
    let path = out.to_str().expect("a plain path");
    let output = recordings(config, &["export", call, "--out", path]);
    assert!(output.status.success(), "{output:?}");
    let wav = std::fs::read(&out).expect("it was written");
    assert_eq!(wav[22], 2, "two channels");
    let samples: Vec<i16> = wav[46..]
        .chunks_exact(2)
        .map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]))
        .collect();
    samples
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .unzip()
}

/// A prompt of the box, in Mandarin.
fn prompt(name: &str) -> Vec<i16> {
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/media/prompts/zh");
    samples_of(&prompts.join(name))
}

fn noted(data: &Path, column: &str) -> Option<String> {
    let store = rusqlite::Connection::open(data.join("calls.db")).expect("the call store");
    let query = format!("SELECT CAST({column} AS TEXT) FROM recording");
    store
        .query_row(&query, [], |row| row.get(0))
        .expect("one recording")
}

/// Waits until the box says so in its log.
fn logged(branch: &mut Branch, what: &str) {
    let process = &mut branch.running.process;
    process.wait_for(what, |line| line.contains(what).then_some(()));
}

#[test]
fn both_sides_are_heard_again_each_in_its_own_channel() {
    if !has_peer("sipp") {
        return;
    }
    let (question, answer) = (recording("balance_zh.wav"), recording("lostcard_en.wav"));
    let phone = Phone::new(Voice::saying(&answer, Duration::from_millis(300)));
    let mut branch = branch(&phone);
    let caller = Voice::saying(&question, AFTER_THE_NOTICE);
    let answering = phone.run("agent_answers");
    let calling = branch.carrier("carrier_hangs_up", &caller).pause_ms(22_000);
    succeed(calling.start());
    succeed(answering);
    let record = branch.record();
    assert_eq!(record["outcome"], "bridged", "{record}");
    // Stopped in good order, the box has written the end.
    branch.running.process.terminate();
    let (stopped, said) = branch.running.process.finish();
    assert!(stopped.success(), "{said}");
    let config = branch.home.config();

    let entries = listed(&config);
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["state"], "ended", "{entries:?}");
    let call = entries[0]["call"].as_str().expect("a name");
    assert_eq!(record["call"], *call);
    let (left, right) = exported(&config, call);
    let (question, answer) = (samples_of(&question), samples_of(&answer));
    let (asked, answered) = (
        best_correlation(&question, &left),
        best_correlation(&answer, &right),
    );
    assert!(
        asked > HEARD,
        "the caller's channel has the caller at {asked:.2}"
    );
    assert!(
        answered > HEARD,
        "the agent's channel has the agent at {answered:.2}"
    );
    let crossed = best_correlation(&question, &right).max(best_correlation(&answer, &left));
    assert!(crossed < NOT_HEARD, "the channels are mixed: {crossed:.2}");
    let data = branch.home.data();
    assert_eq!(noted(&data, "mode").as_deref(), Some("notice"));
    let kept: u64 = noted(&data, "kept_ms")
        .expect("it ended")
        .parse()
        .expect("a number");
    assert!((8_000..60_000).contains(&kept), "{kept} ms are kept");
    assert_eq!(noted(&data, "fault"), None);

    let gone = recordings(&config, &["delete", call]);
    assert!(gone.status.success(), "{gone:?}");
    assert!(listed(&config).is_empty());
    assert_eq!(noted(&data, "deleted_because").as_deref(), Some("operator"));
    let again = recordings(&config, &["delete", call]);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
}

#[test]
fn a_caller_who_presses_nine_is_not_kept() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = branch(&phone);
    let caller = Voice::silent();
    let calling = branch
        .carrier("carrier_hangs_up", &caller)
        .pause_ms(15_000)
        .start();
    logged(&mut branch, "recording begins");
    caller.press(9);
    logged(&mut branch, "a recording is deleted");
    assert!(listed(&branch.home.config()).is_empty());
    let folder = branch.home.data().join("recordings");
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 0);
    succeed(calling);
    branch.record();
    assert_eq!(
        noted(&branch.home.data(), "deleted_because").as_deref(),
        Some("refused_by_key")
    );
}

#[test]
fn who_refuses_by_voice_over_the_greeting_is_not_kept() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = branch(&phone);
    let caller = Voice::saying(&recording("refuse_zh.wav"), AFTER_THE_NOTICE);
    let calling = branch
        .carrier("carrier_hangs_up", &caller)
        .pause_ms(16_000)
        .start();
    logged(&mut branch, "recording begins");
    logged(&mut branch, "a recording is deleted");
    succeed(calling);
    branch.record();
    assert!(listed(&branch.home.config()).is_empty());
    let confirmed = best_correlation(&prompt("not_recorded.wav"), &caller.heard());
    assert!(confirmed > HEARD, "they are told so at {confirmed:.2}");
    let because = noted(&branch.home.data(), "deleted_because");
    assert_eq!(because.as_deref(), Some("refused"));
}

#[test]
fn who_agrees_by_voice_is_recorded() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = branch_in("consent", &phone);
    let caller = Voice::saying(&recording("agree_zh.wav"), AFTER_THE_QUESTION);
    let calling = branch
        .carrier("carrier_hangs_up", &caller)
        .pause_ms(16_000)
        .start();
    logged(&mut branch, "recording begins");
    succeed(calling);
    branch.record();
    let data = branch.home.data();
    assert_eq!(noted(&data, "mode").as_deref(), Some("consent"));
    assert_eq!(noted(&data, "deleted_because"), None);
}

#[test]
fn who_does_not_answer_the_question_is_not_recorded_and_is_greeted() {
    if !has_peer("sipp") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = branch_in("consent", &phone);
    let caller = Voice::silent();
    let calling = branch.carrier("carrier_hangs_up", &caller).pause_ms(20_000);
    succeed(calling.start());
    branch.record();
    let heard = best_correlation(&prompt("greeting.wav"), &caller.heard());
    assert!(heard > HEARD, "the caller is greeted at {heard:.2}");
    assert!(listed(&branch.home.config()).is_empty());
    let store = branch.home.data().join("calls.db");
    let store = rusqlite::Connection::open(store).expect("the call store");
    let query = "SELECT count(*) FROM recording";
    let recorded: u32 = store
        .query_row(query, [], |row| row.get(0))
        .expect("its rows");
    assert_eq!(recorded, 0);
}

#[test]
fn what_was_written_before_the_box_is_killed_can_be_heard() {
    if !has_peer("sipp") {
        return;
    }
    let question = recording("balance_zh.wav");
    let phone = Phone::new(Voice::silent());
    let mut branch = branch(&phone);
    let caller = Voice::saying(&question, AFTER_THE_NOTICE);
    let calling = branch
        .carrier("carrier_hangs_up", &caller)
        .pause_ms(60_000)
        .start();
    logged(&mut branch, "recording begins");
    caller.wait_until_said();
    let config = branch.home.config();
    let call = listed(&config)[0]["call"]
        .as_str()
        .expect("a name")
        .to_owned();
    let file = branch.home.data().join(format!("recordings/{call}.rec"));
    let written = || std::fs::metadata(&file).expect("the recording").len();
    // What was said last lies in the next two pieces of a second.
    let enough = written() + 2 * 8_056;
    until("what was said last is written", || written() >= enough);
    assert_eq!(listed(&config)[0]["state"], "running");
    let busy = recordings(&config, &["delete", &call]);
    assert_eq!(busy.status.code(), Some(1), "{busy:?}");
    branch.running.process.kill();

    assert_eq!(listed(&config)[0]["state"], "cut");
    let (left, _) = exported(&config, &call);
    let heard = best_correlation(&samples_of(&question), &left);
    assert!(heard > HEARD, "the caller is heard at {heard:.2}");
    let restarted = branch.home.start();
    until("the recording's fault is noted", || {
        noted(&branch.home.data(), "fault").as_deref() == Some("interrupted")
    });
    drop((restarted, calling));
}
