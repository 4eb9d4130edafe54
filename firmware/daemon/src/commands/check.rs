//! `trunkside check`: every problem of a configuration, the policy it names included.

use crate::cli::{CheckArgs, Failure};
use crate::config::{self, Severity};

/// Prints each problem on standard error; bad input (2) when the daemon would not start.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's output"
)]
pub fn check(args: &CheckArgs) -> Result<(), Failure> {
    let loaded = config::load(&args.config);
    let mut problems = loaded.problems;
    if problems
        .iter()
        .all(|problem| !problem.message.contains("`decision.policy`"))
    {
        let (policy, found) = crate::policy::load(&loaded.config.policy);
        problems.extend(found);
        if let Some(policy) = policy {
            let config = &loaded.config;
            let recordings = config.recordings.as_deref();
            problems.extend(crate::recordings::check(
                recordings,
                &policy,
                &config.policy,
            ));
            let line = &loaded.config.line;
            let users = crate::translate::registered_users(&policy, &line.supervisors);
            let folder = line.agent_secrets.as_deref();
            problems.extend(config::agent_secrets(folder, users).1);
        }
    }
    problems.extend(crate::quality::load(&loaded.config.quality).1);
    for problem in &problems {
        eprintln!("{problem}");
    }
    let refused = |severity| args.strict || severity == Severity::Error;
    if problems.iter().any(|problem| refused(problem.severity)) {
        return Err(Failure::Said(2));
    }
    println!("{}: the configuration is right", args.config.display());
    Ok(())
}
