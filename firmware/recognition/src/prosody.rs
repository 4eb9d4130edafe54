//! How speech sounds: level, pitch, pace and pauses.
//!
//! A [`Meter`] measures every 20 ms as it comes and keeps a few numbers of each, so a summary of
//! any recent stretch costs no second pass over the audio.

use std::collections::VecDeque;

use trunkside_call::{FRAME_SAMPLES, Prosody, SAMPLE_RATE_HZ};

/// Milliseconds of one measure.
pub(crate) const STEP_MS: u64 = 20;
/// Measures kept: more than the longest utterance.
const KEPT: usize = 30_000 / STEP_MS as usize;
/// What digital silence counts as.
const FLOOR_DB: f32 = -90.0;
/// Below the loud parts by this much, a measure is pause (ITU-T P.56 takes 15.9 dB below the active
/// level; loud parts lie above that level).
const ACTIVE_RANGE_DB: f32 = 22.0;
/// Pitch is looked for where the frame is at least this loud.
const VOICED_DB: f32 = -55.0;
const LOWEST_PITCH_HZ: usize = 60;
const HIGHEST_PITCH_HZ: usize = 420;
/// A normalised correlation above this is voice.
const VOICED_CORRELATION: f32 = 0.6;
const PITCH_WINDOW: usize = 2 * FRAME_SAMPLES;
/// Syllables are peaks that stand out by this much.
const PROMINENCE_DB: f32 = 3.0;

/// One 20 ms measure.
#[derive(Clone, Copy)]
struct Measure {
    level_db: f32,
    /// The level of each half, for the envelope.
    halves_db: [f32; 2],
    pitch_hz: Option<f32>,
}

/// Measures one side of a call.
pub(crate) struct Meter {
    measures: VecDeque<Measure>,
    /// Measures that were dropped from the front.
    dropped: u64,
    recent: [f32; PITCH_WINDOW],
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            measures: VecDeque::new(),
            dropped: 0,
            recent: [0.0; PITCH_WINDOW],
        }
    }

    /// Takes the next 20 ms and returns their level in dB relative to full scale.
    pub(crate) fn push(&mut self, samples: &[i16; FRAME_SAMPLES]) -> f32 {
        self.recent.copy_within(FRAME_SAMPLES.., 0);
        for (slot, &sample) in self.recent[FRAME_SAMPLES..].iter_mut().zip(samples) {
            *slot = f32::from(sample) / 32_768.0;
        }
        let (first, second) = self.recent[FRAME_SAMPLES..].split_at(FRAME_SAMPLES / 2);
        let (first, second) = (power(first), power(second));
        let level_db = decibels(f32::midpoint(first, second));
        let pitch_hz = if level_db > VOICED_DB {
            pitch(&self.recent)
        } else {
            None
        };
        if self.measures.len() == KEPT {
            self.measures.pop_front();
            self.dropped += 1;
        }
        let halves_db = [decibels(first), decibels(second)];
        self.measures.push_back(Measure {
            level_db,
            halves_db,
            pitch_hz,
        });
        level_db
    }

    /// Forgets what was measured; time begins anew.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    /// How the stretch between two times (milliseconds from the first sample) sounded.
    pub(crate) fn summary(&self, start_ms: u64, end_ms: u64) -> Prosody {
        let index = |ms: u64| {
            ((ms / STEP_MS).saturating_sub(self.dropped) as usize).min(self.measures.len())
        };
        let (start, end) = (index(start_ms), index(end_ms + STEP_MS - 1));
        let measures: Vec<Measure> = self.measures.range(start.min(end)..end).copied().collect();
        if measures.is_empty() {
            return Prosody {
                level_dbfs: FLOOR_DB,
                ..Prosody::default()
            };
        }
        let levels: Vec<f32> = measures.iter().map(|measure| measure.level_db).collect();
        let threshold = percentile(&levels, 0.95) - ACTIVE_RANGE_DB;
        let active: Vec<f32> = levels
            .iter()
            .copied()
            .filter(|&level| level >= threshold)
            .collect();
        let mean_power = active
            .iter()
            .map(|level| 10f32.powf(level / 10.0))
            .sum::<f32>()
            / active.len() as f32;
        let pitches: Vec<f32> = measures
            .iter()
            .filter_map(|measure| measure.pitch_hz)
            .collect();
        let (pitch_hz, pitch_range_semitones) = pitch_statistics(&pitches);
        let active_s = active.len() as f32 * STEP_MS as f32 / 1_000.0;
        Prosody {
            level_dbfs: decibels(mean_power),
            pitch_hz,
            pitch_range_semitones,
            syllables_per_s: syllables(&measures, threshold) as f32 / active_s,
            pause_share: 1.0 - active.len() as f32 / levels.len() as f32,
        }
    }
}

