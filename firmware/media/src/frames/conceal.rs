//! Loss concealment in the manner of ITU-T G.711 appendix I: what is missing is the last pitch
//! period again, fading, and the voice that follows fades in over it.

use super::noise::Hiss;

/// Lags that a pitch period is looked for in: 5 to 15 ms, voices of 66 to 200 Hz.
const LAGS: std::ops::RangeInclusive<usize> = 40..=120;

/// Samples that two periods are compared over: 20 ms.
const COMPARED: usize = 160;

/// Samples of the past that are kept.
const HISTORY: usize = COMPARED + *LAGS.end();

/// What is repeated stays as loud as it was for 10 ms, and is gone after 60.
const LOUD: usize = 80;
const GONE: usize = 480;

/// Samples over which two pieces are laid over each other: 4 ms.
const OVERLAP: usize = 32;

/// The recent past of one voice, and what is made up from it.
#[derive(Debug)]
pub struct Concealer {
    history: Vec<i16>,
    /// One period, whose end runs into its beginning; empty while nothing is missing.
    period: Vec<f32>,
    /// Samples made up since the last that came.
    made: usize,
}

impl Default for Concealer {
    fn default() -> Self {
        Self {
            history: vec![0; HISTORY],
            period: Vec::new(),
            made: 0,
        }
    }
}

