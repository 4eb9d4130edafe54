//! From the file's tables to a [`Policy`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{Date, Weekday};
use trunkside_call::{AgentId, Emotion, Language};

use super::hours::{Hours, Span, index, zone};
use super::{
    AgentProfile, Condition, Destination, Group, Parsed, Policy, QueueSettings, Relax, Route, Rule,
    SkillNeed, Weights, WhenClosed, breaks, check, elsewhere, group, idle, learning, sha256_hex,
    together,
};
use crate::reader::{Found, Reader, Section};

/// The longest span of time that any setting may name.
const DAY_S: i64 = 86_400;

/// The largest share of agents that may be kept free for promised calls, in thousandths.
pub(super) const MOST_RESERVED: i64 = 500;

pub(super) const LANGUAGES: [(&str, Language); 3] = [
    ("zh", Language::Zh),
    ("yue", Language::Yue),
    ("en", Language::En),
];

pub(super) const EMOTIONS: [(&str, Emotion); 5] = [
    ("angry", Emotion::Angry),
    ("anxious", Emotion::Anxious),
    ("dissatisfied", Emotion::Dissatisfied),
    ("neutral", Emotion::Neutral),
    ("satisfied", Emotion::Satisfied),
];

pub(super) fn parse(file: &str, text: &str) -> Parsed {
    let reader = Reader::new(file, text);
    let document = reader.document(text);
    let draft = resolve(&Section::root(&reader, document.get_ref()), text);
    let policy = (!reader.has_errors()).then(|| draft.clone());
    Parsed {
        policy,
        draft,
        problems: reader.finish(),
    }
}

fn resolve(root: &Section<'_>, text: &str) -> Policy {
    let agent_tables = named(root.tables("agent"), "agent", "id");
    // Where the file is broken, they may stand behind what cannot be read.
    if agent_tables.is_empty() && !root.reader.has_errors() {
        root.reader.error(
            0,
            "agent",
            "is missing; add one `[[agent]]` table for each agent",
        );
    }
    let skills = skill_names(&agent_tables);
    let agents = agents(&agent_tables, &skills);
    let group_tables = named(root.tables("group"), "group", "name");
    let place_tables = named(root.tables("destination"), "destination", "name");
    let destinations = elsewhere::destinations(&place_tables);
    let groups = group::groups(&group_tables, &agents, &destinations);
    let rule_tables = named(root.tables("rule"), "rule", "name");
    let rules: Vec<Rule> = rule_tables
        .iter()
        .map(|section| rule(section, &skills, &groups))
        .collect();
    let default_table = root.table("default");
    let default = route(&default_table, &skills, &groups);
    default_table.close();
    let (hours, when_closed) = hours(&root.table("hours"));
    let break_tables = named(root.tables("break"), "break", "reason");
    let codes_table = root.table("codes");
    let policy = Policy {
        name: root
            .text("name")
            .map_or_else(|| "unnamed".to_owned(), |found| found.value),
        sha256: sha256_hex(text),
        reasons_in: root
            .choice("reasons_in", &[("zh", Language::Zh), ("en", Language::En)])
            .unwrap_or(Language::En),
        text: text.to_owned(),
        skills,
        agents,
        groups,
        rules,
        default,
        hours,
        when_closed,
        queue: queue(&root.table("queue"), &destinations),
        destinations,
        weights: weights(&root.table("weights")),
        learning: learning::learning(&root.table("learning")),
        breaks: breaks::breaks(&break_tables),
        codes: breaks::codes(&codes_table),
    };
    root.close();
    check::repeated_names(&agent_tables, "id", "agent");
    check::repeated_names(&group_tables, "name", "group");
    check::repeated_names(&place_tables, "name", "destination");
    check::destinations(&policy, &place_tables);
    check::repeated_names(&rule_tables, "name", "rule");
    check::rules(&policy, &rule_tables, &default_table);
    together::together(&policy, &rule_tables);
    idle::bounds(&policy, &rule_tables, root);
    if !root.reader.has_errors() {
        // What a faulty condition or name was to mean is not known.
        idle::outranked(&policy, &rule_tables);
        idle::unreached(&policy, &group_tables, &place_tables);
    }
    idle::twice(&agent_tables, &group_tables);
    check::novices(&policy, &agent_tables, &root.table("queue"));
    check::groups(&policy, &group_tables);
    check::repeated_names(&break_tables, "reason", "break");
    breaks::check(&policy, &break_tables, &codes_table);
    policy
}

