//! Faults that only the whole policy shows.

use std::collections::BTreeSet;
use std::time::Duration;

use trunkside_call::Language;

use super::group::Chain;
use super::resolve::{MOST_RESERVED, named};
use super::{AgentProfile, Condition, Policy, Route, WhenClosed};
use crate::Problem;
use crate::reader::{Reader, Section};

/// Two agents or rules of one name could not be told apart in reasons.
pub(crate) fn repeated_names(tables: &[Section<'_>], key: &'static str, kind: &str) {
    let mut seen = BTreeSet::new();
    for section in tables {
        if let Some(found) = section.text(key)
            && !seen.insert(found.value.clone())
        {
            let message = format!(
                "repeats `{}`; every {kind} needs a name of its own",
                found.value
            );
            section.reader.error(found.offset, &found.key, message);
        }
    }
}

/// A destination stands in decisions as an agent does: its name must be its own.
pub(super) fn destinations(policy: &Policy, tables: &[Section<'_>]) {
    for (place, section) in policy.destinations.iter().zip(tables) {
        let report = |key: &'static str, message: String| {
            let offset = section.place(key).unwrap_or(section.offset);
            section.reader.error(offset, &section.key(key), message);
        };
        let name = &place.name;
        if policy.agents.iter().any(|agent| agent.id.as_str() == name) {
            report(
                "name",
                format!("`{name}` is an agent's name too; rename it"),
            );
        }
        if name == "callback" || policy.groups.iter().any(|group| group.name == *name) {
            report(
                "name",
                format!("`{name}` is a group's name, or `callback`; rename it"),
            );
        }
        if place.contact.is_none() && !section.has("contact") {
            report(
                "contact",
                "is missing; give a SIP URI such as `sip:voicemail@192.0.2.30`".to_owned(),
            );
        }
    }
}

/// Conditions that contradict each other.
pub(super) fn condition(when: &Condition, section: &Section<'_>) {
    let score_of = [
        (when.min_score_permille, "min_score", "intent"),
        (when.min_emotion_permille, "min_emotion_score", "emotion"),
    ];
    for (permille, key, of) in score_of {
        // One that is there and wrong has been told.
        if permille > 0 && !section.has(of) {
            let message = format!("has no effect without `{of}`; add `{of}` or remove it");
            let offset = section.place(key).unwrap_or(section.offset);
            section.reader.error(offset, &section.key(key), message);
        }
    }
    for key in ["intent", "emotion", "language", "tier", "facts"] {
        if section.is_empty_list(key) {
            let message = "is an empty list, which nothing is in; name one or remove the key";
            let offset = section.place(key).unwrap_or(section.offset);
            section.reader.error(offset, &section.key(key), message);
        }
    }
}

/// Rules that can never fire, and needs that nobody can meet.
pub(super) fn rules(policy: &Policy, tables: &[Section<'_>], default: &Section<'_>) {
    for (rule, section) in policy.rules.iter().zip(tables) {
        let report = |table: Section<'_>, key: &'static str, message: String| {
            let offset = table.place(key).unwrap_or(table.offset);
            table.reader.warning(offset, &table.key(key), message);
        };
        let never = match rule.when.open {
            Some(true) => never_open(policy),
            Some(false) => never_closed(policy, &rule.then),
            None => None,
        };
        if let Some(message) = never {
            report(section.table("when"), "hours", message);
        }
        let then = || section.table("then");
        let languages = &rule.when.languages;
        needs_somebody(policy, &rule.then, languages, &|message| {
            let offset = then().offset;
            section
                .reader
                .warning(offset, &section.key("then"), message);
        });
        comes_in_time(policy, &rule.then, &then());
        if let Some(message) = nobody_kept_free(policy, &rule.then) {
            report(then(), "answer_within_s", message);
        }
    }
    let report = |message: String| default.reader.warning(default.offset, "default", message);
    needs_somebody(policy, &policy.default, &[], &report);
    comes_in_time(policy, &policy.default, default);
}

/// A limit without a novice, novices without a limit, and novices without anybody to go on to.
pub(super) fn novices(policy: &Policy, agents: &[Section<'_>], queue: &Section<'_>) {
    let novices = policy.agents.iter().filter(|agent| agent.novice).count();
    let limited = !policy.queue.novice_limit.is_zero();
    let limit = queue.place("novice_limit_s");
    let (offset, message) = match (novices, limited) {
        (0, true) => (
            limit,
            "has no effect: no agent is a `novice`; mark one or remove the limit",
        ),
        (1.., false) => {
            let first = agents.iter().find(|agent| agent.switch("novice", false));
            let first = first.and_then(|agent| agent.place("novice"));
            let message = "is 0 although agents are marked `novice`; their calls never go on";
            (limit.or(first), message)
        }
        (n, true) if n == policy.agents.len() => (
            limit,
            "can never be kept: every agent is a `novice`, and nobody is left to go on to",
        ),
        _ => return,
    };
    queue.reader.warning(
        offset.unwrap_or(queue.offset),
        "queue.novice_limit_s",
        message,
    );
}

/// Why a rule for an open branch would never matter.
fn never_open(policy: &Policy) -> Option<String> {
    (!policy.hours.ever_opens()).then(|| {
        "can never apply: the branch never opens; give a day of `hours.weekly` hours or remove the rule"
            .to_owned()
    })
}

/// Why a rule for a closed branch would never matter.
fn never_closed(policy: &Policy, then: &Route) -> Option<String> {
    if !policy.hours.ever_closes() {
        return Some(
            "can never apply: the branch never closes; give `hours.weekly` or remove the condition"
                .to_owned(),
        );
    }
    let is_served = then.even_when_closed || then.self_service.is_some();
    (policy.when_closed == WhenClosed::Callback && !is_served).then(|| {
        "can change nothing: a closed branch calls back; set `even_when_closed` or remove the rule"
            .to_owned()
    })
}

/// Why a promise to answer in time keeps nobody free: the share of those who could is less than one.
fn nobody_kept_free(policy: &Policy, route: &Route) -> Option<String> {
    route.answer_within?;
    let able = able(policy, route).count();
    let permille = policy.queue.reserve_permille;
    // That nobody could take such calls at all is told elsewhere.
    if able == 0 || able as i64 * permille >= 1000 {
        return None;
    }
    let share = |permille: i64| permille as f64 / 1000.0;
    let least = 1000_usize.div_ceil(able) as i64;
    let remedy = if least <= MOST_RESERVED {
        format!("raise it to {} or more", share(least))
    } else {
        "let more agents take them, or remove it".to_owned()
    };
    let agents = if able == 1 { "agent" } else { "agents" };
    Some(format!(
        "keeps nobody free: {able} {agents} could take such calls, and `queue.reserve_share` = {} of \
         them is less than one; {remedy}",
        share(permille)
    ))
}

/// Whether an agent who may get such calls meets the route, for each language that its rule names.
fn needs_somebody(policy: &Policy, route: &Route, languages: &[Language], report: &dyn Fn(String)) {
    let able: Vec<&AgentProfile> = able(policy, route).collect();
    let spoken = |language| able.iter().any(|agent| agent.languages.contains(language));
    let unspoken = languages.iter().find(|language| !spoken(language));
    // A policy without agents has been refused already.
    if policy.agents.is_empty() || !able.is_empty() && unspoken.is_none() {
        return;
    }
    let mut needs: Vec<String> = route
        .skills_required
        .iter()
        .map(|need| format!("`{}` at level {}", policy.skills[need.skill], need.level))
        .collect();
    if route.senior {
        needs.push("seniority".to_owned());
    }
    if let Some(language) = unspoken {
        needs.push(format!("the language `{language}`"));
    }
    if let Some(group) = route.group {
        needs.push(format!(
            "a place in the group `{}`",
            policy.groups[group].name
        ));
    }
    report(format!(
        "asks for {} of one agent, whom nobody is; such calls would go to anybody. lower the level \
         or train an agent",
        needs.join(" and ")
    ));
}

/// The agents who may get such calls and meet the route.
fn able<'a>(policy: &'a Policy, route: &'a Route) -> impl Iterator<Item = &'a AgentProfile> {
    let opens = Chain::of(policy, route.group).opens;
    let agents = policy.agents.iter().zip(opens);
    agents
        .filter(|(agent, opens)| opens.is_some() && could_take(agent, route))
        .map(|(agent, _)| agent)
}

fn could_take(agent: &AgentProfile, route: &Route) -> bool {
    (agent.senior || !route.senior)
        && route
            .skills_required
            .iter()
            .all(|need| agent.skills[need.skill] >= need.level)
}

/// Overflows that no call waits for. A group that others overflow to comes late in those calls' waits;
/// what counts is the rule that reaches it soonest.
pub(super) fn groups(policy: &Policy, tables: &[Section<'_>]) {
    let routes = policy.rules.iter().map(|rule| &rule.then);
    let mut first: Vec<usize> = routes
        .chain([&policy.default])
        .filter_map(|route| route.group)
        .collect();
    first.sort_unstable();
    first.dedup();
    let ways: Vec<Chain> = first
        .into_iter()
        .map(|group| Chain::of(policy, Some(group)))
        .collect();
    for (number, section) in tables.iter().enumerate() {
        let overflows = ways.iter().flat_map(|way| &way.overflows);
        let soonest = overflows
            .filter(|(group, _)| *group == number)
            .map(|(_, at)| *at)
            .min();
        if let Some(at) = soonest.filter(|at| *at >= policy.queue.max_wait) {
            let message = format!(
                "can never come: a call has waited {} s by then, and waits at most \
                 `queue.max_wait_s` = {} s",
                at.as_secs(),
                policy.queue.max_wait.as_secs()
            );
            let place = section.place("overflow_after_s");
            let offset = place.unwrap_or(section.offset);
            let key = section.key("overflow_after_s");
            section.reader.warning(offset, &key, message);
        }
    }
}

/// Moments of a call's wait that lie behind its longest.
fn comes_in_time(policy: &Policy, route: &Route, section: &Section<'_>) {
    let relax = section.table("relax");
    let steps = [
        (&relax, "senior_after_s", route.relax.senior_after),
        (&relax, "skills_after_s", route.relax.skills_after),
        (&relax, "language_after_s", route.relax.language_after),
        (section, "answer_within_s", route.answer_within),
    ];
    for (table, key, after) in steps {
        if let Some(after) = after.filter(|after| *after >= policy.queue.max_wait) {
            let message = format!(
                "of {} s can never come: a call waits at most `queue.max_wait_s` = {} s",
                after.as_secs(),
                policy.queue.max_wait.as_secs()
            );
            let offset = table.place(key).unwrap_or(table.offset);
            table.reader.warning(offset, &table.key(key), message);
        }
    }
}

/// Rules about intents that `known` does not hold.
pub(super) fn intents<'a>(
    policy: &Policy,
    file: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Vec<Problem> {
    let known: BTreeSet<&str> = known.into_iter().collect();
    again(policy, file, |root| {
        for section in named(root.tables("rule"), "rule", "name") {
            let intents = section.table("when").texts("intent");
            for intent in intents
                .iter()
                .filter(|it| !known.contains(it.value.as_str()))
            {
                let message = format!(
                    "names `{}`, which is not in the intent taxonomy",
                    intent.value
                );
                section.reader.warning(intent.offset, &intent.key, message);
            }
        }
    })
}

/// Rules about customers that only a look-up could tell of.
pub(super) fn without_lookup(
    policy: &Policy,
    file: &str,
    is_told: impl Fn(&str) -> bool,
) -> Vec<Problem> {
    again(policy, file, |root| {
        for section in named(root.tables("rule"), "rule", "name") {
            let when = section.table("when");
            let facts = when.texts("facts");
            let untold = !facts.iter().any(|fact| is_told(&fact.value));
            let tier = when.texts("tier").into_iter().next();
            let fact = facts.into_iter().next().filter(|_| untold);
            for found in tier.into_iter().chain(fact) {
                let message = "can never be met: the box asks nobody about customers; set `customers.file` or \
                               `customers.url` in its configuration, or remove the condition or the rule";
                section.reader.warning(found.offset, &found.key, message);
            }
        }
    })
}

/// Offers that are given up while the phone rings still.
pub(super) fn ringing(policy: &Policy, file: &str, ring: Duration) -> Vec<Problem> {
    again(policy, file, |root| {
        let queue = root.table("queue");
        let limit = policy.queue.offer_limit;
        if let Some(offset) = queue.place("offer_limit_s").filter(|_| limit <= ring) {
            let message = format!(
                "of {} s ends offers while the phone rings still: `line.ring_timeout_s` of the configuration is {} \
                 s; raise it above that",
                limit.as_secs(),
                ring.as_secs()
            );
            queue
                .reader
                .warning(offset, &queue.key("offer_limit_s"), message);
        }
    })
}

/// Agents of whom it is not said where their phone is.
pub(super) fn contacts(policy: &Policy, file: &str) -> Vec<Problem> {
    again(policy, file, |root| {
        for section in named(root.tables("agent"), "agent", "id") {
            if section.has("contact") {
                continue;
            }
            let id = section.text("id");
            let offset = id.as_ref().map_or(section.offset, |id| id.offset);
            let name = id.map_or_else(|| "li_na".to_owned(), |id| id.value);
            let message =
                format!("is missing; add where the phone is, such as `sip:{name}@192.0.2.20`");
            section
                .reader
                .error(offset, &section.key("contact"), message);
        }
    })
}

/// Looks once more through the tables that a policy was read from, which know their places; tells
/// only what the reading itself has not.
fn again(policy: &Policy, file: &str, look: impl FnOnce(&Section<'_>)) -> Vec<Problem> {
    let reader = Reader::new(file, &policy.text);
    let document = reader.document(&policy.text);
    look(&Section::root(&reader, document.get_ref()));
    let mut problems = reader.finish();
    if !problems.is_empty() {
        let told = Policy::parse(file, &policy.text).problems;
        problems.retain(|problem| !told.contains(problem));
    }
    problems
}
