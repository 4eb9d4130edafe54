//! Lamps: lit, dark or blinking.

use std::time::Duration;

use embedded_hal::digital::OutputPin;

use crate::BoardError;

/// How a lamp shows something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pattern {
    /// Dark.
    #[default]
    Off,
    /// Lit.
    On,
    /// Lit every other second: attention, not urgent.
    Slow,
    /// Four times a second: act now.
    Fast,
}

impl Pattern {
    /// Half a period of blinking.
    const fn half(self) -> Option<Duration> {
        match self {
            Self::Off | Self::On => None,
            Self::Slow => Some(Duration::from_secs(1)),
            Self::Fast => Some(Duration::from_millis(125)),
        }
    }
}

/// A lamp on a pin; high is lit.
#[derive(Debug)]
pub struct Lamp<P> {
    pin: P,
    pattern: Pattern,
    /// When the present level of a blinking lamp ends.
    turn_at: Option<Duration>,
    /// The level that the pin has; none before it was first set.
    lit: Option<bool>,
}

impl<P: OutputPin> Lamp<P> {
    /// Takes the pin; it is set by the first [`show`](Self::show) or [`tick`](Self::tick).
    pub const fn new(pin: P) -> Self {
        Self {
            pin,
            pattern: Pattern::Off,
            turn_at: None,
            lit: None,
        }
    }

    /// Shows a pattern from now on; a new blinking begins lit.
    pub fn show(&mut self, now: Duration, pattern: Pattern) -> Result<(), BoardError> {
        if pattern == self.pattern && self.lit.is_some() {
            return self.tick(now);
        }
        self.set(pattern != Pattern::Off)?;
        self.pattern = pattern;
        self.turn_at = pattern.half().map(|half| now + half);
        Ok(())
    }

    /// Lets a blinking lamp turn when its [`deadline`](Self::deadline) has come.
    pub fn tick(&mut self, now: Duration) -> Result<(), BoardError> {
        let lit = self.lit.unwrap_or(self.pattern != Pattern::Off);
        let turns = self.turn_at.is_some_and(|at| at <= now);
        self.set(lit ^ turns)?;
        if turns {
            self.turn_at = self.pattern.half().map(|half| now + half);
        }
        Ok(())
    }

    /// When a blinking lamp must turn.
    pub const fn deadline(&self) -> Option<Duration> {
        self.turn_at
    }

    fn set(&mut self, lit: bool) -> Result<(), BoardError> {
        if self.lit == Some(lit) {
            return Ok(());
        }
        self.pin
            .set_state(lit.into())
            .map_err(|e| BoardError::pin("setting a lamp", &e))?;
        self.lit = Some(lit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal_mock::eh1::MockError;
    use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};

    use super::*;

    #[test]
    fn a_pin_is_set_only_when_it_changes() {
        let mut pin = Mock::new(&[Transaction::set(State::High), Transaction::set(State::Low)]);
        let mut lamp = Lamp::new(pin.clone());
        lamp.show(Duration::ZERO, Pattern::On)
            .expect("the pin works");
        lamp.show(Duration::from_secs(1), Pattern::On)
            .expect("the pin works");
        lamp.show(Duration::from_secs(2), Pattern::Off)
            .expect("the pin works");
        assert_eq!(lamp.deadline(), None);
        pin.done();
    }

    #[test]
    fn a_blinking_lamp_turns_at_its_deadlines() {
        let levels = [State::High, State::Low, State::High];
        let mut pin = Mock::new(&levels.map(Transaction::set));
        let mut lamp = Lamp::new(pin.clone());
        lamp.show(Duration::ZERO, Pattern::Slow)
            .expect("the pin works");
        for _ in 0..2 {
            let due = lamp.deadline().expect("it blinks");
            lamp.tick(due.saturating_sub(Duration::from_millis(1)))
                .expect("the pin works");
            lamp.tick(due).expect("the pin works");
        }
        assert_eq!(lamp.deadline(), Some(Duration::from_secs(3)));
        pin.done();
    }

    #[test]
    fn a_failed_pin_is_set_again() {
        let failing = MockError::Io(std::io::ErrorKind::Other);
        let mut pin = Mock::new(&[
            Transaction::set(State::High).with_error(failing),
            Transaction::set(State::High),
        ]);
        let mut lamp = Lamp::new(pin.clone());
        lamp.show(Duration::ZERO, Pattern::On)
            .expect_err("the pin fails");
        lamp.show(Duration::ZERO, Pattern::On)
            .expect("the pin works again");
        pin.done();
    }
}
