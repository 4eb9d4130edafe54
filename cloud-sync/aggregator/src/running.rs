//! Starting and stopping: everything that runs is named here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::access::Guard;
use crate::broker::Broker;
use crate::config::{AggregatorConfig, BoxesConfig, BrokerChoice, ConfigError, ExternalBroker};
use crate::counters::Counters;
use crate::gateway::{Authority, AuthorityError, Gate};
use crate::http::{self, Admission};
#[cfg(feature = "servers")]
use crate::ingest::nats;
use crate::ingest::{self, TurnedAway};
use crate::store::{self, Store, StoreError};

/// How often room is made for the next month, and what is too old goes.
const MAINTAIN_EVERY: Duration = Duration::from_hours(1);

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
    /// An address that other machines reach, while nobody could be let in.
    #[error(
        "other machines reach `{address}`, and there is no key yet; make one with \
         `trunkside-cloud keys add`, set `oidc`, or listen on 127.0.0.1"
    )]
    NoKeys {
        /// Which.
        address: SocketAddr,
    },
    /// NATS, in a program that was built without it.
    #[cfg(not(feature = "servers"))]
    #[error("this program was built without NATS; use `trunkside-cloud`")]
    NoNats,
    /// A file that the configuration names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificates for boxes.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AggregatorError {
    /// Whether the configuration is at fault, so that another try would fail again.
    pub const fn is_input(&self) -> bool {
        match self {
            Self::Config(_) | Self::NoKeys { .. } => true,
            Self::Store(error) => error.is_input(),
            Self::Authority(error) => error.is_input(),
            Self::Listen { .. } => false,
            #[cfg(not(feature = "servers"))]
            Self::NoNats => true,
        }
    }
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
        let AggregatorConfig {
            listen,
            broker,
            store,
            retention_months,
            audit_months,
            oidc,
            boxes,
        } = config;
        let retention = Retention {
            calls_months: retention_months,
            audit_months,
        };
        let (store, away, guard, admission) = blocking(move || {
            let store = store::open(&store)?;
            make_room_at_start(&*store, retention_months)?;
            let guard = Guard::new(Arc::clone(&store), oidc, listen);
            if guard.shuts_everybody_out()? {
                return Err(AggregatorError::NoKeys { address: listen });
            }
            let away = Arc::new(TurnedAway::ask_first(Arc::clone(&store))?);
            let admission = boxes.map(|boxes| admission(boxes, &*store)).transpose()?;
            Ok((store, away, Arc::new(guard), admission))
        })
        .await?;
        let (listener, http_addr) = bind(listen).await?;
        let (broker, source) = source(broker).await?;
        let mqtt_addr = broker.as_ref().map(|broker| broker.address);
        if mqtt_addr.is_some_and(|address| !address.ip().is_loopback()) {
            tracing::warn!(
                "other machines reach the embedded broker, which asks nobody who it is; \
                 let it listen on 127.0.0.1 and boxes connect to `boxes.listen`"
            );
        }
        let (admission, gate) = match (admission, mqtt_addr) {
            (Some((admission, Some((listen, tls)))), Some(broker)) => {
                let bound = Gate::bind(listen, tls, near(broker), Arc::clone(&store)).await;
                let gate = bound.map_err(|source| AggregatorError::Listen {
                    address: listen,
                    flag: "boxes.listen",
                    source,
                })?;
                (Some(admission), Some(gate))
            }
            (admission, _) => (admission.map(|(admission, _)| admission), None),
        };
        let gateway_addr = gate.as_ref().and_then(|gate| gate.address().ok());

        let counters = Arc::new(Counters::default());
        let tasks = Tasks::default();
        let stop = tasks.stop.clone();
        let (publishers_in, publishers) = watch::channel(None);
        let (queue, incoming) = ingest::queue();
        let (counting, stopping) = (Arc::clone(&counters), stop.clone());
        match source {
            Source::Mqtt(options) => {
                let away = Arc::clone(&away);
                let receiving =
                    ingest::mqtt::receive(*options, away, counting, publishers_in, queue, stopping);
                tasks.spawn("receiving", receiving);
            }
            #[cfg(feature = "servers")]
            Source::Nats(servers) => {
                let away = Arc::clone(&away);
                let receiving =
                    nats::receive(servers, away, counting, publishers_in, queue, stopping);
                tasks.spawn("receiving", receiving);
            }
        }
        let (kept_in, counting) = (Arc::clone(&store), Arc::clone(&counters));
        let committing = ingest::commit(kept_in, counting, publishers, incoming);
        tasks.spawn("committing", committing);
        let keeping_up = keep_up(Arc::clone(&store), retention, stop.clone());
        tasks.spawn("keeping the store", keeping_up);
        let asking = Arc::clone(&away).keep_asking(stop.clone());
        tasks.spawn("asking who is turned away", asking);
        if let Some(gate) = gate {
            tasks.spawn("the listener for boxes", gate.serve(stop.clone()));
        }
        let app = http::App {
            store,
            counters,
            away,
            guard,
            admission,
            readers: Arc::new(Semaphore::new(http::READERS)),
            exports: Arc::new(Semaphore::new(http::EXPORTS)),
            counted: Arc::default(),
        };
        tasks.spawn("the web server", http::serve(listener, app, stop));
        tasks.running.close();
        tracing::info!(http = %http_addr, "aggregator started");
        Ok(Running {
            http_addr,
            mqtt_addr,
            mqtts_addr: gateway_addr,
            tasks,
            broker,
        })
    }
}

