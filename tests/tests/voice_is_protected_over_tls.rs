//! SRTP on legs over TLS, with phones of another make: where both must have it, where one has it and
//! the other not, and where the box demands what a phone does not have.

use e2e::audio::recording;
use e2e::baresip::{self, Baresip, Speech, Way};
use e2e::branch::Branch;
use e2e::daemon::Agent;
use e2e::process::has_peer;
use e2e::tls::Certificate;

fn branch(certificate: &Certificate, srtp: &str) -> Branch {
    let agent = Agent::registered("li_na");
    Branch::start_with(vec![agent], |settings| {
        settings.listen_timeout_s = 2;
        settings.more = format!("{}srtp = \"{srtp}\"\n", certificate.line());
    })
}

/// A call between two such phones: both voices arrive, and hanging up ends both legs.
fn converse(branch: &mut Branch, caller_way: Way, agent_way: Way) {
    let (question, answer) = (recording("phone_zh.wav"), recording("lostcard_en.wav"));
    let agent_says = Speech::default()
        .pause_ms(500)
        .say(&answer)
        .pause_ms(60_000);
    let agent = Baresip::agent("li_na", agent_way, &agent_says);
    // A caller who says nothing at first is routed by default.
    let caller_says = Speech::default()
        .pause_ms(12_000)
        .say(&question)
        .pause_ms(2_000);
    let caller = Baresip::caller("95588", caller_way, &caller_says);
    let record = baresip::converse(branch, (caller, &question), (agent, &answer));
    // Reports are protected too, and believed when they are proven.
    assert_eq!(record["voice"]["caller"]["far_lost"], 0, "{record}");
}

#[test]
fn phones_that_must_have_it_hear_each_other_through_a_box_that_must_have_it() {
    if !has_peer("baresip") {
        return;
    }
    let certificate = Certificate::new();
    let mut branch = branch(&certificate, "required");
    let sip = branch.running.sip_tls.expect("the box takes TLS");
    let way = || Way::tls(sip, &certificate.file()).protected("srtp-mand");
    converse(&mut branch, way(), way());
}

#[test]
fn a_phone_that_has_it_talks_to_one_over_plain_datagrams() {
    if !has_peer("baresip") {
        return;
    }
    let certificate = Certificate::new();
    let mut branch = branch(&certificate, "optional");
    let sip = branch.running.sip_tls.expect("the box takes TLS");
    let plain = Way::from(branch.running.sip);
    let protected = Way::tls(sip, &certificate.file()).protected("srtp");
    converse(&mut branch, protected, plain);
}

#[test]
fn a_phone_without_it_is_refused_where_it_must_be() {
    if !has_peer("baresip") {
        return;
    }
    let certificate = Certificate::new();
    let branch = branch(&certificate, "required");
    let sip = branch.running.sip_tls.expect("the box takes TLS");
    let way = Way::tls(sip, &certificate.file());
    let mut caller = Baresip::caller("95588", way, &Speech::default().pause_ms(60_000));
    caller
        .process
        .wait_for("the refusal", |line| line.contains("488").then_some(()));
}
