//! Every mistake in a policy is named with its line, and what is read of one means what it says.

use jiff::civil::date;

use super::*;
use crate::Severity;

const BRANCH: &str = include_str!("../../policies/branch.toml");

fn faults(text: &str) -> Vec<String> {
    Policy::parse("p.toml", text)
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_shipped_policy_has_no_fault() {
    let parsed = Policy::parse("branch.toml", BRANCH);
    assert_eq!(parsed.problems, []);
    let policy = parsed.policy.expect("it is usable");
    let agents: Vec<&str> = policy
        .agents
        .iter()
        .map(|agent| agent.id.as_str())
        .collect();
    assert_eq!(agents, ["li_na", "zhang_wei"]);
    assert_eq!(
        policy.skills,
        ["banking", "complaints", "delivery", "general"]
    );
    assert_eq!(policy.agents[0].skills, [4, 0, 4, 4]);
    assert_eq!(policy.sha256.len(), 64);
    let intents: usize = policy
        .rules
        .iter()
        .map(|rule| rule.when.intents.len())
        .sum();
    assert_eq!(intents, 12);
}

#[test]
fn every_fault_is_reported_with_its_line() {
    let text = r#"
name = 7

[[agent]]
id = "li_na"
skills = { banking = 9 }
languages = ["zh", "fr"]

[[agent]]
id = "li_na"
contact = "li_na@example.org"

[[agent]]
skill = { banking = 2 }

[[rule]]
name = "loan"
when = { intent = "loan", min_emotion_score = 0.5 }
then = { skills_required = { lending = 3 }, priority = 11 }

[hours]
time_zone = "Asia/Peking"
weekly = { mon = "9-17", tue = "09:00-12:00, 11:00-13:00" }
holidays = ["tomorrow"]

[queue]
max_wait_s = "long"
"#;
    let faults = faults(text);
    let expected = [
        "p.toml:2: `name` must be a text",
        "p.toml:6: `agent.li_na.skills.banking` must be a whole number from 1 to 5, got `9`",
        "p.toml:7: `agent.li_na.languages` must be of `zh`, `yue`, `en`, got `fr`",
        "p.toml:10: `agent.li_na.id` repeats `li_na`; every agent needs a name of its own",
        "p.toml:11: `agent.li_na.contact` must be a SIP URI",
        "p.toml:13: `agent[3].id` is missing",
        "p.toml:14: `agent[3].skill` is unknown and changes nothing; known here: `contact`, `id`",
        "p.toml:18: `rule.loan.when.min_emotion_score` has no effect without `emotion`",
        "p.toml:19: `rule.loan.then.priority` must be a whole number from 0 to 10, got `11`",
        "p.toml:19: `rule.loan.then.skills_required.lending` names a skill that no agent has",
        "p.toml:22: `hours.time_zone` must be an IANA time zone",
        "p.toml:23: `hours.weekly.mon` must be `closed` or spans",
        "p.toml:23: `hours.weekly.tue` has spans that overlap at 11:00",
        "p.toml:24: `hours.holidays` must be a date",
        "p.toml:27: `queue.max_wait_s` must be a whole number of seconds from 1 to 86400, got `long`",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(
            fault.starts_with(expected),
            "{fault}\ninstead of\n{expected}"
        );
    }
    assert!(Policy::parse("p.toml", text).policy.is_none());
}

#[test]
fn faults_of_syntax_have_a_line_and_the_rest_is_still_read() {
    let faults = faults("[[agent]]\nid = \"a\"\nsenior = maybe\npriority = 12\n");
    assert!(
        faults
            .iter()
            .any(|fault| fault.starts_with("p.toml:3: is not valid TOML")),
        "{faults:#?}"
    );
    assert!(
        faults
            .iter()
            .any(|fault| fault.contains("`agent.a.priority`")),
        "{faults:#?}"
    );
}

/// A line that is no TOML is told of once, and not that what could be read of it is unknown.
#[test]
fn a_broken_line_is_one_fault() {
    let faults = faults("[[agent]]\nid = \"a\"\nx = \n");
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(
        faults[0].starts_with("p.toml:3: is not valid TOML"),
        "{faults:#?}"
    );
}

#[test]
fn a_rule_without_a_name_has_its_other_faults_told_too() {
    let text = "[[rule]]\nwhen = { intent = [], min_score = 1.5, hours = \"maybe\" }\n\
                then = { priority = 11, group = \"nix\" }\n[[agent]]\nid = \"a\"\n";
    let expected = [
        "p.toml:1: `rule[1].name` is missing",
        "p.toml:2: `rule[1].when.hours` must be `open` or `closed`, got `maybe`",
        "p.toml:2: `rule[1].when.intent` is an empty list",
        "p.toml:2: `rule[1].when.min_score` must be a number from 0 to 1, got `1.5`",
        "p.toml:3: `rule[1].then.group` must be one of the groups",
        "p.toml:3: `rule[1].then.priority` must be a whole number from 0 to 10, got `11`",
    ];
    let faults = faults(text);
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{fault}");
    }
}

