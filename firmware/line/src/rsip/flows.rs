//! Where requests to those whom we dial go, where their URIs do not say it: to the target that serves a trunk, or
//! to where a phone registered from. The stack is told so for an INVITE only, and asks for the way of all others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rsipstack::sip::{HostWithPort, Uri};

/// What tells one callee from another: the user part, and where the URI says that they are.
type Callee = (String, HostWithPort);

/// The addresses of those who are in a call; each as often as they are.
type Addresses = BTreeMap<Callee, Vec<SocketAddr>>;

/// Where they are. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct Flows(Arc<Mutex<Addresses>>);

/// Keeps known where a callee is, as long as it lives.
#[derive(Debug)]
pub struct Flow {
    flows: Flows,
    callee: Callee,
    there: SocketAddr,
}

impl Flows {
    /// A callee who is not where their URI says.
    pub fn lead(&self, callee: &Uri, there: SocketAddr) -> Flow {
        let callee = callee_of(callee);
        let mut addresses = self.addresses();
        addresses.entry(callee.clone()).or_default().push(there);
        Flow {
            flows: self.clone(),
            callee,
            there,
        }
    }

    /// Where a callee is who is not where their URI says.
    pub fn find(&self, callee: &Uri) -> Option<SocketAddr> {
        let addresses = self.addresses();
        addresses.get(&callee_of(callee))?.last().copied()
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let mut addresses = self.flows.addresses();
        let Some(known) = addresses.get_mut(&self.callee) else {
            return;
        };
        if let Some(at) = known.iter().position(|there| *there == self.there) {
            known.remove(at);
        }
        if known.is_empty() {
            addresses.remove(&self.callee);
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
        let at = |port: u16| SocketAddr::from(([192, 0, 2, 10], port));
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
        assert!(flows.addresses().is_empty());
    }
}
