//! Who may keep a connection to the box open, and who gives way. Pure: told the time.
//!
//! Whoever opens connections and says nothing must not keep carriers and phones out. So strangers,
//! who are neither of a trunk nor where a registered phone is, share a part of the places, few from
//! each address, and the oldest of them makes room for whoever comes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::sources::Network;

/// How long a stranger's connection has to show whose it is before another of the same address
/// takes its place. Many phones of one address that come at once register one after the other.
const CHANCE: Duration = Duration::from_secs(2);

/// How long nothing more is told of an address.
const TOLD: Duration = Duration::from_mins(1);

/// Addresses that have been told of.
const REMEMBERED: usize = 4_096;

/// How many connections others may keep open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub in_all: usize,
    /// Of those, kept for trunks.
    pub for_trunks: usize,
    /// Of those, at most taken by strangers.
    pub for_strangers: usize,
    /// From one address of a trunk or a registered phone.
    pub from_one: usize,
    /// From one address of strangers; an IPv6 network of 64 bits counts as one.
    pub from_stranger: usize,
}

impl Default for ConnectionLimits {
    /// Phones of a large branch twice, one branch behind address translation, and half for
    /// strangers.
    fn default() -> Self {
        Self {
            in_all: 512,
            for_trunks: 64,
            for_strangers: 256,
            from_one: 256,
            from_stranger: 8,
        }
    }
}

/// Names a connection that has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Something for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A stranger's address has more connections than its share.
    BeyondShare(IpAddr),
    /// A stranger's connection was closed for another address's.
    GaveWay(IpAddr),
    /// There is no place for a carrier or a phone.
    Full(IpAddr),
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place; none where it is turned away.
    pub ticket: Option<Ticket>,
    /// Whose connection is closed for it.
    pub gives_way: Option<Ticket>,
    /// What is worth a line in the log.
    pub news: Option<News>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Trunk,
    Phone,
    Stranger,
}

#[derive(Clone, Copy, Debug)]
struct Taken {
    source: IpAddr,
    since: Instant,
}

/// The places that are taken, and whom the box knows.
#[derive(Debug)]
pub struct Admission {
    limits: ConnectionLimits,
    /// None where calls are taken from everywhere: then everybody may be a trunk.
    trunks: Option<Vec<Network>>,
    /// Where each user's phone is, and until when.
    phones: BTreeMap<String, (IpAddr, Instant)>,
    /// In the order of coming.
    taken: BTreeMap<Ticket, Taken>,
    next: u64,
    told: BTreeMap<IpAddr, Instant>,
}

impl Admission {
    /// Nobody is there, and nobody is a stranger.
    pub const fn new(limits: ConnectionLimits) -> Self {
        Self {
            limits,
            trunks: None,
            phones: BTreeMap::new(),
            taken: BTreeMap::new(),
            next: 0,
            told: BTreeMap::new(),
        }
    }

    /// Where trunks' connections come from; none where there are no trunks.
    pub fn know_trunks(&mut self, trunks: Option<Vec<Network>>) {
        self.trunks = trunks;
    }

    /// Where a user has registered from, and until when that holds.
    pub fn know_phone(&mut self, user: &str, source: IpAddr, until: Instant) {
        self.phones
            .insert(user.to_owned(), (source.to_canonical(), until));
    }

    /// Somebody connects.
    pub fn enter(&mut self, now: Instant, source: IpAddr) -> Entry {
        let source = source.to_canonical();
        self.phones.retain(|_, (_, until)| now < *until);
        let phones: BTreeSet<IpAddr> = self.phones.values().map(|&(source, _)| source).collect();
        let standing = self.standing(&phones, source);
        let mut entry = Entry {
            ticket: None,
            gives_way: None,
            news: None,
        };
        match self.room_for(now, standing, &phones, source) {
            Ok(gives_way) => {
                if let Some(ticket) = gives_way {
                    entry.gives_way = Some(ticket);
                    entry.news = self.taken.remove(&ticket).map(|gone| {
                        let own = household(gone.source) == household(source);
                        let news = if own {
                            News::BeyondShare
                        } else {
                            News::GaveWay
                        };
                        news(gone.source)
                    });
                }
                let ticket = Ticket(self.next);
                self.next += 1;
                self.taken.insert(ticket, Taken { source, since: now });
                entry.ticket = Some(ticket);
            }
            Err(news) => entry.news = Some(news),
        }
        entry.news = entry.news.filter(|&news| self.is_untold(now, news));
        entry
    }

    /// A connection has ended.
    pub fn leave(&mut self, ticket: Ticket) {
        self.taken.remove(&ticket);
    }

    /// Whether there is room, and who gives way for it.
    fn room_for(
        &self,
        now: Instant,
        standing: Standing,
        phones: &BTreeSet<IpAddr>,
        source: IpAddr,
    ) -> Result<Option<Ticket>, News> {
        let limits = self.limits;
        let of_source = |source: IpAddr| {
            let same = move |taken: &Taken| household(taken.source) == household(source);
            self.taken.iter().filter(move |(_, taken)| same(taken))
        };
        let strangers = || {
            let is_stranger =
                |taken: &Taken| self.standing(phones, taken.source) == Standing::Stranger;
            self.taken
                .iter()
                .filter(move |(_, taken)| is_stranger(taken))
        };
        let oldest = || strangers().next().map(|(&ticket, _)| ticket);
        let limit = match standing {
            Standing::Trunk => limits.in_all,
            Standing::Phone | Standing::Stranger => limits.in_all - limits.for_trunks,
        };
        if standing == Standing::Stranger {
            if of_source(source).count() >= limits.from_stranger {
                let own = of_source(source).next();
                let own = own.filter(|(_, first)| now >= first.since + CHANCE);
                return own
                    .map(|(&ticket, _)| Some(ticket))
                    .ok_or(News::BeyondShare(source));
            }
            if strangers().count() >= limits.for_strangers {
                return Ok(oldest());
            }
        } else if self.taken.values().filter(|t| t.source == source).count() >= limits.from_one {
            return Err(News::Full(source));
        }
        if self.taken.len() < limit {
            return Ok(None);
        }
        oldest().map(Some).ok_or(News::Full(source))
    }

    fn standing(&self, phones: &BTreeSet<IpAddr>, source: IpAddr) -> Standing {
        let trunk = self
            .trunks
            .as_ref()
            .is_none_or(|trunks| trunks.iter().any(|network| network.contains(source)));
        if trunk {
            Standing::Trunk
        } else if phones.contains(&source) {
            Standing::Phone
        } else {
            Standing::Stranger
        }
    }

    fn is_untold(&mut self, now: Instant, news: News) -> bool {
        let (News::BeyondShare(source) | News::GaveWay(source) | News::Full(source)) = news;
        if self.told.len() >= REMEMBERED {
            self.told.retain(|_, told| now < *told + TOLD);
        }
        let source = household(source);
        let told = self.told.get(&source).is_some_and(|&t| now < t + TOLD);
        let untold = !told && self.told.len() < REMEMBERED;
        if untold {
            self.told.insert(source, now);
        }
        untold
    }
}

/// What one customer of a network usually has: an IPv4 address, or 64 bits of IPv6.
fn household(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(network).into()
        }
    }
}

#[cfg(test)]
mod tests;
