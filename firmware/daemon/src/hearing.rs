//! Recognition and understanding, on threads of their own.
//!
//! One thread takes the copies of every call's packets, turns them into frames and queues them; the
//! workers hear whichever call the [`schedule`] says, a chunk at a time. A call's streams move from
//! worker to worker with it. When the workers cannot keep up, less is recognised and what is lost
//! is counted: voice never waits.

mod masking;
mod pool;
mod schedule;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use trunkside_call::{CallId, FRAME_DURATION, Frame, Intent, Mood, Side, Understanding, Utterance};
use trunkside_decision::log::Models;
use trunkside_media::FrameStream;
use trunkside_media::recording::Tape;
use trunkside_recognition::{Recogniser, Stream};
use trunkside_understanding::CallUnderstanding;
use trunkside_understanding::quality::{QualityOutcome, QualityRules};

use crate::clock::Clock;
use crate::intent_lessons::{Taught, Teacher};
use crate::model::{InForce, Model};
use crate::redaction_policy::Privacy;

use self::masking::Masking;
use self::pool::Threads;
pub(crate) use self::pool::{Intake, Listener, Pool};
pub(crate) use self::schedule::{Chunks, Figures, Rules};

/// How many utterances may wait for the pipeline before partial ones are dropped.
const HEARD_QUEUE: usize = 256;

/// How long a box that stops waits for recognition; what comes after it must have its time, too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

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
    /// What it was heard and understood with.
    pub models: Arc<Models>,
}

/// What is told of a call.
#[derive(Clone, Debug)]
pub enum Told {
    /// Something was said.
    Heard(Box<Heard>),
    /// It is over, and all that was said has been told.
    Finished(CallId),
}

/// How calls are understood.
pub struct Manner {
    /// Understands utterances, with what the branch has taught it.
    pub teacher: Teacher,
    /// Says what may leave the box.
    pub privacy: Privacy,
    /// Rules that new calls are inspected by.
    pub quality: watch::Receiver<Option<Arc<QualityRules>>>,
}

/// The workers, and the thread that brings them frames.
#[derive(Debug)]
pub struct Hearing {
    pool: Pool<CallHearing>,
    calls: mpsc::UnboundedSender<NewCall>,
    bringing: Threads,
    begins_with: Arc<Models>,
}

#[derive(Debug)]
struct NewCall {
    call: CallId,
    frames: FrameStream,
    tape: Option<Tape>,
    unheard: Unheard,
}

/// Counts the frames of one call that were not heard, for want of processor time or because recognition
/// failed.
#[derive(Clone, Debug, Default)]
pub struct Unheard(Arc<AtomicU64>);

impl Unheard {
    /// The frames so far.
    pub fn frames(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, frames: u64) {
        self.0.fetch_add(frames, Ordering::Relaxed);
    }
}

/// What all calls share.
struct Shared {
    /// The model for new calls.
    models: watch::Receiver<InForce>,
    manner: Manner,
    heard: mpsc::Sender<Told>,
}

impl Hearing {
    /// Starts the workers. What they hear comes out of the receiver. A call keeps the model that was
    /// in force when it began.
    pub fn start(
        workers: usize,
        models: watch::Receiver<InForce>,
        manner: Manner,
    ) -> anyhow::Result<(Self, mpsc::Receiver<Told>)> {
        let (heard, receiver) = mpsc::channel(HEARD_QUEUE);
        let begins_with = Arc::new(Models {
            speech: models.borrow().logged(),
            intents: Some(manner.teacher.taught().intents),
        });
        let shared = Arc::new(Shared {
            models,
            manner,
            heard,
        });
        let pool = Pool::start(Rules::new(workers.max(1)))?;
        let (calls, new_calls) = mpsc::unbounded_channel();
        let bringing = bring(new_calls, pool.intake(), shared)?;
        let hearing = Self {
            pool,
            calls,
            bringing,
            begins_with,
        };
        Ok((hearing, receiver))
    }

    /// What a call was heard and understood with at the start.
    pub fn begins_with(&self) -> Arc<Models> {
        Arc::clone(&self.begins_with)
    }

    /// Listens to a call until its media end. The tape has a copy of every frame, also of those that
    /// are not recognised. Returns the count of what it does not hear.
    pub fn listen(&mut self, call: CallId, frames: FrameStream, tape: Option<Tape>) -> Unheard {
        let unheard = Unheard::default();
        let new = NewCall {
            call,
            frames,
            tape,
            unheard: unheard.clone(),
        };
        if self.calls.send(new).is_err() {
            tracing::error!(%call, "recognition is gone; the call goes on unheard");
        }
        unheard
    }

