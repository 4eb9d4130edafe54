//! Requests that come from outside: new calls, and what belongs to none.

use std::net::SocketAddr;

use rsipstack::dialog::dialog::Dialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, StatusCode};
use rsipstack::transaction::key::TransactionRole;
use rsipstack::transaction::transaction::Transaction;
use tracing::{debug, warn};
use trunkside_call::Pii;

use super::states::{abilities, allow};
use super::{DialogKey, Leg, LegState, RsipUa, headers, key_of, now, phones, target, transports};
use crate::auth::{CHALLENGE, FAILURE, Ignored};
use crate::identity::{self, Identity};
use crate::session_timer::{SHORTEST, SessionTimer};
use crate::sip_ua::{AgentContact, LegEvent, LegId};
use crate::stream::Transport;

/// Legs that take the place of others have numbers that no dialled leg has.
const REPLACEMENT: u32 = 1 << 31;

/// Who sent a request that belongs to no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// A trunk.
    Trunk,
    /// Somebody else, who is answered.
    Stranger,
    /// Somebody who has asked too often.
    Ignored,
}

/// What an INVITE begins.
pub(super) enum New {
    /// A call of a caller.
    Call,
    /// A call of this user's phone to that of another.
    OfPhone(String),
    /// A call of this user's phone to a code.
    Code(String),
    /// A leg in place of another.
    InPlaceOf(LegId),
}

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
            Method::Invite if self.is_ours(request) => self.on_own_invite(transaction),
            Method::Invite if self.has_come(request) => {
                self.reply(transaction, StatusCode::LoopDetected, Vec::new());
            }
            Method::Invite if headers::text(request, "Replaces").is_some() => {
                self.on_replacing_invite(transaction);
            }
            Method::Invite => {
                if let Some(transaction) = self.on_call_of_phone(transaction) {
                    self.on_call(transaction);
                }
            }
            // The same for every user part: who asks learns nothing about ours.
            Method::Options => {
                if self.admission(&transaction, CHALLENGE) != Admission::Ignored {
                    self.reply(transaction, StatusCode::OK, abilities());
                }
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

    fn on_call(&mut self, transaction: Transaction) {
        match self.admission(&transaction, FAILURE) {
            Admission::Trunk => {
                self.calls += 1;
                self.on_invite(transaction, LegId::incoming(self.calls), New::Call);
            }
            Admission::Stranger => self.reply(transaction, StatusCode::Forbidden, Vec::new()),
            Admission::Ignored => {}
        }
    }

    fn admission(&mut self, transaction: &Transaction, cost: f64) -> Admission {
        let Some(source) = flow_of(transaction).map(|(_, source)| source.ip()) else {
            return Admission::Ignored;
        };
        if self.is_trunk(source) {
            return Admission::Trunk;
        }
        let invite = transaction.original.method == Method::Invite;
        match self.authenticator.intrude(now(), source, cost) {
            Ok(()) => {
                if invite {
                    warn!(%source, "sip call from no trunk refused");
                }
                Admission::Stranger
            }
            Err(Ignored { first }) => {
                if first {
                    warn!(%source, "sip source is ignored for a while");
                }
                Admission::Ignored
            }
        }
    }

    /// The leg that a request is of, where we have dialled it and nobody has answered.
    fn dialling(&self, transaction: &Transaction) -> Option<LegId> {
        let request = &transaction.original;
        let call_id = request.call_id_header().ok()?.value().to_owned();
        let tag = request.to_header().ok()?.tag().ok()??;
        let leg = *self.keys.get(&(call_id, tag.value().to_owned()))?;
        let entry = self.legs.get(&leg)?;
        (entry.state == LegState::Dialling).then_some(leg)
    }

    pub(super) fn on_request_in_dialog(&mut self, transaction: Transaction) {
        let Some(Dialog::Invite(mut dialog)) = self.dialogs.match_dialog(&transaction) else {
            // A dialog that we dialled is the stack's only once it is answered.
            if let Some(leg) = self.dialling(&transaction) {
                self.on_early_request(leg, transaction);
                return;
            }
            let status = StatusCode::CallTransactionDoesNotExist;
            self.reply(transaction, status, Vec::new());
            return;
        };
        let leg = self.keys.get(&key_of(&dialog.id())).copied();
        if let Some(leg) = leg
            && transaction.original.method == Method::PRack
        {
            return self.on_prack(leg, transaction);
        }
        // The stack would leave one that comes out of order unanswered (RFC 3261, section 12.2.2).
        let number = number_of(&transaction.original);
        if number.is_some_and(|number| number < dialog.snapshot().remote_cseq)
            && transaction.original.method != Method::Ack
        {
            self.reply(transaction, StatusCode::ServerInternalError, Vec::new());
            return;
        }
        let is_up = |leg: &LegId| {
            let entry = self.legs.get(leg);
            entry.is_none_or(|entry| entry.state == LegState::Up)
        };
        let early = leg.filter(|leg| !is_up(leg) && !dialog.state().is_confirmed());
        let transaction = match early {
            Some(leg) => self.on_early_request(leg, transaction),
            None => Some(transaction),
        };
        let Some(mut transaction) = transaction else {
            return;
        };
        self.job(async move {
            if let Err(error) = dialog.handle(&mut transaction).await {
                debug!(%error, "a request within a dialog failed");
            }
        });
    }

    /// An INVITE that takes the place of a leg (RFC 3891). Who knows the tags of its dialog is
    /// part of it, so nothing else is asked.
    fn on_replacing_invite(&mut self, transaction: Transaction) {
        let replaced = headers::text(&transaction.original, "Replaces")
            .and_then(|value| replaced_key(&value))
            .and_then(|(key, theirs)| {
                let leg = self.keys.get(&key)?;
                let entry = self.legs.get(leg)?;
                let matches = entry.dialog.id().remote_tag == theirs;
                (matches && entry.state == LegState::Up).then_some(*leg)
            });
        let Some(replaced) = replaced else {
            let status = StatusCode::CallTransactionDoesNotExist;
            self.reply(transaction, status, Vec::new());
            return;
        };
        self.replacements += 1;
        let by = replaced.branch(REPLACEMENT | self.replacements);
        self.on_invite(transaction, by, New::InPlaceOf(replaced));
    }

    /// Whether a call is one that we have dialled ourselves.
    fn is_ours(&self, request: &Request) -> bool {
        let call_id = request.call_id_header().map(|id| id.value().to_owned());
        let tag = request.from_header().and_then(rsipstack::sip::From::tag);
        let (Ok(call_id), Ok(Some(tag))) = (call_id, tag) else {
            return false;
        };
        self.keys.contains_key(&(call_id, tag.value().to_owned()))
    }

    /// A call of ours has come back: it went by a name that leads here, which only the DNS knew. The phone that
    /// is meant is rung where it registered; the box is nobody's caller.
    fn on_own_invite(&self, transaction: Transaction) {
        let request = &transaction.original;
        if headers::values(request, "Via").count() > 1 {
            // Others have passed it on, and would do so again.
            self.reply(transaction, StatusCode::LoopDetected, Vec::new());
            return;
        }
        let user = called_by(request);
        if self.registrar.find(now(), &user).is_none() {
            self.reply(transaction, StatusCode::NotFound, Vec::new());
            return;
        }
        let there = format!("<{}>", self.own_uri(&user, Transport::Udp));
        let headers = vec![Header::Contact(there.into())];
        self.reply(transaction, StatusCode::MovedTemporarily, headers);
    }

    /// Whether a call is one that has come in another way already (RFC 3261, section 8.2.2.2).
    fn has_come(&self, request: &Request) -> bool {
        let call_id = request.call_id_header().map(|id| id.value().to_owned());
        let tag = request.from_header().and_then(rsipstack::sip::From::tag);
        let number = number_of(request);
        let (Ok(call_id), Ok(Some(tag)), Some(number)) = (call_id, tag, number) else {
            return false;
        };
        let of_call = self.keys.range((call_id.clone(), String::new())..);
        let mut of_call = of_call.take_while(|((id, _), _)| *id == call_id);
        of_call.any(|(_, leg)| {
            self.legs.get(leg).is_some_and(|Leg { dialog, .. }| {
                dialog.role() == TransactionRole::Server
                    && dialog.id().remote_tag == tag.value()
                    && number_of(&dialog.initial_request()) == Some(number)
            })
        })
    }

    pub(super) fn on_invite(&mut self, mut transaction: Transaction, leg: LegId, new: New) {
        let asked = headers::timer_asked(&transaction.original);
        if SessionTimer::default().settle(now(), asked).is_err() {
            let shortest = headers::other("Min-SE", &SHORTEST.as_secs().to_string());
            let status = StatusCode::SessionIntervalTooSmall;
            self.reply(transaction, status, vec![shortest]);
            return;
        }
        let flow = flow_of(&transaction);
        let transport = flow.map_or(Transport::Udp, |(transport, _)| transport);
        let mut contact = self.own_uri("trunkside", transport);
        if let Some((transport, there)) = flow {
            contact.host_with_port = self.streams.own_address(transport, there).into();
        }
        let sender = self.state_sender.clone();
        let called = called_by(&transaction.original);
        let credential = flow.and_then(|(_, there)| self.credential_for(there.ip(), &called));
        let dialog = self.dialogs.get_or_create_server_invite(
            &transaction,
            sender,
            credential,
            Some(contact),
        );
        let mut dialog = match dialog {
            Ok(dialog) => dialog,
            Err(error) => {
                debug!(%error, "an invite could not be read");
                self.reply(transaction, StatusCode::BadRequest, Vec::new());
                return;
            }
        };
        let request = &transaction.original;
        let identity = Identity::read(
            headers::values(request, "P-Asserted-Identity"),
            headers::text(request, "Privacy").as_deref(),
            headers::values(request, "Diversion"),
        );
        let sdp = request.body.clone();
        let mut entry = Leg::new(dialog.clone(), LegState::Offered, transport);
        let (of, event) = match new {
            New::Call => {
                let from = identity.asserted.clone();
                let from = from.unwrap_or_else(|| caller_of(request));
                let (private, to) = (identity.private, Pii::new(called));
                let incoming = LegEvent::Incoming {
                    from,
                    private,
                    to,
                    sdp,
                };
                (leg, incoming)
            }
            New::OfPhone(from) => {
                entry.phone = Some(from.clone());
                let to = called;
                (leg, LegEvent::PhoneCalls { from, to, sdp })
            }
            New::Code(from) => {
                entry.phone = Some(from.clone());
                let code = called;
                (leg, LegEvent::CodeCalled { from, code, sdp })
            }
            New::InPlaceOf(replaced) => {
                let phone = flow.and_then(|flow| self.phone_of(request, flow));
                entry.phone.clone_from(&phone);
                let uri = phones::first_contact(request).unwrap_or_default();
                let at = phone.map_or(AgentContact::Uri(uri), AgentContact::Registered);
                (replaced, LegEvent::Replaced { by: leg, at, sdp })
            }
        };
        entry.follow(target::contact(request));
        entry.asked = asked;
        entry.takes_update = headers::lists(request, "Allow", "UPDATE");
        entry.identity = identity;
        entry.reliable.required = headers::lists(request, "Require", "100rel");
        entry.reliable.supported = headers::lists(request, "Supported", "100rel");
        self.insert(leg, entry);
        self.tell(of, event);
        self.job(async move {
            if let Err(error) = dialog.handle(&mut transaction).await {
                debug!(%leg, %error, "an incoming call failed");
            }
        });
    }

    pub(super) fn reply(
        &self,
        mut transaction: Transaction,
        status: StatusCode,
        headers: Vec<Header>,
    ) {
        self.job(async move {
            if let Err(error) = transaction.reply_with(status, headers, None).await {
                debug!(%error, "a reply could not be sent");
            }
        });
    }
}

