//! G.711 (ITU-T G.711) between linear samples and the two laws.

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
    fn silence_is_the_quietest_code() {
        assert_eq!(decode(Codec::Pcmu, silence(Codec::Pcmu)), 0);
        assert!(decode(Codec::Pcma, silence(Codec::Pcma)).abs() <= 8);
    }
}
