//! What operators that turn, cut, join and pick are in steps: nothing at all, or copies.

use tract_onnx::pb::NodeProto;

use super::Operation;
use super::build::{Builder, Draft, Home, Value, Work};
use super::chain::{Argument, Node, Unary};
use super::view::{View, dense};
use crate::nodes::{attribute, axis};

impl Builder<'_> {
    pub(super) fn transpose(&mut self, node: &NodeProto) -> Option<View> {
        let from = self.view(node, 0)?;
        let order: Vec<usize> = match attribute(node, "perm") {
            Some(order) => order
                .ints
                .iter()
                .map(|&wanted| axis(wanted, from.rank()))
                .collect::<Option<_>>()?,
            None => (0..from.rank()).rev().collect(),
        };
        let mut seen = vec![false; from.rank()];
        for &axis in &order {
            seen[axis] = true;
        }
        (order.len() == from.rank() && seen.iter().all(|&seen| seen)).then(|| from.turned(&order))
    }

    pub(super) fn slice(&mut self, node: &NodeProto) -> Option<View> {
        let mut view = self.view(node, 0)?;
        let starts = self.whole_or_attribute(node, 1, "starts")?;
        let ends = self.whole_or_attribute(node, 2, "ends")?;
        let along = self
            .whole_or_attribute(node, 3, "axes")
            .unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self
            .whole_or_attribute(node, 4, "steps")
            .unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), along.len(), steps.len()] != [starts.len(); 3] {
            return None;
        }
        for (((start, end), wanted), step) in starts.into_iter().zip(ends).zip(along).zip(steps) {
            let axis = axis(wanted, view.rank())?;
            let length = view.shape[axis] as i64;
            let place = |at: i64, least: i64, most: i64| {
                let at = if at < 0 {
                    at.saturating_add(length)
                } else {
                    at
                };
                at.clamp(least, most)
            };
            if step < 0 {
                let (start, end) = (
                    place(start, -1, length - 1),
                    place(end.max(-length - 1), -1, length - 1),
                );
                let down = usize::try_from(step.checked_neg()?).ok()?;
                let places: Vec<usize> = (end + 1..=start)
                    .rev()
                    .step_by(down)
                    .map(|at| at as usize)
                    .collect();
                view = self.picked(view, axis, &places)?;
                continue;
            }
            let [start, end] = [start, end].map(|at| place(at, 0, length) as usize);
            view = view.part(axis, start..end.max(start), usize::try_from(step).ok()?)?;
        }
        Some(view)
    }

    pub(super) fn split(&mut self, node: &NodeProto) -> Option<Vec<Value>> {
        let view = self.view(node, 0)?;
        let axis = axis(
            attribute(node, "axis").map_or(0, |axis| axis.i),
            view.rank(),
        )?;
        let mut start = 0usize;
        let mut parts = Vec::new();
        for name in &node.output {
            let length = *self.shape(name)?.get(axis)?;
            let end = start.checked_add(length)?;
            parts.push(Value::Computed(view.part(axis, start..end, 1)?));
            start = end;
        }
        Some(parts)
    }

    pub(super) fn concat(&mut self, node: &NodeProto) -> Option<View> {
        let shape = self.result(node)?;
        let axis = axis(attribute(node, "axis")?.i, shape.len())?;
        let parts: Vec<View> = (0..node.input.len())
            .map(|input| self.view(node, input))
            .collect::<Option<_>>()?;
        self.joined(parts, axis, &shape)
    }

    /// Tensors one after the other along an axis.
    pub(super) fn joined(
        &mut self,
        parts: Vec<View>,
        axis: usize,
        shape: &[usize],
    ) -> Option<View> {
        let to = self.slot(shape, Home::Scratch)?;
        let mut start = 0usize;
        for from in parts {
            let end = start.checked_add(*from.shape.get(axis)?)?;
            let part = to.part(axis, start..end, 1)?;
            if part.shape != from.shape {
                return None;
            }
            self.copy(from, part);
            start = end;
        }
        (start == shape[axis]).then_some(to)
    }

    pub(super) fn copy(&mut self, from: View, to: View) {
        let work = Work::Copy;
        let from = vec![from];
        self.drafts.push(Draft { work, from, to });
    }

    pub(super) fn tile(&mut self, node: &NodeProto) -> Option<View> {
        let mut view = self.view(node, 0)?;
        let repeats = self.whole(node.input.get(1)?)?;
        let shape = self.result(node)?;
        if repeats.len() != view.rank() {
            return None;
        }
        for (axis, repeats) in repeats.into_iter().enumerate() {
            let mut wanted = view.shape.clone();
            wanted[axis] = shape[axis];
            view = match (view.shape[axis], repeats) {
                (_, 1) => view,
                (1, _) => view.spread(&wanted)?,
                (_, repeats @ 2..=1_024) => {
                    let parts = vec![view; repeats as usize];
                    self.joined(parts, axis, &wanted)?
                }
                _ => return None,
            };
        }
        (view.shape == shape).then_some(view)
    }

    pub(super) fn pad(&mut self, node: &NodeProto) -> Option<View> {
        let mode = attribute(node, "mode").map_or(&b"constant"[..], |mode| &mode.s);
        let pads = self.whole_or_attribute(node, 1, "pads")?;
        let value = self.bound(node, 2, "value", 0.0)?;
        if mode != b"constant" || node.input.get(3).is_some_and(|name| !name.is_empty()) {
            return None;
        }
        let from = self.view(node, 0)?;
        self.with_margin(from, &pads, value)
    }

    /// With a margin before and after each axis.
    pub(super) fn with_margin(&mut self, from: View, pads: &[i64], value: f32) -> Option<View> {
        let rank = from.rank();
        let pads: Vec<usize> = pads
            .iter()
            .map(|&pad| usize::try_from(pad).ok())
            .collect::<Option<_>>()?;
        if pads.len() != 2 * rank {
            return None;
        }
        let sizes = from.shape.iter().enumerate();
        let shape: Vec<usize> = sizes
            .map(|(axis, size)| size.checked_add(pads[axis])?.checked_add(pads[rank + axis]))
            .collect::<Option<_>>()?;
        let fill = Node::Unary(Unary::Copy, Argument::Input(0));
        let number = self.number(value)?.spread(&shape)?;
        let to = self.chain(vec![fill], vec![number], &shape)?;
        let mut inner = to.clone();
        for (axis, (&before, &length)) in pads.iter().zip(&from.shape).enumerate() {
            let range = before..before + length;
            inner = inner.part(axis, range, 1)?;
        }
        self.copy(from, inner);
        Some(to)
    }

    /// A constant of one value, without axes.
    pub(super) fn number(&mut self, value: f32) -> Option<View> {
        let view = self.slot(&[], Home::Constants(self.constants.len()))?;
        self.constants.push(value);
        Some(view)
    }

    pub(super) fn gather(&mut self, node: &NodeProto) -> Option<View> {
        let from = self.view(node, 0)?;
        let axis = axis(
            attribute(node, "axis").map_or(0, |axis| axis.i),
            from.rank(),
        )?;
        let places = self.whole(node.input.get(1)?)?;
        let size = from.shape[axis] as i64;
        let places: Vec<usize> = places
            .iter()
            .map(|&at| usize::try_from(if at < 0 { at + size } else { at }).ok())
            .collect::<Option<_>>()?;
        let shape = self.result(node)?;
        let runs = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let (&first, &last) = (places.first()?, places.last()?);
        if runs {
            let part = from.part(axis, first..last.checked_add(1)?, 1)?;
            return self.shaped(part, &shape);
        }
        let made = self.picked(from, axis, &places)?;
        self.shaped(made, &shape)
    }

    /// The values at these places of an axis.
    pub(super) fn picked(&mut self, from: View, axis: usize, places: &[usize]) -> Option<View> {
        let from = self.dense(from)?;
        let mut shape = from.shape.clone();
        if places.is_empty() || places.iter().any(|&at| at >= shape[axis]) {
            return None;
        }
        let (size, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        shape[axis] = places.len();
        let outer: usize = shape[..axis].iter().product();
        self.table(outer.checked_mul(places.len())?.checked_mul(inner)?)?;
        let starts =
            (0..outer).flat_map(|row| places.iter().map(move |at| (row * size + at) * inner));
        let table = starts.flat_map(|start| (start..start + inner).map(|at| at as u32));
        let table = table.collect();
        self.other(Operation::Pick(table), vec![from], &shape)
    }

    pub(super) fn gather_elements(&mut self, node: &NodeProto) -> Option<View> {
        let from = self.view(node, 0)?;
        let from = self.dense(from)?;
        let axis = axis(
            attribute(node, "axis").map_or(0, |axis| axis.i),
            from.rank(),
        )?;
        let (shape, places) = (self.result(node)?, self.whole(node.input.get(1)?)?);
        let fits = |at: usize| at == axis || shape[at] <= from.shape[at];
        if shape.len() != from.rank() || !(0..shape.len()).all(fits) {
            return None;
        }
        self.table(places.len())?;
        let size = from.shape[axis] as i64;
        let mut table = Vec::with_capacity(places.len());
        for (number, at) in places.into_iter().enumerate() {
            let at = if at < 0 { at + size } else { at };
            if !(0..size).contains(&at) {
                return None;
            }
            let (mut rest, mut place) = (number, 0);
            for other in (0..shape.len()).rev() {
                let along = rest % shape[other];
                rest /= shape[other];
                let along = if other == axis { at as usize } else { along };
                place += along * dense(&from.shape)[other];
            }
            table.push(place as u32);
        }
        self.other(Operation::Pick(table), vec![from], &shape)
    }
}
