//! The embedded broker: rumqttd in a thread of its own.
//!
//! rumqttd cannot be stopped and cannot tell which port it got, so its server runs here on a
//! runtime that ends with the aggregator, behind a port that was found free a moment before.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rumqttd::protocol::v4::V4;
use rumqttd::{ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings};
use tokio::sync::oneshot;
use tracing::subscriber::NoSubscriber;
use trunkside_record::MAX_PAYLOAD_BYTES;

/// How many boxes may be connected.
const CONNECTIONS: usize = 2_048;

/// A topic's messages that wait for a slow reader, in bytes and number of segments; what falls out
/// is sent again by the boxes.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;
const SEGMENTS: usize = 8;

/// How often another free port is tried when somebody took the one that was found.
const PORT_ATTEMPTS: usize = 5;

/// How long the broker may take to listen.
const START_WITHIN: Duration = Duration::from_secs(10);

/// A broker at work; it ends when this is dropped.
pub(crate) struct Broker {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Broker {
    /// Listens on `listen`; port 0 takes a free one. Blocks until it listens.
    pub(crate) fn start(listen: SocketAddr) -> io::Result<Self> {
        let attempts = if listen.port() == 0 { PORT_ATTEMPTS } else { 1 };
        let mut result = Err(io::ErrorKind::AddrInUse.into());
        for _ in 0..attempts {
            result = free(listen).and_then(serve);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended on its own.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the embedded broker had panicked");
        }
    }
}

/// The address with a port that is free now. Refuses one that is taken.
fn free(listen: SocketAddr) -> io::Result<SocketAddr> {
    TcpListener::bind(listen)?.local_addr()
}

fn serve(address: SocketAddr) -> io::Result<Broker> {
    let router = RouterConfig {
        max_connections: CONNECTIONS,
        max_outgoing_packet_count: 200,
        max_segment_size: SEGMENT_BYTES,
        max_segment_count: SEGMENTS,
        ..RouterConfig::default()
    };
    let settings = ServerSettings {
        name: "mqtt".to_owned(),
        listen: address,
        tls: None,
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 10_000,
            max_payload_size: MAX_PAYLOAD_BYTES,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    let (stop, stopped) = oneshot::channel();
    let (failed, failure) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("mqtt-broker".to_owned())
        .spawn(move || {
            // What rumqttd logs is about its own connections; the aggregator logs what matters.
            tracing::subscriber::with_default(NoSubscriber::default(), || {
                if let Err(error) = run(router, settings, stopped) {
                    let _ = failed.send(error);
                }
            });
        })?;
    let broker = Broker {
        address,
        stop: Some(stop),
        thread: Some(thread),
    };
    wait_until_listening(address, &failure)?;
    Ok(broker)
}

fn run(
    router: RouterConfig,
    settings: ServerSettings,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let router = Router::new(0, router).spawn();
    let mut server = Server::new(settings, router, V4);
    runtime.block_on(async {
        tokio::select! {
            ended = server.start(LinkType::Remote) => ended.map_err(io::Error::other),
            _ = stopped => Ok(()),
        }
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "starting a broker is a shell's work"
)]
fn wait_until_listening(
    address: SocketAddr,
    failure: &mpsc::Receiver<io::Error>,
) -> io::Result<()> {
    let mut at = address;
    if at.ip().is_unspecified() {
        at.set_ip(if at.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    let until = Instant::now() + START_WITHIN;
    loop {
        match failure.recv_timeout(Duration::from_millis(5)) {
            Ok(error) => return Err(error),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::Other.into()),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        match TcpStream::connect_timeout(&at, Duration::from_millis(200)) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= until => return Err(error),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_found_and_freed_again() {
        let broker = Broker::start("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = broker.address;
        assert_ne!(address.port(), 0);
        assert!(TcpListener::bind(address).is_err());
        drop(broker);
        TcpListener::bind(address).unwrap();
    }

    #[test]
    fn a_taken_port_is_refused() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = Broker::start(taken.local_addr().unwrap())
            .map(drop)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
