//! The shell of the link: rumqttc, the clock and the outbox.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Outgoing, Packet, QoS};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use trunkside_record::{
    Batch, Lane, MAX_PAYLOAD_BYTES, Origin, Topic, VERSION, decode_ack, encode,
};

use crate::link::{ALARM_FLIGHTS, Input, Link, Output, State, Tuning};
use crate::trouble::{Greeting, Trouble, When};
use crate::{Outbox, OutboxStatus, Pending, TlsFiles};

/// Events of a connection that wait for the link; the connection stands still when it is full.
const EVENTS: usize = 64;

/// How long saying goodbye to the broker may take.
const GOODBYE: Duration = Duration::from_secs(1);

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
        Self {
            host: host.into(),
            port,
        }
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

impl Login {
    fn read(&self) -> Result<(String, String), UplinkError> {
        Ok((
            read_secret(&self.username_file)?,
            read_secret(&self.password_file)?,
        ))
    }
}

fn read_secret(path: &Path) -> Result<String, UplinkError> {
    let text = fs::read_to_string(path).map_err(|source| UplinkError::Login {
        path: path.to_owned(),
        source,
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
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
    /// Whom to trust and how to show who this is; plain TCP when none.
    pub tls: Option<TlsFiles>,
    /// How the link paces itself.
    pub tuning: Tuning,
}

impl UplinkConfig {
    /// Defaults for everything else.
    pub fn new(origin: Origin, broker: Broker) -> Self {
        Self {
            origin,
            broker,
            login: None,
            tls: None,
            tuning: Tuning::default(),
        }
    }
}

/// How the broker is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The broker.
    pub broker: Broker,
    /// Credentials, when the broker asks for them.
    pub login: Option<Login>,
    /// Whom to trust and how to show who this is; plain TCP when none.
    pub tls: Option<TlsFiles>,
}

impl Access {
    /// Reads every file and sees that they belong together, as before a connection. Blocks.
    pub fn check(&self) -> Result<(), UplinkError> {
        self.login
            .as_ref()
            .map_or(Ok(()), |login| login.read().map(drop))?;
        self.tls
            .as_ref()
            .map_or(Ok(()), |tls| tls.transport().map(drop))
    }
}

/// Says how the broker is reached, or what somebody must mend first. May block.
type Look = Arc<dyn Fn() -> Result<Access, String> + Send + Sync>;

/// Why a file that the uplink needs cannot be used: it is tried again before the next connection.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// A credential file.
    #[error("cannot read the credential file `{}`: {source}", path.display())]
    Login {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate or key.
    #[error("cannot use `{}` for TLS: {fault}", path.display())]
    Tls {
        /// Which file.
        path: PathBuf,
        /// Why.
        fault: String,
    },
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
pub struct Uplink {
    origin: Origin,
    look: Look,
    tuning: Tuning,
    outbox: Arc<Outbox>,
    status: watch::Sender<Status>,
    trouble: Arc<Trouble>,
}

impl Uplink {
    /// Prepares the link; nothing is opened or read before [`run`](Self::run).
    pub fn new(config: UplinkConfig, outbox: Arc<Outbox>) -> Self {
        let UplinkConfig {
            origin,
            broker,
            login,
            tls,
            tuning,
        } = config;
        let access = Access { broker, login, tls };
        let status = watch::Sender::new(Status {
            state: State::Offline,
            queue: outbox.status(),
        });
        Self {
            origin,
            look: Arc::new(move || {
                let usable = access.check().map_err(|error| error.to_string());
                usable.map(|()| access.clone())
            }),
            tuning,
            outbox,
            status,
            trouble: Arc::default(),
        }
    }

    /// Asks `look` before each connection how the broker is reached. When it says what somebody must
    /// mend first, that is told, and it is asked again after the link's back-off. It may block.
    #[must_use]
    pub fn looking(
        mut self,
        look: impl Fn() -> Result<Access, String> + Send + Sync + 'static,
    ) -> Self {
        self.look = Arc::new(look);
        self
    }

    /// Why there is no connection, where somebody must mend something; none once there is one, and
    /// while a network or a broker is merely away.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.mending.subscribe()
    }

    /// The link and its queue, for consoles and health.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Runs until `stop`, then sends what is left for at most `drain`; returns how many records
    /// still wait. They are safe in the outbox. The caller spawns it.
    pub async fn run(self, stop: CancellationToken, drain: Duration) -> u64 {
        let mut stored = self.outbox.changes();
        let mut link = Link::new(now(), self.tuning.clone(), seed(&self.origin));
        let mut session: Option<Session> = None;
        loop {
            while let Some(output) = link.poll() {
                if output == Output::Finished {
                    if let Some(session) = session {
                        session.goodbye().await;
                    }
                    return self.publish_status(State::Offline).await.records();
                }
                self.perform(output, &mut link, &mut session).await;
            }
            self.publish_status(link.state(now())).await;
            let deadline = link.deadline().map(tokio::time::Instant::from_std);
            let input = tokio::select! {
                input = next_input(&mut session) => input,
                _ = stored.changed() => Input::Stored,
                () = tokio::time::sleep_until(deadline.unwrap_or_else(|| now().into())),
                    if deadline.is_some() => Input::Tick,
                () = stop.cancelled(), if link.state(now()) != State::Stopping => {
                    Input::Stop { by: self.stop_by(&link, drain) }
                }
            };
            self.take(input, &mut link, &mut session).await;
        }
    }

    /// With nothing to send and no connection there is nothing to wait for.
    fn stop_by(&self, link: &Link, drain: Duration) -> Instant {
        let idle = link.state(now()) == State::Offline && self.status.borrow().queue.records() == 0;
        if idle { now() } else { now() + drain }
    }

    async fn perform(&self, output: Output, link: &mut Link, session: &mut Option<Session>) {
        match output {
            Output::Connect => match self.way().await {
                Ok(way) => *session = Some(Session::new(way, &self.tuning, &self.trouble)),
                Err(what) => {
                    self.trouble.unusable(what);
                    link.handle(now(), Input::Lost);
                }
            },
            Output::Disconnect => *session = None,
            Output::Finished => {}
            Output::Subscribe => {
                let topic = Topic::Ack(self.origin.clone()).to_string();
                let asked = session.as_ref().map(|session| session.subscribe(topic));
                if asked != Some(true) {
                    *session = None;
                    link.handle(now(), Input::Lost);
                }
            }
            Output::Regressed(ack) => self.with_outbox(move |outbox| outbox.forgotten(ack)).await,
            Output::Send { lane, after, most } => {
                let input = match self.next_message(lane, after, most).await {
                    Ok(message) => session
                        .as_ref()
                        .map_or(Input::Lost, |at| at.publish(message)),
                    Err(input) => input,
                };
                if input == Input::Lost {
                    *session = None;
                }
                link.handle(now(), input);
            }
        }
    }

    /// Reads how the broker is reached; or what must be mended first.
    async fn way(&self) -> Result<Way, String> {
        let look = Arc::clone(&self.look);
        let way = self.with_outbox(move |_| {
            let access = look()?;
            Way::read(&access).map_err(|error| error.to_string())
        });
        let mut way = way.await?;
        let inflight = (self.tuning.most_flights + ALARM_FLIGHTS) as u16;
        way.options.set_client_id(self.origin.client_name());
        way.options.set_clean_session(true);
        way.options.set_keep_alive(self.tuning.keep_alive);
        way.options.set_inflight(inflight);
        way.options
            .set_max_packet_size(MAX_PAYLOAD_BYTES, 2 * MAX_PAYLOAD_BYTES);
        Ok(way)
    }

    /// Puts the next records into a message, or says why there is none.
    async fn next_message(
        &self,
        lane: Lane,
        after: Option<(u64, u64)>,
        most: usize,
    ) -> Result<Message, Input> {
        let read = self
            .with_outbox(move |outbox| outbox.pending(lane, after, most))
            .await;
        let Pending {
            epoch,
            through,
            records,
            ..
        } = match read {
            Ok(Some(pending)) => pending,
            Ok(None) => return Err(Input::Empty(lane)),
            Err(error) => {
                tracing::warn!(%lane, %error, "cannot read what waits; trying again");
                return Err(Input::Unread(lane));
            }
        };
        let Origin {
            tenant,
            branch,
            device,
        } = self.origin.clone();
        let payload = encode(&Batch {
            v: VERSION,
            tenant,
            branch,
            device,
            epoch,
            records,
        });
        let topic = Topic::Up(self.origin.clone(), lane).to_string();
        Ok(Message {
            topic,
            payload,
            lane,
            epoch,
            through,
        })
    }

    async fn take(&self, input: Input, link: &mut Link, session: &mut Option<Session>) {
        match input {
            Input::Lost | Input::Closed => *session = None,
            Input::Ack(ack) => self.with_outbox(move |outbox| outbox.acked(ack)).await,
            _ => {}
        }
        link.handle(now(), input);
    }

    /// The outbox reads and deletes files, which takes longer than a task may.
    async fn with_outbox<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Outbox) -> T + Send + 'static,
    ) -> T {
        let outbox = Arc::clone(&self.outbox);
        let done = tokio::task::spawn_blocking(move || work(&outbox)).await;
        done.expect("the outbox does not panic")
    }

    async fn publish_status(&self, state: State) -> OutboxStatus {
        let queue = self.with_outbox(Outbox::status).await;
        let new = Status { state, queue };
        self.status.send_if_modified(|status| {
            let (name, queued) = (state.name(), queue.records());
            if status.state != state && self.trouble.is_cut_short() {
                // It is told why, and goes on like that.
                tracing::debug!(state = name, queued, "uplink");
            } else if status.state != state {
                tracing::info!(state = name, queued, "uplink");
            }
            std::mem::replace(status, new) != new
        });
        queue
    }
}

