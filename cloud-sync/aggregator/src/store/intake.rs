//! Which records of a stream are new. Pure, and the same for every store.

use std::collections::BTreeMap;

/// Runs of records beyond a watermark that are remembered; a box sends its records in order, so
/// more of them is a fault, and what comes then is left for the box to send again.
const MOST_RUNS: usize = 1_024;

/// The last sequence of the contract (2⁵³ - 1).
const LAST: u64 = (1 << 53) - 1;

/// What a stream has: everything up to its watermark, and runs of records beyond it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Intake {
    watermark: u64,
    /// First sequence of a run to its last; runs neither overlap nor touch.
    ahead: BTreeMap<u64, u64>,
    changed: bool,
    /// Whether the store has runs of this stream.
    had_runs: bool,
}

/// What becomes of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To be stored.
    New,
    /// Stored before, or known as lost.
    Known,
    /// Too far out of order to be remembered: neither stored nor acknowledged.
    Later,
}

/// Records that will never come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) first: u64,
    pub(super) through: u64,
    /// How many of them were not there.
    pub(super) lost: u64,
}

impl Intake {
    /// What was stored: a watermark, and runs beyond it in any order.
    pub(super) fn new(watermark: u64, runs: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut intake = Self {
            watermark,
            ..Self::default()
        };
        for (first, through) in runs {
            intake.cover(first, through);
        }
        intake.changed = false;
        intake.had_runs = !intake.ahead.is_empty();
        intake
    }

    /// The last sequence of the contiguous run from 1.
    pub(super) const fn watermark(&self) -> u64 {
        self.watermark
    }

    /// The runs beyond the watermark.
    pub(super) fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ahead.iter().map(|(first, through)| (*first, *through))
    }

    /// Whether anything has to be written back.
    pub(super) const fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether the runs that the store has differ from the ones here: seldom, as boxes send in order.
    pub(super) fn moves_runs(&self) -> bool {
        self.changed && (self.had_runs || !self.ahead.is_empty())
    }

    /// Takes one record's place.
    pub(super) fn claim(&mut self, sequence: u64) -> Verdict {
        if sequence <= self.watermark || self.is_ahead(sequence) {
            return Verdict::Known;
        }
        if !self.has_room(sequence, sequence) {
            return Verdict::Later;
        }
        self.cover(sequence, sequence);
        Verdict::New
    }

    /// Marks everything from `first` to `through` that is not here as lost; none when all is.
    pub(super) fn give_up(&mut self, first: u64, through: u64) -> Option<Missing> {
        let through = through.min(LAST);
        let first = first.max(self.watermark + 1);
        if through < first || !self.has_room(first, through) {
            return None;
        }
        let lost = self.missing(first, through);
        if lost == 0 {
            return None;
        }
        self.cover(first, through);
        Some(Missing {
            first,
            through,
            lost,
        })
    }

    fn is_ahead(&self, sequence: u64) -> bool {
        let run = self.ahead.range(..=sequence).next_back();
        run.is_some_and(|(_, through)| *through >= sequence)
    }

    /// Whether the run can be remembered: it joins another, or there are not too many yet.
    fn has_room(&self, first: u64, through: u64) -> bool {
        first == self.watermark + 1
            || self.ahead.len() < MOST_RUNS
            || self.touching(first, through).next().is_some()
    }

    /// The runs that overlap or touch this one.
    fn touching(&self, first: u64, through: u64) -> impl Iterator<Item = (u64, u64)> {
        self.ahead
            .range(..=through.saturating_add(1))
            .rev()
            .take_while(move |(_, end)| end.saturating_add(1) >= first)
            .map(|(start, end)| (*start, *end))
    }

    fn cover(&mut self, first: u64, through: u64) {
        let joined: Vec<(u64, u64)> = self.touching(first, through).collect();
        let (mut start, mut end) = (first, through);
        for (from, to) in joined {
            self.ahead.remove(&from);
            start = start.min(from);
            end = end.max(to);
        }
        if start <= self.watermark + 1 {
            self.watermark = self.watermark.max(end);
        } else {
            self.ahead.insert(start, end);
        }
        self.changed = true;
    }

    fn missing(&self, first: u64, through: u64) -> u64 {
        let there: u64 = self
            .touching(first, through)
            .map(|(from, to)| (to.min(through) + 1).saturating_sub(from.max(first)))
            .sum();
        through - first + 1 - there
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stream_without_order_is_not_remembered_for_ever() {
        let mut intake = Intake::default();
        let verdicts: Vec<Verdict> = (1..=3_000).map(|n| intake.claim(n * 2 + 1)).collect();
        assert_eq!(verdicts[0], Verdict::New);
        assert_eq!(verdicts[2_999], Verdict::Later);
        assert_eq!(intake.runs().count(), MOST_RUNS);
        assert_eq!(intake.claim(1), Verdict::New);
        assert_eq!(intake.claim(2), Verdict::New);
        assert_eq!(intake.watermark(), 3);
    }

    proptest! {
        /// Against a set of numbers: verdicts, counts of the lost, watermark and runs agree.
        #[test]
        fn it_behaves_like_a_set(steps in prop::collection::vec((1_u64..60, 0_u64..6), 1..150)) {
            let mut intake = Intake::default();
            let mut model = BTreeSet::new();
            for (first, more) in steps {
                if more < 4 {
                    let expected = if model.insert(first) { Verdict::New } else { Verdict::Known };
                    prop_assert_eq!(intake.claim(first), expected);
                } else {
                    let lost = (first..=first + more).filter(|n| model.insert(*n)).count() as u64;
                    let found = intake.give_up(first, first + more).map_or(0, |missing| missing.lost);
                    prop_assert_eq!(found, lost);
                }
                let watermark = (1..=u64::MAX).take_while(|n| model.contains(n)).count() as u64;
                prop_assert_eq!(intake.watermark(), watermark);
                let ahead: BTreeSet<u64> = intake.runs().flat_map(|(from, to)| from..=to).collect();
                let expected: BTreeSet<u64> = model.range(watermark + 1..).copied().collect();
                prop_assert_eq!(ahead, expected);
                let again = Intake::new(watermark, intake.runs());
                prop_assert!(!again.moves_runs());
                prop_assert!(intake.runs().next().is_none() || intake.moves_runs());
                prop_assert!(again.runs().eq(intake.runs()));
            }
        }
    }
}
