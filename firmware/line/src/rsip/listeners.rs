//! The sockets that SIP comes in by, opened before anything runs: a port that is taken or a
//! certificate that does not fit ends the start.

use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::RsipConfig;
use super::streams::Streams;
use super::transports::Own;
use crate::error::LineError;

/// Open sockets.
pub struct Listeners {
    pub udp: UdpSocket,
    /// Where `udp` is bound.
    pub local: SocketAddr,
    /// Listeners, with what makes TLS of their connections.
    pub streams: Vec<(TcpListener, Option<TlsAcceptor>)>,
    /// Makes TLS of the connections that the box opens.
    pub connector: Option<TlsConnector>,
    /// Where they are reached.
    pub own: Own,
}

impl Listeners {
    pub async fn open(config: &RsipConfig) -> Result<Self, LineError> {
        let error = error("line.listen", config.listen);
        let udp = UdpSocket::bind(config.listen).await.map_err(error)?;
        let local = udp.local_addr().map_err(error)?;
        let mut own = Own {
            udp: SocketAddr::new(config.advertise, local.port()),
            tcp: None,
            tls: None,
        };
        let mut streams = Vec::new();
        if let Some(address) = config.listen_tcp {
            let (listener, there) = listen("line.listen_tcp", address, config.advertise).await?;
            own.tcp = Some(there);
            streams.push((listener, None));
        }
        if let (Some(address), Some(identity)) = (config.listen_tls, &config.identity) {
            let acceptor = TlsAcceptor::from(identity.server()?);
            let (listener, there) = listen("line.listen_tls", address, config.advertise).await?;
            own.tls = Some(there);
            streams.push((listener, Some(acceptor)));
        }
        let identity = config.identity.as_deref();
        let client = config.trust.as_ref().map(|trust| trust.client(identity));
        Ok(Self {
            udp,
            local,
            streams,
            connector: client.transpose()?.map(TlsConnector::from),
            own,
        })
    }
}

/// Takes connections at every listener.
pub fn serve(listeners: Vec<(TcpListener, Option<TlsAcceptor>)>, streams: &Streams) {
    for (listener, acceptor) in listeners {
        let taking = streams.clone().listen(listener, acceptor);
        streams.task(taking);
    }
}

async fn listen(
    key: &'static str,
    address: SocketAddr,
    advertise: IpAddr,
) -> Result<(TcpListener, SocketAddr), LineError> {
    let error = error(key, address);
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let port = listener.local_addr().map_err(error)?.port();
    Ok((listener, SocketAddr::new(advertise, port)))
}

fn error(key: &'static str, address: SocketAddr) -> impl Fn(std::io::Error) -> LineError + Copy {
    move |source| LineError::Listen {
        key,
        address,
        source,
    }
}
