//! Which call is heard next, and what is left unheard when the processor is short.
//!
//! Pure: it is told the time and what happened, and says what a free worker should do. A call is
//! ready once a chunk of either side is complete; the ready call with the earliest deadline runs,
//! for one chunk of both sides, to completion. A call has a pace, which its turns move on by the time that
//! their frames took to say, so that one which sends faster than people can speak is ahead of it and never
//! costs the others anything (a constant bandwidth server: L. Abeni, G. Buttazzo, Integrating Multimedia
//! Applications in Hard Real-Time Systems, 1998). One that has fallen behind keeps its pace: how far that
//! is behind the clock says how short the processor is.
//!
//! When chunks wait too long, less is recognised, in steps: first hops of two chunks, then of
//! four, where a call's network costs less so; then, or at once where none does, when they wait so long that words
//! come too late to matter, the newest calls are not heard at all. Once there is room again, new calls are heard, and the steps are taken back,
//! the oldest of those calls first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use trunkside_call::FRAME_DURATION;

/// A call's number; newer calls have greater ones.
pub type Key = u64;

/// When to take less on, and when more again.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Threads that hear calls.
    pub workers: usize,
    /// A chunk that waited this long was late.
    pub late: Duration,
    /// One that waited this long is of little use: then calls are given up, too.
    pub too_late: Duration,
    /// How often it is decided whether to hear less or more.
    pub period: Duration,
    /// So many periods with room to spare are needed before more is heard.
    pub patience: u32,
    /// Room to spare: the workers are busy for no more than this share of the time.
    pub spare: f32,
    /// Frames that may wait in one call; when there are more, the oldest are lost.
    pub queue: usize,
}

impl Rules {
    /// The rules of a box with that many recognition threads.
    pub const fn new(workers: usize) -> Self {
        Self {
            workers,
            late: Duration::from_millis(250),
            too_late: Duration::from_secs(1),
            period: Duration::from_secs(1),
            patience: 3,
            spare: 0.7,
            queue: 200,
        }
    }
}

/// How the network of a call takes its audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// How long one is.
    pub length: Duration,
    /// The most that it hears in one run, at less cost than in as many.
    pub most: u32,
}

impl Chunks {
    /// Both sides' frames of so many.
    fn frames(self, chunks: u32) -> usize {
        2 * (self.length * chunks)
            .as_millis()
            .div_ceil(FRAME_DURATION.as_millis()) as usize
    }

    /// Frames wait no longer than this for the rest of their hop of so many.
    fn patience(self, hop: u32) -> Duration {
        self.length * hop + self.length / 4
    }

    /// Chunks of one hop at a level of [`HOPS`].
    fn hop(self, level: usize) -> u32 {
        HOPS[level].min(self.most)
    }
}

/// By how much one frame moves the pace: one of each side comes every 20 ms.
const FRAME_LENGTH: Duration = Duration::from_millis(FRAME_DURATION.as_millis() as u64 / 2);

/// Chunks of one hop, by how short the processor is.
const HOPS: [u32; 3] = [1, 2, 4];

/// What was done and left undone so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Calls at hand.
    pub calls: usize,
    /// Those of them that are not heard for want of processor time.
    pub unheard: usize,
    /// Chunks of a hop, at most: 1 unless the processor is short.
    pub hop: u32,
    /// The most that they were so far.
    pub longest_hop: u32,
    /// Turns taken.
    pub turns: u64,
    /// Frames lost: of calls that are not heard, in which recognition failed, or that had too many waiting.
    pub lost_frames: u64,
    /// The share of the last period that the workers were busy, from 0 to 1.
    pub busy: f32,
    /// The longest that a chunk waited in the last period.
    pub waited: Duration,
}

/// Whether a call is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heed {
    Heard,
    /// Not for now, for want of time.
    Unheard,
    /// No more: recognition has failed in it.
    Failed,
}

/// One call's place in the order.
#[derive(Debug)]
struct Turns<F> {
    takes: Chunks,
    /// Frames that wait, and when the oldest of them came.
    waiting: VecDeque<F>,
    oldest: Option<Duration>,
    /// Chunks complete among them, and since when it has wanted a turn.
    chunks: u32,
    ready: Option<Duration>,
    /// The deadline it is queued with; none while it is not queued.
    queued: Option<Duration>,
    /// When what it was given a turn for would have been said: in the future if it sends too fast, in the
    /// past if it is behind.
    pace: Duration,
    /// More than one turn's frames waited when it had its last one.
    is_behind: bool,
    /// Since when its turn was due: when it was ready, or at its pace if it is ahead of that or behind.
    released: Duration,
    /// The place that it has among those that ripen, if it has one.
    ripens: Option<Duration>,
    is_running: bool,
    is_closed: bool,
    heed: Heed,
    /// Frames lost so far.
    lost: u64,
}

