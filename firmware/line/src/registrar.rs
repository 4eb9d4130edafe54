//! Where the agents' phones are, for those that register (RFC 3261, section 10).
//!
//! Pure: told the time. Who may register is the configuration's say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkside_call::Pii;

use crate::sip_ua::PhoneEvent;
use crate::stream::Transport;

/// What a phone that names no expiry gets.
const DEFAULT_EXPIRY: Duration = Duration::from_hours(1);

/// A phone that cannot be found for longer than this is gone; one that starts anew, or whose request was
/// lost and sent again (RFC 3261, timer F), is back by then.
const GONE_AFTER: Duration = Duration::from_secs(32);

/// The most that a phone gets by datagrams: no connection breaks when the box has forgotten it, so that
/// only its next REGISTER brings it back.
const MOST_BY_DATAGRAMS: Duration = Duration::from_mins(3);

/// Where a phone is that registered by datagrams, as another run of the box may know it. Who registered
/// over a connection is reached over that only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The user part that it registered with.
    pub user: String,
    /// The contact that it gave.
    pub contact: Pii<String>,
    /// What it calls the box.
    pub domain: String,
    /// Where its REGISTER came from.
    pub source: SocketAddr,
    /// Until when it holds.
    pub until: Instant,
}

/// Where one phone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The contact that it gave.
    pub contact: String,
    /// What it calls the box: host, and port if it names one.
    pub domain: String,
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
    /// Whose phone is there, and when it is gone unless it registers again.
    there: BTreeMap<String, Instant>,
    /// Phones that have come, or are gone, in order.
    news: VecDeque<PhoneEvent>,
}

