//! The user agent over the `rsipstack` crate: UDP, TCP and TLS, and stricter than the crate where it
//! is lax.

mod challenge;
mod colleagues;
mod dial;
mod early;
mod flows;
mod headers;
mod listeners;
mod message;
mod names;
mod outside;
mod phones;
mod refresh;
mod requests;
mod routes;
mod socket;
mod srtp_policy;
mod states;
mod streams;
mod target;
mod transfer;
mod transports;
mod trunks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog::{DialogStateReceiver, DialogStateSender, TransactionHandle};
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::platform::CancellationToken;
use rsipstack::sip::{Auth, Header, Param, Response, Scheme, StatusCode, Uri};
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transaction::{CallIdFormat, Endpoint, EndpointBuilder, TransactionReceiver};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipConnection, TransportLayer};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::debug;
use trunkside_call::Pii;

use crate::auth::{Authenticator, Limit};
use crate::error::LineError;
use crate::identity::{Identity, ShownNumber};
use crate::registrar::{Registrar, Registration};
use crate::session_timer::{Asked, SessionTimer, Settled};
use crate::sip_ua::{
    AgentContact, LegCommand, LegEvent, LegId, Phones, SipCommand, SipEvent, SipUa, UaEvent,
};
use crate::stream::{ConnectionLimits, TlsIdentity, TlsTrust, Transport};
use dial::{Dialled, There};
use early::Reliable;
use flows::{Flow, Flows};
use listeners::Listeners;
use refresh::Refresh;
use socket::{Counters, GatedSocket};
use streams::{Lost, Slots, Streams};
use transports::{Own, TransportSelector};
use trunks::{Carrier, TrunkNews};

pub use names::{NotATarget, TrunkTarget};
pub use outside::Outside;
pub use socket::LineStats;
pub use srtp_policy::SrtpPolicy;
pub use trunks::TrunkConfig;

/// The realm that phones are asked for their secrets in, where none is configured.
pub const REALM: &str = "trunkside";

/// How long requests on their way (BYE, CANCEL) may take once the user agent is gone.
const FAREWELL: Duration = Duration::from_secs(2);

/// How the user agent presents itself.
#[derive(Clone, Debug)]
pub struct RsipConfig {
    /// Where SIP is received by datagrams; port 0 takes any.
    pub listen: SocketAddr,
    /// Where it is received over TCP, if it is.
    pub listen_tcp: Option<SocketAddr>,
    /// Where it is received over TLS, if it is; needs `identity`.
    pub listen_tls: Option<SocketAddr>,
    /// Who the box is on TLS.
    pub identity: Option<Arc<TlsIdentity>>,
    /// Whom it trusts there; without it the box opens no TLS connections.
    pub trust: Option<TlsTrust>,
    /// Whether voice is protected.
    pub srtp: SrtpPolicy,
    /// The address that peers are told to send to.
    pub advertise: IpAddr,
    /// The `User-Agent` and `Server` name.
    pub user_agent: String,
    /// The phones that may register.
    pub phones: Phones,
    /// The realm that they are asked for their secrets in.
    pub realm: String,
    /// Where they were when the box stopped.
    pub registered: Vec<Registration>,
    /// Carriers and PBXs. Without any, calls are taken from everywhere.
    pub trunks: Vec<TrunkConfig>,
    /// Where agents may hand callers on to numbers outside; nowhere without it.
    pub outside: Option<Outside>,
    /// Servers of the DNS that are asked for SRV records; the system's where there are none.
    pub dns_servers: Vec<SocketAddr>,
    /// What agents are shown of a caller's number.
    pub shown: ShownNumber,
    /// How many connections others may keep open.
    pub limits: ConnectionLimits,
}

