//! Starting and stopping: everything that runs is named here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broker::Broker;
use crate::config::{AggregatorConfig, BrokerChoice};
use crate::counters::Counters;
use crate::http;
use crate::ingest::{self, Address};
use crate::store::{Store, StoreError};

/// Messages between receiving and committing.
const QUEUE: usize = 256;

/// How long the tasks may take to end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Why an aggregator could not start.
#[derive(Debug, thiserror::Error)]
pub enum AggregatorError {
    /// An address that cannot be listened on.
    #[error("cannot listen on `{address}`: {source}; choose another with `{flag}`")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The flag that changes it.
        flag: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The aggregator.
#[derive(Debug)]
pub struct Aggregator;

impl Aggregator {
    /// Starts it; it serves when this returns.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(config: AggregatorConfig) -> Result<Running, AggregatorError> {
        let store = blocking({
            let data = config.data.clone();
            move || Store::open(&data)
        });
        let store = Arc::new(store.await?);
        let listening = TcpListener::bind(config.listen).await.and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        let (listener, http_addr) = listening.map_err(|source| AggregatorError::Listen {
            address: config.listen,
            flag: "--listen",
            source,
        })?;
        let (broker, address) = broker(config.broker).await?;
        let mqtt_addr = broker.as_ref().map(|broker| broker.address);

        let counters = Arc::new(Counters::default());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (clients_in, clients) = watch::channel(None);
        let (messages_in, messages) = mpsc::channel(QUEUE);
        tasks.spawn(ingest::receive(
            address,
            Arc::clone(&counters),
            clients_in,
            messages_in,
            stop.clone(),
        ));
        tasks.spawn(ingest::commit(
            Arc::clone(&store),
            Arc::clone(&counters),
            clients,
            messages,
        ));
        tasks.spawn(http::serve(
            listener,
            http::App { store, counters },
            stop.clone(),
        ));
        tasks.close();
        tracing::info!(http = %http_addr, mqtt = ?mqtt_addr, "aggregator started");
        Ok(Running {
            http_addr,
            mqtt_addr,
            stop,
            tasks,
            broker,
        })
    }
}

/// Starts the embedded broker, if that is the choice, and tells where the broker is.
async fn broker(choice: BrokerChoice) -> Result<(Option<Broker>, Address), AggregatorError> {
    match choice {
        BrokerChoice::External { host, port } => Ok((None, Address { host, port })),
        BrokerChoice::Embedded { listen } => {
            let started = blocking(move || Broker::start(listen)).await;
            let broker = started.map_err(|source| AggregatorError::Listen {
                address: listen,
                flag: "--mqtt-listen",
                source,
            })?;
            let mut at = broker.address;
            if at.ip().is_unspecified() {
                at.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
            }
            let address = Address {
                host: at.ip().to_string(),
                port: at.port(),
            };
            Ok((Some(broker), address))
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("starting does not panic")
}

/// An aggregator at work.
pub struct Running {
    /// Where HTTP is served.
    pub http_addr: SocketAddr,
    /// Where the embedded broker listens; none with an external one.
    pub mqtt_addr: Option<SocketAddr>,
    stop: CancellationToken,
    tasks: TaskTracker,
    broker: Option<Broker>,
}

impl Running {
    /// Stops it: what was received is committed, then the broker ends.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(END_WITHIN, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = self.tasks.len(), "some tasks did not end in time");
        }
        let broker = self.broker.take();
        blocking(move || drop(broker)).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
