//! Puts a choice into words: the reasons of a decision and its nearest alternative, in the language
//! that the policy names.

mod en;
mod zh;

use std::collections::BTreeMap;
use std::time::Duration;

use trunkside_call::{
    Action, AgentId, Alternative, CallbackCause, Decision, DestinationKind, Language, Odds, Reason,
};

use crate::CallProfile;
use crate::engine::agent::Micros;
use crate::engine::call::GivenUp;
use crate::engine::{Act, Chance, Choice, Cost, Facts, Skipped};
use crate::input::micros;
use crate::need::{Need, Requirement};
use crate::policy::Policy;

pub(crate) use zh::emotion as emotion_zh;

/// How many agents are named one by one when they were skipped for the same cause.
const NAMED: usize = 3;

/// What sets agents apart but steps of priority, in the order of [`weighed`].
const CONSIDERATIONS: [&str; 7] = [
    "preferred_skills",
    "scarcity",
    "pace",
    "occupancy",
    "longest_idle",
    "same_agent",
    "learned",
];

/// The sentences of one language; what they are told is rounded already.
trait Tongue {
    /// Seconds, minutes and hours.
    fn units(&self) -> [&'static str; 3];
    /// Between who was skipped for one cause and for the next.
    fn semicolon(&self) -> &'static str;
    /// Why somebody was chosen who is not the cheapest.
    fn by_chance(&self, name: &AgentId) -> String;
    fn expected_wait(&self, median: &str, ninety: &str) -> String;
    fn self_service(&self) -> &'static str;
    fn no_rule(&self, heard: &CallProfile) -> String;
    fn hours_unknown(&self) -> &'static str;
    fn senior(&self) -> &'static str;
    /// Between two skills.
    fn and(&self) -> &'static str;
    fn given_up(&self, what: &str, why: GivenUp, waited: &str) -> String;
    /// So long calls of higher priority that came later went first, and may no more.
    fn passed_enough(&self, most: &str) -> String;
    fn only_candidate(&self, name: &AgentId, idle: &str) -> String;
    /// `ahead` is by how much idle time the agent leads, all weights together.
    fn preferred(
        &self,
        name: &AgentId,
        candidates: usize,
        because: &str,
        ahead: Option<&str>,
    ) -> String;
    fn matched_together(&self) -> &'static str;
    fn policy_order(&self, name: &AgentId) -> String;
    fn agent_priority(&self, own: u8, other: u8) -> String;
    fn occupancy_cap(&self, own: &str, cap: &str, other: &str) -> String;
    /// Why the agent of one cost was preferred to the next by one of the [`CONSIDERATIONS`].
    fn consideration(&self, policy: &Policy, which: usize, cost: Cost, next: Cost) -> String;
    /// How many calls stand before this one.
    fn ahead(&self, ahead: u32) -> String;
    fn waiting(&self, held: bool, before: &str, waited: &str, limit: &str) -> String;
    fn group_overflow(&self, waited: &str) -> String;
    fn called_back(&self, cause: CallbackCause, tried: usize, limit: &str) -> String;
    fn sent(&self, kind: DestinationKind, name: &str) -> String;
    fn handed_on(&self, name: &AgentId, limit: &str) -> String;
    /// So many agents, who are not named.
    fn agents(&self, count: usize) -> String;
    fn skipped(&self, who: &str, why: &str) -> String;
    /// Why an agent was skipped.
    fn words(&self, policy: &Policy, why: Skipped, now: Micros) -> String;
}

/// The language in which a policy wants its reasons.
fn tongue(policy: &Policy) -> &'static dyn Tongue {
    if policy.reasons_in == Language::Zh {
        &zh::Chinese
    } else {
        &en::English
    }
}

/// What is done with a call, and why.
struct Told {
    action: Action,
    /// Reasons that stand before the rules that applied.
    first: Vec<Reason>,
    /// What settled the choice of an agent, behind the rules.
    settled: Option<Reason>,
    alternative: Option<Alternative>,
    /// Of the chosen agent.
    cost: Option<Cost>,
    odds: Option<Odds>,
}

impl Told {
    fn new(action: Action, first: Vec<Reason>) -> Self {
        Self {
            action,
            first,
            settled: None,
            alternative: None,
            cost: None,
            odds: None,
        }
    }
}

