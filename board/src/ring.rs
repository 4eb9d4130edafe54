//! The ring detector of an analogue line.

use std::time::Duration;

use embedded_hal::digital::InputPin;

use crate::BoardError;

/// Ring current is 16 to 68 Hz (TIA-968-B); a longer gap between pulses is silence.
const PULSE_GAP_MAX: Duration = Duration::from_millis(80);

/// So many pulses in a row are a ring; fewer are dial pulses or a surge.
const PULSES_MIN: u32 = 4;

/// The longest silence between two rings of one call (4 s in China and North America), with room.
const SILENCE_MAX: Duration = Duration::from_millis(6500);

/// What was heard of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingEvent {
    /// A call comes in.
    Started,
    /// One more ring of the same call.
    Again,
    /// The caller gave up, or the call was answered elsewhere.
    Stopped,
}

/// Finds rings in the pulses of an opto-coupler; each low level is half a wave of ring current.
#[derive(Debug)]
pub struct RingDetector<P> {
    pin: P,
    low: bool,
    pulses: u32,
    last_pulse: Option<Duration>,
    ringing: bool,
}

impl<P: InputPin> RingDetector<P> {
    /// Takes the pin; the line counts as quiet.
    pub const fn new(pin: P) -> Self {
        Self {
            pin,
            low: false,
            pulses: 0,
            last_pulse: None,
            ringing: false,
        }
    }

    /// Samples the pin; call it every 5 ms or oftener.
    pub fn read(&mut self, now: Duration) -> Result<Option<RingEvent>, BoardError> {
        let low = self
            .pin
            .is_low()
            .map_err(|e| BoardError::pin("reading the ring detector", &e))?;
        let begins = low && !self.low;
        self.low = low;
        let silent = self.last_pulse.map(|last| now.saturating_sub(last));
        if begins {
            self.pulses = match silent {
                Some(silent) if silent <= PULSE_GAP_MAX => self.pulses.saturating_add(1),
                _ => 1,
            };
            self.last_pulse = Some(now);
            if self.pulses == PULSES_MIN {
                let event = if self.ringing {
                    RingEvent::Again
                } else {
                    RingEvent::Started
                };
                self.ringing = true;
                return Ok(Some(event));
            }
        } else if self.ringing && silent.is_some_and(|silent| silent > SILENCE_MAX) {
            self.ringing = false;
            return Ok(Some(RingEvent::Stopped));
        }
        Ok(None)
    }

    /// Whether a call is coming in.
    pub const fn is_ringing(&self) -> bool {
        self.ringing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimBoard;

    fn events(board: &mut SimBoard, until_ms: u64) -> Vec<(u64, RingEvent)> {
        let mut ring = RingDetector::new(board.ring_pin());
        let mut events = Vec::new();
        for now_ms in (0..until_ms).step_by(5) {
            let now = Duration::from_millis(now_ms);
            board.run_to(now);
            events.extend(
                ring.read(now)
                    .expect("simulated pins work")
                    .map(|e| (now_ms, e)),
            );
        }
        events
    }

    #[test]
    fn rings_are_counted_and_their_end_is_found() {
        let mut board = SimBoard::new();
        for start_s in [1, 6] {
            board.ring(Duration::from_secs(start_s), Duration::from_secs(1));
        }
        let events = events(&mut board, 20_000);
        let kinds: Vec<RingEvent> = events.iter().map(|(_, event)| *event).collect();
        assert_eq!(
            kinds,
            [RingEvent::Started, RingEvent::Again, RingEvent::Stopped]
        );
        assert!(
            events[0].0 < 1200,
            "a call is known within 200 ms of ring current"
        );
    }

    #[test]
    fn a_surge_is_no_ring() {
        let mut board = SimBoard::new();
        board.ring(Duration::from_secs(1), Duration::from_millis(60));
        assert_eq!(events(&mut board, 9000), []);
    }
}
