//! The speech model in force, and how another one takes its place while calls run.
//!
//! The configuration is looked at as it runs (`looks.rs`). Where `[recognition]`, the model's files or the
//! phrases have changed, the model is verified, loaded and tried; only then new calls hear with it.
//! Calls at hand go on with the one that they began with, which is freed with the last of them. A
//! model that fails changes nothing but the log and the count of refusals.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, Side};
use trunkside_models::{Catalogue, ModelEntry, Role};
use trunkside_recognition::{Recogniser, Stream, StreamOptions};

use crate::config::{Loaded, RecognitionConfig};
use crate::looks::{Looks, Stamped, stamped};

/// Frames that a model is tried with: a second of silence.
const TRIAL_FRAMES: u32 = 50;
/// The largest file of phrases.
const MAX_PHRASES_BYTES: u64 = 16 << 20;

/// What new calls hear with.
#[derive(Clone)]
pub struct InForce {
    /// The model.
    pub recogniser: Arc<Recogniser>,
    /// What every stream listens for.
    pub options: StreamOptions,
    /// Models that took another one's place since the start.
    pub changes: u64,
    /// Models and settings that could not be used since the start.
    pub refused: u64,
}

impl std::fmt::Debug for InForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InForce")
            .field("model", &self.recogniser.model_name())
            .field("changes", &self.changes)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// Loads the model that the configuration names. It can hear a call as the configuration wants it.
pub fn load(config: &RecognitionConfig) -> anyhow::Result<InForce> {
    open(config).map(|(loaded, _)| loaded)
}

/// The same, with a stream of it.
fn open(config: &RecognitionConfig) -> anyhow::Result<(InForce, Stream)> {
    let catalogue = Catalogue::find(config.models_dir.as_deref())?;
    let recogniser = Arc::new(Recogniser::load(catalogue.model(&config.model)?)?);
    let mut options = StreamOptions {
        language: config.language,
        ..StreamOptions::default()
    };
    if let Some(file) = &config.phrases {
        let length = fs::metadata(file).map_or(0, |file| file.len());
        anyhow::ensure!(
            length <= MAX_PHRASES_BYTES,
            "`{}` has more than {MAX_PHRASES_BYTES} bytes; remove phrases",
            file.display()
        );
        let text = fs::read_to_string(file)
            .with_context(|| format!("cannot read `{}`; give a text file", file.display()))?;
        let phrases = recogniser.phrases(&file.display().to_string(), &text)?;
        options.phrases = Some(Arc::new(phrases));
    }
    let stream = recogniser.stream(Side::Caller, options.clone())?;
    let loaded = InForce {
        recogniser,
        options,
        changes: 0,
        refused: 0,
    };
    Ok((loaded, stream))
}

/// The same for a model that is to take another one's place: its files must be those that the
/// catalogue lists, and it must hear a second of silence.
fn load_carefully(config: &RecognitionConfig) -> anyhow::Result<InForce> {
    let catalogue = Catalogue::find(config.models_dir.as_deref())?;
    catalogue.model(&config.model)?.verify()?;
    let (loaded, mut stream) = open(config)?;
    for number in 0..TRIAL_FRAMES {
        stream.handle(&Frame {
            side: Side::Caller,
            start: FRAME_DURATION * number,
            samples: [0; FRAME_SAMPLES],
        })?;
    }
    stream.finish()?;
    Ok(loaded)
}

/// What a configuration asks for, and which files it would be made of: when both are as before,
/// nothing has to be done.
#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Model {
        config: RecognitionConfig,
        files: Vec<Stamped>,
    },
    Nonsense(String),
}

impl Asked {
    fn by(loaded: &Loaded) -> Self {
        if !loaded.is_usable() {
            let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
            return Self::Nonsense(problems.join("; "));
        }
        let config = loaded.config.recognition.clone();
        let mut paths: Vec<PathBuf> = config.phrases.iter().cloned().collect();
        if let Ok(catalogue) = Catalogue::find(config.models_dir.as_deref())
            && let Ok(model) = catalogue.model(&config.model)
        {
            paths.extend(files_of(model));
        }
        let files = paths.into_iter().filter_map(stamped).collect();
        Self::Model { config, files }
    }
}

fn files_of(model: &ModelEntry) -> impl Iterator<Item = PathBuf> {
    let roles = [
        Role::Acoustic,
        Role::Encoder,
        Role::Decoder,
        Role::Joiner,
        Role::Tokens,
        Role::Lexicon,
        Role::Lm,
    ];
    roles.into_iter().filter_map(|role| model.path(role).ok())
}

