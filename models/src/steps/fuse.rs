//! Steps that work on each value by itself become one, and steps that nobody needs go.

use super::build::{Draft, Home, Slot, Work};
use super::chain::{Argument, Chain, MAX_INPUTS, MAX_NODES, Node, Program};
use super::view::View;

/// Joins what can be joined; `outputs` are read after the last step.
pub(super) fn fuse(drafts: &mut Vec<Draft>, slots: &[Slot], outputs: &[View]) {
    drop_unneeded(drafts, slots, outputs);
    let mut readers = vec![0usize; slots.len()];
    let mut writers = vec![Vec::new(); slots.len()];
    for (number, draft) in drafts.iter().enumerate() {
        writers[draft.to.slot].push(number);
        for view in &draft.from {
            readers[view.slot] += 1;
        }
    }
    for view in outputs {
        readers[view.slot] += 1;
    }
    for consumer in (0..drafts.len()).rev() {
        let mut refused = Vec::new();
        while let Some(producer) = candidate(drafts, consumer, slots, &readers, &writers, &refused)
        {
            match joined(&drafts[producer], &drafts[consumer]) {
                Some((nodes, from)) => {
                    for view in &drafts[producer].from {
                        readers[view.slot] = readers[view.slot].saturating_sub(1);
                    }
                    for view in &drafts[consumer].from {
                        readers[view.slot] = readers[view.slot].saturating_sub(1);
                    }
                    for view in &from {
                        readers[view.slot] += 1;
                    }
                    drafts[consumer].work = Work::Chain(nodes);
                    drafts[consumer].from = from;
                }
                None => refused.push(producer),
            }
        }
    }
    drop_unneeded(drafts, slots, outputs);
}

/// A chain whose result only this chain reads, value by value.
fn candidate(
    drafts: &[Draft],
    consumer: usize,
    slots: &[Slot],
    readers: &[usize],
    writers: &[Vec<usize>],
    refused: &[usize],
) -> Option<usize> {
    let draft = &drafts[consumer];
    if !matches!(draft.work, Work::Chain(_)) {
        return None;
    }
    draft.from.iter().find_map(|view| {
        let [producer] = writers[view.slot][..] else {
            return None;
        };
        let of_slot = draft.from.iter().filter(|other| other.slot == view.slot);
        let is_by_value = |view: &View| {
            view.is_dense() && view.len() == slots[view.slot].length && view.len() == draft.to.len()
        };
        let fits = matches!(drafts[producer].work, Work::Chain(_))
            && !refused.contains(&producer)
            && readers[view.slot] == of_slot.clone().count()
            && of_slot.clone().all(is_by_value);
        fits.then_some(producer)
    })
}

/// Both chains as one: the producer's nodes, then the consumer's.
fn joined(producer: &Draft, consumer: &Draft) -> Option<(Vec<Node>, Vec<View>)> {
    let (Work::Chain(first), Work::Chain(second)) = (&producer.work, &consumer.work) else {
        return None;
    };
    let shape = &consumer.to.shape;
    let mut from: Vec<View> = Vec::new();
    let mut input = |view: View| {
        let known = from.iter().position(|known| *known == view);
        known.unwrap_or_else(|| {
            from.push(view);
            from.len() - 1
        })
    };
    let of_first = producer
        .from
        .iter()
        .map(|view| Some(input(view.shaped(shape)?)))
        .collect::<Option<Vec<_>>>()?;
    let of_second: Vec<Option<usize>> = consumer
        .from
        .iter()
        .map(|view| (view.slot != producer.to.slot).then(|| input(view.clone())))
        .collect();
    let result = first.len() - 1;
    let mut nodes: Vec<Node> = first
        .iter()
        .map(|node| {
            node.map(|argument| match argument {
                Argument::Input(number) => Argument::Input(of_first[number]),
                other => other,
            })
        })
        .collect();
    nodes.extend(second.iter().map(|node| {
        node.map(|argument| match argument {
            Argument::Input(number) => {
                of_second[number].map_or(Argument::Node(result), Argument::Input)
            }
            Argument::Node(number) => Argument::Node(first.len() + number),
            Argument::Number(number) => Argument::Number(number),
        })
    }));
    if nodes.len() > MAX_NODES || from.len() > MAX_INPUTS {
        return None;
    }
    let chain = Chain {
        inputs: from,
        nodes,
    };
    Program::new(&chain)?;
    Some((chain.nodes, chain.inputs))
}

/// Drops every step whose result is never read.
fn drop_unneeded(drafts: &mut Vec<Draft>, slots: &[Slot], outputs: &[View]) {
    let mut needed: Vec<bool> = slots
        .iter()
        .map(|slot| slot.home != Home::Scratch)
        .collect();
    for view in outputs {
        needed[view.slot] = true;
    }
    let mut kept: Vec<Draft> = Vec::new();
    for draft in drafts.drain(..).rev() {
        if needed[draft.to.slot] {
            for view in &draft.from {
                needed[view.slot] = true;
            }
            kept.push(draft);
        }
    }
    kept.reverse();
    *drafts = kept;
}
