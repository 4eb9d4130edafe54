//! The laboratory: a discrete-event simulation around the very engine that routes calls.
//!
//! ```
//! let text = r#"
//! run = { hours = 200, warmup_hours = 1 }
//! [[class]]
//! name = "all"
//! arrivals_per_hour = 100
//! service_mean_s = 180
//! patience_mean_s = 120
//! [[agent_group]]
//! name = "desk"
//! agents = 5
//! "#;
//! let scenario = trunkside_decision::Scenario::parse("one.toml", text).0.unwrap();
//! let outcomes = trunkside_decision::simulate(&scenario, &["fcfs", "trunkside"], 1).unwrap();
//! assert_eq!(outcomes[0].all.calls, outcomes[1].all.calls);
//! ```

mod baseline;
mod dispatch;
mod outcome;
mod random;
mod report;
mod scenario;
mod summary;
mod trace;
mod waits;
mod world;

use baseline::{BASELINES, BaselineDispatch};
use dispatch::{Dispatch, Product};
pub use outcome::{Figures, Outcome};
#[cfg(test)]
pub(crate) use random::Stream;
pub use report::report;
pub use scenario::{AgentGroup, Class, Resolution, Scenario};
pub use summary::{Interval, Measure, Summary};
pub use trace::{TraceFault, TraceFormat};
pub use waits::{WaitAccuracy, wait_accuracy};
use world::World;

/// The product's own policy, by its name on the command line.
const PRODUCT: &str = "trunkside";

/// The same policy and costs, but one call at a time in the queue's order: what it is worth to decide
/// about all calls and agents together.
const GREEDY: &str = "trunkside-greedy";

/// A policy that nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown policy `{name}`; use one of {known}")]
pub struct UnknownPolicy {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: String,
}

/// The names that [`simulate`] knows: the baselines, then the product, greedy and as it is.
pub fn policy_names() -> Vec<&'static str> {
    BASELINES
        .iter()
        .map(|(name, _)| *name)
        .chain([GREEDY, PRODUCT])
        .collect()
}

/// Plays a scenario under each policy. The same seed gives every policy the same callers: when they
/// come, how long they talk and how long they are patient.
pub fn simulate(
    scenario: &Scenario,
    policies: &[&str],
    seed: u64,
) -> Result<Vec<Outcome>, UnknownPolicy> {
    policies
        .iter()
        .map(|policy| simulate_one(scenario, policy, seed, &mut |_| {}))
        .collect()
}

/// Plays a scenario under one policy. `progress` hears now and then which share is done.
pub fn simulate_one(
    scenario: &Scenario,
    policy: &str,
    seed: u64,
    progress: &mut dyn FnMut(f64),
) -> Result<Outcome, UnknownPolicy> {
    let mut dispatch = dispatch_of(scenario, policy)?;
    let mut world = World::new(scenario, seed);
    world.run(dispatch.as_mut(), progress);
    Ok(world.outcome(policy))
}

fn dispatch_of(scenario: &Scenario, name: &str) -> Result<Box<dyn Dispatch>, UnknownPolicy> {
    let product = || Product::new(scenario, scenario.policy());
    match name {
        PRODUCT => return Ok(Box::new(product())),
        GREEDY => return Ok(Box::new(product().greedy())),
        _ => {}
    }
    let known = BASELINES.iter().find(|(known, _)| *known == name);
    let (_, kind) = known.ok_or_else(|| {
        let known: Vec<String> = policy_names().iter().map(|n| format!("`{n}`")).collect();
        UnknownPolicy {
            name: name.to_owned(),
            known: known.join(", "),
        }
    })?;
    Ok(Box::new(BaselineDispatch::new(scenario, *kind)))
}

/// The level at which agents of a group serve a class: their lowest of the skills it needs, 0 when
/// one is missing, 3 when it needs none.
fn level(group: &AgentGroup, class: &Class) -> u8 {
    class
        .needs
        .iter()
        .map(|need| {
            let skill = group.skills.iter().find(|(skill, _)| skill == need);
            skill.map_or(0, |(_, level)| *level as u8)
        })
        .min()
        .unwrap_or(3)
}

#[cfg(test)]
mod tests;
