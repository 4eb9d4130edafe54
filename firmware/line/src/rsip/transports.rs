//! Which way a request goes, and what it says of the way (RFC 3261, sections 18 and 26.2).

use std::net::SocketAddr;

use async_trait::async_trait;
use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{Host, HostWithPort, Param, Scheme, SipMessage, Uri};
use rsipstack::transaction::endpoint::{MessageInspector, TargetLocator};
use rsipstack::transport::SipAddr;

use super::flows::{Flows, Way};
use super::streams::Streams;
use super::{challenge, routes};
use crate::stream::Transport;

/// Where the box is reached, as others are told.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// By datagrams.
    pub udp: SocketAddr,
    /// Over TCP, where it listens.
    pub tcp: Option<SocketAddr>,
    /// Over TLS, where it listens.
    pub tls: Option<SocketAddr>,
}

impl Own {
    /// In one way; by datagrams where it does not listen so.
    pub fn address(&self, transport: Transport) -> SocketAddr {
        self.listener(transport).unwrap_or(self.udp)
    }

    /// Whether others can open connections of that kind to the box.
    pub fn listens(&self, transport: Transport) -> bool {
        self.listener(transport).is_some()
    }

    fn listener(&self, transport: Transport) -> Option<SocketAddr> {
        match transport {
            Transport::Udp => Some(self.udp),
            Transport::Tcp => self.tcp,
            Transport::Tls => self.tls,
        }
    }

    /// Whether a URI leads to the box, in any way. One without a port means the usual one of what
    /// carries it (RFC 3263, section 4.2).
    pub fn is(&self, uri: &Uri) -> bool {
        let mut there = uri.host_with_port.clone();
        let usual = asked_by(uri).unwrap_or_default().default_port();
        there.port.get_or_insert(usual.into());
        self.addresses().any(|own| HostWithPort::from(own) == there)
    }

    /// Whether a URI leads to the box by a name that somebody calls it by: without a port, which some phones
    /// leave out where they know one, at the port that they know, or at any other of its own.
    pub fn is_named(&self, uri: &Uri, domain: &str) -> bool {
        let Ok(domain) = HostWithPort::try_from(domain) else {
            return false;
        };
        let HostWithPort { host, port } = &uri.host_with_port;
        let mut own = self.addresses().map(|own| own.port().into());
        host.to_string()
            .eq_ignore_ascii_case(&domain.host.to_string())
            && (port.is_none() || *port == domain.port || own.any(|own| Some(own) == *port))
    }

    fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        [Some(self.udp), self.tcp, self.tls].into_iter().flatten()
    }
}

/// The stack's word for a transport.
pub fn stacks(transport: Transport) -> rsipstack::sip::Transport {
    match transport {
        Transport::Udp => rsipstack::sip::Transport::Udp,
        Transport::Tcp => rsipstack::sip::Transport::Tcp,
        Transport::Tls => rsipstack::sip::Transport::Tls,
    }
}

/// An address as the stack knows those of datagrams and of connections.
pub fn addressed(transport: Transport, there: SocketAddr) -> SipAddr {
    match transport {
        Transport::Udp => SipAddr::from(there),
        _ => SipAddr::new(stacks(transport), there.into()),
    }
}

/// Our word for one of the stack's; none for those that the box does not have.
pub fn ours(transport: Option<rsipstack::sip::Transport>) -> Option<Transport> {
    match transport {
        None | Some(rsipstack::sip::Transport::Udp) => Some(Transport::Udp),
        Some(rsipstack::sip::Transport::Tcp) => Some(Transport::Tcp),
        Some(rsipstack::sip::Transport::Tls) => Some(Transport::Tls),
        Some(_) => None,
    }
}

/// What a URI asks to be carried by.
pub fn asked_by(uri: &Uri) -> Option<Transport> {
    if uri.scheme == Some(Scheme::Sips) {
        return Some(Transport::Tls);
    }
    let named = uri.params.iter().find_map(|param| match param {
        Param::Transport(transport) => Some(*transport),
        _ => None,
    });
    ours(named)
}

/// Finds the way for the stack, and writes its name into what goes there.
pub struct TransportSelector {
    pub own: Own,
    pub streams: Streams,
    pub flows: Flows,
}

impl TransportSelector {
    /// The address of a host in the family that the box speaks.
    async fn resolve(&self, host: &Host, port: u16) -> std::io::Result<SocketAddr> {
        let name = match host {
            Host::IpAddr(address) => return Ok(SocketAddr::new(*address, port)),
            Host::Domain(name) => name.to_string(),
        };
        let family = |address: &SocketAddr| address.is_ipv4() == self.own.udp.is_ipv4();
        let found = tokio::net::lookup_host((name, port)).await?.find(family);
        found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
    }

    async fn follow(&self, way: &Way) -> std::io::Result<SipAddr> {
        let Way {
            transport,
            there,
            host,
        } = way;
        self.streams.reach(*transport, host, *there).await?;
        Ok(addressed(*transport, *there))
    }

    async fn way_to(&self, uri: &Uri, transport: Transport) -> std::io::Result<SipAddr> {
        let there = &uri.host_with_port;
        let port = there
            .port
            .map_or(transport.default_port(), |port| port.value());
        let address = self.resolve(&there.host, port).await?;
        self.streams
            .reach(transport, &there.host.to_string(), address)
            .await?;
        self.streams.name(transport, address, there.to_string());
        Ok(SipAddr::new(stacks(transport), address.into()))
    }
}

