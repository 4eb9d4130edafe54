//! What the box says: the branch's recordings, else its texts as espeak-ng speaks them, else what ships.
//!
//! Telephones never wait for speech: calls begin with what is there, and hear a new prompt once all of it
//! is. What was spoken is kept in the data folder, so that the next start has it at once. The
//! configuration is looked at as the box runs, and what could not be spoken is tried again.

pub mod espeak;
pub mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_call::{Codec, Language};
use trunkside_decision::sha256_hex;
use trunkside_media::{Clip, MUSIC, Prompt, Prompts, Texts, music_in, recorded_in, wav};

use crate::config::{Loaded, Problem, PromptsConfig, Tells};
use crate::config_watch::{ConfigWatch, Stamped, stamped};
use crate::storage::owner_only;

/// How often what could not be spoken is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// The folder of what was spoken, in the data folder.
const FOLDER: &str = "prompts";

/// Changes when the same text would be spoken otherwise.
const MANNER: &str = "1";

/// What calls hear.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// The prompts.
    pub prompts: Prompts,
    /// What callers who wait are told.
    pub tells: Tells,
}

/// What has to be spoken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    voice: String,
    text: String,
    is_whole: bool,
}

/// What was spoken before: on the disk, or in memory where the disk cannot be written.
#[derive(Debug)]
struct Kept {
    folder: PathBuf,
    unwritten: BTreeMap<String, Prompt>,
}

/// The prompts as far as they are there, and what is missing, with the key that asks for it.
struct Gathered {
    spoken: Spoken,
    missing: BTreeMap<Line, String>,
    faults: Vec<String>,
    /// The files of what was spoken and is said.
    used: BTreeSet<String>,
}

impl Line {
    /// The name of its file.
    fn file(&self) -> String {
        let Self {
            voice,
            text,
            is_whole,
        } = self;
        let all = format!("{MANNER}\n{voice}\n{is_whole}\n{text}");
        format!("{}.wav", sha256_hex(&all))
    }
}

