//! Trunks that register, against carriers that write their own SIP.

use super::dns::{Dns, Says};
use super::peer::{Driven, Peer, SDP, header, offer};
use super::*;
use crate::trunk::TrunkTimes;

fn trunk(targets: &[&Peer]) -> TrunkConfig {
    TrunkConfig {
        name: "telecom".into(),
        targets: targets
            .iter()
            .map(|target| target.own.to_string().parse().expect("a target"))
            .collect(),
        transport: Transport::Udp,
        domain: "carrier.example".into(),
        login: Some(("trunk-1".into(), Pii::new("geheim".into()))),
        number: None,
        sources: Vec::new(),
        times: TrunkTimes {
            keep_alive: Duration::from_secs(1),
            ..TrunkTimes::default()
        },
    }
}

/// A carrier that waits to be asked.
async fn carrier() -> Peer {
    Peer::new("127.0.0.1:9".parse().expect("valid")).await
}

/// A call of a carrier's that has been answered.
async fn taken(ua: &mut Driven, carrier: &mut Peer) -> LegId {
    carrier.to = ua.address;
    carrier.send("INVITE", SDP, &offer()).await;
    let leg = ua.incoming().await;
    let sdp = description(5_000);
    ua.command(leg, LegCommand::Answer { sdp });
    carrier.expect("SIP/2.0 200").await;
    carrier.send("ACK", "", "").await;
    let acknowledged = ua.event().await.what;
    assert!(matches!(acknowledged, LegEvent::Acknowledged { .. }));
    leg
}

/// A request with a proof, which is asked for.
async fn proven(carrier: &mut Peer, method: &str) -> String {
    loop {
        let request = carrier.expect(method).await;
        if header(&request, "Proxy-Authorization").is_some() {
            return request;
        }
        carrier.respond(&request, UNPROVEN, CHALLENGE, "").await;
    }
}

const UNPROVEN: &str = "407 Proxy Authentication Required";

const CHALLENGE: &str =
    "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n";

const GRANTED: &str = "Contact: <sip:trunk-1@127.0.0.1>;expires=60\r\n";

#[tokio::test]
async fn a_trunk_registers_with_its_password_and_is_asked_whether_it_is_there() {
    let mut carrier = carrier().await;
    let config = trunk(&[&carrier]);
    let mut ua = Driven::new(|c| c.trunks = vec![config]).await;
    let first = carrier.expect("REGISTER sip:carrier.example").await;
    assert!(header(&first, "To").is_some_and(|to| to.contains("sip:trunk-1@carrier.example")));
    let challenge = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n";
    carrier
        .respond(&first, "401 Unauthorized", challenge, "")
        .await;
    let second = carrier.expect("REGISTER").await;
    let proof = header(&second, "Authorization").expect("a proof");
    let credentials = crate::auth::Credentials::parse(proof).expect("well formed");
    let secret = crate::auth::hashed_secret("trunk-1", "carrier", "geheim");
    assert_eq!(
        credentials.expected(&secret, "REGISTER"),
        credentials.response
    );
    carrier.respond(&second, "200 OK", GRANTED, "").await;
    let options = carrier.expect("OPTIONS").await;
    carrier.respond(&options, "200 OK", "", "").await;

    // Its calls are taken.
    carrier.to = ua.address;
    carrier.tag.clear();
    carrier.send("INVITE", SDP, &offer()).await;
    ua.incoming().await;
}

#[tokio::test]
async fn the_next_target_is_tried_when_one_refuses() {
    let (mut first, mut second) = (carrier().await, carrier().await);
    let config = trunk(&[&first, &second]);
    let _ua = Driven::new(|c| c.trunks = vec![config]).await;
    let asked = first.expect("REGISTER").await;
    first
        .respond(&asked, "503 Service Unavailable", "", "")
        .await;
    let asked = second.expect("REGISTER").await;
    second.respond(&asked, "200 OK", GRANTED, "").await;
    second.expect("OPTIONS").await;
}

