//! `trunkside policy`: a routing policy checked, tried on yesterday, and taken back.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use jiff::civil::Date;
use trunkside_call::AgentId;
use trunkside_decision::{Day, DryRun, Estimate, Evaluation, Policy, dry_run, evaluate};

use super::complain;
use crate::cli::{Failure, LogDay, PolicyCommand, TrialArgs};
use crate::clock;
use crate::config::{self, Severity};
use crate::policy::{Told, Version, Versions, replaced_by, restore};

/// How many moved calls the table names.
const NAMED: usize = 20;

/// Runs the subcommand.
pub fn policy(command: &PolicyCommand) -> Result<(), Failure> {
    match command {
        PolicyCommand::Check { file } => {
            let policy = usable(file)?;
            say!(
                "{}: the policy is right: {} agents, {} rules, sha256 {}",
                file.display(),
                policy.agents.len(),
                policy.rules.len(),
                policy.sha256
            );
            Ok(())
        }
        PolicyCommand::DryRun {
            trial: TrialArgs { policy, log, json },
            day,
        } => {
            let policy = Arc::new(usable(policy)?);
            let on = day.map(|day| date_of(day, &policy)).transpose()?;
            let found = dry_run(&log_text(log)?, &policy, on);
            let found = found
                .with_context(|| unusable(log))
                .map_err(Failure::Input)?;
            if let Some(on) = on.filter(|_| found.calls == 0) {
                return Err(Failure::input(anyhow::anyhow!(no_call_on(on, found.days))));
            }
            if *json {
                say!(
                    "{}",
                    serde_json::to_string(&found).expect("a dry run is plain data")
                );
            } else {
                table(&found, on)?;
            }
            Ok(())
        }
        PolicyCommand::Evaluate(TrialArgs { policy, log, json }) => {
            let policy = usable(policy)?;
            let found = evaluate(&log_text(log)?, &policy);
            let found = found
                .with_context(|| unusable(log))
                .map_err(Failure::Input)?;
            if found.choices == 0 {
                return Err(failed(anyhow::anyhow!(
                    "the log has no choice that chance took part in and whose outcome is known; let \
                     the policy in force learn (`[learning]` `enabled = true`, `explore` above 0) for \
                     some days"
                )));
            }
            if *json {
                say!(
                    "{}",
                    serde_json::to_string(&found).expect("an evaluation is plain data")
                );
                return Ok(());
            }
            evaluation(&found)
        }
        PolicyCommand::Versions { config } => {
            let config = settings(&config.file)?;
            for version in Versions::of(&config.data_dir).list().map_err(failed)? {
                say!("{}", row(&version).map_err(failed)?);
            }
            Ok(())
        }
        PolicyCommand::Rollback { config, to } => rollback(&settings(&config.file)?, *to),
    }
}

/// A version's number, hash, first day in force (UTC) and name.
fn row(version: &Version) -> std::io::Result<String> {
    let since = version.since()?.strftime("%Y-%m-%d %H:%M UTC");
    let name = version.name();
    let name = name
        .as_deref()
        .unwrap_or("(this version of Trunkside cannot use it)");
    Ok(format!(
        "{:>4}  {}  {since}  {name}",
        version.number, version.sha256
    ))
}

/// The day's date at the branch.
fn date_of(day: LogDay, policy: &Policy) -> Result<Date, Failure> {
    match day {
        LogDay::On(date) => Ok(date),
        LogDay::Yesterday => {
            let today = policy.hours.local(clock::timestamp()).date();
            today.yesterday().map_err(failed)
        }
    }
}

fn no_call_on(day: Date, days: Option<(Date, Date)>) -> String {
    match days {
        Some((first, last)) => format!(
            "the log has no call on {day}; its calls came from {first} to {last}: name one of those days, \
             or leave `--day` out"
        ),
        None => format!(
            "the log does not tell the branch's time, so it has no call on {day}; leave `--day` out"
        ),
    }
}

fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Operation(error.into())
}