impl<F> Turns<F> {
    fn new(takes: Chunks, heed: Heed) -> Self {
        Self {
            takes,
            waiting: VecDeque::new(),
            oldest: None,
            chunks: 0,
            ready: None,
            queued: None,
            pace: Duration::ZERO,
            is_behind: false,
            released: Duration::ZERO,
            ripens: None,
            is_running: false,
            is_closed: false,
            heed,
            lost: 0,
        }
    }

    /// Whether nothing will make it run but time.
    const fn is_waiting_for_more(&self) -> bool {
        self.queued.is_none() && !self.is_running && self.ready.is_none()
    }
}

/// What a worker is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn<F> {
    /// The call.
    pub call: Key,
    /// Frames to hear, the oldest first.
    pub frames: Vec<F>,
    /// Chunks that the network may hear in one run.
    pub hop: u32,
    /// No more will come: the call ends with this turn.
    pub is_last: bool,
}

/// The order of the calls, and their frames that wait.
#[derive(Debug)]
pub struct Schedule<F> {
    rules: Rules,
    calls: BTreeMap<Key, Turns<F>>,
    due: BTreeSet<(Duration, Key)>,
    /// Calls that nothing will make run but time, by when their oldest frame has waited long enough.
    ripening: BTreeSet<(Duration, Key)>,
    next: Key,
    level: usize,
    period_began: Duration,
    busy: Duration,
    waited: Duration,
    calm: u32,
    /// The last that was decided was to hear less: calls that begin are not heard.
    is_short: bool,
    figures: Figures,
}

impl<F> Schedule<F> {
    /// No calls yet.
    pub fn new(rules: Rules) -> Self {
        let figures = Figures {
            hop: HOPS[0],
            longest_hop: HOPS[0],
            ..Figures::default()
        };
        Self {
            rules,
            calls: BTreeMap::new(),
            due: BTreeSet::new(),
            ripening: BTreeSet::new(),
            next: 0,
            level: 0,
            period_began: Duration::ZERO,
            busy: Duration::ZERO,
            waited: Duration::ZERO,
            calm: 0,
            is_short: false,
            figures,
        }
    }

    /// A new call. It goes unheard where calls were given up for want of time and there is no room since:
    /// were it so as long as one of those is there, a line on which calls begin faster than they are
    /// taken back would never be heard again.
    pub fn open(&mut self, now: Duration, takes: Chunks) -> Key {
        self.tick(now);
        let key = self.next;
        self.next += 1;
        let heed = if self.is_short && self.unheard() > 0 {
            Heed::Unheard
        } else {
            Heed::Heard
        };
        self.calls.insert(key, Turns::new(takes, heed));
        key
    }

    /// A frame of a call came; `completes` says that it completes a chunk of its side. Returns
    /// whether there is something to do that was not there before.
    pub fn arrive(&mut self, now: Duration, key: Key, frame: F, completes: bool) -> bool {
        self.tick(now);
        let Some(call) = self.calls.get_mut(&key).filter(|call| !call.is_closed) else {
            return false;
        };
        if call.heed != Heed::Heard {
            call.lost += 1;
            self.figures.lost_frames += 1;
            return false;
        }
        if call.waiting.len() >= self.rules.queue {
            call.waiting.pop_front();
            call.lost += 1;
            self.figures.lost_frames += 1;
            // What is lost keeps it from nothing any more.
            call.pace = call.pace.max((call.pace + FRAME_LENGTH).min(now));
        }
        call.waiting.push_back(frame);
        call.oldest.get_or_insert(now);
        call.chunks += u32::from(completes);
        if call.chunks >= call.takes.hop(self.level) {
            call.ready.get_or_insert(now);
        }
        self.queue(now, key)
    }

    /// No more frames of a call will come; it is heard to its end and then forgotten. Returns
    /// whether there is something to do that was not there before.
    pub fn close(&mut self, now: Duration, key: Key) -> bool {
        self.tick(now);
        let Some(call) = self.calls.get_mut(&key) else {
            return false;
        };
        call.is_closed = true;
        call.ready.get_or_insert(now);
        self.queue(now, key)
    }

