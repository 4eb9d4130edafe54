//! Softmax, sums and the like, of rows of neighbouring values.
#![expect(
    clippy::inline_always,
    reason = "they take on the instructions of their caller"
)]

use crate::arithmetic::exp;

/// Lanes that are worked on side by side, because one sum would wait for itself.
const LANES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reduction {
    Mean,
    Sum,
    Most,
    Least,
}

impl Reduction {
    /// One value for each row of so many.
    #[inline(always)]
    pub(super) fn run(self, from: &[f32], width: usize, to: &mut [f32]) {
        for (row, to) in from.chunks_exact(width).zip(to) {
            *to = match self {
                Self::Mean => fold(row, 0.0, |a, b| a + b) / width as f32,
                Self::Sum => fold(row, 0.0, |a, b| a + b),
                Self::Most => fold(row, f32::NEG_INFINITY, f32::max),
                Self::Least => fold(row, f32::INFINITY, f32::min),
            };
        }
    }
}

#[inline(always)]
pub(super) fn fold(row: &[f32], first: f32, of: impl Fn(f32, f32) -> f32) -> f32 {
    let (eights, rest) = row.as_chunks::<LANES>();
    let mut lanes = [first; LANES];
    for eight in eights {
        for lane in 0..LANES {
            lanes[lane] = of(lanes[lane], eight[lane]);
        }
    }
    lanes.iter().chain(rest).fold(first, |a, &b| of(a, b))
}

/// The softmax of each row, or its logarithm.
#[inline(always)]
pub(super) fn softmax(from: &[f32], width: usize, is_logarithm: bool, to: &mut [f32]) {
    for (row, to) in from.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
        let most = fold(row, f32::NEG_INFINITY, f32::max);
        for (to, &value) in to.iter_mut().zip(row) {
            *to = exp(value - most);
        }
        let sum = fold(to, 0.0, |a, b| a + b);
        if is_logarithm {
            let total = sum.ln();
            for (to, &value) in to.iter_mut().zip(row) {
                *to = value - most - total;
            }
        } else {
            let share = 1.0 / sum;
            for to in to.iter_mut() {
                *to *= share;
            }
        }
    }
}

/// The sum of each value and all before it in its row.
#[inline(always)]
pub(super) fn cumulate(from: &[f32], width: usize, to: &mut [f32]) {
    for (row, to) in from.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
        let mut sum = 0.0;
        for (to, value) in to.iter_mut().zip(row) {
            sum += value;
            *to = sum;
        }
    }
}
