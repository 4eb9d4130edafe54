//! SIP over TCP and TLS (RFC 3261, section 18): what a connection carries, and when it is closed.
//!
//! [`Framing`] cuts a connection's bytes into messages, [`Timeouts`] says how long it may stay
//! silent, [`Admission`] who may have one, [`tls`] who is trusted. All are pure; `rsip::streams` is the shell that has the sockets.

mod admission;
mod framing;
mod timeouts;
mod tls;

use std::str::FromStr;

pub use admission::{Admission, ConnectionLimits, News, Ticket};
pub use framing::{Framed, Framing};
pub use timeouts::{Due, Timeouts};
pub use tls::{TlsFault, TlsIdentity, TlsTrust};

/// What carries SIP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// A connection.
    Tcp,
    /// A connection that nobody else can read.
    Tls,
}

impl Transport {
    /// As a URI's `transport` parameter names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The port where nothing names one (RFC 3261, section 19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

impl FromStr for Transport {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|transport| transport.name().eq_ignore_ascii_case(text))
            .ok_or(())
    }
}
