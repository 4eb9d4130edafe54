//! Registrations that must be proven, and calls from nowhere.

use super::peer::{Driven, Peer, SDP, header, offer};
use super::*;
use crate::auth::{Credentials, hashed_secret};

/// A trunk that is not here.
pub fn pbx() -> TrunkConfig {
    TrunkConfig {
        name: "pbx".into(),
        targets: Vec::new(),
        transport: Transport::Udp,
        domain: "pbx".into(),
        login: None,
        number: None,
        sources: vec!["192.0.2.0/24".parse().expect("a network")],
        times: crate::trunk::TrunkTimes::default(),
    }
}

async fn registrar() -> Driven {
    Driven::new(|config| {
        config.phones.users = vec!["li_na".into()];
        config.phones.secrets = vec![("li_na".into(), Pii::new("geheim".into()))];
    })
    .await
}

pub fn register(peer: &Peer, user: &str, number: u32, authorization: &str) -> String {
    let Peer { own, to, .. } = peer;
    format!(
        "REGISTER sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKr{user}{number};rport\r\n\
         From: <sip:{user}@{to}>;tag=1\r\nTo: <sip:{user}@{to}>\r\nCall-ID: r@{own}\r\n\
         CSeq: {number} REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{user}@{own}>;expires=60\r\n\
         {authorization}Content-Length: 0\r\n\r\n"
    )
}

/// The header that answers a challenge.
pub fn proof(challenge: &str, method: &str, user: &str, password: &str) -> String {
    let value = header(challenge, "WWW-Authenticate").expect("a challenge");
    let nonce = value
        .split("nonce=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let unsigned = format!(
        "Digest username=\"{user}\", realm=\"trunkside\", nonce=\"{}\", uri=\"sip:box\", \
         response=\"x\", qop=auth, nc=00000001, cnonce=\"c\"",
        nonce.expect("a nonce")
    );
    let credentials = Credentials::parse(&unsigned).expect("well formed");
    let secret = hashed_secret(user, "trunkside", password);
    let response = credentials.expected(&secret, method);
    let signed = unsigned.replace("\"x\"", &format!("\"{response}\""));
    format!("Authorization: {signed}\r\n")
}

#[tokio::test]
async fn a_phone_that_knows_its_secret_is_registered() {
    let ua = registrar().await;
    let mut phone = Peer::new(ua.address).await;
    phone.raw(&register(&phone, "li_na", 1, "")).await;
    let challenge = phone.expect("SIP/2.0 401").await;
    phone
        .raw(&register(
            &phone,
            "li_na",
            2,
            &proof(&challenge, "REGISTER", "li_na", "geheim"),
        ))
        .await;
    let registered = phone.expect("SIP/2.0 200").await;
    assert!(header(&registered, "Contact").is_some_and(|c| c.contains("expires=")));
    ua.dial(AgentContact::Registered("li_na".into()));
    phone.expect("INVITE sip:li_na@").await;
}

#[tokio::test]
async fn a_box_that_was_started_again_rings_a_phone_that_has_not_registered_since() {
    let mut first = registrar().await;
    let mut phone = Peer::new(first.address).await;
    phone.raw(&register(&phone, "li_na", 1, "")).await;
    let challenge = phone.expect("SIP/2.0 401").await;
    let proven = proof(&challenge, "REGISTER", "li_na", "geheim");
    phone.raw(&register(&phone, "li_na", 2, &proven)).await;
    phone.expect("SIP/2.0 200").await;
    let told = timeout(
        LIMIT,
        first.registrations.wait_for(|known| !known.is_empty()),
    )
    .await;
    let known = told.expect("told in time").expect("running").clone();
    assert!(
        !format!("{known:?}").contains("sip:"),
        "a contact is nobody else's"
    );
    drop(first);

    let again = Driven::new(|config| {
        config.phones.users = vec!["li_na".into()];
        config.registered = known;
    })
    .await;
    again.dial(AgentContact::Registered("li_na".into()));
    phone.expect("INVITE sip:li_na@").await;
}

#[tokio::test]
async fn a_stranger_and_a_wrong_secret_get_the_same_answer_and_then_none() {
    let ua = registrar().await;
    let mut answers = Vec::new();
    let mut peer = Peer::new(ua.address).await;
    for user in ["li_na", "nobody"] {
        peer.raw(&register(&peer, user, 1, "")).await;
        let challenge = peer.expect("SIP/2.0 401").await;
        peer.raw(&register(
            &peer,
            user,
            2,
            &proof(&challenge, "REGISTER", user, "guess"),
        ))
        .await;
        let refused = peer.expect("SIP/2.0 401").await;
        let nonce = header(&refused, "WWW-Authenticate").and_then(|v| v.split('"').nth(3));
        let nonce = nonce.expect("a nonce").to_owned();
        let tag = peer.tag.clone();
        answers.push(
            refused
                .replace(&nonce, "")
                .replace(&tag, "")
                .replace(user, "USER"),
        );
    }
    assert_eq!(answers[0], answers[1]);

    let challenge = {
        peer.raw(&register(&peer, "li_na", 3, "")).await;
        peer.expect("SIP/2.0 401").await
    };
    let mut number = 4;
    let silent = loop {
        number += 1;
        peer.raw(&register(
            &peer,
            "li_na",
            number,
            &proof(&challenge, "REGISTER", "li_na", "guess"),
        ))
        .await;
        let mut bytes = [0; 2_048];
        let answer = timeout(Duration::from_millis(700), peer.socket.recv(&mut bytes)).await;
        match answer {
            Ok(_) if number < 20 => {}
            Ok(_) => break false,
            Err(_) => break true,
        }
    };
    assert!(silent, "who guesses is not answered any more");
}

#[tokio::test]
async fn calls_from_no_trunk_are_refused() {
    let mut ua = Driven::new(|config| config.trunks = vec![pbx()]).await;
    let mut stranger = Peer::new(ua.address).await;
    stranger.send("INVITE", SDP, &offer()).await;
    stranger.expect("SIP/2.0 403").await;
    stranger.send("ACK", "", "").await;
    stranger.tag.clear();
    stranger.send("OPTIONS", "", "").await;
    stranger.expect("SIP/2.0 200").await;
    assert!(ua.events_are_empty());
}
