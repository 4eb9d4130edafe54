//! The threads that carry the voice of all calls, and nothing else: neither signalling nor
//! recognition ever stands before voice, and no other thread is woken for a packet.
//!
//! A thread is filled before the next has calls, for waking one costs more than to send a packet on.
//! None is filled so far that it needs much of a core: the system lets such a one wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::error;

use crate::error::MediaError;
use crate::ports::MediaPorts;
use crate::session::{MediaSession, MediaTask, Opened};
use crate::tap::now;

/// So many threads; those without calls cost nothing.
const THREADS: usize = 4;

/// Calls of one thread before the next one has any: about a sixth of a core. Once all have as many,
/// they share what comes.
const FULL: usize = 150;

/// A thread waits for packets at most once in so long. Where more come, it sleeps for the rest, and
/// then takes what has gathered: to be woken costs more than to send a packet on, and nobody hears
/// half a millisecond.
const GATHERING: Duration = Duration::from_micros(500);

/// How long calls may take to leave once nobody opens any more.
const LEAVING: Duration = Duration::from_secs(1);

/// Opens calls whose voice the threads carry. Clones are the same threads; they end once all of them
/// and the sessions of their calls are gone.
#[derive(Clone, Debug)]
pub struct VoiceThreads {
    threads: Arc<[Thread]>,
}

#[derive(Debug)]
struct Thread {
    runtime: Handle,
    new_calls: mpsc::UnboundedSender<MediaTask>,
    calls: Arc<AtomicUsize>,
}

impl VoiceThreads {
    /// Starts the threads, `voice-0` and so on by name, at the priority of whoever starts them. The
    /// handles are there to be joined.
    pub fn start() -> Result<(Self, Vec<JoinHandle<()>>), MediaError> {
        let mut threads = Vec::new();
        let mut handles = Vec::new();
        for number in 0..THREADS {
            let started = Thread::start(number);
            let (thread, handle) = started.map_err(|error| MediaError::NoThread(Some(error)))?;
            threads.push(thread);
            handles.push(handle);
        }
        let threads = threads.into();
        Ok((Self { threads }, handles))
    }

    /// Opens a call's media, and carries its voice from now on.
    pub fn open(&self, ports: &MediaPorts) -> Result<Opened, MediaError> {
        let thread = self.next().ok_or(MediaError::NoThread(None))?;
        let (opened, task) = {
            let _within = thread.runtime.enter();
            MediaSession::open(ports)?
        };
        thread.calls.fetch_add(1, Ordering::Relaxed);
        let sent = thread.new_calls.send(task);
        sent.map_err(|_| MediaError::NoThread(None))?;
        Ok(opened)
    }

    /// The first that has room, else that with the fewest calls.
    fn next(&self) -> Option<&Thread> {
        let calls = |thread: &&Thread| thread.calls.load(Ordering::Relaxed);
        let mut threads = self.threads.iter();
        let has_room = threads.find(|thread| calls(thread) < FULL);
        has_room.or_else(|| self.threads.iter().min_by_key(calls))
    }
}

impl Thread {
    fn start(number: usize) -> std::io::Result<(Self, JoinHandle<()>)> {
        let pace = Pace::new();
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(move || pace.gather())
            .build()?;
        let (sender, new_calls) = mpsc::unbounded_channel();
        let calls = Arc::new(AtomicUsize::new(0));
        let thread = Self {
            runtime: runtime.handle().clone(),
            new_calls: sender,
            calls: Arc::clone(&calls),
        };
        let handle = std::thread::Builder::new()
            .name(format!("voice-{number}"))
            .spawn(move || runtime.block_on(carry(new_calls, calls)))?;
        Ok((thread, handle))
    }
}

/// Carries calls until no more can come and all have ended.
async fn carry(mut new_calls: mpsc::UnboundedReceiver<MediaTask>, count: Arc<AtomicUsize>) {
    let mut calls = JoinSet::new();
    let over = |ended| {
        count.fetch_sub(1, Ordering::Relaxed);
        if let Err(error) = ended {
            error!(%error, "a call's voice has ended by a fault");
        }
    };
    loop {
        tokio::select! {
            new = new_calls.recv() => match new {
                Some(task) => {
                    calls.spawn(task.run());
                }
                None => break,
            },
            Some(ended) = calls.join_next() => over(ended),
        }
    }
    let leaving = async {
        while let Some(ended) = calls.join_next().await {
            over(ended);
        }
    };
    // Sessions that somebody keeps do not keep the threads.
    let _ = timeout(LEAVING, leaving).await;
}

/// Lets packets gather where they come thick.
#[derive(Debug)]
struct Pace {
    began: Instant,
    /// When the thread went to wait last, in nanoseconds since it began.
    waited: AtomicU64,
}

impl Pace {
    fn new() -> Self {
        Self {
            began: now(),
            waited: AtomicU64::new(0),
        }
    }

    /// The thread is about to wait.
    #[expect(
        clippy::disallowed_methods,
        reason = "what it waits for comes all the while; not to be woken by it is the purpose"
    )]
    fn gather(&self) {
        let since_began = || now().saturating_duration_since(self.began);
        let waited = Duration::from_nanos(self.waited.load(Ordering::Relaxed));
        let since = since_began().saturating_sub(waited);
        if let Some(rest) = GATHERING.checked_sub(since) {
            std::thread::sleep(rest);
        }
        let waits = since_began().as_nanos() as u64;
        self.waited.store(waits, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
