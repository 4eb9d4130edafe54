//! From the broker into the store, and the watermarks back.
//!
//! Two tasks: one drives the connection and sorts out what cannot be stored; the other commits
//! whatever has come meanwhile in one transaction, then publishes the watermarks. Between them
//! lies a short queue; when it is full the connection stands still, and the broker or the boxes
//! keep what comes.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use trunkside_record::{
    Ack, Lane, MAX_PAYLOAD_BYTES, Origin, Timestamp, Topic, decode, encode_ack, up_filter,
};

use crate::counters::{Counters, Rejection};
use crate::store::{Committed, Message, Store};

/// Messages between the tasks, and at most in one transaction.
const QUEUE: usize = 256;

/// Watermarks and other requests that wait for the connection.
const REQUESTS: usize = 4_096;

/// How long to wait before connecting again, and before a failed transaction is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// The session at the broker: messages that come while the aggregator restarts wait there.
const CLIENT: &str = "trunkside-aggregator";

/// Where the broker is.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Keeps a connection to the broker and passes on what comes, until `stop`.
pub(crate) async fn receive(
    address: Address,
    counters: Arc<Counters>,
    clients: watch::Sender<Option<AsyncClient>>,
    messages: mpsc::Sender<Message>,
    stop: CancellationToken,
) {
    loop {
        let (client, connection) = connect(&address);
        let ended = converse(client, connection, &counters, &clients, &messages);
        tokio::select! {
            () = ended => {}
            () = stop.cancelled() => return,
        }
        clients.send_replace(None);
        counters.set_connected(false);
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// A new client every time: rumqttc's own reconnecting can collide on packet identifiers.
fn connect(address: &Address) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(CLIENT, address.host.clone(), address.port);
    options.set_clean_session(false);
    options.set_keep_alive(Duration::from_secs(15));
    // A message beyond the contract is counted and dropped; failing on it would bring it back
    // with every new connection.
    options.set_max_packet_size(256 * MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES);
    AsyncClient::new(options, REQUESTS)
}

/// Drives one connection to its end.
async fn converse(
    client: AsyncClient,
    mut connection: EventLoop,
    counters: &Counters,
    clients: &watch::Sender<Option<AsyncClient>>,
    messages: &mpsc::Sender<Message>,
) {
    loop {
        match connection.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let filters = Lane::ALL
                    .map(|lane| rumqttc::SubscribeFilter::new(up_filter(lane), QoS::AtLeastOnce));
                if let Err(error) = client.try_subscribe_many(filters) {
                    tracing::error!(%error, "cannot subscribe");
                    return;
                }
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                counters.set_connected(true);
                clients.send_replace(Some(client.clone()));
                tracing::info!("receiving from the broker");
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                counters.message();
                match read(&publish) {
                    Ok(message) => {
                        if messages.send(message).await.is_err() {
                            return;
                        }
                    }
                    Err(rejection) => counters.reject(rejection),
                }
            }
            Ok(_) => {}
            Err(error) => {
                if counters.is_connected() {
                    tracing::warn!(%error, "the broker is gone; connecting again");
                } else {
                    tracing::debug!(%error, "the broker cannot be reached");
                }
                return;
            }
        }
    }
}

/// Checks topic and content. What is logged names the fault, never the content.
fn read(publish: &Publish) -> Result<Message, Rejection> {
    let topic = &publish.topic;
    let Ok(Topic::Up(origin, lane)) = topic.parse() else {
        tracing::warn!("a message came on a topic outside the contract");
        return Err(Rejection::Topic);
    };
    let batch = decode(&publish.payload).map_err(|error| {
        tracing::warn!(%origin, %lane, %error, "a message was rejected");
        Rejection::Payload
    })?;
    if (&batch.tenant, &batch.branch, &batch.device)
        != (&origin.tenant, &origin.branch, &origin.device)
    {
        tracing::warn!(%origin, %lane, "a message claims to come from another box than its topic");
        return Err(Rejection::Origin);
    }
    Ok(Message {
        origin,
        lane,
        batch,
    })
}

/// Commits what comes until the other side ends, and publishes watermarks.
pub(crate) async fn commit(
    store: Arc<Store>,
    counters: Arc<Counters>,
    clients: watch::Receiver<Option<AsyncClient>>,
    mut messages: mpsc::Receiver<Message>,
) {
    let mut batch = Vec::with_capacity(QUEUE);
    while messages.recv_many(&mut batch, QUEUE).await > 0 {
        let committed = commit_until_done(&store, std::mem::take(&mut batch)).await;
        counters.commit(&committed);
        if committed.refused + committed.lost > 0 {
            let Committed { refused, lost, .. } = committed;
            tracing::warn!(refused, lost, "some records are lost");
        }
        let client = clients.borrow().clone();
        for (origin, ack) in committed.acks {
            publish(client.as_ref(), origin, ack);
        }
    }
}

/// Tries until the transaction succeeds: nothing is thrown away, and boxes keep what is not
/// acknowledged.
async fn commit_until_done(store: &Arc<Store>, messages: Vec<Message>) -> Committed {
    let messages = Arc::new(messages);
    loop {
        let work = (Arc::clone(store), Arc::clone(&messages));
        let done = tokio::task::spawn_blocking(move || work.0.commit(&work.1, now())).await;
        match done.expect("committing does not panic") {
            Ok(committed) => return committed,
            Err(error) => {
                tracing::error!(%error, "cannot store what came; trying again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// A watermark that cannot be sent is sent again when the box sends its records again.
fn publish(client: Option<&AsyncClient>, origin: Origin, ack: Ack) {
    let Some(client) = client else { return };
    let topic = Topic::Ack(origin).to_string();
    if client
        .try_publish(topic, QoS::AtLeastOnce, false, encode_ack(ack))
        .is_err()
    {
        tracing::debug!("a watermark waits for the box to ask again");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the aggregator's shell reads the clock"
)]
fn now() -> Timestamp {
    std::time::SystemTime::now()
        .try_into()
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
