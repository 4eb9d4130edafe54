//! Far ends that move in mid-call.

use super::dialogs::up;
use super::peer::{Driven, Peer, SDP, offer};
use super::*;

/// Hangs up, and says whether the far end's new place hears of it, rather than the old one.
async fn has_moved(ua: &Driven, leg: LegId, old: &mut Peer, new: &mut Peer) -> bool {
    ua.command(leg, LegCommand::HangUp);
    tokio::select! {
        _ = Box::pin(new.expect("BYE")) => true,
        _ = Box::pin(old.expect("BYE")) => false,
    }
}

fn contact(peer: &Peer) -> String {
    format!("Contact: <sip:moved@{}>\r\n", peer.own)
}

#[tokio::test]
async fn a_far_end_that_moves_with_an_offer_is_followed_once_that_is_accepted() {
    for accepts in [true, false] {
        let (mut ua, leg, mut peer, _) = up("").await;
        let mut new = Peer::new(ua.address).await;
        let lines = format!("{SDP}{}", contact(&new));
        peer.send("INVITE", &lines, &offer()).await;
        assert!(matches!(ua.event().await.what, LegEvent::Reoffered { .. }));
        if accepts {
            let sdp = description(5_000);
            ua.command(leg, LegCommand::AnswerReoffer { sdp });
            peer.expect("SIP/2.0 200").await;
            peer.send("ACK", "", "").await;
        } else {
            ua.command(leg, LegCommand::RejectReoffer { status: 488 });
            peer.expect("SIP/2.0 488").await;
            peer.acknowledge_refusal().await;
        }
        let moved = has_moved(&ua, leg, &mut peer, &mut new).await;
        assert_eq!(moved, accepts);
    }
}

#[tokio::test]
async fn a_far_end_that_moves_with_a_refresh_is_followed() {
    let (ua, leg, mut peer, _) = up("").await;
    let mut new = Peer::new(ua.address).await;
    peer.send("UPDATE", &contact(&new), "").await;
    peer.expect("SIP/2.0 200").await;
    assert!(has_moved(&ua, leg, &mut peer, &mut new).await);
}

#[tokio::test]
async fn a_far_end_that_moves_with_its_answer_is_followed() {
    let (mut ua, leg, mut peer, _) = up("").await;
    let mut new = Peer::new(ua.address).await;
    let sdp = description(5_002);
    ua.command(leg, LegCommand::Reoffer { sdp });
    let ours = peer.expect("INVITE").await;
    let lines = format!("{SDP}{}", contact(&new));
    peer.respond(&ours, "200 OK", &lines, &offer()).await;
    assert!(matches!(ua.event().await.what, LegEvent::Reanswered { .. }));
    assert!(has_moved(&ua, leg, &mut peer, &mut new).await);
}

#[tokio::test]
async fn a_caller_whose_contact_has_parameters_in_its_name_hears_that_the_call_is_over() {
    let mut ua = Driven::new(|_| {}).await;
    let mut peer = Peer::new(ua.address).await;
    let mut phone = Peer::new(ua.address).await;
    let contact = format!("<sip:+8613800138000;phone-context=+86@{}>", phone.own);
    let lines = format!("{SDP}Contact: {contact}\r\n");
    peer.send("INVITE", &lines, &offer()).await;
    let leg = ua.incoming().await;
    let sdp = description(5_000);
    ua.command(leg, LegCommand::Answer { sdp });
    peer.expect("SIP/2.0 200").await;
    peer.send("ACK", "", "").await;
    assert!(matches!(
        ua.event().await.what,
        LegEvent::Acknowledged { .. }
    ));
    ua.command(leg, LegCommand::HangUp);
    phone
        .expect("BYE sip:+8613800138000;phone-context=+86@")
        .await;
}
