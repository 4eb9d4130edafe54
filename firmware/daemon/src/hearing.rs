//! Recognition and understanding, on threads of their own.
//!
//! Each worker thread runs a single-threaded runtime; a call is pinned to one worker, whose
//! listening task waits for copies of its packets and computes in place. When a worker falls
//! behind, the relay's tap drops its oldest packets and counts them: voice never waits.

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use trunkside_call::{CallId, Frame, Intent, Language, Mood, Side, Understanding, Utterance};
use trunkside_media::FrameStream;
use trunkside_recognition::{Recogniser, Stream, StreamOptions};
use trunkside_understanding::CallUnderstanding;
use trunkside_understanding::quality::{QualityOutcome, QualityRules};

use crate::lessons::Teacher;
use crate::privacy::Privacy;

/// How many utterances may wait for the pipeline before partial ones are dropped.
const HEARD_QUEUE: usize = 256;

/// One utterance and what the call means with it.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The call.
    pub call: CallId,
    /// What was said, so far or to the end.
    pub utterance: Utterance,
    /// What it means by itself.
    pub understood: Understanding,
    /// The intents of the call so far, likeliest first.
    pub intents: Vec<Intent>,
    /// How the caller feels now.
    pub mood: Mood,
    /// Whether the intent is sure enough to act on.
    pub is_sure: bool,
    /// Which quality rules the call kept so far; empty in a partial utterance.
    pub quality: Vec<QualityOutcome>,
}

/// How calls are understood.
pub struct Manner {
    /// Understands utterances, with what the branch has taught it.
    pub teacher: Teacher,
    /// Says what may leave the box.
    pub privacy: Privacy,
    /// Rules that calls are inspected by.
    pub quality: Option<Arc<QualityRules>>,
}

/// The workers.
#[derive(Debug)]
pub struct Hearing {
    workers: Vec<Worker>,
    next: usize,
}

#[derive(Debug)]
struct Worker {
    calls: mpsc::UnboundedSender<NewCall>,
    thread: JoinHandle<()>,
}

struct NewCall {
    call: CallId,
    frames: FrameStream,
}

/// What every listening task shares.
struct Shared {
    recogniser: Arc<Recogniser>,
    manner: Manner,
    language: Option<Language>,
    heard: mpsc::Sender<Heard>,
}

impl Hearing {
    /// Starts the workers. What they hear comes out of the receiver.
    pub fn start(
        workers: usize,
        recogniser: Arc<Recogniser>,
        manner: Manner,
        language: Option<Language>,
    ) -> anyhow::Result<(Self, mpsc::Receiver<Heard>)> {
        let (heard, receiver) = mpsc::channel(HEARD_QUEUE);
        let shared = Arc::new(Shared {
            recogniser,
            manner,
            language,
            heard,
        });
        let workers = (0..workers.max(1))
            .map(|number| Worker::start(number, Arc::clone(&shared)))
            .collect::<anyhow::Result<_>>()?;
        Ok((Self { workers, next: 0 }, receiver))
    }

    /// Listens to a call until its media end.
    pub fn listen(&mut self, call: CallId, frames: FrameStream) {
        self.next = (self.next + 1) % self.workers.len();
        // A worker that died takes recognition with it, never the call.
        if self.workers[self.next]
            .calls
            .send(NewCall { call, frames })
            .is_err()
        {
            tracing::error!(%call, "recognition worker is gone; the call goes on unheard");
        }
    }

    /// Ends the workers once their calls have ended.
    pub fn stop(self) {
        for worker in self.workers {
            drop(worker.calls);
            if worker.thread.join().is_err() {
                tracing::error!("recognition worker ended by a fault");
            }
        }
    }
}

impl Worker {
    fn start(number: usize, shared: Arc<Shared>) -> anyhow::Result<Self> {
        let (calls, mut new_calls) = mpsc::unbounded_channel::<NewCall>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .context("cannot start a recognition worker")?;
        let thread = std::thread::Builder::new()
            .name(format!("hearing-{number}"))
            .spawn(move || {
                let tasks = LocalSet::new();
                runtime.block_on(tasks.run_until(async {
                    while let Some(NewCall { call, frames }) = new_calls.recv().await {
                        tokio::task::spawn_local(listen(call, frames, Arc::clone(&shared)));
                    }
                }));
                runtime.block_on(tasks);
            })
            .context("cannot start a recognition worker")?;
        Ok(Self { calls, thread })
    }
}