#[tokio::test]
async fn a_trunk_s_name_leads_to_its_servers_in_their_order_and_they_outlive_the_dns() {
    let (mut first, mut second) = (carrier().await, carrier().await);
    let services = |peers: [(u16, &Peer); 2]| {
        let service = |(priority, peer): (u16, &Peer)| (priority, 0, peer.own.port(), "127.0.0.1");
        Says::Services(0, peers.map(service).to_vec())
    };
    let name = "_sip._udp.carrier.example";
    let says = services([(20, &second), (10, &first)]);
    let mut dns = Dns::new(&[(name, says)]).await;
    let mut config = trunk(&[]);
    config.targets = vec!["carrier.example".parse().expect("a target")];
    let address = dns.address;
    let mut ua = Driven::new(|c| {
        c.trunks = vec![config];
        c.dns_servers = vec![address];
    })
    .await;
    assert_eq!(dns.asked().await, name);
    let asked = first.expect("REGISTER sip:carrier.example").await;
    first
        .respond(&asked, "503 Service Unavailable", "", "")
        .await;
    let asked = second.expect("REGISTER sip:carrier.example").await;
    second.respond(&asked, "200 OK", GRANTED, "").await;
    let options = second.expect("OPTIONS").await;
    second.respond(&options, "200 OK", "", "").await;
    dns.say(name, Says::Silence);

    // The calls of both are taken: either may send them.
    first.to = ua.address;
    first.tag.clear();
    first.send("INVITE", SDP, &offer()).await;
    ua.incoming().await;
}

#[tokio::test]
async fn the_better_of_two_challenges_is_answered_and_of_its_qualities_the_plain_one() {
    use sha2::{Digest as _, Sha256};
    let mut carrier = carrier().await;
    let config = trunk(&[&carrier]);
    let _ua = Driven::new(|c| c.trunks = vec![config]).await;
    let first = carrier.expect("REGISTER").await;
    let challenges = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"m\", algorithm=MD5\r\n\
         WWW-Authenticate: Digest realm=\"carrier\", nonce=\"s\", algorithm=SHA-256, qop=\"auth-int,auth\"\r\n";
    carrier
        .respond(&first, "401 Unauthorized", challenges, "")
        .await;
    let second = carrier.expect("REGISTER").await;
    let proof = header(&second, "Authorization").expect("a proof");
    assert!(proof.contains("algorithm=SHA-256"), "{proof}");
    let (_, rest) = proof.split_once(' ').expect("a scheme");
    let pairs = crate::auth::parameters(rest).expect("well formed");
    let of = |name: &str| {
        let found = pairs.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    assert_eq!((of("qop"), of("nonce")), ("auth", "s"));
    let hashed = |text: &str| crate::auth::digest::hex(&Sha256::digest(text.as_bytes()));
    let one = hashed("trunk-1:carrier:geheim");
    let two = hashed(&format!("REGISTER:{}", of("uri")));
    let (count, client) = (of("nc"), of("cnonce"));
    let expected = hashed(&format!("{one}:s:{count}:{client}:auth:{two}"));
    assert_eq!(of("response"), expected);
}

#[tokio::test]
async fn a_call_over_a_trunk_is_given_up_where_it_was_dialled() {
    let mut carrier = carrier().await;
    let config = trunk(&[&carrier]);
    let mut ua = Driven::new(|c| c.trunks = vec![config]).await;
    let asked = carrier.expect("REGISTER").await;
    carrier.respond(&asked, "200 OK", GRANTED, "").await;
    let options = carrier.expect("OPTIONS").await;
    carrier.respond(&options, "200 OK", "", "").await;
    // Nobody knows the carrier's name but by its targets.
    let leg = ua.dial(AgentContact::OverTrunk {
        trunk: "telecom".into(),
        number: Pii::new("13800138000".into()),
    });
    let invite = carrier.expect("INVITE").await;
    carrier.respond(&invite, "180 Ringing", "", "").await;
    assert!(matches!(ua.event().await.what, LegEvent::Ringing { .. }));
    ua.command(leg, LegCommand::Cancel);
    let cancel = carrier.expect("CANCEL").await;
    carrier.respond(&cancel, "200 OK", "", "").await;
    carrier
        .respond(&invite, "487 Request Terminated", "", "")
        .await;
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 487 });
}

