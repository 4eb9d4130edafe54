//! Callers whom no agent of the branch serves, or not alone: voicemail as the last resort, a recording
//! that answers first, and a novice who is relieved.

use std::path::Path;

use e2e::audio::{best_correlation, recording};
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of};

#[test]
fn voicemail_takes_the_caller_whom_nobody_can_take() {
    if !has_peer("sipp") {
        return;
    }
    // Nothing listens at the agent's port.
    let absent = Phone::new(Voice::silent());
    let voicemail = Phone::new(Voice::silent());
    let contact = voicemail.agent("messages", false).contact;
    let mut branch = Branch::start_with(vec![absent.agent("li_na", false)], |settings| {
        settings.more_queue = "last_resort = \"messages\"".to_owned();
        settings.more_policy = format!(
            "\n[[destination]]\nname = \"messages\"\n\
             kind = \"voicemail\"\ncontact = \"{contact}\"\n"
        );
    });
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let answering = voicemail.run("agent_answers");
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(18_000)
            .start(),
    );
    succeed(answering);
    let record = branch.record();
    assert_eq!(record["outcome"], "overflowed", "{record}");
    let sent = serde_json::json!({ "do": "overflow", "to": "messages", "kind": "voicemail" });
    assert_eq!(record["decision"]["action"], sent, "{record}");
    assert!(record["agent"].is_null(), "{record}");
    assert!(record["times"]["bridged_s"].is_f64(), "{record}");
    let reasons = record["decision"]["reasons"].to_string();
    assert!(reasons.contains("voicemail `messages`"), "{reasons}");
}

#[test]
fn a_recording_may_be_all_the_caller_needs() {
    if !has_peer("sipp") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("zh")).expect("writable");
    let spoken = recording("complaint_calm.wav");
    std::fs::copy(&spoken, folder.path().join("zh/balance.wav")).expect("writable");
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        // Nobody is looked for while the caller may still think it over.
        settings.listen_timeout_s = 30;
        settings.more_policy = "\n[[rule]]\nname = \"by_machine\"\n\
            when = { intent = \"balance_inquiry\" }\nthen = { self_service = \"balance\" }\n"
            .to_owned();
        settings.more = format!("[decision]\nrecordings = \"{}\"\n", folder.path().display());
    });
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    succeed(
        branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(17_000)
            .start(),
    );
    let record = branch.record();
    assert_eq!(record["outcome"], "self_served", "{record}");
    assert_eq!(
        record["decision"]["action"]["service"], "balance",
        "{record}"
    );
    let similar = best_correlation(&samples_of(Path::new(&spoken)), &caller.heard());
    assert!(similar > 0.9, "the caller heard something else: {similar}");
}

#[test]
fn a_novice_is_relieved_in_a_long_call() {
    if !has_peer("sipp") {
        return;
    }
    let (novice, expert) = (Phone::new(Voice::silent()), Phone::new(Voice::silent()));
    let contact = expert.agent("ann", false).contact;
    let novice_contact = novice.agent("novice", false).contact;
    let mut branch = Branch::start_with(Vec::new(), |settings| {
        settings.more_queue = "novice_limit_s = 3".to_owned();
        settings.more_policy = format!(
            "\n[[agent]]\nid = \"novice\"\nnovice = true\ncontact = \"{novice_contact}\"\n\
             skills = {{ general = 1 }}\n\
             [[agent]]\nid = \"ann\"\npriority = 2\ncontact = \"{contact}\"\n\
             skills = {{ general = 3 }}\n"
        );
    });
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let (first, second) = (novice.run("agent_answers"), expert.run("agent_answers"));
    let call = branch
        .carrier("carrier_hangs_up", &caller)
        .pause_ms(20_000)
        .start();
    // The novice's leg ends while the caller's goes on.
    succeed(first);
    succeed(call);
    succeed(second);
    assert_eq!(branch.record()["outcome"], "bridged");
    let log = std::fs::read_to_string(branch.home.data().join("decisions.jsonl"));
    assert!(log.expect("it is there").contains("\"do\":\"transfer\""));
}
