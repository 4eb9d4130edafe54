//! The thread that writes recordings.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use trunkside_call::{CallId, Frame};
use trunkside_vault::Sealer;

use super::archive::{Archive, ArchiveError, Deletion, Retention};
use super::file::{self, MakeFile};
use super::tape::{Job, Queue, Tape};
use crate::tap::now;
use open_recording::OpenRecording;

mod open_recording;

/// How soon it is tried again to destroy what could not be destroyed.
const AGAIN: Duration = Duration::from_secs(1);

/// How recordings are kept.
pub struct RecordingOptions {
    /// Their folder; made where it is missing.
    pub folder: PathBuf,
    /// Seals them.
    pub sealer: Sealer,
    /// How long voice waits in memory, so that what must not be kept never reaches the disk; what is not
    /// [clear](Tape::clear) by then, or by the end, is silent there. Without it all voice is kept.
    pub hold_back: Option<Duration>,
    /// How long they stay.
    pub retention: Retention,
}

/// What became of a call's recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It has begun.
    Began {
        /// The call.
        call: CallId,
        /// When, in milliseconds since 1970.
        at_ms: i64,
    },
    /// It has ended.
    Ended {
        /// The call.
        call: CallId,
        /// When, in milliseconds since 1970; none when the disk ended it.
        at_ms: Option<i64>,
        /// How much voice is kept, from the first moment of either side to the last.
        kept: Duration,
        /// Frames of 20 ms that the disk was too slow for.
        dropped_frames: u64,
        /// What went wrong with the disk, if anything did.
        fault: Option<String>,
    },
    /// It is gone from the disk.
    Deleted {
        /// The call.
        call: CallId,
        /// Why.
        why: Deletion,
    },
}

/// Takes reports; called from the writer's thread, which it must not block.
pub type Reporter = Box<dyn Fn(Report) + Send>;

/// Writes the recordings of all calls, on a thread of its own.
#[derive(Debug)]
pub struct RecordingWriter {
    jobs: Sender<Job>,
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

impl RecordingWriter {
    /// Starts the thread. What becomes of recordings is told to `report`.
    pub fn start(options: RecordingOptions, report: Reporter) -> std::io::Result<Self> {
        Self::start_on(options, Box::new(file::on_disk), report)
    }

    pub(super) fn start_on(
        options: RecordingOptions,
        make: MakeFile,
        report: Reporter,
    ) -> std::io::Result<Self> {
        make_folder(&options.folder)?;
        let (jobs, receiver) = channel();
        let queue = Arc::new(Queue::default());
        let desk = Desk {
            archive: Archive::new(&options.folder),
            options,
            make,
            report,
            running: BTreeMap::new(),
            doomed: Vec::new(),
            again: now(),
            queue: Arc::clone(&queue),
        };
        let thread = std::thread::Builder::new()
            .name("recordings".to_owned())
            .spawn(move || desk.work(&receiver))?;
        Ok(Self {
            jobs,
            queue,
            thread,
        })
    }

    /// A tape for a call, which does not run yet.
    pub fn tape(&self, call: CallId) -> Tape {
        Tape {
            call,
            jobs: self.jobs.clone(),
            queue: Arc::clone(&self.queue),
            state: Arc::default(),
        }
    }

    /// Frames of all recordings that the disk was too slow for.
    pub fn dropped_frames(&self) -> u64 {
        self.queue.dropped.load(Ordering::Relaxed)
    }

    /// Ends every recording that still runs, then the thread.
    pub fn stop(self, ended_ms: i64) {
        let told = self.jobs.send(Job::Stop { ended_ms }).is_ok();
        if !told || self.thread.join().is_err() {
            tracing::error!("the writer of recordings ended by a fault");
        }
    }
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

struct Desk {
    archive: Archive,
    options: RecordingOptions,
    make: MakeFile,
    report: Reporter,
    running: BTreeMap<CallId, OpenRecording>,
    /// What is to be destroyed and still there.
    doomed: Vec<(CallId, Deletion)>,
    /// When that is tried again.
    again: Instant,
    queue: Arc<Queue>,
}

impl Desk {
    fn work(mut self, jobs: &Receiver<Job>) {
        while let Some(job) = self.next(jobs) {
            match job {
                Job::Begin {
                    call,
                    codec,
                    started_ms,
                    state,
                } => {
                    let begun = OpenRecording::begin(
                        &self.options,
                        &self.make,
                        (call, codec, started_ms),
                        &state,
                    );
                    match begun {
                        Ok(recording) => {
                            self.running.insert(call, recording);
                            let at_ms = started_ms;
                            (self.report)(Report::Began { call, at_ms });
                        }
                        Err(error) => {
                            state.runs.store(false, Ordering::Release);
                            self.tell_failed(call, Duration::ZERO, 0, &error);
                        }
                    }
                }
                Job::Voice { call, frame } => {
                    self.queue.waiting.fetch_sub(1, Ordering::AcqRel);
                    self.hear(call, &frame);
                }
                Job::Mask {
                    call,
                    side,
                    from,
                    to,
                } => {
                    if let Some(recording) = self.running.get_mut(&call) {
                        recording.mask(side, from, to);
                    }
                }
                Job::Clear {
                    call,
                    side,
                    from,
                    to,
                } => {
                    if let Some(recording) = self.running.get_mut(&call) {
                        recording.clear(side, from, to);
                    }
                }
                Job::Finish { call, ended_ms } => self.finish(call, ended_ms),
                Job::Discard { call, why } => self.discard(call, why),
                Job::Stop { ended_ms } => {
                    for call in self.running.keys().copied().collect::<Vec<_>>() {
                        self.finish(call, ended_ms);
                    }
                    self.destroy_doomed();
                    for (call, _) in &self.doomed {
                        tracing::error!(%call, "a recording that must not be kept is still there; delete it with `trunkside recordings delete`");
                    }
                    return;
                }
            }
        }
    }

