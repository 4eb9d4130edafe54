//! How often a caller is missed or an echo taken for one, by how loud the echo is.

use std::path::Path;

use trunkside_call::Codec;

use super::*;
use crate::{g711, wav};

/// What recognition takes for a voice is louder than this (its endpointing: -52 dBFS).
const AUDIBLE: f32 = 82.0;

/// So many audible frames in a row of an echo count as a false stop: no word is shorter.
const WORD: usize = 8;

/// A caller is missed of whose audible frames less than this share comes through, each at most 10 dB
/// below what was said.
const ENOUGH: f32 = 0.6;

/// A line that gives back what it is played.
#[derive(Clone, Copy)]
struct Line<'a> {
    delay_ms: usize,
    gain_db: f32,
    colour: &'a [f32],
}

/// A hybrid gives back what it gets; the loudspeaker and microphone of a phone colour it.
const HYBRID: &[f32] = &[1.0];
const LOUDSPEAKER: &[f32] = &[0.2, -0.5, 1.0, 0.6, -0.3, 0.2, 0.0, 0.1, -0.1, 0.3];

/// A line that gives nothing back.
const NOWHERE: Line<'static> = Line {
    delay_ms: 0,
    gain_db: 0.0,
    colour: HYBRID,
};

fn recording(path: &str) -> Vec<i16> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    wav::read(&file).unwrap()
}

/// What a side with such a line sends while it is played `prompt` and says `voice` from `at` on: with
/// the noise of a line, and in A-law as it travels.
fn sent(prompt: &[i16], line: Line, voice: &[i16], at: usize) -> Vec<i16> {
    let Line { colour, .. } = line;
    let gain = 10_f32.powf(line.gain_db / 20.0) / energy(colour).sqrt();
    let delay = line.delay_ms * 8;
    let length = (prompt.len() + delay + 1_600).max(at + voice.len());
    let echo = |n: usize| -> f32 {
        let heard = |k: usize| prompt.get(n.checked_sub(delay + k)?).copied();
        let parts = colour.iter().enumerate();
        parts
            .map(|(k, part)| part * f32::from(heard(k).unwrap_or_default()))
            .sum()
    };
    let said = |n: usize| voice.get(n.checked_sub(at)?).copied();
    (0..length / FRAME * FRAME)
        .map(|n| {
            let noise = ((n * 7_919) % 31) as f32 - 15.0;
            let all = echo(n) * gain + f32::from(said(n).unwrap_or_default()) + noise;
            g711::decode(Codec::Pcma, g711::encode(Codec::Pcma, all as i16))
        })
        .collect()
}

/// What recognition gets of it: what is played is known 40 ms before it could come back.
fn cleaned(prompt: &[i16], came: &[i16]) -> Vec<i16> {
    let mut gate = EchoGate::default();
    let mut played = (0..).step_by(FRAME).zip(prompt.chunks(FRAME));
    for (position, samples) in played.by_ref().take(2) {
        gate.play(position, samples.iter().copied());
    }
    let mut out = Vec::new();
    for (n, frame) in came.chunks_exact(FRAME).enumerate() {
        if let Some((position, samples)) = played.next() {
            // Sent a little early or late, as timers are.
            let uneven = (n as u64 * 37) % 40;
            gate.play(position + uneven, samples.iter().copied());
        }
        let mut frame: [i16; FRAME] = frame.try_into().unwrap();
        gate.clean((n * FRAME) as u64, &mut frame);
        out.extend(frame);
    }
    out
}

fn level(frame: &[i16]) -> f32 {
    let energy: f32 = frame.iter().map(|&sample| f32::from(sample).powi(2)).sum();
    (energy / frame.len() as f32).sqrt()
}

/// Whether an echo alone would count as a voice.
fn is_false_stop(prompt: &[i16], line: Line) -> bool {
    let left = cleaned(prompt, &sent(prompt, line, &[], 0));
    let mut run = 0;
    left.chunks(FRAME).any(|frame| {
        run = if level(frame) > AUDIBLE { run + 1 } else { 0 };
        run >= WORD
    })
}

/// Whether a voice over a prompt would be lost.
fn is_missed(prompt: &[i16], line: Line, voice: &[i16], at: usize) -> bool {
    let left = cleaned(prompt, &sent(prompt, line, voice, at));
    let pairs = voice
        .chunks_exact(FRAME)
        .zip(left[at..].chunks_exact(FRAME));
    let audible = pairs.filter(|(said, _)| level(said) > 4.0 * AUDIBLE);
    let (mut all, mut came) = (0, 0);
    for (said, got) in audible {
        all += 1;
        came += usize::from(level(got) > level(said) * 0.316);
    }
    (came as f32) < ENOUGH * all as f32
}