    /// What a free worker should do now; none when there is nothing to do.
    pub fn take(&mut self, now: Duration) -> Option<Turn<F>> {
        self.tick(now);
        self.ripen(now);
        let (_, key) = self.due.pop_first()?;
        let call = self.calls.get_mut(&key)?;
        let hop = call.takes.hop(self.level);
        let most = call.takes.frames(hop);
        call.queued = None;
        call.is_running = true;
        let frames = call.waiting.len().min(most);
        let frames: Vec<F> = call.waiting.drain(..frames).collect();
        self.waited = self.waited.max(now.saturating_sub(call.released));
        call.pace = call.released + FRAME_LENGTH * frames.len() as u32;
        call.chunks = 0;
        // When more than a hop waits, it is behind, and has another turn as soon as it may.
        call.is_behind = !call.waiting.is_empty();
        call.oldest = call.is_behind.then_some(now);
        call.ready = call.is_behind.then_some(now);
        self.figures.turns += 1;
        Some(Turn {
            call: key,
            frames,
            hop,
            is_last: call.is_closed && !call.is_behind,
        })
    }

    /// A worker has done a turn of a call, the last one or not, which took it so long.
    pub fn done(&mut self, now: Duration, key: Key, is_last: bool, took: Duration) {
        self.busy += took;
        if is_last {
            self.forget(key);
        } else if let Some(call) = self.calls.get_mut(&key) {
            call.is_running = false;
            if call.is_closed {
                call.ready.get_or_insert(now);
            }
            self.queue(now, key);
        }
        self.tick(now);
    }

    /// Recognition has failed in a call, in a turn of so many frames that is not done yet: it is not heard any
    /// more, and ends as others do. Returns how many frames that costs; [`lost`](Self::lost) leaves them
    /// out and has those that come from now on.
    pub fn fail(&mut self, key: Key, frames: usize) -> u64 {
        let Some(call) = self.calls.get_mut(&key) else {
            return 0;
        };
        call.heed = Heed::Failed;
        let lost = frames as u64 + self.drop_waiting(key);
        self.figures.lost_frames += lost;
        lost
    }

    /// When there may be something to do although nothing has happened: frames too few for a hop
    /// have waited long enough.
    pub fn deadline(&self) -> Option<Duration> {
        self.ripening.first().map(|&(ripe, _)| ripe)
    }

    /// Frames of a call that were lost so far.
    pub fn lost(&self, key: Key) -> u64 {
        self.calls.get(&key).map_or(0, |call| call.lost)
    }

    /// What was done so far.
    pub fn figures(&self) -> Figures {
        Figures {
            calls: self.calls.len(),
            unheard: self.unheard(),
            hop: HOPS[self.level],
            ..self.figures
        }
    }

    /// Calls that are not heard for want of time.
    fn unheard(&self) -> usize {
        let calls = self.calls.values();
        calls.filter(|call| call.heed == Heed::Unheard).count()
    }

    /// Drops the frames that wait in a call, and its place among those that have a turn for them.
    fn drop_waiting(&mut self, key: Key) -> u64 {
        let Some(call) = self.calls.get_mut(&key) else {
            return 0;
        };
        let dropped = call.waiting.len() as u64;
        call.waiting.clear();
        call.is_behind = false;
        call.chunks = 0;
        call.oldest = None;
        call.ready = None;
        if let Some(deadline) = call.queued.take() {
            self.due.remove(&(deadline, key));
        }
        if let Some(ripens) = call.ripens.take() {
            self.ripening.remove(&(ripens, key));
        }
        dropped
    }

    fn forget(&mut self, key: Key) {
        if let Some(ripens) = self.calls.remove(&key).and_then(|call| call.ripens) {
            self.ripening.remove(&(ripens, key));
        }
    }

    /// Queues a call that is ready, or lets it ripen. Returns whether it was put in.
    fn queue(&mut self, now: Duration, key: Key) -> bool {
        let was_put_in = self.put_in(now, key);
        self.let_ripen(key);
        was_put_in
    }

