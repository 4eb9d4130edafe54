//! The loops, written so that the compiler turns them into vector instructions.
#![expect(
    clippy::inline_always,
    reason = "they take on the instructions of their caller"
)]

use std::sync::Arc;

use crate::arithmetic::{add, exp, multiply_add};

/// Outputs of a panel of weights: with four rows they fill half of AVX2's registers.
const PANEL: usize = 16;
/// Rows that share a pass over a panel.
const ROWS: usize = 4;

/// What a step does.
pub(super) enum Operation {
    Unary(Unary),
    /// With the step's other place, of the same length.
    Both(Binary),
    /// With constants, spread over the input.
    Constant(Binary, Vec<f32>, Spread),
    /// With the step's other place, spread over the input.
    Spread(Binary, Spread),
    /// Mean of each run of so many values.
    Mean(usize),
    /// Logarithm of the softmax of each run of so many values.
    LogSoftmax(usize),
    /// Rows of so many columns become columns.
    Transpose {
        columns: usize,
    },
    Copy(Strides),
    Linear(Arc<Linear>),
    Unfold(Unfold),
    Depthwise(Depthwise),
}

#[derive(Clone, Copy)]
pub(super) enum Unary {
    Relu,
    Sigmoid,
    Sqrt,
    Square,
}

#[derive(Clone, Copy)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// How fewer values meet more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spread {
    /// All over again after the last.
    Cycle,
    /// Each for so many neighbours.
    Each(usize),
}

/// Runs of values at even distances.
pub(super) struct Strides {
    pub(super) count: usize,
    pub(super) length: usize,
    pub(super) from_start: usize,
    pub(super) from_step: usize,
    pub(super) to_start: usize,
    pub(super) to_step: usize,
}

/// Rows times a matrix.
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    /// For each [`PANEL`] of outputs, input after input.
    panels: Vec<f32>,
}

/// `[channels, frames]` to a row of `channels * kernel` values for every output of a convolution.
pub(super) struct Unfold {
    pub(super) frames: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) outputs: usize,
}

/// Every channel with a kernel of its own: `[channels, frames]` to `[channels, outputs]`.
pub(super) struct Depthwise {
    pub(super) frames: usize,
    pub(super) kernel: usize,
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Operation {
    #[inline(always)]
    pub(super) fn run<const FUSED: bool>(
        &self,
        from: &[f32],
        other: Option<&mut [f32]>,
        to: &mut [f32],
    ) {
        let other: &[f32] = other.map_or(&[], |other| other);
        match self {
            Self::Unary(unary) => unary.run(from, to),
            Self::Both(binary) => binary.run(from, other, to),
            Self::Constant(binary, values, spread) => binary.spread(from, values, *spread, to),
            Self::Spread(binary, spread) => binary.spread(from, other, *spread, to),
            Self::Mean(width) => mean(from, *width, to),
            Self::LogSoftmax(width) => log_softmax(from, *width, to),
            Self::Transpose { columns } => transpose(from, *columns, to),
            Self::Copy(strides) => strides.run(from, to),
            Self::Linear(linear) => linear.run::<FUSED>(from, to),
            Self::Unfold(unfold) => unfold.run(from, to),
            Self::Depthwise(depthwise) => depthwise.run::<FUSED>(from, to),
        }
    }
}

impl Unary {
    #[inline(always)]
    fn run(self, from: &[f32], to: &mut [f32]) {
        match self {
            Self::Relu => each(from, to, |x| x.max(0.0)),
            Self::Sigmoid => each(from, to, |x| 1.0 / (1.0 + exp(-x))),
            Self::Sqrt => each(from, to, f32::sqrt),
            Self::Square => each(from, to, |x| x * x),
        }
    }
}

#[inline(always)]
fn each(from: &[f32], to: &mut [f32], of: impl Fn(f32) -> f32) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = of(from);
    }
}

impl Binary {
    #[inline(always)]
    fn run(self, a: &[f32], b: &[f32], to: &mut [f32]) {
        match self {
            Self::Add => pairs(a, b, to, |a, b| a + b),
            Self::Subtract => pairs(a, b, to, |a, b| a - b),
            Self::Multiply => pairs(a, b, to, |a, b| a * b),
            Self::Divide => pairs(a, b, to, |a, b| a / b),
        }
    }

