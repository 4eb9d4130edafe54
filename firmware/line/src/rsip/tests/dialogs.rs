//! What happens within a call, seen from a peer that writes its own SIP.

use super::early::early;
use super::peer::{Driven, Peer, SDP, header, offer};
use super::*;
use crate::session_timer::{Refresher, SHORTEST, SessionExpires};

/// A call that has been answered and acknowledged.
pub async fn up(lines: &str) -> (Driven, LegId, Peer, String) {
    let mut ua = Driven::new(|_| {}).await;
    let mut peer = Peer::new(ua.address).await;
    peer.send("INVITE", &format!("{SDP}{lines}"), &offer())
        .await;
    let leg = ua.incoming().await;
    let sdp = description(5_000);
    ua.command(leg, LegCommand::Answer { sdp });
    let answer = peer.expect("SIP/2.0 200").await;
    peer.send("ACK", "", "").await;
    assert!(matches!(
        ua.event().await.what,
        LegEvent::Acknowledged { .. }
    ));
    (ua, leg, peer, answer)
}

#[tokio::test]
async fn an_interval_that_is_too_short_is_refused_with_the_shortest() {
    let ua = Driven::new(|_| {}).await;
    let mut peer = Peer::new(ua.address).await;
    let lines = format!("{SDP}Supported: timer\r\nSession-Expires: 60\r\n");
    peer.send("INVITE", &lines, &offer()).await;
    let refused = peer.expect("SIP/2.0 422").await;
    assert_eq!(header(&refused, "Min-SE"), Some("90"));
}

#[tokio::test]
async fn the_answer_settles_the_timer_and_a_refresh_is_answered_with_it() {
    let (_ua, _, mut peer, answer) =
        up("Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n").await;
    assert_eq!(
        header(&answer, "Session-Expires"),
        Some("300;refresher=uac")
    );
    assert_eq!(header(&answer, "Require"), Some("timer"));
    peer.send(
        "UPDATE",
        "Supported: timer\r\nSession-Expires: 200;refresher=uac\r\n",
        "",
    )
    .await;
    let refreshed = peer.expect("SIP/2.0 200").await;
    assert_eq!(
        header(&refreshed, "Session-Expires"),
        Some("200;refresher=uac")
    );
    peer.send("UPDATE", "Supported: timer\r\nSession-Expires: 10\r\n", "")
        .await;
    peer.expect("SIP/2.0 422").await;
    peer.send("BYE", "", "").await;
    peer.expect("SIP/2.0 200").await;
}

#[tokio::test]
async fn an_offer_that_is_refused_leaves_the_timer_as_it_was() {
    let mut phone = Phone::new(&[]).await;
    let mut peer = Peer::new(phone.ua.local_addr()).await;
    let long = format!("{SDP}Supported: timer\r\nSession-Expires: 300\r\n");
    peer.send("INVITE", &long, &offer()).await;
    let SipEvent { leg, .. } = phone.next().await;
    let sdp = description(4_000);
    phone.command(leg, LegCommand::Answer { sdp });
    peer.expect("SIP/2.0 200").await;
    peer.send("ACK", "", "").await;
    let acknowledged = phone.settled().await;
    assert!(matches!(acknowledged, LegEvent::Acknowledged { .. }));
    let timer = |phone: &Phone| phone.ua.legs.get(&leg).map(|entry| entry.timer.deadline());
    let before = timer(&phone);
    for accepts in [false, true] {
        let short = long.replace("300", "90;refresher=uas");
        peer.send("INVITE", &short, &offer()).await;
        assert!(matches!(phone.settled().await, LegEvent::Reoffered { .. }));
        assert_eq!(timer(&phone), before);
        if accepts {
            let sdp = description(4_000);
            phone.command(leg, LegCommand::AnswerReoffer { sdp });
            let answer = peer.expect("SIP/2.0 200").await;
            assert_eq!(header(&answer, "Session-Expires"), Some("90;refresher=uas"));
        } else {
            phone.command(leg, LegCommand::RejectReoffer { status: 488 });
            peer.expect("SIP/2.0 488").await;
            peer.acknowledge_refusal().await;
        }
        assert_eq!(timer(&phone) == before, !accepts);
    }
}

