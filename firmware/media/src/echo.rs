//! Tells what a side says from the echo of what it is played.
//!
//! A phone's line or loudspeaker gives back what the box plays to it: later, softer, and coloured.
//! Recognition must not take that for the caller who speaks over a prompt. So the copy that is
//! recognised is cleaned while something is played: the echo's delay is found by comparing what
//! came back with what was played, an adaptive filter (normalised least mean squares) learns the
//! echo's colour and takes it away, and what is nothing but echo becomes silence. Voice that is
//! relayed is never touched.

use std::collections::VecDeque;

use trunkside_call::FRAME_SAMPLES;

use search::Found;

mod search;

const FRAME: usize = FRAME_SAMPLES;

/// What is played goes on without a gap, however unevenly it was sent; a longer one is a pause.
const UNEVEN: u64 = 800;

/// How much of what was played is remembered: 1.2 s, for frames may be made half a second late.
const MEMORY: usize = 9_600;

/// The longest delay that is looked for: 500 ms, of line, jitter buffer and room.
const LONGEST: usize = 4_000;

/// What is compared: the newest 120 ms.
const WINDOW: usize = 960;

/// The filter's reach: 32 ms, a quarter of it before the delay that was found.
const TAPS: usize = 256;
const BEFORE: usize = 64;

/// How fast the filter learns.
const STEP: f32 = 0.5;

/// Samples are quieter than this on average where nothing is played or said.
const QUIET: f32 = 40.0;

/// So alike are an echo and what was played where nobody speaks over it.
const ALIKE: f32 = 0.55;

/// And so much of the likeness that this echo usually has, where it is certain that nobody does.
const SAME: f32 = 0.88;

/// What is left after a frame of the likeness that an echo has been seen to have.
const FADING: f32 = 0.998;

/// No echo comes back with more than this share of the power that was played, its colour included.
const SOFTER: f32 = 0.7;

/// What is left of a frame's power when it was echo only, and when somebody speaks over it.
const LEFT: f32 = 0.1;
const OVER: f32 = 0.5;

/// A frame alone that is more than echo is a flaw of the filter, not a voice.
const STRAY: u32 = 1;

/// The cleaner of one side.
#[derive(Clone, Debug, Default)]
pub struct EchoGate {
    /// What was played, newest last, and the position of the sample after it.
    played: VecDeque<i16>,
    played_to: u64,
    /// What came back, before it was cleaned.
    came: VecDeque<i16>,
    /// The delay that was found, and the filter for what lies around it.
    path: Option<Path>,
    /// The delay of another echo, if the last frame seemed to be one.
    seen: Option<usize>,
}

#[derive(Clone, Debug)]
struct Path {
    delay: usize,
    weights: Vec<f32>,
    /// Whether the filter has taken an echo away.
    is_settled: bool,
    /// How alike this echo has been to what was played, without a voice over it.
    usual: f32,
    /// Frames in a row that are more than echo.
    voiced: u32,
}

impl EchoGate {
    /// The box plays these samples from this position on.
    pub fn play(&mut self, position: u64, samples: impl ExactSizeIterator<Item = i16>) {
        let gap = position.saturating_sub(self.played_to);
        if self.played.is_empty() {
            self.played.reserve_exact(MEMORY + 2 * FRAME);
            self.played_to = position.max(self.played_to);
        } else if gap >= UNEVEN {
            let silent = gap.min(MEMORY as u64) as usize;
            self.played.extend(std::iter::repeat_n(0, silent));
            self.played_to = position;
        }
        self.played_to += samples.len() as u64;
        self.played.extend(samples);
        let excess = self.played.len().saturating_sub(MEMORY + FRAME);
        self.played.drain(..excess);
    }

    /// When nothing that was played can matter any more: the position that [`forget`](Self::forget)
    /// wants.
    pub fn deadline(&self) -> Option<u64> {
        (!self.played.is_empty()).then_some(self.played_to + MEMORY as u64)
    }

    /// The clock has come to this position, which frames may lie half a second behind.
    pub fn forget(&mut self, position: u64) {
        if self.deadline().is_some_and(|deadline| deadline <= position) {
            self.played = VecDeque::new();
        }
    }

    /// Cleans a frame that begins at this position.
    pub fn clean(&mut self, position: u64, frame: &mut [i16; FRAME]) {
        self.came.extend(frame.iter());
        let excess = self.came.len().saturating_sub(WINDOW);
        self.came.drain(..excess);
        let ends = position + FRAME as u64;
        // Long after the last sound that was played nothing of it comes back.
        if self.played.is_empty() || ends > self.played_to + (LONGEST + FRAME) as u64 {
            // The path stays: the next prompt comes back the same way.
            self.played = VecDeque::new();
            return;
        }
        let came: Vec<f32> = self.came.iter().copied().map(f32::from).collect();
        let alike = self.listen(ends, &came);
        let Some(path) = &mut self.path else {
            // What seems to be an echo for the first time costs a caller a frame at most.
            if self.seen.is_some() {
                frame.fill(0);
            }
            return;
        };
        let reference = reference(&self.played, self.played_to, ends, path.delay);
        let newest = &came[came.len() - FRAME..];
        let cleaned = path.clean(&reference, newest, alike);
        for (n, sample) in frame.iter_mut().enumerate() {
            *sample = cleaned.as_ref().map_or(0, |cleaned| cleaned[n] as i16);
        }
    }

