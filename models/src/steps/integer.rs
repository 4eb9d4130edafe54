//! Products with weights of 8 bits, exactly as ONNX's `DynamicQuantizeLinear` and `MatMulInteger`
//! define them: sums of whole numbers, so that every way to add them gives the same.
#![expect(
    clippy::inline_always,
    reason = "they take on the instructions of their caller"
)]

use std::sync::Arc;

use super::rows::fold;

/// Columns of a panel.
const PANEL: usize = 16;
/// Rows that share a pass over a panel.
const ROWS: usize = 4;

/// A step of the scale, and the whole number that stands for 0: what 8 bits must span.
#[inline(always)]
pub(super) fn scale(from: &[f32], to: &mut [f32]) {
    let most = fold(from, 0.0, f32::max);
    let least = fold(from, 0.0, f32::min);
    let step = (most - least) / 255.0;
    let step = if step > 0.0 { step } else { 1.0 };
    to[0] = step;
    to[1] = (-least / step).round_ties_even().clamp(0.0, 255.0);
}

/// A matrix of 8 bits in the order in which it is read: for each [`PANEL`] of outputs, input after
/// input; an even number of them, the last perhaps of zeros.
pub(super) struct Weights {
    inputs: usize,
    outputs: usize,
    /// What stands for 0.
    zero: i32,
    panels: Vec<[i8; PANEL]>,
}

impl Weights {
    /// `values` are input after input, with so many outputs each.
    pub(super) fn new(values: &[i8], outputs: usize, zero: i32) -> Self {
        let inputs = values.len() / outputs;
        let padded = inputs.next_multiple_of(2);
        let mut panels = vec![[0; PANEL]; outputs.div_ceil(PANEL) * padded];
        for (input, row) in values.chunks_exact(outputs).enumerate() {
            for (panel, part) in row.chunks(PANEL).enumerate() {
                panels[panel * padded + input][..part.len()].copy_from_slice(part);
            }
        }
        Self {
            inputs,
            outputs,
            zero,
            panels,
        }
    }

    pub(super) const fn size(&self) -> [usize; 2] {
        [self.inputs, self.outputs]
    }
}

/// Values of a known scale times such a matrix. The sums are whole numbers, as floats.
pub(super) struct IntegerLinear {
    pub(super) weights: Arc<Weights>,
}

impl IntegerLinear {
    /// `whole` keeps the values as whole numbers.
    #[inline(always)]
    pub(super) fn run(&self, from: &[f32], scale: &[f32], to: &mut [f32], whole: &mut Vec<i16>) {
        let [inputs, outputs] = self.weights.size();
        let padded = inputs.next_multiple_of(2);
        quantise(from, inputs, scale, whole);
        let panels = self.weights.panels.chunks_exact(padded);
        for (panel, first) in panels.zip((0..outputs).step_by(PANEL)) {
            let width = PANEL.min(outputs - first);
            let results = to.chunks_mut(ROWS * outputs);
            for (rows, to) in whole.chunks(ROWS * padded).zip(results) {
                let sums = times(panel, rows);
                let rows = rows.chunks_exact(padded).zip(&sums);
                for ((row, sums), to) in rows.zip(to.chunks_exact_mut(outputs)) {
                    let excess = if self.weights.zero == 0 {
                        0
                    } else {
                        row.iter().map(|&x| i32::from(x)).sum::<i32>() * self.weights.zero
                    };
                    for (to, sum) in to[first..first + width].iter_mut().zip(sums) {
                        *to = (sum - excess) as f32;
                    }
                }
            }
        }
    }
}