#[tokio::test]
async fn a_call_that_comes_two_ways_is_one_call() {
    let mut ua = Driven::new(|_| {}).await;
    let mut peer = Peer::new(ua.address).await;
    let invite = peer.request("INVITE", SDP, &offer());
    peer.raw(&invite).await;
    let leg = ua.incoming().await;
    // A proxy has sent it to two numbers of ours.
    let mut other = Peer::new(ua.address).await;
    let copy = invite.replace("branch=z9hG4bKINVITE1", "branch=z9hG4bKother");
    other.raw(&copy).await;
    other.expect("SIP/2.0 482").await;
    let sdp = description(5_000);
    ua.command(leg, LegCommand::Answer { sdp });
    peer.expect("SIP/2.0 200").await;
}

#[tokio::test]
async fn progress_that_must_be_acknowledged_is_and_the_answer_waits_for_it() {
    let mut ua = Driven::new(|_| {}).await;
    let mut peer = Peer::new(ua.address).await;
    peer.send("INVITE", &format!("{SDP}Require: 100rel\r\n"), &offer())
        .await;
    let leg = ua.incoming().await;
    let sdp = Some(description(5_000));
    ua.command(leg, LegCommand::Progress { sdp });
    let progress = peer.expect("SIP/2.0 183").await;
    assert_eq!(header(&progress, "Require"), Some("100rel"));
    let number = header(&progress, "RSeq").expect("a number").to_owned();
    let sdp = description(5_000);
    ua.command(leg, LegCommand::Answer { sdp });
    // It comes again, and the answer does not overtake it.
    assert_eq!(peer.hear("progress").await, progress);
    peer.send("PRACK", "RAck: 77 1 INVITE\r\n", "").await;
    peer.expect("SIP/2.0 481").await;
    peer.send("PRACK", &format!("RAck: {number} 1 INVITE\r\n"), "")
        .await;
    // The answer may overtake the response to the acknowledgement.
    let mut answered = BTreeSet::new();
    for _ in 0..2 {
        let response = peer.expect("SIP/2.0 200").await;
        answered.extend(header(&response, "CSeq").map(str::to_owned));
    }
    let expected = ["1 INVITE", "3 PRACK"].map(str::to_owned);
    assert_eq!(answered, BTreeSet::from(expected));
}

#[tokio::test]
async fn a_call_that_ends_while_its_answer_waits_is_refused() {
    let (mut ua, leg, mut peer, _) = early("Supported: 100rel\r\n").await;
    let sdp = description(5_000);
    ua.command(leg, LegCommand::Answer { sdp });
    ua.command(leg, LegCommand::HangUp);
    peer.expect("SIP/2.0 480").await;
    peer.acknowledge_refusal().await;
    let unknown = peer.request("PRACK", "RAck: 1 1 INVITE\r\n", "");
    peer.raw(&unknown).await;
    peer.expect("SIP/2.0 481").await;
    assert!(ua.events_are_empty());
}

#[tokio::test]
async fn a_refer_is_accepted_and_its_progress_told() {
    let (mut ua, leg, mut peer, _) = up("").await;
    let to = "Refer-To: <sip:wang@192.0.2.9?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n";
    peer.send("REFER", to, "").await;
    let LegEvent::TransferAsked { to } = ua.event().await.what else {
        panic!("no transfer")
    };
    let contact = Box::new(AgentContact::Uri("sip:wang@192.0.2.9".into()));
    let replaces = "a@b;to-tag=1;from-tag=2".to_owned();
    assert_eq!(to, AgentContact::InPlaceOf { contact, replaces });
    ua.command(leg, LegCommand::AcceptTransfer);
    ua.command(leg, LegCommand::TellTransfer { status: 180 });
    ua.command(leg, LegCommand::TellTransfer { status: 408 });
    peer.expect("SIP/2.0 202").await;
    for (status, state) in [
        ("100 Trying", "active"),
        ("180 Ringing", "active"),
        ("408 Request Timeout", "terminated"),
    ] {
        let notify = peer.expect("NOTIFY").await;
        let line = format!("\r\n\r\nSIP/2.0 {status}\r\n");
        assert!(notify.ends_with(&line), "{notify}");
        let told = header(&notify, "Subscription-State").expect("a state");
        assert!(told.starts_with(state), "{notify}");
        peer.respond(&notify, "200 OK", "", "").await;
    }
    peer.send("REFER", "Refer-To: <http://x>\r\n", "").await;
    peer.expect("SIP/2.0 400").await;
    peer.send("REFER", "Refer-To: <sip:a@192.0.2.9>\r\n", "")
        .await;
    assert!(matches!(
        ua.event().await.what,
        LegEvent::TransferAsked { .. }
    ));
    ua.command(leg, LegCommand::RejectTransfer { status: 403 });
    peer.expect("SIP/2.0 403").await;
}

