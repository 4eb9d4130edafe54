//! Phones that send us elsewhere, and phones that leave.

use super::peer::{Driven, Peer, SDP, header, offer};
use super::*;

/// Registers a peer's phone.
async fn register(phone: &mut Peer, user: &str, contacts: &str) -> String {
    phone.number += 1;
    let Peer { own, number, .. } = phone;
    let port = own.port();
    let text = format!(
        "REGISTER sip:box SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKr{number}p{port};rport\r\n\
         From: <sip:{user}@box>;tag=1\r\nTo: <sip:{user}@box>\r\nCall-ID: register@{own}\r\n\
         CSeq: {number} REGISTER\r\nMax-Forwards: 70\r\nContact: {contacts}\r\nContent-Length: 0\r\n\r\n",
    );
    phone.raw(&text).await;
    phone.expect("SIP/2.0 200").await
}

async fn with_phones(users: &[&str]) -> Driven {
    let users = users.iter().map(|&user| user.to_owned()).collect();
    Driven::new(|config| config.phones.users = users).await
}

#[tokio::test]
async fn a_phone_that_leaves_takes_only_its_own_contact_away() {
    let ua = with_phones(&["li_na"]).await;
    let (mut old, mut new) = (Peer::new(ua.address).await, Peer::new(ua.address).await);
    let (before, after) = (
        format!("<sip:li_na@{}>", old.own),
        format!("<sip:li_na@{}>", new.own),
    );
    register(&mut old, "li_na", &format!("{before};expires=60")).await;
    register(&mut new, "li_na", &format!("{after};expires=60")).await;
    let left = register(&mut old, "li_na", &format!("{before};expires=0")).await;
    let held = header(&left, "Contact").expect("the other phone stays");
    assert!(held.starts_with(&after), "{held}");
    // A phone that has moved names both places.
    let both = format!("{before};expires=60, {after};expires=0");
    let moved = register(&mut old, "li_na", &both).await;
    let held = header(&moved, "Contact").expect("it is there");
    assert!(held.starts_with(&before), "{held}");
    let left = register(&mut old, "li_na", &format!("{before};expires=0")).await;
    assert_eq!(header(&left, "Contact"), None);
}

#[tokio::test]
async fn a_phone_that_names_another_of_ours_reaches_it_and_never_the_box_itself() {
    let mut ua = with_phones(&["wang"]).await;
    let (mut first, mut wang) = (Peer::new(ua.address).await, Peer::new(ua.address).await);
    let contact = format!("<sip:wang@{}>", wang.own);
    register(&mut wang, "wang", &contact).await;
    let replaces = "a@b;to-tag=1;from-tag=2".to_owned();
    let contact = Box::new(AgentContact::Uri(format!("sip:a@{}", first.own)));
    ua.dial(AgentContact::InPlaceOf { contact, replaces });
    let invite = first.expect("INVITE").await;
    let contact = format!("Contact: <sip:wang;x=y@{}>\r\n", ua.address);
    first
        .respond(&invite, "302 Moved Temporarily", &contact, "")
        .await;
    let start = format!("INVITE sip:wang@{}", wang.own);
    let invite = wang.expect(&start).await;
    assert_eq!(header(&invite, "Replaces"), Some("a@b;to-tag=1;from-tag=2"));
    wang.respond(&invite, "486 Busy Here", "", "").await;
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 486 });

    ua.dial(AgentContact::Uri(format!("sip:2000@{}", ua.address)));
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 404 });
}

/// An agent who talks, on which leg, and the number of the call.
async fn talking(ua: &mut Driven, agent: &mut Peer) -> LegId {
    let leg = ua.dial(AgentContact::Uri(format!("sip:li_na@{}", agent.own)));
    let invite = agent.expect("INVITE").await;
    let lines = format!("{SDP}Contact: <sip:li_na@{}>\r\n", agent.own);
    agent.respond(&invite, "200 OK", &lines, &offer()).await;
    agent.expect("ACK").await;
    assert!(matches!(ua.settled().await, LegEvent::Answered { .. }));
    agent.invited = Some(invite);
    leg
}

#[tokio::test]
async fn a_colleague_is_handed_a_call_by_any_name_of_the_box() {
    let mut ua = with_phones(&["wang"]).await;
    let (mut agent, mut wang) = (Peer::new(ua.address).await, Peer::new(ua.address).await);
    // It registers by the name `box`, without a port.
    let contact = format!("<sip:wang@{}>", wang.own);
    register(&mut wang, "wang", &contact).await;
    let port = ua.address.port();
    talking(&mut ua, &mut agent).await;
    for name in ["BOX", &format!("box:{port}"), &ua.address.to_string()] {
        let refer = format!("Refer-To: <sip:wang@{name}>\r\n");
        agent.send_within("REFER", &refer).await;
        let asked = ua.event().await;
        let to = AgentContact::Registered("wang".into());
        assert_eq!(asked.what, LegEvent::TransferAsked { to }, "{name}");
        ua.command(asked.leg, LegCommand::RejectTransfer { status: 603 });
        agent.expect("SIP/2.0 603").await;
    }
}

