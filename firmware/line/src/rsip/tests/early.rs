//! Requests that come before the answer, or before its ACK: the stack answers none of them.

use super::peer::{Driven, Peer, SDP, header, offer};
use super::*;

const KEY: &str = "Content-Type: application/dtmf-relay\r\n";

/// A call that hears something before it is answered.
pub async fn early(lines: &str) -> (Driven, LegId, Peer, String) {
    let mut ua = Driven::new(|_| {}).await;
    let mut peer = Peer::new(ua.address).await;
    peer.send("INVITE", &format!("{SDP}{lines}"), &offer())
        .await;
    let leg = ua.incoming().await;
    let sdp = Some(description(5_000));
    ua.command(leg, LegCommand::Progress { sdp });
    let progress = peer.expect("SIP/2.0 183").await;
    (ua, leg, peer, progress)
}

/// The response to the peer's last request.
async fn response(peer: &mut Peer) -> String {
    loop {
        let text = peer.expect("SIP/2.0 ").await;
        let number = header(&text, "CSeq").and_then(|number| number.split(' ').next());
        if number == Some(&peer.number.to_string()) {
            return text;
        }
    }
}

/// What cannot be told apart from a request in mid-call.
async fn asks_this_and_that(ua: &mut Driven, peer: &mut Peer) {
    for (method, lines, body, status) in [
        ("INFO", KEY, "Signal=9\r\nDuration=160\r\n", "200"),
        ("INFO", "Content-Type: text/plain\r\n", "hello", "415"),
        ("OPTIONS", "", "", "200"),
        ("UPDATE", "", "", "200"),
        ("REFER", "Refer-To: <sip:a@192.0.2.9>\r\n", "", "491"),
        ("MESSAGE", "Content-Type: text/plain\r\n", "hello", "405"),
    ] {
        peer.send(method, lines, body).await;
        let text = response(peer).await;
        let expected = format!("SIP/2.0 {status}");
        assert!(text.starts_with(&expected), "{method}: {text}");
        assert!(method != "OPTIONS" || header(&text, "Allow").is_some());
    }
    assert_eq!(ua.event().await.what, LegEvent::Digit { digit: '9' });
}

/// Acknowledges the answer to the first INVITE.
async fn acknowledge(peer: &mut Peer) {
    let last = std::mem::replace(&mut peer.number, 1);
    peer.send("ACK", "", "").await;
    peer.number = last;
}

#[tokio::test]
async fn requests_before_the_answer_are_answered_and_keys_are_heard() {
    let (mut ua, leg, mut peer, _) = early("").await;
    asks_this_and_that(&mut ua, &mut peer).await;
    for method in ["UPDATE", "INVITE"] {
        peer.send(method, SDP, &offer()).await;
        let later = response(&mut peer).await;
        assert!(later.starts_with("SIP/2.0 500"), "{later}");
        assert!(header(&later, "Retry-After").is_some(), "{later}");
    }
    peer.acknowledge_refusal().await;

    let sdp = description(5_000);
    ua.command(leg, LegCommand::Answer { sdp });
    let answer = peer.expect("SIP/2.0 200").await;
    assert_eq!(header(&answer, "CSeq"), Some("1 INVITE"));
    acknowledge(&mut peer).await;
    let sdp = Vec::new();
    assert_eq!(ua.event().await.what, LegEvent::Acknowledged { sdp });
}

#[tokio::test]
async fn requests_before_the_ack_are_answered_and_an_offer_waits_for_it() {
    let (mut ua, leg, mut peer, _) = early("").await;
    let sdp = description(5_000);
    ua.command(leg, LegCommand::Answer { sdp });
    peer.expect("SIP/2.0 200").await;
    asks_this_and_that(&mut ua, &mut peer).await;
    peer.send("INVITE", SDP, &offer()).await;
    acknowledge(&mut peer).await;
    let sdp = Vec::new();
    assert_eq!(ua.event().await.what, LegEvent::Acknowledged { sdp });
    assert!(matches!(ua.event().await.what, LegEvent::Reoffered { .. }));
    let sdp = description(5_000);
    ua.command(leg, LegCommand::AnswerReoffer { sdp });
    let answer = response(&mut peer).await;
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
}

