//! Boxes, brokers and wires that tests can cut.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkside_aggregator::config::ExternalBroker;
use trunkside_aggregator::{Aggregator, AggregatorConfig, BrokerChoice, Running};
use trunkside_call::{CallId, Language, Side};
use trunkside_record::{
    Body, CallSummary, EndedBy, IntentScore, Origin, Outcome, QualityHit, QualityMark, Redacted,
    RedactedText, Times, Timestamp, Transcript, Turn,
};
use trunkside_uplink::{
    Broker, Outbox, OutboxOptions, Stamp, Status, Tuning, Uplink, UplinkConfig,
};

pub mod cluster;

/// The longest that anything here may take.
pub const WITHIN: Duration = Duration::from_mins(3);

/// 21 November 2026, 08:00 UTC.
pub const START_S: i64 = 1_795_248_000;

pub fn origin(device: &str) -> Origin {
    Origin::new("acme", "harbour", device).unwrap()
}

/// The `number`th call, ten seconds after the one before, and its transcript.
pub fn call(number: u64) -> [Body; 2] {
    let call: CallId = format!("01990000-0000-7000-8000-{number:012}")
        .parse()
        .unwrap();
    let summary = CallSummary {
        call,
        started_at: began(number),
        calls_back: None,
        language: Some(Language::Zh.into()),
        intent: Some(IntentScore {
            name: ["lost_card", "loan"][number as usize % 2].into(),
            score: 0.9,
        }),
        intents: Vec::new(),
        mood: None,
        mood_course: Vec::new(),
        triggers: Vec::new(),
        escalations: Vec::new(),
        decision: None,
        agent: None,
        talks: Vec::new(),
        outcome: Outcome::Bridged.into(),
        ended_by: EndedBy::Caller.into(),
        interrupted: false,
        times: Times {
            decided_s: Some(2.0),
            ended_s: Some(30.0),
            ..Times::default()
        },
        entities: [].into(),
        voice: trunkside_record::VoiceQuality::default(),
        quality: vec![notice(number)],
        redacted: Redacted,
    };
    let text = RedactedText::try_new("我的卡丢了，号码是[card]").unwrap();
    let turn = Turn {
        side: Side::Caller.into(),
        start_s: 1.0,
        end_s: 3.0,
        text,
    };
    [
        summary.into(),
        Transcript {
            call,
            turns: vec![turn],
        }
        .into(),
    ]
}

/// Every second call's agent says that the call is recorded.
fn notice(number: u64) -> QualityHit {
    let kept = number.is_multiple_of(2);
    let mark = || QualityMark {
        at_s: 4.5,
        text: RedactedText::try_new("本次通话会录音").unwrap(),
    };
    QualityHit {
        rule: "recording_notice".to_owned(),
        kept,
        hits: kept.then(mark).into_iter().collect(),
    }
}

/// When the `number`th call began.
pub fn began(number: u64) -> Timestamp {
    Timestamp::from_second(START_S + number as i64 * 10).unwrap()
}

/// What the box's clock says of the `number`th call.
pub fn stamp(number: u64) -> Stamp {
    Stamp {
        at: began(number),
        clock_trusted: true,
    }
}

/// Quick to retry: tests should not wait for a patient link.
pub fn tuning() -> Tuning {
    Tuning {
        answer_within: Duration::from_secs(2),
        backoff_least: Duration::from_millis(20),
        backoff_most: Duration::from_millis(200),
        resend_after: Duration::from_secs(1),
        resend_at_most: Duration::from_secs(2),
        ..Tuning::default()
    }
}

/// An outbox with its uplink at work.
pub struct Branch {
    pub outbox: Arc<Outbox>,
    pub status: watch::Receiver<Status>,
    pub trouble: watch::Receiver<Option<String>>,
    stop: CancellationToken,
    task: JoinHandle<u64>,
}

impl Branch {
    pub fn start(folder: &Path, origin: Origin, broker: SocketAddr) -> Self {
        let broker = Broker::new(broker.ip().to_string(), broker.port());
        Self::start_with(folder, UplinkConfig::new(origin, broker))
    }

