//! Where a leg's packets really come from (symmetric RTP, RFC 4961), and who may claim that.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::rtp::Header;

/// Packets that a stranger must send in sequence before it is taken for the far end (RFC 3550,
/// A.1, asks two): one stray packet turns no call away from its phone.
const PROBATION: u8 = 3;

/// After so much silence a far end may go on from another port of its machine: address translation
/// has forgotten the old one.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// The source of one leg's packets. Address translation may stand between, so it need not be the
/// signalled address.
#[derive(Debug, Default)]
pub struct Source {
    learnt: Option<SocketAddr>,
    /// When it was heard last.
    heard: Option<Instant>,
    /// Where the leg was before it moved: that phone may speak on for a while after it has handed
    /// the call on, and must not win it back.
    former: Option<SocketAddr>,
    candidate: Option<Candidate>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: SocketAddr,
    ssrc: u32,
    next: u16,
    seen: u8,
}

impl Source {
    /// The leg's far end is no longer at `address`, nor where that was learnt to be.
    pub fn moved_from(&mut self, address: SocketAddr) {
        *self = Self {
            former: Some(self.learnt.unwrap_or(address)),
            ..Self::default()
        };
    }

    /// Whether a well-formed packet of the leg's own payload types from there is the far end's.
    ///
    /// The signalled address may claim the leg at any time; a stranger only while nobody has, or, from
    /// the same machine, when who has it has fallen silent.
    pub fn accepts(
        &mut self,
        now: Instant,
        signalled: SocketAddr,
        from: SocketAddr,
        header: &Header,
    ) -> bool {
        let is_known = from == signalled || self.learnt == Some(from);
        let is_new = || self.is_free_for(now, from) && self.former != Some(from);
        let accepted = is_known || is_new() && self.is_proven(from, header);
        if accepted {
            self.learnt = Some(from);
            self.heard = Some(now);
        }
        accepted
    }

    fn is_free_for(&self, now: Instant, from: SocketAddr) -> bool {
        let silent = |heard| now.saturating_duration_since(heard) >= FORGOTTEN;
        self.learnt
            .is_none_or(|learnt| learnt.ip() == from.ip() && self.heard.is_some_and(silent))
    }

    /// Where to send what is for the far end.
    pub fn destination(&self, signalled: SocketAddr) -> SocketAddr {
        self.learnt.unwrap_or(signalled)
    }

    fn is_proven(&mut self, from: SocketAddr, header: &Header) -> bool {
        let seen = match self.candidate {
            Some(known)
                if (known.address, known.ssrc, known.next)
                    == (from, header.ssrc, header.sequence) =>
            {
                known.seen + 1
            }
            _ => 1,
        };
        self.candidate = Some(Candidate {
            address: from,
            ssrc: header.ssrc,
            next: header.sequence.wrapping_add(1),
            seen,
        });
        seen >= PROBATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::now;

    const PHONE: &str = "192.0.2.1:4000";
    const STRANGER: &str = "198.51.100.7:40000";

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("valid")
    }

    fn header(ssrc: u32, sequence: u16) -> Header {
        Header {
            payload_type: 8,
            marker: false,
            sequence,
            timestamp: 160 * u32::from(sequence),
            ssrc,
        }
    }

    /// Which of these packets of a stranger are accepted.
    fn accepted(source: &mut Source, packets: &[(u32, u16)]) -> Vec<bool> {
        packets
            .iter()
            .map(|&(ssrc, sequence)| {
                let header = header(ssrc, sequence);
                source.accepts(now(), address(PHONE), address(STRANGER), &header)
            })
            .collect()
    }

    #[test]
    fn a_phone_whose_port_was_translated_anew_is_followed_once_the_old_one_is_silent() {
        let (mut source, mut at) = (Source::default(), now());
        let phone = address(PHONE);
        let (moved, stranger) = (address("192.0.2.1:6000"), address(STRANGER));
        assert!(source.accepts(at, phone, phone, &header(1, 1)));
        let three = |source: &mut Source, at, from| {
            (10..13).all(|n| !source.accepts(at, phone, from, &header(2, n)))
        };
        at += FORGOTTEN / 2;
        assert!(three(&mut source, at, moved), "too soon");
        at += FORGOTTEN;
        assert!(three(&mut source, at, stranger), "another machine");
        assert!(!three(&mut source, at, moved));
        assert_eq!(source.destination(phone), moved);
        assert!(
            source.accepts(at, phone, phone, &header(1, 2)),
            "it is back"
        );
    }

    #[test]
    fn a_stranger_is_learnt_after_packets_in_sequence() {
        let mut source = Source::default();
        let taken = accepted(&mut source, &[(1, 65_534), (1, 65_535), (1, 0), (1, 1)]);
        assert_eq!(taken, [false, false, true, true]);
        assert_eq!(source.destination(address(PHONE)), address(STRANGER));
    }

    #[test]
    fn packets_without_order_prove_nothing() {
        let mut source = Source::default();
        let same = [(1, 1), (1, 1), (1, 1), (1, 1)];
        let leaping = [(1, 2), (1, 4), (1, 6), (1, 8)];
        let of_many = [(1, 20), (2, 21), (3, 22), (4, 23)];
        for packets in [same, leaping, of_many] {
            assert_eq!(accepted(&mut source, &packets), [false; 4]);
        }
        assert_eq!(source.destination(address(PHONE)), address(PHONE));
    }

    #[test]
    fn the_signalled_address_claims_the_leg_at_any_time() {
        let mut source = Source::default();
        assert!(accepted(&mut source, &[(1, 1), (1, 2), (1, 3)])[2]);
        assert!(source.accepts(now(), address(PHONE), address(PHONE), &header(9, 9)));
        assert_eq!(accepted(&mut source, &[(1, 4), (1, 5), (1, 6)]), [false; 3]);
        assert_eq!(source.destination(address(PHONE)), address(PHONE));
    }

    #[test]
    fn who_handed_the_call_on_cannot_win_it_back() {
        let mut source = Source::default();
        let first = address(STRANGER);
        assert!(source.accepts(now(), first, first, &header(1, 1)));
        source.moved_from(first);
        assert_eq!(accepted(&mut source, &[(1, 2), (1, 3), (1, 4)]), [false; 3]);
        assert_eq!(source.destination(address(PHONE)), address(PHONE));
    }
}
