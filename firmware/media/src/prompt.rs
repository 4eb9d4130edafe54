//! What the box says: recordings that are shipped, and others in their place, put together with
//! numbers where a caller hears of their place in the queue.

mod numbers;
mod shipped;
mod sounds;
mod texts;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use trunkside_call::{Codec, Language, PromptKey};

pub use numbers::{LARGEST as LARGEST_NUMBER, Word};
pub use texts::{Blank, Text, TextError, Texts};

use crate::error::MediaError;
use crate::{g711, wav};

/// The silence between two sentences, in samples: a quarter of a second.
const BETWEEN_SENTENCES: usize = 2_000;

/// One prompt, encoded in both laws so that playing it costs a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    pcma: Box<[u8]>,
    pcmu: Box<[u8]>,
    /// So much of its begin is left out when it is played again.
    said_once: usize,
    /// What fills the pauses while it is played again and again; silence does where there is none.
    between: Option<Arc<Prompt>>,
}

impl Prompt {
    /// Encodes samples at [`SAMPLE_RATE_HZ`](trunkside_call::SAMPLE_RATE_HZ).
    pub fn from_samples(samples: &[i16]) -> Self {
        Self {
            pcma: g711::encode_all(Codec::Pcma, samples).into(),
            pcmu: g711::encode_all(Codec::Pcmu, samples).into(),
            ..Self::default()
        }
    }

    /// One after the other.
    fn joined(parts: &[Arc<Self>]) -> Self {
        let all = |codes: fn(&Self) -> &[u8]| {
            let parts = parts.iter();
            parts.flat_map(move |part| codes(part)).copied().collect()
        };
        Self {
            pcma: all(|part| &part.pcma),
            pcmu: all(|part| &part.pcmu),
            ..Self::default()
        }
    }

    /// The prompt in a law, one byte a sample.
    pub fn codes(&self, codec: Codec) -> &[u8] {
        match codec {
            Codec::Pcma => &self.pcma,
            Codec::Pcmu => &self.pcmu,
        }
    }

    /// What fills its pauses, if anything does.
    pub(crate) fn between(&self) -> Option<&Self> {
        self.between.as_deref()
    }

    /// Where it begins when it is played again.
    pub(crate) const fn again_from(&self) -> usize {
        self.said_once
    }
}

/// One recording that prompts are put together from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clip {
    /// A piece of a prompt, from one: what stands before, between or behind its numbers, or all of it.
    Piece(PromptKey, u8),
    /// A word of a number.
    Word(Word),
}

impl Clip {
    /// All of a language.
    pub fn all(language: Language) -> Vec<Self> {
        let pieces = |key| {
            let count = 1 + texts::blanks_of(key).len() as u8;
            (1..=count).map(move |piece| Self::Piece(key, piece))
        };
        let words = Word::all(language).into_iter().map(Self::Word);
        let said = PromptKey::SPOKEN.into_iter().flat_map(pieces);
        said.chain(words).collect()
    }

    /// The name of its file, without the extension.
    pub fn name(self) -> String {
        match self {
            Self::Piece(key, _) if texts::blanks_of(key).is_empty() => key.name().to_owned(),
            Self::Piece(key, piece) => format!("{}-{piece}", key.name()),
            Self::Word(word) => format!("number_{}", word.name()),
        }
    }

    /// Whether it is all of a prompt.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Piece(key, _) if texts::blanks_of(key).is_empty())
    }

    /// What it says; empty where it says nothing.
    pub fn text(self, language: Language, texts: &Texts) -> &str {
        match self {
            Self::Piece(key, piece) => texts.get(language, key).piece(piece),
            Self::Word(word) => texts.word(language, word),
        }
    }
}

/// The numbers that sentences have in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// How many callers stand before this one.
    pub ahead: u32,
    /// How many minutes they will wait at least.
    pub least: u32,
    /// And at most.
    pub most: u32,
}

impl Numbers {
    const fn of(self, blank: Blank) -> u32 {
        match blank {
            Blank::Ahead => self.ahead,
            Blank::Position => self.ahead.saturating_add(1),
            Blank::Minutes | Blank::Least => self.least,
            Blank::Most => self.most,
        }
    }
}

/// Every prompt in every language.
#[derive(Clone, Debug)]
pub struct Prompts {
    clips: Arc<BTreeMap<(Language, Clip), Arc<Prompt>>>,
    texts: Texts,
    ringback: Arc<Prompt>,
    hold: Arc<Prompt>,
    /// Between what callers are told who wait.
    waiting: Arc<Prompt>,
    away: Arc<Prompt>,
    back: Arc<Prompt>,
}

impl Prompts {
    /// The prompts that the box is shipped with, which are encoded once.
    ///
    /// # Panics
    /// Never: a test reads every shipped recording.
    pub fn embedded() -> Self {
        static EMBEDDED: LazyLock<Prompts> = LazyLock::new(Prompts::encoded);
        EMBEDDED.clone()
    }

    fn encoded() -> Self {
        let mut clips = BTreeMap::new();
        for language in Language::ALL {
            for clip in Clip::all(language) {
                let name = clip.name();
                // What has no recording says nothing, as what stands behind a number at the end.
                let prompt = shipped::recording(language, &name).map(|bytes| {
                    let samples = wav::parse(bytes, Path::new(&name));
                    Prompt::from_samples(&samples.expect("the shipped recordings are well formed"))
                });
                clips.insert((language, clip), Arc::new(prompt.unwrap_or_default()));
            }
        }
        Self {
            clips: Arc::new(clips),
            texts: Texts::shipped(),
            ringback: Arc::new(sounds::ringback()),
            hold: Arc::new(sounds::music()),
            waiting: Arc::new(sounds::comfort()),
            away: Arc::new(sounds::two_tones([880.0, 587.33])),
            back: Arc::new(sounds::two_tones([587.33, 880.0])),
        }
    }

