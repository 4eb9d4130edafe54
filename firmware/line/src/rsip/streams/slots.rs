//! The places of connections that others open: who loses one is told so.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rsipstack::platform::CancellationToken;
use tracing::warn;

use super::super::now;
use crate::sources::Network;
use crate::stream::{Admission, ConnectionLimits, News, Ticket};

/// The places that are taken.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Mutex<Room>>);

#[derive(Debug)]
struct Room {
    admission: Admission,
    /// What tells a connection that it has lost its place.
    losses: BTreeMap<Ticket, CancellationToken>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    ticket: Ticket,
    loss: CancellationToken,
}

impl Slots {
    /// All are free.
    pub fn new(limits: ConnectionLimits) -> Self {
        Self(Arc::new(Mutex::new(Room {
            admission: Admission::new(limits),
            losses: BTreeMap::new(),
        })))
    }

    /// A place for a connection from there, if it gets one.
    pub fn take(&self, source: IpAddr) -> Option<Slot> {
        let mut room = self.room();
        let entry = room.admission.enter(now(), source);
        if let Some(loss) = entry.gives_way.and_then(|lost| room.losses.remove(&lost)) {
            loss.cancel();
        }
        let slot = entry.ticket.map(|ticket| {
            let loss = CancellationToken::new();
            room.losses.insert(ticket, loss.clone());
            let slots = self.clone();
            Slot {
                slots,
                ticket,
                loss,
            }
        });
        drop(room);
        entry.news.inspect(|&news| tell(news));
        slot
    }

    /// Where trunks' connections come from; none where there are no trunks.
    pub fn know_trunks(&self, trunks: Option<Vec<Network>>) {
        self.room().admission.know_trunks(trunks);
    }

    /// Where a user has registered from, and until when that holds.
    pub fn know_phone(&self, user: &str, source: IpAddr, until: Instant) {
        self.room().admission.know_phone(user, source, until);
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Waits until another connection gets this place.
    pub async fn lost(&self) {
        self.loss.cancelled().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut room = self.slots.room();
        room.admission.leave(self.ticket);
        room.losses.remove(&self.ticket);
    }
}

/// `packaging/fail2ban/trunkside.conf` reads the lines about strangers.
fn tell(news: News) {
    match news {
        News::BeyondShare(source) => {
            warn!(%source, "sip connections beyond a stranger's share are closed");
        }
        News::GaveWay(source) => warn!(%source, "sip connection of a stranger gave way"),
        News::Full(source) => warn!(%source, "sip connections are turned away: too many"),
    }
}
