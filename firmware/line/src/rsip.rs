//! The user agent over the `rsipstack` crate: UDP, and stricter than the crate where it is lax.

mod requests;
mod socket;
mod states;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog::{DialogStateReceiver, DialogStateSender, TransactionHandle};
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::platform::CancellationToken;
use rsipstack::sip::{Auth, Header, HostWithPort, Scheme, StatusCode, StatusCodeKind, Uri};
use rsipstack::transaction::{Endpoint, EndpointBuilder, TransactionReceiver};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::error::LineError;
use crate::registrar::Registrar;
use crate::sip_ua::{AgentContact, LegCommand, LegEvent, LegId, SipCommand, SipEvent, SipUa};
use socket::{Counters, GatedSocket};

pub use socket::LineStats;

/// How long requests on their way (BYE, CANCEL) may take once the user agent is gone.
const FAREWELL: Duration = Duration::from_secs(2);

/// How the user agent presents itself.
#[derive(Clone, Debug)]
pub struct RsipConfig {
    /// Where SIP is received; port 0 takes any.
    pub listen: SocketAddr,
    /// The address that peers are told to send to.
    pub advertise: IpAddr,
    /// The `User-Agent` and `Server` name.
    pub user_agent: String,
    /// The user parts whose phones may register.
    pub registered_users: Vec<String>,
}

impl RsipConfig {
    /// Without phones that register.
    pub fn new(listen: SocketAddr, advertise: IpAddr) -> Self {
        let user_agent = concat!("Trunkside/", env!("CARGO_PKG_VERSION")).to_owned();
        Self {
            listen,
            advertise,
            user_agent,
            registered_users: Vec::new(),
        }
    }
}

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The constant half of a dialog's name: its Call-ID and our tag.
type DialogKey = (String, String);

/// A [`SipUa`] over UDP.
pub struct RsipUa {
    local: SocketAddr,
    contact: HostWithPort,
    dialogs: Arc<DialogLayer>,
    incoming: TransactionReceiver,
    state_sender: DialogStateSender,
    states: DialogStateReceiver,
    outcome_sender: mpsc::UnboundedSender<(LegId, u16)>,
    outcomes: mpsc::UnboundedReceiver<(LegId, u16)>,
    jobs: mpsc::UnboundedSender<Job>,
    legs: BTreeMap<LegId, Leg>,
    keys: BTreeMap<DialogKey, LegId>,
    calls: u64,
    registrar: Registrar,
    ready: VecDeque<SipEvent>,
    counters: Arc<Counters>,
}

struct Leg {
    dialog: InviteDialog,
    state: LegState,
    /// The far end's request for a new session description, until it is answered.
    reoffer: Option<TransactionHandle>,
    /// Whether the answer to our offer comes in the next ACK.
    answer_in_ack: bool,
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

impl RsipUa {
    /// Opens the socket. The future that comes with the user agent moves everything; spawn it
    /// where the pipeline is wired. It ends after the user agent is dropped.
    pub async fn bind(
        config: RsipConfig,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), LineError> {
        let listen_error = |source| LineError::Listen {
            address: config.listen,
            source,
        };
        let socket = tokio::net::UdpSocket::bind(config.listen)
            .await
            .map_err(listen_error)?;
        let local = socket.local_addr().map_err(listen_error)?;
        let stack_error = |error: rsipstack::Error| LineError::Stack(error.to_string());

        let stop = CancellationToken::new();
        let counters = Arc::new(Counters::default());
        let advertised = SocketAddr::new(config.advertise, local.port());
        let gated = Arc::new(GatedSocket::new(socket, Arc::clone(&counters)));
        let connection =
            UdpConnection::from_socket(gated, Some(advertised), Some(stop.child_token()))
                .await
                .map_err(stack_error)?;
        let transports = TransportLayer::new(stop.child_token());
        transports.add_transport(SipConnection::Udp(connection));
        let endpoint = EndpointBuilder::new()
            .with_user_agent(&config.user_agent)
            .with_transport_layer(transports)
            .with_cancel_token(stop.clone())
            .build();
        let incoming = endpoint.incoming_transactions().map_err(stack_error)?;
        let dialogs = Arc::new(DialogLayer::new(Arc::clone(&endpoint.inner)));
        let (state_sender, states) = dialogs.new_dialog_state_channel();
        let (outcome_sender, outcomes) = mpsc::unbounded_channel();
        let (jobs, job_queue) = mpsc::unbounded_channel();
        let ua = Self {
            local,
            contact: advertised.into(),
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
            registrar: Registrar::new(config.registered_users),
            ready: VecDeque::new(),
            counters,
        };
        Ok((ua, serve(endpoint, job_queue, stop)))
    }

