//! Simulated boxes on loopback: how much an aggregator takes, how soon, at what cost.
//!
//! ```sh
//! cargo run --example load -- --broker 127.0.0.1:1883 --devices 100 --seconds 20 [--rate 500] [--pid PID]
//! ```
//!
//! Each box publishes batches of call records on its own connection and waits for watermarks, as
//! the real uplink does: never more than `--window` batches are unanswered. A batch counts when its
//! watermark is back, which the aggregator sends after the commit; the time to it is therefore an
//! upper bound of the time until a query finds the records. Prints one JSON object.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Packet, QoS};
use serde_json::json;
use tokio::task::JoinSet;
use trunkside_record::{
    Batch, CallSummary, Entry, Lane, Origin, Timestamp, Topic, VERSION, decode_ack, encode,
};

/// Boxes at most: they all run in this process.
const MOST_DEVICES: u32 = 2_000;

#[derive(Parser)]
struct Arguments {
    /// The broker's address; only loopback is loaded.
    #[arg(long)]
    broker: SocketAddr,
    /// How many boxes.
    #[arg(long, default_value_t = 10)]
    devices: u32,
    /// How long records are sent.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Records a second of all boxes together; as many as go when absent.
    #[arg(long)]
    rate: Option<u32>,
    /// Records in a batch.
    #[arg(long, default_value_t = 20)]
    batch: u64,
    /// Batches of a box without a watermark at most.
    #[arg(long, default_value_t = 4)]
    window: u64,
    /// The aggregator's process, for its processor time and memory; may be given again.
    #[arg(long)]
    pid: Vec<u32>,
    /// Cut every connection at once in the middle, so that all come back together.
    #[arg(long)]
    storm: bool,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the figures are the result")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(
        arguments.broker.ip().is_loopback(),
        "only loopback is loaded"
    );
    ensure!(
        (1..=MOST_DEVICES).contains(&arguments.devices),
        "`--devices` must be from 1 to {MOST_DEVICES}"
    );
    let run = std::process::id();
    let gap = arguments.rate.map(|rate| {
        let batches_a_second = f64::from(rate) / arguments.batch as f64;
        Duration::from_secs_f64(f64::from(arguments.devices) / batches_a_second)
    });
    let before = usage(&arguments.pid)?;
    let start = now();
    let mut devices = JoinSet::new();
    for number in 0..arguments.devices {
        let device = Device {
            origin: Origin::new("load", format!("r{run}"), format!("box{number}"))?,
            broker: arguments.broker,
            batch: arguments.batch,
            window: arguments.window,
            gap,
            // Boxes do not send in step.
            phase: gap.unwrap_or_default() * number / arguments.devices,
            storm: arguments
                .storm
                .then(|| start + Duration::from_secs(arguments.seconds) / 2),
            until: start + Duration::from_secs(arguments.seconds),
        };
        devices.spawn(device.run(number));
    }
    let (mut records, mut delays, mut reconnects) = (0, Vec::new(), 0);
    while let Some(done) = devices.join_next().await {
        let done = done??;
        records += done.records;
        reconnects += done.reconnects;
        delays.extend(done.delays);
    }
    let seconds = (now() - start).as_secs_f64();
    let after = usage(&arguments.pid)?;
    delays.sort_unstable();
    let quantile = |share: f64| {
        let place = ((delays.len() as f64 * share) as usize).min(delays.len().saturating_sub(1));
        delays.get(place).map(Duration::as_secs_f64)
    };
    let cpu_s = after.cpu_s - before.cpu_s;
    let figures = json!({
        "devices": arguments.devices, "records": records, "seconds": seconds,
        "records_a_second": records as f64 / seconds,
        "answered_s": { "p50": quantile(0.5), "p99": quantile(0.99), "max": quantile(1.0) },
        "reconnects": reconnects, "cpu_s": cpu_s,
        "cpu_us_a_record": cpu_s * 1e6 / records.max(1) as f64,
        "resident_mb": after.resident_mb,
    });
    println!("{figures}");
    Ok(())
}

/// One simulated box.
struct Device {
    origin: Origin,
    broker: SocketAddr,
    batch: u64,
    window: u64,
    gap: Option<Duration>,
    phase: Duration,
    storm: Option<Instant>,
    until: Instant,
}

#[derive(Default)]
struct Done {
    records: u64,
    delays: Vec<Duration>,
    reconnects: u64,
}

