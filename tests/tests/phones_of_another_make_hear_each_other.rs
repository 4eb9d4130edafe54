//! A caller and a registered agent with phones of another make (baresip on both ends): each hears
//! the other, the caller's hanging up ends the agent's call, and the record knows how well the
//! voice came through, from what arrived and from what the phones report (RTCP). A box that was killed and
//! started again rings a phone that has not registered since.

use e2e::audio::recording;
use e2e::baresip::{Baresip, Speech, converse};
use e2e::branch::{BEFORE_SPEAKING, Branch};
use e2e::daemon::Agent;
use e2e::process::{has_peer, until};
use e2e::sipp::succeed;
use e2e::voice::Voice;

#[test]
fn phones_of_another_make_hear_each_other() {
    if !has_peer("baresip") {
        return;
    }
    let mut branch = Branch::start(vec![Agent::registered("li_na")]);
    let (wish, question, answer) = (
        recording("balance_zh.wav"),
        recording("phone_zh.wav"),
        recording("lostcard_en.wav"),
    );
    // The agent's recording outlasts the call: the caller hangs up when theirs is over.
    let agent_says = Speech::default()
        .pause_ms(500)
        .say(&answer)
        .pause_ms(60_000);
    let agent = Baresip::agent("li_na", branch.running.sip, &agent_says);
    let caller_says = Speech::default()
        .pause_ms(1_500)
        .say(&wish)
        .pause_ms(8_000)
        .say(&question)
        .pause_ms(2_000);
    let caller = Baresip::caller("95588", branch.running.sip, &caller_says);
    let record = converse(&mut branch, (caller, &question), (agent, &answer));
    assert_eq!(record["intent"]["name"], "balance_inquiry", "{record}");
    for side in ["caller", "agent"] {
        let voice = &record["voice"][side];
        assert_eq!(voice["lost"], 0, "{record}");
        assert!(
            voice["mos"].as_f64().is_some_and(|mos| mos > 4.0),
            "{record}"
        );
    }
    // The caller's phone has been on the line long enough to report back.
    let caller = &record["voice"]["caller"];
    assert_eq!(caller["far_lost"], 0, "{record}");
    let there_and_back = caller["round_trip_ms"].as_f64();
    assert!(there_and_back.is_some_and(|ms| ms < 100.0), "{record}");
}

#[test]
fn a_registered_phone_is_rung_by_a_box_that_was_started_again() {
    if !has_peer("baresip") || !has_peer("sipp") {
        return;
    }
    let mut branch = Branch::start(vec![Agent::registered("li_na")]);
    let silence = Speech::default().pause_ms(60_000);
    let _agent = Baresip::agent("li_na", branch.running.sip, &silence);
    let noted = branch.home.data().join("phones.json");
    until("where the phone is is noted", || noted.is_file());
    branch.running.process.kill();
    branch.running = branch.home.start();
    let caller = Voice::saying(&recording("balance_zh.wav"), BEFORE_SPEAKING);
    let carrier = branch.carrier("carrier_hangs_up", &caller);
    succeed(carrier.pause_ms(14_000).start());
    assert_eq!(branch.record()["outcome"], "bridged");
}
