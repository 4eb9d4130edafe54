//! The UDP socket that the stack reads: every datagram passes the gate first. And what gate and
//! listeners have seen.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use rsipstack::platform::net::UdpSocket;
use rsipstack::sip::SipMessage;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
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

/// What becomes of a message. What passes the gate is read as the stack reads it: a fault costs that message only, where
/// it would end the loop in which the stack reads all datagrams, and the telephones with it; and what the stack would leave
/// unanswered, for it cannot read it, is said more plainly or refused.
pub fn judge(message: &[u8], source: SocketAddr) -> Verdict {
    let judging = || {
        let verdict = Gate::inspect(message, source);
        let passed = match &verdict {
            Verdict::Pass => message,
            Verdict::PassAs(changed) => changed,
            Verdict::Answer { .. } | Verdict::Drop => return verdict,
        };
        if is_read(passed) {
            return verdict;
        }
        let plain = Gate::plain(passed).filter(|plain| is_read(plain));
        plain.map_or_else(|| Gate::refuse_unread(message, source), Verdict::PassAs)
    };
    unharmed(judging).unwrap_or_else(|| {
        error!(%source, bytes = message.len(), "a message that the box cannot read is dropped; please report it");
        Verdict::Drop
    })
}

/// Whether the stack can tell which transaction a message is of.
fn is_read(message: &[u8]) -> bool {
    match SipMessage::try_from(message) {
        Ok(SipMessage::Request(request)) => {
            TransactionKey::from_request(&request, TransactionRole::Server).is_ok()
        }
        Ok(SipMessage::Response(response)) => {
            TransactionKey::from_response(&response, TransactionRole::Client).is_ok()
        }
        Err(_) => false,
    }
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
        match judge(datagram, source) {
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

    fn said(via: &str, from: &str) -> Vec<u8> {
        format!(
            "OPTIONS sip:a@b SIP/2.0\r\nVia: {via}\r\nFrom: {from}\r\nTo: <sip:a@b>\r\nCall-ID: a\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn what_the_stack_cannot_read_is_said_plainly_or_refused() {
        let source = "192.0.2.9:5060".parse().expect("valid");
        let (via, from) = ("SIP/2.0/UDP b;branch=z9hG4bK1", "<sip:c@d>;tag=1");
        assert_eq!(judge(&said(via, from), source), Verdict::Pass);
        let spaced = said(
            "SIP / 2.0\r\n / UDP b ; branch = z9hG4bK1",
            "<sip:c@d>\r\n ; tag = 1",
        );
        let Verdict::PassAs(plain) = judge(&spaced, source) else {
            panic!("it does not pass")
        };
        let plain = String::from_utf8(plain).expect("text");
        assert!(
            plain.contains(&format!("via: {via}\r\nfrom: {from}\r\n")),
            "{plain}"
        );
        let nowhere = said("SIP/2.0/UDP;branch=z9hG4bK1", from);
        let verdict = judge(&nowhere, source);
        assert!(
            matches!(verdict, Verdict::Answer { status: 400, .. }),
            "{verdict:?}"
        );
        let response = nowhere;
        let response = String::from_utf8(response).expect("text");
        let response = response.replace("OPTIONS sip:a@b SIP/2.0", "SIP/2.0 200 OK");
        assert_eq!(judge(response.as_bytes(), source), Verdict::Drop);
    }

    #[test]
    fn a_fault_costs_one_message() {
        assert_eq!(unharmed(|| "sip\u{184}".len()), Some(5));
        assert_eq!(unharmed(|| "sip\u{184}"[..4].len()), None);
    }
}
