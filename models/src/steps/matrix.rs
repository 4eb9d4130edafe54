//! Products of matrices: with weights, and of what was computed; convolutions.
#![expect(
    clippy::inline_always,
    reason = "they take on the instructions of their caller"
)]

use std::sync::Arc;

use crate::arithmetic::{add, multiply_add};

/// Columns of a panel: with four rows they fill half of AVX2's registers.
const PANEL: usize = 16;

/// Rows times a matrix that is known beforehand, plus a bias.
pub(super) struct Linear {
    pub(super) weights: Arc<Weights>,
    /// One for each output, or none.
    pub(super) bias: Vec<f32>,
    pub(super) rows: usize,
    /// From one row to the next.
    pub(super) pitch: usize,
}

/// A matrix in the order in which it is read: for each [`PANEL`] of outputs, input after input.
pub(super) struct Weights {
    inputs: usize,
    outputs: usize,
    panels: Vec<[f32; PANEL]>,
}

impl Weights {
    /// `values` are input after input, with so many outputs each.
    pub(super) fn new(values: &[f32], outputs: usize) -> Self {
        let inputs = values.len() / outputs;
        let mut panels = vec![[0.0; PANEL]; outputs.div_ceil(PANEL) * inputs];
        for (input, row) in values.chunks_exact(outputs).enumerate() {
            for (panel, part) in row.chunks(PANEL).enumerate() {
                panels[panel * inputs + input][..part.len()].copy_from_slice(part);
            }
        }
        Self {
            inputs,
            outputs,
            panels,
        }
    }

    pub(super) const fn size(&self) -> [usize; 2] {
        [self.inputs, self.outputs]
    }
}

impl Linear {
    #[inline(always)]
    pub(super) fn run<const FUSED: bool>(&self, from: &[f32], to: &mut [f32]) {
        let [inputs, outputs] = self.weights.size();
        let panels = self.weights.panels.chunks_exact(inputs);
        for (panel, first) in panels.zip((0..outputs).step_by(PANEL)) {
            let width = PANEL.min(outputs - first);
            let mut bias = [0.0; PANEL];
            if let Some(own) = self.bias.get(first..first + width) {
                bias[..width].copy_from_slice(own);
            }
            times::<FUSED>(from, self.pitch, self.rows, panel, |row, sums| {
                let to = &mut to[row * outputs + first..][..width];
                for ((to, sum), bias) in to.iter_mut().zip(sums).zip(&bias) {
                    *to = sum + bias;
                }
            });
        }
    }
}

/// Two computed matrices, or several pairs of them.
pub(super) struct Product {
    pub(super) rows: usize,
    pub(super) inner: usize,
    pub(super) columns: usize,
    /// From one row to the next, and from one value of a row to the next.
    pub(super) first: [usize; 2],
    /// The same of the second matrix.
    pub(super) second: [usize; 2],
    /// Where each pair begins.
    pub(super) pairs: Vec<[usize; 2]>,
}

/// Where matrices are put into the order in which they are read.
#[derive(Default)]
pub(super) struct Bench {
    rows: Vec<f32>,
    panel: Vec<[f32; PANEL]>,
}

impl Product {
    #[inline(always)]
    pub(super) fn run<const FUSED: bool>(
        &self,
        first: &[f32],
        second: &[f32],
        to: &mut [f32],
        bench: &mut Bench,
    ) {
        let (inner, columns) = (self.inner, self.columns);
        let results = to.chunks_exact_mut(self.rows * columns);
        for (&[first_start, second_start], to) in self.pairs.iter().zip(results) {
            let (mut rows, mut pitch) = (&first[first_start..], self.first[0]);
            if self.first[1] != 1 {
                bench.rows.clear();
                for row in 0..self.rows {
                    let values = rows[row * pitch..].iter().step_by(self.first[1]);
                    bench.rows.extend(values.take(inner));
                }
                (rows, pitch) = (&bench.rows, inner);
            }
            let second = &second[second_start..];
            for start in (0..columns).step_by(PANEL) {
                let width = PANEL.min(columns - start);
                bench.panel.resize(inner, [0.0; PANEL]);
                self.gather(second, start, width, &mut bench.panel);
                times::<FUSED>(rows, pitch, self.rows, &bench.panel, |row, sums| {
                    to[row * columns + start..][..width].copy_from_slice(&sums[..width]);
                });
            }
        }
    }

