//! The routing policy's file, read with the box's settings.

use std::path::Path;

use trunkside_decision::Policy;
use trunkside_understanding::intents::IntentModel;

use crate::config::{Problem, Severity};

/// Reads a policy. None when it cannot be used; the problems say why, warnings included.
pub fn load(path: &Path) -> (Option<Policy>, Vec<Problem>) {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("cannot be read: {error}; mend `decision.policy`");
            return (None, vec![Problem::error(name, message)]);
        }
    };
    let parsed = Policy::parse(&name, &text);
    let mut problems = parsed.problems;
    if let Some(policy) = &parsed.policy {
        let intents = IntentModel::shipped();
        problems.extend(policy.check_intents(&name, intents.labels().iter().map(String::as_str)));
    }
    let mut problems: Vec<Problem> = problems.iter().map(problem).collect();
    if let Some(policy) = &parsed.policy {
        for agent in policy.agents.iter().filter(|agent| agent.contact.is_none()) {
            let message = format!(
                "agent `{}` has no `contact`; add where the phone is, such as `sip:{}@192.0.2.20`",
                agent.id, agent.id
            );
            problems.push(Problem::error(name.clone(), message));
        }
    }
    let usable = problems
        .iter()
        .all(|problem| problem.severity == Severity::Warning);
    (parsed.policy.filter(|_| usable), problems)
}

fn problem(found: &trunkside_decision::Problem) -> Problem {
    Problem {
        severity: found.severity,
        place: found.place(),
        message: format!("`{}` {}", found.key, found.message),
    }
}
