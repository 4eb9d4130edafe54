//! The places of connections that others open: who loses one is told so.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rsipstack::platform::CancellationToken;
use tracing::warn;

use super::super::now;
use crate::sources::Network;
use crate::stream::{News, Places, Seating, Ticket};

/// The places that are taken.
#[derive(Clone, Debug)]
pub struct Seats(Arc<Mutex<Room>>);

#[derive(Debug)]
struct Room {
    seating: Seating,
    /// What tells a connection that it has lost its place.
    losses: BTreeMap<Ticket, CancellationToken>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    ticket: Ticket,
    loss: CancellationToken,
}

impl Seats {
    /// All are free.
    pub fn new(places: Places) -> Self {
        Self(Arc::new(Mutex::new(Room {
            seating: Seating::new(places),
            losses: BTreeMap::new(),
        })))
    }

    /// A place for a connection from there, if it gets one.
    pub fn take(&self, source: IpAddr) -> Option<Seat> {
        let mut room = self.room();
        let entry = room.seating.enter(now(), source);
        if let Some(loss) = entry.gives_way.and_then(|lost| room.losses.remove(&lost)) {
            loss.cancel();
        }
        let seat = entry.ticket.map(|ticket| {
            let loss = CancellationToken::new();
            room.losses.insert(ticket, loss.clone());
            let seats = self.clone();
            Seat {
                seats,
                ticket,
                loss,
            }
        });
        drop(room);
        entry.news.inspect(|&news| tell(news));
        seat
    }

    /// Where trunks' connections come from; none where there are no trunks.
    pub fn know_trunks(&self, trunks: Option<Vec<Network>>) {
        self.room().seating.know_trunks(trunks);
    }

    /// Where a user has registered from, and until when that holds.
    pub fn know_phone(&self, user: &str, source: IpAddr, until: Instant) {
        self.room().seating.know_phone(user, source, until);
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits until another connection gets this place.
    pub async fn lost(&self) {
        self.loss.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut room = self.seats.room();
        room.seating.leave(self.ticket);
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
