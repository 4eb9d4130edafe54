//! Whole calls of voice, keys and reports, in any order and at any pace.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| trunkside_media::fuzzing::call(script));
