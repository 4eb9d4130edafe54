//! The thread that makes calls durable: SQLite first, then the outbox, then the mark in SQLite.
//!
//! Its queue has no bound, because records are small and must never be dropped, and because
//! nothing on a call's path may wait for a disk. When the disk refuses, calls stay in SQLite or in
//! the queue and are handed over again later.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use trunkside_call::{CallId, Pii};
use trunkside_decision::{Lesson, log::Entry};
use trunkside_media::recording::Report;
use trunkside_record::{Body, CallSummary, PseudonymKey, Timestamp, Transcript};
use trunkside_uplink::{Outbox, Stamp};

use crate::clock;
use crate::panel::Pulse;
use crate::policy::replace_file;
use crate::store::{Export, Store, StoreError};
use crate::story::{self, Ended};

/// How long the recorder waits before it tries again what failed.
const RETRY: Duration = Duration::from_secs(5);

/// Notes that become durable together at most, and calls that the outbox gets at once.
const BATCH: usize = 64;

/// Something to make durable.
#[derive(Debug)]
enum Note {
    /// A call has begun.
    Opened {
        call: CallId,
        started_at: Timestamp,
        caller: Pii<String>,
    },
    /// A call is over.
    Ended(Box<Ended>),
    /// A line of the decision log.
    Decision(String),
    /// What the router has learnt, whole.
    Lessons(String),
    /// What became of a recording, and in which mode it was made.
    Recorded(Report, &'static str),
}

impl Note {
    /// Writes what belongs into the store.
    fn keep_in(&self, store: &mut Store) -> Result<(), StoreError> {
        match self {
            Self::Opened {
                call,
                started_at,
                caller,
            } => store.open_call(*call, started_at.as_millisecond(), caller),
            Self::Ended(ended) => {
                let export = export(&ended.summary, ended.transcript.as_ref());
                store.close_call(&export, &ended.turns, ended.callback.as_ref())
            }
            Self::Recorded(report, mode) => {
                store.recorded(report, mode, clock::timestamp().as_millisecond())
            }
            Self::Decision(_) | Self::Lessons(_) => Ok(()),
        }
    }
}

/// What the router has learnt, in the data folder.
const LESSONS: &str = "learning.json";

/// What the last run learnt; nothing where that cannot be read, which costs experience and no call.
pub fn lessons(folder: &Path) -> Vec<Lesson> {
    let path = folder.join(LESSONS);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Vec::new();
    };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::warn!(file = %path.display(), %error, "what was learnt cannot be read; learning begins anew");
        Vec::new()
    })
}

/// The way to the recorder's thread.
#[derive(Debug)]
pub struct Recorder {
    notes: Sender<Note>,
    pulse: Pulse,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Opens the call store in `folder`, closes what a power cut left open, hands over what the
    /// outbox may miss, and starts the thread.
    pub fn start(folder: &Path, outbox: Arc<Outbox>, pulse: Pulse) -> anyhow::Result<Self> {
        let mut store = Store::open(&folder.join("calls.db"))?;
        close_interrupted(&mut store)?;
        let path = folder.join("decisions.jsonl");
        let decisions = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open the decision log `{}`", path.display()))?;
        let mut desk = Desk {
            store,
            outbox,
            decisions,
            lessons: folder.join(LESSONS),
            pending: true,
            unstored: Vec::new(),
            pulse: pulse.clone(),
        };
        desk.hand_over();
        let (notes, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || desk.work(&receiver))
            .context("cannot start the recorder")?;
        Ok(Self {
            notes,
            pulse,
            thread,
        })
    }

    /// A call has begun.
    pub fn opened(&self, call: CallId, started_at: Timestamp, caller: Pii<String>) {
        self.note(Note::Opened {
            call,
            started_at,
            caller,
        });
    }

    /// A call is over.
    pub fn ended(&self, ended: Ended) {
        self.note(Note::Ended(Box::new(ended)));
    }

    /// An entry of the decision log.
    pub fn decision(&self, entry: &Entry) {
        self.note(Note::Decision(entry.to_line()));
    }

    /// What the router has learnt so far, for the next start.
    pub fn lessons(&self, lessons: &[Lesson]) {
        match serde_json::to_string(lessons) {
            Ok(text) => self.note(Note::Lessons(text)),
            Err(error) => tracing::error!(%error, "cannot keep what was learnt"),
        }
    }

