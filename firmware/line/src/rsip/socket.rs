//! The UDP socket that the stack reads: every datagram passes the gate first. And what gate and
//! listeners have seen.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use rsipstack::platform::net::UdpSocket;
use rsipstack::sip::SipMessage;
use tracing::{debug, error};

use crate::gate::{Gate, Verdict};

/// What the SIP sockets have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStats {
    /// Messages handed to the stack.
    pub passed: u64,
    /// Requests refused before the stack saw them.
    pub refused: u64,
    /// Datagrams and messages that nothing could be said to.
    pub dropped: u64,
    /// Connections that found no place.
    pub turned_away: u64,
}

#[derive(Debug, Default)]
pub struct Counters {
    passed: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
    turned_away: AtomicU64,
}

impl Counters {
    pub fn snapshot(&self) -> LineStats {
        LineStats {
            passed: self.passed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            turned_away: self.turned_away.load(Relaxed),
        }
    }

    pub fn pass(&self) {
        self.passed.fetch_add(1, Relaxed);
    }

    pub fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub fn drop_one(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    pub fn turn_away(&self) {
        self.turned_away.fetch_add(1, Relaxed);
    }
}

/// What becomes of a message. A fault in the gate costs that message only.
pub fn judge(message: &[u8], source: SocketAddr) -> Verdict {
    unless_harmful(message, source, || Gate::inspect(message, source))
}

/// The same for a datagram. The stack reads all of them in one loop, which a fault in its reading would
/// end, and the telephones with it: so what passes is read here first. A connection has a loop of its own.
fn judge_datagram(message: &[u8], source: SocketAddr) -> Verdict {
    unless_harmful(message, source, || {
        let verdict = Gate::inspect(message, source);
        match &verdict {
            Verdict::Pass => drop(SipMessage::try_from(message)),
            Verdict::PassAs(changed) => drop(SipMessage::try_from(&changed[..])),
            Verdict::Answer { .. } | Verdict::Drop => {}
        }
        verdict
    })
}

fn unless_harmful(
    message: &[u8],
    source: SocketAddr,
    judging: impl FnOnce() -> Verdict,
) -> Verdict {
    unharmed(judging).unwrap_or_else(|| {
        error!(%source, bytes = message.len(), "a message that the box cannot read is dropped; please report it");
        Verdict::Drop
    })
}

/// What something comes to; nothing where it panics.
fn unharmed<T>(what: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(what)).ok()
}

/// A socket behind the gate.
#[derive(Debug)]
pub struct GatedSocket {
    socket: tokio::net::UdpSocket,
    counters: Arc<Counters>,
}

impl GatedSocket {
    pub const fn new(socket: tokio::net::UdpSocket, counters: Arc<Counters>) -> Self {
        Self { socket, counters }
    }

    /// How many bytes of the buffer the stack is to see, if any.
    async fn admit(&self, buffer: &mut [u8], bytes: usize, source: SocketAddr) -> Option<usize> {
        let datagram = &buffer[..bytes];
        if datagram.trim_ascii().is_empty() {
            // The stack answers keep-alives (RFC 5626, section 3.5.1).
            return Some(bytes);
        }
        match judge_datagram(datagram, source) {
            Verdict::Pass => {
                self.counters.pass();
                Some(bytes)
            }
            Verdict::PassAs(message) if message.len() <= buffer.len() => {
                self.counters.pass();
                buffer[..message.len()].copy_from_slice(&message);
                Some(message.len())
            }
            Verdict::Answer { status, bytes } => {
                self.counters.refuse();
                debug!(status, "sip request refused");
                // A refusal that cannot be sent is sent again when the request is.
                let _ = self.socket.send_to(&bytes, source).await;
                None
            }
            Verdict::PassAs(_) | Verdict::Drop => {
                self.counters.drop_one();
                debug!(bytes, "datagram is no sip message");
                None
            }
        }
    }
}

#[async_trait]
impl UdpSocket for GatedSocket {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            let (bytes, source) = self.socket.recv_from(buffer).await?;
            if let Some(bytes) = self.admit(buffer, bytes, source).await {
                return Ok((bytes, source));
            }
        }
    }

    async fn send_to(&self, bytes: &[u8], address: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(bytes, address).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_costs_one_message() {
        assert_eq!(unharmed(|| "sip\u{184}".len()), Some(5));
        assert_eq!(unharmed(|| "sip\u{184}"[..4].len()), None);
    }
}
