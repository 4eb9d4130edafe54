//! Measures many bridged calls at once: what they cost, and what is lost, beside Asterisk or
//! rtpengine on the same machine.
//!
//!     cargo build --release --workspace --all-targets
//!     target/release/examples/measure_bridge trunkside --calls 100 --seconds 20
//!     target/release/examples/measure_bridge asterisk=/srv/sid --calls 100 --seconds 20
//!     target/release/examples/measure_bridge rtpengine=/srv/sid --calls 100 --seconds 20
//!     target/release/examples/measure_bridge trunkside --set-ups 100 --seconds 300 --hold-ms 500
//!
//! Asterisk and rtpengine run in a folder made by `debootstrap --variant=minbase sid /srv/sid` and
//! `chroot /srv/sid apt-get install asterisk rtpengine-daemon` (root). `--speech` lets both sides
//! speak, which keeps recognition busy; otherwise they are silent. `--full-disk` fills the disk of
//! the box (root). `--idle 60` lets the calls stand for a minute before their memory is looked at and
//! both sides speak; without it they stand for five seconds. `TRUNKSIDE_FAULT=hearing-hangs` leaves
//! recognition out. Callers and agents run on the same machine and share its cores.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints figures, and what it does not understand"
)]

mod phones;
mod server;
mod set_ups;
mod voice;

use std::time::Duration;

use phones::Phones;
use server::Server;
use voice::Ends;

/// How long bridged calls stay idle before their voice begins, unless it is said.
const IDLE_S: u64 = 5;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `trunkside`, or `asterisk=` or `rtpengine=` and a folder.
    pub server: String,
    /// Bridged calls at once.
    pub calls: usize,
    /// How long is measured.
    pub seconds: u64,
    /// How long bridged calls stay idle before their voice begins: what an answer needs in memory, SIP
    /// keeps for 32 s.
    pub idle: Duration,
    /// How many calls a second are set up.
    pub rate: usize,
    /// Whether calls are set up and ended, instead of bridged.
    pub set_ups: bool,
    /// How long those last.
    pub hold: Duration,
    /// Whether both sides speak.
    pub speech: bool,
    /// Whether the box's disk is full.
    pub full_disk: bool,
}

fn main() {
    let wanted = match wanted(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(problem) => {
            eprintln!("measure_bridge: {problem}; see the head of its source");
            std::process::exit(2);
        }
    };
    if wanted.set_ups {
        set_ups::measure(&wanted);
    } else {
        bridge(&wanted);
    }
}

fn wanted(mut words: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        server: words.next().ok_or("it wants a server")?,
        calls: 100,
        seconds: 20,
        idle: Duration::from_secs(IDLE_S),
        rate: 10,
        set_ups: false,
        hold: Duration::from_millis(500),
        speech: false,
        full_disk: false,
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--speech" => wanted.speech = true,
            "--full-disk" => wanted.full_disk = true,
            _ => {
                let number: Option<u64> = words.next().and_then(|number| number.parse().ok());
                let number = number.ok_or(format!("`{word}` wants a number"))?;
                match word.as_str() {
                    "--calls" => wanted.calls = number.max(1) as usize,
                    "--seconds" => wanted.seconds = number,
                    "--idle" => wanted.idle = Duration::from_secs(number),
                    "--rate" => wanted.rate = number.max(1) as usize,
                    "--hold-ms" => wanted.hold = Duration::from_millis(number),
                    "--set-ups" => {
                        wanted.set_ups = true;
                        wanted.rate = number.max(1) as usize;
                    }
                    _ => return Err(format!("`{word}` is unknown")),
                }
            }
        }
    }
    Ok(wanted)
}

/// Calls are set up, stay idle, speak, and are ended.
fn bridge(wanted: &Wanted) {
    let ends = Ends::open(wanted.calls);
    let phones = Phones::open();
    let server = Server::start(wanted, wanted.calls, phones.agents_at());
    let before = server.memory_kb();
    let bridges = match server.media_only() {
        Some(control) => control.bridge(&ends),
        None => phones.bridge(server.sip(), &ends, wanted),
    };
    std::thread::sleep(wanted.idle);
    let idle = server.memory_kb();
    println!(
        "memory: {before} kB before, {idle} kB with {} idle calls: {:.1} kB a call",
        wanted.calls,
        (idle as f64 - before as f64) / wanted.calls as f64
    );
    let spent = server.processor();
    let heard = ends.converse(&bridges, wanted);
    let spent = server.processor().since(&spent);
    println!(
        "processor: {:.3} s a second for {} calls ({:.3} for 100), of that recognition {:.3}",
        spent.all() / heard.seconds,
        wanted.calls,
        spent.all() / heard.seconds / wanted.calls as f64 * 100.0,
        spent.recognition / heard.seconds,
    );
    println!(
        "voice and signalling alone: {:.3} s a second for 100 calls",
        spent.others / heard.seconds / wanted.calls as f64 * 100.0
    );
    heard.print();
    println!("memory after: {} kB", server.memory_kb());
    drop(phones);
}
