//! Log mel filter banks as Kaldi or NeMo computes them, one frame every 10 ms.
//!
//! Source: Kaldi's `feature-fbank.cc` and `feature-window.cc` with `snip_edges` false and no
//! dither, which is what sherpa-onnx feeds its networks; for NeMo's with its own options and the filters of librosa
//! (`filters.mel`). Frame `n` is centred at `10 n + 5` ms and
//! sees 25 ms around it; before the first sample the signal is taken as mirrored.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use trunkside_models::acoustic::FilterBank;

const LOW_HZ: f32 = 20.0;
/// The highest band ends this far below half the sample rate.
const BELOW_NYQUIST_HZ: f32 = 400.0;
const PRE_EMPHASIS: f32 = 0.97;

/// What is computed once and shared by all streams: window, filters and FFT plan.
pub(crate) struct Filters {
    window: Vec<f32>,
    /// Whether the mean of a frame's samples is taken away first.
    is_centred: bool,
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
    /// Filters of that many bands.
    pub(crate) fn new(kind: FilterBank, bands: usize, sample_rate_hz: u32) -> Self {
        let length = sample_rate_hz as usize / 40;
        // The window of Kaldi's own ends where it begins, that of NeMo begins anew behind its end.
        let (period, power) = match kind {
            FilterBank::Kaldi => (length - 1, 0.85),
            FilterBank::Nemo => (length, 1.0),
        };
        let hann = |n: usize| {
            let turn = std::f64::consts::TAU * n as f64 / period as f64;
            (0.5 - 0.5 * turn.cos()).powf(power) as f32
        };
        let size = length.next_power_of_two();
        let bands = match kind {
            FilterBank::Kaldi => {
                let scale = Scale::new(bands, sample_rate_hz as f32, size);
                (0..bands).map(|index| scale.band(index)).collect()
            }
            FilterBank::Nemo => slaney::bands(bands, f64::from(sample_rate_hz), size),
        };
        Self {
            window: (0..length).map(hann).collect(),
            is_centred: kind == FilterBank::Kaldi,
            hop: sample_rate_hz as usize / 100,
            bands,
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
        Band::new(self.bins, weight)
    }
}

impl Band {
    /// The bins whose weight is above 0, which lie side by side.
    fn new(bins: usize, weight: impl Fn(usize) -> f32) -> Self {
        let first = (0..bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        let weights = (first..bins)
            .map(weight)
            .take_while(|&weight| weight > 0.0)
            .collect();
        Self { first, weights }
    }
}

/// Triangles over equal steps of M. Slaney's mel scale (Auditory Toolbox, 1998), all of one area.
mod slaney {
    use super::Band;

    /// Up to here the scale is even; above it each step multiplies.
    const EVEN_TO_HZ: f64 = 1_000.0;
    const EVEN_STEP_HZ: f64 = 200.0 / 3.0;

    /// Natural logarithm of what a step above [`EVEN_TO_HZ`] multiplies by: 27 steps are 6.4 times.
    fn step() -> f64 {
        6.4f64.ln() / 27.0
    }

    fn mel(hz: f64) -> f64 {
        if hz < EVEN_TO_HZ {
            return hz / EVEN_STEP_HZ;
        }
        EVEN_TO_HZ / EVEN_STEP_HZ + (hz / EVEN_TO_HZ).ln() / step()
    }

    fn hz(mel: f64) -> f64 {
        let above = mel - EVEN_TO_HZ / EVEN_STEP_HZ;
        if above < 0.0 {
            return mel * EVEN_STEP_HZ;
        }
        EVEN_TO_HZ * (above * step()).exp()
    }

    pub(super) fn bands(count: usize, sample_rate_hz: f64, size: usize) -> Vec<Band> {
        let step = mel(sample_rate_hz / 2.0) / (count + 1) as f64;
        let band = |index: usize| {
            let [left, centre, right] = [0, 1, 2].map(|more| hz((index + more) as f64 * step));
            let weight = |bin: usize| {
                let at = bin as f64 * sample_rate_hz / size as f64;
                let slope = ((at - left) / (centre - left)).min((right - at) / (right - centre));
                (slope.max(0.0) * 2.0 / (right - left)) as f32
            };
            Band::new(size / 2, weight)
        };
        (0..count).map(band).collect()
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
        let mean = if self.filters.is_centred {
            samples.iter().sum::<f32>() / length as f32
        } else {
            0.0
        };
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
        features_by(
            Filters::new(FilterBank::Kaldi, BANDS, 8_000),
            chunk,
            samples,
        )
    }

    fn features_by(filters: Filters, chunk: usize, samples: &[i16]) -> Vec<f32> {
        let samples: Vec<f32> = samples.iter().map(|&s| f32::from(s) / 32_768.0).collect();
        let mut fbank = Fbank::new(Arc::new(filters));
        let mut features = Vec::new();
        for chunk in samples.chunks(chunk) {
            fbank.push(chunk, &mut features);
        }
        features
    }

    /// `expected` has every seventh frame.
    fn assert_near(found: &[f32], bands: usize, expected: &str) {
        let expected: Vec<f32> = expected
            .split_ascii_whitespace()
            .map(|value| value.parse().unwrap())
            .collect();
        assert_eq!(found.len() % bands, 0);
        let sampled = found.chunks(bands).step_by(7).flatten();
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
    fn equals_kaldi_native_fbank() {
        let found = features(160, &chirp_and_noise(8_000));
        assert!(
            found.len() / BANDS >= 98,
            "one frame every 10 ms of a second"
        );
        assert_near(&found, BANDS, include_str!("../tests/data/fbank.txt"));
    }

    #[test]
    fn equals_kaldi_native_fbank_with_the_options_of_nemo() {
        let filters = Filters::new(FilterBank::Nemo, 80, 16_000);
        let found = features_by(filters, 160, &chirp_and_noise(8_000));
        assert_near(&found, 80, include_str!("../tests/data/fbank_nemo.txt"));
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