#[tokio::test]
async fn a_name_of_the_box_that_only_the_dns_knows_rings_the_phone_and_never_the_box() {
    let mut ua = with_phones(&["wang", "li_na"]).await;
    let mut wang = Peer::new(ua.address).await;
    let contact = format!("<sip:wang@{}>", wang.own);
    register(&mut wang, "wang", &contact).await;
    let there = format!("localhost:{}", ua.address.port());
    ua.dial(AgentContact::Uri(format!("sip:wang@{there}")));
    let invite = wang.expect(&format!("INVITE sip:wang@{}", wang.own)).await;
    wang.respond(&invite, "486 Busy Here", "", "").await;
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 486 });
    // The phone of another is away, and of somebody else the box knows nothing.
    for nobody in ["li_na", "13912345678"] {
        ua.dial(AgentContact::Uri(format!("sip:{nobody}@{there}")));
        assert_eq!(ua.settled().await, LegEvent::Failed { status: 404 });
    }
}

#[tokio::test]
async fn a_caller_is_handed_on_to_the_numbers_outside_that_are_allowed() {
    let mut ua = Driven::new(|config| {
        config.phones.users = vec!["1390".into()];
        config.outside = Some(Outside {
            trunk: "telecom".into(),
            prefixes: vec!["139".into(), "+86".into()],
        });
    })
    .await;
    let mut agent = Peer::new(ua.address).await;
    talking(&mut ua, &mut agent).await;
    let here = ua.address.to_string();
    let over = |number: &str| AgentContact::OverTrunk {
        trunk: "telecom".into(),
        number: Pii::new(number.into()),
    };
    let registered = |user: &str| AgentContact::Registered(user.into());
    let elsewhere = "sip:13912345678@192.0.2.9".to_owned();
    for (written, to) in [
        (format!("sip:13912345678@{here}"), over("13912345678")),
        (
            format!("sip:139-1234.5678@{here};user=phone"),
            over("13912345678"),
        ),
        (
            format!("sip:%2B8613912345678@{here}"),
            over("+8613912345678"),
        ),
        ("tel:+86-139-1234-5678".to_owned(), over("+8613912345678")),
        // A phone's own number, those that are not allowed, and other people's servers.
        (format!("sip:1390@{here}"), registered("1390")),
        (format!("sip:00139@{here}"), registered("00139")),
        (format!("sip:139wang@{here}"), registered("139wang")),
        ("tel:110".to_owned(), AgentContact::Uri("tel:110".into())),
        (elsewhere.clone(), AgentContact::Uri(elsewhere)),
    ] {
        agent
            .send_within("REFER", &format!("Refer-To: <{written}>\r\n"))
            .await;
        let asked = ua.event().await;
        assert_eq!(asked.what, LegEvent::TransferAsked { to }, "{written}");
        ua.command(asked.leg, LegCommand::RejectTransfer { status: 603 });
        agent.expect("SIP/2.0 603").await;
    }
}

#[tokio::test]
async fn a_phone_behind_a_router_is_let_go_where_it_registered_from() {
    let mut ua = with_phones(&["li_na"]).await;
    let mut phone = Peer::new(ua.address).await;
    let contact = "<sip:li_na@192.0.2.77:5062>";
    register(&mut phone, "li_na", contact).await;
    let there = AgentContact::Registered("li_na".into());
    let leg = ua.dial(there.clone());
    let invite = phone.expect("INVITE").await;
    phone.respond(&invite, "180 Ringing", "", "").await;
    assert!(matches!(ua.event().await.what, LegEvent::Ringing { .. }));
    ua.command(leg, LegCommand::Cancel);
    let cancel = phone.expect("CANCEL").await;
    phone.respond(&cancel, "200 OK", "", "").await;
    phone
        .respond(&invite, "487 Request Terminated", "", "")
        .await;
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 487 });

    let leg = ua.dial(there);
    let invite = phone.expect("INVITE").await;
    let lines = format!("{SDP}Contact: {contact}\r\n");
    phone.respond(&invite, "200 OK", &lines, &offer()).await;
    phone.expect("ACK").await;
    assert!(matches!(ua.settled().await, LegEvent::Answered { .. }));
    ua.command(leg, LegCommand::HangUp);
    phone.expect("BYE").await;
}

#[tokio::test]
async fn a_phone_whose_name_has_parameters_is_rung_where_its_address_says() {
    let ua = Driven::new(|_| {}).await;
    let mut phone = Peer::new(ua.address).await;
    let contact = format!("sip:2000;phone-context=pbx@{};user=phone", phone.own);
    ua.dial(AgentContact::Uri(contact.clone()));
    let invite = phone.expect(&format!("INVITE {contact} SIP/2.0")).await;
    let allowed = header(&invite, "Allow").expect("what the box takes");
    assert!(
        ["UPDATE", "REFER", "INFO"]
            .iter()
            .all(|method| allowed.contains(method))
    );
    assert!(header(&invite, "Call-ID").is_some_and(|id| !id.contains('@')));
}
