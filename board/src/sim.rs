//! A simulated board: always built, and a real peer.
//!
//! Its pins behave as pins (levels over time, bouncing contacts, ring current as pulses), its
//! sound device takes and gives frames, and whatever is done to it can be looked at.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use embedded_hal::digital::{ErrorType, InputPin, OutputPin};

use crate::{BoardError, FRAME_SAMPLES, SoundDevice, WatchdogTimer};

/// How long a simulated contact bounces.
const BOUNCE: Duration = Duration::from_millis(4);

/// Half a wave of 25 Hz ring current.
const HALF_WAVE: Duration = Duration::from_millis(20);

/// How many frames a simulated sound device holds before playing loses the oldest.
const SOUND_FRAMES: usize = 50;

/// Something the simulated board has a pin for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wire {
    Button,
    Hook,
    Ring,
    Lamp(u8),
}

#[derive(Debug, Default)]
struct State {
    now: Duration,
    /// Levels to come, by time and then by order of scripting.
    script: BTreeMap<(Duration, u64), (Wire, bool)>,
    scripted: u64,
    /// Present levels; what is absent is high, as an input with a pull-up is.
    levels: BTreeMap<Wire, bool>,
    lamps: Vec<LampChange>,
    feeds: Vec<Duration>,
    disarmed: bool,
    captured: VecDeque<[i16; FRAME_SAMPLES]>,
    played: VecDeque<[i16; FRAME_SAMPLES]>,
    dropped: u64,
    unplugged: bool,
}

/// A lamp that was switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LampChange {
    /// When.
    pub at: Duration,
    /// Which.
    pub lamp: u8,
    /// To what.
    pub lit: bool,
}

/// The board; clones are the same board.
#[derive(Clone, Debug, Default)]
pub struct SimBoard {
    state: Arc<Mutex<State>>,
}

impl SimBoard {
    /// Everything at rest: button up, handset on hook, line quiet, lamps dark.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere leaves levels and lists, which are always consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script(&self, at: Duration, wire: Wire, level: bool) {
        let mut state = self.state();
        state.scripted += 1;
        let order = state.scripted;
        state.script.insert((at, order), (wire, level));
    }

    /// A contact that bounces once before it stays.
    fn script_contact(&self, at: Duration, wire: Wire, level: bool) {
        self.script(at, wire, level);
        self.script(at + BOUNCE / 2, wire, !level);
        self.script(at + BOUNCE, wire, level);
    }

    /// Presses the button at a time, for so long.
    pub fn press_button(&mut self, at: Duration, held: Duration) {
        self.script_contact(at, Wire::Button, false);
        self.script_contact(at + held, Wire::Button, true);
    }

    /// Lifts the handset at a time, or puts it down.
    pub fn move_hook(&mut self, at: Duration, lifted: bool) {
        self.script_contact(at, Wire::Hook, !lifted);
    }

    /// Ring current from a time on, for so long.
    pub fn ring(&mut self, at: Duration, lasting: Duration) {
        let mut pulse = at;
        while pulse < at + lasting {
            self.script(pulse, Wire::Ring, false);
            self.script(pulse + HALF_WAVE, Wire::Ring, true);
            pulse += 2 * HALF_WAVE;
        }
    }

    /// Lets everything scripted happen up to a time.
    pub fn run_to(&mut self, now: Duration) {
        let mut state = self.state();
        state.now = state.now.max(now);
        while let Some(entry) = state.script.first_entry()
            && entry.key().0 <= now
        {
            let (wire, level) = entry.remove();
            state.levels.insert(wire, level);
        }
    }

    /// The button's pin.
    pub fn button_pin(&self) -> SimPin {
        self.pin(Wire::Button)
    }

    /// The hook switch's pin.
    pub fn hook_pin(&self) -> SimPin {
        self.pin(Wire::Hook)
    }

    /// The ring detector's pin.
    pub fn ring_pin(&self) -> SimPin {
        self.pin(Wire::Ring)
    }

    /// The pin of a lamp.
    pub fn lamp_pin(&self, lamp: u8) -> SimPin {
        self.pin(Wire::Lamp(lamp))
    }

    fn pin(&self, wire: Wire) -> SimPin {
        SimPin {
            board: self.clone(),
            wire,
        }
    }

    /// Every switching of a lamp so far.
    pub fn lamp_changes(&self) -> Vec<LampChange> {
        self.state().lamps.clone()
    }

    /// The board's watchdog.
    pub fn watchdog(&self) -> SimWatchdog {
        SimWatchdog {
            board: self.clone(),
        }
    }

    /// When the watchdog was fed.
    pub fn feeds(&self) -> Vec<Duration> {
        self.state().feeds.clone()
    }

    /// Whether the watchdog was stopped since it was last fed.
    pub fn is_watchdog_disarmed(&self) -> bool {
        self.state().disarmed
    }

    /// The board's sound device.
    pub fn sound(&self) -> SimSound {
        SimSound {
            board: self.clone(),
        }
    }

    /// Gives the sound device a frame to capture.
    pub fn speak(&mut self, frame: [i16; FRAME_SAMPLES]) {
        self.state().captured.push_back(frame);
    }

    /// Takes the frames that were played, oldest first.
    pub fn hear(&mut self) -> Vec<[i16; FRAME_SAMPLES]> {
        self.state().played.drain(..).collect()
    }

    /// How many played frames were lost because nobody took them.
    pub fn lost_frames(&self) -> u64 {
        self.state().dropped
    }

    /// Pulls the sound device out, or puts it back.
    pub fn unplug_sound(&mut self, unplugged: bool) {
        self.state().unplugged = unplugged;
    }
}