    pub fn start_with(folder: &Path, config: UplinkConfig) -> Self {
        let (outbox, _) = Outbox::open(folder, OutboxOptions::default()).unwrap();
        let outbox = Arc::new(outbox);
        let config = UplinkConfig {
            tuning: tuning(),
            ..config
        };
        let uplink = Uplink::new(config, Arc::clone(&outbox));
        let (status, stop) = (uplink.status(), CancellationToken::new());
        let trouble = uplink.trouble();
        #[expect(clippy::disallowed_methods, reason = "a test wires its own tasks")]
        let task = tokio::spawn(uplink.run(stop.clone(), Duration::from_secs(10)));
        Self {
            outbox,
            status,
            trouble,
            stop,
            task,
        }
    }

    pub async fn store(&self, number: u64) {
        self.outbox
            .store(stamp(number), call(number).into())
            .await
            .unwrap();
    }

    /// Waits until the cloud has everything. The uplink's status may be older than what was just
    /// stored, so the outbox itself is asked.
    pub async fn drained(&mut self) {
        let waiting = || async { self.outbox.status().records() };
        until(waiting, |records| *records == 0).await;
    }

    /// Waits until somebody must mend what is told in these words.
    pub async fn troubled(&mut self, words: &str) {
        let told = |what: &Option<String>| what.as_ref().is_some_and(|what| what.contains(words));
        let reached = self.trouble.wait_for(told);
        let reached = tokio::time::timeout(WITHIN, reached).await.is_ok();
        assert!(reached, "{:?}", *self.trouble.borrow());
    }

    pub async fn reaches(&mut self, condition: impl Fn(&Status) -> bool) {
        let before = *self.status.borrow();
        let reached = self.status.wait_for(|status| condition(status));
        let reached = tokio::time::timeout(WITHIN, reached).await.is_ok();
        assert!(reached, "from {before:?} to {:?}", *self.status.borrow());
    }

    /// As a power cut would, only that what was written stays.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        until(
            || async { Arc::strong_count(&self.outbox) },
            |count| *count == 1,
        )
        .await;
    }

    pub async fn stop(self) -> u64 {
        self.stop.cancel();
        tokio::time::timeout(WITHIN, self.task)
            .await
            .unwrap()
            .unwrap()
    }
}

pub async fn embedded(folder: &Path) -> Running {
    start(folder, BrokerChoice::Embedded { listen: loopback() }).await
}

pub async fn start(folder: &Path, broker: BrokerChoice) -> Running {
    start_with(AggregatorConfig {
        broker,
        ..AggregatorConfig::embedded(folder)
    })
    .await
}

/// With everything on free ports of loopback.
pub async fn start_with(config: AggregatorConfig) -> Running {
    let config = AggregatorConfig {
        listen: loopback(),
        ..config
    };
    Aggregator::start(config).await.unwrap()
}

/// A broker that runs elsewhere, without TLS.
pub fn external(address: SocketAddr) -> BrokerChoice {
    BrokerChoice::External(ExternalBroker {
        host: address.ip().to_string(),
        port: address.port(),
        ca_file: None,
        login: None,
    })
}

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Ports below those that Linux gives to whoever asks for any (32768 and up): what is free now is not
/// given away before its peer has started.
const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 22_000;

/// A port that nothing listens on, and another with each call: tests beside this one have theirs.
pub fn free_address() -> SocketAddr {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap();
    let start = (RandomState::new().hash_one(()) % u64::from(PORTS)) as u16;
    (0..PORTS)
        .map(|step| FIRST_PORT + (start + step) % PORTS)
        .filter(|port| taken.insert(*port))
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| std::net::TcpListener::bind(address).is_ok())
        .expect("a free port")
}

/// Status and body of a GET with one more header.
pub async fn get_with(address: SocketAddr, path: &str, name: &str, value: &str) -> (u16, String) {
    let (status, body) = get_bytes(address, path, Some((name, value))).await;
    (status, String::from_utf8(body).unwrap())
}

/// Status and body of a GET.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    get_as(address, path, None).await
}

/// The same with an `Authorization`.
pub async fn get_as(address: SocketAddr, path: &str, shown: Option<&str>) -> (u16, String) {
    let header = shown.map(|shown| ("Authorization", shown));
    let (status, body) = get_bytes(address, path, header).await;
    (status, String::from_utf8(body).unwrap())
}

pub async fn get_bytes(
    address: SocketAddr,
    path: &str,
    header: Option<(&str, &str)>,
) -> (u16, Vec<u8>) {
    let url = format!("http://{address}{path}");
    let header = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
    tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut request = agent.get(url);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let mut response = request.call().unwrap();
        (
            response.status().as_u16(),
            response.body_mut().read_to_vec().unwrap(),
        )
    })
    .await
    .unwrap()
}

