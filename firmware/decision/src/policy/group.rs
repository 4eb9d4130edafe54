//! Groups of agents, and where calls go on to when a group cannot take them in time.

use std::time::Duration;

use trunkside_call::AgentId;

use super::{AgentProfile, Destination, Policy};
use crate::reader::Section;

/// Longest time after which a group overflows, in seconds.
const DAY_S: i64 = 86_400;

/// Agents who take the calls of rules that name the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name that rules use.
    pub name: String,
    /// Indices into [`Policy::agents`].
    pub agents: Vec<usize>,
    /// Where calls go on to, and after which wait in this group; they keep their chance here.
    pub overflow: Option<(Overflow, Duration)>,
}

/// Where a group's calls go on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Another group's agents may take them too.
    Group(usize),
    /// It goes to a destination beyond this branch.
    Elsewhere(usize),
    /// A call back is promised.
    Callback,
}

/// What a group and its overflows come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The wait from which each agent may take a call; never when none.
    pub opens: Vec<Option<Duration>>,
    /// The wait after which it goes beyond this branch, and where; a call back is promised when
    /// nowhere.
    pub leaves: Option<(Duration, Option<usize>)>,
    /// The groups that overflow on its way, each with the call's whole wait by then.
    pub overflows: Vec<(usize, Duration)>,
}

impl Chain {
    /// Of a group of a policy whose overflows have been checked.
    pub fn of(policy: &Policy, group: Option<usize>) -> Self {
        let Some(first) = group else {
            return Self {
                opens: vec![Some(Duration::ZERO); policy.agents.len()],
                ..Self::default()
            };
        };
        let mut chain = Self {
            opens: vec![None; policy.agents.len()],
            ..Self::default()
        };
        let (mut at, mut next) = (Duration::ZERO, Some(first));
        while let Some(number) = next.take() {
            let group = &policy.groups[number];
            for agent in &group.agents {
                chain.opens[*agent].get_or_insert(at);
            }
            if let Some((to, after)) = group.overflow {
                at += after;
                chain.overflows.push((number, at));
                match to {
                    Overflow::Group(group) => next = Some(group),
                    Overflow::Elsewhere(place) => chain.leaves = Some((at, Some(place))),
                    Overflow::Callback => chain.leaves = Some((at, None)),
                }
            }
        }
        chain
    }
}

/// Reads every `[[group]]`; faults are reported with key and line.
pub(super) fn groups(
    tables: &[Section<'_>],
    agents: &[AgentProfile],
    places: &[Destination],
) -> Vec<Group> {
    let names: Vec<String> = tables
        .iter()
        .map(|section| {
            section
                .required_text("name", "name the group; rules quote it")
                .map(|found| found.value)
                .unwrap_or_default()
        })
        .collect();
    let mut groups: Vec<Group> = tables
        .iter()
        .zip(&names)
        .map(|(section, name)| Group {
            name: name.clone(),
            agents: members(section, agents),
            overflow: overflow(section, &names, places),
        })
        .collect();
    break_cycles(&mut groups, tables);
    for section in tables {
        section.close();
    }
    groups
}

fn members(section: &Section<'_>, agents: &[AgentProfile]) -> Vec<usize> {
    let mut members = Vec::new();
    let found = section.texts("agents");
    if found.is_empty() {
        let key = section.key("agents");
        let message = "is missing; list the agents of the group by their `id`";
        section.reader.error(section.offset, &key, message);
    }
    for found in found {
        let id = AgentId::new(found.value.clone());
        let agent = agents.iter().position(|agent| agent.id == id);
        if agent.is_none() {
            let message = format!("names `{id}`, who is no agent of this policy; correct it");
            section.reader.error(found.offset, &found.key, message);
        }
        members.extend(agent);
    }
    members
}

fn overflow(
    section: &Section<'_>,
    names: &[String],
    places: &[Destination],
) -> Option<(Overflow, Duration)> {
    let after = section.seconds("overflow_after_s", 0..=DAY_S);
    let Some(found) = section.text("overflow_to") else {
        if after.is_some() {
            let key = section.key("overflow_after_s");
            let message =
                "has no effect without `overflow_to`; add a group, a destination or `callback`";
            let offset = section.place("overflow_after_s").unwrap_or(section.offset);
            section.reader.error(offset, &key, message);
        }
        return None;
    };
    let to = if found.value == "callback" {
        Some(Overflow::Callback)
    } else {
        let group = names.iter().position(|name| *name == found.value);
        let place = || places.iter().position(|place| place.name == found.value);
        group
            .map(Overflow::Group)
            .or_else(|| place().map(Overflow::Elsewhere))
    };
    if to.is_none() {
        let known: Vec<&str> = names
            .iter()
            .chain(places.iter().map(|place| &place.name))
            .map(String::as_str)
            .collect();
        let message = format!(
            "must be `callback`, a group or a destination ({}), got `{}`",
            known.join(", "),
            found.value
        );
        section.reader.error(found.offset, &found.key, message);
    }
    if after.is_none() {
        let key = section.key("overflow_after_s");
        let message = "is missing; say after how many seconds of waiting calls go on";
        section.reader.error(found.offset, &key, message);
    }
    to.zip(after)
}

/// A call must not go round for ever: the first group of a circle is reported.
fn break_cycles(groups: &mut [Group], tables: &[Section<'_>]) {
    for start in 0..groups.len() {
        let next = |group: usize| match groups[group].overflow {
            Some((Overflow::Group(to), _)) => Some(to),
            _ => None,
        };
        if let Some(way) = circle(start, next) {
            let names: Vec<&str> = way.iter().map(|at| groups[*at].name.as_str()).collect();
            let section = &tables[start];
            let message = format!(
                "leads in a circle: {}; end it with `callback` or nowhere",
                names.join(" -> ")
            );
            let key = section.key("overflow_to");
            let offset = section.place("overflow_to").unwrap_or(section.offset);
            section.reader.error(offset, &key, message);
            groups[start].overflow = None;
        }
    }
}

/// The way from `start` when it comes back to where it has been; that place is also its last.
pub(super) fn circle(start: usize, next: impl Fn(usize) -> Option<usize>) -> Option<Vec<usize>> {
    let mut way = vec![start];
    while let Some(to) = next(way[way.len() - 1]) {
        let is_closed = way.contains(&to);
        way.push(to);
        if is_closed {
            return Some(way);
        }
    }
    None
}
