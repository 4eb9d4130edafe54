//! `trunkside bench`: what recognition costs on this machine.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use serde::Serialize;
use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, Side, Utterance};
use trunkside_media::wav;
use trunkside_models::Catalogue;
use trunkside_recognition::{Recogniser, Stream, StreamOptions};

use crate::cli::{BenchRecognitionArgs, Failure};

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    streams: usize,
    audio_s: f64,
    cpu_s: f64,
    cpu_per_audio: f64,
    first_partial_ms_p50: Option<f64>,
    chunk_lag_ms_p99: Option<f64>,
    rss_mb: Option<f64>,
}

/// Plays recordings to many streams at once and prints what that took.
pub fn recognition(args: &BenchRecognitionArgs) -> Result<(), Failure> {
    let catalogue = Catalogue::find(None).map_err(Failure::input)?;
    let model = catalogue.model(&args.model).map_err(Failure::input)?;
    let recogniser = Arc::new(Recogniser::load(model).map_err(Failure::input)?);
    let recordings = recordings(&args.audio)?;
    let longest = args.seconds.map_or(Duration::MAX, Duration::from_secs_f64);
    let mut players = (0..args.streams)
        .map(|number| Player::new(&recogniser, &recordings, number, longest))
        .collect::<Result<Vec<_>, _>>()?;
    let cpu = ProcessTime::now();
    if args.unpaced {
        unpaced(&mut players)?;
    } else {
        paced(&mut players, args.threads.unwrap_or_else(cores))?;
    }
    let report = report(&players, cpu.elapsed(), resident_mb());
    print(&report, args.json);
    Ok(())
}

fn recordings(files: &[PathBuf]) -> Result<Arc<[Vec<i16>]>, Failure> {
    let read = |file: &PathBuf| wav::read(file).map_err(Failure::input);
    let recordings: Vec<Vec<i16>> = files.iter().map(read).collect::<Result<_, _>>()?;
    if let Some(empty) = recordings.iter().position(Vec::is_empty) {
        return Err(Failure::Input(anyhow::anyhow!(
            "`{}` holds no samples; give a recording of speech",
            files[empty].display()
        )));
    }
    Ok(recordings.into())
}

/// One stream and the recordings that it hears one after the other, from another one on for each
/// stream, with a new utterance at each.
struct Player {
    stream: Stream,
    recordings: Arc<[Vec<i16>]>,
    /// The recordings that it has begun, and the frames of the last of them that it has heard.
    begun: usize,
    first: usize,
    position: usize,
    heard: Duration,
    longest: Duration,
    /// When its first frame begins, so that streams do not keep step.
    offset: Duration,
    shown: Option<u32>,
    first_partials: Vec<Duration>,
    lags: Vec<Duration>,
}

impl Player {
    fn new(
        recogniser: &Arc<Recogniser>,
        recordings: &Arc<[Vec<i16>]>,
        number: usize,
        longest: Duration,
    ) -> Result<Self, Failure> {
        let stream = recogniser
            .stream(Side::Caller, StreamOptions::default())
            .map_err(Failure::input)?;
        Ok(Self {
            stream,
            recordings: Arc::clone(recordings),
            begun: 1,
            first: number % recordings.len(),
            position: 0,
            heard: Duration::ZERO,
            longest,
            offset: Duration::from_millis(37 * number as u64 % 160),
            shown: None,
            first_partials: Vec::new(),
            lags: Vec::new(),
        })
    }

    /// When the next frame is complete; none when all were heard.
    fn due(&self) -> Option<Duration> {
        let over = self.begun > self.recordings.len() || self.heard >= self.longest;
        (!over).then(|| self.offset + self.heard + FRAME_DURATION)
    }

    /// Hears the next frame. `lag` is asked once it has been heard, and says how long after
    /// [`Self::due`] that is.
    fn hear(&mut self, lag: impl Fn() -> Duration) -> Result<(), Failure> {
        let recording = &self.recordings[(self.first + self.begun - 1) % self.recordings.len()];
        let mut frame = Frame {
            side: Side::Caller,
            start: self.heard,
            samples: [0; FRAME_SAMPLES],
        };
        let rest = &recording[self.position..];
        let length = rest.len().min(FRAME_SAMPLES);
        frame.samples[..length].copy_from_slice(&rest[..length]);
        let runs = self.stream.runs();
        self.stream.handle(&frame).map_err(failed)?;
        self.heard = frame.end();
        self.position += length;
        let is_over = self.position == recording.len();
        if self.stream.runs() > runs {
            self.lags.push(lag());
        }
        self.take(&lag);
        if is_over {
            self.stream.finish().map_err(failed)?;
            self.take(&lag);
            self.begun += 1;
            self.position = 0;
        }
        Ok(())
    }

