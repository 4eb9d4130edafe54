//! What is simulated: callers, agents and how long.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use super::trace::{self, TraceCall, TraceFault, TraceFormat};
use crate::policy::repeated_names;
use crate::reader::{Found, Reader, Section};
use crate::{Policy, Problem, Severity};

/// What the product's policy has otherwise than is usual, where the scenario does not say so: nobody is sent
/// away, as the other policies send nobody away, and nobody is told anything.
const QUEUE: &[(&str, u32)] = &[
    ("max_wait_s", 86_400),
    ("announce_s", 3600),
    ("offer_limit_s", 600),
];

/// The priority of the top tier.
pub(super) const TOP: u8 = 10;

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
    /// What the product's policy is to have otherwise in its tables `queue` and `weights`.
    pub queue: Vec<(String, f64)>,
    /// Likewise.
    pub weights: Vec<(String, f64)>,
    /// The policy whose agents are the desk, as the file names it: the product plays that one.
    pub policy_file: Option<String>,
    /// It, once [taken](Self::take_policy).
    own_policy: Option<Policy>,
    /// The trace that the calls come from, as the file names it, and its form.
    pub trace_file: Option<(String, TraceFormat)>,
    /// Its calls, once [read](Self::read_trace); drawn from the classes while there are none.
    pub(super) trace: Vec<TraceCall>,
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
    pub skills: Vec<(String, f64)>,
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
        let document = reader.document(text);
        let scenario = resolve(&Section::root(&reader, document.get_ref()));
        let scenario = (!reader.has_errors()).then_some(scenario);
        (scenario, reader.finish())
    }

    /// Takes the calls from a trace's text. `hours` covers it whole if the scenario asked for more,
    /// and what classes leave out is estimated from it. Returns how many calls come too late to be played.
    pub fn read_trace(&mut self, text: &str, format: TraceFormat) -> Result<usize, TraceFault> {
        let calls = trace::parse(text, format, &self.classes)?;
        let last = calls.last().map_or(0.0, |call| call.at as f64 / 3.6e9);
        let hours = self.hours.min(last + 0.01);
        if self.warmup_hours >= hours {
            return Err(TraceFault {
                line: text.lines().count(),
                fault: format!(
                    "it ends after {hours:.2} hours, within the warm-up; lower `run.warmup_hours`, \
                     which is {}",
                    self.warmup_hours
                ),
            });
        }
        let (from, until) = (self.warmup_hours * 3.6e9, hours * 3.6e9);
        let late = calls.iter().filter(|call| call.at as f64 >= until).count();
        if !calls
            .iter()
            .any(|call| (from..until).contains(&(call.at as f64)))
        {
            return Err(TraceFault {
                line: text.lines().count(),
                fault: format!(
                    "none of its calls comes between `run.warmup_hours` = {} and `run.hours` = {}; `arrival_s` \
                     counts from the start of the run",
                    self.warmup_hours, self.hours
                ),
            });
        }
        trace::fill(&mut self.classes, &calls);
        self.trace = calls;
        self.hours = hours;
        Ok(late)
    }

    /// Makes a policy's agents the desk, and the policy what the product plays. Fails with the reason where a
    /// class needs skills that none of them has.
    pub fn take_policy(&mut self, policy: Policy) -> Result<(), String> {
        let skills = |levels: &[u8]| {
            let named = policy.skills.iter().zip(levels);
            named
                .filter(|(_, level)| **level > 0)
                .map(|(name, level)| (name.clone(), f64::from(*level)))
                .collect()
        };
        self.groups = policy
            .agents
            .iter()
            .map(|agent| AgentGroup {
                name: agent.id.as_str().to_owned(),
                agents: 1,
                skills: skills(&agent.skills),
                speed: f64::from(agent.pace_percent) / 100.0,
            })
            .collect();
        if let Some(class) = self.classes.iter().find(|class| !self.is_served(class)) {
            return Err(format!(
                "the class `{}` needs {} of one agent, which none of them has; correct `needs` or give an agent \
                 these skills",
                class.name,
                class.needs.join(" and ")
            ));
        }
        self.own_policy = Some(policy);
        Ok(())
    }

    /// Whether some agent has all the skills that a class needs.
    fn is_served(&self, class: &Class) -> bool {
        let has =
            |group: &AgentGroup, need: &String| group.skills.iter().any(|(skill, _)| skill == need);
        let mut groups = self.groups.iter();
        groups.any(|group| class.needs.iter().all(|need| has(group, need)))
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

    /// The policy that the product would be given for this branch, with its usual values: each class's needs as
    /// required skills, experts preferred, expected handle times from the classes, and a bounded head start
    /// by value. Or [its own](Self::take_policy), where no talk goes from one agent to another.
    pub fn policy(&self) -> Policy {
        if let Some(policy) = &self.own_policy {
            let mut policy = policy.clone();
            policy.queue.novice_limit = Duration::ZERO;
            return policy;
        }
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
        let mut text = String::new();
        for (table, defaults, own) in [
            ("queue", QUEUE, &self.queue),
            ("weights", &[], &self.weights),
        ] {
            let _ = writeln!(text, "[{table}]");
            for (key, value) in defaults {
                if !own.iter().any(|(name, _)| name == key) {
                    let _ = writeln!(text, "{key} = {value}");
                }
            }
            for (key, value) in own {
                let _ = writeln!(text, "{} = {value}", quoted(key));
            }
        }
        for group in &self.groups {
            for number in 1..=group.agents {
                let _ = write!(
                    text,
                    "[[agent]]\nid = {}\npace = {:.2}\nskills = {{ ",
                    quoted(&agent_name(group, number)),
                    group.speed.clamp(0.1, 10.0)
                );
                for (index, (skill, level)) in group.skills.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    let _ = write!(text, "{comma}{} = {level}", quoted(skill));
                }
                text.push_str(" }\n");
            }
        }
        let priorities = self.priorities();
        for (class, priority) in self.classes.iter().zip(priorities) {
            let within = if priority == TOP {
                ", answer_within_s = 20"
            } else {
                ""
            };
            let table = |level: u8| {
                let needs: Vec<String> = class
                    .needs
                    .iter()
                    .map(|skill| format!("{} = {level}", quoted(skill)))
                    .collect();
                needs.join(", ")
            };
            let patience = class.patience_mean_s.map_or_else(String::new, |mean| {
                format!(", patience_s = {}", (mean.round() as i64).clamp(1, 86_400))
            });
            let _ = write!(
                text,
                "[[rule]]\nname = {0}\nwhen = {{ intent = {0} }}\nthen = {{ skills_required = \
                 {{ {1} }}, skills_preferred = {{ {2} }}, priority = {priority}, handle_time_s = {3}{patience}{within} }}\n",
                quoted(&class.name),
                table(1),
                table(5),
                (class.service_mean_s.round() as i64).clamp(1, 86_400),
            );
        }
        text
    }

    /// Priorities: [`TOP`] for the top tier, up to 2 by value for the others.
    pub(super) fn priorities(&self) -> Vec<u8> {
        let top = self.top_tier();
        let rest: Vec<f64> = self
            .classes
            .iter()
            .zip(&top)
            .filter(|(_, top)| !**top)
            .map(|(class, _)| class.value)
            .collect();
        let lowest = rest.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = rest.iter().copied().fold(0.0, f64::max);
        self.classes
            .iter()
            .zip(top)
            .map(|(class, top)| {
                if top {
                    TOP
                } else if highest > lowest {
                    (2.0 * (class.value - lowest) / (highest - lowest)).round() as u8
                } else {
                    0
                }
            })
            .collect()
    }

    /// Which classes are of the top tier: the tier whose calls are worth most; where tiers say no
    /// more than that, the one named first by number or by custom. Without tiers, the classes of
    /// most value. None when all are alike.
    fn top_tier(&self) -> Vec<bool> {
        let mut tiers: Vec<&str> = self
            .classes
            .iter()
            .filter_map(|class| class.tier.as_deref())
            .collect();
        tiers.sort_unstable();
        tiers.dedup();
        if tiers.len() < 2 {
            let highest = self.classes.iter().map(|c| c.value).fold(0.0, f64::max);
            let alike = self.classes.iter().all(|class| class.value >= highest);
            return self
                .classes
                .iter()
                .map(|class| !alike && class.value >= highest)
                .collect();
        }
        let worth = |tier: &str| {
            let values: Vec<f64> = self
                .classes
                .iter()
                .filter(|class| class.tier.as_deref() == Some(tier))
                .map(|class| class.value)
                .collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let top = tiers
            .iter()
            .max_by(|a, b| {
                let by_worth = worth(a).total_cmp(&worth(b));
                by_worth.then_with(|| rank_of_tier(b).cmp(&rank_of_tier(a)))
            })
            .copied();
        self.classes
            .iter()
            .map(|class| class.tier.as_deref() == top)
            .collect()
    }
}