/// The `number`th decision, of a router that was told what `inputs` is the hash of.
pub(crate) fn decision(policy: &Policy, choice: &Choice, number: u64, inputs: &str) -> Decision {
    let facts = choice.facts.as_deref();
    let told = match choice.act {
        Act::Offer {
            agent,
            cost,
            ref chance,
        } => offered(policy, facts, (agent, cost), chance.as_ref()),
        Act::Wait { ahead } => waits(policy, facts, ahead),
        Act::Send { to, cause } => sent_on(policy, facts, to, cause),
        Act::SelfService => served(policy, facts),
        Act::HandOn { from, to, cost } => handed_on(policy, facts, from, (to, cost)),
        Act::Callback { cause } => {
            let why = called_back(policy, facts, cause);
            Told::new(Action::Callback { cause }, vec![why])
        }
    };
    let mut reasons = told.first;
    if let Some(facts) = facts {
        reasons.extend(grounds(policy, facts));
        reasons.extend(told.settled);
        reasons.extend(skipped(policy, facts, choice.at));
    }
    Decision {
        call: choice.call,
        number,
        at: Duration::from_micros(choice.at.unsigned_abs()),
        action: told.action,
        reasons,
        alternative: told.alternative,
        cost_us: told.cost.map(|cost| cost.total),
        odds: told.odds,
        policy: policy.sha256.clone(),
        inputs: inputs.to_owned(),
    }
}

fn offered(
    policy: &Policy,
    facts: Option<&Facts>,
    (agent, cost): (usize, Cost),
    chance: Option<&Chance>,
) -> Told {
    let id = &policy.agents[agent].id;
    let mut told = Told::new(Action::Offer { agent: id.clone() }, Vec::new());
    told.cost = Some(cost);
    told.odds = chance.map(|chance| odds_of(policy, chance));
    if let Some(facts) = facts {
        let (mut settled, mut next) = preference(policy, facts, agent, cost);
        if chance.is_some_and(|chance| chance.drawn) {
            settled = reason("explored", tongue(policy).by_chance(id));
            if let Some(next) = &mut next {
                next.because.clone_from(&settled.finding);
            }
        }
        told.settled = Some(settled);
        told.alternative = next;
    }
    told
}

fn waits(policy: &Policy, facts: Option<&Facts>, ahead: u32) -> Told {
    let mut first = vec![waiting(policy, facts, ahead)];
    if let Some(expected) = facts.and_then(|facts| facts.expected) {
        let median = seconds(policy, micros(expected.median));
        let ninety = seconds(policy, micros(expected.ninety_percent));
        let finding = tongue(policy).expected_wait(&median, &ninety);
        first.push(reason("expected_wait", finding));
    }
    Told::new(Action::Wait { ahead }, first)
}

/// A call that leaves the branch.
fn sent_on(policy: &Policy, facts: Option<&Facts>, to: usize, cause: CallbackCause) -> Told {
    let place = &policy.destinations[to];
    let finding = tongue(policy).sent(place.kind, &place.name);
    let first = vec![
        called_back(policy, facts, cause),
        reason("overflow", finding),
    ];
    Told::new(place.overflow(), first)
}

fn served(policy: &Policy, facts: Option<&Facts>) -> Told {
    let service = facts.and_then(|facts| facts.kind.need.self_service.clone());
    let action = Action::SelfService {
        service: service.unwrap_or_default(),
    };
    let why = reason("self_service", tongue(policy).self_service());
    Told::new(action, vec![why])
}

/// A novice's call that goes on.
fn handed_on(
    policy: &Policy,
    facts: Option<&Facts>,
    novice: usize,
    (to, cost): (usize, Cost),
) -> Told {
    let limit = seconds(policy, micros(policy.queue.novice_limit));
    let finding = tongue(policy).handed_on(&policy.agents[novice].id, &limit);
    let agent = policy.agents[to].id.clone();
    let mut told = Told::new(Action::Transfer { agent }, vec![reason("novice", finding)]);
    told.cost = Some(cost);
    if let Some(facts) = facts {
        let (settled, next) = preference(policy, facts, to, cost);
        told.settled = Some(settled);
        told.alternative = next;
    }
    told
}