/// The dialog that a `Replaces` header names, as we know it, and the far end's tag.
pub(super) fn replaced_key(value: &str) -> Option<(DialogKey, String)> {
    let mut parts = value.split(';').map(str::trim);
    let call_id = parts.next()?.to_owned();
    let (mut ours, mut theirs) = (None, None);
    for part in parts {
        match part.split_once('=') {
            Some(("to-tag", tag)) => ours = Some(tag.to_owned()),
            Some(("from-tag", tag)) => theirs = Some(tag.to_owned()),
            _ => {}
        }
    }
    Some(((call_id, ours?), theirs?))
}

/// Which way a request came, and where from.
pub(super) fn flow_of(transaction: &Transaction) -> Option<(Transport, SocketAddr)> {
    let there = transaction.connection.as_ref()?.get_remote_addr()?;
    Some((
        transports::ours(there.r#type)?,
        there.get_socketaddr().ok()?,
    ))
}

/// A request's place among those of its sender.
fn number_of(request: &Request) -> Option<u32> {
    let number = request.cseq_header().and_then(rsipstack::sip::CSeq::seq);
    number.ok()
}

fn caller_of(request: &Request) -> Pii<String> {
    let from = headers::text(request, "From");
    let number = from.as_deref().and_then(identity::user_of);
    Pii::new(number.unwrap_or_default().to_owned())
}

/// The number or user part that a request is for. The stack finds none in a `tel` URI, and none that has
/// parameters.
pub(super) fn called_by(request: &Request) -> String {
    let user = request.uri.user().map(str::to_owned);
    let found = || identity::user_of(&request.uri.to_string()).map(str::to_owned);
    user.or_else(found).unwrap_or_default()
}
