//! The speech model in force, and how another one takes its place while calls run.
//!
//! The configuration is looked at as it runs (`changes.rs`). Where `[recognition]`, the model's files or the
//! phrases have changed, the model is verified, loaded and tried; only then new calls hear with it.
//! Calls at hand go on with the one that they began with, which is freed with the last of them. A
//! model that fails changes nothing but the log and the count of refusals; it is tried again, at ever
//! longer intervals, as what it lacked may come back.

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
use crate::config_watch::{ConfigWatch, Stamped, stamped};

/// Frames that a model is tried with: a second of silence.
const TRIAL_FRAMES: u32 = 50;
/// Looks between the first two attempts at a model that cannot be used, half a minute; each time twice
/// as many, up to a quarter of an hour.
const FIRST_PAUSE: u32 = 15;
const LONGEST_PAUSE: u32 = 450;
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

/// What a configuration asks for, what the catalogue says of that model, and which files it would be made of:
/// when all are as before, nothing has to be done.
#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Model {
        config: RecognitionConfig,
        model: Option<Box<ModelEntry>>,
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
        let catalogue = Catalogue::find(config.models_dir.as_deref()).ok();
        let model = catalogue.and_then(|found| found.model(&config.model).ok().cloned());
        let model = model.map(Box::new);
        let paths = config.phrases.iter().cloned();
        let paths = paths.chain(model.as_deref().into_iter().flat_map(files_of));
        let files = paths.filter_map(stamped).collect();
        Self::Model {
            config,
            model,
            files,
        }
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

/// A model that could not be used, and when to try again.
struct Refused {
    problem: String,
    pause: u32,
    /// Looks until the next attempt.
    left: u32,
}

impl Refused {
    /// The first time, or once more: then at twice the interval.
    fn again(before: Option<Self>, problem: String) -> Self {
        let pause = before.map_or(FIRST_PAUSE, |before| (2 * before.pause).min(LONGEST_PAUSE));
        Self {
            problem,
            pause,
            left: pause,
        }
    }

    /// Counts a look. Returns whether it is time to try.
    fn is_due(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }
}

/// Puts what the configuration asks for into force whenever that changes, until `stop`, and tries what
/// could not be used again.
pub async fn watch(
    mut changes: ConfigWatch,
    models: watch::Sender<InForce>,
    stop: CancellationToken,
) {
    let mut known = None;
    let mut refused: Option<Refused> = None;
    loop {
        let loaded = tokio::select! {
            () = stop.cancelled() => return,
            loaded = changes.next() => loaded,
        };
        let Ok(asked) = tokio::task::spawn_blocking(move || Asked::by(&loaded)).await else {
            continue;
        };
        // What the box began with is in force.
        let before = known.replace(asked.clone());
        if before.is_some_and(|before| before != asked) {
            refused = None;
        } else if !refused.as_mut().is_some_and(Refused::is_due) {
            continue;
        }
        match asked {
            Asked::Model { config, .. } => {
                let loaded = tokio::task::spawn_blocking(move || load_carefully(&config)).await;
                let loaded = loaded.unwrap_or_else(|fault| Err(fault.into()));
                refused = take(&models, loaded, refused);
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

/// Puts a model into force, or says why it cannot be used and counts that, once for each reason.
fn take(
    models: &watch::Sender<InForce>,
    loaded: anyhow::Result<InForce>,
    before: Option<Refused>,
) -> Option<Refused> {
    let problem = match loaded {
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
            return None;
        }
        Err(error) => format!("{error:#}"),
    };
    if before.as_ref().map(|before| &before.problem) != Some(&problem) {
        tracing::error!(
            error = problem,
            in_force = models.borrow().recogniser.model_name(),
            "the new speech model cannot be used; the one before stays in force"
        );
        models.send_modify(|in_force| in_force.refused += 1);
    }
    Some(Refused::again(before, problem))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    use tokio_util::task::TaskTracker;
    use trunkside_call::Language;

    use super::*;
    use crate::config_watch::LOOK_EVERY;

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
        take(&sender, load_carefully(&config(copy.path())), None);
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
        take(&sender, load_carefully(&hinted), None);
        fs::write(copy.path().join("tones/lm.arpa"), "\\data\\\n").unwrap();
        take(&sender, load_carefully(&config(copy.path())), None);
        let unknown = RecognitionConfig {
            model: "nope".to_owned(),
            ..config(copy.path())
        };
        take(&sender, load_carefully(&unknown), None);
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

    /// A box that changes at its configuration, which names the model of a copied folder.
    struct Branch {
        models: tempfile::TempDir,
        in_force: watch::Receiver<InForce>,
        stop: CancellationToken,
        tasks: TaskTracker,
    }

    impl Branch {
        /// What it began with has been looked at.
        async fn start() -> Self {
            let models = copied();
            let file = models.path().join("config.toml");
            let folder = models.path().display();
            let text = format!(
                "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n[line]\nlisten = '127.0.0.1:0'\n\
                 [recognition]\nmodel = 'tones'\nmodels_dir = '{folder}'\n"
            );
            fs::write(&file, text).unwrap();
            let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
            let changes = ConfigWatch::begin(Some(file), stop.clone(), &tasks);
            let (sender, in_force) = watch::channel(tones_in_force());
            tasks.spawn(watch(changes, sender, stop.clone()));
            // Paused time goes on once nobody has anything to do.
            tokio::time::sleep(LOOK_EVERY / 2).await;
            Self {
                models,
                in_force,
                stop,
                tasks,
            }
        }

        /// Puts a file into place at once; all are written at the same time.
        fn put(&self, file: &str, bytes: &[u8]) {
            let new = self.models.path().join("new");
            fs::write(&new, bytes).unwrap();
            let opened = fs::File::options().write(true).open(&new).unwrap();
            opened.set_modified(UNIX_EPOCH).unwrap();
            fs::rename(new, self.models.path().join(file)).unwrap();
        }

        async fn wait_for(&mut self, changes: u64, refused: u64, within: Duration) {
            let wanted = |now: &InForce| (now.changes, now.refused) == (changes, refused);
            let seen = self.in_force.wait_for(wanted);
            let seen = tokio::time::timeout(within, seen).await;
            assert!(seen.is_ok(), "{changes} changes and {refused} refusals");
        }

        async fn stop(self) {
            self.stop.cancel();
            self.tasks.close();
            self.tasks.wait().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_catalogue_that_is_mended_counts_at_once() {
        let mut branch = Branch::start().await;
        let catalogue = fs::read_to_string(tones().join("catalogue.toml")).unwrap();
        let wrong = catalogue.replace("sha256 = \"9af1", "sha256 = \"0af1");
        branch.put("catalogue.toml", wrong.as_bytes());
        branch.wait_for(0, 1, 2 * LOOK_EVERY).await;
        branch.put("catalogue.toml", catalogue.as_bytes());
        branch.wait_for(1, 1, 2 * LOOK_EVERY).await;
        branch.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_failed_is_tried_again_though_nothing_shows_that_it_is_mended() {
        let mut branch = Branch::start().await;
        let lm = fs::read(tones().join("tones/lm.arpa")).unwrap();
        branch.put("tones/lm.arpa", &vec![b'?'; lm.len()]);
        branch.wait_for(0, 1, 2 * LOOK_EVERY).await;
        tokio::time::sleep(10 * FIRST_PAUSE * LOOK_EVERY).await;
        branch.put("tones/lm.arpa", &lm);
        branch.wait_for(1, 1, LONGEST_PAUSE * LOOK_EVERY).await;
        branch.stop().await;
    }
}
