//! The connection to an MQTT broker, embedded or not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, NetworkOptions, Packet, QoS,
    SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trunkside_record::{Lane, MAX_PAYLOAD_BYTES, up_filter};

use super::cut_short::{CutShort, RIVAL};
use super::{Publisher, Queue, TurnedAway, read, rest};
use crate::config::{ConfigError, ExternalBroker};
use crate::counters::Counters;

/// Watermarks and other requests that wait for the connection.
const REQUESTS: usize = 4_096;

/// The session at the broker: messages that come while the aggregator restarts wait there.
const CLIENT: &str = "trunkside-aggregator";

/// What is told of a broker with an access list that leaves the aggregator out.
const REFUSED: &str = "the broker refuses what the aggregator subscribes to; allow its user to read \
                       `trunkside/v1/+/+/+/` with alarm, metric, transcript and fleet behind it";

/// What every connection is made of.
pub(crate) fn options(broker: &ExternalBroker) -> Result<MqttOptions, ConfigError> {
    let mut options = MqttOptions::new(CLIENT, broker.host.clone(), broker.port);
    options.set_clean_session(false);
    options.set_keep_alive(Duration::from_secs(15));
    // A message beyond the contract is counted and dropped; failing on it would bring it back
    // with every new connection.
    options.set_max_packet_size(256 * MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES);
    if let Some(login) = &broker.login {
        let (username, password) = login.read()?;
        options.set_credentials(username, password);
    }
    if let Some(path) = &broker.ca_file {
        options.set_transport(Transport::Tls(tls(path)?));
    }
    Ok(options)
}

fn tls(path: &Path) -> Result<TlsConfiguration, ConfigError> {
    let ca = std::fs::read(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(TlsConfiguration::Simple {
        ca,
        alpn: None,
        client_auth: None,
    })
}

/// Keeps a connection to the broker and passes on what comes, until `stop`.
pub(crate) async fn receive(
    options: MqttOptions,
    away: Arc<TurnedAway>,
    counters: Arc<Counters>,
    publishers: watch::Sender<Option<Publisher>>,
    queue: Queue,
    stop: CancellationToken,
) {
    let mut reason = String::new();
    let mut cut_short = CutShort::default();
    loop {
        // A new client every time: rumqttc's own reconnecting can collide on packet identifiers.
        let (client, mut connection) = AsyncClient::new(options.clone(), REQUESTS);
        // A watermark does not wait for the acknowledgement of the packet before it.
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        connection.set_network_options(network);
        let ended = converse(
            client,
            connection,
            &away,
            &counters,
            &publishers,
            &queue,
            &mut reason,
        );
        let Some(End { since, why }) = stop.run_until_cancelled(ended).await else {
            return;
        };
        cut_short.ended(since.map(|since| now() - since));
        if cut_short.is_no_accident() {
            counters.is_cut_short();
        }
        if let Some(error) = why {
            tell(&error, &cut_short, since.is_some(), &mut reason);
        }
        if !rest(&counters, &publishers, &stop, cut_short.pause()).await {
            return;
        }
    }
}

/// Tells why there is no connection: what lasts is told once.
fn tell(error: &ConnectionError, cut_short: &CutShort, was_connected: bool, reason: &mut String) {
    if cut_short.is_new() {
        tracing::warn!(%error, likely = RIVAL, "the broker ends every connection soon; coming back ever later");
    } else if cut_short.is_no_accident() {
        tracing::debug!(%error, "the broker has ended the connection again");
    } else if was_connected {
        tracing::warn!(%error, "the broker is gone; connecting again");
    } else if *reason != error.to_string() {
        *reason = error.to_string();
        tracing::warn!(%error, "the broker cannot be reached; trying again");
    }
}

/// How a connection ended.
#[derive(Default)]
struct End {
    /// Since when something could come; none where it never could.
    since: Option<Instant>,
    /// What ended it, if the aggregator did not.
    why: Option<ConnectionError>,
}

#[expect(clippy::disallowed_methods, reason = "the shell reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Drives one connection to its end.
async fn converse(
    client: AsyncClient,
    mut connection: EventLoop,
    away: &TurnedAway,
    counters: &Counters,
    publishers: &watch::Sender<Option<Publisher>>,
    queue: &Queue,
    reason: &mut String,
) -> End {
    let mut end = End::default();
    loop {
        match connection.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let filters = Lane::ALL
                    .map(|lane| rumqttc::SubscribeFilter::new(up_filter(lane), QoS::AtLeastOnce));
                if let Err(error) = client.try_subscribe_many(filters) {
                    tracing::error!(%error, "cannot subscribe");
                    return end;
                }
            }
            // Nothing would ever come, and nobody would know why.
            Ok(Event::Incoming(Packet::SubAck(answer)))
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
            {
                if *reason != REFUSED {
                    REFUSED.clone_into(reason);
                    tracing::warn!("{REFUSED}");
                }
                return end;
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                counters.set_connected(true);
                end.since = Some(now());
                reason.clear();
                publishers.send_replace(Some(Publisher::Mqtt(client.clone())));
                tracing::info!("receiving from the broker");
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                counters.message();
                match read(away, &publish.topic, &publish.payload) {
                    Ok(message) => {
                        if !queue.put(message, None).await {
                            return end;
                        }
                    }
                    Err(rejection) => counters.reject(rejection),
                }
            }
            Ok(_) => {}
            Err(error) => {
                end.why = Some(error);
                return end;
            }
        }
    }
}
