//! Child processes whose output can be waited for.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A running child; killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    leads_a_group: bool,
}

impl Process {
    /// Starts a command and begins to read what it prints.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::null()))
    }

    /// Starts a command that is told what to do while it runs.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_to_be_told(command: &mut Command) -> (Self, ChildStdin) {
        let mut process = Self::spawn(command.stdin(Stdio::piped()));
        let ear = process.child.stdin.take().expect("piped");
        (process, ear)
    }

    fn spawn(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{name}`: {error}"));
        let (sender, lines) = channel();
        read_lines(child.stdout.take().expect("piped"), sender.clone());
        read_lines(child.stderr.take().expect("piped"), sender);
        Self {
            name,
            child,
            lines,
            seen: Vec::new(),
            leads_a_group: false,
        }
    }

    /// Starts a command that has children of its own, which end with it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_family(command: &mut Command) -> Self {
        let mut process = Self::start(command.process_group(0));
        process.leads_a_group = true;
        process
    }

    /// The first line that `pick` makes something of, printed already or waited for.
    ///
    /// # Panics
    /// When the deadline passes or the process closes its output first.
    pub fn find<T>(&mut self, what: &str, mut pick: impl FnMut(&str) -> Option<T>) -> T {
        match self.seen.iter().find_map(|line| pick(line)) {
            Some(picked) => picked,
            None => self.wait_for(what, pick),
        }
    }

    /// Waits for the first line, from now on, that `pick` makes something of.
    ///
    /// # Panics
    /// When the deadline passes or the process closes its output first.
    pub fn wait_for<T>(&mut self, what: &str, mut pick: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let picked = pick(&line);
                    self.seen.push(line);
                    if let Some(picked) = picked {
                        return picked;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let output = self.output();
                    panic!("{}: no {what} within {DEADLINE:?}:\n{output}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let output = self.output();
                    panic!("{}: ended without {what}:\n{output}", self.name)
                }
            }
        }
    }

    /// Everything printed so far.
    pub fn output(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    /// Waits until it ends by itself, and returns how, with all that it printed.
    ///
    /// # Panics
    /// When the deadline passes first.
    pub fn finish(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let output = self.output();
                    panic!("{}: still running after {DEADLINE:?}:\n{output}", self.name)
                }
            }
        }
        let status = self.child.wait().expect("a child can be waited for");
        (status, self.output())
    }

    /// Ends it at once, as a power cut would (SIGKILL).
    pub fn kill(&mut self) {
        if self.leads_a_group {
            let _ = Self::signal("-KILL", &format!("-{}", self.child.id()));
        }
        // Fails only when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop in good order (SIGTERM).
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn terminate(&self) {
        self.ask("-TERM");
    }

    /// Asks it to stop as a technician does at the keyboard (SIGINT).
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn interrupt(&self) {
        self.ask("-INT");
    }

    fn ask(&self, signal: &str) {
        let status = Self::signal(signal, &self.child.id().to_string());
        assert!(
            status.expect("sh runs").success(),
            "{} cannot be signalled",
            self.name
        );
    }

    /// By the shell's own `kill`: a minimal Debian has no program of that name.
    fn signal(signal: &str, whom: &str) -> std::io::Result<ExitStatus> {
        let command = ["-c", "kill \"$0\" \"$1\"", signal, whom];
        Command::new("sh")
            .args(command)
            .stderr(Stdio::null())
            .status()
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_lines(pipe: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { return };
            if sender
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
}

/// A binary of the workspace, built beside the tests.
///
/// # Panics
/// When it was not built.
pub fn binary(name: &str) -> PathBuf {
    let mut folder = std::env::current_exe().expect("a test knows its own path");
    folder.pop();
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder.pop();
    }
    let path = folder.join(name);
    assert!(
        path.exists(),
        "`{}` is missing: run `cargo build --workspace --bins` first (./test does)",
        path.display()
    );
    path
}

/// Waits until something is so that no process tells of, such as a file's state.
///
/// # Panics
/// When it is not in time.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Whether a peer is installed; says so when it is not, so that a skipped test is seen.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
pub fn has_peer(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
        || PathBuf::from("/usr/sbin").join(program).exists();
    if !found {
        println!("SKIPPED: `{program}` is not installed (./test installs it)");
    }
    found
}
