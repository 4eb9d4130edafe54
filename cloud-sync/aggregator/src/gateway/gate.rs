//! The TLS listener before the embedded broker.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use trunkside_record::Origin;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::serial_text;
use super::namesakes::Namesakes;
use super::packets::{Inspector, Trespass};
use crate::running::blocking;
use crate::store::{Store, StoreError};

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
    /// The certificate was ended.
    #[error("the certificate of {0} is revoked")]
    Revoked(Origin),
    /// Nobody can tell whether it was.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The box overstepped.
    #[error("{origin}: {trespass}")]
    Trespass {
        /// Which box.
        origin: Origin,
        /// How.
        trespass: Trespass,
    },
}

/// How often the store is asked whether anybody was revoked meanwhile.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Lets boxes with a certificate through to the broker.
pub(crate) struct Gate {
    listener: TcpListener,
    /// Where the store's count of revocations is told.
    counted: watch::Sender<i64>,
    way: Way,
}

/// What every connection needs.
#[derive(Clone)]
struct Way {
    acceptor: TlsAcceptor,
    broker: SocketAddr,
    store: Arc<dyn Store>,
    /// The store's count of revocations.
    revocations: watch::Receiver<i64>,
    namesakes: Arc<Mutex<Namesakes>>,
}

/// A connection under a name, for as long as it is open.
struct Open {
    namesakes: Arc<Mutex<Namesakes>>,
    origin: Origin,
}

impl Open {
    #[expect(clippy::disallowed_methods, reason = "the gate is a shell")]
    fn begin(namesakes: Arc<Mutex<Namesakes>>, origin: Origin) -> Self {
        if lock(&namesakes).begins(Instant::now(), &origin) {
            tracing::warn!(
                %origin,
                "two boxes seem to connect under one name, and end each other's connections; give one \
                 of them a name and a claim of its own (`trunkside-cloud boxes claim`)"
            );
        }
        Self { namesakes, origin }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        lock(&self.namesakes).ends(&self.origin);
    }
}

fn lock(namesakes: &Mutex<Namesakes>) -> MutexGuard<'_, Namesakes> {
    namesakes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gate {
    pub(crate) async fn bind(
        listen: SocketAddr,
        tls: Arc<ServerConfig>,
        broker: SocketAddr,
        store: Arc<dyn Store>,
    ) -> std::io::Result<Self> {
        let (counted, revocations) = watch::channel(0);
        Ok(Self {
            listener: TcpListener::bind(listen).await?,
            counted,
            way: Way {
                acceptor: TlsAcceptor::from(tls),
                broker,
                store,
                revocations,
                namesakes: Arc::default(),
            },
        })
    }

    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`.
    pub(crate) async fn serve(self, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        let watching = watch_revocations(Arc::clone(&self.way.store), self.counted);
        tokio::pin!(watching);
        loop {
            let has_room = connections.len() < CONNECTIONS;
            let accepted = tokio::select! {
                accepted = self.listener.accept(), if has_room => accepted,
                Some(_) = connections.join_next() => continue,
                () = &mut watching => continue,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, from)) => {
                    let way = self.way.clone();
                    connections.spawn(async move {
                        if let Err(error) = pass(stream, way).await {
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

/// Tells the connections when there are more revocations; while the store does not answer, they go on.
async fn watch_revocations(store: Arc<dyn Store>, counted: watch::Sender<i64>) {
    loop {
        let store = Arc::clone(&store);
        if let Ok(count) = blocking(move || store.revocations()).await {
            counted.send_if_modified(|known| std::mem::replace(known, count) != count);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn pass(stream: TcpStream, way: Way) -> Result<(), GateError> {
    stream.set_nodelay(true)?;
    let shaken = tokio::time::timeout(HANDSHAKE, way.acceptor.accept(stream)).await;
    let near = shaken.map_err(|_| GateError::Slow)??;
    let (origin, serial) = identity(&near).ok_or(GateError::Certificate)?;
    // Seen before it is asked for, so that none in between is missed.
    let mut revocations = way.revocations;
    revocations.mark_unchanged();
    ask(&way.store, &origin, &serial).await?;
    let _open = Open::begin(way.namesakes, origin.clone());
    let far = TcpStream::connect(way.broker).await?;
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
    let (store, of, number) = (&way.store, &origin, &serial);
    let revoked = until_revoked(revocations, move || ask(store, of, number));
    tokio::select! {
        done = up => done,
        done = down => done,
        revoked = revoked => Err(revoked),
    }
}

/// Asks after every revocation whether it was this box's, and again while the store does not answer:
/// nothing else would.
async fn until_revoked<F: Future<Output = Result<(), GateError>>>(
    mut revocations: watch::Receiver<i64>,
    ask: impl Fn() -> F,
) -> GateError {
    while revocations.changed().await.is_ok() {
        loop {
            match ask().await {
                Ok(()) => break,
                Err(revoked @ GateError::Revoked(_)) => return revoked,
                Err(error) => {
                    tracing::debug!(%error, "cannot tell whether a box is revoked; asking again");
                    tokio::time::sleep(ASK_EVERY).await;
                }
            }
        }
    }
    std::future::pending().await
}

/// An error unless the certificate is in force.
async fn ask(store: &Arc<dyn Store>, origin: &Origin, serial: &str) -> Result<(), GateError> {
    let (store, of, serial) = (Arc::clone(store), origin.clone(), serial.to_owned());
    let is_revoked = blocking(move || store.is_revoked(&of, &serial)).await?;
    if is_revoked {
        tracing::warn!(%origin, "a box with a revoked certificate is turned away");
        return Err(GateError::Revoked(origin.clone()));
    }
    Ok(())
}

/// The box that the certificate was made for, its common name; and the certificate's serial number.
fn identity(stream: &TlsStream<TcpStream>) -> Option<(Origin, String)> {
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
    let origin = Origin::new(names.next()?, names.next()?, names.next()?).ok()?;
    Some((origin, serial_text(certificate.raw_serial())))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_asked_again() {
        let origin = Origin::new("acme", "harbour", "box1").unwrap();
        let (counted, revocations) = watch::channel(0);
        counted.send_replace(1);
        let fails = || Err(GateError::Store(StoreError::Address("is away".into())));
        let answers = RefCell::new(vec![
            Err(GateError::Revoked(origin.clone())),
            fails(),
            fails(),
        ]);
        let ask = || std::future::ready(answers.borrow_mut().pop().unwrap());
        let ended = tokio::time::timeout(3 * ASK_EVERY, until_revoked(revocations, ask)).await;
        assert!(matches!(ended, Ok(GateError::Revoked(of)) if of == origin));
        assert!(answers.borrow().is_empty());
    }
}