#[tokio::test]
async fn who_hands_a_call_on_is_named_to_who_takes_it() {
    let (mut ua, leg, mut peer, _) = up("").await;
    let mut target = Peer::new(ua.address).await;
    let by = "\"Li Na\" <sip:li_na@192.0.2.7>";
    let lines = format!(
        "Refer-To: <sip:wang@{}>\r\nReferred-By: {by};cid=\"2@x\"\r\n",
        target.own
    );
    peer.send("REFER", &lines, "").await;
    let LegEvent::TransferAsked { to } = ua.event().await.what else {
        panic!("no transfer")
    };
    ua.command(leg, LegCommand::AcceptTransfer);
    let dial = LegCommand::Dial {
        to,
        from: Pii::new("13800138000".into()),
        private: false,
        sdp: description(5_000),
    };
    ua.command(leg.branch(1), dial);
    let invite = target.expect("INVITE").await;
    assert_eq!(header(&invite, "Referred-By"), Some(by));
}

#[tokio::test]
async fn keys_are_heard_and_told() {
    let (mut ua, leg, mut peer, _) = up("").await;
    peer.send(
        "INFO",
        "Content-Type: application/dtmf-relay\r\n",
        "Signal=7\r\nDuration=100\r\n",
    )
    .await;
    peer.expect("SIP/2.0 200").await;
    assert_eq!(ua.event().await.what, LegEvent::Digit { digit: '7' });
    peer.send("INFO", "Content-Type: text/plain\r\n", "hello")
        .await;
    peer.expect("SIP/2.0 415").await;
    ua.command(leg, LegCommand::Digit { digit: '#' });
    let info = peer.expect("INFO").await;
    assert!(info.contains("Signal=#\r\n"), "{info}");
    peer.respond(&info, "200 OK", "", "").await;
}

#[tokio::test]
async fn a_far_end_that_answers_is_there_and_one_that_knows_no_such_call_is_gone() {
    for gone in ["481 Call/Transaction Does Not Exist", "408 Request Timeout"] {
        let (mut ua, leg, mut peer, _) = up("").await;
        for status in [
            "200 OK",
            "405 Method Not Allowed",
            "500 Server Internal Error",
        ] {
            ua.command(leg, LegCommand::Probe);
            let asked = peer.expect("OPTIONS").await;
            peer.respond(&asked, status, "", "").await;
        }
        let key = "Content-Type: application/dtmf\r\n";
        peer.send("INFO", key, "7").await;
        peer.expect("SIP/2.0 200").await;
        assert_eq!(ua.event().await.what, LegEvent::Digit { digit: '7' });
        ua.command(leg, LegCommand::Probe);
        let asked = peer.expect("OPTIONS").await;
        peer.respond(&asked, gone, "", "").await;
        let cause = EndCause::Silent;
        assert_eq!(ua.event().await.what, LegEvent::Ended { cause });
        peer.expect("BYE").await;
    }
}

