//! `trunkside simulate`: routing policies tried on a scenario before they are switched on.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context;
use trunkside_decision::{
    Interval, Measure, Outcome, Scenario, Severity, Summary, TraceFormat, policy_names, report,
    simulate_one,
};

use super::complain;
use crate::cli::{Failure, SimulateArgs};
use crate::policy::Told;

/// Where data for measuring are looked for when nothing says where they are.
const DATA: &str = "../shared/data";

/// Plays the scenario under each policy with the same callers.
pub fn simulate(args: &SimulateArgs) -> Result<(), Failure> {
    let scenario = scenario(args)?;
    // `all` stands for every policy there is.
    let mut policies: Vec<&str> = Vec::new();
    for named in &args.policies {
        let these = match named.as_str() {
            "all" => policy_names(),
            name => vec![name],
        };
        for policy in these {
            if !policies.contains(&policy) {
                policies.push(policy);
            }
        }
    }
    let mut bar = Bar::new((policies.len() * args.replications as usize) as f64);
    let mut summaries = Vec::new();
    for policy in policies {
        let mut runs = Vec::new();
        for replication in 0..u64::from(args.replications) {
            let seed = args.seed.wrapping_add(replication);
            let run = simulate_one(&scenario, policy, seed, &mut |share| bar.show(share)).map_err(
                |unknown| Failure::input(anyhow::anyhow!("{unknown}, or `all` of them")),
            )?;
            bar.next();
            if !run.keeps_littles_law() {
                bar.clear();
                return Err(Failure::Operation(anyhow::anyhow!(
                    "the run of `{policy}` with seed {seed} breaks Little's law by {:.2e} of its waits: the \
                     simulation is at fault and its figures are worth nothing; report it with the scenario",
                    run.little_error
                )));
            }
            if args.json {
                bar.clear();
                say!(
                    "{}",
                    serde_json::to_string(&run).expect("an outcome is plain data")
                );
            }
            runs.push(run);
        }
        summaries.push(Summary {
            policy: policy.to_owned(),
            runs,
        });
    }
    bar.clear();
    if let Some(path) = &args.report {
        let name = args.scenario.display().to_string();
        std::fs::write(path, report(&name, &scenario, &summaries))
            .with_context(|| format!("cannot write the report `{}`", path.display()))?;
    }
    if args.json {
        Ok(())
    } else {
        table(&scenario, &summaries)
    }
}

/// Reads the scenario, and its trace when it has one.
fn scenario(args: &SimulateArgs) -> Result<Scenario, Failure> {
    let name = args.scenario.display().to_string();
    let text = std::fs::read_to_string(&args.scenario).map_err(|error| {
        Failure::Input(anyhow::anyhow!(
            "cannot read the scenario `{name}`: {error}; give one such as those in `firmware/decision/scenarios`"
        ))
    })?;
    let (scenario, problems) = Scenario::parse(&name, &text);
    for problem in &problems {
        complain(problem);
    }
    let usable = problems
        .iter()
        .all(|problem| problem.severity == Severity::Warning);
    let Some(mut scenario) = scenario.filter(|_| usable) else {
        return Err(Failure::Said(2));
    };
    if let Some(file) = scenario.policy_file.clone() {
        let path = beside(&args.scenario, &file);
        let (policy, problems) = crate::policy::check(&path, &Told::default());
        for problem in &problems {
            complain(problem);
        }
        let policy = policy.ok_or(Failure::Said(2))?;
        scenario.take_policy(policy).map_err(|fault| {
            let place = path.display();
            Failure::input(anyhow::anyhow!(
                "`{name}` with the agents of `{place}`: {fault}"
            ))
        })?;
    }
    let trace = match &args.trace {
        Some(path) => {
            let remedy = "check that it exists and may be read".to_owned();
            Some((path.clone(), TraceFormat::Columns, remedy))
        }
        None => scenario.trace_file.clone().map(|(file, format)| {
            let remedy = format!(
                "set TRUNKSIDE_DATA to the data folder or correct `trace.file` in `{name}`"
            );
            (trace_path(&args.scenario, &file), format, remedy)
        }),
    };
    if let Some((path, format, remedy)) = trace {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the trace `{}`; {remedy}", path.display()))
            .map_err(Failure::Input)?;
        // Excel begins its CSV with a byte order mark.
        let late = scenario
            .read_trace(text.trim_start_matches('\u{feff}'), format)
            .with_context(|| format!("the trace `{}` cannot be used", path.display()))
            .map_err(Failure::Input)?;
        if late > 0 {
            complain(format_args!(
                "{late} calls of the trace `{}` come after `run.hours` = {} of `{name}` and are not played; raise it \
                 to have them, too",
                path.display(),
                scenario.hours
            ));
        }
    }
    Ok(scenario)
}