impl Device {
    /// Sends until the time is over, then waits for the last watermark.
    async fn run(self, number: u32) -> anyhow::Result<Done> {
        let epoch = u64::from(std::process::id()) << 16 | u64::from(number);
        let ack = Topic::Ack(self.origin.clone()).to_string();
        let up = Topic::Up(self.origin.clone(), Lane::Metric).to_string();
        let (mut client, mut connection) = self.connect(&ack);
        let (mut sent, mut acked, mut done) = (0, 0, Done::default());
        // When each unanswered batch was first published, oldest first.
        let mut flights = std::collections::VecDeque::new();
        let mut next = now() + self.phase;
        let mut storm = self.storm;
        let mut ready = false;
        loop {
            let over = now() >= self.until;
            if over && flights.is_empty() {
                done.records = acked;
                return Ok(done);
            }
            ensure!(
                now() < self.until + Duration::from_secs(60),
                "no watermark for a minute"
            );
            let may_send = ready && !over && (flights.len() as u64) < self.window;
            tokio::select! {
                event = connection.poll() => match event {
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        // What was under way when the connection ended goes again.
                        for batch in acked / self.batch..sent / self.batch {
                            client.try_publish(&up, QoS::AtLeastOnce, false, self.payload(epoch, batch))?;
                        }
                        ready = true;
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let watermark = decode_ack(&publish.payload)?.sequence;
                        while flights.front().is_some_and(|(through, _)| *through <= watermark) {
                            let (through, at) = flights.pop_front().context("it was there")?;
                            done.delays.push(now() - at);
                            acked = through;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => {
                        tokio::time::sleep(Duration::from_millis(100 + u64::from(number % 50) * 10)).await;
                        (client, connection) = self.connect(&ack);
                        (ready, done.reconnects) = (false, done.reconnects + 1);
                    }
                },
                () = tokio::time::sleep_until(next.into()), if may_send => {
                    let batch = sent / self.batch;
                    client.try_publish(&up, QoS::AtLeastOnce, false, self.payload(epoch, batch))?;
                    sent += self.batch;
                    flights.push_back((sent, now()));
                    next = self.gap.map_or_else(now, |gap| next + gap);
                }
                () = sleep_until(storm) => {
                    storm = None;
                    (client, connection) = self.connect(&ack);
                    (ready, done.reconnects) = (false, done.reconnects + 1);
                }
            }
        }
    }

    fn connect(&self, ack: &str) -> (AsyncClient, EventLoop) {
        // The embedded broker refuses names with slashes.
        let name = format!("load-{}-{}", self.origin.branch, self.origin.device);
        let mut options = MqttOptions::new(name, self.broker.ip().to_string(), self.broker.port());
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut connection) = AsyncClient::new(options, 64);
        // As the real uplink does.
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        connection.set_network_options(network);
        client
            .try_subscribe(ack, QoS::AtLeastOnce)
            .expect("a new client has room");
        (client, connection)
    }

    fn payload(&self, epoch: u64, batch: u64) -> Vec<u8> {
        let Origin {
            tenant,
            branch,
            device,
        } = self.origin.clone();
        let first = batch * self.batch + 1;
        encode(&Batch {
            v: VERSION,
            tenant,
            branch,
            device,
            epoch,
            records: (first..first + self.batch)
                .map(|number| record(epoch, number))
                .collect(),
        })
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// A call of the size that real ones have, in the form in which a box writes it.
fn record(epoch: u64, number: u64) -> Entry {
    static CALL: LazyLock<CallSummary> = LazyLock::new(|| {
        let call = json!({
            "call": "01990000-0000-7000-8000-000000000000", "started_at": "2026-11-21T08:00:00Z",
            "language": "zh",
            "intent": { "name": "loan", "score": 0.93 },
            "intents": [{ "name": "loan", "score": 0.93 }],
            "mood": { "emotion": "angry", "emotion_score": 0.9, "sentiment": -0.75, "reasons": ["loud"] },
            "mood_course": [{ "at_s": 2.5, "emotion": "angry", "emotion_score": 0.9, "sentiment": -0.75 }],
            "decision": {
                "number": 1, "action": { "do": "offer", "agent": "vi5ipkh4qwtmsthi" },
                "reasons": [{ "rule": "angry_to_senior", "finding": "anger is high" }], "policy": "5e88"
            },
            "agent": "vi5ipkh4qwtmsthi", "outcome": "bridged", "ended_by": "caller",
            "times": { "answered_s": 0.05, "first_words_s": 1.2, "decided_s": 4.0, "bridged_s": 6.5, "ended_s": 61.2 },
            "entities": { "phone": 2, "card": 1 },
            "voice": { "caller": { "packets": 900, "lost": 2, "late": 1, "jitter_ms": 4.5 }, "unheard_frames": 0 },
            "redacted": true
        });
        serde_json::from_value(call).expect("it has the form of a call")
    });
    let intents = ["lost_card", "loan", "transfer", "balance"];
    let started_at =
        Timestamp::from_second(1_795_248_000 + number as i64 * 30).expect("the number is small");
    let name = format!(
        "01990000-0000-7000-8{:03x}-{:012x}",
        number & 0xfff,
        epoch << 12 | number >> 12
    );
    let mut call = CALL.clone();
    call.call = name.parse().expect("it is a UUID");
    call.started_at = started_at;
    for intent in call.intent.iter_mut().chain(&mut call.intents) {
        intents[number as usize % intents.len()].clone_into(&mut intent.name);
    }
    Entry {
        sequence: number,
        at: started_at,
        clock_trusted: true,
        lane: Lane::Metric,
        body: call.into(),
    }
}

struct Usage {
    cpu_s: f64,
    resident_mb: f64,
}

/// Processor time and memory of processes, as /proc tells (proc(5)); their children are not in it.
fn usage(processes: &[u32]) -> anyhow::Result<Usage> {
    let mut usage = Usage {
        cpu_s: 0.0,
        resident_mb: 0.0,
    };
    for process in processes {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let fields: Vec<&str> = stat
            .rsplit_once(") ")
            .context("/proc/PID/stat has a name")?
            .1
            .split(' ')
            .collect();
        let field = |place: usize| fields[place].parse::<f64>();
        // User and system time in hundredths of a second; resident pages of 4 KiB.
        usage.cpu_s += (field(11)? + field(12)?) / 100.0;
        usage.resident_mb += field(21)? * 4_096.0 / 1e6;
    }
    Ok(usage)
}

#[expect(clippy::disallowed_methods, reason = "figures need the clock")]
fn now() -> Instant {
    Instant::now()
}
