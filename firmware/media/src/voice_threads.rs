//! The threads that carry the voice of all calls, and nothing else: neither signalling nor
//! recognition ever stands before voice, and no other thread is woken for a packet.
//!
//! A thread is filled before the next has calls, for waking one costs more than to send a packet on.
//! None is filled so far that it needs much of a core: the system lets such a one wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crate::error::MediaError;
use crate::ports::MediaPorts;
use crate::session::{MediaSession, Opened};
use crate::voice_loop::{Mailbox, VoiceLoop};

/// So many threads; those without calls cost nothing.
const THREADS: usize = 4;

/// Calls of one thread before the next one has any: about a sixth of a core. Once all have as many,
/// they share what comes.
const FULL: usize = 150;

/// Opens calls whose voice the threads carry. Clones are the same threads; they end once all of them
/// and the sessions of their calls are gone.
#[derive(Clone, Debug)]
pub struct VoiceThreads {
    threads: Arc<[Thread]>,
}

#[derive(Debug)]
struct Thread {
    mailbox: Arc<Mailbox>,
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
        thread.calls.fetch_add(1, Ordering::Relaxed);
        let opened = MediaSession::open(ports, &thread.mailbox);
        if opened.is_err() {
            thread.calls.fetch_sub(1, Ordering::Relaxed);
        }
        opened
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
        let calls = Arc::new(AtomicUsize::new(0));
        let (mailbox, voice_loop) = VoiceLoop::new(Arc::clone(&calls))?;
        let handle = std::thread::Builder::new()
            .name(format!("voice-{number}"))
            .spawn(move || voice_loop.run())?;
        Ok((Self { mailbox, calls }, handle))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.mailbox.leave();
    }
}

#[cfg(test)]
mod tests;