    /// Some columns of the second matrix.
    #[inline(always)]
    fn gather(&self, second: &[f32], start: usize, width: usize, panel: &mut [[f32; PANEL]]) {
        let [down, across] = self.second;
        if across == 1 && width == PANEL {
            for (row, panel) in panel.iter_mut().enumerate() {
                panel.copy_from_slice(&second[row * down + start..][..PANEL]);
            }
            return;
        }
        for column in 0..width {
            let values = second[(start + column) * across..].iter().step_by(down);
            for (panel, &value) in panel.iter_mut().zip(values) {
                panel[column] = value;
            }
        }
    }
}

/// A convolution over an image that has its margin already: `[channels, height, width]` to
/// `[filters, positions]`.
pub(super) struct Convolution {
    /// Filter after filter.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    /// What each weight of a filter reads, from a position on.
    pub(super) taps: Vec<u32>,
    /// Where each output begins to read.
    pub(super) positions: Vec<u32>,
    /// Groups of filters, each of which reads channels of its own.
    pub(super) groups: usize,
}

impl Convolution {
    #[inline(always)]
    pub(super) fn run<const FUSED: bool>(&self, from: &[f32], to: &mut [f32], bench: &mut Bench) {
        let rows = self.bias.len() / self.groups;
        let results = to.chunks_exact_mut(rows * self.positions.len());
        let weights = self.weights.chunks_exact(rows * self.taps.len());
        let groups = from
            .chunks_exact(from.len() / self.groups)
            .zip(weights)
            .zip(self.bias.chunks_exact(rows));
        for (((from, weights), bias), to) in groups.zip(results) {
            self.group::<FUSED>(from, weights, bias, to, bench);
        }
    }

    #[inline(always)]
    fn group<const FUSED: bool>(
        &self,
        from: &[f32],
        weights: &[f32],
        bias: &[f32],
        to: &mut [f32],
        bench: &mut Bench,
    ) {
        let (taps, positions) = (self.taps.len(), self.positions.len());
        bench.panel.resize(taps, [0.0; PANEL]);
        for (number, starts) in self.positions.chunks(PANEL).enumerate() {
            let neighbours =
                starts.len() == PANEL && starts[PANEL - 1] - starts[0] == PANEL as u32 - 1;
            for (panel, &tap) in bench.panel.iter_mut().zip(&self.taps) {
                let from = &from[tap as usize..];
                if neighbours {
                    panel.copy_from_slice(&from[starts[0] as usize..][..PANEL]);
                } else {
                    for (value, &start) in panel.iter_mut().zip(starts) {
                        *value = from[start as usize];
                    }
                }
            }
            let (at, width) = (number * PANEL, starts.len());
            times::<FUSED>(weights, taps, bias.len(), &bench.panel, |row, sums| {
                let to = &mut to[row * positions + at..][..width];
                for (to, sum) in to.iter_mut().zip(sums) {
                    *to = sum + bias[row];
                }
            });
        }
    }
}

/// Every channel with a filter of its own, a step of 1: `[channels, height, width]` to
/// `[channels, outputs]`.
pub(super) struct Depthwise {
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    /// Height and width of a channel, its margin included.
    pub(super) image: [usize; 2],
    /// Height and width of a filter.
    pub(super) filter: [usize; 2],
}

impl Depthwise {
    #[inline(always)]
    pub(super) fn run<const FUSED: bool>(&self, from: &[f32], to: &mut [f32], bench: &mut Bench) {
        let ([height, width], [down, across]) = (self.image, self.filter);
        let (rows, columns) = (height + 1 - down, width + 1 - across);
        // All positions of the image's own width: so they are neighbours, whatever their row.
        let positions = (rows - 1) * width + columns;
        bench.rows.resize(positions, 0.0);
        let channels = from.chunks_exact(height * width).zip(&self.bias);
        let filters = self.weights.chunks_exact(down * across);
        let results = to.chunks_exact_mut(rows * columns);
        for (((image, &bias), filter), to) in channels.zip(filters).zip(results) {
            let sums = if columns == width {
                &mut *to
            } else {
                &mut bench.rows[..]
            };
            self.sums::<FUSED>(image, filter, bias, sums);
            if columns < width && rows == 1 {
                to.copy_from_slice(&bench.rows[..columns]);
            } else if columns < width {
                let rows = bench.rows.chunks(width);
                for (to, row) in to.chunks_exact_mut(columns).zip(rows) {
                    to.copy_from_slice(&row[..columns]);
                }
            }
        }
    }