    fn take(&mut self, lag: impl Fn() -> Duration) {
        while let Some(utterance) = self.stream.poll() {
            let Utterance { number, start, .. } = utterance;
            if !utterance.words.is_empty() && self.shown != Some(number) {
                self.shown = Some(number);
                let now = self.heard + lag();
                self.first_partials.push(now.saturating_sub(start));
            }
        }
    }
}

fn failed(error: trunkside_recognition::Error) -> Failure {
    Failure::Operation(error.into())
}

/// One thread, frame after frame and stream after stream, as fast as it goes; a lag is the time
/// that one chunk takes.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn unpaced(players: &mut [Player]) -> Result<(), Failure> {
    let mut left = true;
    while left {
        left = false;
        for player in players.iter_mut().filter(|player| player.due().is_some()) {
            let began = Instant::now();
            player.hear(|| began.elapsed())?;
            left = true;
        }
    }
    Ok(())
}

/// Every stream at the pace of a call, shared out over the threads; each thread hears the frame
/// that was due first.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn paced(players: &mut [Player], threads: usize) -> Result<(), Failure> {
    let share = players.len().div_ceil(threads);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = players
            .chunks_mut(share)
            .map(|players| scope.spawn(move || play(players, began)))
            .collect();
        let ended = threads.into_iter().map(|thread| {
            let fault = || Failure::Operation(anyhow::anyhow!("a thread ended by a fault"));
            thread.join().unwrap_or_else(|_| Err(fault()))
        });
        ended.collect()
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement paces by the clock"
)]
fn play(players: &mut [Player], began: Instant) -> Result<(), Failure> {
    loop {
        let due = players
            .iter()
            .enumerate()
            .filter_map(|(index, player)| Some((player.due()?, index)));
        let Some((due, index)) = due.min() else {
            return Ok(());
        };
        let moment = began + due;
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
        players[index].hear(|| moment.elapsed())?;
    }
}

fn report(players: &[Player], cpu: Duration, rss_mb: Option<f64>) -> Report {
    let audio_s: f64 = players.iter().map(|p| p.heard.as_secs_f64()).sum();
    let all = |of: fn(&Player) -> &Vec<Duration>| -> Vec<Duration> {
        players.iter().flat_map(of).copied().collect()
    };
    let cpu_s = cpu.as_secs_f64();
    Report {
        streams: players.len(),
        audio_s: rounded(audio_s, 1e2),
        cpu_s: rounded(cpu_s, 1e4),
        cpu_per_audio: rounded(cpu_s / audio_s, 1e6),
        first_partial_ms_p50: percentile_ms(all(|player| &player.first_partials), 50),
        chunk_lag_ms_p99: percentile_ms(all(|player| &player.lags), 99),
        rss_mb,
    }
}

/// The nearest-rank percentile in milliseconds; none of nothing.
fn percentile_ms(mut times: Vec<Duration>, percent: usize) -> Option<f64> {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    let time = times.get(rank.checked_sub(1)?)?;
    Some(rounded(time.as_secs_f64() * 1e3, 1e2))
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Resident memory of this process, where the system tells it (`/proc`).
fn resident_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(rounded(kib / 1_024.0, 1e1))
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn print(report: &Report, json: bool) {
    if json {
        let line = serde_json::to_string(report).expect("a report is plain data");
        println!("{line}");
        return;
    }
    let or_none = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| v.to_string());
    println!("streams                   {}", report.streams);
    println!("audio heard, s            {}", report.audio_s);
    println!("processor time, s         {}", report.cpu_s);
    println!("processor s a second      {}", report.cpu_per_audio);
    println!(
        "first partial p50, ms     {}",
        or_none(report.first_partial_ms_p50)
    );
    println!(
        "chunk lag p99, ms         {}",
        or_none(report.chunk_lag_ms_p99)
    );
    println!("resident memory, MB       {}", or_none(report.rss_mb));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times =
            |values: std::ops::RangeInclusive<u64>| values.map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(times(1..=200), 99), Some(198.0));
        assert_eq!(percentile_ms(times(1..=3), 50), Some(2.0));
        assert_eq!(percentile_ms(times(7..=7), 99), Some(7.0));
        assert_eq!(percentile_ms(Vec::new(), 50), None);
    }
}
