//! Connections that the broker ends soon after they were made: another aggregator takes them over. Pure.

use std::time::Duration;

use super::AGAIN;

/// A connection that lasted so long was not cut short.
pub(crate) const LASTS: Duration = Duration::from_mins(2);

/// So many that were cut short, one after the other, are no accident.
const NO_ACCIDENT: u32 = 3;

/// How long the next try waits then at most: meanwhile the other one has the connection.
const AT_MOST: Duration = Duration::from_mins(1);

/// What is told of it.
pub(crate) const RIVAL: &str = "another aggregator is connected to this broker, and each ends the other's \
                                connection: stop one of them, or use NATS, from which several take in turns";

/// How many were cut short, one after the other.
#[derive(Debug, Default)]
pub(super) struct CutShort(u32);

impl CutShort {
    /// Notes how long a connection lasted; none where there was none, as of a broker that is away.
    pub(super) fn ended(&mut self, lasted: Option<Duration>) {
        let is_short = lasted.is_some_and(|lasted| lasted < LASTS);
        self.0 = if is_short {
            self.0.saturating_add(1)
        } else {
            0
        };
    }

    /// Whether these are no accident.
    pub(super) const fn is_no_accident(&self) -> bool {
        self.0 >= NO_ACCIDENT
    }

    /// Whether the last one made them so.
    pub(super) const fn is_new(&self) -> bool {
        self.0 == NO_ACCIDENT
    }

    /// How long to wait before connecting again.
    pub(super) fn pause(&self) -> Duration {
        let doublings = (self.0 + 1).saturating_sub(NO_ACCIDENT).min(16);
        (AGAIN * 2_u32.pow(doublings)).min(AT_MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_thrown_out_again_and_again_comes_back_ever_later() {
        let mut cut_short = CutShort::default();
        let (short, long) = (Some(Duration::from_secs(1)), Some(LASTS));
        assert_eq!(cut_short.pause(), AGAIN);
        let mut pauses = Vec::new();
        for count in 1..=20 {
            cut_short.ended(short);
            assert_eq!(cut_short.is_no_accident(), count >= 3);
            assert_eq!(cut_short.is_new(), count == 3);
            pauses.push(cut_short.pause());
        }
        assert_eq!(pauses[..4], [AGAIN, AGAIN, AGAIN * 2, AGAIN * 4]);
        assert!(pauses.is_sorted() && pauses[19] == AT_MOST);
        for lasted in [long, None] {
            let mut cut_short = CutShort(9);
            cut_short.ended(lasted);
            assert!(!cut_short.is_no_accident());
            assert_eq!(cut_short.pause(), AGAIN);
        }
    }
}
