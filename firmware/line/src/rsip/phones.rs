//! Agents' phones that register (RFC 3261, section 10).

use std::net::SocketAddr;
use std::time::Duration;

use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{Header, Request, StatusCode};
use rsipstack::transaction::transaction::Transaction;
use tracing::warn;

use super::requests::flow_of;
use super::{RsipUa, headers, now};
use crate::auth::{Ignored, Outcome};
use crate::stream::Transport;

/// What a REGISTER is answered with; none where its sender is ignored.
type Answer = Option<(StatusCode, Vec<Header>)>;

impl RsipUa {
    pub(super) fn on_register(&mut self, transaction: Transaction) {
        let Some(flow) = flow_of(&transaction) else {
            return;
        };
        if let Some((status, headers)) = self.register(&transaction.original, flow) {
            self.reply(transaction, status, headers);
        }
    }

    fn register(&mut self, request: &Request, flow: (Transport, SocketAddr)) -> Answer {
        let (_, source) = flow;
        let to = request.to_header().ok().and_then(|to| to.typed().ok());
        let Some(to) = to else {
            return Some((StatusCode::BadRequest, Vec::new()));
        };
        let user = to.uri.user().unwrap_or_default();
        let local = source.ip().to_canonical().is_loopback();
        if !(local && self.unproven.contains(user)) {
            let authorization = headers::text(request, "Authorization");
            let authorization = authorization.as_deref();
            let outcome = self
                .authenticator
                .check(now(), source.ip(), "REGISTER", authorization);
            if let Err(answer) = admitted(outcome, user, source) {
                return answer;
            }
        }
        Some(match self.register_contact(request, user, flow) {
            Ok(headers) => (StatusCode::OK, headers),
            Err(status) => (status, Vec::new()),
        })
    }

    fn register_contact(
        &mut self,
        request: &Request,
        user: &str,
        flow: (Transport, SocketAddr),
    ) -> Result<Vec<Header>, StatusCode> {
        let expires = headers::seconds(request, "Expires");
        let Some(contact) = headers::text(request, "Contact") else {
            return Ok(self.bindings(user));
        };
        let (uri, expiry) = if contact == "*" {
            // All bindings of a user are one here; only their removal is asked for this way.
            if expires != Some(Duration::ZERO) {
                return Err(StatusCode::BadRequest);
            }
            (String::new(), expires)
        } else {
            let uri = contact_uri(&contact).ok_or(StatusCode::BadRequest)?;
            let seconds = contact_expiry(&contact).map(Duration::from_secs);
            (uri.to_owned(), seconds.or(expires))
        };
        let now = now();
        let granted = self
            .registrar
            .register(now, user, uri, flow, expiry)
            .ok_or(StatusCode::Forbidden)?;
        self.seats.know_phone(user, flow.1.ip(), now + granted);
        Ok(self.bindings(user))
    }

    /// Where a user's phone is, as a response to its REGISTER says.
    fn bindings(&self, user: &str) -> Vec<Header> {
        let now = now();
        let written = self.registrar.find(now, user).map(|binding| {
            let seconds = binding.seconds_left(now);
            Header::Contact(format!("<{}>;expires={seconds}", binding.contact).into())
        });
        written.into_iter().collect()
    }
}

/// Whether the proof of a request is good for this user; else what it is answered with.
fn admitted(outcome: Outcome, user: &str, source: SocketAddr) -> Result<(), Answer> {
    let source = source.ip();
    let challenged = |challenge: String| {
        let header = Header::WwwAuthenticate(challenge.into());
        Err(Some((StatusCode::Unauthorized, vec![header])))
    };
    match outcome {
        Outcome::Accepted { user: proven } if proven == user => Ok(()),
        // A user who is known wants the place of another.
        Outcome::Accepted { .. } => Err(Some((StatusCode::Forbidden, Vec::new()))),
        Outcome::Challenged { challenge } => challenged(challenge),
        Outcome::Refused { challenge } => {
            // `packaging/fail2ban/trunkside.conf` reads this line.
            warn!(%source, "sip authentication failed");
            challenged(challenge)
        }
        Outcome::Ignored(Ignored { first }) => {
            if first {
                warn!(%source, "sip source is ignored for a while");
            }
            Err(None)
        }
    }
}

/// The address of a contact, without name and parameters of the contact itself. One with headers
/// must stand in brackets (RFC 3261, section 20.10).
pub(super) fn contact_uri(contact: &str) -> Option<&str> {
    match contact.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map(|(uri, _)| uri),
        None if contact.contains('?') => None,
        None => contact.split(';').next().map(str::trim),
    }
}

fn contact_expiry(contact: &str) -> Option<u64> {
    let parameters = contact
        .rsplit_once('>')
        .map_or(contact, |(_, parameters)| parameters);
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("expires")
            .then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_read_with_and_without_brackets() {
        let long = "\"A\" <sip:a@192.0.2.7:5062;transport=udp>;expires=60;+sip.instance=\"x\"";
        assert_eq!(
            contact_uri(long),
            Some("sip:a@192.0.2.7:5062;transport=udp")
        );
        assert_eq!(contact_expiry(long), Some(60));
        assert_eq!(
            contact_uri("sip:a@192.0.2.7;expires=0"),
            Some("sip:a@192.0.2.7")
        );
        assert_eq!(contact_expiry("sip:a@192.0.2.7;expires=0"), Some(0));
        assert_eq!(contact_expiry("<sip:a@192.0.2.7;expires=9>"), None);
        assert_eq!(contact_uri("sip:a@192.0.2.7?Route=%3Csip:x%3E"), None);
    }
}
