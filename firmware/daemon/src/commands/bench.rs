//! `trunkside bench`: what recognition costs on this machine.

use std::collections::VecDeque;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use serde::Serialize;
use trunkside_call::{FRAME_DURATION, FRAME_SAMPLES, Frame, Side, Utterance};
use trunkside_media::wav;
use trunkside_recognition::{Recogniser, Stream, StreamOptions};

use super::{listening, rounded};
use crate::cli::{BenchRecognitionArgs, Failure};
use crate::cloud::health::resident;
use crate::hearing::{Chunks, Figures, Listener, Pool, Rules};

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
    /// Audio that went unheard because the processor was too slow.
    unheard_s: f64,
    /// Chunks of the longest hop: 1 unless the processor was short.
    longest_hop: u32,
}

/// Plays recordings to many streams at once and prints what that took.
pub fn recognition(args: &BenchRecognitionArgs) -> Result<(), Failure> {
    let (recogniser, options) = listening::prepare(&args.listening)?;
    let listeners = Listeners {
        recogniser,
        options,
    };
    let recordings = recordings(&args.audio)?;
    let longest = args.seconds.map_or(Duration::MAX, Duration::from_secs_f64);
    let tracks: Vec<Track> = (0..args.streams)
        .map(|number| Track::new(&recordings, number, longest))
        .collect();
    let report = if args.unpaced {
        unpaced(&listeners, tracks)?
    } else {
        paced(&listeners, tracks, args.threads.unwrap_or_else(cores))?
    };
    print(&report, args.json)
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

/// What hears, the same for every stream.
struct Listeners {
    recogniser: Arc<Recogniser>,
    options: StreamOptions,
}

/// The recordings that one stream hears one after the other, from another one on for each stream.
struct Track {
    recordings: Arc<[Vec<i16>]>,
    first: usize,
    begun: usize,
    position: usize,
    heard: Duration,
    longest: Duration,
    /// When its first frame begins, so that streams do not keep step.
    offset: Duration,
}

/// A frame, its number within its recording from 1, and whether it is the recording's last.
struct Step {
    frame: Frame,
    number: u64,
    is_last: bool,
}

impl Track {
    fn new(recordings: &Arc<[Vec<i16>]>, number: usize, longest: Duration) -> Self {
        Self {
            recordings: Arc::clone(recordings),
            first: number % recordings.len(),
            begun: 0,
            position: 0,
            heard: Duration::ZERO,
            longest,
            offset: Duration::from_millis(37 * number as u64 % 160),
        }
    }

    /// When each recording ends, on this track's own time.
    fn ends(&self) -> VecDeque<Duration> {
        let mut end = Duration::ZERO;
        let recordings = self.recordings.iter().cycle().skip(self.first);
        recordings
            .take(self.recordings.len())
            .map(|recording| {
                end += FRAME_DURATION * recording.len().div_ceil(FRAME_SAMPLES) as u32;
                end
            })
            .collect()
    }

    /// When the next frame is complete; none when all were played.
    fn due(&self) -> Option<Duration> {
        let over = self.begun == self.recordings.len() || self.heard >= self.longest;
        (!over).then(|| self.offset + self.heard + FRAME_DURATION)
    }
}

impl Iterator for Track {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.due()?;
        let recording = &self.recordings[(self.first + self.begun) % self.recordings.len()];
        let mut frame = Frame {
            side: Side::Caller,
            start: self.heard,
            samples: [0; FRAME_SAMPLES],
        };
        let rest = &recording[self.position..];
        let length = rest.len().min(FRAME_SAMPLES);
        frame.samples[..length].copy_from_slice(&rest[..length]);
        self.position += length;
        self.heard = frame.end();
        let number = self.position.div_ceil(FRAME_SAMPLES) as u64;
        let is_last = self.position == recording.len();
        if is_last {
            self.begun += 1;
            self.position = 0;
        }
        Some(Step {
            frame,
            number,
            is_last,
        })
    }
}

