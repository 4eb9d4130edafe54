//! What waits for the recorder's thread. Putting something in never waits for a disk, and a disk that
//! hangs, so that nothing is taken out, cannot fill the memory: the oldest transcripts go first, and
//! only when there are none left, the oldest calls; both are counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trunkside_call::{CallId, Pii};
use trunkside_decision::Policy;
use trunkside_record::Alarm;

use super::Note;
use crate::call::progress::Urgency;
use crate::call::story::SoFar;
use crate::storage::backlog::{Backlog, CallNote, GivenUp};
use crate::storage::decision_log::Lines;

/// Policies that wait for the disk at most; the newest matter.
pub const MOST_POLICIES: usize = 16;

/// Alarms that wait at most; then the oldest go.
const MOST_ALARMS: usize = 64;

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    calls: Backlog,
    /// What calls in progress have come to, each once.
    so_far: BTreeMap<CallId, (SoFar, Urgency)>,
    lines: Lines,
    lessons: Option<String>,
    breaks: Option<String>,
    phones: Option<Pii<String>>,
    policies: Vec<Arc<Policy>>,
    alarms: VecDeque<Alarm>,
    /// Notes that came since the last were taken.
    notes: usize,
    senders: usize,
    is_gone: bool,
}

/// What was taken out.
#[derive(Debug, Default)]
pub struct Load {
    /// Of calls, oldest first.
    pub calls: Vec<CallNote>,
    /// What calls in progress have come to.
    pub so_far: Vec<(SoFar, Urgency)>,
    /// Of the decision log.
    pub lines: Vec<String>,
    /// What was learnt last.
    pub lessons: Option<String>,
    /// Who is on a break now.
    pub breaks: Option<String>,
    /// Where the phones are now.
    pub phones: Option<Pii<String>>,
    /// Policies, oldest first.
    pub policies: Vec<Arc<Policy>>,
    /// Alarms, oldest first.
    pub alarms: VecDeque<Alarm>,
    /// How many notes it was.
    pub notes: usize,
    /// What has been given up since the start.
    pub given_up: GivenUp,
    /// Lines that have been given up since the start.
    pub lines_given_up: u64,
}

/// What came of waiting.
#[derive(Debug)]
pub enum Taken {
    /// There was something.
    Load(Box<Load>),
    /// Nothing came in time.
    Nothing,
    /// Nothing will come any more.
    Closed,
}

/// Puts notes in. Clones put into the same inbox.
#[derive(Debug)]
pub struct Sender(Arc<Shared>);

/// Takes them out.
#[derive(Debug)]
pub struct Receiver(Arc<Shared>);

/// Lets an alarm wait, in the place of the oldest where too many do.
pub fn keep_newest(alarms: &mut VecDeque<Alarm>, alarm: Alarm) {
    if alarms.len() == MOST_ALARMS {
        alarms.pop_front();
    }
    alarms.push_back(alarm);
}