/// What runs until it is told to stop.
#[derive(Default)]
struct Tasks {
    running: TaskTracker,
    stop: CancellationToken,
    broken: CancellationToken,
}

impl Tasks {
    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let ending = Ending {
            of: name,
            stop: self.stop.clone(),
            broken: self.broken.clone(),
        };
        self.running.spawn(async move {
            let _ending = ending;
            task.await;
        });
    }
}

/// Tells when a task ends that nobody told to, also where it panics: what it did is not done any more, and
/// nothing else shows it.
struct Ending {
    of: &'static str,
    stop: CancellationToken,
    broken: CancellationToken,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            tracing::error!(task = self.of, "a task ended by itself");
            self.broken.cancel();
        }
    }
}

/// What must be done before anything comes; what is too old goes afterwards, as that may take long. A store
/// that others keep busy is maintained later.
fn make_room_at_start(store: &dyn Store, retention_months: Option<u32>) -> Result<(), StoreError> {
    let (today, keep_from) = kept(retention_months);
    let made = store.make_room(today, keep_from);
    match made.and_then(|()| read_again(store)) {
        Err(error) if error.is_busy() => {
            tracing::warn!(%error, "the store was not maintained; trying again");
            Ok(())
        }
        done => done,
    }
}

/// Where HTTP is served, and the port in case that any would do.
async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), AggregatorError> {
    let bound = TcpListener::bind(listen).await.and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|source| AggregatorError::Listen {
        address: listen,
        flag: "--listen",
        source,
    })
}

/// How boxes join, and what the listener for them needs.
type Door = (Arc<Admission>, Option<(SocketAddr, Arc<ServerConfig>)>);

fn admission(boxes: BoxesConfig, store: &dyn Store) -> Result<Door, AggregatorError> {
    let host = boxes.host().to_owned();
    let BoxesConfig {
        connect_to,
        listen,
        pki,
    } = boxes;
    let now = ingest::now();
    let authority = Authority::open(&pki, &store.certificates()?, now)?;
    let listener = match listen {
        None => None,
        Some(listen) => Some((listen, authority.server(&[host], now)?)),
    };
    let admission = Arc::new(Admission {
        authority,
        connect_to,
    });
    Ok((admission, listener))
}

