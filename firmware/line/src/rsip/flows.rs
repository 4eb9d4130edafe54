//! Where requests to those whom we dial go, where their URIs do not say it: to the target that serves a trunk, or
//! to where a phone registered from. The stack is told so for an INVITE only, and asks for the way of all others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rsipstack::sip::{HostWithPort, Uri};

use crate::stream::Transport;

/// What tells one callee from another: the user part, and where the URI says that they are.
type Callee = (String, HostWithPort);

/// A way to a callee that their URI does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What carries requests.
    pub transport: Transport,
    /// Where they go.
    pub there: SocketAddr,
    /// Whom a certificate there must be of.
    pub host: String,
}

/// The ways to those who are in a call; each as often as they are.
type Ways = BTreeMap<Callee, Vec<Way>>;

/// Where they are. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct Flows(Arc<Mutex<Ways>>);

/// Keeps known where a callee is, as long as it lives.
#[derive(Debug)]
pub struct Flow {
    flows: Flows,
    callee: Callee,
    way: Way,
}

impl Flows {
    /// A callee who is not where their URI says.
    pub fn lead(&self, callee: &Uri, way: Way) -> Flow {
        let callee = callee_of(callee);
        let mut ways = self.ways();
        ways.entry(callee.clone()).or_default().push(way.clone());
        Flow {
            flows: self.clone(),
            callee,
            way,
        }
    }

    /// The way to a callee who is not where their URI says.
    pub fn find(&self, callee: &Uri) -> Option<Way> {
        let ways = self.ways();
        ways.get(&callee_of(callee))?.last().cloned()
    }

    fn ways(&self) -> MutexGuard<'_, Ways> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let mut ways = self.flows.ways();
        let Some(known) = ways.get_mut(&self.callee) else {
            return;
        };
        if let Some(at) = known.iter().position(|way| *way == self.way) {
            known.remove(at);
        }
        if known.is_empty() {
            ways.remove(&self.callee);
        }
    }
}

fn callee_of(uri: &Uri) -> Callee {
    let user = uri.user().unwrap_or_default().to_owned();
    (user, uri.host_with_port.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callee_is_known_until_the_last_of_their_calls_is_over() {
        let uri = |text: &str| Uri::try_from(text).expect("a uri");
        let at = |port: u16| Way {
            transport: Transport::Udp,
            there: SocketAddr::from(([192, 0, 2, 10], port)),
            host: "192.0.2.10".to_owned(),
        };
        let flows = Flows::default();
        let callee = uri("sip:li@10.0.0.7:5062");
        let (first, second) = (flows.lead(&callee, at(1)), flows.lead(&callee, at(2)));
        let same = uri("sip:li@10.0.0.7:5062;ob");
        assert_eq!(flows.find(&same), Some(at(2)));
        assert_eq!(flows.find(&uri("sip:li@10.0.0.7")), None);
        assert_eq!(flows.find(&uri("sip:wang@10.0.0.7:5062")), None);
        drop(second);
        assert_eq!(flows.find(&callee), Some(at(1)));
        drop(first);
        assert_eq!(flows.find(&callee), None);
        assert!(flows.ways().is_empty());
    }
}
