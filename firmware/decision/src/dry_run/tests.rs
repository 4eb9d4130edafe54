//! What another policy moves of a logged day, and that the same policy moves nothing.

use trunkside_call::Action;
use uuid::Uuid;

use super::*;
use crate::log::{Entry, Models};
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
    logged_without(text, arrivals_s, "")
}

/// The same while somebody is at lunch: nobody answers their phone for 20 s.
fn logged_without(text: &str, arrivals_s: &[u64], absent: &str) -> String {
    let policy = policy(text);
    let mut router = Router::new(Arc::clone(&policy));
    let mut log = Entry::start(&policy, Models::default()).to_line();
    let mut todo: BTreeMap<(u64, u64), Input> = BTreeMap::new();
    for (number, agent) in ["ann", "bob"].into_iter().enumerate() {
        let agent = AgentId::new(agent);
        todo.insert((0, number as u64), Input::AgentAvailable { agent });
    }
    let local = jiff::civil::date(2026, 10, 1).at(23, 0, 0, 0);
    todo.insert((0, 5), Input::LocalTime { local });
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
            let call = decision.call;
            let rung = match &decision.action {
                Action::Offer { agent } => Some(agent.clone()),
                Action::Overflow { to, .. } => Some(AgentId::new(to.as_str())),
                _ => None,
            };
            if let Some(agent) = rung.clone().filter(|agent| agent.as_str() == absent) {
                let cause = OfferFailure::NoAnswer;
                let failed = Input::OfferFailed { call, agent, cause };
                todo.insert((at + 20_000_000, serial), failed);
            } else if let Some(agent) = rung {
                todo.insert((at + 3_000_000, serial), Input::Bridged { call, agent });
                todo.insert((at + 63_000_000, serial + 1), Input::CallEnded { call });
            } else if let Some(due) = router.deadline() {
                let due = u64::try_from(due.as_micros()).expect("it is soon");
                todo.insert((due, serial), Input::Tick);
            }
            log.push_str(&Entry::decision(decision).to_line());
        }
    }
    log
}

#[test]
fn the_same_policy_moves_nothing_and_agrees_with_the_log() {
    let log = logged(ONE, &[10, 20, 30, 40, 300]);
    let found = dry_run(&log, &policy(ONE), None).expect("the log is whole");
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
    let found = dry_run(&log, &policy(&stricter), None).expect("the log is whole");
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
        let found = dry_run(&torn, &policy(ONE), None).expect("the rest is read");
        assert_eq!((found.calls, found.lost_lines), (1, 1));
    }
}

/// Ann alone answers `calls`, one after the other; phones ring 3 s.
fn ann_alone(calls: std::ops::Range<u128>) -> String {
    let policy = policy(ANN);
    let mut log = Entry::start(&policy, Models::default()).to_line();
    let mut note =
        |at, input| log.push_str(&Entry::input(Duration::from_secs(at), input).to_line());
    let ann = || AgentId::new("ann");
    note(0, Input::AgentAvailable { agent: ann() });
    for (number, begins) in calls.zip((100..).step_by(100)) {
        let call = call(number);
        let profile = CallProfile::unknown();
        note(begins, Input::CallReady { call, profile });
        note(begins + 3, Input::Bridged { call, agent: ann() });
        note(begins + 63, Input::CallEnded { call });
    }
    log
}

const ANN: &str = "[[agent]]\nid = \"ann\"\n";

#[test]
fn agents_whom_only_the_new_policy_has_take_calls_too() {
    let log = ann_alone(0..10);
    let renamed =
        dry_run(&log, &policy("[[agent]]\nid = \"li\"\n"), None).expect("the log is whole");
    assert_eq!((renamed.after.answered, renamed.moved.len()), (10, 10));
    assert_eq!(renamed.before, renamed.after);
    let bob_first = "[[agent]]\nid = \"bob\"\n[[agent]]\nid = \"ann\"\npriority = 2\n";
    let added = dry_run(&log, &policy(bob_first), None).expect("the log is whole");
    assert_eq!((added.after.answered, added.moved.len()), (10, 10));
    for moved in added.moved {
        assert_eq!(moved.after, Some(AgentId::new("bob")));
    }
}

