//! Speech from text: espeak-ng as a process, and what comes of it at the telephone's rate and level.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, setpriority_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use trunkside_call::SAMPLE_RATE_HZ;
use trunkside_media::wav;
use trunkside_recognition::Resampler;

/// The longest that a text may take; most take a hundredth of it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most that is read of what a program says: three minutes at 44,100 samples a second.
const MOST_BYTES: u64 = 16 << 20;

/// As `nice` counts.
const LOWEST_PRIORITY: i32 = 19;

/// Words a minute.
const SPEED: &str = "150";

/// The loudest 50 ms of every clip have this root mean square, unless a peak would be cut: -20 dBFS, as the
/// shipped recordings.
const LOUDNESS: f32 = 3_277.0;
const HIGHEST_PEAK: f32 = 20_000.0;
const LOUDNESS_SPAN: usize = 400;

/// Quieter is silence, before and behind the words.
const AUDIBLE: i16 = 200;

/// Why a text could not be spoken: each is mended in another place.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// The program is not there.
    #[error(
        "`{}` cannot be started: {error}; install the package espeak-ng, set `prompts.espeak` to where \
         the program is, or record the prompt into `prompts.recordings`", program.display()
    )]
    Program {
        /// What was to be started.
        program: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It refuses, as for a voice that it does not have.
    #[error(
        "`{}` does not speak with the voice `{voice}`: {said}; choose a voice that `espeak-ng --voices` \
         lists", program.display()
    )]
    Refused {
        /// What was started.
        program: PathBuf,
        /// The voice.
        voice: String,
        /// The first line of its complaint.
        said: String,
    },
    /// It takes too long.
    #[error(
        "`{}` took more than {} s for a text; shorten the text, or look after the program",
        program.display(), TIMEOUT.as_secs()
    )]
    Late {
        /// What was started.
        program: PathBuf,
    },
    /// What it made is no speech.
    #[error(
        "`{}` made no speech of the text with the voice `{voice}`; write words of the voice's language",
        program.display()
    )]
    Silent {
        /// What was started.
        program: PathBuf,
        /// The voice.
        voice: String,
    },
}

/// Speaks a text; `is_whole` leaves silence around it, where it does not stand beside a number.
pub async fn speak(
    program: &Path,
    voice: &str,
    text: &str,
    is_whole: bool,
) -> Result<Vec<i16>, SpeechError> {
    let said = tokio::time::timeout(TIMEOUT, run(program, voice, text));
    let wav = said.await.map_err(|_| SpeechError::Late {
        program: program.to_owned(),
    })??;
    let speech = wav::parse_any_rate(&wav).ok();
    speech
        .and_then(|(rate_hz, samples)| at_the_telephone(rate_hz, &samples, is_whole))
        .ok_or_else(|| SpeechError::Silent {
            program: program.to_owned(),
            voice: voice.to_owned(),
        })
}

/// What the program writes. It ends when this is dropped.
async fn run(program: &Path, voice: &str, text: &str) -> Result<Vec<u8>, SpeechError> {
    let failed = |error| SpeechError::Program {
        program: program.to_owned(),
        error,
    };
    // The text is no argument: it might look like an option, and everybody may read arguments.
    let mut child = Command::new(program)
        .args(["-v", voice, "-s", SPEED, "--stdin", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    // Voice goes before everything else; where this is not allowed, so be it.
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id as i32)) {
        let _ = setpriority_process(Some(pid), LOWEST_PRIORITY);
    }
    let (mut stdin, stdout, stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut wav, mut complaint) = (Vec::new(), Vec::new());
    if let Some(stdin) = &mut stdin {
        // Who refuses need not read it.
        let _ = stdin.write_all(text.as_bytes()).await;
    }
    drop(stdin);
    let (mut stdout, mut stderr) = (
        stdout.expect("it was asked for").take(MOST_BYTES),
        stderr.expect("it was asked for").take(1_000),
    );
    let read = tokio::try_join!(
        stdout.read_to_end(&mut wav),
        stderr.read_to_end(&mut complaint)
    );
    read.map_err(failed)?;
    drop((stdout, stderr));
    let ended = child.wait().await.map_err(failed)?;
    if ended.success() {
        return Ok(wav);
    }
    let complaint = String::from_utf8_lossy(&complaint);
    let said = complaint
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty());
    Err(SpeechError::Refused {
        program: program.to_owned(),
        voice: voice.to_owned(),
        said: said.map_or_else(|| ended.to_string(), str::to_owned),
    })
}