/// One stream and what is noted of it.
struct Player {
    stream: Stream,
    /// Since when its frames are due; none when nobody waits for them.
    began: Option<Instant>,
    /// Where recordings end: there the stream does, too.
    ends: VecDeque<Duration>,
    shown: Option<u32>,
    first_partials: Vec<Duration>,
    lags: Vec<Duration>,
    fault: Option<trunkside_recognition::Error>,
    done: Sender<Noted>,
}

/// What one stream has noted.
struct Noted {
    first_partials: Vec<Duration>,
    lags: Vec<Duration>,
    fault: Option<trunkside_recognition::Error>,
}

impl Player {
    fn new(
        listeners: &Listeners,
        ends: VecDeque<Duration>,
        done: &Sender<Noted>,
    ) -> Result<Self, Failure> {
        let options = listeners.options.clone();
        let stream = listeners.recogniser.stream(Side::Caller, options);
        Ok(Self {
            stream: stream.map_err(Failure::input)?,
            began: None,
            ends,
            shown: None,
            first_partials: Vec::new(),
            lags: Vec::new(),
            fault: None,
            done: done.clone(),
        })
    }

    fn hear_frame(&mut self, frame: &Frame) -> Result<(), trunkside_recognition::Error> {
        let began = now();
        let runs = self.stream.runs();
        self.stream.handle(frame)?;
        let lag = |player: &Self| match player.began {
            Some(origin) => (origin + frame.end()).elapsed(),
            None => began.elapsed(),
        };
        if self.stream.runs() > runs {
            self.lags.push(lag(self));
        }
        self.take(frame.end() + lag(self));
        // Where the last frame of a recording was lost, the next one ends it.
        while self.ends.front().is_some_and(|end| *end <= frame.end()) {
            self.ends.pop_front();
            self.stream.finish()?;
            self.take(frame.end() + lag(self));
        }
        Ok(())
    }

    fn take(&mut self, now: Duration) {
        while let Some(utterance) = self.stream.poll() {
            let Utterance { number, start, .. } = utterance;
            if !utterance.words.is_empty() && self.shown != Some(number) {
                self.shown = Some(number);
                self.first_partials.push(now.saturating_sub(start));
            }
        }
    }
}

impl Listener for Player {
    fn hear(&mut self, frames: &[Frame], hop: u32) {
        self.stream.set_hop(hop as usize);
        for frame in frames {
            if self.fault.is_none()
                && let Err(fault) = self.hear_frame(frame)
            {
                self.fault = Some(fault);
            }
        }
    }

    fn finish(&mut self) {
        let noted = Noted {
            first_partials: std::mem::take(&mut self.first_partials),
            lags: std::mem::take(&mut self.lags),
            fault: self.fault.take(),
        };
        // Nobody asks any more when the command has failed.
        let _ = self.done.send(noted);
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// One thread, frame after frame and stream after stream, as fast as it goes; a lag is the time
/// that one chunk takes.
fn unpaced(listeners: &Listeners, mut tracks: Vec<Track>) -> Result<Report, Failure> {
    let (done, noted) = channel();
    let mut players = players(listeners, &tracks, &done)?;
    let cpu = ProcessTime::now();
    let mut left = true;
    while left {
        left = false;
        for (track, player) in tracks.iter_mut().zip(&mut players) {
            if let Some(step) = track.next() {
                player.hear(&[step.frame], 1);
                left = true;
            }
        }
    }
    let (cpu, rss_mb) = (cpu.elapsed(), resident_mb());
    players.iter_mut().for_each(Listener::finish);
    report(&tracks, cpu, rss_mb, noted.try_iter())
}

/// Every stream at the pace of a call, heard by as many threads as the box's calls would be.
fn paced(listeners: &Listeners, mut tracks: Vec<Track>, threads: usize) -> Result<Report, Failure> {
    let (done, noted) = channel();
    let players = players(listeners, &tracks, &done)?;
    drop(done);
    let pool = Pool::start(Rules::new(threads))?;
    let intake = pool.intake();
    let (began, cpu) = (now(), ProcessTime::now());
    let takes = Chunks::of(&listeners.recogniser);
    let open = |(mut player, track): (Player, &Track)| {
        player.began = Some(began + track.offset);
        intake.open(player, takes)
    };
    let keys: Vec<_> = players.into_iter().zip(&tracks).map(open).collect();
    loop {
        let due = tracks.iter().enumerate();
        let due = due.filter_map(|(index, track)| Some((track.due()?, index)));
        let Some((due, index)) = due.min() else {
            break;
        };
        wait_until(began + due);
        if let Some(step) = tracks[index].next() {
            let completes = step.is_last || listeners.recogniser.completes_chunk(step.number);
            intake.arrive(keys[index], &step.frame, completes);
        }
    }
    let rss_mb = resident_mb();
    for key in keys {
        intake.close(key);
    }
    let noted: Vec<Noted> = noted.iter().collect();
    let figures = intake.figures();
    let cpu = cpu.elapsed();
    pool.stop(Duration::MAX);
    let report = report(&tracks, cpu, rss_mb, noted.into_iter())?;
    Ok(report.with(&figures))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement paces by the clock"
)]
fn wait_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}