    /// What the socket has seen.
    pub fn stats(&self) -> LineStats {
        self.counters.snapshot()
    }

    fn dial(&mut self, leg: LegId, to: &AgentContact, from: &str, sdp: Vec<u8>) {
        let Some((callee, destination)) = self.target(to) else {
            debug!(%leg, "the agent's contact is not registered or is no sip uri");
            self.ready.push_back(SipEvent {
                leg,
                what: LegEvent::Failed { status: 404 },
            });
            return;
        };
        let invite = InviteOption {
            caller: self.own_uri(user_part(from)),
            callee,
            destination,
            contact: self.own_uri("trunkside"),
            offer: Some(sdp),
            ..InviteOption::default()
        };
        let outcomes = self.outcome_sender.clone();
        match self
            .dialogs
            .do_invite_async(invite, self.state_sender.clone())
        {
            Ok((dialog, response)) => {
                self.insert(leg, dialog, LegState::Dialling);
                self.job(async move {
                    let status = match response.await {
                        Ok(Ok((_, Some(response)))) => response.status_code.code(),
                        Ok(Ok((_, None))) => 408,
                        Ok(Err(_)) | Err(_) => 503,
                    };
                    // The user agent may be gone by now.
                    let _ = outcomes.send((leg, status));
                });
            }
            Err(error) => {
                warn!(%leg, %error, "an invite could not be sent");
                self.ready.push_back(SipEvent {
                    leg,
                    what: LegEvent::Failed { status: 503 },
                });
            }
        }
    }

    fn target(&self, to: &AgentContact) -> Option<(Uri, Option<SipAddr>)> {
        match to {
            AgentContact::Uri(uri) => Some((sip_uri(uri)?, None)),
            AgentContact::Registered(user) => {
                let binding = self.registrar.find(now(), user)?;
                let uri = sip_uri(&binding.contact)?;
                Some((uri, Some(SipAddr::from(binding.source))))
            }
        }
    }

    fn own_uri(&self, user: &str) -> Uri {
        Uri {
            scheme: Some(Scheme::Sip),
            auth: Some(Auth {
                user: user.to_owned(),
                password: None,
            }),
            host_with_port: self.contact.clone(),
            ..Uri::default()
        }
    }

    fn insert(&mut self, leg: LegId, dialog: InviteDialog, state: LegState) {
        self.keys.insert(key_of(&dialog.id()), leg);
        self.legs.insert(
            leg,
            Leg {
                dialog,
                state,
                reoffer: None,
                answer_in_ack: false,
            },
        );
    }

    fn remove(&mut self, leg: LegId) -> Option<Leg> {
        let removed = self.legs.remove(&leg)?;
        self.keys.remove(&key_of(&removed.dialog.id()));
        Some(removed)
    }

    /// Ends a leg that has been answered. It is out of sight at once, and stays known to the stack
    /// until its BYE is answered.
    fn hang_up(&mut self, leg: LegId) {
        let Some(Leg { dialog, .. }) = self.remove(leg) else {
            return;
        };
        let dialogs = Arc::clone(&self.dialogs);
        self.job(async move {
            if let Err(error) = dialog.bye().await {
                debug!(%leg, %error, "a bye was not answered");
            }
            dialogs.remove_dialog(&dialog.id());
        });
    }

    fn cancel(&self, leg: LegId) {
        let Some(Leg {
            dialog,
            state: LegState::Dialling,
            ..
        }) = self.legs.get(&leg)
        else {
            return;
        };
        let dialog = dialog.clone();
        self.job(async move {
            if let Err(error) = dialog.cancel().await {
                debug!(%leg, %error, "a cancel was not answered");
            }
        });
    }

