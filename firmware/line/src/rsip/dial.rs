//! Legs that begin here: what an agent's phone is told, and what becomes of its answer.

use std::net::SocketAddr;
use std::time::Duration;

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::sip::{Header, HostWithPort, Response, StatusCodeKind, Uri};
use rsipstack::transport::SipAddr;
use tracing::{debug, warn};
use trunkside_call::Pii;

use super::flows::Way;
use super::states::allow;
use super::streams::Lost;
use super::{DialogKey, Leg, LegState, RsipUa, headers, key_of, now, phones, sip_uri, transports};
use crate::identity::{Identity, is_user_part};
use crate::session_timer::SessionTimer;
use crate::sip_ua::{AgentContact, LegEvent, LegId, SipEvent};
use crate::stream::Transport;

/// How often a phone may send us elsewhere (302), or ask for a longer session (422) or for
/// acknowledgements (421).
const DETOURS: u8 = 3;

/// How long a trunk's target may say nothing at all (not even 100) before the next is dialled: four INVITEs by
/// RFC 3261, section 17.1.1.2.
const UNHEARD: Duration = Duration::from_secs(4);

/// What was dialled, to be dialled again elsewhere or otherwise.
#[derive(Clone, Debug)]
pub(super) struct Dialled {
    to: AgentContact,
    from: Pii<String>,
    /// Whether the caller wants to be hidden.
    private: bool,
    sdp: Vec<u8>,
    timer: SessionTimer,
    /// Whether provisional responses may be told reliably (RFC 3262). The stack acknowledges them by the
    /// address that the INVITE went to, without a proxy's route, takes no others of the call meanwhile, and
    /// counts those of all forks as one: so only for those who want nothing else.
    acknowledges: bool,
    detours: u8,
    /// Over a trunk: the target that was dialled last, and those before it, which have not taken the call.
    server: Option<SocketAddr>,
    failed: Vec<SocketAddr>,
}

impl Dialled {
    pub(super) fn new(
        to: AgentContact,
        (from, private): (Pii<String>, bool),
        sdp: Vec<u8>,
    ) -> Self {
        Self {
            to,
            from,
            private,
            sdp,
            timer: SessionTimer::default(),
            acknowledges: false,
            detours: 0,
            server: None,
            failed: Vec::new(),
        }
    }

    /// Somebody is rung: whatever comes of it, nobody else is asked.
    pub(super) const fn rings(&mut self) {
        self.server = None;
    }
}

/// Where an INVITE went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum There {
    /// The far end of a connection that its phone opened.
    Flow(SocketAddr),
    /// The host and port of its URI.
    Name(String),
}

/// Where a contact is, and what carries requests there.
pub(super) struct Target {
    pub place: Whereabouts,
    pub transport: Transport,
}

/// Who the box is to a carrier.
pub(super) struct Account {
    /// Its address of record there.
    pub from: Uri,
    /// Its number there, which it vouches for.
    pub number: Option<Pii<String>>,
    /// What proves it, where the carrier asks.
    pub credential: Option<Credential>,
    /// Whom the carrier's certificate must be of.
    pub host: String,
}

impl Account {
    /// What tells the carrier whose number it is to show.
    fn asserted(&self) -> Option<String> {
        let number = self.number.as_ref()?.reveal();
        Some(format!("<sip:{number}@{}>", self.from.host_with_port))
    }
}

/// What is known of a contact.
pub(super) struct Whereabouts {
    pub callee: Uri,
    /// The way that its phone registered, or to the carrier; the URI says it where there is none.
    pub flow: Option<(Transport, SocketAddr)>,
    /// The call that the new one takes the place of.
    pub replaces: Option<String>,
    /// In whose name a carrier is asked.
    pub account: Option<Account>,
}

impl Whereabouts {
    const fn at(callee: Uri, flow: Option<(Transport, SocketAddr)>) -> Self {
        Self {
            callee,
            flow,
            replaces: None,
            account: None,
        }
    }

    /// The way that all requests go which the URI does not say. Connections that phones opened are found by
    /// their addresses, and cannot be opened anew.
    pub fn way(&self) -> Option<Way> {
        let (transport, there) = self.flow?;
        let host = match &self.account {
            Some(account) => account.host.clone(),
            None if transport == Transport::Udp => there.ip().to_string(),
            None => return None,
        };
        Some(Way {
            transport,
            there,
            host,
        })
    }
}