/// Mean power around the mean, so that a line's offset is no sound.
fn power(samples: &[f32]) -> f32 {
    let count = samples.len() as f32;
    let mean = samples.iter().sum::<f32>() / count;
    samples
        .iter()
        .map(|sample| (sample - mean) * (sample - mean))
        .sum::<f32>()
        / count
}

fn decibels(power: f32) -> f32 {
    (10.0 * power.max(1e-12).log10()).max(FLOOR_DB)
}

/// The value below which that share of the values lies.
fn percentile(values: &[f32], share: f32) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    sorted[((sorted.len() - 1) as f32 * share).round() as usize]
}

/// Pitch by the normalised square difference function (P. `McLeod`, G. Wyvill: A Smarter Way to Find
/// Pitch, 2005): the first lag whose correlation comes near the greatest. The telephone band lacks
/// the fundamental, but its harmonics repeat with the same period.
fn pitch(samples: &[f32; PITCH_WINDOW]) -> Option<f32> {
    let rate = SAMPLE_RATE_HZ as usize;
    let (shortest, longest) = (rate / HIGHEST_PITCH_HZ, rate / LOWEST_PITCH_HZ);
    let mean = samples.iter().sum::<f32>() / PITCH_WINDOW as f32;
    let centred = samples.map(|sample| sample - mean);
    let mut similarity = [0.0f32; SAMPLE_RATE_HZ as usize / LOWEST_PITCH_HZ + 2];
    // The squares up to each sample: every lag's sum is a difference of two of them.
    let mut energy = [0.0f64; PITCH_WINDOW + 1];
    for (at, &sample) in centred.iter().enumerate() {
        energy[at + 1] = energy[at] + f64::from(sample * sample);
    }
    for lag in shortest - 1..=longest + 1 {
        let overlap = PITCH_WINDOW - lag;
        let product = product(&centred[..overlap], &centred[lag..]);
        let squares = (energy[overlap] + energy[PITCH_WINDOW] - energy[lag]) as f32;
        similarity[lag] = if squares > 0.0 {
            2.0 * product / squares
        } else {
            0.0
        };
    }
    let is_peak = |lag: &usize| {
        similarity[*lag] >= similarity[lag - 1] && similarity[*lag] > similarity[lag + 1]
    };
    let peaks: Vec<usize> = (shortest..=longest).filter(is_peak).collect();
    let greatest = peaks.iter().map(|&lag| similarity[lag]).fold(0.0, f32::max);
    if greatest < VOICED_CORRELATION {
        return None;
    }
    let lag = peaks
        .into_iter()
        .find(|&lag| similarity[lag] >= 0.88 * greatest)?;
    // The true maximum of the parabola through the peak and its neighbours.
    let (left, top, right) = (similarity[lag - 1], similarity[lag], similarity[lag + 1]);
    let bend = left - 2.0 * top + right;
    let shift = if bend < 0.0 {
        (left - right) / (2.0 * bend)
    } else {
        0.0
    };
    Some(rate as f32 / (lag as f32 + shift))
}

/// The inner product, in eight sums side by side, because one would wait for itself.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let ((eights_a, rest_a), (eights_b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in eights_a.iter().zip(eights_b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Median and spread in semitones; octave errors, which lie far from the median, are left out.
fn pitch_statistics(pitches: &[f32]) -> (Option<f32>, f32) {
    if pitches.len() < 3 {
        return (None, 0.0);
    }
    let median = percentile(pitches, 0.5);
    let near: Vec<f32> = pitches
        .iter()
        .copied()
        .filter(|pitch| (pitch / median).log2().abs() < 0.8)
        .collect();
    let spread = percentile(&near, 0.9) / percentile(&near, 0.1);
    (Some(percentile(&near, 0.5)), 12.0 * spread.log2())
}

