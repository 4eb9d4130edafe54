//! A branch's own texts are spoken to its callers, and who waits hears how many stand before them.

use std::path::Path;
use std::process::Command;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::{binary, has_peer};
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of, write_recording};

/// Writes a word that the box ships, as it would be heard.
fn shipped(name: &str) -> Vec<i16> {
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/media/prompts/en");
    samples_of(&prompts.join(name))
}

/// What our own recogniser hears.
fn transcribed(samples: &[i16], language: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("heard.wav");
    write_recording(&path, samples);
    let output = Command::new(binary("trunkside"))
        .args(["transcribe", "--json", "--language", language])
        .arg(&path)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{output:?}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    found["text"].as_str().expect("a text").to_owned()
}

#[test]
fn a_greeting_of_the_branchs_own_is_spoken_and_kept_for_the_next_start() {
    if !has_peer("sipp") || !has_peer("espeak-ng") {
        return;
    }
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.more = "[prompts]\nen.greeting = \"Good morning, which account is it about?\"\n\
             [line]\nlanguage = \"en\"\n"
            .to_owned();
    });
    let process = &mut branch.running.process;
    process.find("the greeting to be spoken", |line| {
        line.contains("prompts are spoken").then_some(())
    });
    let caller = Voice::silent();
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(6_000)
            .start(),
    );
    let spoken = std::fs::read_dir(branch.home.data().join("prompts")).expect("a folder");
    let spoken: Vec<_> = spoken.map(|entry| entry.expect("a file").path()).collect();
    assert_eq!(spoken.len(), 1, "{spoken:?}");
    let alike = best_correlation(&samples_of(&spoken[0]), &caller.heard());
    assert!(alike > HEARD, "the caller hears the text at {alike:.2}");
    let text = transcribed(&caller.heard(), "en");
    assert!(text.contains("account"), "recognised as `{text}`");
    let usual = best_correlation(&shipped("greeting.wav"), &caller.heard());
    assert!(usual < HEARD, "what ships is not said: {usual:.2}");
}

#[test]
fn who_waits_hears_how_many_stand_before_them() {
    if !has_peer("sipp") {
        return;
    }
    let agent = Phone::new(Voice::silent());
    let branch = Branch::start_with(vec![agent.agent("li_na", false)], |settings| {
        settings.more = "[prompts]\ntell_wait = true\n".to_owned();
        settings.more_queue = "announce_s = 10".to_owned();
    });
    let voices = || Voice::saying(&recording("lostcard_en.wav"), BEFORE_SPEAKING);
    let (talks, next, last) = (voices(), voices(), voices());
    let _talking = agent.run("agent_answers");
    let _first = branch
        .carrier("carrier_hangs_up", &talks)
        .pause_ms(60_000)
        .start();
    talks.wait_until_said();
    let second = branch
        .carrier("carrier_hangs_up", &next)
        .pause_ms(35_000)
        .start();
    next.wait_until_said();
    let third = branch
        .carrier("carrier_hangs_up", &last)
        .pause_ms(25_000)
        .start();
    succeed(third);
    succeed(second);
    let hears = |voice: &Voice, name: &str| {
        let alike = best_correlation(&shipped(name), &voice.heard());
        assert!(alike > HEARD, "`{name}` is heard at {alike:.2}");
    };
    hears(&next, "next.wav");
    hears(&last, "one_ahead.wav");
    let foretold = ["wait_short", "wait_one", "wait_about-1", "wait_between-1"];
    let foretold = foretold.map(|name| {
        let sentence = shipped(&format!("{name}.wav"));
        best_correlation(&sentence, &next.heard())
    });
    assert!(foretold.iter().any(|alike| *alike > HEARD), "{foretold:?}");
    hears(&last, "queue.wav");
    let text = transcribed(&last.heard(), "en");
    assert!(text.contains("ahead"), "recognised as `{text}`");
}