#[tokio::test]
async fn an_answer_in_an_ack_is_heard_also_when_a_key_comes_before_it() {
    let (mut ua, leg, mut peer, _) = up("").await;
    let key = "Content-Type: application/dtmf-relay\r\n";
    peer.send("INVITE", "", "").await;
    let invite = peer.number;
    assert!(matches!(ua.event().await.what, LegEvent::Reoffered { .. }));
    let sdp = description(5_000);
    ua.command(leg, LegCommand::AnswerReoffer { sdp });
    peer.expect("SIP/2.0 200").await;
    peer.send("INFO", key, "Signal=7\r\n").await;
    peer.expect("SIP/2.0 200").await;
    assert_eq!(ua.event().await.what, LegEvent::Digit { digit: '7' });
    peer.send("UPDATE", SDP, &offer()).await;
    peer.expect("SIP/2.0 491").await;
    let last = std::mem::replace(&mut peer.number, invite);
    peer.send("ACK", SDP, &offer()).await;
    let sdp = description(4_000);
    assert_eq!(ua.event().await.what, LegEvent::Acknowledged { sdp });

    // One that is refused has no answer; that of before does not count again.
    peer.number = last;
    peer.send("INVITE", "", "").await;
    assert!(matches!(ua.event().await.what, LegEvent::Reoffered { .. }));
    ua.command(leg, LegCommand::RejectReoffer { status: 488 });
    peer.expect("SIP/2.0 488").await;
    peer.acknowledge_refusal().await;
    peer.send("INFO", key, "Signal=8\r\n").await;
    assert_eq!(ua.event().await.what, LegEvent::Digit { digit: '8' });
    peer.send("INFO", key, "Signal=9\r\n").await;
    assert_eq!(ua.event().await.what, LegEvent::Digit { digit: '9' });
}

#[tokio::test]
async fn offers_that_cross_are_refused_and_ours_has_its_answer() {
    let (mut ua, leg, mut peer, _) = up("").await;
    let sdp = description(5_002);
    ua.command(leg, LegCommand::Reoffer { sdp });
    let ours = peer.expect("INVITE").await;
    peer.send("INVITE", SDP, &offer()).await;
    peer.expect("SIP/2.0 491").await;
    peer.acknowledge_refusal().await;
    let lines = format!("{SDP}Contact: <sip:peer@{}>\r\n", peer.own);
    peer.respond(&ours, "200 OK", &lines, &offer()).await;
    peer.expect("ACK").await;
    // The stack takes offers of ours again once theirs is over.
    let sdp = description(4_000);
    assert_eq!(ua.event().await.what, LegEvent::Reanswered { sdp });
    let sdp = description(5_004);
    ua.command(leg, LegCommand::Reoffer { sdp });
    let ours = peer.expect("INVITE").await;
    peer.respond(&ours, "488 Not Acceptable Here", "", "").await;
    assert_eq!(
        ua.event().await.what,
        LegEvent::ReofferFailed { status: 488 }
    );
}

#[tokio::test]
async fn a_request_that_comes_out_of_order_is_refused_and_a_gap_is_not() {
    let (_ua, _, mut peer, _) = up("").await;
    peer.number += 10;
    peer.send("UPDATE", "", "").await;
    peer.expect("SIP/2.0 200").await;
    peer.number = 2;
    peer.send("INFO", "", "").await;
    peer.expect("SIP/2.0 500").await;
    peer.number = 20;
    peer.send("BYE", "", "").await;
    peer.expect("SIP/2.0 200").await;
}

#[tokio::test]
async fn a_phone_that_sends_us_elsewhere_is_followed() {
    let mut ua = Driven::new(|_| {}).await;
    let (mut first, mut second) = (Peer::new(ua.address).await, Peer::new(ua.address).await);
    let leg = LegId::dialled(1);
    let dial = LegCommand::Dial {
        to: AgentContact::Uri(format!("sip:a@{}", first.own)),
        from: Pii::new("13800138000".into()),
        private: false,
        sdp: description(5_000),
    };
    ua.command(leg, dial);
    let invite = first.expect("INVITE").await;
    let contact = format!("Contact: <sip:b@{}>\r\n", second.own);
    first
        .respond(&invite, "302 Moved Temporarily", &contact, "")
        .await;
    let invite = second.expect("INVITE sip:b@").await;
    let lines = format!("{SDP}Contact: <sip:b@{}>\r\n", second.own);
    second.respond(&invite, "200 OK", &lines, &offer()).await;
    let sdp = description(4_000);
    let what = LegEvent::Answered { sdp };
    assert_eq!(ua.event().await, SipEvent { leg, what });
}