/// The same at 8 kHz, as loud as other prompts, with as much silence around it as it needs; none where
/// nothing is heard.
fn at_the_telephone(rate_hz: u32, samples: &[i16], is_whole: bool) -> Option<Vec<i16>> {
    if !(SAMPLE_RATE_HZ..=96_000).contains(&rate_hz) {
        return None;
    }
    let samples: Vec<f32> = samples.iter().copied().map(f32::from).collect();
    let mut speech = Vec::new();
    Resampler::new(rate_hz, SAMPLE_RATE_HZ).push(&samples, &mut speech);
    let is_audible = |sample: &f32| sample.abs() > f32::from(AUDIBLE);
    let first = speech.iter().position(is_audible)?;
    let last = speech.iter().rposition(is_audible)?;
    let words = &speech[first..=last];
    let gain = gain(words);
    let (before, behind) = if is_whole { (800, 1_600) } else { (160, 240) };
    let mut prompt = vec![0; before];
    prompt.extend(words.iter().map(|sample| (gain * sample) as i16));
    prompt.resize(prompt.len() + behind, 0);
    Some(prompt)
}

fn gain(words: &[f32]) -> f32 {
    let power = |span: &[f32]| span.iter().map(|s| s * s).sum::<f32>() / LOUDNESS_SPAN as f32;
    let loudest = words.chunks(LOUDNESS_SPAN).map(power).fold(0.0, f32::max);
    let peak = words.iter().fold(0.0, |peak: f32, s| peak.max(s.abs()));
    (LOUDNESS / loudest.sqrt()).min(HIGHEST_PEAK / peak)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn tone(rate_hz: u32, seconds: f32, level: f32) -> Vec<i16> {
        (0..(rate_hz as f32 * seconds) as u32)
            .map(|n| {
                let phase = std::f32::consts::TAU * 500.0 * n as f32 / rate_hz as f32;
                (level * phase.sin()) as i16
            })
            .collect()
    }

    #[test]
    fn speech_has_the_telephone_s_rate_and_level_and_little_silence_around_it() {
        for level in [1_000.0, 30_000.0] {
            let mut sound = vec![0; 22_050];
            sound.extend(tone(22_050, 1.0, level));
            sound.extend([0; 22_050]);
            let piece = at_the_telephone(22_050, &sound, false).expect("a tone");
            assert!((8_300..=8_500).contains(&piece.len()), "{}", piece.len());
            let middle = &piece[2_000..6_000];
            let power = middle.iter().map(|s| f32::from(*s).powi(2)).sum::<f32>() / 4_000.0;
            assert!(
                (power.sqrt() / LOUDNESS - 1.0).abs() < 0.05,
                "{}",
                power.sqrt()
            );
            let whole = at_the_telephone(22_050, &sound, true).expect("a tone");
            assert_eq!(whole.len(), piece.len() + 2_000);
        }
        assert_eq!(at_the_telephone(22_050, &[0; 22_050], true), None);
        assert_eq!(
            at_the_telephone(4_000, &tone(4_000, 1.0, 9_000.0), true),
            None
        );
    }

    /// A program that does this in place of espeak-ng.
    fn program(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("speaks");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_refuses_or_says_nothing_is_told_with_the_remedy() {
        let fault = async |program: &Path| {
            let error = speak(program, "en", "hello", true).await.unwrap_err();
            error.to_string()
        };
        let missing = fault(Path::new("/nowhere/espeak-ng")).await;
        assert!(
            missing.contains("install the package espeak-ng"),
            "{missing}"
        );
        let folder = tempfile::tempdir().unwrap();
        let without_voice = program(folder.path(), "echo 'no such voice' >&2; exit 1");
        let voice = fault(&without_voice).await;
        assert!(voice.contains("voice `en`: no such voice"), "{voice}");
        let folder = tempfile::tempdir().unwrap();
        let silent = fault(&program(folder.path(), "cat > /dev/null; echo RIFF")).await;
        assert!(silent.contains("made no speech"), "{silent}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_hangs_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let hangs = program(folder.path(), "exec tail -f /dev/null");
        let error = speak(&hangs, "en", "hello", true).await.unwrap_err();
        assert!(error.to_string().contains("more than 10 s"), "{error}");
    }
}