#[async_trait]
impl TargetLocator for TransportSelector {
    async fn locate(&self, uri: &Uri) -> rsipstack::Result<SipAddr> {
        let (transport, reached) = match (self.flows.find(uri), asked_by(uri)) {
            (Some(way), _) => (way.transport, self.follow(&way).await),
            (None, Some(Transport::Udp)) => return SipAddr::try_from(&routes::addressed(uri)),
            (None, Some(transport)) => {
                let there = routes::addressed(uri);
                (transport, self.way_to(&there, transport).await)
            }
            (None, None) => {
                return Err(rsipstack::Error::Error("unknown transport".to_owned()));
            }
        };
        reached.map_err(|error| {
            rsipstack::Error::Error(format!("no {} connection: {error}", transport.name()))
        })
    }
}

impl MessageInspector for TransportSelector {
    /// A request names what carries it and where the box is reached so; the stack knows of
    /// datagrams only.
    fn before_send(&self, message: SipMessage, to: Option<&SipAddr>) -> SipMessage {
        let SipMessage::Request(mut request) = message else {
            return message;
        };
        routes::follow_strict_router(&mut request);
        challenge::spell(&mut request);
        let transport = to.and_then(|to| to.r#type).and_then(|way| ours(Some(way)));
        let Some(transport @ (Transport::Tcp | Transport::Tls)) = transport else {
            return request.into();
        };
        if let Ok(via) = request.via_header_mut() {
            // One that cannot be read was not made by the stack.
            let _ = via.update_first_value(|via| {
                let mut via = via.typed()?;
                via.transport = stacks(transport);
                let far_end = to.and_then(|to| to.get_socketaddr().ok());
                let own = far_end.map(|there| self.streams.own_address(transport, there));
                via.uri.host_with_port = own.unwrap_or_else(|| self.own.address(transport)).into();
                Ok(via.into())
            });
        }
        request.into()
    }

    fn after_received(&self, message: SipMessage, _from: Option<&SipAddr>) -> SipMessage {
        match message {
            SipMessage::Response(mut response) => {
                challenge::simplify(&mut response);
                response.into()
            }
            SipMessage::Request(_) => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_says_what_it_is_carried_by() {
        let asked = |text: &str| asked_by(&Uri::try_from(text).expect("a uri"));
        assert_eq!(asked("sip:a@192.0.2.1"), Some(Transport::Udp));
        assert_eq!(asked("sip:a@192.0.2.1;transport=UDP"), Some(Transport::Udp));
        assert_eq!(asked("sip:a@192.0.2.1;transport=tcp"), Some(Transport::Tcp));
        assert_eq!(
            asked("sip:a@h.example;transport=TLS;lr"),
            Some(Transport::Tls)
        );
        assert_eq!(asked("sips:a@h.example"), Some(Transport::Tls));
        assert_eq!(
            asked("sips:a@h.example;transport=tcp"),
            Some(Transport::Tls)
        );
        assert_eq!(asked("sip:a@h.example;transport=ws"), None);
    }

    #[test]
    fn the_box_knows_itself_in_every_way() {
        let at = |port: u16| SocketAddr::from(([192, 0, 2, 10], port));
        let own = Own {
            udp: at(5060),
            tcp: None,
            tls: Some(at(5061)),
        };
        let is = |text: &str| own.is(&Uri::try_from(text).expect("a uri"));
        for ours in [
            "sip:a@192.0.2.10:5060",
            "sip:a@192.0.2.10:5061",
            "sip:a@192.0.2.10",
            "sips:a@192.0.2.10",
            "sip:a@192.0.2.10;transport=tls",
        ] {
            assert!(is(ours), "{ours}");
        }
        for other in ["sip:a@192.0.2.10:5062", "sip:a@192.0.2.11", "sip:a@box"] {
            assert!(!is(other), "{other}");
        }
        let named = |text: &str, domain| {
            let uri = Uri::try_from(text).expect("a uri");
            own.is_named(&uri, domain)
        };
        for (ours, domain) in [
            ("sip:a@Branch.example", "branch.example"),
            ("sip:a@branch.example:5061", "branch.example"),
            ("sip:a@branch.example", "branch.example:6000"),
            ("sip:a@branch.example:6000", "branch.example:6000"),
            ("sip:a@192.0.2.99", "192.0.2.99"),
        ] {
            assert!(named(ours, domain), "{ours}");
        }
        for (other, domain) in [
            ("sip:a@branch.example:5070", "branch.example"),
            ("sip:a@pbx.branch.example", "branch.example"),
            ("sip:a@branch.example", ""),
        ] {
            assert!(!named(other, domain), "{other}");
        }
        let elsewhere = Own {
            udp: at(5070),
            ..own
        };
        let nobody = Uri::try_from("sip:a@192.0.2.10").expect("a uri");
        assert!(!elsewhere.is(&nobody));
        assert_eq!(own.address(Transport::Tls), at(5061));
        assert_eq!(own.address(Transport::Tcp), at(5060));
    }
}
