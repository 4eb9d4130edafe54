//! One trunk: where its carrier is reached, and whether it is there.
//!
//! Pure: told the time and what became of the last request, it says what to send. A trunk has
//! ordered targets, and is told when the names that they are known by lead elsewhere. Where it registers, it registers with the first that accepts; where it does
//! not, it only asks (OPTIONS) which of them answer. A target that fails is followed by the next
//! at once; when all have failed, the wait doubles each time, with jitter, so that a thousand boxes
//! do not return to a carrier in the same second.

pub(crate) mod jitter;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jitter::Jitter;

/// How long a target may take to answer one request before the next target is tried.
const TIMEOUT: Duration = Duration::from_secs(6);

/// Unanswered OPTIONS in a row after which a target counts as gone.
const MISSED: u32 = 2;

/// How often the first target is looked for while another serves.
const RETURN: Duration = Duration::from_mins(2);

/// The wait after all targets refused our name or password: asking again soon changes nothing.
const REFUSED: Duration = Duration::from_mins(5);

/// The shortest time between two registrations, whatever the registrar grants.
const SHORTEST: Duration = Duration::from_secs(10);

/// The shortest time from one registration to the next where connections are lost: some carriers close each.
const AGAIN: Duration = Duration::from_secs(30);

/// How a trunk is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkTimes {
    /// Whether to register; otherwise the carrier knows our address.
    pub register: bool,
    /// For how long to ask to be registered.
    pub expiry: Duration,
    /// How often to ask whether the target is there.
    pub keep_alive: Duration,
    /// The first wait after all targets failed; doubled each time.
    pub back_off: Duration,
    /// The longest wait.
    pub longest_back_off: Duration,
}

impl Default for TrunkTimes {
    fn default() -> Self {
        Self {
            register: true,
            expiry: Duration::from_mins(10),
            keep_alive: Duration::from_secs(30),
            back_off: Duration::from_secs(2),
            longest_back_off: Duration::from_mins(5),
        }
    }
}

/// What became of a request to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Registered for so long.
    Registered {
        /// What the registrar granted.
        granted: Duration,
    },
    /// The registrar wants a longer expiry (423).
    TooBrief {
        /// The shortest that it takes.
        shortest: Duration,
    },
    /// The target refused to register us, or said to an OPTIONS that it cannot serve, with this final status.
    Refused {
        /// 300 to 699.
        status: u16,
    },
    /// It answered an OPTIONS with whatever does not say that it cannot serve.
    Alive,
    /// It was not asked: the connection that the box registered over is gone.
    CutOff,
    /// Nothing came back, or it could not be sent (no such name, no route).
    Silent,
}

/// What a trunk is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrunkInput {
    /// Where its carrier is reached now, most preferred first.
    Targets(Vec<SocketAddr>),
    /// A request has its reply.
    Reply {
        /// The request's number, as [`TrunkOutput::Send`] gave it.
        request: u64,
        /// The reply.
        reply: Reply,
    },
    /// The connection to a target is gone: one that registered over it is not found there any more.
    Lost {
        /// The target.
        target: SocketAddr,
    },
    /// A target has not taken a call: it is asked at once whether it is there.
    Doubted {
        /// The target.
        target: SocketAddr,
    },
    /// The deadline has come.
    Tick,
    /// The box stops: a registration is taken back.
    Stop,
}

/// What to ask a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// REGISTER for so long; zero takes the registration back.
    Register {
        /// The expiry to ask for.
        expiry: Duration,
    },
    /// OPTIONS.
    Options,
}

/// What a trunk puts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkOutput {
    /// Send this to a target.
    Send {
        /// The target.
        target: SocketAddr,
        /// What.
        ask: Ask,
        /// Names the request in its reply.
        request: u64,
    },
    /// Calls can come and go through this target now.
    Up {
        /// Which.
        target: SocketAddr,
    },
    /// No target is there.
    Down {
        /// The last status; 0 where nothing came back.
        status: u16,
        /// When the next attempt is made, from now.
        retry_in: Duration,
    },
}

