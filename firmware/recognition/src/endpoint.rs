//! When an utterance has begun and when it has ended.
//!
//! Two witnesses: the network, whose blank says that no unit sounds, and the level, which falls as
//! soon as the voice does and says so without the network's delay. Speech ends when both have been
//! quiet for a while; on a line so noisy that the level never falls, the network alone decides,
//! after a longer while.

use std::collections::VecDeque;

/// Milliseconds from the stream's first sample.
pub(crate) type Ms = u64;

/// How long to wait, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Silence that ends an utterance.
    pub(crate) silence: Ms,
    /// The same while the last word is a digit: callers pause between the groups of a number.
    pub(crate) digits: Ms,
    /// The same while what was dictated looks like the first groups of a number.
    pub(crate) groups: Ms,
    /// Added when only the network finds silence.
    pub(crate) noisy: Ms,
    /// The network must have heard this much beyond the last loud moment and the last unit: one with
    /// long chunks says late what it has heard.
    pub(crate) settle: Ms,
    /// An utterance that goes on this long is cut.
    pub(crate) longest: Ms,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            silence: 420,
            digits: 1_000,
            groups: 1_500,
            noisy: 400,
            settle: 160,
            longest: 20_000,
        }
    }
}

/// What the decoder has found in the utterance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing that could be a word yet.
    Nothing,
    /// Words, or speech that was passed over.
    Words,
    /// Words, the last ones so many digits of a number that may go on.
    Digits(usize),
}

/// Digits that are likely to be the beginning of a number: one alone is an answer, and more are
/// a whole number.
const FIRST_GROUPS: std::ops::RangeInclusive<usize> = 2..=7;

/// A loud frame stands above the noise by this much.
const ABOVE_NOISE_DB: f32 = 10.0;
/// Nothing below this is loud.
pub(crate) const QUIETEST_VOICE_DB: f32 = -52.0;
/// Nothing this far below the loudest recent frame is loud.
const BELOW_PEAK_DB: f32 = 32.0;
/// Loudness that breaks off for longer than this begins anew.
const LOUD_BREAK: Ms = 200;
/// Speech is loud at most this long before its first unit, and behind its last one.
const LOUD_AROUND_UNITS: Ms = 300;
/// How fast the noise estimate rises to meet a noise that has grown, and the peak falls.
const DRIFT_DB_PER_S: f32 = 4.0;

/// Follows one side's speech.
pub(crate) struct Endpointer {
    noise_db: Option<f32>,
    peak_db: f32,
    /// When it became loud, the last time and, as levels are known before the network's word on them, those
    /// times before that may be around a first unit yet.
    loud_since: VecDeque<Ms>,
    last_loud: Ms,
    first_unit: Option<Ms>,
    /// When the utterance began, by what was known when its first unit was told.
    began: Option<Ms>,
    last_unit: Ms,
    /// Until when the network has heard.
    heard_until: Ms,
}

impl Endpointer {
    pub(crate) fn new() -> Self {
        Self {
            noise_db: None,
            peak_db: QUIETEST_VOICE_DB,
            loud_since: VecDeque::new(),
            last_loud: 0,
            first_unit: None,
            began: None,
            last_unit: 0,
            heard_until: 0,
        }
    }

    /// Takes the level of a frame that begins at `at` and lasts `step` milliseconds.
    pub(crate) fn level(&mut self, at: Ms, step: Ms, level_db: f32) {
        let drift = DRIFT_DB_PER_S * step as f32 / 1_000.0;
        let noise = self
            .noise_db
            .map_or(level_db, |noise| level_db.min(noise + drift));
        self.noise_db = Some(noise);
        self.peak_db = level_db.max(self.peak_db - drift);
        let threshold = (noise + ABOVE_NOISE_DB)
            .max(QUIETEST_VOICE_DB)
            .max(self.peak_db - BELOW_PEAK_DB);
        if level_db > threshold {
            if self.loud_since.is_empty() || at > self.last_loud + LOUD_BREAK {
                self.loud_since.push_back(at);
            }
            self.last_loud = at + step;
        }
    }