    fn let_ripen(&mut self, key: Key) {
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        let oldest = call.oldest.filter(|_| call.is_waiting_for_more());
        let patience = call.takes.patience(call.takes.hop(self.level));
        let ripens = oldest.map(|oldest| oldest + patience);
        if ripens == call.ripens {
            return;
        }
        if let Some(before) = std::mem::replace(&mut call.ripens, ripens) {
            self.ripening.remove(&(before, key));
        }
        self.ripening.extend(ripens.map(|ripe| (ripe, key)));
    }

    fn put_in(&mut self, now: Duration, key: Key) -> bool {
        let Some(call) = self.calls.get_mut(&key) else {
            return false;
        };
        if call.is_running || call.queued.is_some() || call.ready.is_none() {
            return false;
        }
        call.released = if call.is_behind {
            call.pace
        } else {
            call.pace.max(now)
        };
        let hop = call.takes.hop(self.level);
        let deadline = call.released + call.takes.length * hop;
        call.queued = Some(deadline);
        self.due.insert((deadline, key))
    }

    /// Makes calls ready whose frames have waited long enough.
    fn ripen(&mut self, now: Duration) {
        while let Some(&(ripe, key)) = self.ripening.first()
            && ripe <= now
        {
            self.ripening.pop_first();
            if let Some(call) = self.calls.get_mut(&key) {
                call.ripens = None;
                call.ready = Some(now);
            }
            self.queue(now, key);
        }
    }

    /// Decides, once a period, whether to hear less or more.
    fn tick(&mut self, now: Duration) {
        if now < self.period_began + self.rules.period {
            return;
        }
        let elapsed = now - self.period_began;
        let room = elapsed.as_secs_f32() * self.rules.workers as f32;
        self.figures.busy = (self.busy.as_secs_f32() / room).min(1.0);
        // What waits still has waited, too.
        let released = self.due.iter().map(|(_, key)| self.calls[key].released);
        let waiting = released.map(|since| now.saturating_sub(since)).max();
        self.figures.waited = self.waited.max(waiting.unwrap_or_default());
        self.period_began = now;
        self.busy = Duration::ZERO;
        self.waited = Duration::ZERO;
        if self.figures.waited > self.rules.late {
            self.calm = 0;
            self.hear_less();
        } else if self.figures.busy < self.rules.spare {
            self.calm += 1;
            if self.calm >= self.rules.patience {
                self.calm = 0;
                self.hear_more();
            }
        } else {
            self.calm = 0;
        }
    }

    fn hear_less(&mut self) {
        self.is_short = true;
        let is_heard = |call: &Turns<F>| call.heed == Heed::Heard;
        let most = self.calls.values().filter(|call| is_heard(call));
        let most = most.map(|call| call.takes.most).max().unwrap_or(1);
        if HOPS.get(self.level + 1).is_some_and(|&hop| hop <= most) {
            self.set_level(self.level + 1);
            self.figures.longest_hop = self.figures.longest_hop.max(HOPS[self.level]);
            return;
        }
        if self.figures.waited <= self.rules.too_late {
            return;
        }
        let heard = self.calls.values().filter(|call| is_heard(call)).count();
        // One call is heard whatever happens; of many, several go at once.
        let fewer = (heard / 8).max(1).min(heard.saturating_sub(1));
        let newest = self.calls.iter().rev();
        let newest = newest.filter(|(_, call)| is_heard(call) && !call.is_closed);
        let given_up: Vec<Key> = newest.take(fewer).map(|(&key, _)| key).collect();
        for key in given_up {
            let lost = self.drop_waiting(key);
            self.figures.lost_frames += lost;
            if let Some(call) = self.calls.get_mut(&key) {
                call.heed = Heed::Unheard;
                call.lost += lost;
            }
        }
    }

    /// Hops are longer or shorter from now on, and frames wait for the rest of theirs for as long.
    fn set_level(&mut self, level: usize) {
        self.level = level;
        let waiting: Vec<Key> = self.ripening.iter().map(|&(_, key)| key).collect();
        for key in waiting {
            self.let_ripen(key);
        }
    }

    fn hear_more(&mut self) {
        self.is_short = false;
        let unheard = self.unheard();
        if unheard == 0 {
            self.set_level(self.level.saturating_sub(1));
            return;
        }
        let calls = self.calls.values_mut();
        let calls = calls.filter(|call| call.heed == Heed::Unheard);
        for call in calls.take(unheard.div_ceil(4)) {
            call.heed = Heed::Heard;
        }
    }
}

#[cfg(test)]
mod tests;
