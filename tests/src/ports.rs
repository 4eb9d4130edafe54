//! Ports for peers that must be told one before they start.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Below those that Linux gives to whoever asks for any (32768 and up): what is free now is not given
/// away before its peer has started.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// A port of the loopback that is free now, for datagrams and for connections.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let start = RandomState::new().hash_one(()) % u64::from(COUNT);
    (0..COUNT)
        .map(|step| FIRST + (start as u16 + step) % COUNT)
        .find(|port| {
            let address = (Ipv4Addr::LOCALHOST, *port);
            UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
        })
        .expect("a free port")
}
