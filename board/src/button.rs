//! The push button on the front.

use std::time::Duration;

use embedded_hal::digital::InputPin;

use crate::{BoardError, Debounce};

/// How long a contact must stay before it counts.
const SETTLE: Duration = Duration::from_millis(20);

/// How long a press lasts before it is a long one, which nobody makes by accident.
const HOLD: Duration = Duration::from_secs(5);

/// What was done with the button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonEvent {
    /// It went down.
    Pressed,
    /// It has been down for five seconds.
    Held,
    /// It went up.
    Released,
}

/// A button between the pin and ground: low is pressed.
#[derive(Debug)]
pub struct Button<P> {
    pin: P,
    contact: Debounce,
    down_since: Option<Duration>,
}

impl<P: InputPin> Button<P> {
    /// Takes the pin; the button counts as up.
    pub const fn new(pin: P) -> Self {
        Self {
            pin,
            contact: Debounce::new(false, SETTLE),
            down_since: None,
        }
    }

    /// Samples the pin; call it every 5 to 10 ms.
    pub fn read(&mut self, now: Duration) -> Result<Option<ButtonEvent>, BoardError> {
        let down = self
            .pin
            .is_low()
            .map_err(|e| BoardError::pin("reading the button", &e))?;
        Ok(match self.contact.sample(now, down) {
            Some(true) => {
                self.down_since = Some(now);
                Some(ButtonEvent::Pressed)
            }
            Some(false) => {
                self.down_since = None;
                Some(ButtonEvent::Released)
            }
            None => {
                let held = self
                    .down_since
                    .is_some_and(|since| now.saturating_sub(since) >= HOLD);
                held.then(|| {
                    self.down_since = None;
                    ButtonEvent::Held
                })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal_mock::eh1::MockError;
    use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};

    use super::*;

    #[test]
    fn a_bouncing_press_is_one_press() {
        let levels = [
            State::High,
            State::Low,
            State::High,
            State::Low,
            State::Low,
            State::Low,
        ];
        let mut pin = Mock::new(&levels.map(Transaction::get));
        let mut button = Button::new(pin.clone());
        let events: Vec<ButtonEvent> = (0..6)
            .filter_map(|i| {
                button
                    .read(Duration::from_millis(10 * i))
                    .expect("the pin works")
            })
            .collect();
        assert_eq!(events, [ButtonEvent::Pressed]);
        pin.done();
    }

    #[test]
    fn a_long_press_is_told_once() {
        let mut pin = Mock::new(&vec![Transaction::get(State::Low); 700]);
        let mut button = Button::new(pin.clone());
        let events: Vec<ButtonEvent> = (0..700)
            .filter_map(|i| {
                button
                    .read(Duration::from_millis(10 * i))
                    .expect("the pin works")
            })
            .collect();
        assert_eq!(events, [ButtonEvent::Pressed, ButtonEvent::Held]);
        pin.done();
    }

    #[test]
    fn a_pin_that_fails_can_be_tried_again() {
        let failing = MockError::Io(std::io::ErrorKind::TimedOut);
        let mut pin = Mock::new(&[
            Transaction::get(State::Low).with_error(failing),
            Transaction::get(State::High),
        ]);
        let mut button = Button::new(pin.clone());
        let error = button.read(Duration::ZERO).expect_err("the pin fails");
        assert!(matches!(error, BoardError::Retry { .. }), "{error}");
        assert!(error.to_string().starts_with("reading the button failed"));
        assert_eq!(
            button
                .read(Duration::from_millis(10))
                .expect("the pin works again"),
            None
        );
        pin.done();
    }
}
