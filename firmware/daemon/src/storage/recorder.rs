//! The thread that makes calls durable: SQLite first, then the outbox, which sends them at once, then the mark in
//! SQLite.
//!
//! Nothing on a call's path may wait for a disk, so its inbox takes everything at once, within bounds
//! even where the disk hangs. What the disk refuses waits in memory, within bounds too, goes to the
//! cloud all the same, and is tried again until the disk takes it; log, health record and an alarm say
//! so.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use trunkside_call::{CallId, Pii};
use trunkside_decision::{Lesson, Policy, log::Entry};
use trunkside_line::Registration;
use trunkside_media::recording::Report;
use trunkside_record::{Alarm, Lane, Timestamp};
use trunkside_uplink::{Outbox, Stamp, Stretch};

use crate::call::progress::{Progress, Urgency};
use crate::call::story::{self, Ended, SoFar};
use crate::clock::{self, Clock};
use crate::cloud::alarm::{AlarmWay, RaisedAlarms};
use crate::cloud::device_key::Unsaved;
use crate::config::USUAL_GATHER;
use crate::panel::Pulse;
use crate::policy::Versions;
use crate::storage::backlog::{Backlog, CallNote};
use crate::storage::breaks::{self, Breaks};
use crate::storage::decision_log::DecisionLog;
use crate::storage::faults::Faults;
use crate::storage::gathering::Gathering;
use crate::storage::owner_only;
use crate::storage::phones;
use crate::storage::store::keeping::{AT_ONCE, Horizon};
use crate::storage::store::promises::KeptPlace;
use crate::storage::store::{Began, HandedOver, Store, StoreError};
use hand_over::Parts;
use inbox::{Load, MOST_POLICIES, Receiver, Sender, Taken, inbox, keep_newest};

mod hand_over;
mod inbox;

/// How long the recorder waits before it tries again what failed.
pub const RETRY: Duration = Duration::from_secs(5);

/// How often what is too old is looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(10);

/// Notes that become durable together at most, and calls that the outbox gets at once.
const BATCH: usize = 64;

/// Calls that are worth a flush of the outbox.
pub const ENOUGH: usize = 8;

/// Where the outbox has calls.
const OF_CALLS: [Lane; 2] = [Lane::Metric, Lane::Transcript];

/// The outbox, once it could be opened.
pub type Post = watch::Receiver<Option<Arc<Outbox>>>;

/// Something to make durable.
#[derive(Debug)]
enum Note {
    /// Something about a call.
    Call(CallNote),
    /// What a call in progress has come to.
    SoFar(Box<SoFar>, Urgency),
    /// A line of the decision log.
    Decision(String),
    /// What the router has learnt, whole.
    Lessons(String),
    /// Who is on a break, all of them.
    Breaks(String),
    /// Where the phones are, all of them.
    Phones(Pii<String>),
    /// A policy that comes into force.
    Policy(Arc<Policy>),
    /// Something that somebody at the centre must know.
    Alarm(Alarm),
}

/// The call store, in the data folder.
pub const CALLS: &str = "calls.db";

/// The decision log's file in the data folder.
pub const DECISIONS: &str = "decisions.jsonl";

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

/// How the recorder does, for the health record.
#[derive(Debug, Default)]
pub struct Standing {
    unstored: AtomicU64,
    given_up: AtomicU64,
}

impl Standing {
    /// Calls that wait in memory because the disk refuses them.
    pub fn unstored(&self) -> u64 {
        self.unstored.load(Ordering::Relaxed)
    }

    /// Calls, transcripts and lines of the decision log that were given up since the start.
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }
}