#[tokio::test]
async fn a_carrier_that_sends_us_on_to_a_number_of_its_own_is_asked_in_our_name() {
    let mut carrier = carrier().await;
    let config = trunk(&[&carrier]);
    let mut ua = Driven::new(|c| c.trunks = vec![config]).await;
    let asked = carrier.expect("REGISTER").await;
    carrier.respond(&asked, "200 OK", GRANTED, "").await;
    let options = carrier.expect("OPTIONS").await;
    carrier.respond(&options, "200 OK", "", "").await;
    let elsewhere = UdpSocket::bind("127.0.0.2:0").await.expect("loopback");
    let number = Pii::new("13800138000".to_owned());
    let trunk = "telecom".to_owned();
    let to = AgentContact::OverTrunk { trunk, number };
    ua.dial(to.clone());
    let mut invite = carrier.expect("INVITE sip:13800138000@").await;
    let moved = "302 Moved Temporarily";
    let (own, number) = (carrier.own.to_string(), "+8613911112222;rn=1");
    for host in ["CARRIER.example:5060", &own] {
        let contact = format!("Contact: <sip:{number}@{host};user=phone>\r\n");
        carrier.respond(&invite, moved, &contact, "").await;
        let start = format!("INVITE sip:{number}@carrier.example");
        invite = carrier.expect(&start).await;
        let from = header(&invite, "From").expect("a caller");
        assert!(from.contains("sip:trunk-1@carrier.example"), "{from}");
        carrier.respond(&invite, UNPROVEN, CHALLENGE, "").await;
        invite = carrier.expect(&start).await;
        assert!(header(&invite, "Proxy-Authorization").is_some());
    }
    // Whoever else asks for it is given no proof.
    let mut elsewhere = Peer::over(elsewhere, ua.address);
    let contact = format!("Contact: <sip:{number}@{}>\r\n", elsewhere.own);
    carrier.respond(&invite, moved, &contact, "").await;
    let invite = elsewhere.expect("INVITE").await;
    elsewhere.respond(&invite, UNPROVEN, CHALLENGE, "").await;
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 407 });

    ua.dial(to);
    let invite = carrier.expect("INVITE sip:13800138000@").await;
    let contact = "Contact: <tel:+86-139-1111-2222;phone-context=+86>\r\n";
    carrier.respond(&invite, moved, contact, "").await;
    carrier
        .expect("INVITE sip:+8613911112222@carrier.example")
        .await;
}

#[tokio::test]
async fn a_carrier_that_wants_a_proof_within_a_call_gets_that_of_the_account_that_was_called() {
    let mut carrier = carrier().await;
    let mut called = trunk(&[&carrier]);
    called.login = Some(("box".into(), Pii::new("secret".into())));
    let trunks = vec![trunk(&[&carrier]), called];
    let mut ua = Driven::new(|c| c.trunks = trunks).await;
    let leg = taken(&mut ua, &mut carrier).await;
    ua.command(leg, LegCommand::HangUp);
    let bye = proven(&mut carrier, "BYE").await;
    let proof = header(&bye, "Proxy-Authorization").expect("a proof");
    let credentials = crate::auth::Credentials::parse(proof).expect("well formed");
    let secret = crate::auth::hashed_secret("box", "carrier", "secret");
    assert_eq!(credentials.expected(&secret, "BYE"), credentials.response);
}

#[tokio::test]
async fn a_carrier_that_refuses_our_proof_is_not_said_to_have_hung_up() {
    let mut carrier = carrier().await;
    let config = trunk(&[&carrier]);
    let mut ua = Driven::new(|c| c.trunks = vec![config]).await;
    let leg = taken(&mut ua, &mut carrier).await;
    ua.command(leg, LegCommand::Probe);
    let asked = proven(&mut carrier, "OPTIONS").await;
    carrier.respond(&asked, UNPROVEN, CHALLENGE, "").await;
    let cause = EndCause::Silent;
    assert_eq!(ua.event().await.what, LegEvent::Ended { cause });
}

/// A box with two carriers' targets for one trunk, of which the first serves.
async fn two_targets() -> (Driven, Peer, Peer) {
    let (mut first, second) = (carrier().await, carrier().await);
    let mut config = trunk(&[&first, &second]);
    config.login = None;
    config.times.register = false;
    config.times.keep_alive = Duration::from_mins(10);
    let ua = Driven::new(|c| c.trunks = vec![config]).await;
    let asked = first.expect("OPTIONS").await;
    first.respond(&asked, "200 OK", "", "").await;
    // Its answer is taken before the first call is dialled.
    first.to = ua.address;
    let hello = first.request("OPTIONS", "", "");
    first.raw(&hello).await;
    first.expect("SIP/2.0 200").await;
    (ua, first, second)
}