    fn progress(&self, leg: LegId, sdp: Option<Vec<u8>>) {
        let Some(Leg {
            dialog,
            state: LegState::Offered,
            ..
        }) = self.legs.get(&leg)
        else {
            return;
        };
        let headers = sdp.is_some().then(sdp_header);
        if let Err(error) = dialog.ringing(headers, sdp) {
            debug!(%leg, %error, "progress could not be told");
        }
    }

    fn answer(&mut self, leg: LegId, sdp: Vec<u8>) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.state != LegState::Offered || entry.dialog.state().is_terminated() {
            return;
        }
        entry.answer_in_ack = entry.dialog.initial_request().body.is_empty();
        entry.state = LegState::Answered;
        if let Err(error) = entry.dialog.accept(Some(sdp_header()), Some(sdp)) {
            debug!(%leg, %error, "an answer could not be sent");
        }
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

    fn answer_reoffer(&mut self, leg: LegId, status: StatusCode, sdp: Option<Vec<u8>>) {
        let Some(handle) = self
            .legs
            .get_mut(&leg)
            .and_then(|entry| entry.reoffer.take())
        else {
            return;
        };
        let headers = sdp.is_some().then(sdp_header);
        self.respond(handle, status, headers, sdp);
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

    fn job(&self, job: impl Future<Output = ()> + Send + 'static) {
        // Fails only when the program stops.
        let _ = self.jobs.send(Box::pin(job));
    }

    fn tell(&mut self, leg: LegId, what: LegEvent) {
        self.ready.push_back(SipEvent { leg, what });
    }

    /// The final response to a leg that we dialled; answers are told with the dialog's state.
    fn on_outcome(&mut self, leg: LegId, status: u16) {
        let dialling = self
            .legs
            .get(&leg)
            .is_some_and(|leg| leg.state == LegState::Dialling);
        if dialling && StatusCode::from(status).kind() != StatusCodeKind::Successful {
            self.remove(leg);
            self.tell(leg, LegEvent::Failed { status });
        }
    }
}

impl SipUa for RsipUa {
    fn command(&mut self, SipCommand { leg, what }: SipCommand) {
        match what {
            LegCommand::Progress { sdp } => self.progress(leg, sdp),
            LegCommand::Answer { sdp } => self.answer(leg, sdp),
            LegCommand::Reject { status } => self.reject(leg, status),
            LegCommand::Dial { to, from, sdp } => self.dial(leg, &to, from.reveal(), sdp),
            LegCommand::Cancel => self.cancel(leg),
            LegCommand::HangUp => self.hang_up(leg),
            LegCommand::AnswerReoffer { sdp } => {
                self.answer_reoffer(leg, StatusCode::OK, Some(sdp));
            }
            LegCommand::RejectReoffer { status } => {
                self.answer_reoffer(leg, StatusCode::from(status), None);
            }
        }
    }

    async fn next_event(&mut self) -> Option<SipEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            tokio::select! {
                // States first: an answer is told before its outcome, which says nothing more.
                biased;
                state = self.states.recv() => self.on_state(state?),
                outcome = self.outcomes.recv() => {
                    let (leg, status) = outcome?;
                    self.on_outcome(leg, status);
                }
                transaction = self.incoming.recv() => self.on_transaction(transaction?),
            }
        }
    }

    fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

/// Moves the stack, and whatever waits for a response, until the user agent is gone.
async fn serve(
    endpoint: Endpoint,
    mut jobs: mpsc::UnboundedReceiver<Job>,
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
    tokio::join!(serving, working);
}

fn key_of(id: &DialogId) -> DialogKey {
    (id.call_id.clone(), id.local_tag.clone())
}

/// The stack takes nearly anything for a URI.
fn sip_uri(text: &str) -> Option<Uri> {
    let fits = text.starts_with("sip:") && !text.contains(char::is_whitespace);
    fits.then(|| Uri::try_from(text).ok())?
}

fn sdp_header() -> Vec<Header> {
    vec![Header::ContentType("application/sdp".into())]
}

/// A number as the user part of our own URI; whatever cannot stand there is left out.
fn user_part(number: &str) -> &str {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.!~*'()".contains(&byte);
    if !number.is_empty() && number.bytes().all(fits) {
        number
    } else {
        "anonymous"
    }
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
