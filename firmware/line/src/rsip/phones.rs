//! Agents' phones that register (RFC 3261, section 10).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rsipstack::sip::prelude::{HasHeaders, HeadersExt, ToTypedHeader};
use rsipstack::sip::{Header, Request, StatusCode};
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::watch;
use tracing::warn;

use super::requests::flow_of;
use super::{RsipUa, headers, now, sip_uri, transports};
use crate::auth::{Ignored, Outcome};
use crate::registrar::{Binding, Registration};
use crate::sip_ua::Phones;
use crate::stream::Transport;

/// What a REGISTER asks for (RFC 3261, section 10.3).
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Where the user's phone is.
    Nothing,
    RemoveAll,
    Contacts(Vec<Contact>),
}

/// Where a phone says that it is.
#[derive(Debug, PartialEq, Eq)]
struct Contact {
    uri: String,
    expiry: Option<Duration>,
}

impl Contact {
    fn is_gone(&self) -> bool {
        self.expiry == Some(Duration::ZERO)
    }

    /// Whether a binding is to the same phone, as far as its user, host, port and transport tell
    /// (RFC 3261, section 19.1.4).
    fn is(&self, binding: &Binding) -> bool {
        match (sip_uri(&self.uri), sip_uri(&binding.contact)) {
            (Some(own), Some(held)) => {
                own.user() == held.user()
                    && own.host_with_port == held.host_with_port
                    && transports::asked_by(&own) == transports::asked_by(&held)
            }
            _ => self.uri == binding.contact,
        }
    }
}

/// What a request that must be proven is answered with; none where its sender is ignored.
pub(super) type Answer = Option<(StatusCode, Vec<Header>)>;

impl RsipUa {
    /// Where the phones are that registered by datagrams, as it changes.
    pub fn registrations(&self) -> watch::Receiver<Vec<Registration>> {
        self.registrations.subscribe()
    }

    pub(super) fn resume_registrations(&mut self, known: Vec<Registration>) {
        let now = now();
        for known in known {
            let (user, source) = (known.user.clone(), known.source.ip());
            if let Some(until) = self.registrar.resume(now, known) {
                self.slots.know_phone(&user, source, until);
            }
        }
    }

    pub(super) fn admit(&mut self, phones: Phones) {
        self.unproven = phones.unproven();
        self.authenticator.trust(phones.passwords());
        self.codes = phones.codes;
        self.registrar.admit(phones.users);
        self.tell_registrations();
    }

