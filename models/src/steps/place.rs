//! Gives every slot a place in the scratch buffer for as long as it is needed.

use std::collections::{BTreeMap, HashMap};

use super::access::Access;
use super::build::{Builder, Home, MAX_VALUES, Slot};
use super::view::View;
use super::{Place, Plan, Source, Step};

/// Places begin at multiples of this, a cache line.
const ALIGNMENT: usize = 16;

/// The finished plan.
pub(super) fn place(builder: Builder<'_>, outputs: &[View]) -> Option<Plan> {
    let slots = builder.slots;
    let mut last_use = vec![0; slots.len()];
    for (number, draft) in builder.drafts.iter().enumerate() {
        for view in draft.from.iter().chain([&draft.to]) {
            last_use[view.slot] = number;
        }
    }
    for view in outputs {
        last_use[view.slot] = usize::MAX;
    }
    let mut places = Places::default();
    let mut steps = Vec::new();
    for (number, draft) in builder.drafts.into_iter().enumerate() {
        let slot = draft.to.slot;
        if !places.starts.contains_key(&slot) {
            places.free_before(number);
            places.take(slot, slots[slot].length, last_use[slot])?;
        }
        let start = *places.starts.get(&slot)?;
        let range = draft.to.range();
        let from = draft.from.iter().map(|view| places.of(view, &slots));
        steps.push(Step {
            from: from.collect::<Option<_>>()?,
            to: start + range.start..start + range.end,
            operation: draft.operation()?,
        });
    }
    let (found, next) = outputs.split_first()?;
    let Place::Scratch(found_at) = places.of(found, &slots)? else {
        return None;
    };
    let mut at = 0;
    let mut sources = Vec::new();
    for view in next {
        let source = Source {
            from: places.of(view, &slots)?,
            access: Access::of(view),
        };
        sources.push((source, at..at + view.len()));
        at += view.len();
    }
    let heard = slots.iter().find(|slot| slot.home == Home::Heard)?.length;
    let state = slots
        .iter()
        .filter(|slot| matches!(slot.home, Home::State(_)));
    let state: usize = state.map(|slot| slot.length).sum();
    (at == state).then_some(Plan {
        steps,
        scratch: places.end,
        constants: builder.constants,
        heard,
        state,
        output: found.shape.clone(),
        found: found_at,
        next: sources,
    })
}

/// Who lies where in the scratch buffer.
#[derive(Default)]
struct Places {
    /// What is taken, by where it begins: its end and the last step that needs it.
    taken: BTreeMap<usize, (usize, usize)>,
    starts: HashMap<usize, usize>,
    end: usize,
}

impl Places {
    /// Frees what no step from that one on needs.
    fn free_before(&mut self, step: usize) {
        self.taken.retain(|_, (_, last)| *last >= step);
    }

    fn take(&mut self, slot: usize, length: usize, last_use: usize) -> Option<()> {
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

    fn of(&self, view: &View, slots: &[Slot]) -> Option<Place> {
        let range = view.range();
        let moved = |start: usize| start + range.start..start + range.end;
        Some(match slots[view.slot].home {
            Home::Scratch => Place::Scratch(moved(*self.starts.get(&view.slot)?)),
            Home::Constants(start) => Place::Constants(moved(start)),
            Home::State(start) => Place::State(moved(start)),
            Home::Heard => Place::Heard(moved(0)),
        })
    }
}
