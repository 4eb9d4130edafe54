//! The simulated desk agrees with Erlang's formulas, and mistakes of a scenario are named.

use super::dispatch::Order;
use super::*;
use crate::Policy;

fn scenario(text: &str) -> Scenario {
    let (scenario, problems) = Scenario::parse("test.toml", text);
    scenario.unwrap_or_else(|| panic!("{problems:#?}"))
}

fn one_class(
    per_hour: f64,
    service_s: f64,
    patience_s: f64,
    agents: usize,
    hours: u32,
) -> Scenario {
    scenario(&format!(
        "run = {{ hours = {hours}, warmup_hours = 5 }}\n\
         [[class]]\nname = \"all\"\narrivals_per_hour = {per_hour}\nservice_mean_s = {service_s}\n\
         patience_mean_s = {patience_s}\n\
         [[agent_group]]\nname = \"desk\"\nagents = {agents}\n"
    ))
}

/// Erlang-A (Palm 1957): the chance of hanging up and the mean wait of M/M/n+M, by the chain's
/// stationary distribution. Endless patience gives Erlang-C.
fn erlang_a(per_hour: f64, service_s: f64, patience_s: f64, agents: usize) -> (f64, f64) {
    let (arrival, service) = (per_hour / 3600.0, 1.0 / service_s);
    let hang_up = if patience_s > 0.0 {
        1.0 / patience_s
    } else {
        0.0
    };
    let mut weight = 1.0;
    let (mut total, mut waiting) = (1.0, 0.0);
    for calls in 1..20_000_usize {
        let busy = calls.min(agents) as f64;
        let queued = calls.saturating_sub(agents) as f64;
        weight *= arrival / (busy * service + queued * hang_up);
        total += weight;
        waiting += queued * weight;
        if weight < 1e-18 && calls > agents {
            break;
        }
    }
    let queue = waiting / total;
    (hang_up * queue / arrival, queue / arrival)
}

fn assert_near(found: f64, expected: f64, share: f64, what: &str) {
    let error = (found / expected - 1.0).abs();
    assert!(
        error <= share,
        "{what}: {found} instead of {expected}, off by {error:.4}"
    );
}

#[test]
fn one_class_agrees_with_erlang_a() {
    let (chance, wait_s) = erlang_a(110.0, 180.0, 120.0, 5);
    for policy in ["fcfs", "trunkside"] {
        let scenario = one_class(110.0, 180.0, 120.0, 5, 4000);
        let outcome = &simulate(&scenario, &[policy], 11).expect("it is known")[0];
        let abandonment = outcome.all.abandoned as f64 / outcome.all.calls as f64;
        assert_near(abandonment, chance, 0.02, policy);
        assert_near(outcome.all.wait_mean_s, wait_s, 0.02, policy);
    }
}

#[test]
fn endless_patience_agrees_with_erlang_c() {
    let (_, wait_s) = erlang_a(70.0, 180.0, 0.0, 5);
    let mut scenario = one_class(70.0, 180.0, 0.0, 5, 12_000);
    scenario.queue.push(("max_wait_s".to_owned(), 86_400.0));
    for policy in ["fcfs", "trunkside"] {
        let outcome = &simulate(&scenario, &[policy], 3).expect("it is known")[0];
        assert_eq!(outcome.all.abandoned, 0, "{policy}");
        assert_near(outcome.all.wait_mean_s, wait_s, 0.02, policy);
        let occupancy = 70.0 * 180.0 / 3600.0 / 5.0;
        assert_near(outcome.occupancy_mean, occupancy, 0.01, policy);
    }
}

#[test]
fn patience_beyond_all_clocks_is_endless() {
    let endless = simulate(
        &one_class(110.0, 180.0, 0.0, 5, 20),
        &["fcfs", "trunkside"],
        3,
    );
    let endless = endless.expect("they are known");
    for patience_s in [1e12, 1e15, 1e18] {
        let scenario = one_class(110.0, 180.0, patience_s, 5, 20);
        let outcomes = simulate(&scenario, &["fcfs", "trunkside"], 3).expect("they are known");
        for (outcome, endless) in outcomes.iter().zip(&endless) {
            assert_eq!(outcome.all, endless.all, "{patience_s}");
        }
    }
}

#[test]
fn a_trace_that_ends_within_the_warm_up_is_refused() {
    let mut scenario = one_class(110.0, 180.0, 60.0, 5, 20);
    let trace = "arrival_s,class\n12,all\n3600,all\n";
    let fault = scenario
        .read_trace(trace, TraceFormat::Columns)
        .expect_err("nothing would be counted");
    assert_eq!(
        fault.to_string(),
        "line 3 of the trace: it ends after 1.01 hours, within the warm-up; lower \
         `run.warmup_hours`, which is 5"
    );
    scenario.warmup_hours = 1.0;
    let late = scenario
        .read_trace(trace, TraceFormat::Columns)
        .expect("it is long enough");
    assert_eq!(late, 0);
}

