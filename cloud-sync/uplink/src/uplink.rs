//! MQTT to the cloud (skeleton).
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_record::Origin;

use crate::{Outbox, OutboxStatus};

/// Where the broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Broker {
    /// A broker's address.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

/// Credentials, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Holds the user name.
    pub username_file: PathBuf,
    /// Holds the password.
    pub password_file: PathBuf,
}

/// How the uplink reaches the cloud.
#[derive(Clone, Debug)]
pub struct UplinkConfig {
    /// Whose records they are.
    pub origin: Origin,
    /// The broker.
    pub broker: Broker,
    /// Credentials, when the broker asks for them.
    pub login: Option<Login>,
}

impl UplinkConfig {
    /// Defaults for everything else.
    pub fn new(origin: Origin, broker: Broker) -> Self {
        Self { origin, broker, login: None }
    }
}

/// What can go wrong before the uplink starts; afterwards it retries.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// A credential file.
    #[error("cannot read the credential file `{path}`: {source}")]
    Login {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What the link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No connection; the outbox fills.
    Offline,
    /// Connected, with a backlog.
    CatchingUp,
    /// Connected; records leave as they come.
    Live,
    /// Connected; answers take long.
    Slow,
    /// Sending what is left before the end.
    Stopping,
}

/// The link and its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What the link does.
    pub state: State,
    /// What waits.
    pub queue: OutboxStatus,
}

/// Sends the outbox to the cloud.
pub struct Uplink {}

impl Uplink {
    /// Prepares the link; nothing is opened before [`run`](Self::run).
    pub fn new(_config: UplinkConfig, _outbox: Arc<Outbox>) -> Result<Self, UplinkError> {
        Ok(Self {})
    }

    /// The link's state, for consoles and health.
    pub fn status(&self) -> watch::Receiver<Status> {
        watch::channel(Status { state: State::Offline, queue: OutboxStatus::default() }).1
    }

    /// Runs until `stop`, then sends what is left for at most `drain`; returns how many records
    /// still wait. They are safe in the outbox.
    pub async fn run(self, stop: CancellationToken, _drain: Duration) -> u64 {
        stop.cancelled().await;
        0
    }
}
