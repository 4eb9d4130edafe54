//! The protection of a leg's voice and reports, where its far end has agreed to one.

use trunkside_call::Side;

use super::Relay;
use crate::rtp;
use crate::srtp::{Key, Opener, Refused, Sealer};

/// The keys of a leg: what the box protects with, and what its far end does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Of what the box sends.
    pub send: Key,
    /// Of what the far end sends.
    pub receive: Key,
}

/// What is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// RTP.
    Voice,
    /// RTCP.
    Reports,
}

/// Protection at work.
pub struct Guard {
    keys: Protection,
    sealer: Sealer,
    opener: Opener,
}

impl Guard {
    /// What the keys demand now. A key that stays keeps its count: begun again, it would hide two
    /// contents behind one key stream, and let old packets in.
    pub fn follow(before: Option<Box<Self>>, keys: Option<Protection>) -> Option<Box<Self>> {
        let keys = keys?;
        let Some(mut guard) = before else {
            return Some(Box::new(Self {
                keys,
                sealer: Sealer::new(&keys.send),
                opener: Opener::new(&keys.receive),
            }));
        };
        if guard.keys.send != keys.send {
            guard.sealer = Sealer::new(&keys.send);
        }
        if guard.keys.receive != keys.receive {
            guard.opener = Opener::new(&keys.receive);
        }
        guard.keys = keys;
        Some(guard)
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guard({:?})", self.keys)
    }
}

impl Relay {
    /// Whether what goes to a leg must be [sealed](Self::seal).
    pub(crate) fn is_protected(&self, side: Side) -> bool {
        self.leg(side).guard.is_some()
    }

    /// Takes the protection off what came to a leg, in place, and says how long it is then;
    /// nothing where it does not prove that the far end sent it. Without protection all stays.
    pub(crate) fn open(
        &mut self,
        side: Side,
        content: Content,
        datagram: &mut [u8],
    ) -> Option<usize> {
        let Some(guard) = &mut self.leg_mut(side).guard else {
            return Some(datagram.len());
        };
        // Reports may come among the voice (RFC 5761).
        let opened = if content == Content::Reports || rtp::is_reports(datagram) {
            guard.opener.open_reports(datagram)
        } else {
            guard.opener.open(datagram)
        };
        opened
            .inspect_err(|_| self.counters.leg(side).unproven.add(1))
            .ok()
    }

    /// Writes what goes to a protected leg in its protected form, and says how long that is.
    pub(crate) fn seal(
        &mut self,
        side: Side,
        content: Content,
        packet: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let guard = self.leg_mut(side).guard.as_mut()?;
        let sealed = match content {
            Content::Voice => guard.sealer.seal(packet, out),
            Content::Reports => guard.sealer.seal_reports(packet, out),
        };
        match sealed {
            Ok(length) => Some(length),
            // A duplicate, which the far end does not miss.
            Err(Refused::Replayed) => None,
            Err(_) => {
                self.counters.send_failed.add(1);
                None
            }
        }
    }
}
