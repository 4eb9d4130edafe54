//! The scratch buffer of a network that runs as steps: values that are not needed at the same time
//! share their places.

use std::collections::{BTreeMap, HashMap};

/// The most values that a network may need at once: 64 MiB.
pub(crate) const MAX_VALUES: usize = 1 << 24;

/// Places begin at multiples of this, a cache line.
const ALIGNMENT: usize = 16;

/// Who lies where in the scratch buffer.
#[derive(Default)]
pub(crate) struct Places {
    /// What is taken, by where it begins: its end and the last step that needs it.
    taken: BTreeMap<usize, (usize, usize)>,
    starts: HashMap<usize, usize>,
    end: usize,
}

impl Places {
    /// Frees what no step from that one on needs.
    pub(crate) fn free_before(&mut self, step: usize) {
        self.taken.retain(|_, (_, last)| *last >= step);
    }

    /// The first gap that is long enough; none where the buffer would be too large.
    pub(crate) fn take(&mut self, slot: usize, length: usize, last_use: usize) -> Option<()> {
        let length = length.next_multiple_of(ALIGNMENT);
        let mut start = 0;
        for (&taken, &(end, _)) in &self.taken {
            if start + length <= taken {
                break;
            }
            start = end;
        }
        self.taken.insert(start, (start + length, last_use));
        self.starts.insert(slot, start);
        self.end = self.end.max(start + length);
        (self.end <= MAX_VALUES).then_some(())
    }

    /// Where a slot begins, if it has a place.
    pub(crate) fn start(&self, slot: usize) -> Option<usize> {
        self.starts.get(&slot).copied()
    }

    /// How many values the buffer holds.
    pub(crate) const fn end(&self) -> usize {
        self.end
    }
}
