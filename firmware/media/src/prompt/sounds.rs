//! What is heard that is no speech, made here.

use trunkside_call::SAMPLE_RATE_HZ;

use super::Prompt;

/// Music for who is held: a slow walk up and down a pentatonic scale, made here so that nobody's
/// rights are touched.
pub fn music() -> Prompt {
    const LEVEL: f32 = 2_500.0;
    const NOTE: usize = 3_200;
    const SCALE_HZ: [f32; 6] = [392.0, 440.0, 523.25, 587.33, 659.26, 783.99];
    const TUNE: [usize; 32] = [
        0, 2, 4, 2, 1, 3, 4, 3, 2, 4, 5, 4, 3, 2, 1, 2, 0, 2, 4, 5, 4, 3, 2, 1, 0, 1, 2, 4, 3, 2,
        1, 0,
    ];
    let mut samples = vec![0.0_f32; TUNE.len() * NOTE];
    for (n, note) in TUNE.into_iter().enumerate() {
        // Each note rings on into the next.
        for (t, sample) in samples.iter_mut().skip(n * NOTE).take(2 * NOTE).enumerate() {
            let seconds = t as f32 / SAMPLE_RATE_HZ as f32;
            let phase = std::f32::consts::TAU * SCALE_HZ[note] * seconds;
            let loudness = (seconds * 100.0).min(1.0) * (-5.0 * seconds).exp();
            let fades = (2 * NOTE - t) as f32 / (2 * NOTE) as f32;
            *sample += LEVEL * loudness * fades * (phase.sin() + 0.3 * (2.0 * phase).sin());
        }
    }
    let samples: Vec<i16> = samples.into_iter().map(|sample| sample as i16).collect();
    Prompt::from_samples(&samples)
}

/// A quiet note every four seconds, for who waits: a line that is silent for long seems dead, and ringback would say
/// that somebody is being rung.
pub fn comfort() -> Prompt {
    const LEVEL: f32 = 900.0;
    const EVERY: u32 = 4 * SAMPLE_RATE_HZ;
    const BEGINS: u32 = SAMPLE_RATE_HZ;
    const LASTS: u32 = SAMPLE_RATE_HZ * 2 / 5;
    let samples: Vec<i16> = (0..EVERY)
        .map(|n| match n.checked_sub(BEGINS) {
            Some(t) if t < LASTS => {
                let share = t as f32 / LASTS as f32;
                // It comes and goes softly.
                let loudness = (std::f32::consts::PI * share).sin();
                let phase = t as f32 * 523.25 / SAMPLE_RATE_HZ as f32;
                (LEVEL * loudness * (std::f32::consts::TAU * phase.fract()).sin()) as i16
            }
            _ => 0,
        })
        .collect();
    Prompt::from_samples(&samples)
}

/// China's ringback: 450 Hz for 1 s; the 4 s of silence between are the loop's pause (ITU-T E.180).
pub fn ringback() -> Prompt {
    const LEVEL: f32 = 3_000.0;
    let samples: Vec<i16> = (0..SAMPLE_RATE_HZ)
        .map(|n| {
            let phase = n as f32 * 450.0 / SAMPLE_RATE_HZ as f32;
            (LEVEL * (std::f32::consts::TAU * phase.fract()).sin()) as i16
        })
        .collect();
    Prompt::from_samples(&samples)
}

/// Two tones of a fifth of a second each, a silence of a tenth between them, and as much before and behind:
/// a phone that has just been answered may not play its first packets.
pub fn two_tones(hz: [f32; 2]) -> Prompt {
    const LEVEL: f32 = 6_000.0;
    const TONE: usize = SAMPLE_RATE_HZ as usize / 5;
    let silence = [0; SAMPLE_RATE_HZ as usize / 10];
    let mut samples = silence.to_vec();
    for hz in hz {
        samples.extend((0..TONE).map(|n| {
            let phase = n as f32 * hz / SAMPLE_RATE_HZ as f32;
            // Without a click at either end.
            let loudness = (n.min(TONE - n) as f32 / 80.0).min(1.0);
            (LEVEL * loudness * (std::f32::consts::TAU * phase.fract()).sin()) as i16
        }));
        samples.extend(silence);
    }
    Prompt::from_samples(&samples)
}