    #[inline(always)]
    fn spread(self, a: &[f32], b: &[f32], spread: Spread, to: &mut [f32]) {
        match spread {
            Spread::Cycle => {
                let runs = a.chunks_exact(b.len()).zip(to.chunks_exact_mut(b.len()));
                runs.for_each(|(a, to)| self.run(a, b, to));
            }
            Spread::Each(neighbours) => {
                let runs = a.chunks_exact(neighbours);
                for ((a, to), &b) in runs.zip(to.chunks_exact_mut(neighbours)).zip(b) {
                    self.with(a, b, to);
                }
            }
        }
    }

    #[inline(always)]
    fn with(self, a: &[f32], b: f32, to: &mut [f32]) {
        match self {
            Self::Add => each(a, to, |a| a + b),
            Self::Subtract => each(a, to, |a| a - b),
            Self::Multiply => each(a, to, |a| a * b),
            Self::Divide => each(a, to, |a| a / b),
        }
    }
}

#[inline(always)]
fn pairs(a: &[f32], b: &[f32], to: &mut [f32], of: impl Fn(f32, f32) -> f32) {
    for ((to, &a), &b) in to.iter_mut().zip(a).zip(b) {
        *to = of(a, b);
    }
}

/// Eight sums side by side, because one would wait for itself.
#[inline(always)]
fn mean(from: &[f32], width: usize, to: &mut [f32]) {
    for (run, to) in from.chunks_exact(width).zip(to) {
        let (eights, rest) = run.as_chunks::<8>();
        let mut sums = [0.0f32; 8];
        for eight in eights {
            add::<false, 8>(&mut sums, 1.0, eight);
        }
        let sum = sums.iter().sum::<f32>() + rest.iter().sum::<f32>();
        *to = sum / width as f32;
    }
}

#[inline(always)]
fn log_softmax(from: &[f32], width: usize, to: &mut [f32]) {
    for (run, to) in from.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
        let most = run.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = run.iter().map(|value| (value - most).exp()).sum();
        each(run, to, |value| value - most - sum.ln());
    }
}

#[inline(always)]
fn transpose(from: &[f32], columns: usize, to: &mut [f32]) {
    let rows = from.len() / columns;
    for (column, to) in to.chunks_exact_mut(rows).enumerate() {
        for (to, row) in to.iter_mut().zip(from.chunks_exact(columns)) {
            *to = row[column];
        }
    }
}

impl Strides {
    #[inline(always)]
    fn run(&self, from: &[f32], to: &mut [f32]) {
        for number in 0..self.count {
            let (from_start, to_start) = (
                self.from_start + number * self.from_step,
                self.to_start + number * self.to_step,
            );
            to[to_start..to_start + self.length]
                .copy_from_slice(&from[from_start..from_start + self.length]);
        }
    }
}

impl Linear {
    /// `weights` are input after input, with so many outputs each.
    pub(super) fn new(weights: &[f32], outputs: usize) -> Self {
        let inputs = weights.len() / outputs;
        let mut panels = vec![0.0; outputs.div_ceil(PANEL) * PANEL * inputs];
        for (input, row) in weights.chunks_exact(outputs).enumerate() {
            for (panel, part) in row.chunks(PANEL).enumerate() {
                let start = (panel * inputs + input) * PANEL;
                panels[start..start + part.len()].copy_from_slice(part);
            }
        }
        Self {
            inputs,
            outputs,
            panels,
        }
    }

    /// Inputs and outputs.
    pub(super) const fn size(&self) -> [usize; 2] {
        [self.inputs, self.outputs]
    }

    #[inline(always)]
    fn run<const FUSED: bool>(&self, from: &[f32], to: &mut [f32]) {
        let panels = self.panels.chunks_exact(self.inputs * PANEL);
        for (panel, first) in panels.zip((0..self.outputs).step_by(PANEL)) {
            let width = PANEL.min(self.outputs - first);
            let (panel, _) = panel.as_chunks::<PANEL>();
            let rows = from.chunks(ROWS * self.inputs);
            for (rows, to) in rows.zip(to.chunks_mut(ROWS * self.outputs)) {
                if rows.len() == ROWS * self.inputs {
                    self.four::<FUSED>(rows, panel, first, width, to);
                } else {
                    self.few::<FUSED>(rows, panel, first, width, to);
                }
            }
        }
    }