/// An empty inbox.
pub fn inbox() -> (Sender, Receiver) {
    let shared = Arc::new(Shared::default());
    shared.lock().senders = 1;
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl Shared {
    /// Nothing in it is left half done by a panic.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender {
    /// Puts a note in; whether anybody is there to take it out.
    pub fn send(&self, note: Note) -> bool {
        let mut waiting = self.0.lock();
        if waiting.is_gone {
            return false;
        }
        waiting.put(note);
        drop(waiting);
        self.0.changed.notify_one();
        true
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().senders -= 1;
        self.0.changed.notify_one();
    }
}

impl Receiver {
    /// Takes all that there is, and waits for it so long.
    pub fn take(&self, patience: Duration) -> Taken {
        let idle = |waiting: &mut Waiting| waiting.notes == 0 && waiting.senders > 0;
        let (mut waiting, _) = self
            .0
            .changed
            .wait_timeout_while(self.0.lock(), patience, idle)
            .unwrap_or_else(PoisonError::into_inner);
        match (waiting.notes, waiting.senders) {
            (0, 0) => Taken::Closed,
            (0, _) => Taken::Nothing,
            _ => Taken::Load(Box::new(waiting.take())),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.lock().is_gone = true;
    }
}

impl Waiting {
    fn put(&mut self, note: Note) {
        self.notes += 1;
        match note {
            Note::Call(note) => {
                if let CallNote::Ended(ended) = &note {
                    self.so_far.remove(&ended.summary.call);
                }
                self.calls.push(note);
            }
            Note::SoFar(so_far, urgency) => self.put_so_far(*so_far, urgency),
            Note::Decision(line) => self.lines.push(line),
            Note::Lessons(text) => self.lessons = Some(text),
            Note::Breaks(text) => self.breaks = Some(text),
            Note::Phones(text) => self.phones = Some(text),
            Note::Policy(policy) => {
                if self.policies.len() == MOST_POLICIES {
                    self.policies.remove(0);
                }
                self.policies.push(policy);
            }
            Note::Alarm(alarm) => keep_newest(&mut self.alarms, alarm),
        }
    }

    /// The newest takes the place of the one before, whose turns stay with it.
    fn put_so_far(&mut self, so_far: SoFar, urgency: Urgency) {
        let call = so_far.summary.call;
        let Some((waiting, before)) = self.so_far.get_mut(&call) else {
            self.so_far.insert(call, (so_far, urgency));
            return;
        };
        waiting.summary = so_far.summary;
        waiting.turns.extend(so_far.turns);
        if urgency == Urgency::Now {
            *before = urgency;
        }
    }

    fn take(&mut self) -> Load {
        Load {
            calls: self.calls.take(),
            so_far: std::mem::take(&mut self.so_far).into_values().collect(),
            lines: self.lines.take().into(),
            lessons: self.lessons.take(),
            breaks: self.breaks.take(),
            phones: self.phones.take(),
            policies: std::mem::take(&mut self.policies),
            alarms: std::mem::take(&mut self.alarms),
            notes: std::mem::take(&mut self.notes),
            given_up: self.calls.given_up(),
            lines_given_up: self.lines.given_up(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::backlog::tests::{began, ended};

    const NOW: Duration = Duration::ZERO;

    fn load(receiver: &Receiver) -> Load {
        match receiver.take(NOW) {
            Taken::Load(load) => *load,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_put_in_comes_out_once_and_then_the_end() {
        let (sender, receiver) = inbox();
        assert!(matches!(receiver.take(NOW), Taken::Nothing));
        let other = sender.clone();
        assert!(sender.send(Note::Call(CallNote::Opened(began(1)))));
        assert!(other.send(Note::Call(ended(1, "hello"))));
        assert!(sender.send(Note::Call(ended(2, "hello"))));
        for text in ["old", "new"] {
            assert!(sender.send(Note::Lessons(text.to_owned())));
            assert!(sender.send(Note::Decision(format!("{text}\n"))));
        }
        drop(sender);
        let load = load(&receiver);
        assert_eq!((load.notes, load.calls.len()), (7, 2), "{load:?}");
        assert_eq!(load.lessons.as_deref(), Some("new"));
        assert_eq!(load.lines, ["old\n", "new\n"]);
        assert!(matches!(receiver.take(NOW), Taken::Nothing));
        drop(other);
        assert!(matches!(receiver.take(NOW), Taken::Closed));
    }

    #[test]
    fn a_call_in_progress_is_noted_once_and_not_after_its_end() {
        use crate::call::progress::tests::so_far;
        let (sender, receiver) = inbox();
        sender.send(Note::SoFar(Box::new(so_far(1, 3, 0)), Urgency::Now));
        sender.send(Note::SoFar(Box::new(so_far(1, 5, 1)), Urgency::Soon));
        sender.send(Note::SoFar(Box::new(so_far(2, 1, 0)), Urgency::Soon));
        sender.send(Note::Call(ended(2, "hello")));
        let load = load(&receiver);
        let [(newest, Urgency::Now)] = &load.so_far[..] else {
            panic!("{load:?}");
        };
        assert_eq!(
            (newest.turns.len(), newest.summary.times.ended_s),
            (2, Some(5.0))
        );
        assert_eq!((load.notes, load.calls.len()), (4, 1));
    }

    #[test]
    fn whoever_waits_is_woken_by_a_note_and_by_the_end() {
        let (sender, receiver) = inbox();
        let long = Duration::from_mins(10);
        let taking = std::thread::spawn(move || {
            let first = receiver.take(long);
            (first, receiver.take(long))
        });
        sender.send(Note::Decision("one\n".to_owned()));
        drop(sender);
        let (first, second) = taking.join().unwrap();
        assert!(matches!(first, Taken::Load(_)) && matches!(second, Taken::Closed));
    }

    #[test]
    fn nobody_there_to_take_it_is_told() {
        let (sender, receiver) = inbox();
        drop(receiver);
        assert!(!sender.send(Note::Lessons(String::new())));
    }

    #[test]
    fn a_disk_that_hangs_costs_words_before_calls_and_no_more_memory_than_is_allowed() {
        let (sender, receiver) = inbox();
        let words = "x".repeat(10_000);
        let calls = 4_000;
        for number in 0..calls {
            sender.send(Note::Call(CallNote::Opened(began(number))));
            sender.send(Note::Call(ended(number, &words)));
            sender.send(Note::Decision("x".repeat(5_000)));
        }
        let load = load(&receiver);
        assert_eq!(load.calls.len() as u128, calls, "no call is lost");
        assert_eq!(load.given_up.calls, 0);
        assert!(load.given_up.transcripts > 2_000, "{:?}", load.given_up);
        let lines: usize = load.lines.iter().map(String::len).sum();
        assert!(lines <= 8 << 20 && load.lines_given_up > 0, "{lines} bytes");
    }
}