#[test]
fn calls_of_a_trace_that_come_too_late_are_counted_and_a_trace_of_such_is_refused() {
    let mut scenario = one_class(110.0, 180.0, 60.0, 5, 6);
    let trace = "arrival_s,class\n12,all\n20000,all\n21600,all\n99999,all\n";
    let late = scenario.read_trace(trace, TraceFormat::Columns);
    assert_eq!(late.expect("one call is counted"), 2);
    let outcomes = simulate(&scenario, &["fcfs"], 1).expect("it is known");
    assert_eq!(outcomes[0].all.calls, 1);
    for trace in ["99999999", "7\n99999,all"] {
        let mut scenario = one_class(110.0, 180.0, 60.0, 5, 6);
        let trace = format!("arrival_s,class\n{trace},all\n").replace("7\n", "7,all\n");
        let fault = scenario.read_trace(&trace, TraceFormat::Columns);
        let fault = fault.expect_err("nothing would be counted").to_string();
        assert!(fault.contains("none of its calls comes between"), "{fault}");
    }
}

const MIXED: &str = r#"
run = { hours = 60, warmup_hours = 2 }
[[class]]
name = "cards"
arrivals_per_hour = 60
service_mean_s = 120
service_cv = 1.3
patience_mean_s = 90
value = 3
needs = ["cards"]
[[class]]
name = "loans"
arrivals_per_hour = [0, 0, 0, 0, 0, 0, 0, 10, 30, 40, 40, 40, 30, 30, 40, 40, 30, 20, 10, 0, 0, 0, 0, 0]
service_mean_s = 400
service_cv = 0.6
patience_mean_s = 200
needs = ["loans"]
[[agent_group]]
name = "experts"
agents = 3
skills = { cards = 5, loans = 5 }
[[agent_group]]
name = "novices"
agents = 2
skills = { cards = 2 }
speed = 0.8
"#;

#[test]
fn every_policy_keeps_littles_law_and_loses_no_call() {
    let scenario = scenario(MIXED);
    for name in policy_names() {
        let outcomes = simulate(&scenario, &[name], 5).expect("it is known");
        let outcome = &outcomes[0];
        assert!(outcome.keeps_littles_law(), "{name}: {outcome:?}");
        assert!(outcome.little_error < 1e-9, "{name}: {outcome:?}");
        let sum: u64 = outcome.by_class.values().map(|class| class.calls).sum();
        assert_eq!(outcome.all.calls, sum, "{name}");
        assert!(outcome.all.calls > 3000, "{name}: {}", outcome.all.calls);
        assert!(
            outcome.all.answered + outcome.all.abandoned == outcome.all.calls,
            "{name}"
        );
    }
}

/// Takes the first call to come and loses the others.
struct Forgetful(Option<Order>);

impl Dispatch for Forgetful {
    fn arrives(&mut self, _now: i64, call: usize, _class: usize) {
        self.0 = (call == 0).then_some(Order::Connect { call, agent: 0 });
    }

    fn leaves(&mut self, _now: i64, _call: usize) {}

    fn ends(&mut self, _now: i64, _call: usize, _agent: usize) {}

    fn tick(&mut self, _now: i64) {}

    fn deadline(&self) -> Option<i64> {
        None
    }

    fn next(&mut self, _now: i64) -> Option<Order> {
        self.0.take()
    }
}

#[test]
fn a_run_that_loses_calls_breaks_littles_law() {
    let scenario = one_class(60.0, 120.0, 0.0, 2, 6);
    let mut world = World::new(&scenario, 1);
    world.run(&mut Forgetful(None), &mut |_| {});
    assert!(!world.outcome("forgetful").keeps_littles_law());
}

#[test]
fn greed_takes_the_cheapest_agent_for_one_call_after_the_other() {
    let mut scenario = scenario(include_str!("../../scenarios/branch.toml"));
    scenario.hours = 40.0;
    let outcomes = simulate(&scenario, &["trunkside-greedy", "trunkside"], 5);
    let outcomes = outcomes.expect("they are known");
    let (greedy, together) = (&outcomes[0].all, &outcomes[1].all);
    assert_eq!(greedy.calls, together.calls);
    assert_ne!(greedy.wait_mean_s, together.wait_mean_s);
}

#[test]
fn policies_see_the_same_callers_and_seeds_others() {
    let scenario = scenario(MIXED);
    let first = simulate(&scenario, &["fcfs", "cmu"], 1).expect("they are known");
    assert_eq!(first[0].all.calls, first[1].all.calls);
    assert_eq!(
        first,
        simulate(&scenario, &["fcfs", "cmu"], 1).expect("they are known")
    );
    let other = simulate(&scenario, &["fcfs"], 2).expect("it is known");
    assert_ne!(first[0], other[0]);
}