/// A pin of the simulated board.
#[derive(Clone, Debug)]
pub struct SimPin {
    board: SimBoard,
    wire: Wire,
}

impl ErrorType for SimPin {
    type Error = Infallible;
}

impl InputPin for SimPin {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        let idle = !matches!(self.wire, Wire::Lamp(_));
        Ok(self
            .board
            .state()
            .levels
            .get(&self.wire)
            .copied()
            .unwrap_or(idle))
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}

impl OutputPin for SimPin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.set(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.set(true);
        Ok(())
    }
}

impl SimPin {
    fn set(&mut self, level: bool) {
        let mut state = self.board.state();
        let before = state.levels.insert(self.wire, level).unwrap_or(false);
        if let Wire::Lamp(lamp) = self.wire
            && before != level
        {
            let at = state.now;
            state.lamps.push(LampChange {
                at,
                lamp,
                lit: level,
            });
        }
    }
}

/// The simulated board's watchdog; it never resets anything, but it counts.
#[derive(Clone, Debug)]
pub struct SimWatchdog {
    board: SimBoard,
}

impl WatchdogTimer for SimWatchdog {
    fn feed(&mut self) -> Result<(), BoardError> {
        let mut state = self.board.state();
        let now = state.now;
        state.feeds.push(now);
        state.disarmed = false;
        Ok(())
    }

    fn disarm(&mut self) -> Result<(), BoardError> {
        self.board.state().disarmed = true;
        Ok(())
    }
}

/// The simulated board's sound device. Nothing paces it: the test or the demo does.
#[derive(Clone, Debug)]
pub struct SimSound {
    board: SimBoard,
}

impl SimSound {
    fn check(state: &State) -> Result<(), BoardError> {
        if state.unplugged {
            return Err(BoardError::Rebuild {
                what: "the simulated sound device".into(),
                cause: "it was unplugged".into(),
            });
        }
        Ok(())
    }
}

impl SoundDevice for SimSound {
    fn capture(&mut self, frame: &mut [i16; FRAME_SAMPLES]) -> Result<(), BoardError> {
        let mut state = self.board.state();
        Self::check(&state)?;
        let captured = state
            .captured
            .pop_front()
            .ok_or_else(|| BoardError::Retry {
                what: "capturing".into(),
                cause: "nothing was spoken into the simulated device".into(),
            })?;
        *frame = captured;
        Ok(())
    }

    fn play(&mut self, frame: &[i16; FRAME_SAMPLES]) -> Result<(), BoardError> {
        let mut state = self.board.state();
        Self::check(&state)?;
        if state.played.len() == SOUND_FRAMES {
            state.played.pop_front();
            state.dropped += 1;
        }
        state.played.push_back(*frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lamp, Pattern};

    #[test]
    fn lamps_are_recorded_with_their_times() {
        let mut board = SimBoard::new();
        let mut lamp = Lamp::new(board.lamp_pin(2));
        lamp.show(Duration::ZERO, Pattern::Fast)
            .expect("simulated pins work");
        while let Some(due) = lamp
            .deadline()
            .filter(|due| *due <= Duration::from_millis(375))
        {
            board.run_to(due);
            lamp.tick(due).expect("simulated pins work");
        }
        let seen: Vec<(u128, bool)> = board
            .lamp_changes()
            .iter()
            .map(|change| (change.at.as_millis(), change.lit))
            .collect();
        assert_eq!(seen, [(0, true), (125, false), (250, true), (375, false)]);
    }

    #[test]
    fn sound_goes_both_ways_and_survives_being_unplugged() {
        let mut board = SimBoard::new();
        let mut sound = board.sound();
        board.speak([7; FRAME_SAMPLES]);
        let mut frame = [0; FRAME_SAMPLES];
        sound.capture(&mut frame).expect("a frame was spoken");
        sound.play(&frame).expect("it is plugged in");
        assert_eq!(board.hear(), [[7; FRAME_SAMPLES]]);
        assert!(matches!(
            sound.capture(&mut frame),
            Err(BoardError::Retry { .. })
        ));
        board.unplug_sound(true);
        assert!(matches!(
            sound.play(&frame),
            Err(BoardError::Rebuild { .. })
        ));
        board.unplug_sound(false);
        board.sound().play(&frame).expect("it is back");
    }

    #[test]
    fn frames_that_nobody_takes_are_dropped_oldest_first_and_counted() {
        let mut board = SimBoard::new();
        let mut sound = board.sound();
        for number in 0..60 {
            sound
                .play(&[number; FRAME_SAMPLES])
                .expect("it is plugged in");
        }
        assert_eq!(board.lost_frames(), 10);
        assert_eq!(board.hear()[0][0], 10);
    }
}