/// The state of one trunk.
#[derive(Debug)]
pub struct Trunk {
    times: TrunkTimes,
    targets: Vec<SocketAddr>,
    /// Those that said last that they cannot serve.
    unable: Vec<SocketAddr>,
    state: State,
    /// The request under way, and until when its reply is awaited.
    awaited: Option<Awaited>,
    requests: u64,
    /// Rounds of all targets that failed.
    failures: u32,
    refused: bool,
    expiry: Duration,
    jitter: Jitter,
    outputs: VecDeque<TrunkOutput>,
}

#[derive(Clone, Copy, Debug)]
struct Awaited {
    request: u64,
    target: SocketAddr,
    ask: Ask,
    until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Looking for a target.
    Trying,
    /// Served by one.
    Up {
        target: SocketAddr,
        /// Since when, or when it was registered with last.
        since: Instant,
        missed: u32,
        refresh: Option<Instant>,
        probe: Instant,
        /// When to look whether the first target is back.
        look_back: Option<Instant>,
    },
    /// All have failed.
    Waiting {
        until: Instant,
    },
    Stopped,
}

impl Trunk {
    /// A trunk that begins as soon as it is told of targets. The seed spreads the waits of many
    /// boxes.
    pub fn new(times: TrunkTimes, seed: u64) -> Self {
        Self {
            expiry: times.expiry,
            times,
            targets: Vec::new(),
            unable: Vec::new(),
            state: State::Trying,
            awaited: None,
            requests: 0,
            failures: 0,
            refused: false,
            jitter: Jitter::new(seed),
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: TrunkInput) {
        match input {
            TrunkInput::Targets(targets) => self.on_targets(now, targets),
            TrunkInput::Reply { request, reply } => {
                if let Some(awaited) = self.awaited.take_if(|awaited| awaited.request == request) {
                    self.on_reply(now, awaited, reply);
                }
            }
            TrunkInput::Lost { target } => self.on_lost(now, target),
            TrunkInput::Doubted { target } => self.on_doubted(now, target),
            TrunkInput::Tick => self.on_tick(now),
            TrunkInput::Stop => self.stop(now),
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<TrunkOutput> {
        self.outputs.pop_front()
    }

    /// When to hand in [`TrunkInput::Tick`].
    pub fn deadline(&self) -> Option<Instant> {
        let state = match self.state {
            State::Up {
                refresh,
                probe,
                look_back,
                ..
            } if self.awaited.is_none() => [refresh, Some(probe), look_back]
                .into_iter()
                .flatten()
                .min(),
            State::Waiting { until } => Some(until),
            _ => None,
        };
        let awaited = self.awaited.map(|awaited| awaited.until);
        [state, awaited].into_iter().flatten().min()
    }

    /// The target that serves, if one does.
    pub const fn serving(&self) -> Option<SocketAddr> {
        match self.state {
            State::Up { target, .. } => Some(target),
            _ => None,
        }
    }

    fn on_targets(&mut self, now: Instant, targets: Vec<SocketAddr>) {
        self.targets = targets;
        match &mut self.state {
            State::Stopped => {}
            State::Up {
                target, look_back, ..
            } => {
                let place = self.targets.iter().position(|listed| listed == target);
                *look_back = match place {
                    Some(0) => None,
                    Some(_) => look_back.or(Some(now + RETURN)),
                    // Its carrier wants it left; it serves until another has taken over.
                    None => Some(now),
                };
            }
            State::Trying if self.awaited.is_some() => {}
            State::Trying | State::Waiting { .. } => self.try_from(now, 0, 0),
        }
    }

    /// Registers again, but not in the same second as all others whom a carrier's restart cut off.
    fn on_lost(&mut self, now: Instant, lost: SocketAddr) {
        let soon = now + self.spread(self.times.back_off);
        if let State::Up {
            target,
            since,
            refresh: Some(refresh),
            ..
        } = &mut self.state
            && *target == lost
        {
            *refresh = soon.max(*since + AGAIN).min(*refresh);
        }
    }

    fn on_doubted(&mut self, now: Instant, doubted: SocketAddr) {
        if let State::Up { target, probe, .. } = &mut self.state
            && *target == doubted
        {
            *probe = now;
        }
    }

    fn on_tick(&mut self, now: Instant) {
        if let Some(awaited) = self.awaited.take_if(|awaited| now >= awaited.until) {
            self.on_reply(now, awaited, Reply::Silent);
            return;
        }
        if self.awaited.is_some() {
            return;
        }
        match self.state {
            State::Waiting { until } if now >= until => {
                self.try_from(now, 0, 0);
            }
            State::Up {
                target,
                refresh: Some(refresh),
                ..
            } if now >= refresh => self.attempt(now, target),
            State::Up {
                ref mut look_back, ..
            } if look_back.is_some_and(|at| now >= at) => match self.targets.first() {
                Some(&first) => self.send(now, first, Ask::Options),
                None => *look_back = None,
            },
            State::Up { target, probe, .. } if now >= probe => self.send(now, target, Ask::Options),
            _ => {}
        }
    }

    fn on_reply(&mut self, now: Instant, awaited: Awaited, reply: Reply) {
        if self.state == State::Stopped {
            return;
        }
        match (awaited.ask, reply) {
            (Ask::Register { .. }, Reply::Registered { granted }) => {
                let granted = granted.max(SHORTEST);
                // Between three quarters and nine tenths of what was granted.
                let refresh = granted.mul_f64(0.75 + 0.15 * self.jitter.unit());
                self.up(now, awaited.target, Some(now + refresh));
            }
            (Ask::Register { .. }, Reply::TooBrief { shortest }) if shortest > self.expiry => {
                self.expiry = shortest;
                self.attempt(now, awaited.target);
            }
            (Ask::Register { .. }, reply) => self.fail(now, awaited.target, reply),
            (Ask::Options, Reply::Silent) => self.on_failing(now, awaited.target, reply),
            (Ask::Options, Reply::Refused { .. }) => self.on_unable(now, awaited.target, reply),
            // Calls would go to where nobody listens: registered again at once.
            (Ask::Options, Reply::CutOff) => self.attempt(now, awaited.target),
            (Ask::Options, _) => self.on_alive(now, awaited.target),
        }
    }

    fn on_alive(&mut self, now: Instant, answered: SocketAddr) {
        self.unable.retain(|target| *target != answered);
        let next = self.next_probe(now);
        match &mut self.state {
            State::Up {
                target,
                missed,
                probe,
                ..
            } if *target == answered => {
                *missed = 0;
                *probe = next;
            }
            // A more preferred target is back.
            State::Up { .. } => self.attempt_or_up(now, answered),
            _ => self.up(now, answered, None),
        }
    }

    /// It is there and says that it cannot serve.
    fn on_unable(&mut self, now: Instant, asked: SocketAddr, reply: Reply) {
        self.unable.retain(|target| *target != asked);
        let is_last = self.is_able_besides(asked).next().is_none();
        if is_last && self.times.register && self.serving() == Some(asked) {
            // It has registered us, and no other is better.
            return self.on_alive(now, asked);
        }
        self.unable.push(asked);
        self.on_failing(now, asked, reply);
    }

    /// The targets besides this one that have not said that they cannot serve.
    fn is_able_besides(&self, one: SocketAddr) -> impl Iterator<Item = SocketAddr> {
        let targets = self.targets.iter().copied();
        targets.filter(move |target| *target != one && !self.unable.contains(target))
    }

    fn on_failing(&mut self, now: Instant, asked: SocketAddr, reply: Reply) {
        match &mut self.state {
            State::Up {
                target,
                missed,
                probe,
                ..
            } if *target == asked => {
                *missed += 1;
                if *missed < MISSED {
                    // Asked again at once: one lost datagram is no outage.
                    *probe = now;
                    self.on_tick(now);
                } else {
                    self.fail(now, asked, reply);
                }
            }
            State::Up { look_back, .. } => *look_back = Some(now + RETURN),
            _ => self.fail(now, asked, reply),
        }
    }

    fn attempt_or_up(&mut self, now: Instant, target: SocketAddr) {
        if self.times.register {
            self.attempt(now, target);
        } else {
            self.up(now, target, None);
        }
    }

    /// Asks a target to serve.
    fn attempt(&mut self, now: Instant, target: SocketAddr) {
        let ask = if self.times.register {
            Ask::Register {
                expiry: self.expiry,
            }
        } else {
            Ask::Options
        };
        self.send(now, target, ask);
    }

    fn send(&mut self, now: Instant, target: SocketAddr, ask: Ask) {
        self.requests += 1;
        let request = self.requests;
        self.awaited = Some(Awaited {
            request,
            target,
            ask,
            until: now + TIMEOUT,
        });
        self.outputs.push_back(TrunkOutput::Send {
            target,
            ask,
            request,
        });
    }

    fn up(&mut self, now: Instant, target: SocketAddr, refresh: Option<Instant>) {
        self.failures = 0;
        self.refused = false;
        let news = self.serving() != Some(target);
        self.state = State::Up {
            target,
            since: now,
            missed: 0,
            refresh,
            probe: self.next_probe(now),
            look_back: (self.targets.first() != Some(&target)).then(|| now + RETURN),
        };
        if news {
            self.outputs.push_back(TrunkOutput::Up { target });
        }
    }

    fn next_probe(&mut self, now: Instant) -> Instant {
        now + self
            .times
            .keep_alive
            .mul_f64(0.9 + 0.2 * self.jitter.unit())
    }

    /// A target failed: the next one, or a wait when it was the last.
    fn fail(&mut self, now: Instant, target: SocketAddr, reply: Reply) {
        if let State::Up {
            target: serving,
            look_back,
            ..
        } = &mut self.state
            && *serving != target
        {
            // The preferred target answers but does not take us back: the serving one goes on.
            *look_back = Some(now + RETURN);
            return;
        }
        let status = match reply {
            Reply::Refused { status } => status,
            _ => 0,
        };
        self.refused |= matches!(status, 401 | 403 | 404 | 407);
        let was_up = matches!(self.state, State::Up { .. });
        let place = self.targets.iter().position(|listed| *listed == target);
        // One that served and is gone: begin again with the most preferred of the others.
        let next = match (was_up, place) {
            (true, Some(0)) => 1,
            (true, _) | (false, None) => 0,
            (false, Some(place)) => place + 1,
        };
        self.try_from(now, next, status);
    }

    /// Asks the target at this place to serve, or the next that may be able to; waits where there is none.
    fn try_from(&mut self, now: Instant, place: usize, status: u16) {
        let left = self.targets.get(place..).unwrap_or_default();
        let able = |target: &SocketAddr| !self.unable.contains(target);
        let some_are = self.targets.iter().any(able);
        if let Some(target) = left.iter().copied().find(|t| able(t) || !some_are) {
            self.state = State::Trying;
            self.attempt(now, target);
            return;
        }
        self.unable.clear();
        let wait = self.wait();
        self.state = State::Waiting { until: now + wait };
        self.outputs.push_back(TrunkOutput::Down {
            status,
            retry_in: wait,
        });
    }

    fn wait(&mut self) -> Duration {
        let doubled = self
            .times
            .back_off
            .mul_f64(2_f64.powi(self.failures.min(16) as i32));
        self.failures += 1;
        let wait = doubled.min(self.times.longest_back_off);
        let wait = if self.refused {
            wait.max(REFUSED)
        } else {
            wait
        };
        self.refused = false;
        self.spread(wait)
    }

    fn spread(&mut self, wait: Duration) -> Duration {
        wait.mul_f64(0.5 + 0.5 * self.jitter.unit())
    }

    fn stop(&mut self, now: Instant) {
        if let State::Up { target, .. } = self.state
            && self.times.register
        {
            let expiry = Duration::ZERO;
            self.send(now, target, Ask::Register { expiry });
        }
        self.awaited = None;
        self.state = State::Stopped;
    }
}

#[cfg(test)]
mod tests;
