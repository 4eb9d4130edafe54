//! When a side has been so quiet for so long that the network need not hear it.
//!
//! In a talk one side listens while the other speaks, and who waits for an agent says nothing at all: to run the
//! network over that costs as much as over speech and finds nothing. It rests then, and wakes at the first sound
//! with the quiet before it, as a stream begins. A network that writes text by itself never rests: its state over
//! the quiet is part of what it would write behind it.

use std::collections::VecDeque;

use trunkside_call::FRAME_SAMPLES;

use crate::endpoint::{Ms, QUIETEST_VOICE_DB};
use crate::prosody::STEP_MS;

/// A frame below this level is quiet: below what counts as a voice, for the faint first sounds of a word.
const QUIET_DB: f32 = QUIETEST_VOICE_DB - 3.0;
/// Quiet for this long, the network rests: longer than any pause of who speaks.
const AWAKE_MS: Ms = 2_000;
/// Quiet that the network hears at least before the sound that woke it: whatever is faint in the beginning of a
/// word, and the silence that words were preceded by when it was trained.
const KEPT_FRAMES: usize = 500 / STEP_MS as usize;

/// What the network does about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attention {
    /// It hears it.
    Hears,
    /// It need not.
    Rests,
    /// It begins anew with what was kept.
    Wakes,
}

/// Follows one side's quiet.
#[derive(Debug)]
pub(crate) struct Quiet {
    since: Option<Ms>,
    /// The last frames of it, so many at most.
    kept: VecDeque<[i16; FRAME_SAMPLES]>,
    most: usize,
    rests: bool,
}

impl Quiet {
    /// Keeps so many frames more than the network must hear when it wakes, so that it may begin with any of those.
    pub(crate) fn with_spare(frames: usize) -> Self {
        Self {
            since: None,
            kept: VecDeque::new(),
            most: KEPT_FRAMES + frames,
            rests: false,
        }
    }

    /// Takes the frame that begins at `at`. `heard_until` says until when the network has heard, where nobody
    /// speaks by what it told.
    pub(crate) fn attention(
        &mut self,
        at: Ms,
        level_db: f32,
        samples: &[i16; FRAME_SAMPLES],
        heard_until: Option<Ms>,
    ) -> Attention {
        let is_quiet = level_db < QUIET_DB;
        if !is_quiet && !self.rests {
            self.take_kept();
            return Attention::Hears;
        }
        if self.kept.len() == self.most {
            self.kept.pop_front();
        }
        self.kept.push_back(*samples);
        if !is_quiet {
            return Attention::Wakes;
        }
        let since = *self.since.get_or_insert(at);
        // What was loud has been heard to its end.
        let is_idle = heard_until.is_some_and(|heard| heard >= since);
        self.rests |= is_idle && at >= since + AWAKE_MS;
        if self.rests {
            Attention::Rests
        } else {
            Attention::Hears
        }
    }

    /// The last frames, that which woke the network at their end; the quiet is over.
    pub(crate) fn take_kept(&mut self) -> VecDeque<[i16; FRAME_SAMPLES]> {
        self.since = None;
        self.rests = false;
        std::mem::take(&mut self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE_DB: f32 = -90.0;
    const VOICE_DB: f32 = -20.0;

    fn play(quiet: &mut Quiet, from: Ms, ms: Ms, level_db: f32, heard: Option<Ms>) -> Attention {
        let frames = (from..from + ms).step_by(STEP_MS as usize);
        let attention =
            frames.map(|at| quiet.attention(at, level_db, &[at as i16; FRAME_SAMPLES], heard));
        attention.last().expect("a frame at least")
    }

    #[test]
    fn rests_after_two_seconds_and_wakes_with_the_last_half() {
        let mut quiet = Quiet::with_spare(0);
        assert_eq!(
            play(&mut quiet, 0, 1_000, VOICE_DB, Some(0)),
            Attention::Hears
        );
        let heard = Some(1_000);
        assert_eq!(
            play(&mut quiet, 1_000, 2_000, SILENCE_DB, heard),
            Attention::Hears
        );
        assert_eq!(
            play(&mut quiet, 3_000, 5_000, SILENCE_DB, heard),
            Attention::Rests
        );
        assert_eq!(
            play(&mut quiet, 8_000, 20, VOICE_DB, heard),
            Attention::Wakes
        );
        let kept: Vec<i16> = quiet.take_kept().iter().map(|frame| frame[0]).collect();
        assert_eq!(kept.len(), 25);
        assert_eq!(kept[..2], [7_520, 7_540]);
        assert_eq!(kept[24], 8_000);
    }

    #[test]
    fn stays_awake_while_somebody_speaks_or_sounds_are_to_be_heard_yet() {
        let mut quiet = Quiet::with_spare(7);
        assert_eq!(
            play(&mut quiet, 1_000, 9_000, SILENCE_DB, None),
            Attention::Hears
        );
        assert_eq!(
            play(&mut quiet, 10_000, 20, SILENCE_DB, Some(980)),
            Attention::Hears
        );
        assert_eq!(
            play(&mut quiet, 10_020, 20, SILENCE_DB, Some(1_000)),
            Attention::Rests
        );
    }

    #[test]
    fn a_sound_begins_the_wait_anew() {
        let mut quiet = Quiet::with_spare(7);
        for from in [0, 2_000, 4_000] {
            play(&mut quiet, from, 1_980, SILENCE_DB, Some(10_000));
            assert_eq!(
                play(&mut quiet, from + 1_980, 20, VOICE_DB, Some(10_000)),
                Attention::Hears
            );
        }
    }
}
