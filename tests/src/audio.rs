//! Recordings as samples, and whether one is heard inside another.

use std::path::{Path, PathBuf};

/// A test recording that the project ships.
pub fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("audio")
        .join(name)
}

/// Samples a second, everywhere.
pub const RATE: u32 = 8_000;

/// Loudness of samples in dB relative to full scale.
pub fn level_dbfs(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return f64::NEG_INFINITY;
    }
    let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    10.0 * (power / f64::from(i16::MAX).powi(2)).log10()
}

/// A [correlation](best_correlation) above this is the same voice, whole.
pub const HEARD: f64 = 0.95;

/// How well `sent` is found in `heard` at its best delay: the normalised correlation, 1 when it is
/// there sample by sample, near 0 when it is not.
pub fn best_correlation(sent: &[i16], heard: &[i16]) -> f64 {
    let probe = loudest_part(sent);
    let norm = |samples: &[i16]| {
        samples
            .iter()
            .map(|s| f64::from(*s).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let probe_norm = norm(probe);
    if probe.is_empty() || heard.len() < probe.len() || probe_norm == 0.0 {
        return 0.0;
    }
    heard
        .windows(probe.len())
        .map(|window| {
            let dot: f64 = window
                .iter()
                .zip(probe)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            let scale = norm(window) * probe_norm;
            if scale > 0.0 { dot / scale } else { 0.0 }
        })
        .fold(0.0, f64::max)
}

/// The part that is worth looking for: a quarter of a second around the loudest sample.
fn loudest_part(samples: &[i16]) -> &[i16] {
    const LENGTH: usize = 2_000;
    let Some((loudest, _)) = samples
        .iter()
        .enumerate()
        .max_by_key(|(_, s)| s.unsigned_abs())
    else {
        return samples;
    };
    let start = loudest.saturating_sub(LENGTH / 2);
    &samples[start..(start + LENGTH).min(samples.len())]
}

/// Writes samples as a WAV file of 16-bit mono, which is all that the phones' file players take.
///
/// # Panics
/// When it cannot be written.
pub fn write_pcm(path: &Path, samples: &[i16]) {
    let bytes = samples.len() as u32 * 2;
    let mut file = Vec::with_capacity(samples.len() * 2 + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    file.extend_from_slice(&1_u16.to_le_bytes());
    file.extend_from_slice(&1_u16.to_le_bytes());
    file.extend_from_slice(&RATE.to_le_bytes());
    file.extend_from_slice(&(RATE * 2).to_le_bytes());
    file.extend_from_slice(&2_u16.to_le_bytes());
    file.extend_from_slice(&16_u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&bytes.to_le_bytes());
    for sample in samples {
        file.extend_from_slice(&sample.to_le_bytes());
    }
    std::fs::write(path, file).expect("the recording is written");
}

/// The samples of such a file.
///
/// # Panics
/// When it cannot be read.
pub fn read_pcm(path: &Path) -> Vec<i16> {
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    data_of(&file)
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// The data chunk of a WAV file.
///
/// # Panics
/// When it has none.
pub fn data_of(file: &[u8]) -> &[u8] {
    let at = file.windows(4).position(|name| name == b"data");
    &file[at.expect("a WAV with a data chunk") + 8..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32, length: usize) -> Vec<i16> {
        let mut state = seed;
        (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                (state >> 16) as i16 >> 2
            })
            .collect()
    }

    #[test]
    fn a_delayed_copy_correlates_and_other_sound_does_not() {
        let sent = noise(0x1234_5678, 6_000);
        let mut heard = noise(0x2345_6789, 3_000);
        heard.extend_from_slice(&sent);
        assert!(best_correlation(&sent, &heard) > 0.99);
        assert!(best_correlation(&sent, &noise(0x3456_789A, 9_000)) < 0.3);
    }
}