/// Puts what the configuration asks for into force whenever that changes, until `stop`.
pub async fn watch(mut looks: Looks, models: watch::Sender<InForce>, stop: CancellationToken) {
    let mut known = None;
    loop {
        let loaded = tokio::select! {
            () = stop.cancelled() => return,
            loaded = looks.next() => loaded,
        };
        let Ok(asked) = tokio::task::spawn_blocking(move || Asked::by(&loaded)).await else {
            continue;
        };
        // What the box began with is in force.
        let before = known.replace(asked.clone());
        if before.is_none_or(|before| before == asked) {
            continue;
        }
        match asked {
            Asked::Model { config, .. } => {
                let loaded = tokio::task::spawn_blocking(move || load_carefully(&config));
                take(
                    &models,
                    loaded.await.unwrap_or_else(|fault| Err(fault.into())),
                );
            }
            Asked::Nonsense(problems) => {
                tracing::error!(
                    problems,
                    "the configuration cannot be used as it is now; the speech model in force stays"
                );
                models.send_modify(|in_force| in_force.refused += 1);
            }
        }
    }
}

/// Puts a model into force, or counts that it cannot be used.
fn take(models: &watch::Sender<InForce>, loaded: anyhow::Result<InForce>) {
    match loaded {
        Ok(new) => {
            tracing::info!(
                model = new.recogniser.model_name(),
                "another speech model is in force for new calls"
            );
            models.send_modify(|in_force| {
                in_force.recogniser = new.recogniser;
                in_force.options = new.options;
                in_force.changes += 1;
            });
        }
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                in_force = models.borrow().recogniser.model_name(),
                "the new speech model cannot be used; the one before stays in force"
            );
            models.send_modify(|in_force| in_force.refused += 1);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::time::Duration;

    use trunkside_call::Language;

    use super::*;

    /// The small model of the tests.
    pub(crate) fn tones_in_force() -> InForce {
        load(&config(&tones())).unwrap()
    }

    fn config(models: &Path) -> RecognitionConfig {
        RecognitionConfig {
            model: "tones".to_owned(),
            models_dir: Some(models.to_owned()),
            language: None,
            workers: 1,
            phrases: None,
        }
    }

    fn tones() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/tests/data")
    }

    /// A models folder of its own with the small model of the tests.
    fn copied() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tones")).unwrap();
        for file in [
            "catalogue.toml",
            "tones/model.onnx",
            "tones/tokens.txt",
            "tones/lexicon.tsv",
            "tones/lm.arpa",
        ] {
            fs::copy(tones().join(file), folder.path().join(file)).unwrap();
        }
        folder
    }

    #[test]
    fn a_new_model_is_taken_and_streams_of_the_old_one_go_on() {
        let (sender, models) = watch::channel(tones_in_force());
        let before = models.borrow().recogniser.clone();
        let mut stream = before
            .stream(Side::Caller, StreamOptions::default())
            .unwrap();
        let copy = copied();
        take(&sender, load_carefully(&config(copy.path())));
        let now = models.borrow().clone();
        assert_eq!((now.changes, now.refused), (1, 0));
        assert!(!Arc::ptr_eq(&now.recogniser, &before));
        drop(before);
        let silence = Frame {
            side: Side::Caller,
            start: Duration::ZERO,
            samples: [0; FRAME_SAMPLES],
        };
        stream.handle(&silence).unwrap();
    }

    #[test]
    fn a_damaged_model_or_phrase_changes_nothing_but_the_count() {
        let (sender, models) = watch::channel(tones_in_force());
        let before = models.borrow().recogniser.clone();
        let copy = copied();
        let phrases = copy.path().join("hot.tsv");
        fs::write(&phrases, "xyzzy\t2\n").unwrap();
        let hinted = RecognitionConfig {
            phrases: Some(phrases),
            ..config(copy.path())
        };
        take(&sender, load_carefully(&hinted));
        fs::write(copy.path().join("tones/lm.arpa"), "\\data\\\n").unwrap();
        take(&sender, load_carefully(&config(copy.path())));
        let unknown = RecognitionConfig {
            model: "nope".to_owned(),
            ..config(copy.path())
        };
        take(&sender, load_carefully(&unknown));
        let now = models.borrow().clone();
        assert_eq!((now.changes, now.refused), (0, 3));
        assert!(Arc::ptr_eq(&now.recogniser, &before));
    }

    #[test]
    fn a_language_that_the_model_lacks_is_refused_before_calls_come() {
        let cantonese = RecognitionConfig {
            language: Some(Language::Yue),
            ..config(&tones())
        };
        let error = load(&cantonese).unwrap_err();
        assert!(error.to_string().contains("language `yue`"), "{error:#}");
        // Where nobody has stated the languages, whoever asks for one knows better.
        let copy = copied();
        let catalogue = copy.path().join("catalogue.toml");
        let text = fs::read_to_string(&catalogue).unwrap();
        fs::write(&catalogue, text.replace("[\"zh\", \"en\"]", "[]")).unwrap();
        let unstated = RecognitionConfig {
            models_dir: Some(copy.path().to_owned()),
            ..cantonese
        };
        load(&unstated).unwrap();
    }
}
