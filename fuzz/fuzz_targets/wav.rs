//! Recordings: none panics, and one that is read is heard whole.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use trunkside_media::wav;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(samples) = wav::parse(bytes, Path::new("fuzz.wav")) {
        assert!(!samples.is_empty() && samples.len() <= bytes.len());
    }
});