#[test]
fn a_branch_that_never_opens_has_no_use_for_a_rule_about_that() {
    let text = "[[agent]]\nid = \"a\"\n[[rule]]\nname = \"day\"\nwhen = { hours = \"open\" }\n\
                then = { priority = 1 }\n[hours]\ntime_zone = \"Asia/Shanghai\"\n";
    let shut = format!("{text}weekly = {{ mon = \"closed\" }}\n");
    let found = faults(&shut);
    assert_eq!(found.len(), 1, "{found:#?}");
    let expected = "p.toml:5: `rule.day.when.hours` can never apply: the branch never opens";
    assert!(found[0].starts_with(expected), "{found:#?}");
    let once = format!("{shut}special = {{ 2026-12-31 = \"09:00-12:00\" }}\n");
    for opens in [text, &once] {
        assert_eq!(faults(opens), Vec::<String>::new());
    }
}

#[test]
fn unknown_keys_are_warnings() {
    let parsed = Policy::parse("p.toml", "colour = \"red\"\n[[agent]]\nid = \"a\"\n");
    assert!(parsed.policy.is_some());
    assert_eq!(parsed.problems.len(), 1);
    assert_eq!(parsed.problems[0].severity, Severity::Warning);
    assert_eq!(
        (parsed.problems[0].line, parsed.problems[0].key.as_str()),
        (1, "colour")
    );
}

#[test]
fn needs_that_nobody_meets_and_steps_that_never_come_are_warned_of() {
    let text = r#"
[[agent]]
id = "a"
skills = { banking = 2 }
[[rule]]
name = "hard"
then = { skills_required = { banking = 4 }, senior = true, relax = { senior_after_s = 900 } }
[[rule]]
name = "night"
when = { hours = "closed" }
then = { priority = 1 }
"#;
    let parsed = Policy::parse("p.toml", text);
    assert!(parsed.policy.is_some());
    let faults: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "p.toml:7: `rule.hard.then` asks for `banking` at level 4 and seniority of one agent, whom nobody is",
        "p.toml:7: `rule.hard.then.relax.senior_after_s` of 900 s can never come",
        "p.toml:10: `rule.night.when.hours` can never apply",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{fault}");
    }
}

#[test]
fn a_group_or_a_language_that_nobody_serves_is_warned_of() {
    let text = r#"
[[agent]]
id = "a"
languages = ["zh"]
skills = { general = 3 }
[[agent]]
id = "b"
languages = ["en"]
skills = { banking = 3 }
[[group]]
name = "g"
agents = ["a"]
[[rule]]
name = "elsewhere"
then = { group = "g", skills_required = { banking = 3 } }
[[rule]]
name = "unspoken"
when = { language = ["zh", "yue"] }
then = { priority = 1 }
[[rule]]
name = "late"
then = { answer_within_s = 2000 }
[queue]
reserve_share = 0.5
"#;
    let expected = [
        "p.toml:15: `rule.elsewhere.then` asks for `banking` at level 3 and a place in the group `g`",
        "p.toml:19: `rule.unspoken.then` asks for the language `yue` of one agent, whom nobody is",
        "p.toml:22: `rule.late.then.answer_within_s` of 2000 s can never come",
    ];
    let faults = faults(text);
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{fault}");
    }
}

