//! Puts a choice into words: the reasons of a decision and its nearest alternative.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkside_call::{Action, Alternative, CallbackCause, Decision, Reason};

use crate::engine::agent::{Absence, Micros};
use crate::engine::call::GivenUp;
use crate::engine::{Act, Choice, Cost, Facts, Skipped};
use crate::input::micros;
use crate::need::{Misfit, Need, Requirement};
use crate::policy::Policy;

/// How many agents are named one by one when they were skipped for the same cause.
const NAMED: usize = 3;

pub(crate) fn decision(policy: &Policy, choice: &Choice, number: u64) -> Decision {
    let facts = choice.facts.as_deref();
    let mut reasons = facts
        .map(|facts| grounds(policy, facts))
        .unwrap_or_default();
    let mut alternative = None;
    let action = match choice.act {
        Act::Offer { agent, cost } => {
            if let Some(facts) = facts {
                let (reason, next) = preference(policy, facts, agent, cost);
                reasons.push(reason);
                alternative = next;
            }
            Action::Offer {
                agent: policy.agents[agent].id.clone(),
            }
        }
        Act::Wait { ahead } => {
            reasons.insert(0, reason("all_busy", waiting(policy, facts, ahead)));
            if let Some(expected) = facts.and_then(|facts| facts.expected) {
                let finding = format!(
                    "half of such callers wait {} s more at most, nine in ten {} s",
                    expected.median.as_secs(),
                    expected.ninety_percent.as_secs()
                );
                reasons.insert(1, reason("expected_wait", finding));
            }
            Action::Wait { ahead }
        }
        Act::Callback { cause } => {
            reasons.insert(0, called_back(policy, facts, cause));
            Action::Callback { cause }
        }
    };
    if let Some(facts) = facts {
        reasons.extend(skipped(policy, facts));
    }
    Decision {
        call: choice.call,
        number,
        at: Duration::from_micros(choice.at.unsigned_abs()),
        action,
        reasons,
        alternative,
        policy: policy.sha256.clone(),
    }
}

fn reason(rule: &str, finding: impl Into<String>) -> Reason {
    Reason {
        rule: rule.to_owned(),
        finding: finding.into(),
    }
}

/// Seconds with one decimal, rounded down.
fn seconds(time: Micros) -> String {
    format!("{}.{} s", time / 1_000_000, (time / 100_000 % 10).abs())
}

fn plural(count: usize, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}

/// The rules that applied and what was given up of them.
fn grounds(policy: &Policy, facts: &Facts) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = facts
        .need
        .rules
        .iter()
        .map(|index| &policy.rules[*index])
        .map(|rule| reason(&rule.name, Need::asks(policy, rule)))
        .collect();
    if reasons.is_empty() {
        let heard = match &facts.profile.intent {
            Some(intent) => format!(
                "no rule applies to `{intent}` at {} of 1000, {} at {} of 1000",
                facts.profile.intent_permille,
                facts.profile.emotion.name(),
                facts.profile.emotion_permille
            ),
            None => "nothing was understood".to_owned(),
        };
        reasons.push(reason("default_route", heard));
    }
    for requirement in Requirement::ALL {
        if let Some(why) = facts.given_up[requirement as usize] {
            reasons.push(given_up(policy, facts, requirement, why));
        }
    }
    if facts.open.is_none() {
        reasons.push(reason(
            "hours_unknown",
            "the branch's clock was not told; taken as open",
        ));
    }
    reasons
}

fn given_up(policy: &Policy, facts: &Facts, requirement: Requirement, why: GivenUp) -> Reason {
    let what = match requirement {
        Requirement::Senior => "a senior agent".to_owned(),
        Requirement::Skills => {
            let skills: Vec<String> = facts
                .need
                .required
                .iter()
                .map(|need| format!("`{}`", policy.skills[need.skill]))
                .collect();
            skills.join(" and ")
        }
        Requirement::Language => facts
            .need
            .language
            .map_or("a language", |language| language.tag())
            .to_owned(),
    };
    let because = match why {
        GivenUp::Waited => format!("after {}", seconds(facts.waited)),
        GivenUp::Nobody => "because nobody else signed in offers it".to_owned(),
    };
    reason("relaxed", format!("no longer insists on {what} {because}"))
}

/// What settled the choice between the agent and the next best.
fn preference(
    policy: &Policy,
    facts: &Facts,
    agent: usize,
    cost: Cost,
) -> (Reason, Option<Alternative>) {
    let name = &policy.agents[agent].id;
    let Some((next, next_cost)) = facts.next else {
        let finding = format!(
            "{name} is the only free agent who fits, idle for {}",
            seconds(cost.idle)
        );
        return (reason("only_candidate", finding), None);
    };
    let other = &policy.agents[next].id;
    let (rule, because) = settled_by(policy, agent, cost, next_cost);
    let finding = format!(
        "{name} of {}: {because}",
        plural(
            facts.candidates,
            "free agent who fits",
            "free agents who fit"
        )
    );
    (
        reason(rule, finding),
        Some(Alternative {
            agent: other.clone(),
            because,
        }),
    )
}

