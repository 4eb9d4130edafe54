//! The cloud side: ingest, store and query what many branches send (skeleton).
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

/// Where boxes publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerChoice {
    /// A broker inside this process; port 0 takes a free one.
    Embedded {
        /// Where it listens.
        listen: SocketAddr,
    },
    /// A broker that runs elsewhere, such as Mosquitto.
    External {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
}

/// What an aggregator needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregatorConfig {
    /// Where HTTP is served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where boxes publish.
    pub broker: BrokerChoice,
    /// The folder of the database.
    pub data: PathBuf,
}

/// Why an aggregator could not start.
#[derive(Debug, thiserror::Error)]
pub enum AggregatorError {
    /// An address.
    #[error("cannot listen on `{address}`: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// The aggregator.
pub struct Aggregator;

impl Aggregator {
    /// Starts it; it serves when this returns.
    pub async fn start(config: AggregatorConfig) -> Result<Running, AggregatorError> {
        Ok(Running { http_addr: config.listen, mqtt_addr: None, stop: CancellationToken::new() })
    }
}

/// An aggregator at work.
pub struct Running {
    /// Where HTTP is served.
    pub http_addr: SocketAddr,
    /// Where the embedded broker listens; none with an external one.
    pub mqtt_addr: Option<SocketAddr>,
    stop: CancellationToken,
}

impl Running {
    /// Stops it: HTTP first, then what was received is committed.
    pub async fn shutdown(self) {
        self.stop.cancel();
    }
}

/// What a log filter should add so that the embedded broker and MQTT client stay quiet.
pub const QUIET: &str = "rumqttd=off,rumqttc=warn";