#[tokio::test]
async fn only_a_phone_that_insists_has_its_progress_acknowledged() {
    let mut ua = Driven::new(|_| {}).await;
    let mut phone = Peer::new(ua.address).await;
    ua.dial(AgentContact::Uri(format!("sip:a@{}", phone.own)));
    let invite = phone.expect("INVITE").await;
    assert!(!invite.contains("100rel"), "{invite}");
    let insists = "Require: 100rel\r\n";
    phone
        .respond(&invite, "421 Extension Required", insists, "")
        .await;
    phone.expect("ACK").await;
    let invite = phone.expect("INVITE").await;
    assert!(invite.contains("100rel"), "{invite}");
    let lines = format!(
        "{insists}RSeq: 7\r\nContact: <sip:a@{}>\r\n{SDP}",
        phone.own
    );
    phone
        .respond(&invite, "183 Session Progress", &lines, &offer())
        .await;
    let acknowledged = phone.expect("PRACK").await;
    let number = header(&invite, "CSeq").map(|number| format!("7 {number}"));
    assert_eq!(header(&acknowledged, "RAck"), number.as_deref());
    phone.respond(&acknowledged, "200 OK", "", "").await;
    assert!(matches!(ua.event().await.what, LegEvent::Ringing { .. }));
    phone
        .respond(&invite, "421 Extension Required", insists, "")
        .await;
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 421 });
}

#[tokio::test]
async fn of_two_phones_that_answer_one_call_the_second_is_let_go() {
    let mut ua = Driven::new(|_| {}).await;
    let mut first = Peer::new(ua.address).await;
    let mut second = Peer::new(ua.address).await;
    let leg = ua.dial(AgentContact::Uri(format!("sip:agent@{}", first.own)));
    let invite = first.expect("INVITE").await;
    let to = header(&invite, "To").expect("an address").to_owned();
    let answer = |at: SocketAddr| format!("Contact: <sip:agent@{at}>\r\n{SDP}");
    first
        .respond(&invite, "200 OK", &answer(first.own), &offer())
        .await;
    let acknowledged = first.expect("ACK").await;
    let tag = |text: &str, tag: &str| header(text, "To").is_some_and(|to| to.ends_with(tag));
    assert!(tag(&acknowledged, "tag=theirs"), "{acknowledged}");
    assert!(matches!(ua.settled().await, LegEvent::Answered { .. }));

    // A proxy has rung another phone too, which answered at the same time (RFC 3261, 13.2.2.4).
    let forked = invite.replace(&format!("To: {to}"), &format!("To: {to};tag=other"));
    let answer = answer(second.own);
    second.respond(&forked, "200 OK", &answer, &offer()).await;
    let acknowledged = second.expect("ACK").await;
    assert!(tag(&acknowledged, "tag=other"), "{acknowledged}");
    let bye = second.expect("BYE").await;
    assert!(tag(&bye, "tag=other"), "{bye}");
    second.respond(&bye, "200 OK", "", "").await;

    assert!(ua.events_are_empty(), "the first phone's call stands");
    ua.command(leg, LegCommand::HangUp);
    let bye = first.expect("BYE").await;
    assert!(tag(&bye, "tag=theirs"), "{bye}");
}

#[tokio::test]
async fn a_phone_that_wants_longer_sessions_gets_them() {
    let ua = Driven::new(|_| {}).await;
    let mut phone = Peer::new(ua.address).await;
    let dial = LegCommand::Dial {
        to: AgentContact::Uri(format!("sip:a@{}", phone.own)),
        from: Pii::default(),
        private: false,
        sdp: description(5_000),
    };
    ua.command(LegId::dialled(1), dial);
    let invite = phone.expect("INVITE").await;
    assert_eq!(header(&invite, "Session-Expires"), Some("1800"));
    assert_eq!(header(&invite, "Min-SE"), Some("90"));
    phone
        .respond(
            &invite,
            "422 Session Interval Too Small",
            "Min-SE: 3600\r\n",
            "",
        )
        .await;
    phone.expect("ACK").await;
    let invite = phone.expect("INVITE").await;
    assert_eq!(header(&invite, "Session-Expires"), Some("3600"));
    assert_eq!(header(&invite, "Min-SE"), Some("3600"));
}

