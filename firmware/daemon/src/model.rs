//! The speech model in force, and how another one takes its place while calls run.
//!
//! The configuration is looked at as it runs (`config_watch.rs`). Where `[recognition]`, the model's files or the
//! phrases have changed, the model is verified, loaded and tried; only then new calls hear with it.
//! Calls at hand go on with the one that they began with, which is freed with the last of them. A
//! model that fails changes nothing but the log, an alarm and the count of refusals; it is tried again, at
//! ever longer intervals, as what it lacked may come back. A box that has none at its start takes calls
//! unheard until then.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, Side};
use trunkside_decision::{log, sha256_hex};
use trunkside_models::{Catalogue, ModelEntry, Role};
use trunkside_recognition::{Recogniser, Stream, StreamOptions};

use crate::cloud::alarm::Part;
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

/// What the alarm is of.
pub const MODEL: Part = Part {
    code: "speech_model",
    raised: "the speech model that is asked for cannot be used",
    cleared: "the speech model that is asked for is in force",
};

/// A model that hears as a configuration wants it.
#[derive(Clone)]
pub struct Model {
    /// The model.
    pub recogniser: Arc<Recogniser>,
    /// SHA-256 (hex) of its files and phrases.
    pub sha256: String,
    /// What every stream listens for.
    pub options: StreamOptions,
}

impl Model {
    /// As the decision log names it.
    pub fn logged(&self) -> log::Model {
        log::Model {
            name: self.recogniser.model_name().to_owned(),
            sha256: self.sha256.clone(),
        }
    }
}

/// What new calls hear with.
#[derive(Clone, Default)]
pub struct InForce {
    /// The model; none where none could be used so far: calls go on unheard.
    pub model: Option<Model>,
    /// Models that took another one's place since the start.
    pub changes: u64,
    /// Models and settings that could not be used since the start.
    pub refused: u64,
}

impl std::fmt::Debug for InForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InForce")
            .field("model", &self.model_name())
            .field("changes", &self.changes)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

impl InForce {
    fn of(model: Model) -> Self {
        Self {
            model: Some(model),
            ..Self::default()
        }
    }

    /// The model as the decision log names it.
    pub fn logged(&self) -> Option<log::Model> {
        self.model.as_ref().map(Model::logged)
    }

    /// The model's name.
    pub fn model_name(&self) -> &str {
        let model = self.model.as_ref();
        model.map_or("none", |model| model.recogniser.model_name())
    }
}

/// Loads the model that the configuration names. It can hear a call as the configuration wants it.
pub fn load(config: &RecognitionConfig) -> anyhow::Result<Model> {
    open(config).map(|(model, _)| model)
}

/// What the box begins with, and why that is not what the configuration asks for. Telephony needs no
/// model, and words are heard without the phrases that hint at them.
pub fn at_start(config: &RecognitionConfig) -> (InForce, Option<String>) {
    let problem = match load(config) {
        Ok(model) => return (InForce::of(model), None),
        Err(error) => format!("{error:#}"),
    };
    let without_phrases = RecognitionConfig {
        phrases: None,
        ..config.clone()
    };
    let model = config.phrases.as_ref().and(load(&without_phrases).ok());
    let hears = InForce {
        model,
        refused: 1,
        ..InForce::default()
    };
    tracing::error!(
        error = problem,
        in_force = hears.model_name(),
        "the speech model cannot be used as the configuration asks; trying again"
    );
    (hears, Some(problem))
}

/// The same, with a stream of it.
fn open(config: &RecognitionConfig) -> anyhow::Result<(Model, Stream)> {
    let catalogue = Catalogue::find(config.models_dir.as_deref())?;
    let entry = catalogue.model(&config.model)?;
    let recogniser = Arc::new(Recogniser::load(entry)?);
    let mut made_of = entry.made_of()?;
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
        made_of.extend(["phrases ", &sha256_hex(&text), "\n"]);
    }
    let stream = recogniser.stream(Side::Caller, options.clone())?;
    let model = Model {
        recogniser,
        sha256: sha256_hex(&made_of),
        options,
    };
    Ok((model, stream))
}

