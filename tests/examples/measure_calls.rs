//! Measures calls from outside: what the relay adds to the voice, how long after a caller's last
//! word an agent's phone is rung, and what ten speaking callers cost in memory and time.
//!
//!     cargo build --workspace --all-targets
//!     target/debug/examples/measure_calls [relay|decision|memory]…
//!
//! Needs sipp. Run it on a machine that does nothing else.

#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::net::{SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use e2e::audio::recording;
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::daemon::Agent;
use e2e::ports::free_port;
use e2e::process::{DEADLINE, has_peer};
use e2e::sipp::Sipp;
use e2e::voice::{Voice, samples_of};

const RECORDINGS: [&str; 5] = [
    "balance_zh.wav",
    "complaint_calm.wav",
    "complaint_angry.wav",
    "lostcard_en.wav",
    "phone_zh.wav",
];

/// Calls whose decision is timed: four of each recording.
const ROUNDS: usize = 4;

/// Packets whose way through the box is timed: a minute of voice.
const PACKETS: u32 = 3_000;

const FRAME: Duration = Duration::from_millis(20);

const CALLERS: usize = 10;

fn main() {
    if !has_peer("sipp") {
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    if is_wanted("relay") {
        relay();
    }
    if is_wanted("decision") {
        decision();
    }
    if is_wanted("memory") {
        memory();
    }
}

/// The voice's way through the box beside the same way without it, in the same run.
fn relay() {
    let agent_phone = free_port();
    let (caller, agent) = (socket(), socket());
    let branch = Branch::start_with(vec![agent_at("li_na", agent_phone)], |settings| {
        settings.listen_timeout_s = 2;
    });
    let _agent = Sipp::agent("agent_answers", agent_phone, port(&agent)).start();
    let _carrier = Sipp::carrier("carrier_waits", branch.running.sip, port(&caller)).start();
    // The greeting tells where the box takes the caller's voice.
    let mut packet = [0; 2_048];
    let (_, box_port) = caller.recv_from(&mut packet).expect("a greeting");
    // The caller talks until the agent hears it: then the two are bridged.
    agent
        .set_read_timeout(Some(FRAME))
        .expect("a time above zero");
    let deadline = Instant::now() + DEADLINE;
    let mut number = 0;
    while agent.recv_from(&mut packet).is_err() {
        assert!(Instant::now() < deadline, "the call is not bridged");
        let spoken = voice_packet(number, Duration::ZERO);
        caller
            .send_to(&spoken, box_port)
            .expect("loopback takes it");
        number += 1;
    }

    let through = one_way(&caller, box_port, agent);
    let beside = socket();
    let target = beside.local_addr().expect("a bound socket");
    let direct = one_way(&caller, target, beside);
    report("voice through the box, us", &through);
    report("the same without it, us", &direct);
    println!(
        "added, us: median {}, p99 {}",
        percentile(&through, 50).saturating_sub(percentile(&direct, 50)),
        percentile(&through, 99).saturating_sub(percentile(&direct, 99)),
    );
}

/// Sends a packet every 20 ms and times each one's arrival, in microseconds.
fn one_way(from: &UdpSocket, to: SocketAddr, at: UdpSocket) -> Vec<u64> {
    let began = Instant::now();
    let hearing: JoinHandle<Vec<u64>> = std::thread::spawn(move || {
        let mut packet = [0; 2_048];
        let mut times = Vec::new();
        at.set_read_timeout(Some(Duration::from_secs(2)))
            .expect("a time above zero");
        while let Ok((length, _)) = at.recv_from(&mut packet) {
            let arrived = began.elapsed().as_micros() as u64;
            // Prompts are in other packets, without this mark.
            if length == 172 && packet[12..20] == MARK {
                let sent = u64::from_be_bytes(packet[20..28].try_into().expect("eight bytes"));
                times.push(arrived - sent);
            }
        }
        times
    });
    for number in 0..PACKETS {
        let due = began + FRAME * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let packet = voice_packet(number, began.elapsed());
        from.send_to(&packet, to).expect("loopback takes it");
    }
    hearing.join().expect("the hearing thread ends")
}

/// 20 ms of A-law that carry when they were sent.
fn voice_packet(number: u32, sent: Duration) -> [u8; 172] {
    let mut packet = [0xD5; 172];
    packet[..2].copy_from_slice(&[0x80, 8]);
    packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
    packet[4..8].copy_from_slice(&(number * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&0x5EED_u32.to_be_bytes());
    packet[12..20].copy_from_slice(&MARK);
    packet[20..28].copy_from_slice(&(sent.as_micros() as u64).to_be_bytes());
    packet
}

const MARK: [u8; 8] = *b"measured";

/// From the last loud sample that a caller sends to the INVITE that reaches an agent's phone.
fn decision() {
    let mut times = Vec::new();
    for name in RECORDINGS.iter().cycle().take(RECORDINGS.len() * ROUNDS) {
        let phone = socket();
        let branch = Branch::start(vec![agent_at("li_na", port(&phone))]);
        // It may ring before the recording, which ends in silence, is over.
        let ringing = std::thread::spawn(move || rung_at(&phone));
        let caller = Voice::saying(&recording(name), BEFORE_SPEAKING);
        let _carrier = branch.carrier("carrier_waits", &caller).start();
        caller.wait_until_said();
        let last_word = Instant::now() - silence_after(name);
        let Some(rung) = ringing.join().expect("the phone's thread ends") else {
            println!("{name}: no agent was rung");
            continue;
        };
        // Nothing when the wish was clear, and acted on, before the last word.
        let took = rung.saturating_duration_since(last_word).as_millis() as u64;
        println!("{name}: {took} ms");
        times.push(took);
    }
    report("last word to the agent's phone, ms", &times);
}

/// When the first INVITE reaches a phone.
fn rung_at(phone: &UdpSocket) -> Option<Instant> {
    phone
        .set_read_timeout(Some(DEADLINE))
        .expect("a time above zero");
    let mut packet = [0; 4_096];
    let (length, _) = phone.recv_from(&mut packet).ok()?;
    packet[..length].starts_with(b"INVITE ").then(Instant::now)
}

/// How long a recording goes on after its last sample above -40 dB of its loudest.
fn silence_after(name: &str) -> Duration {
    let samples = samples_of(&recording(name));
    let loudest = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    let last = samples
        .iter()
        .rposition(|s| s.unsigned_abs() > loudest / 100)
        .unwrap_or(0);
    Duration::from_micros((samples.len() - last) as u64 * 125)
}

/// Ten callers who speak at once, then talk with agents.
fn memory() {
    const NAMES: [&str; CALLERS] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let phones: Vec<Phone> = NAMES
        .iter()
        .map(|_| {
            Phone::new(Voice::saying(
                &recording("lostcard_en.wav"),
                BEFORE_SPEAKING,
            ))
        })
        .collect();
    let agents = NAMES.iter().zip(&phones);
    let branch = Branch::start(
        agents
            .map(|(name, phone)| phone.agent(name, false))
            .collect(),
    );
    let id = branch.running.process.id();
    println!("resident memory before a call: {} kB", status(id, "VmRSS:"));
    let answering: Vec<_> = phones
        .iter()
        .map(|phone| phone.run("agent_answers"))
        .collect();
    let before = processor_ms(id);
    let began = Instant::now();
    let callers: Vec<Voice> = (0..CALLERS)
        .map(|n| {
            Voice::saying(
                &recording(RECORDINGS[n % RECORDINGS.len()]),
                BEFORE_SPEAKING,
            )
        })
        .collect();
    let calling: Vec<_> = callers
        .iter()
        .map(|caller| {
            branch
                .carrier("carrier_hangs_up", caller)
                .pause_ms(20_000)
                .start()
        })
        .collect();
    for call in calling {
        e2e::sipp::succeed(call);
    }
    let seconds = began.elapsed().as_secs_f64();
    drop(answering);
    println!(
        "most resident memory, {CALLERS} calls: {} kB",
        status(id, "VmHWM:")
    );
    println!(
        "processor time, {CALLERS} calls with both sides heard: {:.3} s a second of call",
        (processor_ms(id) - before) as f64 / 1_000.0 / seconds / CALLERS as f64
    );
}

fn agent_at(name: &'static str, port: u16) -> Agent {
    Agent {
        name,
        contact: format!("sip:{name}@127.0.0.1:{port}"),
        senior: false,
    }
}

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a free port")
}

fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("a bound socket").port()
}

/// A figure of `/proc/PID/status`, in kB.
fn status(id: u32, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a running process");
    let line = text.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .expect("a figure")
}

/// User and system time, at the usual hundred ticks a second.
fn processor_ms(id: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("a running process");
    let (_, fields) = text.rsplit_once(") ").expect("a name in brackets");
    let ticks = |field: usize| -> u64 {
        fields
            .split_whitespace()
            .nth(field)
            .and_then(|ticks| ticks.parse().ok())
            .expect("a figure")
    };
    (ticks(11) + ticks(12)) * 10
}

fn report(what: &str, values: &[u64]) {
    println!(
        "{what}: n {}, median {}, p95 {}, p99 {}, most {}",
        values.len(),
        percentile(values, 50),
        percentile(values, 95),
        percentile(values, 99),
        percentile(values, 100),
    );
}

/// Nearest rank.
fn percentile(values: &[u64], percent: usize) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}