fn odds_of(policy: &Policy, chance: &Chance) -> Odds {
    let among = chance.among.iter();
    Odds {
        millionths: chance.millionths,
        among: among
            .map(|index| policy.agents[*index].id.clone())
            .collect(),
    }
}

/// A worth that may be negative, in seconds.
fn signed(policy: &Policy, worth: i64) -> String {
    let sign = if worth < 0 { "-" } else { "" };
    format!("{sign}{}", seconds(policy, worth.abs()))
}

fn reason(rule: &str, finding: impl Into<String>) -> Reason {
    Reason {
        rule: rule.to_owned(),
        finding: finding.into(),
    }
}

/// A time, rounded down to three digits at most. Records leave the box only without longer runs of
/// digits, and a reason that is withheld explains nothing.
fn seconds(policy: &Policy, time: Micros) -> String {
    const S: Micros = 1_000_000;
    let [s, min, h] = tongue(policy).units();
    let (number, unit) = if time < 100 * S {
        let tenths = time / (S / 10);
        let number = format!("{}.{}", tenths / 10, (tenths % 10).abs());
        (number, s)
    } else if time < 1000 * S {
        ((time / S).to_string(), s)
    } else if time < 1000 * 60 * S {
        let minutes = time / (60 * S);
        (minutes.to_string(), min)
    } else {
        let hours = (time / (3600 * S)).min(999);
        (hours.to_string(), h)
    };
    format!("{number} {unit}")
}

/// A thousandth's count in per cent, three digits at most, as [`seconds`].
pub(crate) fn percent(permille: impl Into<i64>) -> String {
    let permille = permille.into();
    if permille % 10 == 0 {
        format!("{} %", permille / 10)
    } else {
        format!("{}.{} %", permille / 10, permille % 10)
    }
}

/// The rules that applied and what was given up of them.
fn grounds(policy: &Policy, facts: &Facts) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = facts
        .kind
        .need
        .rules
        .iter()
        .map(|index| &policy.rules[*index])
        .map(|rule| reason(&rule.name, Need::asks(policy, rule)))
        .collect();
    if reasons.is_empty() {
        let heard = tongue(policy).no_rule(&facts.profile);
        reasons.push(reason("default_route", heard));
    }
    for requirement in Requirement::ALL {
        if let Some(why) = facts.given_up[requirement as usize] {
            reasons.push(given_up(policy, facts, requirement, why));
        }
    }
    if facts.passed_enough {
        let most = seconds(policy, micros(policy.queue.passed_over));
        let finding = tongue(policy).passed_enough(&most);
        reasons.push(reason("passed_over", finding));
    }
    if facts.open.is_none() {
        let unknown = tongue(policy).hours_unknown();
        reasons.push(reason("hours_unknown", unknown));
    }
    reasons
}

fn given_up(policy: &Policy, facts: &Facts, requirement: Requirement, why: GivenUp) -> Reason {
    let what = match requirement {
        Requirement::Senior => tongue(policy).senior().to_owned(),
        Requirement::Skills => {
            let skills: Vec<String> = facts
                .kind
                .need
                .required
                .iter()
                .map(|need| format!("`{}`", policy.skills[need.skill]))
                .collect();
            skills.join(tongue(policy).and())
        }
        Requirement::Language => facts
            .kind
            .need
            .language
            .map_or("a language", |language| language.tag())
            .to_owned(),
    };
    let waited = seconds(policy, facts.waited);
    let finding = tongue(policy).given_up(&what, why, &waited);
    reason("relaxed", finding)
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
        let idle = seconds(policy, cost.idle);
        let finding = tongue(policy).only_candidate(name, &idle);
        return (reason("only_candidate", finding), None);
    };
    let other = &policy.agents[next].id;
    let (rule, because) = settled_by(policy, (agent, cost), (next, next_cost));
    let ahead = next_cost.total - cost.total;
    let is_a_step = (cost.rank, cost.over_cap) != (next_cost.rank, next_cost.over_cap);
    let ahead = (ahead > 0 && !is_a_step).then(|| seconds(policy, ahead));
    let finding = tongue(policy).preferred(name, facts.candidates, &because, ahead.as_deref());
    (
        reason(rule, finding),
        Some(Alternative {
            agent: other.clone(),
            because,
            cost_us: Some(next_cost.total),
        }),
    )
}

