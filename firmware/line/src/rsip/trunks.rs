//! Trunks on the wire: REGISTER and OPTIONS as [`Trunk`] asks for them, and whose calls come in.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::registration::Registration;
use rsipstack::sip::typed::{Contact, From as FromHeader, To};
use rsipstack::sip::{
    Host, HostWithPort, Method, Param, SipMessage, StatusCode, StatusCodeKind, Uri,
};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::make_tag;
use rsipstack::transaction::transaction::Transaction;
use tracing::{debug, info, warn};
use trunkside_call::Pii;

use super::dial::{Account, Whereabouts};
use super::names::{LookUp, TrunkTarget};
use super::streams::{Lost, Streams};
use super::{RsipUa, now, sip_uri, transports};
use crate::directory::{Directory, DirectoryInput, DirectoryOutput, Found};
use crate::identity;
use crate::sources::Network;
use crate::stream::Transport;
use crate::trunk::{Ask, Reply, Trunk, TrunkInput, TrunkOutput, TrunkTimes};

/// One carrier or PBX.
#[derive(Clone, Debug)]
pub struct TrunkConfig {
    /// Its name, for the log.
    pub name: String,
    /// Where it is reached, most preferred first.
    pub targets: Vec<TrunkTarget>,
    /// What carries what is sent there.
    pub transport: Transport,
    /// What stands behind the `@` of our address of record.
    pub domain: String,
    /// The name and password that it gave us.
    pub login: Option<(String, Pii<String>)>,
    /// The number that the box calls from there; the login's name where there is none, and nobody's without that.
    pub number: Option<Pii<String>>,
    /// Where its calls may come from, besides its targets.
    pub sources: Vec<Network>,
    /// How it is kept.
    pub times: TrunkTimes,
}

/// One trunk with what is known of its targets.
pub(super) struct Carrier {
    config: TrunkConfig,
    trunk: Trunk,
    directory: Directory,
    /// Registrations with servers; away while a request is under way.
    registrations: BTreeMap<SocketAddr, Registration>,
}

/// What a job of a trunk's has come to.
pub(super) enum TrunkNews {
    /// A request has its reply.
    Answered {
        carrier: usize,
        server: SocketAddr,
        request: u64,
        reply: Reply,
        registration: Option<Box<Registration>>,
    },
    /// A name has been looked up.
    Found {
        carrier: usize,
        name: usize,
        found: Found,
    },
}

impl TrunkConfig {
    /// What proves to the carrier who we are.
    fn credential(&self) -> Option<Credential> {
        let (user, password) = self.login.as_ref()?;
        Some(Credential {
            username: user.clone(),
            password: password.reveal().clone(),
            realm: None,
            auth_username: None,
        })
    }
}

impl Carrier {
    pub(super) fn new(config: TrunkConfig, seed: u64) -> Self {
        let leads = config.targets.iter();
        let leads: Vec<_> = leads.map(|target| target.lead(config.transport)).collect();
        Self {
            trunk: Trunk::new(config.times.clone(), seed),
            directory: Directory::new(now(), &leads, seed),
            registrations: BTreeMap::new(),
            config,
        }
    }

    fn owns(&self, source: IpAddr) -> bool {
        self.sources().any(|network| network.contains(source))
    }

    /// Whether a URI means the carrier by that.
    fn is_called(&self, there: &HostWithPort) -> bool {
        let port = there.port.map(|port| port.value());
        let usual = self.config.transport.default_port();
        let fits = |own: Option<u16>| port.is_none_or(|port| port == own.unwrap_or(usual));
        let name = match &there.host {
            Host::IpAddr(address) => {
                let mut servers = self.servers();
                return servers.any(|own| own.ip() == *address && fits(Some(own.port())));
            }
            Host::Domain(name) => name.to_string(),
        };
        let targets = self.config.targets.iter();
        let targets = targets.map(|target| (&target.host, target.port));
        let mut names = targets.chain([(&self.config.domain, None)]);
        names.any(|(own, port)| own.eq_ignore_ascii_case(&name) && fits(port))
    }

    /// The name that the box has there.
    fn user(&self) -> Option<&str> {
        self.config.login.as_ref().map(|(user, _)| user.as_str())
    }