    /// Takes the network's word on the time until `until`: whether a unit sounds there.
    pub(crate) fn output(&mut self, from: Ms, until: Ms, is_unit: bool) {
        self.heard_until = until;
        if is_unit {
            self.last_unit = until;
            if self.first_unit.is_none() {
                self.first_unit = Some(from);
                self.began = Some(self.loud_around(from).unwrap_or(from));
            }
        }
        while self.loud_since.len() > 1 && self.loud_since[0] + LOUD_AROUND_UNITS < until {
            self.loud_since.pop_front();
        }
    }

    /// When the loud stretch around a first unit began, if that was no more than 300 ms earlier.
    fn loud_around(&self, unit: Ms) -> Option<Ms> {
        let mut latest = self.loud_since.iter().rev().copied();
        let loud = latest.find(|&loud| loud <= unit)?;
        (unit <= loud + LOUD_AROUND_UNITS).then_some(loud)
    }

    /// When the speech began, once it has: with the loud stretch around its first unit. It stays,
    /// however loud it is later.
    pub(crate) fn began(&self) -> Option<Ms> {
        self.began
    }

    /// Until when the network has heard, unless somebody speaks.
    pub(crate) fn idle_until(&self) -> Option<Ms> {
        self.began.is_none().then_some(self.heard_until)
    }

    /// When the speech ended, as far as is known.
    pub(crate) fn ended(&self) -> Ms {
        self.last_unit
            .max(self.last_loud.min(self.last_unit + LOUD_AROUND_UNITS))
    }

    /// Whether the utterance is over at `now`.
    pub(crate) fn is_over(&self, rules: &Rules, now: Ms, heard: Heard) -> bool {
        let Some(first) = self.first_unit else {
            return false;
        };
        if now >= first + rules.longest {
            return true;
        }
        let wait = match heard {
            Heard::Nothing | Heard::Words => rules.silence,
            Heard::Digits(count) if FIRST_GROUPS.contains(&count) => rules.groups,
            Heard::Digits(_) => rules.digits,
        };
        let last = self.last_loud.max(self.last_unit);
        let quiet = now >= last + wait && self.heard_until >= last + rules.settle;
        let blank = self.heard_until >= self.last_unit + wait + rules.noisy;
        quiet || blank
    }

