//! Calls that are set up, stay for a moment, and are ended: how many fail, and what is left behind.

use std::time::{Duration, Instant};

use crate::Wanted;
use crate::phones::{PATIENCE, Phones, State};
use crate::server::Server;
use crate::voice::{Ends, percentile};

/// How often the memory is told.
const TOLD: Duration = Duration::from_secs(30);

/// Agents of the box, for those calls that last until one is rung.
const AGENTS: usize = 200;

/// Sets up calls at a rate for a time.
pub fn measure(wanted: &Wanted) {
    let ends = Ends::open(AGENTS);
    let phones = Phones::open();
    let server = Server::start(wanted, wanted.rate * 10 + AGENTS, phones.agents_at());
    let rung = phones.answer(ends.agent_ports());
    let ports = ends.caller_ports();
    let mut callers = phones.callers(server.sip());
    let total = wanted.rate * wanted.seconds as usize;
    let (began, spent) = (Instant::now(), server.processor());
    let mut told = began;
    // Calls before this one are over.
    let mut first = 0;
    while first < total {
        let now = Instant::now();
        let due = now.duration_since(began).as_secs_f64() * wanted.rate as f64;
        while callers.calls.len() < total && (callers.calls.len() as f64) <= due {
            let number = callers.calls.len();
            callers.call(now, ports[number % ports.len()]);
        }
        callers.work(now);
        callers.remind(now, first);
        for number in first..callers.calls.len() {
            let call = &callers.calls[number];
            let stood = now.duration_since(call.began) >= wanted.hold;
            if call.state == State::Up && stood {
                callers.hang_up(now, number);
            }
        }
        let over = |state: State| matches!(state, State::Over | State::Failed(_));
        while first < callers.calls.len() && over(callers.calls[first].state) {
            first += 1;
        }
        if now >= told + TOLD {
            told = now;
            let kb = server.memory_kb();
            let calls = callers.calls.len();
            println!(
                "{:4.0} s, {calls} calls, {kb} kB",
                (now - began).as_secs_f64()
            );
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let spent = server.processor().since(&spent);
    let failed: Vec<u16> = callers
        .calls
        .iter()
        .filter_map(|call| match call.state {
            State::Failed(status) => Some(status),
            _ => None,
        })
        .collect();
    let times: Vec<u64> = callers
        .calls
        .iter()
        .filter_map(|call| Some(call.answered?.as_millis() as u64))
        .collect();
    println!(
        "{total} calls in {seconds:.0} s: {} failed ({PATIENCE:?} without an answer is a failure), \
         statuses {:?}; {} agents rung",
        failed.len(),
        &failed[..failed.len().min(10)],
        rung.lock().expect("no panic").len(),
    );
    println!(
        "answered after, ms: median {}, p99 {}, most {}",
        percentile(&times, 50),
        percentile(&times, 99),
        percentile(&times, 100)
    );
    println!(
        "processor: {:.2} ms a call, of that recognition {:.2}",
        spent.all() * 1_000.0 / total as f64,
        spent.recognition * 1_000.0 / total as f64
    );
    println!("memory after: {} kB", server.memory_kb());
}