    /// Says other words, for which [`put`](Self::put) puts other recordings in place.
    pub fn reword(&mut self, texts: Texts) {
        self.texts = texts;
    }

    /// What they say.
    pub const fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Puts a recording in the place of another.
    pub fn put(&mut self, language: Language, clip: Clip, prompt: Prompt) {
        Arc::make_mut(&mut self.clips).insert((language, clip), Arc::new(prompt));
    }

    /// Plays this music to who is held, and to callers who wait, between what they are told.
    pub fn play_music(&mut self, music: Prompt) {
        self.hold = Arc::new(music);
        self.waiting = Arc::clone(&self.hold);
    }

    /// A prompt without numbers, or a sound, in a language.
    pub fn get(&self, language: Language, key: PromptKey) -> Arc<Prompt> {
        match key {
            PromptKey::Ringback => Arc::clone(&self.ringback),
            PromptKey::Hold => Arc::clone(&self.hold),
            PromptKey::Away => Arc::clone(&self.away),
            PromptKey::Back => Arc::clone(&self.back),
            _ => self.clip(language, Clip::Piece(key, 1)),
        }
    }

    /// The prompt of that key, before which these sentences are said when it is played first. A caller who waits
    /// hears in its pauses that the line is not dead.
    pub fn introduced(
        &self,
        language: Language,
        sentences: &[(PromptKey, Numbers)],
        key: PromptKey,
    ) -> Arc<Prompt> {
        let last = self.get(language, key);
        let between = (key == PromptKey::Queue).then(|| Arc::clone(&self.waiting));
        if sentences.is_empty() && between.is_none() {
            return last;
        }
        let silence = Arc::new(Prompt::from_samples(&[0; BETWEEN_SENTENCES]));
        let mut parts = Vec::new();
        for (key, numbers) in sentences {
            self.say(language, *key, *numbers, &mut parts);
            parts.push(Arc::clone(&silence));
        }
        let said_once = parts.iter().map(|part| part.pcma.len()).sum();
        parts.push(last);
        Arc::new(Prompt {
            said_once,
            between,
            ..Prompt::joined(&parts)
        })
    }

    /// One sentence, put together.
    fn say(
        &self,
        language: Language,
        key: PromptKey,
        numbers: Numbers,
        parts: &mut Vec<Arc<Prompt>>,
    ) {
        parts.push(self.clip(language, Clip::Piece(key, 1)));
        for (piece, (blank, form)) in (2..).zip(self.texts.get(language, key).blanks()) {
            let number = numbers.of(blank).min(LARGEST_NUMBER);
            let words = numbers::words(language, number, form);
            parts.extend(
                words
                    .into_iter()
                    .map(|word| self.clip(language, Clip::Word(word))),
            );
            parts.push(self.clip(language, Clip::Piece(key, piece)));
        }
    }

    fn clip(&self, language: Language, clip: Clip) -> Arc<Prompt> {
        let found = self.clips.get(&(language, clip)).map(Arc::clone);
        found.expect("every clip of every language is there")
    }
}

/// The name of the file of a branch's own music, in the folder of its recordings.
pub const MUSIC: &str = "music.wav";

/// The music in a branch's own folder of recordings, if there is any.
///
/// # Errors
/// When it is no recording that can be played.
pub fn music_in(folder: &Path) -> Result<Option<Prompt>, MediaError> {
    let path = folder.join(MUSIC);
    if !path.exists() {
        return Ok(None);
    }
    let samples = wav::read(&path)?;
    Ok(Some(Prompt::from_samples(&samples)))
}

/// Recordings of a branch's own, as `FOLDER/{zh,yue,en}/NAME.wav` by [`Clip::name`], and what is wrong
/// with them. Any may be missing, but not a piece of a prompt of which others are there.
pub fn recorded_in(
    folder: &Path,
    texts: &Texts,
) -> (BTreeMap<(Language, Clip), Prompt>, Vec<MediaError>) {
    let (mut found, mut errors) = (BTreeMap::new(), Vec::new());
    for language in Language::ALL {
        let path = |clip: Clip| {
            let folder = folder.join(language.tag());
            folder.join(clip.name()).with_extension("wav")
        };
        let clips = Clip::all(language);
        let is_there = |clip: &Clip| path(*clip).exists();
        for &clip in &clips {
            let same_prompt = |other: &Clip| match (clip, *other) {
                (Clip::Piece(key, _), Clip::Piece(other, _)) => key == other,
                _ => false,
            };
            let mut pieces = clips.iter().filter(|other| same_prompt(other));
            if is_there(&clip) {
                match wav::read(&path(clip)) {
                    Ok(samples) => {
                        found.insert((language, clip), Prompt::from_samples(&samples));
                    }
                    Err(error) => errors.push(error.into()),
                }
            } else if pieces.any(is_there) && !clip.text(language, texts).is_empty() {
                errors.push(MediaError::PromptMissing { path: path(clip) });
            }
        }
    }
    (found, errors)
}

#[cfg(test)]
mod tests;