/// False stops and misses at each echo level, in percent, over prompts, lines and voices.
fn sweep(prompts: &[&str], delays_ms: &[usize], voices: &[&str]) -> Vec<(f32, f32, f32)> {
    let read = |paths: &[&str]| paths.iter().map(|path| recording(path)).collect::<Vec<_>>();
    let (prompts, voices) = (read(prompts), read(voices));
    let mut rates = Vec::new();
    for gain_db in [-6.0, -10.0, -15.0, -20.0, -25.0, -30.0] {
        let (mut echoes, mut stops, mut callers, mut misses) = (0, 0, 0, 0);
        for prompt in &prompts {
            for &delay_ms in delays_ms {
                for colour in [HYBRID, LOUDSPEAKER] {
                    let line = Line {
                        delay_ms,
                        gain_db,
                        colour,
                    };
                    echoes += 1;
                    stops += usize::from(is_false_stop(prompt, line));
                    for voice in &voices {
                        callers += 1;
                        // Over the prompt's first second, in full speech.
                        misses += usize::from(is_missed(prompt, line, voice, 8_000));
                    }
                }
            }
        }
        let percent = |part: usize, all: usize| 100.0 * part as f32 / all as f32;
        rates.push((gain_db, percent(stops, echoes), percent(misses, callers)));
    }
    rates
}

#[test]
#[expect(clippy::print_stdout, reason = "figures are for reading")]
fn an_echo_is_not_taken_for_the_caller_and_a_caller_over_it_is_heard() {
    let prompts = ["prompts/zh/greeting.wav", "prompts/en/queue.wav"];
    let voices = ["../../tests/audio/balance_zh.wav"];
    for (gain_db, stops, misses) in sweep(&prompts, &[0, 150], &voices) {
        println!("{gain_db} dB: {stops:.1} % false stops, {misses:.1} % misses");
        // docs/measurements/echo.md has the rates over more.
        assert!(stops <= 0.0, "{stops} % false stops at {gain_db} dB");
        assert!(misses <= 0.0, "{misses} % misses at {gain_db} dB");
    }
}

/// The figures of `docs/measurements/echo.md`.
#[test]
#[ignore = "it takes a minute"]
#[expect(clippy::print_stdout, reason = "figures are for reading")]
fn rates_by_echo_level() {
    let prompts = ["greeting", "apology"];
    let prompts: Vec<String> = ["zh", "en"]
        .iter()
        .flat_map(|tag| prompts.map(|name| format!("prompts/{tag}/{name}.wav")))
        .collect();
    let prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
    let voices = ["balance_zh", "lostcard_en"];
    let voices = voices.map(|name| format!("../../tests/audio/{name}.wav"));
    let voices: Vec<&str> = voices.iter().map(String::as_str).collect();
    for (gain_db, stops, misses) in sweep(&prompts, &[0, 60, 300], &voices) {
        println!("{gain_db} dB: {stops:.1} % false stops, {misses:.1} % misses");
    }
}

/// Every prompt with every voice over it, on a line that gives nothing back.
fn without_an_echo(voices: &[&str]) -> (f32, f32) {
    let (mut changed, mut invented, mut frames) = (0, 0, 0);
    for tag in ["zh", "en"] {
        for prompt in ["greeting", "recording_notice", "queue", "transfer"] {
            let prompt = recording(&format!("prompts/{tag}/{prompt}.wav"));
            for voice in voices {
                let voice = recording(voice);
                for at in [0, 3_000, 8_000, 16_000] {
                    let came = sent(&[], NOWHERE, &voice, at);
                    let left = cleaned(&prompt, &came);
                    for (came, left) in came.chunks(FRAME).zip(left.chunks(FRAME)) {
                        frames += 1;
                        changed += usize::from(level(came) > AUDIBLE && came != left);
                        invented += usize::from(level(left) > level(came).max(AUDIBLE));
                    }
                }
            }
        }
    }
    let percent = |part: usize| 100.0 * part as f32 / frames as f32;
    (percent(changed), percent(invented))
}

#[test]
#[expect(clippy::print_stdout, reason = "figures are for reading")]
fn on_a_line_without_an_echo_nothing_is_invented_and_little_is_lost() {
    let voices = ["balance_zh", "phone_zh", "lostcard_en", "agree_zh"];
    let voices = voices.map(|name| format!("../../tests/audio/{name}.wav"));
    let voices: Vec<&str> = voices.iter().map(String::as_str).collect();
    let (changed, invented) = without_an_echo(&voices);
    println!("{changed:.2} % of frames changed, {invented:.2} % invented");
    assert!(
        invented <= 0.0,
        "{invented} % of frames are prompts that did not come back"
    );
    assert!(changed < 1.0, "{changed} % of frames of voice are changed");
}

#[test]
fn where_nothing_is_played_nothing_is_changed() {
    let voice = recording("../../tests/audio/phone_zh.wav");
    let mut gate = EchoGate::default();
    for (n, chunk) in voice.chunks_exact(FRAME).enumerate() {
        let mut frame: [i16; FRAME] = chunk.try_into().unwrap();
        gate.clean((n * FRAME) as u64, &mut frame);
        assert_eq!(frame[..], *chunk);
    }
}
