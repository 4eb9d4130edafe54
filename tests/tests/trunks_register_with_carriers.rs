//! The box registers with Kamailio as a carrier would have it, and calls that come through the
//! carrier are answered; calls from elsewhere are not.

use std::path::Path;
use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{Branch, Phone};
use e2e::daemon::{Agent, BoxSettings, Home};
use e2e::kamailio;
use e2e::ports::free_port;
use e2e::process::{Process, has_peer};
use e2e::sipp::{Sipp, succeed};
use e2e::voice::{Voice, samples_of};

fn carrier(port: u16) -> Process {
    kamailio::carrier(&[format!("LISTEN=udp:127.0.0.1:{port}")])
}

fn trunk(targets: &[u16], password: &Path) -> String {
    let targets: Vec<String> = targets
        .iter()
        .map(|port| format!("\"127.0.0.1:{port}\""))
        .collect();
    format!(
        "[trunk.telecom]\ntargets = [{}]\ndomain = \"carrier.example\"\nusername = \"trunk-1\"\n\
         password_file = \"{}\"\n",
        targets.join(", "),
        password.display()
    )
}

fn password(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("written");
    file
}

#[test]
fn a_call_comes_in_through_the_second_carrier_when_the_first_is_away() {
    if !has_peer("sipp") || !has_peer("kamailio") {
        return;
    }
    let (nobody, port) = (free_port(), free_port());
    let _carrier = carrier(port);
    let secret = password("geheim\n");
    let agent_says = recording("lostcard_en.wav");
    let phone = Phone::new(Voice::saying(&agent_says, Duration::from_millis(300)));
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.listen_timeout_s = 2;
        settings.more = trunk(&[nobody, port], secret.path());
    });
    branch.running.process.find("the trunk", |line| {
        line.contains("trunk is up").then_some(())
    });
    let answering = phone.run("agent_answers");
    let caller = Voice::silent();
    let carrier_side = format!("127.0.0.1:{port}").parse().expect("an address");
    let call = Sipp::carrier_to("trunk-1", "carrier_hangs_up", carrier_side, caller.port());
    succeed(call.pause_ms(14_000).start());
    succeed(answering);
    let heard = best_correlation(&samples_of(&agent_says), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    assert_eq!(branch.record()["outcome"], "bridged");
}

#[test]
fn a_wrong_password_is_told_and_the_box_goes_on() {
    if !has_peer("kamailio") {
        return;
    }
    let port = free_port();
    let _carrier = carrier(port);
    let secret = password("falsch");
    let agent = Agent {
        name: "li_na",
        contact: "sip:li_na@127.0.0.1:9".to_owned(),
        senior: false,
    };
    let mut settings = BoxSettings::new("127.0.0.1:9".parse().expect("an address"), vec![agent]);
    settings.more = trunk(&[port], secret.path());
    let home = Home::new(&settings);
    let mut running = home.start();
    running.process.find("the refusal", |line| {
        (line.contains("trunk is down") && line.contains("status=401")).then_some(())
    });
}
