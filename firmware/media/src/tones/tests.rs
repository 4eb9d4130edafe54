//! Which tones are a key, once each, and that speech is none.

use std::path::Path;

use super::*;
use crate::g711;
use trunkside_call::Codec;

const MS: usize = 8;

/// A pair of tones of these amplitudes, off by a share of its frequency.
fn pair(row: usize, column: usize, (low, high): (f32, f32), off: f32, ms: usize) -> Vec<i16> {
    let wave = |tone: f32, n: usize| {
        let turn = std::f32::consts::TAU * tone * (1.0 + off) / RATE;
        (turn * n as f32 + tone).sin()
    };
    (0..ms * MS)
        .map(|n| (low * wave(TONES[row], n) + high * wave(TONES[4 + column], n)) as i16)
        .collect()
}

/// What is heard, over G.711 and in packets.
fn keys(samples: &[i16]) -> String {
    keys_of(samples, SHORT)
}

fn keys_of(samples: &[i16], least: u8) -> String {
    let mut tones = Tones::default();
    let coded = g711::encode_all(Codec::Pcma, samples);
    let mut packets = coded.chunks(160);
    let heard = std::iter::from_fn(|| {
        let packet = packets.next()?;
        let samples = packet.iter().map(|&code| g711::decode(Codec::Pcma, code));
        Some(tones.take(samples, least))
    });
    heard.flatten().collect()
}

fn pause(ms: usize) -> Vec<i16> {
    vec![0; ms * MS]
}

#[test]
fn every_key_is_heard_once_wherever_it_begins() {
    for (row, keys_of_row) in KEYS.iter().enumerate() {
        for (column, &key) in keys_of_row.iter().enumerate() {
            for level in [10_000.0, 2_000.0, 600.0] {
                for lead in [0, 5, 11] {
                    let tone = pair(row, column, (level, level), 0.0, 45);
                    let line = [pause(lead), tone.clone(), pause(60), tone, pause(40)].concat();
                    assert_eq!(
                        keys(&line),
                        format!("{key}{key}"),
                        "{level} after {lead} ms"
                    );
                }
            }
        }
    }
}

#[test]
fn a_key_that_may_be_told_otherwise_is_heard_once_it_is_longer() {
    for lead in [0, 5, 11] {
        for (ms, heard) in [(25, ""), (55, "5"), (200, "5")] {
            let tone = pair(1, 1, (4_000.0, 4_000.0), 0.0, ms);
            let line = [pause(lead), tone, pause(60)].concat();
            assert_eq!(keys_of(&line, LONG), heard, "{ms} ms after {lead} ms");
        }
    }
}

#[test]
fn a_long_key_with_a_short_break_is_one() {
    let held = pair(1, 1, (4_000.0, 4_000.0), 0.0, 500);
    let broken = [held.clone(), pause(8), held, pause(50)].concat();
    assert_eq!(keys(&broken), "5");
}

#[test]
fn tones_may_differ_in_strength_and_a_little_in_pitch() {
    // 6 dB below and 3 dB above.
    for (low, high) in [(4_000.0, 2_000.0), (2_800.0, 4_000.0)] {
        assert_eq!(keys(&pair(2, 0, (low, high), 0.0, 80)), "7");
    }
    for off in [-0.01, 0.01] {
        assert_eq!(keys(&pair(3, 2, (4_000.0, 4_000.0), off, 80)), "#");
    }
    for off in [-0.035, 0.035] {
        assert_eq!(
            keys(&pair(3, 2, (4_000.0, 4_000.0), off, 80)),
            "",
            "too far off"
        );
    }
    assert_eq!(keys(&pair(0, 0, (4_000.0, 500.0), 0.0, 80)), "", "one tone");
}

#[test]
fn what_is_no_key_is_none() {
    assert_eq!(keys(&pause(200)), "");
    assert_eq!(
        keys(&pair(0, 0, (5_000.0, 5_000.0), 0.0, 20)),
        "",
        "too short"
    );
    assert_eq!(keys(&pair(0, 0, (90.0, 90.0), 0.0, 100)), "", "too soft");
    // A pair under as much noise as hides it.
    let mut seed = 1_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 16) as f32 / 32_768.0 - 1.0) * 6_000.0
    };
    let tone = pair(0, 0, (2_000.0, 2_000.0), 0.0, 2_000);
    let mixed: Vec<i16> = tone
        .iter()
        .map(|&s| (f32::from(s) + noise()) as i16)
        .collect();
    assert_eq!(keys(&mixed), "");
}

/// The prompts that ship, and what the tests' callers say, by several voices.
#[test]
fn speech_presses_no_keys() {
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/audio");
    let mut seconds = 0;
    for folder in ["en", "zh"]
        .map(|name| prompts.join(name))
        .iter()
        .chain([&tests])
    {
        for entry in std::fs::read_dir(folder).expect("speech that ships") {
            let path = entry.expect("readable").path();
            if path.extension().is_none_or(|kind| kind != "wav") {
                continue;
            }
            let samples = crate::wav::read(&path).expect("a recording");
            seconds += samples.len() / 8_000;
            assert_eq!(keys(&samples), "", "{}", path.display());
        }
    }
    assert!(seconds > 30, "{seconds} s of speech");
}
