//! Log mel filter banks as Kaldi computes them, one frame every 10 ms.
//!
//! Source: Kaldi's `feature-fbank.cc` and `feature-window.cc` with `snip_edges` false and no
//! dither, which is what sherpa-onnx feeds its networks. Frame `n` is centred at `10 n + 5` ms and
//! sees 25 ms around it; before the first sample the signal is taken as mirrored.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

const LOW_HZ: f32 = 20.0;
/// The highest band ends this far below half the sample rate.
const BELOW_NYQUIST_HZ: f32 = 400.0;
const PRE_EMPHASIS: f32 = 0.97;

/// What is computed once and shared by all streams: window, filters and FFT plan.
pub(crate) struct Filters {
    window: Vec<f32>,
    /// Samples from one frame to the next.
    hop: usize,
    bands: Vec<Band>,
    fft: Arc<dyn RealToComplex<f32>>,
}

/// One triangular filter: its first FFT bin and the weights from there on.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Filters {
    /// Filters of that many bands between 20 Hz and 400 Hz below half the sample rate.
    pub(crate) fn new(bands: usize, sample_rate_hz: u32) -> Self {
        let length = sample_rate_hz as usize / 40;
        let hann = |n: usize| {
            let turn = std::f64::consts::TAU * n as f64 / (length - 1) as f64;
            (0.5 - 0.5 * turn.cos()).powf(0.85) as f32
        };
        let size = length.next_power_of_two();
        let scale = Scale::new(bands, sample_rate_hz as f32, size);
        Self {
            window: (0..length).map(hann).collect(),
            hop: sample_rate_hz as usize / 100,
            bands: (0..bands).map(|index| scale.band(index)).collect(),
            fft: RealFftPlanner::new().plan_fft_forward(size),
        }
    }

    /// Samples of the first frame that lie before the first sample.
    fn mirrored(&self) -> usize {
        self.window.len() / 2 - self.hop / 2
    }
}

fn mel(hz: f32) -> f32 {
    1_127.0 * (1.0 + hz / 700.0).ln()
}

/// Where the bands lie.
struct Scale {
    low: f32,
    step: f32,
    bin_hz: f32,
    bins: usize,
}

impl Scale {
    fn new(bands: usize, sample_rate_hz: f32, size: usize) -> Self {
        let low = mel(LOW_HZ);
        let high = mel(sample_rate_hz / 2.0 - BELOW_NYQUIST_HZ);
        Self {
            low,
            step: (high - low) / (bands + 1) as f32,
            bin_hz: sample_rate_hz / size as f32,
            bins: size / 2,
        }
    }

    fn band(&self, index: usize) -> Band {
        let step = self.step;
        let left = self.low + index as f32 * step;
        let (centre, right) = (left + step, left + 2.0 * step);
        let weight = |bin: usize| {
            let at = mel(bin as f32 * self.bin_hz);
            let slope = if at <= centre {
                (at - left) / step
            } else {
                (right - at) / step
            };
            slope.max(0.0)
        };
        let bins = 0..self.bins;
        let first = bins.clone().find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        let weights = (first..self.bins)
            .map(weight)
            .take_while(|&weight| weight > 0.0)
            .collect();
        Band { first, weights }
    }
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
            pending: Vec::with_capacity(2 * filters.window.len()),
            mirrored: false,
            frame: filters.fft.make_input_vec(),
            filters,
            spectrum,
            scratch,
        }
    }

    /// Takes samples from -1 to 1 and appends every frame that they complete to `features`.
    pub(crate) fn push(&mut self, samples: &[f32], features: &mut Vec<f32>) {
        self.pending.extend_from_slice(samples);
        if !self.mirrored {
            let mirrored = self.filters.mirrored();
            if self.pending.len() < mirrored {
                return;
            }
            let mirror: Vec<f32> = self.pending[..mirrored].iter().rev().copied().collect();
            self.pending.splice(..0, mirror);
            self.mirrored = true;
        }
        let mut start = 0;
        while start + self.filters.window.len() <= self.pending.len() {
            self.frame(start, features);
            start += self.filters.hop;
        }
        self.pending.drain(..start);
    }

    /// Forgets all samples.
    pub(crate) fn reset(&mut self) {
        self.pending.clear();
        self.mirrored = false;
    }

    fn frame(&mut self, start: usize, features: &mut Vec<f32>) {
        let length = self.filters.window.len();
        let samples = &self.pending[start..start + length];
        let mean = samples.iter().sum::<f32>() / length as f32;
        let mut previous = samples[0] - mean;
        let windowed = self.frame.iter_mut().zip(samples).zip(&self.filters.window);
        for ((out, &sample), &weight) in windowed {
            let centred = sample - mean;
            *out = (centred - PRE_EMPHASIS * previous) * weight;
            previous = centred;
        }
        self.frame[length..].fill(0.0);
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
        let samples: Vec<f32> = samples.iter().map(|&s| f32::from(s) / 32_768.0).collect();
        let mut fbank = Fbank::new(Arc::new(Filters::new(BANDS, 8_000)));
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
