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
mod scenario;
mod world;

use baseline::{BASELINES, BaselineDispatch};
use dispatch::{Dispatch, Product};
pub use outcome::{Figures, Outcome};
pub use scenario::{AgentGroup, Class, Resolution, Scenario};
use world::World;

/// The product's own policy, by its name on the command line.
const PRODUCT: &str = "trunkside";

/// A policy that nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown policy `{name}`; use one of {known}")]
pub struct UnknownPolicy {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: String,
}

/// The names that [`simulate`] knows: the baselines, then the product.
pub fn policy_names() -> Vec<&'static str> {
    BASELINES
        .iter()
        .map(|(name, _)| *name)
        .chain([PRODUCT])
        .collect()
}

/// Plays a scenario under each policy. The same seed gives every policy the same callers: when they
/// come, how long they talk and how long they are patient.
pub fn simulate(
    scenario: &Scenario,
    policies: &[&str],
    seed: u64,
) -> Result<Vec<Outcome>, UnknownPolicy> {
    let mut outcomes = Vec::new();
    for name in policies {
        let mut dispatch: Box<dyn Dispatch> = if *name == PRODUCT {
            Box::new(Product::new(scenario, scenario.policy()))
        } else {
            let kind = BASELINES.iter().find(|(known, _)| known == name);
            let Some((_, kind)) = kind else {
                let known: Vec<String> = policy_names()
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect();
                let name = (*name).to_owned();
                return Err(UnknownPolicy {
                    name,
                    known: known.join(", "),
                });
            };
            Box::new(BaselineDispatch::new(scenario, *kind))
        };
        let mut world = World::new(scenario, seed);
        world.run(dispatch.as_mut());
        outcomes.push(world.outcome(name));
    }
    Ok(outcomes)
}

/// The level at which agents of a group serve a class: their lowest of the skills it needs, 0 when
/// one is missing, 3 when it needs none.
fn level(group: &AgentGroup, class: &Class) -> u8 {
    class
        .needs
        .iter()
        .map(|need| {
            let skill = group.skills.iter().find(|(skill, _)| skill == need);
            skill.map_or(0, |(_, level)| *level)
        })
        .min()
        .unwrap_or(3)
}

#[cfg(test)]
mod tests;