    #[inline(always)]
    fn four<const FUSED: bool>(
        &self,
        rows: &[f32],
        panel: &[[f32; PANEL]],
        first: usize,
        width: usize,
        to: &mut [f32],
    ) {
        let row = |number: usize| &rows[number * self.inputs..][..self.inputs];
        let columns = row(0).iter().zip(row(1)).zip(row(2)).zip(row(3));
        // Four names, not an array of four: so they stay in registers.
        let (mut a, mut b, mut c, mut d) = ([0.0; PANEL], [0.0; PANEL], [0.0; PANEL], [0.0; PANEL]);
        for (weights, (((&of_a, &of_b), &of_c), &of_d)) in panel.iter().zip(columns) {
            add::<FUSED, PANEL>(&mut a, of_a, weights);
            add::<FUSED, PANEL>(&mut b, of_b, weights);
            add::<FUSED, PANEL>(&mut c, of_c, weights);
            add::<FUSED, PANEL>(&mut d, of_d, weights);
        }
        for (sums, to) in [a, b, c, d].iter().zip(to.chunks_exact_mut(self.outputs)) {
            to[first..first + width].copy_from_slice(&sums[..width]);
        }
    }

    #[inline(always)]
    fn few<const FUSED: bool>(
        &self,
        rows: &[f32],
        panel: &[[f32; PANEL]],
        first: usize,
        width: usize,
        to: &mut [f32],
    ) {
        let rows = rows.chunks_exact(self.inputs);
        for (row, to) in rows.zip(to.chunks_exact_mut(self.outputs)) {
            let mut sums = [0.0; PANEL];
            for (&x, weights) in row.iter().zip(panel) {
                add::<FUSED, PANEL>(&mut sums, x, weights);
            }
            to[first..first + width].copy_from_slice(&sums[..width]);
        }
    }
}

impl Unfold {
    #[inline(always)]
    fn run(&self, from: &[f32], to: &mut [f32]) {
        let row = to.len() / self.outputs;
        for (output, row) in to.chunks_exact_mut(row).enumerate() {
            let channels = from.chunks_exact(self.frames);
            for (to, channel) in row.chunks_exact_mut(self.kernel).zip(channels) {
                to.copy_from_slice(&channel[output * self.stride..][..self.kernel]);
            }
        }
    }
}

impl Depthwise {
    #[inline(always)]
    fn run<const FUSED: bool>(&self, from: &[f32], to: &mut [f32]) {
        let outputs = self.frames + 1 - self.kernel;
        let channels = from
            .chunks_exact(self.frames)
            .zip(to.chunks_exact_mut(outputs));
        let kernels = self.weights.chunks_exact(self.kernel).zip(&self.bias);
        for ((from, to), (weights, &bias)) in channels.zip(kernels) {
            let (fours, rest) = to.as_chunks_mut::<4>();
            let done = fours.len() * 4;
            for (number, four) in fours.iter_mut().enumerate() {
                let mut sums = [bias; 4];
                for (at, &weight) in (number * 4..).zip(weights) {
                    if let Some(heard) = from[at..].first_chunk::<4>() {
                        add::<FUSED, 4>(&mut sums, weight, heard);
                    }
                }
                *four = sums;
            }
            for (number, to) in rest.iter_mut().enumerate() {
                let heard = from[done + number..].iter().zip(weights);
                *to = heard.fold(bias, |sum, (&x, &weight)| {
                    multiply_add::<FUSED>(x, weight, sum)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_parts_in_ten_million() {
        let mut x = -86.9f32;
        while x < 87.9 {
            let (found, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                (found / exact - 1.0).abs() < 2e-7,
                "{x}: {found} against {exact}"
            );
            x += 0.003_1;
        }
        assert!(exp(f32::NAN).is_nan() && exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(f32::INFINITY) > 1e38);
    }

    #[test]
    fn a_matrix_of_any_size_is_multiplied() {
        for (rows, inputs, outputs) in [(1, 1, 1), (4, 3, 16), (5, 7, 17), (9, 20, 98)] {
            let value = |n: usize| ((n * 37 + 11) % 23) as f32 - 11.0;
            let x: Vec<f32> = (0..rows * inputs).map(value).collect();
            let weights: Vec<f32> = (0..inputs * outputs).map(|n| value(n * 3 + 1)).collect();
            let mut found = vec![f32::NAN; rows * outputs];
            Linear::new(&weights, outputs).run::<false>(&x, &mut found);
            for (row, found) in x.chunks(inputs).zip(found.chunks(outputs)) {
                for (output, &found) in found.iter().enumerate() {
                    let exact: f32 = (0..inputs)
                        .map(|i| row[i] * weights[i * outputs + output])
                        .sum();
                    assert_eq!(found, exact, "{rows} x {inputs} x {outputs}");
                }
            }
        }
    }
}
