//! Log mel filter banks as Kaldi computes them, one frame every 10 ms.
//!
//! Source: Kaldi's `feature-fbank.cc` and `feature-window.cc` with `snip_edges` false and no
//! dither, which is what sherpa-onnx feeds its networks. Frame `n` is centred at `10 n + 5` ms and
//! sees 25 ms around it; before the first sample the signal is taken as mirrored.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use trunkside_call::SAMPLE_RATE_HZ;

/// Samples from one frame to the next.
pub(crate) const HOP: usize = 80;
const WINDOW: usize = 200;
const FFT: usize = 256;
/// Samples of the first frame that lie before the first sample.
const MIRRORED: usize = WINDOW / 2 - HOP / 2;
const LOW_HZ: f32 = 20.0;
const HIGH_HZ: f32 = 3_600.0;
const PRE_EMPHASIS: f32 = 0.97;
const FULL_SCALE: f32 = 32_768.0;

/// What is computed once and shared by all streams: window, filters and FFT plan.
pub(crate) struct Filters {
    window: [f32; WINDOW],
    bands: Vec<Band>,
    fft: Arc<dyn RealToComplex<f32>>,
}

/// One triangular filter: its first FFT bin and the weights from there on.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Filters {
    /// Filters of that many bands between 20 Hz and 3600 Hz.
    pub(crate) fn new(bands: usize) -> Self {
        let mut window = [0.0; WINDOW];
        for (n, weight) in window.iter_mut().enumerate() {
            let turn = std::f64::consts::TAU * n as f64 / (WINDOW - 1) as f64;
            *weight = (0.5 - 0.5 * turn.cos()).powf(0.85) as f32;
        }
        let fft = RealFftPlanner::new().plan_fft_forward(FFT);
        Self {
            window,
            bands: (0..bands).map(|index| band(index, bands)).collect(),
            fft,
        }
    }
}

fn mel(hz: f32) -> f32 {
    1_127.0 * (1.0 + hz / 700.0).ln()
}

fn band(index: usize, bands: usize) -> Band {
    let (low, high) = (mel(LOW_HZ), mel(HIGH_HZ));
    let step = (high - low) / (bands + 1) as f32;
    let left = low + index as f32 * step;
    let (centre, right) = (left + step, left + 2.0 * step);
    let weight = |bin: usize| {
        let at = mel(bin as f32 * SAMPLE_RATE_HZ as f32 / FFT as f32);
        let slope = if at <= centre {
            (at - left) / step
        } else {
            (right - at) / step
        };
        slope.max(0.0)
    };
    let first = (0..FFT / 2).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
    let weights = (first..FFT / 2)
        .map(weight)
        .take_while(|&weight| weight > 0.0)
        .collect();
    Band { first, weights }
}

/// One stream's samples that later frames still need.
pub(crate) struct Fbank {
    filters: Arc<Filters>,
    /// Samples in [-1, 1]; the next frame begins at its start.
    pending: Vec<f32>,
    mirrored: bool,
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Fbank {
    pub(crate) fn new(filters: Arc<Filters>) -> Self {
        let spectrum = filters.fft.make_output_vec();
        let scratch = filters.fft.make_scratch_vec();
        Self {
            filters,
            pending: Vec::with_capacity(2 * WINDOW),
            mirrored: false,
            frame: vec![0.0; FFT],
            spectrum,
            scratch,
        }
    }

    /// Takes samples and appends every frame that they complete to `features`.
    pub(crate) fn push(&mut self, samples: &[i16], features: &mut Vec<f32>) {
        self.pending
            .extend(samples.iter().map(|&sample| f32::from(sample) / FULL_SCALE));
        if !self.mirrored {
            if self.pending.len() < MIRRORED {
                return;
            }
            let mirror: Vec<f32> = self.pending[..MIRRORED].iter().rev().copied().collect();
            self.pending.splice(..0, mirror);
            self.mirrored = true;
        }
        let mut start = 0;
        while start + WINDOW <= self.pending.len() {
            self.frame(start, features);
            start += HOP;
        }
        self.pending.drain(..start);
    }

    /// Forgets all samples.
    pub(crate) fn reset(&mut self) {
        self.pending.clear();
        self.mirrored = false;
    }

    fn frame(&mut self, start: usize, features: &mut Vec<f32>) {
        let samples = &self.pending[start..start + WINDOW];
        let mean = samples.iter().sum::<f32>() / WINDOW as f32;
        let mut previous = samples[0] - mean;
        let windowed = self.frame.iter_mut().zip(samples).zip(&self.filters.window);
        for ((out, &sample), &weight) in windowed {
            let centred = sample - mean;
            *out = (centred - PRE_EMPHASIS * previous) * weight;
            previous = centred;
        }
        self.frame[WINDOW..].fill(0.0);
        self.filters
            .fft
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch)
            .expect("the buffers were made by this very plan");
        for band in &self.filters.bands {
            let bins = &self.spectrum[band.first..];
            let energy: f32 = bins
                .iter()
                .zip(&band.weights)
                .map(|(bin, &weight)| bin.norm_sqr() * weight)
                .sum();
            features.push(energy.max(f32::EPSILON).ln());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANDS: usize = 64;

    /// The signal that `tests/data/fbank.py` made the expected values for.
    fn chirp_and_noise(length: usize) -> Vec<i16> {
        let mut state = 1u32;
        (0..length)
            .map(|n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = ((state >> 16) as i32 & 1_023) - 512;
                let square = if (n * n / 40_000) % 2 == 0 {
                    6_000
                } else {
                    -6_000
                };
                let loud = n % 4_000 < 3_000;
                (if loud { square + noise } else { noise / 64 }) as i16
            })
            .collect()
    }

    fn features(chunk: usize, samples: &[i16]) -> Vec<f32> {
        let mut fbank = Fbank::new(Arc::new(Filters::new(BANDS)));
        let mut features = Vec::new();
        for chunk in samples.chunks(chunk) {
            fbank.push(chunk, &mut features);
        }
        features
    }

    #[test]
    fn equals_kaldi_native_fbank() {
        let expected: Vec<f32> = include_str!("../tests/data/fbank.txt")
            .split_ascii_whitespace()
            .map(|value| value.parse().unwrap())
            .collect();
        let found = features(160, &chirp_and_noise(8_000));
        assert_eq!(found.len() % BANDS, 0);
        assert!(
            found.len() / BANDS >= 98,
            "one frame every 10 ms of a second"
        );
        // The file has every seventh frame.
        let sampled = found.chunks(BANDS).step_by(7).flatten();
        let mut compared = 0;
        for (found, expected) in sampled.zip(&expected) {
            assert!(
                (found - expected).abs() < 2e-3,
                "{found} against {expected}"
            );
            compared += 1;
        }
        assert_eq!(compared, expected.len());
    }

    #[test]
    fn chunking_does_not_matter() {
        let samples = chirp_and_noise(4_321);
        let whole = features(samples.len(), &samples);
        for chunk in [1, 59, 60, 61, 160, 1_000] {
            assert_eq!(features(chunk, &samples), whole, "in chunks of {chunk}");
        }
    }

    #[test]
    fn silence_is_the_floor() {
        let floor = f32::EPSILON.ln();
        assert!(features(160, &[8; 800]).iter().all(|&value| value <= floor));
    }
}
