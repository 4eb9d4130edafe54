//! How well waits are foretold on the anonymous bank's calls (`TRUNKSIDE_DATA`) and on a scenario.
//!
//! `cargo run --release -p trunkside-decision --example waits`
#![expect(clippy::print_stdout, reason = "an example that prints its figures")]

use trunkside_decision::{Scenario, TraceFormat, wait_accuracy};

fn main() {
    let folder = std::env::var("TRUNKSIDE_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
    let trace = format!("{folder}/calls/anonymous_bank/data_anonymous_bank_february.txt");
    for (name, text) in [
        ("bank trace", include_str!("../scenarios/bank_trace.toml")),
        ("branch", include_str!("../scenarios/branch.toml")),
        ("bank", include_str!("../scenarios/bank.toml")),
    ] {
        let mut scenario = Scenario::parse(name, text).0.expect("it is whole");
        if scenario.trace_file.is_some() {
            let Ok(calls) = std::fs::read_to_string(&trace) else {
                println!("{name}: SKIPPED, `{trace}` is not there");
                continue;
            };
            scenario
                .read_trace(&calls, TraceFormat::AnonymousBank)
                .expect("it is whole");
        }
        for seed in 1..=3 {
            let found = wait_accuracy(&scenario, seed);
            let best = found.asterisk_error_s.min(found.queue_error_s);
            println!(
                "{name}, seed {seed}: {} calls waited; own error {:.1} s, app_queue {:.1} s, queue \
                 length {:.1} s, own over the better {:.2}; 80 % interval covers {:.1} %",
                found.calls,
                found.own_error_s,
                found.asterisk_error_s,
                found.queue_error_s,
                found.own_error_s / best,
                100.0 * found.covered
            );
        }
    }
}
