//! What is known of a caller beside what they say decides who takes the call: by the branch's customer system,
//! and by the box's own calls.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use e2e::audio::recording;
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::has_peer;
use e2e::sipp::{Sipp, succeed};
use e2e::voice::Voice;

/// A customer system that is asked once; gives back what it was asked.
fn customer_system(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!(
        "http://{}/{{number}}",
        listener.local_addr().expect("bound")
    );
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it is asked");
        let (mut question, mut piece) = (Vec::new(), [0; 1_024]);
        while !question.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut piece).expect("it can be read");
            assert_ne!(read, 0, "the question is cut");
            question.extend(&piece[..read]);
        }
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length";
        let answered = write!(stream, "{head}: {}\r\n\r\n{answer}", answer.len());
        answered.expect("it is heard");
        String::from_utf8(question).expect("it is text")
    });
    (url, serving)
}

#[test]
fn a_wish_that_the_customer_system_shows_reaches_who_is_to_hear_it() {
    if !has_peer("sipp") {
        return;
    }
    let (ordinary, senior) = (Phone::new(Voice::silent()), Phone::new(Voice::silent()));
    let agents = vec![
        ordinary.agent("li_na", false),
        senior.agent("zhang_wei", true),
    ];
    let (url, serving) =
        customer_system("{\"tier\":\"gold\",\"facts\":[\"large_transfer_out:2\"]}");
    let rules = tempfile::tempdir().expect("a folder");
    let file = rules.path().join("hidden.toml");
    let text = "[[rule]]\nname = \"moves the money\"\nwhen = { intents = [\"balance_inquiry\"], \
        history = [\"large_transfer_out\"], within_days = 7 }\nthen = { intent = \"retention\", because = \"moves money\" }\n";
    std::fs::write(&file, text).expect("writable");
    let mut branch = Branch::start_with(agents, |settings| {
        settings.more = format!(
            "[customers]\nurl = \"{url}\"\nhidden_intents = \"{}\"\n",
            file.display()
        );
        settings.more_policy =
            "\n[[rule]]\nname = \"keep\"\nwhen = { intent = \"retention\", tier = \"gold\" }\n\
            then = { senior = true }\n"
                .to_owned();
    });
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let _ordinary_phone = ordinary.run("agent_answers");
    let _senior_phone = senior.run("agent_answers");
    let carrier = branch.carrier("carrier_hangs_up", &caller);
    succeed(carrier.pause_ms(14_000).start());
    let record = branch.record();
    assert!(ordinary.voice.heard().is_empty(), "{record}");
    assert!(!senior.voice.heard().is_empty(), "{record}");
    assert_eq!(record["intent"]["name"], "retention", "{record}");
    assert_eq!(record["intents"][1]["name"], "balance_inquiry", "{record}");
    let reasons = record["decision"]["reasons"].to_string();
    assert!(reasons.contains("keep"), "{reasons}");
    let question = serving.join().expect("it was asked");
    assert!(
        question.starts_with("GET /13800138000 HTTP/1.1"),
        "{question}"
    );
}

#[test]
fn who_calls_again_reaches_whom_they_talked_to() {
    if !has_peer("sipp") {
        return;
    }
    let phones = [(); 2].map(|()| Phone::new(Voice::silent()));
    let agents = vec![
        phones[0].agent("li_na", false),
        phones[1].agent("wang", false),
    ];
    let branch = Branch::start_with(agents, |settings| {
        settings.more_queue = "wrap_up_s = 0".to_owned();
        settings.more_policy = "\n[weights]\nsticky_s = 600\n".to_owned();
    });
    // A phone that were replaced between the calls could miss the end of the first.
    let _answering = phones.each_ref().map(|phone| {
        let sipp = Sipp::agent("agent_answers", phone.port, phone.voice.port());
        sipp.calls(2).start()
    });
    let mut talked = Vec::new();
    for calls in 1..=2 {
        let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
        let carrier = branch.carrier("carrier_hangs_up", &caller);
        succeed(carrier.pause_ms(12_000).start());
        let records = branch.cloud.wait_for_calls(calls);
        talked = records
            .iter()
            .map(|record| record["agent"].clone())
            .collect();
    }
    // Without what is known of the caller the other would be asked, who has been idle for longer.
    assert!(talked[0].is_string(), "{talked:?}");
    assert_eq!(talked[0], talked[1]);
}