impl Target {
    /// Where requests go; none where the URI says it, or a [way](Whereabouts::way) that may have to be opened.
    pub fn destination(&self) -> Option<SipAddr> {
        let opens = self.place.account.is_some() && self.transport != Transport::Udp;
        let flow = self.place.flow.filter(|_| !opens);
        flow.map(|(transport, there)| transports::addressed(transport, there))
    }
}

/// Why nothing can be sent to a contact, and the status of a call to it.
pub(super) struct Unreached {
    status: u16,
    pub why: &'static str,
}

impl RsipUa {
    pub(super) fn dial(&mut self, leg: LegId, mut dialled: Dialled) {
        let target = match self.reach(&dialled.to, &dialled.failed) {
            Ok(target) => target,
            Err(Unreached { status, why }) => {
                debug!(%leg, why, "an agent's contact cannot be rung");
                self.fail(leg, status);
                return;
            }
        };
        let destination = target.destination();
        let way = target.place.way();
        let Target { place, transport } = target;
        let Whereabouts {
            callee,
            flow,
            replaces,
            account,
        } = place;
        let identity = self.legs.get(&leg.first()).map(|caller| &caller.identity);
        let mut identity = identity.cloned().unwrap_or_default();
        // The leg that said so may be gone: replaced, or hung up before the box called back.
        identity.private |= dialled.private;
        let from = dialled.from.reveal();
        let calls = self.legs.get(&leg.first());
        let is_colleague = calls.is_some_and(|caller| caller.phone.is_some());
        // Agents see what they may of the caller, and which colleague calls; a caller who is rung back sees the
        // number of the branch.
        let number = if (leg == leg.first() || is_colleague) && !from.is_empty() {
            Some(from.clone())
        } else {
            identity.shown(&self.shown, from)
        };
        let number = number.filter(|number| is_user_part(number));
        let mut more = headers::timer_asking(dialled.timer.ask());
        more.extend(allow());
        more.extend(self.told_of_caller(leg, identity, account.as_ref()));
        if let Some(replaces) = replaces {
            more.push(headers::other("Replaces", &replaces));
            more.push(headers::other("Require", "replaces"));
        }
        dialled.server = account.as_ref().and(flow).map(|(_, server)| server);
        let offer = self.srtp.outward(transport, true, dialled.sdp.clone());
        let there = match flow {
            Some((_, there)) => There::Flow(there),
            None => There::Name(callee.host_with_port.to_string()),
        };
        let flow = way.map(|way| self.flows.lead(&callee, way));
        let (from, credential) = if let Some(account) = account {
            (account.from, account.credential)
        } else {
            let number = number.as_deref().unwrap_or("anonymous");
            (self.own_uri(number, Transport::Udp), None)
        };
        let invite = InviteOption {
            caller: from,
            credential,
            callee,
            destination,
            contact: self.own_uri("trunkside", transport),
            offer: Some(offer.clone()),
            headers: Some(more),
            support_prack: dialled.acknowledges,
            ..InviteOption::default()
        };
        let outcomes = self.outcome_sender.clone();
        match self
            .dialogs
            .do_invite_async(invite, self.state_sender.clone())
        {
            Ok((dialog, response)) => {
                let mut entry = Leg::new(dialog, LegState::Dialling, transport);
                entry.description = offer;
                entry.timer = dialled.timer;
                entry.phone = dialled.to.phone().map(str::to_owned);
                entry.heard_by = self.way_around(&dialled).map(|_| now() + UNHEARD);
                entry.dialled = Some(dialled);
                entry.there = Some(there);
                entry.flow = flow;
                let key = key_of(&entry.dialog.id());
                self.insert(leg, entry);
                self.job(async move {
                    let response = match response.await {
                        Ok(Ok((_, response))) => response,
                        Ok(Err(error)) => {
                            debug!(%leg, %error, "an invite was not answered");
                            None
                        }
                        Err(_) => None,
                    };
                    // The user agent may be gone by now.
                    let _ = outcomes.send((key, response));
                });
            }
            Err(error) => {
                warn!(%leg, %error, "an invite could not be sent");
                self.go_around(leg, &dialled, 503);
            }
        }
    }