impl Kept {
    fn new(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join(FOLDER),
            unwritten: BTreeMap::new(),
        }
    }

    fn find(&self, line: &Line) -> Option<Prompt> {
        let name = line.file();
        let read = || wav::read(&self.folder.join(&name)).ok();
        let kept = self.unwritten.get(&name).cloned();
        kept.or_else(|| Some(Prompt::from_samples(&read()?)))
    }

    fn keep(&mut self, line: &Line, samples: &[i16]) {
        let name = line.file();
        let write = || -> std::io::Result<()> {
            owner_only::folder(&self.folder)?;
            let bytes = wav::to_bytes(samples, wav::Encoding::G711(Codec::Pcma));
            trunkside_vault::replace(&self.folder.join(&name), &bytes)
        };
        if let Err(error) = write() {
            tracing::warn!(
                folder = %self.folder.display(), %error,
                "a spoken prompt cannot be kept: it is spoken again at the next start"
            );
            self.unwritten.insert(name, Prompt::from_samples(samples));
        }
    }

    /// Removes what nobody says any more.
    fn clear(&self, used: &BTreeSet<String>) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_used = || used.contains(&*entry.file_name().to_string_lossy());
            if path.extension().is_some_and(|is| is == "wav") && !is_used() {
                // It only takes room.
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl Gathered {
    fn new(config: &PromptsConfig, kept: &Kept) -> Self {
        let mut texts = Texts::shipped();
        for ((language, key), text) in &config.texts {
            texts.set(*language, *key, text.clone());
        }
        let (mut recorded, mut errors) = match &config.recordings {
            Some(folder) => recorded_in(folder, &texts),
            None => Default::default(),
        };
        let music = config.recordings.as_deref().map_or(Ok(None), music_in);
        let music = music.unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        let mut gathered = Self {
            spoken: Spoken {
                prompts: Prompts::embedded(),
                tells: config.tells,
            },
            missing: BTreeMap::new(),
            faults: errors
                .iter()
                .map(|error| format!("`prompts.recordings`: {error}"))
                .collect(),
            used: BTreeSet::new(),
        };
        if let Some(music) = music {
            gathered.spoken.prompts.play_music(music);
        }
        let mut said = Texts::shipped();
        for language in Language::ALL {
            for part in parts(language) {
                let found = part.iter().map(|&clip| {
                    let recording = recorded.remove(&(language, clip));
                    let text = clip.text(language, &texts);
                    recording.map_or_else(
                        || gathered.speech(config, kept, language, clip, text),
                        |recording| Ok(Some(recording)),
                    )
                });
                // A prompt is said once all its pieces are there.
                let Ok(found) = found
                    .collect::<Vec<_>>()
                    .into_iter()
                    .collect::<Result<Vec<_>, _>>()
                else {
                    continue;
                };
                for (clip, prompt) in part.iter().zip(found) {
                    if let Some(prompt) = prompt {
                        gathered.spoken.prompts.put(language, *clip, prompt);
                    }
                }
                if let Clip::Piece(key, _) = part[0] {
                    said.set(language, key, texts.get(language, key).clone());
                }
            }
        }
        gathered.spoken.prompts.reword(said);
        gathered
    }

    /// What is spoken of a clip that nobody recorded; none where what ships is said, an error where it has
    /// yet to be spoken.
    fn speech(
        &mut self,
        config: &PromptsConfig,
        kept: &Kept,
        language: Language,
        clip: Clip,
        text: &str,
    ) -> Result<Option<Prompt>, ()> {
        let key = match clip {
            Clip::Piece(key, _) if config.texts.contains_key(&(language, key)) => {
                PromptsConfig::text_key(language, key)
            }
            _ if config.voices.contains_key(&language) => PromptsConfig::voice_key(language),
            _ => return Ok(None),
        };
        if text.is_empty() {
            return Ok(Some(Prompt::default()));
        }
        let line = Line {
            voice: config.voice(language).to_owned(),
            text: text.to_owned(),
            is_whole: clip.is_whole(),
        };
        let found = kept.find(&line);
        self.used.insert(line.file());
        if found.is_none() {
            self.missing.insert(line, key);
        }
        found.map(Some).ok_or(())
    }
}

/// The clips of a language, those of one prompt together.
fn parts(language: Language) -> Vec<Vec<Clip>> {
    let mut parts: Vec<Vec<Clip>> = Vec::new();
    for clip in Clip::all(language) {
        match (clip, parts.last_mut()) {
            (Clip::Piece(key, _), Some(part)) if matches!(part[0], Clip::Piece(same, _) if same == key) =>
            {
                part.push(clip);
            }
            _ => parts.push(vec![clip]),
        }
    }
    parts
}

/// What calls hear from the start on: what has yet to be spoken comes later.
pub fn at_start(config: &PromptsConfig, data_dir: &Path) -> Spoken {
    Gathered::new(config, &Kept::new(data_dir)).spoken
}

/// What the configuration asks for, and which recordings there are: when both are as before, nothing
/// has to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    config: PromptsConfig,
    faults: Vec<String>,
    files: Vec<Stamped>,
}

impl Asked {
    fn new(config: PromptsConfig, faults: Vec<String>) -> Self {
        let folders = config.recordings.iter();
        let music = folders.clone().filter_map(|at| stamped(at.join(MUSIC)));
        let mut files: Vec<Stamped> = music.collect();
        for language in folders.flat_map(|at| Language::ALL.map(|language| at.join(language.tag())))
        {
            let entries = fs::read_dir(language).into_iter().flatten().flatten();
            files.extend(entries.filter_map(|entry| stamped(entry.path())));
        }
        files.sort();
        Self {
            config,
            faults,
            files,
        }
    }

    /// As the file has it now; or why it cannot be told, as a slip elsewhere may hide what is asked for.
    fn by(loaded: &Loaded) -> Result<Self, String> {
        if let Some(problem) = loaded.unusable() {
            return Err(problem.to_string());
        }
        let of_prompts = |problem: &Problem| problem.message.contains("`prompts.");
        let faults = loaded.problems.iter().filter(|problem| of_prompts(problem));
        let faults = faults.map(ToString::to_string).collect();
        Ok(Self::new(loaded.config.prompts.clone(), faults))
    }
}

