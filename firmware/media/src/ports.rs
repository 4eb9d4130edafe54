//! The UDP ports that calls use.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use crate::error::MediaError;
use crate::tap::Spare;

/// Where media flows.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The address of this machine that peers send voice to.
    pub address: IpAddr,
    /// The ports for voice, four a call: an even one for each side's voice, and the next for its
    /// reports. Each is left alone for as long as possible after its call, so that stray packets
    /// of an old call do not meet a new one.
    pub ports: RangeInclusive<u16>,
    /// How many packets recognition may fall behind before the oldest are dropped, both sides
    /// together: 256 are about 2.5 s.
    pub tap_packets: usize,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: 20_000..=29_999,
            tap_packets: 256,
        }
    }
}

/// Hands out sockets of the configured range.
#[derive(Clone, Debug)]
pub struct MediaPorts {
    address: IpAddr,
    first: u16,
    last: u16,
    pub(crate) tap_packets: usize,
    pub(crate) spare: Arc<Spare>,
    next: Arc<AtomicU16>,
}

impl MediaPorts {
    /// Prepares the range; nothing is opened yet.
    pub fn new(config: &MediaConfig) -> Self {
        Self {
            address: config.address,
            first: *config.ports.start(),
            last: *config.ports.end(),
            tap_packets: config.tap_packets.max(1),
            spare: Arc::default(),
            next: Arc::new(AtomicU16::new(0)),
        }
    }

    /// Non-blocking sockets on the next free pair of ports, for voice (even) and its reports.
    pub(crate) fn open(&self) -> Result<(UdpSocket, UdpSocket), MediaError> {
        let even = self.first.checked_next_multiple_of(2).unwrap_or(self.last);
        let pairs = (u32::from(self.last) + 1).saturating_sub(even.into()) / 2;
        for _ in 0..pairs {
            let turn = u32::from(self.next.fetch_add(1, Relaxed)) % pairs;
            match bind_pair(SocketAddr::new(self.address, even + 2 * turn as u16)) {
                Ok(sockets) => return Ok(sockets),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(self.address_error(source)),
            }
        }
        Err(MediaError::PortsExhausted {
            address: self.address,
            first: self.first,
            last: self.last,
        })
    }

    pub(crate) const fn address_error(&self, source: io::Error) -> MediaError {
        MediaError::Address {
            address: self.address,
            source,
        }
    }
}

fn bind_pair(voice: SocketAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let reports = SocketAddr::new(voice.ip(), voice.port() + 1);
    Ok((bind(voice)?, bind(reports)?))
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(first: u16, last: u16) -> MediaPorts {
        MediaPorts::new(&MediaConfig {
            ports: first..=last,
            ..MediaConfig::default()
        })
    }

    #[test]
    fn ports_are_even_distinct_and_run_out_with_a_remedy() {
        let ports = ports(9_101, 9_105);
        let sockets = [ports.open().expect("free"), ports.open().expect("free")];
        let port = |socket: &UdpSocket| socket.local_addr().expect("bound").port();
        let taken = sockets
            .each_ref()
            .map(|(voice, reports)| (port(voice), port(reports)));
        assert_eq!(taken, [(9_102, 9_103), (9_104, 9_105)]);
        let error = ports.open().expect_err("the range is used up").to_string();
        assert!(
            error.contains("`9101`-`9105`") && error.contains("line.rtp_ports"),
            "{error}"
        );
        drop(sockets);
        assert!(ports.open().is_ok(), "ports come back");
        let reports = UdpSocket::bind("127.0.0.1:9103").expect("free");
        let (voice, _) = ports.open().expect("the other pair");
        assert_eq!(port(&voice), 9_104, "a port without its pair is no use");
        drop((reports, voice));
        assert!(self::ports(40_000, 40_000).open().is_err(), "half a pair");
        assert!(self::ports(u16::MAX, u16::MAX).open().is_err());
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        let address = "192.0.2.1".parse().expect("valid");
        let config = MediaConfig {
            address,
            ..MediaConfig::default()
        };
        let error = MediaPorts::new(&config)
            .open()
            .expect_err("not ours")
            .to_string();
        assert!(
            error.contains("192.0.2.1") && error.contains("line.advertise"),
            "{error}"
        );
    }
}