/// Rows of values as whole numbers from their zero, each row padded to an even number of them.
#[inline(always)]
fn quantise(from: &[f32], inputs: usize, scale: &[f32], whole: &mut Vec<i16>) {
    let (step, zero) = (scale[0], scale[1]);
    let padded = inputs.next_multiple_of(2);
    whole.clear();
    whole.resize(from.len() / inputs * padded, 0);
    for (row, to) in from
        .chunks_exact(inputs)
        .zip(whole.chunks_exact_mut(padded))
    {
        for (to, &value) in to.iter_mut().zip(row) {
            let number = (value / step).round_ties_even() + zero;
            *to = (number.clamp(0.0, 255.0) - zero) as i16;
        }
    }
}

/// Up to [`ROWS`] rows times a panel.
#[inline(always)]
fn times(panel: &[[i8; PANEL]], rows: &[i16]) -> [[i32; PANEL]; ROWS] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[expect(
            unsafe_code,
            reason = "three times as fast as what the compiler makes of the loop below"
        )]
        // SAFETY: the processor has just been asked for the feature.
        return unsafe { avx2::times(panel, rows) };
    }
    let mut sums = [[0; PANEL]; ROWS];
    for (row, sums) in rows.chunks_exact(panel.len()).zip(&mut sums) {
        for (weights, &value) in panel.iter().zip(row) {
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += i32::from(value) * i32::from(weight);
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_unpackhi_epi8, _mm_unpacklo_epi8, _mm256_add_epi32,
        _mm256_cvtepi8_epi16, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    };

    use super::{PANEL, ROWS};

    /// Products of two inputs at a time, which one instruction multiplies and adds.
    #[target_feature(enable = "avx2")]
    pub(super) fn times(panel: &[[i8; PANEL]], rows: &[i16]) -> [[i32; PANEL]; ROWS] {
        let length = panel.len();
        match rows.len() / length {
            4 => some::<4>(panel, rows),
            3 => some::<3>(panel, rows),
            2 => some::<2>(panel, rows),
            _ => some::<1>(panel, rows),
        }
    }

    #[target_feature(enable = "avx2")]
    fn some<const COUNT: usize>(panel: &[[i8; PANEL]], rows: &[i16]) -> [[i32; PANEL]; ROWS] {
        let (pairs, _) = panel.as_chunks::<2>();
        let row = |number: usize| {
            rows[number * panel.len()..][..panel.len()]
                .as_chunks::<2>()
                .0
        };
        let rows: [&[[i16; 2]]; COUNT] = std::array::from_fn(row);
        let rows = rows.map(|row| &row[..pairs.len()]);
        let mut sums = [[_mm256_setzero_si256(); 2]; COUNT];
        for (at, pair) in pairs.iter().enumerate() {
            let [first, second] = pair.map(bytes);
            let low = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(first, second));
            let high = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(first, second));
            for (row, [of_low, of_high]) in rows.iter().zip(&mut sums) {
                let [a, b] = row[at];
                let both = i32::from(b) << 16 | i32::from(a.cast_unsigned());
                let both = _mm256_set1_epi32(both);
                *of_low = _mm256_add_epi32(*of_low, _mm256_madd_epi16(low, both));
                *of_high = _mm256_add_epi32(*of_high, _mm256_madd_epi16(high, both));
            }
        }
        let mut found = [[0; PANEL]; ROWS];
        for (found, sums) in found.iter_mut().zip(sums) {
            let (halves, _) = found.as_chunks_mut::<8>();
            for (half, sums) in halves.iter_mut().zip(sums) {
                *half = numbers(sums);
            }
        }
        found
    }

    fn bytes(values: [i8; PANEL]) -> __m128i {
        #[expect(unsafe_code, reason = "the standard library has no safe way")]
        // SAFETY: both are 16 bytes of which every pattern is a value.
        unsafe {
            std::mem::transmute::<[i8; PANEL], __m128i>(values)
        }
    }

    fn numbers(values: __m256i) -> [i32; 8] {
        #[expect(unsafe_code, reason = "the standard library has no safe way")]
        // SAFETY: both are 32 bytes of which every pattern is a value.
        unsafe {
            std::mem::transmute::<__m256i, [i32; 8]>(values)
        }
    }
}