    /// Tells what was done and left undone so far, each time that it is asked.
    pub fn figures(&self) -> impl Fn() -> Figures + Send + use<> {
        let intake = self.pool.intake();
        move || intake.figures()
    }

    /// Ends the workers once their calls have ended, or leaves them behind where one hangs.
    pub fn stop(self) {
        let clock = Clock::start();
        drop(self.calls);
        let brought = self.bringing.join(PATIENCE);
        let heard = self.pool.stop(PATIENCE.saturating_sub(clock.now()));
        if !brought || !heard {
            tracing::error!(
                "recognition did not end in good order; the last words of calls may be lost"
            );
        }
    }
}

impl Chunks {
    /// As a model's network takes them.
    pub(crate) fn of(recogniser: &Recogniser) -> Self {
        Self {
            length: recogniser.chunk(),
            most: recogniser.most_chunks() as u32,
        }
    }
}

/// Starts the thread that turns every call's packets into frames.
fn bring(
    mut calls: mpsc::UnboundedReceiver<NewCall>,
    intake: Intake<CallHearing>,
    shared: Arc<Shared>,
) -> anyhow::Result<Threads> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .context("cannot start the recognition intake")?;
    let bring = move || {
        let tasks = LocalSet::new();
        runtime.block_on(tasks.run_until(async {
            while let Some(new) = calls.recv().await {
                let (intake, shared) = (intake.clone(), Arc::clone(&shared));
                tokio::task::spawn_local(listen(new, intake, shared));
            }
        }));
        runtime.block_on(tasks);
    };
    Threads::start([("hearing-intake".to_owned(), bring)])
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

/// Brings the frames of one call until its media end.
async fn listen(new: NewCall, intake: Intake<CallHearing>, shared: Arc<Shared>) {
    let model = shared.models.borrow().model.clone();
    let Some(model) = model else {
        return go_unheard(new, &shared).await;
    };
    let NewCall {
        call,
        mut frames,
        tape,
        unheard,
    } = new;
    let recogniser = Arc::clone(&model.recogniser);
    tracing::debug!(%call, model = recogniser.model_name(), "listening");
    let masking = Masking::new(tape.clone());
    let hearing = CallHearing::new(call, shared, model, masking, unheard.clone());
    let key = intake.open(hearing, Chunks::of(&recogniser));
    let (mut began, mut lost_before) = ([None; 2], 0);
    while let Some(frame) = frames.recv().await {
        if let Some(tape) = &tape {
            tape.hear(&frame);
        }
        // The caller who speaks over a prompt is heard, the prompt that comes back is not.
        let frame = frames.without_echo(frame);
        let side = usize::from(frame.side == Side::Agent);
        let first = *began[side].get_or_insert(frame.start);
        let before = frame.start.saturating_sub(first).as_millis() / FRAME_DURATION.as_millis();
        let completes = recogniser.completes_chunk(before as u64 + 1);
        let lost = intake.arrive(key, &frame, completes);
        unheard.add(lost.saturating_sub(lost_before));
        lost_before = lost;
    }
    intake.close(key);
}

/// Takes the frames of a call that no model hears.
async fn go_unheard(mut new: NewCall, shared: &Shared) {
    tracing::warn!(call = %new.call, "there is no speech model; the call goes on unheard");
    while let Some(frame) = new.frames.recv().await {
        if let Some(tape) = &new.tape {
            tape.hear(&frame);
        }
        new.unheard.add(1);
    }
    // The pipeline is gone only when the box stops.
    let _ = shared.heard.send(Told::Finished(new.call)).await;
}

/// Recognition and understanding of one call.
struct CallHearing {
    call: CallId,
    shared: Arc<Shared>,
    model: Model,
    caller: Hears,
    agent: Hears,
    understanding: CallUnderstanding,
    models: Arc<Models>,
    masking: Masking,
    fault: Fault,
    unheard: Unheard,
    /// Final utterances for which the pipeline's queue had no room.
    waiting: VecDeque<Box<Heard>>,
}

/// Recognition of one side. Most of what a call needs in memory is this.
enum Hears {
    /// Nothing came of this side so far.
    Nothing,
    Words(Box<Stream>),
    /// A fault has ended it.
    NoMore,
}

