//! The decision log's file: whole lines only, and none lost while the disk refuses them for a time.
//! What is too old goes ([`old`]).

mod old;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use trunkside_decision::log::Entry;

use crate::storage::owner_only;
use crate::storage::store::keeping::Horizon;

use old::Cut;

/// How often a log is cut while it is kept: each time, so great a part of that goes.
const CUTS: u32 = 12;

/// Bytes of lines that wait for the disk at most: more than a thousand calls.
const MOST_BYTES: usize = 8 << 20;

/// Bytes that are written at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Lines that wait, within bounds.
#[derive(Debug)]
pub struct Lines {
    waiting: VecDeque<String>,
    bytes: usize,
    most_bytes: usize,
    /// Lines given up since the last that waits.
    gap: u64,
    given_up: u64,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            most_bytes: MOST_BYTES,
            gap: 0,
            given_up: 0,
        }
    }
}

impl Lines {
    /// Takes a line. When too many wait already it is given up: what is kept stays replayable up to
    /// there, and the log tells of the gap.
    pub fn push(&mut self, line: String) {
        if self.bytes + line.len() > self.most_bytes {
            self.gap += 1;
            self.given_up += 1;
            return;
        }
        if self.gap > 0 {
            let gap = Entry::Gap {
                lines: std::mem::take(&mut self.gap),
            };
            self.wait(gap.to_line());
        }
        self.wait(line);
    }

    fn wait(&mut self, line: String) {
        self.bytes += line.len();
        self.waiting.push_back(line);
    }

    /// Lines given up since the start.
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Takes what waits out.
    pub fn take(&mut self) -> VecDeque<String> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting)
    }

    /// The first so many have been written.
    fn written(&mut self, count: usize) {
        let written = self.waiting.drain(..count);
        self.bytes -= written.map(|line| line.len()).sum::<usize>();
    }
}

/// Lines on their way to the file.
#[derive(Debug)]
pub struct DecisionLog {
    path: PathBuf,
    file: Option<File>,
    /// The file ends within a line, which the next one must not be glued to.
    torn: bool,
    lines: Lines,
}

impl DecisionLog {
    /// The log in `path`, which is opened or made with the first line.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            torn: false,
            lines: Lines::default(),
        }
    }

    /// Takes a line, or gives it up when too many wait.
    pub fn push(&mut self, line: String) {
        self.lines.push(line);
    }

    /// Lines given up since the start.
    pub const fn given_up(&self) -> u64 {
        self.lines.given_up()
    }

    /// Writes what waits. After an error it waits on, and no part of a line stands in the file or
    /// the next one will begin on its own.
    pub fn write(&mut self) -> io::Result<()> {
        while !self.lines.waiting.is_empty() {
            let mut file = match self.file.take() {
                Some(file) => file,
                None => self.open()?,
            };
            let (count, chunk) = self.chunk();
            let before = file.metadata()?.len();
            if let Err(error) = file.write_all(chunk.as_bytes()) {
                self.torn |= file.set_len(before).is_err();
                return Err(error);
            }
            self.torn = false;
            self.lines.written(count);
            self.file = Some(file);
        }
        Ok(())
    }

    fn open(&mut self) -> io::Result<File> {
        let mut file = owner_only::options()
            .create(true)
            .append(true)
            .read(true)
            .open(&self.path)?;
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        // The power failed in the middle of a line.
        self.torn = last != [b'\n'];
        Ok(file)
    }

    /// Forgets what is too old; says how many bytes went. The file is replaced whole.
    pub fn forget(&mut self, horizon: &Horizon, keep: Duration) -> io::Result<u64> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            file => file?,
        };
        let mut log = BufReader::new(file);
        let nearer = horizon.nearer(keep / CUTS);
        let Some(cut) = old::cut(&mut log, horizon, &nearer)? else {
            return Ok(0);
        };
        let part = self.path.with_extension("part");
        let copied = copy(&cut, &mut log, &part).and_then(|()| fs::rename(&part, &self.path));
        if copied.is_err() {
            // On a full disk it would stand in the way of the next try.
            let _ = fs::remove_file(&part);
        }
        copied?;
        // The next line opens the new one.
        self.file = None;
        Ok(cut.bytes)
    }

    /// The lines to write next: how many, and their text.
    fn chunk(&self) -> (usize, String) {
        let mut chunk = String::from(if self.torn { "\n" } else { "" });
        let mut count = 0;
        for line in &self.lines.waiting {
            if count > 0 && chunk.len() + line.len() > CHUNK_BYTES {
                break;
            }
            chunk.push_str(line);
            count += 1;
        }
        (count, chunk)
    }
}