fn players(
    listeners: &Listeners,
    tracks: &[Track],
    done: &Sender<Noted>,
) -> Result<Vec<Player>, Failure> {
    let player = |track: &Track| Player::new(listeners, track.ends(), done);
    tracks.iter().map(player).collect()
}

fn report(
    tracks: &[Track],
    cpu: Duration,
    rss_mb: Option<f64>,
    noted: impl Iterator<Item = Noted>,
) -> Result<Report, Failure> {
    let (mut first_partials, mut lags) = (Vec::new(), Vec::new());
    for noted in noted {
        if let Some(fault) = noted.fault {
            return Err(Failure::Operation(fault.into()));
        }
        first_partials.extend(noted.first_partials);
        lags.extend(noted.lags);
    }
    let audio_s: f64 = tracks.iter().map(|track| track.heard.as_secs_f64()).sum();
    let cpu_s = cpu.as_secs_f64();
    Ok(Report {
        streams: tracks.len(),
        audio_s: rounded(audio_s, 1e2),
        cpu_s: rounded(cpu_s, 1e4),
        cpu_per_audio: rounded(cpu_s / audio_s, 1e6),
        first_partial_ms_p50: percentile_ms(first_partials, 50),
        chunk_lag_ms_p99: percentile_ms(lags, 99),
        rss_mb,
        unheard_s: 0.0,
        longest_hop: 1,
    })
}

impl Report {
    /// The same, knowing what was left unheard.
    fn with(self, figures: &Figures) -> Self {
        let unheard = FRAME_DURATION.as_secs_f64() * figures.lost_frames as f64;
        let heard = (self.audio_s - unheard).max(FRAME_DURATION.as_secs_f64());
        Self {
            cpu_per_audio: rounded(self.cpu_s / heard, 1e6),
            unheard_s: rounded(unheard, 1e2),
            longest_hop: figures.longest_hop,
            ..self
        }
    }
}

/// The nearest-rank percentile in milliseconds; none of nothing.
fn percentile_ms(mut times: Vec<Duration>, percent: usize) -> Option<f64> {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    let time = times.get(rank.checked_sub(1)?)?;
    Some(rounded(time.as_secs_f64() * 1e3, 1e2))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Resident memory of this process in MiB, where the system tells.
fn resident_mb() -> Option<f64> {
    let bytes = Some(resident()).filter(|bytes| *bytes > 0)?;
    Some(rounded(bytes as f64 / 1_048_576.0, 1e1))
}

fn print(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        let line = serde_json::to_string(report).expect("a report is plain data");
        say!("{line}");
        return Ok(());
    }
    let or_none = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| v.to_string());
    say!("streams                   {}", report.streams);
    say!("audio heard, s            {}", report.audio_s);
    say!("processor time, s         {}", report.cpu_s);
    say!("processor s a second      {}", report.cpu_per_audio);
    say!(
        "first partial p50, ms     {}",
        or_none(report.first_partial_ms_p50)
    );
    say!(
        "chunk lag p99, ms         {}",
        or_none(report.chunk_lag_ms_p99)
    );
    say!("resident memory, MB       {}", or_none(report.rss_mb));
    say!("audio unheard, s          {}", report.unheard_s);
    say!("chunks of longest hop     {}", report.longest_hop);
    Ok(())
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
