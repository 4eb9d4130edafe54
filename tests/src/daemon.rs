//! The box and the cloud as a branch would run them: the shipped binaries with their own files.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::{Process, binary, until};

/// A policy for the tests: an ordinary agent and a senior one.
pub struct Agent {
    /// The agent's name.
    pub name: &'static str,
    /// Where the agent's phone is.
    pub contact: String,
    /// Whether angry callers go to this agent.
    pub senior: bool,
}

impl Agent {
    /// An ordinary agent whose phone registers with the box under the agent's name.
    pub fn registered(name: &'static str) -> Self {
        Self {
            name,
            contact: format!("registered:{name}"),
            senior: false,
        }
    }
}

/// What a box is told.
pub struct BoxSettings {
    /// The broker.
    pub broker: SocketAddr,
    /// Its agents.
    pub agents: Vec<Agent>,
    /// How long an agent's phone rings.
    pub ring_timeout_s: u32,
    /// How long a silent caller is listened to.
    pub listen_timeout_s: u32,
    /// `connected` or `early`.
    pub greeting: &'static str,
    /// The box's name.
    pub device: String,
    /// More sections of its configuration.
    pub more: String,
    /// More of its policy's `[queue]`.
    pub more_queue: String,
    /// More tables of its policy.
    pub more_policy: String,
    /// More of the box's environment.
    pub environment: Vec<(&'static str, String)>,
}

impl BoxSettings {
    /// Usual settings.
    pub fn new(broker: SocketAddr, agents: Vec<Agent>) -> Self {
        Self {
            broker,
            agents,
            ring_timeout_s: 5,
            listen_timeout_s: 6,
            greeting: "connected",
            device: "box-1".to_owned(),
            more: String::new(),
            more_queue: String::new(),
            more_policy: String::new(),
            environment: Vec::new(),
        }
    }
}

/// A folder that holds a box's configuration and data, across restarts.
pub struct Home {
    folder: TempDir,
    rtp_ports: RangeInclusive<u16>,
    environment: Vec<(&'static str, String)>,
}

impl Home {
    /// Writes configuration and policy into a new folder.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn new(settings: &BoxSettings) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let queue = format!("[queue]\n{}\n", settings.more_queue);
        let policy = policy(&settings.agents).replacen("[queue]\n", &queue, 1);
        let policy = policy + &settings.more_policy;
        std::fs::write(folder.path().join("policy.toml"), policy).expect("the policy is written");
        let rtp_ports = free_port_range();
        let ports = format!("{}-{}", rtp_ports.start(), rtp_ports.end());
        let config = format!(
            "[box]\ntenant = \"acme\"\nbranch = \"north\"\ndevice = \"{}\"\ndata_dir = \"data\"\n\
             [line]\nlisten = \"127.0.0.1:0\"\nrtp_ports = \"{ports}\"\n\
             ring_timeout_s = {}\nlisten_timeout_s = {}\ngreeting = \"{}\"\n\
             [decision]\npolicy = \"policy.toml\"\n\
             [cloud]\nbroker = \"{}\"\n",
            settings.device,
            settings.ring_timeout_s,
            settings.listen_timeout_s,
            settings.greeting,
            settings.broker
        );
        std::fs::write(folder.path().join("config.toml"), config).expect("the config is written");
        let home = Self {
            folder,
            rtp_ports,
            environment: settings.environment.clone(),
        };
        if !settings.more.is_empty() {
            home.add_settings(&settings.more);
        }
        home
    }

    /// The ports that voice uses.
    pub fn rtp_ports(&self) -> RangeInclusive<u16> {
        self.rtp_ports.clone()
    }

    /// The configuration's path.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// Lays further settings over the configuration.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn add_settings(&self, toml: &str) {
        let drop_ins = self.folder.path().join("conf.d");
        std::fs::create_dir_all(&drop_ins).expect("a folder for drop-ins");
        std::fs::write(drop_ins.join("test.toml"), toml).expect("the settings are written");
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self) -> Process {
        Process::start(
            Command::new(binary("trunkside"))
                .arg("run")
                .arg("--config")
                .arg(self.config())
                .env("TRUNKSIDE_LOG", "info,trunkside_daemon=debug")
                .envs(self.environment.iter().map(|(name, value)| (name, value))),
        )
    }