/// The same for a model that is to take another one's place: its files must be those that the
/// catalogue lists, and it must hear a second of silence.
fn load_carefully(config: &RecognitionConfig) -> anyhow::Result<Model> {
    let catalogue = Catalogue::find(config.models_dir.as_deref())?;
    catalogue.model(&config.model)?.verify()?;
    let (model, mut stream) = open(config)?;
    for number in 0..TRIAL_FRAMES {
        stream.handle(&Frame {
            side: Side::Caller,
            start: FRAME_DURATION * number,
            samples: [0; FRAME_SAMPLES],
        })?;
    }
    stream.finish()?;
    stream.check_sound()?;
    Ok(model)
}

/// What a configuration asks for, what the catalogue says of that model, and which files it would be made of:
/// when all are as before, nothing has to be done.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    config: RecognitionConfig,
    model: Option<ModelEntry>,
    files: Vec<Stamped>,
}

impl Asked {
    /// As the file has it now; or all that is wrong, where it cannot be used.
    fn by(loaded: &Loaded) -> Result<Self, String> {
        if !loaded.is_usable() {
            let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
            return Err(problems.join("; "));
        }
        let config = loaded.config.recognition.clone();
        let catalogue = Catalogue::find(config.models_dir.as_deref()).ok();
        let model = catalogue.and_then(|found| found.model(&config.model).ok().cloned());
        let paths = config.phrases.iter().cloned();
        let paths = paths.chain(model.as_ref().into_iter().flat_map(files_of));
        let files = paths.filter_map(stamped).collect();
        Ok(Self {
            config,
            model,
            files,
        })
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
    /// At the first look it is tried again.
    const fn at_start(problem: String) -> Self {
        Self {
            problem,
            pause: FIRST_PAUSE,
            left: 1,
        }
    }

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
/// could not be used again; `trouble` says why, also of what could not be used at the start.
pub async fn watch(
    mut changes: ConfigWatch,
    (models, trouble): (watch::Sender<InForce>, watch::Sender<Option<String>>),
    stop: CancellationToken,
) {
    let mut known = None;
    let mut nonsense = None;
    let mut refused = trouble.borrow().clone().map(Refused::at_start);
    loop {
        let loaded = tokio::select! {
            () = stop.cancelled() => return,
            loaded = changes.next() => loaded,
        };
        let Ok(asked) = tokio::task::spawn_blocking(move || Asked::by(&loaded)).await else {
            continue;
        };
        let asked = match asked {
            Ok(asked) => asked,
            // It says nothing of the model: what was asked for before is what it is compared with later.
            Err(problems) => {
                if nonsense.as_ref() != Some(&problems) {
                    tracing::error!(
                        problems,
                        "the configuration cannot be used as it is now; the speech model in force stays"
                    );
                    models.send_modify(|in_force| in_force.refused += 1);
                }
                nonsense = Some(problems);
                continue;
            }
        };
        nonsense = None;
        // What the box began with is in force.
        let before = known.replace(asked.clone());
        if before.is_some_and(|before| before != asked) {
            refused = None;
        } else if !refused.as_mut().is_some_and(Refused::is_due) {
            continue;
        }
        let work = move || load_carefully(&asked.config);
        let loaded = tokio::task::spawn_blocking(work).await;
        let loaded = loaded.unwrap_or_else(|fault| Err(fault.into()));
        refused = take(&models, loaded, refused);
        trouble.send_replace(refused.as_ref().map(|refused| refused.problem.clone()));
    }
}

/// Puts a model into force, or says why it cannot be used and counts that, once for each reason.
fn take(
    models: &watch::Sender<InForce>,
    loaded: anyhow::Result<Model>,
    before: Option<Refused>,
) -> Option<Refused> {
    let problem = match loaded {
        Ok(model) => {
            tracing::info!(
                model = model.recogniser.model_name(),
                "another speech model is in force for new calls"
            );
            models.send_modify(|in_force| {
                in_force.model = Some(model);
                in_force.changes += 1;
            });
            return None;
        }
        Err(error) => format!("{error:#}"),
    };
    if before.as_ref().map(|before| &before.problem) != Some(&problem) {
        tracing::error!(
            error = problem,
            in_force = models.borrow().model_name(),
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
        InForce::of(load(&config(&tones())).unwrap())
    }

    fn recogniser(models: &watch::Receiver<InForce>) -> Arc<Recogniser> {
        models.borrow().model.clone().unwrap().recogniser
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
        let before = recogniser(&models);
        let mut stream = before
            .stream(Side::Caller, StreamOptions::default())
            .unwrap();
        let copy = copied();
        take(&sender, load_carefully(&config(copy.path())), None);
        let now = models.borrow().clone();
        assert_eq!((now.changes, now.refused), (1, 0));
        assert!(!Arc::ptr_eq(&recogniser(&models), &before));
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
        let before = recogniser(&models);
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
        assert!(Arc::ptr_eq(&recogniser(&models), &before));
    }

    #[test]
    fn a_language_that_the_model_lacks_is_refused_before_calls_come() {
        let cantonese = RecognitionConfig {
            language: Some(Language::Yue),
            ..config(&tones())
        };
        let error = load(&cantonese).err().unwrap();
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

    /// A box that looks at its configuration, which names the model of a copied folder.
    struct Branch {
        models: tempfile::TempDir,
        in_force: watch::Receiver<InForce>,
        trouble: watch::Receiver<Option<String>>,
        stop: CancellationToken,
        tasks: TaskTracker,
    }

    impl Branch {
        /// What it began with has been looked at.
        async fn start() -> Self {
            Self::start_in(copied(), (tones_in_force(), None)).await
        }

        async fn start_in(
            models: tempfile::TempDir,
            (begins, trouble): (InForce, Option<String>),
        ) -> Self {
            let file = models.path().join("config.toml");
            let folder = models.path().display();
            let text = format!(
                "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n[line]\nlisten = '127.0.0.1:0'\n\
                 [recognition]\nmodel = 'tones'\nmodels_dir = '{folder}'\n"
            );
            fs::write(&file, text).unwrap();
            let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
            let changes = ConfigWatch::begin(Some(file), stop.clone(), &tasks);
            let (sender, in_force) = watch::channel(begins);
            let (troubled, trouble) = watch::channel(trouble);
            tasks.spawn(watch(changes, (sender, troubled), stop.clone()));
            // Paused time goes on once nobody has anything to do.
            tokio::time::sleep(LOOK_EVERY / 2).await;
            Self {
                models,
                in_force,
                trouble,
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
    async fn a_slip_that_is_mended_loads_no_model_again() {
        let mut branch = Branch::start().await;
        let file = branch.models.path().join("config.toml");
        let sound = fs::read_to_string(&file).unwrap();
        for (slip, refused) in [(sound.replace("listen =", "listen"), 1), (String::new(), 2)] {
            branch.put("config.toml", slip.as_bytes());
            branch.wait_for(0, refused, 2 * LOOK_EVERY).await;
            branch.put("config.toml", sound.as_bytes());
            tokio::time::sleep(3 * LOOK_EVERY).await;
            assert_eq!(branch.in_force.borrow().changes, 0, "it is in force");
        }
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
    #[tokio::test(start_paused = true)]
    async fn a_box_without_a_model_hears_as_soon_as_there_is_one() {
        let models = copied();
        let network = models.path().join("tones/model.onnx");
        fs::write(&network, "nothing").unwrap();
        let (begins, trouble) = at_start(&config(models.path()));
        assert_eq!((begins.model_name(), begins.refused), ("none", 1));
        let mut branch = Branch::start_in(models, (begins, trouble)).await;
        assert!(branch.trouble.borrow().is_some());
        let good = fs::read(tones().join("tones/model.onnx")).unwrap();
        branch.put("tones/model.onnx", &good);
        // It was refused at the start and, for its sum, at the first look.
        branch.wait_for(1, 2, 2 * LOOK_EVERY).await;
        let is_clear = branch.trouble.wait_for(Option::is_none).await;
        drop(is_clear.unwrap());
        assert_eq!(branch.in_force.borrow().model_name(), "tones");
        branch.stop().await;
    }

    #[test]
    fn phrases_that_cannot_be_used_cost_the_hints_and_no_word() {
        let copy = copied();
        let hinted = RecognitionConfig {
            phrases: Some(copy.path().join("gone.tsv")),
            ..config(copy.path())
        };
        let (hears, trouble) = at_start(&hinted);
        assert_eq!(hears.model_name(), "tones");
        assert!(trouble.unwrap().contains("gone.tsv"));
    }
}