/// Syllable nuclei: peaks of the smoothed envelope that stand out between two dips (after N. de
/// Jong, T. Wempe: Praat script to detect syllable nuclei, 2009).
fn syllables(measures: &[Measure], threshold: f32) -> usize {
    let envelope: Vec<f32> = measures
        .iter()
        .flat_map(|measure| measure.halves_db)
        .collect();
    let smooth: Vec<f32> = (0..envelope.len())
        .map(|at| {
            let near = &envelope[at.saturating_sub(2)..(at + 3).min(envelope.len())];
            near.iter().sum::<f32>() / near.len() as f32
        })
        .collect();
    let mut count = 0;
    let (mut dip, mut peak) = (f32::MAX, None::<f32>);
    for &level in &smooth {
        match peak {
            None => {
                dip = dip.min(level);
                peak = (level > dip + PROMINENCE_DB && level > threshold).then_some(level);
            }
            Some(top) if level < top - PROMINENCE_DB => {
                count += 1;
                (dip, peak) = (level, None);
            }
            Some(top) => peak = Some(top.max(level)),
        }
    }
    count + usize::from(peak.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice-like sound: harmonics of a pitch within the telephone band, in syllables.
    fn voice(seconds: f32, pitch_hz: f32, syllables_per_s: f32, amplitude: f32) -> Vec<i16> {
        let rate = SAMPLE_RATE_HZ as f32;
        (0..(seconds * rate) as usize)
            .map(|n| {
                let t = n as f32 / rate;
                let harmonics = (2..9).map(|h| {
                    let turn = std::f32::consts::TAU * pitch_hz * h as f32 * t;
                    turn.sin() / h as f32
                });
                let beat = (std::f32::consts::PI * syllables_per_s * t).sin().powi(2);
                (harmonics.sum::<f32>() * beat * amplitude) as i16
            })
            .collect()
    }

    fn measured(samples: &[i16]) -> Prosody {
        let mut meter = Meter::new();
        for chunk in samples.chunks_exact(FRAME_SAMPLES) {
            meter.push(chunk.try_into().unwrap());
        }
        meter.summary(0, samples.len() as u64 / 8)
    }

    #[test]
    fn pitch_is_found_without_its_fundamental() {
        for pitch_hz in [90.0, 130.0, 210.0, 300.0] {
            let found = measured(&voice(1.0, pitch_hz, 4.0, 9_000.0))
                .pitch_hz
                .unwrap();
            assert!(
                (found / pitch_hz - 1.0).abs() < 0.03,
                "{found} for {pitch_hz}"
            );
        }
    }

    #[test]
    fn noise_has_no_pitch() {
        let mut state = 7u32;
        let noise: Vec<i16> = (0..8_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 18) as i16 - 8_192
            })
            .collect();
        assert_eq!(measured(&noise).pitch_hz, None);
    }

    #[test]
    fn a_wider_voice_has_a_wider_range() {
        let flat = measured(&voice(1.0, 150.0, 4.0, 9_000.0));
        let mut lively = voice(0.5, 120.0, 4.0, 9_000.0);
        lively.extend(voice(0.5, 190.0, 4.0, 9_000.0));
        let lively = measured(&lively);
        assert!(
            flat.pitch_range_semitones < 1.0,
            "{}",
            flat.pitch_range_semitones
        );
        assert!((lively.pitch_range_semitones - 7.96).abs() < 1.0);
    }

    #[test]
    fn level_ignores_pauses_and_pauses_are_counted() {
        let loud = voice(1.0, 150.0, 4.0, 9_000.0);
        let alone = measured(&loud);
        let mut paused = loud;
        paused.extend([0; 8_000]);
        let paused = measured(&paused);
        assert!((alone.level_dbfs - paused.level_dbfs).abs() < 0.5);
        assert!(paused.pause_share > 0.49 && alone.pause_share < 0.2);
        let quiet = measured(&voice(1.0, 150.0, 4.0, 900.0));
        assert!((alone.level_dbfs - quiet.level_dbfs - 20.0).abs() < 0.5);
    }

    #[test]
    fn syllables_are_counted() {
        for rate in [3.0, 5.0] {
            let found = measured(&voice(3.0, 150.0, rate, 9_000.0));
            let spoken = found.syllables_per_s * (1.0 - found.pause_share);
            assert!((spoken - rate).abs() < 0.5, "{spoken} for {rate}");
        }
    }

    #[test]
    fn nothing_and_silence_are_harmless() {
        assert_eq!(Meter::new().summary(0, 1_000).level_dbfs, FLOOR_DB);
        let silence = measured(&[0; 8_000]);
        assert_eq!((silence.level_dbfs, silence.pitch_hz), (FLOOR_DB, None));
        assert!(silence.syllables_per_s.is_finite());
    }

    #[test]
    fn memory_is_bounded_and_old_times_are_dropped() {
        let mut meter = Meter::new();
        for _ in 0..3 * KEPT {
            meter.push(&[100; FRAME_SAMPLES]);
        }
        assert_eq!(meter.measures.len(), KEPT);
        assert!(meter.summary(0, 500).level_dbfs <= FLOOR_DB);
    }
}
