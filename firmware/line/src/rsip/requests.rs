//! Requests that come from outside: new calls, and what belongs to none.

use std::time::Duration;

use rsipstack::dialog::dialog::Dialog;
use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{Header, Method, Request, StatusCode};
use rsipstack::transaction::transaction::Transaction;
use tracing::debug;
use trunkside_call::Pii;

use super::states::allow;
use super::{LegState, RsipUa, now};
use crate::sip_ua::{LegEvent, LegId};

impl RsipUa {
    pub(super) fn on_transaction(&mut self, transaction: Transaction) {
        let request = &transaction.original;
        let in_dialog = request
            .to_header()
            .is_ok_and(|to| to.tag().is_ok_and(|tag| tag.is_some()));
        if in_dialog {
            self.on_request_in_dialog(transaction);
            return;
        }
        match request.method {
            Method::Invite => self.on_invite(transaction),
            Method::Options => {
                let mut headers = allow();
                headers.push(Header::Accept("application/sdp".into()));
                self.reply(transaction, StatusCode::OK, headers);
            }
            Method::Register => self.on_register(transaction),
            Method::Bye | Method::Update | Method::Info | Method::PRack => {
                self.reply(
                    transaction,
                    StatusCode::CallTransactionDoesNotExist,
                    Vec::new(),
                );
            }
            _ => self.reply(transaction, StatusCode::MethodNotAllowed, allow()),
        }
    }

    fn on_request_in_dialog(&self, mut transaction: Transaction) {
        let Some(Dialog::Invite(mut dialog)) = self.dialogs.match_dialog(&transaction) else {
            self.reply(
                transaction,
                StatusCode::CallTransactionDoesNotExist,
                Vec::new(),
            );
            return;
        };
        self.job(async move {
            if let Err(error) = dialog.handle(&mut transaction).await {
                debug!(%error, "a request within a dialog failed");
            }
        });
    }

    fn on_invite(&mut self, mut transaction: Transaction) {
        let contact = Some(self.own_uri("trunkside"));
        let sender = self.state_sender.clone();
        let dialog = self
            .dialogs
            .get_or_create_server_invite(&transaction, sender, None, contact);
        let mut dialog = match dialog {
            Ok(dialog) => dialog,
            Err(error) => {
                debug!(%error, "an invite could not be read");
                self.reply(transaction, StatusCode::BadRequest, Vec::new());
                return;
            }
        };
        self.calls += 1;
        let leg = LegId::incoming(self.calls);
        let request = &transaction.original;
        let incoming = LegEvent::Incoming {
            from: caller_of(request),
            to: Pii::new(request.uri.user().unwrap_or_default().to_owned()),
            sdp: request.body.clone(),
        };
        self.insert(leg, dialog.clone(), LegState::Offered);
        self.tell(leg, incoming);
        self.job(async move {
            if let Err(error) = dialog.handle(&mut transaction).await {
                debug!(%leg, %error, "an incoming call failed");
            }
        });
    }

    fn on_register(&mut self, transaction: Transaction) {
        let (status, headers) = match self.register(&transaction) {
            Ok(headers) => (StatusCode::OK, headers),
            Err(status) => (status, Vec::new()),
        };
        self.reply(transaction, status, headers);
    }

    fn register(&mut self, transaction: &Transaction) -> Result<Vec<Header>, StatusCode> {
        let request = &transaction.original;
        let to = request.to_header().ok().and_then(|to| to.typed().ok());
        let to = to.ok_or(StatusCode::BadRequest)?;
        let user = to.uri.user().ok_or(StatusCode::Forbidden)?;
        let source = transaction
            .connection
            .as_ref()
            .and_then(|c| c.get_remote_addr().cloned());
        let source = source.and_then(|source| source.get_socketaddr().ok());
        let source = source.ok_or(StatusCode::ServerInternalError)?;
        let contact = request
            .contact_header()
            .ok()
            .map(|contact| contact.value().to_owned());
        let Some(contact) = contact else {
            return Ok(Vec::new());
        };

        let expires = request
            .expires_header()
            .and_then(|expires| expires.value().parse().ok());
        let expiry = contact_expiry(&contact)
            .or(expires)
            .map(Duration::from_secs);
        let uri = contact_uri(&contact);
        let granted = self
            .registrar
            .register(now(), user, uri.to_owned(), source, expiry)
            .ok_or(StatusCode::Forbidden)?;
        if granted.is_zero() {
            return Ok(Vec::new());
        }
        let contact = format!("<{uri}>;expires={}", granted.as_secs());
        Ok(vec![Header::Contact(contact.into())])
    }

    fn reply(&self, mut transaction: Transaction, status: StatusCode, headers: Vec<Header>) {
        self.job(async move {
            if let Err(error) = transaction.reply_with(status, headers, None).await {
                debug!(%error, "a reply could not be sent");
            }
        });
    }
}

fn caller_of(request: &Request) -> Pii<String> {
    let from = request
        .from_header()
        .ok()
        .and_then(|from| from.typed().ok());
    Pii::new(
        from.and_then(|from| from.uri.user().map(str::to_owned))
            .unwrap_or_default(),
    )
}

/// The address of a contact, without name and parameters of the contact itself.
fn contact_uri(contact: &str) -> &str {
    match contact.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => contact.split(';').next().unwrap_or_default().trim(),
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
        assert_eq!(contact_uri(long), "sip:a@192.0.2.7:5062;transport=udp");
        assert_eq!(contact_expiry(long), Some(60));
        assert_eq!(contact_uri("sip:a@192.0.2.7;expires=0"), "sip:a@192.0.2.7");
        assert_eq!(contact_expiry("sip:a@192.0.2.7;expires=0"), Some(0));
        assert_eq!(contact_expiry("<sip:a@192.0.2.7;expires=9>"), None);
    }
}