#[tokio::test]
async fn an_invite_takes_the_place_of_the_leg_that_it_names() {
    let (mut ua, leg, peer, _) = up("").await;
    let mut other = Peer::new(ua.address).await;
    let replaces = |tag: &str| {
        format!(
            "{SDP}Replaces: call@{};to-tag={tag};from-tag=mine\r\nRequire: replaces\r\n",
            peer.own
        )
    };
    other.send("INVITE", &replaces("nobody"), &offer()).await;
    other.expect("SIP/2.0 481").await;
    other.send("ACK", "", "").await;
    other.tag.clear();
    other.send("INVITE", &replaces(&peer.tag), &offer()).await;
    let event = ua.event().await;
    let LegEvent::Replaced { by, .. } = event.what else {
        panic!("{event:?}")
    };
    assert_eq!((event.leg, by.first()), (leg, leg));
    let sdp = description(5_000);
    ua.command(by, LegCommand::Answer { sdp });
    other.expect("SIP/2.0 200").await;
}

#[tokio::test]
async fn what_an_agent_is_shown_of_the_caller_is_what_the_configuration_allows() {
    for (shown, privacy, user) in [
        (ShownNumber::Full, "", "+8613911112222"),
        (ShownNumber::Masked, "", "+86*******2222"),
        (ShownNumber::Virtual(Pii::new("4008".into())), "", "4008"),
        (ShownNumber::Full, "Privacy: id\r\n", "anonymous"),
    ] {
        let full = shown == ShownNumber::Full;
        let mut ua = Driven::new(|config| config.shown = shown).await;
        let mut carrier = Peer::new(ua.address).await;
        let lines = format!(
            "{SDP}{privacy}P-Asserted-Identity: <sip:+8613911112222@carrier>\r\n\
             Diversion: <sip:2000@pbx>;reason=unconditional\r\n"
        );
        carrier.send("INVITE", &lines, &offer()).await;
        let event = ua.event().await;
        let LegEvent::Incoming { from, .. } = event.what else {
            panic!("{event:?}")
        };
        assert_eq!(
            from.reveal(),
            "+8613911112222",
            "the box knows whom to call back"
        );
        let mut phone = Peer::new(ua.address).await;
        let dial = LegCommand::Dial {
            to: AgentContact::Uri(format!("sip:a@{}", phone.own)),
            from,
            private: false,
            sdp: description(5_000),
        };
        ua.command(event.leg.branch(1), dial);
        let invite = phone.expect("INVITE").await;
        let told = header(&invite, "From").expect("a caller");
        assert!(told.contains(&format!("sip:{user}@")), "{told}");
        let whole = full && privacy.is_empty();
        assert_eq!(invite.contains("13911112222"), whole, "{invite}");
        assert_eq!(header(&invite, "Diversion").is_some(), whole);
        assert_eq!(header(&invite, "P-Asserted-Identity").is_some(), whole);
    }
}

#[tokio::test]
async fn a_caller_who_is_rung_back_sees_the_branchs_number_whatever_agents_see_of_theirs() {
    let ua = Driven::new(|config| config.shown = ShownNumber::Masked).await;
    let mut phone = Peer::new(ua.address).await;
    ua.dial(AgentContact::Uri(format!("sip:a@{}", phone.own)));
    let invite = phone.expect("INVITE").await;
    let told = header(&invite, "From").expect("a caller");
    assert!(told.contains("sip:13800138000@"), "{told}");
}

#[tokio::test]
async fn a_caller_who_hides_stays_hidden_when_their_leg_is_gone() {
    let ua = Driven::new(|_| {}).await;
    let mut phone = Peer::new(ua.address).await;
    let dial = LegCommand::Dial {
        to: AgentContact::Uri(format!("sip:a@{}", phone.own)),
        from: Pii::new("13911112222".into()),
        private: true,
        sdp: description(5_000),
    };
    ua.command(LegId::dialled(1).branch(1), dial);
    let invite = phone.expect("INVITE").await;
    assert!(!invite.contains("13911112222"), "{invite}");
    assert!(header(&invite, "From").is_some_and(|from| from.contains("sip:anonymous@")));
    assert_eq!(header(&invite, "Privacy"), Some("id"));
}

/// A call that a peer has answered.
async fn answered_call(phone: &mut Phone, peer: &mut Peer) -> LegId {
    let leg = phone.dial(format!("sip:a@{}", peer.own));
    let invite = peer.expect("INVITE").await;
    let lines = format!("{SDP}Contact: <sip:a@{}>\r\n", peer.own);
    peer.respond(&invite, "200 OK", &lines, &offer()).await;
    assert!(matches!(phone.settled().await, LegEvent::Answered { .. }));
    peer.expect("ACK").await;
    leg
}

