//! Values that are computed, and where they lie: a slot, a start, and a stride for each axis.

use std::ops::Range;

/// A tensor in a slot. Turning, cutting and repeating it only changes the strides.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) slot: usize,
    pub(super) start: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl View {
    /// A tensor without gaps, its last axis side by side.
    pub(super) fn whole(slot: usize, shape: &[usize]) -> Self {
        Self {
            slot,
            start: 0,
            shape: shape.to_vec(),
            strides: dense(shape),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) const fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Whether the values lie one after the other, in order.
    pub(super) fn is_dense(&self) -> bool {
        let dense = dense(&self.shape);
        let axes = self.shape.iter().zip(&self.strides).zip(&dense);
        self.len() > 0 && axes.into_iter().all(|((&size, a), b)| size == 1 || a == b)
    }

    /// The part of the slot that it touches.
    pub(super) fn range(&self) -> Range<usize> {
        let axes = self.shape.iter().zip(&self.strides);
        let last: usize = axes.map(|(size, stride)| (size - 1) * stride).sum();
        self.start..self.start + last + 1
    }

    /// Axis `n` of the result is axis `order[n]` of this.
    pub(super) fn turned(&self, order: &[usize]) -> Self {
        Self {
            shape: order.iter().map(|&axis| self.shape[axis]).collect(),
            strides: order.iter().map(|&axis| self.strides[axis]).collect(),
            ..*self
        }
    }

    /// Every `step`th of a part of one axis.
    pub(super) fn part(&self, axis: usize, range: Range<usize>, step: usize) -> Option<Self> {
        if range.is_empty() || range.end > *self.shape.get(axis)? || step == 0 {
            return None;
        }
        let mut part = self.clone();
        part.start += range.start * part.strides[axis];
        part.shape[axis] = range.len().div_ceil(step);
        part.strides[axis] *= step;
        Some(part)
    }

    /// Repeated along axes of size 1, and along new ones before the first.
    pub(super) fn spread(&self, shape: &[usize]) -> Option<Self> {
        let new = shape.len().checked_sub(self.rank())?;
        let mut strides = vec![0; new];
        for (axis, &size) in shape[new..].iter().enumerate() {
            strides.push(match self.shape[axis] {
                own if own == size => self.strides[axis],
                1 => 0,
                _ => return None,
            });
        }
        Some(Self {
            shape: shape.to_vec(),
            strides,
            ..*self
        })
    }

    /// The same values in another shape, if no value must move for that.
    pub(super) fn shaped(&self, shape: &[usize]) -> Option<Self> {
        if shape.iter().product::<usize>() != self.len() {
            return None;
        }
        let axes: Vec<[usize; 2]> = self.joined();
        let mut strides = vec![0; shape.len()];
        let mut axes = axes.into_iter().rev();
        let mut current = axes.next().unwrap_or([1, 0]);
        let mut taken = 1;
        for (axis, &size) in shape.iter().enumerate().rev() {
            if size == 1 {
                continue;
            }
            if taken == current[0] {
                current = axes.next()?;
                taken = 1;
            }
            strides[axis] = current[1] * taken;
            taken *= size;
            if !current[0].is_multiple_of(taken) {
                return None;
            }
        }
        Some(Self {
            shape: shape.to_vec(),
            strides,
            ..*self
        })
    }

    /// Without an axis of size 1.
    pub(super) fn without_axis(&self, at: usize) -> Option<Self> {
        let mut view = self.clone();
        view.strides.remove(at);
        (view.shape.remove(at) == 1).then_some(view)
    }

    /// Size and stride of the axes, those of size 1 left out and neighbours joined where they can be.
    pub(super) fn joined(&self) -> Vec<[usize; 2]> {
        let mut joined: Vec<[usize; 2]> = Vec::new();
        for (&size, &stride) in self.shape.iter().zip(&self.strides) {
            match joined.last_mut() {
                _ if size == 1 => {}
                Some(last) if last[1] == size * stride => *last = [last[0] * size, stride],
                _ => joined.push([size, stride]),
            }
        }
        joined
    }
}

/// The strides of a tensor without gaps.
pub(super) fn dense(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_change_without_moving_where_that_can_be() {
        let whole = View::whole(0, &[16, 1, 272]);
        let part = whole.part(2, 128..256, 1).unwrap();
        assert!(!part.is_dense());
        let heads = part.shaped(&[16, 1, 4, 32]).unwrap();
        assert_eq!(
            (heads.start, &heads.strides[..]),
            (128, &[272, 0, 32, 1][..])
        );
        let turned = heads.turned(&[2, 1, 0, 3]);
        assert_eq!(turned.shape, [4, 1, 16, 32]);
        assert!(turned.shaped(&[64, 32]).is_none());
        assert!(whole.shaped(&[16, 270]).is_none());
        assert_eq!(
            turned.shaped(&[4, 16, 2, 16]).unwrap().strides,
            [32, 272, 16, 1]
        );
        let spread = View::whole(0, &[3, 1]).spread(&[2, 3, 4]).unwrap();
        assert_eq!(spread.strides, [0, 1, 0]);
        assert_eq!(spread.range(), 0..3);
        assert_eq!(spread.shaped(&[2, 12]).map(|view| view.strides), None);
    }
}