/// The consideration that weighed most in favour of the chosen agent.
fn settled_by(policy: &Policy, agent: usize, cost: Cost, next: Cost) -> (&'static str, String) {
    let weights = &policy.weights;
    let gains = [
        i64::from(next.rank) - i64::from(cost.rank),
        (i64::from(next.shortfall) - i64::from(cost.shortfall)) * micros(weights.preferred),
        (next.scarcity - cost.scarcity) * micros(weights.scarcity) / 1000,
        cost.idle - next.idle,
    ];
    if gains[0] > 0 {
        let because = format!("asked at priority {}, not {}", cost.rank + 1, next.rank + 1);
        return ("agent_priority", because);
    }
    let (strongest, gain) = gains
        .iter()
        .enumerate()
        .skip(1)
        .max_by_key(|(i, gain)| (**gain, usize::MAX - i))
        .expect("three are left");
    if *gain <= 0 {
        return (
            "policy_order",
            format!("{} stands first in the policy", policy.agents[agent].id),
        );
    }
    match strongest {
        1 => (
            "preferred_skills",
            format!(
                "{} short of the preferred skills, not {}",
                plural(cost.shortfall as usize, "level", "levels"),
                next.shortfall
            ),
        ),
        2 => (
            "scarcity",
            format!(
                "spends less of what few can do ({} of 1000, not {})",
                cost.scarcity, next.scarcity
            ),
        ),
        _ => (
            "longest_idle",
            format!(
                "idle for {}, not {}",
                seconds(cost.idle),
                seconds(next.idle)
            ),
        ),
    }
}

fn waiting(policy: &Policy, facts: Option<&Facts>, ahead: u32) -> String {
    let before = plural(
        ahead as usize,
        "call stands before it",
        "calls stand before it",
    );
    let Some(facts) = facts else { return before };
    let limit = policy.queue.max_wait.as_secs();
    format!(
        "nobody who fits is free; {before}; has waited {} of at most {limit} s",
        seconds(facts.waited)
    )
}

fn called_back(policy: &Policy, facts: Option<&Facts>, cause: CallbackCause) -> Reason {
    match cause {
        CallbackCause::Closed => {
            reason("closed", "the branch is closed and no rule takes the call")
        }
        CallbackCause::WaitedTooLong => reason(
            "max_wait",
            format!(
                "waited the policy's limit of {} s",
                policy.queue.max_wait.as_secs()
            ),
        ),
        CallbackCause::NobodyAnswered => {
            let tried = facts.map_or(0, |facts| facts.attempts.len());
            let finding = if tried == 0 {
                "nobody is signed in who could take it".to_owned()
            } else {
                format!(
                    "nobody is left to try after {}",
                    plural(tried, "offer", "offers")
                )
            };
            reason("nobody_left", finding)
        }
    }
}

/// Who was not considered, grouped by why.
fn skipped(policy: &Policy, facts: &Facts) -> Option<Reason> {
    let mut groups: BTreeMap<Skipped, Vec<usize>> = BTreeMap::new();
    for (agent, why) in &facts.skipped {
        groups.entry(*why).or_default().push(*agent);
    }
    let parts: Vec<String> = groups
        .iter()
        .map(|(why, agents)| {
            let who = if agents.len() <= NAMED {
                let names: Vec<&str> = agents
                    .iter()
                    .map(|index| policy.agents[*index].id.as_str())
                    .collect();
                names.join(", ")
            } else {
                format!("{} agents", agents.len())
            };
            format!("{who}: {}", words(policy, *why))
        })
        .collect();
    (!parts.is_empty()).then(|| reason("skipped", parts.join("; ")))
}

fn words(policy: &Policy, why: Skipped) -> String {
    match why {
        Skipped::Absent(Absence::Away) => "signed out".to_owned(),
        Skipped::Absent(Absence::Occupied) => "busy with other work".to_owned(),
        Skipped::Absent(Absence::Ringing) => "rung for another call".to_owned(),
        Skipped::Absent(Absence::OnCall) => "on a call".to_owned(),
        Skipped::Absent(Absence::WrapUp) => "writing up a call".to_owned(),
        Skipped::Absent(Absence::Resting) => "left alone after a failed offer".to_owned(),
        Skipped::Absent(Absence::Tried(cause)) => format!("{} for this call", cause.words()),
        Skipped::Unfit(Misfit::NotSenior) => "not senior".to_owned(),
        Skipped::Unfit(Misfit::Skill(skill)) => format!("lacks `{}`", policy.skills[skill]),
        Skipped::Unfit(Misfit::Language(language)) => format!("speaks no {language}"),
    }
}
