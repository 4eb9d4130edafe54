//! The thread that carries the voice of all calls, and nothing else: neither signalling nor
//! recognition ever stands before voice, and no other thread is woken for a packet.

use std::sync::atomic::{AtomicU64, Ordering};
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

/// The thread waits for packets at most once in so long. Where more come, it sleeps for the rest, and
/// then takes what has gathered: to be woken costs more than to send a packet on, and nobody hears
/// half a millisecond.
const GATHERING: Duration = Duration::from_micros(500);

/// How long calls may take to leave once nobody opens any more.
const LEAVING: Duration = Duration::from_secs(1);

/// Opens calls whose voice the thread carries. Clones are the same thread; it ends once all of them
/// and the sessions of its calls are gone.
#[derive(Clone, Debug)]
pub struct VoiceThread {
    runtime: Handle,
    calls: mpsc::UnboundedSender<MediaTask>,
}

impl VoiceThread {
    /// Starts the thread, `voice` by name, at the priority of whoever starts it. The handle is there
    /// to be joined.
    pub fn start() -> Result<(Self, JoinHandle<()>), MediaError> {
        let no_thread = |error| MediaError::NoThread(Some(error));
        let pace = Pace::new();
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(move || pace.gather())
            .build()
            .map_err(no_thread)?;
        let (calls, new_calls) = mpsc::unbounded_channel();
        let voice = Self {
            runtime: runtime.handle().clone(),
            calls,
        };
        let thread = std::thread::Builder::new()
            .name("voice".to_owned())
            .spawn(move || runtime.block_on(carry(new_calls)))
            .map_err(no_thread)?;
        Ok((voice, thread))
    }

    /// Opens a call's media, and carries its voice from now on.
    pub fn open(&self, ports: &MediaPorts) -> Result<Opened, MediaError> {
        let (opened, task) = {
            let _within = self.runtime.enter();
            MediaSession::open(ports)?
        };
        let sent = self.calls.send(task);
        sent.map_err(|_| MediaError::NoThread(None))?;
        Ok(opened)
    }
}

/// Carries calls until no more can come and all have ended.
async fn carry(mut new_calls: mpsc::UnboundedReceiver<MediaTask>) {
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            new = new_calls.recv() => match new {
                Some(task) => {
                    calls.spawn(task.run());
                }
                None => break,
            },
            Some(ended) = calls.join_next() => if let Err(error) = ended {
                error!(%error, "a call's voice has ended by a fault");
            },
        }
    }
    let leaving = async { while calls.join_next().await.is_some() {} };
    // Sessions that somebody keeps do not keep the thread.
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
