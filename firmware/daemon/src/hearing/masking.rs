//! What a call's recording may keep, as recognition hears it.
//!
//! Where card numbers are kept out of recordings, voice waits in memory until it is said here that it may be
//! kept. So what is not heard, whatever the reason, is not kept: there may be a card's number in it.

use std::collections::VecDeque;
use std::time::Duration;

use trunkside_call::{FRAME_DURATION, Frame, Side};
use trunkside_media::recording::Tape;
use trunkside_understanding::Spoken;

/// For so long after a word it may turn out to be part of a number. Where recognition fails in the middle
/// of one, its first digits are not kept either.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// Tells one call's recording what was heard.
#[derive(Debug)]
pub struct Masking {
    tape: Option<Tape>,
    sides: [SideHeard; 2],
}

/// What was heard of one side and not told yet, from when to when.
#[derive(Debug, Default)]
struct SideHeard(VecDeque<(Duration, Duration)>);

impl Masking {
    /// Nothing was heard of the call yet.
    pub fn new(tape: Option<Tape>) -> Self {
        Self {
            tape,
            sides: Default::default(),
        }
    }

    /// A frame was heard.
    pub fn heard(&mut self, frame: &Frame) {
        self.of(frame.side).hear(frame.start);
    }

    /// What was said with a card's number or a code in it must not reach the disk.
    pub fn secret(&self, spoken: &Spoken) {
        if let Some(tape) = &self.tape {
            tape.mask(spoken.side, spoken.start, spoken.end);
        }
    }

    /// What was heard long enough ago may be kept, but for its secrets.
    pub fn settle(&mut self) {
        for side in [Side::Caller, Side::Agent] {
            let newest = self.of(side).0.back().map_or(Duration::ZERO, |last| last.1);
            self.clear(side, newest.saturating_sub(SETTLED_AFTER));
        }
    }

    /// A side has ended and is understood to its last word.
    pub fn finish(&mut self, side: Side) {
        self.clear(side, Duration::MAX);
    }

    /// Recognition of a side has failed.
    pub fn fail(&mut self, side: Side) {
        self.of(side).0.clear();
    }

    fn of(&mut self, side: Side) -> &mut SideHeard {
        &mut self.sides[usize::from(side == Side::Agent)]
    }

    fn clear(&mut self, side: Side, until: Duration) {
        while let Some((from, to)) = self.of(side).take(until) {
            if let Some(tape) = &self.tape {
                tape.clear(side, from, to);
            }
        }
    }
}

impl SideHeard {
    fn hear(&mut self, start: Duration) {
        let end = start + FRAME_DURATION;
        match self.0.back_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => self.0.push_back((start, end)),
        }
    }

    /// The first of it that ended by then.
    fn take(&mut self, until: Duration) -> Option<(Duration, Duration)> {
        let (from, to) = self.0.pop_front()?;
        if to > until {
            self.0.push_front((from.max(until), to));
        }
        (from < until).then_some((from, to.min(until)))
    }
}

#[cfg(test)]
pub mod tests;
