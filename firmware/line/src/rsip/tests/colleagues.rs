//! Phones that register and call each other through the box.

use super::peer::{Driven, Peer, SDP, header, offer};
use super::strangers::{proof, register};
use super::*;

/// A box with a trunk elsewhere: who is no phone of it is a stranger.
async fn branch() -> Driven {
    Driven::new(|config| {
        config.phones.users = ["li_na", "wang", "zhang"].map(str::to_owned).to_vec();
        config.phones.secrets = vec![("zhang".into(), Pii::new("geheim".into()))];
        config.phones.codes = ["*11", "wang"].map(str::to_owned).into();
        config.trunks = vec![super::strangers::pbx()];
    })
    .await
}

/// A phone that has registered.
async fn phone(ua: &Driven, user: &str) -> Peer {
    let mut phone = Peer::new(ua.address).await;
    phone.raw(&register(&phone, user, 1, "")).await;
    phone.expect("SIP/2.0 200").await;
    phone
}

async fn answers(phone: &mut Peer, invite: &str) {
    let lines = format!("{SDP}Contact: <sip:phone@{}>\r\n", phone.own);
    phone.respond(invite, "200 OK", &lines, &offer()).await;
    phone.expect("ACK").await;
}

/// The request of a phone's next call to a number.
fn calls(phone: &mut Peer, user: &str, number: &str, lines: &str) -> String {
    let text = phone.request("INVITE", &format!("{SDP}{lines}"), &offer());
    text.replace("sip:13800138000@", &format!("sip:{user}@"))
        .replace("sip:box@", &format!("sip:{number}@"))
}

#[tokio::test]
async fn a_phone_calls_a_colleagues_and_hands_a_caller_on_in_place_of_that_call() {
    let mut ua = branch().await;
    let (mut li_na, mut wang) = (phone(&ua, "li_na").await, phone(&ua, "wang").await);
    // She has a caller, whom she holds.
    let talk = ua.dial(AgentContact::Registered("li_na".into()));
    let invite = li_na.expect("INVITE").await;
    answers(&mut li_na, &invite).await;
    assert!(matches!(ua.settled().await, LegEvent::Answered { .. }));
    li_na.invited = Some(invite);

    let mut line = Peer::new(ua.address).await;
    let invite = calls(&mut line, "li_na", "wang", "");
    line.raw(&invite).await;
    let asked = ua.event().await;
    let (from, to) = ("li_na".to_owned(), "wang".to_owned());
    let sdp = description(4_000);
    assert_eq!(asked.what, LegEvent::PhoneCalls { from, to, sdp });
    let near = asked.leg;
    ua.command(
        near.branch(1),
        LegCommand::Dial {
            to: AgentContact::Registered("wang".into()),
            from: Pii::new("li_na".into()),
            private: false,
            sdp: description(5_000),
        },
    );
    let rung = wang.expect("INVITE").await;
    let shown = header(&rung, "From").expect("a caller");
    assert!(shown.contains("sip:li_na@"), "{shown}");
    answers(&mut wang, &rung).await;
    assert!(matches!(ua.settled().await, LegEvent::Answered { .. }));
    let sdp = description(5_000);
    ua.command(near, LegCommand::Answer { sdp });
    line.expect("SIP/2.0 200").await;
    let ack = line
        .request("ACK", "", "")
        .replace("sip:13800138000@", "sip:li_na@");
    line.raw(&ack).await;
    assert!(matches!(ua.settled().await, LegEvent::Acknowledged { .. }));

    // Her phone knows the call to the colleague as one with the box.
    let replaces = format!(
        "call%40{}%3Bto-tag%3D{}%3Bfrom-tag%3Dmine",
        line.own, line.tag
    );
    let refer = format!(
        "Refer-To: <sip:wang@{}?Replaces={replaces}>\r\n",
        ua.address
    );
    li_na.send_within("REFER", &refer).await;
    let asked = ua.event().await;
    let id = header(&rung, "Call-ID").expect("a call");
    let ours = shown.split("tag=").nth(1).expect("a tag");
    let contact = Box::new(AgentContact::Registered("wang".into()));
    let replaces = format!("{id};to-tag=theirs;from-tag={ours}");
    let to = AgentContact::InPlaceOf { contact, replaces };
    assert_eq!(
        (asked.leg, asked.what),
        (talk, LegEvent::TransferAsked { to })
    );
}