    /// What is to be done next; nothing when nobody is left who could say so.
    fn next(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        while !self.doomed.is_empty() {
            match jobs.recv_timeout(self.again.saturating_duration_since(now())) {
                Ok(job) => {
                    if self.again <= now() {
                        self.destroy_doomed();
                    }
                    return Some(job);
                }
                Err(RecvTimeoutError::Timeout) => self.destroy_doomed(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        jobs.recv().ok()
    }

    /// Lets a recording take a frame; one that has no more room ends as when its call ends.
    fn hear(&mut self, call: CallId, frame: &Frame) {
        let Some(recording) = self.running.get(&call) else {
            return;
        };
        if recording.has_room_for(frame) {
            self.write(call, |recording, sealer| recording.hear(sealer, frame));
            return;
        }
        let ended_ms = recording.stop();
        tracing::warn!(%call, "a recording has reached the longest that is kept; its call goes on without");
        self.finish(call, ended_ms);
    }

    /// Lets a recording take something; one that the disk refuses has ended.
    fn write(
        &mut self,
        call: CallId,
        work: impl FnOnce(&mut OpenRecording, &Sealer) -> std::io::Result<()>,
    ) {
        let Some(recording) = self.running.get_mut(&call) else {
            return;
        };
        if let Err(error) = work(recording, &self.options.sealer)
            && let Some(mut recording) = self.running.remove(&call)
        {
            recording.give_up();
            self.tell_failed(
                call,
                recording.written(),
                recording.dropped_frames(),
                &error,
            );
        }
    }

    fn tell_failed(
        &self,
        call: CallId,
        kept: Duration,
        dropped_frames: u64,
        error: &dyn fmt::Display,
    ) {
        tracing::error!(%call, %error, "a recording has ended before its call; free disk space, or mend the folder of recordings");
        (self.report)(Report::Ended {
            call,
            at_ms: None,
            kept,
            dropped_frames,
            fault: Some(error.to_string()),
        });
    }

    fn finish(&mut self, call: CallId, ended_ms: i64) {
        self.write(call, OpenRecording::finish);
        let Some(recording) = self.running.remove(&call) else {
            return;
        };
        (self.report)(Report::Ended {
            call,
            at_ms: Some(ended_ms),
            kept: recording.written(),
            dropped_frames: recording.dropped_frames(),
            fault: None,
        });
        drop(recording);
        self.make_room();
    }

    fn discard(&mut self, call: CallId, why: Deletion) {
        // Its lock goes first.
        self.running.remove(&call);
        if let Err(error) = self.destroy(call, why) {
            tracing::error!(%call, %error, "a recording cannot be deleted yet; trying again");
            self.doomed.push((call, why));
            self.again = now() + AGAIN;
        }
    }

    fn destroy_doomed(&mut self) {
        for (call, why) in std::mem::take(&mut self.doomed) {
            if let Err(error) = self.destroy(call, why) {
                tracing::debug!(%call, %error, "a recording cannot be deleted yet");
                self.doomed.push((call, why));
            }
        }
        self.again = now() + AGAIN;
    }

    fn destroy(&self, call: CallId, why: Deletion) -> Result<(), ArchiveError> {
        match self.archive.delete(call) {
            // The disk may have refused it from the first.
            Ok(()) | Err(ArchiveError::Missing { .. }) => {
                tracing::info!(%call, why = why.name(), "a recording is deleted");
                (self.report)(Report::Deleted { call, why });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes the oldest where all have grown too much; of their age the clock's owner takes care.
    fn make_room(&mut self) {
        let (gone, errors) = self.archive.enforce(self.options.retention, None);
        for (call, why) in gone {
            tracing::info!(%call, why = why.name(), "a recording is deleted");
            (self.report)(Report::Deleted { call, why });
        }
        for error in errors {
            tracing::error!(%error, "a recording cannot be deleted to make room");
        }
    }
}
