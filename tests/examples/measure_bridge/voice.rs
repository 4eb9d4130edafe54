//! The voice of both sides of all calls: a packet every 20 ms each way, counted and timed where it
//! arrives.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use e2e::audio::recording;

use crate::Wanted;

/// Calls whose voice arrives at one socket: few enough for its queue.
const SHARED_BY: usize = 8;

const FRAME: Duration = Duration::from_millis(20);

/// Parts of a frame's time in which calls take turns.
const TURNS: usize = 20;

/// The system's queue of a socket.
const PACKET: usize = 172;

const HEADER: usize = 12;

const MARK: u64 = u32::from_be_bytes(*b"TSMB") as u64;

const SILENCE: u8 = 0xD5;

/// The sockets of all callers and agents. The last call has its own, whose packets are timed.
pub struct Ends {
    calls: usize,
    callers: Vec<Arc<UdpSocket>>,
    agents: Vec<Arc<UdpSocket>>,
}

/// Where the server takes the voice of each side.
pub struct Bridge {
    /// Of each caller.
    pub callers: Vec<SocketAddr>,
    /// Of each agent.
    pub agents: Vec<SocketAddr>,
}

/// What came of it.
pub struct Heard {
    /// How long they spoke.
    pub seconds: f64,
    sent: u64,
    arrived: u64,
    dropped_here: u64,
    dropped_there: u64,
    /// Microseconds through the server, and by a socket alone.
    through: Vec<u64>,
    beside: Vec<u64>,
}

impl Ends {
    /// For so many calls.
    pub fn open(calls: usize) -> Self {
        let open = || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            Arc::new(socket)
        };
        let count = (calls - 1).div_ceil(SHARED_BY) + 1;
        let side = || (0..count).map(|_| open()).collect::<Vec<_>>();
        Self {
            calls,
            callers: side(),
            agents: side(),
        }
    }

    /// The port that each caller names.
    pub fn caller_ports(&self) -> Vec<u16> {
        (0..self.calls)
            .map(|n| port(&self.callers[self.place(n)]))
            .collect()
    }

    /// The port that each agent names.
    pub fn agent_ports(&self) -> Vec<u16> {
        (0..self.calls)
            .map(|n| port(&self.agents[self.place(n)]))
            .collect()
    }

    /// Which socket a call has: the last one a socket of its own.
    fn place(&self, call: usize) -> usize {
        if call + 1 == self.calls {
            self.callers.len() - 1
        } else {
            call / SHARED_BY
        }
    }

    /// Both sides of all calls speak.
    pub fn converse(&self, bridge: &Bridge, wanted: &Wanted) -> Heard {
        let began = Instant::now();
        let stop = Arc::new(AtomicBool::new(false));
        let arrived = Arc::new(AtomicU64::new(0));
        let beside = Arc::new(UdpSocket::bind("127.0.0.1:0").expect("a free port"));
        let through = Arc::new(Mutex::new(Vec::new()));
        let direct = Arc::new(Mutex::new(Vec::new()));
        // What prompts have left behind is not voice.
        for socket in self.callers.iter().chain(&self.agents) {
            drain(socket);
        }
        let (others, last) = (self.callers.len() - 1, self.callers.len() - 1);
        let many: Vec<_> = self.callers[..others]
            .iter()
            .chain(&self.agents[..others])
            .cloned()
            .collect();
        let mut threads = vec![count(many, Arc::clone(&arrived), Arc::clone(&stop))];
        for socket in [&self.callers[last], &self.agents[last]] {
            let times = Timed {
                began,
                arrived: Arc::clone(&arrived),
                times: Arc::clone(&through),
                stop: Arc::clone(&stop),
            };
            threads.push(times.listen(Arc::clone(socket)));
        }
        let times = Timed {
            began,
            arrived: Arc::default(),
            times: Arc::clone(&direct),
            stop: Arc::clone(&stop),
        };
        threads.push(times.listen(Arc::clone(&beside)));

        let own: Vec<u16> = self.callers.iter().chain(&self.agents).map(port).collect();
        let theirs: Vec<u16> = bridge
            .callers
            .iter()
            .chain(&bridge.agents)
            .map(SocketAddr::port)
            .collect();
        let before = (dropped(&own), dropped(&theirs));
        let aside = beside.local_addr().expect("bound");
        let sent = self.speak(bridge, aside, began, wanted);
        let seconds = began.elapsed().as_secs_f64();
        // What is on its way arrives.
        std::thread::sleep(Duration::from_secs(1));
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().expect("it ends");
        }
        let times = |times: &Mutex<Vec<u64>>| std::mem::take(&mut *times.lock().expect("no panic"));
        Heard {
            seconds,
            sent,
            arrived: arrived.load(Ordering::Relaxed),
            dropped_here: dropped(&own) - before.0,
            dropped_there: dropped(&theirs) - before.1,
            through: times(&through),
            beside: times(&direct),
        }
    }

    fn speak(&self, bridge: &Bridge, aside: SocketAddr, began: Instant, wanted: &Wanted) -> u64 {
        let says = if wanted.speech {
            e2e::voice::codes_of(&recording("lostcard_en.wav"))
        } else {
            vec![SILENCE; PACKET]
        };
        let frames = says.len() / 160;
        let mut sent = 0;
        for number in 0..(wanted.seconds * 50) as u32 {
            for turn in 0..TURNS {
                let due = began + FRAME * number + FRAME * turn as u32 / TURNS as u32;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                for call in (turn..self.calls).step_by(TURNS) {
                    // Not all say the same at once.
                    let frame = (number as usize + call * 37) % frames;
                    let payload = &says[frame * 160..frame * 160 + 160];
                    let place = self.place(call);
                    for (side, socket, to) in [
                        (0, &self.callers[place], bridge.callers[call]),
                        (1, &self.agents[place], bridge.agents[call]),
                    ] {
                        let stream = (call * 2 + side) as u32;
                        let packet = packet(stream, number, began.elapsed(), payload);
                        // A full queue is a loss.
                        let _ = socket.send_to(&packet, to);
                        sent += 1;
                    }
                    if call + 1 == self.calls {
                        let packet = packet(u32::MAX, number, began.elapsed(), payload);
                        let _ = self.callers[place].send_to(&packet, aside);
                    }
                }
            }
        }
        sent
    }
}