#[test]
fn the_valued_class_waits_less_under_priority() {
    let scenario = scenario(MIXED);
    let outcomes = simulate(&scenario, &["fcfs", "priority"], 1).expect("they are known");
    let wait = |outcome: &Outcome| outcome.by_class["cards"].wait_mean_s;
    assert!(wait(&outcomes[1]) < wait(&outcomes[0]));
}

#[test]
fn an_outcome_has_the_promised_fields() {
    let scenario = one_class(60.0, 120.0, 60.0, 2, 6);
    let outcome = &simulate(&scenario, &["fcfs"], 1).expect("it is known")[0];
    let json = serde_json::to_value(outcome).expect("it serialises");
    for field in [
        "policy",
        "seed",
        "calls",
        "answered",
        "abandoned",
        "wait_mean_s",
        "wait_p50_s",
        "wait_p90_s",
        "service_level_20s",
        "occupancy_mean",
        "occupancy_spread",
        "first_call_resolution",
        "transfers",
        "little_error",
        "by_class",
    ] {
        assert!(json.get(field).is_some(), "{field}");
    }
}

/// What is said of a scenario with this class, line by line.
fn said_of_class(keys: &str) -> Vec<String> {
    let text =
        format!("[[class]]\nname = \"a\"\n{keys}\n[[agent_group]]\nname = \"g\"\nagents = 1\n");
    let (_, problems) = Scenario::parse("s.toml", &text);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn one_mistake_of_a_scenario_is_reported_once() {
    for (keys, expected) in [
        ("arrivals_per_hour = -3\nservice_mean_s = 60", "s.toml:3: "),
        (
            "arrivals_per_hour = 3\nservice_mean_s = \"x\"",
            "s.toml:4: ",
        ),
        ("arrivals_per_hour = 3", "s.toml:1: "),
    ] {
        let said = said_of_class(keys);
        assert_eq!(said.len(), 1, "{keys}: {said:#?}");
        assert!(said[0].starts_with(expected), "{keys}: {said:#?}");
    }
}

/// The product's policy is made from the scenario: what it cannot be made from is told like any other
/// mistake.
#[test]
fn what_the_policy_cannot_take_is_a_mistake_with_its_line_and_remedy() {
    let class = "[[class]]\nname = \"a\"\narrivals_per_hour = 9\nservice_mean_s = 60\n";
    let needing = class.to_owned() + "needs = [\"x\", \"x\"]\n";
    let group = "[[agent_group]]\nname = \"g\"\nagents = 1\nskills = { x = 3 }\n";
    for (text, expected) in [
        (
            format!("{class}{class}{group}"),
            "s.toml:6: `class[2].name` repeats `a`; every class needs a name of its own",
        ),
        (
            format!("{class}{group}{group}"),
            "s.toml:10: `agent_group[2].name` repeats `g`; every group needs a name of its own",
        ),
        (
            format!("{needing}{group}"),
            "s.toml:5: `class[1].needs` repeats `x`; name each skill once",
        ),
        (
            format!("{class}{group}[queue]\nmax_wait_s = 300.5\n"),
            "s.toml:10: `queue.max_wait_s` must be a whole number",
        ),
        (
            format!("{class}{group}[queue]\nannounce_s = 2\n"),
            "s.toml:10: `queue.announce_s` must be a whole number of seconds from 5",
        ),
        (
            format!("{class}{group}[queue]\nreserve_share = 0.9\n"),
            "s.toml:10: `queue.reserve_share` must be a number from 0 to 0.5",
        ),
        (
            format!("{class}{group}[weights]\nbusy_s = 100000\n"),
            "s.toml:10: `weights.busy_s` must be a whole number",
        ),
        (
            format!("{class}{group}[queue]\nmax_wiat_s = 300\n"),
            "s.toml:10: `queue.max_wiat_s` is unknown and changes nothing; known here: `announce_s`",
        ),
        (
            format!("{class}{group}[weights]\n\"odd name\" = 3\n"),
            "s.toml:10: `weights.odd name` is unknown",
        ),
    ] {
        let (scenario, problems) = Scenario::parse("s.toml", &text);
        assert!(scenario.is_none(), "{text}");
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 1, "{text}: {said:#?}");
        assert!(said[0].starts_with(expected), "{text}: {said:#?}");
    }
}