    /// What an INVITE says of the caller beside its From, and of who hands them on.
    fn told_of_caller(
        &self,
        leg: LegId,
        mut identity: Identity,
        account: Option<&Account>,
    ) -> Vec<Header> {
        let mut told = Vec::new();
        if let Some(own) = account.and_then(Account::asserted) {
            // Its customers' own numbers are all that a carrier believes them.
            identity.asserted = None;
            told.push(headers::other("P-Asserted-Identity", &own));
        }
        let domain = HostWithPort::from(self.own.udp).to_string();
        for (name, value) in identity.passed_on(&self.shown, &domain) {
            told.push(headers::other(name, &value));
        }
        // Carriers need not know who works here.
        if let Some(by) = self.referred_by(leg).filter(|_| account.is_none()) {
            told.push(headers::other("Referred-By", by));
        }
        told
    }

    fn fail(&mut self, leg: LegId, status: u16) {
        let what = LegEvent::Failed { status };
        self.ready.push_back(SipEvent { leg, what });
    }

    /// Where a contact is and what carries requests there; over a trunk none of the targets that failed.
    pub(super) fn reach(
        &self,
        to: &AgentContact,
        failed: &[SocketAddr],
    ) -> Result<Target, Unreached> {
        let unreached = |status, why| Unreached { status, why };
        let place = self.find(to, failed).ok_or_else(|| {
            unreached(
                404,
                "it is not registered, its trunk is down, or it is no sip uri of another",
            )
        })?;
        let transport = match place.flow {
            Some((transport, _)) => Some(transport),
            None => transports::asked_by(&place.callee),
        };
        let transport = transport
            .ok_or_else(|| unreached(404, "it names a transport that the box does not have"))?;
        let phones = place.flow.filter(|_| place.account.is_none());
        if phones.is_some_and(|(transport, there)| !self.is_reachable(transport, there)) {
            let why = "the connection that its phone registered over is gone";
            return Err(unreached(480, why));
        }
        Ok(Target { place, transport })
    }

    /// What is known of a contact; none when it is nowhere.
    fn find(&self, to: &AgentContact, failed: &[SocketAddr]) -> Option<Whereabouts> {
        match to {
            AgentContact::Uri(uri) => {
                // The box would answer its own call.
                let uri = sip_uri(uri).filter(|uri| !self.own.is(uri))?;
                Some(Whereabouts::at(uri, None))
            }
            AgentContact::Registered(user) => {
                let binding = self.registrar.find(now(), user)?;
                let flow = (binding.transport, binding.source);
                Some(Whereabouts::at(sip_uri(&binding.contact)?, Some(flow)))
            }
            AgentContact::OverTrunk { trunk, number } => self.at_carrier(trunk, number, failed),
            AgentContact::InPlaceOf { contact, replaces } => Some(Whereabouts {
                replaces: Some(replaces.clone()),
                ..self.find(contact, failed)?
            }),
        }
    }

    /// Whether something can be sent there. A connection that a phone opened is the only way to
    /// it: nobody listens at its far end.
    fn is_reachable(&self, transport: Transport, there: SocketAddr) -> bool {
        transport == Transport::Udp || self.streams.is_open(transport, there)
    }

    /// A connection is gone: trunks that registered over it do so again, and legs whose answer would have
    /// come over it fail now, not when their transaction has given up.
    pub(super) fn on_lost(&mut self, lost: &Lost) {
        let went_there = |entry: &Leg| match &entry.there {
            Some(There::Flow(there)) => *there == lost.far_end,
            Some(There::Name(name)) => lost.names.contains(name),
            None => false,
        };
        self.tell_trunks(lost);
        let waits = |entry: &Leg| {
            entry.state == LegState::Dialling
                && entry.transport == lost.transport
                && entry.since <= lost.at
                && went_there(entry)
        };
        let legs = self.legs.iter().filter(|(_, entry)| waits(entry));
        for leg in legs.map(|(leg, _)| *leg).collect::<Vec<_>>() {
            if let Some(entry) = self.remove(leg) {
                debug!(%leg, "the connection that an invite went over is gone");
                self.dialogs.remove_dialog(&entry.dialog.id());
                let status = entry.gave_up.unwrap_or(503);
                match entry.dialled {
                    Some(dialled) => self.go_around(leg, &dialled, status),
                    None => self.fail(leg, status),
                }
            }
        }
    }

