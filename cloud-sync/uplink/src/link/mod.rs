//! The link to the cloud as a pure stage: when to connect, what to send, when to send it again.
//!
//! It holds no record and no socket. The shell performs its [`Output`]s and tells it what came of
//! them; a test does the same with a simulated network and clock.
//!
//! Everything sent stays *in flight* until the aggregator's watermark covers it. A connection that
//! ends, for whatever reason, takes everything in flight with it: the next one begins again behind
//! the watermark, and the aggregator drops what it has.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use trunkside_record::{Ack, Lane};

mod pace;
mod tuning;

#[cfg(test)]
mod tests;

use pace::{Backoff, Bucket};
pub use tuning::Tuning;

/// Messages that may be in flight beyond the limit when they are alarms.
pub(crate) const ALARM_FLIGHTS: usize = 8;

/// What the shell tells the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The broker accepted the connection.
    Connected,
    /// The broker accepted the subscription to watermarks.
    Subscribed,
    /// The connection ended, or could not be made.
    Lost,
    /// The far end closed the connection.
    Closed,
    /// Records were handed to the connection.
    Sent {
        /// Their lane.
        lane: Lane,
        /// Their stream.
        epoch: u64,
        /// The last of them.
        through: u64,
        /// Bytes on the wire.
        bytes: usize,
    },
    /// A lane has nothing more to send.
    Empty(Lane),
    /// What a lane would send cannot be read now.
    Unread(Lane),
    /// The broker took a message (its PUBACK came).
    Taken,
    /// A watermark came.
    Ack(Ack),
    /// Something was put into the outbox.
    Stored,
    /// Send what is left, then finish.
    Stop {
        /// Finish by then even so.
        by: Instant,
    },
    /// Time has passed.
    Tick,
}

/// What the link asks of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Make a new connection, with no memory of an earlier one.
    Connect,
    /// Subscribe to watermarks.
    Subscribe,
    /// Send records, then say [`Input::Sent`], [`Input::Empty`] when there are none, or
    /// [`Input::Unread`].
    Send {
        /// Which lane's.
        lane: Lane,
        /// Only what lies behind this stream and sequence; everything when none.
        after: Option<(u64, u64)>,
        /// About how many bytes of JSON.
        most: usize,
    },
    /// The most that the cloud says it has of a stream while nothing of it in flight is covered. Where
    /// it had confirmed more, its store is an older one, and what it lacks is to be sent again.
    Regressed(Ack),
    /// End the connection; [`Input::Lost`] is not needed.
    Disconnect,
    /// Nothing more will be asked.
    Finished,
}

/// What the link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No connection; the outbox fills.
    Offline,
    /// Connected, with a backlog.
    CatchingUp,
    /// Connected; records leave as they come.
    Live,
    /// Connected; watermarks take long.
    Slow,
    /// Sending what is left before the end.
    Stopping,
}

impl State {
    /// Its name on consoles and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::CatchingUp => "catching up",
            Self::Live => "live",
            Self::Slow => "slow",
            Self::Stopping => "stopping",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting { until: Instant },
    Connecting { until: Instant },
    Subscribing { until: Instant },
    Open,
    Finished,
}

/// Something sent that no watermark covers yet.
#[derive(Clone, Copy, Debug)]
struct Flight {
    epoch: u64,
    through: u64,
    bytes: usize,
    sent: Instant,
}

/// How far a lane was sent over this connection.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    after: Option<(u64, u64)>,
    empty: bool,
}

