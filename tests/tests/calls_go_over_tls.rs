//! Calls whose SIP goes over TLS: phones of another make that trust the box's certificate only, and a
//! carrier that reaches the box over the connection that the box opened.

use std::path::Path;
use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::baresip::{Baresip, Speech, Way, converse};
use e2e::branch::{Branch, Phone};
use e2e::daemon::Agent;
use e2e::kamailio;
use e2e::ports::free_port;
use e2e::process::{Process, has_peer};
use e2e::sipp::{Sipp, succeed};
use e2e::tls::Certificate;
use e2e::voice::{Voice, samples_of};

#[test]
fn phones_over_tls_hear_each_other_and_hanging_up_ends_both_legs() {
    if !has_peer("baresip") {
        return;
    }
    let certificate = Certificate::new();
    let agent = Agent::registered("li_na");
    let mut branch = Branch::start_with(vec![agent], |settings| {
        settings.listen_timeout_s = 2;
        settings.more = certificate.line();
    });
    let (question, answer) = (recording("phone_zh.wav"), recording("lostcard_en.wav"));
    let sip = branch.running.sip_tls.expect("the box takes TLS");
    let agent_says = Speech::default()
        .pause_ms(500)
        .say(&answer)
        .pause_ms(60_000);
    let way = || Way::tls(sip, &certificate.file());
    let agent = Baresip::agent("li_na", way(), &agent_says);
    // A caller who says nothing at first is routed by default.
    let caller_says = Speech::default()
        .pause_ms(12_000)
        .say(&question)
        .pause_ms(2_000);
    let caller = Baresip::caller("95588", way(), &caller_says);
    converse(&mut branch, (caller, &question), (agent, &answer));
}

/// A carrier for boxes over TLS and callers by datagrams.
fn carrier(udp: u16, tls: u16, settings: &Path) -> Process {
    kamailio::carrier(&[
        format!("LISTEN=udp:127.0.0.1:{udp}"),
        format!("LISTEN_TLS=tls:127.0.0.1:{tls}"),
        format!("TLS_SETTINGS=\"{}\"", settings.display()),
    ])
}

#[test]
fn a_carrier_reaches_the_box_over_the_connection_that_the_box_opened() {
    if !has_peer("sipp") || !has_peer("kamailio") {
        return;
    }
    let certificate = Certificate::new();
    let secret = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(secret.path(), "geheim\n").expect("written");
    let (udp, tls) = (free_port(), free_port());
    let settings = tempfile::NamedTempFile::new().expect("a temporary file");
    let text = format!(
        "[server:default]\nmethod = TLSv1.2+\nprivate_key = {}\ncertificate = {}\n\
         [client:default]\nmethod = TLSv1.2+\n",
        certificate.key().display(),
        certificate.file().display()
    );
    std::fs::write(settings.path(), text).expect("written");
    let mut carrier = carrier(udp, tls, settings.path());
    carrier.wait_for("its listeners", |line| line.contains("tls:").then_some(()));
    let agent_says = recording("lostcard_en.wav");
    let phone = Phone::new(Voice::saying(&agent_says, Duration::from_millis(300)));
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |settings| {
        settings.listen_timeout_s = 2;
        settings.more = format!(
            "[line]\ntls_ca_file = \"{}\"\n[trunk.telecom]\ntransport = \"tls\"\n\
             targets = [\"127.0.0.1:{tls}\"]\ndomain = \"carrier.example\"\n\
             username = \"trunk-1\"\npassword_file = \"{}\"\n",
            certificate.file().display(),
            secret.path().display()
        );
    });
    branch.running.process.find("the trunk", |line| {
        line.contains("trunk is up").then_some(())
    });
    let answering = phone.run("agent_answers");
    let caller = Voice::silent();
    let side = format!("127.0.0.1:{udp}").parse().expect("an address");
    let call = Sipp::carrier_to("trunk-1", "carrier_hangs_up", side, caller.port());
    succeed(call.pause_ms(14_000).start());
    succeed(answering);
    let heard = best_correlation(&samples_of(&agent_says), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    assert_eq!(branch.record()["outcome"], "bridged");
}