impl Concealer {
    /// Takes samples that came; after a gap their beginning fades in over what was made up.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if self.made > 0 {
            for (n, sample) in samples.iter_mut().take(OVERLAP).enumerate() {
                let weight = (n + 1) as f32 / (OVERLAP + 1) as f32;
                let made = self.next();
                *sample = (f32::from(*sample) * weight + made * (1.0 - weight)) as i16;
            }
            self.made = 0;
            self.period.clear();
        }
        self.remember(samples);
    }

    /// Makes up so many samples.
    pub fn conceal(&mut self, samples: usize, into: &mut Vec<i16>) {
        if self.made == 0 && samples > 0 {
            self.period = self.last_period();
        }
        let begins = into.len();
        for _ in 0..samples {
            let sample = self.next() as i16;
            into.push(sample);
        }
        let made = into[begins..].to_vec();
        self.remember(&made);
    }

    /// What is missing is silence that its sender described; voice begins after it as it is.
    pub fn silence(&mut self, samples: usize, hiss: &mut Hiss, into: &mut Vec<i16>) {
        let made: Vec<i16> = hiss.take(samples).collect();
        self.made = 0;
        self.period.clear();
        self.remember(&made);
        into.extend(made);
    }

    fn next(&mut self) -> f32 {
        let fade = GONE.saturating_sub(self.made.max(LOUD)) as f32 / (GONE - LOUD) as f32;
        let sample = self.period.get(self.made % self.period.len().max(1));
        self.made = self.made.saturating_add(1);
        sample.copied().unwrap_or_default() * fade
    }

    fn remember(&mut self, samples: &[i16]) {
        let newest = &samples[samples.len().saturating_sub(HISTORY)..];
        self.history.drain(..newest.len());
        self.history.extend_from_slice(newest);
    }

    /// The last pitch period, its end laid over what came before its beginning.
    fn last_period(&self) -> Vec<f32> {
        let lag = self.pitch();
        let begins = HISTORY - lag;
        let mut period: Vec<f32> = self.history[begins..]
            .iter()
            .copied()
            .map(f32::from)
            .collect();
        let overlap = OVERLAP.min(lag / 2);
        for n in 0..overlap {
            let weight = (n + 1) as f32 / (overlap + 1) as f32;
            let before = f32::from(self.history[begins - overlap + n]);
            let end = &mut period[lag - overlap + n];
            *end = *end * (1.0 - weight) + before * weight;
        }
        period
    }

    /// The lag at which the newest samples are most like those before them.
    fn pitch(&self) -> usize {
        let newest = &self.history[HISTORY - COMPARED..];
        let likeness = |lag: usize| {
            let earlier = &self.history[HISTORY - COMPARED - lag..HISTORY - lag];
            let (mut product, mut energy) = (0.0_f32, 1.0_f32);
            for (&a, &b) in newest.iter().zip(earlier) {
                product += f32::from(a) * f32::from(b);
                energy += f32::from(b) * f32::from(b);
            }
            product.max(0.0) * product.max(0.0) / energy
        };
        let of_lag = LAGS.map(|lag| (likeness(lag), lag));
        of_lag
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .map_or(*LAGS.end(), |(_, lag)| lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wav;

    fn tone(hz: f32, samples: usize) -> Vec<i16> {
        let step = std::f32::consts::TAU * hz / 8_000.0;
        (0..samples)
            .map(|n| (8_000.0 * (step * n as f32).sin()) as i16)
            .collect()
    }

    /// The energy by which two pieces differ, as a share of the first's.
    fn difference(one: &[i16], other: &[i16]) -> f64 {
        let square = |value: f64| value * value;
        let differs = one
            .iter()
            .zip(other)
            .map(|(&a, &b)| square(f64::from(a) - f64::from(b)));
        differs.sum::<f64>() / one.iter().map(|&a| square(a.into())).sum::<f64>().max(1.0)
    }

    #[test]
    fn a_steady_tone_goes_on_and_then_fades() {
        let voice = tone(100.0, 1_600);
        let mut concealer = Concealer::default();
        concealer.heard(&mut voice[..800].to_vec());
        let mut made = Vec::new();
        concealer.conceal(160, &mut made);
        assert!(difference(&voice[800..880], &made[..80]) < 0.01);
        concealer.conceal(1_000, &mut made);
        assert!(
            made[480..].iter().all(|&sample| sample == 0),
            "gone after 60 ms"
        );
        let leaps = made
            .windows(2)
            .map(|pair| (pair[0] - pair[1]).unsigned_abs());
        assert!(leaps.max() < Some(1_000), "without a click");
    }

    #[test]
    fn the_voice_that_follows_fades_in() {
        let mut concealer = Concealer::default();
        concealer.heard(&mut tone(130.0, 800));
        let mut made = Vec::new();
        concealer.conceal(160, &mut made);
        let mut next = vec![0; 160];
        concealer.heard(&mut next);
        assert!(next[0] != 0 || next[1] != 0);
        assert!(next[OVERLAP..].iter().all(|&sample| sample == 0));
        let mut after = vec![5; 160];
        concealer.heard(&mut after);
        assert_eq!(after, [5; 160], "once");
    }

    #[test]
    fn silence_stays_silence() {
        let mut made = Vec::new();
        Concealer::default().conceal(500, &mut made);
        assert_eq!(made, [0; 500]);
    }

    #[test]
    fn speech_with_lost_packets_is_nearer_to_what_was_said_than_with_holes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/zh/greeting.wav");
        let said = wav::read(path.as_ref()).expect("a shipped prompt");
        let (mut holes, mut mended) = (Vec::new(), Vec::new());
        let mut concealer = Concealer::default();
        for (number, packet) in said.chunks_exact(160).enumerate() {
            if number % 33 == 7 {
                holes.extend([0; 160]);
                concealer.conceal(160, &mut mended);
            } else {
                holes.extend(packet);
                let mut packet = packet.to_vec();
                concealer.heard(&mut packet);
                mended.extend(packet);
            }
        }
        let energy = |samples: &[i16]| -> Vec<f64> {
            let frames = samples.chunks_exact(160);
            frames
                .map(|frame| {
                    frame
                        .iter()
                        .map(|&s| f64::from(s) * f64::from(s))
                        .sum::<f64>()
                })
                .map(|energy| (energy + 1e4).ln())
                .collect()
        };
        let off = |heard: &[i16]| -> f64 {
            let pairs = energy(&said).into_iter().zip(energy(heard));
            pairs.map(|(a, b)| (a - b).abs()).sum()
        };
        assert!(
            off(&mended) < off(&holes) / 3.0,
            "{} {}",
            off(&mended),
            off(&holes)
        );
    }
}
