//! Pins of a Raspberry Pi, through rppal. Thin on purpose: the crate is no longer developed, and
//! only these two functions would change with another.

use std::error::Error as _;

use embedded_hal::digital::{InputPin, OutputPin};
use rppal::gpio::{Error, Gpio};

use crate::BoardError;

/// The pins of this machine.
#[derive(Debug)]
pub struct Raspberry {
    gpio: Gpio,
}

impl Raspberry {
    /// Opens the GPIO; fails off a Raspberry Pi and without permission.
    pub fn open() -> Result<Self, BoardError> {
        Gpio::new()
            .map(|gpio| Self { gpio })
            .map_err(|error| give_up("the GPIO", &error))
    }

    /// An input with its pull-up on, by its BCM number: a contact to ground reads low.
    pub fn input(&self, pin: u8) -> Result<impl InputPin + use<>, BoardError> {
        let what = format!("GPIO pin {pin}");
        self.gpio
            .get(pin)
            .map(rppal::gpio::Pin::into_input_pullup)
            .map_err(|error| give_up(&what, &error))
    }

    /// An output that begins low, by its BCM number.
    pub fn output(&self, pin: u8) -> Result<impl OutputPin + use<>, BoardError> {
        let what = format!("GPIO pin {pin}");
        self.gpio
            .get(pin)
            .map(rppal::gpio::Pin::into_output_low)
            .map_err(|error| give_up(&what, &error))
    }
}

fn give_up(what: &str, error: &Error) -> BoardError {
    let remedy = match error {
        Error::UnknownModel => "this is no Raspberry Pi: use the simulated board",
        Error::PermissionDenied(_) => "let the service's user into the group `gpio`",
        Error::PinUsed(_) => "give every function a pin of its own",
        _ => "check the pin's BCM number",
    };
    let cause = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    BoardError::GiveUp {
        what: what.to_owned(),
        cause,
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_a_raspberry_pi_it_says_what_to_do() {
        match Raspberry::open() {
            Ok(_) => assert!(std::path::Path::new("/proc/device-tree/model").exists()),
            Err(BoardError::GiveUp { remedy, .. }) => assert!(!remedy.is_empty()),
            Err(other) => panic!("{other}"),
        }
    }
}