#[test]
fn overflows_that_no_call_waits_for_are_warned_of() {
    let text = r#"
[[agent]]
id = "a"
[[group]]
name = "front"
agents = ["a"]
overflow_to = "back"
overflow_after_s = 200
[[group]]
name = "back"
agents = ["a"]
overflow_to = "callback"
overflow_after_s = 150
[[rule]]
name = "front"
then = { group = "front" }
"#;
    let late = faults(text);
    assert_eq!(late.len(), 1, "{late:#?}");
    let expected = "p.toml:13: `group.back.overflow_after_s` can never come: a call has waited 350 s by \
                    then, and waits at most `queue.max_wait_s` = 300 s";
    assert!(late[0].starts_with(expected), "{late:#?}");
    let soon = text.replace("200", "100");
    let reached =
        "[[rule]]\nname = \"back\"\nwhen = { intent = \"ask\" }\nthen = { group = \"back\" }\n";
    let patient = "[queue]\nmax_wait_s = 351\n";
    for in_time in [soon, format!("{reached}{text}"), format!("{text}{patient}")] {
        assert_eq!(faults(&in_time), Vec::<String>::new(), "{in_time}");
    }
    let never = text.replace("200", "300");
    assert_eq!(faults(&never).len(), 2);
}

#[test]
fn a_branch_that_closes_on_any_day_has_use_for_a_rule_about_that() {
    let text = "[[agent]]\nid = \"a\"\n[[rule]]\nname = \"night\"\nwhen = { hours = \"closed\" }\n\
                then = { priority = 1, even_when_closed = true }\n\
                [hours]\ntime_zone = \"Asia/Shanghai\"\n";
    let whole = "00:00-12:00, 12:00-24:00";
    let week: Vec<String> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .iter()
        .map(|day| format!("{day} = \"{whole}\""))
        .collect();
    let week = format!("weekly = {{ {} }}\n", week.join(", "));
    let lunch = week.replacen(whole, "00:00-12:00, 13:00-24:00", 1);
    let holiday = "holidays = [\"2026-12-25\"]\n".to_owned();
    let special = |hours: &str| format!("special = {{ 2026-12-25 = \"{hours}\" }}\n");
    let opened = format!("{holiday}{}", special("00:00-24:00"));
    for (hours, closes) in [
        (String::new(), false),
        (week, false),
        (lunch, true),
        (holiday, true),
        (opened, false),
        (special("closed"), true),
        (special("09:00-24:00"), true),
        (special("00:00-24:00"), false),
    ] {
        let found = faults(&format!("{text}{hours}"));
        let never = found.iter().any(|fault| fault.contains("can never apply"));
        assert_eq!(never, !closes, "{hours}: {found:#?}");
    }
}

#[test]
fn a_condition_of_nothing_is_refused() {
    let text = "[[agent]]\nid = \"a\"\n[[rule]]\nname = \"r\"\nwhen = { intent = [] }\nthen = {}\n";
    let faults = faults(text);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(
        faults[0].contains("intent` is an empty list"),
        "{faults:#?}"
    );
}

#[test]
fn rules_that_nobody_meets_together_and_rules_without_effect_are_warned_of() {
    let text = r#"
[[agent]]
id = "teller"
skills = { cards = 3 }
[[agent]]
id = "chief"
senior = true
[[rule]]
name = "cards"
when = { intent = ["lost_card", "new_card"] }
then = { skills_required = { cards = 2 } }
[[rule]]
name = "angry"
when = { emotion = "angry" }
then = { senior = true }
[[rule]]
name = "night"
when = { hours = "closed" }
then = { priority = 1 }
[[rule]]
name = "hours_at_night"
when = { hours = "closed", intent = "opening_hours" }
then = { self_service = "opening_hours" }
[hours]
time_zone = "Asia/Shanghai"
weekly = { mon = "09:00-17:00" }
"#;
    let expected = [
        "p.toml:10: `rule.cards.when.intent` lets the rules `cards` and `angry` meet in angry callers \
         about `lost_card`",
        "p.toml:18: `rule.night.when.hours` can change nothing: a closed branch calls back",
    ];
    let faults = faults(text);
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{fault}");
    }
}