impl CallHearing {
    fn new(
        call: CallId,
        shared: Arc<Shared>,
        model: Model,
        masking: Masking,
        unheard: Unheard,
    ) -> Self {
        let quality = shared.manner.quality.borrow().clone();
        let Taught {
            understander,
            intents,
        } = shared.manner.teacher.taught();
        let models = Models {
            speech: Some(model.logged()),
            intents: Some(intents),
        };
        Self {
            call,
            model,
            caller: Hears::Nothing,
            agent: Hears::Nothing,
            models: Arc::new(models),
            understanding: CallUnderstanding::new(understander)
                .with_redaction(shared.manner.privacy.policy())
                .with_quality(quality),
            masking,
            fault: Fault::wanted(),
            unheard,
            waiting: VecDeque::new(),
            shared,
        }
    }

    const fn side(&mut self, side: Side) -> &mut Hears {
        match side {
            Side::Caller => &mut self.caller,
            Side::Agent => &mut self.agent,
        }
    }

    const fn stream(&mut self, side: Side) -> Option<&mut Box<Stream>> {
        match self.side(side) {
            Hears::Words(stream) => Some(stream),
            Hears::Nothing | Hears::NoMore => None,
        }
    }

    fn hear_frame(&mut self, frame: &Frame, hop: u32) {
        if let Err(error) = self.recognise(frame, hop) {
            *self.side(frame.side) = Hears::NoMore;
            self.masking.fail(frame.side);
            tracing::error!(call = %self.call, %error, "recognition of a side has ended");
        }
        match self.side(frame.side) {
            Hears::NoMore => self.unheard.add(1),
            Hears::Nothing | Hears::Words(_) => {
                self.masking.heard(frame);
                self.tell(frame.side);
            }
        }
    }

    fn recognise(&mut self, frame: &Frame, hop: u32) -> Result<(), trunkside_recognition::Error> {
        if let Hears::Nothing = self.side(frame.side) {
            let Model {
                recogniser,
                options,
                ..
            } = &self.model;
            let stream = recogniser.stream(frame.side, options.clone())?;
            *self.side(frame.side) = Hears::Words(Box::new(stream));
        }
        let Some(stream) = self.stream(frame.side) else {
            return Ok(());
        };
        stream.set_hop(hop as usize);
        stream.handle(frame)
    }

    /// Passes on what a side's stream has ready. When the queue is full, a partial utterance is
    /// dropped, because a newer one follows, and a final one waits: a worker never does.
    fn tell(&mut self, side: Side) {
        while let Some(utterance) = self.stream(side).and_then(|stream| stream.poll()) {
            let understood = self.understanding.hear(&utterance);
            let is_final = utterance.is_final;
            for spoken in self.understanding.secrets() {
                self.masking.secret(spoken);
            }
            let heard = Box::new(Heard {
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
                models: Arc::clone(&self.models),
            });
            if is_final {
                self.waiting.push_back(heard);
                self.tell_waiting();
            } else if self.waiting.is_empty() {
                let _ = self.shared.heard.try_send(Told::Heard(heard));
            }
        }
    }

    /// What is being said ends with the call.
    fn hear_out(&mut self) {
        for side in [Side::Caller, Side::Agent] {
            if let Some(stream) = self.stream(side)
                && stream.finish().is_ok()
            {
                self.tell(side);
                self.masking.finish(side);
            }
        }
    }

    fn tell_waiting(&mut self) {
        while let Some(heard) = self.waiting.pop_front() {
            let told = self.shared.heard.try_send(Told::Heard(heard));
            if let Err(TrySendError::Full(Told::Heard(heard))) = told {
                self.waiting.push_front(heard);
                return;
            }
        }
    }
}

impl Listener for CallHearing {
    fn hear(&mut self, frames: &[Frame], hop: u32) {
        self.tell_waiting();
        for frame in frames {
            self.fault.strike();
            self.hear_frame(frame, hop);
        }
        self.masking.settle();
    }

    fn fail(&mut self, frames: u64) {
        self.unheard.add(frames);
        for side in [Side::Caller, Side::Agent] {
            *self.side(side) = Hears::NoMore;
            self.masking.fail(side);
        }
    }

    fn finish(&mut self) {
        self.hear_out();
        let waiting = std::mem::take(&mut self.waiting);
        let finished = Told::Finished(self.call);
        for told in waiting.into_iter().map(Told::Heard).chain([finished]) {
            // The pipeline is gone only when the box stops.
            let _ = self.shared.heard.blocking_send(told);
        }
    }
}

#[cfg(test)]
mod tests;
