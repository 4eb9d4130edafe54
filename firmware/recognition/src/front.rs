//! From telephone samples to what a network's window holds.

use std::sync::Arc;

use trunkside_call::SAMPLE_RATE_HZ;
use trunkside_models::acoustic::{Geometry, Input};

use crate::fbank::{Fbank, Filters};
use crate::resample::Resampler;

const FULL_SCALE: f32 = 32_768.0;

/// One stream's way from samples to frames.
pub(crate) struct Front {
    resampler: Option<Resampler>,
    fbank: Option<Fbank>,
    scaled: Vec<f32>,
    resampled: Vec<f32>,
}

impl Front {
    pub(crate) fn new(geometry: &Geometry, filters: &Arc<Filters>) -> Self {
        let resampler = (geometry.sample_rate_hz != SAMPLE_RATE_HZ)
            .then(|| Resampler::new(SAMPLE_RATE_HZ, geometry.sample_rate_hz));
        let fbank = (geometry.input == Input::Fbank).then(|| Fbank::new(Arc::clone(filters)));
        Self {
            resampler,
            fbank,
            scaled: Vec::new(),
            resampled: Vec::new(),
        }
    }

    /// Takes samples and appends every frame that they complete.
    pub(crate) fn push(&mut self, samples: &[i16], frames: &mut Vec<f32>) {
        self.scaled.clear();
        self.scaled
            .extend(samples.iter().map(|&sample| f32::from(sample) / FULL_SCALE));
        let samples = match &mut self.resampler {
            None => &self.scaled,
            Some(resampler) => {
                self.resampled.clear();
                resampler.push(&self.scaled, &mut self.resampled);
                &self.resampled
            }
        };
        match &mut self.fbank {
            None => frames.extend_from_slice(samples),
            Some(fbank) => fbank.push(samples, frames),
        }
    }

    /// Forgets all samples.
    pub(crate) fn reset(&mut self) {
        if let Some(resampler) = &mut self.resampler {
            resampler.reset();
        }
        if let Some(fbank) = &mut self.fbank {
            fbank.reset();
        }
    }
}
