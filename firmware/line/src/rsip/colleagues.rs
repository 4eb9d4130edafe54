//! Phones that register and call each other, and calls of theirs that a transfer names.

use std::net::SocketAddr;

use rsipstack::sip::{Request, StatusCode};
use rsipstack::transaction::transaction::Transaction;

use super::phones::{Answer, admitted};
use super::requests::{New, called_by, flow_of, replaced_key};
use super::{LegState, RsipUa, headers, now};
use crate::identity;
use crate::sip_ua::LegId;
use crate::stream::Transport;

impl RsipUa {
    /// Whose phone sends a request, by where it registered from and the name that it gives.
    pub(super) fn phone_of(
        &self,
        request: &Request,
        flow: (Transport, SocketAddr),
    ) -> Option<String> {
        let from = headers::text(request, "From");
        let named = from.as_deref().and_then(identity::user_of);
        let user = self.registrar.phone_at(now(), flow, named)?;
        Some(user.to_owned())
    }

    /// Takes a call that a phone of ours makes: to a colleague's or to a code, once it has proven whose it is. Gives back
    /// what is a caller's like any other.
    pub(super) fn on_call_of_phone(&mut self, transaction: Transaction) -> Option<Transaction> {
        let request = &transaction.original;
        let Some(flow) = flow_of(&transaction) else {
            return Some(transaction);
        };
        let from = headers::text(request, "From");
        let named = from.as_deref().and_then(identity::user_of);
        let phone = self.phone_of(request, flow);
        let Some(user) = phone.filter(|user| named == Some(user)) else {
            return Some(transaction);
        };
        let called = called_by(request);
        let calls_colleague = self.registrar.knows(&called);
        let calls_code = !calls_colleague && self.codes.contains(&called);
        if !calls_colleague && !calls_code && self.is_trunk(flow.1.ip()) {
            return Some(transaction);
        }
        if let Err(answer) = self.prove(request, &user, flow.1) {
            if let Some((status, headers)) = answer {
                self.reply(transaction, status, headers);
            }
        } else if calls_colleague || calls_code {
            self.calls += 1;
            let new = if calls_code {
                New::Code(user)
            } else {
                New::OfPhone(user)
            };
            self.on_invite(transaction, LegId::incoming(self.calls), new);
        } else {
            self.reply(transaction, StatusCode::NotFound, Vec::new());
        }
        None
    }

    /// Whether a request proves that it is this user's; else what it is answered with.
    pub(super) fn prove(
        &mut self,
        request: &Request,
        user: &str,
        source: SocketAddr,
    ) -> Result<(), Answer> {
        let local = source.ip().to_canonical().is_loopback();
        if local && self.unproven.contains(user) {
            return Ok(());
        }
        let authorization = headers::text(request, "Authorization");
        let method = request.method.to_string();
        let outcome =
            self.authenticator
                .check(now(), source.ip(), &method, authorization.as_deref());
        admitted(outcome, (user, self.authenticator.realm()), source)
    }

    /// The phone at the other end of a call between two phones that a `Replaces` names by the end that the box
    /// has of it, and what names the same call to that phone.
    pub(super) fn beyond(&self, replaces: &str) -> Option<(String, String)> {
        let (key, theirs) = replaced_key(replaces)?;
        let near = *self.keys.get(&key)?;
        if self.legs.get(&near)?.dialog.id().remote_tag != theirs {
            return None;
        }
        let legs = self.legs.range(near.first()..);
        let mut far = None;
        for (leg, entry) in legs.take_while(|(leg, _)| leg.first() == near.first()) {
            // With a caller from outside in it, nobody's phone can be asked to give up the call.
            let user = entry.phone.as_ref()?;
            if *leg != near && entry.state == LegState::Up {
                far = Some((user, entry));
            }
        }
        let (user, entry) = far?;
        let id = entry.dialog.id();
        let (theirs, ours) = (id.remote_tag, id.local_tag);
        let replaces = format!("{};to-tag={theirs};from-tag={ours}", id.call_id);
        Some((user.clone(), replaces))
    }
}
