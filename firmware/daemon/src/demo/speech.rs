//! The demo's voices, spoken by text-to-speech (`demo/callers.toml` has the words).

use std::time::Duration;

use trunkside_call::{Language, SAMPLE_RATE_HZ};
use trunkside_media::wav;

/// One caller's part.
pub struct Part {
    /// Who calls, and in which mood.
    pub who: &'static str,
    /// What they say.
    pub script: String,
    /// The same as samples at 8 kHz.
    pub samples: Vec<i16>,
}

impl Part {
    /// How long it takes to say.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(SAMPLE_RATE_HZ))
    }
}

const SCRIPTS: &str = include_str!("../../demo/callers.toml");

const CALLERS: [(&str, &str, &[u8]); 3] = [
    (
        "caller1",
        "A calm caller in Mandarin",
        include_bytes!("../../demo/caller1.wav"),
    ),
    (
        "caller2",
        "An angry caller in Mandarin",
        include_bytes!("../../demo/caller2.wav"),
    ),
    (
        "caller3",
        "A calm caller in English",
        include_bytes!("../../demo/caller3.wav"),
    ),
];

/// The three callers, in the order of their calls.
pub fn callers() -> Vec<Part> {
    let scripts: toml::Table = SCRIPTS.parse().expect("the shipped scripts are TOML");
    let script_of = |name: &str| {
        let callers = scripts["caller"].as_array().into_iter().flatten();
        let caller = callers
            .into_iter()
            .find(|caller| caller["name"].as_str() == Some(name));
        caller
            .and_then(|caller| caller["script"].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    CALLERS
        .iter()
        .map(|(name, who, file)| Part {
            who,
            script: script_of(name),
            samples: samples(name, file),
        })
        .collect()
}

/// What an agent of a language says.
pub fn agent(language: Language) -> Vec<i16> {
    match language {
        Language::En => samples("agent2", include_bytes!("../../demo/agent2.wav")),
        Language::Zh | Language::Yue => samples("agent1", include_bytes!("../../demo/agent1.wav")),
    }
}

fn samples(name: &str, file: &[u8]) -> Vec<i16> {
    wav::parse(file, name.as_ref()).expect("the shipped recordings are telephone WAVs")
}
