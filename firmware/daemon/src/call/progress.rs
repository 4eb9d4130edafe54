//! What calls in progress have come to, on its way to the store.
//!
//! Pure. What is only good to know waits for [`SOON`], so that all calls of the box share a flush to
//! the disk; a decision and a bridge are written at once. What the disk refuses waits for the next
//! try, and is forgotten when its call is over.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkside_call::CallId;

use crate::call::story::SoFar;
use crate::storage::store::Writing;

/// How long a note waits for others, and so about how much of a call a crash may cost.
const SOON: Duration = Duration::from_secs(5);

/// How soon a note must be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// With the next others.
    Soon,
    /// It changes what the call has come to.
    Now,
}

/// The newest notes of calls in progress.
#[derive(Debug, Default)]
pub struct Progress {
    waiting: BTreeMap<CallId, SoFar>,
    due: Option<Duration>,
}

impl Progress {
    /// Takes a note in place of the call's last one; turns that wait stay with it.
    pub fn take(&mut self, now: Duration, so_far: SoFar, urgency: Urgency) {
        let due = match urgency {
            Urgency::Soon => now + SOON,
            Urgency::Now => now,
        };
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
        let call = so_far.summary.call;
        if let Some(waiting) = self.waiting.get_mut(&call) {
            waiting.summary = so_far.summary;
            waiting.turns.extend(so_far.turns);
        } else {
            self.waiting.insert(call, so_far);
        }
    }

    /// A call is over: its record says it all.
    pub fn ended(&mut self, call: CallId) {
        self.waiting.remove(&call);
    }

    /// When the notes must be written; none when there are none.
    pub fn due(&self) -> Option<Duration> {
        self.due.filter(|_| !self.waiting.is_empty())
    }

    /// Writes them.
    pub fn keep_in(&self, writing: &Writing<'_>) -> rusqlite::Result<()> {
        self.waiting.iter().try_for_each(|(call, so_far)| {
            let summary = serde_json::to_string(&so_far.summary).expect("a record is plain data");
            writing.note(*call, &summary, &so_far.turns)
        })
    }

    /// The store was asked to take them; what it refused waits for the next try.
    pub fn tried(&mut self, now: Duration) {
        self.due = (!self.waiting.is_empty()).then_some(now + SOON);
    }

    /// The store has them; says of how many calls.
    pub fn stored(&mut self) -> usize {
        self.due = None;
        std::mem::take(&mut self.waiting).len()
    }
}

#[cfg(test)]
pub mod tests {
    use trunkside_call::{Pii, Side};

    use super::*;
    use crate::call::story;
    use crate::storage::backlog::tests::began;
    use crate::storage::store::Turn;
    use crate::storage::store::unfinished::{Interrupted, NotedTurn};

    /// A call that lasts for so long and had this turn.
    pub fn so_far(number: u128, seconds: u32, turn: u32) -> SoFar {
        let ended = story::interrupted(Interrupted {
            began: began(number),
            summary: None,
            turns: Vec::new(),
        });
        let mut summary = ended.summary;
        summary.times.ended_s = Some(f64::from(seconds));
        let start = Duration::from_secs(turn.into());
        SoFar {
            summary,
            turns: vec![NotedTurn {
                number: turn,
                turn: Turn {
                    side: if turn.is_multiple_of(2) {
                        Side::Caller
                    } else {
                        Side::Agent
                    },
                    start,
                    end: start,
                    text: Pii::new(format!("幺三九 {turn}")),
                },
                redacted: format!("[phone] {turn}"),
            }],
        }
    }

    #[test]
    fn notes_wait_for_each_other_and_what_is_urgent_takes_them_along() {
        let mut progress = Progress::default();
        assert_eq!(progress.due(), None);
        let at = Duration::from_secs;
        progress.take(at(10), so_far(1, 3, 0), Urgency::Soon);
        progress.take(at(12), so_far(1, 5, 1), Urgency::Soon);
        assert_eq!(progress.due(), Some(at(10) + SOON));
        progress.take(at(13), so_far(2, 1, 0), Urgency::Now);
        assert_eq!(progress.due(), Some(at(13)));
        let first = progress.waiting.values().next().unwrap();
        assert_eq!(first.turns.len(), 2, "no turn is lost to a newer note");
        assert_eq!(first.summary.times.ended_s, Some(5.0));
        progress.tried(at(13));
        assert_eq!(progress.due(), Some(at(13) + SOON), "they were refused");
        progress.stored();
        assert_eq!(progress.due(), None);
    }

    #[test]
    fn a_call_that_is_over_needs_no_note() {
        let mut progress = Progress::default();
        let so_far = so_far(1, 3, 0);
        let call = so_far.summary.call;
        progress.take(Duration::ZERO, so_far, Urgency::Now);
        progress.ended(call);
        assert_eq!(progress.due(), None);
    }
}