/// Calls each table by its own name in messages, where it has one.
pub(super) fn named<'a>(
    mut tables: Vec<Section<'a>>,
    kind: &str,
    key: &'static str,
) -> Vec<Section<'a>> {
    for section in &mut tables {
        if let Some(name) = section.text(key) {
            section.path = format!("{kind}.{}", name.value);
        }
    }
    tables
}

fn skill_names(agents: &[Section<'_>]) -> Vec<String> {
    let names: BTreeSet<String> = agents
        .iter()
        .flat_map(|section| section.table("skills").names())
        .collect();
    names.into_iter().collect()
}

fn agents(tables: &[Section<'_>], skills: &[String]) -> Vec<AgentProfile> {
    let mut agents = Vec::new();
    for section in tables {
        let id = section.required_text("id", "give the agent a name such as `li_na`");
        nameless_skill(&section.table("skills"));
        let levels: BTreeMap<String, i64> = section
            .table("skills")
            .integer_entries(1..=5)
            .into_iter()
            .map(|found| found.value)
            .collect();
        let agent = AgentProfile {
            id: AgentId::new(id.map(|found| found.value).unwrap_or_default()),
            contact: contact(section),
            skills: skills
                .iter()
                .map(|name| levels.get(name).map_or(0, |l| *l as u8))
                .collect(),
            languages: languages_or_all(section),
            senior: section.switch("senior", false),
            novice: section.switch("novice", false),
            pace_percent: section
                .number("pace", 0.1..=10.0)
                .map_or(100, |pace| (pace * 100.0).round() as u16),
            priority: section.integer("priority", 1..=9).unwrap_or(1) as u8,
        };
        section.close();
        agents.push(agent);
    }
    agents
}

fn nameless_skill(skills: &Section<'_>) {
    for found in skills.entries() {
        if found.value.trim().is_empty() {
            let message =
                "has a skill without a name, which no rule can mean; name it or remove it";
            skills.reader.error(found.offset, &skills.path, message);
        }
    }
}

/// Where a phone is: a SIP URI, or the name that it registers with.
pub(super) fn contact(section: &Section<'_>) -> Option<String> {
    let contact = section.text("contact")?;
    let names_phone = |scheme| {
        let rest = contact.value.strip_prefix(scheme);
        rest.is_some_and(|rest| !rest.is_empty())
    };
    if !["sip:", "sips:", "registered:"]
        .into_iter()
        .any(names_phone)
    {
        let message = format!(
            "must be a SIP URI such as `sip:li_na@192.0.2.20:5060`, or `registered:li_na` for a \
             phone that registers with the box, got `{}`",
            contact.value
        );
        section.reader.error(contact.offset, &contact.key, message);
    }
    Some(contact.value)
}

/// An agent without a list speaks everything: a small branch need not write it down.
fn languages_or_all(section: &Section<'_>) -> Vec<Language> {
    let languages = section.choices("languages", &LANGUAGES);
    if section.is_empty_list("languages") {
        let message =
            "is an empty list; name what they speak, or remove the key where they speak everything";
        let offset = section.place("languages").unwrap_or(section.offset);
        section
            .reader
            .error(offset, &section.key("languages"), message);
    }
    if languages.is_empty() {
        LANGUAGES.iter().map(|(_, language)| *language).collect()
    } else {
        languages
    }
}

fn rule(section: &Section<'_>, skills: &[String], groups: &[Group]) -> Rule {
    let name = section.required_text("name", "name the rule; reasons quote it");
    let when_table = section.table("when");
    let then_table = section.table("then");
    if !then_table.is_present() {
        let key = section.key("then");
        section.reader.error(
            section.offset,
            &key,
            "is missing; say what the rule asks for",
        );
    }
    let rule = Rule {
        name: name.map(|found| found.value).unwrap_or_default(),
        when: condition(&when_table),
        then: route(&then_table, skills, groups),
    };
    check::condition(&rule.when, &when_table);
    when_table.close();
    then_table.close();
    section.close();
    rule
}

fn condition(section: &Section<'_>) -> Condition {
    Condition {
        intents: values(section.texts("intent")),
        min_score_permille: section.permille("min_score").unwrap_or(0),
        emotions: section.choices("emotion", &EMOTIONS),
        min_emotion_permille: section.permille("min_emotion_score").unwrap_or(0),
        mood_fell_permille: section
            .number("mood_fell", 0.0..=2.0)
            .map_or(0, |fell| (fell * 1000.0).round() as u16),
        languages: section.choices("language", &LANGUAGES),
        tiers: values(section.texts("tier")),
        facts: values(section.texts("facts")),
        open: section.choice("hours", &[("open", true), ("closed", false)]),
    }
}

fn values(found: Vec<Found<String>>) -> Vec<String> {
    found.into_iter().map(|found| found.value).collect()
}

/// A group by its name.
fn group_of(section: &Section<'_>, groups: &[Group]) -> Option<usize> {
    let found = section.text("group")?;
    let group = groups.iter().position(|group| group.name == found.value);
    if group.is_none() {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        let message = format!(
            "must be one of the groups ({}), got `{}`",
            names.join(", "),
            found.value
        );
        section.reader.error(found.offset, &found.key, message);
    }
    group
}

fn route(section: &Section<'_>, skills: &[String], groups: &[Group]) -> Route {
    let relax = section.table("relax");
    let route = Route {
        skills_required: needs(section, "skills_required", skills),
        skills_preferred: needs(section, "skills_preferred", skills),
        senior: section.switch("senior", false),
        group: group_of(section, groups),
        priority: section.integer("priority", 0..=10).unwrap_or(0) as u8,
        handle_time: section.seconds("handle_time_s", 1..=DAY_S),
        patience: section.seconds("patience_s", 1..=DAY_S),
        answer_within: section.seconds("answer_within_s", 1..=DAY_S),
        even_when_closed: section.switch("even_when_closed", false),
        self_service: self_service(section),
        relax: Relax {
            senior_after: relax.seconds("senior_after_s", 0..=DAY_S),
            skills_after: relax.seconds("skills_after_s", 0..=DAY_S),
            language_after: relax.seconds("language_after_s", 0..=DAY_S),
        },
    };
    relax.close();
    route
}

/// An announcement's name, which becomes a file's: no more than letters, figures, `_` and `-`.
fn self_service(section: &Section<'_>) -> Option<String> {
    let found = section.text("self_service")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if found.value.is_empty() || !found.value.chars().all(plain) {
        let message = format!(
            "must be an announcement's name of letters, figures, `_` and `-`, such as `opening_hours`, got `{}`",
            found.value
        );
        section.reader.error(found.offset, &found.key, message);
    }
    Some(found.value)
}

/// A table of `skill = level`, checked against the skills that agents have.
fn needs(section: &Section<'_>, key: &'static str, skills: &[String]) -> Vec<SkillNeed> {
    let mut needs = Vec::new();
    for found in section.table(key).integer_entries(1..=5) {
        let (name, level) = found.value;
        if let Ok(skill) = skills.binary_search(&name) {
            needs.push(SkillNeed {
                skill,
                level: level as u8,
            });
        } else {
            let known = match skills {
                [] => "none".to_owned(),
                some => some.join(", "),
            };
            let message = format!(
                "names a skill that no agent has; known skills: {known}. correct it or give an agent \
                 the skill"
            );
            section.reader.error(found.offset, &found.key, message);
        }
    }
    needs
}

fn queue(section: &Section<'_>, places: &[Destination]) -> QueueSettings {
    let names: Vec<String> = places.iter().map(|place| place.name.clone()).collect();
    let seconds = |key, default, range| {
        section
            .seconds(key, range)
            .unwrap_or(Duration::from_secs(default))
    };
    let queue = QueueSettings {
        max_wait: seconds("max_wait_s", 300, 1..=DAY_S),
        last_resort: elsewhere::place(section, "last_resort", &names),
        announce: seconds("announce_s", 30, 5..=3600),
        priority_step: seconds("priority_step_s", 30, 0..=3600),
        overtake: seconds("overtake_s", 120, 0..=DAY_S),
        passed_over: seconds("passed_over_s", 120, 1..=DAY_S),
        reserve_permille: section
            .number("reserve_share", 0.0..=MOST_RESERVED as f64 / 1000.0)
            .map_or(100, |share| (share * 1000.0).round() as i64),
        reserve_hold: seconds("reserve_hold_s", 60, 0..=3600),
        rest: seconds("rest_s", 30, 0..=3600),
        retry: seconds("retry_s", 120, 0..=DAY_S),
        wrap_up: seconds("wrap_up_s", 0, 0..=3600),
        novice_limit: seconds("novice_limit_s", 0, 0..=DAY_S),
        self_service_limit: seconds("self_service_limit_s", 90, 5..=3600),
        offer_limit: seconds("offer_limit_s", 200, 5..=600),
    };
    section.close();
    queue
}

fn weights(section: &Section<'_>) -> Weights {
    let seconds = |key, default| {
        section
            .seconds(key, 0..=DAY_S)
            .unwrap_or(Duration::from_secs(default))
    };
    let share = |key, default| {
        section
            .number(key, 0.0..=10.0)
            .map_or(default, |share| (share * 1000.0).round() as i64)
    };
    let weights = Weights {
        preferred: seconds("preferred_s", 60),
        scarcity: seconds("scarcity_s", 0),
        sticky: seconds("sticky_s", 0),
        occupancy_cap_permille: section
            .number("occupancy_cap", 0.0..=1.0)
            .map_or(1000, |cap| (cap * 1000.0).round() as i64),
        hold: seconds("hold_s", 0),
        busy: seconds("busy_s", 3000),
        slower_permille: share("slower", 1000),
        short_permille: section
            .number("short_weight", 0.0..=1.0)
            .map_or(1000, |share| (share * 1000.0).round() as i64),
        impatience_permille: share("impatience", 0),
        idle_cap: seconds("idle_cap_s", 30),
        short_first: seconds("short_first_s", 300),
    };
    section.close();
    weights
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

fn hours(section: &Section<'_>) -> (Hours, WhenClosed) {
    let mut hours = Hours::always();
    if let Some(name) = section.text("time_zone") {
        if zone(&name.value).is_none() {
            let message = format!(
                "must be an IANA time zone such as `Asia/Shanghai`, got `{}`",
                name.value
            );
            section.reader.error(name.offset, &name.key, message);
        }
        hours.time_zone = name.value;
    } else if section.is_present() {
        let key = section.key("time_zone");
        let message = "is missing; name the branch's zone, for instance `Asia/Shanghai`";
        section.reader.error(section.offset, &key, message);
    }
    let weekly = section.table("weekly");
    if weekly.is_present() {
        let mut week: [Vec<Span>; 7] = Default::default();
        for (name, weekday) in WEEKDAYS {
            if let Some(found) = weekly.text(name) {
                week[index(weekday)] = spans(&weekly, &found, &found.value);
            }
        }
        weekly.close();
        hours.weekly = Some(week);
    }
    hours.holidays = section
        .texts("holidays")
        .iter()
        .filter_map(|found| date(section, found, &found.value))
        .collect();
    let special = section.table("special");
    for found in special.text_entries() {
        let (day, text) = &found.value;
        let spans = spans(&special, &found, text);
        hours
            .special
            .extend(date(&special, &found, day).map(|day| (day, spans)));
    }
    let choices = [
        ("callback", WhenClosed::Callback),
        ("route", WhenClosed::Route),
    ];
    let when_closed = section
        .choice("when_closed", &choices)
        .unwrap_or(WhenClosed::Callback);
    section.close();
    (hours, when_closed)
}

fn spans<T>(section: &Section<'_>, found: &Found<T>, text: &str) -> Vec<Span> {
    if text == "closed" {
        return Vec::new();
    }
    let mut spans = Vec::new();
    for part in text.split(',') {
        if let Some(span) = Span::parse(part) {
            spans.push(span);
        } else {
            let message = format!(
                "must be `closed` or spans such as `09:00-12:00, 13:30-17:30`, got `{}`",
                part.trim()
            );
            section.reader.error(found.offset, &found.key, message);
        }
    }
    spans.sort_unstable();
    if let Some(pair) = spans
        .windows(2)
        .find(|pair| pair[0].until_min > pair[1].from_min)
    {
        let clock = |min: u16| format!("{:02}:{:02}", min / 60, min % 60);
        let message = format!(
            "has spans that overlap at {}; join them into one",
            clock(pair[1].from_min)
        );
        section.reader.error(found.offset, &found.key, message);
    }
    spans
}

fn date<T>(section: &Section<'_>, found: &Found<T>, text: &str) -> Option<Date> {
    let date = text.parse().ok();
    if date.is_none() {
        let message = format!("must be a date such as `2026-10-01`, got `{text}`");
        section.reader.error(found.offset, &found.key, message);
    }
    date
}
