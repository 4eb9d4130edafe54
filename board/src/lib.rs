//! The box itself: hook, ring, lamps, button, sound and watchdog over embedded-hal.
//!
//! Place in the sentence: below *line* (an analogue line's hook, ring and sound) and beside the
//! daemon (lamps, button, watchdog). It knows no calls.
//!
//! Invariant: everything that takes judgement (debouncing, cadence, blinking, when the watchdog may
//! be fed) is pure and told the time; a pin is only read or set. The simulated board is always
//! built and behaves as hardware does, so whatever runs on it runs on a box.
//!
//! ```
//! use std::time::Duration;
//! use trunkside_board::{Button, ButtonEvent, sim::SimBoard};
//!
//! let mut board = SimBoard::new();
//! board.press_button(Duration::from_millis(10), Duration::from_millis(200));
//! let mut button = Button::new(board.button_pin());
//! let mut events = Vec::new();
//! for now in (0..400).step_by(5).map(Duration::from_millis) {
//!     board.run_to(now);
//!     events.extend(button.read(now).unwrap());
//! }
//! assert_eq!(events, [ButtonEvent::Pressed, ButtonEvent::Released]);
//! ```
//!
//! Features (both off by default):
//! - `rppal`: GPIO pins of a Raspberry Pi ([`raspberry`]). Linux; off a Pi, opening fails with
//!   [`BoardError::GiveUp`].
//! - `alsa`: sound cards ([`sound_card`]). Linux with libasound at build and run time.

mod button;
mod debounce;
mod error;
mod hook;
mod lamp;
#[cfg(feature = "rppal")]
pub mod raspberry;
mod ring;
pub mod sim;
mod sound;
#[cfg(feature = "alsa")]
pub mod sound_card;
mod watchdog;

pub use button::{Button, ButtonEvent};
pub use debounce::Debounce;
pub use error::BoardError;
pub use hook::{HookEvent, HookSwitch};
pub use lamp::{Lamp, Pattern};
pub use ring::{RingDetector, RingEvent};
pub use sound::{FRAME_SAMPLES, SAMPLE_RATE_HZ, SoundDevice};
pub use watchdog::{DeviceWatchdog, Progress, Verdict, Watchdog, WatchdogTimer};
