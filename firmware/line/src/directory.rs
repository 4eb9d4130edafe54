//! Where a trunk's names lead: what the DNS says of them becomes one ordered list (RFC 3263).
//!
//! Pure: told the time and what was found, it says which name to look up. Names are looked up again
//! when what was found is no longer good; where nothing is found, what was known before stays.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::trunk::jitter::Jitter;

/// An answer is believed for no shorter and no longer than this, whatever its time to live.
const SHORTEST: Duration = Duration::from_secs(15);
const LONGEST: Duration = Duration::from_hours(1);

/// The wait after the first failure; doubled each time, up to the longest.
const RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// How long an answer may take before it counts as none.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Addresses of one trunk; no carrier has so many.
const MOST: usize = 32;

/// What a trunk's target is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// An address, for which nobody need be asked.
    Address(SocketAddr),
    /// A name.
    Name,
}

/// A server that a name leads to (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Lower ones are tried first.
    pub priority: u16,
    /// How often it comes first among those of its priority.
    pub weight: u16,
    /// Its own name, and its port.
    pub host: (String, u16),
    /// Where it is.
    pub addresses: Vec<SocketAddr>,
}

/// What a look-up came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The name leads there.
    Records {
        /// In any order; none where it offers no service.
        records: Vec<Record>,
        /// For how long.
        good_for: Duration,
    },
    /// Nobody answered, or what came was no answer.
    Nothing {
        /// Addresses of the name itself, to be tried where nothing better was ever known.
        own: Vec<SocketAddr>,
    },
}

/// What a directory is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryInput {
    /// A look-up is over.
    Found {
        /// The name's place in the list.
        name: usize,
        /// What was found.
        found: Found,
    },
    /// The deadline has come.
    Tick,
}

/// What a directory puts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryOutput {
    /// Look a name up.
    LookUp {
        /// Its place in the list.
        name: usize,
    },
    /// Nothing is known of a name.
    Unknown {
        /// Its place in the list.
        name: usize,
    },
    /// [`Directory::servers`] has another list.
    Changed,
}

/// Where one trunk's names lead.
#[derive(Debug)]
pub struct Directory {
    names: Vec<Name>,
    seed: u64,
    jitter: Jitter,
    servers: Option<Vec<(SocketAddr, usize)>>,
    outputs: VecDeque<DirectoryOutput>,
}

#[derive(Debug)]
struct Name {
    state: State,
    /// What was found last, most preferred first.
    addresses: Option<Vec<SocketAddr>>,
    failures: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// An address.
    Given,
    /// Being looked up, since no longer ago than this.
    Asked { until: Instant },
    /// To be looked up again then.
    Known { until: Instant },
}

