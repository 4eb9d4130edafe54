//! A contact bounces for some milliseconds; only a level that stays counts.

use std::time::Duration;

/// Turns the samples of a bouncing contact into clean changes.
#[derive(Clone, Debug)]
pub struct Debounce {
    settle: Duration,
    stable: bool,
    /// The other level, since when.
    candidate: Option<Duration>,
}

impl Debounce {
    /// Starts at a level; a change counts once it has stayed for `settle`.
    pub const fn new(initial: bool, settle: Duration) -> Self {
        Self {
            settle,
            stable: initial,
            candidate: None,
        }
    }

    /// Takes a sample; returns the new level when it has just become certain.
    pub fn sample(&mut self, now: Duration, level: bool) -> Option<bool> {
        if level == self.stable {
            self.candidate = None;
            return None;
        }
        let since = *self.candidate.get_or_insert(now);
        if now.saturating_sub(since) < self.settle {
            return None;
        }
        self.candidate = None;
        self.stable = level;
        Some(level)
    }

    /// The level that counts.
    pub const fn level(&self) -> bool {
        self.stable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_level_counts_only_when_it_stays() {
        let mut contact = Debounce::new(false, ms(20));
        let samples = [
            (0, true),
            (5, false),
            (10, true),
            (15, true),
            (29, true),
            (30, true),
        ];
        let changes: Vec<Option<bool>> = samples
            .iter()
            .map(|(at, level)| contact.sample(ms(*at), *level))
            .collect();
        assert_eq!(changes, [None, None, None, None, None, Some(true)]);
        assert!(contact.level());
    }

    #[test]
    fn a_clock_that_jumps_back_changes_nothing() {
        let mut contact = Debounce::new(false, ms(20));
        assert_eq!(contact.sample(ms(100), true), None);
        assert_eq!(contact.sample(ms(50), true), None);
        assert_eq!(contact.sample(ms(120), true), Some(true));
    }
}