/// One rule gives the call to a group, and another asks for what nobody of that group is.
#[test]
fn rules_that_nobody_of_a_group_meets_together_are_warned_of() {
    let text = r#"
[[agent]]
id = "ann"
[[agent]]
id = "bob"
[[agent]]
id = "zhang_wei"
senior = true
[[group]]
name = "front"
agents = ["ann", "bob"]
[[rule]]
name = "loan"
when = { intent = "loan" }
then = { group = "front" }
[[rule]]
name = "angry"
when = { emotion = "angry" }
then = { senior = true }
"#;
    let found = faults(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    let expected = "p.toml:14: `rule.loan.when.intent` lets the rules `loan` and `angry` meet in angry callers";
    assert!(found[0].starts_with(expected), "{found:#?}");
    let overflows = "agents = [\"ann\", \"bob\"]\noverflow_to = \"back\"\noverflow_after_s = 60\n\
                     [[group]]\nname = \"back\"\nagents = [\"zhang_wei\"]";
    let reached = text.replace("agents = [\"ann\", \"bob\"]", overflows);
    assert_eq!(faults(&reached), Vec::<String>::new());
}

/// A tenth of nine agents is nobody, and the promise would be kept by chance alone.
#[test]
fn a_promise_for_which_nobody_can_be_kept_free_is_warned_of() {
    let team = |agents: usize, queue: &str| {
        let mut text =
            format!("{queue}[[rule]]\nname = \"gold\"\nthen = {{ answer_within_s = 20 }}\n");
        for agent in 0..agents {
            text.extend(["[[agent]]\nid = \"a", &agent.to_string(), "\"\n"]);
        }
        faults(&text)
    };
    let found = team(9, "");
    assert_eq!(found.len(), 1, "{found:#?}");
    let expected = "p.toml:3: `rule.gold.then.answer_within_s` keeps nobody free: 9 agents could take \
                    such calls, and `queue.reserve_share` = 0.1 of them is less than one; raise it to \
                    0.112 or more";
    assert!(found[0].starts_with(expected), "{found:#?}");
    assert!(team(1, "")[0].contains("let more agents take them"));
    assert_eq!(team(10, ""), Vec::<String>::new());
    let raised = "[queue]\nreserve_share = 0.112\n";
    assert_eq!(team(9, raised), Vec::<String>::new());
}

#[test]
fn an_empty_policy_says_that_agents_are_missing() {
    let faults = faults("");
    assert_eq!(
        faults,
        ["p.toml:1: `agent` is missing; add one `[[agent]]` table for each agent"]
    );
}

#[test]
fn what_needs_a_look_up_is_told_where_there_is_none() {
    // What a comment or another rule's name says is no condition.
    let text = "[[agent]]\nid = \"ann\" # \"golden\"\n[[rule]]\nname = \"gold\"\nwhen = { tier = \"golden\" }\n\
                then = { priority = 2 }\n[[rule]]\nname = \"kept\"\nwhen = { facts = \"wealthy\" }\n\
                then = { priority = 1 }\n[[rule]]\nname = \"again\"\nwhen = { facts = [\"wealthy\", \"again\"] }\n\
                then = { priority = 1 }\n";
    let parsed = Policy::parse("p.toml", text);
    assert_eq!(parsed.problems, []);
    let policy = parsed.policy.expect("it is usable");
    let told: Vec<String> = policy
        .check_without_lookup("p.toml", |fact| fact == "again")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with("p.toml:5: `rule.gold.when.tier` can never be met"));
    assert!(told[1].starts_with("p.toml:9: `rule.kept.when.facts` can never be met"));
    let shipped = Policy::parse("branch.toml", BRANCH).policy;
    let shipped = shipped.expect("it is usable");
    assert_eq!(shipped.check_without_lookup("branch.toml", |_| false), []);
}

#[test]
fn intents_outside_the_taxonomy_are_found() {
    let policy = Policy::parse("branch.toml", BRANCH)
        .policy
        .expect("it is usable");
    let known = policy
        .rules
        .iter()
        .flat_map(|rule| &rule.when.intents)
        .map(String::as_str);
    let some: Vec<&str> = known.filter(|intent| *intent != "refund").collect();
    let problems = policy.check_intents("branch.toml", some);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("`refund`"));
    let line = BRANCH
        .lines()
        .position(|line| line.contains("\"refund\""))
        .expect("it is there");
    assert_eq!(problems[0].line, line + 1);
}

#[test]
fn what_a_rule_names_is_told_where_the_rule_names_it() {
    let text = "# \"refund\" is taken by ann\n[[agent]]\nid = \"ann\"\n\
                [[rule]]\nname = \"refund\"\nwhen = { intent = 'refund' }\nthen = { priority = 1 }\n\
                [[rule]]\nname = \"more\"\nwhen = { intent = [\"bill\",\n\"refund\"] }\nthen = { priority = 2 }\n";
    let policy = Policy::parse("p.toml", text).policy.expect("it is usable");
    let told = policy.check_intents("p.toml", ["bill"]);
    let places: Vec<(usize, &str)> = told
        .iter()
        .map(|problem| (problem.line, problem.key.as_str()))
        .collect();
    let expected = [
        (6, "rule.refund.when.intent"),
        (11, "rule.more.when.intent"),
    ];
    assert_eq!(places, expected);
}