#[tokio::test]
async fn an_offer_after_an_acknowledged_description_is_answered_before_the_call_is() {
    let (mut ua, leg, mut peer, progress) = early("Supported: 100rel\r\n").await;
    let sdp = description(5_000);
    peer.send("UPDATE", SDP, &offer()).await;
    let later = response(&mut peer).await;
    assert!(later.starts_with("SIP/2.0 500"), "{later}");
    let number = header(&progress, "RSeq").expect("a number");
    let acknowledges = format!("RAck: {number} 1 INVITE\r\n");
    peer.send("PRACK", &acknowledges, "").await;
    let taken = response(&mut peer).await;
    assert!(taken.starts_with("SIP/2.0 200"), "{taken}");

    for (answer, status) in [(Some(sdp.clone()), "200"), (None, "488")] {
        peer.send("UPDATE", SDP, &offer()).await;
        let what = LegEvent::Reoffered {
            sdp: description(4_000),
        };
        assert_eq!(ua.event().await, SipEvent { leg, what });
        let body = answer.clone().unwrap_or_default();
        let command = match answer {
            Some(sdp) => LegCommand::AnswerReoffer { sdp },
            None => LegCommand::RejectReoffer { status: 488 },
        };
        ua.command(leg, command);
        let text = response(&mut peer).await;
        assert!(text.starts_with(&format!("SIP/2.0 {status}")), "{text}");
        assert!(text.as_bytes().ends_with(&body), "{text}");
    }
    ua.command(leg, LegCommand::Answer { sdp });
    let answer = peer.expect("SIP/2.0 200").await;
    assert_eq!(header(&answer, "CSeq"), Some("1 INVITE"));
}

#[tokio::test]
async fn who_hangs_up_before_the_answer_has_both_requests_answered() {
    let (mut ua, leg, mut peer, _) = early("").await;
    peer.send("BYE", "", "").await;
    let mut answered = BTreeSet::new();
    for _ in 0..2 {
        let text = peer.expect("SIP/2.0 ").await;
        let status = text.split(' ').nth(1).map(str::to_owned);
        answered.insert((header(&text, "CSeq").map(str::to_owned), status));
    }
    let expected = [("1 INVITE", "487"), ("2 BYE", "200")];
    let expected = expected.map(|(of, status)| (Some(of.to_owned()), Some(status.to_owned())));
    assert_eq!(answered, BTreeSet::from(expected));
    let what = LegEvent::Cancelled;
    assert_eq!(ua.event().await, SipEvent { leg, what });
    acknowledge(&mut peer).await;
    assert!(ua.events_are_empty());
}

#[tokio::test]
async fn a_phone_that_rings_has_its_requests_answered() {
    let mut ua = Driven::new(|_| {}).await;
    let mut phone = Peer::new(ua.address).await;
    ua.dial(AgentContact::Uri(format!("sip:agent@{}", phone.own)));
    let invite = phone.expect("INVITE").await;
    let contact = format!("Contact: <sip:agent@{}>\r\n", phone.own);
    phone.respond(&invite, "180 Ringing", &contact, "").await;
    phone.invited = Some(invite.clone());
    for (method, lines, status) in [
        ("OPTIONS", "", "200"),
        ("INFO", "", "200"),
        ("UPDATE", "", "200"),
        ("REFER", "Refer-To: <sip:a@192.0.2.9>\r\n", "491"),
        ("MESSAGE", "", "405"),
        ("BYE", "", "481"),
    ] {
        phone.send_within(method, lines).await;
        let text = response(&mut phone).await;
        let expected = format!("SIP/2.0 {status}");
        assert!(text.starts_with(&expected), "{method}: {text}");
    }
    let lines = format!("{SDP}{contact}");
    phone.respond(&invite, "200 OK", &lines, &offer()).await;
    assert!(matches!(ua.settled().await, LegEvent::Answered { .. }));
}