impl RsipConfig {
    /// Without phones that register.
    pub fn new(listen: SocketAddr, advertise: IpAddr) -> Self {
        let user_agent = concat!("Trunkside/", env!("CARGO_PKG_VERSION")).to_owned();
        Self {
            listen,
            listen_tcp: None,
            listen_tls: None,
            identity: None,
            trust: None,
            srtp: SrtpPolicy::default(),
            advertise,
            user_agent,
            phones: Phones::default(),
            realm: REALM.to_owned(),
            registered: Vec::new(),
            trunks: Vec::new(),
            outside: None,
            dns_servers: Vec::new(),
            shown: ShownNumber::default(),
            limits: ConnectionLimits::default(),
        }
    }
}

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The constant half of a dialog's name: its Call-ID and our tag.
type DialogKey = (String, String);

/// A [`SipUa`] over UDP, TCP and TLS.
pub struct RsipUa {
    local: SocketAddr,
    own: Own,
    streams: Streams,
    flows: Flows,
    slots: Slots,
    dialogs: Arc<DialogLayer>,
    incoming: TransactionReceiver,
    state_sender: DialogStateSender,
    states: DialogStateReceiver,
    outcome_sender: mpsc::UnboundedSender<(DialogKey, Option<Response>)>,
    outcomes: mpsc::UnboundedReceiver<(DialogKey, Option<Response>)>,
    jobs: mpsc::UnboundedSender<Job>,
    legs: BTreeMap<LegId, Leg>,
    keys: BTreeMap<DialogKey, LegId>,
    calls: u64,
    replacements: u32,
    registrar: Registrar,
    registrations: watch::Sender<Vec<Registration>>,
    authenticator: Authenticator,
    shown: ShownNumber,
    srtp: SrtpPolicy,
    /// Users without a secret.
    unproven: BTreeSet<String>,
    /// What phones may call to say something of their agents.
    codes: BTreeSet<String>,
    endpoint: EndpointInnerRef,
    carriers: Vec<Carrier>,
    outside: Option<Outside>,
    dns_servers: Vec<SocketAddr>,
    trunk_news_sender: mpsc::UnboundedSender<TrunkNews>,
    trunk_news: mpsc::UnboundedReceiver<TrunkNews>,
    refresh_sender: mpsc::UnboundedSender<Refresh>,
    refreshes: mpsc::UnboundedReceiver<Refresh>,
    lost: mpsc::UnboundedReceiver<Lost>,
    ready: VecDeque<SipEvent>,
    counters: Arc<Counters>,
}

struct Leg {
    dialog: InviteDialog,
    state: LegState,
    transport: Transport,
    /// The far end's request for a new session description, until it is answered.
    reoffer: Option<TransactionHandle>,
    /// Where that says that it is from now on.
    moved: Option<Uri>,
    /// The far end's request for one that came before its ACK of our answer, until that comes.
    hasty: Option<Transaction>,
    /// The number of the far end's INVITE whose ACK has the answer to our offer.
    answer_in_ack: Option<u32>,
    timer: SessionTimer,
    /// What the far end's request says of session timers, until it is answered.
    asked: Asked,
    /// Whether it takes UPDATE.
    takes_update: bool,
    /// Whether a re-INVITE or UPDATE of ours is under way.
    refreshing: bool,
    /// The last description of ours that stands.
    description: Vec<u8>,
    /// Whose phone it is, where that registers with us.
    phone: Option<String>,
    /// Incoming: what is said of the caller.
    identity: Identity,
    /// Incoming: provisional responses that must be acknowledged.
    reliable: Reliable,
    /// The far end's request for a transfer, until it is accepted or refused.
    transfer: Option<TransactionHandle>,
    /// Who asks for it, as they name themselves.
    referred_by: Option<String>,
    /// Where the progress of an accepted transfer is told.
    transfer_progress: Option<mpsc::UnboundedSender<u16>>,
    /// Outgoing: what was dialled, until it is given up: a detour would ring somebody else.
    dialled: Option<Dialled>,
    /// Outgoing: until when its trunk's target must have said anything, where there is another.
    heard_by: Option<Instant>,
    /// When it began.
    since: Instant,
    /// Outgoing: where its INVITE went.
    there: Option<There>,
    /// Outgoing: where its other requests go, which its URI does not say.
    flow: Option<Flow>,
    /// Outgoing: the stack has given it up, with this status.
    gave_up: Option<u16>,
}