/// A trace's path: `$TRUNKSIDE_DATA/…`, or from the scenario's folder.
fn trace_path(scenario: &Path, file: &str) -> PathBuf {
    if let Some(rest) = file.strip_prefix("$TRUNKSIDE_DATA/") {
        let data = std::env::var_os("TRUNKSIDE_DATA").unwrap_or_else(|| DATA.into());
        return Path::new(&data).join(rest);
    }
    beside(scenario, file)
}

/// A path from the scenario's folder.
fn beside(scenario: &Path, file: &str) -> PathBuf {
    scenario
        .parent()
        .map_or_else(|| file.into(), |folder| folder.join(file))
}

/// One line a policy, and one for each of its classes.
fn table(scenario: &Scenario, summaries: &[Summary]) -> Result<(), Failure> {
    let replications = summaries.first().map_or(0, |summary| summary.runs.len());
    let width = if replications > 1 { 15 } else { 12 };
    let mut head = format!("{:<18} {:>9}", "policy", "calls");
    for measure in Measure::ALL {
        let _ = write!(head, " {:>width$}", measure.title());
    }
    say!("{head}");
    for summary in summaries {
        let calls: u64 = summary.runs.iter().map(|run| run.all.calls).sum();
        let mut line = format!("{:<18} {calls:>9}", summary.policy);
        for measure in Measure::ALL {
            let _ = write!(line, " {:>width$}", shown(summary.interval(measure)));
        }
        say!("{line}");
    }
    for class in &scenario.classes {
        say!("\n{}", class.name);
        for summary in summaries {
            say!(
                "{}",
                class_line(&summary.policy, &summary.runs, &class.name)
            );
        }
    }
    if replications > 1 {
        say!("\n± is half a 95 % interval over {replications} replications");
    }
    Ok(())
}

fn class_line(policy: &str, runs: &[Outcome], class: &str) -> String {
    let mean =
        |of: &dyn Fn(&Outcome) -> f64| runs.iter().map(of).sum::<f64>() / runs.len().max(1) as f64;
    format!(
        "  {policy:<16} {:>9.0} calls a run, {:>6.2} % abandoned, wait {:>7.1} s, p90 {:>7.1} s, \
         {:>5.1} % resolved",
        mean(&|run| run.by_class[class].calls as f64),
        mean(&|run| {
            let figures = &run.by_class[class];
            100.0 * figures.abandoned as f64 / (figures.calls as f64).max(1.0)
        }),
        mean(&|run| run.by_class[class].wait_mean_s),
        mean(&|run| run.by_class[class].wait_p90_s),
        mean(&|run| 100.0 * run.by_class[class].first_call_resolution),
    )
}

fn shown(interval: Interval) -> String {
    if interval.half.is_finite() {
        format!("{:.2} ± {:.2}", interval.mean, interval.half)
    } else {
        format!("{:.2}", interval.mean)
    }
}

/// How far the runs are, on a terminal only.
struct Bar {
    runs: f64,
    done: f64,
    shown: Option<u32>,
}

impl Bar {
    fn new(runs: f64) -> Self {
        let shown = std::io::stderr().is_terminal().then_some(u32::MAX);
        Self {
            runs,
            done: 0.0,
            shown,
        }
    }

    fn show(&mut self, share: f64) {
        let percent = (100.0 * (self.done + share) / self.runs.max(1.0)) as u32;
        if self.shown.is_some_and(|shown| shown != percent) {
            self.shown = Some(percent);
            let filled = "#".repeat(percent as usize * 40 / 100);
            // A terminal that is gone needs no bar.
            let _ = write!(std::io::stderr(), "\r[{filled:<40}] {percent:>3} %");
        }
    }

    fn next(&mut self) {
        self.done += 1.0;
        self.show(0.0);
    }

    /// Makes room for a line of results.
    fn clear(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r{:<50}\r", "");
            self.shown = Some(u32::MAX);
        }
    }
}