/// An address that this machine can connect to.
fn near(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Where messages come from.
enum Source {
    Mqtt(Box<rumqttc::MqttOptions>),
    #[cfg(feature = "servers")]
    Nats(nats::Servers),
}

/// Starts the embedded broker, if that is the choice, and tells where messages come from.
async fn source(choice: BrokerChoice) -> Result<(Option<Broker>, Source), AggregatorError> {
    let mqtt = |broker: &ExternalBroker| {
        Ok::<_, AggregatorError>(Source::Mqtt(Box::new(ingest::mqtt::options(broker)?)))
    };
    match choice {
        BrokerChoice::External(broker) => Ok((None, mqtt(&broker)?)),
        #[cfg(feature = "servers")]
        BrokerChoice::Nats { servers, login } => {
            let addresses = servers;
            Ok((None, Source::Nats(nats::Servers { addresses, login })))
        }
        #[cfg(not(feature = "servers"))]
        BrokerChoice::Nats { .. } => Err(AggregatorError::NoNats),
        BrokerChoice::Embedded { listen } => {
            let started = blocking(move || Broker::start(listen)).await;
            let broker = started.map_err(|source| AggregatorError::Listen {
                address: listen,
                flag: "--mqtt-listen",
                source,
            })?;
            let at = near(broker.address);
            let near = ExternalBroker {
                host: at.ip().to_string(),
                port: at.port(),
                ca_file: None,
                login: None,
            };
            Ok((Some(broker), mqtt(&near)?))
        }
    }
}

/// Makes room for what comes and deletes what is too old, at once and every hour until `stop`.
async fn keep_up(store: Arc<dyn Store>, retention: Retention, stop: CancellationToken) {
    let mut pace = tokio::time::interval(MAINTAIN_EVERY);
    loop {
        tokio::select! {
            _ = pace.tick() => {}
            () = stop.cancelled() => return,
        }
        let store = Arc::clone(&store);
        if let Err(error) = blocking(move || maintain(&*store, retention)).await {
            tracing::error!(%error, "the store was not maintained; trying again in an hour");
        }
    }
}

/// How long what is kept; for ever when none.
#[derive(Clone, Copy)]
struct Retention {
    calls_months: Option<u32>,
    audit_months: Option<u32>,
}

/// Today, and where what is kept begins.
fn kept(retention_months: Option<u32>) -> (Date, Option<Timestamp>) {
    let now = ingest::now();
    let today = now.to_zoned(TimeZone::UTC).date();
    (
        today,
        retention_months.and_then(|months| before(now, months)),
    )
}

/// The time so many months before.
fn before(now: Timestamp, months: u32) -> Option<Timestamp> {
    let now = now.to_zoned(TimeZone::UTC);
    let from = now.checked_sub(jiff::Span::new().months(months)).ok()?;
    Some(from.timestamp())
}

fn maintain(store: &dyn Store, retention: Retention) -> Result<(), StoreError> {
    let (today, keep_from) = kept(retention.calls_months);
    let gone = store.maintain(today, keep_from)?;
    if gone > 0 {
        tracing::info!(gone, "what was too old is deleted");
    }
    let now = ingest::now();
    let notes_from = retention
        .audit_months
        .and_then(|months| before(now, months));
    let notes = store.forget_access(now, notes_from)?;
    if notes > 0 {
        tracing::info!(notes, "notes of who read what were too old and are deleted");
    }
    read_again(store)
}

fn read_again(store: &dyn Store) -> Result<(), StoreError> {
    // One record that cannot be stored now keeps nobody from starting.
    match store.read_again() {
        Ok(0) => {}
        Ok(read) => tracing::info!(read, "records of newer boxes can be read now"),
        Err(error) if error.is_content() => {
            tracing::error!(%error, "records of newer boxes wait on");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Does work that blocks, away from the threads that must not.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("it does not panic")
}

/// An aggregator at work.
pub struct Running {
    /// Where HTTP is served.
    pub http_addr: SocketAddr,
    /// Where the embedded broker listens; none with an external one.
    pub mqtt_addr: Option<SocketAddr>,
    /// Where boxes with certificates connect to it; none without `boxes.listen`.
    pub mqtts_addr: Option<SocketAddr>,
    tasks: Tasks,
    broker: Option<Broker>,
}

impl Running {
    /// Waits until a part has ended by itself, by a fault of this program: what comes may not be stored from
    /// then on. Only a new start helps.
    pub async fn broken(&self) {
        self.tasks.broken.cancelled().await;
    }

    /// Stops it: what was received is committed, then the broker ends.
    pub async fn shutdown(mut self) {
        self.tasks.stop.cancel();
        let running = &self.tasks.running;
        if tokio::time::timeout(END_WITHIN, running.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = running.len(), "some tasks did not end in time");
        }
        let broker = self.broker.take();
        blocking(move || drop(broker)).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_unasked_is_noticed() {
        let asked = Tasks::default();
        let stop = asked.stop.clone();
        asked.spawn("asked", async move { stop.cancelled().await });
        asked.stop.cancel();
        asked.running.close();
        asked.running.wait().await;
        assert!(!asked.broken.is_cancelled());
        let panics = Tasks::default();
        panics.spawn("panics", async { panic!("as a fault of ours would") });
        let noticed = tokio::time::timeout(END_WITHIN, panics.broken.cancelled()).await;
        noticed.expect("it ended by itself");
    }
}