#[test]
fn names_may_hold_whatever_toml_can_write() {
    let name = r#"\u200b \u007f \u0007 \n \\ \" 柜台"#;
    let text = format!(
        "[[class]]\nname = \"{name}\"\narrivals_per_hour = 9\nservice_mean_s = 60\nneeds = [\"{name}\"]\n\
         [[agent_group]]\nname = \"{name}\"\nagents = 2\nskills = {{ \"{name}\" = 3 }}\n"
    );
    let (scenario, problems) = Scenario::parse("s.toml", &text);
    assert_eq!(problems, []);
    let scenario = scenario.expect("it has no problems");
    let policy = scenario.policy();
    assert_eq!(policy.rules[0].name, scenario.classes[0].name);
    assert_eq!(policy.skills, scenario.classes[0].needs);
}

#[test]
fn a_line_that_is_not_toml_is_reported_once() {
    let said = said_of_class("arrivals_per_hour = 3\nservice_mean_s = 60\nneeds = [\nvalue = 3");
    let mut lines: Vec<&str> = said
        .iter()
        .filter_map(|line| line.split_once(": is not valid TOML"))
        .map(|(place, _)| place)
        .collect();
    let reported = lines.len();
    lines.dedup();
    assert!(reported > 0 && lines.len() == reported, "{said:#?}");
}

#[test]
fn mistakes_of_a_scenario_are_all_reported() {
    let text = r#"
run = { hours = 2, warmup_hours = 3 }
[[class]]
name = "a"
arrivals_per_hour = [1, 2]
service_mean_s = -1
needs = ["magic"]
colour = "red"
"#;
    let (scenario, problems) = Scenario::parse("s.toml", text);
    assert!(scenario.is_none());
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for expected in [
        "run.warmup_hours",
        "arrivals_per_hour",
        "service_mean_s",
        "needs",
        "colour",
        "agent_group",
    ] {
        assert!(
            said.iter().any(|line| line.contains(expected)),
            "{expected}: {said:#?}"
        );
    }
    let unknown =
        simulate(&one_class(1.0, 1.0, 1.0, 1, 6), &["magic"], 1).expect_err("it is not known");
    assert!(
        unknown
            .to_string()
            .starts_with("unknown policy `magic`; use one of `fcfs`")
    );
}

#[test]
fn a_policy_of_its_own_is_played_with_its_agents() {
    let classes = "[[class]]\nname = \"refund\"\nneeds = [\"banking\"]\narrivals_per_hour = 20\n\
                   service_mean_s = 120\npatience_mean_s = 200\n\
                   [[class]]\nname = \"opening_hours\"\narrivals_per_hour = 20\nservice_mean_s = 60\n";
    let text = format!("run = {{ hours = 50 }}\npolicy = \"mine.toml\"\n{classes}");
    let own = |text: &str| {
        let shipped = include_str!("../../policies/branch.toml");
        let machine = "[[rule]]\nname = \"machine\"\nwhen = { intent = \"opening_hours\" }\n\
                       then = { self_service = \"opening_hours\" }\n";
        let parsed = Policy::parse("mine.toml", &format!("{shipped}{machine}{text}"));
        parsed.policy.expect("it is usable")
    };
    let mut desk = scenario(&text);
    assert_eq!(desk.policy_file.as_deref(), Some("mine.toml"));
    desk.take_policy(own("")).expect("it serves all");
    assert_eq!(desk.policy().agents[0].id.as_str(), "li_na");
    let agents: Vec<&str> = desk
        .groups
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    assert_eq!(agents, ["li_na", "zhang_wei"]);
    let play = |desk: &Scenario| simulate(desk, &["fcfs", "trunkside"], 3).expect("they are known");
    let outcomes = play(&desk);
    assert_eq!(outcomes[0].all.calls, outcomes[1].all.calls);
    assert!(outcomes.iter().all(Outcome::keeps_littles_law));
    // What is in the file decides: with these agents of one priority the second has more to do.
    let share = |outcome: &Outcome| outcome.occupancy_spread;
    let mut alike = scenario(&text);
    let mut policy = own("");
    policy.agents[1].priority = 1;
    alike.take_policy(policy).expect("it serves all");
    let even = play(&alike);
    assert_eq!(even[0], outcomes[0], "the others do not know it");
    assert!(
        share(&even[1]) < share(&outcomes[1]),
        "{even:?} {outcomes:?}"
    );

    let skilled = text.replace("banking", "surfing");
    let fault = scenario(&skilled)
        .take_policy(own(""))
        .expect_err("nobody surfs");
    assert!(
        fault.contains("the class `refund` needs surfing of one agent"),
        "{fault}"
    );
    let both =
        format!("{text}[[agent_group]]\nname = \"g\"\nagents = 1\n[queue]\nmax_wait_s = 9\n");
    let (_, problems) = Scenario::parse("s.toml", &both);
    let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].contains("`agent_group` stands in the policy `mine.toml`"),
        "{found:#?}"
    );
}
