//! baresip: a SIP phone of another make, which speaks from a file and keeps what it hears.
//!
//! It paces its own packets, chooses its own ports and hangs up when its recording is over, so that
//! nothing on its end of the call is of our making.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::audio::{HEARD, RATE, best_correlation, read_pcm, write_pcm};
use crate::branch::Branch;
use crate::ports::free_port;
use crate::process::{DEADLINE, Process};
use crate::voice::samples_of;

/// What a phone will say: recordings and silences, one after the other.
#[derive(Default)]
pub struct Speech {
    samples: Vec<i16>,
}

impl Speech {
    /// Adds silence.
    #[must_use]
    pub fn pause_ms(mut self, ms: u32) -> Self {
        let length = self.samples.len() + (RATE / 1_000 * ms) as usize;
        self.samples.resize(length, 0);
        self
    }

    /// Adds a recording (G.711 A-law WAV).
    #[must_use]
    pub fn say(mut self, recording: &Path) -> Self {
        self.samples.extend(samples_of(recording));
        self
    }
}

/// How a phone reaches the box.
pub struct Way {
    to: SocketAddr,
    /// Of the box's URI.
    parameters: &'static str,
    /// Of the phone's account.
    account: String,
    /// More of the phone's configuration.
    config: String,
    /// Where what it shows can be read.
    console: Option<SocketAddr>,
}

impl From<SocketAddr> for Way {
    /// By datagrams.
    fn from(to: SocketAddr) -> Self {
        Self {
            to,
            parameters: "",
            account: String::new(),
            config: String::new(),
            console: None,
        }
    }
}

impl Way {
    /// Over TLS, trusting one certificate only.
    pub fn tls(to: SocketAddr, trusted: &Path) -> Self {
        Self {
            parameters: ";transport=tls",
            config: format!("sip_cafile {}\n", trusted.display()),
            ..Self::from(to)
        }
    }

    /// With a display that can be read.
    ///
    /// # Panics
    /// When the system has no free port.
    #[must_use]
    pub fn displayed(mut self) -> Self {
        let console = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let _ = writeln!(self.config, "module cons.so\ncons_listen {console}");
        self.console = Some(console);
        self
    }

    /// With voice that is protected: `srtp` where the box takes it, `srtp-mand` only so.
    #[must_use]
    pub fn protected(mut self, how: &str) -> Self {
        self.account = format!(";mediaenc={how}");
        self.config += "module srtp.so\n";
        self
    }
}

/// A call between two phones, to its end: each hears what the other says, and the caller's hanging up
/// ends the agent's. Returns the call's record.
///
/// # Panics
/// When one of it is not so.
pub fn converse(
    branch: &mut Branch,
    (mut caller, question): (Baresip, &Path),
    (mut agent, answer): (Baresip, &Path),
) -> Value {
    caller.wait_for_hang_up();
    agent.wait_for_hang_up();
    let heard = best_correlation(&samples_of(answer), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    let heard = best_correlation(&samples_of(question), &agent.heard());
    assert!(heard > HEARD, "the agent heard the caller at {heard:.2}");
    let record = branch.record();
    assert_eq!(record["outcome"], "bridged", "{record}");
    assert_eq!(record["ended_by"], "caller", "{record}");
    record
}

/// A running phone.
pub struct Baresip {
    /// The process, whose output tells what happens to its calls.
    pub process: Process,
    folder: TempDir,
    console: Option<SocketAddr>,
}

/// What it shows before a message of the box.
const FROM_THE_BOX: &str = "sip:trunkside@";

/// A line of the help that its console prints for an empty line.
const LAST_OF_HELP: &str = "/vidsrc";

/// What a phone shows.
pub struct Display {
    lines: BufReader<TcpStream>,
}

impl Display {
    /// Waits for the next text that somebody has sent to the phone.
    ///
    /// # Panics
    /// When none comes.
    pub fn wait_for_message(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("a message in time");
            assert!(read > 0, "the phone has ended without a message");
            if line.contains(FROM_THE_BOX) {
                return line;
            }
        }
    }

    /// The messages that it has shown since.
    ///
    /// # Panics
    /// When its console fails.
    pub fn more(&mut self) -> String {
        let console = self.lines.get_mut();
        // Everything that comes before the next help has been shown before it.
        console.write_all(b"\n").expect("the phone's console");
        let mut messages = String::new();
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("the phone's help");
            assert!(read > 0, "the phone has ended");
            if line.contains(LAST_OF_HELP) {
                return messages;
            }
            if line.contains(FROM_THE_BOX) {
                messages += &line;
            }
        }
    }
}

