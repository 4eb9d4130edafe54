//! Sound in and out, a frame at a time.

use crate::BoardError;

/// Samples a second: the telephone's rate.
pub const SAMPLE_RATE_HZ: u32 = 8_000;

/// Samples of a frame: 20 ms.
pub const FRAME_SAMPLES: usize = 160;

/// One channel of sound in both directions: 16 bit, 8 kHz.
///
/// Errors tell what to do: on [`Retry`](BoardError::Retry) a frame was lost and the next call may
/// follow at once; on [`Rebuild`](BoardError::Rebuild) the device must be opened again.
pub trait SoundDevice: Send {
    /// Waits for the next 20 ms that were captured.
    fn capture(&mut self, frame: &mut [i16; FRAME_SAMPLES]) -> Result<(), BoardError>;

    /// Queues 20 ms to be played; waits while the device's buffer is full.
    fn play(&mut self, frame: &[i16; FRAME_SAMPLES]) -> Result<(), BoardError>;
}
