//! Operators that only move values: cut, joined, turned, or named by another shape.

use std::ops::Range;

use tract_onnx::pb::NodeProto;

use super::{Builder, Draft, Value, View};
use crate::convolutional::kernels::{Operation, Strides};
use crate::nodes::{attribute, axis};

impl Builder<'_, '_> {
    pub(super) fn transpose(&mut self, node: &NodeProto) -> Option<Value> {
        let mut from = self.view(node, 0)?;
        let [1, rows, columns] = from.shape[..] else {
            return None;
        };
        match attribute(node, "perm")?.ints[..] {
            [0, 2, 1] if rows == 1 || columns == 1 => {
                from.shape = vec![1, columns, rows];
                Some(Value::Computed(from))
            }
            [0, 2, 1] => self.step(
                Operation::Transpose { columns },
                from,
                None,
                &[1, columns, rows],
            ),
            _ => None,
        }
    }

    pub(super) fn concat(&mut self, node: &NodeProto) -> Option<Value> {
        let parts: Vec<View> = (0..node.input.len())
            .map(|input| self.view(node, input))
            .collect::<Option<_>>()?;
        let first = parts.first()?;
        let axis = axis(attribute(node, "axis")?.i, first.shape.len())?;
        let mut shape = first.shape.clone();
        shape[axis] = parts
            .iter()
            .map(|part| part.shape.get(axis))
            .sum::<Option<usize>>()?;
        let agrees = |part: &View| {
            let mut dims = part.shape.iter().zip(&shape).enumerate();
            part.shape.len() == shape.len() && dims.all(|(at, (a, b))| at == axis || a == b)
        };
        if !parts.iter().all(agrees) {
            return None;
        }
        let count = shape[..axis].iter().product();
        let inner: usize = shape[axis + 1..].iter().product();
        let to = self.slot(&shape)?;
        let mut to_start = 0;
        for from in parts {
            let length = from.shape[axis] * inner;
            let strides = Strides {
                count,
                length,
                from_start: 0,
                from_step: length,
                to_start,
                to_step: shape[axis] * inner,
            };
            to_start += length;
            self.drafts.push(Draft {
                operation: Operation::Copy(strides),
                from,
                other: None,
                to: to.clone(),
            });
        }
        Some(Value::Computed(to))
    }

    /// Part of one axis: the same values where they lie side by side, a copy where not.
    fn part(&mut self, from: &View, axis: usize, range: Range<usize>) -> Option<Value> {
        let length = *from.shape.get(axis)?;
        if range.is_empty() || range.end > length {
            return None;
        }
        let mut shape = from.shape.clone();
        shape[axis] = range.len();
        let count: usize = shape[..axis].iter().product();
        let inner: usize = shape[axis + 1..].iter().product();
        if count == 1 {
            let start = from.start + range.start * inner;
            let slot = from.slot;
            return Some(Value::Computed(View { slot, start, shape }));
        }
        let strides = Strides {
            count,
            length: range.len() * inner,
            from_start: range.start * inner,
            from_step: length * inner,
            to_start: 0,
            to_step: range.len() * inner,
        };
        self.step(Operation::Copy(strides), from.clone(), None, &shape)
    }

    pub(super) fn slice(&mut self, node: &NodeProto) -> Option<Value> {
        let from = self.view(node, 0)?;
        let one = |input| match self.whole(node, input)? {
            [value] => Some(*value),
            _ => None,
        };
        let (start, end) = (one(1)?, one(2)?);
        let axis = match node.input.get(3).filter(|name| !name.is_empty()) {
            Some(_) => axis(one(3)?, from.shape.len())?,
            None => 0,
        };
        let has_step = node.input.get(4).is_some_and(|name| !name.is_empty());
        if has_step && one(4)? != 1 {
            return None;
        }
        let length = from.shape[axis] as i64;
        let place = |at: i64| {
            (if at < 0 {
                at.saturating_add(length)
            } else {
                at
            })
            .clamp(0, length)
        };
        self.part(&from, axis, place(start) as usize..place(end) as usize)
    }

    pub(super) fn split(&mut self, node: &NodeProto) -> Option<Vec<Value>> {
        let from = self.view(node, 0)?;
        let axis = axis(attribute(node, "axis").map_or(0, |a| a.i), from.shape.len())?;
        let length = from.shape[axis];
        let sizes = match self.whole_or_attribute(node, 1, "split") {
            Some(sizes) => sizes.iter().map(|&size| size as usize).collect(),
            None if length.is_multiple_of(node.output.len()) => {
                vec![length / node.output.len(); node.output.len()]
            }
            None => return None,
        };
        let mut start = 0usize;
        let mut parts = Vec::new();
        for size in sizes {
            let end = start.checked_add(size)?;
            parts.push(self.part(&from, axis, start..end)?);
            start = end;
        }
        Some(parts)
    }

    pub(super) fn gather(&mut self, node: &NodeProto) -> Option<Value> {
        let from = self.view(node, 0)?;
        let index = match self.value(node, 1)? {
            Value::Whole(values, 0) => *values.first()?,
            _ => return None,
        };
        let axis = axis(attribute(node, "axis").map_or(0, |a| a.i), from.shape.len())?;
        let length = from.shape[axis] as i64;
        let index = if index < 0 { index + length } else { index };
        let index = usize::try_from(index).ok()?;
        match self.part(&from, axis, index..index + 1)? {
            Value::Computed(mut part) => {
                part.shape.remove(axis);
                Some(Value::Computed(part))
            }
            _ => None,
        }
    }

    pub(super) fn unsqueeze(&mut self, node: &NodeProto) -> Option<Value> {
        let mut view = self.view(node, 0)?;
        let axes = self.whole_or_attribute(node, 1, "axes")?;
        let rank = view.shape.len() + axes.len();
        let mut axes: Vec<usize> = axes
            .iter()
            .map(|&at| axis(at, rank))
            .collect::<Option<_>>()?;
        axes.sort_unstable();
        for at in axes {
            if at > view.shape.len() {
                return None;
            }
            view.shape.insert(at, 1);
        }
        Some(Value::Computed(view))
    }

    pub(super) fn squeeze(&mut self, node: &NodeProto) -> Option<Value> {
        let mut view = self.view(node, 0)?;
        let axes = self.whole_or_attribute(node, 1, "axes")?;
        let [wanted] = axes[..] else { return None };
        let at = axis(wanted, view.shape.len())?;
        (view.shape.remove(at) == 1).then_some(Value::Computed(view))
    }
}
