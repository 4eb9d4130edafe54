//! What the box says: recordings that are shipped, or a directory that replaces them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use trunkside_call::{Codec, Language, PromptKey, SAMPLE_RATE_HZ};

use crate::error::MediaError;
use crate::{g711, wav};

/// One prompt, encoded in both laws so that playing it costs a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    pcma: Box<[u8]>,
    pcmu: Box<[u8]>,
}

impl Prompt {
    /// Encodes samples at [`SAMPLE_RATE_HZ`].
    pub fn from_samples(samples: &[i16]) -> Self {
        Self {
            pcma: g711::encode_all(Codec::Pcma, samples).into(),
            pcmu: g711::encode_all(Codec::Pcmu, samples).into(),
        }
    }

    /// The prompt in a law, one byte a sample.
    pub fn codes(&self, codec: Codec) -> &[u8] {
        match codec {
            Codec::Pcma => &self.pcma,
            Codec::Pcmu => &self.pcmu,
        }
    }
}

/// Every prompt in every language that the box has recordings of.
#[derive(Clone, Debug)]
pub struct Prompts {
    recorded: BTreeMap<(Language, PromptKey), Arc<Prompt>>,
    ringback: Arc<Prompt>,
    hold: Arc<Prompt>,
}

/// The languages that recordings are shipped in.
const RECORDED: [Language; 2] = [Language::Zh, Language::En];

macro_rules! recording {
    ($language:literal, $name:literal) => {
        include_bytes!(concat!("../prompts/", $language, "/", $name, ".wav")).as_slice()
    };
}

const fn shipped(language: Language, key: PromptKey) -> &'static [u8] {
    match (language, key) {
        (Language::En, PromptKey::Greeting) => recording!("en", "greeting"),
        (Language::En, PromptKey::Transfer) => recording!("en", "transfer"),
        (Language::En, PromptKey::Queue) => recording!("en", "queue"),
        (Language::En, PromptKey::Apology) => recording!("en", "apology"),
        (Language::En, PromptKey::RecordingNotice) => recording!("en", "recording_notice"),
        (Language::En, PromptKey::RecordingConsent) => recording!("en", "recording_consent"),
        (Language::En, PromptKey::NotRecorded) => recording!("en", "not_recorded"),
        (_, PromptKey::Greeting) => recording!("zh", "greeting"),
        (_, PromptKey::Transfer) => recording!("zh", "transfer"),
        (_, PromptKey::Queue) => recording!("zh", "queue"),
        (_, PromptKey::Apology) => recording!("zh", "apology"),
        (_, PromptKey::RecordingNotice) => recording!("zh", "recording_notice"),
        (_, PromptKey::RecordingConsent) => recording!("zh", "recording_consent"),
        (_, PromptKey::NotRecorded) => recording!("zh", "not_recorded"),
        (_, PromptKey::Ringback | PromptKey::Hold) => &[],
    }
}

/// What the prompts that ship say: TOML, a `[[prompt]]` with `name`, `zh` and `en` each.
pub const PROMPT_TEXTS: &str = include_str!("../prompts/prompts.toml");

impl Prompts {
    /// The prompts that the box is shipped with.
    ///
    /// # Panics
    /// Never: a test reads every shipped recording.
    pub fn embedded() -> Self {
        Self::load(|language, key| {
            let name = format!("prompts/{language}/{}.wav", key.name());
            Ok(wav::parse(shipped(language, key), Path::new(&name))?)
        })
        .expect("the shipped recordings are well formed")
    }

    /// Recordings of the customer's own, as `DIRECTORY/{zh,en}/NAME.wav`, by the names of
    /// [`PromptKey::SPOKEN`].
    pub fn from_directory(directory: &Path) -> Result<Self, MediaError> {
        Self::load(|language, key| {
            let path = directory
                .join(language.tag())
                .join(key.name())
                .with_extension("wav");
            if !path.exists() {
                return Err(MediaError::PromptMissing { path });
            }
            Ok(wav::read(&path)?)
        })
    }

