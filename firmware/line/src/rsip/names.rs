//! Asks the DNS where a trunk's name leads (RFC 3263, section 4.2): its SRV records where no port is
//! named, else its addresses. NAPTR is left out: the configuration names the transport.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use domain::base::iana::{Rcode, Rtype};
use domain::base::{Name, ToName};
use domain::rdata::Srv;
use domain::resolv::StubResolver;
use domain::resolv::stub::Answer;
use domain::resolv::stub::conf::{ResolvConf, ServerConf, Transport as DnsTransport};

use crate::directory::{Found, Lead, Record};
use crate::stream::Transport;

/// How often a server of the DNS is asked, and how long it may take each time.
const ATTEMPTS: usize = 2;
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long all of it may take.
const ALL: Duration = Duration::from_secs(8);

/// How long addresses are good for that the system has found: it does not say.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// Records of one name that are looked at, in their order of priority.
const MOST: usize = 16;

/// How a carrier or PBX is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkTarget {
    /// A name, or an address without brackets.
    pub host: String,
    /// Its port; without one a name's SRV records are looked up.
    pub port: Option<u16>,
}

/// It is no `host` or `host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no host with or without port")]
pub struct NotATarget;

impl FromStr for TrunkTarget {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(NotATarget)?;
            let is_version_6 = address.parse::<std::net::Ipv6Addr>().is_ok();
            let port = match rest {
                "" => None,
                _ => Some(rest.strip_prefix(':').ok_or(NotATarget)?),
            };
            (Some(address).filter(|_| is_version_6), port)
        } else {
            let (host, port) = text
                .split_once(':')
                .map_or((text, None), |(host, port)| (host, Some(port)));
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            let is_name = !host.is_empty() && host.bytes().all(fits);
            (Some(host).filter(|_| is_name), port)
        };
        let port = port.map(|port| port.parse().map_err(|_| NotATarget));
        let port = port.transpose()?;
        let host = host.ok_or(NotATarget)?.to_owned();
        if port == Some(0) {
            return Err(NotATarget);
        }
        Ok(Self { host, port })
    }
}

impl TrunkTarget {
    /// What is known of it without asking.
    pub(super) fn lead(&self, transport: Transport) -> Lead {
        let address = self.host.parse::<IpAddr>();
        address.map_or(Lead::Name, |address| {
            let port = self.port.unwrap_or(transport.default_port());
            Lead::Address(SocketAddr::new(address, port))
        })
    }
}

/// One look-up.
pub(super) struct LookUp {
    pub target: TrunkTarget,
    pub transport: Transport,
    /// Whether the box speaks IPv4.
    pub ipv4: bool,
    /// Servers of the DNS; the system's where there are none.
    pub servers: Vec<SocketAddr>,
}

/// What the DNS says of a name's service.
enum Service {
    /// These servers offer it, for so long.
    Offered(Vec<Srv<Name<Vec<u8>>>>, Duration),
    /// The name has no records of it.
    Unspecified,
    /// Nobody knows.
    Unknown,
}

impl LookUp {
    pub async fn run(self) -> Found {
        let nothing = Found::Nothing { own: Vec::new() };
        tokio::time::timeout(ALL, self.find())
            .await
            .unwrap_or(nothing)
    }

    async fn find(&self) -> Found {
        let TrunkTarget { host, port } = &self.target;
        let service = match port {
            Some(_) => Service::Unspecified,
            None => self.service(host).await,
        };
        let own_port = port.unwrap_or(self.transport.default_port());
        match service {
            Service::Offered(offered, good_for) => self.offered(offered, good_for).await,
            Service::Unspecified => {
                let addresses = self.addresses(host, own_port).await;
                if addresses.is_empty() {
                    return Found::Nothing { own: addresses };
                }
                let record = Record {
                    priority: 0,
                    weight: 0,
                    host: (host.clone(), own_port),
                    addresses,
                };
                Found::Records {
                    records: vec![record],
                    good_for: GOOD_FOR,
                }
            }
            Service::Unknown => {
                let own = self.addresses(host, own_port).await;
                Found::Nothing { own }
            }
        }
    }

    /// Where those who offer a service are.
    async fn offered(&self, mut offered: Vec<Srv<Name<Vec<u8>>>>, good_for: Duration) -> Found {
        // A target of the root alone says that there is no such service.
        offered.retain(|srv| !srv.target().is_root());
        offered.sort_by_key(Srv::priority);
        offered.truncate(MOST);
        let all = offered.len();
        let mut records = Vec::new();
        for srv in offered {
            let host = (srv.target().to_string(), srv.port());
            let addresses = self.addresses(&host.0, host.1).await;
            if !addresses.is_empty() {
                records.push(Record {
                    priority: srv.priority(),
                    weight: srv.weight(),
                    host,
                    addresses,
                });
            }
        }
        if records.is_empty() && all > 0 {
            return Found::Nothing { own: Vec::new() };
        }
        Found::Records { records, good_for }
    }

    async fn service(&self, host: &str) -> Service {
        let service = match self.transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
            Transport::Tls => "_sips._tcp",
        };
        let Ok(name) = Name::<Vec<u8>>::from_str(&format!("{service}.{host}")) else {
            return Service::Unspecified;
        };
        for _ in 0..ATTEMPTS {
            // Its settings may change while the box runs.
            let resolver = StubResolver::from_conf(self.settings());
            if let Ok(answer) = resolver.query((&name, Rtype::SRV)).await
                && let Some(service) = read(&answer)
            {
                return service;
            }
        }
        Service::Unknown
    }

    fn settings(&self) -> ResolvConf {
        let mut settings = if self.servers.is_empty() {
            ResolvConf::default()
        } else {
            let mut settings = ResolvConf::new();
            let server = |address: &SocketAddr| ServerConf::new(*address, DnsTransport::UdpTcp);
            settings.servers = self.servers.iter().map(server).collect();
            settings.finalize();
            settings
        };
        settings.options.timeout = TIMEOUT;
        settings
    }

    /// A host's addresses in the family that the box speaks, by the system's own ways.
    async fn addresses(&self, host: &str, port: u16) -> Vec<SocketAddr> {
        let found = tokio::net::lookup_host((host, port)).await;
        let family = |address: &SocketAddr| address.is_ipv4() == self.ipv4;
        found.map_or_else(|_| Vec::new(), |found| found.filter(family).collect())
    }
}

/// What an answer says; none where it says nothing.
fn read(answer: &Answer) -> Option<Service> {
    match answer.header().rcode() {
        Rcode::NOERROR if !answer.is_truncated() => {}
        Rcode::NXDOMAIN => return Some(Service::Unspecified),
        _ => return None,
    }
    let name = answer.canonical_name()?;
    let mut offered = Vec::new();
    let mut good_for = Duration::MAX;
    for record in answer.answer().ok()?.limit_to_in::<Srv<_>>() {
        let record = record.ok()?;
        if record.owner() == &name {
            good_for = good_for.min(record.ttl().into_duration());
            let srv = record.data();
            let target = srv.target().to_vec();
            offered.push(Srv::new(srv.priority(), srv.weight(), srv.port(), target));
        }
    }
    Some(if offered.is_empty() {
        Service::Unspecified
    } else {
        Service::Offered(offered, good_for)
    })
}

#[cfg(test)]
mod tests;
