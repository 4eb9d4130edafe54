//! Trunks on the wire: REGISTER and OPTIONS as [`Trunk`] asks for them, and whose calls come in.

use std::net::{IpAddr, SocketAddr};

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::registration::Registration;
use rsipstack::sip::typed::{Contact, From as FromHeader, To};
use rsipstack::sip::{Method, Param, SipMessage, StatusCode, StatusCodeKind, Uri};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::make_tag;
use rsipstack::transaction::transaction::Transaction;
use tracing::{debug, info, warn};
use trunkside_call::Pii;

use super::streams::Streams;
use super::{RsipUa, now, sip_uri, ways};
use crate::sources::Network;
use crate::stream::Transport;
use crate::trunk::{Ask, Reply, Trunk, TrunkInput, TrunkOutput, TrunkTimes};

/// One carrier or PBX.
#[derive(Clone, Debug)]
pub struct TrunkConfig {
    /// Its name, for the log.
    pub name: String,
    /// Where it is reached, `host:port`, most preferred first.
    pub targets: Vec<String>,
    /// What carries what is sent there.
    pub transport: Transport,
    /// What stands behind the `@` of our address of record.
    pub domain: String,
    /// The name and password that it gave us.
    pub login: Option<(String, Pii<String>)>,
    /// Where its calls may come from, besides its targets.
    pub sources: Vec<Network>,
    /// How it is kept.
    pub times: TrunkTimes,
}

/// One trunk with what is known of its targets.
pub(super) struct Carrier {
    config: TrunkConfig,
    trunk: Trunk,
    targets: Vec<Target>,
}

#[derive(Default)]
struct Target {
    /// Where its name led at the last request.
    address: Option<SocketAddr>,
    /// The registration with it; away while a request is under way.
    registration: Option<Registration>,
}

/// What became of a request to a trunk's target.
pub(super) struct Answered {
    carrier: usize,
    target: usize,
    request: u64,
    reply: Reply,
    address: Option<SocketAddr>,
    registration: Option<Registration>,
}

impl Carrier {
    pub(super) fn new(config: TrunkConfig, seed: u64) -> Self {
        let targets = config.targets.iter().map(|_| Target::default()).collect();
        let trunk = Trunk::new(now(), config.times.clone(), config.targets.len(), seed);
        Self {
            config,
            trunk,
            targets,
        }
    }

    fn owns(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        let is_target = |target: &Target| {
            target
                .address
                .is_some_and(|address| address.ip().to_canonical() == source)
        };
        self.config
            .sources
            .iter()
            .any(|network| network.contains(source))
            || self.targets.iter().any(is_target)
    }

    pub(super) fn deadline(&self) -> Option<std::time::Instant> {
        self.trunk.deadline()
    }
}

impl RsipUa {
    /// Whether a call may come from there. A box without trunks takes calls from everywhere.
    pub(super) fn is_trunk(&self, source: IpAddr) -> bool {
        self.carriers.is_empty() || self.carriers.iter().any(|carrier| carrier.owns(source))
    }

    pub(super) fn on_trunk_answered(&mut self, answered: Answered) {
        let Answered {
            carrier,
            target,
            request,
            reply,
            address,
            registration,
        } = answered;
        let Some(carrier) = self.carriers.get_mut(carrier) else {
            return;
        };
        let entry = &mut carrier.targets[target];
        entry.address = address.or(entry.address);
        entry.registration = registration;
        carrier
            .trunk
            .handle(now(), TrunkInput::Reply { request, reply });
        self.drive_trunks();
    }

    pub(super) fn tick_trunks(&mut self) {
        let now = now();
        for carrier in &mut self.carriers {
            if carrier
                .trunk
                .deadline()
                .is_some_and(|deadline| now >= deadline)
            {
                carrier.trunk.handle(now, TrunkInput::Tick);
            }
        }
        self.drive_trunks();
    }

    pub(super) fn stop_trunks(&mut self) {
        for carrier in &mut self.carriers {
            carrier.trunk.handle(now(), TrunkInput::Stop);
        }
        self.drive_trunks();
    }

    /// Carries out what the trunks put out.
    pub(super) fn drive_trunks(&mut self) {
        let mut requests = Vec::new();
        for (index, carrier) in self.carriers.iter_mut().enumerate() {
            let name = &carrier.config.name;
            while let Some(output) = carrier.trunk.poll() {
                match output {
                    TrunkOutput::Send {
                        target,
                        ask,
                        request,
                    } => requests.push((index, target, ask, request)),
                    TrunkOutput::Up { target } => info!(trunk = %name, target, "trunk is up"),
                    TrunkOutput::Down { status, retry_in } => {
                        let retry_in_s = retry_in.as_secs();
                        warn!(trunk = %name, status, retry_in_s, "trunk is down");
                    }
                }
            }
        }
        for (carrier, target, ask, request) in requests {
            self.ask_target(carrier, target, ask, request);
        }
    }

    fn ask_target(&mut self, index: usize, target: usize, ask: Ask, request: u64) {
        let registration = self.carriers[index].targets[target].registration.take();
        let carrier = &self.carriers[index];
        let question = Question {
            endpoint: self.endpoint.clone(),
            host: carrier.config.targets[target].clone(),
            domain: carrier.config.domain.clone(),
            login: carrier.config.login.clone(),
            contact: self.own_uri(
                carrier.config.login.as_ref().map_or("trunkside", |l| &l.0),
                carrier.config.transport,
            ),
            ipv4: self.local.is_ipv4(),
            transport: carrier.config.transport,
            registers: carrier.config.times.register,
            streams: self.streams.clone(),
        };
        let answers = self.trunk_answer_sender.clone();
        self.job(async move {
            let (reply, address, registration) = question.ask(ask, registration).await;
            let answered = Answered {
                carrier: index,
                target,
                request,
                reply,
                address,
                registration,
            };
            // The user agent may be gone by now.
            let _ = answers.send(answered);
        });
    }
}