    fn load(
        samples: impl Fn(Language, PromptKey) -> Result<Vec<i16>, MediaError>,
    ) -> Result<Self, MediaError> {
        let mut recorded = BTreeMap::new();
        for language in RECORDED {
            for key in PromptKey::SPOKEN {
                let prompt = Prompt::from_samples(&samples(language, key)?);
                recorded.insert((language, key), Arc::new(prompt));
            }
        }
        Ok(Self {
            recorded,
            ringback: Arc::new(ringback()),
            hold: Arc::new(music()),
        })
    }

    /// A prompt in a language; in Mandarin where that language has no recordings.
    ///
    /// # Panics
    /// Never: every spoken prompt exists in Mandarin.
    pub fn get(&self, language: Language, key: PromptKey) -> Arc<Prompt> {
        match key {
            PromptKey::Ringback => return Arc::clone(&self.ringback),
            PromptKey::Hold => return Arc::clone(&self.hold),
            _ => {}
        }
        self.recorded
            .get(&(language, key))
            .or_else(|| self.recorded.get(&(Language::Zh, key)))
            .map(Arc::clone)
            .expect("every spoken prompt exists in Mandarin")
    }
}

/// Music for who is held: a slow walk up and down a pentatonic scale, made here so that nobody's
/// rights are touched.
fn music() -> Prompt {
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

/// China's ringback: 450 Hz for 1 s; the 4 s of silence between are the loop's pause (ITU-T E.180).
fn ringback() -> Prompt {
    const LEVEL: f32 = 3_000.0;
    let samples: Vec<i16> = (0..SAMPLE_RATE_HZ)
        .map(|n| {
            let phase = n as f32 * 450.0 / SAMPLE_RATE_HZ as f32;
            (LEVEL * (std::f32::consts::TAU * phase.fract()).sin()) as i16
        })
        .collect();
    Prompt::from_samples(&samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_prompt_is_speech_of_a_sensible_length() {
        let prompts = Prompts::embedded();
        for language in RECORDED {
            for key in PromptKey::SPOKEN {
                let prompt = prompts.get(language, key);
                let seconds = prompt.codes(Codec::Pcma).len() / 8_000;
                assert!(
                    (1..=15).contains(&seconds),
                    "{language} {key:?}: {seconds} s"
                );
                let samples = g711::decode_all(Codec::Pcma, prompt.codes(Codec::Pcma));
                let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max();
                assert!(loudest > Some(4_000), "{language} {key:?} is too quiet");
            }
        }
    }

    #[test]
    fn cantonese_hears_mandarin_until_it_has_recordings() {
        let prompts = Prompts::embedded();
        assert_eq!(
            prompts.get(Language::Yue, PromptKey::Queue),
            prompts.get(Language::Zh, PromptKey::Queue)
        );
    }

    #[test]
    fn a_directory_replaces_the_shipped_prompts_and_a_missing_file_is_named() {
        let directory = tempfile::tempdir().expect("writable");
        for language in RECORDED {
            let folder = directory.path().join(language.tag());
            std::fs::create_dir(&folder).expect("writable");
            for key in PromptKey::SPOKEN {
                let path = folder.join(key.name()).with_extension("wav");
                wav::write(&path, &[1_000; 800], wav::Encoding::Pcm16).expect("writable");
            }
        }
        let prompts = Prompts::from_directory(directory.path()).expect("complete");
        assert_eq!(
            prompts
                .get(Language::En, PromptKey::Apology)
                .codes(Codec::Pcmu)
                .len(),
            800
        );

        let missing = directory.path().join("en/queue.wav");
        std::fs::remove_file(&missing).expect("present");
        let error = Prompts::from_directory(directory.path()).expect_err("incomplete");
        assert!(error.to_string().contains("en/queue.wav"), "{error}");
    }
}