    /// Forgets the utterance; what is known of the line's noise stays.
    pub(crate) fn next_utterance(&mut self) {
        self.first_unit = None;
        self.began = None;
        self.loud_since.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOISE_DB: f32 = -60.0;
    const VOICE_DB: f32 = -20.0;

    /// Plays 20 ms steps of a level; the network hears a unit while `units`, 160 ms late.
    struct Line {
        endpointer: Endpointer,
        now: Ms,
        pending: Vec<(Ms, bool)>,
    }

    impl Line {
        fn new() -> Self {
            Self {
                endpointer: Endpointer::new(),
                now: 0,
                pending: Vec::new(),
            }
        }

        /// Returns when the utterance was over, if it was.
        fn play(&mut self, ms: Ms, level_db: f32, units: bool, heard: Heard) -> Option<Ms> {
            let end = self.now + ms;
            while self.now < end {
                self.endpointer.level(self.now, 20, level_db);
                self.pending.push((self.now, units));
                self.now += 20;
                if self.now.is_multiple_of(160) {
                    for (at, is_unit) in self.pending.drain(..) {
                        self.endpointer.output(at, at + 20, is_unit);
                    }
                }
                if self.endpointer.is_over(&Rules::default(), self.now, heard) {
                    return Some(self.now);
                }
            }
            None
        }
    }

    #[test]
    fn speech_ends_420_ms_after_the_voice() {
        let mut line = Line::new();
        assert_eq!(line.play(1_000, NOISE_DB, false, Heard::Nothing), None);
        assert_eq!(line.play(800, VOICE_DB, true, Heard::Words), None);
        assert_eq!(
            line.play(2_000, NOISE_DB, false, Heard::Words),
            Some(1_800 + 420)
        );
        assert_eq!(line.endpointer.began(), Some(1_000));
        assert_eq!(line.endpointer.ended(), 1_800);
    }

    #[test]
    fn an_utterance_keeps_its_start_over_a_pause() {
        let mut line = Line::new();
        line.play(1_000, NOISE_DB, false, Heard::Nothing);
        line.play(160, VOICE_DB, false, Heard::Nothing);
        line.play(400, VOICE_DB, true, Heard::Words);
        assert_eq!(line.endpointer.began(), Some(1_000));
        line.play(300, NOISE_DB, false, Heard::Words);
        line.play(400, VOICE_DB, true, Heard::Words);
        assert_eq!(line.endpointer.began(), Some(1_000));
    }

    #[test]
    fn a_network_that_lags_finds_the_stretch_of_its_first_unit() {
        // Loud for 100 ms from 1,000, 1,400 and 1,800 on; the network has heard nothing so far.
        for (unit, start) in [
            (1_080, 1_000),
            (1_500, 1_400),
            (1_820, 1_800),
            (1_380, 1_380),
        ] {
            let mut endpointer = Endpointer::new();
            for at in (0..2_000).step_by(20) {
                let is_loud = at >= 1_000 && (at - 1_000) % 400 < 100;
                let level = if is_loud { VOICE_DB } else { NOISE_DB };
                endpointer.level(at, 20, level);
            }
            for at in (0..2_000).step_by(20) {
                endpointer.output(at, at + 20, at == unit);
            }
            assert_eq!(endpointer.began(), Some(start), "a unit at {unit}");
            assert!(endpointer.loud_since.len() <= 1);
        }
    }

    #[test]
    fn a_caller_who_dictates_a_number_may_pause() {
        for (count, wait) in [(1, 1_000), (2, 1_500), (7, 1_500), (8, 1_000), (11, 1_000)] {
            let digits = Heard::Digits(count);
            let mut line = Line::new();
            line.play(800, VOICE_DB, true, digits);
            assert_eq!(line.play(wait - 200, NOISE_DB, false, digits), None);
            line.play(800, VOICE_DB, true, digits);
            assert_eq!(
                line.play(2_000, NOISE_DB, false, digits),
                Some(1_600 + wait - 200 + wait),
                "{count} digits"
            );
        }
    }

    #[test]
    fn a_network_with_long_chunks_is_waited_for() {
        let mut endpointer = Endpointer::new();
        for at in (0..2_000).step_by(20) {
            endpointer.level(at, 20, NOISE_DB);
            // Chunks of 480 ms, each said when it is over; a unit at the end of every one.
            if at % 480 == 460 {
                endpointer.output(at - 460, at - 20, false);
                endpointer.output(at - 20, at + 20, true);
            }
            let over = endpointer.is_over(&Rules::default(), at + 20, Heard::Words);
            assert!(!over, "cut at {at} between two chunks");
        }
    }

    #[test]
    fn a_noisy_line_ends_by_the_network_alone() {
        let mut line = Line::new();
        line.play(1_000, NOISE_DB, false, Heard::Nothing);
        line.play(800, VOICE_DB, true, Heard::Words);
        let over = line.play(3_000, VOICE_DB, false, Heard::Words).unwrap();
        assert!((2_620..=2_800).contains(&over), "{over}");
    }

    #[test]
    fn noise_without_units_is_no_speech() {
        let mut line = Line::new();
        assert_eq!(line.play(30_000, VOICE_DB, false, Heard::Nothing), None);
        assert_eq!(line.endpointer.began(), None);
    }

    #[test]
    fn twenty_seconds_are_enough() {
        let mut line = Line::new();
        assert_eq!(
            line.play(60_000, VOICE_DB, true, Heard::Words),
            Some(20_000)
        );
    }

    #[test]
    fn the_next_utterance_begins_anew() {
        let mut line = Line::new();
        line.play(800, VOICE_DB, true, Heard::Words);
        line.play(2_000, NOISE_DB, false, Heard::Words);
        line.endpointer.next_utterance();
        assert_eq!(line.endpointer.began(), None);
        assert_eq!(line.play(2_000, NOISE_DB, false, Heard::Nothing), None);
    }
}
