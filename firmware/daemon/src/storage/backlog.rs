//! Calls on their way to the store: what it refuses waits here, within bounds, and is tried again.
//!
//! Pure. When a disk stays full for days, the oldest transcripts are given up first, then the oldest
//! calls; how many is counted.

use std::collections::VecDeque;

use trunkside_call::CallId;
use trunkside_media::recording::Report;
use trunkside_record::{Body, Outcome};
use trunkside_uplink::Receipt;

use crate::call::story::Ended;
use crate::storage::store::promises::KeptPlace;
use crate::storage::store::{Began, Export, Writing};

/// Bytes that may wait: thousands of calls with their words.
const MOST_BYTES: usize = 16 << 20;

/// Bytes that a call takes beside its texts, about.
const CALL_BYTES: usize = 2_048;

/// Bytes that a turn takes beside its text, about.
const TURN_BYTES: usize = 256;

/// What happened to a call.
#[derive(Debug)]
pub enum CallNote {
    /// It has begun.
    Opened(Began),
    /// It is over.
    Ended(Box<Ended>),
    /// What became of its recording, which was made in a mode.
    Recorded {
        /// What.
        report: Report,
        /// Which.
        mode: &'static str,
        /// When it was told, in Unix milliseconds.
        at_ms: i64,
    },
    /// The caller is to be rung at their turn.
    PlaceKept(KeptPlace),
    /// The box does not ring the caller of that call any more.
    PlaceGone(CallId),
}

/// A note that the store has not taken yet.
#[derive(Debug)]
pub struct Held {
    note: CallNote,
    /// Where the outbox has its records, if it has them.
    sent: Option<Vec<Receipt>>,
    bytes: usize,
}

/// What was given up because too much waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// Calls whose words are gone.
    pub transcripts: u64,
    /// Calls that are gone.
    pub calls: u64,
}

/// Notes that wait for the store, oldest first.
#[derive(Debug)]
pub struct Backlog {
    held: VecDeque<Held>,
    bytes: usize,
    most_bytes: usize,
    given_up: GivenUp,
}

impl Default for Backlog {
    fn default() -> Self {
        Self::with_room(MOST_BYTES)
    }
}

impl Backlog {
    pub const fn with_room(most_bytes: usize) -> Self {
        Self {
            held: VecDeque::new(),
            bytes: 0,
            most_bytes,
            given_up: GivenUp {
                transcripts: 0,
                calls: 0,
            },
        }
    }

    /// Takes a note. One that a call is over says all that the one of its beginning said.
    pub fn push(&mut self, note: CallNote) {
        if let CallNote::Ended(ended) = &note {
            let call = ended.summary.call;
            if let Some(at) = self.held.iter().position(|held| held.opened(call))
                && let Some(opened) = self.held.remove(at)
            {
                self.bytes -= opened.bytes;
            }
        }
        let held = Held::new(note);
        self.bytes += held.bytes;
        self.held.push_back(held);
        while self.bytes > self.most_bytes {
            self.give_up_oldest();
        }
    }

    fn give_up_oldest(&mut self) {
        if let Some(held) = self.held.iter_mut().find(|held| held.has_words()) {
            self.bytes -= held.bytes;
            held.forget_words();
            self.bytes += held.bytes;
            self.given_up.transcripts += 1;
        } else if let Some(held) = self.held.pop_front() {
            self.bytes -= held.bytes;
            self.given_up.calls += u64::from(held.ended().is_some());
        }
    }

    /// Takes all notes out, oldest first.
    pub fn take(&mut self) -> Vec<CallNote> {
        self.bytes = 0;
        self.held.drain(..).map(|held| held.note).collect()
    }

    /// Notes that wait.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Calls among them that are over.
    pub fn calls(&self) -> usize {
        self.held.iter().filter_map(Held::ended).count()
    }

    /// What was given up since the start.
    pub const fn given_up(&self) -> GivenUp {
        self.given_up
    }

