//! Connections that carry SIP, opened by others or by the box.
//!
//! The stack has TCP of its own, but no gate before it, no limits, and gives up a connection for
//! one message that it cannot read. So every connection is read here: what passes the gate goes
//! down a pipe whose other end the stack holds for the connection itself, with the address of the
//! far end. Whether TLS lies between is not the stack's affair.

mod carry;
mod slots;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use rsipstack::platform::CancellationToken;
use rsipstack::transaction::endpoint::{EndpointInner, EndpointInnerRef};
use rsipstack::transport::stream::StreamConnectionInner;
use rsipstack::transport::tcp::TcpConnection;
use rsipstack::transport::{SipAddr, SipConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tracing::debug;

use super::socket::Counters;
use super::transports::{Own, stacks};
use super::{Job, now};
use crate::stream::Transport;
use carry::Carried;
use slots::Slot;
pub use slots::Slots;

/// How long a connection may take to be opened, and TLS to be agreed on.
const OPENING: Duration = Duration::from_secs(5);

/// How long nobody is let in after the system refused a connection (too many files).
const BREATH: Duration = Duration::from_millis(200);

/// After how long without an answer to its probes the far end counts as gone.
const PROBE: Duration = Duration::from_secs(60);
const PROBE_AGAIN: Duration = Duration::from_secs(15);

/// How long what was sent may stay unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// How long the stack has to read what came with the last bytes of a connection.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// One connection, as the far end's address names it.
type Flow = (Transport, SocketAddr);

/// Held by whoever opens one.
type Turn = tokio::sync::Mutex<()>;

/// How many connections there are with one address, our end of the newest, and what the box was
/// told to call when it used them.
#[derive(Clone, Debug)]
struct Open {
    count: usize,
    local: SocketAddr,
    names: BTreeSet<String>,
}

/// The last connection with an address is gone: what waits there for an answer waits in vain.
#[derive(Debug)]
pub struct Lost {
    /// When that was: what has been sent since went over another.
    pub at: Instant,
    /// What it was.
    pub transport: Transport,
    /// With whom.
    pub far_end: SocketAddr,
    /// The hosts and ports that led there.
    pub names: BTreeSet<String>,
}

/// All connections of a user agent.
#[derive(Clone)]
pub struct Streams(Arc<Shared>);

struct Shared {
    own: Own,
    connector: Option<TlsConnector>,
    /// Set once the stack runs; it is the stack that holds this.
    endpoint: OnceLock<Weak<EndpointInner>>,
    open: Mutex<BTreeMap<Flow, Open>>,
    /// Who opens one waits for whoever opens another with the same address.
    opening: Mutex<BTreeMap<Flow, Weak<Turn>>>,
    slots: Slots,
    tasks: mpsc::UnboundedSender<Job>,
    lost: mpsc::UnboundedSender<Lost>,
    counters: Arc<Counters>,
}

impl Streams {
    /// Without any connection yet. What moves them is put on `tasks`, and which are gone on `lost`.
    pub fn new(
        own: Own,
        slots: Slots,
        connector: Option<TlsConnector>,
        tasks: mpsc::UnboundedSender<Job>,
        lost: mpsc::UnboundedSender<Lost>,
        counters: Arc<Counters>,
    ) -> Self {
        Self(Arc::new(Shared {
            own,
            connector,
            endpoint: OnceLock::new(),
            open: Mutex::default(),
            opening: Mutex::default(),
            slots,
            tasks,
            lost,
            counters,
        }))
    }

    /// Names the stack that reads and writes them.
    pub fn serve(&self, endpoint: &EndpointInnerRef) {
        // Called once, where both are made.
        let _ = self.0.endpoint.set(Arc::downgrade(endpoint));
    }

    /// Whether there is a connection with that address now.
    pub fn is_open(&self, transport: Transport, far_end: SocketAddr) -> bool {
        self.open().contains_key(&(transport, far_end))
    }

    /// Where the far end of a connection reaches the box: where it listens, or else over that very
    /// connection, by the address that it has here.
    pub fn own_address(&self, transport: Transport, far_end: SocketAddr) -> SocketAddr {
        let local = self
            .open()
            .get(&(transport, far_end))
            .map(|open| open.local);
        let own = &self.0.own;
        match local {
            Some(local) if !own.listens(transport) => local,
            _ => own.address(transport),
        }
    }

    /// Notes that something goes to a host and port over this connection.
    pub fn name(&self, transport: Transport, far_end: SocketAddr, there: String) {
        if let Some(entry) = self.open().get_mut(&(transport, far_end)) {
            entry.names.insert(there);
        }
    }

    /// Makes sure of a connection. `name` is whom the certificate must be of.
    ///
    /// Callers at once have one between them: of two with one address the loss of the first would not be told, and
    /// what waits there for an answer would not fail.
    pub async fn reach(
        &self,
        transport: Transport,
        name: &str,
        far_end: SocketAddr,
    ) -> io::Result<()> {
        if transport == Transport::Udp || self.is_open(transport, far_end) {
            return Ok(());
        }
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let turn = self.turn((transport, far_end));
        let opening = async {
            let _turn = turn.lock().await;
            if self.is_open(transport, far_end) {
                return Ok(());
            }
            self.open_one(transport, name, far_end).await
        };
        timeout(OPENING, opening).await.map_err(late)?
    }

    /// Whose turn it is to open a connection.
    fn turn(&self, flow: Flow) -> Arc<Turn> {
        let mut opening = self
            .0
            .opening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        opening.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = opening.get(&flow).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        opening.insert(flow, Arc::downgrade(&turn));
        turn
    }

    async fn open_one(&self, transport: Transport, name: &str, to: SocketAddr) -> io::Result<()> {
        let stream = TcpStream::connect(to).await?;
        tune(&stream);
        let local = stream.local_addr()?;
        let flow = (transport, to);
        if transport == Transport::Tcp {
            return self.adopt(stream, flow, local, None);
        }
        let Some(connector) = &self.0.connector else {
            let message = "no certificates to trust are configured";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        };
        let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let stream = connector.connect(name, stream).await?;
        self.adopt(stream, flow, local, None)
    }

    /// Takes connections for as long as the user agent lives.
    pub async fn listen(self, listener: TcpListener, acceptor: Option<TlsAcceptor>) {
        loop {
            let (stream, source) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    debug!(%error, "a sip connection could not be accepted");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let Some(slot) = self.0.slots.take(source.ip()) else {
                self.0.counters.turn_away();
                continue;
            };
            tune(&stream);
            let (streams, acceptor) = (self.clone(), acceptor.clone());
            self.task(async move {
                if let Err(error) = streams.let_in(stream, source, acceptor, slot).await {
                    debug!(%error, "a sip connection was not agreed on");
                }
            });
        }
    }

    async fn let_in(
        self,
        stream: TcpStream,
        source: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        slot: Slot,
    ) -> io::Result<()> {
        let local = stream.local_addr()?;
        let Some(acceptor) = acceptor else {
            return self.adopt(stream, (Transport::Tcp, source), local, Some(slot));
        };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let stream = tokio::select! {
            accepted = timeout(OPENING, acceptor.accept(stream)) => accepted.map_err(late)??,
            () = slot.lost() => return Err(io::ErrorKind::ConnectionAborted.into()),
        };
        self.adopt(stream, (Transport::Tls, source), local, Some(slot))
    }

    /// Hands a connection to the stack by way of the gate.
    fn adopt<S>(
        &self,
        stream: S,
        flow: Flow,
        local: SocketAddr,
        slot: Option<Slot>,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let endpoint = self.0.endpoint.get().and_then(Weak::upgrade);
        let endpoint = endpoint.ok_or_else(gone)?;
        self.remember(flow, local);
        let made = self.connection(flow);
        let (pipe, connection) = made.inspect_err(|_| drop(self.forget(flow)))?;
        let accepted = slot.is_some();
        let mut carried = Carried::new(stream, pipe, flow, accepted, Arc::clone(&self.0.counters));
        endpoint.transport_layer.add_connection(connection);
        let streams = self.clone();
        self.task(async move {
            let ended = tokio::select! {
                reason = carried.carry() => Some(reason),
                () = lost(slot.as_ref()) => None,
            };
            let reason = ended.unwrap_or("it gave way");
            debug!(transport = flow.0.name(), reason, "a sip connection ended");
            let (names, at) = (streams.forget(flow), now());
            // Who gave way is not waited for: the place is another's by now.
            if ended.is_some() {
                carried.close().await;
            }
            drop(slot);
            if let Some(names) = names {
                tokio::time::sleep(LAST_WORDS).await;
                streams.tell_lost(flow, names, at);
            }
        });
        Ok(())
    }

    /// What the stack holds for a connection, and the end of the pipe that leads to it.
    fn connection(&self, (transport, far_end): Flow) -> io::Result<(UnixStream, SipConnection)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        // The stack knows its connections as TCP streams; to read and write is all it does to them.
        let theirs = std::net::TcpStream::from(OwnedFd::from(theirs));
        let (read, write) = tokio::io::split(TcpStream::from_std(theirs)?);
        let address = |address: SocketAddr| SipAddr::new(stacks(transport), address.into());
        let own = address(self.own_address(transport, far_end));
        let inner = StreamConnectionInner::new(own, address(far_end), read, write);
        let connection = TcpConnection {
            inner: Arc::new(inner),
            cancel_token: Some(CancellationToken::new()),
        };
        Ok((UnixStream::from_std(ours)?, SipConnection::Tcp(connection)))
    }

    fn remember(&self, flow: Flow, local: SocketAddr) {
        let mut open = self.open();
        let entry = open.entry(flow).or_insert_with(|| Open {
            count: 0,
            local,
            names: BTreeSet::new(),
        });
        entry.count += 1;
        entry.local = local;
    }

    /// One connection less; what it was called if it was the last with that address.
    fn forget(&self, flow: Flow) -> Option<BTreeSet<String>> {
        let mut open = self.open();
        let entry = open.get_mut(&flow)?;
        entry.count -= 1;
        if entry.count > 0 {
            return None;
        }
        open.remove(&flow).map(|entry| entry.names)
    }

    /// Says that a connection is gone.
    fn tell_lost(&self, (transport, far_end): Flow, names: BTreeSet<String>, at: Instant) {
        // The user agent may be gone by now.
        let _ = self.0.lost.send(Lost {
            at,
            transport,
            far_end,
            names,
        });
    }

    fn open(&self) -> std::sync::MutexGuard<'_, BTreeMap<Flow, Open>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves something until the user agent is gone.
    pub fn task(&self, task: impl Future<Output = ()> + Send + 'static) {
        // Fails only when the program stops.
        let _ = self.0.tasks.send(Box::pin(task));
    }
}

/// Waits until a connection that others opened loses its place; one of the box's own has none to lose.
async fn lost(slot: Option<&Slot>) {
    match slot {
        Some(slot) => slot.lost().await,
        None => std::future::pending().await,
    }
}

/// Small messages go out at once, and a far end that vanished is noticed. A system that cannot do
/// this carries calls nevertheless.
fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = socket2::SockRef::from(stream);
    let probes = socket2::TcpKeepalive::new()
        .with_time(PROBE)
        .with_interval(PROBE_AGAIN);
    let _ = socket.set_tcp_keepalive(&probes);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}