/// The link.
#[derive(Debug)]
pub struct Link {
    tuning: Tuning,
    phase: Phase,
    cursors: [Cursor; 4],
    /// Lanes that could not be read are left alone until then; the others go on.
    rests_until: [Option<Instant>; 4],
    flights: VecDeque<Flight>,
    /// The highest watermark of every stream since everything was sent (again).
    heard: BTreeMap<u64, u64>,
    /// Messages that the broker has not taken yet.
    untaken: usize,
    /// How many bytes may be in flight; follows how fast watermarks come.
    window: usize,
    bucket: Bucket,
    backoff: Backoff,
    /// When the connection was open.
    opened: Instant,
    /// The far end closed the last one that soon: another box may take turns with this one.
    cut_short: bool,
    /// When a watermark or a PUBACK last came, or something was sent into an empty flight.
    progress: Instant,
    resend_after: Duration,
    /// Smoothed time from sending to the watermark.
    delay: Duration,
    /// Whether this connection has sent everything once.
    caught_up: bool,
    /// The lane whose records were asked for.
    asked: Option<Lane>,
    stop_by: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Link {
    /// A link that connects at once. `seed` decides its jitter.
    pub fn new(now: Instant, tuning: Tuning, seed: u64) -> Self {
        let mut link = Self {
            phase: Phase::Waiting { until: now },
            cursors: [Cursor::default(); 4],
            rests_until: [None; 4],
            flights: VecDeque::new(),
            heard: BTreeMap::new(),
            untaken: 0,
            window: tuning.first_window_bytes,
            bucket: Bucket::new(now, tuning.catch_up_bytes_per_s),
            backoff: Backoff::new(tuning.backoff_least, tuning.backoff_most, seed),
            opened: now,
            cut_short: false,
            progress: now,
            resend_after: tuning.resend_after,
            delay: Duration::ZERO,
            caught_up: false,
            asked: None,
            stop_by: None,
            outputs: VecDeque::new(),
            tuning,
        };
        link.advance(now);
        link
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Connected => self.connected(now),
            Input::Subscribed => self.subscribed(now),
            Input::Lost => self.lost(now),
            Input::Closed => self.closed(now),
            Input::Sent {
                lane,
                epoch,
                through,
                bytes,
            } => {
                self.sent(now, lane, epoch, through, bytes);
            }
            Input::Empty(lane) => {
                self.asked = None;
                self.cursors[index(lane)].empty = true;
            }
            Input::Unread(lane) => {
                self.asked = None;
                self.rests_until[index(lane)] = Some(now + self.tuning.read_again_after);
            }
            Input::Taken => {
                self.untaken = self.untaken.saturating_sub(1);
                self.progress = now;
            }
            Input::Ack(ack) => self.acked(now, ack),
            Input::Stored => self
                .cursors
                .iter_mut()
                .for_each(|cursor| cursor.empty = false),
            Input::Stop { by } => self.stop_by = Some(by),
            Input::Tick => {}
        }
        self.advance(now);
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call again with [`Input::Tick`], if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Waiting { until }
            | Phase::Connecting { until }
            | Phase::Subscribing { until } => Some(until),
            Phase::Open => self.open_deadline(),
            Phase::Finished => return None,
        };
        [phase, self.stop_by].into_iter().flatten().min()
    }

    fn open_deadline(&self) -> Option<Instant> {
        let resend = (!self.flights.is_empty()).then(|| self.progress + self.patience());
        let waits = self.asked.is_none() && self.next_lane().is_some();
        let paced = waits.then(|| self.bucket.ready_at()).flatten();
        let rests = self.rests_until.iter().flatten().min().copied();
        [resend, paced, rests].into_iter().flatten().min()
    }

    /// What the link does.
    pub fn state(&self, now: Instant) -> State {
        let waited = self
            .flights
            .front()
            .map(|flight| now.saturating_duration_since(flight.sent));
        let slow = waited.unwrap_or_default().max(self.delay) >= self.tuning.slow_after;
        match self.phase {
            _ if self.stop_by.is_some() => State::Stopping,
            Phase::Open if slow => State::Slow,
            Phase::Open if self.caught_up => State::Live,
            Phase::Open => State::CatchingUp,
            _ => State::Offline,
        }
    }

    fn connected(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Connecting { .. }) {
            self.phase = Phase::Subscribing {
                until: now + self.tuning.answer_within,
            };
            self.outputs.push_back(Output::Subscribe);
        }
    }

    fn subscribed(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Subscribing { .. }) {
            self.phase = Phase::Open;
            self.opened = now;
            self.progress = now;
            self.begin_again();
        }
    }

    /// Everything behind the watermark is to be sent (again).
    fn begin_again(&mut self) {
        self.cursors = [Cursor::default(); 4];
        self.flights.clear();
        self.heard.clear();
        self.caught_up = false;
        self.asked = None;
    }

    /// The broker lets the last of two connections under one name in, and ends the other. Boxes that
    /// come back at once would end each other's for ever; a line that breaks is another matter.
    fn closed(&mut self, now: Instant) {
        self.cut_short |= self.phase == Phase::Open && !self.has_settled(now);
        self.lost(now);
    }

    fn has_settled(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.opened) >= self.tuning.settled_after
    }

    /// The next wait is short again, unless connections are cut short.
    fn recover(&mut self, now: Instant) {
        self.cut_short &= !self.has_settled(now);
        if !self.cut_short {
            self.backoff.reset();
        }
    }

    fn lost(&mut self, now: Instant) {
        if self.phase == Phase::Finished {
            return;
        }
        if self.phase == Phase::Open && self.cut_short && self.has_settled(now) {
            self.recover(now);
        }
        self.begin_again();
        self.outputs.retain(|output| {
            let needs_connection = matches!(
                output,
                Output::Send { .. } | Output::Subscribe | Output::Regressed(_)
            );
            !needs_connection
        });
        self.untaken = 0;
        self.window = self.tuning.first_window_bytes;
        self.phase = Phase::Waiting {
            until: now + self.backoff.next(),
        };
    }

    fn sent(&mut self, now: Instant, lane: Lane, epoch: u64, through: u64, bytes: usize) {
        if self.phase != Phase::Open {
            return;
        }
        self.asked = None;
        self.cursors[index(lane)].after = Some((epoch, through));
        if self.flights.is_empty() {
            self.progress = now;
        }
        self.flights.push_back(Flight {
            epoch,
            through,
            bytes,
            sent: now,
        });
        self.untaken += 1;
        if !self.caught_up && lane != Lane::Alarm {
            self.bucket.take(now, bytes);
        }
    }

    fn acked(&mut self, now: Instant, ack: Ack) {
        if self.phase == Phase::Open {
            let heard = self.heard.entry(ack.epoch).or_default();
            *heard = ack.sequence.max(*heard);
        }
        let covered = |flight: &Flight| flight.epoch == ack.epoch && flight.through <= ack.sequence;
        let newest = self.flights.iter().rev().find(|flight| covered(flight));
        let Some(newest) = newest else { return };
        let delay = now.saturating_duration_since(newest.sent);
        self.flights.retain(|flight| !covered(flight));
        self.delay = (self.delay * 3 + delay) / 4;
        self.progress = now;
        self.resend_after = self.tuning.resend_after.max(self.delay * 4);
        self.recover(now);
        let window = if delay < self.tuning.quick {
            self.window * 2
        } else {
            self.window
        };
        let window = if delay > self.tuning.slow_after {
            window / 2
        } else {
            window
        };
        self.window = window.clamp(
            self.tuning.least_window_bytes,
            self.tuning.most_window_bytes,
        );
    }

    /// Does what time and state ask for.
    fn advance(&mut self, now: Instant) {
        if self.phase == Phase::Finished {
            return;
        }
        if self
            .stop_by
            .is_some_and(|by| now >= by || self.has_finished())
        {
            self.finish();
            return;
        }
        match self.phase {
            Phase::Waiting { until } if now >= until => {
                self.phase = Phase::Connecting {
                    until: now + self.tuning.answer_within,
                };
                self.outputs.push_back(Output::Connect);
            }
            Phase::Connecting { until } | Phase::Subscribing { until } if now >= until => {
                self.give_up_connection(now);
            }
            Phase::Open => self.advance_open(now),
            _ => {}
        }
    }

    fn advance_open(&mut self, now: Instant) {
        if !self.flights.is_empty() && now >= self.progress + self.patience() {
            self.stalled(now);
            return;
        }
        for rest in &mut self.rests_until {
            rest.take_if(|until| now >= *until);
        }
        let all_empty = self.cursors.iter().all(|cursor| cursor.empty);
        self.caught_up |= all_empty && self.flights.is_empty();
        if self.asked.is_some() {
            return;
        }
        let Some(lane) = self.next_lane() else { return };
        if !self.caught_up && lane != Lane::Alarm && !self.bucket.is_ready(now) {
            return;
        }
        let in_flight: usize = self.flights.iter().map(|flight| flight.bytes).sum();
        let most = self
            .tuning
            .batch_bytes
            .min(self.window.saturating_sub(in_flight).max(1));
        self.asked = Some(lane);
        self.outputs.push_back(Output::Send {
            lane,
            after: self.cursors[index(lane)].after,
            most,
        });
    }

    /// The most urgent lane that may have something to send and room to send it.
    fn next_lane(&self) -> Option<Lane> {
        let in_flight: usize = self.flights.iter().map(|flight| flight.bytes).sum();
        let messages = self.flights.len().max(self.untaken);
        Lane::ALL.into_iter().find(|lane| {
            let has_room = match lane {
                // An alarm does not stand behind a window full of transcripts.
                Lane::Alarm => messages < self.tuning.most_flights + ALARM_FLIGHTS,
                _ => in_flight < self.window && messages < self.tuning.most_flights,
            };
            let at = index(*lane);
            has_room && !self.cursors[at].empty && self.rests_until[at].is_none()
        })
    }

    /// How long to wait for any progress: the largest message must get through a slow line.
    fn patience(&self) -> Duration {
        let largest = self
            .flights
            .iter()
            .map(|flight| flight.bytes)
            .max()
            .unwrap_or(0);
        let sending = largest as f64 / f64::from(self.tuning.slowest_bytes_per_s.max(1));
        self.resend_after + Duration::from_secs_f64(sending)
    }

    /// No watermark for too long. When the broker takes messages, the aggregator is away: send
    /// again, less at once, at longer intervals. When it does not, the connection is dead. An
    /// aggregator that answers, but whose watermarks stay below all that is in flight, may lack what
    /// it had confirmed; one low watermark alone may be that of another aggregator, which was slower.
    fn stalled(&mut self, now: Instant) {
        self.resend_after = (self.resend_after * 2).min(self.tuning.resend_at_most);
        self.window = self.tuning.least_window_bytes;
        if self.untaken > 0 {
            self.give_up_connection(now);
        } else {
            self.progress = now;
            let flying: BTreeSet<u64> = self.flights.iter().map(|flight| flight.epoch).collect();
            for epoch in flying {
                if let Some(&sequence) = self.heard.get(&epoch) {
                    let ack = Ack { epoch, sequence };
                    self.outputs.push_back(Output::Regressed(ack));
                }
            }
            self.begin_again();
            self.advance_open(now);
        }
    }

    fn give_up_connection(&mut self, now: Instant) {
        self.outputs.push_back(Output::Disconnect);
        self.lost(now);
    }

    /// Whether a stop has nothing left to wait for.
    fn has_finished(&self) -> bool {
        let all_empty = self.cursors.iter().all(|cursor| cursor.empty);
        self.phase == Phase::Open && all_empty && self.flights.is_empty()
    }

    fn finish(&mut self) {
        if !matches!(self.phase, Phase::Waiting { .. }) {
            self.outputs.push_back(Output::Disconnect);
        }
        self.phase = Phase::Finished;
        self.outputs.push_back(Output::Finished);
    }
}

fn index(lane: Lane) -> usize {
    Lane::ALL
        .iter()
        .position(|other| *other == lane)
        .expect("every lane is one of all")
}
