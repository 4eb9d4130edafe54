//! What another policy moves of a logged day, and that the same policy moves nothing.

use uuid::Uuid;

use super::*;
use crate::{CallProfile, Router};

const ONE: &str = "[[agent]]\nid = \"ann\"\nskills = { general = 3 }\n[[agent]]\nid = \"bob\"\n\
    skills = { general = 3, loans = 5 }\n";
const LOANS: &str = "[[rule]]\nname = \"loans\"\nwhen = { intent = \"loan\" }\n\
    then = { skills_required = { loans = 3 } }\n";

fn policy(text: &str) -> Arc<Policy> {
    Arc::new(Policy::parse("p.toml", text).policy.expect("it is whole"))
}

fn call(number: u128) -> CallId {
    CallId::new(Uuid::from_u128(number))
}

/// A day at the desk, logged as the daemon logs it: each call rings 3 s and lasts a minute.
fn logged(text: &str, arrivals_s: &[u64]) -> String {
    let policy = policy(text);
    let mut router = Router::new(Arc::clone(&policy));
    let mut log = Entry::start(&policy).to_line();
    let mut todo: BTreeMap<(u64, u64), Input> = BTreeMap::new();
    for (number, agent) in ["ann", "bob"].into_iter().enumerate() {
        let agent = AgentId::new(agent);
        todo.insert((0, number as u64), Input::AgentAvailable { agent });
    }
    for (number, at) in arrivals_s.iter().enumerate() {
        let profile = CallProfile {
            intent: Some("loan".to_owned()),
            intent_permille: 900,
            ..CallProfile::unknown()
        };
        let call = call(number as u128);
        todo.insert((at * 1_000_000, 10), Input::CallReady { call, profile });
    }
    let mut serial = 100;
    while let Some(((at, _), input)) = todo.pop_first() {
        let now = Duration::from_micros(at);
        log.push_str(&Entry::input(now, input.clone()).to_line());
        router.handle(now, input);
        while let Some(decision) = router.poll() {
            serial += 2;
            if let Action::Offer { agent } = &decision.action {
                let (call, agent) = (decision.call, agent.clone());
                todo.insert((at + 3_000_000, serial), Input::Bridged { call, agent });
                todo.insert((at + 63_000_000, serial + 1), Input::CallEnded { call });
            }
            log.push_str(&Entry::decision(decision).to_line());
        }
    }
    log
}

#[test]
fn the_same_policy_moves_nothing_and_agrees_with_the_log() {
    let log = logged(ONE, &[10, 20, 30, 40, 300]);
    let found = dry_run(&log, &policy(ONE)).expect("the log is whole");
    assert_eq!(found.calls, 5);
    assert_eq!(found.unlike_log, 0);
    assert_eq!(found.moved, []);
    assert_eq!(found.logged, found.before);
    assert_eq!(found.before, found.after);
    assert_eq!(found.after.answered, 5);
}

#[test]
fn a_stricter_policy_sends_calls_elsewhere_and_makes_them_wait() {
    let log = logged(ONE, &[10, 20, 30]);
    let stricter = format!("{ONE}{LOANS}");
    let found = dry_run(&log, &policy(&stricter)).expect("the log is whole");
    assert!(!found.moved.is_empty());
    for moved in &found.moved {
        assert_eq!(moved.before, Some(AgentId::new("ann")));
        assert_eq!(moved.after, Some(AgentId::new("bob")));
    }
    assert!(found.after.wait_mean_s > found.before.wait_mean_s);
}

#[test]
fn torn_lines_are_passed_over_and_counted() {
    let log = logged(ONE, &[10]);
    for torn in [
        format!("{log}{{\"entry\":\"inp"),
        format!("nonsense\n{log}"),
    ] {
        let found = dry_run(&torn, &policy(ONE)).expect("the rest is read");
        assert_eq!((found.calls, found.lost_lines), (1, 1));
    }
}