impl Registrar {
    /// A registrar for these user parts.
    pub fn new(users: impl IntoIterator<Item = String>) -> Self {
        Self {
            users: users.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Takes these user parts in place of those before; who is not among them is not found any more.
    pub fn admit(&mut self, users: impl IntoIterator<Item = String>) {
        self.users = users.into_iter().collect();
        let users = &self.users;
        self.bindings.retain(|user, _| users.contains(user));
        let there = self.there.keys();
        let gone = there.filter(|user| !users.contains(*user)).cloned();
        self.forget(gone.collect());
    }

    /// Whether a user's phones may register.
    pub fn knows(&self, user: &str) -> bool {
        self.users.contains(user)
    }

    /// Takes a user's contact and name of the box for `expiry`, in place of those before. Says for how long
    /// they hold.
    pub fn register(
        &mut self,
        now: Instant,
        user: &str,
        (contact, domain): (String, String),
        (transport, source): (Transport, SocketAddr),
        expiry: Option<Duration>,
    ) -> Duration {
        let most = match transport {
            Transport::Udp => MOST_BY_DATAGRAMS,
            Transport::Tcp | Transport::Tls => DEFAULT_EXPIRY,
        };
        let expiry = expiry.unwrap_or(DEFAULT_EXPIRY).min(most);
        let binding = Binding {
            contact,
            domain,
            source,
            transport,
            until: now + expiry,
        };
        self.bind(user, binding);
        expiry
    }

    fn bind(&mut self, user: &str, binding: Binding) {
        let gone = binding.until + GONE_AFTER;
        self.bindings.insert(user.to_owned(), binding);
        if self.there.insert(user.to_owned(), gone).is_none() {
            self.tell(user.to_owned(), true);
        }
    }

    /// Takes over what another run knew of a phone that may register still, for no longer than it would be
    /// granted now: clocks are set back. Says until when it holds.
    pub fn resume(&mut self, now: Instant, known: Registration) -> Option<Instant> {
        let until = known.until.min(now + MOST_BY_DATAGRAMS);
        if until <= now || !self.knows(&known.user) {
            return None;
        }
        let binding = Binding {
            contact: known.contact.into_revealed(),
            domain: known.domain,
            source: known.source,
            transport: Transport::Udp,
            until,
        };
        self.bind(&known.user, binding);
        Some(until)
    }

    /// What another run may [resume](Self::resume).
    pub fn by_datagrams(&self, now: Instant) -> Vec<Registration> {
        let bindings = self.bindings.iter();
        let held = bindings
            .filter(|(_, binding)| binding.transport == Transport::Udp && now < binding.until);
        held.map(|(user, binding)| Registration {
            user: user.clone(),
            contact: Pii::new(binding.contact.clone()),
            domain: binding.domain.clone(),
            source: binding.source,
            until: binding.until,
        })
        .collect()
    }

    /// Takes a user's contact away.
    pub fn remove(&mut self, now: Instant, user: &str) {
        self.bindings.remove(user);
        if let Some(gone) = self.there.get_mut(user) {
            *gone = now + GONE_AFTER;
        }
    }

    /// When [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.there.values().min().copied()
    }

    /// Phones whose time is up are gone.
    pub fn tick(&mut self, now: Instant) {
        let there = self.there.iter();
        let gone = there.filter(|(_, gone)| **gone <= now);
        self.forget(gone.map(|(user, _)| user.clone()).collect());
    }

    /// The next phone that has come or is gone, until none is left.
    pub fn poll(&mut self) -> Option<PhoneEvent> {
        self.news.pop_front()
    }

    fn forget(&mut self, gone: Vec<String>) {
        for user in gone {
            self.there.remove(&user);
            self.tell(user, false);
        }
    }

    fn tell(&mut self, user: String, is_there: bool) {
        self.news.push_back(PhoneEvent { user, is_there });
    }

    /// What the phones that are registered call the box.
    pub fn domains(&self, now: Instant) -> impl Iterator<Item = &str> {
        let held = self.bindings.values();
        let held = held.filter(move |binding| now < binding.until);
        held.map(|binding| binding.domain.as_str())
    }

    /// Whose phone is at an address: of several there, that which gives its name, else the one that registered
    /// from just there.
    pub fn phone_at(
        &self,
        now: Instant,
        (transport, source): (Transport, SocketAddr),
        named: Option<&str>,
    ) -> Option<&str> {
        let held = self.bindings.iter();
        let there = held.filter(|(_, held)| now < held.until && held.source.ip() == source.ip());
        let there: Vec<(&str, &Binding)> =
            there.map(|(user, held)| (user.as_str(), held)).collect();
        let by_name = there.iter().find(|(user, _)| Some(*user) == named);
        let just_there =
            |(_, held): &&(&str, &Binding)| held.source == source && held.transport == transport;
        let found = by_name.or_else(|| there.iter().find(just_there));
        found.map(|(user, _)| *user)
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

    fn named(contact: &str) -> (String, String) {
        (contact.to_owned(), "box.example".to_owned())
    }

    #[test]
    fn a_phone_is_found_until_it_leaves_or_its_time_is_up() {
        let now = crate::rsip::now();
        let source = "192.0.2.7:5062".parse().expect("valid");
        let mut registrar = Registrar::new(["agent1".to_owned()]);
        let register = |registrar: &mut Registrar, user: &str, expiry: Option<Duration>| {
            let flow = (Transport::Tls, source);
            registrar.register(now, user, named("sip:agent1@10.0.0.1"), flow, expiry)
        };
        assert!(registrar.knows("agent1") && !registrar.knows("stranger"));
        assert_eq!(register(&mut registrar, "agent1", None), DEFAULT_EXPIRY);
        let minute = Duration::from_mins(1);
        assert_eq!(register(&mut registrar, "agent1", Some(minute)), minute);
        let found = registrar.find(now, "agent1").expect("registered");
        assert_eq!((found.transport, found.source), (Transport::Tls, source));
        assert_eq!(registrar.find(now + minute, "agent1"), None);
        let elsewhere = "192.0.2.7:9".parse().expect("valid");
        let at = |source, named| registrar.phone_at(now, (Transport::Tls, source), named);
        assert_eq!(at(source, None), Some("agent1"));
        assert_eq!(at(elsewhere, None), None);
        assert_eq!(at(elsewhere, Some("agent1")), Some("agent1"));
        let domains = |now| registrar.domains(now).collect::<Vec<_>>();
        assert_eq!(domains(now), ["box.example"]);
        assert!(domains(now + minute).is_empty());
        registrar.admit(["agent1", "agent2"].map(str::to_owned));
        assert!(registrar.find(now, "agent1").is_some(), "it stays");
        assert_eq!(register(&mut registrar, "agent2", Some(minute)), minute);
        registrar.admit(["agent1".to_owned()]);
        assert_eq!(registrar.find(now, "agent2"), None);
        registrar.remove(now, "agent1");
        assert_eq!(registrar.find(now, "agent1"), None);
    }

    #[test]
    fn what_datagrams_brought_is_known_again_for_no_longer_than_is_granted() {
        let now = crate::rsip::now();
        let source = "192.0.2.7:5062".parse().expect("valid");
        let users = || ["a", "b", "c"].map(str::to_owned);
        let mut before = Registrar::new(users());
        let mut register = |user: &str, transport, seconds| {
            let expiry = Some(Duration::from_secs(seconds));
            let contact = format!("sip:{user}@10.0.0.1");
            before.register(now, user, named(&contact), (transport, source), expiry)
        };
        assert_eq!(register("a", Transport::Udp, 3_600), MOST_BY_DATAGRAMS);
        assert_eq!(register("b", Transport::Udp, 60), Duration::from_mins(1));
        assert_eq!(register("c", Transport::Tcp, 3_600), DEFAULT_EXPIRY);
        let mut known = before.by_datagrams(now);
        assert_eq!(known.len(), 2, "a connection is gone with the box");
        assert!(before.by_datagrams(now + MOST_BY_DATAGRAMS).is_empty());

        // The clock was set back meanwhile, and one of them may not register any more.
        known[0].until += DEFAULT_EXPIRY;
        let mut after = Registrar::new(["a", "c"].map(str::to_owned));
        let held: Vec<_> = known
            .into_iter()
            .map(|known| after.resume(now, known))
            .collect();
        assert_eq!(held, [Some(now + MOST_BY_DATAGRAMS), None]);
        assert_eq!(after.find(now, "a"), before.find(now, "a"));
        let late = before.by_datagrams(now).remove(0);
        assert_eq!(after.resume(now + MOST_BY_DATAGRAMS, late), None);
    }

    #[test]
    fn that_a_phone_comes_and_is_gone_is_told_once_and_not_when_it_is_back_soon() {
        let now = crate::rsip::now();
        let mut registrar = Registrar::new(["agent1", "agent2"].map(str::to_owned));
        let minute = Duration::from_mins(1);
        let register = |registrar: &mut Registrar, now: Instant, user: &str| {
            let flow = (Transport::Udp, "192.0.2.7:5062".parse().expect("valid"));
            registrar.register(now, user, named("sip:a@10.0.0.1"), flow, Some(minute));
        };
        let told = |registrar: &mut Registrar, now: Instant| -> Vec<(String, bool)> {
            registrar.tick(now);
            let news = std::iter::from_fn(|| registrar.poll());
            news.map(|event| (event.user, event.is_there)).collect()
        };
        let there = |is_there| vec![("agent1".to_owned(), is_there)];
        assert_eq!(registrar.deadline(), None);
        register(&mut registrar, now, "agent1");
        assert_eq!(told(&mut registrar, now), there(true));
        // It registers a little late, and then starts anew.
        let late = now + minute + GONE_AFTER / 2;
        assert_eq!(told(&mut registrar, late), []);
        register(&mut registrar, late, "agent1");
        registrar.remove(late, "agent1");
        register(&mut registrar, late, "agent1");
        let lapses = late + minute + GONE_AFTER;
        assert_eq!(registrar.deadline(), Some(lapses));
        assert_eq!(told(&mut registrar, lapses - Duration::from_millis(1)), []);
        assert_eq!(told(&mut registrar, lapses), there(false));
        assert_eq!(registrar.deadline(), None);
        // It leaves by itself.
        register(&mut registrar, lapses, "agent1");
        registrar.remove(lapses, "agent1");
        assert_eq!(told(&mut registrar, lapses), there(true));
        let gone = lapses + GONE_AFTER;
        assert_eq!(told(&mut registrar, gone), there(false));
        // Another policy does not have it.
        register(&mut registrar, gone, "agent1");
        registrar.admit(["agent2".to_owned()]);
        assert_eq!(
            told(&mut registrar, gone),
            [there(true), there(false)].concat()
        );
    }
}