/// Where a tier's name stands by custom: lower is better.
fn rank_of_tier(tier: &str) -> u32 {
    const CUSTOM: [&str; 9] = [
        "top", "platinum", "vip", "gold", "premium", "high", "priority", "silver", "bronze",
    ];
    let word = tier.to_lowercase();
    tier.parse().unwrap_or_else(|_| {
        let place = CUSTOM.iter().position(|known| word.contains(known));
        place.map_or(100, |place| place as u32)
    })
}

/// The name of an agent of a group, counted from 1.
fn agent_name(group: &AgentGroup, number: usize) -> String {
    format!("{}-{number}", group.name)
}

/// A text as TOML writes it: a JSON string, but for the one control character that JSON leaves alone.
fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).expect("every text is a JSON string");
    json.replace('\u{7f}', "\\u007f")
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
    let trace = root.table("trace");
    let trace_file = trace.text("file").map(|found| {
        let formats = [
            ("columns", TraceFormat::Columns),
            ("anonymous_bank", TraceFormat::AnonymousBank),
        ];
        let format = trace.choice("format", &formats);
        (found.value, format.unwrap_or(TraceFormat::Columns))
    });
    trace.close();
    let traced = trace_file.is_some();
    let class_tables = root.tables("class");
    let group_tables = root.tables("agent_group");
    let policy_file = root.text("policy");
    if let Some(policy) = &policy_file {
        for key in ["agent_group", "queue", "weights"] {
            if let Some(offset) = root.place(key) {
                let message = format!(
                    "stands in the policy `{}` that `policy` names; remove one of the two",
                    policy.value
                );
                root.reader.error(offset, key, message);
            }
        }
    }
    for (key, tables) in [("class", &class_tables), ("agent_group", &group_tables)] {
        if tables.is_empty() && (key == "class" || policy_file.is_none()) {
            root.reader
                .error(0, key, format!("is missing; add a `[[{key}]]` table"));
        }
    }
    let resolution = root.table("resolution");
    let tuning = |key| root.table(key).number_entries(0.0..=1e6);
    let (queue, weights) = (tuning("queue"), tuning("weights"));
    let values = |entries: &[Found<(String, f64)>]| {
        let own = entries.iter().map(|found| found.value.clone());
        own.collect::<Vec<_>>()
    };
    let mut scenario = Scenario {
        hours,
        warmup_hours,
        classes: class_tables
            .iter()
            .map(|section| class(section, traced))
            .collect(),
        groups: group_tables.iter().map(group).collect(),
        resolution: Resolution {
            base: resolution.number("base", 0.0..=1.0).unwrap_or(0.5),
            per_level: resolution.number("per_level", 0.0..=1.0).unwrap_or(0.09),
        },
        queue: values(&queue),
        weights: values(&weights),
        policy_file: policy_file.map(|found| found.value),
        own_policy: None,
        trace_file,
        trace: Vec::new(),
    };
    resolution.close();
    root.close();
    levels_to_five(&mut scenario.groups);
    repeated_names(&class_tables, "name", "class");
    repeated_names(&group_tables, "name", "group");
    check_needs(&scenario, &class_tables);
    if scenario.policy_file.is_none() && !root.reader.has_errors() {
        check_policy(root, &scenario, &[queue, weights].concat());
    }
    scenario
}

