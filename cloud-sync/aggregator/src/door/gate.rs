//! The TLS listener before the embedded broker.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use trunkside_record::Origin;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::packets::{Inspector, Trespass};

/// Boxes, and strangers who have not shown anything yet.
const CONNECTIONS: usize = 4_096;

/// How long the handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// Bytes that are read at once.
const READ: usize = 16 * 1024;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum GateError {
    /// The network.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The handshake took too long.
    #[error("the handshake took too long")]
    Slow,
    /// The certificate names no box.
    #[error("the certificate names no box")]
    Certificate,
    /// The box overstepped.
    #[error("{origin}: {trespass}")]
    Trespass {
        /// Which box.
        origin: Origin,
        /// How.
        trespass: Trespass,
    },
}

/// Lets boxes with a certificate through to the broker.
pub(crate) struct Gate {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    broker: SocketAddr,
}

impl Gate {
    pub(crate) async fn bind(
        listen: SocketAddr,
        tls: Arc<ServerConfig>,
        broker: SocketAddr,
    ) -> std::io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(listen).await?,
            acceptor: TlsAcceptor::from(tls),
            broker,
        })
    }

    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`.
    pub(crate) async fn serve(self, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            let has_room = connections.len() < CONNECTIONS;
            let accepted = tokio::select! {
                accepted = self.listener.accept(), if has_room => accepted,
                Some(_) = connections.join_next() => continue,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, from)) => {
                    let (acceptor, broker) = (self.acceptor.clone(), self.broker);
                    connections.spawn(async move {
                        if let Err(error) = pass(stream, acceptor, broker).await {
                            tracing::debug!(%from, %error, "a box's connection ended");
                        }
                    });
                }
                // Out of descriptors, for instance; others may free some.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a box");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

async fn pass(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    broker: SocketAddr,
) -> Result<(), GateError> {
    stream.set_nodelay(true)?;
    let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
    let near = shaken.map_err(|_| GateError::Slow)??;
    let origin = identity(&near).ok_or(GateError::Certificate)?;
    let far = TcpStream::connect(broker).await?;
    far.set_nodelay(true)?;
    let (mut from_box, mut to_box) = tokio::io::split(near);
    let (mut from_broker, mut to_broker) = far.into_split();
    let mut inspector = Inspector::new(origin.clone());
    let up = async {
        let mut buffer = vec![0; READ];
        loop {
            let length = from_box.read(&mut buffer).await?;
            if length == 0 {
                return Ok(to_broker.shutdown().await?);
            }
            let passed = inspector.take(&buffer[..length]).map_err(|trespass| {
                tracing::warn!(%origin, %trespass, "a box oversteps");
                let origin = origin.clone();
                GateError::Trespass { origin, trespass }
            })?;
            to_broker.write_all(&passed).await?;
        }
    };
    let down = async {
        tokio::io::copy(&mut from_broker, &mut to_box).await?;
        Ok::<_, GateError>(to_box.shutdown().await?)
    };
    tokio::select! {
        done = up => done,
        done = down => done,
    }
}

/// The box that the certificate was made for: its common name.
fn identity(stream: &TlsStream<TcpStream>) -> Option<Origin> {
    let (_, connection) = stream.get_ref();
    let shown = connection.peer_certificates()?.first()?;
    let (_, certificate) = X509Certificate::from_der(shown).ok()?;
    let name = certificate
        .subject()
        .iter_common_name()
        .next()?
        .as_str()
        .ok()?;
    let mut names = name.splitn(3, '/');
    Origin::new(names.next()?, names.next()?, names.next()?).ok()
}
