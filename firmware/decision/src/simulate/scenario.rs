//! What is simulated: callers, agents and how long.

use std::fmt::Write as _;

use toml::de::DeTable;

use crate::reader::{Reader, Section};
use crate::{Policy, Problem};

/// A branch and a stretch of time.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Length of the run, its warm-up included.
    pub hours: f64,
    /// Hours at the start that are not counted.
    pub warmup_hours: f64,
    /// Kinds of callers.
    pub classes: Vec<Class>,
    /// The agents.
    pub groups: Vec<AgentGroup>,
    /// How likely a call is resolved.
    pub resolution: Resolution,
}

/// One kind of caller.
#[derive(Clone, Debug)]
pub struct Class {
    /// Its name, in results and as an intent.
    pub name: String,
    /// Calls an hour, for each hour of the day.
    pub arrivals_per_hour: [f64; 24],
    /// Mean service time in seconds, at an agent of speed 1.
    pub service_mean_s: f64,
    /// Standard deviation of the service time over its mean: 1 is exponential.
    pub service_cv: f64,
    /// Mean patience in seconds, exponential; endless when none.
    pub patience_mean_s: Option<f64>,
    /// A label such as `gold` or `1`.
    pub tier: Option<String>,
    /// What a minute of its waiting costs, relative to the others.
    pub value: f64,
    /// Skills that an agent must have.
    pub needs: Vec<String>,
}

/// Agents who are alike.
#[derive(Clone, Debug)]
pub struct AgentGroup {
    /// Its name.
    pub name: String,
    /// How many they are.
    pub agents: usize,
    /// Their skills with levels 1 to 5.
    pub skills: Vec<(String, u8)>,
    /// Service takes the class's time divided by this.
    pub speed: f64,
}

/// The chance that a call is resolved: `base + per_level · level`, at most 1, where the level is the
/// lowest the agent has of the skills needed; a call that needs none counts as level 3.
#[derive(Clone, Copy, Debug)]
pub struct Resolution {
    /// At level 0.
    pub base: f64,
    /// For each level.
    pub per_level: f64,
}

impl Scenario {
    /// Reads a scenario; `file` only names it in problems. None when any problem is an error.
    pub fn parse(file: &str, text: &str) -> (Option<Self>, Vec<Problem>) {
        let reader = Reader::new(file, text);
        let (document, faults) = DeTable::parse_recoverable(text);
        for fault in &faults {
            let offset = fault.span().map_or(0, |span| span.start);
            reader.error(
                offset,
                "toml",
                format!("is not valid TOML: {}", fault.message()),
            );
        }
        let scenario = resolve(&Section::root(&reader, document.get_ref()));
        let scenario = (!reader.has_errors()).then_some(scenario);
        (scenario, reader.finish())
    }

    /// Every skill that a class needs or an agent has, in order.
    pub fn skills(&self) -> Vec<String> {
        let mut skills: Vec<String> = self
            .groups
            .iter()
            .flat_map(|group| group.skills.iter().map(|(name, _)| name.clone()))
            .chain(
                self.classes
                    .iter()
                    .flat_map(|class| class.needs.iter().cloned()),
            )
            .collect();
        skills.sort_unstable();
        skills.dedup();
        skills
    }

    /// The policy that the product would be given for this branch: each class's needs as required
    /// skills, experts preferred, expected handle times from the classes, and a bounded head start
    /// by value.
    pub fn policy(&self) -> Policy {
        let text = self.policy_text();
        let parsed = Policy::parse("scenario", &text);
        parsed.policy.unwrap_or_else(|| {
            unreachable!(
                "policies made here are whole: {:?}\n{text}",
                parsed.problems
            )
        })
    }

    fn policy_text(&self) -> String {
        let mut text = String::from(
            "[queue]\nmax_wait_s = 86400\nannounce_s = 3600\noffer_limit_s = 600\n\
             [weights]\npreferred_s = 60\nidle_cap_s = 3600\nshort_first_s = 90\n",
        );
        for group in &self.groups {
            for number in 1..=group.agents {
                let _ = write!(
                    text,
                    "[[agent]]\nid = {:?}\nskills = {{ ",
                    agent_name(group, number)
                );
                for (index, (skill, level)) in group.skills.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    let _ = write!(text, "{comma}{skill:?} = {level}");
                }
                text.push_str(" }\n");
            }
        }
        let priorities = self.priorities();
        for (class, priority) in self.classes.iter().zip(priorities) {
            let table = |level: u8| {
                let needs: Vec<String> = class
                    .needs
                    .iter()
                    .map(|skill| format!("{skill:?} = {level}"))
                    .collect();
                needs.join(", ")
            };
            let _ = write!(
                text,
                "[[rule]]\nname = {0:?}\nwhen = {{ intent = {0:?} }}\nthen = {{ skills_required = \
                 {{ {1} }}, skills_preferred = {{ {2} }}, priority = {priority}, handle_time_s = {3} }}\n",
                class.name,
                table(1),
                table(5),
                (class.service_mean_s.round() as i64).clamp(1, 86_400),
            );
        }
        text
    }

    /// Priorities 0 to 10 by value, or by tier (1 is the top) where all values are equal.
    fn priorities(&self) -> Vec<u8> {
        let by_value: Vec<i64> = self
            .classes
            .iter()
            .map(|class| (class.value * 1000.0).round() as i64)
            .collect();
        let by_tier: Option<Vec<i64>> = self
            .classes
            .iter()
            .map(|class| Some(-class.tier.as_ref()?.parse::<i64>().ok()?))
            .collect();
        let all_equal = by_value.iter().all(|value| *value == by_value[0]);
        let keys = if all_equal {
            by_tier.unwrap_or(by_value)
        } else {
            by_value
        };
        let mut steps = keys.clone();
        steps.sort_unstable();
        steps.dedup();
        let top = steps.len().saturating_sub(1).max(1);
        keys.iter()
            .map(|key| {
                steps
                    .binary_search(key)
                    .map_or(0, |rank| (rank * 5 / top) as u8)
            })
            .collect()
    }
}