/// A fault of recognition that somebody wants to see: `TRUNKSIDE_FAULT` in the environment is
/// `hearing-panics` or `hearing-hangs` (CONTRIBUTING.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Panics,
    Hangs,
}

impl Fault {
    fn wanted() -> Self {
        match std::env::var("TRUNKSIDE_FAULT").as_deref() {
            Ok("hearing-panics") => Self::Panics,
            Ok("hearing-hangs") => Self::Hangs,
            _ => Self::None,
        }
    }

    fn strike(self) {
        match self {
            Self::None => {}
            Self::Panics => panic!("recognition was asked to fail by TRUNKSIDE_FAULT"),
            Self::Hangs => loop {
                std::thread::park();
            },
        }
    }
}

/// Hears both sides of one call until its media end.
async fn listen(call: CallId, mut frames: FrameStream, shared: Arc<Shared>) {
    let mut call_hearing = match CallHearing::new(call, &shared) {
        Ok(hearing) => hearing,
        Err(error) => {
            tracing::error!(%call, %error, "cannot listen to the call");
            return;
        }
    };
    let fault = Fault::wanted();
    while let Some(frame) = frames.recv().await {
        fault.strike();
        call_hearing.hear(&frame, &shared).await;
        // Calls on this worker take turns frame by frame.
        tokio::task::yield_now().await;
    }
    call_hearing.finish(&shared).await;
}

/// Recognition and understanding of one call.
struct CallHearing {
    call: CallId,
    caller: Option<Stream>,
    agent: Option<Stream>,
    understanding: CallUnderstanding,
}

impl CallHearing {
    fn new(call: CallId, shared: &Shared) -> Result<Self, trunkside_recognition::Error> {
        let options = StreamOptions {
            language: shared.language,
            ..StreamOptions::default()
        };
        Ok(Self {
            call,
            caller: Some(shared.recogniser.stream(Side::Caller, options.clone())?),
            agent: Some(shared.recogniser.stream(Side::Agent, options)?),
            understanding: CallUnderstanding::new(shared.manner.teacher.understander())
                .with_redaction(shared.manner.privacy.policy())
                .with_quality(shared.manner.quality.clone()),
        })
    }

    const fn stream(&mut self, side: Side) -> &mut Option<Stream> {
        match side {
            Side::Caller => &mut self.caller,
            Side::Agent => &mut self.agent,
        }
    }

    async fn hear(&mut self, frame: &Frame, shared: &Shared) {
        let stream = self.stream(frame.side);
        let Some(listening) = stream else { return };
        if let Err(error) = listening.handle(frame) {
            *stream = None;
            tracing::error!(call = %self.call, %error, "recognition of a side has ended");
            return;
        }
        self.tell(frame.side, shared).await;
    }

    async fn finish(mut self, shared: &Shared) {
        for side in [Side::Caller, Side::Agent] {
            if let Some(stream) = self.stream(side)
                && stream.finish().is_ok()
            {
                self.tell(side, shared).await;
            }
        }
    }

    /// Passes on what a side's stream has ready. A partial utterance that finds the queue full is
    /// dropped, because a newer one follows; a final one waits.
    async fn tell(&mut self, side: Side, shared: &Shared) {
        loop {
            let Some(utterance) = self.stream(side).as_mut().and_then(Stream::poll) else {
                return;
            };
            let understood = self.understanding.hear(&utterance);
            let is_final = utterance.is_final;
            let heard = Heard {
                call: self.call,
                utterance,
                understood,
                intents: self.understanding.intents().to_vec(),
                mood: self.understanding.mood(),
                is_sure: self.understanding.is_sure(),
                quality: if is_final {
                    self.understanding.quality()
                } else {
                    Vec::new()
                },
            };
            if is_final {
                // The pipeline is gone only when the box stops.
                let _ = shared.heard.send(heard).await;
            } else {
                let _ = shared.heard.try_send(heard);
            }
        }
    }
}