#[test]
fn what_is_wrong_with_novices_is_told_where_they_or_their_limit_stand() {
    let told = |text: &str| {
        let problems = Policy::parse("p.toml", text).problems;
        let found: Vec<(usize, String)> = problems
            .into_iter()
            .map(|problem| (problem.line, problem.key))
            .collect();
        found
    };
    let limit = |line| vec![(line, "queue.novice_limit_s".to_owned())];
    let ann = "# no novice yet\n[[agent]]\nid = \"ann\"\n";
    let queue = "[queue]\nmax_wait_s = 60\nnovice_limit_s = 30\n";
    assert_eq!(told(&format!("{ann}{queue}")), limit(6));
    let novice = format!("{ann}novice = true\n");
    assert_eq!(told(&format!("{novice}{queue}")), limit(7));
    let two = format!("[[agent]]\nid = \"novice\"\n{novice}");
    assert_eq!(told(&two), limit(6));
}

#[test]
fn hours_know_weekdays_holidays_and_special_days() {
    let policy = Policy::parse("branch.toml", BRANCH)
        .policy
        .expect("it is usable");
    let hours = &policy.hours;
    let open = [
        date(2026, 11, 20).at(9, 0, 0, 0),
        date(2026, 11, 20).at(17, 29, 59, 0),
        date(2026, 11, 21).at(13, 0, 0, 0),
        date(2026, 12, 31).at(11, 0, 0, 0),
    ];
    let closed = [
        date(2026, 11, 20).at(8, 59, 59, 0),
        date(2026, 11, 20).at(17, 30, 0, 0),
        date(2026, 11, 21).at(12, 30, 0, 0),
        date(2026, 11, 22).at(11, 0, 0, 0),
        date(2026, 10, 1).at(11, 0, 0, 0),
        date(2026, 12, 31).at(12, 0, 0, 0),
    ];
    for local in open {
        assert!(hours.is_open(local), "{local}");
    }
    for local in closed {
        assert!(!hours.is_open(local), "{local}");
    }
    let utc = "2026-11-20T01:00:00Z".parse().expect("a timestamp");
    assert_eq!(hours.local(utc), date(2026, 11, 20).at(9, 0, 0, 0));
}

const TWO_AGENTS: &str = "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n";

fn errors_of(groups: &str) -> Vec<String> {
    Policy::parse("p.toml", &format!("{TWO_AGENTS}{groups}"))
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_circle_of_overflows_is_reported_with_its_way() {
    let said = errors_of(
        "[[group]]\nname = \"a\"\nagents = [\"ann\"]\noverflow_to = \"b\"\noverflow_after_s = 10\n\
         [[group]]\nname = \"b\"\nagents = [\"bob\"]\noverflow_to = \"a\"\noverflow_after_s = 10\n",
    );
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].starts_with("p.toml:8: `group.a.overflow_to`"),
        "{}",
        said[0]
    );
    assert!(said[0].contains("a -> b -> a"));
}

#[test]
fn a_skill_of_no_level_is_one_fault_and_where_there_are_none_that_is_said() {
    let agent = "[[agent]]\nid = 'a'\ncontact = 'sip:a@192.0.2.1'\n";
    let rule =
        "[[rule]]\nname = 'r'\nwhen = { tier = 'gold' }\nthen = { skills_required = { g = 1 } }\n";
    let told = faults(&format!("{agent}skills = {{ g = 'x' }}\n{rule}"));
    let mut of_the_skill = told.iter().filter(|told| told.contains("p.toml:4: "));
    assert!(
        of_the_skill
            .next()
            .is_some_and(|told| told.contains("from 1 to 5")),
        "{told:?}"
    );
    assert_eq!(of_the_skill.next(), None, "{told:?}");
    let told = faults(&format!("{agent}{rule}"));
    let says_none = |told: &String| told.contains("known skills: none.");
    assert!(told.iter().any(says_none), "{told:?}");
}

#[test]
fn faults_of_groups_name_what_is_known() {
    let said = errors_of(
        "[[group]]\nname = \"a\"\nagents = [\"carl\"]\noverflow_to = \"z\"\n\
         [[rule]]\nname = \"r\"\nwhen = { intent = \"x\" }\nthen = { group = \"y\" }\n",
    )
    .join("\n");
    for expected in [
        "`carl`, who is no agent",
        "`overflow_after_s` is missing",
        "must be one of the groups (a)",
    ] {
        let key_less = expected.replace("`overflow_after_s`", "overflow_after_s`");
        assert!(said.contains(&key_less), "{key_less}: {said}");
    }
}