/// The name of an agent of a group, counted from 1.
pub(super) fn agent_name(group: &AgentGroup, number: usize) -> String {
    format!("{}-{number}", group.name)
}

fn resolve(root: &Section<'_>) -> Scenario {
    let run = root.table("run");
    let hours = run.number("hours", 0.01..=1_000_000.0).unwrap_or(24.0);
    let warmup_hours = run.number("warmup_hours", 0.0..=1_000_000.0).unwrap_or(0.0);
    if warmup_hours >= hours {
        let message = format!("must be less than `run.hours`, which is {hours}; lower it");
        root.reader.error(run.offset, "run.warmup_hours", message);
    }
    run.close();
    let class_tables = root.tables("class");
    let group_tables = root.tables("agent_group");
    for (key, tables) in [("class", &class_tables), ("agent_group", &group_tables)] {
        if tables.is_empty() {
            root.reader
                .error(0, key, format!("is missing; add a `[[{key}]]` table"));
        }
    }
    let resolution = root.table("resolution");
    let scenario = Scenario {
        hours,
        warmup_hours,
        classes: class_tables.iter().map(class).collect(),
        groups: group_tables.iter().map(group).collect(),
        resolution: Resolution {
            base: resolution.number("base", 0.0..=1.0).unwrap_or(0.5),
            per_level: resolution.number("per_level", 0.0..=1.0).unwrap_or(0.09),
        },
    };
    resolution.close();
    root.close();
    check_needs(&scenario, &class_tables);
    scenario
}

fn class(section: &Section<'_>) -> Class {
    let name = section.required_text("name", "name the class; results quote it");
    let rates = section.numbers("arrivals_per_hour", 0.0..=1e7);
    let arrivals_per_hour = match rates.as_slice() {
        [rate] => [*rate; 24],
        rates => <[f64; 24]>::try_from(rates).unwrap_or_else(|_| {
            let key = section.key("arrivals_per_hour");
            let message = format!("must be one number or 24, got {}", rates.len());
            section.reader.error(section.offset, &key, message);
            [0.0; 24]
        }),
    };
    let positive = |key| section.number(key, 0.001..=1e6);
    if positive("service_mean_s").is_none() {
        let key = section.key("service_mean_s");
        section.reader.error(
            section.offset,
            &key,
            "is missing; give the mean service time",
        );
    }
    let class = Class {
        name: name.map(|found| found.value).unwrap_or_default(),
        arrivals_per_hour,
        service_mean_s: positive("service_mean_s").unwrap_or(1.0),
        service_cv: section.number("service_cv", 0.0..=10.0).unwrap_or(1.0),
        // 0 and infinity both say that nobody hangs up.
        patience_mean_s: section
            .number("patience_mean_s", 0.0..=f64::INFINITY)
            .filter(|mean| *mean > 0.0 && mean.is_finite()),
        tier: section.label("tier"),
        value: section.number("value", 0.0..=1e6).unwrap_or(1.0),
        needs: section
            .texts("needs")
            .into_iter()
            .map(|found| found.value)
            .collect(),
    };
    section.close();
    class
}

fn group(section: &Section<'_>) -> AgentGroup {
    let name = section.required_text("name", "name the group");
    let group = AgentGroup {
        name: name.map(|found| found.value).unwrap_or_default(),
        agents: section.integer("agents", 1..=10_000).unwrap_or(1) as usize,
        skills: section
            .table("skills")
            .integer_entries(1..=5)
            .into_iter()
            .map(|found| (found.value.0, found.value.1 as u8))
            .collect(),
        speed: section.number("speed", 0.01..=100.0).unwrap_or(1.0),
    };
    section.close();
    group
}

/// A class that nobody can serve would wait for ever.
fn check_needs(scenario: &Scenario, tables: &[Section<'_>]) {
    for (class, section) in scenario.classes.iter().zip(tables) {
        let served = scenario.groups.iter().any(|group| {
            class
                .needs
                .iter()
                .all(|need| group.skills.iter().any(|(skill, _)| skill == need))
        });
        if !served {
            let message = format!(
                "asks for {} of one agent, which no group has; give a group these skills",
                class.needs.join(" and ")
            );
            section
                .reader
                .error(section.offset, &section.key("needs"), message);
        }
    }
}
