//! From the broker into the store, and the watermarks back.
//!
//! Two tasks: one drives the connection and sorts out what cannot be stored; the other commits
//! whatever has come meanwhile in one transaction, then publishes the watermarks. Between them
//! lies a short queue; when it is full, by messages or by bytes, the connection stands still, and the broker or the boxes
//! keep what comes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use trunkside_record::{Ack, Origin, Received, Timestamp, Topic, decode, encode_ack};

use crate::counters::{Counters, Rejection};
use crate::store::{Committed, Loss, Message, Store, StoreError};

mod cut_short;
pub(crate) mod mqtt;
#[cfg(feature = "servers")]
pub(crate) mod nats;
mod queue;
mod turned_away;

pub(crate) use cut_short::{LASTS, RIVAL};
pub(crate) use queue::{Incoming, Queue, queue};
pub(crate) use turned_away::TurnedAway;

/// How long to wait before connecting again, and before a failed transaction is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// How long that wait may grow while transactions fail.
const AGAIN_AT_MOST: Duration = Duration::from_secs(8);

/// What a broker waits for before it forgets a message.
pub(crate) enum Receipt {
    /// NATS keeps what is not acknowledged, for this aggregator or another.
    #[cfg(feature = "servers")]
    Nats(async_nats::jetstream::message::Acker),
}

impl Receipt {
    async fn give(self) {
        match self {
            #[cfg(feature = "servers")]
            Self::Nats(acker) => {
                if let Err(error) = acker.ack().await {
                    tracing::debug!(%error, "a message will come again");
                }
            }
        }
    }
}

/// The way back to the boxes.
#[derive(Clone)]
pub(crate) enum Publisher {
    Mqtt(rumqttc::AsyncClient),
    #[cfg(feature = "servers")]
    Nats(async_nats::Client),
}

impl Publisher {
    /// A watermark that cannot be sent is sent again when the box sends its records again.
    async fn publish(&self, origin: Origin, ack: Ack) {
        let (topic, payload) = (Topic::Ack(origin).to_string(), encode_ack(ack));
        let sent = match self {
            Self::Mqtt(client) => client
                .try_publish(topic, rumqttc::QoS::AtLeastOnce, false, payload)
                .is_ok(),
            #[cfg(feature = "servers")]
            Self::Nats(client) => client
                .publish(subject(&topic), payload.into())
                .await
                .is_ok(),
        };
        if !sent {
            tracing::debug!("a watermark waits for the box to ask again");
        }
    }
}

/// After a connection has ended: nobody can publish, and the next is tried after `pause`. False when
/// `stop` comes first.
async fn rest(
    counters: &Counters,
    publishers: &watch::Sender<Option<Publisher>>,
    stop: &CancellationToken,
    pause: Duration,
) -> bool {
    publishers.send_replace(None);
    counters.set_connected(false);
    let pause = tokio::time::sleep(pause);
    stop.run_until_cancelled(pause).await.is_some()
}

/// A topic as NATS names it: levels are parted by dots, and a dot within a name is written `//`.
pub(crate) fn subject(topic: &str) -> String {
    topic
        .split('/')
        .map(|level| level.replace('.', "//"))
        .collect::<Vec<_>>()
        .join(".")
}

/// Checks who sent it, topic and content. What is logged names the fault, never the content.
fn read(away: &TurnedAway, topic: &str, payload: &[u8]) -> Result<Message, Rejection> {
    let Ok(Topic::Up(origin, lane)) = topic.parse() else {
        tracing::warn!("a message came on a topic outside the contract");
        return Err(Rejection::Topic);
    };
    if away.has(&origin) {
        return Err(Rejection::Revoked);
    }
    let batch = decode(payload).map_err(|error| {
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
    store: Arc<dyn Store>,
    counters: Arc<Counters>,
    publishers: watch::Receiver<Option<Publisher>>,
    mut incoming: mpsc::Receiver<Incoming>,
) {
    let mut told = false;
    loop {
        let taken = queue::take(&mut incoming).await;
        if taken.is_empty() {
            return;
        }
        let (mut messages, mut receipts, mut rooms) = (Vec::new(), Vec::new(), Vec::new());
        for Incoming {
            message,
            receipt,
            room,
        } in taken
        {
            messages.push(message);
            receipts.extend(receipt);
            rooms.push(room);
        }
        let committed = commit_until_done(&store, &counters, messages).await;
        drop(rooms);
        counters.commit(&committed);
        for Loss { origin, lost, why } in &committed.losses {
            tracing::warn!(%origin, lost, why, "records of a box are lost");
        }
        if committed.unread > 0 && !std::mem::replace(&mut told, true) {
            tracing::warn!(
                unread = committed.unread,
                "boxes send records that a newer version of this program knows; they are kept until it \
                 reads them"
            );
        }
        let publisher = publishers.borrow().clone();
        for (origin, ack) in committed.acks {
            if let Some(publisher) = &publisher {
                publisher.publish(origin, ack).await;
            }
        }
        for receipt in receipts {
            receipt.give().await;
        }
    }
}

/// Tries until the transaction succeeds: nothing is thrown away, and boxes keep what is not
/// acknowledged. Each reason why it does not is told once.
async fn commit_until_done(
    store: &Arc<dyn Store>,
    counters: &Counters,
    messages: Vec<Message>,
) -> Committed {
    let messages = Arc::new(messages);
    let mut pause = AGAIN;
    counters.begins_storing();
    loop {
        let work = (Arc::clone(store), Arc::clone(&messages));
        let done = tokio::task::spawn_blocking(move || commit_parts(&*work.0, &work.1)).await;
        match done.expect("committing does not panic") {
            Ok(committed) => {
                if counters.can_store() {
                    tracing::info!("what comes is stored again");
                }
                return committed;
            }
            Err(error) => {
                if counters.cannot_store(error.to_string()) {
                    tracing::error!(%error, "cannot store what came; trying again");
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(AGAIN_AT_MOST);
            }
        }
    }
}

/// Commits messages together. When the content of one is what fails, the halves are tried apart,
/// down to the record, which is then refused: it must not hold up everybody else's.
fn commit_parts(store: &dyn Store, messages: &[Message]) -> Result<Committed, StoreError> {
    let error = match store.commit(messages, now()) {
        Err(error) if error.is_content() => error,
        other => return other,
    };
    let parts = match messages {
        [] => return Err(error),
        [message] => split_records(message),
        _ => {
            let (one, other) = messages.split_at(messages.len() / 2);
            vec![one.to_vec(), other.to_vec()]
        }
    };
    if let [only] = &parts[..]
        && only.as_slice() == messages
    {
        return Err(error);
    }
    let mut committed = Committed::default();
    for part in parts {
        committed.add(commit_parts(store, &part)?);
    }
    Ok(committed)
}

/// A message in two; a single record as one that could not be read.
fn split_records(message: &Message) -> Vec<Vec<Message>> {
    let with = |records: Vec<Received>| {
        let mut part = message.clone();
        part.batch.records = records;
        vec![part]
    };
    match &message.batch.records[..] {
        [Received::Entry(entry, _)] => vec![with(vec![Received::Refused {
            sequence: entry.sequence,
            why: "the database refuses it".to_owned(),
        }])],
        records @ [_, _, ..] => {
            let (one, other) = records.split_at(records.len() / 2);
            vec![with(one.to_vec()), with(other.to_vec())]
        }
        _ => vec![vec![message.clone()]],
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the aggregator's shell reads the clock"
)]
/// The time, for whoever wires stores and exports.
pub fn now() -> Timestamp {
    std::time::SystemTime::now()
        .try_into()
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