/// One request to a target.
struct Question {
    endpoint: EndpointInnerRef,
    host: String,
    domain: String,
    login: Option<(String, Pii<String>)>,
    contact: Uri,
    ipv4: bool,
    transport: Transport,
    registers: bool,
    streams: Streams,
}

impl Question {
    async fn ask(
        &self,
        ask: Ask,
        registration: Option<Registration>,
    ) -> (Reply, Option<SocketAddr>, Option<Registration>) {
        let found = tokio::net::lookup_host(&self.host).await;
        let address = found
            .ok()
            .and_then(|mut addresses| addresses.find(|a| a.is_ipv4() == self.ipv4));
        let Some(address) = address else {
            debug!(host = %self.host, "a trunk's target has no address");
            return (Reply::Silent, None, registration);
        };
        if ask == Ask::Options && self.is_cut_off(address) {
            return (Reply::CutOff, Some(address), registration);
        }
        if let Err(error) = self.reach(address).await {
            debug!(host = %self.host, %error, "no connection to a trunk's target");
            return (Reply::Silent, Some(address), registration);
        }
        match ask {
            Ask::Register { expiry } => {
                let mut registration = registration.unwrap_or_else(|| self.registration());
                registration.contact = Some(self.contact_for(address));
                registration.outbound_proxy = Some(address);
                let seconds = u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX);
                let reply = self.register(&mut registration, seconds).await;
                (reply, Some(address), Some(registration))
            }
            Ask::Options => (self.options(address).await, Some(address), registration),
        }
    }

    /// Whether the registrar knows the box by a connection that is gone.
    fn is_cut_off(&self, address: SocketAddr) -> bool {
        let carried = self.transport != Transport::Udp;
        carried && self.registers && !self.streams.is_open(self.transport, address)
    }

    async fn reach(&self, address: SocketAddr) -> std::io::Result<()> {
        let name = self
            .host
            .rsplit_once(':')
            .map_or(&*self.host, |(name, _)| name);
        self.streams.reach(self.transport, name, address).await
    }

    /// The carrier's own address, by the transport that it is reached over.
    fn server(&self) -> Option<Uri> {
        let mut uri = sip_uri(&format!("sip:{}", self.domain))?;
        if self.transport != Transport::Udp {
            uri.params
                .push(Param::Transport(ways::stacks(self.transport)));
        }
        Some(uri)
    }

    fn registration(&self) -> Registration {
        let credential = self.login.as_ref().map(|(user, password)| Credential {
            username: user.clone(),
            password: password.reveal().clone(),
            realm: None,
            auth_username: None,
        });
        Registration::new(self.endpoint.clone(), credential)
    }

    /// The box as the target reaches it, which is another with every connection.
    fn contact_for(&self, address: SocketAddr) -> Contact {
        let mut uri = self.contact.clone();
        if self.transport != Transport::Udp {
            uri.host_with_port = self.streams.own_address(self.transport, address).into();
        }
        Contact {
            display_name: None,
            uri,
            params: Vec::new(),
        }
    }

    async fn register(&self, registration: &mut Registration, seconds: u32) -> Reply {
        let Some(server) = self.server() else {
            return Reply::Refused { status: 404 };
        };
        let response = match registration.register(server, Some(seconds)).await {
            Ok(response) => response,
            Err(error) => {
                debug!(host = %self.host, %error, "a registration was not answered");
                return Reply::Silent;
            }
        };
        match response.status_code {
            StatusCode::OK => Reply::Registered {
                granted: std::time::Duration::from_secs(registration.expires().into()),
            },
            StatusCode::IntervalTooBrief => {
                let shortest = super::headers::seconds(&response, "Min-Expires");
                Reply::TooBrief {
                    shortest: shortest.unwrap_or_default(),
                }
            }
            StatusCode::RequestTimeout => Reply::Silent,
            status => Reply::Refused {
                status: status.code(),
            },
        }
    }

    async fn options(&self, address: SocketAddr) -> Reply {
        match self.send_options(address).await {
            Ok(true) => Reply::Alive,
            Ok(false) => Reply::Silent,
            Err(error) => {
                debug!(host = %self.host, %error, "an options request could not be sent");
                Reply::Silent
            }
        }
    }

    /// Whether any final response came.
    async fn send_options(&self, address: SocketAddr) -> rsipstack::Result<bool> {
        let uri = self
            .server()
            .ok_or_else(|| rsipstack::Error::Error("no such domain".to_owned()))?;
        let from = FromHeader {
            display_name: None,
            uri: self.contact.clone(),
            params: Vec::new(),
        }
        .with_tag(make_tag());
        let to = To {
            display_name: None,
            uri: uri.clone(),
            params: Vec::new(),
        };
        let via = self.endpoint.get_via(None, None)?;
        let request = self
            .endpoint
            .make_request(Method::Options, uri, via, from, to, 1, None);
        let key = TransactionKey::from_request(&request, TransactionRole::Client)?;
        let mut transaction = Transaction::new_client(key, request, self.endpoint.clone(), None);
        transaction.destination = Some(ways::addressed(self.transport, address));
        transaction.send().await?;
        while let Some(message) = transaction.receive().await {
            if let SipMessage::Response(response) = message
                && response.status_code.kind() != StatusCodeKind::Provisional
            {
                return Ok(response.status_code != StatusCode::RequestTimeout);
            }
        }
        Ok(false)
    }
}
