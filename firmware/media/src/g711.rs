//! G.711 (ITU-T G.711) between linear samples and the two laws.

use std::sync::LazyLock;

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use trunkside_call::Codec;

/// One linear sample from its code.
pub fn decode(codec: Codec, code: u8) -> i16 {
    match codec {
        Codec::Pcma => decode_alaw(code),
        Codec::Pcmu => decode_ulaw(code),
    }
}

/// The code of one linear sample.
pub fn encode(codec: Codec, sample: i16) -> u8 {
    match codec {
        Codec::Pcma => encode_alaw(sample),
        Codec::Pcmu => encode_ulaw(sample),
    }
}

/// The codes of a stretch of samples.
pub fn encode_all(codec: Codec, samples: &[i16]) -> Vec<u8> {
    samples
        .iter()
        .map(|&sample| encode(codec, sample))
        .collect()
}

/// The samples of a stretch of codes.
pub fn decode_all(codec: Codec, encoded: &[u8]) -> Vec<i16> {
    encoded.iter().map(|&code| decode(codec, code)).collect()
}

/// Puts codes of the other law in the place of those of `from`, by a table.
pub fn translate(from: Codec, codes: &mut [u8]) {
    static TABLES: LazyLock<[[u8; 256]; 2]> = LazyLock::new(|| {
        [(Codec::Pcma, Codec::Pcmu), (Codec::Pcmu, Codec::Pcma)]
            .map(|(from, to)| std::array::from_fn(|code| encode(to, decode(from, code as u8))))
    });
    let table = match from {
        Codec::Pcma => &TABLES[0],
        Codec::Pcmu => &TABLES[1],
    };
    for code in codes {
        *code = table[usize::from(*code)];
    }
}

/// The code of silence.
pub const fn silence(codec: Codec) -> u8 {
    match codec {
        Codec::Pcma => 0xd5,
        Codec::Pcmu => 0xff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_the_round_trip_through_samples() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            for code in 0..=u8::MAX {
                let sample = decode(codec, code);
                assert_eq!(
                    decode(codec, encode(codec, sample)),
                    sample,
                    "{codec:?} {code:#x}"
                );
            }
        }
    }

    #[test]
    fn loud_samples_keep_36_db_of_signal_to_noise() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let (mut signal, mut noise) = (0.0, 0.0);
            for n in 0..8_000_u32 {
                let sample = (f64::from(n) * 0.35).sin() * 16_000.0;
                let heard = f64::from(decode(codec, encode(codec, sample as i16)));
                signal += sample * sample;
                noise += (heard - sample).powi(2);
            }
            assert!(10.0 * (signal / noise).log10() > 36.0, "{codec:?}");
        }
    }

    #[test]
    fn voice_in_the_other_law_is_the_same_to_within_a_step() {
        for (from, to) in [(Codec::Pcma, Codec::Pcmu), (Codec::Pcmu, Codec::Pcma)] {
            for code in 0..=u8::MAX {
                let mut translated = [code];
                translate(from, &mut translated);
                let before = i32::from(decode(from, code));
                let after = i32::from(decode(to, translated[0]));
                let step = 16.max(before.abs() / 16);
                assert!((before - after).abs() <= step, "{from:?} {before} {after}");
                // There and back, nothing gets louder or softer by more than that.
                translate(to, &mut translated);
                let back = i32::from(decode(from, translated[0]));
                assert!((before - back).abs() <= step, "{from:?} {before} {back}");
            }
        }
    }

    #[test]
    fn silence_is_the_quietest_code() {
        assert_eq!(decode(Codec::Pcmu, silence(Codec::Pcmu)), 0);
        assert!(decode(Codec::Pcma, silence(Codec::Pcma)).abs() <= 8);
    }
}
