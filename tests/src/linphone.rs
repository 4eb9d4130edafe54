//! linphone, the command-line phone of linphone-cli: a SIP phone of a third make, which speaks from a file and keeps
//! what it hears in another.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command};

use tempfile::TempDir;

use crate::audio::{read_pcm, write_pcm};
use crate::ports::free_port;
use crate::process::{Process, until};
use crate::voice::samples_of;

/// The program.
pub const PROGRAM: &str = "linphonec";

/// A running phone, which answers by itself.
pub struct Linphone {
    process: Process,
    console: ChildStdin,
    folder: TempDir,
}

impl Linphone {
    /// An agent's phone that registers with the box, and says the recording to whoever calls. Returns once it is
    /// registered.
    ///
    /// # Panics
    /// When it cannot register.
    pub fn agent(user: &str, to: SocketAddr, recording: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        // Without a place for its data it opens no port.
        fs::create_dir_all(at(".local/share/linphone")).expect("the phone's folder");
        let config = format!(
            "[sip]\nsip_port={}\nsip_tcp_port=0\nsip_tls_port=0\nbind_address=127.0.0.1\n\
             register_only_when_network_is_up=0\nguess_hostname=0\n\
             [rtp]\naudio_rtp_port={}\n",
            free_port(),
            free_port(),
        );
        // It knows no other coding, and plays codes as if they were samples.
        let says = at("says.wav");
        write_pcm(&says, &samples_of(recording));
        fs::write(at("linphonerc"), config).expect("the phone's configuration");
        let mut command = Command::new(PROGRAM);
        command.args(["-a", "-c"]).arg(at("linphonerc"));
        command.env("HOME", folder.path());
        let (process, console) = Process::start_to_be_told(&mut command);
        let mut phone = Self {
            process,
            console,
            folder,
        };
        phone.tell("soundcard use files");
        phone.tell(&format!("play {}", says.display()));
        phone.tell(&format!("record {}", phone.heard_file().display()));
        phone.tell(&format!("register sip:{user}@{to} sip:{to} secret"));
        // It says so to nobody who does not ask.
        let is_registered = |line: &str| match line.trim_start_matches("linphonec> ") {
            line if line.starts_with("registered, identity=") => Some(true),
            line if line.starts_with("registered=") => Some(false),
            _ => None,
        };
        until("the phone is registered", || {
            phone.tell("status register");
            phone.process.wait_for("its registration", is_registered)
        });
        phone
    }

    /// Waits until its call has been ended by the other side.
    ///
    /// # Panics
    /// When that does not happen.
    pub fn wait_for_hang_up(&mut self) {
        let is_over = |line: &str| line.contains("ended (No error)").then_some(());
        self.process.wait_for("the end of its call", is_over);
    }

    /// What it has heard, as samples, once its call is over.
    ///
    /// # Panics
    /// When it has kept nothing.
    pub fn heard(&self) -> Vec<i16> {
        read_pcm(&self.heard_file())
    }

    fn heard_file(&self) -> PathBuf {
        self.folder.path().join("heard.wav")
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.console, "{line}").expect("the phone listens");
    }
}