/// The way to the recorder's thread.
#[derive(Debug)]
pub struct Recorder {
    notes: Sender,
    pulse: Pulse,
    standing: Arc<Standing>,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Starts the thread, which opens the call store in `folder`, closes what a power cut left open
    /// and hands over what the outbox may miss, and to `places` whom the last run was to ring at their
    /// turn: as soon as the disk lets it. What is older than `keep` is forgotten; no call that the cloud does
    /// not confirm waits longer than `gather` before it goes to the outbox's disk.
    pub fn start(
        folder: &Path,
        (keep, gather): (Duration, Duration),
        key: Option<Unsaved>,
        (way, places): (AlarmWay, mpsc::Sender<Vec<KeptPlace>>),
        pulse: Pulse,
    ) -> anyhow::Result<Self> {
        let standing = Arc::new(Standing::default());
        let mut desk = Desk::new(folder, keep, way.outbox);
        desk.raised = way.raised;
        desk.gathering = Gathering::new(ENOUGH, gather);
        desk.files.key = key;
        desk.places = Some(places);
        desk.pulse = pulse.clone();
        desk.standing = Arc::clone(&standing);
        let (notes, receiver) = inbox();
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || desk.work(&receiver))
            .context("cannot start the recorder")?;
        Ok(Self {
            notes,
            pulse,
            standing,
            thread,
        })
    }

    /// How it does.
    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// A call has begun.
    pub fn opened(&self, call: CallId, started_at: Timestamp, caller: Pii<String>) {
        self.note(Note::Call(CallNote::Opened(Began {
            call,
            started_ms: started_at.as_millisecond(),
            caller,
        })));
    }

    /// What a call in progress has come to, in case the box stops before its end.
    pub fn so_far(&self, so_far: SoFar, urgency: Urgency) {
        self.note(Note::SoFar(Box::new(so_far), urgency));
    }

    /// A call is over.
    pub fn ended(&self, ended: Ended) {
        self.note(Note::Call(CallNote::Ended(Box::new(ended))));
    }

    /// A caller keeps their place, also if the box stops.
    pub fn place_kept(&self, place: KeptPlace) {
        self.note(Note::Call(CallNote::PlaceKept(place)));
    }

    /// The box does not ring the caller of that call any more.
    pub fn place_gone(&self, call: CallId) {
        self.note(Note::Call(CallNote::PlaceGone(call)));
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

    /// Who is on a break, for the next start.
    pub fn breaks(&self, breaks: &Breaks) {
        self.note(Note::Breaks(breaks::text(breaks)));
    }

    /// A policy comes into force: it is kept beside those before it.
    pub fn policy(&self, policy: Arc<Policy>) {
        self.note(Note::Policy(policy));
    }

    /// What tells the recorder of recordings that are made in a mode. It must be gone before the
    /// recorder can stop.
    pub fn of_recordings(&self, mode: &'static str) -> impl Fn(Report) + Send + Sync + 'static {
        let (notes, pulse) = (self.notes.clone(), self.pulse.clone());
        move |report| {
            pulse.taken();
            let at_ms = clock::timestamp().as_millisecond();
            let note = Note::Call(CallNote::Recorded {
                report,
                mode,
                at_ms,
            });
            if !notes.send(note) {
                tracing::error!("the recorder is gone; what became of a recording is not noted");
            }
        }
    }

    /// What tells the recorder where the phones are. It must be gone before the recorder can stop.
    pub fn of_phones(&self) -> impl Fn(&[Registration]) + Send + Sync + 'static {
        let (notes, pulse) = (self.notes.clone(), self.pulse.clone());
        move |phones| {
            pulse.taken();
            if !notes.send(Note::Phones(phones::text(phones))) {
                tracing::error!("the recorder is gone; where the phones are is not noted");
            }
        }
    }

    /// Something that somebody at the centre must know.
    pub fn alarm(&self, alarm: Alarm) {
        self.note(Note::Alarm(alarm));
    }

    fn note(&self, note: Note) {
        self.pulse.taken();
        if !self.notes.send(note) {
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
    folder: PathBuf,
    /// How long calls, decisions and policies are kept.
    keep: Duration,
    /// When what is too old is looked for again.
    sweep_due: Duration,
    store: Option<Store>,
    /// What the last run left open has been looked for.
    looked_back: bool,
    /// Who is told whom the last run was to ring.
    places: Option<mpsc::Sender<Vec<KeptPlace>>>,
    clock: Clock,
    backlog: Backlog,
    progress: Progress,
    outbox: Post,
    /// Whether SQLite holds calls that the outbox may not.
    pending: bool,
    /// Calls that the outbox was given and SQLite was not told so.
    posted: Vec<HandedOver>,
    /// When they go to the disk, where the cloud has not got them.
    gathering: Gathering,
    /// What the outbox has lost and SQLite could not be told so.
    lost: Vec<Stretch>,
    /// What the outbox has of calls that it has not wholly.
    parts: Parts,
    /// Whether the outbox refused calls the last time: then the smallest come first.
    is_short: bool,
    /// When the outbox is asked again, which refused something.
    outbox_due: Duration,
    /// When room for alarms is looked for again.
    room_due: Duration,
    decisions: DecisionLog,
    /// What was given up while it waited to be taken.
    given_up_before: u64,
    files: Files,
    faults: Faults,
    alarms: VecDeque<Alarm>,
    /// What the cloud was told of and stands.
    raised: Arc<RaisedAlarms>,
    pulse: Pulse,
    standing: Arc<Standing>,
}

impl Desk {
    fn new(folder: &Path, keep: Duration, outbox: Post) -> Self {
        Self {
            folder: folder.to_owned(),
            keep,
            sweep_due: Duration::ZERO,
            store: None,
            looked_back: false,
            places: None,
            clock: Clock::start(),
            backlog: Backlog::default(),
            progress: Progress::default(),
            outbox,
            pending: true,
            posted: Vec::new(),
            gathering: Gathering::new(ENOUGH, USUAL_GATHER),
            lost: Vec::new(),
            parts: Parts::new(),
            is_short: false,
            outbox_due: Duration::ZERO,
            room_due: Duration::ZERO,
            decisions: DecisionLog::new(&folder.join(DECISIONS)),
            given_up_before: 0,
            files: Files::new(folder),
            faults: Faults::default(),
            alarms: VecDeque::new(),
            raised: Arc::new(RaisedAlarms::open(folder)),
            pulse: Pulse::default(),
            standing: Arc::default(),
        }
    }

    fn work(mut self, notes: &Receiver) {
        self.settle();
        loop {
            let due = self.progress.due();
            let due = due.map(|due| due.saturating_sub(self.clock.now()));
            match notes.take(due.unwrap_or(RETRY).min(RETRY)) {
                Taken::Load(load) => {
                    // A power cut loses what waits here, so what has piled up shares one flush.
                    let count = load.notes;
                    self.take(*load);
                    self.settle();
                    (0..count).for_each(|_| self.pulse.finished());
                }
                Taken::Nothing => self.settle(),
                Taken::Closed => break,
            }
        }
        self.finish();
    }

    /// Writes what is left before the box stops.
    fn finish(&mut self) {
        self.outbox_due = Duration::ZERO;
        self.settle();
        self.outbox_due = Duration::ZERO;
        self.gathering.hurry();
        self.settle();
        // Calls that did not end in time are closed at the next start.
        if let Err(error) = self.store_progress() {
            self.faults.note("the call store", Err(error));
        }
        if self.backlog.len() > 0 {
            let calls = self.backlog.calls();
            tracing::error!(calls, "calls could not be stored before the box stopped");
        }
    }

    fn take(&mut self, load: Load) {
        let now = self.clock.now();
        for (so_far, urgency) in load.so_far {
            self.progress.take(now, so_far, urgency);
        }
        for note in load.calls {
            if let CallNote::Ended(ended) = &note {
                self.progress.ended(ended.summary.call);
            }
            self.backlog.push(note);
        }
        load.lines
            .into_iter()
            .for_each(|line| self.decisions.push(line));
        if load.lessons.is_some() {
            self.files.lessons = load.lessons;
        }
        if load.breaks.is_some() {
            self.files.breaks = load.breaks;
        }
        if load.phones.is_some() {
            self.files.phones = load.phones;
        }
        for policy in load.policies {
            self.files.keep_policy(policy);
        }
        load.alarms
            .into_iter()
            .for_each(|alarm| keep_newest(&mut self.alarms, alarm));
        self.given_up_before =
            load.given_up.calls + load.given_up.transcripts + load.lines_given_up;
    }

    /// Writes everything that waits, as far as the disk lets it.
    fn settle(&mut self) {
        self.files.write(&mut self.faults);
        if self
            .store
            .as_ref()
            .is_some_and(|store| !store.is_in_place())
        {
            tracing::warn!("the call store's file was moved away: a new one begins");
            self.store = None;
        }
        let now = self.clock.now();
        let mut stored = self.store_backlog();
        if self.progress.due().is_some_and(|due| due <= now) {
            stored = stored.and_then(|()| self.store_progress());
            self.progress.tried(now);
        }
        if stored.as_ref().is_err_and(|error| !error.is_passing()) {
            self.store = None;
        }
        // What the disk refused and is not due again says that it cannot be written, whatever else could.
        if stored.is_err() || self.progress.due().is_none() {
            self.faults.note("the call store", stored);
        }
        self.faults.note("the decision log", self.decisions.write());
        let asks_outbox = self.outbox_due <= now;
        if asks_outbox {
            let handed_over = self.hand_over();
            let is_broken = |error: &StoreError| !error.is_passing();
            if let Err(error) = &handed_over
                && error.downcast_ref().is_some_and(is_broken)
            {
                self.store = None;
            }
            self.faults.note("records for the cloud", handed_over);
        }
        self.stand();
        let outbox = self.outbox.borrow().clone();
        if let Some(outbox) = outbox.filter(|_| asks_outbox) {
            if self.faults.is_clear() && self.room_due <= now {
                self.room_due = now + RETRY;
                outbox.keep_room();
            }
            if self.tell_alarms(&outbox).is_err() {
                self.outbox_due = now + RETRY;
            }
        }
        if now >= self.sweep_due {
            self.sweep_due = now + SWEEP_EVERY;
            let stamp = stamp();
            let now_ms = stamp.at.as_millisecond();
            if let Some(horizon) = Horizon::new(now_ms, stamp.clock_trusted, self.keep) {
                self.sweep(&horizon);
            }
        }
    }

    /// Forgets what is too old.
    fn sweep(&mut self, horizon: &Horizon) {
        let calls = match self.store.as_mut().map(|store| store.forget_old(horizon)) {
            None => 0,
            Some(Ok(calls)) => calls,
            Some(Err(error)) => {
                tracing::error!(%error, "calls that are too old cannot be forgotten; trying again");
                0
            }
        };
        if calls == AT_ONCE {
            // There may be more, but whatever came meanwhile goes first.
            self.sweep_due = Duration::ZERO;
        }
        let log_bytes = self.decisions.forget(horizon, self.keep);
        let policies = Versions::of(&self.folder).forget(horizon);
        let errors = [log_bytes.as_ref().err(), policies.as_ref().err()];
        for error in errors.into_iter().flatten() {
            tracing::error!(
                %error,
                "decisions or policies that are too old cannot be deleted; trying again"
            );
        }
        let (log_bytes, policies) = (log_bytes.unwrap_or(0), policies.unwrap_or(0));
        if calls > 0 || log_bytes > 0 || policies > 0 {
            tracing::info!(calls, log_bytes, policies, "what was too old is forgotten");
        }
    }

    fn store_backlog(&mut self) -> Result<(), StoreError> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None => self.open_store()?,
        };
        let stored = self.store_in(&mut store);
        self.store = Some(store);
        stored
    }

    fn open_store(&mut self) -> Result<Store, StoreError> {
        // It may not have been possible before; if it is not now, the store says so.
        let _ = owner_only::folder(&self.folder);
        let outbox = self.outbox.borrow().clone();
        if let Some(outbox) = outbox.filter(|_| !self.posted.is_empty()) {
            // The store that held them may be gone. What the disk refuses stays in memory.
            let _ = outbox.flush(&OF_CALLS);
        }
        let mut store = Store::open(&self.folder.join(CALLS))?;
        if !self.looked_back {
            self.tell_places(&mut store)?;
            #[expect(
                clippy::redundant_closure_for_method_calls,
                reason = "a method's own lifetime is not general enough"
            )]
            store.write(|writing| writing.interrupt_recordings())?;
            for call in store.interrupted()? {
                tracing::warn!(call = %call.began.call, "a call was interrupted when the box stopped");
                let ended = Box::new(story::interrupted(call));
                self.backlog.push(CallNote::Ended(ended));
            }
            self.looked_back = true;
        }
        Ok(store)
    }

    /// Says, once, whom the last run was to ring; this one's places are not stored yet.
    fn tell_places(&mut self, store: &mut Store) -> Result<(), StoreError> {
        let places = match store.places() {
            Err(error) if error.is_passing() => return Err(error),
            places => places,
        };
        let told = self.places.take();
        match (places, told) {
            // The pipeline that is gone rings nobody.
            (Ok(places), Some(told)) => drop(told.try_send(places)),
            (Ok(_), None) => {}
            // They stay promised.
            (Err(error), _) => tracing::error!(
                %error,
                "callers who kept their place are not rung; see `trunkside callbacks list`"
            ),
        }
        Ok(())
    }

    /// Notes what calls in progress have come to; their beginnings are stored before.
    fn store_progress(&mut self) -> Result<(), StoreError> {
        let (Some(store), Some(_)) = (&mut self.store, self.progress.due()) else {
            return Ok(());
        };
        store.write(|writing| self.progress.keep_in(writing))?;
        let calls = self.progress.stored();
        tracing::debug!(calls, "what calls in progress have come to is stored");
        Ok(())
    }

    /// Each note once: what fails together is tried alone, so that a note at fault harms no other.
    fn store_in(&mut self, store: &mut Store) -> Result<(), StoreError> {
        let mut left = self.backlog.len();
        let mut most = BATCH;
        let mut refused = None;
        while left > 0 {
            let count = most.min(left);
            let stored = store.write(|writing| {
                let mut notes = self.backlog.first(count);
                notes.try_for_each(|held| held.keep_in(writing))
            });
            match stored {
                Ok(()) => {
                    let calls = self.backlog.stored(count);
                    self.pending |= calls > 0;
                    left -= count;
                }
                Err(error) if !error.is_of_one_record() => return Err(error),
                Err(_) if count > 1 => most = 1,
                Err(error) => {
                    refused = Some(error);
                    self.backlog.postpone_first();
                    left -= 1;
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Tells whoever asks how it stands.
    fn stand(&self) {
        let calls = self.backlog.calls() as u64;
        self.standing.unstored.store(calls, Ordering::Relaxed);
        let given_up = self.backlog.given_up();
        let given_up = given_up.calls
            + given_up.transcripts
            + self.decisions.given_up()
            + self.given_up_before;
        if self.standing.given_up.swap(given_up, Ordering::Relaxed) == 0 && given_up > 0 {
            tracing::error!(
                "too much waits for the disk: the oldest transcripts are given up, then the oldest calls"
            );
        }
    }
}

/// Small files that wait to be written.
struct Files {
    folder: PathBuf,
    lessons: Option<String>,
    breaks: Option<String>,
    phones: Option<Pii<String>>,
    policies: Vec<Arc<Policy>>,
    key: Option<Unsaved>,
}

impl Files {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            lessons: None,
            breaks: None,
            phones: None,
            policies: Vec::new(),
            key: None,
        }
    }

    fn keep_policy(&mut self, policy: Arc<Policy>) {
        if self.policies.len() == MOST_POLICIES {
            self.policies.remove(0);
        }
        self.policies.push(policy);
    }

    fn write(&mut self, faults: &mut Faults) {
        if let Some(key) = &self.key
            && faults.note("the key for pseudonyms", key.save())
        {
            self.key = None;
        }
        let versions = Versions::of(&self.folder);
        while let Some(policy) = self.policies.first() {
            let kept = versions.keep(policy).map(|version| {
                tracing::info!(version, sha256 = %policy.sha256, "the policy in force is kept");
            });
            if !faults.note("the policy in force", kept) {
                break;
            }
            self.policies.remove(0);
        }
        if let Some(text) = &self.lessons {
            let kept = trunkside_vault::replace(&self.folder.join(LESSONS), text.as_bytes());
            if faults.note("what was learnt", kept) {
                self.lessons = None;
            }
        }
        if let Some(text) = &self.breaks {
            let kept = trunkside_vault::replace(&self.folder.join(breaks::FILE), text.as_bytes());
            if faults.note("who is on a break", kept) {
                self.breaks = None;
            }
        }
        if let Some(text) = &self.phones {
            let path = self.folder.join(phones::FILE);
            let kept = trunkside_vault::replace(&path, text.reveal().as_bytes());
            if faults.note("where the phones are", kept) {
                self.phones = None;
            }
        }
    }
}

/// The time, and whether it can be trusted.
pub(crate) fn stamp() -> Stamp {
    Stamp {
        at: clock::timestamp(),
        clock_trusted: clock::is_synchronised(),
    }
}

#[cfg(test)]
mod tests;
