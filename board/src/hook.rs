//! The hook switch of an analogue set, or the loop detector of an analogue line.

use std::time::Duration;

use embedded_hal::digital::InputPin;

use crate::{BoardError, Debounce};

/// How long a contact must stay before it counts.
const SETTLE: Duration = Duration::from_millis(20);

/// The longest break that is still a hook flash (ITU-T Q.552 and TIA-470 allow up to about 1 s).
const FLASH_MAX: Duration = Duration::from_millis(900);

/// The shortest break that is a hook flash; shorter ones are dial pulses.
const FLASH_MIN: Duration = Duration::from_millis(80);

/// What was done with the handset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookEvent {
    /// Lifted: the loop is closed.
    OffHook,
    /// Put down for good.
    OnHook,
    /// Put down and lifted again at once.
    Flash,
}

/// A hook switch; low is off hook (loop current flows).
///
/// Hanging up is told only when it can no longer be a flash, 900 ms after the break.
#[derive(Debug)]
pub struct HookSwitch<P> {
    pin: P,
    contact: Debounce,
    /// When an off-hook set was put down, until that is a hang-up.
    broken_since: Option<Duration>,
}

impl<P: InputPin> HookSwitch<P> {
    /// Takes the pin; the set counts as on hook.
    pub const fn new(pin: P) -> Self {
        Self {
            pin,
            contact: Debounce::new(false, SETTLE),
            broken_since: None,
        }
    }

    /// Samples the pin; call it every 5 to 10 ms.
    pub fn read(&mut self, now: Duration) -> Result<Option<HookEvent>, BoardError> {
        let closed = self
            .pin
            .is_low()
            .map_err(|e| BoardError::pin("reading the hook", &e))?;
        Ok(match self.contact.sample(now, closed) {
            Some(false) => {
                self.broken_since = Some(now);
                None
            }
            Some(true) => match self.broken_since.take() {
                None => Some(HookEvent::OffHook),
                Some(since) => (now.saturating_sub(since) >= FLASH_MIN).then_some(HookEvent::Flash),
            },
            None => {
                let over = self
                    .broken_since
                    .is_some_and(|since| now.saturating_sub(since) >= FLASH_MAX);
                over.then(|| {
                    self.broken_since = None;
                    HookEvent::OnHook
                })
            }
        })
    }

    /// Whether the handset is lifted; a break that may be a flash still counts as lifted.
    pub const fn is_off_hook(&self) -> bool {
        self.contact.level() || self.broken_since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimBoard;

    /// Lifts and puts down the handset at the given milliseconds, in turn.
    fn events(moves_ms: &[u64]) -> Vec<HookEvent> {
        let mut board = SimBoard::new();
        for (index, at) in moves_ms.iter().enumerate() {
            board.move_hook(Duration::from_millis(*at), index % 2 == 0);
        }
        let mut hook = HookSwitch::new(board.hook_pin());
        let mut events = Vec::new();
        for now in (0..5000).step_by(5).map(Duration::from_millis) {
            board.run_to(now);
            events.extend(hook.read(now).expect("simulated pins work"));
        }
        events
    }

    #[test]
    fn lifting_and_hanging_up() {
        assert_eq!(
            events(&[100, 1000]),
            [HookEvent::OffHook, HookEvent::OnHook]
        );
    }

    #[test]
    fn a_short_break_is_a_flash_and_a_shorter_one_a_dial_pulse() {
        assert_eq!(
            events(&[100, 1000, 1300]),
            [HookEvent::OffHook, HookEvent::Flash]
        );
        assert_eq!(events(&[100, 1000, 1060]), [HookEvent::OffHook]);
    }
}
