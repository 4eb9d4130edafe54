//! How a far end's silence sounds that says so instead of sending it (comfort noise, RFC 3389).

/// What a packet of comfort noise says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// The stream that falls silent.
    pub ssrc: u32,
    /// Since when, in samples of that stream.
    pub timestamp: u32,
    /// So many decibels below the loudest square wave (dBov), 0 to 127.
    pub level: u8,
}

/// No silence is louder, whatever is claimed, in dB below the loudest square wave.
const LOUDEST: u8 = 40;

/// Even noise of one loudness, the same after every beginning.
#[derive(Clone, Debug)]
pub struct Hiss {
    amplitude: f32,
    state: u32,
}

impl Hiss {
    /// At so many decibels below the loudest square wave.
    pub fn new(level: u8) -> Self {
        // The eighth bit is reserved.
        let below = f32::from((level & 0x7f).max(LOUDEST));
        let power = 32_768.0 * 10_f32.powf(-below / 20.0);
        Self {
            // Of even noise, whose power is a third of its peak's.
            amplitude: power * 3_f32.sqrt(),
            state: 1,
        }
    }
}

impl Iterator for Hiss {
    type Item = i16;

    fn next(&mut self) -> Option<i16> {
        // Multiplier and increment of Numerical Recipes, 2nd edition, section 7.1.
        self.state = self
            .state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let even = (self.state >> 16) as f32 / 32_768.0 - 1.0;
        Some((even * self.amplitude).round() as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loudness(level: u8) -> f32 {
        let samples = Hiss::new(level).take(8_000);
        let power: f32 = samples.map(|sample| f32::from(sample).powi(2)).sum();
        10.0 * (power / 8_000.0 / 32_768_f32.powi(2)).log10()
    }

    #[test]
    fn it_is_as_loud_as_its_sender_says_and_never_loud() {
        assert!((loudness(50) + 50.0).abs() < 0.5, "{}", loudness(50));
        assert!((loudness(60) + 60.0).abs() < 0.5, "{}", loudness(60));
        assert!((loudness(0) + 40.0).abs() < 0.5, "{}", loudness(0));
        assert_eq!(loudness(128 + 60), loudness(60), "a reserved bit");
        assert!(Hiss::new(127).take(100).all(|sample| sample == 0));
    }
}
