//! NATS with `JetStream`: boxes publish at its MQTT listener, the stream keeps what they send, and
//! any number of aggregators pull from it. What one has not acknowledged after its commit, because
//! it died, comes to another.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::stream::{RetentionPolicy, StorageType};
use async_nats::jetstream::{self, AckKind, stream};
use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_record::{Lane, up_filter};

use super::queue::QUEUE;
use super::{AGAIN, Publisher, Queue, Receipt, TurnedAway, read, rest};
use crate::config::LoginFiles;
use crate::counters::Counters;

/// The stream that keeps what boxes send until it is in the database.
const STREAM: &str = "TRUNKSIDE";

/// What the aggregators share.
const CONSUMER: &str = "aggregator";

/// After this a message that was not acknowledged comes to another aggregator.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// Messages under way to all aggregators at most.
const UNDER_WAY: i64 = 20_000;

/// Bytes that are asked for at once and wait here unread: no less than the largest message that a NATS
/// server can be set to take, which would never come otherwise.
const UNREAD_BYTES: usize = 64 * 1024 * 1024;

/// The longest that the stream keeps anything; boxes keep it until the database has it.
const MAX_AGE: Duration = Duration::from_hours(24);

/// Copies of a message in a cluster at most.
const REPLICAS: usize = 3;

/// The reverse of [`super::subject`].
fn topic(subject: &str) -> String {
    subject
        .split('.')
        .map(|level| level.replace("//", "."))
        .collect::<Vec<_>>()
        .join("/")
}

/// Where the servers are.
pub(crate) struct Servers {
    pub(crate) addresses: Vec<String>,
    pub(crate) login: Option<LoginFiles>,
}

/// Keeps pulling from the stream and passes on what comes, until `stop`.
pub(crate) async fn receive(
    servers: Servers,
    away: Arc<TurnedAway>,
    counters: Arc<Counters>,
    publishers: watch::Sender<Option<Publisher>>,
    queue: Queue,
    stop: CancellationToken,
) {
    let mut reason = String::new();
    loop {
        let ended = Box::pin(converse(&servers, &away, &counters, &publishers, &queue));
        let Some(ended) = stop.run_until_cancelled(ended).await else {
            return;
        };
        if counters.is_connected() {
            reason.clear();
        }
        // A reason is told once, not with every try.
        if let Err(error) = ended
            && reason != error.to_string()
        {
            reason = error.to_string();
            tracing::warn!(%error, "not receiving from NATS; trying again");
        }
        if !rest(&counters, &publishers, &stop, AGAIN).await {
            return;
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Pulls until something fails.
async fn converse(
    servers: &Servers,
    away: &TurnedAway,
    counters: &Counters,
    publishers: &watch::Sender<Option<Publisher>>,
    queue: &Queue,
) -> Result<(), Failure> {
    let client = connect(servers).await?;
    let consumer = consumer(&client, servers.addresses.len()).await?;
    let mut messages = consumer
        .stream()
        .max_messages_per_batch(QUEUE)
        .max_bytes_per_batch(UNREAD_BYTES)
        .heartbeat(Duration::from_secs(5))
        .expires(Duration::from_secs(15))
        .messages()
        .await?;
    counters.set_connected(true);
    publishers.send_replace(Some(Publisher::Nats(client.clone())));
    tracing::info!("receiving from NATS");
    while let Some(message) = messages.next().await {
        let (message, acker) = message?.split();
        counters.message();
        match read(away, &topic(&message.subject), &message.payload) {
            Ok(message) => {
                if !queue.put(message, Some(Receipt::Nats(acker))).await {
                    return Ok(());
                }
            }
            Err(rejection) => {
                counters.reject(rejection);
                // It would be as wrong the next time, or the box that was turned away has it still.
                acker.ack_with(AckKind::Term).await?;
            }
        }
        counters.set_connected(client.connection_state() == State::Connected);
    }
    Err("the stream of messages ended".into())
}

async fn connect(servers: &Servers) -> Result<Client, Failure> {
    let mut options = ConnectOptions::new()
        .name("trunkside-aggregator")
        .connection_timeout(Duration::from_secs(5))
        .ping_interval(Duration::from_secs(5));
    if let Some(login) = &servers.login {
        let (username, password) = login.read()?;
        options = options.user_and_password(username, password);
    }
    Ok(options.connect(&servers.addresses[..]).await?)
}

/// The consumer, made by whoever comes first. The stream has as many copies as servers are named.
async fn consumer(client: &Client, servers: usize) -> Result<PullConsumer, Failure> {
    let context = jetstream::new(client.clone());
    let config = stream::Config {
        name: STREAM.to_owned(),
        subjects: Lane::ALL
            .map(|lane| up_filter(lane).replace('+', "*").replace('/', "."))
            .to_vec(),
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        num_replicas: servers.min(REPLICAS),
        max_age: MAX_AGE,
        ..stream::Config::default()
    };
    let stream = context.get_or_create_stream(config).await?;
    let config = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: UNDER_WAY,
        ..pull::Config::default()
    };
    Ok(stream.get_or_create_consumer(CONSUMER, config).await?)
}

#[cfg(test)]
mod tests {
    use super::super::subject;
    use super::*;

    #[test]
    fn a_topic_comes_back_from_its_subject() {
        let text = "trunkside/v1/acme.cn/harbour/box-1/metric";
        assert_eq!(subject(text), "trunkside.v1.acme//cn.harbour.box-1.metric");
        assert_eq!(topic(&subject(text)), text);
    }
}
