//! Counts what the sequence numbers of an incoming stream say was lost or late (RFC 3550, A.1).

/// A jump further than this is a new stream, not a loss.
const MAX_JUMP: u16 = 3_000;

/// The sequence numbers of one leg's incoming stream.
#[derive(Debug, Default)]
pub struct Sequence {
    last: Option<(u32, u16)>,
}

/// What one packet adds to the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Packets missing before this one.
    pub lost: u64,
    /// 1 when this one comes after a later one.
    pub late: u64,
}

impl Sequence {
    /// Takes the next packet as it comes.
    pub fn count(&mut self, ssrc: u32, sequence: u16) -> Seen {
        let Some((_, last)) = self.last.filter(|&(stream, _)| stream == ssrc) else {
            self.last = Some((ssrc, sequence));
            return Seen::default();
        };
        let ahead = sequence.wrapping_sub(last);
        let behind = last.wrapping_sub(sequence);
        if ahead == 0 || behind < MAX_JUMP {
            return Seen { lost: 0, late: 1 };
        }
        self.last = Some((ssrc, sequence));
        let missing = if ahead < MAX_JUMP {
            u64::from(ahead - 1)
        } else {
            0
        };
        Seen {
            lost: missing,
            late: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_lost_and_what_comes_behind_is_late() {
        let mut stream = Sequence::default();
        let seen: Vec<_> = [10, 11, 14, 12, 14, 15]
            .map(|number| stream.count(1, number))
            .to_vec();
        let late = Seen { lost: 0, late: 1 };
        let fine = Seen::default();
        assert_eq!(
            seen,
            [fine, fine, Seen { lost: 2, late: 0 }, late, late, fine]
        );
    }

    #[test]
    fn wrapping_new_streams_and_restarts_are_not_losses() {
        let mut stream = Sequence::default();
        for (ssrc, sequence) in [(1, 65_535), (1, 0), (2, 500), (2, 40_000), (2, 40_001)] {
            assert_eq!(
                stream.count(ssrc, sequence),
                Seen::default(),
                "{ssrc} {sequence}"
            );
        }
    }
}
