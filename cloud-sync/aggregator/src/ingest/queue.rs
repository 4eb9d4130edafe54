//! Between the connection and the commits: a short queue, bounded by messages and by their size.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Receipt;
use crate::store::Message;

/// Messages that wait, and at most in one transaction.
pub(crate) const QUEUE: usize = 256;

/// KiB that messages may take from when they are read until they are committed: a small message unfolds
/// to four MiB, and more as records.
const ROOM_KIB: usize = 64 * 1024;

/// KiB beyond which a transaction takes no more: the database has them once more, and what fails for its
/// content is tried again in halves.
const TRANSACTION_KIB: usize = 16 * 1024;

/// A message, and whom to tell that it is stored.
pub(crate) struct Incoming {
    pub(super) message: Message,
    pub(super) receipt: Option<Receipt>,
    /// Its place; given back when this is dropped.
    pub(super) room: OwnedSemaphorePermit,
}

/// The way in.
pub(crate) struct Queue {
    out: mpsc::Sender<Incoming>,
    room: Arc<Semaphore>,
}

/// The queue and its end.
pub(crate) fn queue() -> (Queue, mpsc::Receiver<Incoming>) {
    let (out, incoming) = mpsc::channel(QUEUE);
    let room = Arc::new(Semaphore::new(ROOM_KIB));
    (Queue { out, room }, incoming)
}

impl Queue {
    /// Waits until there is room; false when nobody takes anything any more.
    pub(super) async fn put(&self, message: Message, receipt: Option<Receipt>) -> bool {
        let kib = (message.size() / 1024).clamp(1, ROOM_KIB);
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(kib).await else {
            return false;
        };
        let incoming = Incoming {
            message,
            receipt,
            room,
        };
        self.out.send(incoming).await.is_ok()
    }
}

/// Waits for a message and takes what else has come, as much as one transaction should have. Nothing
/// when the other side has ended.
pub(super) async fn take(incoming: &mut mpsc::Receiver<Incoming>) -> Vec<Incoming> {
    let Some(first) = incoming.recv().await else {
        return Vec::new();
    };
    let mut kib = first.room.num_permits();
    let mut taken = vec![first];
    while taken.len() < QUEUE
        && kib < TRANSACTION_KIB
        && let Ok(next) = incoming.try_recv()
    {
        kib += next.room.num_permits();
        taken.push(next);
    }
    taken
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use trunkside_record::{Lane, Origin, VERSION};

    use super::*;

    /// A message of so many MiB of JSON.
    fn message(mib: usize) -> Message {
        let origin = Origin::new("acme", "harbour", "box1").unwrap();
        let model = "x".repeat(mib << 20);
        let entry = serde_json::json!({
            "sequence": 1, "at": "2026-11-21T08:00:00Z", "lane": "fleet",
            "body": { "kind": "health", "model": model }
        });
        let batch = trunkside_record::Batch {
            v: VERSION,
            tenant: origin.tenant.clone(),
            branch: origin.branch.clone(),
            device: origin.device.clone(),
            epoch: 4,
            records: vec![serde_json::from_str(&entry.to_string()).unwrap()],
        };
        Message {
            origin,
            lane: Lane::Fleet,
            batch,
        }
    }

    #[test]
    fn large_messages_wait_for_room_and_are_committed_few_at_once() {
        let (queue, mut incoming) = queue();
        let large = message(4);
        let mut put = 0;
        while queue.put(large.clone(), None).now_or_never() == Some(true) {
            put += 1;
        }
        assert!((4..=16).contains(&put), "{put} of 4 MiB");
        let taken = take(&mut incoming).now_or_never().unwrap();
        assert!((1..=4).contains(&taken.len()), "{} of 4 MiB", taken.len());
        assert_eq!(queue.put(large.clone(), None).now_or_never(), None);
        // Room is there again once they are committed.
        drop(taken);
        assert_eq!(queue.put(large, None).now_or_never(), Some(true));
        while let Some(1..) = take(&mut incoming).now_or_never().map(|taken| taken.len()) {}
        let small = message(0);
        for _ in 0..QUEUE {
            assert_eq!(queue.put(small.clone(), None).now_or_never(), Some(true));
        }
        assert_eq!(take(&mut incoming).now_or_never().unwrap().len(), QUEUE);
    }
}
