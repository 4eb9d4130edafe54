//! Short texts to phones.

use super::*;

async fn heard(phone: &UdpSocket) -> (String, SocketAddr) {
    let mut datagram = [0; 2_000];
    let (length, from) = timeout(LIMIT, phone.recv_from(&mut datagram))
        .await
        .expect("a datagram in time")
        .expect("loopback");
    let text = std::str::from_utf8(&datagram[..length]).expect("text");
    (text.to_owned(), from)
}

#[tokio::test]
async fn a_text_reaches_a_phone_and_one_that_is_too_long_fits_a_datagram() {
    let mut box_side = Phone::new(&["boss"]).await;
    let phone = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let uri = format!("sip:li_na@{}", phone.local_addr().expect("bound"));
    // Nobody has registered so: nothing is sent, and nothing fails.
    let nowhere = AgentContact::Registered("boss".into());
    box_side.ua.message(&nowhere, &Pii::new("lost".into()));

    let contact = AgentContact::Uri(uri.clone());
    box_side
        .ua
        .message(&contact, &Pii::new("来电者发怒".into()));
    let (text, from) = heard(&phone).await;
    let (head, body) = text.split_once("\r\n\r\n").expect("a body");
    assert!(
        head.starts_with(&format!("MESSAGE {uri} SIP/2.0\r\n")),
        "{head}"
    );
    assert!(
        head.contains("Content-Type: text/plain;charset=utf-8"),
        "{head}"
    );
    assert!(head.contains("Content-Length: 15"), "{head}");
    assert_eq!(body, "来电者发怒");
    assert_eq!(from, box_side.ua.local_addr());

    let long = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let uri = format!("sip:li_na@{}", long.local_addr().expect("bound"));
    let contact = AgentContact::Uri(uri);
    box_side.ua.message(&contact, &Pii::new("气".repeat(2_000)));
    let (text, _) = heard(&long).await;
    assert!(text.len() < 1_300 && text.ends_with('气'), "{}", text.len());
}
