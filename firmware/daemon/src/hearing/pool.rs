//! Threads that hear calls in the order that the schedule says.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{getpriority_process, setpriority_process};
use trunkside_call::Frame;

use super::schedule::{Chunks, Figures, Key, Rules, Schedule, Turn};
use crate::clock::Clock;

/// Hears one call, on whichever thread has its turn.
pub trait Listener: Send + 'static {
    /// Hears frames, the oldest first; the network may hear so many chunks in one run.
    fn hear(&mut self, frames: &[Frame], hop: u32);

    /// A fault has struck while it heard, so that these frames went unheard; it hears no more.
    fn fail(&mut self, _frames: u64) {}

    /// The call has ended, also after a fault.
    fn finish(&mut self);
}

/// Threads that end together, or are left behind.
#[derive(Debug)]
pub struct Threads {
    all: Vec<JoinHandle<()>>,
    /// Closed when none runs any more: each has the other end while it does.
    running: Mutex<mpsc::Receiver<()>>,
}

/// The threads and what they share with those who bring frames.
pub struct Pool<L> {
    shared: Arc<Shared<L>>,
    threads: Threads,
}

/// Brings calls and their frames to the threads.
pub struct Intake<L> {
    shared: Arc<Shared<L>>,
}

struct Shared<L> {
    state: Mutex<State<L>>,
    work: Condvar,
    clock: Clock,
}

struct State<L> {
    schedule: Schedule<Frame>,
    /// Those whose turn it is not.
    listeners: HashMap<Key, Box<L>>,
    is_stopping: bool,
    told: (usize, u32),
}

impl<L> fmt::Debug for Pool<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.threads.all.len();
        f.debug_struct("Pool")
            .field("threads", &threads)
            .finish_non_exhaustive()
    }
}

impl<L> Clone for Intake<L> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Threads {
    /// Starts one for each task, under its name, with the priority that voice does not need.
    pub fn start<T: FnOnce() + Send + 'static>(
        tasks: impl IntoIterator<Item = (String, T)>,
    ) -> anyhow::Result<Self> {
        let (runs, running) = mpsc::channel();
        let start = |(name, task): (String, T)| {
            let runs = runs.clone();
            std::thread::Builder::new()
                .name(name)
                .spawn(move || {
                    let _runs = runs;
                    stand_back();
                    task();
                })
                .context("cannot start a recognition thread")
        };
        let all = tasks
            .into_iter()
            .map(start)
            .collect::<anyhow::Result<_>>()?;
        let running = Mutex::new(running);
        Ok(Self { all, running })
    }

    /// Waits for their ends, so long at most. Those that hang are left behind: they end with the process.
    /// Returns whether all have ended, and none by a fault.
    pub fn join(self, within: Duration) -> bool {
        let running = self.running.into_inner();
        let running = running.unwrap_or_else(PoisonError::into_inner);
        if running.recv_timeout(within) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("a recognition thread hangs; it is left behind");
            return false;
        }
        let ended: Vec<_> = self.all.into_iter().map(JoinHandle::join).collect();
        ended.iter().all(Result::is_ok)
    }
}