    /// The oldest notes.
    pub fn first(&self, most: usize) -> impl Iterator<Item = &Held> {
        self.held.iter().take(most)
    }

    /// The store has the oldest notes. Says how many calls there were among them whose records the
    /// outbox does not have.
    pub fn stored(&mut self, count: usize) -> usize {
        let mut unsent = 0;
        for held in self.held.drain(..count) {
            self.bytes -= held.bytes;
            unsent += usize::from(held.sent.is_none() && held.ended().is_some());
        }
        unsent
    }

    /// Puts the oldest note behind all others: it is at fault, not the store.
    pub fn postpone_first(&mut self) {
        self.held.rotate_left(1.min(self.held.len()));
    }

    /// Calls whose records the outbox does not have.
    pub fn unsent(&mut self) -> impl Iterator<Item = &mut Held> {
        self.held
            .iter_mut()
            .filter(|held| held.sent.is_none() && held.ended().is_some())
    }
}

impl Held {
    fn new(note: CallNote) -> Self {
        let mut held = Self {
            note,
            sent: None,
            bytes: 0,
        };
        held.weigh();
        held
    }

    fn ended(&self) -> Option<&Ended> {
        match &self.note {
            CallNote::Ended(ended) => Some(ended),
            _ => None,
        }
    }

    fn opened(&self, call: CallId) -> bool {
        matches!(&self.note, CallNote::Opened(began) if began.call == call)
    }

    fn has_words(&self) -> bool {
        self.ended()
            .is_some_and(|ended| ended.transcript.is_some() || !ended.turns.is_empty())
    }

    fn forget_words(&mut self) {
        if let CallNote::Ended(ended) = &mut self.note {
            ended.transcript = None;
            ended.turns = Vec::new();
        }
        self.weigh();
    }

    /// About what it takes in memory.
    fn weigh(&mut self) {
        self.bytes = match &self.note {
            CallNote::Opened(_) | CallNote::Recorded { .. } | CallNote::PlaceGone(_) => {
                size_of::<Self>() + 64
            }
            CallNote::PlaceKept(place) => size_of::<Self>() + 64 + place.wish.len(),
            CallNote::Ended(ended) => {
                let redacted = ended.transcript.iter().flat_map(|words| &words.turns);
                let redacted = redacted.map(|turn| TURN_BYTES + turn.text.as_str().len());
                let said = ended.turns.iter();
                let said = said.map(|turn| TURN_BYTES + turn.text.reveal().len());
                let moods = ended.summary.mood_course.iter();
                let reasons = moods.flat_map(|mood| &mood.reasons);
                CALL_BYTES
                    + size_of_val(&ended.summary.mood_course[..])
                    + reasons.map(|reason| reason.as_str().len()).sum::<usize>()
                    + redacted.chain(said).sum::<usize>()
            }
        };
    }

    /// Writes it.
    pub fn keep_in(&self, writing: &Writing<'_>) -> rusqlite::Result<()> {
        match &self.note {
            CallNote::Opened(began) => writing.open_call(began),
            CallNote::Recorded {
                report,
                mode,
                at_ms,
            } => writing.recorded(report, mode, *at_ms),
            CallNote::PlaceKept(place) => writing.place_kept(place),
            CallNote::PlaceGone(call) => writing.place_gone(*call),
            CallNote::Ended(ended) => {
                let began = Began {
                    call: ended.summary.call,
                    started_ms: ended.summary.started_at.as_millisecond(),
                    caller: ended.caller.clone(),
                };
                // Who was cut off has not said all; what this call promises is still to be kept.
                if ended.summary.outcome == Outcome::Bridged
                    && let Some(ended_s) = ended.summary.times.ended_s
                {
                    let ended_ms = (ended_s * 1_000.0) as i64;
                    writing.talked_to(&began, began.started_ms + ended_ms)?;
                }
                let (turns, callback) = (&ended.turns, ended.callback.as_ref());
                let sent = self.sent.as_deref();
                writing.close_call(&began, &export(ended), turns, callback, sent)
            }
        }
    }

