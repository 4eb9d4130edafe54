//! Whether and how calls are recorded.

use std::path::PathBuf;
use std::time::Duration;

use trunkside_media::recording::Retention;

use super::DAY_S;
use super::layers::Layers;
use crate::recording::consent::DECLINE;

/// Whether calls are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordingMode {
    /// No call is.
    #[default]
    Off,
    /// Every call, once the notice has been heard, unless the caller declines.
    Notice,
    /// Calls whose caller has agreed.
    Consent,
}

impl RecordingMode {
    /// The word for it in the configuration and in the call store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Notice => "notice",
            Self::Consent => "consent",
        }
    }
}

/// How calls are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingConfig {
    /// Whether they are.
    pub mode: RecordingMode,
    /// Where the key is that seals them.
    pub key_file: Option<PathBuf>,
    /// How long they stay.
    pub retention: Retention,
    /// Whether the numbers of payment cards are silenced.
    pub mask_cards: bool,
}

/// How many days recordings stay, and how many MiB of them.
const USUAL_DAYS: u64 = 90;
const USUAL_MB: u64 = 2_000;

impl Default for RecordingConfig {
    fn default() -> Self {
        Self {
            mode: RecordingMode::Off,
            key_file: None,
            retention: retention(USUAL_DAYS, USUAL_MB),
            mask_cards: true,
        }
    }
}

const fn retention(days: u64, mb: u64) -> Retention {
    Retention {
        age: Duration::from_secs(days * DAY_S),
        bytes: mb << 20,
    }
}

/// Reads `[recording]`. A key by which callers ask for a call back must not be the one that declines.
pub fn resolve(layers: &mut Layers, asks_for_callback: Option<char>) -> RecordingConfig {
    let modes = [
        ("off", RecordingMode::Off),
        ("notice", RecordingMode::Notice),
        ("consent", RecordingMode::Consent),
    ];
    let mode = layers.choice("recording.mode", RecordingMode::Off, &modes);
    let key_file = layers.key_file("recording.key_file");
    if mode != RecordingMode::Off && key_file.is_none() && layers.is_sure_of("recording.key_file") {
        let message = "`recording.mode` needs `recording.key_file`, which seals what is recorded; \
                       set it to a file of 32 random bytes that the box's user may read";
        layers.report("recording.mode", message);
    }
    if mode != RecordingMode::Off && asks_for_callback == Some(DECLINE) {
        let message = format!(
            "`line.callback_key` is `{DECLINE}`, by which callers decline to be recorded; choose another \
             key, or set `recording.mode` to `off`"
        );
        layers.report("line.callback_key", &message);
    }
    RecordingConfig {
        mode,
        key_file,
        retention: retention(
            layers.integer("recording.keep_days", USUAL_DAYS, 1..=3_650),
            layers.integer("recording.keep_mb", USUAL_MB, 10..=10_000_000),
        ),
        mask_cards: layers.switch("recording.mask_cards", true),
    }
}
