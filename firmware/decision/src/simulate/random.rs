//! Random numbers that a seed determines, one stream a purpose.

/// `xoshiro256++` (Blackman and Vigna 2019), seeded through `SplitMix64`.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    state: [u64; 4],
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Stream {
    /// The stream of a seed for a purpose: what one draws never moves another.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut state = seed ^ purpose.wrapping_mul(0xd134_2543_de82_ef95);
        Self {
            state: std::array::from_fn(|_| split_mix(&mut state)),
        }
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// From 0 to 1, both excluded.
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Exponential, by its mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }

    /// Standard normal (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A positive time by mean and coefficient of variation: constant at 0, exponential at 1,
    /// log-normal otherwise, as measured service times are (Brown et al. 2005).
    pub fn service(&mut self, mean: f64, variation: f64) -> f64 {
        if variation <= 0.0 {
            return mean;
        }
        if (variation - 1.0).abs() < 1e-9 {
            return self.exponential(mean);
        }
        let variance = (1.0 + variation * variation).ln();
        (mean.ln() - variance / 2.0 + variance.sqrt() * self.normal()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_times_have_their_mean_and_variation() {
        for variation in [0.0, 0.5, 1.0, 1.7] {
            let mut stream = Stream::new(1, 2);
            let n = 200_000;
            let times: Vec<f64> = (0..n).map(|_| stream.service(180.0, variation)).collect();
            let mean = times.iter().sum::<f64>() / f64::from(n);
            let variance = times.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / f64::from(n);
            assert!(
                (mean / 180.0 - 1.0).abs() < 0.02,
                "{variation}: mean {mean}"
            );
            let found = variance.sqrt() / mean;
            assert!(
                (found - variation).abs() < 0.1,
                "{variation}: found {found}"
            );
        }
    }

    #[test]
    fn streams_of_one_seed_differ() {
        assert_ne!(Stream::new(1, 1).next(), Stream::new(1, 2).next());
        assert_eq!(Stream::new(1, 1).next(), Stream::new(1, 1).next());
    }
}
