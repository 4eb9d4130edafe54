//! Where the agents' phones are, for those that register (RFC 3261, section 10).
//!
//! Pure: told the time. Who may register is the configuration's say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::stream::Transport;

/// What a phone that names no expiry gets.
const DEFAULT_EXPIRY: Duration = Duration::from_hours(1);

/// Where one phone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The contact that it gave.
    pub contact: String,
    /// Where its REGISTER came from, which is where it can be reached through address translation.
    pub source: SocketAddr,
    /// What carried it; over a connection, the phone is reached while that lasts.
    pub transport: Transport,
    until: Instant,
}

impl Binding {
    /// For how many seconds it holds, a part of one counted as a whole.
    pub fn seconds_left(&self, now: Instant) -> u64 {
        let left = self.until.saturating_duration_since(now);
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }
}

/// The phones that have registered.
#[derive(Clone, Debug, Default)]
pub struct Registrar {
    users: BTreeSet<String>,
    bindings: BTreeMap<String, Binding>,
}

impl Registrar {
    /// A registrar for these user parts.
    pub fn new(users: impl IntoIterator<Item = String>) -> Self {
        Self {
            users: users.into_iter().collect(),
            bindings: BTreeMap::new(),
        }
    }

    /// Takes these user parts in place of those before; who is not among them is not found any more.
    pub fn admit(&mut self, users: impl IntoIterator<Item = String>) {
        self.users = users.into_iter().collect();
        let users = &self.users;
        self.bindings.retain(|user, _| users.contains(user));
    }

    /// Whether a user's phones may register.
    pub fn knows(&self, user: &str) -> bool {
        self.users.contains(user)
    }

    /// Takes a user's contact for `expiry`, in place of the one before. Says for how long it holds.
    pub fn register(
        &mut self,
        now: Instant,
        user: &str,
        contact: String,
        (transport, source): (Transport, SocketAddr),
        expiry: Option<Duration>,
    ) -> Duration {
        let expiry = expiry.unwrap_or(DEFAULT_EXPIRY).min(DEFAULT_EXPIRY);
        let binding = Binding {
            contact,
            source,
            transport,
            until: now + expiry,
        };
        self.bindings.insert(user.to_owned(), binding);
        expiry
    }

    /// Takes a user's contact away.
    pub fn remove(&mut self, user: &str) {
        self.bindings.remove(user);
    }

    /// Where a user's phone is, if it is registered.
    pub fn find(&self, now: Instant, user: &str) -> Option<&Binding> {
        self.bindings
            .get(user)
            .filter(|binding| now < binding.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_found_until_it_leaves_or_its_time_is_up() {
        let now = crate::rsip::now();
        let source = "192.0.2.7:5062".parse().expect("valid");
        let mut registrar = Registrar::new(["agent1".to_owned()]);
        let register = |registrar: &mut Registrar, user: &str, expiry: Option<Duration>| {
            let flow = (Transport::Tls, source);
            registrar.register(now, user, "sip:agent1@10.0.0.1".into(), flow, expiry)
        };
        assert!(registrar.knows("agent1") && !registrar.knows("stranger"));
        assert_eq!(register(&mut registrar, "agent1", None), DEFAULT_EXPIRY);
        let minute = Duration::from_mins(1);
        assert_eq!(register(&mut registrar, "agent1", Some(minute)), minute);
        let found = registrar.find(now, "agent1").expect("registered");
        assert_eq!((found.transport, found.source), (Transport::Tls, source));
        assert_eq!(registrar.find(now + minute, "agent1"), None);
        registrar.admit(["agent1", "agent2"].map(str::to_owned));
        assert!(registrar.find(now, "agent1").is_some(), "it stays");
        assert_eq!(register(&mut registrar, "agent2", Some(minute)), minute);
        registrar.admit(["agent1".to_owned()]);
        assert_eq!(registrar.find(now, "agent2"), None);
        registrar.remove("agent1");
        assert_eq!(registrar.find(now, "agent1"), None);
    }
}