    #[inline(always)]
    fn sums<const FUSED: bool>(&self, image: &[f32], filter: &[f32], bias: f32, to: &mut [f32]) {
        let mut at = 0;
        while at < to.len() {
            at += match to.len() - at {
                32.. => self.some::<FUSED, 32>(image, filter, bias, at, to),
                16.. => self.some::<FUSED, 16>(image, filter, bias, at, to),
                8.. => self.some::<FUSED, 8>(image, filter, bias, at, to),
                _ => self.some::<FUSED, 1>(image, filter, bias, at, to),
            };
        }
    }

    #[inline(always)]
    fn some<const FUSED: bool, const COUNT: usize>(
        &self,
        image: &[f32],
        filter: &[f32],
        bias: f32,
        at: usize,
        to: &mut [f32],
    ) -> usize {
        let mut sums = [bias; COUNT];
        let rows = filter.chunks_exact(self.filter[1]).enumerate();
        for (row, weights) in rows {
            let heard = &image[at + row * self.image[1]..];
            for (heard, &weight) in heard.windows(COUNT).zip(weights) {
                for lane in 0..COUNT {
                    sums[lane] = multiply_add::<FUSED>(weight, heard[lane], sums[lane]);
                }
            }
        }
        to[at..at + COUNT].copy_from_slice(&sums);
        COUNT
    }
}

/// Rows times a panel; `put` gets each row's number and sums.
#[inline(always)]
fn times<const FUSED: bool>(
    from: &[f32],
    pitch: usize,
    rows: usize,
    panel: &[[f32; PANEL]],
    mut put: impl FnMut(usize, &[f32; PANEL]),
) {
    let row = |number: usize| &from[number * pitch..][..panel.len()];
    let mut number = 0;
    while number + 4 <= rows {
        let columns = row(number)
            .iter()
            .zip(row(number + 1))
            .zip(row(number + 2))
            .zip(row(number + 3));
        // Four names, not an array of four: so they stay in registers.
        let (mut a, mut b, mut c, mut d) = ([0.0; PANEL], [0.0; PANEL], [0.0; PANEL], [0.0; PANEL]);
        for (weights, (((&of_a, &of_b), &of_c), &of_d)) in panel.iter().zip(columns) {
            add::<FUSED, PANEL>(&mut a, of_a, weights);
            add::<FUSED, PANEL>(&mut b, of_b, weights);
            add::<FUSED, PANEL>(&mut c, of_c, weights);
            add::<FUSED, PANEL>(&mut d, of_d, weights);
        }
        for (after, sums) in [a, b, c, d].iter().enumerate() {
            put(number + after, sums);
        }
        number += 4;
    }
    if number + 2 <= rows {
        let columns = row(number).iter().zip(row(number + 1));
        let (mut a, mut b) = ([0.0; PANEL], [0.0; PANEL]);
        for (weights, (&of_a, &of_b)) in panel.iter().zip(columns) {
            add::<FUSED, PANEL>(&mut a, of_a, weights);
            add::<FUSED, PANEL>(&mut b, of_b, weights);
        }
        put(number, &a);
        put(number + 1, &b);
        number += 2;
    }
    if number < rows {
        // Two sums by turns, because one would wait for itself.
        let (mut a, mut b) = ([0.0; PANEL], [0.0; PANEL]);
        let (pairs, last) = panel.as_chunks::<2>();
        let (values, rest) = row(number).as_chunks::<2>();
        for (weights, values) in pairs.iter().zip(values) {
            add::<FUSED, PANEL>(&mut a, values[0], &weights[0]);
            add::<FUSED, PANEL>(&mut b, values[1], &weights[1]);
        }
        for (weights, &value) in last.iter().zip(rest) {
            add::<FUSED, PANEL>(&mut a, value, weights);
        }
        a.iter_mut().zip(&b).for_each(|(a, b)| *a += b);
        put(number, &a);
    }
}