    /// Starts the box and waits until it takes calls.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn start(&self) -> RunningBox {
        let mut process = self.run();
        let ready = process.wait_for("readiness", |line| {
            field(line, "sip=").map(|_| line.to_owned())
        });
        let address = |key| field(&ready, key)?.parse().ok();
        RunningBox {
            process,
            sip: address("sip=").expect("an address"),
            sip_tcp: address("sip_tcp="),
            sip_tls: address("sip_tls="),
        }
    }
}

/// A box that takes calls.
pub struct RunningBox {
    /// The process.
    pub process: Process,
    /// Where the trunk sends its calls.
    pub sip: SocketAddr,
    /// Where it takes SIP over TCP, if it does.
    pub sip_tcp: Option<SocketAddr>,
    /// Where it takes SIP over TLS, if it does.
    pub sip_tls: Option<SocketAddr>,
}

/// The aggregator with its data, across restarts.
pub struct CloudHome {
    folder: TempDir,
}

impl CloudHome {
    /// A new, empty aggregator.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Starts it with the embedded broker on free ports.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn start(&self) -> RunningCloud {
        self.start_with(
            &["--mqtt-listen", "127.0.0.1:0"],
            "127.0.0.1:0".parse().expect("an address"),
        )
    }

    /// Starts it with other arguments.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn start_with(&self, arguments: &[&str], listen: SocketAddr) -> RunningCloud {
        let mut process = Process::start(
            Command::new(binary("trunkside-cloud"))
                .args(["run", "--listen", &listen.to_string()])
                .args(arguments)
                .arg("--data")
                .arg(self.folder.path()),
        );
        let http = process.wait_for("its HTTP address", |line| {
            line.strip_prefix("http://")?
                .trim_end_matches('/')
                .parse()
                .ok()
        });
        // It names the embedded broker only; another one is known to the test.
        let mqtt = match arguments
            .iter()
            .position(|argument| *argument == "--broker")
        {
            Some(at) => arguments[at + 1].parse().expect("a broker's address"),
            None => process.wait_for("its broker's address", |line| {
                line.strip_prefix("mqtt://")?.parse().ok()
            }),
        };
        RunningCloud {
            process,
            http,
            mqtt,
        }
    }

    /// Where its database is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// An aggregator that answers.
pub struct RunningCloud {
    /// The process.
    pub process: Process,
    /// Its HTTP address.
    pub http: SocketAddr,
    /// Its broker's address.
    pub mqtt: SocketAddr,
}

impl RunningCloud {
    /// Asks it something.
    ///
    /// # Panics
    /// When it does not answer with JSON.
    pub fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.http);
        let mut answer = ureq::get(&url)
            .call()
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        answer
            .body_mut()
            .read_json()
            .unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// The calls that it has, newest first.
    ///
    /// # Panics
    /// When it answers something else.
    pub fn calls(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/calls?limit=500");
        answer["calls"].as_array().expect("a list of calls").clone()
    }

    /// Its calls, once there are so many.
    ///
    /// # Panics
    /// When there are fewer for too long.
    pub fn wait_for_calls(&self, count: usize) -> Vec<Value> {
        let mut calls = Vec::new();
        until("as many calls in the cloud", || {
            calls = self.calls();
            calls.len() >= count
        });
        calls
    }
}

/// The value of `key=value` in a log line.
fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(key)?;
    rest.split([' ', ','])
        .next()
        .map(|value| value.trim_matches('"'))
}

/// A span of ports for voice that is hardly another's: a free port is its beginning.
fn free_port_range() -> RangeInclusive<u16> {
    let first = free_port() & !1;
    first..=first + 399
}

fn policy(agents: &[Agent]) -> String {
    let mut policy = String::from("[queue]\nmax_wait_s = 120\n");
    for agent in agents {
        // Writing to a string cannot fail.
        let _ = write!(
            policy,
            "\n[[agent]]\nid = \"{}\"\ncontact = \"{}\"\nsenior = {}\npriority = {}\n\
             languages = [\"zh\", \"en\"]\nskills = {{ general = 3 }}\n",
            agent.name,
            agent.contact,
            agent.senior,
            // The senior agent is kept for those who need one while others are free.
            if agent.senior { 2 } else { 1 }
        );
    }
    policy.push_str(
        "\n[[rule]]\nname = \"angry callers to senior agents\"\nwhen = { emotion = \"angry\" }\n\
         then = { senior = true }\n\n[default]\nskills_required = { general = 1 }\n",
    );
    policy
}
