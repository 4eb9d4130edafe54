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
    /// Whether there is protection now; a far end may go without for a while, as for music on hold.
    is_on: bool,
    sealer: Sealer,
    opener: Opener,
}

impl Guard {
    /// What the keys demand now. A key that stays keeps its count: begun again, it would hide two
    /// contents behind one key stream, and let old packets in.
    pub fn follow(before: Option<Box<Self>>, keys: Option<Protection>) -> Option<Box<Self>> {
        let Some(keys) = keys else {
            let mut guard = before?;
            guard.is_on = false;
            return Some(guard);
        };
        let Some(mut guard) = before else {
            return Some(Box::new(Self {
                keys,
                is_on: true,
                sealer: Sealer::new(&keys.send),
                opener: Opener::new(&keys.receive),
            }));
        };
        if guard.keys.send.is_another(&keys.send) {
            guard.sealer = Sealer::new(&keys.send);
        }
        if guard.keys.receive.is_another(&keys.receive) {
            guard.opener.rekey(&keys.receive);
        }
        guard.sealer.rename(keys.send.mki);
        guard.opener.rename(keys.receive.mki);
        (guard.keys, guard.is_on) = (keys, true);
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
        self.leg(side)
            .guard
            .as_ref()
            .is_some_and(|guard| guard.is_on)
    }

    /// Takes the protection off what came to a leg, in place, and says how long it is then;
    /// nothing where it does not prove that the far end sent it. Without protection all stays.
    pub(crate) fn open(
        &mut self,
        side: Side,
        content: Content,
        datagram: &mut [u8],
    ) -> Option<usize> {
        let guard = self.leg_mut(side).guard.as_mut();
        let Some(guard) = guard.filter(|guard| guard.is_on) else {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::{Mki, Suite};

    fn keys(receive: u8) -> Protection {
        let suite = Suite::Sha1Of80;
        let key = |byte| Key {
            suite,
            bytes: [byte; 30],
            mki: Mki::default(),
        };
        Protection {
            send: key(1),
            receive: key(receive),
        }
    }

    fn packet(sequence: u16) -> [u8; 13] {
        let [high, low] = sequence.to_be_bytes();
        [0x80, 8, high, low, 0, 0, 0, 9, 0, 0, 0, 7, 0x55]
    }

    #[test]
    fn a_far_end_that_goes_without_for_a_while_and_changes_its_key_is_counted_on() {
        let mut theirs = (Sealer::new(&keys(2).receive), Opener::new(&keys(2).send));
        let mut guard = Guard::follow(None, Some(keys(2)));
        let mut out = [0; 40];
        let sequences = [
            65_535, 0, 20_000, 40_000, 60_000, 10_000, 30_000, 50_000, 5_000,
        ];
        for (n, sequence) in sequences.into_iter().enumerate() {
            guard = Guard::follow(guard, None);
            assert!(guard.as_ref().is_some_and(|guard| !guard.is_on));
            let now = keys(if n < 6 { 2 } else { 3 });
            guard = Guard::follow(guard, Some(now));
            if n == 6 {
                theirs.0 = Sealer::new(&now.receive);
            }
            // They send the same numbers as we do.
            let ours = guard.as_mut().expect("protected");
            let length = ours.sealer.seal(&packet(sequence), &mut out);
            let opened = theirs.1.open(&mut out[..length.expect("new")]);
            assert!(opened.is_ok(), "{sequence}");
            let length = theirs.0.seal(&packet(sequence), &mut out);
            let opened = ours.opener.open(&mut out[..length.expect("new")]);
            assert!(opened.is_ok(), "{sequence}");
        }
    }

    #[test]
    fn a_key_that_is_named_otherwise_later_counts_on() {
        let mut guard = Guard::follow(None, Some(keys(2)));
        let mut out = [0; 40];
        for bytes in [0, 2, 1] {
            let mut named = keys(2);
            named.send.mki = Mki::new(7, bytes);
            guard = Guard::follow(guard, Some(named));
            let sealer = &mut guard.as_mut().expect("protected").sealer;
            let length = sealer.seal(&packet(u16::from(bytes)), &mut out);
            assert_eq!(length, Ok(13 + 10 + usize::from(bytes)));
            let again = sealer.seal(&packet(0), &mut out);
            assert_eq!(again, Err(Refused::Replayed));
        }
    }
}