    /// What tells the recorder of recordings that are made in a mode. It must be gone before the
    /// recorder can stop.
    pub fn of_recordings(&self, mode: &'static str) -> impl Fn(Report) + Send + Sync + 'static {
        let (notes, pulse) = (self.notes.clone(), self.pulse.clone());
        move |report| {
            pulse.taken();
            if notes.send(Note::Recorded(report, mode)).is_err() {
                tracing::error!("the recorder is gone; what became of a recording is not noted");
            }
        }
    }

    fn note(&self, note: Note) {
        self.pulse.taken();
        if self.notes.send(note).is_err() {
            tracing::error!("the recorder is gone; restart the box to record calls again");
        }
    }

    /// Makes everything durable that was noted, and ends.
    pub fn stop(self) {
        drop(self.notes);
        if self.thread.join().is_err() {
            tracing::error!("the recorder ended by a fault");
        }
    }
}

struct Desk {
    store: Store,
    outbox: Arc<Outbox>,
    decisions: File,
    lessons: PathBuf,
    /// Whether SQLite holds calls that the outbox may not.
    pending: bool,
    /// Calls that SQLite refused, oldest first; they go to the outbox all the same.
    unstored: Vec<Ended>,
    pulse: Pulse,
}

impl Desk {
    fn work(mut self, notes: &Receiver<Note>) {
        loop {
            match notes.recv_timeout(RETRY) {
                Ok(note) => {
                    // A power cut loses what waits here, so what has piled up shares one flush.
                    let more = notes.try_iter().take(BATCH - 1);
                    self.take(std::iter::once(note).chain(more).collect());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.hand_over();
        }
        self.hand_over();
    }

    fn take(&mut self, notes: Vec<Note>) {
        let stored = self
            .store
            .together(|store| notes.iter().try_for_each(|note| note.keep_in(store)));
        for note in notes {
            // What fails together is tried alone, so that one fault costs one call at most.
            let kept = match &stored {
                Ok(()) => Ok(()),
                Err(_) => note.keep_in(&mut self.store),
            };
            self.settle(note, kept);
            self.pulse.finished();
        }
    }

    fn settle(&mut self, note: Note, kept: Result<(), StoreError>) {
        match (note, kept) {
            (Note::Opened { .. } | Note::Recorded(..), Ok(())) => {}
            (Note::Opened { call, .. }, Err(error)) => {
                tracing::error!(%call, %error, "cannot store that a call began");
            }
            (Note::Ended(_), Ok(())) => self.pending = true,
            (Note::Ended(ended), Err(error)) => {
                tracing::error!(call = %ended.summary.call, %error, "cannot store a call");
                self.unstored.push(*ended);
            }
            (Note::Recorded(..), Err(error)) => {
                tracing::error!(%error, "cannot note what became of a recording");
            }
            (Note::Lessons(text), _) => {
                if let Err(error) = replace_file(&self.lessons, &text) {
                    tracing::error!(%error, "cannot keep what was learnt");
                }
            }
            (Note::Decision(line), _) => {
                if let Err(error) = self.decisions.write_all(line.as_bytes()) {
                    tracing::error!(%error, "cannot write the decision log");
                }
            }
        }
    }

    /// Gives the outbox every call that it may not have.
    fn hand_over(&mut self) {
        if let Err(error) = self
            .hand_over_unstored()
            .and_then(|()| self.hand_over_stored())
        {
            tracing::error!(%error, "cannot hand calls over to the outbox; trying again");
        }
    }

    fn hand_over_unstored(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.unstored.first() {
            let mut bodies = vec![Body::from(ended.summary.clone())];
            bodies.extend(ended.transcript.clone().map(Body::from));
            self.outbox.append(stamp(), &bodies)?;
            self.unstored.remove(0);
        }
        Ok(())
    }

    fn hand_over_stored(&mut self) -> anyhow::Result<()> {
        if !self.pending {
            return Ok(());
        }
        for exports in self.store.unexported()?.chunks(BATCH) {
            let bodies: Vec<Vec<Body>> = exports.iter().map(bodies).collect::<Result<_, _>>()?;
            self.outbox.append(stamp(), &bodies.concat())?;
            let calls = exports.iter().map(|export| export.call);
            self.store.mark_exported(calls)?;
        }
        self.pending = false;
        Ok(())
    }
}

/// The time, and whether it can be trusted.
pub(crate) fn stamp() -> Stamp {
    Stamp {
        at: clock::timestamp(),
        clock_trusted: clock::is_synchronised(),
    }
}

fn export(summary: &CallSummary, transcript: Option<&Transcript>) -> Export {
    let json = |record: serde_json::Result<String>| record.expect("a record is plain data");
    Export {
        call: summary.call,
        summary: json(serde_json::to_string(summary)),
        transcript: transcript.map(|transcript| json(serde_json::to_string(transcript))),
    }
}

fn bodies(export: &Export) -> anyhow::Result<Vec<Body>> {
    let damaged = || format!("the stored record of call {} is damaged", export.call);
    let summary: CallSummary = serde_json::from_str(&export.summary).with_context(damaged)?;
    let mut bodies = vec![Body::from(summary)];
    if let Some(transcript) = &export.transcript {
        let transcript: Transcript = serde_json::from_str(transcript).with_context(damaged)?;
        bodies.push(Body::from(transcript));
    }
    Ok(bodies)
}

/// The box stopped in the middle of these calls: all that is known is that they were.
fn close_interrupted(store: &mut Store) -> anyhow::Result<()> {
    store.interrupt_recordings()?;
    for (call, started_ms) in store.interrupted()? {
        let started_at = Timestamp::from_millisecond(started_ms).unwrap_or_default();
        let summary = story::interrupted(call, started_at);
        store.close_call(&export(&summary, None), &[], None)?;
        tracing::warn!(%call, "a call was interrupted when the box stopped");
    }
    Ok(())
}

/// The device's key for pseudonyms, made at the first start; it never leaves the box.
pub fn pseudonym_key(folder: &Path) -> anyhow::Result<PseudonymKey> {
    let path = folder.join("pseudonym.key");
    let name = || format!("`{}`", path.display());
    match std::fs::read(&path) {
        Ok(bytes) => {
            let bytes = <[u8; 32]>::try_from(bytes).map_err(|bytes| {
                anyhow::anyhow!(
                    "{} must hold 32 bytes, not {}; remove it to get new pseudonyms",
                    name(),
                    bytes.len()
                )
            })?;
            Ok(PseudonymKey::new(bytes))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes)
                .map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
            write_secret(&path, &bytes).with_context(name)?;
            Ok(PseudonymKey::new(bytes))
        }
        Err(error) => Err(error).with_context(name),
    }
}

fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