impl Heard {
    /// Tells it.
    pub fn print(&self) {
        let lost = self.sent.saturating_sub(self.arrived);
        println!(
            "packets: {} sent, {} arrived, {lost} lost; queues overran by {} of the server's and {} \
             of this program's",
            self.sent, self.arrived, self.dropped_there, self.dropped_here,
        );
        for (what, times) in [("through it", &self.through), ("beside it", &self.beside)] {
            println!(
                "delay {what}, us: n {}, median {}, p99 {}, most {}",
                times.len(),
                percentile(times, 50),
                percentile(times, 99),
                percentile(times, 100)
            );
        }
        println!(
            "added, us: median {}, p99 {}",
            percentile(&self.through, 50).saturating_sub(percentile(&self.beside, 50)),
            percentile(&self.through, 99).saturating_sub(percentile(&self.beside, 99)),
        );
    }
}

/// Counts what arrives at many sockets, until told to stop.
fn count(
    sockets: Vec<Arc<UdpSocket>>,
    arrived: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for socket in &sockets {
            socket.set_nonblocking(true).expect("it can be set");
        }
        let mut bytes = [0; 2_048];
        while !stop.load(Ordering::Relaxed) {
            let mut count = 0;
            for socket in &sockets {
                while let Ok((length, _)) = socket.recv_from(&mut bytes) {
                    count += u64::from(sent_at(&bytes[..length]).is_some());
                }
            }
            arrived.fetch_add(count, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(4));
        }
    })
}

/// Times what arrives at one socket.
struct Timed {
    began: Instant,
    arrived: Arc<AtomicU64>,
    times: Arc<Mutex<Vec<u64>>>,
    stop: Arc<AtomicBool>,
}

impl Timed {
    fn listen(self, socket: Arc<UdpSocket>) -> JoinHandle<()> {
        std::thread::spawn(move || {
            let wait = Some(Duration::from_millis(200));
            socket.set_read_timeout(wait).expect("above zero");
            let mut bytes = [0; 2_048];
            while !self.stop.load(Ordering::Relaxed) {
                let Ok((length, _)) = socket.recv_from(&mut bytes) else {
                    continue;
                };
                let now = self.began.elapsed().as_micros() as u64;
                if let Some(sent) = sent_at(&bytes[..length]) {
                    self.arrived.fetch_add(1, Ordering::Relaxed);
                    let mut times = self.times.lock().expect("no panic");
                    times.push(now.saturating_sub(sent));
                }
            }
        })
    }
}

/// When a packet was sent, in microseconds, if it is one of ours.
fn sent_at(packet: &[u8]) -> Option<u64> {
    if packet.len() != PACKET {
        return None;
    }
    let mut carried = packet[HEADER..].iter().map(|code| code & 1);
    let mut bits = |count: u32| {
        (0..count).fold(0, |bits, _| {
            bits << 1 | u64::from(carried.next().unwrap_or(0))
        })
    };
    (bits(32) == MARK).then(|| bits(64))
}

/// 20 ms of A-law that carry when they were sent, in the lowest bit of each sample: silence stays silent.
fn packet(stream: u32, number: u32, sent: Duration, payload: &[u8]) -> [u8; PACKET] {
    let mut packet = [SILENCE; PACKET];
    packet[..2].copy_from_slice(&[0x80, 8]);
    packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
    packet[4..8].copy_from_slice(&(number * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&0x5EED_0000_u32.wrapping_add(stream).to_be_bytes());
    packet[HEADER..].copy_from_slice(payload);
    let carried = u128::from(MARK) << 64 | sent.as_micros() & u128::from(u64::MAX);
    for (code, bit) in packet[HEADER..].iter_mut().zip((0..96).rev()) {
        *code = *code & !1 | (carried >> bit & 1) as u8;
    }
    packet
}

fn drain(socket: &UdpSocket) {
    socket.set_nonblocking(true).expect("it can be set");
    let mut bytes = [0; 2_048];
    while socket.recv_from(&mut bytes).is_ok() {}
    socket.set_nonblocking(false).expect("it can be set");
}

/// Datagrams that found the queue of these ports full.
fn dropped(ports: &[u16]) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").expect("the system's sockets");
    let ports: std::collections::BTreeSet<u16> = ports.iter().copied().collect();
    let of = |line: &str| -> Option<u64> {
        let mut fields = line.split_whitespace();
        let (_, port) = fields.nth(1)?.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        ports
            .contains(&port)
            .then(|| fields.last()?.parse().ok())
            .flatten()
    };
    table.lines().skip(1).filter_map(of).sum()
}

fn port(socket: &Arc<UdpSocket>) -> u16 {
    socket.local_addr().expect("bound").port()
}

/// Nearest rank.
pub fn percentile(values: &[u64], percent: usize) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}
