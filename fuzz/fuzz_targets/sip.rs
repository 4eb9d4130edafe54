//! Datagrams at the gate, and what of them the stack then reads: none panics, and a refusal is itself a
//! message that the gate lets pass.
#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{SipMessage, Transport};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::SipConnection;
use trunkside_line::{Gate, Verdict};

fuzz_target!(|bytes: &[u8]| {
    let source = SocketAddr::from(([192, 0, 2, 7], 5060));
    match Gate::inspect(bytes, source) {
        Verdict::Answer { status, bytes } => {
            assert!((400..700).contains(&status));
            assert!(bytes.starts_with(b"SIP/2.0 ") && bytes.ends_with(b"\r\n\r\n"));
        }
        Verdict::PassAs(changed) => {
            assert_eq!(Gate::inspect(&changed, source), Verdict::Pass, "made explicit once");
            read(&changed, source);
        }
        Verdict::Pass => read(bytes, source),
        Verdict::Drop => {}
    }
});

/// What the stack reads of a message before anybody has asked for it.
fn read(bytes: &[u8], source: SocketAddr) {
    let Ok(message) = SipMessage::try_from(bytes) else { return };
    let Ok(message) = SipConnection::update_msg_received(message, source, Transport::Udp) else { return };
    let _ = SipConnection::get_destination(&message);
    match &message {
        SipMessage::Request(request) => {
            let _ = TransactionKey::from_request(request, TransactionRole::Server);
            let _ = request.from_header().map(|from| from.typed());
            let _ = request.to_header().map(|to| to.typed());
            let _ = request.contact_header().map(|contact| contact.typed());
        }
        SipMessage::Response(response) => {
            let _ = TransactionKey::from_response(response, TransactionRole::Client);
            let _ = response.to_header().map(|to| to.typed());
        }
    }
    let _ = message.to_string();
}