#[tokio::test]
async fn a_phone_of_ours_proves_whose_it_is_and_is_no_stranger_whatever_it_dials() {
    let mut ua = branch().await;
    let mut zhang = Peer::new(ua.address).await;
    zhang.raw(&register(&zhang, "zhang", 1, "")).await;
    let challenge = zhang.expect("SIP/2.0 401").await;
    let proven = proof(&challenge, "REGISTER", "zhang", "geheim");
    zhang.raw(&register(&zhang, "zhang", 2, &proven)).await;
    zhang.expect("SIP/2.0 200").await;
    // A number is nobody's phone: however often it is redialled, the phone is heard.
    let mut redials = Peer::over(zhang.socket, ua.address);
    for _ in 0..15 {
        redials.tag.clear();
        let invite = calls(&mut redials, "zhang", "13912345678", "");
        redials.raw(&invite).await;
        let challenge = redials.expect("SIP/2.0 401").await;
        redials.tag.clear();
        let proven = proof(&challenge, "INVITE", "zhang", "geheim");
        let invite = calls(&mut redials, "zhang", "13912345678", &proven);
        redials.raw(&invite).await;
        redials.expect("SIP/2.0 404").await;
    }
    assert!(ua.events_are_empty());
    redials.tag.clear();
    let invite = calls(&mut redials, "zhang", "wang", "");
    redials.raw(&invite).await;
    let challenge = redials.expect("SIP/2.0 401").await;
    redials.tag.clear();
    let proven = proof(&challenge, "INVITE", "zhang", "geheim");
    let invite = calls(&mut redials, "zhang", "wang", &proven);
    redials.raw(&invite).await;
    let event = ua.event().await;
    assert!(
        matches!(&event.what, LegEvent::PhoneCalls { from, .. } if from == "zhang"),
        "{event:?}"
    );
    redials.tag.clear();
    let invite = calls(&mut redials, "zhang", "*11", "");
    redials.raw(&invite).await;
    let challenge = redials.expect("SIP/2.0 401").await;
    redials.tag.clear();
    let proven = proof(&challenge, "INVITE", "zhang", "geheim");
    let invite = calls(&mut redials, "zhang", "*11", &proven);
    redials.raw(&invite).await;
    let event = ua.event().await;
    let (from, code) = ("zhang".to_owned(), "*11".to_owned());
    let sdp = description(4_000);
    assert_eq!(event.what, LegEvent::CodeCalled { from, code, sdp });
    // Nobody calls in the name of a phone that is elsewhere.
    let mut stranger = Peer::new(ua.address).await;
    let invite = calls(&mut stranger, "nobody", "wang", "");
    stranger.raw(&invite).await;
    stranger.expect("SIP/2.0 403").await;
}

#[tokio::test]
async fn who_takes_the_place_of_a_leg_is_known_by_where_their_phone_registered() {
    let mut ua = branch().await;
    let (mut li_na, wang) = (phone(&ua, "li_na").await, phone(&ua, "wang").await);
    let talk = ua.dial(AgentContact::Registered("li_na".into()));
    let invite = li_na.expect("INVITE").await;
    answers(&mut li_na, &invite).await;
    assert!(matches!(ua.settled().await, LegEvent::Answered { .. }));
    let of = |name| header(&invite, name).expect("a whole invite");
    let (id, ours) = (
        of("Call-ID"),
        of("From").split("tag=").nth(1).expect("a tag"),
    );
    let replaces = format!("Replaces: {id};to-tag={ours};from-tag=theirs\r\n");
    // A phone gives its name, or calls from where it registered; of others the address is known.
    let named = Peer::new(ua.address).await;
    let stranger = Peer::new(ua.address).await;
    let somewhere = AgentContact::Uri(format!("sip:peer@{}", stranger.own));
    let wangs = AgentContact::Registered("wang".into());
    for (peer, user, at) in [
        (named, "wang", wangs.clone()),
        (Peer::over(wang.socket, ua.address), "anonymous", wangs),
        (stranger, "nobody", somewhere),
    ] {
        let mut peer = peer;
        let invite = calls(&mut peer, user, "box", &replaces);
        peer.raw(&invite).await;
        let event = ua.event().await;
        let LegEvent::Replaced { by, at: told, .. } = event.what else {
            panic!("{event:?}")
        };
        assert_eq!((event.leg, told), (talk, at));
        ua.command(by, LegCommand::Reject { status: 491 });
        peer.expect("SIP/2.0 491").await;
    }
}