    /// Looks for the echo; says how alike it is to what was played.
    fn listen(&mut self, ends: u64, came: &[f32]) -> f32 {
        if came.len() < WINDOW || energy(came) < QUIET * QUIET * WINDOW as f32 {
            self.seen = None;
            return 0.0;
        }
        let end = ends.cast_signed();
        let history = span(&self.played, self.played_to, end, LONGEST + WINDOW);
        let Some(found) = search::find(&history, came) else {
            return 0.0;
        };
        let Found { delay, .. } = found;
        let near = |other: usize| other.abs_diff(delay) < BEFORE / 2;
        if self.path.as_ref().is_some_and(|path| near(path.delay)) {
            return found.alike;
        }
        // Two voices are alike for a moment; an echo is softer, and stays where it is.
        let is_echo = found.alike > ALIKE && found.share < SOFTER;
        let again = self.seen.replace(delay).is_some_and(near);
        if is_echo && again {
            self.path = Some(Path {
                delay,
                weights: vec![0.0; TAPS],
                is_settled: false,
                usual: 0.0,
                voiced: 0,
            });
            return found.alike;
        }
        self.seen = self.seen.filter(|_| is_echo);
        0.0
    }
}

impl Path {
    /// What is left of a frame without its echo; nothing where it is no more than that.
    fn clean(&mut self, reference: &[f32], frame: &[f32], alike: f32) -> Option<[f32; FRAME]> {
        let left = self.cancel(reference, frame);
        let share = energy(&left) / energy(frame).max(1.0);
        self.usual = (self.usual * FADING).max(alike);
        let same = SAME * self.usual;
        let spoken_over = self.is_settled && share > OVER && alike < same;
        if alike > ALIKE && !spoken_over {
            self.learn(reference, frame);
        }
        self.is_settled |= alike > ALIKE && share < LEFT;
        let unsettled = alike > ALIKE && !self.is_settled;
        let is_echo = unsettled
            || share < LEFT
            || alike > ALIKE && share < OVER
            || alike > ALIKE && alike > same;
        self.voiced = if is_echo { 0 } else { self.voiced + 1 };
        // An echo that was none is not added to what a side says.
        let helps = self.is_settled && share < 1.0;
        let own = || std::array::from_fn(|n| frame[n]);
        (self.voiced > STRAY).then(|| if helps { left } else { own() })
    }

    fn cancel(&self, reference: &[f32], frame: &[f32]) -> [f32; FRAME] {
        std::array::from_fn(|n| {
            let window = &reference[n..n + TAPS];
            let echo: f32 = window.iter().zip(&self.weights).map(|(x, w)| x * w).sum();
            frame[n] - echo
        })
    }

    /// Takes a frame for echo and nothing else.
    fn learn(&mut self, reference: &[f32], frame: &[f32]) {
        for (n, &sample) in frame.iter().enumerate() {
            let window = &reference[n..n + TAPS];
            let echo: f32 = window.iter().zip(&self.weights).map(|(x, w)| x * w).sum();
            let power = energy(window) + TAPS as f32 * QUIET;
            let step = STEP * (sample - echo) / power;
            for (weight, x) in self.weights.iter_mut().zip(window) {
                *weight += step * x;
            }
        }
    }
}

/// What was played around `delay` before a frame that ends there: for each sample of the frame the
/// taps that end `BEFORE` after it.
fn reference(played: &VecDeque<i16>, played_to: u64, ends: u64, delay: usize) -> Vec<f32> {
    let newest = ends.cast_signed() + BEFORE as i64 - delay as i64;
    span(played, played_to, newest, FRAME + TAPS)
}

/// So many samples of what was played, up to a position, which may lie before the call's begin;
/// silence where none is known.
fn span(played: &VecDeque<i16>, played_to: u64, up_to: i64, samples: usize) -> Vec<f32> {
    let known = played_to.cast_signed() - played.len() as i64;
    let first = up_to - samples as i64 - known;
    (first..first + samples as i64)
        .map(|place| {
            let place = usize::try_from(place).ok();
            place
                .and_then(|place| played.get(place))
                .map_or(0.0, |&sample| f32::from(sample))
        })
        .collect()
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum()
}

#[cfg(test)]
mod tests;