#[test]
fn agents_of_a_logged_policy_come_when_the_log_says_so() {
    let bob = "[[agent]]\nid = \"bob\"\n";
    let mut log = ann_alone(0..10);
    log.push_str(
        &Entry::replace(
            Duration::from_secs(2000),
            &policy(&format!("{ANN}{bob}")),
            Vec::new(),
        )
        .to_line(),
    );
    let found = dry_run(&log, &policy(bob), None).expect("the log is whole");
    assert_eq!(found.after.answered, 0, "he was not there yet");
}

#[test]
fn a_restart_ends_the_calls_in_flight() {
    let mut log = ann_alone(0..3);
    // One call is talking and one waits when the power fails.
    let (talking, waiting) = (call(50), call(51));
    let ready = |call| Input::CallReady {
        call,
        profile: CallProfile::unknown(),
    };
    let bridged = Input::Bridged {
        call: talking,
        agent: AgentId::new("ann"),
    };
    for (at, input) in [(500, ready(talking)), (503, bridged), (510, ready(waiting))] {
        log.push_str(&Entry::input(Duration::from_secs(at), input).to_line());
    }
    log.push_str(&ann_alone(100..103));
    let found = dry_run(&log, &policy(ANN), None).expect("the log is whole");
    assert_eq!((found.calls, found.unlike_log), (8, 0));
    assert_eq!((found.logged.answered, found.before.answered), (7, 7));
    // The one that waited did so until the power failed, and no longer.
    assert!(found.logged.wait_mean_s < 4.0, "{found:?}");
    assert!(found.before.wait_mean_s < 6.0, "{found:?}");
}

const MESSAGES: &str = "[[destination]]\nname = \"messages\"\nkind = \"voicemail\"\n\
    contact = \"sip:messages@192.0.2.8\"\n[queue]\nmax_wait_s = 1\nlast_resort = \"messages\"\n";

#[test]
fn what_a_machine_takes_is_not_answered() {
    let arrivals = [10, 20, 30, 40, 300];
    let to_messages = policy(&format!("{ONE}{MESSAGES}"));
    let log = logged(ONE, &arrivals);
    let found = dry_run(&log, &to_messages, None).expect("the log is whole");
    assert_eq!((found.before.answered, found.before.overflowed), (5, 0));
    assert_eq!((found.after.answered, found.after.overflowed), (3, 2));
    assert_eq!(found.moved.len(), 2);
    assert_eq!(found.moved[0].after, Some(AgentId::new("messages")));
    // So it is in a log of such a day.
    let log = logged(&to_messages.text, &arrivals);
    let found = dry_run(&log, &policy(ONE), None).expect("the log is whole");
    assert_eq!((found.logged.answered, found.logged.overflowed), (3, 2));
    assert_eq!((found.unlike_log, found.after.answered), (0, 5));
}

#[test]
fn who_did_not_answer_the_phone_does_not_answer_when_played() {
    let arrivals: Vec<u64> = (0..10).map(|call| 10 + 200 * call).collect();
    let log = logged_without(ONE, &arrivals, "ann");
    let ann_first = ONE.replace("id = \"bob\"", "id = \"bob\"\npriority = 2");
    let found = dry_run(&log, &policy(&ann_first), None).expect("the log is whole");
    assert_eq!((found.logged.answered, found.unlike_log), (10, 0));
    assert_eq!((found.after.answered, found.moved.len()), (10, 0));
    // Callers wait until ann's phone has rung in vain, as long as she is asked: ever less often.
    assert!(found.after.wait_mean_s > 12.0, "{found:?}");
    assert!(
        found.after.wait_mean_s >= found.before.wait_mean_s,
        "{found:?}"
    );
}

#[test]
fn one_day_of_a_log_is_counted_alone() {
    let log = logged(ONE, &[10, 20, 4000]);
    let day = |day| jiff::civil::date(2026, 10, day);
    let on = |day| dry_run(&log, &policy(ONE), Some(day)).expect("the log is whole");
    let both = dry_run(&log, &policy(ONE), None).expect("the log is whole");
    assert_eq!((both.calls, both.days), (3, Some((day(1), day(2)))));
    assert_eq!((on(day(1)).calls, on(day(1)).after.answered), (2, 2));
    assert_eq!((on(day(2)).calls, on(day(2)).logged.answered), (1, 1));
    assert_eq!((on(day(3)).calls, on(day(3)).days), (0, both.days));
}