    /// The final response to a leg that we dialled; answers are told with the dialog's state.
    pub(super) fn on_outcome(&mut self, key: &DialogKey, response: Option<&Response>) {
        let Some(&leg) = self.keys.get(key) else {
            // It has been dialled otherwise meanwhile, or given up.
            return;
        };
        let Some(entry) = self.legs.get(&leg) else {
            return;
        };
        let kind = response.map(|response| response.status_code.kind());
        let answered = kind == Some(StatusCodeKind::Successful) && entry.gave_up.is_none();
        if entry.state != LegState::Dialling || answered {
            return;
        }
        // An answer that crossed our CANCEL has been ended by the stack.
        let refused = response.filter(|_| kind != Some(StatusCodeKind::Successful));
        let status = refused.map(|response| response.status_code.code());
        let status = status.or(entry.gave_up).unwrap_or(503);
        let Some(entry) = self.remove(leg) else {
            return;
        };
        self.dialogs.remove_dialog(&entry.dialog.id());
        let Some(dialled) = entry.dialled else {
            return self.fail(leg, status);
        };
        let is_targets_fault = matches!(status, 408 | 500..=599);
        match refused.and_then(|response| self.detour(dialled.clone(), response)) {
            Some(dialled) => self.dial(leg, dialled),
            None if is_targets_fault => self.go_around(leg, &dialled, status),
            None => self.fail(leg, status),
        }
    }

    /// Targets of trunks that have said nothing for too long are given up for the next.
    pub(super) fn tick_dialled(&mut self) {
        let now = now();
        let is_late = |entry: &Leg| entry.heard_by.is_some_and(|by| now >= by);
        let late = self.legs.iter().filter(|(_, entry)| is_late(entry));
        for leg in late.map(|(leg, _)| *leg).collect::<Vec<_>>() {
            let dialled = self.legs.get(&leg).and_then(|entry| entry.dialled.clone());
            self.cancel(leg);
            self.remove(leg);
            if let Some(dialled) = dialled {
                self.go_around(leg, &dialled, 408);
            }
        }
    }

    /// What is left of a trunk's targets once the one that was dialled has not taken the call.
    fn way_around(&self, dialled: &Dialled) -> Option<Dialled> {
        let mut around = dialled.clone();
        around.failed.push(around.server.take()?);
        let is_left = self.reach(&around.to, &around.failed).is_ok();
        is_left.then_some(around)
    }

    /// A trunk's target has not taken a call, of which it has told nobody: the next one is asked
    /// (RFC 3263, section 4.3).
    fn go_around(&mut self, leg: LegId, dialled: &Dialled, status: u16) {
        if let Some(target) = dialled.server {
            warn!(%leg, %target, status, "a trunk's target has not taken a call");
            self.doubt(target);
        }
        match self.way_around(dialled) {
            Some(around) => self.dial(leg, around),
            None => self.fail(leg, status),
        }
    }

    /// Whom a contact's redirection means. A number of the same carrier is dialled in the box's name, as the
    /// first was; nobody else is shown what proves that.
    fn sent_on(&self, from: AgentContact, uri: String) -> AgentContact {
        match from {
            AgentContact::InPlaceOf { contact, replaces } => AgentContact::InPlaceOf {
                contact: Box::new(self.sent_on(*contact, uri)),
                replaces,
            },
            AgentContact::OverTrunk { trunk, .. } => match self.number_at(&trunk, &uri) {
                Some(number) => AgentContact::OverTrunk { trunk, number },
                None => self.contact_of(uri),
            },
            AgentContact::Uri(_) | AgentContact::Registered(_) => self.contact_of(uri),
        }
    }

    /// What a refusal asks us to dial in its place.
    fn detour(&self, mut dialled: Dialled, response: &Response) -> Option<Dialled> {
        dialled.detours += 1;
        if dialled.detours > DETOURS {
            return None;
        }
        match response.status_code.code() {
            300..=399 => {
                let uri = phones::first_contact(response)?;
                dialled.to = self.sent_on(dialled.to, uri);
            }
            421 if !dialled.acknowledges && headers::lists(response, "Require", "100rel") => {
                dialled.acknowledges = true;
            }
            422 => dialled
                .timer
                .lengthen(super::refresh::wants_longer(response)?),
            _ => return None,
        }
        Some(dialled)
    }
}