/// Records on their way.
struct Message {
    topic: String,
    payload: Vec<u8>,
    lane: Lane,
    epoch: u64,
    through: u64,
}

/// What is known before a connection.
struct Way {
    options: MqttOptions,
    greeting: Greeting,
}

impl Way {
    fn read(access: &Access) -> Result<Self, UplinkError> {
        let Broker { host, port } = access.broker.clone();
        let mut options = MqttOptions::new("", host, port);
        if let Some(login) = &access.login {
            let (username, password) = login.read()?;
            options.set_credentials(username, password);
        }
        let mut greeting = Greeting::Plain;
        if let Some(tls) = &access.tls {
            greeting = match tls.identity {
                Some(_) => Greeting::Certificate,
                None => Greeting::Tls,
            };
            options.set_transport(tls.transport()?);
        }
        Ok(Self { options, greeting })
    }
}

/// One connection to the broker. It is never reused: rumqttc's own resending loses what was
/// queued when a session is not present, and can collide on packet identifiers.
struct Session {
    client: AsyncClient,
    /// Drives the connection while [`next_input`] is awaited; ends with the connection.
    pump: Pin<Box<dyn Future<Output = ()> + Send>>,
    events: mpsc::Receiver<Input>,
}

impl Session {
    fn new(way: Way, tuning: &Tuning, trouble: &Arc<Trouble>) -> Self {
        let Way { options, greeting } = way;
        let requests = tuning.most_flights + ALARM_FLIGHTS + 8;
        let (client, mut connection) = AsyncClient::new(options, requests);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(tuning.answer_within.as_secs().max(1));
        network.set_tcp_nodelay(true);
        connection.set_network_options(network);
        let (sender, events) = mpsc::channel(EVENTS);
        Self {
            client,
            pump: Box::pin(pump(connection, sender, greeting, Arc::clone(trouble))),
            events,
        }
    }