    /// What the cloud may know of a call that is over.
    pub fn records(&self) -> Option<(CallId, Vec<Body>)> {
        let ended = self.ended()?;
        let mut bodies = vec![Body::from(ended.summary.clone())];
        bodies.extend(ended.transcript.clone().map(Body::from));
        Some((ended.summary.call, bodies))
    }

    /// About what it takes in memory, and what of it the outbox needs.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The outbox has its records, there.
    pub fn mark_sent(&mut self, places: Vec<Receipt>) {
        self.sent = Some(places);
    }
}

fn export(ended: &Ended) -> Export {
    let json = |record: serde_json::Result<String>| record.expect("a record is plain data");
    Export {
        call: ended.summary.call,
        summary: json(serde_json::to_string(&ended.summary)),
        transcript: ended
            .transcript
            .as_ref()
            .map(|transcript| json(serde_json::to_string(transcript))),
    }
}

#[cfg(test)]
pub mod tests {
    use std::time::Duration;

    use trunkside_call::{CallId, CallbackCause, Pii, Side};
    use uuid::Uuid;

    use super::*;
    use crate::call::story;
    use crate::storage::store::unfinished::Interrupted;
    use crate::storage::store::{Callback, Owed, Turn};

    pub fn began(number: u128) -> Began {
        Began {
            call: CallId::new(Uuid::from_u128(number)),
            started_ms: 5,
            caller: Pii::new("13912345678".into()),
        }
    }

    /// A call of one turn that nobody took.
    pub fn ended(number: u128, said: &str) -> CallNote {
        let mut ended = story::interrupted(Interrupted {
            began: began(number),
            summary: None,
            turns: Vec::new(),
        });
        ended.turns.push(Turn {
            side: Side::Caller,
            start: Duration::ZERO,
            end: Duration::from_secs(1),
            text: Pii::new(said.to_owned()),
        });
        ended.callback = Some(Callback {
            number: ended.caller.clone(),
            cause: Owed::Promised(CallbackCause::NobodyAnswered),
        });
        CallNote::Ended(Box::new(ended))
    }

    #[test]
    fn an_ended_call_needs_no_note_that_it_began() {
        let mut backlog = Backlog::default();
        backlog.push(CallNote::Opened(began(1)));
        backlog.push(CallNote::Opened(began(2)));
        backlog.push(ended(1, "hello"));
        assert_eq!((backlog.len(), backlog.calls()), (2, 1));
        assert_eq!(backlog.stored(2), 1);
        assert_eq!((backlog.len(), backlog.bytes), (0, 0));
    }

    #[test]
    fn the_oldest_words_go_first_and_then_the_oldest_calls() {
        let mut backlog = Backlog::with_room(10_000);
        let words = "x".repeat(1_000);
        for number in 1..=4 {
            backlog.push(ended(number, &words));
        }
        let has_words =
            |backlog: &Backlog| -> Vec<bool> { backlog.held.iter().map(Held::has_words).collect() };
        assert_eq!(has_words(&backlog), [false, false, false, true]);
        assert_eq!(backlog.given_up().transcripts, 3);
        for number in 5..=1_000 {
            backlog.push(ended(number, &words));
            assert!(backlog.bytes <= 10_000);
        }
        let given_up = backlog.given_up();
        assert_eq!(given_up.calls, 1_000 - backlog.len() as u64);
        // The newest are those that are left.
        let last = backlog.held.back().and_then(Held::ended);
        assert_eq!(
            last.map(|ended| ended.summary.call),
            Some(began(1_000).call)
        );
    }

    #[test]
    fn what_the_outbox_has_is_not_sent_again() {
        let mut backlog = Backlog::default();
        backlog.push(ended(1, "hello"));
        assert_eq!(backlog.unsent().count(), 1);
        backlog.unsent().for_each(|held| held.mark_sent(Vec::new()));
        assert_eq!(backlog.unsent().count(), 0);
        assert_eq!(backlog.stored(1), 0);
    }
}
