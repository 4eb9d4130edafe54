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
            let (policy, warnings) = usable(file)?;
            let verdict = match warnings {
                0 => "is right".to_owned(),
                1 => "can be used, but see the warning".to_owned(),
                n => format!("can be used, but see the {n} warnings"),
            };
            say!(
                "{}: the policy {verdict}: {} agents, {} rules, sha256 {}",
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
            let policy = Arc::new(usable(policy)?.0);
            let on = day.map(|day| date_of(day, &policy)).transpose()?;
            let found = dry_run(&log_text(log)?, &policy, on);
            let found = found
                .with_context(|| unusable(log))
                .map_err(Failure::Input)?;
            if found.calls == 0 {
                let why = match on {
                    Some(on) => no_call_on(on, found.days),
                    None => format!(
                        "`{}` has no call that wanted an agent; use the log of a day with calls",
                        log.display()
                    ),
                };
                return Err(Failure::input(anyhow::anyhow!(why)));
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
            let (policy, _) = usable(policy)?;
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
            if found.choices == found.beyond {
                return Err(failed(anyhow::anyhow!(
                    "at each of the log's {} choices by chance this policy would have rung somebody whom the policy \
                     in force could not: the log tells nothing of it; `policy dry-run` plays it",
                    found.choices
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

/// Reads a policy and prints its problems; bad input when it cannot be used. With how many warnings there are.
fn usable(file: &Path) -> Result<(Policy, usize), Failure> {
    let (policy, problems) = crate::policy::check(file, &Told::default());
    for problem in &problems {
        complain(problem);
    }
    let policy = policy.ok_or(Failure::Said(2))?;
    Ok((policy, problems.len()))
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
    // A file that is gone holds no version.
    let text = std::fs::read_to_string(&config.policy).unwrap_or_default();
    let version =
        wanted(to, &text, &versions).map_err(|why| Failure::input(anyhow::anyhow!(why)))?;
    let version = &version;
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

/// The version that is asked for, or the newest before the one in force, by the text that its file has now. A
/// version that cannot be used is no way back.
fn wanted(to: Option<u32>, text: &str, versions: &[Version]) -> Result<Version, String> {
    let usable = |version: &&Version| version.name().is_some();
    if let Some(number) = to {
        let asked = versions.iter().find(|version| version.number == number);
        let asked = asked.ok_or_else(|| absent(to, versions))?;
        return Some(asked).filter(usable).cloned().ok_or_else(|| {
            format!(
                "this version of Trunkside cannot use version {number} of the policy, and the file stays as it is; \
                 `trunkside policy versions` lists the others"
            )
        });
    }
    let of_use: Vec<Version> = versions.iter().filter(usable).cloned().collect();
    if of_use.is_empty() && !versions.is_empty() {
        return Err(
            "this version of Trunkside can use none of the policies that are kept; put another file in its place \
             by hand"
                .to_owned(),
        );
    }
    replaced_by(text, &of_use)
        .cloned()
        .ok_or_else(|| absent(to, &of_use))
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
    use std::time::Duration;

    use trunkside_call::CallId;
    use trunkside_decision::log::{Entry, Models};
    use trunkside_decision::{CallProfile, Input, Router};

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
    fn a_version_that_cannot_be_used_is_no_way_back() {
        let folder = tempfile::tempdir().unwrap();
        let versions = Versions::of(folder.path());
        let text = |name: &str| {
            format!(
                "name = \"{name}\"\n[[agent]]\nid = \"ann\"\ncontact = \"sip:ann@192.0.2.20\"\n"
            )
        };
        for name in ["spring", "summer"] {
            let policy = Policy::parse("p.toml", &text(name)).policy.unwrap();
            versions.keep(&policy).unwrap();
        }
        let newer = folder.path().join("policies/0003-1a2b3c4d5e6f.toml");
        std::fs::write(newer, "name = 1").unwrap();
        let list = versions.list().unwrap();
        let back = |to, text: &str| wanted(to, text, &list).map(|version| version.number);
        assert_eq!(back(None, &text("summer")), Ok(1));
        assert_eq!(back(None, "name = 1"), Ok(2));
        assert_eq!(back(Some(1), ""), Ok(1));
        let refused = back(Some(3), "").unwrap_err();
        assert!(refused.contains("cannot use version 3"), "{refused}");
        let none = wanted(None, "", &list[2..]).unwrap_err();
        assert!(none.contains("none of the policies"), "{none}");
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
    fn a_log_that_tells_nothing_of_the_policy_fails_in_either_form() {
        let agents = |names: [&str; 2]| {
            names
                .map(|name| format!("[[agent]]\nid = '{name}'\ncontact = 'sip:{name}@192.0.2.1'\n"))
                .concat()
        };
        let explores = "[learning]\nenabled = true\nexplore = 0.2\n";
        let text = format!("{}{explores}", agents(["ann", "bob"]));
        let explores = Arc::new(Policy::parse("p.toml", &text).policy.unwrap());
        let mut router = Router::new(Arc::clone(&explores));
        let call = CallId::new(uuid::Uuid::nil());
        let profile = CallProfile {
            intent: Some("refund".to_owned()),
            ..CallProfile::unknown()
        };
        let judged = Input::Judged {
            call,
            agent: AgentId::new("ann"),
            intent: "refund".to_owned(),
            resolved: Some(true),
            mood_permille: None,
        };
        let there = ["ann", "bob"].map(|name| Input::AgentAvailable {
            agent: AgentId::new(name),
        });
        let mut log = Entry::start(&explores, Models::default()).to_line();
        for input in there
            .into_iter()
            .chain([Input::CallReady { call, profile }, judged])
        {
            log += &Entry::input(Duration::ZERO, input.clone()).to_line();
            router.handle(Duration::ZERO, input);
            while let Some(decision) = router.poll() {
                log += &Entry::decision(decision).to_line();
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("log");
        std::fs::write(&at, log).unwrap();
        for (names, fails) in [(["ann", "bob"], false), (["cat", "dan"], true)] {
            let file = folder.path().join("p.toml");
            std::fs::write(&file, agents(names)).unwrap();
            for json in [false, true] {
                let trial = TrialArgs {
                    policy: file.clone(),
                    log: at.clone(),
                    json,
                };
                let told = policy(&PolicyCommand::Evaluate(trial));
                assert_eq!(told.err().map(|failed| failed.status()), fails.then_some(1));
            }
        }
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
        for day in [None, Some(LogDay::Yesterday)] {
            let trial = TrialArgs {
                policy: file.clone(),
                log: log.clone(),
                json: true,
            };
            let failed = policy(&PolicyCommand::DryRun { trial, day }).unwrap_err();
            assert_eq!(failed.status(), 2, "a log without a call is bad input");
        }
    }
}