/// The consideration that weighed most in favour of the chosen agent.
fn settled_by(
    policy: &Policy,
    (agent, cost): (usize, Cost),
    (other, next): (usize, Cost),
) -> (&'static str, String) {
    if (next.total, other) < (cost.total, agent) {
        let because = tongue(policy).matched_together();
        return ("matched_together", because.to_owned());
    }
    let steps = |cost: Cost| i64::from(cost.rank) + i64::from(cost.over_cap);
    if steps(cost) < steps(next) {
        return by_step(policy, cost, next);
    }
    let (own, others) = (weighed(policy, cost), weighed(policy, next));
    let (strongest, gain) = own
        .iter()
        .zip(others)
        .map(|(own, other)| other - own)
        .enumerate()
        .max_by_key(|(i, gain)| (*gain, usize::MAX - i))
        .expect("there are seven");
    if gain <= 0 {
        let because = tongue(policy).policy_order(&policy.agents[agent].id);
        return ("policy_order", because);
    }
    let because = tongue(policy).consideration(policy, strongest, cost, next);
    (CONSIDERATIONS[strongest], because)
}

/// A better priority, or a share of the day on calls below the cap.
fn by_step(policy: &Policy, cost: Cost, next: Cost) -> (&'static str, String) {
    if cost.rank < next.rank {
        let because = tongue(policy).agent_priority(cost.rank + 1, next.rank + 1);
        return ("agent_priority", because);
    }
    let cap = percent(policy.weights.occupancy_cap_permille);
    let (own, other) = (percent(cost.busy), percent(next.busy));
    let because = tongue(policy).occupancy_cap(&own, &cap, &other);
    ("occupancy_cap", because)
}

/// What each of the [`CONSIDERATIONS`] weighs, as it counts in the total.
fn weighed(policy: &Policy, cost: Cost) -> [i64; CONSIDERATIONS.len()] {
    let weights = &policy.weights;
    [
        i64::from(cost.shortfall) * micros(weights.preferred),
        cost.scarcity * micros(weights.scarcity) / 1000,
        cost.slower / 1000 * weights.slower_permille,
        cost.busy * micros(weights.busy) / 1000,
        -cost.idle.min(micros(weights.idle_cap)),
        -i64::from(cost.last) * micros(weights.sticky),
        cost.learned,
    ]
}

/// That nobody is free for the call, or that who is free is kept from it for now.
fn waiting(policy: &Policy, facts: Option<&Facts>, ahead: u32) -> Reason {
    let before = tongue(policy).ahead(ahead);
    let Some(facts) = facts else {
        return reason("all_busy", before);
    };
    let mut skipped = facts.skipped.iter();
    let held = skipped.any(|(_, why)| matches!(why, Skipped::Held(_)));
    let rule = if held { "held_back" } else { "all_busy" };
    let waited = seconds(policy, facts.held);
    let limit = seconds(policy, micros(policy.queue.max_wait));
    let finding = tongue(policy).waiting(held, &before, &waited, &limit);
    reason(rule, finding)
}

fn called_back(policy: &Policy, facts: Option<&Facts>, cause: CallbackCause) -> Reason {
    let tried = facts.map_or(0, |facts| facts.attempts.len());
    if cause == CallbackCause::WaitedTooLong
        && let Some(facts) = facts.filter(|facts| facts.held < micros(policy.queue.max_wait))
    {
        let waited = seconds(policy, facts.held);
        let finding = tongue(policy).group_overflow(&waited);
        return reason("group_overflow", finding);
    }
    let limit = seconds(policy, micros(policy.queue.max_wait));
    let rule = match cause {
        CallbackCause::Asked => "keeps_place",
        CallbackCause::Closed => "closed",
        CallbackCause::WaitedTooLong => "max_wait",
        CallbackCause::NobodyAnswered => "nobody_left",
    };
    reason(rule, tongue(policy).called_back(cause, tried, &limit))
}

/// Who was not considered, grouped by why.
fn skipped(policy: &Policy, facts: &Facts, now: Micros) -> Option<Reason> {
    let tongue = tongue(policy);
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
                tongue.agents(agents.len())
            };
            tongue.skipped(&who, &tongue.words(policy, *why, now))
        })
        .collect();
    (!parts.is_empty()).then(|| reason("skipped", parts.join(tongue.semicolon())))
}