impl<L: Listener> Pool<L> {
    /// Starts the threads, named `hearing-N`.
    pub fn start(rules: Rules) -> anyhow::Result<Self> {
        let workers = rules.workers;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                schedule: Schedule::new(rules),
                listeners: HashMap::new(),
                is_stopping: false,
                told: (0, 1),
            }),
            work: Condvar::new(),
            clock: Clock::start(),
        });
        let work = |number| {
            let shared = Arc::clone(&shared);
            (format!("hearing-{number}"), move || shared.work())
        };
        let threads = Threads::start((0..workers).map(work))?;
        Ok(Self { shared, threads })
    }

    /// Where calls are brought.
    pub fn intake(&self) -> Intake<L> {
        Intake {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Ends the threads once the calls at hand have ended, but waits so long at most. Returns whether all
    /// have ended, and none by a fault.
    pub fn stop(self, within: Duration) -> bool {
        self.shared.lock().is_stopping = true;
        self.shared.work.notify_all();
        self.threads.join(within)
    }
}

impl<L: Listener> Intake<L> {
    /// A new call, whose network takes its audio so.
    pub fn open(&self, listener: L, takes: Chunks) -> Key {
        let mut state = self.shared.lock();
        let key = state.schedule.open(self.shared.clock.now(), takes);
        state.listeners.insert(key, Box::new(listener));
        key
    }

    /// A frame of a call; `completes` says that it completes a chunk of its side. Returns how many
    /// frames of the call were lost so far.
    pub fn arrive(&self, key: Key, frame: &Frame, completes: bool) -> u64 {
        let mut state = self.shared.lock();
        let now = self.shared.clock.now();
        let waits_forever = state.schedule.deadline().is_none();
        let is_ready = state.schedule.arrive(now, key, *frame, completes);
        if is_ready || waits_forever && state.schedule.deadline().is_some() {
            self.shared.work.notify_one();
        }
        state.schedule.lost(key)
    }

    /// No more frames of a call will come.
    pub fn close(&self, key: Key) {
        let mut state = self.shared.lock();
        if state.schedule.close(self.shared.clock.now(), key) {
            self.shared.work.notify_one();
        }
    }

    /// What was done and left undone so far.
    pub fn figures(&self) -> Figures {
        self.shared.lock().schedule.figures()
    }
}

impl<L: Listener> Shared<L> {
    fn lock(&self) -> MutexGuard<'_, State<L>> {
        // Nothing is done under the lock that could leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one thread does until the pool stops.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            let now = self.clock.now();
            if let Some(turn) = state.schedule.take(now) {
                let mut listener = state.listeners.remove(&turn.call);
                drop(state);
                if let Some(listener) = &mut listener {
                    self.take_turn(&turn, listener.as_mut());
                }
                state = self.lock();
                if let Some(listener) = listener.filter(|_| !turn.is_last) {
                    state.listeners.insert(turn.call, listener);
                }
                let after = self.clock.now();
                let took = after.saturating_sub(now);
                state.schedule.done(after, turn.call, turn.is_last, took);
                tell(&mut state);
            } else if state.is_stopping && state.schedule.figures().calls == 0 {
                self.work.notify_all();
                return;
            } else {
                state = self.wait(state, now);
            }
        }
    }

    /// Hears a turn. A fault ends the hearing of this call, and of no other.
    fn take_turn(&self, turn: &Turn<Frame>, listener: &mut L) {
        let is_sound = |act: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(act)).is_ok();
        let is_heard = is_sound(&mut || {
            listener.hear(&turn.frames, turn.hop);
            if turn.is_last {
                listener.finish();
            }
        });
        if is_heard {
            return;
        }
        tracing::error!(
            number = turn.call,
            "recognition of a call ended by a fault; the call goes on unheard"
        );
        let unheard = self.lock().schedule.fail(turn.call, turn.frames.len());
        let is_left = is_sound(&mut || {
            listener.fail(unheard);
            if turn.is_last {
                listener.finish();
            }
        });
        if !is_left {
            tracing::error!(
                number = turn.call,
                "what was recognised before a fault was lost by another one"
            );
        }
    }

    /// Waits for a call that is ready.
    fn wait<'a>(&self, state: MutexGuard<'a, State<L>>, now: Duration) -> MutexGuard<'a, State<L>> {
        match state.schedule.deadline() {
            None => self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let waited = self.work.wait_timeout(state, deadline.saturating_sub(now));
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

/// Voice goes first: where the box runs at a raised priority, as its unit gives it, recognition has the
/// ordinary one. Linux keeps a priority for each thread; `None` is this one.
fn stand_back() {
    let is_raised = getpriority_process(None).is_ok_and(|nice| nice < 0);
    if is_raised && let Err(error) = setpriority_process(None, 0) {
        tracing::warn!(%error, "recognition keeps the priority of voice");
    }
}

/// Logs when more or less is heard than before.
fn tell<L>(state: &mut State<L>) {
    let figures = state.schedule.figures();
    let now = (figures.unheard, figures.hop);
    if now == state.told {
        return;
    }
    let Figures {
        calls,
        unheard,
        hop,
        lost_frames,
        busy,
        ..
    } = figures;
    let waited_ms = figures.waited.as_millis() as u64;
    if now == (0, 1) {
        tracing::info!(calls, "recognition hears all calls again");
    } else {
        tracing::warn!(
            calls,
            unheard,
            hop,
            lost_frames,
            busy,
            waited_ms,
            "recognition is short of processor time"
        );
    }
    state.told = now;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Side};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);
    const TAKES: Chunks = Chunks {
        length: Duration::from_millis(160),
        most: 1,
    };

    /// A call's number, the frames that it heard, and those that a fault took from it.
    type Told = (u32, usize, u64);

    /// Tells what it heard; stumbles over loud frames.
    struct Teller {
        told: Sender<Told>,
        number: u32,
        frames: usize,
        unheard: u64,
    }

    impl Listener for Teller {
        fn hear(&mut self, frames: &[Frame], _hop: u32) {
            assert!(
                frames.iter().all(|frame| frame.samples[0] == 0),
                "a fault of this test"
            );
            self.frames += frames.len();
        }

        fn fail(&mut self, frames: u64) {
            self.unheard += frames;
            let _ = self.told.send((self.number, self.frames, self.unheard));
        }

        fn finish(&mut self) {
            let _ = self.told.send((self.number, self.frames, self.unheard));
        }
    }

    fn frame(number: u32, sample: i16) -> Frame {
        Frame {
            side: Side::Caller,
            start: FRAME_DURATION * number,
            samples: [sample; FRAME_SAMPLES],
        }
    }

    fn call(intake: &Intake<Teller>, told: &Sender<Told>, number: u32) -> Key {
        let teller = Teller {
            told: told.clone(),
            number,
            frames: 0,
            unheard: 0,
        };
        intake.open(teller, TAKES)
    }

    fn pool() -> (Pool<Teller>, Sender<Told>, Receiver<Told>) {
        let (told, ends) = channel();
        (Pool::start(Rules::new(2)).unwrap(), told, ends)
    }

    #[test]
    fn calls_come_and_go_and_each_hears_its_own_frames() {
        let (pool, told, ends) = pool();
        let intake = pool.intake();
        for number in 0..200 {
            let key = call(&intake, &told, number);
            for n in 0..=number % 40 {
                intake.arrive(key, &frame(n, 0), n % 8 == 7);
            }
            intake.close(key);
        }
        for _ in 0..200 {
            let (number, frames, unheard) = ends.recv_timeout(TIMEOUT).unwrap();
            assert_eq!((frames as u32, unheard), (number % 40 + 1, 0));
        }
        assert!(pool.stop(TIMEOUT));
    }

    #[test]
    fn a_call_at_fault_takes_no_other_with_it() {
        let (pool, told, ends) = pool();
        let intake = pool.intake();
        let (faulty, sound) = (call(&intake, &told, 0), call(&intake, &told, 1));
        for n in 0..8 {
            intake.arrive(faulty, &frame(n, 1), n == 7);
            intake.arrive(sound, &frame(n, 0), n == 7);
        }
        intake.close(sound);
        let of_the_sound = |(number, ..): &Told| *number == 1;
        let mut told = std::iter::from_fn(|| ends.recv_timeout(TIMEOUT).ok());
        assert_eq!(told.find(of_the_sound), Some((1, 8, 0)));
        intake.close(faulty);
        assert!(pool.stop(TIMEOUT));
    }

    #[test]
    fn frames_after_a_fault_count_as_lost_and_the_call_has_its_end() {
        let (pool, told, ends) = pool();
        let intake = pool.intake();
        let key = call(&intake, &told, 0);
        assert_eq!(intake.arrive(key, &frame(0, 1), true), 0);
        assert_eq!(ends.recv_timeout(TIMEOUT), Ok((0, 0, 1)), "the fault");
        assert_eq!(intake.arrive(key, &frame(1, 0), true), 1);
        assert_eq!(intake.arrive(key, &frame(2, 0), true), 2);
        assert_eq!(intake.figures().unheard, 0, "time is not short");
        intake.close(key);
        assert_eq!(ends.recv_timeout(TIMEOUT), Ok((0, 0, 1)), "the end");
        assert!(pool.stop(TIMEOUT));
    }

    /// Tells at once how many frames it heard.
    struct Counter(Sender<usize>);

    impl Listener for Counter {
        fn hear(&mut self, frames: &[Frame], _hop: u32) {
            let _ = self.0.send(frames.len());
        }

        fn finish(&mut self) {}
    }

    #[test]
    fn frames_too_few_for_a_chunk_are_heard_though_no_more_come() {
        let (told, turns) = channel();
        let pool = Pool::start(Rules::new(2)).unwrap();
        let intake = pool.intake();
        let key = intake.open(Counter(told), TAKES);
        intake.arrive(key, &frame(0, 0), false);
        assert_eq!(turns.recv_timeout(TIMEOUT), Ok(1));
        intake.close(key);
        assert!(pool.stop(TIMEOUT));
    }

    /// Hears nothing until somebody lets it go.
    struct Hanging(Receiver<()>);

    impl Listener for Hanging {
        fn hear(&mut self, _: &[Frame], _: u32) {
            let _ = self.0.recv();
        }

        fn finish(&mut self) {}
    }

    #[test]
    fn a_call_that_hangs_is_left_behind() {
        let (let_go, hangs) = channel();
        let pool = Pool::start(Rules::new(2)).unwrap();
        let intake = pool.intake();
        let key = intake.open(Hanging(hangs), TAKES);
        intake.arrive(key, &frame(0, 0), true);
        intake.close(key);
        assert!(!pool.stop(Duration::from_millis(50)));
        drop(let_go);
    }

    #[test]
    fn stopping_waits_for_the_calls_at_hand() {
        let (pool, told, ends) = pool();
        let intake = pool.intake();
        let key = call(&intake, &told, 7);
        intake.arrive(key, &frame(0, 0), false);
        let stopping = std::thread::spawn(move || pool.stop(TIMEOUT));
        intake.arrive(key, &frame(1, 0), false);
        intake.close(key);
        assert_eq!(ends.recv_timeout(TIMEOUT), Ok((7, 2, 0)));
        assert!(stopping.join().unwrap());
    }
}