pub async fn get_json(address: SocketAddr, path: &str) -> Value {
    let (status, body) = get(address, path).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Names of all calls, newest first, over as many pages as it takes.
pub async fn all_calls(address: SocketAddr) -> Vec<String> {
    let mut calls = Vec::new();
    let mut query = "/api/v1/calls?limit=70".to_owned();
    loop {
        let page = get_json(address, &query).await;
        let names = page["calls"].as_array().unwrap().iter();
        calls.extend(names.map(|call| call["call"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => query = format!("/api/v1/calls?limit=70&cursor={next}"),
            None => return calls,
        }
    }
}

/// One figure of `/metrics`.
pub async fn metric(address: SocketAddr, name: &str) -> u64 {
    let (_, text) = get(address, "/metrics").await;
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .unwrap_or_else(|| panic!("{name} in {text}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// Asks until the answer fits.
pub async fn until<T, F: Future<Output = T>>(
    mut ask: impl FnMut() -> F,
    fits: impl Fn(&T) -> bool,
) -> T {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let asked = async {
        loop {
            pace.tick().await;
            let answer = ask().await;
            if fits(&answer) {
                return answer;
            }
        }
    };
    tokio::time::timeout(WITHIN, asked)
        .await
        .expect("the answer comes in time")
}

pub async fn healthy(address: SocketAddr) {
    until(
        || async move {
            match TcpStream::connect(address).await {
                Ok(_) => get(address, "/healthz").await.0,
                Err(_) => 0,
            }
        },
        |status| *status == 200,
    )
    .await;
}

/// A wire between box and broker that can be cut.
pub struct Wire {
    pub address: SocketAddr,
    open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Wire {
    pub async fn to(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, is_open) = watch::channel(true);
        #[expect(clippy::disallowed_methods, reason = "a test wires its own tasks")]
        let task = tokio::spawn(async move {
            let mut links = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut is_open = is_open.clone();
                links.spawn(async move {
                    if !*is_open.borrow_and_update() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(broker).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = is_open.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self {
            address,
            open,
            task,
        }
    }

    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A child process that does not outlive its test.
pub struct Process(Child);

impl Process {
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    /// Sends a signal, by its name.
    pub fn signal(&self, name: &str) {
        // The shell's own `kill`: a minimal Debian has no program of that name.
        let command = format!("kill -{name} {}", self.0.id());
        let sent = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGKILL: no goodbye.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The aggregator as a process.
pub fn cloud(http: SocketAddr, mqtt: SocketAddr, data: &Path) -> Process {
    cloud_telling(http, mqtt, data, "/dev/null")
}

/// The same with its output, the log too, in a file.
pub fn cloud_telling(http: SocketAddr, mqtt: SocketAddr, data: &Path, output: &str) -> Process {
    let output = || {
        std::fs::OpenOptions::new()
            .write(true)
            .open(output)
            .unwrap()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"));
    command.args([
        "run",
        "--listen",
        &http.to_string(),
        "--mqtt-listen",
        &mqtt.to_string(),
        "--data",
    ]);
    Process::start(command.arg(data).stdout(output()).stderr(output()))
}

/// Mosquitto on a free port.
pub struct Mosquitto {
    pub address: SocketAddr,
    program: &'static str,
    config: PathBuf,
    process: Process,
}

impl Mosquitto {
    /// None, said aloud, when it is not installed.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    pub async fn start(folder: &Path) -> Option<Self> {
        let programs = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
        let Some(program) = programs.into_iter().find(|path| Path::new(path).exists()) else {
            eprintln!("SKIPPED: mosquitto is not installed");
            return None;
        };
        let address = free_address();
        let config = folder.join("mosquitto.conf");
        let lines = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\n",
            address.port()
        );
        std::fs::write(&config, lines).unwrap();
        let process = Self::spawn(program, &config);
        until(
            || async { TcpStream::connect(address).await.is_ok() },
            |connected| *connected,
        )
        .await;
        Some(Self {
            address,
            program,
            config,
            process,
        })
    }

    fn spawn(program: &str, config: &Path) -> Process {
        Process::start(
            Command::new(program)
                .arg("-c")
                .arg(config)
                .stderr(Stdio::null()),
        )
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    pub fn start_again(&mut self) {
        self.process = Self::spawn(self.program, &self.config);
    }
}