    /// Where its calls may come from.
    fn sources(&self) -> impl Iterator<Item = Network> {
        let servers = self.servers().map(|server| Network::from(server.ip()));
        self.config.sources.iter().copied().chain(servers)
    }

    fn servers(&self) -> impl Iterator<Item = SocketAddr> {
        let listed = self.directory.servers().iter().map(|&(server, _)| server);
        listed.chain(self.trunk.serving())
    }

    /// The target that takes the next call: the one that serves before all others.
    fn way_out(&self, failed: &[SocketAddr]) -> Option<SocketAddr> {
        let serving = self.trunk.serving()?;
        let mut servers = std::iter::once(serving).chain(self.servers());
        servers.find(|server| !failed.contains(server))
    }

    pub(super) fn deadline(&self) -> Option<std::time::Instant> {
        let deadlines = [self.trunk.deadline(), self.directory.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// The configured name of a server, which its certificate must be of (RFC 5922, section 4).
    fn host(&self, server: SocketAddr) -> String {
        let mut servers = self.directory.servers().iter();
        let found = servers.find(|&&(listed, _)| listed == server);
        match found.and_then(|&(_, name)| self.config.targets.get(name)) {
            Some(target) => target.host.clone(),
            None => server.ip().to_string(),
        }
    }
}

impl RsipUa {
    /// Whether a call may come from there. A box without trunks takes calls from everywhere.
    pub(super) fn is_trunk(&self, source: IpAddr) -> bool {
        self.carriers.is_empty() || self.carriers.iter().any(|carrier| carrier.owns(source))
    }

    /// What proves who we are, where requests within a call that came from there are challenged. Of
    /// several accounts at one carrier it is that which the call came to.
    pub(super) fn credential_for(&self, source: IpAddr, called: &str) -> Option<Credential> {
        let carriers = self.carriers.iter();
        let owners = carriers.filter(|carrier| carrier.user().is_some() && carrier.owns(source));
        let carrier = owners.min_by_key(|carrier| carrier.user() != Some(called))?;
        carrier.config.credential()
    }

    /// A number at a trunk's carrier, by way of the target that serves or, where that is among those which
    /// have not taken the call, of the next; none where none is left.
    pub(super) fn at_carrier(
        &self,
        trunk: &str,
        number: &Pii<String>,
        failed: &[SocketAddr],
    ) -> Option<Whereabouts> {
        let mut carriers = self.carriers.iter();
        let carrier = carriers.find(|carrier| carrier.config.name == trunk)?;
        let config = &carrier.config;
        let server = carrier.way_out(failed)?;
        let of = |user: &str| sip_uri(&format!("sip:{user}@{}", config.domain));
        let number_there = config.number.as_ref().map(|own| own.reveal().as_str());
        let account = Account {
            from: of(number_there.or(carrier.user()).unwrap_or("anonymous"))?,
            number: config.number.clone(),
            credential: config.credential(),
            host: carrier.host(server),
        };
        Some(Whereabouts {
            callee: of(number.reveal())?,
            flow: Some((config.transport, server)),
            replaces: None,
            account: Some(account),
        })
    }

    /// The number that a URI means at a trunk's carrier, if it is one there.
    pub(super) fn number_at(&self, trunk: &str, uri: &str) -> Option<Pii<String>> {
        if uri.to_ascii_lowercase().starts_with("tel:") {
            // It is the same with every carrier, and may be written with pauses for the eye (RFC 3966).
            let digits = identity::user_of(uri)?.chars();
            let number: String = digits.filter(|sign| !"-.()".contains(*sign)).collect();
            return identity::is_user_part(&number).then(|| Pii::new(number));
        }
        let uri = sip_uri(uri)?;
        let mut carriers = self.carriers.iter();
        let carrier = carriers.find(|carrier| carrier.config.name == trunk)?;
        let user = uri.user().filter(|user| !user.is_empty())?;
        carrier
            .is_called(&uri.host_with_port)
            .then(|| Pii::new(user.to_owned()))
    }

    pub(super) fn on_trunk_news(&mut self, news: TrunkNews) {
        match news {
            TrunkNews::Answered {
                carrier,
                server,
                request,
                reply,
                registration,
            } => {
                let Some(carrier) = self.carriers.get_mut(carrier) else {
                    return;
                };
                if let Some(registration) = registration {
                    carrier.registrations.insert(server, *registration);
                }
                let reply = TrunkInput::Reply { request, reply };
                carrier.trunk.handle(now(), reply);
            }
            TrunkNews::Found {
                carrier,
                name,
                found,
            } => {
                let Some(carrier) = self.carriers.get_mut(carrier) else {
                    return;
                };
                let found = DirectoryInput::Found { name, found };
                carrier.directory.handle(now(), found);
            }
        }
        self.drive_trunks();
    }

    /// A connection is gone that a trunk may have registered over.
    pub(super) fn tell_trunks(&mut self, lost: &Lost) {
        for carrier in &mut self.carriers {
            if carrier.config.transport == lost.transport {
                let target = lost.far_end;
                carrier.trunk.handle(now(), TrunkInput::Lost { target });
            }
        }
    }

    /// A target of a trunk's has not taken a call.
    pub(super) fn doubt(&mut self, target: SocketAddr) {
        for carrier in &mut self.carriers {
            carrier.trunk.handle(now(), TrunkInput::Doubted { target });
        }
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
            let due = carrier.directory.deadline();
            if due.is_some_and(|deadline| now >= deadline) {
                carrier.directory.handle(now, DirectoryInput::Tick);
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

    /// Carries out what the trunks and their directories put out.
    pub(super) fn drive_trunks(&mut self) {
        let mut requests = Vec::new();
        let mut names = Vec::new();
        for (index, carrier) in self.carriers.iter_mut().enumerate() {
            let name = &carrier.config.name;
            while let Some(output) = carrier.directory.poll() {
                match output {
                    DirectoryOutput::LookUp { name } => names.push((index, name)),
                    DirectoryOutput::Unknown { name: target } => {
                        let host = &carrier.config.targets[target].host;
                        warn!(trunk = %name, %host, "a trunk's target has no address");
                    }
                    DirectoryOutput::Changed => {
                        let servers = carrier.directory.servers();
                        let targets: Vec<_> = servers.iter().map(|&(server, _)| server).collect();
                        debug!(trunk = %name, ?targets, "a trunk's targets are known");
                        carrier
                            .registrations
                            .retain(|server, _| targets.contains(server));
                        carrier.trunk.handle(now(), TrunkInput::Targets(targets));
                    }
                }
            }
            while let Some(output) = carrier.trunk.poll() {
                match output {
                    TrunkOutput::Send {
                        target,
                        ask,
                        request,
                    } => requests.push((index, target, ask, request)),
                    TrunkOutput::Up { target } => info!(trunk = %name, %target, "trunk is up"),
                    TrunkOutput::Down { status, retry_in } => {
                        let retry_in_s = retry_in.as_secs();
                        warn!(trunk = %name, status, retry_in_s, "trunk is down");
                    }
                }
            }
        }
        let sources = self.carriers.iter().flat_map(Carrier::sources);
        let known = (!self.carriers.is_empty()).then(|| sources.collect());
        self.slots.know_trunks(known);
        for (carrier, name) in names {
            self.look_up(carrier, name);
        }
        for (carrier, server, ask, request) in requests {
            self.ask_server(carrier, server, ask, request);
        }
    }

    fn look_up(&self, carrier: usize, name: usize) {
        let config = &self.carriers[carrier].config;
        let look_up = LookUp {
            target: config.targets[name].clone(),
            transport: config.transport,
            ipv4: self.local.is_ipv4(),
            servers: self.dns_servers.clone(),
        };
        let news = self.trunk_news_sender.clone();
        self.job(async move {
            let found = look_up.run().await;
            // The user agent may be gone by now.
            let _ = news.send(TrunkNews::Found {
                carrier,
                name,
                found,
            });
        });
    }

    fn ask_server(&mut self, index: usize, server: SocketAddr, ask: Ask, request: u64) {
        let registration = self.carriers[index].registrations.remove(&server);
        let carrier = &self.carriers[index];
        let question = Question {
            endpoint: self.endpoint.clone(),
            host: carrier.host(server),
            server,
            domain: carrier.config.domain.clone(),
            credential: carrier.config.credential(),
            contact: self.own_uri(
                carrier.user().unwrap_or("trunkside"),
                carrier.config.transport,
            ),
            transport: carrier.config.transport,
            registers: carrier.config.times.register,
            streams: self.streams.clone(),
        };
        let news = self.trunk_news_sender.clone();
        self.job(async move {
            let (reply, registration) = question.ask(ask, registration).await;
            let answered = TrunkNews::Answered {
                carrier: index,
                server,
                request,
                reply,
                registration: registration.map(Box::new),
            };
            // The user agent may be gone by now.
            let _ = news.send(answered);
        });
    }
}

/// One request to a target.
struct Question {
    endpoint: EndpointInnerRef,
    host: String,
    server: SocketAddr,
    domain: String,
    credential: Option<Credential>,
    contact: Uri,
    transport: Transport,
    registers: bool,
    streams: Streams,
}

impl Question {
    async fn ask(
        &self,
        ask: Ask,
        registration: Option<Registration>,
    ) -> (Reply, Option<Registration>) {
        if ask == Ask::Options && self.is_cut_off() {
            return (Reply::CutOff, registration);
        }
        let reached = self.streams.reach(self.transport, &self.host, self.server);
        if let Err(error) = reached.await {
            debug!(host = %self.host, %error, "no connection to a trunk's target");
            return (Reply::Silent, registration);
        }
        match ask {
            Ask::Register { expiry } => {
                let mut registration = registration.unwrap_or_else(|| self.registration());
                registration.contact = Some(self.contact_here());
                registration.outbound_proxy = Some(self.server);
                let seconds = u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX);
                let reply = self.register(&mut registration, seconds).await;
                (reply, Some(registration))
            }
            Ask::Options => (self.options().await, registration),
        }
    }

    /// Whether the registrar knows the box by a connection that is gone.
    fn is_cut_off(&self) -> bool {
        let carried = self.transport != Transport::Udp;
        carried && self.registers && !self.streams.is_open(self.transport, self.server)
    }

    /// The carrier's own address, by the transport that it is reached over.
    fn domain(&self) -> Option<Uri> {
        let mut uri = sip_uri(&format!("sip:{}", self.domain))?;
        if self.transport != Transport::Udp {
            uri.params
                .push(Param::Transport(transports::stacks(self.transport)));
        }
        Some(uri)
    }

    fn registration(&self) -> Registration {
        Registration::new(self.endpoint.clone(), self.credential.clone())
    }

    /// The box as the target reaches it, which is another with every connection.
    fn contact_here(&self) -> Contact {
        let mut uri = self.contact.clone();
        if self.transport != Transport::Udp {
            uri.host_with_port = self.streams.own_address(self.transport, self.server).into();
        }
        Contact {
            display_name: None,
            uri,
            params: Vec::new(),
        }
    }

    async fn register(&self, registration: &mut Registration, seconds: u32) -> Reply {
        let Some(server) = self.domain() else {
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

    async fn options(&self) -> Reply {
        match self.send_options().await {
            // Its backends are gone, or it is taken out of service (RFC 3261, section 21.5). Whatever else it
            // says shows that it is there.
            Ok(Some(
                status @ (StatusCode::BadGateway
                | StatusCode::ServiceUnavailable
                | StatusCode::ServerTimeOut),
            )) => Reply::Refused {
                status: status.code(),
            },
            Ok(Some(StatusCode::RequestTimeout) | None) => Reply::Silent,
            Ok(Some(_)) => Reply::Alive,
            Err(error) => {
                debug!(host = %self.host, %error, "an options request could not be sent");
                Reply::Silent
            }
        }
    }

    /// The final response, if one came.
    async fn send_options(&self) -> rsipstack::Result<Option<StatusCode>> {
        let uri = self
            .domain()
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
        transaction.destination = Some(transports::addressed(self.transport, self.server));
        transaction.send().await?;
        while let Some(message) = transaction.receive().await {
            if let SipMessage::Response(response) = message
                && response.status_code.kind() != StatusCodeKind::Provisional
            {
                return Ok(Some(response.status_code));
            }
        }
        Ok(None)
    }
}