/// Writes what is left of a log.
fn copy(cut: &Cut, log: &mut BufReader<File>, to: &Path) -> io::Result<()> {
    log.seek(SeekFrom::Start(cut.bytes))?;
    let mut file = owner_only::options()
        .write(true)
        .create(true)
        .truncate(true)
        .open(to)?;
    file.write_all(cut.head.as_bytes())?;
    io::copy(log, &mut file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_in(folder: &Path) -> DecisionLog {
        DecisionLog::new(&folder.join("decisions.jsonl"))
    }

    fn text(folder: &Path) -> String {
        std::fs::read_to_string(folder.join("decisions.jsonl")).unwrap()
    }

    #[test]
    fn a_torn_line_never_spoils_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("decisions.jsonl"), "{\"entry\":\"sta").unwrap();
        let mut log = log_in(folder.path());
        log.push("one\n".to_owned());
        log.push("two\n".to_owned());
        log.write().unwrap();
        log.push("three\n".to_owned());
        log.write().unwrap();
        assert_eq!(text(folder.path()), "{\"entry\":\"sta\none\ntwo\nthree\n");
    }

    #[test]
    fn what_is_too_old_goes_and_the_log_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let time = |day: &str| {
            let local = format!("{day}T12:00:00").parse().unwrap();
            let input = trunkside_decision::Input::LocalTime { local };
            Entry::input(Duration::ZERO, input).to_line()
        };
        let mut log = log_in(folder.path());
        let days = ["2026-01-01", "2026-06-01", "2026-06-02"].map(time);
        for line in &days {
            log.push(line.clone());
        }
        log.write().unwrap();
        let keep = Duration::from_secs(30 * 86_400);
        let now: jiff::Timestamp = "2026-06-03T00:00:00Z".parse().unwrap();
        let horizon = Horizon::new(now.as_millisecond(), true, keep).unwrap();
        assert_eq!(log.forget(&horizon, keep).unwrap(), days[0].len() as u64);
        assert_eq!(log.forget(&horizon, keep).unwrap(), 0);
        log.push("next\n".to_owned());
        log.write().unwrap();
        let gap = Entry::Gap { lines: 1 }.to_line();
        let left = format!("{gap}{}{}next\n", days[1], days[2]);
        assert_eq!(text(folder.path()), left);
        let path = folder.path().join("decisions.jsonl");
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn lines_wait_until_the_disk_takes_them() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut log = log_in(&data);
        log.push("one\n".to_owned());
        assert!(log.write().is_err());
        log.push("two\n".to_owned());
        std::fs::create_dir(&data).unwrap();
        log.write().unwrap();
        assert_eq!(text(&data), "one\ntwo\n");
    }

    #[test]
    fn what_waits_is_bounded_and_the_log_tells_of_the_gap() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log_in(folder.path());
        log.lines.most_bytes = 8;
        for line in ["one\n", "two\n", "six\n", "ten\n"] {
            log.push(line.to_owned());
        }
        assert_eq!((log.given_up(), log.lines.bytes), (2, 8));
        log.write().unwrap();
        log.lines.most_bytes = 100;
        log.push("end\n".to_owned());
        log.write().unwrap();
        let gap = Entry::Gap { lines: 2 }.to_line();
        assert_eq!(text(folder.path()), format!("one\ntwo\n{gap}end\n"));
    }
}