impl Baresip {
    /// An agent's phone that registers with the box and answers by itself. Returns once it is
    /// registered.
    ///
    /// # Panics
    /// When it cannot register.
    pub fn agent(user: &str, way: impl Into<Way>, speech: &Speech) -> Self {
        let way = way.into();
        let Way { to, parameters, .. } = way;
        let account =
            format!("<sip:{user}@{to}{parameters}>;auth_pass=secret;regint=60;answermode=auto");
        let mut phone = Self::start(&account, &way, speech, &[]);
        phone
            .process
            .wait_for("registration", |line| line.contains("200 OK").then_some(()));
        phone
    }

    /// A caller's phone that calls the box at once.
    pub fn caller(number: &str, way: impl Into<Way>, speech: &Speech) -> Self {
        let way = way.into();
        let Way { to, parameters, .. } = way;
        let account = format!("<sip:13800138000@127.0.0.1{parameters}>;regint=0");
        let dial = format!("/dial sip:{number}@{to}{parameters}");
        Self::start(&account, &way, speech, &["-e", &dial])
    }

    fn start(account: &str, way: &Way, speech: &Speech, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let says = folder.path().join("says.wav");
        write_pcm(&says, &speech.samples);
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("the phone's files are written");
        };
        write("config", config(&says, folder.path()) + &way.config);
        let account = format!("{account}{};audio_codecs=PCMA\n", way.account);
        write("accounts", account);
        write("contacts", String::new());
        let process = Process::start(
            Command::new("baresip")
                .arg("-f")
                .arg(folder.path())
                .args(arguments),
        );
        let console = way.console;
        Self {
            process,
            folder,
            console,
        }
    }

    /// What it shows from now on.
    ///
    /// # Panics
    /// When the phone was started without a display.
    pub fn display(&self) -> Display {
        let console = self.console.expect("a phone with a display");
        let mut console = TcpStream::connect(console).expect("the phone's console");
        console
            .set_read_timeout(Some(DEADLINE))
            .expect("a time above zero");
        // It writes to whoever has written last.
        console.write_all(b"\n").expect("the phone's console");
        let mut lines = BufReader::new(console);
        let mut line = String::new();
        while !line.contains(LAST_OF_HELP) {
            line.clear();
            let read = lines.read_line(&mut line).expect("the phone's help");
            assert!(read > 0, "the phone has ended");
        }
        Display { lines }
    }

    /// Waits until its call is over, whoever ends it.
    ///
    /// # Panics
    /// When the call goes on.
    pub fn wait_for_hang_up(&mut self) {
        self.process.wait_for("the call's end", |line| {
            (line.contains("terminated") && line.contains("Call with")).then_some(())
        });
    }

    /// What it has heard, once its call is over.
    ///
    /// # Panics
    /// When it has heard nothing.
    pub fn heard(&self) -> Vec<i16> {
        let mut dumps = std::fs::read_dir(self.folder.path())
            .expect("the phone's folder")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"));
        let dump: PathBuf = dumps.next().expect("the phone keeps what it hears");
        read_pcm(&dump)
    }
}

/// No sound card, no television, no address but the loopback's.
fn config(says: &Path, folder: &Path) -> String {
    let first = free_port();
    format!(
        "poll_method epoll\nsip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\n\
         audio_source aufile,{}\naudio_srate {RATE}\naudio_channels 1\naudio_buffer 20-160\n\
         rtp_ports {first}-{}\nmodule_path {}\n\
         module g711.so\nmodule aufile.so\nmodule sndfile.so\nsnd_path {}\n\
         module_app account.so\nmodule_app menu.so\n",
        says.display(),
        first + 99,
        module_folder().display(),
        folder.display(),
    )
}

/// Debian puts the modules under `/usr/lib`, others under a folder of the machine's name.
fn module_folder() -> PathBuf {
    let usual = PathBuf::from("/usr/lib/baresip/modules");
    let by_machine = PathBuf::from(format!(
        "/usr/lib/{}-linux-gnu/baresip/modules",
        std::env::consts::ARCH
    ));
    if by_machine.is_dir() {
        by_machine
    } else {
        usual
    }
}
