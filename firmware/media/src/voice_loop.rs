//! The loop of a thread that carries voice: it waits for the packets, orders and deadlines of all its calls at once.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;
use tracing::{debug, error};
use trunkside_call::Side;

use crate::carrier::Carrier;
use crate::relay::Content;
use crate::session::Order;
use crate::tap::now;

/// A thread waits for packets at most once in so long. Where more come, it sleeps for the rest, and
/// then takes what has gathered: to be woken costs more than to send a packet on, and nobody hears
/// half a millisecond.
const GATHERING: Duration = Duration::from_micros(500);

/// How long calls may take to leave once nobody opens any more.
const LEAVING: Duration = Duration::from_secs(1);

/// Sockets that are looked at in one round; where more have something, they take turns.
const EVENTS: usize = 256;

/// Packets taken in one round from a socket that had some in the round before: others get their turn, too.
const BATCH: usize = 16;

/// A call's sockets, in the order of their tokens.
const SOCKETS: [(Side, Content); 4] = [
    (Side::Caller, Content::Voice),
    (Side::Caller, Content::Reports),
    (Side::Agent, Content::Voice),
    (Side::Agent, Content::Reports),
];

/// The token of what wakes the loop for its mail.
const BELL: u64 = u64::MAX;

/// A socket's token says whose it is; calls are numbered for the life of a thread.
const fn token(call: u64, socket: usize) -> u64 {
    call * SOCKETS.len() as u64 + socket as u64
}

const fn of_token(token: u64) -> (u64, usize) {
    let sockets = SOCKETS.len() as u64;
    (token / sockets, (token % sockets) as usize)
}

#[derive(Debug)]
enum Mail {
    Call(u64, Box<Carrier>),
    Order(u64, Order),
    /// Nobody gives the call orders any more.
    End(u64),
    /// Nobody opens calls any more.
    Leave,
}

/// The loop has ended.
#[derive(Debug, thiserror::Error)]
#[error("the thread has ended")]
pub struct Ended;

/// Reaches a loop from other threads.
#[derive(Debug)]
pub struct Mailbox {
    /// Unbounded, for mail is little: one for each signalling event.
    mail: mpsc::Sender<Mail>,
    bell: Arc<OwnedFd>,
    epoll: Arc<OwnedFd>,
    calls: AtomicU64,
}

impl Mailbox {
    /// Hands a call over; its line gives it orders.
    pub fn begin(self: &Arc<Self>, carrier: Carrier) -> io::Result<OrderLine> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        for (number, (side, content)) in SOCKETS.into_iter().enumerate() {
            let socket = carrier.socket(side, content);
            let data = epoll::EventData::new_u64(token(call, number));
            epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN)?;
        }
        let sent = self.send(Mail::Call(call, Box::new(carrier)));
        sent.map_err(io::Error::other)?;
        Ok(OrderLine {
            call,
            mailbox: Arc::clone(self),
        })
    }

    /// The loop ends once its calls have.
    pub fn leave(&self) {
        // It may have ended by a fault.
        let _ = self.send(Mail::Leave);
    }

    fn send(&self, mail: Mail) -> Result<(), Ended> {
        self.mail.send(mail).map_err(|_| Ended)?;
        // It fails only once it rings already, 2^64 times over.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        Ok(())
    }
}

/// Gives one call orders; it ends with the line.
#[derive(Debug)]
pub struct OrderLine {
    call: u64,
    mailbox: Arc<Mailbox>,
}

impl OrderLine {
    /// In the order in which they are given.
    pub fn give(&self, order: Order) -> Result<(), Ended> {
        self.mailbox.send(Mail::Order(self.call, order))
    }

    /// Ends the call, whoever else may have the line.
    pub fn end(&self) {
        // The call has ended with its loop.
        let _ = self.mailbox.send(Mail::End(self.call));
    }
}

impl Drop for OrderLine {
    fn drop(&mut self) {
        self.end();
    }
}

/// Carries calls on the thread that runs it.
#[derive(Debug)]
pub struct VoiceLoop {
    epoll: Arc<OwnedFd>,
    /// Kept, for a bell that is closed after its last ring wakes nobody.
    _bell: Arc<OwnedFd>,
    mail: mpsc::Receiver<Mail>,
    calls: HashMap<u64, Call>,
    /// How many there are, for others to see; who hands one over has counted it.
    count: Arc<AtomicUsize>,
    /// Of all calls.
    deadlines: BTreeSet<(Instant, u64)>,
    /// Whose deadline is over; empty between rounds.
    due: Vec<u64>,
    round: u64,
    /// When it began to wait last.
    waited: Instant,
    /// When it ends, whatever calls there are.
    leave_by: Option<Instant>,
}

#[derive(Debug)]
struct Call {
    carrier: Carrier,
    /// As it stands among all deadlines.
    deadline: Option<Instant>,
    /// The last round in which each socket had something.
    came: [u64; SOCKETS.len()],
    /// Whether something that came has met a fault of ours.
    is_faulty: bool,
}

