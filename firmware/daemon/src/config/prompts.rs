//! What the box says, and who speaks it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use trunkside_call::{Language, PromptKey};
use trunkside_media::Text;

use super::layers::Layers;

/// What the box says, and who speaks it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptsConfig {
    /// The folder of the branch's own recordings.
    pub recordings: Option<PathBuf>,
    /// The program that speaks texts.
    pub espeak: PathBuf,
    /// The branch's own words.
    pub texts: BTreeMap<(Language, PromptKey), Text>,
    /// Languages that another voice speaks than the shipped one.
    pub voices: BTreeMap<Language, String>,
    /// What callers who wait are told.
    pub tells: Tells,
}

/// What callers who wait are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tells {
    /// How many stand before them.
    pub position: bool,
    /// How long they will probably wait.
    pub wait: bool,
}

impl Default for Tells {
    fn default() -> Self {
        Self {
            position: true,
            wait: false,
        }
    }
}

impl PromptsConfig {
    /// The voice of a language: that of the shipped numbers where none is chosen.
    pub fn voice(&self, language: Language) -> &str {
        let usual = match language {
            Language::Zh => "cmn-latn-pinyin+f3",
            Language::Yue => "yue+f3",
            Language::En => "en-gb+Alicia",
        };
        self.voices.get(&language).map_or(usual, String::as_str)
    }

    /// The key of a language's voice.
    pub fn voice_key(language: Language) -> String {
        format!("prompts.{language}.voice")
    }

    /// The key of a prompt's text.
    pub fn text_key(language: Language, prompt: PromptKey) -> String {
        format!("prompts.{language}.{}", prompt.name())
    }
}

/// A name as espeak-ng has them, with its variant: nothing that it could take for an option or a path.
struct Voice(String);

impl std::str::FromStr for Voice {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+');
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_name = begins && text.len() <= 64 && text.chars().all(fits);
        is_name.then(|| Self(text.to_owned())).ok_or(())
    }
}

/// Reads `[prompts]`.
pub fn resolve(layers: &mut Layers) -> PromptsConfig {
    let (mut texts, mut voices) = (BTreeMap::new(), BTreeMap::new());
    for language in Language::ALL {
        for prompt in PromptKey::SPOKEN {
            let key = PromptsConfig::text_key(language, prompt);
            let Some(text) = layers.optional_text(&key) else {
                continue;
            };
            match Text::parse(prompt, &text) {
                Ok(text) => drop(texts.insert((language, prompt), text)),
                Err(error) => layers.report(
                    &key,
                    &format!("`{key}` {error}, or remove the key; got `{text}`"),
                ),
            }
        }
        let rule = "must be a voice that `espeak-ng --voices` lists, such as `en-gb`, with a variant \
                    behind `+`";
        if let Some(Voice(voice)) = layers.optional(&PromptsConfig::voice_key(language), rule) {
            voices.insert(language, voice);
        }
    }
    let usual = Tells::default();
    PromptsConfig {
        recordings: layers.path("prompts.recordings"),
        espeak: layers
            .optional_text("prompts.espeak")
            .unwrap_or_else(|| "espeak-ng".to_owned())
            .into(),
        texts,
        voices,
        tells: Tells {
            position: layers.switch("prompts.tell_position", usual.position),
            wait: layers.switch("prompts.tell_wait", usual.wait),
        },
    }
}
