//! A branch with its cloud, ready to be called.

use std::time::Duration;

use serde_json::Value;

use crate::broker::Eavesdropper;
use crate::daemon::{Agent, BoxSettings, CloudHome, Home, RunningBox, RunningCloud};
use crate::ports::free_port;
use crate::process::Process;
use crate::sipp::Sipp;
use crate::voice::Voice;

/// How long a caller waits before they speak: the greeting has begun by then.
pub const BEFORE_SPEAKING: Duration = Duration::from_millis(1_500);

/// A running box, its aggregator, and somebody who sees every message between them.
pub struct Branch {
    /// The cloud.
    pub cloud: RunningCloud,
    /// Sees every message.
    pub watcher: Eavesdropper,
    /// The box.
    pub running: RunningBox,
    /// The box's files.
    pub home: Home,
    _cloud_home: CloudHome,
}

impl Branch {
    /// Starts a branch with these agents.
    pub fn start(agents: Vec<Agent>) -> Self {
        Self::start_with(agents, |_| {})
    }

    /// Starts a branch after a change to its settings.
    pub fn start_with(agents: Vec<Agent>, change: impl FnOnce(&mut BoxSettings)) -> Self {
        let cloud_home = CloudHome::new();
        let cloud = cloud_home.start();
        let watcher = Eavesdropper::connect(cloud.mqtt);
        let mut settings = BoxSettings::new(cloud.mqtt, agents);
        change(&mut settings);
        let home = Home::new(&settings);
        let running = home.start();
        Self {
            cloud,
            watcher,
            running,
            home,
            _cloud_home: cloud_home,
        }
    }

    /// A carrier that calls this branch.
    pub fn carrier(&self, scenario: &str, voice: &Voice) -> Sipp {
        Sipp::carrier(scenario, self.running.sip, voice.port())
    }

    /// The one call that the cloud knows, once it has stored it.
    ///
    /// # Panics
    /// When it knows another number of calls.
    pub fn record(&mut self) -> Value {
        let calls = self.cloud.wait_for_calls(1);
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls[0].clone()
    }
}

/// An agent's phone.
pub struct Phone {
    /// Where it listens.
    pub port: u16,
    /// What it says and hears.
    pub voice: Voice,
}

impl Phone {
    /// A phone on a free port.
    pub fn new(voice: Voice) -> Self {
        Self {
            port: free_port(),
            voice,
        }
    }

    /// Its agent, for the policy.
    pub fn agent(&self, name: &'static str, senior: bool) -> Agent {
        Agent {
            name,
            contact: format!("sip:{name}@127.0.0.1:{}", self.port),
            senior,
        }
    }

    /// The same, reached over TCP.
    pub fn agent_over_tcp(&self, name: &'static str) -> Agent {
        let agent = self.agent(name, false);
        Agent {
            contact: format!("{};transport=tcp", agent.contact),
            ..agent
        }
    }

    /// Begins to behave by a scenario.
    pub fn run(&self, scenario: &str) -> Process {
        Sipp::agent(scenario, self.port, self.voice.port()).start()
    }

    /// The same, with a pause of so many milliseconds in it.
    pub fn run_for(&self, scenario: &str, pause_ms: u32) -> Process {
        Sipp::agent(scenario, self.port, self.voice.port())
            .pause_ms(pause_ms)
            .start()
    }
}