/// Has spoken what the configuration asks for, now and whenever it changes, until `stop`.
pub async fn watch(
    mut changes: ConfigWatch,
    config: PromptsConfig,
    data_dir: PathBuf,
    spoken: watch::Sender<Spoken>,
    stop: CancellationToken,
) {
    let mut kept = Kept::new(&data_dir);
    let mut asked = Asked::new(config, Vec::new());
    let mut told: Vec<String> = Vec::new();
    let mut unread = None;
    loop {
        let (faults, back) = tokio::select! {
            done = say(asked.config.clone(), kept, &spoken) => done,
            () = stop.cancelled() => return,
        };
        kept = back;
        let faults = [asked.faults.clone(), faults].concat();
        for fault in faults.iter().filter(|fault| !told.contains(fault)) {
            tracing::error!(
                fault,
                "a prompt cannot be said as it was asked for; what ships is said, and it is tried again"
            );
        }
        told = faults;
        let again = tokio::time::sleep(TRY_AGAIN);
        tokio::pin!(again);
        loop {
            let loaded = tokio::select! {
                () = stop.cancelled() => return,
                () = &mut again, if !told.is_empty() => break,
                loaded = changes.next() => loaded,
            };
            let Ok(now) = tokio::task::spawn_blocking(move || Asked::by(&loaded)).await else {
                continue;
            };
            let problem = now.as_ref().err().cloned();
            if let Some(problem) = problem.as_ref().filter(|_| problem != unread) {
                tracing::error!(problem, "what is said stays as it is until this is mended");
            }
            unread = problem;
            if let Some(now) = now.ok().filter(|now| *now != asked) {
                asked = now;
                break;
            }
        }
    }
}

/// Gathers the prompts, has spoken what is missing, and gathers again; what is wrong comes back.
async fn say(
    config: PromptsConfig,
    mut kept: Kept,
    spoken: &watch::Sender<Spoken>,
) -> (Vec<String>, Kept) {
    let gather = async |config: PromptsConfig, kept: Kept| {
        let work = move || (Gathered::new(&config, &kept), kept);
        let done = tokio::task::spawn_blocking(work).await;
        done.expect("gathering does not panic")
    };
    let gathered;
    (gathered, kept) = gather(config.clone(), kept).await;
    let mut faults = gathered.faults;
    let mut failed = BTreeSet::new();
    for (line, key) in &gathered.missing {
        // A program or voice that failed with one text fails with all.
        if failed.contains(&line.voice) {
            continue;
        }
        match espeak::speak(&config.espeak, &line.voice, &line.text, line.is_whole).await {
            Ok(samples) => kept.keep(line, &samples),
            Err(error) => {
                if !matches!(error, espeak::SpeechError::Silent { .. }) {
                    failed.insert(line.voice.clone());
                }
                faults.push(format!("`{key}`: {error}"));
            }
        }
    }
    let lines = gathered.missing.len();
    let mut now = gathered.spoken;
    if lines > 0 {
        let again;
        (again, kept) = gather(config, kept).await;
        now = again.spoken;
        if again.missing.len() < lines {
            tracing::info!(lines, missing = again.missing.len(), "prompts are spoken");
        }
    }
    if faults.is_empty() {
        kept.clear(&gathered.used);
    }
    spoken.send_replace(now);
    (faults, kept)
}

/// What `trunkside check` says of the prompts: recordings that cannot be used, and texts that nobody can
/// speak.
pub fn check(config: &PromptsConfig, place: impl Fn(&str) -> String) -> Vec<Problem> {
    let nothing_kept = Kept::new(Path::new(""));
    let gathered = Gathered::new(config, &nothing_kept);
    let key = "prompts.recordings";
    let faults = gathered.faults.into_iter();
    let mut problems: Vec<Problem> = faults
        .map(|fault| Problem::error(place(key), fault).of_key(key))
        .collect();
    for path in config.recordings.iter().flat_map(|at| needless(at)) {
        let message = format!(
            "`{key}` has `{}`, which is no prompt's name; rename or remove it",
            path.display()
        );
        problems.push(Problem::warning(place(key), message));
    }
    let mut voices = BTreeMap::new();
    for (line, key) in gathered.missing {
        voices.entry(line.voice).or_insert(key);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::warn!(%error, "voices cannot be tried");
            return problems;
        }
    };
    for (voice, key) in voices {
        // A figure is a word in every language.
        let tried = espeak::speak(&config.espeak, &voice, "1", true);
        if let Err(error) = runtime.block_on(tried) {
            let message = format!("`{key}`: {error}");
            problems.push(Problem::error(place(&key), message).of_key(&key));
        }
    }
    problems
}

/// Recordings in the folder that no prompt is made of.
fn needless(folder: &Path) -> Vec<PathBuf> {
    let in_language = |language: Language| {
        let names: BTreeSet<String> = Clip::all(language)
            .into_iter()
            .map(|clip| format!("{}.wav", clip.name()))
            .collect();
        let entries = fs::read_dir(folder.join(language.tag()));
        let entries = entries.into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| {
                let name = path.file_name().map(|name| name.to_string_lossy());
                name.is_some_and(|name| !names.contains(&*name))
            })
            .collect::<Vec<_>>()
    };
    let mut found: Vec<PathBuf> = Language::ALL.into_iter().flat_map(in_language).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests;
