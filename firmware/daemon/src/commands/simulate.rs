//! `trunkside simulate`: routing policies tried on a scenario before they are switched on.

use anyhow::Context;
use trunkside_decision::{Outcome, Scenario, Severity, simulate as play};

use crate::cli::{Failure, SimulateArgs};

/// Plays the scenario under each policy with the same callers.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's output"
)]
pub fn simulate(args: &SimulateArgs) -> Result<(), Failure> {
    let name = args.scenario.display().to_string();
    let text = std::fs::read_to_string(&args.scenario)
        .with_context(|| format!("cannot read the scenario `{name}`"))
        .map_err(Failure::Input)?;
    let (scenario, problems) = Scenario::parse(&name, &text);
    for problem in &problems {
        eprintln!("{problem}");
    }
    let usable = problems
        .iter()
        .all(|problem| problem.severity == Severity::Warning);
    let Some(scenario) = scenario.filter(|_| usable) else {
        return Err(Failure::Said(2));
    };
    let policies: Vec<&str> = args.policies.iter().map(String::as_str).collect();
    let outcomes = play(&scenario, &policies, args.seed).map_err(Failure::input)?;
    if !args.json {
        println!(
            "{:<18} {:>9} {:>10} {:>9} {:>8} {:>8} {:>8} {:>9}",
            "policy", "calls", "abandoned", "wait", "p50", "p90", "in 20 s", "resolved"
        );
    }
    for outcome in &outcomes {
        if args.json {
            let line = serde_json::to_string(outcome).expect("an outcome is plain data");
            println!("{line}");
        } else {
            println!("{}", row(outcome));
        }
    }
    Ok(())
}

fn row(outcome: &Outcome) -> String {
    let all = &outcome.all;
    let abandoned = all.abandoned as f64 / (all.calls as f64).max(1.0);
    format!(
        "{:<18} {:>9} {:>9.2}% {:>7.1} s {:>6.1} s {:>6.1} s {:>7.1}% {:>8.1}%",
        outcome.policy,
        all.calls,
        abandoned * 100.0,
        all.wait_mean_s,
        all.wait_p50_s,
        all.wait_p90_s,
        all.service_level_20s * 100.0,
        all.first_call_resolution * 100.0
    )
}