    /// Tells whoever keeps them for another run.
    fn tell_registrations(&self) {
        let known = self.registrar.by_datagrams(now());
        self.registrations.send_if_modified(|told| {
            let is_news = *told != known;
            *told = known;
            is_news
        });
    }

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
        let domain = to.uri.host_with_port.to_string();
        if let Err(answer) = self.prove(request, user, source) {
            return answer;
        }
        Some(match self.register_contact(request, (user, domain), flow) {
            Ok(headers) => (StatusCode::OK, headers),
            Err(status) => (status, Vec::new()),
        })
    }

    fn register_contact(
        &mut self,
        request: &Request,
        (user, domain): (&str, String),
        flow: (Transport, SocketAddr),
    ) -> Result<Vec<Header>, StatusCode> {
        if !self.registrar.knows(user) {
            return Err(StatusCode::Forbidden);
        }
        let (now, source) = (now(), flow.1.ip());
        match asked(request).ok_or(StatusCode::BadRequest)? {
            Asked::Nothing => {}
            Asked::RemoveAll => self.unregister(now, user, source),
            Asked::Contacts(contacts) => {
                let (gone, there): (Vec<Contact>, Vec<Contact>) =
                    contacts.into_iter().partition(Contact::is_gone);
                // Another phone of the same user may have taken the place long ago.
                let held = self.registrar.find(now, user);
                let leaves = |contact: &Contact| held.is_some_and(|held| contact.is(held));
                if gone.iter().any(leaves) {
                    self.unregister(now, user, source);
                }
                for Contact { uri, expiry } in there {
                    let named = (uri, domain.clone());
                    let granted = self.registrar.register(now, user, named, flow, expiry);
                    self.slots.know_phone(user, source, now + granted);
                }
            }
        }
        self.tell_registrations();
        Ok(self.bindings(user))
    }

    fn unregister(&mut self, now: Instant, user: &str, source: IpAddr) {
        self.registrar.remove(now, user);
        self.slots.know_phone(user, source, now);
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

/// Whether the proof of a request is good for this user; else what it is answered with. Phones that cannot prove
/// anything in this realm are told of.
pub(super) fn admitted(
    outcome: Outcome,
    (user, realm): (&str, &str),
    source: SocketAddr,
) -> Result<(), Answer> {
    let source = source.ip();
    let challenged = |challenge: String| {
        let header = Header::WwwAuthenticate(challenge.into());
        Err(Some((StatusCode::Unauthorized, vec![header])))
    };
    match outcome {
        Outcome::Accepted { user: proven } if proven == user => Ok(()),
        // A user who is known wants the place of another.
        Outcome::Accepted { .. } => Err(Some((StatusCode::Forbidden, Vec::new()))),
        Outcome::Challenged {
            challenge,
            gives_none,
        } => {
            if gives_none {
                warn!(%source, realm, "a sip phone is asked for its secret and gives none; its account may be for another realm");
            }
            challenged(challenge)
        }
        Outcome::Refused {
            challenge,
            of_another_realm,
        } => {
            // `packaging/fail2ban/trunkside.conf` reads this line.
            warn!(%source, "sip authentication failed");
            if of_another_realm {
                warn!(%source, realm, "a sip phone proves itself for another realm; set that of its account to `line.realm`");
            }
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

/// What a REGISTER asks for; none where it cannot be read.
fn asked(request: &Request) -> Option<Asked> {
    let expires = headers::seconds(request, "Expires");
    let lines: Vec<String> = headers::values(request, "Contact").collect();
    let written: Vec<&str> = lines
        .iter()
        .flat_map(|line| headers::listed(line))
        .collect();
    match written[..] {
        [] => Some(Asked::Nothing),
        // Nothing but their removal is asked for this way.
        ["*"] => (expires == Some(Duration::ZERO)).then_some(Asked::RemoveAll),
        _ => {
            let contact = |written: &&str| {
                let uri = contact_uri(written).filter(|uri| *uri != "*")?.to_owned();
                let own = contact_expiry(written).map(Duration::from_secs);
                let expiry = own.or(expires);
                Some(Contact { uri, expiry })
            };
            let contacts: Option<Vec<Contact>> = written.iter().map(contact).collect();
            contacts.map(Asked::Contacts)
        }
    }
}

/// The address of a message's first contact.
pub(super) fn first_contact(message: &impl HasHeaders) -> Option<String> {
    let contacts = headers::text(message, "Contact")?;
    let first = headers::listed(&contacts).next()?;
    contact_uri(first).map(str::to_owned)
}

/// The address of a contact, without name and parameters of the contact itself. One with headers
/// must stand in brackets (RFC 3261, section 20.10).
fn contact_uri(contact: &str) -> Option<&str> {
    let contact = unnamed(contact);
    match contact.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map(|(uri, _)| uri),
        None if contact.contains('?') => None,
        None => contact.split(';').next().map(str::trim),
    }
}

/// A contact without its name, where that is quoted and may be anything.
fn unnamed(contact: &str) -> &str {
    let Some(quoted) = contact.trim_start().strip_prefix('"') else {
        return contact;
    };
    let mut is_escaped = false;
    let end = quoted.find(|letter: char| {
        let ends = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends
    });
    end.map_or("", |end| &quoted[end + 1..])
}

fn contact_expiry(contact: &str) -> Option<u64> {
    let contact = unnamed(contact);
    let parameters = contact
        .split_once('>')
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
        let instance = "\"<A\\\"\" <sip:a@h>;expires=0;+sip.instance=\"<urn:uuid:1>\"";
        assert_eq!(contact_uri(instance), Some("sip:a@h"));
        assert_eq!(contact_expiry(instance), Some(0));
        assert_eq!(
            contact_uri("sip:a@192.0.2.7;expires=0"),
            Some("sip:a@192.0.2.7")
        );
        assert_eq!(contact_expiry("sip:a@192.0.2.7;expires=0"), Some(0));
        assert_eq!(contact_expiry("<sip:a@192.0.2.7;expires=9>"), None);
        assert_eq!(contact_uri("sip:a@192.0.2.7?Route=%3Csip:x%3E"), None);
    }

    #[test]
    fn every_contact_of_a_list_is_read_with_its_own_expiry() {
        let asked = |lines: &str| {
            let text = format!(
                "REGISTER sip:box SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 2 REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
            );
            super::asked(&Request::try_from(text.as_str()).expect("well formed"))
        };
        let contact = |uri: &str, seconds: Option<u64>| Contact {
            uri: uri.to_owned(),
            expiry: seconds.map(Duration::from_secs),
        };
        assert_eq!(
            asked(
                "Contact: \"A, <b>\" <sip:a@h1;x=1,2>;expires=0, <sip:a@h2>\r\nContact: <sip:a@h3>;expires=60\r\n"
            ),
            Some(Asked::Contacts(vec![
                contact("sip:a@h1;x=1,2", Some(0)),
                contact("sip:a@h2", None),
                contact("sip:a@h3", Some(60)),
            ]))
        );
        assert_eq!(
            asked("Contact: sip:a@h1\r\nExpires: 30\r\n"),
            Some(Asked::Contacts(vec![contact("sip:a@h1", Some(30))]))
        );
        assert_eq!(asked(""), Some(Asked::Nothing));
        assert_eq!(
            asked("Contact: *\r\nExpires: 0\r\n"),
            Some(Asked::RemoveAll)
        );
        for bad in [
            "Contact: *\r\n",
            "Contact: *\r\nExpires: 9\r\n",
            "Contact: *, <sip:a@h1>\r\nExpires: 0\r\n",
            "Contact: <sip:a@h1\r\n",
        ] {
            assert_eq!(asked(bad), None, "{bad}");
        }
    }
}