impl Leg {
    fn new(dialog: InviteDialog, state: LegState, transport: Transport) -> Self {
        Self {
            dialog,
            state,
            transport,
            reoffer: None,
            moved: None,
            hasty: None,
            answer_in_ack: None,
            timer: SessionTimer::default(),
            asked: Asked::default(),
            takes_update: false,
            refreshing: false,
            description: Vec::new(),
            phone: None,
            identity: Identity::default(),
            reliable: Reliable::default(),
            transfer: None,
            referred_by: None,
            transfer_progress: None,
            dialled: None,
            heard_by: None,
            since: now(),
            there: None,
            flow: None,
            gave_up: None,
        }
    }

    /// Incoming: whether its INVITE came without an offer, so that the first description is ours.
    fn wants_offer(&self) -> bool {
        self.dialog.initial_request().body.is_empty()
    }

    /// What our answer says of session timers. An interval that is too short has been refused before.
    fn settle(&mut self) -> Option<Settled> {
        self.timer.settle(now(), self.asked).ok().flatten()
    }

    /// Whether an offer or refresh of ours can be sent: none of theirs waits for its answer or ACK.
    fn takes_offers(&self) -> bool {
        self.state == LegState::Up && self.reoffer.is_none() && self.dialog.state().is_confirmed()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LegState {
    /// Came in, not answered.
    Offered,
    /// Answered by us, the ACK is on its way.
    Answered,
    /// Dialled, no final response yet.
    Dialling,
    /// Answered and acknowledged.
    Up,
}

/// Call-IDs without a suffix: the stack's own is its makers' domain.
fn options() -> EndpointOption {
    EndpointOption {
        callid_format: CallIdFormat::Uuid,
        ..EndpointOption::default()
    }
}

impl RsipUa {
    /// Opens the socket. The future that comes with the user agent moves everything; spawn it
    /// where the pipeline is wired. It ends after the user agent is dropped.
    pub async fn bind(
        config: RsipConfig,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), LineError> {
        let Listeners {
            udp,
            local,
            streams: listeners,
            connector,
            own,
        } = Listeners::open(&config).await?;
        let stack_error = |error: rsipstack::Error| LineError::Stack(error.to_string());
        let stop = CancellationToken::new();
        let counters = Arc::new(Counters::default());
        let (stream_tasks, stream_queue) = mpsc::unbounded_channel();
        let (lost_sender, lost) = mpsc::unbounded_channel();
        let shared = Arc::clone(&counters);
        let slots = Slots::new(config.limits);
        let streams = Streams::new(
            own,
            slots.clone(),
            connector,
            stream_tasks,
            lost_sender,
            shared,
        );
        let gated = Arc::new(GatedSocket::new(udp, Arc::clone(&counters)));
        let connection = UdpConnection::from_socket(gated, Some(own.udp), Some(stop.child_token()))
            .await
            .map_err(stack_error)?;
        let transports = TransportLayer::new(stop.child_token());
        // How long a connection may be silent is for `Timeouts` to say: the stack sees no keep-alives,
        // which end at the gate, and would close what phones and carriers keep open by them.
        transports.set_stream_idle_timeout(Duration::ZERO);
        transports.add_transport(SipConnection::Udp(connection));
        let flows = Flows::default();
        let selector = || TransportSelector {
            own,
            streams: streams.clone(),
            flows: flows.clone(),
        };
        let endpoint = EndpointBuilder::new()
            .with_user_agent(&config.user_agent)
            .with_option(options())
            .with_transport_layer(transports)
            .with_target_locator(Box::new(selector()))
            .with_inspector(Box::new(selector()))
            .with_cancel_token(stop.clone())
            .build();
        let incoming = endpoint.incoming_transactions().map_err(stack_error)?;
        streams.serve(&endpoint.inner);
        listeners::serve(listeners, &streams);
        let dialogs = Arc::new(DialogLayer::new(Arc::clone(&endpoint.inner)));
        let (state_sender, states) = dialogs.new_dialog_state_channel();
        let (outcome_sender, outcomes) = mpsc::unbounded_channel();
        let (jobs, job_queue) = mpsc::unbounded_channel();
        let (trunk_news_sender, trunk_news) = mpsc::unbounded_channel();
        let (refresh_sender, refreshes) = mpsc::unbounded_channel();
        let (key, seed) = random()?;
        let passwords = config.phones.passwords();
        let authenticator =
            Authenticator::new(now(), config.realm, passwords, key, Limit::default());
        let carrier = |(n, trunk)| Carrier::new(trunk, seed.wrapping_add(n));
        let carriers = (0..).zip(config.trunks).map(carrier).collect();
        let mut ua = Self {
            local,
            own,
            streams,
            flows,
            slots,
            dialogs,
            incoming,
            state_sender,
            states,
            outcome_sender,
            outcomes,
            jobs,
            legs: BTreeMap::new(),
            keys: BTreeMap::new(),
            calls: 0,
            replacements: 0,
            unproven: config.phones.unproven(),
            registrar: Registrar::new(config.phones.users),
            registrations: watch::Sender::default(),
            authenticator,
            shown: config.shown,
            srtp: config.srtp,
            codes: config.phones.codes,
            endpoint: Arc::clone(&endpoint.inner),
            carriers,
            outside: config.outside,
            dns_servers: config.dns_servers,
            trunk_news_sender,
            trunk_news,
            refresh_sender,
            refreshes,
            lost,
            ready: VecDeque::new(),
            counters,
        };
        ua.resume_registrations(config.registered);
        ua.drive_trunks();
        Ok((ua, serve(endpoint, job_queue, stream_queue, stop)))
    }

    /// Where others reach the box over connections, if they do.
    pub fn listens(&self, transport: Transport) -> Option<SocketAddr> {
        match transport {
            Transport::Udp => Some(self.own.udp),
            Transport::Tcp => self.own.tcp,
            Transport::Tls => self.own.tls,
        }
    }

    /// What the sockets have seen.
    pub fn stats(&self) -> LineStats {
        self.counters.snapshot()
    }

    /// An address of ours, as it is reached over a transport.
    fn own_uri(&self, user: &str, transport: Transport) -> Uri {
        let param = Param::Transport(transports::stacks(transport));
        Uri {
            scheme: Some(Scheme::Sip),
            auth: Some(Auth {
                user: user.to_owned(),
                password: None,
            }),
            host_with_port: self.own.address(transport).into(),
            params: (transport != Transport::Udp)
                .then_some(param)
                .into_iter()
                .collect(),
            ..Uri::default()
        }
    }

    /// A description of ours as a leg's far end is to see it; `is_offer` tells of the leg whether
    /// it is none of the far end's that it answers.
    fn outward(&self, leg: LegId, is_offer: impl FnOnce(&Leg) -> bool, sdp: Vec<u8>) -> Vec<u8> {
        let entry = self.legs.get(&leg);
        let transport = entry.map(|entry| entry.transport).unwrap_or_default();
        let is_offer = entry.is_some_and(is_offer);
        self.srtp.outward(transport, is_offer, sdp)
    }

    fn insert(&mut self, leg: LegId, entry: Leg) {
        self.keys.insert(key_of(&entry.dialog.id()), leg);
        self.legs.insert(leg, entry);
    }

    fn remove(&mut self, leg: LegId) -> Option<Leg> {
        let removed = self.legs.remove(&leg)?;
        self.keys.remove(&key_of(&removed.dialog.id()));
        Some(removed)
    }

    /// Ends a leg that has been answered. It is out of sight at once, and stays known to the stack
    /// until its BYE is answered.
    fn hang_up(&mut self, leg: LegId) {
        let is_unanswered = |entry: &Leg| entry.state == LegState::Offered;
        if self.legs.get(&leg).is_some_and(is_unanswered) {
            // The answer still waits for an acknowledgement, so there is nothing to end by a BYE.
            return self.reject(leg, StatusCode::TemporarilyUnavailable.code());
        }
        let Some(Leg { dialog, flow, .. }) = self.remove(leg) else {
            return;
        };
        let dialogs = Arc::clone(&self.dialogs);
        self.job(async move {
            if let Err(error) = dialog.bye().await {
                debug!(%leg, %error, "a bye was not answered");
            }
            dialogs.remove_dialog(&dialog.id());
            drop(flow);
        });
    }

    /// A leg that is answered all the same is ended by the stack.
    fn cancel(&mut self, leg: LegId) {
        let Some(Leg {
            dialog,
            state: LegState::Dialling,
            dialled,
            heard_by,
            ..
        }) = self.legs.get_mut(&leg)
        else {
            return;
        };
        (*dialled, *heard_by) = (None, None);
        let dialog = dialog.clone();
        self.job(async move {
            if let Err(error) = dialog.cancel().await {
                debug!(%leg, %error, "a cancel was not answered");
            }
        });
    }

    fn reject(&mut self, leg: LegId, status: u16) {
        if self
            .legs
            .get(&leg)
            .is_none_or(|entry| entry.state != LegState::Offered)
        {
            return;
        }
        let Some(Leg { dialog, .. }) = self.remove(leg) else {
            return;
        };
        if let Err(error) = dialog.reject(Some(StatusCode::from(status)), None) {
            debug!(%leg, %error, "a refusal could not be sent");
        }
        self.dialogs.remove_dialog(&dialog.id());
    }

    fn respond(
        &self,
        handle: TransactionHandle,
        status: StatusCode,
        headers: Option<Vec<Header>>,
        body: Option<Vec<u8>>,
    ) {
        self.job(async move {
            // Fails only when the transaction has timed out.
            let _ = handle.respond(status, headers, body).await;
        });
    }

    fn next_deadline(&self) -> Option<Instant> {
        let trunks = self.carriers.iter().filter_map(Carrier::deadline);
        let deadlines = |leg: &Leg| [leg.timer.deadline(), leg.reliable.deadline(), leg.heard_by];
        let legs = self.legs.values().flat_map(deadlines).flatten();
        trunks.chain(legs).chain(self.registrar.deadline()).min()
    }

    fn job(&self, job: impl Future<Output = ()> + Send + 'static) {
        // Fails only when the program stops.
        let _ = self.jobs.send(Box::pin(job));
    }

    fn tell(&mut self, leg: LegId, mut what: LegEvent) {
        // A leg that replaces another is told of by the other's name.
        let of = match &what {
            LegEvent::Replaced { by, .. } => *by,
            _ => leg,
        };
        let transport = self.legs.get(&of).map(|entry| entry.transport);
        if let (Some(sdp), Some(transport)) = (what.sdp_mut(), transport) {
            *sdp = self.srtp.inward(transport, std::mem::take(sdp));
        }
        self.ready.push_back(SipEvent { leg, what });
    }
}

impl SipUa for RsipUa {
    fn command(&mut self, SipCommand { leg, what }: SipCommand) {
        match what {
            LegCommand::Progress { sdp } => {
                let sdp = sdp.map(|sdp| self.outward(leg, Leg::wants_offer, sdp));
                self.progress(leg, sdp);
            }
            LegCommand::Answer { sdp } => {
                let sdp = self.outward(leg, Leg::wants_offer, sdp);
                self.answer(leg, sdp);
            }
            LegCommand::Reject { status } => self.reject(leg, status),
            LegCommand::Dial {
                to,
                from,
                private,
                sdp,
            } => self.dial(leg, Dialled::new(to, (from, private), sdp)),
            LegCommand::Cancel => self.cancel(leg),
            LegCommand::HangUp => self.hang_up(leg),
            LegCommand::AnswerReoffer { sdp } => {
                let sdp = self.outward(leg, |entry| entry.answer_in_ack.is_some(), sdp);
                self.answer_reoffer(leg, StatusCode::OK, Some(sdp));
            }
            LegCommand::RejectReoffer { status } => {
                self.answer_reoffer(leg, StatusCode::from(status), None);
            }
            LegCommand::Reoffer { sdp } => {
                let sdp = self.outward(leg, |_| true, sdp);
                self.reoffer(leg, sdp);
            }
            LegCommand::Digit { digit } => self.send_digit(leg, digit),
            LegCommand::Probe => self.probe(leg),
            LegCommand::AcceptTransfer => self.accept_transfer(leg),
            LegCommand::RejectTransfer { status } => self.reject_transfer(leg, status),
            LegCommand::TellTransfer { status } => self.tell_transfer(leg, status),
        }
    }

    fn message(&mut self, to: &AgentContact, text: &Pii<String>) {
        self.send_message(to, text.reveal());
    }

    fn phones(&mut self, phones: Phones) {
        self.admit(phones);
    }

    async fn next_event(&mut self) -> Option<UaEvent> {
        loop {
            if let Some(event) = self.registrar.poll() {
                return Some(UaEvent::Phone(event));
            }
            if let Some(event) = self.ready.pop_front() {
                return Some(UaEvent::Leg(event));
            }
            let deadline = self.next_deadline();
            tokio::select! {
                // States first: an answer is told before its outcome, which says nothing more.
                biased;
                state = self.states.recv() => self.on_state(state?),
                outcome = self.outcomes.recv() => {
                    let (key, response) = outcome?;
                    self.on_outcome(&key, response.as_ref());
                }
                Some(news) = self.trunk_news.recv() => self.on_trunk_news(news),
                Some(refresh) = self.refreshes.recv() => self.on_refreshed(refresh),
                Some(lost) = self.lost.recv() => self.on_lost(&lost),
                () = sleep_until(deadline) => {
                    self.tick_trunks();
                    self.tick_timers();
                    self.tick_early();
                    self.tick_dialled();
                    self.registrar.tick(now());
                }
                transaction = self.incoming.recv() => self.on_transaction(transaction?),
            }
        }
    }

    fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for RsipUa {
    /// What was registered is taken back; the future that moves the stack waits for it a little.
    fn drop(&mut self) {
        self.stop_trunks();
    }
}

/// A key for nonces, and a seed for waits.
fn random() -> Result<([u8; 32], u64), LineError> {
    let mut bytes = [0; 40];
    getrandom::fill(&mut bytes).map_err(|error| LineError::Stack(error.to_string()))?;
    let (mut key, mut seed) = ([0; 32], [0; 8]);
    key.copy_from_slice(&bytes[..32]);
    seed.copy_from_slice(&bytes[32..]);
    Ok((key, u64::from_le_bytes(seed)))
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Moves the stack, its connections, and whatever waits for a response, until the user agent is
/// gone.
async fn serve(
    endpoint: Endpoint,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    mut stream_tasks: mpsc::UnboundedReceiver<Job>,
    stop: CancellationToken,
) {
    let serving = endpoint.serve();
    let working = async {
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => { running.spawn(job); }
                    None => break,
                },
                Some(_) = running.join_next() => {}
            }
        }
        let left = running.len();
        if tokio::time::timeout(FAREWELL, running.join_all())
            .await
            .is_err()
        {
            debug!(left, "sip requests were still unanswered at the end");
        }
        stop.cancel();
    };
    // Connections last until the last word is said; then they are dropped.
    let carrying = async {
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(task) = stream_tasks.recv() => { running.spawn(task); }
                Some(_) = running.join_next() => {}
            }
        }
    };
    tokio::join!(serving, working, carrying);
}

fn key_of(id: &DialogId) -> DialogKey {
    (id.call_id.clone(), id.local_tag.clone())
}

/// The stack takes nearly anything for a URI, and reads none whose user part has parameters.
fn sip_uri(text: &str) -> Option<Uri> {
    let (scheme, rest) = text.split_once(':')?;
    if !matches!(scheme, "sip" | "sips") || text.contains(char::is_whitespace) {
        return None;
    }
    let headers = rest.find('?').unwrap_or(rest.len());
    let Some((user, _)) = rest[..headers].rsplit_once('@') else {
        return Uri::try_from(text).ok();
    };
    let there = &rest[user.len() + 1..];
    let mut uri = Uri::try_from(format!("{scheme}:{there}")).ok()?;
    uri.auth = Some(Auth::from(user));
    Some(uri)
}

fn sdp_header() -> Vec<Header> {
    vec![Header::ContentType("application/sdp".into())]
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell of this crate reads the clock here only"
)]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests;