#[tokio::test]
async fn a_refresh_offers_what_stands_and_not_what_was_refused() {
    let mut phone = Phone::new(&[]).await;
    let mut peer = Peer::new(phone.ua.local_addr()).await;
    let leg = answered_call(&mut phone, &mut peer).await;
    let body = |invite: &str| {
        invite
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.to_owned())
    };
    let stands = |port| Some(String::from_utf8(description(port)).expect("text"));
    let lines = format!("{SDP}Contact: <sip:a@{}>\r\n", peer.own);
    for (port, status, standing) in [
        (5_002, "488 Not Acceptable Here", 4_000),
        (5_004, "200 OK", 5_004),
    ] {
        let sdp = description(port);
        phone.command(leg, LegCommand::Reoffer { sdp });
        let asked = peer.expect("INVITE").await;
        let accepts = status.starts_with('2');
        let sdp = if accepts { offer() } else { String::new() };
        peer.respond(&asked, status, &lines, &sdp).await;
        let event = phone.settled().await;
        assert_eq!(matches!(event, LegEvent::Reanswered { .. }), accepts);
        peer.expect("ACK").await;

        let entry = phone.ua.legs.get_mut(&leg).expect("it is up");
        let long_ago = now() - SHORTEST / 2;
        let interval = SHORTEST;
        let refresher = Some(Refresher::Uac);
        let expires = SessionExpires {
            interval,
            refresher,
        };
        entry.timer.settled(long_ago, Some(expires));
        let refresh = tokio::select! {
            refresh = peer.expect("INVITE") => refresh,
            event = phone.next() => panic!("{event:?}"),
        };
        assert_eq!(body(&refresh), stands(standing));
        peer.respond(&refresh, "200 OK", &lines, &offer()).await;
        assert!(matches!(phone.settled().await, LegEvent::Reanswered { .. }));
        peer.expect("ACK").await;
    }
}

#[tokio::test]
async fn a_leg_that_was_given_up_is_dialled_nowhere_else() {
    for (status, lines) in [
        ("302 Moved Temporarily", "Contact: <sip:b@127.0.0.1:9>\r\n"),
        ("422 Session Interval Too Small", "Min-SE: 3600\r\n"),
    ] {
        let mut ua = Driven::new(|_| {}).await;
        let mut phone = Peer::new(ua.address).await;
        let leg = ua.dial(AgentContact::Uri(format!("sip:a@{}", phone.own)));
        let invite = phone.expect("INVITE").await;
        phone.respond(&invite, "180 Ringing", "", "").await;
        assert!(matches!(ua.event().await.what, LegEvent::Ringing { .. }));
        ua.command(leg, LegCommand::Cancel);
        let cancel = phone.expect("CANCEL").await;
        phone.respond(&invite, status, lines, "").await;
        phone.respond(&cancel, "200 OK", "", "").await;
        let what = ua.settled().await;
        let code = status[..3].parse().expect("a status");
        assert_eq!(what, LegEvent::Failed { status: code });
    }
}

#[tokio::test]
async fn a_caller_and_whom_they_call_are_known_in_every_form_of_address() {
    for (from, called) in [
        (
            "<sip:+8613800138000;phone-context=+86@carrier;user=phone>",
            "sip:2000;phone-context=carrier@box;user=phone",
        ),
        ("<tel:+8613800138000>", "tel:2000;phone-context=carrier"),
        ("sip:+8613800138000@carrier", "sip:2000@box"),
        ("<sip:carrier;x=y>", "sip:box;x=y"),
    ] {
        let mut ua = Driven::new(|_| {}).await;
        let peer = Peer::new(ua.address).await;
        let own = peer.own;
        let text = format!(
            "INVITE {called} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK1;rport\r\nFrom: {from};tag=1\r\n\
             To: <{called}>\r\nCall-ID: form@{own}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
             Contact: <sip:{own}>\r\nContent-Length: 0\r\n\r\n"
        );
        peer.raw(&text).await;
        let LegEvent::Incoming { from, to, .. } = ua.event().await.what else {
            panic!("no call: {text}")
        };
        let expected = if text.contains("2000") {
            ("+8613800138000", "2000")
        } else {
            ("", "")
        };
        assert_eq!((from.reveal().as_str(), to.reveal().as_str()), expected);
    }
}
