//! sipp as carrier or agent: it speaks SIP by the scenarios in `tests/sipp`, while a
//! [`Voice`](crate::voice::Voice) of ours speaks and hears at the port that its SDP names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Process;

/// How one sipp is run.
pub struct Sipp {
    command: Command,
}

impl Sipp {
    /// A carrier that calls the box once.
    pub fn carrier(scenario: &str, sip: SocketAddr, rtp_port: u16) -> Self {
        Self::carrier_to("95588", scenario, sip, rtp_port)
    }

    /// The same, to another number than the branch's.
    pub fn carrier_to(number: &str, scenario: &str, sip: SocketAddr, rtp_port: u16) -> Self {
        Self::caller("13800138000", number, scenario, sip, rtp_port)
    }

    /// An agent's phone at a port, which registers with the box.
    pub fn registering(user: &str, sip_port: u16, sip: SocketAddr) -> Self {
        let sipp = Self::caller(user, user, "phone_registers", sip, 9);
        sipp.at(sip_port)
    }

    /// Somebody who calls a number of the box's, such as an agent from their phone.
    pub fn caller(
        from: &str,
        number: &str,
        scenario: &str,
        sip: SocketAddr,
        rtp_port: u16,
    ) -> Self {
        let mut sipp = Self::new(scenario, rtp_port);
        sipp.command.arg(sip.to_string()).args(["-s", number]);
        sipp.command.args(["-key", "caller", from]);
        sipp.calls(1)
    }

    fn at(mut self, sip_port: u16) -> Self {
        self.command.args(["-p", &sip_port.to_string()]);
        self
    }

    /// An agent's phone at a port, which takes one call.
    pub fn agent(scenario: &str, sip_port: u16, rtp_port: u16) -> Self {
        let sipp = Self::new(scenario, rtp_port);
        sipp.at(sip_port).calls(1)
    }

    fn new(scenario: &str, rtp_port: u16) -> Self {
        let mut command = Command::new("sipp");
        command.arg("-sf").arg(scenario_path(scenario));
        command.args([
            "-i",
            "127.0.0.1",
            "-mi",
            "127.0.0.1",
            "-nostdin",
            "-skip_rlimit",
        ]);
        command.args(["-key", "rtp_port", &rtp_port.to_string()]);
        command.args(["-timeout", "60", "-timeout_error"]);
        Self { command }
    }

    /// Over one TCP connection in place of datagrams.
    #[must_use]
    pub fn tcp(mut self) -> Self {
        self.command.args(["-t", "t1"]);
        self
    }

    /// How many calls in all.
    #[must_use]
    pub fn calls(mut self, calls: u32) -> Self {
        self.command.args(["-m", &calls.to_string()]);
        self
    }

    /// How many calls a second, and how many at once.
    #[must_use]
    pub fn rate(mut self, per_second: u32, at_once: u32) -> Self {
        self.command
            .args(["-r", &per_second.to_string(), "-l", &at_once.to_string()]);
        self
    }

    /// How long the scenario's pause lasts.
    #[must_use]
    pub fn pause_ms(mut self, ms: u32) -> Self {
        self.command.args(["-d", &ms.to_string()]);
        self
    }

    /// Loses so many of a hundred messages, those that it sends and those that come.
    #[must_use]
    pub fn lossy(mut self, percent: u32) -> Self {
        self.command.args(["-lost", &percent.to_string()]);
        self
    }

    /// A word that the scenario uses as `[name]`.
    #[must_use]
    pub fn key(mut self, name: &str, value: &str) -> Self {
        self.command.args(["-key", name, value]);
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Process {
        Process::start(&mut self.command)
    }
}

/// Waits until sipp has done all its calls, and demands that all went as its scenario says.
///
/// # Panics
/// When a call went otherwise.
pub fn succeed(sipp: Process) {
    let (status, output) = sipp.finish();
    assert!(
        status.success(),
        "a call did not go as its scenario says:\n{output}"
    );
}

fn scenario_path(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sipp")
        .join(format!("{scenario}.xml"))
}