/// What the product's policy cannot take of the scenario's `queue` and `weights`, or does not know.
fn check_policy(root: &Section<'_>, scenario: &Scenario, tuned: &[Found<(String, f64)>]) {
    for problem in Policy::parse("scenario", &scenario.policy_text()).problems {
        let own = tuned.iter().find(|found| found.key == problem.key);
        if let Some(own) = own {
            root.reader.error(own.offset, &own.key, problem.message);
        } else if problem.severity == Severity::Error {
            root.reader.error(0, &problem.key, problem.message);
        }
    }
}

/// Brings every branch's scale to levels 1 to 5: shares of 1 are stretched, higher scales shrunk;
/// a level of 0 is no skill.
fn levels_to_five(groups: &mut [AgentGroup]) {
    let levels = || {
        groups
            .iter()
            .flat_map(|group| group.skills.iter().map(|(_, level)| *level))
    };
    let highest = levels().fold(0.0, f64::max);
    let shares = highest <= 1.0 && levels().any(|level| level.fract() > 0.0);
    let scale = if shares || highest > 5.0 {
        5.0 / highest
    } else {
        1.0
    };
    for group in groups {
        group.skills.retain(|(_, level)| *level > 0.0);
        for (_, level) in &mut group.skills {
            *level = (*level * scale).round().clamp(1.0, 5.0);
        }
    }
}

fn class(section: &Section<'_>, traced: bool) -> Class {
    let name = section.required_text("name", "name the class; results quote it");
    let rates = section.numbers("arrivals_per_hour", 0.0..=1e7);
    let arrivals_per_hour = match rates.as_slice() {
        [rate] => [*rate; 24],
        [] if traced => [0.0; 24],
        // Those out of range are reported already.
        _ if rates.len() < section.count("arrivals_per_hour") => [0.0; 24],
        rates => <[f64; 24]>::try_from(rates).unwrap_or_else(|_| {
            let key = section.key("arrivals_per_hour");
            let message = format!("must be one number or 24, got {}", rates.len());
            section.reader.error(section.offset, &key, message);
            [0.0; 24]
        }),
    };
    let positive = |key| section.number(key, 0.001..=1e6);
    if !section.has("service_mean_s") && !traced {
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
        // A trace tells it where this is left out.
        service_mean_s: positive("service_mean_s").unwrap_or(0.0),
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
            .number_entries(0.0..=100.0)
            .into_iter()
            .map(|found| found.value)
            .collect(),
        speed: section.number("speed", 0.01..=100.0).unwrap_or(1.0),
    };
    section.close();
    group
}

/// A class that nobody can serve would wait for ever.
fn check_needs(scenario: &Scenario, tables: &[Section<'_>]) {
    for (class, section) in scenario.classes.iter().zip(tables) {
        let mut seen = BTreeSet::new();
        for found in section.texts("needs") {
            if !seen.insert(found.value.clone()) {
                let message = format!("repeats `{}`; name each skill once", found.value);
                section.reader.error(found.offset, &found.key, message);
            }
        }
        // The agents of a policy are known only once it is read.
        if scenario.policy_file.is_none() && !scenario.is_served(class) {
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