fn outside() -> AgentContact {
    AgentContact::OverTrunk {
        trunk: "telecom".into(),
        number: Pii::new("13912345678".into()),
    }
}

#[tokio::test]
async fn a_call_over_a_trunk_shows_the_number_that_the_box_has_there() {
    let number = Pii::new("95588".to_owned());
    for (number, user) in [(Some(number), "95588"), (None, "trunk-1")] {
        let mut carrier = carrier().await;
        let mut config = trunk(&[&carrier]);
        let is_set = number.is_some();
        config.number = number;
        let mut ua = Driven::new(|c| {
            c.trunks = vec![config];
            c.shown = ShownNumber::Masked;
        })
        .await;
        let asked = carrier.expect("REGISTER").await;
        carrier.respond(&asked, "200 OK", GRANTED, "").await;
        let options = carrier.expect("OPTIONS").await;
        carrier.respond(&options, "200 OK", "", "").await;
        // A caller who is handed on, and whom the carrier has vouched for.
        carrier.to = ua.address;
        carrier.tag.clear();
        let asserted = "P-Asserted-Identity: <sip:+8613911112222@carrier>\r\n";
        let lines = format!("{SDP}{asserted}");
        carrier.send("INVITE", &lines, &offer()).await;
        let leg = ua.incoming().await;
        let dial = LegCommand::Dial {
            to: outside(),
            from: Pii::new("+8613911112222".into()),
            private: false,
            sdp: description(5_000),
        };
        ua.command(leg.branch(1), dial);
        let invite = carrier.expect("INVITE sip:13912345678@").await;
        let from = header(&invite, "From").expect("a caller");
        let expected = format!("sip:{user}@carrier.example");
        assert!(from.contains(&expected), "{from}");
        let vouched = is_set.then_some("<sip:95588@carrier.example>");
        assert_eq!(header(&invite, "P-Asserted-Identity"), vouched, "{invite}");
    }
}

#[tokio::test]
async fn a_call_that_a_target_cannot_take_goes_to_the_next_and_the_target_is_asked_after() {
    let (mut ua, mut first, mut second) = two_targets().await;
    ua.dial(outside());
    let invite = first.expect("INVITE sip:13912345678@carrier.example").await;
    first
        .respond(&invite, "503 Service Unavailable", "", "")
        .await;
    let invite = second
        .expect("INVITE sip:13912345678@carrier.example")
        .await;
    let asked = first.expect("OPTIONS").await;
    first.respond(&asked, "200 OK", "", "").await;
    let there = format!("{SDP}Contact: <sip:13912345678@{}>\r\n", second.own);
    second.respond(&invite, "200 OK", &there, &offer()).await;
    assert!(matches!(ua.settled().await, LegEvent::Answered { .. }));
}

#[tokio::test]
async fn a_call_of_which_a_target_says_nothing_goes_to_the_next() {
    let (mut ua, mut first, mut second) = two_targets().await;
    let leg = ua.dial(outside());
    let invite = first.expect("INVITE").await;
    second.expect("INVITE").await;
    // What it says so late changes nothing.
    let there = format!("{SDP}Contact: <sip:13912345678@{}>\r\n", first.own);
    first.respond(&invite, "200 OK", &there, &offer()).await;
    first.expect("BYE").await;
    assert!(ua.events_are_empty());
    ua.command(leg, LegCommand::Cancel);
}

#[tokio::test]
async fn what_the_callee_says_and_what_rang_is_not_tried_again_elsewhere() {
    let (mut ua, mut first, mut second) = two_targets().await;
    for (status, rings) in [
        ("486 Busy Here", false),
        ("480 Gone", true),
        ("500 Fault", true),
    ] {
        ua.dial(outside());
        let invite = first.expect("INVITE").await;
        if rings {
            first.respond(&invite, "180 Ringing", "", "").await;
        }
        first.respond(&invite, status, "", "").await;
        let code = status[..3].parse().expect("a status");
        assert_eq!(ua.settled().await, LegEvent::Failed { status: code });
    }
    // All that fail.
    ua.dial(outside());
    for carrier in [&mut first, &mut second] {
        let invite = carrier.expect("INVITE").await;
        carrier
            .respond(&invite, "500 Server Internal Error", "", "")
            .await;
    }
    assert_eq!(ua.settled().await, LegEvent::Failed { status: 500 });
}