impl VoiceLoop {
    /// A loop without calls, and what reaches it.
    pub fn new(count: Arc<AtomicUsize>) -> io::Result<(Arc<Mailbox>, Self)> {
        let poll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        // Each ring is told once, so that none has to be read off.
        let rings = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&poll, &bell, epoll::EventData::new_u64(BELL), rings)?;
        let (sender, mail) = mpsc::channel();
        let mailbox = Mailbox {
            mail: sender,
            bell: Arc::clone(&bell),
            epoll: Arc::clone(&poll),
            calls: AtomicU64::new(0),
        };
        let this = Self {
            epoll: poll,
            _bell: bell,
            mail,
            calls: HashMap::new(),
            count,
            deadlines: BTreeSet::new(),
            due: Vec::new(),
            // The first round is the second, so that no socket had something in the one before.
            round: 1,
            waited: now(),
            leave_by: None,
        };
        Ok((Arc::new(mailbox), this))
    }

    /// Carries calls until no more can come and all have ended.
    pub fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS);
        while !self.is_over() {
            self.gather();
            if let Err(error) = self.round(&mut events) {
                error!(%error, "a thread that carries voice cannot wait for it and ends");
                return;
            }
        }
    }

    /// Waits until there is something to do, and does it. The room for events is empty before and after.
    fn round(&mut self, events: &mut Vec<epoll::Event>) -> io::Result<()> {
        let timeout = self.timeout();
        match epoll::wait(&self.epoll, spare_capacity(events), timeout.as_ref()) {
            Err(error) if error != Errno::INTR => return Err(error.into()),
            _ => {}
        }
        self.round += 1;
        self.read_mail();
        for event in events.drain(..) {
            self.take(event.data.u64());
        }
        self.do_what_is_due();
        Ok(())
    }

    fn is_over(&self) -> bool {
        // Sessions that somebody keeps do not keep the thread.
        self.leave_by
            .is_some_and(|leave_by| self.calls.is_empty() || now() >= leave_by)
    }

    /// Lets packets gather where they come thick.
    #[expect(
        clippy::disallowed_methods,
        reason = "what it waits for comes all the while; not to be woken by it is the purpose"
    )]
    fn gather(&mut self) {
        let since = now().saturating_duration_since(self.waited);
        if let Some(rest) = GATHERING.checked_sub(since) {
            std::thread::sleep(rest);
        }
        self.waited = now();
    }

    /// How long there is nothing due, in whole milliseconds: older kernels know no parts of them.
    fn timeout(&self) -> Option<Timespec> {
        let first = self.deadlines.first().map(|(deadline, _)| *deadline);
        let until = first.into_iter().chain(self.leave_by).min()?;
        let rest = until.saturating_duration_since(self.waited);
        let rest = Duration::from_millis(rest.as_nanos().div_ceil(1_000_000) as u64);
        Timespec::try_from(rest).ok()
    }

    fn read_mail(&mut self) {
        while let Ok(mail) = self.mail.try_recv() {
            match mail {
                Mail::Call(call, carrier) => {
                    let new = Call {
                        carrier: *carrier,
                        deadline: None,
                        came: [0; SOCKETS.len()],
                        is_faulty: false,
                    };
                    self.calls.insert(call, new);
                }
                Mail::Order(call, order) => {
                    if !self.calls.contains_key(&call) {
                        debug!("media order after the session's end");
                    }
                    self.with(call, |this| this.carrier.obey(now(), order));
                }
                Mail::End(call) => self.end(call),
                Mail::Leave => self.leave_by = Some(now() + LEAVING),
            }
        }
    }

    /// Takes what has come to a socket.
    fn take(&mut self, token: u64) {
        if token == BELL {
            return;
        }
        let (call, socket) = of_token(token);
        let (side, content) = SOCKETS[socket];
        let round = self.round;
        self.with(call, |this| {
            // One packet is what there is, as a rule; to look for a second one costs as much as a packet.
            let is_thick = this.came[socket] + 1 == round;
            this.came[socket] = round;
            this.carrier
                .take(side, content, if is_thick { BATCH } else { 1 });
        });
    }

    fn do_what_is_due(&mut self) {
        let now = now();
        let mut due = std::mem::take(&mut self.due);
        let over = self.deadlines.range(..=(now, u64::MAX));
        due.extend(over.map(|(_, call)| *call));
        for call in due.drain(..) {
            self.with(call, |this| this.carrier.on_time(now));
        }
        self.due = due;
    }

    /// Takes what has come to a call before, and closes its sockets.
    fn end(&mut self, call: u64) {
        self.with(call, |this| {
            for (side, content) in SOCKETS {
                this.carrier.take(side, content, BATCH);
            }
            this.carrier.leave(now());
        });
        if let Some(ended) = self.calls.remove(&call) {
            self.forget(ended.deadline, call);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Has a call do something. A fault of ours costs what met it, not the call its voice.
    fn with(&mut self, number: u64, work: impl FnOnce(&mut Call)) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        let work = AssertUnwindSafe(|| {
            work(call);
            call.carrier.deadline()
        });
        match catch_unwind(work) {
            Ok(deadline) if deadline != call.deadline => {
                let old = std::mem::replace(&mut call.deadline, deadline);
                self.forget(old, number);
                self.deadlines
                    .extend(deadline.map(|deadline| (deadline, number)));
            }
            Err(_) if !call.is_faulty => {
                call.is_faulty = true;
                error!("a fault in carrying a call's voice; what met it is lost, the call goes on");
            }
            Ok(_) | Err(_) => {}
        }
    }

    fn forget(&mut self, deadline: Option<Instant>, call: u64) {
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, call));
        }
    }
}

#[cfg(test)]
mod tests;
