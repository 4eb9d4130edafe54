//! What stands in a policy and comes to nothing: keys that another rule always comes before, bounds that
//! contradict each other, groups and places that nothing leads to, and what is there twice.

use std::collections::{BTreeMap, BTreeSet};

use super::group::Overflow;
use super::{Condition, Policy, Route, Rule};
use crate::reader::Section;

/// A key, and whether a rule has it.
type Has = (&'static str, fn(&Route) -> bool);

/// Keys of which the first rule counts that has them.
const FIRST_COUNTS: [Has; 4] = [
    ("group", |then| then.group.is_some()),
    ("self_service", |then| then.self_service.is_some()),
    ("handle_time_s", |then| then.handle_time.is_some()),
    ("patience_s", |then| then.patience.is_some()),
];

/// The same of a rule's `relax`.
const FIRST_RELAXES: [Has; 3] = [
    ("senior_after_s", |then| then.relax.senior_after.is_some()),
    ("skills_after_s", |then| then.relax.skills_after.is_some()),
    ("language_after_s", |then| {
        then.relax.language_after.is_some()
    }),
];

/// Keys that never count, because an earlier rule that always applies with this one has them, too.
pub(super) fn outranked(policy: &Policy, tables: &[Section<'_>]) {
    for (number, (rule, section)) in policy.rules.iter().zip(tables).enumerate() {
        let earlier: Vec<&Rule> = policy.rules[..number]
            .iter()
            .filter(|earlier| implies(&rule.when, &earlier.when))
            .collect();
        let then = section.table("then");
        let relax = then.table("relax");
        let keys = FIRST_COUNTS.iter().map(|(key, has)| (&then, *key, has));
        let steps = FIRST_RELAXES.iter().map(|(key, has)| (&relax, *key, has));
        for (table, key, has) in keys.chain(steps).filter(|(_, _, has)| has(&rule.then)) {
            let Some(first) = earlier.iter().find(|earlier| has(&earlier.then)) else {
                continue;
            };
            let message = format!(
                "never counts: the earlier rule `{}` applies whenever this one does and has `{key}`, of which \
                 the first counts; put this rule before it or remove the key",
                first.name
            );
            let offset = table.place(key).unwrap_or(table.offset);
            table.reader.warning(offset, &table.key(key), message);
        }
    }
}

/// Whether every caller whom one condition holds for is one whom the other holds for.
fn implies(when: &Condition, other: &Condition) -> bool {
    fn within<T: PartialEq>(some: &[T], all: &[T]) -> bool {
        all.is_empty() || !some.is_empty() && some.iter().all(|one| all.contains(one))
    }
    let score = |own: u16, other: u16, matters: bool| !matters || own >= other;
    within(&when.intents, &other.intents)
        && score(
            when.min_score_permille,
            other.min_score_permille,
            !other.intents.is_empty(),
        )
        && within(&when.emotions, &other.emotions)
        && score(
            when.min_emotion_permille,
            other.min_emotion_permille,
            !other.emotions.is_empty(),
        )
        && when.mood_fell_permille >= other.mood_fell_permille
        && within(&when.languages, &other.languages)
        && within(&when.tiers, &other.tiers)
        && within(&when.facts, &other.facts)
        && (other.open.is_none() || when.open == other.open)
}

/// Settings that others make void.
pub(super) fn bounds(policy: &Policy, rules: &[Section<'_>], root: &Section<'_>) {
    let queue = root.table("queue");
    let longest = policy.queue.max_wait;
    let waits = longest.as_secs();
    for (key, own, then) in [
        (
            "announce_s",
            policy.queue.announce,
            "callers hear their position only once",
        ),
        (
            "reserve_hold_s",
            policy.queue.reserve_hold,
            "calls that are kept from an agent are sent away although that agent is free",
        ),
    ] {
        // Only what is said can contradict: who shortens waits need not say how often they are told of.
        if let Some(offset) = queue.place(key).filter(|_| own >= longest) {
            let message = format!(
                "of {} s is as long as any call waits (`queue.max_wait_s` = {waits} s): {then}; lower it",
                own.as_secs()
            );
            queue.reader.warning(offset, &queue.key(key), message);
        }
    }
    let mut ranked = policy.rules.iter().filter(|rule| rule.then.priority > 0);
    if policy.queue.priority_step.is_zero()
        && let Some(first) = ranked.next()
    {
        let message = format!(
            "of 0 s makes priorities worth nothing, such as that of the rule `{}`; raise it, or remove the \
             priorities",
            first.name
        );
        let offset = queue.place("priority_step_s").unwrap_or(queue.offset);
        let key = queue.key("priority_step_s");
        queue.reader.warning(offset, &key, message);
    }
    let routes = || {
        policy
            .rules
            .iter()
            .map(|rule| &rule.then)
            .chain([&policy.default])
    };
    let senior = routes().any(|route| route.senior);
    let skills = routes().any(|route| !route.skills_required.is_empty());
    let tables = rules.iter().map(|section| section.table("then"));
    for then in tables.chain([root.table("default")]) {
        let relax = then.table("relax");
        for (key, is_asked, what) in [
            ("senior_after_s", senior, "a senior agent"),
            ("skills_after_s", skills, "a skill"),
        ] {
            if let Some(offset) = relax.place(key).filter(|_| !is_asked) {
                let message =
                    format!("gives up what nothing asks for: no rule needs {what}; remove it");
                relax.reader.warning(offset, &relax.key(key), message);
            }
        }
    }
}

/// Groups and destinations that no call comes to.
pub(super) fn unreached(policy: &Policy, groups: &[Section<'_>], places: &[Section<'_>]) {
    let routes = policy.rules.iter().map(|rule| &rule.then);
    let mut open: Vec<usize> = routes
        .chain([&policy.default])
        .filter_map(|route| route.group)
        .collect();
    let mut ways: Vec<usize> = policy.queue.last_resort.into_iter().collect();
    let (mut met, mut rung) = (BTreeSet::new(), BTreeSet::new());
    while let Some(group) = open.pop() {
        if met.insert(group) {
            match policy.groups[group].overflow {
                Some((Overflow::Group(to), _)) => open.push(to),
                Some((Overflow::Elsewhere(to), _)) => ways.push(to),
                Some((Overflow::Callback, _)) | None => {}
            }
        }
    }
    while let Some(place) = ways.pop() {
        if rung.insert(place) {
            ways.extend(policy.destinations[place].otherwise);
        }
    }
    let to_groups = "gets no call: no rule names it and no group that a rule names overflows to it; name it or \
                     remove it";
    let to_places = "gets no call: no group that a rule names overflows to it, and `queue.last_resort` is \
                     another; name it or remove it";
    for (tables, met, message) in [(groups, met, to_groups), (places, rung, to_places)] {
        for (number, section) in tables.iter().enumerate() {
            if !met.contains(&number)
                && let Some(name) = section.text("name")
            {
                section.reader.warning(name.offset, &name.key, message);
            }
        }
    }
}

/// Phones that two agents share, and agents who stand in a group twice.
pub(super) fn twice(agents: &[Section<'_>], groups: &[Section<'_>]) {
    let mut phones: BTreeMap<String, String> = BTreeMap::new();
    for section in agents {
        let (Some(contact), Some(id)) = (section.text("contact"), section.text("id")) else {
            continue;
        };
        if let Some(other) = phones.get(&contact.value) {
            let message = format!(
                "`{}` is the phone of the agent `{other}`, too: it would ring for one while the other talks; \
                 give each a phone of their own",
                contact.value
            );
            section
                .reader
                .warning(contact.offset, &contact.key, message);
        } else {
            phones.insert(contact.value, id.value);
        }
    }
    for section in groups {
        let mut members = BTreeSet::new();
        for found in section.texts("agents") {
            if !members.insert(found.value.clone()) {
                let message = format!("names `{}` twice; once is enough", found.value);
                section.reader.warning(found.offset, &found.key, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;

    const DESK: &str = "[[agent]]\nid = \"ann\"\nskills = { loans = 3 }\n[[agent]]\nid = \"bob\"\n";

    /// What is told of a policy that can be used.
    fn told(text: &str) -> Vec<String> {
        let parsed = Policy::parse("p.toml", &format!("{DESK}{text}"));
        let errors = parsed.problems.iter();
        assert!(
            errors.clone().all(|it| it.severity == Severity::Warning),
            "{:#?}",
            parsed.problems
        );
        errors.map(ToString::to_string).collect()
    }

    fn assert_told(text: &str, expected: &[&str]) {
        let found = told(text);
        assert_eq!(found.len(), expected.len(), "{text}: {found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                found.starts_with(expected),
                "{found}\ninstead of\n{expected}"
            );
        }
    }

    #[test]
    fn a_key_that_an_earlier_rule_always_comes_before_is_told() {
        let rules = "[[group]]\nname = \"g1\"\nagents = \"ann\"\n[[group]]\nname = \"g2\"\nagents = \"bob\"\n\
                     [[rule]]\nname = \"r1\"\nWHEN\nthen = { group = \"g1\", handle_time_s = 50 }\n\
                     [[rule]]\nname = \"r2\"\nwhen = { intent = \"refund\", min_score = 0.5 }\n\
                     then = { group = \"g2\", handle_time_s = 60, skills_preferred = { loans = 3 } }\n";
        let never = [
            "p.toml:19: `rule.r2.then.group` never counts: the earlier rule `r1` applies whenever this one does \
             and has `group`",
            "p.toml:19: `rule.r2.then.handle_time_s` never counts",
        ];
        for when in [
            "",
            "when = { intent = [\"loan\", \"refund\"] }",
            "when = { intent = \"refund\", min_score = 0.4 }",
        ] {
            assert_told(&rules.replace("WHEN", when), &never);
        }
        for when in [
            "when = { intent = \"loan\" }",
            "when = { intent = \"refund\", min_score = 0.6 }",
            "when = { tier = \"gold\" }",
            "when = { intent = \"refund\", emotion = \"angry\" }",
            "when = { mood_fell = 0.1 }",
        ] {
            assert_told(&rules.replace("WHEN", when), &[]);
        }
    }

    #[test]
    fn bounds_that_contradict_each_other_are_told_where_they_stand() {
        assert_told(
            "[queue]\nmax_wait_s = 60\nannounce_s = 100\nreserve_hold_s = 60\npriority_step_s = 0\n\
             [[rule]]\nname = \"vip\"\nthen = { priority = 4, relax = { senior_after_s = 5 } }\n\
             [default]\nrelax = { skills_after_s = 5 }\n",
            &[
                "p.toml:8: `queue.announce_s` of 100 s is as long as any call waits",
                "p.toml:9: `queue.reserve_hold_s` of 60 s is as long as any call waits",
                "p.toml:10: `queue.priority_step_s` of 0 s makes priorities worth nothing, such as that of the \
                 rule `vip`",
                "p.toml:13: `rule.vip.then.relax.senior_after_s` gives up what nothing asks for",
                "p.toml:15: `default.relax.skills_after_s` gives up what nothing asks for",
            ],
        );
        // Whoever only shortens the wait contradicts nothing.
        assert_told("[queue]\nmax_wait_s = 20\npriority_step_s = 0\n", &[]);
        assert_told(
            "[[rule]]\nname = \"angry\"\nwhen = { emotion = \"angry\" }\n\
             then = { skills_required = { loans = 1 } }\n[default]\nrelax = { skills_after_s = 5 }\n",
            &[],
        );
    }

    #[test]
    fn groups_and_places_that_no_call_comes_to_are_told() {
        let groups = "[[group]]\nname = \"front\"\nagents = \"ann\"\noverflow_to = \"back\"\noverflow_after_s = 0\n\
                      [[group]]\nname = \"back\"\nagents = \"bob\"\noverflow_to = \"east\"\noverflow_after_s = 9\n\
                      [[destination]]\nname = \"east\"\nkind = \"branch\"\ncontact = \"sip:e@192.0.2.1\"\n\
                      otherwise = \"box\"\n\
                      [[destination]]\nname = \"box\"\nkind = \"voicemail\"\ncontact = \"sip:v@192.0.2.1\"\n";
        assert_told(
            groups,
            &[
                "p.toml:7: `group.front.name` gets no call",
                "p.toml:12: `group.back.name` gets no call",
                "p.toml:17: `destination.east.name` gets no call",
                "p.toml:22: `destination.box.name` gets no call",
            ],
        );
        assert_told(&format!("{groups}[default]\ngroup = \"front\"\n"), &[]);
        assert_told(
            &format!("{groups}[queue]\nlast_resort = \"box\"\n"),
            &[
                "p.toml:7: `group.front.name` gets no call",
                "p.toml:12: `group.back.name` gets no call",
                "p.toml:17: `destination.east.name` gets no call",
            ],
        );
    }

    #[test]
    fn what_stands_there_twice_is_told() {
        assert_told(
            "contact = \"registered:x\"\n[[agent]]\nid = \"cat\"\ncontact = \"registered:x\"\n\
             [[group]]\nname = \"g\"\nagents = [\"ann\", \"bob\", \"ann\"]\n[default]\ngroup = \"g\"\n",
            &[
                "p.toml:9: `agent.cat.contact` `registered:x` is the phone of the agent `bob`, too",
                "p.toml:12: `group.g.agents` names `ann` twice",
            ],
        );
    }

    #[test]
    fn lists_of_nothing_and_skills_without_a_name_are_refused() {
        let text = "[[agent]]\nid = \"ann\"\nlanguages = []\nskills = { \"\" = 3 }\n";
        let problems = Policy::parse("p.toml", text).problems;
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].starts_with("p.toml:3: `agent.ann.languages` is an empty list"));
        assert!(found[1].starts_with("p.toml:4: `agent.ann.skills` has a skill without a name"));
        assert!(problems.iter().all(|it| it.severity == Severity::Error));
    }
}
