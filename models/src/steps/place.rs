//! Gives every slot a place in the scratch buffer for as long as it is needed.

use super::access::Access;
use super::build::{Builder, Home, Slot};
use super::view::View;
use super::{Place, Plan, Source, Step};
use crate::scratch::Places;

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
        if places.start(slot).is_none() {
            places.free_before(number);
            places.take(slot, slots[slot].length, last_use[slot])?;
        }
        let start = places.start(slot)?;
        let range = draft.to.range();
        let from = draft
            .from
            .iter()
            .map(|view| place_of(&places, view, &slots));
        steps.push(Step {
            from: from.collect::<Option<_>>()?,
            to: start + range.start..start + range.end,
            operation: draft.operation()?,
        });
    }
    let (found, next) = outputs.split_first()?;
    let Place::Scratch(found_at) = place_of(&places, found, &slots)? else {
        return None;
    };
    let mut at = 0;
    let mut sources = Vec::new();
    for view in next {
        let source = Source {
            from: place_of(&places, view, &slots)?,
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
        scratch: places.end(),
        constants: builder.constants,
        heard,
        state,
        output: found.shape.clone(),
        found: found_at,
        next: sources,
    })
}

fn place_of(places: &Places, view: &View, slots: &[Slot]) -> Option<Place> {
    let range = view.range();
    let moved = |start: usize| start + range.start..start + range.end;
    Some(match slots[view.slot].home {
        Home::Scratch => Place::Scratch(moved(places.start(view.slot)?)),
        Home::Constants(start) => Place::Constants(moved(start)),
        Home::State(start) => Place::State(moved(start)),
        Home::Heard => Place::Heard(moved(0)),
    })
}
