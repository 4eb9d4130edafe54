//! Looks for an echo: where what came back is most like what was played.
//!
//! Both are whitened first. Without that, a loudspeaker's colour hides its echo, and any two voices are
//! alike, for most of their power lies in the same few hundred hertz.

use std::sync::{Arc, LazyLock};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Points of the transform: no shorter than the history, so that no lag wraps around.
const POINTS: usize = 5_120;

/// How much of the sample before is taken off each: the slope of speech's spectrum.
const TILT: f32 = 0.9;

/// Whitened samples are quieter than this on average where nothing was played.
const QUIET: f32 = 10.0;

static TRANSFORMS: LazyLock<Transforms> = LazyLock::new(|| {
    let mut planner = RealFftPlanner::new();
    Transforms {
        forward: planner.plan_fft_forward(POINTS),
        back: planner.plan_fft_inverse(POINTS),
    }
});

struct Transforms {
    forward: Arc<dyn RealToComplex<f32>>,
    back: Arc<dyn ComplexToReal<f32>>,
}

/// Where two stretches are most alike.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// By how many samples the newest lags behind the history that it ends with.
    pub delay: usize,
    /// From 0 to 1.
    pub alike: f32,
    /// The newest's power as a share of the history's there.
    pub share: f32,
}

/// Where in a history of at most [`POINTS`] samples the newest ones are most alike to it.
pub fn find(history: &[f32], newest: &[f32]) -> Option<Found> {
    let length = newest.len();
    let lags = history.len().checked_sub(length)?;
    let (history, newest) = (whitened(history), whitened(newest));
    let power: f32 = newest.iter().map(|sample| sample * sample).sum();
    let products = correlate(&history, &newest)?;
    let sums = running_energy(&history);
    let quiet = f64::from(QUIET * QUIET) * length as f64;
    let mut best: Option<Found> = None;
    for (from, product) in products.iter().enumerate().take(lags + 1) {
        let there = sums[from + length] - sums[from];
        if there < quiet || power <= 0.0 {
            continue;
        }
        let there = there as f32;
        let alike = product.abs() / (there * power).sqrt();
        if best.as_ref().is_none_or(|best| alike > best.alike) {
            let (delay, share) = (lags - from, power / there);
            best = Some(Found {
                delay,
                alike,
                share,
            });
        }
    }
    best
}

fn whitened(samples: &[f32]) -> Vec<f32> {
    let mut before = 0.0;
    let whitened = samples.iter().map(|&sample| {
        let rest = sample - TILT * before;
        before = sample;
        rest
    });
    whitened.collect()
}

/// For each place in the history, the sum of its samples from there on times the newest.
fn correlate(history: &[f32], newest: &[f32]) -> Option<Vec<f32>> {
    let Transforms { forward, back } = &*TRANSFORMS;
    let spectrum = |samples: &[f32]| {
        let mut input = forward.make_input_vec();
        input.get_mut(..samples.len())?.copy_from_slice(samples);
        let mut output = forward.make_output_vec();
        forward.process(&mut input, &mut output).ok()?;
        Some(output)
    };
    let (mut both, of_newest) = (spectrum(history)?, spectrum(newest)?);
    for (one, other) in both.iter_mut().zip(&of_newest) {
        *one *= other.conj();
    }
    // What rounding leaves there would be refused.
    for end in [0, both.len() - 1] {
        both[end].im = 0.0;
    }
    let mut products = back.make_output_vec();
    back.process(&mut both, &mut products).ok()?;
    let scale = 1.0 / POINTS as f32;
    for product in &mut products {
        *product *= scale;
    }
    Some(products)
}

/// The energy of all samples before each place.
fn running_energy(samples: &[f32]) -> Vec<f64> {
    let mut sum = 0.0;
    let ends = samples.iter().map(|&sample| {
        sum += f64::from(sample) * f64::from(sample);
        sum
    });
    std::iter::once(0.0).chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White noise of an even loudness.
    fn noise(samples: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as f32 - 32_768.0
        };
        std::iter::repeat_with(next).take(samples).collect()
    }

    #[test]
    fn a_stretch_of_the_history_is_found_where_it_lies() {
        let history = noise(4_960);
        for delay in [0, 1, 777, 4_000] {
            let from = 4_000 - delay;
            let newest: Vec<f32> = history[from..from + 960].iter().map(|x| x / 4.0).collect();
            let found = find(&history, &newest).expect("the history is loud");
            assert_eq!(found.delay, delay);
            assert!(found.alike > 0.99, "{found:?}");
            assert!((found.share - 0.0625).abs() < 0.002, "{found:?}");
        }
    }

    #[test]
    fn nothing_is_found_in_silence_nor_in_what_is_too_short() {
        assert!(find(&[0.0; 4_960], &noise(960)).is_none());
        assert!(find(&noise(4_960), &[0.0; 960]).is_none());
        assert!(find(&noise(100), &noise(960)).is_none());
    }
}
