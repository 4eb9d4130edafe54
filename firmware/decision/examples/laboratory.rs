//! Compares the product with the baselines on a scenario, with 95 % intervals over seeds.
//!
//! `cargo run --release -p trunkside-decision --example laboratory -- FILE [SEEDS]`
#![expect(clippy::print_stdout, reason = "an example that prints its table")]
#![expect(clippy::disallowed_methods, reason = "it reports its own speed")]

use std::time::Instant;

use trunkside_decision::{Figures, Outcome, Scenario, policy_names, simulate};

/// Mean and half the 95 % interval (normal).
fn interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, 1.96 * (variance / n).sqrt())
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("usage: laboratory FILE [SEEDS]");
    let seeds: u64 = arguments
        .next()
        .map_or(10, |n| n.parse().expect("a number of seeds"));
    let text = std::fs::read_to_string(&file).expect("the scenario can be read");
    let (scenario, problems) = Scenario::parse(&file, &text);
    let scenario = scenario.unwrap_or_else(|| panic!("{problems:#?}"));
    println!(
        "{:<17} {:>8} {:>15} {:>15} {:>8} {:>8} {:>14} {:>7} {:>7} {:>8}",
        "policy",
        "calls",
        "abandoned %",
        "wait mean s",
        "p90 s",
        "sl20 %",
        "resolved %",
        "occ",
        "spread",
        "calls/s"
    );
    for name in policy_names() {
        let start = Instant::now();
        let runs: Vec<Outcome> = (1..=seeds)
            .map(|seed| {
                simulate(&scenario, &[name], seed)
                    .expect("it is known")
                    .remove(0)
            })
            .collect();
        let calls: u64 = runs.iter().map(|run| run.all.calls).sum();
        let speed = calls as f64 / start.elapsed().as_secs_f64();
        let over = |of: fn(&Figures) -> f64| {
            interval(&runs.iter().map(|run| of(&run.all)).collect::<Vec<_>>())
        };
        let mean = |of: fn(&Outcome) -> f64| interval(&runs.iter().map(of).collect::<Vec<_>>()).0;
        let abandoned = over(|f| 100.0 * f.abandoned as f64 / f.calls as f64);
        let wait = over(|f| f.wait_mean_s);
        let resolved = over(|f| 100.0 * f.first_call_resolution);
        println!(
            "{name:<17} {:>8} {:>8.2} ± {:>4.2} {:>8.2} ± {:>4.2} {:>8.1} {:>8.1} {:>7.2} ± {:>4.2} {:>7.3} {:>7.3} {speed:>8.0}",
            calls / seeds,
            abandoned.0,
            abandoned.1,
            wait.0,
            wait.1,
            over(|f| f.wait_p90_s).0,
            100.0 * over(|f| f.service_level_20s).0,
            resolved.0,
            resolved.1,
            mean(|o| o.occupancy_mean),
            mean(|o| o.occupancy_spread),
        );
        for class in &scenario.classes {
            let of = |what: fn(&Figures) -> f64| {
                interval(
                    &runs
                        .iter()
                        .map(|run| what(&run.by_class[&class.name]))
                        .collect::<Vec<_>>(),
                )
                .0
            };
            println!(
                "    {:<20} abandoned {:>6.2} %  wait {:>7.2} s  p90 {:>7.1} s",
                class.name,
                of(|f| 100.0 * f.abandoned as f64 / f.calls.max(1) as f64),
                of(|f| f.wait_mean_s),
                of(|f| f.wait_p90_s),
            );
        }
    }
}
