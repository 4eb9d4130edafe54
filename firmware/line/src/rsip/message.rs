//! Short texts to phones (MESSAGE, RFC 3428).

use rsipstack::sip::typed::{From as FromHeader, To, Via};
use rsipstack::sip::{Header, Method, Request, Response, SipMessage, StatusCodeKind};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::make_tag;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::SipAddr;
use tracing::{debug, warn};

use super::RsipUa;
use super::dial::Target;
use crate::sip_ua::AgentContact;

/// A request of 1300 bytes fits every path (RFC 3428, section 8); this leaves room for its headers.
const LONGEST_TEXT: usize = 700;

impl RsipUa {
    pub(super) fn send_message(&self, to: &AgentContact, text: &str) {
        let target = match self.reach(to, &[]) {
            Ok(target) => target,
            Err(unreached) => {
                warn!(
                    why = unreached.why,
                    "a phone cannot be told of what happens"
                );
                return;
            }
        };
        let destination = target.destination();
        let place = &target.place;
        let flow = place.way().map(|way| self.flows.lead(&place.callee, way));
        match self.endpoint.get_via(None, None) {
            Ok(via) => {
                let request = self.message_to(target, via, text);
                let endpoint = self.endpoint.clone();
                self.job(async move {
                    let key = TransactionKey::from_request(&request, TransactionRole::Client);
                    let sent = match key {
                        Ok(key) => {
                            let transaction = Transaction::new_client(key, request, endpoint, None);
                            send(transaction, destination).await
                        }
                        Err(error) => Err(error),
                    };
                    tell(sent);
                    drop(flow);
                });
            }
            Err(error) => warn!(%error, "a message could not be made"),
        }
    }

    fn message_to(&self, target: Target, via: Via, text: &str) -> Request {
        let from = FromHeader {
            display_name: None,
            uri: self.own_uri("trunkside", target.transport),
            params: Vec::new(),
        };
        let to = To {
            display_name: None,
            uri: target.place.callee.clone(),
            params: Vec::new(),
        };
        let from = from.with_tag(make_tag());
        let mut request = self.endpoint.make_request(
            Method::Message,
            target.place.callee,
            via,
            from,
            to,
            1,
            None,
        );
        request.body = cut(text).as_bytes().to_vec();
        request
            .headers
            .push(Header::ContentType("text/plain;charset=utf-8".into()));
        let length = u32::try_from(request.body.len()).unwrap_or(u32::MAX);
        request.headers.push(Header::ContentLength(length.into()));
        request
    }
}

async fn send(
    mut transaction: Transaction,
    destination: Option<SipAddr>,
) -> rsipstack::Result<Option<Response>> {
    transaction.destination = destination;
    transaction.send().await?;
    while let Some(message) = transaction.receive().await {
        if let SipMessage::Response(response) = message
            && response.status_code.kind() != StatusCodeKind::Provisional
        {
            return Ok(Some(response));
        }
    }
    Ok(None)
}

fn tell(sent: rsipstack::Result<Option<Response>>) {
    match sent {
        Ok(Some(response)) if response.status_code.kind() == StatusCodeKind::Successful => {
            debug!("a phone has taken a message");
        }
        Ok(Some(response)) => {
            warn!(status = %response.status_code, "a phone does not take messages");
        }
        Ok(None) => warn!("a phone does not answer messages"),
        Err(error) => warn!(%error, "a message could not be sent"),
    }
}

/// As much of a text as one request takes, whole characters.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "气".repeat(400);
        assert_eq!(cut(&long).chars().count(), LONGEST_TEXT / 3);
    }
}
