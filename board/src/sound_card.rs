//! Sound cards through ALSA.

use alsa::pcm::{Access, Format, HwParams, PCM};
use alsa::{Direction, ValueOr};

use crate::{BoardError, FRAME_SAMPLES, SAMPLE_RATE_HZ, SoundDevice};

/// Frames that the card's buffer holds: enough for a late wake-up, little enough to be no delay
/// that is heard.
const BUFFER_FRAMES: i64 = 4;

/// Errors that ALSA reports by number (errno).
const EPIPE: i32 = 32;
const ESTRPIPE: i32 = 86;
const EAGAIN: i32 = 11;
const EINTR: i32 = 4;

/// A card that captures and plays 8 kHz mono; ALSA's `plug` converts for cards that cannot.
pub struct SoundCard {
    name: String,
    capture: PCM,
    playback: PCM,
}

impl std::fmt::Debug for SoundCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoundCard")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl SoundCard {
    /// Opens a device by its ALSA name, for instance `default` or `plughw:1,0`.
    pub fn open(name: &str) -> Result<Self, BoardError> {
        let open = |direction| {
            open(name, direction).map_err(|error| BoardError::GiveUp {
                what: format!("sound device `{name}`"),
                cause: error.to_string(),
                remedy: "list devices with `aplay -L` and name one that captures and plays".into(),
            })
        };
        Ok(Self {
            name: name.to_owned(),
            capture: open(Direction::Capture)?,
            playback: open(Direction::Playback)?,
        })
    }

    fn fault(&self, pcm: &PCM, doing: &str, error: alsa::Error) -> BoardError {
        let what = format!("{doing} on sound device `{}`", self.name);
        let recoverable = matches!(error.errno(), EPIPE | ESTRPIPE | EAGAIN | EINTR);
        if recoverable && pcm.try_recover(error, true).is_ok() {
            BoardError::Retry {
                what,
                cause: error.to_string(),
            }
        } else {
            BoardError::Rebuild {
                what,
                cause: error.to_string(),
            }
        }
    }
}

fn open(name: &str, direction: Direction) -> alsa::Result<PCM> {
    let pcm = PCM::new(name, direction, false)?;
    {
        let frame = FRAME_SAMPLES as i64;
        let hardware = HwParams::any(&pcm)?;
        hardware.set_access(Access::RWInterleaved)?;
        hardware.set_format(Format::s16())?;
        hardware.set_channels(1)?;
        hardware.set_rate(SAMPLE_RATE_HZ, ValueOr::Nearest)?;
        hardware.set_period_size_near(frame, ValueOr::Nearest)?;
        hardware.set_buffer_size_near(frame * BUFFER_FRAMES)?;
        pcm.hw_params(&hardware)?;
        let software = pcm.sw_params_current()?;
        // Playing begins with two frames in hand, so that one late frame is not heard.
        software.set_start_threshold(if direction == Direction::Playback {
            2 * frame
        } else {
            1
        })?;
        pcm.sw_params(&software)?;
    }
    Ok(pcm)
}

impl SoundDevice for SoundCard {
    fn capture(&mut self, frame: &mut [i16; FRAME_SAMPLES]) -> Result<(), BoardError> {
        let mut done = 0;
        while done < FRAME_SAMPLES {
            let read = self
                .capture
                .io_i16()
                .and_then(|io| io.readi(&mut frame[done..]));
            done += read.map_err(|error| self.fault(&self.capture, "capturing", error))?;
        }
        Ok(())
    }

    fn play(&mut self, frame: &[i16; FRAME_SAMPLES]) -> Result<(), BoardError> {
        let mut done = 0;
        while done < FRAME_SAMPLES {
            let written = self
                .playback
                .io_i16()
                .and_then(|io| io.writei(&frame[done..]));
            done += written.map_err(|error| self.fault(&self.playback, "playing", error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_says_what_to_do() {
        let error = SoundCard::open("no-such-card").expect_err("there is none");
        assert!(matches!(error, BoardError::GiveUp { .. }), "{error}");
        assert!(error.to_string().contains("`no-such-card`"), "{error}");
        assert!(error.to_string().contains("aplay -L"), "{error}");
    }

    /// ALSA's own `null` device takes and gives frames without hardware.
    #[test]
    fn frames_pass_through_alsa() {
        let mut card = SoundCard::open("null").expect("ALSA always has it");
        let mut frame = [1; FRAME_SAMPLES];
        card.capture(&mut frame).expect("null gives silence");
        card.play(&frame).expect("null takes everything");
    }
}