    fn subscribe(&self, topic: String) -> bool {
        self.client.try_subscribe(topic, QoS::AtLeastOnce).is_ok()
    }

    fn publish(&self, message: Message) -> Input {
        let Message {
            topic,
            payload,
            lane,
            epoch,
            through,
        } = message;
        let bytes = payload.len();
        tracing::debug!(%lane, epoch, through, bytes, "sending records");
        match self
            .client
            .try_publish(topic, QoS::AtLeastOnce, false, payload)
        {
            Ok(()) => Input::Sent {
                lane,
                epoch,
                through,
                bytes,
            },
            Err(_) => Input::Lost,
        }
    }

    /// Tells the broker that this is no accident.
    async fn goodbye(mut self) {
        if self.client.try_disconnect().is_ok() {
            let said = async {
                loop {
                    tokio::select! {
                        () = &mut self.pump => return,
                        event = self.events.recv() => match event {
                            None | Some(Input::Lost | Input::Closed) => return,
                            Some(_) => {}
                        },
                    }
                }
            };
            if tokio::time::timeout(GOODBYE, said).await.is_err() {
                tracing::debug!("the broker did not let go in time");
            }
        }
    }
}

/// Drives a connection to its end, and tells what came; [`Input::Lost`] or [`Input::Closed`] comes last.
async fn pump(
    mut connection: EventLoop,
    events: mpsc::Sender<Input>,
    greeting: Greeting,
    trouble: Arc<Trouble>,
) {
    let mut taken_in = None;
    loop {
        let input = match connection.poll().await {
            Ok(Event::Incoming(packet)) => {
                if matches!(packet, Packet::ConnAck(_)) {
                    taken_in = Some(now());
                }
                if matches!(packet, Packet::SubAck(_)) {
                    trouble.over();
                }
                input(packet)
            }
            Ok(Event::Outgoing(Outgoing::Disconnect)) => Some(Input::Lost),
            Ok(Event::Outgoing(_)) => None,
            Err(error) => {
                let when = taken_in.map_or(When::Before(greeting), |since| {
                    When::After(now().saturating_duration_since(since))
                });
                Some(if trouble.lost(&error, when) {
                    Input::Closed
                } else {
                    Input::Lost
                })
            }
        };
        let Some(input) = input else { continue };
        let ended = matches!(input, Input::Lost | Input::Closed);
        if events.send(input).await.is_err() || ended {
            return std::future::pending().await;
        }
    }
}

fn input(packet: Packet) -> Option<Input> {
    match packet {
        Packet::ConnAck(_) => Some(Input::Connected),
        Packet::SubAck(_) => Some(Input::Subscribed),
        Packet::PubAck(_) => Some(Input::Taken),
        Packet::Publish(publish) => match decode_ack(&publish.payload) {
            Ok(ack) => Some(Input::Ack(ack)),
            Err(error) => {
                tracing::warn!(%error, "a watermark cannot be read");
                None
            }
        },
        _ => None,
    }
}

/// What the connection tells next; never, when there is none.
async fn next_input(session: &mut Option<Session>) -> Input {
    let Some(Session { pump, events, .. }) = session else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        Some(input) = events.recv() => input,
        () = pump => Input::Lost,
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the link's shell")]
fn now() -> Instant {
    // Tokio's clock, so that tests can pause it.
    tokio::time::Instant::now().into_std()
}

/// Boxes must not return in step: the name tells them apart, the process number two starts.
fn seed(origin: &Origin) -> u64 {
    let name = crc32fast::hash(origin.to_string().as_bytes());
    u64::from(name) << 32 | u64::from(std::process::id())
}