/// Reads a policy and prints its problems; bad input when it cannot be used.
fn usable(file: &Path) -> Result<Policy, Failure> {
    let (policy, problems) = crate::policy::check(file, &Told::default());
    for problem in &problems {
        complain(problem);
    }
    policy.ok_or(Failure::Said(2))
}

fn settings(file: &Path) -> Result<config::Config, Failure> {
    let loaded = config::load(file);
    let errors = loaded
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    for problem in errors {
        complain(problem);
    }
    if loaded.is_usable() {
        Ok(loaded.config)
    } else {
        Err(Failure::Said(2))
    }
}

fn lost(lines: u64) -> Result<(), Failure> {
    if lines > 0 {
        say!("{lines} lines of the log are torn or missing and were skipped");
    }
    Ok(())
}

fn log_text(log: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(log).map_err(|error| {
        Failure::Input(anyhow::anyhow!(
            "cannot read the decision log `{}`: {error}; a box's is `decisions.jsonl` in its `box.data_dir`",
            log.display()
        ))
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn unusable(log: &Path) -> String {
    format!("`{}` cannot be used", log.display())
}

fn evaluation(found: &Evaluation) -> Result<(), Failure> {
    say!("{} choices by chance, judged since", found.choices);
    lost(found.lost_lines)?;
    let row = |name: &str, estimate: Estimate| -> Result<(), Failure> {
        let (mean, half) = (100.0 * estimate.mean, 100.0 * estimate.half);
        say!("{name:<34} {mean:>6.1} % ± {half:.1}");
        Ok(())
    };
    row("resolved as it was", found.logged)?;
    row("by inverse propensity", found.inverse_propensity)?;
    row("doubly robust", found.doubly_robust)?;
    if found.beyond > 0 {
        say!(
            "in {} choices it would have rung somebody whom the log's policy could not: they count \
             in neither estimate",
            found.beyond
        );
    }
    Ok(())
}

fn rollback(config: &config::Config, to: Option<u32>) -> Result<(), Failure> {
    let versions = Versions::of(&config.data_dir).list().map_err(failed)?;
    let wanted = match to {
        Some(number) => versions.iter().find(|version| version.number == number),
        // A file that is gone holds no version.
        None => replaced_by(
            &std::fs::read_to_string(&config.policy).unwrap_or_default(),
            &versions,
        ),
    };
    let Some(version) = wanted else {
        return Err(Failure::input(anyhow::anyhow!(absent(to, &versions))));
    };
    restore(version, &config.policy).with_context(|| {
        let file = config.policy.display();
        format!("`{file}` stays as it is; ask as root, or as whoever owns it and its folder")
    })?;
    say!(
        "{}: version {} ({}) is back",
        config.policy.display(),
        version.number,
        version.sha256
    );
    Ok(())
}

/// Why there is nothing to go back to.
fn absent(to: Option<u32>, versions: &[Version]) -> String {
    let known: Vec<String> = versions.iter().map(|v| v.number.to_string()).collect();
    match (to, &known[..]) {
        (_, []) => {
            "no policy is kept yet: a box keeps each one that comes into force; start it with this \
             configuration first"
                .to_owned()
        }
        (Some(number), known) => format!(
            "there is no version {number} of the policy; known: {}",
            known.join(", ")
        ),
        (None, [first, ..]) => format!(
            "no earlier policy is kept: version {first} is the first, and it is in force; put another file in \
             its place by hand"
        ),
    }
}

fn table(found: &DryRun, on: Option<Date>) -> Result<(), Failure> {
    say!(
        "{} of {} calls would have gone elsewhere",
        found.moved.len(),
        found.calls
    );
    if let Some((first, last)) = found.days.filter(|_| on.is_none()) {
        say!("they came from {first} to {last}; `--day` counts one day alone");
    }
    say!(
        "{:<22} {:>9} {:>10} {:>9} {:>9}",
        "",
        "answered",
        "overflowed",
        "wait",
        "p90"
    );
    let row = |name: &str, day: Day| -> Result<(), Failure> {
        say!(
            "{name:<22} {:>9} {:>10} {:>7.1} s {:>7.1} s",
            day.answered,
            day.overflowed,
            day.wait_mean_s,
            day.wait_p90_s
        );
        Ok(())
    };
    row("as it was logged", found.logged)?;
    row("played as it was", found.before)?;
    row("with the new policy", found.after)?;
    lost(found.lost_lines)?;
    if found.unlike_log > 0 {
        say!(
            "playing the day as it was gives {} of {} calls another agent than the log: who answers, and how \
             long calls take, is a model's guess. trust the rest accordingly, and use a log of some hundred \
             calls",
            found.unlike_log,
            found.calls
        );
    }
    for moved in found.moved.iter().take(NAMED) {
        let name =
            |agent: &Option<AgentId>| agent.as_ref().map_or("nobody", AgentId::as_str).to_owned();
        say!(
            "  {}  {} -> {}, wait {:.1} s -> {:.1} s",
            moved.call,
            name(&moved.before),
            name(&moved.after),
            moved.wait_before_s,
            moved.wait_after_s
        );
    }
    if found.moved.len() > NAMED {
        say!("  and {} more", found.moved.len() - NAMED);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_to_nowhere_says_what_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let versions = Versions::of(folder.path());
        assert!(absent(None, &versions.list().unwrap()).contains("no policy is kept yet"));
        let kept = folder.path().join("policies");
        std::fs::create_dir(&kept).unwrap();
        std::fs::write(kept.join("0001-1a2b3c4d5e6f.toml"), "").unwrap();
        let versions = versions.list().unwrap();
        assert!(absent(None, &versions).contains("version 1 is the first"));
        assert!(absent(Some(7), &versions).contains("no version 7 of the policy; known: 1"));
    }

    #[test]
    fn a_version_is_told_with_its_day_and_name() {
        let folder = tempfile::tempdir().unwrap();
        let versions = Versions::of(folder.path());
        let text = "name = \"spring\"\n[[agent]]\nid = \"ann\"\ncontact = \"sip:ann@192.0.2.20\"\n";
        let policy = Policy::parse("p.toml", text).policy.unwrap();
        versions.keep(&policy).unwrap();
        let kept = folder.path().join("policies");
        std::fs::write(kept.join("0002-1a2b3c4d5e6f.toml"), "name = 1").unwrap();
        let list = versions.list().unwrap();
        let since = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_000_000);
        for version in &list {
            let file = format!("{:04}-{}.toml", version.number, version.sha256);
            let file = std::fs::File::options().append(true).open(kept.join(file));
            file.unwrap().set_modified(since).unwrap();
        }
        let rows: Vec<String> = list.iter().map(|version| row(version).unwrap()).collect();
        assert_eq!(
            rows,
            [
                format!("   1  {}  2026-11-18 11:06 UTC  spring", &policy.sha256[..12]),
                "   2  1a2b3c4d5e6f  2026-11-18 11:06 UTC  (this version of Trunkside cannot use it)".to_owned(),
            ]
        );
    }

    #[test]
    fn a_day_without_calls_says_which_days_there_are() {
        let day = |day| jiff::civil::date(2026, 11, day);
        let said = no_call_on(day(9), Some((day(1), day(3))));
        assert!(said.contains("no call on 2026-11-09"), "{said}");
        assert!(said.contains("from 2026-11-01 to 2026-11-03"), "{said}");
        assert!(no_call_on(day(9), None).contains("does not tell the branch's time"));
    }

    #[test]
    fn a_log_without_a_choice_by_chance_fails_in_either_form() {
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("p.toml"), folder.path().join("log"));
        let text = "[[agent]]\nid = 'a'\ncontact = 'sip:a@192.0.2.1'\n";
        std::fs::write(&file, text).unwrap();
        std::fs::write(&log, "").unwrap();
        for json in [false, true] {
            let trial = TrialArgs {
                policy: file.clone(),
                log: log.clone(),
                json,
            };
            let failed = policy(&PolicyCommand::Evaluate(trial)).unwrap_err();
            assert_eq!(failed.status(), 1);
        }
    }
}