#[test]
fn a_fault_says_what_is_wrong_and_nothing_that_follows_from_it() {
    let told = |text: &str| faults(&format!("[[agent]]\nid = \"a\"\n{text}"));
    let angri = "[[rule]]\nname = \"r\"\nwhen = { emotion = \"angri\", min_emotion_score = 0.5 }\n\
                 then = { priority = 2 }\n";
    let of_rule = told(angri);
    assert_eq!(of_rule.len(), 1, "{of_rule:#?}");
    assert!(of_rule[0].contains("got `angri`"));
    let broken = faults("[[agent]\nid = \"a\"\n");
    assert!(
        !broken.iter().any(|fault| fault.contains("is missing")),
        "{broken:#?}"
    );
    let quoted = told("[queue]\nmax_wait_s = \"30\"\nlast_resort = \"east\"\n");
    assert!(
        quoted[0].ends_with("got `30`; remove the quotation marks"),
        "{quoted:#?}"
    );
    assert!(
        quoted[1].contains("got `east`, and there is no `[[destination]]`"),
        "{quoted:#?}"
    );
}

#[test]
fn codes_that_cannot_be_keyed_in_or_stand_for_somebody_or_two_things_are_refused() {
    let text = "[[agent]]\nid = \"100\"\ncontact = \"registered:2001\"\n\
                [[agent]]\nid = \"bob\"\ncontact = \"sip:600@pbx.example\"\n\
                [[destination]]\nname = \"700\"\nkind = \"branch\"\ncontact = \"sip:800@192.0.2.1\"\n\
                [[break]]\nreason = \"a\"\ncode = \"CODE\"\n\
                [[break]]\nreason = \"b\"\ncode = \"*22\"\nmax_s = 59\n\
                [[break]]\nreason = \"b\"\n\
                [codes]\nback = \"*12\"\nwrap_up_over = \"*12\"\n";
    let faults = |code: &str| -> Vec<String> {
        let parsed = Policy::parse("p.toml", &text.replace("CODE", code));
        parsed.problems.iter().map(ToString::to_string).collect()
    };
    for (code, fault) in [
        ("100", "is the name or number of the agent `100`"),
        ("2001", "is the name or number of the agent `100`"),
        ("600", "is the name or number of the agent `bob`"),
        ("700", "is the name or number of the destination `700`"),
        ("800", "is the name or number of the destination `700`"),
        ("*12", "is what `codes.back` has, too"),
        ("7", "must be 2 to 12 digits and `*`"),
        ("*1#", "must be 2 to 12 digits and `*`"),
    ] {
        let found = faults(code);
        let told = found.iter().find(|told| told.contains(fault));
        let told = told.unwrap_or_else(|| panic!("{code}: {found:#?}"));
        assert!(told.starts_with("p.toml:13: `break.a.code`"), "{told}");
    }
    let found = faults("*11").join("\n");
    for fault in [
        "p.toml:17: `break.b.max_s` must be a whole number of seconds from 60",
        "p.toml:19: `break.b.reason` repeats `b`",
        "p.toml:18: `break.b.code` is missing",
        "p.toml:22: `codes.wrap_up_over` `*12` is what `codes.back` has, too",
    ] {
        assert!(found.contains(fault), "{found}");
    }
}

#[test]
fn codes_that_nobody_can_call_and_breaks_without_a_way_back_are_told() {
    let ann = "[[agent]]\nid = \"ann\"\ncontact = \"registered:ann\"\n";
    let told = |text: &str| -> String {
        let parsed = Policy::parse("p.toml", text);
        assert!(parsed.policy.is_some(), "{:?}", parsed.problems);
        let problems: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
        problems.join("\n")
    };
    let lunch = "[[break]]\nreason = \"lunch\"\ncode = \"*11\"\n";
    let back = "[codes]\nback = \"*12\"\n";
    assert_eq!(told(&format!("{ann}{lunch}{back}")), "");
    let without = told(&format!("{ann}{lunch}"));
    assert!(
        without.contains("`codes.back` is missing: agents come back only"),
        "{without}"
    );
    let nothing = told(&format!("{ann}{back}"));
    assert!(nothing.contains("`codes.back` has no effect"), "{nothing}");
    let at_pbx = ann.replace("registered:ann", "sip:ann@192.0.2.1");
    let nobody = told(&format!("{at_pbx}{lunch}{back}"));
    assert!(nobody.contains("can be called by nobody"), "{nobody}");
}
