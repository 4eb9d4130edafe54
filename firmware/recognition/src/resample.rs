//! Telephone audio at the rate that a model was trained at.
//!
//! Source: Kaldi's `resample.cc` as sherpa-onnx sets it: a sinc of 0.99 of the lower Nyquist
//! frequency under a raised cosine of six zero crossings. The same filter, so that the same
//! features reach the network.

const ZEROS: f64 = 6.0;
const CUTOFF: f64 = 0.99;

/// One stream's resampler.
#[derive(Debug)]
pub struct Resampler {
    /// Input and output samples of one period of the pattern.
    unit: (u64, u64),
    /// For each output of a period: its first input, and the weights from there on.
    filters: Vec<(i64, Vec<f32>)>,
    /// Inputs from `begun` on.
    pending: Vec<f32>,
    begun: i64,
    made: u64,
}

impl Resampler {
    /// From one rate to another, both in samples a second.
    pub fn new(from_hz: u32, to_hz: u32) -> Self {
        let common = gcd(from_hz, to_hz);
        let unit = (u64::from(from_hz / common), u64::from(to_hz / common));
        let (from, to) = (f64::from(from_hz), f64::from(to_hz));
        let cutoff = CUTOFF * 0.5 * from.min(to);
        let width = ZEROS / (2.0 * cutoff);
        let filters = (0..unit.1)
            .map(|index| {
                let at = index as f64 / to;
                let first = ((at - width) * from).ceil() as i64;
                let last = ((at + width) * from).floor() as i64;
                let weights = (first..=last)
                    .map(|input| (weight(input as f64 / from - at, cutoff, width) / from) as f32)
                    .collect();
                (first, weights)
            })
            .collect();
        Self {
            unit,
            filters,
            pending: Vec::new(),
            begun: 0,
            made: 0,
        }
    }

    /// Takes samples and appends all that they decide.
    pub fn push(&mut self, samples: &[f32], resampled: &mut Vec<f32>) {
        self.pending.extend_from_slice(samples);
        let end = self.begun + self.pending.len() as i64;
        loop {
            let period = (self.made / self.unit.1 * self.unit.0) as i64;
            let (offset, weights) = &self.filters[(self.made % self.unit.1) as usize];
            let first = period + offset;
            if first + weights.len() as i64 > end {
                self.forget(first);
                return;
            }
            let value = (first..)
                .zip(weights)
                .filter(|(at, _)| *at >= self.begun)
                .map(|(at, weight)| weight * self.pending[(at - self.begun) as usize])
                .sum();
            resampled.push(value);
            self.made += 1;
        }
    }

    /// Forgets all samples.
    pub(crate) fn reset(&mut self) {
        self.pending.clear();
        self.begun = 0;
        self.made = 0;
    }

    fn forget(&mut self, before: i64) {
        // The next output may begin a sample earlier than this one.
        let count = (before - 1 - self.begun).clamp(0, self.pending.len() as i64);
        self.pending.drain(..count as usize);
        self.begun += count;
    }
}

fn weight(t: f64, cutoff: f64, width: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    if t.abs() >= width {
        return 0.0;
    }
    let window = 0.5 * (1.0 + (TAU * cutoff / ZEROS * t).cos());
    let sinc = if t == 0.0 {
        2.0 * cutoff
    } else {
        (TAU * cutoff * t).sin() / (PI * t)
    };
    sinc * window
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_shape_in_any_chunks() {
        let tone = |rate: f32, n: usize| (n as f32 * std::f32::consts::TAU * 500.0 / rate).sin();
        let samples: Vec<f32> = (0..800).map(|n| tone(8_000.0, n)).collect();
        let mut whole = Vec::new();
        Resampler::new(8_000, 16_000).push(&samples, &mut whole);
        assert!(whole.len() > 1_580, "{}", whole.len());
        for (n, value) in whole.iter().enumerate().skip(20) {
            let expected = tone(16_000.0, n);
            assert!((value - expected).abs() < 0.01, "{n}: {value}, {expected}");
        }
        for chunk in [1, 7, 160] {
            let (mut resampler, mut found) = (Resampler::new(8_000, 16_000), Vec::new());
            for samples in samples.chunks(chunk) {
                resampler.push(samples, &mut found);
            }
            assert_eq!(found, whole, "in chunks of {chunk}");
        }
    }
}
