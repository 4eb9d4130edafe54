//! How many connections others may keep open to the box, in all and from one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// In all: phones of a large branch, twice.
const IN_ALL: usize = 512;

/// From one address: a branch behind address translation.
const FROM_ONE: usize = 256;

/// The places that are taken.
#[derive(Clone, Debug, Default)]
pub struct Seats(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    source: IpAddr,
}

impl Seats {
    /// A place for a connection from there, if one is left.
    pub fn take(&self, source: IpAddr) -> Option<Seat> {
        let mut taken = self.taken();
        let in_all: usize = taken.values().sum();
        let from_one = taken.get(&source).copied().unwrap_or_default();
        if in_all >= IN_ALL || from_one >= FROM_ONE {
            return None;
        }
        *taken.entry(source).or_default() += 1;
        drop(taken);
        Some(Seat {
            seats: self.clone(),
            source,
        })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        if let Some(count) = taken.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_out_for_one_address_and_for_all_and_come_back() {
        let seats = Seats::default();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut held: Vec<Seat> = (0..FROM_ONE)
            .map(|_| seats.take(address(1)).expect("a place"))
            .collect();
        assert!(seats.take(address(1)).is_none());
        held.extend((FROM_ONE..IN_ALL).map(|_| seats.take(address(2)).expect("a place")));
        assert!(seats.take(address(3)).is_none(), "none is left");
        held.clear();
        assert!(seats.take(address(1)).is_some());
        assert!(seats.taken().is_empty(), "nothing is kept of who left");
    }
}