impl Directory {
    /// Of these, most preferred first. The seed draws among servers of one priority.
    pub fn new(now: Instant, leads: &[Lead], seed: u64) -> Self {
        let mut directory = Self {
            names: leads.iter().map(|lead| Name::new(now, lead)).collect(),
            seed,
            jitter: Jitter::new(seed),
            servers: None,
            outputs: VecDeque::new(),
        };
        directory.handle(now, DirectoryInput::Tick);
        directory.list();
        directory
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: DirectoryInput) {
        match input {
            DirectoryInput::Found { name, found } => self.on_found(now, name, found),
            DirectoryInput::Tick => {
                for name in 0..self.names.len() {
                    match self.names[name].state {
                        State::Asked { until } if now >= until => {
                            let own = Vec::new();
                            self.on_found(now, name, Found::Nothing { own });
                        }
                        State::Known { until } if now >= until => self.ask(now, name),
                        _ => {}
                    }
                }
            }
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<DirectoryOutput> {
        self.outputs.pop_front()
    }

    /// When to hand in [`DirectoryInput::Tick`].
    pub fn deadline(&self) -> Option<Instant> {
        let due = |name: &Name| match name.state {
            State::Given => None,
            State::Asked { until } | State::Known { until } => Some(until),
        };
        self.names.iter().filter_map(due).min()
    }

    /// Addresses, most preferred first, each with its name's place in the list.
    pub fn servers(&self) -> &[(SocketAddr, usize)] {
        self.servers.as_deref().unwrap_or_default()
    }

    fn ask(&mut self, now: Instant, name: usize) {
        let until = now + TIMEOUT;
        self.names[name].state = State::Asked { until };
        self.outputs.push_back(DirectoryOutput::LookUp { name });
    }

    fn on_found(&mut self, now: Instant, place: usize, found: Found) {
        let Some(name) = self
            .names
            .get_mut(place)
            .filter(|name| matches!(name.state, State::Asked { .. } | State::Known { .. }))
        else {
            return;
        };
        let wait = match found {
            Found::Records { records, good_for } => {
                name.addresses = Some(ordered(self.seed, records));
                name.failures = 0;
                good_for.clamp(SHORTEST, LONGEST)
            }
            Found::Nothing { own } => {
                let known = name.addresses.get_or_insert_default();
                if known.is_empty() {
                    *known = own;
                }
                if known.is_empty() && name.failures == 0 {
                    self.outputs
                        .push_back(DirectoryOutput::Unknown { name: place });
                }
                name.failures += 1;
                let doubled = RETRY * 2_u32.pow(name.failures.min(8) - 1);
                let wait = doubled.min(LONGEST_RETRY);
                wait.mul_f64(0.5 + 0.5 * self.jitter.unit())
            }
        };
        name.state = State::Known { until: now + wait };
        self.list();
    }

    /// Makes the list, once something is known of every name: the first is not to be passed over
    /// because its answer comes last.
    fn list(&mut self) {
        let mut servers: Vec<(SocketAddr, usize)> = Vec::new();
        for (place, name) in self.names.iter().enumerate() {
            let Some(addresses) = &name.addresses else {
                return;
            };
            for &address in addresses {
                if !servers.iter().any(|&(listed, _)| listed == address) {
                    servers.push((address, place));
                }
            }
        }
        servers.truncate(MOST);
        if !self.names.is_empty() && self.servers.as_ref() != Some(&servers) {
            self.servers = Some(servers);
            self.outputs.push_back(DirectoryOutput::Changed);
        }
    }
}

impl Name {
    fn new(now: Instant, lead: &Lead) -> Self {
        let (state, addresses) = match lead {
            Lead::Address(address) => (State::Given, Some(vec![*address])),
            Lead::Name => (State::Known { until: now }, None),
        };
        Self {
            state,
            addresses,
            failures: 0,
        }
    }
}

/// The addresses of a name's records, most preferred first: by priority, then drawn by weight, the
/// same way for as long as the records stay the same.
fn ordered(seed: u64, records: Vec<Record>) -> Vec<SocketAddr> {
    let mut drawn: Vec<(u16, f64, Record)> = records
        .into_iter()
        .map(|record| {
            // Who has the largest `u^(1/weight)` is drawn with the odds of RFC 2782; a weight of
            // nothing has hardly any.
            let weight = f64::from(record.weight).max(0.01);
            let key = draw(seed, &record.host).powf(1.0 / weight);
            (record.priority, key, record)
        })
        .collect();
    drawn.sort_by(|(a, x, _), (b, y, _)| a.cmp(b).then(y.total_cmp(x)));
    let mut addresses = Vec::new();
    for (_, _, mut record) in drawn {
        // Resolvers answer in an order that turns; ours stays.
        record
            .addresses
            .sort_by_key(|address| draw(seed, address).to_bits());
        addresses.extend(record.addresses);
    }
    addresses.truncate(MOST);
    addresses
}

/// A number from 0 to 1 that belongs to a thing.
fn draw(seed: u64, thing: &impl Hash) -> f64 {
    let mut hasher = DefaultHasher::new();
    (seed, thing).hash(&mut hasher);
    Jitter::new(hasher.finish()).unit()
}

#[cfg(test)]
mod tests;
